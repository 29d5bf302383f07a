//! Printing, in NumPy's way: aligned columns, and the middle of long axes left out.

use crate::array::dtype::{DType, Stored, for_any};
use crate::array::layout::Slice;
use crate::array::tensor::Tensor;
use std::fmt;

/// Tensors of more elements than this are printed with the middle of long axes left out.
const WHOLE: usize = 1000;
/// Elements printed at either end of a long axis.
const EDGE: usize = 3;

/// How one number is written.
#[derive(Clone, Copy)]
enum Style {
    Integer,
    Bool,
    Fixed(usize),
    Scientific(usize),
}

impl Style {
    /// The shortest style that shows four digits after the point of every number, fewer if none needs them.
    fn of(dtype: DType, numbers: &[f64], precision: usize) -> Style {
        match dtype {
            DType::I64 => return Style::Integer,
            DType::Bool => return Style::Bool,
            DType::F32 | DType::F64 => {}
        }
        let finite = || numbers.iter().map(|x| x.abs()).filter(|x| x.is_finite() && *x > 0.0);
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(0.0, f64::max));
        if high >= 1e8 || low < 1e-4 || high / low > 1e6 {
            return Style::Scientific(precision);
        }
        let shown = |digits: usize, x: f64| format!("{x:.digits$}").parse::<f64>().unwrap_or(x);
        let digits = (0..precision).find(|&d| finite().all(|x| shown(d, x) == shown(precision, x)));
        Style::Fixed(digits.unwrap_or(precision))
    }

    fn write(self, x: f64) -> String {
        match self {
            Style::Bool => (x != 0.0).to_string(),
            Style::Integer => format!("{x:.0}"),
            _ if x.is_nan() => "nan".into(),
            _ if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
            Style::Fixed(0) => format!("{x:.0}."),
            Style::Fixed(digits) => format!("{x:.digits$}"),
            Style::Scientific(digits) => format!("{x:.digits$e}"),
        }
    }
}

/// The positions of an axis that are printed; `None` stands for those left out.
fn positions(size: usize, elide: bool) -> Vec<Option<usize>> {
    if !elide || size <= 2 * EDGE {
        return (0..size).map(Some).collect();
    }
    (0..EDGE).map(Some).chain([None]).chain((size - EDGE..size).map(Some)).collect()
}

/// Only the printed positions of every axis, so that a large tensor is never copied.
fn corners(x: &Tensor, elide: bool) -> Tensor {
    let mut shown = x.clone();
    for axis in 0..x.rank() {
        let size = x.shape()[axis];
        if elide && size > 2 * EDGE {
            let ends = [Slice::from(..EDGE), Slice::from(size - EDGE..)];
            let [head, tail] = ends.map(|part| shown.slice(axis as isize, part));
            shown = Tensor::concat(&[&head, &tail], axis as isize);
        }
    }
    shown
}

fn write_axis(
    f: &mut fmt::Formatter<'_>,
    x: &Tensor,
    cells: &mut impl Iterator<Item = String>,
    axis: usize,
    elide: bool,
) -> fmt::Result {
    if axis == x.rank() {
        return f.write_str(&cells.next().unwrap_or_default());
    }
    let last = axis + 1 == x.rank();
    f.write_str("[")?;
    for (i, position) in positions(x.shape()[axis], elide).into_iter().enumerate() {
        if i > 0 && last {
            f.write_str(", ")?;
        } else if i > 0 {
            f.write_str(",\n")?;
            f.write_str(&"\n".repeat(x.rank() - axis - 2))?;
            f.write_str(&" ".repeat(axis + 1))?;
        }
        match position {
            Some(_) => write_axis(f, x, cells, axis + 1, elide)?,
            None => f.write_str("...")?,
        }
    }
    f.write_str("]")
}

/// The elements in nested brackets, columns aligned; a precision (`{x:.2}`) sets the digits after the point.
///
/// ```
/// # use tensor::Tensor;
/// let x = Tensor::from([[1.5_f32, -2.0], [10.0, 0.25]]);
/// assert_eq!(x.to_string(), "[[ 1.50, -2.00],\n [10.00,  0.25]]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the count, which one empty axis makes 0 however long the others are.
        let elide = self.shape().iter().map(|&size| size.max(1)).product::<usize>() > WHOLE;
        let shown = corners(self, elide);
        let cells: Vec<String> = if let Some(integers) = shown.contiguous().as_slice::<i64>() {
            integers.iter().map(i64::to_string).collect()
        } else {
            let numbers: Vec<f64> = for_any!(shown.dtype(), T => {
                shown.to_vec::<T>().into_iter().map(Stored::to_f64).collect()
            });
            let style = Style::of(self.dtype(), &numbers, f.precision().unwrap_or(4));
            numbers.into_iter().map(|x| style.write(x)).collect()
        };
        let width = cells.iter().map(|c| c.chars().count()).max().unwrap_or(0);
        let mut cells = cells.into_iter().map(|c| format!("{c:>width$}"));
        write_axis(f, self, &mut cells, 0, elide)
    }
}

/// As `Display`, with shape and element type: `Tensor([[1., 2.]], shape [1, 2], f32)`.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({self}, shape {}, {})", self.shape(), self.dtype())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_numpy() {
        assert_eq!(Tensor::from(3_i64).to_string(), "3");
        assert_eq!(Tensor::from([1.0_f32, f32::NAN, -f32::INFINITY]).to_string(), "[  1.,  nan, -inf]");
        assert_eq!(Tensor::from([true, false]).to_string(), "[ true, false]");
        assert_eq!(Tensor::from([1e-9_f64, 1.0]).to_string(), "[1.0000e-9,  1.0000e0]");
        assert_eq!(Tensor::zeros([2, 0], DType::F32).to_string(), "[[],\n []]");
        let cube = Tensor::arange(0.0, 8.0, 1.0, DType::I64).reshape([2, 2, 2]);
        assert_eq!(cube.to_string(), "[[[0, 1],\n  [2, 3]],\n\n [[4, 5],\n  [6, 7]]]");
        assert_eq!(format!("{:?}", Tensor::from([1.0_f32])), "Tensor([1.], shape [1], f32)");
        assert_eq!(Tensor::from([i64::MAX]).to_string(), "[9223372036854775807]");
    }

    #[test]
    fn leaves_out_the_middle_of_large_tensors() {
        let x = Tensor::arange(0.0, 2000.0, 1.0, DType::I64);
        assert_eq!(x.to_string(), "[   0,    1,    2, ..., 1997, 1998, 1999]");
        let huge = Tensor::zeros([1], DType::F32).broadcast_to([1 << 40, 2]);
        let row = "[0., 0.]";
        assert_eq!(huge.to_string(), format!("[{row},\n {row},\n {row},\n ...,\n {row},\n {row},\n {row}]"));
    }
}
