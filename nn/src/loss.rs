//! Losses: how far predictions are from what they should be, as one number to make small.
//!
//! Those for classification take **logits**, the numbers before softmax or sigmoid, and stay finite for logits of any
//! finite size. No loss broadcasts: predictions `[100, 1]` against targets `[100]` would silently compare each with all.
//!
//! Each loss is the mean over the batch, and has a twin that takes a [`Reduction`].
//!
//! ```
//! use nn::{Graph, Tensor, loss};
//!
//! let graph = Graph::inference();
//! let logits = graph.input(Tensor::from([[2.0_f32, 0.0, 0.0], [0.0, 0.0, 0.0]]));
//! let labels = graph.input(Tensor::from([0_i64, 2]));
//! let loss = loss::softmax_cross_entropy(logits, labels);
//! assert_eq!(format!("{:.3}", loss.item()), "0.669"); // (0.2395 + ln 3) / 2
//! ```

use crate::{DType, Shape, Tensor, Var};

/// What becomes of the losses of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// All of them, for weighting.
    None,
}

impl Reduction {
    #[track_caller]
    fn check(self, op: &str, losses: Shape) {
        if self == Reduction::Mean && losses.numel() == 0 {
            panic!("{op}: the batch is empty, its losses {losses} have no mean");
        }
    }

    #[track_caller]
    fn apply(self, losses: Var<'_>) -> Var<'_> {
        match self {
            Reduction::Mean => losses.mean(..),
            Reduction::Sum => losses.sum(..),
            Reduction::None => losses,
        }
    }
}

/// The cross-entropy of softmax(`logits`) and `labels`: `−Σ labelᵢ · ln softmax(logits)ᵢ` over the last axis, the mean over
/// all others.
///
/// Errors are 1, 2, 3 eps (see [`autograd`](autograd#accuracy)), and 2, 2, 3 with probabilities.
///
/// `logits` are `[…, classes]`; `labels` either class numbers `[…]` of type `i64`, or the probabilities of each class
/// `[…, classes]`, of the logits' type, which add up to 1 (one-hot, or soft).
///
/// # Panics
/// If shapes or types are others, a label is no class, or the batch is empty.
#[track_caller]
pub fn softmax_cross_entropy<'g>(logits: Var<'g>, labels: Var<'g>) -> Var<'g> {
    softmax_cross_entropy_with(logits, labels, Reduction::Mean)
}

/// [`softmax_cross_entropy`] reduced in another way; unreduced losses are `[…]`.
///
/// # Panics
/// As there.
#[track_caller]
pub fn softmax_cross_entropy_with<'g>(logits: Var<'g>, labels: Var<'g>, reduction: Reduction) -> Var<'g> {
    const OP: &str = "softmax_cross_entropy";
    expect_float(OP, "logits", logits);
    let rows = check_labels(OP, logits.shape(), logits.dtype(), &labels.value());
    reduction.check(OP, rows);
    let _scope = logits.graph().scope("SoftmaxCrossEntropy");
    let losses = if labels.dtype() == DType::I64 {
        logits.softmax_cross_entropy(labels)
    } else {
        let (logs, zero) = (logits.log_softmax(-1), labels.full([], 0.0));
        // A class of probability 0 counts nothing, even if its logit is −∞.
        let nothing = labels.equal(zero).logical_and(logs.equal(logs.full([], f64::NEG_INFINITY)));
        -(labels * nothing.select(zero, logs)).sum(-1)
    };
    reduction.apply(losses)
}

/// The shape of the losses, if the labels fit the logits.
#[track_caller]
fn check_labels(op: &str, logits: Shape, dtype: DType, labels: &Tensor) -> Shape {
    let Some((&classes, rows)) = logits.split_last() else {
        panic!("{op}: the logits {logits} have no axis of classes");
    };
    let (rows, shape) = (Shape::from(rows), labels.shape());
    let found = labels.dtype();
    let expected = || {
        format!(
            "labels for the logits {logits} are class numbers, i64 {rows}, or probabilities of each class, \
             {dtype} {logits}"
        )
    };
    match found {
        DType::I64 if shape != rows => {
            let remedy = if shape == logits {
                format!("; if they are one-hot, convert them with .to(DType::{dtype:?})")
            } else if shape.len() == logits.len() && shape.last() == Some(&1) {
                "; .squeeze(-1) removes the last axis".to_owned()
            } else {
                String::new()
            };
            panic!("{op}: {}, not i64 {shape}; nothing is broadcast{remedy}", expected())
        }
        DType::I64 => {
            let known = |label: &i64| usize::try_from(*label).is_ok_and(|label| label < classes);
            if let Some(label) = labels.to_vec::<i64>().iter().find(|label| !known(label)) {
                panic!(
                    "{op}: label {label} is none of the {classes} classes of the logits {logits}, from 0 on"
                );
            }
        }
        _ if shape == rows => panic!(
            "{op}: the labels {shape} are {found}, and class numbers are i64: convert them with .to(DType::I64)"
        ),
        _ if shape == logits && found != dtype => panic!(
            "{op}: the labels {shape} are {found}, and probabilities of each class have the type of the logits: \
             convert them with .to(DType::{dtype:?})"
        ),
        _ if shape != logits => panic!("{op}: {}, not {found} {shape}; nothing is broadcast", expected()),
        _ => {}
    }
    rows
}

/// The mean squared error `(prediction − target)²`, the mean over all elements. Errors of each are 2, 2, 2 eps (see
/// [`autograd`](autograd#accuracy)).
///
/// # Panics
/// If the shapes or types differ, the types are not floats, or there are no elements.
///
/// ```
/// # use nn::{Graph, Tensor, loss};
/// let graph = Graph::inference();
/// let prediction = graph.input(Tensor::from([1.0_f32, 2.0]));
/// let target = graph.input(Tensor::from([0.0_f32, 4.0]));
/// assert_eq!(loss::mse(prediction, target).item(), 2.5);
/// ```
#[track_caller]
pub fn mse<'g>(prediction: Var<'g>, target: Var<'g>) -> Var<'g> {
    mse_with(prediction, target, Reduction::Mean)
}

/// [`mse`] reduced in another way.
///
/// # Panics
/// As there.
#[track_caller]
pub fn mse_with<'g>(prediction: Var<'g>, target: Var<'g>, reduction: Reduction) -> Var<'g> {
    expect_alike("mse", ["prediction", "target"], [prediction, target], reduction);
    let _scope = prediction.graph().scope("Mse");
    reduction.apply((prediction - target).square())
}

/// The cross-entropy of sigmoid(`logits`) and `targets`, for yes-or-no questions: `−t · ln σ(z) − (1 − t) · ln(1 − σ(z))`,
/// the mean over all elements. It is computed as `ln(1 + e^z) − z · t`, which neither overflows nor loses digits: errors
/// of each are 2, 4, 4 eps (see [`autograd`](autograd#accuracy)).
///
/// # Panics
/// If the shapes or types differ, the types are not floats, or there are no elements.
///
/// ```
/// # use nn::{Graph, Tensor, loss};
/// let graph = Graph::inference();
/// let logits = graph.input(Tensor::from([0.0_f32, 1000.0]));
/// let targets = graph.input(Tensor::from([1.0_f32, 0.0]));
/// assert_eq!(loss::binary_cross_entropy_with_logits(logits, targets).item().round(), 500.0);
/// ```
#[track_caller]
pub fn binary_cross_entropy_with_logits<'g>(logits: Var<'g>, targets: Var<'g>) -> Var<'g> {
    binary_cross_entropy_with_logits_with(logits, targets, Reduction::Mean)
}

/// [`binary_cross_entropy_with_logits`] reduced in another way.
///
/// # Panics
/// As there.
#[track_caller]
pub fn binary_cross_entropy_with_logits_with<'g>(
    logits: Var<'g>,
    targets: Var<'g>,
    reduction: Reduction,
) -> Var<'g> {
    expect_alike("binary_cross_entropy_with_logits", ["logits", "targets"], [logits, targets], reduction);
    let _scope = logits.graph().scope("BinaryCrossEntropy");
    reduction.apply(logits.binary_cross_entropy_with_logits(targets))
}

/// The share of rows of `logits` `[…, classes]` whose largest element is at the label's class, the first of equals
/// counting; labels as in [`softmax_cross_entropy`]. A row with a NaN in it is never right.
///
/// # Panics
/// If shapes or types do not fit, a label is no class, or there are no rows.
///
/// ```
/// # use nn::{Tensor, loss};
/// let logits = Tensor::from([[0.1_f32, 0.9], [0.8, 0.2], [0.6, 0.4]]);
/// assert_eq!(loss::accuracy(&logits, &Tensor::from([1_i64, 0, 1])), 2.0 / 3.0);
/// ```
#[track_caller]
pub fn accuracy(logits: &Tensor, labels: &Tensor) -> f64 {
    let rows = check_labels("accuracy", logits.shape(), logits.dtype(), labels);
    Reduction::Mean.check("accuracy", rows);
    let classes = if labels.dtype() == DType::I64 { labels.clone() } else { labels.argmax(-1) };
    let mut right = logits.argmax(-1).equal(&classes);
    // Where a logit is NaN the sum is; and NaN equals nothing, itself included.
    if logits.sum(..).item().is_nan() {
        right = right.logical_and(&logits.equal(logits).all(-1));
    }
    right.to(DType::F64).mean(..).item()
}

#[track_caller]
fn expect_float(op: &str, name: &str, x: Var<'_>) {
    if !x.dtype().is_float() {
        panic!("{op}: the {name} {} are {}, not f32 or f64", x.shape(), x.dtype());
    }
}

/// Refuses a pair of different shapes or types.
#[track_caller]
fn expect_alike(op: &str, names: [&str; 2], [a, b]: [Var<'_>; 2], reduction: Reduction) {
    let [first, second] = names;
    if a.shape() != b.shape() {
        panic!(
            "{op}: {first} {} and {second} {} must have the same shape; nothing is broadcast",
            a.shape(),
            b.shape()
        );
    }
    if a.dtype() != b.dtype() || !a.dtype().is_float() {
        panic!(
            "{op}: {first} and {second}, both {}, must both be f32 or both f64, not {} and {}; convert with .to(…)",
            a.shape(),
            a.dtype(),
            b.dtype()
        );
    }
    reduction.check(op, a.shape());
}
