//! How a tensor's elements lie in its buffer, and the views that change only that.

use crate::array::shape::{MAX_RANK, Shape, ShapeError};

/// Where each element of a tensor is: element `[i, j, …]` is at `offset + i·strides[0] + j·strides[1] + …`.
///
/// A stride of 0 repeats the same elements along an axis (broadcasting), a negative one runs backwards (flipping).
///
/// ```
/// use tensor::{DType, Tensor};
/// let x = Tensor::zeros([2, 3], DType::F32);
/// assert_eq!(x.layout().strides(), [3, 1]);
/// assert_eq!(x.t().layout().strides(), [1, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    strides: [isize; MAX_RANK],
    offset: isize,
}

impl Layout {
    /// Row-major order without gaps, from the start of the buffer.
    #[inline]
    pub fn contiguous(shape: Shape) -> Layout {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1;
        for axis in (0..shape.len()).rev() {
            strides[axis] = stride;
            stride *= shape[axis].max(1) as isize;
        }
        Layout { shape, strides, offset: 0 }
    }

    /// The sizes of the axes.
    #[inline]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How far apart neighbours along each axis are, in elements.
    #[inline]
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.shape.len()]
    }

    /// Where the first element is, in elements from the start of the buffer.
    #[inline]
    pub fn offset(&self) -> isize {
        self.offset
    }

    /// Whether the elements are in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for axis in (0..self.shape.len()).rev() {
            match self.shape[axis] {
                0 => return true,
                1 => {}
                size => {
                    if self.strides[axis] != expected {
                        return false;
                    }
                    expected *= size as isize;
                }
            }
        }
        true
    }

    /// The layout of `shape` over the same elements in the same order, if one exists without copying.
    pub fn reshape(&self, shape: Shape) -> Option<Layout> {
        if self.is_contiguous() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape) });
        }
        // Runs of old axes that lie evenly in memory can be cut in any way; a new axis must not cross two runs.
        let old: Vec<(usize, isize)> =
            self.shape.iter().copied().zip(self.strides().iter().copied()).filter(|&(d, _)| d != 1).collect();
        let mut strides = [0; MAX_RANK];
        let (mut i, mut j) = (0, 0);
        while i < old.len() {
            let mut end = i + 1;
            while end < old.len() && old[end - 1].1 == old[end].1 * old[end].0 as isize {
                end += 1;
            }
            let run: usize = old[i..end].iter().map(|&(d, _)| d).product();
            let start = j;
            let mut covered = 1;
            while covered < run {
                covered *= *shape.get(j)?;
                j += 1;
            }
            if covered != run {
                return None;
            }
            let mut stride = old[end - 1].1;
            for axis in (start..j).rev() {
                strides[axis] = stride;
                stride *= shape[axis] as isize;
            }
            i = end;
        }
        Some(Layout { shape, strides, offset: self.offset })
    }
}

/// A part of an axis: a range of any form, `2..5`, `2..=4`, `2..`, `..5`, `..=-2`, `..`, or one index, `2`; with a step if wanted.
/// Bounds are `usize`, `isize` or `i32`. One index is a part of one element: the axis stays, with size 1, and
/// [`squeeze`](crate::Tensor::squeeze) takes it away.
///
/// Negative bounds count from the end, −1 being the last element. Where only the second is negative write a pair, `(1, -1)`:
/// Clippy takes the range `1..-1` for an empty one. A negative step runs through the same part backwards, so
/// `Slice::from(..).step(-1)` flips an axis and `Slice::from(0..5).step(-2)` gives elements 4, 2, 0.
///
/// ```
/// use tensor::{Slice, Tensor};
/// let x = Tensor::from([0_i64, 1, 2, 3, 4]);
/// let first: usize = 1;
/// for part in [Slice::from(first..first + 2), (1..=2).into(), (1, -2).into(), (-4..=-3).into()] {
///     assert_eq!(x.slice(0, part).to_vec::<i64>(), [1, 2]);
/// }
/// assert_eq!(x.slice(0, -1), Tensor::from([4_i64]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    start: isize,
    end: Option<isize>,
    step: isize,
}

impl Slice {
    /// The same part with every `step`-th element, backwards if negative.
    pub fn step(self, step: isize) -> Slice {
        Slice { step, ..self }
    }
}

impl From<std::ops::RangeFull> for Slice {
    fn from(_: std::ops::RangeFull) -> Slice {
        Slice { start: 0, end: None, step: 1 }
    }
}

/// What comes after `last`; after the last of an axis, −1, there is nothing.
fn after(last: isize) -> Option<isize> {
    (last != -1).then(|| last.saturating_add(1))
}

// With one of these types being `i32`, which a literal is where nothing else is known, `x.slice(0, 1..3)` needs no type.
macro_rules! parts_of {
    ($($type:ty: $position:expr;)*) => {$(
        impl From<std::ops::Range<$type>> for Slice {
            fn from(r: std::ops::Range<$type>) -> Slice {
                Slice { start: $position(r.start), end: Some($position(r.end)), step: 1 }
            }
        }
        impl From<($type, $type)> for Slice {
            fn from((start, end): ($type, $type)) -> Slice {
                Slice::from(start..end)
            }
        }
        impl From<std::ops::RangeInclusive<$type>> for Slice {
            fn from(r: std::ops::RangeInclusive<$type>) -> Slice {
                let (start, last) = r.into_inner();
                Slice { start: $position(start), end: after($position(last)), step: 1 }
            }
        }
        impl From<std::ops::RangeFrom<$type>> for Slice {
            fn from(r: std::ops::RangeFrom<$type>) -> Slice {
                Slice { start: $position(r.start), end: None, step: 1 }
            }
        }
        impl From<std::ops::RangeTo<$type>> for Slice {
            fn from(r: std::ops::RangeTo<$type>) -> Slice {
                Slice { start: 0, end: Some($position(r.end)), step: 1 }
            }
        }
        impl From<std::ops::RangeToInclusive<$type>> for Slice {
            fn from(r: std::ops::RangeToInclusive<$type>) -> Slice {
                Slice { start: 0, end: after($position(r.end)), step: 1 }
            }
        }
        /// One element; the axis stays, with size 1.
        impl From<$type> for Slice {
            fn from(index: $type) -> Slice {
                Slice::from(index..=index)
            }
        }
    )*};
}
// No axis is so long that a `usize` beyond `isize` would matter.
parts_of!(isize: |i: isize| i; i32: |i: i32| i as isize; usize: |i: usize| isize::try_from(i).unwrap_or(isize::MAX););

impl std::fmt::Display for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..", self.start)?;
        if let Some(end) = self.end {
            write!(f, "{end}")?;
        }
        if self.step != 1 {
            write!(f, " step {}", self.step)?;
        }
        Ok(())
    }
}

/// A change of layout that shares the elements: the same buffer seen in another way.
///
/// Each is linear in the elements, so its adjoint, which is its gradient, is the one kernel
/// [`kernels::scatter_view`](crate::kernels::scatter_view).
#[derive(Clone, Debug, PartialEq)]
pub enum ViewOp {
    /// The axes in another order: axis `i` of the view is axis `order[i]` of the tensor.
    Permute(Vec<isize>),
    /// A part of one axis.
    Slice(isize, Slice),
    /// Stretched to a shape by repeating along axes of size 1 and new leading axes.
    Broadcast(Shape),
    /// Windows over height and width, see [`Windows`].
    Windows(Windows),
}

/// Windows of `kernel` positions over the height and width of `[n, height, width, channels]`, giving
/// `[n, out height, out width, kernel height, kernel width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Distance between the starts of neighbouring windows.
    pub stride: [usize; 2],
    /// Distance between neighbouring positions in a window.
    pub dilation: [usize; 2],
}

impl Windows {
    /// How many windows fit along each axis of `size`, the padded size of images of shape `x`:
    /// `(size − dilation·(kernel − 1) − 1) / stride + 1`.
    ///
    /// # Errors
    /// If kernel, stride or dilation is zero, or the window is larger than `size`.
    pub fn count(&self, op: &'static str, x: Shape, size: [usize; 2]) -> Result<[usize; 2], ShapeError> {
        let mut out = [0; 2];
        for i in 0..2 {
            let (k, s, d) = (self.kernel[i], self.stride[i], self.dilation[i]);
            if k == 0 || s == 0 || d == 0 {
                return Err(ShapeError::new(
                    op,
                    format!(
                        "on images {x} kernel {:?}, stride {:?} and dilation {:?} must all be at least 1",
                        self.kernel, self.stride, self.dilation
                    ),
                ));
            }
            let span = d.saturating_mul(k - 1).saturating_add(1);
            if span > size[i] {
                let axis = ["height", "width"][i];
                return Err(ShapeError::new(
                    op,
                    format!(
                        "a window of {span} (kernel {k}, dilation {d}) does not fit in the {axis} {} of {x}{}",
                        size[i],
                        if size[i] == x[i + 1] { "" } else { " with padding" }
                    ),
                ));
            }
            out[i] = (size[i] - span) / s + 1;
        }
        Ok(out)
    }
}

impl ViewOp {
    /// The layout seen through this view.
    ///
    /// # Errors
    /// If the view does not fit the shape.
    pub fn of(&self, x: &Layout) -> Result<Layout, ShapeError> {
        match self {
            ViewOp::Permute(order) => permute(x, order),
            ViewOp::Slice(axis, part) => slice(x, *axis, *part),
            ViewOp::Broadcast(shape) => broadcast(x, *shape),
            ViewOp::Windows(w) => windows(x, w),
        }
    }
}

fn permute(x: &Layout, order: &[isize]) -> Result<Layout, ShapeError> {
    let shape = x.shape;
    if order.len() != shape.len() {
        return Err(ShapeError::new(
            "permute",
            format!("{shape} has {} axes, the order {order:?} names {}", shape.len(), order.len()),
        ));
    }
    crate::array::shape::named(order, "permute", &shape)?;
    let mut out = *x;
    let mut dims = [0; MAX_RANK];
    for (to, &from) in order.iter().enumerate() {
        let from = shape.axis("permute", from)?;
        dims[to] = shape[from];
        out.strides[to] = x.strides[from];
    }
    out.shape = Shape::of(&dims[..order.len()], "permute")?;
    Ok(out)
}

fn slice(x: &Layout, axis: isize, part: Slice) -> Result<Layout, ShapeError> {
    let axis = x.shape.axis("slice", axis)?;
    let size = x.shape[axis] as isize;
    let from_end = |bound: isize| if bound < 0 { bound + size } else { bound };
    let (start, end) = (from_end(part.start), part.end.map_or(size, from_end));
    if !(0..=size).contains(&start) || !(start..=size).contains(&end) {
        return Err(ShapeError::new(
            "slice",
            format!("{part} is not within axis {axis} of {}, whose size is {size}", x.shape),
        ));
    }
    if part.step == 0 {
        return Err(ShapeError::new("slice", format!("{part} of {}: a step of 0 goes nowhere", x.shape)));
    }
    let len = (end - start) as usize;
    let mut out = *x;
    out.shape = x.shape.with(axis, len.div_ceil(part.step.unsigned_abs()));
    let first = if part.step < 0 && len > 0 { end - 1 } else { start };
    if out.shape.numel() > 0 {
        out.offset += first * x.strides[axis];
    }
    // With one element left the stride is never used; a huge step must not overflow it.
    out.strides[axis] = if out.shape[axis] > 1 { x.strides[axis] * part.step } else { x.strides[axis] };
    Ok(out)
}

fn broadcast(x: &Layout, shape: Shape) -> Result<Layout, ShapeError> {
    let (from, to) = (x.shape, shape);
    let refuse =
        |why: String| ShapeError::new("broadcast_to", format!("{from} does not broadcast to {to}: {why}"));
    if from.len() > to.len() {
        return Err(refuse("it has more axes".into()));
    }
    let lead = to.len() - from.len();
    let mut strides = [0; MAX_RANK];
    for (i, &size) in from.iter().enumerate() {
        if size == to[lead + i] {
            strides[lead + i] = x.strides[i];
        } else if size != 1 {
            return Err(refuse(format!(
                "axis {i} has size {size}, and only a size of 1 stretches to {}",
                to[lead + i]
            )));
        }
    }
    Ok(Layout { shape: to, strides, offset: x.offset })
}

fn windows(x: &Layout, w: &Windows) -> Result<Layout, ShapeError> {
    let [n, height, width, channels] = crate::array::shape::image_dims("windows", x.shape)?;
    let out = w.count("windows", x.shape, [height, width])?;
    let shape = Shape::of(&[n, out[0], out[1], w.kernel[0], w.kernel[1], channels], "windows")?;
    let s = &x.strides;
    let mut strides = [0; MAX_RANK];
    strides[..6].copy_from_slice(&[
        s[0],
        s[1].saturating_mul(w.stride[0] as isize),
        s[2].saturating_mul(w.stride[1] as isize),
        s[1].saturating_mul(w.dilation[0] as isize),
        s[2].saturating_mul(w.dilation[1] as isize),
        s[3],
    ]);
    Ok(Layout { shape, strides, offset: x.offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dims: &[usize]) -> Layout {
        Layout::contiguous(Shape::from(dims))
    }

    #[test]
    fn reshape_keeps_a_view_where_strides_allow() {
        let x = of(&[4, 6]);
        assert_eq!(x.reshape([2, 2, 3, 2].into()).unwrap().strides(), [12, 6, 2, 1]);
        let t = ViewOp::Permute(vec![1, 0]).of(&x).unwrap();
        assert_eq!(t.reshape([2, 3, 4].into()).unwrap().strides(), [3, 1, 6]);
        assert!(t.reshape([24].into()).is_none());
        let row = ViewOp::Slice(0, (1..2).into()).of(&t).unwrap();
        assert_eq!(row.reshape([4].into()).unwrap().strides(), [6]);
    }

    #[test]
    fn slices_count_their_elements() {
        let x = of(&[7]);
        for (part, first, len, stride) in [
            (Slice::from(0..5).step(-2), 4, 3, -2),
            (Slice::from(..).step(3), 0, 3, 3),
            (Slice::from(-2..), 5, 2, 1),
            (Slice::from(..).step(isize::MIN), 6, 1, 1),
        ] {
            let y = ViewOp::Slice(0, part).of(&x).unwrap();
            assert_eq!((y.offset(), y.shape()[0], y.strides()[0]), (first, len, stride), "{part}");
        }
        assert!(ViewOp::Slice(0, Slice::from(3..).step(0)).of(&x).is_err());
        assert!(ViewOp::Slice(0, (0..8).into()).of(&x).is_err());
    }

    #[test]
    fn ranges_of_every_form_and_type_name_the_same_parts() {
        let x = of(&[7]);
        let part = |part: Slice| {
            let y = ViewOp::Slice(0, part).of(&x).unwrap();
            (y.offset(), y.shape()[0])
        };
        macro_rules! forms {
            ($($type:ty)*) => {$(
                let [two, five] = [2, 5].map(|i: $type| i);
                assert_eq!(part((two..five).into()), (2, 3));
                assert_eq!(part((two, five).into()), (2, 3));
                assert_eq!(part((two..=five).into()), (2, 4));
                assert_eq!(part((two..).into()), (2, 5));
                assert_eq!(part((..five).into()), (0, 5));
                assert_eq!(part((..=five).into()), (0, 6));
                assert_eq!(part(two.into()), (2, 1));
            )*};
        }
        forms!(usize isize i32);
        macro_rules! negative {
            ($($type:ty)*) => {$(
                let [last, fourth] = [-1, -4].map(|i: $type| i);
                assert_eq!(part((fourth..last).into()), (3, 3));
                assert_eq!(part((fourth..=last).into()), (3, 4));
                assert_eq!(part((fourth..).into()), (3, 4));
                assert_eq!(part((..last).into()), (0, 6));
                assert_eq!(part((..=last).into()), (0, 7));
                assert_eq!(part(last.into()), (6, 1));
                assert_eq!(part(fourth.into()), (3, 1));
            )*};
        }
        negative!(isize i32);
        assert_eq!(part((..).into()), (0, 7));
        for far in [Slice::from(usize::MAX), (0..=usize::MAX).into(), (7..=7).into(), (-8).into()] {
            assert!(ViewOp::Slice(0, far).of(&x).is_err(), "{far}");
        }
    }
}
