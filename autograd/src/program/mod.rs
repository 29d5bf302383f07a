//! Computing a recorded graph again and again.
//!
//! A [`Program`] is what a graph becomes when it is only to be repeated: the nodes that matter, in order, with element-wise
//! operations fused with each other and with kernels, every value dropped after its last use, so that its memory serves the next. The
//! values are those of the graph, to the bit.
//!
//! | file | what is in it |
//! |---|---|
//! | `function.rs` | compiling the same code once for each combination of input shapes |
//! | `ir.rs` | the nodes, and how each lowers |
//! | `fusion.rs`, `cost.rs` | which nodes are computed together; the cost model |
//! | `lowering.rs`, `step.rs` | from nodes to steps; how a step is computed |
//! | `plan.rs`, `profile.rs` | what a program does, and where its time goes |

mod cost;
mod function;
mod fusion;
mod ir;
mod lowering;
mod plan;
mod profile;
#[cfg(test)]
mod random_graphs;
mod step;

use crate::params::grads::{Computed, Grads, Origin};
use crate::params::module::{Module, ParamPath};
use crate::params::param::ParamId;
use crate::tape::debug_nans::Watcher;
use crate::tape::graph::{Graph, Recorded, Source, Var};
use std::collections::HashMap;
use std::time::Instant;
use tensor::{Spec, Tensor};

pub use function::CompiledFn;
pub use plan::PlanStep;
pub use profile::{Profile, ProfileRow};
use step::Step;

/// A graph compiled for repetition, see [`Graph::compile`].
///
/// The equivalent of a TensorFlow 1 graph in a session, and of one signature of a `tf.function` (a concrete function);
/// [`CompiledFn`] has one for each.
pub struct Program {
    steps: Vec<Step>,
    /// The value of each node of the graph while it is needed.
    slots: Vec<Option<Tensor>>,
    inputs: Vec<Input>,
    params: HashMap<ParamId, Recorded>,
    /// The node that random operations draw from, and its value: seed and step.
    key: Option<(usize, Tensor)>,
    outputs: Vec<usize>,
    results: Vec<Tensor>,
    gradients: Vec<(ParamId, usize)>,
    updates: Vec<(ParamId, usize)>,
    grads: Grads,
    /// What the graph was recorded for, which decides whether a model may be changed by the gradients.
    origin: Origin,
    watcher: Option<Box<Watcher>>,
    plan: Vec<PlanStep>,
    profiled: bool,
    runs: u64,
}

/// A value that every run is given.
struct Input {
    node: usize,
    spec: Spec,
}

/// Why a program does not run with what it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Another number of inputs.
    #[error("the program takes {expected} inputs, not {found}")]
    Count {
        /// How many the graph was recorded with.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An input of another shape or type.
    #[error(
        "input {index} is {found}, and the program was compiled for {expected}; compile another for it, or convert it"
    )]
    Input {
        /// Its place among the inputs, from 0.
        index: usize,
        /// Type and shape it was recorded with.
        expected: String,
        /// Type and shape it has.
        found: String,
    },
    /// A parameter that was replaced by one of another shape or type.
    #[error(
        "the parameter {name} is {found} now, and the program was compiled for {expected}; \
         record and compile a graph for it, or convert it back"
    )]
    Param {
        /// Its path name.
        name: String,
        /// Type and shape it was recorded with.
        expected: String,
        /// Type and shape it has.
        found: String,
    },
    /// The model does not list parameters that the graph was recorded with.
    #[error("{missing} parameters of the program are not in this model; is it the one it was compiled for?")]
    Model {
        /// How many.
        missing: usize,
    },
}

impl Graph {
    /// Compiles what was recorded: what `outputs` depend on, the gradients that [`backward`](Var::backward) found, and the
    /// next values of buffers. Every [`input`](Graph::input) becomes an argument, in the order in which they were made.
    ///
    /// A program is for inputs of the shapes it was recorded with, and for this model.
    ///
    /// ```
    /// use autograd::{Graph, Param, Tensor};
    ///
    /// let mut weight = Param::new(Tensor::from([0.0_f32]));
    /// let graph = Graph::training(42, 0);
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0, 3.0]));
    /// let target = graph.input(Tensor::from([2.0_f32, 4.0, 6.0]));
    /// let loss = (x * graph.param(&weight) - target).square().mean(..);
    /// loss.backward();
    /// let mut program = graph.compile(&[loss]);
    /// println!("{program}");
    /// drop(graph);
    ///
    /// let (x, target) = (Tensor::from([1.0_f32, 2.0, 3.0]), Tensor::from([3.0_f32, 6.0, 9.0]));
    /// for step in 0..20 {
    ///     program.run(&weight, step, &[x.clone(), target.clone()]).unwrap();
    ///     let grads = program.grads();
    ///     grads.apply(&mut weight, &mut |_, param, grad| *param.value_mut() -= &(grad * 0.1)).unwrap();
    /// }
    /// assert!((weight.value().item() - 3.0).abs() < 1e-4);
    /// ```
    ///
    /// # Panics
    /// If an output is of another graph, or `backward` was called of several losses.
    #[track_caller]
    pub fn compile<'g>(&'g self, outputs: &[Var<'g>]) -> Program {
        for &output in outputs {
            self.check_same_graph("compile", output);
        }
        let outputs: Vec<usize> = outputs.iter().map(|output| output.index).collect();
        let (gradients, updates) = (self.gradients_of_one_loss("compile"), self.updates.borrow().clone());
        let origin = Origin::of(self, gradients.is_some());
        let gradients = gradients.unwrap_or_default();
        let kept: Vec<usize> =
            outputs.iter().copied().chain(gradients.iter().chain(&updates).map(|&(_, node)| node)).collect();
        let nodes = self.nodes.borrow();
        let mut slots = vec![None; nodes.len()];
        let mut inputs = vec![];
        let mut key = None;
        for (index, node) in nodes.iter().enumerate() {
            match node.source {
                Source::Constant => slots[index] = Some(node.value.clone()),
                Source::Input if self.key.get() == Some(index) => key = Some((index, node.value.copy())),
                Source::Input => inputs.push(Input { node: index, spec: node.value.spec() }),
                Source::Param(_) | Source::Op(_) | Source::Value(_) => {}
            }
        }
        let watcher = Watcher::of(self);
        // A watcher has to see what every operation makes.
        let steps = if watcher.is_some() {
            lowering::single_steps(&nodes, &kept)
        } else {
            lowering::steps(&nodes, &kept)
        };
        drop(nodes);
        let plan = plan::describe(self, &steps);
        Program {
            steps,
            slots,
            inputs,
            params: self.params.borrow().clone(),
            key,
            results: vec![],
            outputs,
            gradients,
            updates,
            grads: Grads { origin: Origin::NotRun, frozen: self.frozen(), ..Grads::default() },
            origin,
            watcher,
            plan,
            profiled: false,
            runs: 0,
        }
    }
}

impl Program {
    /// Whether these inputs have the shapes and types that the program was compiled for.
    pub fn accepts(&self, inputs: &[Tensor]) -> bool {
        self.check(inputs).is_ok()
    }

    fn check(&self, inputs: &[Tensor]) -> Result<(), FeedError> {
        if inputs.len() != self.inputs.len() {
            return Err(FeedError::Count { expected: self.inputs.len(), found: inputs.len() });
        }
        for (index, (given, input)) in inputs.iter().zip(&self.inputs).enumerate() {
            if given.spec() != input.spec {
                let (expected, found) = (input.spec.to_string(), given.spec().to_string());
                return Err(FeedError::Input { index, expected, found });
            }
        }
        Ok(())
    }

    /// Computes the program with the present parameters of `model` and these inputs, and returns the outputs. `step` is the
    /// number of the training step, which fixes what dropout drops; the run's seed is the graph's.
    ///
    /// # Errors
    /// If inputs or parameters have other shapes or types than those it was compiled for, or the model is another.
    ///
    /// # Panics
    /// As the operations do: a label that is no class, say. And if the graph was to look for NaNs
    /// ([`Graph::debug_nans`]) and there is one.
    #[track_caller]
    pub fn run(
        &mut self,
        model: &(impl Module + ?Sized),
        step: u64,
        inputs: &[Tensor],
    ) -> Result<&[Tensor], FeedError> {
        self.run_with(model, step, inputs, &mut |_, _| {})
    }

    /// As [`run`](Program::run), telling `ready` each parameter's gradient as soon as it is computed, see
    /// [`Var::backward_with`].
    ///
    /// # Errors
    /// As [`run`](Program::run).
    ///
    /// # Panics
    /// As [`run`](Program::run).
    #[track_caller]
    pub fn run_with(
        &mut self,
        model: &(impl Module + ?Sized),
        step: u64,
        inputs: &[Tensor],
        ready: &mut dyn FnMut(ParamId, &Tensor),
    ) -> Result<&[Tensor], FeedError> {
        self.check(inputs)?;
        // What the last run returned goes first, so that its memory can be used again; and what one that panicked left.
        self.results.clear();
        self.unload();
        self.load_params(model)?;
        for (input, value) in self.inputs.iter().zip(inputs) {
            self.slots[input.node] = Some(value.clone());
        }
        if let Some((node, key)) = &mut self.key {
            key.as_mut_slice::<i64>()[1] = step as i64;
            self.slots[*node] = Some(key.clone());
        }
        self.grads.grads.clear();
        self.grads.updates.clear();
        (self.grads.origin, self.grads.stale_allowed) = (self.origin, false);
        if let Err(complaint) = self.watch_leaves().and_then(|()| self.compute(ready)) {
            self.unload();
            panic!("{complaint}");
        }
        for &output in &self.outputs {
            self.results.extend(self.slots[output].clone());
        }
        for (found, into) in
            [(&self.gradients, &mut self.grads.grads), (&self.updates, &mut self.grads.updates)]
        {
            for &(id, node) in found {
                if let Some(value) = &self.slots[node] {
                    let version = self.params.get(&id).map(|it| it.version);
                    into.insert(id, Computed { value: value.clone(), version });
                }
            }
        }
        self.unload();
        self.runs += 1;
        Ok(&self.results)
    }

    /// The gradients and next values of buffers that the last run computed.
    pub fn grads(&self) -> &Grads {
        &self.grads
    }

    /// As [`grads`](Program::grads), for clipping: `clip_norm(program.grads_mut(), 1.0)`.
    pub fn grads_mut(&mut self) -> &mut Grads {
        &mut self.grads
    }

    fn load_params(&mut self, model: &(impl Module + ?Sized)) -> Result<(), FeedError> {
        let (mut found, mut wrong) = (0, None);
        let (slots, params, steps) = (&mut self.slots, &mut self.params, &self.plan);
        model.visit(&ParamPath::ROOT, &mut |path, param| {
            let Some(Recorded { node, version, .. }) = params.get_mut(&param.id()) else { return };
            let node = *node;
            *version = param.version();
            found += 1;
            let recorded = steps.iter().find_map(|step| step.input_spec(node));
            let value = param.value();
            if let Some(recorded) = recorded.filter(|&recorded| recorded != value.spec()) {
                let (expected, found) = (recorded.to_string(), value.spec().to_string());
                wrong = Some(FeedError::Param { name: path.to_string(), expected, found });
            }
            slots[node] = Some(value.clone());
        });
        let error = wrong.or_else(|| {
            let missing = self.params.len().saturating_sub(found);
            (missing > 0).then_some(FeedError::Model { missing })
        });
        match error {
            Some(error) => {
                self.unload();
                Err(error)
            }
            None => Ok(()),
        }
    }

    /// Lets go of all values but the constants: a parameter that nobody else holds can be changed in place.
    fn unload(&mut self) {
        let leaves = self.params.values().map(|it| it.node).chain(self.inputs.iter().map(|input| input.node));
        for node in leaves.chain(self.key.as_ref().map(|(node, _)| *node)) {
            self.slots[node] = None;
        }
        for node in self.steps.iter().flat_map(Step::outputs) {
            self.slots[node] = None;
        }
    }

    /// Looks at the values that the run was given, if the graph was to.
    fn watch_leaves(&self) -> Result<(), String> {
        let Some(watcher) = &self.watcher else { return Ok(()) };
        let mut leaves: Vec<usize> = self.params.values().map(|it| it.node).collect();
        leaves.extend(self.inputs.iter().map(|input| input.node));
        leaves.sort_unstable();
        let complaint = |node: usize| watcher.complaint(node, self.slots[node].as_ref()?, std::iter::empty());
        leaves.into_iter().find_map(complaint).map_or(Ok(()), Err)
    }

    fn compute(&mut self, ready: &mut dyn FnMut(ParamId, &Tensor)) -> Result<(), String> {
        let start = Instant::now();
        // Gradients that no step computes: constants, inputs and parameters themselves.
        for &(id, node) in &self.gradients {
            if let Some(value) = &self.slots[node] {
                ready(id, value);
            }
        }
        for (step, plan) in self.steps.iter().zip(&mut self.plan) {
            let begun = self.profiled.then(|| start.elapsed());
            let values = step.compute(&mut self.slots);
            if let Some(begun) = begun {
                plan.last_begun = begun;
                plan.last_time = start.elapsed() - begun;
                plan.time += plan.last_time;
                plan.runs += 1;
            }
            if self.runs == 0 {
                plan.buffer = values.first().buffer_id();
            }
            for (node, value) in step.outputs().zip(values) {
                if let Some(watcher) = &self.watcher {
                    let operands = step.inputs.iter().filter_map(|&input| self.slots[input].as_ref());
                    watcher.complaint(node, &value, operands).map_or(Ok(()), Err)?;
                }
                for (id, _) in self.gradients.iter().filter(|(_, gradient)| *gradient == node) {
                    ready(*id, &value);
                }
                self.slots[node] = Some(value);
            }
            for &node in &step.drops {
                self.slots[node] = None;
            }
        }
        Ok(())
    }
}
