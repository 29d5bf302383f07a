//! Element-wise mathematics, comparisons and choices, with NumPy broadcasting.

use crate::dtype::{DType, for_any, for_float, for_number};
use crate::layout::{Layout, View};
use crate::map::{map1, map2, select};
use crate::math::Float;
use crate::number::{Number, larger, smaller};
use crate::scalar::{Function, Scalar, map, map_pairs};
use crate::shape::{OrPanic, Shape, ShapeError, broadcast_shape};
use crate::tensor::Tensor;

/// The rule of a binary element-wise operation: the types are equal and the shapes broadcast.
pub(crate) fn pair(op: &'static str, a: &Tensor, b: &Tensor) -> Result<[Layout; 2], ShapeError> {
    if a.dtype() != b.dtype() {
        return Err(ShapeError::new(
            op,
            format!(
                "{} {} and {} {}: the element types differ; convert one with .to(…)",
                a.dtype(),
                a.shape(),
                b.dtype(),
                b.shape()
            ),
        ));
    }
    let shape = broadcast_shape(op, a.shape(), b.shape())?;
    Ok([View::Broadcast(shape).of(a.layout())?, View::Broadcast(shape).of(b.layout())?])
}

pub(crate) fn wrong_type(op: &'static str, x: &Tensor, wanted: &str) -> ShapeError {
    ShapeError::new(
        op,
        format!("the tensor {} holds {}, not {wanted}; convert it with .to(…)", x.shape(), x.dtype()),
    )
}

macro_rules! float_methods {
    ($($(#[$doc:meta])* $name:ident: |$x:ident| $f:expr;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the elements are not floats.
                #[track_caller]
                pub fn $name(&self) -> Tensor {
                    for_float!(self.dtype(), T => {
                        Tensor::from_buffer(map1(self.strided::<T>(), #[inline(always)] |$x: T| -> T { $f }), self.shape())
                    }, else panic!("{}", wrong_type(stringify!($name), self, "floats")))
                }
            )*
        }

        impl Scalar {
            $(
                #[doc = concat!("As [`Tensor::", stringify!($name), "`].")]
                pub fn $name() -> Scalar {
                    Scalar::new(stringify!($name), Function::One(|x, out| map(x, out, #[inline(always)] |$x: f32| -> f32 { $f })))
                }
            )*
        }
    };
}

float_methods! {
    /// `e^x`.
    exp: |x| Float::exp(x);
    /// `e^x − 1`, accurate near 0.
    exp_m1: |x| Float::exp_m1(x);
    /// The natural logarithm; −∞ at 0 and NaN below.
    ln: |x| Float::ln(x);
    /// `ln(1 + x)`, accurate near 0.
    ln_1p: |x| Float::ln_1p(x);
    /// The square root; NaN below 0.
    sqrt: |x| Float::sqrt(x);
    /// The hyperbolic tangent.
    tanh: |x| Float::tanh(x);
    /// The logistic function `1 / (1 + e^−x)`.
    sigmoid: |x| Float::sigmoid(x);
    /// The sine of an angle in radians.
    sin: |x| Float::sin(x);
    /// The cosine of an angle in radians.
    cos: |x| Float::cos(x);
    /// The largest integer not above `x`.
    floor: |x| x.floor();
    /// The smallest integer not below `x`.
    ceil: |x| x.ceil();
    /// The nearest integer, halves to the even one.
    round: |x| x.round_ties_even();
    /// `1 / x`.
    recip: |x| 1.0 / x;
    /// `ln(1 + e^x)`, a smooth rectifier, without overflow.
    softplus: |x| rectified(x) + Float::ln_1p(Float::exp(-x.magnitude()));
    /// `x · sigmoid(x)`, also known as swish.
    silu: |x| gated(x, x);
    /// The Gaussian error linear unit in its usual approximation, `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))` (Hendrycks and
    /// Gimpel, 2016).
    gelu: |x| gated(x, gelu_gate(x));
}

/// The numbers `a` and `b` with which [`gelu`](Tensor::gelu) is `x · σ(x · (a + b x²))`: `(1 + tanh u) / 2` is `σ(2u)`, which keeps its
/// digits where the tangent is nearly −1.
pub const GELU_GATE: [f64; 2] = [1.595_769_121_605_730_8, 1.595_769_121_605_730_8 * 0.044_715];

#[inline(always)]
fn gelu_gate<T: Float + Number>(x: T) -> T {
    let [a, b] = GELU_GATE.map(T::from_f64);
    x * (x * x * b + a)
}

/// `x · σ(gate)`. A gate far below 0 is closed, though `−∞ · 0` would be NaN.
#[inline(always)]
fn gated<T: Float + Number>(x: T, gate: T) -> T {
    larger(x, T::from_f64(-1000.0)) * Float::sigmoid(gate)
}

macro_rules! number_methods {
    ($($(#[$doc:meta])* $name:ident: $f:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the elements are `bool`.
                #[track_caller]
                pub fn $name(&self) -> Tensor {
                    for_number!(self.dtype(), T => {
                        Tensor::from_buffer(map1(self.strided::<T>(), $f::<T>), self.shape())
                    }, else panic!("{}", wrong_type(stringify!($name), self, "numbers")))
                }
            )*
        }

        impl Scalar {
            $(
                #[doc = concat!("As [`Tensor::", stringify!($name), "`].")]
                pub fn $name() -> Scalar {
                    Scalar::new(stringify!($name), Function::One(|x, out| map(x, out, $f::<f32>)))
                }
            )*
        }
    };
}

#[inline(always)]
fn negative<T: Number>(x: T) -> T {
    x.negative()
}
#[inline(always)]
fn magnitude<T: Number>(x: T) -> T {
    x.magnitude()
}
#[inline(always)]
fn signum<T: Number>(x: T) -> T {
    x.signum()
}
#[inline(always)]
fn squared<T: Number>(x: T) -> T {
    x.times(x)
}
#[inline(always)]
fn rectified<T: Number>(x: T) -> T {
    larger(x, T::default())
}

number_methods! {
    /// `−x`.
    neg: negative;
    /// `|x|`.
    abs: magnitude;
    /// −1, 0 or 1 as `x` is negative, zero or positive; NaN stays.
    sign: signum;
    /// `x²`.
    square: squared;
    /// The rectifier `max(x, 0)`; NaN stays.
    relu: rectified;
}

/// `e^−|x| / (1 + e^−|x|)²`, the same for `x` and `−x`.
#[inline(always)]
fn sigmoid_slope<T: Float + Number>(x: T) -> T {
    let e = Float::exp(-x.magnitude());
    let sum = T::from_f64(1.0) + e;
    e / (sum * sum)
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident: $for:ident $wanted:literal, |$x:ident, $y:ident| $f:expr;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the element types differ or are not supported, or the shapes do not broadcast.
                #[track_caller]
                pub fn $name(&self, other: &Tensor) -> Tensor {
                    let op = stringify!($name);
                    let [a, b] = pair(op, self, other).or_panic();
                    let (left, right) = (self.with_layout(a), other.with_layout(b));
                    $for!(self.dtype(), T => {
                        let out = map2(left.strided::<T>(), right.strided::<T>(), #[inline(always)] |$x: T, $y: T| $f);
                        Tensor::from_buffer(out, a.shape())
                    }, else panic!("{}", wrong_type(op, self, $wanted)))
                }
            )*
        }

        impl Scalar {
            $(
                #[doc = concat!("As [`Tensor::", stringify!($name), "`].")]
                pub fn $name() -> Scalar {
                    Scalar::new(stringify!($name), Function::Two(|x, y, out| map_pairs(x, y, out, #[inline(always)] |$x: f32, $y: f32| $f)))
                }
            )*
        }
    };
}

macro_rules! for_all {
    ($dtype:expr, $type:ident => $body:expr, else $else:expr) => {
        for_any!($dtype, $type => $body)
    };
}

binary_methods! {
    /// `x + y`.
    add: for_number "numbers", |x, y| Number::plus(x, y);
    /// `x − y`.
    sub: for_number "numbers", |x, y| Number::minus(x, y);
    /// `x · y`.
    mul: for_number "numbers", |x, y| Number::times(x, y);
    /// The larger of `x` and `y`; NaN if either is.
    maximum: for_number "numbers", |x, y| if y.is_nan() { y } else { larger(x, y) };
    /// The smaller of `x` and `y`; NaN if either is.
    minimum: for_number "numbers", |x, y| if y.is_nan() { y } else { smaller(x, y) };
    /// `x^y`; NaN where a negative `x` is raised to a fraction.
    pow: for_float "floats", |x, y| Float::powf(x, y);
    /// `y`, but 0 where `x = 0`: the gradient `y` that arrives at the result `x` of a rectifier, taken on to its operand.
    relu_grad: for_number "numbers", |x, y| if x == Default::default() { Default::default() } else { y };
    /// `y · s · (1 − s)` with `s = sigmoid(x)`: the gradient `y` of the logistic function's result, taken on to its operand `x`.
    /// Where `s` is nearly 1 the digits of `1 − s` stay.
    sigmoid_grad: for_float "floats", |x, y| y * sigmoid_slope(x);
    /// Whether `x = y`.
    equal: for_all "", |x, y| x == y;
    /// Whether `x ≠ y`.
    not_equal: for_all "", |x, y| x != y;
    /// Whether `x < y`.
    less: for_all "", |x, y| PartialOrd::lt(&x, &y);
    /// Whether `x ≤ y`.
    less_equal: for_all "", |x, y| x <= y;
    /// Whether `x > y`.
    greater: for_all "", |x, y| PartialOrd::gt(&x, &y);
    /// Whether `x ≥ y`.
    greater_equal: for_all "", |x, y| x >= y;
}

impl Scalar {
    /// As [`Tensor::div`].
    pub fn div() -> Scalar {
        Scalar::new("div", Function::Two(|x, y, out| map_pairs(x, y, out, <f32 as Number>::over)))
    }
}

impl Tensor {
    /// `x / y`; integers are rounded toward zero.
    ///
    /// # Panics
    /// If the element types differ or are `bool`, the shapes do not broadcast, or an integer is divided by zero.
    #[track_caller]
    pub fn div(&self, other: &Tensor) -> Tensor {
        let [a, b] = pair("div", self, other).or_panic();
        if other.dtype() == DType::I64 && a.shape().count() > 0 && other.to_vec::<i64>().contains(&0) {
            panic!("div: integer division by zero in {} / {}", self.shape(), other.shape());
        }
        let (x, y) = (self.with_layout(a), other.with_layout(b));
        for_number!(self.dtype(), T => {
            Tensor::from_buffer(map2(x.strided::<T>(), y.strided::<T>(), <T as Number>::over), a.shape())
        }, else panic!("{}", wrong_type("div", self, "numbers")))
    }

    /// `¬x`, element by element.
    ///
    /// # Panics
    /// If the elements are not `bool`.
    #[track_caller]
    pub fn logical_not(&self) -> Tensor {
        self.expect_dtype("logical_not", DType::Bool).or_panic();
        Tensor::from_buffer(map1(self.strided::<bool>(), |x| !x), self.shape())
    }

    /// `x ∧ y`, element by element.
    ///
    /// # Panics
    /// If the elements are not `bool` or the shapes do not broadcast.
    #[track_caller]
    pub fn logical_and(&self, other: &Tensor) -> Tensor {
        self.expect_dtype("logical_and", DType::Bool).or_panic();
        let [a, b] = pair("logical_and", self, other).or_panic();
        let (x, y) = (self.with_layout(a), other.with_layout(b));
        Tensor::from_buffer(map2(x.strided::<bool>(), y.strided::<bool>(), |x, y| x & y), a.shape())
    }

    /// `x ∨ y`, element by element.
    ///
    /// # Panics
    /// If the elements are not `bool` or the shapes do not broadcast.
    #[track_caller]
    pub fn logical_or(&self, other: &Tensor) -> Tensor {
        self.expect_dtype("logical_or", DType::Bool).or_panic();
        let [a, b] = pair("logical_or", self, other).or_panic();
        let (x, y) = (self.with_layout(a), other.with_layout(b));
        Tensor::from_buffer(map2(x.strided::<bool>(), y.strided::<bool>(), |x, y| x | y), a.shape())
    }

    /// `x` kept within `low..=high`; NaN stays.
    ///
    /// # Panics
    /// If `low` is not at most `high`, or the elements are not floats.
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Tensor {
        check_clamp(self.shape(), low, high).or_panic();
        for_float!(self.dtype(), T => {
            let (low, high) = (low as T, high as T);
            let f = move |x: T| if x < low { low } else if x > high { high } else { x };
            Tensor::from_buffer(map1(self.strided::<T>(), f), self.shape())
        }, else panic!("{}", wrong_type("clamp", self, "floats")))
    }

    /// Where `self` is true the element of `a`, elsewhere that of `b`; the three shapes broadcast.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([-1.0_f32, 2.0]);
    /// let zero = Tensor::from(0.0_f32);
    /// assert_eq!(x.less(&zero).select(&zero, &x), x.relu());
    /// ```
    ///
    /// # Panics
    /// If `self` is not `bool`, the types of `a` and `b` differ, or the shapes do not broadcast.
    #[track_caller]
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Tensor {
        self.expect_dtype("select", DType::Bool).or_panic();
        pair("select", a, b).or_panic();
        let shape = select_shape(self.shape(), a.shape(), b.shape()).or_panic();
        let [c, a, b] = [self, a, b].map(|x| x.broadcast_to(shape));
        for_any!(a.dtype(), T => {
            Tensor::from_buffer(select(c.strided(), a.strided::<T>(), b.strided::<T>()), shape)
        })
    }

    /// Writes `value`, broadcast, over the elements that `target` views; the others stay.
    ///
    /// In place when nobody else holds the buffer.
    ///
    /// ```
    /// # use tensor::{Tensor, View};
    /// let mut x = Tensor::from([[1_i64, 2], [3, 4]]);
    /// x.assign(&View::Slice(1, (0..1).into()), &Tensor::from(9_i64));
    /// assert_eq!(x, Tensor::from([[9_i64, 2], [9, 4]]));
    /// ```
    ///
    /// # Panics
    /// If the view does not fit, the types differ, or `value` does not broadcast to the view's shape.
    #[track_caller]
    pub fn assign(&mut self, target: &View, value: &Tensor) {
        value.expect_dtype("assign", self.dtype()).or_panic();
        let target = target.of(&Layout::contiguous(self.shape())).or_panic();
        if broadcast_shape("assign", value.shape(), target.shape()).ok() != Some(target.shape()) {
            panic!(
                "assign: {} does not broadcast to {}, the shape of the view",
                value.shape(),
                target.shape()
            );
        }
        let value = value.broadcast_to(target.shape());
        for_any!(self.dtype(), T => {
            crate::map::scatter(self.as_mut_slice::<T>(), &target, value.strided(), |_, new| new);
        });
    }

    /// Makes every element `value`, in place when nobody else holds the buffer.
    ///
    /// # Panics
    /// If `value` is not representable in the element type (0.5 as an integer).
    #[track_caller]
    pub fn fill(&mut self, value: f64) {
        if !self.dtype().holds(value) {
            panic!("fill: {value} is not of type {}, which {} holds", self.dtype(), self.shape());
        }
        let scalar = Tensor::full([], value, self.dtype());
        for_any!(self.dtype(), T => {
            let value = scalar.strided::<T>().data[0];
            self.as_mut_slice::<T>().fill(value);
        });
    }
}

/// The rule of `clamp`: `low` is at most `high`.
///
/// # Errors
/// If it is not, or either is NaN.
pub fn check_clamp(x: Shape, low: f64, high: f64) -> Result<(), ShapeError> {
    if low <= high {
        return Ok(());
    }
    Err(ShapeError::new("clamp", format!("{x}: the lower bound {low} is not at most the upper bound {high}")))
}

/// The rule of `select`: condition and both choices broadcast to one shape.
///
/// # Errors
/// If they do not.
pub fn select_shape(condition: Shape, a: Shape, b: Shape) -> Result<Shape, ShapeError> {
    broadcast_shape("select", condition, broadcast_shape("select", a, b)?)
}
