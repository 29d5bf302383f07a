//! Reverse mode: from a result back to everything it depends on.

use crate::op::DynOp;
use crate::params::grads::{Computed, Grads, Origin};
use crate::params::param::{ParamId, Role};
use crate::tape::graph::{Graph, Phase, Recorded, Source, Var, values_of};
use std::sync::Arc;
use tensor::{Shape, Tensor};

impl Graph {
    /// The gradient of the number `y` with respect to each of `wrt`, which may be any nodes of the graph. The gradients
    /// are nodes too and can be differentiated again; one that `y` does not depend on is zero.
    ///
    /// ```
    /// use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from(3.0_f64));
    /// let [dx] = graph.grad(x * x * x, [x]);
    /// let [ddx] = graph.grad(dx, [x]);
    /// assert_eq!((dx.item(), ddx.item()), (27.0, 18.0));
    /// ```
    ///
    /// # Panics
    /// If `y` has more than one element (use [`grad_with`](Graph::grad_with)), or is no float.
    #[track_caller]
    pub fn grad<'g, const N: usize>(&'g self, y: Var<'g>, wrt: [Var<'g>; N]) -> [Var<'g>; N] {
        let grads = self.grad_with(y, self.seed("grad", y), &wrt);
        std::array::from_fn(|i| grads[i])
    }

    /// As [`grad`](Graph::grad) for a result of any shape: `dy`, of the same shape, is the gradient of the loss with
    /// respect to it.
    ///
    /// # Panics
    /// If `dy` has not the shape and type of `y`, or a variable is of another graph or no float.
    #[track_caller]
    pub fn grad_with<'g>(&'g self, y: Var<'g>, dy: Var<'g>, wrt: &[Var<'g>]) -> Vec<Var<'g>> {
        self.check_same_graph("grad", y);
        self.check_same_graph("grad", dy);
        if (y.shape(), y.dtype()) != (dy.shape(), dy.dtype()) {
            panic!(
                "grad: the incoming gradient is {} {}; it must have the shape and type of the result, {} {}",
                dy.dtype(),
                dy.shape(),
                y.dtype(),
                y.shape()
            );
        }
        for &x in wrt {
            self.check_same_graph("grad", x);
            if !x.dtype().is_float() {
                panic!("grad: {x:?} has no gradient; only f32 and f64 values have one");
            }
        }
        self.sweep(y, dy, wrt, &mut |_, _| {})
    }

    /// One pass over the tape, back from `y`; `ready` is told of each variable whose gradient is complete. No recursion, so the length
    /// of a chain does not matter.
    #[track_caller]
    fn sweep<'g>(
        &'g self,
        y: Var<'g>,
        dy: Var<'g>,
        wrt: &[Var<'g>],
        ready: &mut dyn FnMut(Var<'g>, Var<'g>),
    ) -> Vec<Var<'g>> {
        let (phase, scope) = (self.phase.replace(Phase::Gradient), self.scope.get());
        let relevant = self.depends_on(wrt, y.index);
        let mut grads: Vec<Option<Var<'g>>> = vec![None; y.index + 1];
        grads[y.index] = Some(dy);
        for index in (0..=y.index).rev() {
            let var = |index| Var { graph: self, index };
            if let (true, Some(dy)) = (relevant[index], grads[index]) {
                // All that depends on it came before.
                ready(var(index), dy);
            }
            let Some((op, inputs, values)) = self.operation(index) else { continue };
            let arrived = |i: usize| match relevant.get(i) {
                Some(true) => grads[i],
                _ => None,
            };
            let dy: Vec<Option<Var<'g>>> = (index..index + values).map(arrived).collect();
            if dy.iter().all(Option::is_none) {
                continue;
            }
            let x: Vec<Var<'g>> = inputs.iter().map(|&i| var(i)).collect();
            let y: Vec<Var<'g>> = (index..index + values).map(var).collect();
            // What no gradient flows to may be relevant by other ways.
            let need: Vec<bool> = inputs
                .iter()
                .enumerate()
                .map(|(i, &input)| relevant[input] && op.differentiable(i))
                .collect();
            if !need.contains(&true) {
                continue;
            }
            self.watch.differentiated.set(Some(index));
            let found = op.vjp(&x, &y, &dy, &need);
            if found.len() != x.len() {
                panic!("{}: its vjp gives {} gradients for {} inputs", op.name(), found.len(), x.len());
            }
            for (i, (&x, dx)) in x.iter().zip(found).enumerate().filter(|&(i, _)| need[i]) {
                let Some(dx) = dx else {
                    panic!(
                        "{}: its vjp gives no gradient for input {i}, {}; it must give one, or differentiable({i}) must be \
                         false",
                        op.name(),
                        x.shape()
                    );
                };
                let dx = unbroadcast(&*op, dx, x.shape());
                grads[x.index] = Some(match grads[x.index] {
                    Some(sum) => sum + dx,
                    None => dx,
                });
            }
            self.watch.differentiated.set(None);
            self.report_found();
        }
        let grad = |x: &Var<'g>| grads.get(x.index).copied().flatten();
        let mut zeros = |x: Var<'g>| {
            let zeros = self.constant(x.value().zeros_like());
            ready(x, zeros);
            zeros
        };
        let grads = wrt.iter().map(|x| grad(x).unwrap_or_else(|| zeros(*x))).collect();
        self.phase.set(phase);
        self.scope.set(scope);
        grads
    }

    /// The parameters that were frozen when they were recorded.
    pub(crate) fn frozen(&self) -> Vec<ParamId> {
        let params = self.params.borrow();
        params.iter().filter(|(_, it)| it.role == Role::Frozen).map(|(&id, _)| id).collect()
    }

    /// For each node up to `last`, whether its value depends on one of `wrt` by differentiable operations.
    fn depends_on(&self, wrt: &[Var<'_>], last: usize) -> Vec<bool> {
        let nodes = self.nodes.borrow();
        let mut relevant = vec![false; last + 1];
        for x in wrt.iter().filter(|x| x.index <= last) {
            relevant[x.index] = true;
        }
        for (index, node) in nodes[..=last].iter().enumerate() {
            if relevant[index] || !node.value.dtype().is_float() {
                continue;
            }
            // Another value of an operation depends on what that does.
            let of = if matches!(node.source, Source::Value(_)) { &nodes[node.inputs[0]] } else { node };
            if let Source::Op(op) = &of.source {
                let through = |(i, &input): (usize, &usize)| relevant[input] && op.differentiable(i);
                relevant[index] = of.inputs.iter().enumerate().any(through);
            }
        }
        relevant
    }

    /// The operation that made a node, its inputs and how many values it has; from here on its nodes belong to the same part of the model.
    fn operation(&self, index: usize) -> Option<(Arc<dyn DynOp>, Vec<usize>, usize)> {
        let nodes = self.nodes.borrow();
        let node = &nodes[index];
        self.scope.set(node.scope);
        match &node.source {
            Source::Op(op) => Some((op.clone(), node.inputs.clone(), values_of(&nodes, index))),
            _ => None,
        }
    }

    /// The gradient of a number with respect to itself.
    #[track_caller]
    fn seed<'g>(&'g self, op: &str, y: Var<'g>) -> Var<'g> {
        let (shape, dtype) = (y.shape(), y.dtype());
        if shape.numel() != 1 {
            panic!("{op}: the loss must be one number, not {shape}; take its .mean(..) or .sum(..)");
        }
        if !dtype.is_float() {
            panic!("{op}: the loss {dtype} {shape} has no gradient; only f32 and f64 values have one");
        }
        self.constant(Tensor::ones(shape, dtype))
    }
}

impl<'g> Var<'g> {
    /// The gradient of this number, the loss, with respect to every trained parameter in the graph, and the next values
    /// of the buffers.
    ///
    /// ```
    /// use autograd::{Graph, Param, Tensor};
    /// let w = Param::new(Tensor::from([[1.0_f32], [2.0]]));
    /// let graph = Graph::training(0, 0);
    /// let x = graph.input(Tensor::from([[3.0_f32, 4.0]]));
    /// let grads = x.matmul(graph.param(&w)).sum(..).backward();
    /// assert_eq!(grads.get(&w).unwrap().to_vec::<f32>(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If this is not one number, or no float.
    #[track_caller]
    pub fn backward(self) -> Grads {
        self.backward_with(&mut |_, _| {})
    }

    /// As [`backward`](Var::backward), telling `ready` each parameter's gradient as soon as it is complete, those of the last layers
    /// first: to send it elsewhere while the others are computed. The equivalent of PyTorch's
    /// `register_post_accumulate_grad_hook`.
    ///
    /// ```
    /// use autograd::{Graph, Param, Tensor};
    /// let [first, last] = [2.0_f32, 3.0].map(|x| Param::new(Tensor::from(x)));
    /// let graph = Graph::training(0, 0);
    /// let y = graph.param(&first).exp() * graph.param(&last);
    /// let mut order = vec![];
    /// y.backward_with(&mut |id, _| order.push(id));
    /// assert_eq!(order, [last.id(), first.id()]);
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Var::backward).
    #[track_caller]
    pub fn backward_with(self, ready: &mut dyn FnMut(ParamId, &Tensor)) -> Grads {
        let graph = self.graph;
        let seed = graph.seed("backward", self);
        let mut params: Vec<(ParamId, Recorded)> =
            graph.params.borrow().iter().map(|(&id, &it)| (id, it)).collect();
        params.retain(|(_, it)| it.role == Role::Trainable);
        params.sort_by_key(|(_, it)| it.node);
        let wrt: Vec<Var<'g>> = params.iter().map(|(_, it)| Var { graph, index: it.node }).collect();
        let grads = graph.sweep(self, seed, &wrt, &mut |x, grad| {
            if let Some((id, _)) = params.iter().find(|(_, it)| it.node == x.index) {
                ready(*id, &grad.value());
            }
        });
        let found: Vec<_> = params.iter().zip(&grads).map(|(&(id, _), grad)| (id, grad.index)).collect();
        let grads = graph.computed(&found);
        graph.gradients.borrow_mut().insert(self.index, found);
        grads
    }
}

impl Graph {
    /// The gradients that `backward` found, of one loss or none.
    #[track_caller]
    pub(crate) fn recorded_grads(&self, op: &str) -> Grads {
        match self.gradients_of_one_loss(op) {
            Some(found) => self.computed(&found),
            None => Grads { origin: Origin::of(self, false), ..self.computed(&[]) },
        }
    }

    /// The nodes of the gradients that `backward` found.
    ///
    /// # Panics
    /// If it was called of several losses.
    #[track_caller]
    pub(crate) fn gradients_of_one_loss(&self, op: &str) -> Option<Vec<(ParamId, usize)>> {
        let mut gradients = self.gradients.borrow().clone();
        if gradients.len() > 1 {
            let losses: Vec<String> = gradients.keys().map(|loss| format!("%{loss}")).collect();
            panic!(
                "{op}: backward was called of {}, and a program has the gradients of one loss; call it of their sum, \
                 or compile a graph for each",
                losses.join(" and ")
            );
        }
        gradients.pop_first().map(|(_, gradients)| gradients)
    }

    /// The values of these nodes as gradients, and those of the buffers.
    fn computed(&self, gradients: &[(ParamId, usize)]) -> Grads {
        let (nodes, recorded) = (self.nodes.borrow(), self.params.borrow());
        let computed = |&(id, node): &(ParamId, usize)| {
            let version = recorded.get(&id).map(|it| it.version);
            (id, Computed { value: nodes[node].value.clone(), version })
        };
        Grads {
            grads: gradients.iter().map(computed).collect(),
            updates: self.updates.borrow().iter().map(computed).collect(),
            origin: Origin::of(self, true),
            frozen: self.frozen(),
            stale_allowed: false,
        }
    }
}

/// Sums a gradient over the axes along which the input was broadcast.
#[track_caller]
fn unbroadcast<'g>(op: &dyn DynOp, dx: Var<'g>, shape: Shape) -> Var<'g> {
    let from = dx.shape();
    if from == shape {
        return dx;
    }
    let lead = from.len().wrapping_sub(shape.len());
    let fits = from.len() >= shape.len()
        && shape.iter().zip(&from[lead..]).all(|(&to, &from)| to == from || to == 1);
    if !fits {
        panic!(
            "{}: its vjp gives a gradient {from} for an input {shape}; it must have the input's shape, or that of the \
             result if the input was broadcast",
            op.name()
        );
    }
    let axes = (0..from.len()).filter(|&i| i < lead || shape[i - lead] != from[i]).map(|i| i as isize);
    let sum = dx.sum_keepdim(axes.collect::<Vec<_>>());
    if sum.shape() == shape { sum } else { sum.reshape(shape) }
}
