//! `+ − × ÷` and their in-place forms, and equality.

use crate::array::dtype::{DType, for_any, for_number};
use crate::array::map::update;
use crate::array::shape::OrPanic;
use crate::array::tensor::Tensor;
use crate::array::tensor::wrong_type;
use crate::ops::elementwise::{kernels, pair};

/// A number as a tensor of the type of the other operand.
#[track_caller]
fn operand(op: &str, number: f64, other: &Tensor) -> Tensor {
    if !other.dtype().holds(number) {
        panic!(
            "{op}: the tensor {} holds {}, which {number} is not; convert it with .to(…)",
            other.shape(),
            other.dtype()
        );
    }
    Tensor::full([], number, other.dtype())
}

macro_rules! operator {
    ($trait:ident, $method:ident, $assign_trait:ident, $assign:ident) => {
        impl std::ops::$trait<&Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                Tensor::$method(self, other)
            }
        }
        impl std::ops::$trait<Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                Tensor::$method(self, &other)
            }
        }
        impl std::ops::$trait<&Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                Tensor::$method(&self, other)
            }
        }
        impl std::ops::$trait<Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                Tensor::$method(&self, &other)
            }
        }
        impl std::ops::$trait<f64> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: f64) -> Tensor {
                Tensor::$method(self, &operand(stringify!($method), other, self))
            }
        }
        impl std::ops::$trait<f64> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: f64) -> Tensor {
                Tensor::$method(&self, &operand(stringify!($method), other, &self))
            }
        }
        impl std::ops::$trait<&Tensor> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                Tensor::$method(&operand(stringify!($method), self, other), other)
            }
        }
        impl std::ops::$trait<Tensor> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                Tensor::$method(&operand(stringify!($method), self, &other), &other)
            }
        }
        /// In place when nobody else holds the buffer; the shape of `self` stays.
        impl std::ops::$assign_trait<&Tensor> for Tensor {
            #[track_caller]
            fn $assign(&mut self, other: &Tensor) {
                let [a, _] = pair(stringify!($assign), self, other).or_panic();
                if a.shape() != self.shape() {
                    panic!(
                        "{}: {} does not broadcast to {}, which stays",
                        stringify!($assign),
                        other.shape(),
                        self.shape()
                    );
                }
                let other = other.broadcast_to(self.shape());
                // Integer division checks for zeros, which the method does.
                let checked = self.dtype() == DType::I64 && stringify!($method) == "div";
                if !self.owns_buffer() || checked {
                    *self = Tensor::$method(self, &other);
                    return;
                }
                for_number!(self.dtype(), T => {
                    update(self.as_mut_slice::<T>(), other.strided::<T>(), &kernels::$method::<T>);
                }, else panic!("{}", wrong_type(stringify!($assign), self, "numbers")));
            }
        }
    };
}
operator!(Add, add, AddAssign, add_assign);
operator!(Sub, sub, SubAssign, sub_assign);
operator!(Mul, mul, MulAssign, mul_assign);
operator!(Div, div, DivAssign, div_assign);

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        Tensor::neg(self)
    }
}
impl std::ops::Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        Tensor::neg(&self)
    }
}

/// Equal shape, element type and elements; NaN is not equal to NaN. [`equal`](Tensor::equal) compares element-wise.
impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        self.shape() == other.shape()
            && self.dtype() == other.dtype()
            && for_any!(self.dtype(), T => self.to_vec::<T>() == other.to_vec::<T>())
    }
}

impl Tensor {
    /// Whether writing to this tensor would touch nobody else's elements.
    pub(crate) fn owns_buffer(&self) -> bool {
        for_any!(self.dtype(), T => {
            self.layout().is_contiguous()
                && self.shared_buffer::<T>().is_some_and(|b| b.is_unique() && b.len() == self.numel())
        })
    }
}
