//! Another element type for a whole model.

use crate::{DType, Module};

/// Converts every float parameter and state of `module` to `dtype`, `F64` for checking gradients, `F32` for speed.
/// Integer buffers, such as a count of steps, stay as they are.
///
/// ```
/// use nn::{DType, Linear, Module, Rng};
/// let mut layer = Linear::new(3, 2, &mut Rng::new(1));
/// nn::convert(&mut layer, DType::F64);
/// assert_eq!(layer.weight.value().dtype(), DType::F64);
/// ```
///
/// # Panics
/// If `dtype` is no float.
#[track_caller]
pub fn convert(module: &mut (impl Module + ?Sized), dtype: DType) {
    if !dtype.is_float() {
        panic!("convert: {dtype} has no gradient; parameters are f32 or f64");
    }
    for (_, param) in module.params_mut() {
        if param.value().dtype().is_float() {
            *param.value_mut() = param.value().to(dtype);
        }
    }
}
