//! Putting tensors together, and padding them.

use crate::array::dtype::{Stored, for_any};
use crate::array::layout::{Layout, Slice, ViewOp};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;

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
        if shape.len() != first.len() {
            return Err(ShapeError::new(
                "concat",
                format!("{first} and {shape} have different numbers of axes"),
            ));
        }
        if (0..first.len()).any(|i| i != a && shape[i] != first[i]) {
            return Err(ShapeError::new(
                "concat",
                format!("{first} and {shape} differ on another axis than {a}"),
            ));
        }
        total = total.saturating_add(shape[a]);
    }
    first.resized(a, total, "concat")
}

/// The rule of `stack`: equal shapes, which get a new axis at `axis`, −1 being after the last.
///
/// # Errors
/// If there is nothing to join, shapes differ, there is no such place, or the result is too large.
pub fn stack_shape(shapes: &[Shape], axis: isize) -> Result<Shape, ShapeError> {
    let Some(&first) = shapes.first() else {
        return Err(ShapeError::new("stack", "there are no tensors to join"));
    };
    if let Some(other) = shapes.iter().find(|&&shape| shape != first) {
        return Err(ShapeError::new("stack", format!("{first} and {other} differ")));
    }
    let places = first.len() as isize + 1;
    let place = if axis < 0 { axis + places } else { axis };
    if !(0..places).contains(&place) {
        return Err(ShapeError::new("stack", format!("{first} has no place {axis} for a new axis")));
    }
    let mut dims = first.to_vec();
    dims.insert(place as usize, shapes.len());
    Shape::of(&dims, "stack")
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
    Shape::of(&dims.collect::<Vec<_>>(), "pad")
}

/// The part of each axis that the original takes in a padded tensor.
pub fn pad_slices(x: Shape, padding: &[[usize; 2]]) -> Vec<Slice> {
    x.iter().zip(padding).map(|(&d, p)| Slice::from(p[0]..p[0] + d)).collect()
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
        for t in tensors {
            t.expect_dtype("concat", dtype).or_panic();
        }
        for_any!(dtype, T => {
            let mut out = Buffer::<T>::uninit(shape.numel());
            let mut start = 0;
            for t in tensors {
                let end = start + t.shape()[axis] as isize;
                let part = ViewOp::Slice(axis as isize, Slice::from(start..end));
                let target = part.of(&Layout::contiguous(shape)).or_panic();
                crate::array::map::scatter(&mut out, &target, t.strided::<T>(), |_, new| new);
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
        let shapes: Vec<Shape> = tensors.iter().map(|t| t.shape()).collect();
        stack_shape(&shapes, axis).or_panic();
        let mut raised = Vec::with_capacity(tensors.len());
        for t in tensors {
            t.expect_dtype("stack", tensors[0].dtype()).or_panic();
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
    /// If there is not one pair for each axis, the result is too large, or the element type cannot hold the value.
    #[track_caller]
    pub fn pad(&self, padding: &[[usize; 2]], value: f64) -> Tensor {
        if !self.dtype().holds(value) {
            panic!("pad: {value} is not of type {}, which {} holds", self.dtype(), self.shape());
        }
        let shape = pad_shape(self.shape(), padding).or_panic();
        let mut target = Layout::contiguous(shape);
        for (axis, part) in pad_slices(self.shape(), padding).into_iter().enumerate() {
            target = ViewOp::Slice(axis as isize, part).of(&target).or_panic();
        }
        for_any!(self.dtype(), T => {
            let mut out = Buffer::full(shape.numel(), <T as Stored>::cast(value));
            crate::array::map::scatter(&mut out, &target, self.strided::<T>(), |_, new| new);
            Tensor::from_buffer(out, shape)
        })
    }
}
