//! Making tensors from numbers.

use crate::buffer::Buffer;
use crate::dtype::{DType, Element, Stored, for_any, for_float};
use crate::shape::{OrPanic, Shape, ShapeError};
use crate::tensor::Tensor;

impl Tensor {
    /// All zeros (`false` for `bool`).
    ///
    /// # Panics
    /// If the shape has too many axes or elements.
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::full(shape, 0.0, dtype)
    }

    /// All ones (`true` for `bool`).
    ///
    /// # Panics
    /// If the shape has too many axes or elements.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::full(shape, 1.0, dtype)
    }

    /// All elements `value`.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// assert_eq!(Tensor::full([2], 0.5, DType::F32), Tensor::from([0.5_f32, 0.5]));
    /// ```
    ///
    /// # Panics
    /// If the element type cannot hold the value (0.5 as an integer), or the shape has too many axes or elements.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType) -> Tensor {
        let shape = shape.into();
        if !dtype.holds(value) {
            panic!("full: {value} is not of type {dtype}, which the tensor {shape} is to hold");
        }
        for_any!(dtype, T => Tensor::from_buffer(Buffer::full(shape.count(), <T as Stored>::cast(value)), shape))
    }

    /// The identity matrix of size `n`.
    ///
    /// # Panics
    /// If it has too many elements.
    #[track_caller]
    pub fn eye(n: usize, dtype: DType) -> Tensor {
        Shape::of(&[n, n], "eye").or_panic();
        let rows = Tensor::arange(0.0, n as f64, 1.0, DType::I64);
        rows.unsqueeze(1).equal(&rows).to(dtype)
    }

    /// The numbers `start`, `start + step`, … before `end`.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// assert_eq!(Tensor::arange(3.0, 0.0, -1.0, DType::I64).to_vec::<i64>(), [3, 2, 1]);
    /// ```
    ///
    /// # Panics
    /// If the step is 0 or does not lead from `start` to `end`, the element type cannot hold the numbers (0.5 as an
    /// integer), or there are too many.
    #[track_caller]
    pub fn arange(start: f64, end: f64, step: f64, dtype: DType) -> Tensor {
        let count = ((end - start) / step).ceil();
        if step == 0.0 || !count.is_finite() || count < 0.0 {
            panic!("arange: steps of {step} do not lead from {start} to {end}");
        }
        let shape = Shape::of(&[count as usize], "arange").or_panic();
        let number = |i: usize| start + i as f64 * step;
        // Whole at the first two, in range at both ends: so are all between.
        for i in [0, 1, shape.count().saturating_sub(1)] {
            if i < shape.count() && !dtype.holds(number(i)) {
                panic!("arange: {} is not of type {dtype}, which the tensor {shape} is to hold", number(i));
            }
        }
        for_any!(dtype, T => {
            let mut out = Buffer::<T>::uninit(shape.count());
            out.iter_mut().enumerate().for_each(|(i, x)| *x = <T as Stored>::cast(number(i)));
            Tensor::from_buffer(out, shape)
        })
    }

    /// `count` evenly spaced numbers from `start` to `end`, both included.
    ///
    /// # Panics
    /// If the range is not finite, the type is no float, or there are too many numbers.
    #[track_caller]
    pub fn linspace(start: f64, end: f64, count: usize, dtype: DType) -> Tensor {
        let shape = Shape::of(&[count], "linspace").or_panic();
        if !(end - start).is_finite() {
            panic!("linspace: {shape}: no finite range from {start} to {end}");
        }
        let gaps = count.saturating_sub(1).max(1) as f64;
        for_float!(dtype, T => {
            let mut out = Buffer::<T>::uninit(count);
            for (i, x) in out.iter_mut().enumerate() {
                // From the nearer end, so that the last number is `end` to the bit.
                let number = if 2 * i < count { start + (end - start) * (i as f64 / gaps) }
                    else { end - (end - start) * ((count - 1 - i) as f64 / gaps) };
                *x = number as T;
            }
            Tensor::from_buffer(out, shape)
        }, else panic!("linspace: {shape}: evenly spaced numbers are f32 or f64, not {dtype}"))
    }

    /// The elements of `data` in row-major order.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0_f32, 2.0, 3.0, 4.0], [2, 2]).unwrap();
    /// assert_eq!(x, Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
    /// ```
    ///
    /// # Errors
    /// If the number of elements is not that of the shape.
    pub fn from_vec<T: Element>(data: Vec<T>, shape: impl AsRef<[usize]>) -> Result<Tensor, ShapeError> {
        let shape = Shape::of(shape.as_ref(), "from_vec")?;
        if data.len() != shape.count() {
            return Err(ShapeError::new(
                "from_vec",
                format!("{} elements do not fill {shape}, which has {}", data.len(), shape.count()),
            ));
        }
        Ok(Tensor::from_buffer(Buffer::from(data), shape))
    }

    /// A copy of the elements of `data` in row-major order.
    ///
    /// # Errors
    /// If the number of elements is not that of the shape.
    pub fn from_slice<T: Element>(data: &[T], shape: impl AsRef<[usize]>) -> Result<Tensor, ShapeError> {
        Tensor::from_vec(data.to_vec(), shape)
    }

    /// Zeros of the shape and type of `self`.
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros(self.shape(), self.dtype())
    }

    /// Ones of the shape and type of `self`.
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones(self.shape(), self.dtype())
    }
}

/// A single number, of shape `[]`.
impl<T: Element> From<T> for Tensor {
    fn from(x: T) -> Tensor {
        Tensor::from_buffer(Buffer::from(vec![x]), Shape::default())
    }
}
impl<T: Element> From<Vec<T>> for Tensor {
    fn from(x: Vec<T>) -> Tensor {
        let shape = Shape::from([x.len()]);
        Tensor::from_buffer(Buffer::from(x), shape)
    }
}
impl<T: Element> From<&[T]> for Tensor {
    fn from(x: &[T]) -> Tensor {
        Tensor::from(x.to_vec())
    }
}
impl<T: Element, const A: usize> From<[T; A]> for Tensor {
    fn from(x: [T; A]) -> Tensor {
        Tensor::from(x.to_vec())
    }
}
impl<T: Element, const A: usize, const B: usize> From<[[T; B]; A]> for Tensor {
    fn from(x: [[T; B]; A]) -> Tensor {
        Tensor::from(x.as_flattened()).reshape([A, B])
    }
}
impl<T: Element, const A: usize, const B: usize, const C: usize> From<[[[T; C]; B]; A]> for Tensor {
    fn from(x: [[[T; C]; B]; A]) -> Tensor {
        Tensor::from(x.as_flattened().as_flattened()).reshape([A, B, C])
    }
}
impl<T: Element, const A: usize, const B: usize, const C: usize, const D: usize> From<[[[[T; D]; C]; B]; A]>
    for Tensor
{
    fn from(x: [[[[T; D]; C]; B]; A]) -> Tensor {
        Tensor::from(x.as_flattened().as_flattened().as_flattened()).reshape([A, B, C, D])
    }
}
