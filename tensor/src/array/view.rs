//! Methods that look at the same elements in another way; none copies, but for `reshape` where it must.

use crate::array::layout::{Slice, ViewOp, Windows};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::tensor::Tensor;

/// The rule of `reshape`: the number of elements stays.
///
/// # Errors
/// If the shapes have different numbers of elements.
pub fn reshape_shape(x: Shape, to: Shape) -> Result<Shape, ShapeError> {
    if x.numel() != to.numel() {
        return Err(ShapeError::new(
            "reshape",
            format!("{x} has {} elements and {to} has {}", x.numel(), to.numel()),
        ));
    }
    Ok(to)
}

/// The rule of `flatten`: axes `from..` become one.
///
/// # Errors
/// If there are fewer than `from` axes.
pub fn flatten_shape(x: Shape, from: usize) -> Result<Shape, ShapeError> {
    if from > x.len() {
        return Err(ShapeError::new("flatten", format!("{x} has only {} axes, not {from}", x.len())));
    }
    let mut dims = x[..from].to_vec();
    dims.push(x[from..].iter().product());
    Shape::of(&dims, "flatten")
}

/// The rule of `squeeze`: axis `axis` has size 1 and goes.
///
/// # Errors
/// If it has another size or does not exist.
pub fn squeeze_shape(x: Shape, axis: isize) -> Result<Shape, ShapeError> {
    let i = x.axis("squeeze", axis)?;
    if x[i] != 1 {
        return Err(ShapeError::new("squeeze", format!("axis {axis} of {x} has size {}, not 1", x[i])));
    }
    Ok(x.remove(i))
}

/// The rule of `unsqueeze`: a new axis of size 1 at `axis`, −1 being after the last.
///
/// # Errors
/// If there is no such place.
pub fn unsqueeze_shape(x: Shape, axis: isize) -> Result<Shape, ShapeError> {
    let places = x.len() as isize + 1;
    let i = if axis < 0 { axis + places } else { axis };
    if !(0..places).contains(&i) {
        return Err(ShapeError::new("unsqueeze", format!("{x} has no place {axis} for a new axis")));
    }
    let mut dims = x.to_vec();
    dims.insert(i as usize, 1);
    Shape::of(&dims, "unsqueeze")
}

/// The order of axes that swaps `a` and `b`.
///
/// # Errors
/// If one of them does not exist.
pub fn transpose_order(op: &'static str, x: Shape, a: isize, b: isize) -> Result<Vec<isize>, ShapeError> {
    let (a, b) = (x.axis(op, a)?, x.axis(op, b)?);
    let mut order: Vec<isize> = (0..x.len() as isize).collect();
    order.swap(a, b);
    Ok(order)
}

/// The part `start..start + len` of axis `axis`.
///
/// # Errors
/// If it is not within the axis.
pub fn narrow_slice(x: Shape, axis: isize, start: usize, len: usize) -> Result<Slice, ShapeError> {
    let size = x[x.axis("narrow", axis)?];
    match start.checked_add(len) {
        Some(end) if end <= size => Ok(Slice::from(start..end)),
        _ => Err(ShapeError::new(
            "narrow",
            format!("{len} elements from {start} are not within axis {axis} of {x}, whose size is {size}"),
        )),
    }
}

impl Tensor {
    /// The same elements in row-major order under another shape; a view where the strides allow, else a copy.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1_i64, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.reshape([3, 2]), Tensor::from([[1_i64, 2], [3, 4], [5, 6]]));
    /// ```
    ///
    /// # Panics
    /// If the numbers of elements differ.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = reshape_shape(self.shape(), shape.into()).or_panic();
        match self.layout().reshape(shape) {
            Some(layout) => self.with_layout(layout),
            None => {
                let copy = self.copy();
                copy.with_layout(crate::Layout::contiguous(shape))
            }
        }
    }

    /// Axes `from..` merged into one: `[100, 7, 7, 12]` flattened from 1 is `[100, 588]`.
    ///
    /// # Panics
    /// If there are fewer than `from` axes.
    #[track_caller]
    pub fn flatten(&self, from: usize) -> Tensor {
        self.reshape(flatten_shape(self.shape(), from).or_panic())
    }

    /// Without the axis `axis`, whose size must be 1.
    ///
    /// # Panics
    /// If the size is not 1.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Tensor {
        self.reshape(squeeze_shape(self.shape(), axis).or_panic())
    }

    /// With a new axis of size 1 at `axis`; −1 puts it last.
    ///
    /// # Panics
    /// If there is no such place.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Tensor {
        self.reshape(unsqueeze_shape(self.shape(), axis).or_panic())
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of `self`.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// assert_eq!(Tensor::zeros([2, 3, 4], DType::F32).permute([2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If `order` does not name every axis once.
    #[track_caller]
    pub fn permute(&self, order: impl AsRef<[isize]>) -> Tensor {
        self.view(&ViewOp::Permute(order.as_ref().to_vec()))
    }

    /// With axes `a` and `b` swapped.
    ///
    /// # Panics
    /// If one of them does not exist.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Tensor {
        self.permute(transpose_order("transpose", self.shape(), a, b).or_panic())
    }

    /// The transpose of a matrix, or of each matrix in a batch: the last two axes swapped.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        self.permute(transpose_order("t", self.shape(), -2, -1).or_panic())
    }

    /// A part of one axis: a range, or one index, in which case the axis stays with size 1; see [`Slice`].
    ///
    /// ```
    /// # use tensor::{DType, Slice, Tensor};
    /// let (images, n) = (Tensor::zeros([120, 784], DType::F32), 120);
    /// for i in (0..n).step_by(50) {
    ///     let batch = images.slice(0, i..n.min(i + 50)); // [50, 784], [50, 784], [20, 784]
    ///     assert_eq!(batch.shape(), [n.min(i + 50) - i, 784]);
    /// }
    /// let x = Tensor::from([0_i64, 1, 2, 3, 4]);
    /// assert_eq!(x.slice(0, (1, -1)).to_vec::<i64>(), [1, 2, 3]);
    /// assert_eq!(x.slice(0, Slice::from(..).step(-2)).to_vec::<i64>(), [4, 2, 0]);
    /// ```
    ///
    /// # Panics
    /// If the part is not within the axis or the step is 0.
    #[track_caller]
    pub fn slice(&self, axis: isize, part: impl Into<Slice>) -> Tensor {
        self.view(&ViewOp::Slice(axis, part.into()))
    }

    /// `len` elements of an axis from `start` on.
    ///
    /// # Panics
    /// If they are not within the axis.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Tensor {
        self.slice(axis, narrow_slice(self.shape(), axis, start, len).or_panic())
    }

    /// The axis in reverse order.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn flip(&self, axis: isize) -> Tensor {
        self.shape().axis("flip", axis).or_panic();
        self.slice(axis, Slice::from(..).step(-1))
    }

    /// Stretched to `shape` by repeating along axes of size 1 and new leading axes, without copying.
    ///
    /// # Panics
    /// If the shape does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Tensor {
        self.view(&ViewOp::Broadcast(shape.into()))
    }

    /// Sliding windows over images: `[n, height, width, channels]` becomes
    /// `[n, out height, out width, kernel height, kernel width, channels]`, without copying.
    ///
    /// # Panics
    /// If the rank is not 4 or a window does not fit.
    #[track_caller]
    pub fn windows(&self, windows: Windows) -> Tensor {
        self.view(&ViewOp::Windows(windows))
    }

    /// Cut along `axis` into pieces of these sizes, as views.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let pieces = Tensor::from([1_i64, 2, 3, 4]).split(0, &[1, 3]);
    /// assert_eq!(pieces[1].to_vec::<i64>(), [2, 3, 4]);
    /// ```
    ///
    /// # Panics
    /// If the sizes do not add up to the size of the axis.
    #[track_caller]
    pub fn split(&self, axis: isize, sizes: &[usize]) -> Vec<Tensor> {
        let starts = split_starts(self.shape(), axis, sizes).or_panic();
        starts.into_iter().zip(sizes).map(|(start, &len)| self.narrow(axis, start, len)).collect()
    }
}

/// Where the pieces of a split begin.
///
/// # Errors
/// If the sizes do not add up to the size of the axis.
pub fn split_starts(x: Shape, axis: isize, sizes: &[usize]) -> Result<Vec<usize>, ShapeError> {
    let size = x[x.axis("split", axis)?];
    let mut end = 0_usize;
    let starts = sizes.iter().map(|&len| {
        let start = end;
        end = end.saturating_add(len);
        start
    });
    let starts = starts.collect();
    if end != size {
        return Err(ShapeError::new(
            "split",
            format!("pieces of {sizes:?} add up to {end}, axis {axis} of {x} has size {size}"),
        ));
    }
    Ok(starts)
}
