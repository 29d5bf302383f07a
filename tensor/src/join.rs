//! Putting tensors together, and padding them.

use crate::buffer::Buffer;
use crate::dtype::{Stored, for_any};
use crate::layout::{Layout, Slice, View};
use crate::shape::{OrPanic, Shape, ShapeError};
use crate::tensor::Tensor;

/// The rule of `concat`: the same sizes but along `axis`, where they add up.
///
/// # Errors
/// If there is nothing to join, the axis does not exist, or another size differs.
pub fn concat_shape(shapes: &[Shape], axis: isize) -> Result<Shape, ShapeError> {
    let Some(&first) = shapes.first() else {
        return Err(ShapeError::new("concat", "there are no tensors to join"));
    };
    let a = first.axis("concat", axis)?;
    let mut total = 0_usize;
    for &shape in shapes {
        if shape.len() != first.len() || (0..first.len()).any(|i| i != a && shape[i] != first[i]) {
            return Err(ShapeError::new(
                "concat",
                format!("{first} and {shape} differ on another axis than {a}"),
            ));
        }
        total = total.saturating_add(shape[a]);
    }
    Shape::new(&first.with(a, total))
}

/// The rule of `pad`: `[before, after]` for every axis.
///
/// # Errors
/// If the number of pairs is not the rank.
pub fn pad_shape(x: Shape, padding: &[[usize; 2]]) -> Result<Shape, ShapeError> {
    if padding.len() != x.len() {
        return Err(ShapeError::new(
            "pad",
            format!(
                "{x} has {} axes, the padding {padding:?} is for {}; give [before, after] for each",
                x.len(),
                padding.len()
            ),
        ));
    }
    let dims = x.iter().zip(padding).map(|(&d, p)| d.saturating_add(p[0]).saturating_add(p[1]));
    Shape::new(&dims.collect::<Vec<_>>())
}

/// The part of each axis that the original takes in a padded tensor.
pub fn pad_slices(x: Shape, padding: &[[usize; 2]]) -> Vec<Slice> {
    x.iter().zip(padding).map(|(&d, p)| Slice::from(p[0] as isize..(p[0] + d) as isize)).collect()
}

impl Tensor {
    /// Joined along an existing axis.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let (a, b) = (Tensor::from([1_i64, 2]), Tensor::from([3_i64]));
    /// assert_eq!(Tensor::concat(&[&a, &b], 0).to_vec::<i64>(), [1, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If there are none, their types differ, or their sizes differ but along `axis`.
    #[track_caller]
    pub fn concat(tensors: &[&Tensor], axis: isize) -> Tensor {
        let shapes: Vec<Shape> = tensors.iter().map(|t| t.shape()).collect();
        let shape = concat_shape(&shapes, axis).or_panic();
        let axis = shape.axis("concat", axis).or_panic();
        let dtype = tensors[0].dtype();
        tensors.iter().for_each(|t| t.expect_dtype("concat", dtype).or_panic());
        for_any!(dtype, T => {
            let mut out = Buffer::<T>::uninit(shape.count());
            let mut start = 0;
            for t in tensors {
                let end = start + t.shape()[axis] as isize;
                let part = View::Slice(axis as isize, Slice::from(start..end));
                let target = part.of(&Layout::contiguous(shape)).or_panic();
                crate::map::scatter(&mut out, &target, t.strided::<T>(), |_, new| new);
                start = end;
            }
            Tensor::from_buffer(out, shape)
        })
    }

    /// Joined along a new axis.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let (a, b) = (Tensor::from([1_i64, 2]), Tensor::from([3_i64, 4]));
    /// assert_eq!(Tensor::stack(&[&a, &b], 1), Tensor::from([[1_i64, 3], [2, 4]]));
    /// ```
    ///
    /// # Panics
    /// If there are none or their types or shapes differ.
    #[track_caller]
    pub fn stack(tensors: &[&Tensor], axis: isize) -> Tensor {
        let mut raised = Vec::with_capacity(tensors.len());
        for t in tensors {
            raised.push(t.unsqueeze(axis));
        }
        Tensor::concat(&raised.iter().collect::<Vec<_>>(), axis)
    }

    /// With `value` put around: `padding[i]` is how much before and after along axis `i`.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([1_i64, 2]).pad(&[[1, 2]], 0.0);
    /// assert_eq!(x.to_vec::<i64>(), [0, 1, 2, 0, 0]);
    /// ```
    ///
    /// # Panics
    /// If there is not one pair for each axis, or the result is too large.
    #[track_caller]
    pub fn pad(&self, padding: &[[usize; 2]], value: f64) -> Tensor {
        let shape = pad_shape(self.shape(), padding).or_panic();
        let mut target = Layout::contiguous(shape);
        for (axis, part) in pad_slices(self.shape(), padding).into_iter().enumerate() {
            target = View::Slice(axis as isize, part).of(&target).or_panic();
        }
        for_any!(self.dtype(), T => {
            let mut out = Buffer::full(shape.count(), <T as Stored>::cast(value));
            crate::map::scatter(&mut out, &target, self.strided::<T>(), |_, new| new);
            Tensor::from_buffer(out, shape)
        })
    }
}
