//! Convolution and its adjoints as kernels that take prologues and an epilogue: the sizes, the choice of the algorithm.

use super::{Conv2d, Geometry, are_finite, expect_output, row_major};
use crate::array::dtype::for_float;
use crate::array::shape::{OrPanic, Shape};
use crate::array::tensor::{Tensor, wrong_type};
use crate::fusion::{Epilogue, Kernel, Numbers, Prologue};
use crate::reference;

/// A convolution or one of its adjoints, as a kernel to be fused.
///
/// What is direct ([`Conv2d::is_direct`]) takes prologues and an epilogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conv2dKernel {
    /// [`Tensor::conv2d`], of images and kernel.
    Forward(Conv2d),
    /// [`kernels::conv2d_input_grad`](crate::kernels::conv2d_input_grad), of the output's gradient and the kernel.
    InputGrad {
        /// The convolution.
        conv: Conv2d,
        /// The shape of its images.
        images: Shape,
    },
    /// [`kernels::conv2d_kernel_grad`](crate::kernels::conv2d_kernel_grad), of the images and the output's gradient.
    KernelGrad {
        /// The convolution.
        conv: Conv2d,
        /// The shape of its kernel.
        kernel: Shape,
    },
}

impl Kernel for Conv2dKernel {
    fn takes_prologue(&self, i: usize) -> bool {
        match self {
            Conv2dKernel::Forward(conv) | Conv2dKernel::InputGrad { conv, .. } => i == 0 && conv.is_direct(),
            Conv2dKernel::KernelGrad { conv, .. } => conv.is_direct(),
        }
    }

    fn takes_epilogue(&self) -> bool {
        match self {
            Conv2dKernel::Forward(conv) | Conv2dKernel::InputGrad { conv, .. } => conv.is_direct(),
            Conv2dKernel::KernelGrad { .. } => false,
        }
    }

    #[track_caller]
    fn run(&self, x: &[Prologue<'_>], epilogue: Epilogue<'_>) -> Tensor {
        let &[a, b] = x else { panic!("conv2d: a kernel of two operands has {}", x.len()) };
        match self {
            Conv2dKernel::Forward(conv) => forward(conv, a, &b.to_tensor(), epilogue),
            Conv2dKernel::InputGrad { conv, images } => {
                input_grad(conv, *images, a, &b.to_tensor(), epilogue)
            }
            Conv2dKernel::KernelGrad { conv, kernel } => epilogue.run(kernel_grad(conv, *kernel, [a, b])),
        }
    }
}

/// What the fast kernels, which are for `f32`, read of this operand, if they are for this convolution.
fn numbers<'a>(g: &Geometry, x: Prologue<'a>) -> Option<Numbers<'a>> {
    if g.is_direct() { x.numbers() } else { None }
}

/// See [`Tensor::conv2d`].
#[track_caller]
pub(super) fn forward(conv: &Conv2d, x: Prologue<'_>, kernel: &Tensor, mut epilogue: Epilogue<'_>) -> Tensor {
    kernel.expect_dtype("conv2d", x.dtype()).or_panic();
    let g = conv.geometry(x.shape(), kernel.shape()).or_panic();
    let shape = conv.shape(x.shape(), kernel.shape()).or_panic();
    if x.dtype().is_float() && reference::is_chosen() {
        return epilogue.run(reference::conv2d(&x.to_tensor(), kernel, conv));
    }
    let kernel = kernel.contiguous();
    if let (Some(x), Some(kernel)) = (numbers(&g, x), kernel.as_slice()) {
        let amx = g.is_for_amx();
        let epilogue = &mut epilogue.for_tiles(shape, !amx);
        let fast = match amx {
            true => g.forward_amx(&x, kernel, epilogue),
            false => g.forward_winograd(&x, kernel, epilogue),
        };
        let y = fast.unwrap_or_else(|| g.forward_direct(&x, kernel, epilogue));
        return Tensor::from_buffer(y, shape);
    }
    let x = x.to_tensor();
    let y = for_float!(x.dtype(), T => {
        Tensor::from_buffer(g.forward_im2col(row_major::<T>(&x), row_major(&kernel)), shape)
    }, else panic!("{}", wrong_type("conv2d", &x, "floats")));
    epilogue.run(y)
}

/// See [`kernels::conv2d_input_grad`](crate::kernels::conv2d_input_grad).
#[track_caller]
pub(super) fn input_grad(
    conv: &Conv2d,
    images: Shape,
    dy: Prologue<'_>,
    kernel: &Tensor,
    mut epilogue: Epilogue<'_>,
) -> Tensor {
    kernel.expect_dtype("conv2d_input_grad", dy.dtype()).or_panic();
    let g = conv.geometry(images, kernel.shape()).or_panic();
    expect_output("conv2d_input_grad", dy.shape(), conv.shape(images, kernel.shape()).or_panic());
    if dy.dtype().is_float() && reference::is_chosen() {
        return epilogue.run(reference::conv2d_input_grad(&dy.to_tensor(), kernel, images, conv));
    }
    let kernel = kernel.contiguous();
    // The fast kernels put zeros around the output, where an infinity of the kernel would make NaN of no term at all.
    let fast = kernel.as_slice().filter(|kernel| are_finite(kernel));
    if let (Some(kernel), Some(dy)) = (fast, numbers(&g, dy)) {
        let amx = g.is_for_amx();
        let epilogue = &mut epilogue.for_tiles(images, !amx);
        let fast = match amx {
            true => g.input_grad_amx(&dy, kernel, epilogue),
            false => g.input_grad_winograd(&dy, kernel, epilogue),
        };
        let dx = fast.unwrap_or_else(|| g.input_grad_direct(&dy, kernel, epilogue));
        return Tensor::from_buffer(dx, images);
    }
    let dy = dy.to_tensor();
    let dx = for_float!(dy.dtype(), T => {
        Tensor::from_buffer(g.input_grad_im2col(row_major::<T>(&dy), row_major(&kernel)), images)
    }, else panic!("{}", wrong_type("conv2d_input_grad", &dy, "floats")));
    epilogue.run(dx)
}

/// See [`kernels::conv2d_kernel_grad`](crate::kernels::conv2d_kernel_grad).
#[track_caller]
pub(super) fn kernel_grad(conv: &Conv2d, kernel: Shape, [x, dy]: [Prologue<'_>; 2]) -> Tensor {
    if dy.dtype() != x.dtype() {
        dy.to_tensor().expect_dtype("conv2d_kernel_grad", x.dtype()).or_panic();
    }
    let g = conv.geometry(x.shape(), kernel).or_panic();
    expect_output("conv2d_kernel_grad", dy.shape(), conv.shape(x.shape(), kernel).or_panic());
    if x.dtype().is_float() && reference::is_chosen() {
        return reference::conv2d_kernel_grad(&x.to_tensor(), &dy.to_tensor(), kernel, conv);
    }
    if let (Some(x), Some(dy)) = (numbers(&g, x), numbers(&g, dy)) {
        let fast = match g.is_for_amx() {
            true => g.kernel_grad_amx(&x, &dy),
            false => g.kernel_grad_winograd(&x, &dy),
        };
        let dk = fast.unwrap_or_else(|| g.kernel_grad_direct(&x, &dy));
        return Tensor::from_buffer(dk, kernel);
    }
    let (x, dy) = (x.to_tensor(), dy.to_tensor());
    for_float!(x.dtype(), T => {
        Tensor::from_buffer(g.kernel_grad_im2col(row_major::<T>(&x), row_major(&dy)), kernel)
    }, else panic!("{}", wrong_type("conv2d_kernel_grad", &x, "floats")))
}
