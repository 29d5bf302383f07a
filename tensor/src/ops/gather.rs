//! Choosing elements by integer indices.

use crate::array::dtype::{DType, Stored, for_any, for_number};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::array::tensor::wrong_type;
use crate::ops::number::Number;

/// The rule of `gather`: the index has the shape of `x` but along `axis`, and so has the result.
///
/// # Errors
/// If the axis does not exist or another size differs.
pub fn gather_shape(op: &'static str, x: Shape, axis: isize, index: Shape) -> Result<Shape, ShapeError> {
    let a = x.axis(op, axis)?;
    let fits = x.len() == index.len() && (0..x.len()).all(|i| i == a || x[i] == index[i]);
    if !fits {
        return Err(ShapeError::new(
            op,
            format!("the index {index} must have the sizes of {x} but on axis {a}"),
        ));
    }
    Ok(index)
}

/// The rule of `index_select`: axis `axis` of `x` gets the length of the index, a vector.
///
/// # Errors
/// If the axis does not exist or the index is not a vector.
pub fn index_select_shape(x: Shape, axis: isize, index: Shape) -> Result<Shape, ShapeError> {
    let a = x.axis("index_select", axis)?;
    if index.len() != 1 {
        return Err(ShapeError::new("index_select", format!("the index {index} into {x} must be a vector")));
    }
    x.resized(a, index[0], "index_select")
}

/// The rule of `scatter_add`: the index has the shape of the values, and axis `axis` gets the size `size`.
///
/// # Errors
/// If the axis does not exist, the shapes differ, or the result is too large.
pub fn scatter_add_shape(x: Shape, axis: isize, index: Shape, size: usize) -> Result<Shape, ShapeError> {
    let a = x.axis("scatter_add", axis)?;
    if index != x {
        return Err(ShapeError::new(
            "scatter_add",
            format!("the index {index} must have the shape of the values {x}"),
        ));
    }
    x.resized(a, size, "scatter_add")
}

/// The rule of `index_add`: the index is a vector as long as axis `axis`, which gets the size `size`.
///
/// # Errors
/// If the axis does not exist, the index is none, or the result is too large.
pub fn index_add_shape(x: Shape, axis: isize, index: Shape, size: usize) -> Result<Shape, ShapeError> {
    let a = x.axis("index_add", axis)?;
    if index != [x[a]] {
        return Err(ShapeError::new(
            "index_add",
            format!("the index {index} must be a vector as long as axis {a} of {x}"),
        ));
    }
    x.resized(a, size, "index_add")
}

/// The rule of `one_hot`: a new last axis of `classes`.
///
/// # Errors
/// If the result has too many axes or elements.
pub fn one_hot_shape(x: Shape, classes: usize) -> Result<Shape, ShapeError> {
    let mut dims = x.to_vec();
    dims.push(classes);
    Shape::of(&dims, "one_hot")
}

/// The indices, checked to be within the size of `axis` of `x`, which they choose from.
fn indices(op: &'static str, index: &Tensor, x: Shape, axis: usize) -> Result<Vec<usize>, ShapeError> {
    index.expect_dtype(op, DType::I64)?;
    let size = x[axis];
    let check = |i: i64| match usize::try_from(i) {
        Ok(i) if i < size => Ok(i),
        _ => Err(ShapeError::new(
            op,
            format!("index {i} in {} is not within 0..{size}, axis {axis} of {x}", index.shape()),
        )),
    };
    index.to_vec::<i64>().into_iter().map(check).collect()
}

/// The sizes before, at and after `axis`.
fn around(shape: Shape, axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

impl Tensor {
    /// One element for each index: `out[i][j][k] = self[i][index[i][j][k]][k]` along axis 1, likewise along others.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let logits = Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let labels = Tensor::from([[2_i64], [0]]);
    /// assert_eq!(logits.gather(1, &labels), Tensor::from([[3.0_f32], [4.0]]));
    /// ```
    ///
    /// # Panics
    /// If the shapes differ but along `axis`, the index is not `i64`, or an index is out of range.
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor) -> Tensor {
        let shape = gather_shape("gather", self.shape(), axis, index.shape()).or_panic();
        let a = self.shape().axis("gather", axis).or_panic();
        let [_, size, inner] = around(self.shape(), a);
        let chosen = indices("gather", index, self.shape(), a).or_panic();
        let width = shape[a];
        let x = self.contiguous();
        for_any!(self.dtype(), T => {
            let mut out = Buffer::uninit(shape.numel());
            if let Some(data) = x.as_slice::<T>() {
                for (i, (o, j)) in out.iter_mut().zip(chosen).enumerate() {
                    *o = data[(i / (width * inner) * size + j) * inner + i % inner];
                }
            }
            Tensor::from_buffer(out, shape)
        })
    }

    /// The adjoint of [`gather`](Tensor::gather): a tensor of size `size` along `axis`, where each element of `self` is
    /// added at its index to zeros.
    ///
    /// # Panics
    /// As `gather`, and if the elements are `bool`.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor, size: usize) -> Tensor {
        let op = "scatter_add";
        let shape = scatter_add_shape(self.shape(), axis, index.shape(), size).or_panic();
        let a = self.shape().axis(op, axis).or_panic();
        let [_, width, inner] = around(self.shape(), a);
        let chosen = indices(op, index, shape, a).or_panic();
        let values = self.contiguous();
        for_number!(self.dtype(), T => {
            let mut out = Buffer::full(shape.numel(), T::default());
            if let Some(values) = values.as_slice::<T>() {
                for (i, (&x, j)) in values.iter().zip(chosen).enumerate() {
                    let target = &mut out[(i / (width * inner) * size + j) * inner + i % inner];
                    *target = target.plus(x);
                }
            }
            Tensor::from_buffer(out, shape)
        }, else panic!("{}", wrong_type(op, self, "numbers")))
    }

    /// The slices of `axis` that a vector of indices names, in its order.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1_i64, 2], [3, 4], [5, 6]]);
    /// assert_eq!(x.index_select(0, &Tensor::from([2_i64, 0])), Tensor::from([[5_i64, 6], [1, 2]]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the index is no `i64` vector, or an index is out of range.
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor) -> Tensor {
        let shape = index_select_shape(self.shape(), axis, index.shape()).or_panic();
        let a = self.shape().axis("index_select", axis).or_panic();
        let [outer, size, inner] = around(self.shape(), a);
        let chosen = indices("index_select", index, self.shape(), a).or_panic();
        let x = self.contiguous();
        for_any!(self.dtype(), T => {
            let mut out = Vec::<T>::with_capacity(shape.numel());
            if let Some(data) = x.as_slice::<T>() {
                for o in 0..outer {
                    for &i in &chosen {
                        let from = (o * size + i) * inner;
                        out.extend_from_slice(&data[from..from + inner]);
                    }
                }
            }
            Tensor::from_buffer(Buffer::from(out), shape)
        })
    }

    /// The adjoint of [`index_select`](Tensor::index_select): each slice of `self` is added to zeros at its index.
    ///
    /// # Panics
    /// If the index is not an `i64` vector as long as the axis, an index is out of range, or the elements are `bool`.
    #[track_caller]
    pub fn index_add(&self, axis: isize, index: &Tensor, size: usize) -> Tensor {
        let op = "index_add";
        let shape = index_add_shape(self.shape(), axis, index.shape(), size).or_panic();
        let a = self.shape().axis(op, axis).or_panic();
        let [outer, width, inner] = around(self.shape(), a);
        let chosen = indices(op, index, shape, a).or_panic();
        let values = self.contiguous();
        for_number!(self.dtype(), T => {
            let mut out = Buffer::full(shape.numel(), T::default());
            if let Some(values) = values.as_slice::<T>() {
                for o in 0..outer {
                    for (w, &i) in chosen.iter().enumerate() {
                        let (from, to) = ((o * width + w) * inner, (o * size + i) * inner);
                        let target = out[to..to + inner].iter_mut();
                        target.zip(&values[from..from + inner]).for_each(|(t, &x)| *t = t.plus(x));
                    }
                }
            }
            Tensor::from_buffer(out, shape)
        }, else panic!("{}", wrong_type(op, self, "numbers")))
    }

    /// A new last axis of `classes` zeros with a one at each element's index.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// let x = Tensor::from([1_i64, 0]).one_hot(3, DType::F32);
    /// assert_eq!(x, Tensor::from([[0.0_f32, 1.0, 0.0], [1.0, 0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If the elements are not `i64` within `0..classes`.
    #[track_caller]
    pub fn one_hot(&self, classes: usize, dtype: DType) -> Tensor {
        let shape = one_hot_shape(self.shape(), classes).or_panic();
        let chosen = indices("one_hot", self, shape, self.rank()).or_panic();
        for_any!(dtype, T => {
            let mut out = Buffer::full(shape.numel(), T::default());
            for (i, class) in chosen.into_iter().enumerate() {
                out[i * classes + class] = <T as Stored>::cast(true);
            }
            Tensor::from_buffer(out, shape)
        })
    }
}
