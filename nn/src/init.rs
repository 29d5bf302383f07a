//! What weights start as.

use crate::{DType, Rng, Shape, Tensor};

/// The initial values of a parameter.
///
/// Some depend on how many inputs and outputs an element connects. For weights `[in, out]` the **fan in** is `in` and
/// the **fan out** is `out`; for kernels `[height, width, in, out]` they are `height · width · in` and
/// `height · width · out`; a vector of `n` elements has `n` of both.
///
/// ```
/// use nn::{DType, Init, Rng};
///
/// let weight = Init::TruncatedNormal { mean: 0.0, std: 0.1 }.sample([784, 200], DType::F32, &mut Rng::new(42));
/// assert_eq!(weight.shape(), [784, 200]);
/// assert!(weight.abs().max(..).item() <= 0.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All the same number.
    Constant(f64),
    /// Evenly from `low` up to `high`.
    Uniform {
        /// The lower bound.
        low: f64,
        /// The upper bound, not included.
        high: f64,
    },
    /// The normal distribution.
    Normal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        std: f64,
    },
    /// The normal distribution, drawn anew beyond two deviations from the mean (TensorFlow's `truncated_normal`). What
    /// remains has a deviation of 0.8796 `std`.
    TruncatedNormal {
        /// The mean.
        mean: f64,
        /// The standard deviation before truncation.
        std: f64,
    },
    /// Evenly within ±√(6 / (fan in + fan out)), also called Glorot's: keeps the variance of signals both ways through
    /// layers that are linear around 0 (Glorot and Bengio, 2010).
    XavierUniform,
    /// The normal distribution of deviation √(2 / (fan in + fan out)) (Glorot and Bengio, 2010).
    XavierNormal,
    /// Evenly within ±√(6 / ((1 + slope²) · fan in)), also called He's: keeps the variance of signals through rectifiers
    /// with this slope for negative numbers, 0 for `relu` (He et al., 2015). Slope √5 is the default of PyTorch's layers.
    KaimingUniform {
        /// The rectifier's slope for negative numbers.
        slope: f64,
    },
    /// The normal distribution of deviation √(2 / ((1 + slope²) · fan in)) (He et al., 2015).
    KaimingNormal {
        /// The rectifier's slope for negative numbers.
        slope: f64,
    },
}

impl Init {
    /// Draws the values of a parameter of this shape.
    ///
    /// # Panics
    /// If a bound or deviation makes no sense, or the type is no float.
    #[track_caller]
    pub fn sample(self, shape: impl Into<Shape>, dtype: DType, rng: &mut Rng) -> Tensor {
        let shape = shape.into();
        let (fan_in, fan_out) = fans(shape);
        let within = |bound: f64| (-bound, bound);
        let (low, high) = match self {
            Init::Zeros => return Tensor::zeros(shape, dtype),
            Init::Constant(value) => return Tensor::full(shape, value, dtype),
            Init::Normal { mean, std } => return Tensor::normal(shape, mean, std, dtype, rng),
            Init::TruncatedNormal { mean, std } => {
                return Tensor::truncated_normal(shape, mean, std, dtype, rng);
            }
            Init::XavierNormal => {
                return Tensor::normal(shape, 0.0, (2.0 / (fan_in + fan_out)).sqrt(), dtype, rng);
            }
            Init::KaimingNormal { slope } => {
                let std = (2.0 / ((1.0 + slope * slope) * fan_in)).sqrt();
                return Tensor::normal(shape, 0.0, std, dtype, rng);
            }
            Init::Uniform { low, high } => (low, high),
            Init::XavierUniform => within((6.0 / (fan_in + fan_out)).sqrt()),
            Init::KaimingUniform { slope } => within((6.0 / ((1.0 + slope * slope) * fan_in)).sqrt()),
        };
        Tensor::uniform(shape, low, high, dtype, rng)
    }
}

/// Fan in and fan out; at least 1, so that a layer without inputs can be made.
fn fans(shape: Shape) -> (f64, f64) {
    let (fan_in, fan_out) = match &*shape {
        [] => (1, 1),
        [n] => (*n, *n),
        [window @ .., inputs, outputs] => {
            let window: usize = window.iter().product();
            (window * inputs, window * outputs)
        }
    };
    (fan_in.max(1) as f64, fan_out.max(1) as f64)
}
