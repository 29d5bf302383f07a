//! Convolution and its two adjoints: three bilinear operations, each the gradient of the others.

use crate::op::Op;
use crate::tape::graph::Var;
use tensor::{Conv2d, DType, Finish, Lazy, Shape, ShapeError, Tensor};

/// Images and kernel to output.
#[derive(Debug)]
struct Convolve(Conv2d);

/// Output and kernel to images.
#[derive(Debug)]
struct ConvolveInputGrad {
    conv: Conv2d,
    images: Shape,
}

/// Images and output to kernel.
#[derive(Debug)]
struct ConvolveKernelGrad {
    conv: Conv2d,
    kernel: Shape,
}

/// Every number of the output is a sum over a window of all channels of a group.
fn flops(kernel: Shape, output: Shape) -> u64 {
    2 * (output.count() * kernel[0] * kernel[1] * kernel[2]) as u64
}

impl Op<2> for Convolve {
    fn shape(&self, [x, kernel]: [Shape; 2]) -> Result<Shape, ShapeError> {
        self.0.shape(x, kernel)
    }
    // The kernel refuses types that differ, naming the shapes too.
    fn dtype(&self, [x, _]: [DType; 2]) -> Result<DType, ShapeError> {
        Ok(x)
    }
    fn flops(&self, [_, kernel]: [Shape; 2], y: Shape) -> u64 {
        flops(kernel, y)
    }
    #[track_caller]
    fn forward(&self, [x, kernel]: [&Tensor; 2]) -> Tensor {
        x.conv2d(kernel, &self.0)
    }
    fn reads_piecewise(&self, i: usize) -> bool {
        i == 0 && self.0.is_direct()
    }
    fn writes_piecewise(&self) -> bool {
        self.0.is_direct()
    }
    #[track_caller]
    fn forward_lazy(&self, [x, kernel]: [Lazy<'_>; 2], finish: Finish<'_>) -> Tensor {
        x.conv2d(&kernel.to_tensor(), &self.0, finish)
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

/// Refuses an output of another shape than the convolution gives.
fn expect_output(
    op: &'static str,
    conv: &Conv2d,
    x: Shape,
    kernel: Shape,
    y: Shape,
) -> Result<(), ShapeError> {
    let expected = conv.shape(x, kernel).map_err(|error| error.in_op(op))?;
    if y != expected {
        return Err(ShapeError::new(op, format!("{x} with kernel {kernel} gives {expected}, not {y}")));
    }
    Ok(())
}

impl Op<2> for ConvolveInputGrad {
    fn shape(&self, [y, kernel]: [Shape; 2]) -> Result<Shape, ShapeError> {
        expect_output("conv2d_transpose", &self.conv, self.images, kernel, y)?;
        Ok(self.images)
    }
    fn dtype(&self, [y, kernel]: [DType; 2]) -> Result<DType, ShapeError> {
        if y != kernel || !y.is_float() {
            return Err(ShapeError::new(
                "conv2d_transpose",
                format!(
                    "{y} with a kernel of {kernel}: the element types must be the same float; convert with .to(…)"
                ),
            ));
        }
        Ok(y)
    }
    fn flops(&self, [y, kernel]: [Shape; 2], _: Shape) -> u64 {
        flops(kernel, y)
    }
    #[track_caller]
    fn forward(&self, [y, kernel]: [&Tensor; 2]) -> Tensor {
        y.conv2d_input_grad(kernel, self.images, &self.conv)
    }
    fn reads_piecewise(&self, i: usize) -> bool {
        i == 0 && self.conv.is_direct()
    }
    fn writes_piecewise(&self) -> bool {
        self.conv.is_direct()
    }
    #[track_caller]
    fn forward_lazy(&self, [y, kernel]: [Lazy<'_>; 2], finish: Finish<'_>) -> Tensor {
        y.conv2d_input_grad(&kernel.to_tensor(), self.images, &self.conv, finish)
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
    fn shape(&self, [x, y]: [Shape; 2]) -> Result<Shape, ShapeError> {
        expect_output("conv2d_kernel_grad", &self.conv, x, self.kernel, y)?;
        Ok(self.kernel)
    }
    fn flops(&self, [_, y]: [Shape; 2], kernel: Shape) -> u64 {
        flops(kernel, y)
    }
    #[track_caller]
    fn forward(&self, [x, y]: [&Tensor; 2]) -> Tensor {
        x.conv2d_kernel_grad(y, self.kernel, &self.conv)
    }
    fn reads_piecewise(&self, _: usize) -> bool {
        self.conv.is_direct()
    }
    #[track_caller]
    fn forward_lazy(&self, [x, y]: [Lazy<'_>; 2], finish: Finish<'_>) -> Tensor {
        finish.run(x.conv2d_kernel_grad(y, self.kernel, &self.conv))
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
