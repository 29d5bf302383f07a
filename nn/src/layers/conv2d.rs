//! The convolutional layer.

use super::linear::redraw;
use super::{Size2d, expect_dtype, hint, refuse};
use crate::{DType, Init, Layer, Module, Padding, Param, Rng, Var};
use std::fmt;

/// Each output pixel is a weighted sum of the input pixels around it, the same weights everywhere (TensorFlow's
/// `conv2d`, PyTorch's `Conv2d` with other axes).
///
/// From images `[n, height, width, in_channels]` to `[n, out height, out width, out_channels]`. Stride, dilation and
/// groups are 1 at first, padding is [`Padding::Same`]: the output is `⌈size / stride⌉`. Weights start as
/// [`Init::XavierUniform`], the bias as zeros (as in Keras).
///
/// ```
/// use nn::{Conv2d, DType, Graph, Layer, Rng, Tensor};
///
/// let conv = Conv2d::new(1, 8, 5, &mut Rng::new(42)).stride(2);
/// let graph = Graph::inference();
/// let images = graph.input(Tensor::zeros([100, 28, 28, 1], DType::F32));
/// assert_eq!(conv.forward(images).shape(), [100, 14, 14, 8]);
/// ```
#[derive(Clone, Module)]
pub struct Conv2d {
    /// The kernel, of shape `[height, width, in_channels / groups, out_channels]`.
    pub weight: Param,
    /// What is added to each channel, of shape `[out_channels]`.
    pub bias: Option<Param>,
    /// The distance between neighbouring windows, `[height, width]`.
    #[module(skip)]
    pub stride: [usize; 2],
    /// The distance on the image between neighbouring entries of the kernel, `[height, width]`.
    #[module(skip)]
    pub dilation: [usize; 2],
    /// What is put around the image.
    #[module(skip)]
    pub padding: Padding,
    /// Into how many groups the channels are cut. The shape of the kernel depends on it.
    groups: usize,
    #[module(skip)]
    weight_init: Init,
    /// What the weights are drawn from, so that options can draw again.
    seed: u64,
}

impl fmt::Debug for Conv2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Conv2d");
        fields.field("weight", &self.weight).field("bias", &self.bias).field("stride", &self.stride);
        fields.field("dilation", &self.dilation).field("padding", &self.padding);
        fields.field("groups", &self.groups).finish()
    }
}

impl Conv2d {
    /// A layer with a kernel of this size, one number for a square or `[height, width]`, and a bias.
    ///
    /// # Panics
    /// If the kernel has no elements, or more than memory can hold.
    #[track_caller]
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Size2d>,
        rng: &mut Rng,
    ) -> Conv2d {
        let [height, width] = kernel_size.into().positive("conv2d", "kernel");
        let seed = rng.bits();
        let (weight_init, shape) = (Init::XavierUniform, [height, width, in_channels, out_channels]);
        let weight = weight_init.sample(shape, DType::F32, &mut Rng::stream(seed, 0));
        let bias = Init::Zeros.sample([out_channels], DType::F32, &mut Rng::stream(seed, 1));
        let autograd::Conv2d { stride, dilation, padding, groups } = autograd::Conv2d::default();
        Conv2d {
            weight: Param::new(weight),
            bias: Some(Param::new(bias)),
            stride,
            dilation,
            padding,
            groups,
            weight_init,
            seed,
        }
    }

    /// Other initial values.
    ///
    /// # Panics
    /// If a bound or deviation makes no sense.
    #[track_caller]
    pub fn init(mut self, weight: Init, bias: Init) -> Conv2d {
        self.weight_init = weight;
        redraw(&mut self.weight, weight, &mut Rng::stream(self.seed, 0));
        if let Some(param) = &mut self.bias {
            redraw(param, bias, &mut Rng::stream(self.seed, 1));
        }
        self
    }

    /// The distance between neighbouring windows: 2 halves the size.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Conv2d {
        self.stride = stride.into().positive("conv2d", "stride");
        self
    }

    /// The distance on the image between neighbouring entries of the kernel.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Conv2d {
        self.dilation = dilation.into().positive("conv2d", "dilation");
        self
    }

    /// What is put around the image: zeros.
    pub fn padding(mut self, padding: Padding) -> Conv2d {
        self.padding = padding;
        self
    }

    /// Cuts the channels into so many groups, each convolved by itself; as many as channels make a depthwise convolution.
    /// The kernel is drawn again in the shape this needs.
    ///
    /// # Panics
    /// If channels in or out do not divide into so many groups.
    #[track_caller]
    pub fn groups(mut self, groups: usize) -> Conv2d {
        let shape = self.weight.value().shape();
        let (inputs, outputs) = (shape[2] * self.groups, shape[3]);
        if groups == 0 || inputs % groups != 0 || outputs % groups != 0 {
            panic!(
                "conv2d: {inputs} channels in and {outputs} out, as the kernel {shape} has them, do not divide into {groups} groups"
            );
        }
        self.groups = groups;
        let (shape, dtype) = (shape.with(2, inputs / groups), self.weight.value().dtype());
        *self.weight.value_mut() = self.weight_init.sample(shape, dtype, &mut Rng::stream(self.seed, 0));
        self
    }

    /// Only the convolution; a batch normalisation that follows has an offset of its own.
    pub fn without_bias(mut self) -> Conv2d {
        self.bias = None;
        self
    }
}

impl Layer for Conv2d {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let _scope = graph.scope("Conv2d");
        let &Conv2d { stride, dilation, padding, groups, .. } = self;
        let conv = autograd::Conv2d { stride, dilation, padding, groups };
        let (shape, kernel) = (x.shape(), self.weight.value().shape());
        if let Err(error) = conv.shape(shape, kernel) {
            let hint = hint(shape, Some(kernel[2] * groups));
            refuse(x, Some(&self.weight), format_args!("{error}{hint}"));
        }
        expect_dtype("conv2d", x, &self.weight);
        let y = x.conv2d(graph.param(&self.weight), conv);
        match &self.bias {
            Some(bias) => y + graph.param(bias),
            None => y,
        }
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
