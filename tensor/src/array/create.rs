//! Making tensors from numbers.

use crate::array::dtype::{DType, Element, Stored, for_any, for_float};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;

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
        Tensor::full_shape(shape.into(), value, dtype)
    }

    #[track_caller]
    fn full_shape(shape: Shape, value: f64, dtype: DType) -> Tensor {
        if !dtype.holds(value) {
            panic!("full: {value} is not of type {dtype}, which the tensor {shape} is to hold");
        }
        for_any!(dtype, T => Tensor::from_buffer(Buffer::full(shape.numel(), <T as Stored>::cast(value)), shape))
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

    /// The numbers `start + i · step` for `i` from 0 to `ceil((end − start) / step) − 1` (NumPy's `arange`, PyTorch's).
    ///
    /// Integers are exact and stop before `end`. Of floats the length is this formula in `f64`, as NumPy's is, so where a step
    /// is no exact number the last one may be `end`; [`linspace`](Tensor::linspace) takes the number of elements instead.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// assert_eq!(Tensor::arange(3.0, 0.0, -1.0, DType::I64).to_vec::<i64>(), [3, 2, 1]);
    /// assert_eq!(Tensor::arange(1.0, 1.3, 0.1, DType::F32).to_vec::<f32>(), [1.0, 1.1, 1.2, 1.3]);
    /// ```
    ///
    /// # Panics
    /// If the step is 0 or does not lead from `start` to `end`, the element type cannot hold the numbers (0.5 as an
    /// integer), or there are too many.
    #[track_caller]
    pub fn arange(start: f64, end: f64, step: f64, dtype: DType) -> Tensor {
        let whole = dtype == DType::I64 && dtype.holds(start) && dtype.holds(step);
        let count = if whole { whole_steps(start, end, step) } else { ((end - start) / step).ceil() };
        if step == 0.0 || !((end - start) / step).is_finite() || count < 0.0 {
            panic!("arange: steps of {step} do not lead from {start} to {end}");
        }
        let shape = Shape::of(&[count as usize], "arange").or_panic();
        if whole {
            return integers(start as i64, step as i64, shape);
        }
        let number = |i: usize| start + i as f64 * step;
        // Whole at the first two, in range at both ends: so are all between.
        for i in [0, 1, shape.numel().saturating_sub(1)] {
            if i < shape.numel() && !dtype.holds(number(i)) {
                panic!("arange: {} is not of type {dtype}, which the tensor {shape} is to hold", number(i));
            }
        }
        for_any!(dtype, T => {
            let mut out = Buffer::<T>::uninit(shape.numel());
            out.iter_mut().enumerate().for_each(|(i, x)| *x = <T as Stored>::cast(number(i)));
            Tensor::from_buffer(out, shape)
        })
    }

    /// `count` evenly spaced numbers from `start` to `end`, both included (NumPy's `linspace`). Those that are integers are exact.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5, DType::F32).to_vec::<f32>(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
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
        let way = |i: usize| {
            // Multiplied first, since a quotient of integers that is an integer is exact.
            let product = (end - start) * i as f64;
            if product.is_finite() { product / gaps } else { (end - start) * (i as f64 / gaps) }
        };
        for_float!(dtype, T => {
            let mut out = Buffer::<T>::uninit(count);
            for (i, x) in out.iter_mut().enumerate() {
                // From the nearer end, so that the last number is `end` to the bit.
                let number = if 2 * i < count { start + way(i) } else { end - way(count - 1 - i) };
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
        if data.len() != shape.numel() {
            return Err(ShapeError::new(
                "from_vec",
                format!("{} elements do not fill {shape}, which has {}", data.len(), shape.numel()),
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

/// `ceil((end − start) / step)` of integers without rounding, but for what no memory could hold.
fn whole_steps(start: f64, end: f64, step: f64) -> f64 {
    // The integers before a fraction are those before the next integer.
    let end = if step > 0.0 { end.ceil() } else { end.floor() } as i128;
    let (start, step) = (start as i128, step as i128);
    let way = end.saturating_sub(start).saturating_mul(step.signum());
    -(-way).checked_div_euclid(step.abs()).unwrap_or_default() as f64
}

/// `start`, `start + step`, …
#[track_caller]
fn integers(start: i64, step: i64, shape: Shape) -> Tensor {
    let number = |i: usize| i128::from(start) + i as i128 * i128::from(step);
    let last = number(shape.numel().saturating_sub(1));
    if i64::try_from(last).is_err() {
        panic!("arange: {last} is not of type i64, which the tensor {shape} is to hold");
    }
    let mut out = Buffer::<i64>::uninit(shape.numel());
    out.iter_mut().enumerate().for_each(|(i, x)| *x = number(i) as i64);
    Tensor::from_buffer(out, shape)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_integers_beyond_2_to_53_repeat_no_number() {
        let start = (1_i64 << 53) - 2;
        let found = Tensor::arange(start as f64, (start + 8) as f64, 1.0, DType::I64);
        assert_eq!(found.to_vec::<i64>(), (start..start + 8).collect::<Vec<_>>());
        let down = Tensor::arange(-(2.0_f64.powi(62)), -(2.0_f64.powi(62)) - 2048.0, -1.0, DType::I64);
        assert_eq!(down.to_vec::<i64>(), (0..2048).map(|i| -(1 << 62) - i).collect::<Vec<_>>());
        let all = Tensor::arange(i64::MIN as f64, -(i64::MIN as f64), 2.0_f64.powi(62), DType::I64);
        assert_eq!(all.to_vec::<i64>(), [i64::MIN, -(1 << 62), 0, 1 << 62]);
    }

    /// NumPy 2.4's lengths and numbers.
    #[test]
    fn the_length_of_a_range_is_numpys() {
        for (start, end, step, length) in [
            (1.0, 1.3, 0.1, 4),
            (0.0, 0.3, 0.1, 3),
            (0.0, 1.0, 0.1, 10),
            (0.0, 10.0, 3.0, 4),
            (0.0, 9.0, 3.0, 3),
            (5.0, 0.0, -2.0, 3),
            (0.0, -1.0, 2.0, 0),
            (3.0, 3.0, 1.0, 0),
        ] {
            for dtype in [DType::F32, DType::F64] {
                assert_eq!(Tensor::arange(start, end, step, dtype).numel(), length, "{start} {end} {step}");
            }
        }
        for (start, end, step, numbers) in [
            (0.0, 2.5, 1.0, &[0_i64, 1, 2][..]),
            (2.0, -2.5, -2.0, &[2, 0, -2]),
            (0.0, 7.0, 3.0, &[0, 3, 6]),
            (0.0, 6.0, 3.0, &[0, 3]),
            (0.0, -1.0, 2.0, &[]),
        ] {
            assert_eq!(Tensor::arange(start, end, step, DType::I64).to_vec::<i64>(), numbers);
        }
    }

    #[test]
    fn evenly_spaced_integers_are_exact() {
        for count in 2..2_000_usize {
            for dtype in [DType::F32, DType::F64] {
                let x =
                    Tensor::linspace(-3.0, count as f64 - 4.0, count, dtype).to(DType::F64).to_vec::<f64>();
                assert!(x.iter().enumerate().all(|(i, &x)| x == i as f64 - 3.0), "{count}");
            }
        }
        let wide = Tensor::linspace(0.0, f64::MAX, 5, DType::F64).to_vec::<f64>();
        assert_eq!([wide[2], wide[4]], [f64::MAX / 2.0, f64::MAX]);
    }

    #[test]
    fn whole_numbers_given_as_floats_become_exact_integers() {
        for number in [1_i64 << 53, i64::MIN, -(1 << 60) - (1 << 10), i64::MAX - 1023] {
            let float = number as f64;
            let zero = Tensor::zeros([2], DType::I64);
            assert_eq!(float as i128, i128::from(number));
            let mut filled = zero.clone();
            filled.fill(float);
            for x in [Tensor::full([2], float, DType::I64), &zero + float, filled] {
                assert_eq!(x.to_vec::<i64>(), [number; 2]);
            }
        }
    }
}
