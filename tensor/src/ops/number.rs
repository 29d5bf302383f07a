//! Arithmetic on one element, of every type that has it.

use crate::array::dtype::Element;

/// Arithmetic as tensors do it: floats by IEEE 754, integers wrapping around, and NaN never lost by `max` and `min`.
pub(crate) trait Number: Element {
    fn plus(self, y: Self) -> Self;
    fn minus(self, y: Self) -> Self;
    fn times(self, y: Self) -> Self;
    fn over(self, y: Self) -> Self;
    fn negative(self) -> Self;
    fn magnitude(self) -> Self;
    fn signum(self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! float_number {
    ($type:ident) => {
        impl Number for $type {
            #[inline(always)]
            fn plus(self, y: $type) -> $type {
                self + y
            }
            #[inline(always)]
            fn minus(self, y: $type) -> $type {
                self - y
            }
            #[inline(always)]
            fn times(self, y: $type) -> $type {
                self * y
            }
            #[inline(always)]
            fn over(self, y: $type) -> $type {
                self / y
            }
            #[inline(always)]
            fn negative(self) -> $type {
                -self
            }
            #[inline(always)]
            fn magnitude(self) -> $type {
                self.abs()
            }
            #[inline(always)]
            fn signum(self) -> $type {
                let sign = (self > 0.0) as u8 as $type - (self < 0.0) as u8 as $type;
                if self.is_nan() { self } else { sign }
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }
        }
    };
}
float_number!(f32);
float_number!(f64);

impl Number for i64 {
    #[inline(always)]
    fn plus(self, y: i64) -> i64 {
        self.wrapping_add(y)
    }
    #[inline(always)]
    fn minus(self, y: i64) -> i64 {
        self.wrapping_sub(y)
    }
    #[inline(always)]
    fn times(self, y: i64) -> i64 {
        self.wrapping_mul(y)
    }
    #[inline(always)]
    fn over(self, y: i64) -> i64 {
        self.wrapping_div(y)
    }
    #[inline(always)]
    fn negative(self) -> i64 {
        self.wrapping_neg()
    }
    #[inline(always)]
    fn magnitude(self) -> i64 {
        self.wrapping_abs()
    }
    #[inline(always)]
    fn signum(self) -> i64 {
        i64::signum(self)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
}

#[inline(always)]
pub(crate) fn larger<T: Number>(x: T, y: T) -> T {
    if x >= y || x.is_nan() { x } else { y }
}

#[inline(always)]
pub(crate) fn smaller<T: Number>(x: T, y: T) -> T {
    if x <= y || x.is_nan() { x } else { y }
}
