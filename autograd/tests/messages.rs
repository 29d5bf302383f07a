//! What people read when something does not fit, and where it points: all refusals of `Var` and `Graph`, with their
//! messages in `messages.txt`.

#[path = "../../tensor/tests/golden/mod.rs"]
mod golden;
#[path = "methods/same_operations.rs"]
mod same_operations;

use autograd::{
    Conv2d, DType, Graph, Op, Padding, Param, Pool2d, ShapeError, Slice, Spec, Tensor, Var, Windows, rules,
};
use golden::{Refusals, assert_complete, public_methods};
use std::path::Path;

/// Inputs of most cases.
struct Inputs<'g> {
    graph: &'g Graph,
    /// `f32 [2, 3]`.
    x: Var<'g>,
    /// `f32 [2]`, which does not broadcast with `x`.
    vector: Var<'g>,
    /// `i64 [2, 3]`.
    integers: Var<'g>,
    /// `bool [2, 3]`.
    truths: Var<'g>,
    /// `f32 [1, 4, 4, 2]`.
    images: Var<'g>,
}

impl<'g> Inputs<'g> {
    fn new(graph: &'g Graph) -> Inputs<'g> {
        let zeros = |shape: &[usize], dtype| graph.input(Tensor::zeros(shape, dtype));
        Inputs {
            graph,
            x: zeros(&[2, 3], DType::F32),
            vector: zeros(&[2], DType::F32),
            integers: zeros(&[2, 3], DType::I64),
            truths: zeros(&[2, 3], DType::Bool),
            images: zeros(&[1, 4, 4, 2], DType::F32),
        }
    }

    fn zeros(&self, shape: &[usize], dtype: DType) -> Var<'g> {
        self.graph.input(Tensor::zeros(shape, dtype))
    }
}

fn refusals() -> Refusals {
    let mut list = Refusals::new(file!());
    let (graph, other) = (Graph::training(0, 0), Graph::training(0, 0));
    let inputs = &Inputs::new(&graph);
    graphs(&mut list, inputs, &other);
    params(&mut list);
    one_operand(&mut list, inputs);
    several_operands(&mut list, inputs);
    reductions(&mut list, inputs);
    layouts(&mut list, inputs);
    indices(&mut list, inputs);
    images(&mut list, inputs);
    list
}

/// Its shape rule, its value and its gradient can each be wrong.
struct Faulty;

impl Op<2> for Faulty {
    fn infer(&self, [a, b]: [Spec; 2]) -> Result<Spec, ShapeError> {
        if a.shape.len() != b.shape.len() {
            let rule = format!("{} and {} have different ranks", a.shape, b.shape);
            return Err(ShapeError::new("faulty", rule));
        }
        rules::same_dtype("faulty", &[a, b])?;
        Ok(a)
    }
    fn forward(&self, [a, _]: [&Tensor; 2]) -> Tensor {
        a.clone()
    }
    fn vjp<'g>(&self, _: [Var<'g>; 2], _: Var<'g>, dy: Var<'g>, _: [bool; 2]) -> [Option<Var<'g>>; 2] {
        [Some(dy.sum(..).reshape([1, 1, 1])), None]
    }
}

/// It has a gradient, so it says, and no rule for it.
struct Ruleless;

impl Op<1> for Ruleless {
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x)
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.clone()
    }
}

/// Its value is not what its rule says.
struct Wrong;

impl Op<1> for Wrong {
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x)
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.sum(0)
    }
}

fn graphs<'g>(list: &mut Refusals, inputs: &Inputs<'g>, other: &'g Graph) {
    let &Inputs { graph, x, vector, integers, truths, .. } = inputs;
    let stranger = other.input(Tensor::zeros([2, 3], DType::F32));
    refused!(list, apply as Add: x + stranger);
    refused!(list, apply as Concat: Var::concat(&[x, stranger], 0));
    refused!(list, apply as faulty: graph.apply(Faulty, [x, vector]));
    refused!(list, apply as faulty: graph.apply(Faulty, [x, integers]));
    refused!(list, apply as Wrong: graph.apply(Wrong, [x]));
    refused!(list, item: x.item());
    refused!(list, grad: graph.grad(x, [x]));
    refused!(list, compile: Graph::inference().compile(&[x]));
    let two_losses = Graph::training(0, 0);
    let loss = two_losses.input(Tensor::from(1.0_f32));
    let _ = [loss, loss.square(), loss].map(Var::backward);
    refused!(list, compile without shape: two_losses.compile(&[loss]));
    refused!(list, grad: graph.grad(integers.sum(..), [x]));
    refused!(list, grad: graph.grad(x.sum(..), [integers]));
    refused!(list, grad: graph.grad(stranger.sum(..), [x]));
    refused!(list, grad: graph.grad(x.sum(..), [stranger]));
    refused!(list, grad as Faulty: graph.grad(graph.apply(Faulty, [x, x]).sum(..), [x]));
    refused!(list, grad as Ruleless: graph.grad(x.apply(Ruleless).sum(..), [x]));
    refused!(list, grad_with as grad: graph.grad_with(x, vector, &[x]));
    refused!(list, grad_with as grad: graph.grad_with(x, integers, &[x]));
    refused!(list, grad_with as grad: graph.grad_with(x, stranger, &[x]));
    refused!(list, grad_with as grad: graph.grad_with(truths, truths, &[truths]));
    refused!(list, backward: x.backward());
    refused!(list, backward: x.argmax(0).sum(..).backward());
    refused!(list, update: graph.update(&Param::buffer(Tensor::from([1.0_f32, 2.0])), x));
    refused!(list, update: graph.update(&Param::buffer(Tensor::from([1.0_f64, 2.0])), vector));
    refused!(list, update: graph.update(&Param::buffer(Tensor::zeros([2, 3], DType::F32)), stranger));
    refused!(list, bernoulli: graph.bernoulli([2], 1.5, DType::F32));
    refused!(list, bernoulli: graph.bernoulli([2], f64::NAN, DType::F32));
    refused!(list, bernoulli: graph.bernoulli([2], 0.5, DType::I64));
    refused!(list, bernoulli as shape: graph.bernoulli([usize::MAX, 2], 0.5, DType::F32));
}

fn params(list: &mut Refusals) {
    let weight = || Param::new(Tensor::from([1.0_f32, 2.0]));
    let state = || Param::buffer(Tensor::from([1_i64]));
    refused!(list, param: Param::new(Tensor::from([1_i64, 2])));
    refused!(list, param: weight().set(Tensor::from([1.0_f32])));
    refused!(list, param: state().set(Tensor::from([1.0_f32])));
    refused!(list, set_requires_grad without shape: state().set_requires_grad(true));
}

fn one_operand(list: &mut Refusals, inputs: &Inputs) {
    let &Inputs { x, integers, truths, .. } = inputs;
    refused!(list, neg: -truths);
    refused!(list, abs: truths.abs());
    refused!(list, square: truths.square());
    refused!(list, sqrt: integers.sqrt());
    refused!(list, recip: integers.recip());
    refused!(list, exp: integers.exp());
    let vast = inputs.zeros(&[1], DType::F32).broadcast_to([1 << 50]);
    refused!(list, exp as memory without shape: vast.exp());
    refused!(list, to as memory without shape: vast.to(DType::F64));
    refused!(list, zeros_like as memory without shape: vast.zeros_like());
    refused!(list, ones_like as memory without shape: vast.ones_like());
    refused!(list, exp_m1: integers.exp_m1());
    refused!(list, ln: integers.ln());
    refused!(list, ln_1p: integers.ln_1p());
    refused!(list, sin: integers.sin());
    refused!(list, cos: integers.cos());
    refused!(list, tan: integers.tan());
    refused!(list, tanh: integers.tanh());
    refused!(list, sigmoid: integers.sigmoid());
    refused!(list, relu: truths.relu());
    refused!(list, sign: truths.sign());
    refused!(list, floor: integers.floor());
    refused!(list, ceil: integers.ceil());
    refused!(list, round: integers.round());
    refused!(list, logical_not: x.logical_not());
    refused!(list, clamp: x.clamp(1.0, 0.0));
    refused!(list, clamp: x.clamp(0.0, f64::NAN));
    refused!(list, clamp: integers.clamp(0.0, 1.0));
    refused!(list, powf: integers.powf(2.0));
    refused!(list, leaky_relu: integers.leaky_relu(2.0));
    refused!(list, softplus: integers.softplus());
    refused!(list, silu: integers.silu());
    refused!(list, gelu: integers.gelu());
    refused!(list, elu: integers.elu(1.0));
    refused!(list, softmax: integers.softmax(0));
    refused!(list, softmax: x.softmax(2));
    refused!(list, log_softmax: integers.log_softmax(0));
    refused!(list, log_softmax: x.log_softmax(-3));
    refused!(list, batch_norm: integers.batch_norm(0.1));
    refused!(list, batch_norm: x.sum(..).batch_norm(0.1));
    refused!(list, batch_norm: x.batch_norm(-0.1));
    refused!(list, batch_norm_affine as batch_norm: x.batch_norm_affine(-0.1, None, None));
    refused!(list, batch_norm_affine as batch_norm: x.batch_norm_affine(0.1, Some(x), None));
    refused!(list, moments: x.sum(..).moments());
    refused!(list, moments: integers.moments());
    let label = |label: i64| x.graph().input(Tensor::from([label, 0]));
    refused!(list, softmax_cross_entropy: x.softmax_cross_entropy(label(-1)));
    refused!(list, softmax_cross_entropy: x.softmax_cross_entropy(x));
    refused!(list, softmax_cross_entropy: x.softmax_cross_entropy(x.sum(1)));
    refused!(list, binary_cross_entropy_with_logits: x.binary_cross_entropy_with_logits(x.sum(1)));
    refused!(list, binary_cross_entropy_with_logits: x.binary_cross_entropy_with_logits(x.to(DType::F64)));
    refused!(list, binary_cross_entropy_with_logits: integers.binary_cross_entropy_with_logits(integers));
    refused!(list, full: integers.full([2], 0.5));
    refused!(list, full as shape: x.full([usize::MAX, 2], 0.5));
}

fn several_operands(list: &mut Refusals, inputs: &Inputs) {
    let &Inputs { x, vector, integers, truths, .. } = inputs;
    refused!(list, add: x + vector);
    refused!(list, add: x + integers);
    refused!(list, add: truths + truths);
    refused!(list, add: integers + 0.5);
    refused!(list, sub: x - vector);
    refused!(list, sub: 0.5 - integers);
    refused!(list, mul: x * vector);
    refused!(list, mul: truths * 2.0);
    refused!(list, div: x / vector);
    refused!(list, div: integers / (integers * 2.0));
    refused!(list, pow: x.pow(vector));
    refused!(list, pow: integers.pow(integers));
    refused!(list, maximum: x.maximum(vector));
    refused!(list, maximum: truths.maximum(truths));
    refused!(list, minimum: x.minimum(vector));
    refused!(list, equal: x.equal(vector));
    refused!(list, equal: x.equal(integers));
    refused!(list, not_equal: x.not_equal(vector));
    refused!(list, less: x.less(vector));
    refused!(list, less_equal: x.less_equal(vector));
    refused!(list, greater: x.greater(vector));
    refused!(list, greater_equal: x.greater_equal(vector));
    refused!(list, logical_and: truths.logical_and(inputs.zeros(&[2], DType::Bool)));
    refused!(list, logical_and: x.logical_and(x));
    refused!(list, logical_or: integers.logical_or(integers));
    refused!(list, select: x.select(x, x));
    refused!(list, select: truths.select(x, integers));
    refused!(list, select: truths.select(x, vector));
    refused!(list, matmul: x.matmul(x));
    refused!(list, matmul: x.matmul(vector));
    refused!(list, matmul: x.matmul(x.sum(..)));
    refused!(list, matmul: x.matmul(inputs.zeros(&[3, 1], DType::F64)));
    refused!(list, matmul: inputs.zeros(&[2, 2, 3], DType::F32).matmul(inputs.zeros(&[3, 3, 1], DType::F32)));
    refused!(list, matmul: integers.matmul(integers.t()));
}

fn reductions(list: &mut Refusals, inputs: &Inputs) {
    let &Inputs { x, integers, truths, .. } = inputs;
    let empty = inputs.zeros(&[2, 0], DType::F32);
    refused!(list, sum: x.sum(2));
    refused!(list, sum: x.sum([0, -2]));
    refused!(list, sum: truths.sum(..));
    refused!(list, sum_keepdim as sum: x.sum_keepdim(-3));
    refused!(list, mean: x.mean(2));
    refused!(list, mean: integers.mean(..));
    refused!(list, mean_keepdim as mean: integers.mean_keepdim(..));
    refused!(list, var: x.var(2, 0));
    refused!(list, var: integers.var(.., 0));
    refused!(list, std: x.std(2, 0));
    refused!(list, std: integers.std(0, 0));
    refused!(list, centred: x.centred(2));
    refused!(list, centred: integers.centred(0));
    refused!(list, prod: x.prod(2));
    refused!(list, prod: truths.prod(..));
    refused!(list, prod_keepdim as prod: x.prod_keepdim([1, 1]));
    refused!(list, max: x.max(2));
    refused!(list, max: truths.max(..));
    refused!(list, max: empty.max(1));
    refused!(list, max_keepdim as max: empty.max_keepdim(..));
    refused!(list, min: empty.min(-1));
    refused!(list, min_keepdim as min: x.min_keepdim(2));
    refused!(list, logsumexp: x.logsumexp(2));
    refused!(list, logsumexp: integers.logsumexp(..));
    refused!(list, logsumexp_keepdim as logsumexp: integers.logsumexp_keepdim(..));
    refused!(list, argmax: x.argmax(2));
    refused!(list, argmax: empty.argmax(1));
    refused!(list, argmax: x.argmax([0, -2]));
    refused!(list, argmin: empty.argmin(..));
    refused!(list, any: truths.any(2));
    refused!(list, any: x.any(..));
    refused!(list, all: truths.all([0, 0]));
    refused!(list, all: x.all(..));
}

fn layouts(list: &mut Refusals, inputs: &Inputs) {
    let &Inputs { x, vector, integers, images, .. } = inputs;
    let windows = |kernel, stride, dilation| Windows { kernel, stride, dilation };
    refused!(list, reshape: x.reshape([4]));
    refused!(list, reshape as shape: x.reshape([usize::MAX, 2]));
    refused!(list, flatten: x.flatten(3));
    refused!(list, squeeze: x.squeeze(0));
    refused!(list, unsqueeze: x.unsqueeze(-4));
    refused!(list, permute: x.permute([0]));
    refused!(list, permute: x.permute([1, 1]));
    refused!(list, transpose: x.transpose(0, 2));
    refused!(list, t: vector.t());
    refused!(list, slice: x.slice(2, ..));
    refused!(list, slice: x.slice(1, 1..4));
    refused!(list, slice: x.slice(1, Slice::from(..).step(0)));
    refused!(list, narrow: x.narrow(1, 2, 2));
    refused!(list, flip: x.flip(2));
    refused!(list, broadcast_to: x.broadcast_to([3]));
    refused!(list, broadcast_to: x.broadcast_to([2, 4]));
    refused!(list, windows: x.windows(windows([1, 1], [1, 1], [1, 1])));
    refused!(list, windows: images.windows(windows([5, 1], [1, 1], [1, 1])));
    refused!(list, windows: images.windows(windows([1, 1], [0, 1], [1, 1])));
    refused!(list, split: x.split(1, &[1, 1]));
    refused!(list, split: x.split(2, &[1, 1]));
    refused!(list, concat without shape: Var::concat(&[], 0));
    refused!(list, concat: Var::concat(&[x, x], 2));
    refused!(list, concat: Var::concat(&[x, vector], 0));
    refused!(list, concat: Var::concat(&[x, x.t()], 0));
    refused!(list, concat: Var::concat(&[x, integers], 0));
    refused!(list, stack without shape: Var::stack(&[], 0));
    refused!(list, stack: Var::stack(&[x, vector], 0));
    refused!(list, stack: Var::stack(&[x, x], 4));
    refused!(list, stack: Var::stack(&[x, integers], 0));
    refused!(list, pad: x.pad(&[[0, 1]], 0.0));
    refused!(list, pad: x.pad(&[[0, usize::MAX], [0, 0]], 0.0));
    refused!(list, pad: integers.pad(&[[0, 1], [0, 0]], 0.5));
}

fn indices(list: &mut Refusals, inputs: &Inputs) {
    let &Inputs { graph, x, vector, integers, .. } = inputs;
    let index = graph.input(Tensor::from([[0_i64], [3]]));
    let row = graph.input(Tensor::from([0_i64, -1]));
    refused!(list, gather: x.gather(2, index));
    refused!(list, gather: x.gather(0, index));
    refused!(list, gather: x.gather(1, index));
    refused!(list, gather: x.gather(1, x));
    refused!(list, scatter_add: x.scatter_add(1, index, 3));
    refused!(list, scatter_add: index.scatter_add(1, index, 3));
    refused!(list, scatter_add: index.scatter_add(1, index, usize::MAX));
    refused!(list, scatter_add: x.scatter_add(1, x, 3));
    refused!(list, index_select: x.index_select(2, row));
    refused!(list, index_select: x.index_select(0, index));
    refused!(list, index_select: x.index_select(0, row));
    refused!(list, index_select: x.index_select(0, vector));
    refused!(list, index_add: x.index_add(1, row, 5));
    refused!(list, index_add: x.index_add(0, row, 5));
    refused!(list, index_add: x.index_add(0, row, usize::MAX));
    refused!(list, one_hot: index.one_hot(3, DType::F32));
    refused!(list, one_hot: x.one_hot(3, DType::F32));
    refused!(list, one_hot: integers.one_hot(usize::MAX, DType::F32));
}

fn images(list: &mut Refusals, inputs: &Inputs) {
    let &Inputs { x, images, .. } = inputs;
    let kernel = inputs.zeros(&[3, 3, 2, 4], DType::F32);
    let large = inputs.zeros(&[5, 5, 2, 4], DType::F32);
    let conv = Conv2d::default();
    let valid = Conv2d { padding: Padding::Valid, ..conv };
    let (doubles, integers) = (DType::F64, DType::I64);
    refused!(list, conv2d: x.conv2d(kernel, conv));
    refused!(list, conv2d: images.conv2d(x, conv));
    refused!(list, conv2d: images.conv2d(kernel, Conv2d { groups: 2, ..conv }));
    refused!(list, conv2d: images.conv2d(large, valid));
    refused!(list, conv2d: images.conv2d(kernel, Conv2d { stride: [0, 1], ..conv }));
    refused!(list, conv2d: images.conv2d(kernel.to(doubles), conv));
    refused!(list, conv2d: images.to(integers).conv2d(kernel.to(integers), conv));
    refused!(list, conv2d_transpose: images.conv2d_transpose(kernel, [1, 4, 4, 2], conv));
    refused!(list, conv2d_transpose: images.conv2d_transpose(x, [1, 4, 4, 2], conv));
    let outputs = inputs.zeros(&[1, 4, 4, 4], DType::F32);
    refused!(list, conv2d_transpose: outputs.conv2d_transpose(kernel.to(doubles), [1, 4, 4, 2], conv));
    refused!(list, max_pool2d: x.max_pool2d(Pool2d::new(2)));
    refused!(list, max_pool2d: images.max_pool2d(Pool2d::new(0)));
    refused!(list, max_pool2d: images.max_pool2d(Pool2d::new(5)));
    refused!(list, max_pool2d: images.to(integers).max_pool2d(Pool2d::new(2)));
    let around = Padding::Explicit([[2, 0], [0, 0]]);
    refused!(list, avg_pool2d: images.avg_pool2d(Pool2d { padding: around, ..Pool2d::new(2) }));
    let vast = Pool2d { padding: Padding::Same, stride: [1, 1], ..Pool2d::new(1 << 40) };
    refused!(list, max_pool2d: images.max_pool2d(vast));
    refused!(list, avg_pool2d: images.to(integers).avg_pool2d(Pool2d::new(2)));
}

#[test]
fn every_refusal_says_what_is_wrong_at_the_line_of_the_caller() {
    refusals().compare(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt")));
}

#[test]
fn every_method_has_a_case() {
    let cases = refusals().names();
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let methods = public_methods(src, "Var");
    assert!(
        methods.len() > 80 && methods.contains("logsumexp_keepdim"),
        "the source was not read: {methods:?}"
    );
    assert_complete(
        &methods,
        &cases,
        &[
            (
                "they say what the variable is",
                &["graph", "index", "value", "shape", "spec", "rank", "numel", "dtype"],
            ),
            ("any variable has the value", &["detach"]),
            ("as `backward`", &["backward_with"]),
        ],
    );
    assert_complete(
        &public_methods(src, "Graph"),
        &cases,
        &[
            ("any value can be part of a graph", &["input", "constant"]),
            (
                "they say what the graph is",
                &["mode", "is_training", "len", "is_empty", "nodes", "module_outputs", "to_dot"],
            ),
            ("they start a graph", &["training", "inference", "allow_step"]),
            (
                "tests of their own have what they find",
                &["debug_nans", "debug_infs", "note_nans", "first_nan"],
            ),
            ("any part of a model has a name", &["scope", "scope_at", "layer_path"]),
            ("any model has names", &["name_params"]),
            (
                "as `apply`, which has cases; concat and moments go through them",
                &["apply_dyn", "apply_multi"],
            ),
        ],
    );
}
