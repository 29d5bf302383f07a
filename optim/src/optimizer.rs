//! One step for a whole model.

use crate::memory::StateError;
use autograd::{Grads, Module, Param, ParamPath, Tensor};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An update rule: how a parameter changes by its gradient.
///
/// [`step`](Optimizer::step) updates all trained parameters of a model by calling [`update`](Optimizer::update) for each,
/// which is the function to write for a rule of one's own:
///
/// ```
/// use autograd::{Graph, Module, Param, Tensor};
/// use optim::{Optimizer, StateError};
///
/// /// Moves every weight by the learning rate against the sign of its gradient.
/// struct SignDescent;
///
/// impl Optimizer for SignDescent {
///     fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64) {
///         *param.value_mut() -= &(grad.sign() * lr);
///     }
///     fn state(&self, _: &dyn Module) -> Vec<(String, Tensor)> {
///         vec![]
///     }
///     fn load_state(&mut self, _: &dyn Module, _: Vec<(String, Tensor)>) -> Result<(), StateError> {
///         Ok(())
///     }
/// }
///
/// let mut weight = Param::new(Tensor::from([1.0_f64, 2.0]));
/// let graph = Graph::training(0, 0);
/// let grads = (graph.param(&weight) * graph.constant([-3.0, 0.1])).sum(..).backward();
/// SignDescent.step(&mut weight, &grads, 0.5);
/// assert_eq!(weight.value().to_vec::<f64>(), [1.5, 1.5]);
/// ```
///
/// # What it remembers belongs to the parameter
///
/// An optimizer knows parameters by their [identity](Param#identity), not by their names: one optimizer can train several
/// models, and what it remembers of each parameter (momentum, averages, a count of updates) stays apart.
///
/// - A **clone** of a model has parameters of its own, and training begins afresh with them. To take over what was
///   remembered: `adam.load_state(&copy, adam.state(&model))`.
/// - A model that **values were loaded into** (`nn::load`, [`Param::set`]) has the parameters that it had, and what was
///   remembered of them goes on, though it is that of the values before. To go on from a file to the bit, load the state
///   that was saved beside the model; to begin afresh, take a new optimizer.
pub trait Optimizer: Send + Sync {
    /// One step: changes every trained parameter of the model by its gradient, and gives the states of the model (the
    /// running averages of batch normalisation) their next values. Frozen parameters stay. `lr` is the learning rate,
    /// from a [`Schedule`](crate::Schedule) or plainly a number.
    ///
    /// A parameter changes in place when nobody else holds its value. The graph that `grads` was computed in does hold
    /// it: drop the graph first to spare a copy of the model.
    ///
    /// Gradients are taken as they are: a NaN or an infinity ends up in the parameters. [`clip_norm`](crate::clip_norm)
    /// tells before the step whether there are any.
    ///
    /// The equivalent of PyTorch's `optimizer.step()` and TensorFlow's `optimizer.apply_gradients`.
    ///
    /// # Panics
    /// If gradients and model do not belong together: a trained parameter has no gradient, or has changed since it was
    /// computed (one graph serves one step), there is a gradient of a parameter that the model does not list, or shapes or
    /// types differ from those of the gradient or of the optimizer's state; if the graph was one of a prediction
    /// ([`Graph::inference`](autograd::Graph::inference)); if two parameters have the same name; or if the learning rate is
    /// negative or not finite.
    #[track_caller]
    fn step(&mut self, model: &mut dyn Module, grads: &Grads, lr: f64) {
        if !lr.is_finite() || lr < 0.0 {
            panic!("step: the learning rate is {lr}; it must be a finite number, 0 or above");
        }
        if let Err(error) = check(model, grads, &|name, param| self.check(name, param)) {
            panic!("step: {error}");
        }
        let applied = grads.apply(model, &mut |_, param, grad| self.update(param, &grad.contiguous(), lr));
        if let Err(error) = applied {
            panic!("step: {error}");
        }
    }

    /// The rule for one parameter: changes its value by its gradient.
    ///
    /// [`step`](Optimizer::step) calls it once for each trained parameter, with `grad` of the same shape and type as the
    /// value, its elements in row-major order without gaps. A rule that remembers something does so by
    /// [`param.id()`](Param::id).
    fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64);

    /// Whether the rule can be applied to the parameter `name` as it is now, asked before anything is changed.
    ///
    /// # Errors
    /// A sentence for the user if not: what is remembered of it has another shape, say.
    fn check(&self, _name: &str, _param: &Param) -> Result<(), String> {
        Ok(())
    }

    /// What the optimizer remembers of this model, as named tensors: `conv1.weight/m`, `conv1.weight/v`, … for each
    /// parameter that it has updated.
    ///
    /// Written to a file beside the model and given to [`load_state`](Optimizer::load_state) later, training goes on to
    /// the bit as if it had not been interrupted. Settings (momentum, betas) are not in it. The equivalent of PyTorch's
    /// `optimizer.state_dict()`.
    fn state(&self, model: &dyn Module) -> Vec<(String, Tensor)>;

    /// Takes over what [`state`](Optimizer::state) gave, for a model that is to be trained further. Parameters without
    /// an entry begin afresh.
    ///
    /// # Errors
    /// If the state does not belong to the model or to this kind of optimizer; the error names the first entry that
    /// differs, and the optimizer stays as it was.
    fn load_state(&mut self, model: &dyn Module, state: Vec<(String, Tensor)>) -> Result<(), StateError>;
}

/// Runs `f` on the path as text, in a string that is used again: a step allocates nothing.
fn with_name<R>(path: &ParamPath<'_>, f: impl FnOnce(&str) -> R) -> R {
    thread_local! {
        static NAME: RefCell<String> = const { RefCell::new(String::new()) };
    }
    let mut name = NAME.take();
    name.clear();
    let _ = write!(name, "{path}");
    let result = f(&name);
    NAME.set(name);
    result
}

/// Refuses gradients of another shape or type than the parameter's, two parameters of one name, which could not be told
/// apart in a file, and what the rule refuses.
fn check(
    model: &dyn Module,
    grads: &Grads,
    rule: &dyn Fn(&str, &Param) -> Result<(), String>,
) -> Result<(), String> {
    thread_local! {
        static HASHES: RefCell<HashSet<u64>> = RefCell::default();
    }
    let mut hashes = HASHES.take();
    hashes.clear();
    let mut wrong = Ok(());
    let mut clash = false;
    model.visit(&ParamPath::ROOT, &mut |path, param| {
        let hash = with_name(path, |name| {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            hasher.finish()
        });
        clash |= !hashes.insert(hash);
        let (value, Some(grad), Ok(())) = (param.value(), grads.get(param), &wrong) else { return };
        if (grad.shape(), grad.dtype()) != (value.shape(), value.dtype()) {
            wrong = Err(format!(
                "the parameter {path} is {} {} but its gradient is {} {}; \
                 was its value replaced after the gradient was computed?",
                value.dtype(),
                value.shape(),
                grad.dtype(),
                grad.shape()
            ));
        } else {
            wrong = with_name(path, |name| rule(name, param));
        }
    });
    HASHES.set(hashes);
    // Two names may have one hash by chance; the names themselves decide.
    let mut names = HashSet::new();
    let params = if clash { model.params() } else { vec![] };
    let twice = params.into_iter().find(|(name, _)| !names.insert(name.clone()));
    match twice {
        Some((name, _)) => Err(format!(
            "two parameters of the model are called {name}; give each a name of its own in visit"
        )),
        None => wrong,
    }
}

/// The weight decay in an optimizer's line of settings, if there is one.
pub(crate) fn write_decay(f: &mut std::fmt::Formatter<'_>, weight_decay: f64) -> std::fmt::Result {
    if weight_decay == 0.0 { Ok(()) } else { write!(f, ", weight decay {weight_decay}") }
}
