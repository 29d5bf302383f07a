//! One step for a whole model.

use crate::state::{OptimizerState, StateError};
use autograd::{Grads, Module, Param, ParamPath, Tensor};

/// An update rule: how a parameter changes by its gradient.
///
/// [`step`](Optimizer::step) updates all trained parameters of a model by calling [`update`](Optimizer::update) for each. A rule of
/// one's own is a formula given to [`Rule`](crate::Rule), or a type with settings that writes `update`, and, if it keeps something
/// of each parameter, names the field where ([`kept`](Optimizer::kept)):
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::Optimizer;
///
/// /// Moves every weight by the learning rate against the sign of its gradient.
/// struct SignDescent;
///
/// impl Optimizer for SignDescent {
///     fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64) {
///         *param.value_mut() -= &(grad.sign() * lr);
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
    /// ([`Graph::inference`](autograd::Graph::inference)); if the optimizer refuses
    /// the model ([`begin`](Optimizer::begin)); or if the learning rate is negative or not finite.
    #[track_caller]
    fn step(&mut self, model: &mut dyn Module, grads: &Grads, lr: f64) {
        check_rate(lr);
        if let Err(error) = self.begin(model).and_then(|()| check_grads(self, model, grads)) {
            panic!("step: {error}");
        }
        let applied = grads.apply(model, &mut |_, param, grad| self.update(param, &grad.contiguous(), lr));
        if let Err(error) = applied {
            panic!("step: {error}");
        }
    }

    /// The rule in a few words, with its settings, for people. Unless written it is the name of the type.
    fn describe(&self) -> String {
        crate::short_type_name::<Self>()
    }

    /// A step that may ask for the loss again: `loss` gives the loss of the model as it is, and its gradients. Returns the loss
    /// before the step. Most rules ask once, and this is [`step`](Optimizer::step); [`Lbfgs`](crate::Lbfgs) searches along a line
    /// (PyTorch's `optimizer.step(closure)`).
    ///
    /// # Panics
    /// As [`step`](Optimizer::step).
    #[track_caller]
    fn step_with(
        &mut self,
        model: &mut dyn Module,
        lr: f64,
        loss: &mut dyn FnMut(&dyn Module) -> (f64, Grads),
    ) -> f64 {
        let (value, grads) = loss(model);
        self.step(model, &grads, lr);
        value
    }

    /// The rule for one parameter: changes its value by its gradient.
    ///
    /// [`step`](Optimizer::step) calls it once for each trained parameter, with `grad` of the same shape and type as the
    /// value, its elements in row-major order without gaps.
    fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64);

    /// Where the rule keeps tensors of each parameter; nowhere unless given. What is kept is saved, loaded and checked by that.
    fn kept(&self) -> Option<&OptimizerState> {
        None
    }

    /// The same, for writing.
    fn kept_mut(&mut self) -> Option<&mut OptimizerState> {
        None
    }

    /// The names of what it keeps of every parameter that it has updated.
    fn slots(&self) -> Vec<&'static str> {
        self.kept().into_iter().flat_map(OptimizerState::slots).collect()
    }

    /// Looks at the model at the beginning of a step, before anything is changed.
    ///
    /// # Errors
    /// A sentence for the user if the optimizer is not for this model.
    fn begin(&mut self, _model: &dyn Module) -> Result<(), String> {
        Ok(())
    }

    /// Whether the rule can be applied to this parameter as it is now, asked before anything is changed.
    ///
    /// # Errors
    /// A sentence for the user if not: what is kept of it has another shape, say.
    fn check(&self, path: &ParamPath<'_>, param: &Param) -> Result<(), String> {
        self.kept().map_or(Ok(()), |kept| kept.check(path, param))
    }

    /// What the optimizer keeps of this model, as named tensors: `conv1.weight/m`, `conv1.weight/v`, … for each parameter that it
    /// has updated.
    ///
    /// Written to a file beside the model and given to [`load_state`](Optimizer::load_state) later, training goes on to
    /// the bit as if it had not been interrupted. Settings (momentum, betas) are not in it. The equivalent of PyTorch's
    /// `optimizer.state_dict()`.
    ///
    /// # Panics
    /// If two parameters of the model have the same name.
    #[track_caller]
    fn state(&self, model: &dyn Module) -> Vec<(String, Tensor)> {
        self.kept().map_or(vec![], |kept| kept.to_entries(model))
    }

    /// Takes over what [`state`](Optimizer::state) gave, for a model that is to be trained further. Parameters without
    /// an entry begin afresh.
    ///
    /// # Errors
    /// If the state does not belong to the model or to this kind of optimizer; the error names the first entry that
    /// differs, and the optimizer stays as it was.
    ///
    /// # Panics
    /// If two parameters of the model have the same name.
    #[track_caller]
    fn load_state(&mut self, model: &dyn Module, state: Vec<(String, Tensor)>) -> Result<(), StateError> {
        match self.kept_mut() {
            Some(kept) => kept.load(model, state),
            None => OptimizerState::default().load(model, state),
        }
    }
}

/// Refuses a learning rate that is none.
#[track_caller]
pub(crate) fn check_rate(lr: f64) {
    if !lr.is_finite() || lr < 0.0 {
        panic!("step: the learning rate is {lr}; it must be a finite number, 0 or above");
    }
}

/// Refuses gradients of another shape or type than the parameter's, and what the rule refuses.
fn check_grads<O: Optimizer + ?Sized>(
    optimizer: &O,
    model: &dyn Module,
    grads: &Grads,
) -> Result<(), String> {
    let mut wrong = Ok(());
    model.visit(&ParamPath::ROOT, &mut |path, param| {
        let (value, Some(grad), Ok(())) = (param.value(), grads.get(param), &wrong) else { return };
        wrong = match (grad.shape(), grad.dtype()) == (value.shape(), value.dtype()) {
            true => optimizer.check(path, param),
            false => Err(format!(
                "the parameter {path} is {} {} but its gradient is {} {}; \
                 was its value replaced after the gradient was computed?",
                value.dtype(),
                value.shape(),
                grad.dtype(),
                grad.shape()
            )),
        };
    });
    wrong
}

/// The weight decay in an optimizer's line of settings, if there is one.
pub(crate) fn write_decay(f: &mut std::fmt::Formatter<'_>, weight_decay: f64) -> std::fmt::Result {
    if weight_decay == 0.0 { Ok(()) } else { write!(f, ", weight decay {weight_decay}") }
}
