//! The formulas of element-wise functions, as loops over slices: one for each element type, and for `f32` and instruction set, which
//! tensors and fused programs share.

use crate::array::dtype::Element;
use crate::ops::number::{Number, larger, smaller};
use crate::runtime::loops::{map, map_pairs};
use crate::runtime::math::Float;

/// The numbers `a` and `b` with which [`gelu`](crate::Tensor::gelu) is `x · σ(x · (a + b x²))`: `(1 + tanh u) / 2` is `σ(2u)`, which keeps its
/// digits where the tangent is nearly −1.
pub const GELU_GATE: [f64; 2] = [1.595_769_121_605_730_8, 1.595_769_121_605_730_8 * 0.044_715];

macro_rules! unary {
    ($($name:ident<$($bound:ident)|+>: |$x:ident| $f:expr;)*) => {
        $(
            pub(crate) fn $name<T: $($bound +)+ Element>(x: &[T], out: &mut [T]) {
                map(x, out, #[inline(always)] |$x: T| $f);
            }
        )*
    };
}

macro_rules! binary {
    ($($name:ident<$($bound:ident)|+>: |$x:ident, $y:ident| $f:expr;)*) => {
        $(
            pub(crate) fn $name<T: $($bound +)+ Element>(x: &[T], y: &[T], out: &mut [T]) {
                map_pairs(x, y, out, #[inline(always)] |$x: T, $y: T| $f);
            }
        )*
    };
}

unary! {
    exp<Float>: |x| Float::exp(x);
    exp_m1<Float>: |x| Float::exp_m1(x);
    ln<Float>: |x| Float::ln(x);
    ln_1p<Float>: |x| Float::ln_1p(x);
    sqrt<Float>: |x| Float::sqrt(x);
    tanh<Float>: |x| Float::tanh(x);
    sigmoid<Float>: |x| Float::sigmoid(x);
    sin<Float>: |x| Float::sin(x);
    cos<Float>: |x| Float::cos(x);
    floor<Float>: |x| Float::floor(x);
    ceil<Float>: |x| Float::ceil(x);
    round<Float>: |x| Float::round(x);
    recip<Float>: |x| T::from_f64(1.0) / x;
    softplus<Float | Number>: |x| rectified(x) + Float::ln_1p(Float::exp(-x.magnitude()));
    silu<Float | Number>: |x| gated(x, x);
    gelu<Float | Number>: |x| gated(x, gelu_gate(x));
    neg<Number>: |x| x.negative();
    abs<Number>: |x| x.magnitude();
    sign<Number>: |x| x.signum();
    square<Number>: |x| x.times(x);
    relu<Number>: |x| rectified(x);
}

binary! {
    add<Number>: |x, y| x.plus(y);
    sub<Number>: |x, y| x.minus(y);
    mul<Number>: |x, y| x.times(y);
    div<Number>: |x, y| x.over(y);
    maximum<Number>: |x, y| if y.is_nan() { y } else { larger(x, y) };
    minimum<Number>: |x, y| if y.is_nan() { y } else { smaller(x, y) };
    pow<Float>: |x, y| Float::powf(x, y);
    relu_grad<Number>: |x, y| if x == T::default() { T::default() } else { y };
    sigmoid_grad<Float | Number>: |x, y| y * sigmoid_slope(x);
}

/// Truth values: of a type of their own in tensors, numbers in fused programs.
pub(crate) trait Truth {
    fn of(truth: bool) -> Self;
}
impl Truth for bool {
    #[inline(always)]
    fn of(truth: bool) -> bool {
        truth
    }
}
impl Truth for f32 {
    #[inline(always)]
    fn of(truth: bool) -> f32 {
        if truth { 1.0 } else { 0.0 }
    }
}

macro_rules! comparison {
    ($($name:ident: |$x:ident, $y:ident| $f:expr;)*) => {
        $(
            pub(crate) fn $name<T: Element, O: Truth>(x: &[T], y: &[T], out: &mut [O]) {
                map_pairs(x, y, out, #[inline(always)] |$x: T, $y: T| O::of($f));
            }
        )*
    };
}

comparison! {
    equal: |x, y| x == y;
    not_equal: |x, y| x != y;
    less: |x, y| x < y;
    less_equal: |x, y| x <= y;
}

pub(crate) fn greater<T: Element, O: Truth>(x: &[T], y: &[T], out: &mut [O]) {
    less(y, x, out);
}

pub(crate) fn greater_equal<T: Element, O: Truth>(x: &[T], y: &[T], out: &mut [O]) {
    less_equal(y, x, out);
}

pub(crate) fn clamp<T: Float + Element>(x: &[T], [low, high]: [T; 2], out: &mut [T]) {
    map(
        x,
        out,
        #[inline(always)]
        |x: T| {
            if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            }
        },
    );
}

#[inline(always)]
fn rectified<T: Number>(x: T) -> T {
    larger(x, T::default())
}

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

/// `e^−|x| / (1 + e^−|x|)²`, the same for `x` and `−x`.
#[inline(always)]
fn sigmoid_slope<T: Float + Number>(x: T) -> T {
    let e = Float::exp(-x.magnitude());
    let sum = T::from_f64(1.0) + e;
    e / (sum * sum)
}
