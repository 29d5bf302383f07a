//! What is known of a tensor before it is computed.

use super::dtype::DType;
use super::shape::{Shape, ShapeError};
use super::tensor::Tensor;
use std::fmt;

/// The shape and element type of a tensor, without its elements (JAX's `ShapeDtypeStruct`, ONNX's `TensorTypeProto`).
///
/// ```
/// use tensor::{DType, Spec, Tensor};
/// let x = Tensor::zeros([2, 3], DType::F32);
/// assert_eq!(x.spec(), Spec { shape: [2, 3].into(), dtype: DType::F32 });
/// assert_eq!(x.spec().to_string(), "f32 [2, 3]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The sizes of the axes.
    pub shape: Shape,
    /// The type of the elements.
    pub dtype: DType,
}

impl Spec {
    /// The same with another shape.
    pub fn with_shape(self, shape: Shape) -> Spec {
        Spec { shape, ..self }
    }

    /// The same with another element type.
    pub fn with_dtype(self, dtype: DType) -> Spec {
        Spec { dtype, ..self }
    }

    /// The bytes of its elements.
    pub fn bytes(self) -> usize {
        self.shape.numel() * self.dtype.size()
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dtype, self.shape)
    }
}

impl Tensor {
    /// Shape and element type.
    pub fn spec(&self) -> Spec {
        Spec { shape: self.shape(), dtype: self.dtype() }
    }
}

/// The rule that all operands have one element type, which it gives.
///
/// # Errors
/// If two differ.
pub fn same_dtype(op: &'static str, x: &[Spec]) -> Result<DType, ShapeError> {
    let Some((first, rest)) = x.split_first() else { return Ok(DType::F32) };
    match rest.iter().find(|other| other.dtype != first.dtype) {
        None => Ok(first.dtype),
        Some(other) => Err(ShapeError::new(
            op,
            format!("{first} and {other}: the element types differ; convert one with .to(…)"),
        )),
    }
}
