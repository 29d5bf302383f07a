//! What a model's answers are worth, over batches of any sizes: each metric keeps counts and sums, so that its value is that of all elements
//! together, however they were cut into batches, and [`merge`](ConfusionMatrix::merge) joins what several processes have counted.
//!
//! | file | what is in it |
//! |---|---|
//! | `classes` | [`ConfusionMatrix`]: accuracy, precision, recall, F1; [`TopK`] |
//! | `ranking` | [`RocAuc`] |
//! | `regression` | [`Regression`]: mean squared and absolute error, R² |
//! | `mean` | [`Mean`]: of a loss; its exponential is the perplexity |

mod classes;
mod mean;
mod ranking;
mod regression;

pub use classes::{ConfusionMatrix, TopK};
pub use mean::Mean;
pub use ranking::RocAuc;
pub use regression::Regression;

use nn::{DType, Tensor};

/// Class numbers of `n` elements.
#[track_caller]
fn class_numbers(metric: &str, labels: &Tensor, n: usize, classes: usize) -> Vec<usize> {
    if labels.dtype() != DType::I64 || *labels.shape() != [n] {
        panic!(
            "{metric}: the labels are {} {}; they must be class numbers, i64 [{n}]",
            labels.dtype(),
            labels.shape()
        );
    }
    let class = |label: i64| match usize::try_from(label) {
        Ok(class) if class < classes => class,
        _ => panic!(
            "{metric}: there is a label {label}, and the classes are 0 to {}",
            classes.saturating_sub(1)
        ),
    };
    labels.to_vec::<i64>().into_iter().map(class).collect()
}

/// Numbers of any float type as `f64`.
#[track_caller]
fn numbers(metric: &str, x: &Tensor) -> Vec<f64> {
    if !x.dtype().is_float() {
        panic!("{metric}: {} elements are no floats; convert them with .to(…)", x.dtype());
    }
    x.to(DType::F64).to_vec()
}
