//! What people read when something does not fit, and where it points: all refusals of `Tensor`, with their messages in
//! `messages.txt`.

mod golden;

use golden::{Refusals, assert_complete, public_methods};
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};
use std::path::Path;
use tensor::kernels;
use tensor::{Conv2d, DType, OrPanic, Padding, Pool2d, Rng, Shape, Slice, Tensor, ViewOp, Windows};

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype)
}

fn refusals() -> Refusals {
    let list = &mut Refusals::new(file!());
    creation(list);
    random(list);
    access(list);
    views(list);
    elementwise(list);
    reductions(list);
    products(list);
    choosing(list);
    joining(list);
    std::mem::replace(list, Refusals::new(file!()))
}

fn creation(list: &mut Refusals) {
    refused!(list, Shape as shape: Shape::from([1; 9]));
    refused!(list, Shape as shape: Shape::from([usize::MAX, 2]));
    refused!(list, Shape as shape: Shape::from([0, usize::MAX]));
    refused!(list, Shape as shape: Shape::from([2, 3]).with(2, 1));
    refused!(list, Shape as shape: Shape::from([2, 3]).with(1, usize::MAX));
    refused!(list, Shape as shape: Shape::from([2, 3]).remove(2));
    refused!(list, Shape as shape: Shape::from([2, 3]).insert(3, 1).or_panic());
    refused!(list, zeros as shape: Tensor::zeros([usize::MAX, 2], DType::F32));
    refused!(list, zeros as memory without shape: Tensor::zeros([1 << 50], DType::F32));
    refused!(list, ones as shape: Tensor::ones([1 << 31, 1 << 31], DType::F64));
    refused!(list, full: Tensor::full([2], 0.5, DType::I64));
    refused!(list, full: Tensor::full([2], f64::NAN, DType::I64));
    refused!(list, full: Tensor::full([2], 9_223_372_036_854_775_808.0, DType::I64));
    refused!(list, full: Tensor::full([2], 2.0, DType::Bool));
    refused!(list, eye: Tensor::eye(1 << 40, DType::F32));
    refused!(list, arange without shape: Tensor::arange(0.0, 3.0, 0.0, DType::F32));
    refused!(list, arange without shape: Tensor::arange(0.0, 3.0, -1.0, DType::F32));
    refused!(list, arange without shape: Tensor::arange(0.0, f64::INFINITY, 1.0, DType::F32));
    refused!(list, arange: Tensor::arange(0.0, 1e300, 1.0, DType::F32));
    refused!(list, arange as memory without shape: Tensor::arange(0.0, 1e15, 1.0, DType::F32));
    refused!(list, arange: Tensor::arange(0.0, 3.0, 0.5, DType::I64));
    refused!(list, arange: Tensor::arange(9e18, 9.5e18, 1e17, DType::I64));
    refused!(list, arange: Tensor::arange(0.0, 3.0, 1.0, DType::Bool));
    refused!(list, linspace: Tensor::linspace(0.0, 1.0, usize::MAX, DType::F32));
    refused!(list, linspace: Tensor::linspace(0.0, f64::INFINITY, 3, DType::F32));
    refused!(list, linspace: Tensor::linspace(0.0, 1.0, 3, DType::I64));
    refused!(list, from_vec: Tensor::from_vec(vec![1.0_f32, 2.0, 3.0], [2, 2]).or_panic());
    refused!(list, from_vec: Tensor::from_vec(vec![1.0_f32], [usize::MAX, 2]).or_panic());
    refused!(list, from_slice as from_vec: Tensor::from_slice(&[1_i64, 2, 3], [4]).or_panic());
}

fn random(list: &mut Refusals) {
    let rng = || Rng::new(1);
    refused!(list, uniform: Tensor::uniform([2], 1.0, 1.0, DType::F32, &mut rng()));
    refused!(list, uniform: Tensor::uniform([2], f64::NAN, 1.0, DType::F32, &mut rng()));
    refused!(list, uniform: Tensor::uniform([2], 0.0, f64::INFINITY, DType::F32, &mut rng()));
    refused!(list, uniform: Tensor::uniform([2], 0.0, 1.0, DType::I64, &mut rng()));
    refused!(list, normal: Tensor::normal([2], 0.0, -1.0, DType::F32, &mut rng()));
    refused!(list, normal: Tensor::normal([2], f64::NAN, 1.0, DType::F32, &mut rng()));
    refused!(list, normal: Tensor::normal([2], 0.0, 1.0, DType::Bool, &mut rng()));
    refused!(list, truncated_normal: Tensor::truncated_normal([2], 0.0, -1.0, DType::F32, &mut rng()));
    refused!(list, truncated_normal: Tensor::truncated_normal([2], 0.0, 1.0, DType::I64, &mut rng()));
    refused!(list, bernoulli: Tensor::bernoulli([2], 1.5, DType::F32, &mut rng()));
    refused!(list, bernoulli: Tensor::bernoulli([2], f64::NAN, DType::F32, &mut rng()));
    refused!(list, bernoulli: Tensor::bernoulli([2], 0.5, DType::Bool, &mut rng()));
    refused!(list, permutation: Tensor::permutation(usize::MAX, &mut rng()));
}

fn access(list: &mut Refusals) {
    let x = || zeros(&[2, 3], DType::F32);
    let view = ViewOp::Slice(0, (0..1).into());
    refused!(list, item: x().item());
    refused!(list, item: zeros(&[0], DType::F32).item());
    refused!(list, to_vec: x().to_vec::<f64>());
    refused!(list, as_mut_slice: x().as_mut_slice::<i64>());
    refused!(list, fill: zeros(&[2], DType::I64).fill(0.5));
    refused!(list, assign: x().assign(&view, &zeros(&[2, 3], DType::F32)));
    refused!(list, assign: x().assign(&view, &zeros(&[3], DType::F64)));
    refused!(list, assign as slice: x().assign(&ViewOp::Slice(2, (0..1).into()), &zeros(&[3], DType::F32)));
}

fn views(list: &mut Refusals) {
    let x = zeros(&[2, 3], DType::F32);
    let vector = zeros(&[3], DType::F32);
    let images = zeros(&[1, 4, 4, 1], DType::F32);
    let windows = |kernel, stride, dilation| Windows { kernel, stride, dilation };
    refused!(list, reshape: x.reshape([4]));
    refused!(list, reshape as shape: x.reshape([usize::MAX, 2]));
    refused!(list, flatten: x.flatten(3));
    refused!(list, squeeze: x.squeeze(0));
    refused!(list, squeeze: x.squeeze(-3));
    refused!(list, unsqueeze: x.unsqueeze(3));
    refused!(list, unsqueeze: zeros(&[1; 8], DType::F32).unsqueeze(0));
    refused!(list, permute: x.permute([0]));
    refused!(list, permute: x.permute([0, 0]));
    refused!(list, permute: x.permute([0, 2]));
    refused!(list, transpose: x.transpose(0, 2));
    refused!(list, t: vector.t());
    refused!(list, slice: x.slice(2, ..));
    refused!(list, slice: x.slice(1, 1..4));
    refused!(list, slice: x.slice(1, (2, 1)));
    refused!(list, slice: x.slice(1, -4..));
    refused!(list, slice: x.slice(1, Slice::from(..).step(0)));
    refused!(list, slice: x.slice(1, isize::MIN..isize::MAX));
    refused!(list, slice: x.slice(1, 2_usize..52));
    refused!(list, slice: x.slice(1, ..=3));
    refused!(list, slice: x.slice(1, -4));
    refused!(list, narrow: x.narrow(1, 2, 2));
    refused!(list, narrow: x.narrow(1, usize::MAX, 2));
    refused!(list, narrow: x.narrow(-3, 0, 1));
    refused!(list, flip: x.flip(isize::MIN));
    refused!(list, broadcast_to: x.broadcast_to([3]));
    refused!(list, broadcast_to: x.broadcast_to([2, 4]));
    refused!(list, broadcast_to as shape: x.broadcast_to([usize::MAX, 2, 3]));
    refused!(list, windows: x.windows(windows([1, 1], [1, 1], [1, 1])));
    refused!(list, windows: images.windows(windows([5, 1], [1, 1], [1, 1])));
    refused!(list, windows: images.windows(windows([2, 2], [0, 1], [1, 1])));
    refused!(list, windows: images.windows(windows([1, 3], [1, 1], [1, usize::MAX])));
    refused!(list, split: x.split(1, &[1, 1]));
    refused!(list, split: x.split(1, &[usize::MAX, 4]));
    refused!(list, view as broadcast_to: x.view(&ViewOp::Broadcast([5, 5].into())));
    refused!(list, scatter_view: kernels::scatter_view(&x, &ViewOp::Permute(vec![1, 0]), [2, 3].into()));
    refused!(list, scatter_view: kernels::scatter_view(&zeros(&[2], DType::Bool), &ViewOp::Permute(vec![0]), [2].into()));
}

fn elementwise(list: &mut Refusals) {
    let x = &zeros(&[2, 3], DType::F32);
    let other = &zeros(&[2], DType::F32);
    let integers = &zeros(&[2, 3], DType::I64);
    let truths = &zeros(&[2, 3], DType::Bool);
    let tall = &zeros(&[1], DType::F32).broadcast_to([1 << 40, 1]);
    let wide = &zeros(&[1], DType::F32).broadcast_to([1 << 40]);
    refused!(list, exp: integers.exp());
    refused!(list, exp as memory without shape: wide.broadcast_to([1 << 10, 1 << 40]).exp());
    let vast = &wide.broadcast_to([1 << 10, 1 << 40]);
    refused!(list, copy as memory without shape: vast.copy());
    refused!(list, contiguous as memory without shape: vast.contiguous());
    refused!(list, to as memory without shape: vast.to(DType::F64));
    refused!(list, zeros_like as memory without shape: vast.zeros_like());
    refused!(list, ones_like as memory without shape: vast.ones_like());
    refused!(list, exp_m1: integers.exp_m1());
    refused!(list, ln: integers.ln());
    refused!(list, ln_1p: integers.ln_1p());
    refused!(list, sqrt: integers.sqrt());
    refused!(list, tanh: integers.tanh());
    refused!(list, sigmoid: integers.sigmoid());
    refused!(list, sin: integers.sin());
    refused!(list, cos: integers.cos());
    refused!(list, floor: integers.floor());
    refused!(list, ceil: integers.ceil());
    refused!(list, round: integers.round());
    refused!(list, recip: integers.recip());
    refused!(list, neg: -truths);
    refused!(list, abs: truths.abs());
    refused!(list, sign: truths.sign());
    refused!(list, square: truths.square());
    refused!(list, relu: truths.relu());
    refused!(list, add: x + other);
    refused!(list, add: x + integers);
    refused!(list, add: truths + truths);
    refused!(list, add: integers + 0.5);
    refused!(list, add: tall + wide);
    refused!(list, sub: x - other);
    refused!(list, sub: 1.5 - integers);
    refused!(list, mul: x * other);
    refused!(list, mul: truths * 2.0);
    refused!(list, div: x / other);
    refused!(list, div: integers / &(integers * 2.0));
    refused!(list, div: integers / 0.0);
    refused!(list, add_assign: other.clone().add_assign(x));
    refused!(list, add_assign: zeros(&[3], DType::F32).add_assign(x));
    refused!(list, sub_assign: x.clone().sub_assign(integers));
    refused!(list, mul_assign as mul: truths.clone().mul_assign(truths));
    refused!(list, div_assign as div: integers.clone().div_assign(integers));
    refused!(list, maximum: x.maximum(other));
    refused!(list, maximum: truths.maximum(truths));
    refused!(list, relu_grad: kernels::relu_grad(x, other));
    refused!(list, relu_grad: kernels::relu_grad(truths, truths));
    refused!(list, softplus: integers.softplus());
    refused!(list, silu: integers.silu());
    refused!(list, gelu: integers.gelu());
    refused!(list, powf: integers.powf(2.0));
    refused!(list, tan: integers.tan());
    refused!(list, leaky_relu: integers.leaky_relu(0.1));
    refused!(list, elu: integers.elu(1.0));
    refused!(list, sigmoid_grad: kernels::sigmoid_grad(x, other));
    refused!(list, sigmoid_grad: kernels::sigmoid_grad(integers, integers));
    refused!(list, minimum: x.minimum(other));
    refused!(list, pow: x.pow(other));
    refused!(list, pow: integers.pow(integers));
    refused!(list, equal: x.equal(other));
    refused!(list, equal: x.equal(integers));
    refused!(list, not_equal: x.not_equal(other));
    refused!(list, less: x.less(other));
    refused!(list, less_equal: x.less_equal(other));
    refused!(list, greater: x.greater(other));
    refused!(list, greater_equal: x.greater_equal(other));
    refused!(list, logical_not: x.logical_not());
    refused!(list, logical_and: x.logical_and(x));
    refused!(list, logical_and: truths.logical_and(&zeros(&[2], DType::Bool)));
    refused!(list, logical_or: x.logical_or(x));
    refused!(list, clamp: x.clamp(1.0, 0.0));
    refused!(list, clamp: x.clamp(f64::NAN, 0.0));
    refused!(list, clamp: integers.clamp(0.0, 1.0));
    refused!(list, select: x.select(x, x));
    refused!(list, select: truths.select(x, integers));
    refused!(list, select: truths.select(x, other));
    refused!(list, select: zeros(&[2], DType::Bool).select(x, x));
}

fn reductions(list: &mut Refusals) {
    let x = zeros(&[2, 3], DType::F32);
    let integers = zeros(&[2, 3], DType::I64);
    let truths = zeros(&[2, 3], DType::Bool);
    let empty = zeros(&[2, 0], DType::F32);
    refused!(list, sum: x.sum(2));
    refused!(list, sum: x.sum([0, -2]));
    refused!(list, sum: truths.sum(..));
    refused!(list, sum_keepdim as sum: x.sum_keepdim(2));
    refused!(list, mean: x.mean(-3));
    refused!(list, mean: integers.mean(..));
    refused!(list, mean_keepdim as mean: integers.mean_keepdim(..));
    refused!(list, var: x.var(2, 0));
    refused!(list, var: integers.var(.., 0));
    refused!(list, std: x.std(2, 0));
    refused!(list, std: integers.std(0, 0));
    refused!(list, centred: x.centred(2));
    refused!(list, centred: integers.centred(0));
    refused!(list, max: x.max([1, 1]));
    refused!(list, max: truths.max(..));
    refused!(list, max: empty.max(1));
    refused!(list, max_keepdim as max: empty.max_keepdim(1));
    refused!(list, min: empty.min(..));
    refused!(list, min_keepdim as min: x.min_keepdim(2));
    refused!(list, prod: x.prod(2));
    refused!(list, prod: truths.prod(..));
    refused!(list, prod_keepdim as prod: x.prod_keepdim(2));
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

fn products(list: &mut Refusals) {
    let x = &zeros(&[2, 3], DType::F32);
    let scalar = &zeros(&[], DType::F32);
    let integers = &zeros(&[3, 3], DType::I64);
    let images = &zeros(&[1, 4, 4, 2], DType::F32);
    let kernel = &zeros(&[3, 3, 2, 4], DType::F32);
    let conv = Conv2d::default();
    let groups = |groups| Conv2d { groups, ..conv };
    let padded = |before| Conv2d { padding: Padding::Explicit([[before, 0], [0, 0]]), ..conv };
    let valid = Conv2d { padding: Padding::Valid, ..conv };
    refused!(list, matmul: x.matmul(x));
    refused!(list, matmul: x.matmul(scalar));
    refused!(list, matmul: zeros(&[2, 2, 3], DType::F32).matmul(&zeros(&[3, 3, 1], DType::F32)));
    refused!(list, matmul: x.matmul(&zeros(&[3, 1], DType::F64)));
    refused!(list, matmul: integers.matmul(integers));
    refused!(list, conv2d: x.conv2d(kernel, &conv));
    refused!(list, conv2d: images.conv2d(x, &conv));
    refused!(list, conv2d: images.conv2d(&zeros(&[3, 3, 1, 4], DType::F32), &conv));
    refused!(list, conv2d: images.conv2d(kernel, &groups(0)));
    refused!(list, conv2d: images.conv2d(kernel, &groups(2)));
    refused!(list, conv2d: images.conv2d(kernel, &groups(3)));
    refused!(list, conv2d: images.conv2d(&zeros(&[5, 5, 2, 4], DType::F32), &valid));
    refused!(list, conv2d: images.conv2d(&zeros(&[0, 3, 2, 4], DType::F32), &conv));
    refused!(list, conv2d: images.conv2d(kernel, &Conv2d { stride: [0, 1], ..conv }));
    refused!(list, conv2d: images.conv2d(kernel, &Conv2d { dilation: [1, 0], ..conv }));
    refused!(list, conv2d: images.conv2d(kernel, &Conv2d { dilation: [usize::MAX, 1], ..conv }));
    refused!(list, conv2d: images.conv2d(kernel, &Conv2d { dilation: [usize::MAX, 1], ..valid }));
    refused!(list, conv2d: images.conv2d(kernel, &padded(usize::MAX)));
    refused!(list, conv2d: images.conv2d(kernel, &padded(1 << 61)));
    refused!(list, conv2d: images.conv2d(&kernel.to(DType::F64), &conv));
    refused!(list, conv2d: images.to(DType::I64).conv2d(&kernel.to(DType::I64), &conv));
    refused!(list, conv2d_transpose: images.conv2d_transpose(kernel, [1, 4, 4, 2], &conv));
    refused!(list, conv2d_input_grad: kernels::conv2d_input_grad(images, kernel, [1, 4, 4, 2].into(), &conv));
    refused!(list, conv2d_input_grad: kernels::conv2d_input_grad(images, &kernel.to(DType::F64), images.shape(), &conv));
    refused!(list, conv2d_kernel_grad: kernels::conv2d_kernel_grad(images, images, kernel.shape(), &conv));
    refused!(list, conv2d_kernel_grad: kernels::conv2d_kernel_grad(images, &images.to(DType::F64), kernel.shape(), &conv));
    refused!(list, max_pool2d: x.max_pool2d(&Pool2d::new(2)));
    refused!(list, max_pool2d: images.max_pool2d(&Pool2d::new(0)));
    refused!(list, max_pool2d: images.max_pool2d(&Pool2d::new(5)));
    refused!(list, max_pool2d: images.max_pool2d(&Pool2d { stride: [0, 1], ..Pool2d::new(2) }));
    refused!(list, max_pool2d: images.to(DType::I64).max_pool2d(&Pool2d::new(2)));
    let around = |by: usize| Padding::Explicit([[by, by], [0, 0]]);
    refused!(list, avg_pool2d: images.avg_pool2d(&Pool2d { padding: around(2), ..Pool2d::new(2) }));
    let endless = Pool2d { padding: around(usize::MAX - 1), ..Pool2d::new(usize::MAX) };
    refused!(list, max_pool2d: images.max_pool2d(&endless));
    refused!(list, avg_pool2d: images.avg_pool2d(&endless));
    let vast = Pool2d { padding: Padding::Same, stride: [1, 1], ..Pool2d::new(1 << 40) };
    refused!(list, max_pool2d: images.max_pool2d(&vast));
    refused!(list, avg_pool2d: images.avg_pool2d(&vast));
    refused!(list, avg_pool2d: images.to(DType::I64).avg_pool2d(&Pool2d::new(2)));
    let labels = |label: i64| Tensor::from([0, label]);
    refused!(list, softmax_cross_entropy: x.softmax_cross_entropy(&labels(3)));
    refused!(list, softmax_cross_entropy: x.softmax_cross_entropy(&Tensor::from([0_i64])));
    refused!(list, softmax_cross_entropy: x.softmax_cross_entropy(&Tensor::from([0.0_f32, 1.0])));
    refused!(list, softmax_cross_entropy: integers.softmax_cross_entropy(&Tensor::from([0_i64, 0, 0])));
    refused!(list, softmax_cross_entropy_grad: kernels::softmax_cross_entropy_grad(x, &labels(0), x));
    refused!(list, softmax_cross_entropy_grad: kernels::softmax_cross_entropy_grad(x, &labels(0), &labels(0)));
    refused!(list, softmax: x.softmax(2));
    refused!(list, softmax: integers.softmax(0));
    refused!(list, log_softmax: x.log_softmax(-3));
    refused!(list, log_softmax: integers.log_softmax(0));
    refused!(list, softmax_grad: kernels::softmax_grad(x, &x.t(), &0.into()));
    refused!(list, softmax_grad: kernels::softmax_grad(x, &x.to(DType::I64), &0.into()));
    refused!(list, softmax_centred: kernels::softmax_centred(x, &x.t(), &0.into()));
    refused!(list, softmax_centred: kernels::softmax_centred(x, &x.to(DType::I64), &0.into()));
    refused!(list, log_softmax_grad: kernels::log_softmax_grad(x, &x.t(), 0));
    refused!(list, log_softmax_grad: kernels::log_softmax_grad(x, &x.to(DType::I64), 0));
    refused!(list, logsumexp_grad: kernels::logsumexp_grad(integers, &0.into()));
    let channels = &Tensor::zeros([3], DType::F32);
    refused!(list, batch_norm: x.batch_norm(-1.0));
    refused!(list, batch_norm: x.batch_norm(f64::NAN));
    refused!(list, batch_norm: scalar.batch_norm(1e-5));
    refused!(list, batch_norm: integers.batch_norm(1e-5));
    refused!(list, batch_norm_affine: x.batch_norm_affine(1e-5, Some(&labels(0).to(DType::F32)), None));
    refused!(list, binary_cross_entropy_with_logits: x.binary_cross_entropy_with_logits(scalar));
    refused!(list, binary_cross_entropy_with_logits: integers.binary_cross_entropy_with_logits(integers));
    refused!(list, moments: scalar.moments());
    refused!(list, moments: integers.moments());
    let c = channels;
    refused!(list, normalize: kernels::normalize(x, c, c, c, scalar));
    refused!(list, normalize: kernels::normalize(scalar, scalar, scalar, scalar, scalar));
    refused!(list, normalize: kernels::normalize(x, c, c, c, &c.to(DType::F64)));
    refused!(list, normalize_sums: kernels::normalize_sums(x, c, x, x));
    refused!(list, normalize_sums: kernels::normalize_sums(x, c, c, scalar));
    refused!(list, normalize_grad: kernels::normalize_grad(x, c, c, c, c, scalar));
    refused!(list, normalize_grad: kernels::normalize_grad(x, c, x, c, c, x));
    refused!(list, normalize_grad: kernels::normalize_grad(x, c, c, c, c, &x.to(DType::F64)));
}

fn choosing(list: &mut Refusals) {
    let x = zeros(&[2, 3], DType::F32);
    let index = Tensor::from([[0_i64], [3]]);
    let truths = zeros(&[2, 1], DType::Bool);
    let row = Tensor::from([0_i64, -1]);
    refused!(list, gather: x.gather(2, &index));
    refused!(list, gather: x.gather(0, &index));
    refused!(list, gather: x.gather(1, &index));
    refused!(list, gather: x.gather(1, &truths));
    refused!(list, scatter_add: x.scatter_add(1, &index, 3));
    refused!(list, scatter_add: index.scatter_add(1, &index, 3));
    refused!(list, scatter_add: index.scatter_add(1, &index, usize::MAX));
    refused!(list, scatter_add: truths.scatter_add(1, &zeros(&[2, 1], DType::I64), 3));
    refused!(list, scatter_add: index.scatter_add(1, &truths, 3));
    refused!(list, index_select: x.index_select(2, &row));
    refused!(list, index_select: x.index_select(0, &index));
    refused!(list, index_select: x.index_select(0, &row));
    refused!(list, index_select: x.index_select(0, &zeros(&[2], DType::F32)));
    refused!(list, index_add: x.index_add(1, &row, 5));
    refused!(list, index_add: x.index_add(0, &row, 5));
    refused!(list, index_add: x.index_add(0, &row, usize::MAX));
    refused!(list, index_add: truths.index_add(0, &zeros(&[2], DType::I64), 5));
    refused!(list, one_hot: index.one_hot(3, DType::F32));
    refused!(list, one_hot: x.one_hot(3, DType::F32));
    refused!(list, one_hot: index.one_hot(usize::MAX, DType::F32));
}

fn joining(list: &mut Refusals) {
    let x = &zeros(&[2, 3], DType::F32);
    let other = &zeros(&[2], DType::F32);
    refused!(list, concat without shape: Tensor::concat(&[], 0));
    refused!(list, concat: Tensor::concat(&[x, x], 2));
    refused!(list, concat: Tensor::concat(&[x, other], 0));
    refused!(list, concat: Tensor::concat(&[x, &zeros(&[3, 4], DType::F32)], 0));
    refused!(list, concat: Tensor::concat(&[x, &x.to(DType::F64)], 0));
    let wide = &other.narrow(0, 0, 1).broadcast_to([1 << 59]);
    refused!(list, concat: Tensor::concat(&[wide, wide, wide], 0));
    refused!(list, stack without shape: Tensor::stack(&[], 0));
    refused!(list, stack: Tensor::stack(&[x, other], 0));
    refused!(list, stack: Tensor::stack(&[x, x], 4));
    refused!(list, stack: Tensor::stack(&[x, &x.to(DType::F64)], 0));
    refused!(list, pad: x.pad(&[[0, 1]], 0.0));
    refused!(list, pad: x.pad(&[[0, usize::MAX], [0, 0]], 0.0));
    refused!(list, pad: x.to(DType::I64).pad(&[[0, 1], [0, 0]], 0.5));
}

#[test]
fn every_refusal_says_what_is_wrong_at_the_line_of_the_caller() {
    refusals().compare(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt")));
}

#[test]
fn every_method_has_a_case() {
    let methods = public_methods(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), "Tensor");
    assert!(
        methods.len() > 90 && methods.contains("logsumexp_keepdim"),
        "the source was not read: {methods:?}"
    );
    assert_complete(
        &methods,
        &refusals().names(),
        &[
            (
                "they say what the tensor is",
                &["shape", "spec", "rank", "numel", "dtype", "layout", "shares_buffer", "buffer_id"],
            ),
            ("None if the type or the layout is another", &["as_slice"]),
        ],
    );
}
