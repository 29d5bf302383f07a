//! A computation that is compiled once for each combination of input shapes.

use super::Program;
use crate::params::grads::{Grads, Origin};
use crate::params::module::{Module, ParamPath};
use crate::tape::graph::{Graph, Mode, Var};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use tensor::{Spec, Tensor};

/// A function of a model and `N` inputs with `O` results that is compiled when it is called with inputs of new shapes, and
/// replayed afterwards: the same code as with a graph of one's own, without its cost. The equivalent of `tf.function`, `jax.jit` and
/// `torch.compile`.
///
/// The function is called only to record, which computes once more than the program that follows: what it does besides, printing say,
/// happens once for each compilation. It is compiled anew for inputs of other shapes or types, for a model with other parameters,
/// after some were frozen, unfrozen or replaced by others of another shape, and after its program was evicted. Settings of layers (the
/// rate of a dropout) are compiled in, as they were when the function was recorded: change them, then [`clear`](CompiledFn::clear).
///
/// ```
/// use autograd::{CompiledFn, Param, Tensor};
///
/// let mut weight = Param::new(Tensor::from([0.0_f32]));
/// let mut fit = CompiledFn::training(42, |weight: &Param, [x, target]| {
///     let loss = (x * x.graph().param(weight) - target).square().mean(..);
///     loss.backward();
///     [loss]
/// });
/// for (step, n) in [3, 3, 2, 3, 2].into_iter().enumerate() {
///     let x = Tensor::from(&[1.0_f32, 2.0, 3.0][..n]);
///     let [loss] = fit.run(&weight, step as u64, &[x.clone(), x * 2.0]);
///     assert!(loss.item() < 20.0);
///     fit.grads().apply(&mut weight, &mut |_, w, grad| *w.value_mut() -= &(grad * 0.05)).unwrap();
/// }
/// assert_eq!(fit.programs().len(), 2); // for three numbers, and for two
/// ```
///
/// At most [`capacity`](CompiledFn::capacity) programs are kept; those that were not run for the longest time go. The first time that
/// happens a line on standard error names the axis whose size varies, since compiling again and again is slower than no program
/// at all.
pub struct CompiledFn<M: ?Sized, F, const N: usize, const O: usize> {
    f: F,
    mode: Mode,
    seed: u64,
    eager: bool,
    profiled: bool,
    debug_nans: bool,
    capacity: usize,
    programs: Vec<Entry>,
    /// Calls so far.
    calls: u64,
    has_warned: bool,
    /// What the last eager call computed.
    grads: Grads,
    /// The program of the last call.
    latest: Option<usize>,
    model: PhantomData<fn(&M)>,
}

struct Entry {
    program: Program,
    /// The [`signature`] of the model.
    signature: u64,
    /// The number of the call that ran it last.
    used: u64,
}

impl<M, F, const N: usize, const O: usize> CompiledFn<M, F, N, O>
where
    M: Module + ?Sized,
    F: for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O],
{
    /// Training steps: `f` is recorded in [`Graph::training`] with this seed. It calls [`backward`](Var::backward) itself.
    pub fn training(seed: u64, f: F) -> Self {
        CompiledFn::new(Mode::Training, seed, f)
    }

    /// Predictions: `f` is recorded in [`Graph::inference`].
    pub fn inference(f: F) -> Self {
        CompiledFn::new(Mode::Inference, 0, f)
    }

    fn new(mode: Mode, seed: u64, f: F) -> Self {
        const { assert!(N > 0, "a function without inputs has no graph to record in") };
        CompiledFn {
            f,
            mode,
            seed,
            eager: false,
            profiled: false,
            debug_nans: false,
            capacity: 8,
            programs: vec![],
            calls: 0,
            has_warned: false,
            grads: Grads { origin: Origin::NotRun, ..Grads::default() },
            latest: None,
            model: PhantomData,
        }
    }

    /// How many programs are kept; 8 unless given.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn capacity(self, programs: usize) -> Self {
        assert!(
            programs > 0,
            "capacity: a compiled function keeps at least one program; .eager(true) compiles none"
        );
        CompiledFn { capacity: programs, ..self }
    }

    /// Whether each call records a graph of its own instead, as in a model under development: the numbers are the same, to the
    /// bit (TensorFlow's `tf.config.run_functions_eagerly`).
    #[must_use]
    pub fn eager(self, eager: bool) -> Self {
        CompiledFn { eager, ..self }
    }

    /// Looks for NaNs in every value, see [`Graph::debug_nans`].
    #[must_use]
    pub fn debug_nans(mut self) -> Self {
        self.clear();
        CompiledFn { debug_nans: true, ..self }
    }

    /// The results for these inputs and the model as it is now. `step` is the number of the training step, which fixes what
    /// dropout drops.
    ///
    /// # Panics
    /// As `f` does, and as [`Graph::compile`] does; and if `f` uses a parameter that the model does not list.
    #[track_caller]
    pub fn run(&mut self, model: &M, step: u64, inputs: &[Tensor; N]) -> [Tensor; O] {
        self.calls += 1;
        if self.eager {
            self.latest = None;
            let graph = self.graph(step);
            let outputs = self.record(&graph, model, inputs).map(Var::value);
            self.grads = graph.recorded_grads("eager");
            return outputs;
        }
        let signature = signature(model);
        let fits = |entry: &Entry| entry.signature == signature && entry.program.accepts(inputs);
        let known = self.programs.iter().position(fits);
        self.latest = None;
        let at = known.unwrap_or_else(|| {
            self.make_room(inputs);
            let graph = self.graph(step);
            graph.name_params(model);
            let mut program = graph.compile(&self.record(&graph, model, inputs));
            if program.inputs.len() != N {
                panic!(
                    "compiled function: it makes {} inputs of its own, of which a program would not know the next value; pass them \
                     beside the others, or make them constants",
                    program.inputs.len().saturating_sub(N)
                );
            }
            program.set_profiled(self.profiled);
            self.programs.push(Entry { program, signature, used: 0 });
            self.programs.len() - 1
        });
        self.latest = Some(at);
        self.programs[at].used = self.calls;
        let results = match self.programs[at].program.run(model, step, inputs) {
            Ok(results) => results,
            Err(error) => panic!("compiled function: {error}"),
        };
        std::array::from_fn(|i| results[i].clone())
    }

    /// The first operation that makes a NaN or an infinity for these inputs, as [`Graph::first_nan`] says it; `None` if none does.
    /// Nothing is compiled, and the gradients of the last call stay.
    ///
    /// ```
    /// use autograd::{CompiledFn, Param, Tensor};
    /// let mut root = CompiledFn::training(0, |weight: &Param, [x]| {
    ///     let loss = (x * x.graph().param(weight)).sqrt().mean(..);
    ///     loss.backward();
    ///     [loss]
    /// });
    /// let (weight, x) = (Param::new(Tensor::from([-1.0_f32])), [Tensor::from([4.0_f32])]);
    /// assert!(root.run(&weight, 0, &x)[0].item().is_nan());
    /// assert!(root.find_nan(&weight, 0, &x).unwrap().contains("Sqrt"));
    /// ```
    #[track_caller]
    pub fn find_nan(&self, model: &M, step: u64, inputs: &[Tensor; N]) -> Option<String> {
        let graph = self.plain_graph(step).note_nans();
        self.record(&graph, model, inputs);
        graph.first_nan()
    }

    fn plain_graph(&self, step: u64) -> Graph {
        match self.mode {
            Mode::Training => Graph::training(self.seed, step),
            Mode::Inference => Graph::inference(),
        }
    }

    fn graph(&self, step: u64) -> Graph {
        let graph = self.plain_graph(step);
        if self.debug_nans { graph.debug_nans() } else { graph }
    }

    #[track_caller]
    fn record<'g>(&self, graph: &'g Graph, model: &M, inputs: &[Tensor; N]) -> [Var<'g>; O] {
        (self.f)(model, inputs.each_ref().map(|input| graph.input(input.clone())))
    }

    /// Evicts the least recently used program if there are as many as are kept.
    fn make_room(&mut self, inputs: &[Tensor; N]) {
        if self.programs.len() < self.capacity {
            return;
        }
        if !std::mem::replace(&mut self.has_warned, true) {
            eprintln!("warning: {}", self.complaint(inputs));
        }
        while self.programs.len() >= self.capacity {
            let used = self.programs.iter().enumerate().min_by_key(|(_, entry)| entry.used);
            let oldest = used.map_or(0, |(at, _)| at);
            self.programs.remove(oldest);
        }
    }

    /// What varies from call to call, for a person.
    fn complaint(&self, inputs: &[Tensor; N]) -> String {
        let specs: Vec<[Spec; N]> = self
            .programs
            .iter()
            .map(|entry| std::array::from_fn(|i| entry.program.inputs[i].spec))
            .chain([inputs.each_ref().map(Tensor::spec)])
            .collect();
        let what = (0..N).find_map(|i| {
            let of = |spec: &[Spec; N]| spec[i];
            let ranks = distinct(specs.iter().map(|spec| of(spec).shape.len()));
            if ranks.len() > 1 {
                return Some(format!("the number of axes of input {i} varies: {}", list(&ranks)));
            }
            let types = distinct(specs.iter().map(|spec| of(spec).dtype.to_string()));
            if types.len() > 1 {
                return Some(format!("the element type of input {i} varies: {}", list(&types)));
            }
            (0..ranks[0]).find_map(|axis| {
                let sizes = distinct(specs.iter().map(|spec| of(spec).shape[axis]));
                let remedy = "pad it to a few sizes, or leave out a last batch that is smaller";
                (sizes.len() > 1)
                    .then(|| format!("axis {axis} of input {i} varies: {}; {remedy}", list(&sizes)))
            })
        });
        let what = what.unwrap_or_else(|| "the model's parameters are others, or frozen and unfrozen".into());
        format!(
            "a compiled function was called in more than {} ways and compiles again and again: {what}; or keep more programs with \
             .capacity(…)",
            self.capacity
        )
    }
}

impl<M: ?Sized, F, const N: usize, const O: usize> CompiledFn<M, F, N, O> {
    /// Has the steps of programs that are compiled from now on timed, see [`Program::profile`], or not.
    pub fn set_profiled(&mut self, profiled: bool) {
        self.profiled = profiled;
    }

    /// The gradients and next values of buffers that the last call computed.
    pub fn grads(&self) -> &Grads {
        match self.latest {
            Some(at) => self.programs[at].program.grads(),
            None => &self.grads,
        }
    }

    /// As [`grads`](CompiledFn::grads), for clipping and the like.
    pub fn grads_mut(&mut self) -> &mut Grads {
        match self.latest {
            Some(at) => self.programs[at].program.grads_mut(),
            None => &mut self.grads,
        }
    }

    /// Takes another seed for what dropout drops, and forgets all programs.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
        self.clear();
    }

    /// Forgets all programs: after a setting of a layer was changed.
    pub fn clear(&mut self) {
        self.programs.clear();
        self.latest = None;
    }

    /// The programs, in the order in which they were compiled.
    pub fn programs(&self) -> impl ExactSizeIterator<Item = &Program> {
        self.programs.iter().map(|entry| &entry.program)
    }
}

impl<M: ?Sized, F, const N: usize, const O: usize> fmt::Debug for CompiledFn<M, F, N, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a compiled function with {} of at most {} programs", self.programs.len(), self.capacity)
    }
}

/// What programs are compiled for: which parameters the model has, of which shapes and types, and which are trained.
fn signature(model: &(impl Module + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.visit(&ParamPath::ROOT, &mut |_, param| {
        (param.id(), param.role(), param.value().dtype()).hash(&mut hasher);
        param.value().shape()[..].hash(&mut hasher);
    });
    hasher.finish()
}

/// Each once, in the order in which they come.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = vec![];
    items.for_each(|item| {
        if !found.contains(&item) {
            found.push(item);
        }
    });
    found
}

fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Param;
    use tensor::{DType, Rng};

    fn inputs(shapes: &[&[usize]]) -> Vec<[Tensor; 1]> {
        let rng = &mut Rng::new(1);
        shapes.iter().map(|&shape| [Tensor::normal(shape, 0.0, 1.0, DType::F32, rng)]).collect()
    }

    #[test]
    fn the_program_that_was_not_run_for_the_longest_time_goes() {
        let mut double = CompiledFn::inference(|(): &(), [x]| [x * 2.0]).capacity(2);
        let x = inputs(&[&[1], &[2], &[3]]);
        let sizes = |double: &CompiledFn<(), _, 1, 1>| -> Vec<usize> {
            double.programs().map(|program| program.inputs[0].spec.shape[0]).collect()
        };
        for (i, expected) in
            [(0, vec![1]), (1, vec![1, 2]), (0, vec![1, 2]), (2, vec![1, 3]), (1, vec![3, 2])]
        {
            let [y] = double.run(&(), 0, &x[i]);
            assert_eq!(y, &x[i][0] * 2.0);
            assert_eq!(sizes(&double), expected);
        }
    }

    /// An eager call after compiled ones has its own gradients; `clear` forgets what was compiled.
    #[test]
    fn a_function_made_eager_has_the_gradients_of_its_last_call() {
        let param = Param::new(Tensor::from([1.0_f32]));
        let mut step = CompiledFn::training(0, |param: &Param, [x]| {
            let loss = (x * x.graph().param(param)).sum(..);
            loss.backward();
            [loss]
        });
        step.run(&param, 0, &[Tensor::from([2.0_f32])]);
        let mut step = step.eager(true);
        step.run(&param, 1, &[Tensor::from([5.0_f32])]);
        assert_eq!(step.grads().get(&param).unwrap().item(), 5.0);
        let mut step = step.eager(false);
        step.clear();
        assert_eq!(step.programs().len(), 0);
        step.run(&param, 2, &[Tensor::from([7.0_f32])]);
        assert_eq!(step.grads().get(&param).unwrap().item(), 7.0);
    }

    #[test]
    #[should_panic(expected = "compiled function: it makes 1 inputs of its own")]
    fn an_input_of_its_own_is_refused() {
        let mut f = CompiledFn::inference(|(): &(), [x]| [x + x.graph().input(Tensor::from(1.0_f32))]);
        f.run(&(), 0, &[Tensor::from([1.0_f32])]);
    }

    #[test]
    fn the_warning_names_what_varies() {
        let mut double = CompiledFn::inference(|(): &(), [x]| [x * 2.0]).capacity(2);
        let mut complaint = |shapes: [&[usize]; 3]| {
            let x = inputs(&shapes);
            double.programs.clear();
            double.run(&(), 0, &x[0]);
            double.run(&(), 0, &x[1]);
            double.complaint(&x[2])
        };
        let sizes = complaint([&[4, 5], &[4, 7], &[4, 9]]);
        assert!(sizes.contains("axis 1 of input 0 varies: 5, 7, 9; pad it"), "{sizes}");
        let ranks = complaint([&[4, 5], &[4], &[4]]);
        assert!(ranks.contains("the number of axes of input 0 varies: 2, 1"), "{ranks}");
        let model = complaint([&[4], &[4], &[4]]);
        assert!(model.contains("the model's parameters are others"), "{model}");
    }

    /// A frozen parameter, one of another shape, another model: each is compiled for, and none is taken for another.
    #[test]
    fn a_model_that_changed_is_compiled_for() {
        type Pair = [Param; 2];
        let mut params: Pair = [1.0_f32, 2.0].map(|x| Param::new(Tensor::from([x])));
        let mut step = CompiledFn::training(0, |[a, b]: &Pair, [x]| {
            let loss = (x * x.graph().param(a) * x.graph().param(b)).sum(..);
            loss.backward();
            [loss]
        });
        let x = [Tensor::from([3.0_f32])];
        assert_eq!(step.run(&params, 0, &x)[0].item(), 6.0);
        assert_eq!(step.grads().len(), 2);
        params[0].set_requires_grad(false);
        step.run(&params, 1, &x);
        assert_eq!((step.grads().len(), step.programs().len()), (1, 2));
        params[0].set_requires_grad(true);
        step.run(&params, 2, &x);
        assert_eq!((step.grads().len(), step.programs().len()), (2, 2));
        *params[0].value_mut() = Tensor::from([1.0_f32, 1.0]);
        assert_eq!(step.run(&params, 3, &x)[0].item(), 12.0);
        let other: Pair = [1.0_f32, 1.0].map(|x| Param::new(Tensor::from([x])));
        assert_eq!(step.run(&other, 4, &x)[0].item(), 3.0);
        assert_eq!(step.programs().len(), 4);
    }

    #[test]
    fn eager_calls_have_the_bits_of_compiled_ones() {
        let rng = &mut Rng::new(5);
        let weight = Param::new(Tensor::normal([4, 3], 0.0, 1.0, DType::F32, rng));
        fn loss<'g>(weight: &Param, [x]: [Var<'g>; 1]) -> [Var<'g>; 1] {
            let y = x.matmul(x.graph().param(weight)).tanh();
            let loss = (y * x.graph().bernoulli(y.shape(), 0.5, DType::F32)).square().mean(..);
            loss.backward();
            [loss]
        }
        let x = [Tensor::normal([5, 4], 0.0, 1.0, DType::F32, rng)];
        let [mut eager, mut compiled] = [true, false].map(|eager| CompiledFn::training(7, loss).eager(eager));
        for step in [0, 3, 8] {
            assert_eq!(eager.run(&weight, step, &x), compiled.run(&weight, step, &x));
            assert_eq!(eager.grads().get(&weight), compiled.grads().get(&weight));
            assert!(eager.grads().get(&weight).is_some());
        }
        assert_eq!((eager.programs().len(), compiled.programs().len()), (0, 1));
    }
}
