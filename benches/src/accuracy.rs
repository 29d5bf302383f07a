//! The functions whose rounding errors are compared and bounded, with the inputs.

use autograd::{Graph, Var};
use nn::loss::{self, Reduction};
use tensor::{DType, Rng, Tensor};

/// A function of rows of numbers, and how far from the exact numbers it may be.
pub struct Function {
    /// Its name, also in `peers/accuracy.py`.
    pub name: &'static str,
    /// Whether it is for positive numbers only.
    pub positive: bool,
    /// The function.
    pub f: for<'g> fn(Var<'g>) -> Var<'g>,
    /// The largest errors of value, gradient and second gradient that the documentation allows, in eps of the largest number
    /// of the row, and of logarithms at least of 1.
    pub bounds: [f64; 3],
    /// Whether the size of the value is that of what it is the logarithm of.
    pub logarithm: bool,
    /// Whether a mean is taken away that is itself rounded: its last digit is so much larger than that of the result as the
    /// largest number is larger than the deviation, and errors are in units of that. Not beyond numbers whose variance has none.
    pub normalises: bool,
}

/// The middle of the inputs.
pub const OFFSETS: [f64; 4] = [0.0, 300.0, 1e4, 1e7];
/// Their distance from it.
pub const SCALES: [f64; 5] = [1e-30, 1e-3, 1.0, 30.0, 1e30];
/// Of batch and layer normalisation.
const EPS: f64 = 1e-5;

const fn function(name: &'static str, bounds: [f64; 3], f: for<'g> fn(Var<'g>) -> Var<'g>) -> Function {
    Function { name, positive: false, f, bounds, logarithm: false, normalises: false }
}

const fn logarithm(name: &'static str, bounds: [f64; 3], f: for<'g> fn(Var<'g>) -> Var<'g>) -> Function {
    Function { logarithm: true, ..function(name, bounds, f) }
}

const fn of_positive(name: &'static str, bounds: [f64; 3], f: for<'g> fn(Var<'g>) -> Var<'g>) -> Function {
    Function { positive: true, ..function(name, bounds, f) }
}

const fn norm(name: &'static str, bounds: [f64; 3], f: for<'g> fn(Var<'g>) -> Var<'g>) -> Function {
    Function { normalises: true, ..function(name, bounds, f) }
}

/// All of them.
pub const FUNCTIONS: [Function; 28] = [
    function("softmax", [2.0, 2.0, 4.0], |x| x.softmax(-1)),
    logarithm("log_softmax", [1.0, 2.0, 3.0], |x| x.log_softmax(-1)),
    logarithm("logsumexp", [1.0, 2.0, 3.0], |x| x.logsumexp_keepdim(-1)),
    logarithm("cross_entropy", [1.0, 2.0, 3.0], |x| {
        let classes = x.shape()[1];
        let labels: Vec<i64> = (0..x.shape()[0]).map(|i| (i % classes) as i64).collect();
        let labels = x.graph().input(labels);
        loss::softmax_cross_entropy_with(x, labels, Reduction::None).unsqueeze(-1)
    }),
    logarithm("cross_entropy_shares", [2.0, 2.0, 3.0], |x| {
        let mut shares: Vec<f64> = (1..x.shape()[1]).map(|j| ((j - 1) % 4 + 1) as f64 / 16.0).collect();
        shares.push(1.0 - shares.iter().sum::<f64>());
        loss::softmax_cross_entropy_with(x, like(x, shares), Reduction::None).unsqueeze(-1)
    }),
    function("var", [2.0, 2.0, 2.0], |x| x.var(-1, 0).unsqueeze(-1)),
    function("var_unbiased", [2.0, 2.0, 2.0], |x| x.var(-1, 1).unsqueeze(-1)),
    function("std", [1.0, 3.0, 5.0], |x| x.std(-1, 0).unsqueeze(-1)),
    norm("layer_norm", [2.0, 4.0, 6.0], |x| x.centred(-1) / (x.var(-1, 0).unsqueeze(-1) + EPS).sqrt()),
    norm("batch_norm", [4.0, 4.0, 12.0], |x| x.t().batch_norm(EPS).t()),
    function("mse", [2.0, 2.0, 2.0], |x| loss::mse_with(x, targets(x), Reduction::None)),
    function("binary_cross_entropy", [2.0, 4.0, 4.0], |x| {
        loss::binary_cross_entropy_with_logits_with(x, targets(x), Reduction::None)
    }),
    function("sigmoid", [2.0, 4.0, 4.0], |x| x.sigmoid()),
    function("tanh", [2.0, 4.0, 4.0], |x| x.tanh()),
    function("softplus", [2.0, 4.0, 4.0], |x| x.softplus()),
    function("gelu", [8.0, 10.0, 250.0], |x| x.gelu()),
    function("silu", [2.0, 4.0, 6.0], |x| x.silu()),
    function("elu", [1.0, 2.0, 3.0], |x| x.elu(1.0)),
    function("exp", [1.0, 2.0, 3.0], |x| x.exp()),
    function("exp_m1", [1.0, 2.0, 3.0], |x| x.exp_m1()),
    of_positive("ln", [1.0, 2.0, 3.0], |x| x.ln()),
    of_positive("ln_1p", [1.0, 2.0, 3.0], |x| x.ln_1p()),
    of_positive("sqrt", [1.0, 2.0, 3.0], |x| x.sqrt()),
    function("recip", [1.0, 2.0, 3.0], |x| x.recip()),
    function("sin", [1.0, 2.0, 3.0], |x| x.sin()),
    function("cos", [1.0, 2.0, 3.0], |x| x.cos()),
    function("tan", [2.0, 4.0, 8.0], |x| x.tan()),
    of_positive("powf", [1.0, 3.0, 4.0], |x| x.powf(2.5)),
];

/// A row repeated to the shape of `x`.
fn like(x: Var<'_>, row: Vec<f64>) -> Var<'_> {
    x.graph().input(Tensor::from(row).to(x.dtype()).broadcast_to(x.shape()))
}

/// Numbers from 0 to 1.
fn targets(x: Var<'_>) -> Var<'_> {
    like(x, (0..x.shape()[1]).map(|j| (j % 5) as f64 / 4.0).collect())
}

/// The cotangents of the exact numbers in `tests/accuracy.txt`, which have rows of four.
pub fn cotangent(i: u64, shape: &[usize]) -> Tensor {
    let row = [[0.5, -1.25, 0.75, 1.5], [-0.75, 1.0, 0.25, -1.5]][i as usize];
    Tensor::from(row).unsqueeze(0).slice(1, ..shape[1])
}

impl Function {
    /// Inputs `[rows, n]` of this type around `offset`.
    pub fn inputs(
        &self,
        shape: [usize; 2],
        dtype: DType,
        [offset, scale]: [f64; 2],
        rng: &mut Rng,
    ) -> Tensor {
        let x = Tensor::normal(shape, 0.0, 1.0, DType::F32, rng).to(DType::F64) * scale + offset;
        if self.positive { x.abs() } else { x }.to(dtype)
    }

    /// Value, gradient of `Σ dy · value`, and gradient of `Σ v · gradient`, where `dy` is `cotangent(0, shape of the value)` and `v`
    /// `cotangent(1, shape of x)`.
    pub fn orders(&self, x: &Tensor, cotangent: impl Fn(u64, &[usize]) -> Tensor) -> [Tensor; 3] {
        let graph = Graph::inference();
        let var = graph.input(x.clone());
        let cotangent = |i, of: Var<'_>| graph.constant(cotangent(i, &of.shape()).to(x.dtype()));
        let y = (self.f)(var);
        let gradient = graph.grad_with(y, cotangent(0, y), &[var])[0];
        let second = graph.grad_with(gradient, cotangent(1, gradient), &[var])[0];
        [y, gradient, second].map(Var::value)
    }
}
