//! The graph: a tape of nodes, each with its value, in the order in which they were computed.

use crate::op::{DynOp, Erased, MultiErased, MultiOp, Op, Outputs};
use crate::params::param::{Param, ParamId, Role};
use crate::tape::scope::Scope;
use crate::tape::watch::Watch;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::panic::Location;
use std::sync::Arc;
use tensor::{DType, OrPanic, Shape, ShapeError, Spec, Tensor};

/// What a graph is recorded for. Layers that behave differently in the two ask the graph, not a flag of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout drops, batch normalisation uses the statistics of the batch.
    Training,
    /// Nothing is dropped, batch normalisation uses its running averages.
    Inference,
}

/// Why a node is in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Computed by the model.
    Forward,
    /// Computed by differentiation.
    Gradient,
}

/// Where a node's value comes from.
#[derive(Clone)]
pub(crate) enum Source {
    Input,
    Constant,
    Param(ParamId),
    Op(Arc<dyn DynOp>),
    /// Value number so many, from 1 on, of the operation before; the first is the operation's own node.
    Value(usize),
}

impl Source {
    /// Whether it is computed.
    pub(crate) fn is_computed(&self) -> bool {
        matches!(self, Source::Op(_) | Source::Value(_))
    }
}

pub(crate) struct Node {
    pub(crate) source: Source,
    pub(crate) inputs: Vec<usize>,
    pub(crate) value: Tensor,
    pub(crate) phase: Phase,
    /// Index into the graph's scopes.
    pub(crate) scope: usize,
}

/// A parameter as a graph, or the last run of a program, has read it.
#[derive(Clone, Copy)]
pub(crate) struct Recorded {
    pub(crate) node: usize,
    pub(crate) role: Role,
    pub(crate) version: u64,
}

/// The dataflow graph of one computation: every operation on a [`Var`] computes at once and is recorded as a node.
///
/// ```
/// use autograd::{Graph, Tensor};
///
/// let graph = Graph::inference();
/// let x = graph.input(Tensor::from([1.0_f32, 2.0, 3.0]));
/// let y = (x * x).sum(..);
/// let [dx] = graph.grad(y, [x]);
/// assert_eq!(dx.value().to_vec::<f32>(), [2.0, 4.0, 6.0]);
/// println!("{graph}");
/// ```
pub struct Graph {
    pub(crate) nodes: RefCell<Vec<Node>>,
    pub(crate) params: RefCell<HashMap<ParamId, Recorded>>,
    pub(crate) names: RefCell<HashMap<ParamId, String>>,
    pub(crate) updates: RefCell<Vec<(ParamId, usize)>>,
    /// The nodes of the gradients that `backward` found, for each loss that it was called of.
    pub(crate) gradients: RefCell<BTreeMap<usize, Vec<(ParamId, usize)>>>,
    pub(crate) scopes: RefCell<Vec<Scope>>,
    pub(crate) scope: Cell<usize>,
    pub(crate) phase: Cell<Phase>,
    pub(crate) watch: Watch,
    mode: Mode,
    step_allowed: bool,
    pub(crate) seed: [i64; 2],
    pub(crate) key: Cell<Option<usize>>,
    draws: Cell<u64>,
}

impl Graph {
    fn new(mode: Mode, seed: [i64; 2]) -> Graph {
        Graph {
            nodes: RefCell::default(),
            params: RefCell::default(),
            names: RefCell::default(),
            updates: RefCell::default(),
            gradients: RefCell::default(),
            scopes: RefCell::new(vec![Scope::WHOLE]),
            scope: Cell::new(0),
            phase: Cell::new(Phase::Forward),
            watch: Watch::default(),
            mode,
            step_allowed: mode == Mode::Training,
            seed,
            key: Cell::new(None),
            draws: Cell::new(0),
        }
    }

    /// A graph of a training step. `seed` is the run's, `step` the number of the step: together they fix what dropout
    /// drops.
    pub fn training(seed: u64, step: u64) -> Graph {
        Graph::new(Mode::Training, [seed as i64, step as i64])
    }

    /// A graph of a prediction: the same model code, without dropout and with running statistics.
    ///
    /// Its values can be differentiated like all others, by an image to see what a model looks at, say; but a model is not
    /// trained by them, unless it is asked for ([`allow_step`](Graph::allow_step)).
    pub fn inference() -> Graph {
        Graph::new(Mode::Inference, [0, 0])
    }

    /// Lets a model be trained by the gradients of this [`inference`](Graph::inference) graph: fine-tuning with batch
    /// normalisation frozen, without dropout. In all others a step is refused, since it is nearly always a mistake.
    ///
    /// ```
    /// use autograd::{Graph, GradMismatch, Param, Tensor};
    /// let mut weight = Param::new(Tensor::from(2.0_f32));
    /// let step = |graph: Graph, weight: &mut Param| {
    ///     let grads = graph.param(weight).square().backward();
    ///     grads.apply(weight, &mut |_, w, grad| *w.value_mut() -= &(grad * 0.1))
    /// };
    /// assert_eq!(step(Graph::inference(), &mut weight), Err(GradMismatch::Inference));
    /// assert_eq!(step(Graph::inference().allow_step(), &mut weight), Ok(()));
    /// ```
    #[must_use]
    pub fn allow_step(self) -> Graph {
        Graph { step_allowed: true, ..self }
    }

    /// Whether a model may be trained by the gradients.
    pub(crate) fn is_step_allowed(&self) -> bool {
        self.step_allowed
    }

    /// What the graph is recorded for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether this is a graph of a training step.
    pub fn is_training(&self) -> bool {
        self.mode == Mode::Training
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// Whether nothing was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A value that changes from one run of the graph to the next: images, labels.
    #[track_caller]
    pub fn input(&self, value: impl Into<Tensor>) -> Var<'_> {
        self.leaf(Source::Input, value.into())
    }

    /// A value that is part of the computation itself.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Tensor>) -> Var<'_> {
        self.leaf(Source::Constant, value.into())
    }

    /// A parameter or a buffer of a model. Asked twice for the same one, the graph answers with the same node.
    ///
    /// # Panics
    /// If the graph is one of a prediction, and the parameter has changed since the graph was asked for it first: the old
    /// value would go into the new prediction. (A training graph is refused by the step that follows.)
    #[track_caller]
    pub fn param(&self, param: &Param) -> Var<'_> {
        if let Some(&Recorded { node, version, .. }) = self.params.borrow().get(&param.id()) {
            if version != param.version() && !self.step_allowed {
                panic!(
                    "param: the parameter {} {} (made at {}) has changed since this graph read it; record one graph a \
                     prediction, Graph::inference() inside of the loop, or compile the graph once and run the program",
                    param.value().dtype(),
                    param.value().shape(),
                    param.created_at()
                );
            }
            return Var { graph: self, index: node };
        }
        let var = self.leaf(Source::Param(param.id()), param.value().clone());
        let recorded = Recorded { node: var.index, role: param.role(), version: param.version() };
        self.params.borrow_mut().insert(param.id(), recorded);
        var
    }

    /// Records that `param`, a buffer of a layer, takes `value` when the step is applied (see [`Grads`](crate::Grads)).
    ///
    /// # Panics
    /// If the value has not the shape and type of the parameter, or is of another graph.
    #[track_caller]
    pub fn update<'g>(&'g self, param: &Param, value: Var<'g>) {
        self.check_same_graph("update", value);
        if (value.shape(), value.dtype()) != (param.value().shape(), param.value().dtype()) {
            panic!(
                "update: the next value is {} {}; it must have the shape and type of the buffer, {} {}",
                value.dtype(),
                value.shape(),
                param.value().dtype(),
                param.value().shape()
            );
        }
        self.updates.borrow_mut().push((param.id(), value.index));
    }

    /// Applies an operation, the library's or a user's own.
    ///
    /// # Panics
    /// If the shapes or types break the operation's rule, or the inputs are of another graph.
    #[track_caller]
    pub fn apply<'g, const N: usize>(&'g self, op: impl Op<N>, x: [Var<'g>; N]) -> Var<'g> {
        // This body is compiled for every operation: what does not depend on it is in functions generic over `N` at most.
        self.check_all_same_graph(op.name(), &x);
        let value = {
            let nodes = self.nodes.borrow();
            let values = values(&nodes, x);
            let spec = self.expect(op.infer(values.map(Tensor::spec)));
            expect_spec(op.name(), spec, op.forward(values))
        };
        self.record(Arc::new(Erased(op)), &x, value.into())
    }

    /// Applies an operation of several values: a node for each, the first of which is the operation's.
    ///
    /// # Panics
    /// As [`apply`](Graph::apply).
    #[track_caller]
    pub fn apply_multi<'g, const N: usize, const M: usize>(
        &'g self,
        op: impl MultiOp<N, M>,
        x: [Var<'g>; N],
    ) -> [Var<'g>; M] {
        self.check_all_same_graph(op.name(), &x);
        let found = {
            let nodes = self.nodes.borrow();
            let values = values(&nodes, x);
            let specs = self.expect(op.infer(values.map(Tensor::spec)));
            let mut specs = specs.into_iter();
            op.forward(values).map(|value| match specs.next() {
                Some(spec) => expect_spec(op.name(), spec, value),
                None => unreachable!("there are as many specs as values"),
            })
        };
        let first = self.record(Arc::new(MultiErased(op)), &x, found.into()).index;
        std::array::from_fn(|i| Var { graph: self, index: first + i })
    }

    /// Applies an operation of any number of inputs; the first of its values.
    ///
    /// # Panics
    /// If the shapes or types break the operation's rule, or the inputs are of another graph.
    #[track_caller]
    pub fn apply_dyn<'g>(&'g self, op: impl DynOp + 'static, x: &[Var<'g>]) -> Var<'g> {
        let value = {
            let nodes = self.nodes.borrow();
            let mut values = Vec::with_capacity(x.len());
            for &x in x {
                values.push(&nodes[self.check_same_graph(op.name(), x)].value);
            }
            let specs: Vec<Spec> = values.iter().map(|x| x.spec()).collect();
            let specs = self.expect(op.infer(&specs));
            let found = op.forward(&values);
            if found.len() != specs.len() {
                panic!(
                    "{}: its infer says {} values, and its forward gives {}; they must agree",
                    op.name(),
                    specs.len(),
                    found.len()
                );
            }
            specs.iter().zip(found.iter()).for_each(|(&spec, value)| check_spec(op.name(), spec, value));
            found
        };
        self.record(Arc::new(op), x, value)
    }

    /// The input node that all random operations draw from: seed and step.
    pub(crate) fn key(&self) -> Var<'_> {
        let index = self.key.get().unwrap_or_else(|| {
            let index = self.input(Tensor::from(self.seed)).index;
            self.key.set(Some(index));
            index
        });
        Var { graph: self, index }
    }

    /// A number for each random operation of this graph, so that no two draw the same.
    pub(crate) fn next_draw(&self) -> u64 {
        self.draws.replace(self.draws.get() + 1)
    }

    /// What `rule` says of the operands, or a panic that also names the part of the model.
    #[track_caller]
    fn expect<T>(&self, rule: Result<T, ShapeError>) -> T {
        match rule {
            Ok(it) => it,
            Err(error) => match self.layer_path(None) {
                Some(layer) => panic!("{error}; in {layer}"),
                None => Err(error).or_panic(),
            },
        }
    }

    #[track_caller]
    fn leaf(&self, source: Source, value: Tensor) -> Var<'_> {
        self.push(Node { source, inputs: vec![], value, phase: self.phase.get(), scope: self.scope.get() })
    }

    #[track_caller]
    fn record(&self, op: Arc<dyn DynOp>, x: &[Var<'_>], values: Outputs<Tensor>) -> Var<'_> {
        let inputs = x.iter().map(|x| x.index).collect();
        let (phase, scope) = (self.phase.get(), self.scope.get());
        let mut values = values.into_iter();
        let Some(value) = values.next() else { unreachable!("an operation has at least one value") };
        let first = self.push(Node { source: Source::Op(op), inputs, value, phase, scope });
        for (i, value) in (1..).zip(values) {
            self.push(Node { source: Source::Value(i), inputs: vec![first.index], value, phase, scope });
        }
        first
    }

    #[track_caller]
    fn push(&self, node: Node) -> Var<'_> {
        let index = {
            let mut nodes = self.nodes.borrow_mut();
            nodes.push(node);
            nodes.len() - 1
        };
        if self.watch.is_on() {
            self.watch_node(index, Location::caller());
        }
        Var { graph: self, index }
    }

    #[track_caller]
    fn check_all_same_graph(&self, op: &str, x: &[Var<'_>]) {
        for &x in x {
            self.check_same_graph(op, x);
        }
    }

    /// The index of a variable of this graph, which `op` is applied to.
    #[track_caller]
    pub(crate) fn check_same_graph(&self, op: &str, x: Var<'_>) -> usize {
        if !std::ptr::eq(self, x.graph) {
            panic!(
                "{op}: {x:?} is of another graph than the other variables; record all of a computation in one graph, \
                 or bring the value over with graph.constant(x.value())"
            );
        }
        x.index
    }
}

/// The values of some variables.
fn values<'a, const N: usize>(nodes: &'a [Node], x: [Var<'_>; N]) -> [&'a Tensor; N] {
    x.map(|x| &nodes[x.index].value)
}

/// The value, if it is what the operation's rule says.
#[track_caller]
fn expect_spec(op: &str, spec: Spec, value: Tensor) -> Tensor {
    check_spec(op, spec, &value);
    value
}

/// Refuses a value that is not what the operation's rule says.
#[track_caller]
fn check_spec(op: &str, spec: Spec, value: &Tensor) {
    if value.spec() != spec {
        panic!("{op}: its infer says {spec}, and its forward gives {}; they must agree", value.spec());
    }
}

/// How many values the operation of node `index` has.
pub(crate) fn values_of(nodes: &[Node], index: usize) -> usize {
    let is_value = |node: &&Node| matches!(node.source, Source::Value(_)) && node.inputs == [index];
    1 + nodes[index + 1..].iter().take_while(is_value).count()
}

/// A node of a graph: a value that knows where it came from. Copied freely; arithmetic needs neither `&` nor `clone`.
#[derive(Clone, Copy)]
pub struct Var<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) index: usize,
}

impl<'g> Var<'g> {
    /// The graph it belongs to.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    /// Its number in the graph, as printed: `%4`.
    pub fn index(self) -> usize {
        self.index
    }

    /// The value (a cheap clone: elements are shared).
    pub fn value(self) -> Tensor {
        self.graph.nodes.borrow()[self.index].value.clone()
    }

    /// The sizes of the axes.
    pub fn shape(self) -> Shape {
        self.graph.nodes.borrow()[self.index].value.shape()
    }

    /// Shape and element type.
    pub fn spec(self) -> Spec {
        self.graph.nodes.borrow()[self.index].value.spec()
    }

    /// The number of axes.
    pub fn rank(self) -> usize {
        self.shape().len()
    }

    /// The number of elements.
    pub fn numel(self) -> usize {
        self.shape().numel()
    }

    /// The type of the elements.
    pub fn dtype(self) -> DType {
        self.graph.nodes.borrow()[self.index].value.dtype()
    }

    /// The only element, as an `f64`.
    ///
    /// # Panics
    /// If there is not exactly one element.
    #[track_caller]
    pub fn item(self) -> f64 {
        self.value().item()
    }

    /// Applies an operation of one input.
    ///
    /// # Panics
    /// If the shape or type breaks the operation's rule.
    #[track_caller]
    pub fn apply(self, op: impl Op<1>) -> Var<'g> {
        self.graph.apply(op, [self])
    }

    /// A constant of the same element type.
    #[track_caller]
    pub(crate) fn scalar(self, value: f64) -> Var<'g> {
        self.graph.constant(Tensor::full([], value, self.dtype()))
    }
}

impl Debug for Var<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{} {} {}", self.index, self.dtype(), self.shape())
    }
}
