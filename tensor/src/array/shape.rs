//! Shapes, axes, and the one error type of every shape rule.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The largest number of axes a tensor can have.
pub const MAX_RANK: usize = 8;

/// The sizes of a tensor's axes, outermost first: `[100, 28, 28, 1]`. The empty shape is a single number.
///
/// ```
/// use tensor::Shape;
/// let shape = Shape::from([100, 28, 28, 1]);
/// assert_eq!(shape.len(), 4);
/// assert_eq!(shape.numel(), 78_400);
/// assert_eq!(shape.to_string(), "[100, 28, 28, 1]");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The shape with these sizes.
    ///
    /// # Errors
    /// If there are more than [`MAX_RANK`] axes, or the sizes multiply to more elements than fit in memory.
    pub fn new(dims: &[usize]) -> Result<Shape, ShapeError> {
        Shape::of(dims, "shape")
    }

    /// As [`Shape::new`] for the result of an operation, which the error then names.
    pub(crate) fn of(dims: &[usize], op: &'static str) -> Result<Shape, ShapeError> {
        if dims.len() > MAX_RANK {
            return Err(ShapeError::new(
                op,
                format!("{dims:?} has {} axes, the most is {MAX_RANK}", dims.len()),
            ));
        }
        // The product of the non-zero sizes must fit, so that strides cannot overflow whatever is zero.
        let fits = dims.iter().filter(|&&d| d > 0).try_fold(8_usize, |n, &d| n.checked_mul(d));
        if fits.is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(ShapeError::new(op, format!("{dims:?} has more elements than memory can hold")));
        }
        let mut shape = Shape { dims: [0; MAX_RANK], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        Ok(shape)
    }

    /// The number of elements: the product of the sizes, 1 for the empty shape.
    #[inline]
    pub fn numel(&self) -> usize {
        self.iter().product()
    }

    /// The shape with the axis `axis` of another size.
    ///
    /// # Panics
    /// If there is no such axis, or the sizes multiply to more elements than fit in memory.
    #[track_caller]
    pub fn with(self, axis: usize, size: usize) -> Shape {
        assert!(axis < self.rank, "shape: {self} has no axis {axis}");
        self.resized(axis, size, "shape").or_panic()
    }

    /// The shape with an axis, which exists, of another size, as the result of an operation.
    pub(crate) fn resized(mut self, axis: usize, size: usize, op: &'static str) -> Result<Shape, ShapeError> {
        self.dims[axis] = size;
        Shape::of(&self, op)
    }

    /// The shape with an axis of size `size` put in before axis `axis` (at the end when `axis` is the rank).
    ///
    /// # Errors
    /// If there are [`MAX_RANK`] axes already or `axis` is beyond the end.
    pub fn insert(&self, axis: usize, size: usize) -> Result<Shape, ShapeError> {
        let mut dims = self.to_vec();
        if axis > dims.len() {
            return Err(ShapeError::new("shape", format!("{self} has no place {axis} for a new axis")));
        }
        dims.insert(axis, size);
        Shape::new(&dims)
    }

    /// The shape without axis `axis`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn remove(&self, axis: usize) -> Shape {
        assert!(axis < self.rank, "shape: {self} has no axis {axis}");
        self.iter().enumerate().filter(|&(i, _)| i != axis).map(|(_, &d)| d).collect()
    }

    /// The axis that `axis` means: counted from the front, or from the back when negative (−1 is the last).
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn axis(&self, op: &'static str, axis: isize) -> Result<usize, ShapeError> {
        let resolved = if axis < 0 { axis + self.rank as isize } else { axis };
        if resolved < 0 || resolved >= self.rank as isize {
            return Err(ShapeError::new(
                op,
                format!(
                    "{self} has {} {} and no axis {axis} (−1 is the last)",
                    self.rank,
                    if self.rank == 1 { "axis" } else { "axes" }
                ),
            ));
        }
        Ok(resolved as usize)
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl AsRef<[usize]> for Shape {
    fn as_ref(&self) -> &[usize] {
        self
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Shape) -> bool {
        **self == **other
    }
}
impl Eq for Shape {}
impl std::hash::Hash for Shape {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        **self == *other
    }
}
impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        **self == *other
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from("[");
        for (i, size) in self.iter().enumerate() {
            text += if i == 0 { "" } else { ", " };
            text += &size.to_string();
        }
        text.push(']');
        f.pad(&text)
    }
}
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// # Panics
/// As [`Shape::new`] errs.
impl From<&[usize]> for Shape {
    #[track_caller]
    fn from(dims: &[usize]) -> Shape {
        Shape::new(dims).or_panic()
    }
}
impl<const N: usize> From<[usize; N]> for Shape {
    #[track_caller]
    fn from(dims: [usize; N]) -> Shape {
        Shape::new(&dims).or_panic()
    }
}
impl<const N: usize> From<&[usize; N]> for Shape {
    #[track_caller]
    fn from(dims: &[usize; N]) -> Shape {
        Shape::new(dims).or_panic()
    }
}
impl From<&Vec<usize>> for Shape {
    #[track_caller]
    fn from(dims: &Vec<usize>) -> Shape {
        Shape::new(dims).or_panic()
    }
}
impl From<Vec<usize>> for Shape {
    #[track_caller]
    fn from(dims: Vec<usize>) -> Shape {
        Shape::new(&dims).or_panic()
    }
}
impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Shape {
        let (mut inline, mut count) = ([0; MAX_RANK], 0);
        for dim in dims {
            assert!(count < MAX_RANK, "shape: more than {MAX_RANK} axes");
            inline[count] = dim;
            count += 1;
        }
        Shape::from(&inline[..count])
    }
}

/// What a shape rule answers when the shapes do not fit: the operation, the shapes and the rule broken, in one line.
///
/// Methods on tensors and variables panic with this text at the caller's line; the rules themselves
/// (`tensor::rules::matmul_shape` and so on) return it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {rule}")]
pub struct ShapeError {
    op: Cow<'static, str>,
    rule: String,
}

impl ShapeError {
    /// An error of the operation `op`; `rule` names the shapes and what they break.
    pub fn new(op: impl Into<Cow<'static, str>>, rule: impl Into<String>) -> ShapeError {
        ShapeError { op: op.into(), rule: rule.into() }
    }

    /// The same mistake in an operation that is made of the one whose rule it breaks.
    pub fn in_op(self, op: &'static str) -> ShapeError {
        ShapeError { op: op.into(), ..self }
    }

    /// The operation whose rule was broken.
    pub fn op(&self) -> &str {
        &self.op
    }
}

/// Turns a broken rule into a panic at the caller's line.
pub trait OrPanic<T> {
    /// The value, or a panic with the error's text at the line of the caller.
    #[track_caller]
    fn or_panic(self) -> T;
}

impl<T> OrPanic<T> for Result<T, ShapeError> {
    #[track_caller]
    fn or_panic(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The shape that operands of an element-wise operation share, by NumPy's rule: aligned at the last axis, sizes must
/// be equal or 1, and a size of 1 stretches.
///
/// ```
/// # use tensor::{broadcast_shape, Shape};
/// let shape = broadcast_shape("add", [3, 1].into(), [4].into()).unwrap();
/// assert_eq!(shape, [3, 4]);
/// ```
///
/// # Errors
/// If two sizes differ and neither is 1.
pub fn broadcast_shape(op: &'static str, a: Shape, b: Shape) -> Result<Shape, ShapeError> {
    if a == b {
        return Ok(a);
    }
    let rank = a.len().max(b.len());
    let mut dims = [0; MAX_RANK];
    for back in 1..=rank {
        let x = if back <= a.len() { a[a.len() - back] } else { 1 };
        let y = if back <= b.len() { b[b.len() - back] } else { 1 };
        dims[rank - back] = match (x, y) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => {
                return Err(ShapeError::new(
                    op,
                    format!(
                        "{a} and {b} do not broadcast: sizes {x} and {y} of axis −{back} differ, neither is 1"
                    ),
                ));
            }
        };
    }
    Shape::of(&dims[..rank], op)
}

/// The four sizes of a batch of images `[n, height, width, channels]`.
///
/// # Errors
/// If the rank is not 4.
pub fn image_dims(op: &'static str, shape: Shape) -> Result<[usize; 4], ShapeError> {
    (*shape).try_into().map_err(|_| {
        ShapeError::new(op, format!("{shape} is not a batch of images [n, height, width, channels]"))
    })
}

/// A set of axes: one (`1`), several (`[0, -1]`), or all of them (`..`).
#[derive(Clone)]
pub enum Axes {
    /// Every axis.
    All,
    /// These axes; negative ones count from the back. Shared, so that an operation that is repeated does not copy them.
    List(Arc<[isize]>),
}

impl Axes {
    /// For each axis of `shape`, whether it is in the set. A single number has no axis, yet may be reduced over its axis 0
    /// or −1, as in NumPy.
    ///
    /// # Errors
    /// If an axis does not exist or is named twice.
    pub fn resolve(&self, op: &'static str, shape: &Shape) -> Result<[bool; MAX_RANK], ShapeError> {
        match self {
            Axes::All => {
                let mut set = [false; MAX_RANK];
                set[..shape.len()].fill(true);
                Ok(set)
            }
            Axes::List(axes) => named(axes, op, shape),
        }
    }
}

/// For each axis of `shape`, whether it is in the list.
pub(crate) fn named(axes: &[isize], op: &'static str, shape: &Shape) -> Result<[bool; MAX_RANK], ShapeError> {
    let mut set = [false; MAX_RANK];
    for &axis in axes {
        if shape.is_empty() && matches!(axis, 0 | -1) {
            continue;
        }
        let i = shape.axis(op, axis)?;
        if std::mem::replace(&mut set[i], true) {
            return Err(ShapeError::new(op, format!("axis {axis} of {shape} is named twice in {axes:?}")));
        }
    }
    Ok(set)
}

/// As a user writes it.
impl fmt::Debug for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Axes::All => f.write_str(".."),
            Axes::List(axes) => axes.fmt(f),
        }
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Axes {
        Axes::List([axis].into())
    }
}
impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Axes {
        Axes::List(axes.into())
    }
}
impl From<&[isize]> for Axes {
    fn from(axes: &[isize]) -> Axes {
        Axes::List(axes.into())
    }
}
impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Axes {
        Axes::List(axes.into())
    }
}
impl From<std::ops::RangeFull> for Axes {
    fn from(_: std::ops::RangeFull) -> Axes {
        Axes::All
    }
}
