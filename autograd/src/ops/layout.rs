//! Looking at the same elements in another way. All views are one linear operation, and its adjoint is another.

use crate::op::{Attributes, Op};
use crate::tape::graph::Var;
use tensor::{
    DType, Layout, OrPanic, Shape, ShapeError, Slice, Spec, Tensor, ViewOp, Windows, kernels, rules,
};

struct Reshape(Shape);

impl Op<1> for Reshape {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("shape", self.0)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(rules::reshape_shape(x.shape, self.0)?))
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.reshape(self.0)
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy.reshape(x.shape()))]
    }
}

/// A view of the input, named as the view is.
struct ViewOf(ViewOp);

/// What a view is, as data.
fn attributes(view: &ViewOp) -> Attributes {
    let attributes = Attributes::default();
    match view {
        ViewOp::Permute(order) => attributes.with("order", order.clone()),
        ViewOp::Slice(axis, slice) => {
            attributes.with("axis", *axis).with("slice", slice.to_string().as_str())
        }
        ViewOp::Broadcast(shape) => attributes.with("shape", *shape),
        ViewOp::Windows(Windows { kernel, stride, dilation }) => {
            attributes.with("kernel", *kernel).with("stride", *stride).with("dilation", *dilation)
        }
    }
}

impl Op<1> for ViewOf {
    fn name(&self) -> &'static str {
        match self.0 {
            ViewOp::Permute(_) => "Permute",
            ViewOp::Slice(..) => "Slice",
            ViewOp::Broadcast(_) => "Broadcast",
            ViewOp::Windows(_) => "Windows",
        }
    }
    fn attributes(&self) -> Attributes {
        attributes(&self.0)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(self.0.of(&Layout::contiguous(x.shape))?.shape()))
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.view(&self.0)
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(match &self.0 {
            // Adjoints that are views or sums themselves.
            ViewOp::Permute(order) => dy.permute(inverse(order)),
            ViewOp::Broadcast(_) => dy,
            ViewOp::Slice(..) | ViewOp::Windows(_) => {
                dy.apply(Scatter { view: self.0.clone(), base: x.shape() })
            }
        })]
    }
}

/// The order that undoes `order`.
fn inverse(order: &[isize]) -> Vec<isize> {
    let rank = order.len() as isize;
    let mut inverse = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        inverse[from.rem_euclid(rank) as usize] = to as isize;
    }
    inverse
}

/// The adjoint of a view: every element is added to zeros of shape `base` at the place that the view took it from.
struct Scatter {
    view: ViewOp,
    base: Shape,
}

impl Op<1> for Scatter {
    fn attributes(&self) -> Attributes {
        attributes(&self.view).with("base", self.base)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        let expected = self.view.of(&Layout::contiguous(self.base))?.shape();
        if x.shape != expected {
            return Err(ShapeError::new(
                "scatter",
                format!("{} is not the shape {expected} of the view", x.shape),
            ));
        }
        Ok(x.with_shape(self.base))
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        kernels::scatter_view(x, &self.view, self.base)
    }
    fn vjp<'g>(&self, _: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy.apply(ViewOf(self.view.clone())))]
    }
}

impl<'g> Var<'g> {
    /// The same elements in row-major order under another shape.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.reshape([6, 4]).shape(), [6, 4]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of elements differ.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Var<'g> {
        self.apply(Reshape(shape.into()))
    }

    /// Axes `from..` merged into one: `[100, 7, 7, 12]` flattened from 1 is `[100, 588]`.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.flatten(1).shape(), [2, 12]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than `from` axes.
    #[track_caller]
    pub fn flatten(self, from: usize) -> Var<'g> {
        self.reshape(rules::flatten_shape(self.shape(), from).or_panic())
    }

    /// Without the axis `axis`, whose size must be 1.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.narrow(1, 0, 1).squeeze(1).shape(), [2, 4]);
    /// ```
    ///
    /// # Panics
    /// If the size is not 1.
    #[track_caller]
    pub fn squeeze(self, axis: isize) -> Var<'g> {
        self.reshape(rules::squeeze_shape(self.shape(), axis).or_panic())
    }

    /// With a new axis of size 1 at `axis`; −1 puts it last.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.unsqueeze(-1).shape(), [2, 3, 4, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such place.
    #[track_caller]
    pub fn unsqueeze(self, axis: isize) -> Var<'g> {
        self.reshape(rules::unsqueeze_shape(self.shape(), axis).or_panic())
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]`.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.permute([2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If `order` does not name every axis once.
    #[track_caller]
    pub fn permute(self, order: impl AsRef<[isize]>) -> Var<'g> {
        self.apply(ViewOf(ViewOp::Permute(order.as_ref().to_vec())))
    }

    /// With axes `a` and `b` swapped.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.transpose(0, 2).shape(), [4, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If one of them does not exist.
    #[track_caller]
    pub fn transpose(self, a: isize, b: isize) -> Var<'g> {
        self.permute(rules::transpose_order("transpose", self.shape(), a, b).or_panic())
    }

    /// The transpose of a matrix, or of each matrix in a batch.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.t().shape(), [2, 4, 3]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn t(self) -> Var<'g> {
        self.permute(rules::transpose_order("t", self.shape(), -2, -1).or_panic())
    }

    /// A part of one axis: a range, or one index, in which case the axis stays with size 1; see [`Slice`].
    ///
    /// ```
    /// # use autograd::{DType, Graph, Slice, Tensor};
    /// let graph = Graph::inference();
    /// let (images, i) = (graph.input(Tensor::zeros([120, 784], DType::F32)), 50_usize);
    /// assert_eq!(images.slice(0, i..i + 50).shape(), [50, 784]);
    /// let x = graph.input(Tensor::from([0_i64, 1, 2, 3, 4]));
    /// assert_eq!(x.slice(0, 1..3).value(), Tensor::from([1_i64, 2]));
    /// assert_eq!(x.slice(0, Slice::from(..).step(-2)).value(), Tensor::from([4_i64, 2, 0]));
    /// ```
    ///
    /// # Panics
    /// If the part is not within the axis or the step is 0.
    #[track_caller]
    pub fn slice(self, axis: isize, part: impl Into<Slice>) -> Var<'g> {
        self.apply(ViewOf(ViewOp::Slice(axis, part.into())))
    }

    /// `len` elements of an axis from `start` on.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.narrow(2, 1, 2).shape(), [2, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If they are not within the axis.
    #[track_caller]
    pub fn narrow(self, axis: isize, start: usize, len: usize) -> Var<'g> {
        self.slice(axis, rules::narrow_slice(self.shape(), axis, start, len).or_panic())
    }

    /// The axis in reverse order.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0_i64, 1, 2, 3, 4]));
    /// assert_eq!(x.flip(0).value(), Tensor::from([4_i64, 3, 2, 1, 0]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn flip(self, axis: isize) -> Var<'g> {
        self.shape().axis("flip", axis).or_panic();
        self.slice(axis, Slice::from(..).step(-1))
    }

    /// Stretched to `shape` by repeating along axes of size 1 and new leading axes.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.broadcast_to([5, 2, 3, 4]).shape(), [5, 2, 3, 4]);
    /// ```
    ///
    /// # Panics
    /// If the shape does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Into<Shape>) -> Var<'g> {
        let shape = shape.into();
        if shape == self.shape() { self } else { self.apply(ViewOf(ViewOp::Broadcast(shape))) }
    }

    /// Sliding windows over images `[n, height, width, channels]`, giving
    /// `[n, out height, out width, kernel height, kernel width, channels]`.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor, Windows};
    /// let graph = Graph::inference();
    /// let images = graph.input(Tensor::zeros([1, 5, 5, 3], DType::F32));
    /// let windows = Windows { kernel: [2, 2], stride: [1, 1], dilation: [1, 1] };
    /// assert_eq!(images.windows(windows).shape(), [1, 4, 4, 2, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the rank is not 4 or a window does not fit.
    #[track_caller]
    pub fn windows(self, windows: Windows) -> Var<'g> {
        self.apply(ViewOf(ViewOp::Windows(windows)))
    }

    /// Cut along `axis` into pieces of these sizes.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0_i64, 1, 2, 3, 4]));
    /// let [a, b] = x.split(0, &[2, 3])[..] else { unreachable!() };
    /// assert_eq!((a.shape(), b.shape()), ([2].into(), [3].into()));
    /// ```
    ///
    /// # Panics
    /// If the sizes do not add up to the size of the axis.
    #[track_caller]
    pub fn split(self, axis: isize, sizes: &[usize]) -> Vec<Var<'g>> {
        let starts = rules::split_starts(self.shape(), axis, sizes).or_panic();
        starts.into_iter().zip(sizes).map(|(start, &len)| self.narrow(axis, start, len)).collect()
    }

    /// Zeros of the same shape and type, as a constant.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.zeros_like().value(), x.value());
    /// ```
    #[track_caller]
    pub fn zeros_like(self) -> Var<'g> {
        self.graph.constant(Tensor::zeros(self.shape(), self.dtype()))
    }

    /// Ones of the same shape and type, as a constant.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.ones_like().sum(..).item(), 24.0);
    /// ```
    #[track_caller]
    pub fn ones_like(self) -> Var<'g> {
        self.graph.constant(Tensor::ones(self.shape(), self.dtype()))
    }

    /// A constant of this shape and this variable's type, each element `value`.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.full([2], 0.5).value(), Tensor::from([0.5_f32, 0.5]));
    /// ```
    ///
    /// # Panics
    /// If the element type cannot hold the value.
    #[track_caller]
    pub fn full(self, shape: impl Into<Shape>, value: f64) -> Var<'g> {
        let dtype: DType = self.dtype();
        self.graph.constant(Tensor::full(shape, value, dtype))
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let matrix = || [Case::normal(&[4, 6], 1)];
    let images = || [Case::normal(&[2, 5, 6, 3], 1)];
    let windows = |kernel, stride, dilation| Windows { kernel, stride, dilation };
    vec![
        Case::new("reshape", matrix(), |_, x| x[0].reshape([x[0].shape()[0], 2, 3])),
        Case::new("flatten", images(), |_, x| x[0].flatten(1)),
        Case::new("squeeze", matrix(), |_, x| x[0].reshape([x[0].shape()[0], 1, 6]).squeeze(1)),
        Case::new("unsqueeze", matrix(), |_, x| x[0].unsqueeze(-1)),
        Case::new("permute", images(), |_, x| x[0].permute([0, 3, 1, -2])),
        Case::new("permute", images(), |_, x| x[0].permute([3, 0, 1, 2])),
        Case::new("transpose", images(), |_, x| x[0].transpose(0, 2)),
        Case::new("t", matrix(), |_, x| x[0].t()),
        Case::new("slice", matrix(), |_, x| x[0].slice(1, (1, -1))),
        Case::new("slice", matrix(), |_, x| x[0].slice(1, Slice::from(1..).step(-2))),
        Case::new("slice", matrix(), |_, x| x[0].slice(1, Slice::from(..).step(4)).slice(1, ..1)),
        Case::new("narrow", matrix(), |_, x| x[0].narrow(1, 2, 3)),
        Case::new("flip", matrix(), |_, x| x[0].flip(-1)),
        Case::new("broadcast_to", matrix(), |_, x| {
            let rows = x[0].shape()[0];
            x[0].unsqueeze(1).broadcast_to([2, rows, 3, 6])
        }),
        Case::new("windows", images(), move |_, x| x[0].windows(windows([3, 2], [1, 2], [1, 1]))),
        Case::new("windows", images(), move |_, x| x[0].windows(windows([2, 2], [2, 3], [2, 3]))),
        Case::new("split", matrix(), |_, x| {
            let pieces = x[0].split(1, &[1, 3, 2]);
            pieces[0] * pieces[1] + pieces[2].sum_keepdim(1)
        }),
    ]
}
