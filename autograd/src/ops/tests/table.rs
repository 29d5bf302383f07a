//! The table of all differentiable operations, and the tests that every row of it passes.

use super::public::public_operations;
use crate::gradcheck::{Check, Form, in_odd_layout};
use crate::{Graph, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tensor::{DType, Rng, Tensor};

type Function = Box<dyn for<'g> Fn(&'g Graph, &[Var<'g>]) -> Var<'g>>;

/// A function of a number.
type Scalar = fn(f64) -> f64;

/// What an operation makes of inputs whose first axis is empty.
#[derive(Clone, Copy, PartialEq)]
enum Empty {
    Fine,
    Nan,
    Refused,
}

/// A row of the table: an operation with attributes and inputs.
pub(crate) struct Case {
    name: &'static str,
    inputs: Vec<Tensor>,
    f: Function,
    /// Whether axis 0 of an input may have any size.
    batch: Vec<bool>,
    empty: Empty,
    /// Value and derivative, of a function of single elements.
    reference: Option<[Scalar; 2]>,
}

impl Case {
    pub(crate) fn new<const N: usize>(
        name: &'static str,
        inputs: [Tensor; N],
        f: impl for<'g> Fn(&'g Graph, &[Var<'g>]) -> Var<'g> + 'static,
    ) -> Case {
        let top = inputs.iter().map(Tensor::rank).max().unwrap_or(0);
        let batch = inputs.iter().map(|x| x.rank() == top && top > 0).collect();
        Case { name, inputs: inputs.to_vec(), f: Box::new(f), batch, empty: Empty::Fine, reference: None }
    }

    pub(crate) fn normal(shape: &[usize], seed: u64) -> Tensor {
        Tensor::normal(shape, 0.0, 1.0, DType::F64, &mut Rng::new(seed))
    }

    /// From 0.5 to 2.
    pub(crate) fn positive(shape: &[usize], seed: u64) -> Tensor {
        Tensor::uniform(shape, 0.5, 2.0, DType::F64, &mut Rng::new(seed))
    }

    /// Both signs, at least 0.2 from zero, where many functions have a kink.
    pub(crate) fn away_from_zero(shape: &[usize], seed: u64) -> Tensor {
        let x = Case::normal(shape, seed);
        x.sign() * 0.2 + x
    }

    pub(crate) fn with_zeros(shape: &[usize], seed: u64) -> Tensor {
        let rng = &mut Rng::new(seed);
        Case::normal(shape, seed) * Tensor::bernoulli(shape, 0.6, DType::F64, rng)
    }

    /// Element by element the same as this function of a number, which has this derivative.
    pub(crate) fn like(self, f: Scalar, derivative: Scalar) -> Case {
        Case { reference: Some([f, derivative]), ..self }
    }

    pub(crate) fn batch<const N: usize>(self, batch: [bool; N]) -> Case {
        Case { batch: batch.to_vec(), ..self }
    }

    pub(crate) fn empty_is_fine(self) -> Case {
        self
    }

    pub(crate) fn empty_gives_nan(self) -> Case {
        Case { empty: Empty::Nan, ..self }
    }

    pub(crate) fn empty_is_refused(self) -> Case {
        Case { empty: Empty::Refused, ..self }
    }

    /// The value, and the gradients for an incoming gradient that `seed` draws.
    fn run(&self, inputs: &[Tensor], odd_incoming: bool) -> (Tensor, Vec<Tensor>) {
        let graph = Graph::training(0, 0);
        let x: Vec<_> = inputs.iter().map(|x| graph.input(x.clone())).collect();
        let y = (self.f)(&graph, &x);
        let dy = Tensor::normal(y.shape(), 0.0, 1.0, DType::F64, &mut Rng::new(9)).to(y.dtype());
        let dy = if odd_incoming { in_odd_layout(&dy) } else { dy };
        let wrt: Vec<_> = x.iter().copied().filter(|x| x.dtype().is_float()).collect();
        let grads = graph.grad_with(y, graph.constant(dy), &wrt);
        (y.value(), grads.iter().map(|g| g.value()).collect())
    }
}

/// Public operations that are not in the table, and why.
const ABSENT: [(&str, &[&str]); 4] = [
    (
        "no gradient by nature; `without_a_gradient` tests them",
        &[
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "logical_and",
            "logical_or",
            "logical_not",
            "argmax",
            "argmin",
            "any",
            "all",
            "one_hot",
            "sign",
            "floor",
            "ceil",
            "round",
            "detach",
        ],
    ),
    ("random numbers have no gradient; its example draws them", &["bernoulli"]),
    ("constants of the shape of a variable", &["zeros_like", "ones_like", "full"]),
    (
        "not operations",
        &[
            "graph",
            "index",
            "value",
            "shape",
            "spec",
            "rank",
            "numel",
            "dtype",
            "item",
            "apply",
            "backward",
            "backward_with",
        ],
    ),
];

fn table() -> Vec<Case> {
    let tables = [
        crate::ops::arithmetic::cases(),
        crate::ops::conv2d::cases(),
        crate::ops::softmax::cross_entropy::cases(),
        crate::ops::elementwise::cases(),
        crate::ops::gather::cases(),
        crate::ops::concat::cases(),
        crate::ops::layout::cases(),
        crate::ops::matmul::cases(),
        crate::ops::batch_norm::cases(),
        crate::ops::pooling::cases(),
        crate::ops::reduce::cases(),
        crate::ops::softmax::cases(),
        crate::ops::reduce::variance::cases(),
    ];
    tables.into_iter().flatten().collect()
}

/// The names of all rows.
pub(crate) fn names() -> Vec<&'static str> {
    table().iter().map(|case| case.name).collect()
}

/// Runs `test` for every row and reports all rows that fail.
fn for_all(test: impl Fn(&Case)) {
    let table = table();
    let mut failed = vec![];
    for (i, case) in table.iter().enumerate() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(case))) {
            let text = panic.downcast_ref::<String>().cloned();
            failed.push(format!("row {i}, {}: {}", case.name, text.unwrap_or_default()));
        }
    }
    assert!(failed.is_empty(), "{} of {} rows fail:\n{}", failed.len(), table.len(), failed.join("\n"));
}

#[test]
fn every_public_operation_is_in_the_table() {
    let names = names();
    let absent: Vec<&str> = ABSENT.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let public = public_operations();
    assert!(public.len() > 60, "the source was not read: {public:?}");
    for name in &public {
        assert!(
            names.contains(&name.as_str()) || absent.contains(&name.as_str()),
            "{name} is not in the table of operations: add a Case beside it"
        );
    }
    for name in absent.iter().chain(&names) {
        assert!(public.iter().any(|p| p == name), "there is no operation {name} any more");
    }
    for name in names {
        assert!(!absent.contains(&name), "{name} is both in the table and among the absent");
    }
}

#[test]
fn gradients_to_second_order_along_directions() {
    for_all(|case| Check::default().run(case.name, &case.inputs, &case.f).unwrap_or_else(|e| panic!("{e}")));
}

#[test]
fn gradients_to_second_order_entry_by_entry() {
    let check = Check { form: Form::Jacobian, ..Check::default() };
    for_all(|case| {
        if case.inputs.iter().map(Tensor::numel).sum::<usize>() <= 60 {
            check.run(case.name, &case.inputs, &case.f).unwrap_or_else(|e| panic!("{e}"));
        }
    });
}

#[test]
fn every_layout_gives_the_same_bits() {
    for_all(|case| {
        let expected = case.run(&case.inputs, false);
        let odd: Vec<Tensor> = case.inputs.iter().map(in_odd_layout).collect();
        assert!(odd.iter().all(|x| x.numel() < 2 || !x.layout().is_contiguous()));
        for (inputs, odd_incoming) in [(&odd, true), (&case.inputs, true), (&odd, false)] {
            let found = case.run(inputs, odd_incoming);
            assert!(found.0 == expected.0, "value {} instead of {}", found.0, expected.0);
            assert!(found.1 == expected.1, "gradients {:?} instead of {:?}", found.1, expected.1);
        }
        // Stride 0: every input one row repeated.
        let repeated = |x: &Tensor| match x.rank() {
            0 => x.clone(),
            _ => x.narrow(0, 0, 1).broadcast_to(x.shape()),
        };
        let repeated: Vec<Tensor> = case.inputs.iter().map(repeated).collect();
        let copies: Vec<Tensor> = repeated.iter().map(Tensor::copy).collect();
        assert!(case.run(&repeated, false) == case.run(&copies, false));
    });
}

#[test]
fn empty_batches() {
    for_all(|case| {
        let cut = |(x, &batch): (&Tensor, &bool)| if batch { x.narrow(0, 0, 0) } else { x.clone() };
        let inputs: Vec<Tensor> = case.inputs.iter().zip(&case.batch).map(cut).collect();
        if !case.batch.contains(&true) {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(|| case.run(&inputs, false)));
        match (case.empty, result) {
            (Empty::Refused, Ok(_)) => panic!("an empty batch was not refused"),
            (Empty::Refused, Err(panic)) => {
                let text = panic.downcast_ref::<String>().unwrap();
                assert!(text.contains("there is nothing to choose"), "{text}");
            }
            (_, Err(panic)) => std::panic::resume_unwind(panic),
            (empty, Ok((y, grads))) => {
                for (g, x) in grads.iter().zip(&inputs) {
                    assert_eq!(g.shape(), x.shape());
                    let zero = g.abs().sum(..).item() == 0.0;
                    assert!(zero || empty == Empty::Nan, "nothing depends on {}, yet {g:?}", x.shape());
                }
                let nan = y.not_equal(&y).any(..).to_vec::<bool>()[0];
                assert!(empty != Empty::Fine || !nan, "{y:?}");
            }
        }
    });
}

/// Numbers that formulas trip over.
const EXTREME: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-40,
    -1e-40,
    1e30,
    -1e30,
    88.8,
    -104.0,
    700.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Where gradients are NaN though the value is a number, and why.
type At = fn(f64) -> bool;
const NAN_GRADIENTS: [(&str, At, &str); 3] = [
    ("pow", |x| x < 0.0, "the gradient in the exponent has the logarithm of the base"),
    ("conv2d", f64::is_infinite, "sums of products in which an infinite kernel meets a zero between strides"),
    ("conv2d_transpose", f64::is_infinite, "as conv2d"),
];

/// Functions of single elements have the value and gradient of their reference; what else gives a number has no NaN
/// among its gradients.
#[test]
fn extreme_values() {
    for_all(|case| {
        for dtype in [DType::F32, DType::F64] {
            for extreme in EXTREME {
                let graph = Graph::training(0, 0);
                let constant = |x: &Tensor| graph.input(Tensor::full(x.shape(), extreme, dtype));
                let x: Vec<Var> = case.inputs.iter().map(constant).collect();
                let y = (case.f)(&graph, &x);
                let grads = graph.grad_with(y, y.ones_like(), &x);
                assert!(grads.iter().zip(&x).all(|(g, x)| g.shape() == x.shape()));
                match case.reference {
                    Some(reference) => {
                        let [value, derivative] =
                            reference.map(|f| f(x[0].value().to(DType::F64).to_vec::<f64>()[0]));
                        let of = format!("{dtype} {extreme}");
                        assert_near(y, value, 1e-37, &format!("value at {of}"));
                        assert_near(grads[0], derivative, 1.0, &format!("gradient at {of}"));
                    }
                    None => {
                        let nan = |v: &Var| v.not_equal(*v).any(..).item() == 1.0;
                        let known =
                            NAN_GRADIENTS.iter().any(|(name, at, _)| *name == case.name && at(extreme));
                        assert!(
                            known || nan(&y) || !grads.iter().any(nan),
                            "{dtype} {extreme}: the value {} has the gradients {grads:?}",
                            y.value()
                        );
                    }
                }
            }
        }
    });
}

/// A graph that looks for NaNs and infinities finds none in the gradients of numbers of usual size.
#[test]
fn usual_numbers_are_no_alarm() {
    for_all(|case| {
        let graph = Graph::training(0, 0).debug_nans().debug_infs();
        let x: Vec<Var> = case.inputs.iter().map(|x| graph.input(x.clone())).collect();
        let y = (case.f)(&graph, &x);
        graph.grad_with(y, y.ones_like(), &x);
    });
}

/// Compares the first element, to the precision of its type relative to `expected` or `least`.
fn assert_near(found: Var, expected: f64, least: f64, what: &str) {
    let single = found.dtype() == DType::F32;
    let expected = if single { expected as f32 as f64 } else { expected };
    let found = found.value().to(DType::F64).to_vec::<f64>()[0];
    let tolerance = if single { 1e-6 } else { 1e-14 };
    let close = found == expected
        || (found.is_nan() && expected.is_nan())
        || (found - expected).abs() <= tolerance * expected.abs().max(least);
    assert!(close, "{what}: {found}, expected {expected}");
}

#[test]
fn gradients_where_formulas_would_give_nan() {
    let graph = Graph::inference();
    let inf = f64::INFINITY;
    let x = graph.input(Tensor::from([inf, 1.0]));
    let [dx] = graph.grad(x.logsumexp(0), [x]);
    assert_eq!(dx.value().to_vec::<f64>(), [1.0, 0.0]);
    let x = graph.input(Tensor::from([0.0, -0.0, 2.0]));
    for (exponent, expected) in [(0.0, [0.0; 3]), (1.0, [0.0; 3]), (2.0, [2.0; 3])] {
        let [dx] = graph.grad(x.powf(exponent).sum(..), [x]);
        let [ddx] = graph.grad(dx.sum(..), [x]);
        assert_eq!(ddx.value().to_vec::<f64>(), expected, "x^{exponent}");
    }
}

#[test]
fn without_a_gradient() {
    let graph = Graph::inference();
    let x = graph.input(Tensor::from([-1.5, 0.0, 2.5]));
    let zero = graph.constant(0.0);
    let truths = [
        x.equal(zero),
        x.not_equal(zero),
        x.less(zero),
        x.less_equal(zero),
        x.greater(zero),
        x.greater_equal(zero),
    ];
    let expected = [[0, 1, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]];
    for (truth, expected) in truths.iter().zip(expected) {
        assert_eq!(truth.value().to(DType::I64).to_vec::<i64>(), expected);
        assert_eq!(truth.logical_not().logical_and(*truth).any(..).item(), 0.0);
        assert_eq!(truth.logical_not().logical_or(*truth).all(..).item(), 1.0);
    }
    assert_eq!((x.argmax(0).item(), x.argmin(0).item()), (2.0, 0.0));
    assert_eq!((x.argmax(..).item(), x.sum(..).argmin(0).item()), (2.0, 0.0));
    assert_eq!(x.argmax(0).one_hot(3, DType::F64).value().to_vec::<f64>(), [0.0, 0.0, 1.0]);
    let flat = [
        (x.sign(), [-1.0, 0.0, 1.0]),
        (x.floor(), [-2.0, 0.0, 2.0]),
        (x.ceil(), [-1.0, 0.0, 3.0]),
        (x.round(), [-2.0, 0.0, 2.0]),
        (x.detach(), [-1.5, 0.0, 2.5]),
    ];
    for (y, expected) in flat {
        assert_eq!(y.value().to_vec::<f64>(), expected);
        let [dx] = graph.grad(y.sum(..), [x]);
        assert_eq!(dx.value().to_vec::<f64>(), [0.0; 3]);
    }
}
