//! Element-wise mathematics, comparisons and choices, with NumPy broadcasting.

mod composed;
pub(crate) mod kernels;

use crate::array::dtype::{DType, for_any, for_float, for_number};
use crate::array::layout::{Layout, ViewOp};
use crate::array::map::{map1, map2, select};
use crate::array::shape::{OrPanic, Shape, ShapeError, broadcast_shape};
use crate::array::tensor::{Tensor, wrong_type};
use crate::runtime::loops::{map, map_pairs};

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
    Ok([ViewOp::Broadcast(shape).of(a.layout())?, ViewOp::Broadcast(shape).of(b.layout())?])
}

macro_rules! float_methods {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the elements are not floats.
                #[track_caller]
                pub fn $name(&self) -> Tensor {
                    for_float!(self.dtype(), T => {
                        Tensor::from_buffer(map1(self.strided::<T>(), &kernels::$name::<T>), self.shape())
                    }, else panic!("{}", wrong_type(stringify!($name), self, "floats")))
                }
            )*
        }
    };
}

float_methods! {
    /// `e^x`.
    exp;
    /// `e^x − 1`, accurate near 0.
    exp_m1;
    /// The natural logarithm; −∞ at 0 and NaN below.
    ln;
    /// `ln(1 + x)`, accurate near 0.
    ln_1p;
    /// The square root; NaN below 0.
    sqrt;
    /// The hyperbolic tangent.
    tanh;
    /// The logistic function `1 / (1 + e^−x)`.
    sigmoid;
    /// The sine of an angle in radians.
    sin;
    /// The cosine of an angle in radians.
    cos;
    /// The largest integer not above `x`.
    floor;
    /// The smallest integer not below `x`.
    ceil;
    /// The nearest integer, halves to the even one.
    round;
    /// `1 / x`.
    recip;
    /// `ln(1 + e^x)`, a smooth rectifier, without overflow.
    softplus;
    /// `x · sigmoid(x)`, also known as swish.
    silu;
    /// The Gaussian error linear unit in its usual approximation, `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))` (Hendrycks and
    /// Gimpel, 2016).
    gelu;
}

macro_rules! number_methods {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the elements are `bool`.
                #[track_caller]
                pub fn $name(&self) -> Tensor {
                    for_number!(self.dtype(), T => {
                        Tensor::from_buffer(map1(self.strided::<T>(), &kernels::$name::<T>), self.shape())
                    }, else panic!("{}", wrong_type(stringify!($name), self, "numbers")))
                }
            )*
        }
    };
}

number_methods! {
    /// `−x`.
    neg;
    /// `|x|`.
    abs;
    /// −1, 0 or 1 as `x` is negative, zero or positive; NaN stays.
    sign;
    /// `x²`.
    square;
    /// The rectifier `max(x, 0)`; NaN stays.
    relu;
}

/// The value of an operation of two operands, by the kernel of its name.
macro_rules! binary {
    ($name:ident($x:expr, $y:expr): $for:ident $wanted:literal -> $out:ident) => {{
        let op = stringify!($name);
        let [a, b] = pair(op, $x, $y).or_panic();
        let (left, right) = ($x.with_layout(a), $y.with_layout(b));
        $for!($x.dtype(), T => {
            let kernel: fn(&[T], &[T], &mut [$out]) = kernels::$name;
            let out = map2(left.strided(), right.strided(), &kernel);
            Tensor::from_buffer(out, a.shape())
        }, else panic!("{}", wrong_type(op, $x, $wanted)))
    }};
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident: $for:ident $wanted:literal -> $out:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the element types differ or are not supported, or the shapes do not broadcast.
                #[track_caller]
                pub fn $name(&self, other: &Tensor) -> Tensor {
                    binary!($name(self, other): $for $wanted -> $out)
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
    add: for_number "numbers" -> T;
    /// `x − y`.
    sub: for_number "numbers" -> T;
    /// `x · y`.
    mul: for_number "numbers" -> T;
    /// The larger of `x` and `y`; NaN if either is.
    maximum: for_number "numbers" -> T;
    /// The smaller of `x` and `y`; NaN if either is.
    minimum: for_number "numbers" -> T;
    /// `x^y`; NaN where a negative `x` is raised to a fraction.
    pow: for_float "floats" -> T;
    /// Whether `x = y`.
    equal: for_all "" -> bool;
    /// Whether `x ≠ y`.
    not_equal: for_all "" -> bool;
    /// Whether `x < y`.
    less: for_all "" -> bool;
    /// Whether `x ≤ y`.
    less_equal: for_all "" -> bool;
    /// Whether `x > y`.
    greater: for_all "" -> bool;
    /// Whether `x ≥ y`.
    greater_equal: for_all "" -> bool;
}

/// The gradient with respect to the operand of a rectifier, given that with respect to its result `y`: `dy`, but 0 where `y = 0`.
///
/// # Panics
/// If the element types differ or are `bool`, or the shapes do not broadcast.
#[track_caller]
pub fn relu_grad(y: &Tensor, dy: &Tensor) -> Tensor {
    binary!(relu_grad(y, dy): for_number "numbers" -> T)
}

/// The gradient with respect to the operand `x` of the logistic function, given that with respect to its result: `dy · s · (1 − s)`
/// with `s = sigmoid(x)`. Where `s` is nearly 1 the digits of `1 − s` stay.
///
/// # Panics
/// If the element types differ or are not floats, or the shapes do not broadcast.
#[track_caller]
pub fn sigmoid_grad(x: &Tensor, dy: &Tensor) -> Tensor {
    binary!(sigmoid_grad(x, dy): for_float "floats" -> T)
}

impl Tensor {
    /// `x / y`; integers are rounded toward zero.
    ///
    /// # Panics
    /// If the element types differ or are `bool`, the shapes do not broadcast, or an integer is divided by zero.
    #[track_caller]
    pub fn div(&self, other: &Tensor) -> Tensor {
        let [a, b] = pair("div", self, other).or_panic();
        if other.dtype() == DType::I64 && a.shape().numel() > 0 && other.to_vec::<i64>().contains(&0) {
            panic!("div: integer division by zero in {} / {}", self.shape(), other.shape());
        }
        let (x, y) = (self.with_layout(a), other.with_layout(b));
        for_number!(self.dtype(), T => {
            Tensor::from_buffer(map2(x.strided::<T>(), y.strided::<T>(), &kernels::div::<T>), a.shape())
        }, else panic!("{}", wrong_type("div", self, "numbers")))
    }

    /// `¬x`, element by element.
    ///
    /// # Panics
    /// If the elements are not `bool`.
    #[track_caller]
    pub fn logical_not(&self) -> Tensor {
        self.expect_dtype("logical_not", DType::Bool).or_panic();
        Tensor::from_buffer(
            map1(self.strided(), &|x, out: &mut [bool]| map(x, out, |x: bool| !x)),
            self.shape(),
        )
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
        Tensor::from_buffer(
            map2(x.strided(), y.strided(), &|x, y, out: &mut [bool]| {
                map_pairs(x, y, out, |x: bool, y: bool| x & y)
            }),
            a.shape(),
        )
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
        Tensor::from_buffer(
            map2(x.strided(), y.strided(), &|x, y, out: &mut [bool]| {
                map_pairs(x, y, out, |x: bool, y: bool| x | y)
            }),
            a.shape(),
        )
    }

    /// `x` kept within `low..=high`; NaN stays.
    ///
    /// # Panics
    /// If `low` is not at most `high`, or the elements are not floats.
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Tensor {
        check_clamp(self.shape(), low, high).or_panic();
        for_float!(self.dtype(), T => {
            let bounds = [low as T, high as T];
            Tensor::from_buffer(map1(self.strided::<T>(), &|x, out| kernels::clamp(x, bounds, out)), self.shape())
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
    /// # use tensor::{Tensor, ViewOp};
    /// let mut x = Tensor::from([[1_i64, 2], [3, 4]]);
    /// x.assign(&ViewOp::Slice(1, (0..1).into()), &Tensor::from(9_i64));
    /// assert_eq!(x, Tensor::from([[9_i64, 2], [9, 4]]));
    /// ```
    ///
    /// # Panics
    /// If the view does not fit, the types differ, or `value` does not broadcast to the view's shape.
    #[track_caller]
    pub fn assign(&mut self, target: &ViewOp, value: &Tensor) {
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
            crate::array::map::scatter(self.as_mut_slice::<T>(), &target, value.strided(), |_, new| new);
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
