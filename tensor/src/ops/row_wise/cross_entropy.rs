//! Softmax and cross-entropy in one: a pass over each row of logits.

use crate::array::dtype::{DType, for_float};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::spec::{Spec, same_dtype};
use crate::array::storage::Buffer;
use crate::array::tensor::{Tensor, wrong_type};
use crate::ops::row_wise::softmax::Exponentials;
use crate::ops::row_wise::{RowFloat, rows_per_task};
use crate::reference;
use crate::runtime::threads::for_each_chunk_mut;

/// The rule of binary cross-entropy: logits and targets of one shape and type to losses of that.
///
/// # Errors
/// If they differ.
pub fn binary_cross_entropy_spec(logits: Spec, targets: Spec) -> Result<Spec, ShapeError> {
    const OP: &str = "binary_cross_entropy_with_logits";
    if logits.shape != targets.shape {
        let rule = format!(
            "logits {} and targets {} must have the same shape; nothing is broadcast",
            logits.shape, targets.shape
        );
        return Err(ShapeError::new(OP, rule));
    }
    same_dtype(OP, &[logits, targets])?;
    Ok(logits)
}

/// The rule of softmax cross-entropy: logits `[…, classes]` and class numbers `[…]` to losses `[…]`.
///
/// # Errors
/// If the shapes are others.
pub fn softmax_cross_entropy_shape(logits: Shape, labels: Shape) -> Result<Shape, ShapeError> {
    match logits.split_last() {
        Some((_, rows)) if *labels == *rows => Ok(labels),
        _ => Err(ShapeError::new(
            "softmax_cross_entropy",
            format!(
                "logits {logits} and labels {labels}: labels must have the logits' shape without the last axis"
            ),
        )),
    }
}

/// See [`Rows::map`].
type RowKernel<'a, T> = &'a (dyn Fn(Rows<T>, usize, &mut [T]) + Sync);

/// Some rows of logits, and for each the class that is right.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    logits: &'a [T],
    labels: &'a [i64],
    classes: usize,
}

impl<T: RowFloat> Rows<'_, T> {
    /// `width` numbers for each row, in tasks: `f(rows, the first of them, their part of the result)`.
    fn map(&self, width: usize, f: RowKernel<'_, T>) -> Buffer<T> {
        let mut out = Buffer::uninit(self.labels.len() * width);
        let count = rows_per_task(self.classes);
        for_each_chunk_mut(&mut out, count * width, |task, out| {
            let (first, end) = (task * count, task * count + out.len() / width);
            let logits = &self.logits[first * self.classes..end * self.classes];
            f(Rows { logits, labels: &self.labels[first..end], ..*self }, first, out);
        });
        out
    }

    fn losses(&self) -> Buffer<T> {
        self.map(1, &|rows, _, out| {
            let mut exponentials = Exponentials::of(rows.logits, rows.classes);
            for (i, out) in out.iter_mut().enumerate() {
                let (_, max, sum) = exponentials.row(i);
                let at_label = rows.logits[i * rows.classes + rows.labels[i] as usize];
                *out = T::from_f64(sum.ln() - at_label.distance(max));
            }
        })
    }

    fn gradient(&self, dy: &[T]) -> Buffer<T> {
        self.map(self.classes, &|rows, first, out| {
            let mut exponentials = Exponentials::of(rows.logits, rows.classes);
            for (i, out) in out.chunks_exact_mut(rows.classes).enumerate() {
                let (row, _, sum) = exponentials.row(i);
                let (share, label) = (dy[first + i].wide() / sum.get(), rows.labels[i] as usize);
                out.iter_mut().zip(row).for_each(|(o, e)| *o = T::from_f64(e * share));
                // Not softmax − 1, which loses the digits of what is nearly certain.
                out[label] = T::from_f64(-(sum.without(row[label]) * share));
            }
        })
    }
}

impl Tensor {
    /// For each of these logits the cross-entropy of its sigmoid and a target from 0 to 1: `ln(1 + e^x) − x · t`, without
    /// overflow (PyTorch's `binary_cross_entropy_with_logits`).
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let logits = Tensor::from([0.0_f64, 1000.0]);
    /// let losses = logits.binary_cross_entropy_with_logits(&Tensor::from([1.0, 1.0]));
    /// assert_eq!(losses, Tensor::from([2.0_f64.ln(), 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes or types differ or the elements are not floats.
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(&self, targets: &Tensor) -> Tensor {
        binary_cross_entropy_spec(self.spec(), targets.spec()).or_panic();
        if !self.dtype().is_float() {
            panic!("{}", wrong_type("binary_cross_entropy_with_logits", self, "floats"));
        }
        self.relu() + self.abs().neg().exp().ln_1p() - self * targets
    }

    /// For each row of these logits `[…, classes]` the cross-entropy of its softmax and the class that `labels` `[…]` says:
    /// `ln Σ e^x − x[label]`, without overflow, within `eps · max(1, |y|)`.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let losses = Tensor::from([[0.0_f64, 0.0], [0.0, 1000.0]]).softmax_cross_entropy(&Tensor::from([1_i64, 0]));
    /// assert_eq!(losses.to_vec::<f64>(), [2.0_f64.ln(), 1000.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, the logits are not floats, the labels not `i64`, or one is no class.
    #[track_caller]
    pub fn softmax_cross_entropy(&self, labels: &Tensor) -> Tensor {
        let shape = self.check_labels(labels).or_panic();
        if self.dtype().is_float() && reference::is_chosen() {
            return reference::softmax_cross_entropy(self, labels);
        }
        let (x, labels) = (self.contiguous(), labels.contiguous());
        for_float!(self.dtype(), T => match (x.as_slice::<T>(), labels.as_slice()) {
            (Some(logits), Some(labels)) if !logits.is_empty() => {
                let classes = logits.len() / labels.len();
                Tensor::from_buffer(Rows::<T> { logits, labels, classes }.losses(), shape)
            }
            _ => Tensor::zeros(shape, self.dtype()),
        }, else panic!("{}", wrong_type("softmax_cross_entropy", self, "floats")))
    }

    /// The shape of the losses, if the labels are class numbers that fit.
    fn check_labels(&self, labels: &Tensor) -> Result<Shape, ShapeError> {
        const OP: &str = "softmax_cross_entropy";
        let shape = softmax_cross_entropy_shape(self.shape(), labels.shape())?;
        labels.expect_dtype(OP, DType::I64)?;
        let classes = self.shape()[self.rank() - 1];
        let labels = labels.contiguous();
        let known = |label: &&i64| !usize::try_from(**label).is_ok_and(|label| label < classes);
        match labels.as_slice::<i64>().into_iter().flatten().find(known) {
            Some(label) => Err(ShapeError::new(
                OP,
                format!(
                    "label {label} is none of the {classes} classes of the logits {}, from 0 on",
                    self.shape()
                ),
            )),
            None => Ok(shape),
        }
    }
}

/// The gradient of [`softmax_cross_entropy`](Tensor::softmax_cross_entropy) with respect to its logits, `dy` being
/// that of the losses: `(softmax(x) − [is the label]) · dy`, each within 2 eps of itself.
///
/// # Panics
/// As there, and if `dy` is not like the losses.
#[track_caller]
pub fn softmax_cross_entropy_grad(logits: &Tensor, labels: &Tensor, dy: &Tensor) -> Tensor {
    let shape = logits.check_labels(labels).or_panic();
    dy.expect_dtype("softmax_cross_entropy_grad", logits.dtype()).or_panic();
    if dy.shape() != shape {
        panic!(
            "softmax_cross_entropy_grad: the gradient {} must have the shape {shape} of the losses",
            dy.shape()
        );
    }
    let (x, labels, dy) = (logits.contiguous(), labels.contiguous(), dy.contiguous());
    for_float!(logits.dtype(), T => match (x.as_slice::<T>(), labels.as_slice(), dy.as_slice::<T>()) {
        (Some(logits), Some(labels), Some(dy)) if !logits.is_empty() => {
            let classes = logits.len() / labels.len();
            Tensor::from_buffer(Rows::<T> { logits, labels, classes }.gradient(dy), x.shape())
        }
        _ => x,
    }, else panic!("{}", wrong_type("softmax_cross_entropy_grad", logits, "floats")))
}

#[cfg(test)]
mod tests {
    use crate::{DType, Rng, Tensor};

    /// Against the formula in separate operations, also where tasks meet.
    #[test]
    fn follows_the_definition() {
        for shape in [[7, 10], [5000, 10], [3, 1], [2, 40_000]] {
            let rng = &mut Rng::new(1);
            let x = Tensor::normal(shape, 0.0, 30.0, DType::F64, rng);
            let labels = Tensor::from((0..shape[0]).map(|i| (i * 7 % shape[1]) as i64).collect::<Vec<_>>());
            let dy = Tensor::normal([shape[0]], 0.0, 1.0, DType::F64, rng);
            let chosen = labels.one_hot(shape[1], DType::F64);
            let expected = x.logsumexp(-1) - (&x * &chosen).sum(-1);
            assert!((x.softmax_cross_entropy(&labels) - expected).abs().max(..).item() < 1e-10);
            let softmax = (&x - x.logsumexp_keepdim(-1)).exp();
            let expected = (softmax - chosen) * dy.unsqueeze(-1);
            assert!(
                (crate::kernels::softmax_cross_entropy_grad(&x, &labels, &dy) - expected)
                    .abs()
                    .max(..)
                    .item()
                    < 1e-10
            );
        }
    }
}
