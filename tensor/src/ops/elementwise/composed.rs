//! Functions that are composed of others, by their scalar expressions.

use crate::array::tensor::{Tensor, wrong_type};
use crate::fusion::ScalarExpr;

macro_rules! composed {
    ($($(#[$doc:meta])* $name:ident: $($arg:ident)?;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the elements are not floats.
                #[track_caller]
                pub fn $name(&self $(, $arg: f64)?) -> Tensor {
                    if !self.dtype().is_float() {
                        panic!("{}", wrong_type(stringify!($name), self, "floats"));
                    }
                    ScalarExpr::new(|[x]| x.$name($($arg)?)).eval(&[self])
                }
            )*
        }
    };
}

composed! {
    /// `x^exponent` for a fixed exponent.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert_eq!(Tensor::from([1.0_f32, 4.0]).powf(2.0), Tensor::from([1.0_f32, 16.0]));
    /// ```
    powf: exponent;
    /// The tangent of an angle in radians.
    tan: ;
    /// A rectifier that lets a little through: `x` if positive, else `slope · x`.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert_eq!(Tensor::from([-2.0_f32, 3.0]).leaky_relu(0.5), Tensor::from([-1.0_f32, 3.0]));
    /// ```
    leaky_relu: slope;
    /// The exponential linear unit: `x` if positive, else `scale · (e^x − 1)`.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert_eq!(Tensor::from([-1000.0_f32, 3.0]).elu(1.5), Tensor::from([-1.5_f32, 3.0]));
    /// ```
    elu: scale;
}
