//! Convolution and its two adjoints.

use super::{like, numbers};
use crate::array::shape::{OrPanic, Shape};
use crate::array::tensor::Tensor;
use crate::conv::Conv2d;

/// `y[n, i, j, o] = Σ x[n, i·stride + u·dilation − before, j·stride + v·dilation − before, c] · kernel[u, v, c, o]` over the window `u, v` and the
/// channels `c` of the output channel's group, `x` being 0 around the image; see [`Tensor::conv2d`].
///
/// # Panics
/// If the shapes break the rule [`Conv2d::shape`].
#[track_caller]
pub fn conv2d(x: &Tensor, kernel: &Tensor, conv: &Conv2d) -> Tensor {
    let shape = conv.shape(x.shape(), kernel.shape()).or_panic();
    let (xs, ks) = (numbers(x), numbers(kernel));
    let mut y = vec![0.0; shape.numel()];
    for_each_product(x.shape(), kernel.shape(), shape, conv, |at_x, at_kernel, at_y| {
        y[at_y] += at_x.map_or(0.0, |at_x| xs[at_x]) * ks[at_kernel];
    });
    like(x, shape, y)
}

/// The adjoint in the images: `dx[…]` is the sum of `dy · kernel` over all products of the convolution that an element of `x` is in; see
/// [`kernels::conv2d_input_grad`](crate::kernels::conv2d_input_grad).
///
/// # Panics
/// As [`conv2d`], and if `dy` has not the shape of its result.
#[track_caller]
pub fn conv2d_input_grad(dy: &Tensor, kernel: &Tensor, images: Shape, conv: &Conv2d) -> Tensor {
    conv.check_output("conv2d_input_grad", images, kernel.shape(), dy.shape()).or_panic();
    let (dys, ks) = (numbers(dy), numbers(kernel));
    let mut dx = vec![0.0; images.numel()];
    for_each_product(images, kernel.shape(), dy.shape(), conv, |at_x, at_kernel, at_y| {
        if let Some(at_x) = at_x {
            dx[at_x] += dys[at_y] * ks[at_kernel];
        }
    });
    like(dy, images, dx)
}

/// The adjoint in the kernel: `dkernel[…]` is the sum of `dy · x` over all products of the convolution that an entry is in; see
/// [`kernels::conv2d_kernel_grad`](crate::kernels::conv2d_kernel_grad).
///
/// # Panics
/// As [`conv2d`], and if `dy` has not the shape of its result.
#[track_caller]
pub fn conv2d_kernel_grad(x: &Tensor, dy: &Tensor, kernel: Shape, conv: &Conv2d) -> Tensor {
    conv.check_output("conv2d_kernel_grad", x.shape(), kernel, dy.shape()).or_panic();
    let (xs, dys) = (numbers(x), numbers(dy));
    let mut dkernel = vec![0.0; kernel.numel()];
    for_each_product(x.shape(), kernel, dy.shape(), conv, |at_x, at_kernel, at_y| {
        dkernel[at_kernel] += at_x.map_or(0.0, |at_x| xs[at_x]) * dys[at_y];
    });
    like(x, kernel, dkernel)
}

/// Calls `f` with the places of image, kernel and output for every product of the convolution; in the padding there is no image.
#[track_caller]
fn for_each_product(
    x: Shape,
    kernel: Shape,
    y: Shape,
    conv: &Conv2d,
    mut f: impl FnMut(Option<usize>, usize, usize),
) {
    let (&[_, height, width, channels], &[rows, columns, inputs, outputs]) = (&x[..], &kernel[..]) else {
        unreachable!("images and kernels have four axes")
    };
    let &[n, down, right, _] = &y[..] else { unreachable!("outputs are images") };
    let span = [rows, columns].map(|size| size.saturating_sub(1));
    let span = [0, 1].map(|i| conv.dilation[i] * span[i] + 1);
    let before = conv.padding.resolve([height, width], span, conv.stride).map(|[before, _]| before);
    let per_group = outputs / conv.groups;
    for image in 0..n {
        for i in 0..down {
            for j in 0..right {
                for u in 0..rows {
                    for v in 0..columns {
                        // What lies before the image wraps around to a number beyond it.
                        let row = (i * conv.stride[0] + u * conv.dilation[0]).wrapping_sub(before[0]);
                        let column = (j * conv.stride[1] + v * conv.dilation[1]).wrapping_sub(before[1]);
                        let inside = row < height && column < width;
                        for c in 0..inputs {
                            for o in 0..outputs {
                                let channel = o / per_group * inputs + c;
                                let at_x = inside
                                    .then(|| ((image * height + row) * width + column) * channels + channel);
                                let at_kernel = ((u * columns + v) * inputs + c) * outputs + o;
                                let at_y = ((image * down + i) * right + j) * outputs + o;
                                f(at_x, at_kernel, at_y);
                            }
                        }
                    }
                }
            }
        }
    }
}
