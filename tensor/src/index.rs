//! Choosing elements by integer indices.

use crate::buffer::Buffer;
use crate::dtype::{DType, Stored, for_any, for_number};
use crate::shape::{OrPanic, Shape, ShapeError};
use crate::tensor::Tensor;

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
        return Err(ShapeError::new("index_select", format!("the index {index} must be a vector")));
    }
    Ok(x.with(a, index[0]))
}

/// The indices, checked to be within `0..size`.
fn indices(op: &'static str, index: &Tensor, size: usize) -> Result<Vec<usize>, ShapeError> {
    index.expect_dtype(op, DType::I64)?;
    let check = |i: i64| match usize::try_from(i) {
        Ok(i) if i < size => Ok(i),
        _ => Err(ShapeError::new(op, format!("index {i} is not within 0..{size}"))),
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
        let chosen = indices("gather", index, size).or_panic();
        let width = shape[a];
        let x = self.contiguous();
        for_any!(self.dtype(), T => {
            let mut out = Buffer::uninit(shape.count());
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
        gather_shape(op, self.shape(), axis, index.shape()).or_panic();
        let a = self.shape().axis(op, axis).or_panic();
        if index.shape() != self.shape() {
            panic!("{op}: the index {} must have the shape of the values {}", index.shape(), self.shape());
        }
        let [_, width, inner] = around(self.shape(), a);
        let chosen = indices(op, index, size).or_panic();
        let shape = self.shape().with(a, size);
        let values = self.contiguous();
        for_number!(self.dtype(), T => {
            let mut out = Buffer::full(shape.count(), T::default());
            if let Some(values) = values.as_slice::<T>() {
                for (i, (&x, j)) in values.iter().zip(chosen).enumerate() {
                    out[(i / (width * inner) * size + j) * inner + i % inner] += x;
                }
            }
            Tensor::from_buffer(out, shape)
        }, else panic!("{op}: bool has no sum"))
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
        let chosen = indices("index_select", index, size).or_panic();
        let x = self.contiguous();
        for_any!(self.dtype(), T => {
            let mut out = Vec::<T>::with_capacity(shape.count());
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
        let a = self.shape().axis(op, axis).or_panic();
        if index.shape() != [self.shape()[a]] {
            panic!(
                "{op}: the index {} must be a vector as long as axis {a} of {}",
                index.shape(),
                self.shape()
            );
        }
        let [outer, width, inner] = around(self.shape(), a);
        let chosen = indices(op, index, size).or_panic();
        let shape = self.shape().with(a, size);
        let values = self.contiguous();
        for_number!(self.dtype(), T => {
            let mut out = Buffer::full(shape.count(), T::default());
            if let Some(values) = values.as_slice::<T>() {
                for o in 0..outer {
                    for (w, &i) in chosen.iter().enumerate() {
                        let (from, to) = ((o * width + w) * inner, (o * size + i) * inner);
                        let target = out[to..to + inner].iter_mut();
                        target.zip(&values[from..from + inner]).for_each(|(t, &x)| *t += x);
                    }
                }
            }
            Tensor::from_buffer(out, shape)
        }, else panic!("{op}: bool has no sum"))
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
        let chosen = indices("one_hot", self, classes).or_panic();
        let shape = self.shape().insert(self.rank(), classes).or_panic();
        for_any!(dtype, T => {
            let mut out = Buffer::full(shape.count(), T::default());
            for (i, class) in chosen.into_iter().enumerate() {
                out[i * classes + class] = <T as Stored>::cast(true);
            }
            Tensor::from_buffer(out, shape)
        })
    }
}
