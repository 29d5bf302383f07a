//! Convolution and its two adjoints: three bilinear operations, each the gradient of the others.

use crate::op::{Attributes, Lowering, Op};
use crate::tape::graph::Var;
use tensor::{Conv2d, Conv2dKernel, Padding, Shape, ShapeError, Spec, Tensor, kernels, rules};

/// Images and kernel to output.
struct Convolve(Conv2d);

/// Output and kernel to images.
struct ConvolveInputGrad {
    conv: Conv2d,
    images: Shape,
}

/// Images and output to kernel.
struct ConvolveKernelGrad {
    conv: Conv2d,
    kernel: Shape,
}

/// What a convolution is, as data.
fn attributes(conv: &Conv2d) -> Attributes {
    let Conv2d { stride, dilation, groups, padding } = *conv;
    let attributes =
        Attributes::default().with("stride", stride).with("dilation", dilation).with("groups", groups);
    match padding {
        Padding::Same => attributes.with("padding", "same"),
        Padding::Valid => attributes.with("padding", "valid"),
        Padding::Explicit(padding) => attributes.with("padding", padding.concat()),
    }
}

/// Every number of the output is a sum over a window of all channels of a group.
fn flops(kernel: Shape, output: Shape) -> u64 {
    2 * (output.numel() * kernel[0] * kernel[1] * kernel[2]) as u64
}

impl Op<2> for Convolve {
    fn attributes(&self) -> Attributes {
        attributes(&self.0)
    }
    fn infer(&self, [x, kernel]: [Spec; 2]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(self.0.shape(x.shape, kernel.shape)?))
    }
    fn flops(&self, [_, kernel]: [Shape; 2], y: Shape) -> u64 {
        flops(kernel, y)
    }
    #[track_caller]
    fn forward(&self, [x, kernel]: [&Tensor; 2]) -> Tensor {
        x.conv2d(kernel, &self.0)
    }
    fn lower(&self) -> Lowering {
        Lowering::kernel(Conv2dKernel::Forward(self.0))
    }
    fn vjp<'g>(
        &self,
        [x, kernel]: [Var<'g>; 2],
        _: Var<'g>,
        dy: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        let (graph, conv) = (dy.graph(), self.0);
        [
            need[0].then(|| graph.apply(ConvolveInputGrad { conv, images: x.shape() }, [dy, kernel])),
            need[1].then(|| graph.apply(ConvolveKernelGrad { conv, kernel: kernel.shape() }, [x, dy])),
        ]
    }
}

impl Op<2> for ConvolveInputGrad {
    fn attributes(&self) -> Attributes {
        attributes(&self.conv).with("images", self.images)
    }
    fn infer(&self, [y, kernel]: [Spec; 2]) -> Result<Spec, ShapeError> {
        self.conv.transpose_spec(y, kernel, self.images)
    }
    fn flops(&self, [y, kernel]: [Shape; 2], _: Shape) -> u64 {
        flops(kernel, y)
    }
    #[track_caller]
    fn forward(&self, [y, kernel]: [&Tensor; 2]) -> Tensor {
        kernels::conv2d_input_grad(y, kernel, self.images, &self.conv)
    }
    fn lower(&self) -> Lowering {
        Lowering::kernel(Conv2dKernel::InputGrad { conv: self.conv, images: self.images })
    }
    fn vjp<'g>(
        &self,
        [y, kernel]: [Var<'g>; 2],
        _: Var<'g>,
        dx: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        let (graph, conv) = (dx.graph(), self.conv);
        [
            need[0].then(|| graph.apply(Convolve(conv), [dx, kernel])),
            need[1].then(|| graph.apply(ConvolveKernelGrad { conv, kernel: kernel.shape() }, [dx, y])),
        ]
    }
}

impl Op<2> for ConvolveKernelGrad {
    fn attributes(&self) -> Attributes {
        attributes(&self.conv).with("kernel", self.kernel)
    }
    fn infer(&self, [x, y]: [Spec; 2]) -> Result<Spec, ShapeError> {
        rules::same_dtype("conv2d_kernel_grad", &[x, y])?;
        self.conv.check_output("conv2d_kernel_grad", x.shape, self.kernel, y.shape)?;
        Ok(x.with_shape(self.kernel))
    }
    fn flops(&self, [_, y]: [Shape; 2], kernel: Shape) -> u64 {
        flops(kernel, y)
    }
    #[track_caller]
    fn forward(&self, [x, y]: [&Tensor; 2]) -> Tensor {
        kernels::conv2d_kernel_grad(x, y, self.kernel, &self.conv)
    }
    fn lower(&self) -> Lowering {
        Lowering::kernel(Conv2dKernel::KernelGrad { conv: self.conv, kernel: self.kernel })
    }
    fn vjp<'g>(
        &self,
        [x, y]: [Var<'g>; 2],
        _: Var<'g>,
        dk: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        let (graph, conv) = (dk.graph(), self.conv);
        [
            need[0].then(|| graph.apply(ConvolveInputGrad { conv, images: x.shape() }, [y, dk])),
            need[1].then(|| graph.apply(Convolve(conv), [x, dk])),
        ]
    }
}

impl<'g> Var<'g> {
    /// The convolution of images `[n, h, w, c]` with a kernel `[kh, kw, c / groups, out]`, giving `[n, oh, ow, out]`; as
    /// everywhere in the field it is the cross-correlation (TensorFlow's `conv2d`, PyTorch's with other axes).
    ///
    /// ```
    /// # use autograd::{Conv2d, DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let images = graph.input(Tensor::ones([100, 28, 28, 1], DType::F32));
    /// let kernel = graph.input(Tensor::ones([5, 5, 1, 4], DType::F32));
    /// let y = images.conv2d(kernel, Conv2d { stride: [2, 2], ..Conv2d::default() });
    /// assert_eq!(y.shape(), [100, 14, 14, 4]);
    /// ```
    ///
    /// # Panics
    /// If the shapes break the rule of [`Conv2d::shape`] or the types are not the same float.
    #[track_caller]
    pub fn conv2d(self, kernel: Var<'g>, conv: Conv2d) -> Var<'g> {
        self.graph.apply(Convolve(conv), [self, kernel])
    }

    /// The transposed convolution, the adjoint of [`conv2d`](Var::conv2d): from its output `[n, oh, ow, out]` and its
    /// kernel `[kh, kw, c / groups, out]` to images of shape `images`.
    ///
    /// # Panics
    /// If images of that shape do not give an output of this one, or the types are not the same float.
    #[track_caller]
    pub fn conv2d_transpose(self, kernel: Var<'g>, images: impl Into<Shape>, conv: Conv2d) -> Var<'g> {
        self.graph.apply(ConvolveInputGrad { conv, images: images.into() }, [self, kernel])
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    use tensor::Padding;
    let mut cases = vec![];
    for (stride, dilation, groups, padding) in [
        ([1, 1], [1, 1], 1, Padding::Same),
        ([2, 1], [1, 1], 1, Padding::Valid),
        ([2, 3], [1, 1], 2, Padding::Same),
        ([1, 2], [2, 1], 1, Padding::Explicit([[0, 2], [3, 1]])),
        ([2, 2], [1, 2], 2, Padding::Explicit([[1, 1], [0, 0]])),
    ] {
        let conv = Conv2d { stride, dilation, groups, padding };
        let x = [Case::normal(&[2, 5, 6, 4], 1), Case::normal(&[3, 2, 4 / groups, 2], 2)];
        let output = conv.shape(x[0].shape(), x[1].shape()).unwrap();
        let y = [Case::normal(&output, 3), Case::normal(&[3, 2, 4 / groups, 2], 2)];
        cases.push(Case::new("conv2d", x, move |_, x| x[0].conv2d(x[1], conv)).batch([true, false]));
        cases.push(
            Case::new("conv2d_transpose", y, move |_, x| {
                x[0].conv2d_transpose(x[1], [x[0].shape()[0], 5, 6, 4], conv)
            })
            .batch([true, false]),
        );
    }
    cases
}
