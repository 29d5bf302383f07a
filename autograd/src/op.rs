//! What an operation is.

use crate::tape::graph::Var;
use std::fmt::Debug;
use tensor::{ChannelSums, DType, Finish, Lazy, Scalar, Shape, ShapeError, Tensor};

/// A differentiable operation of `N` inputs: its shape rule, its value and its gradient, in one place.
///
/// Implement it for a type of your own and call `graph.apply(MyOp, [x])`; the graph, its picture, the gradient check and
/// gradients of gradients then treat it like any of the library's.
///
/// ```
/// use autograd::{gradcheck, Graph, Op, Shape, ShapeError, Tensor, Var};
///
/// /// softplus: ln(1 + e^x)
/// #[derive(Debug)]
/// struct Softplus;
///
/// impl Op<1> for Softplus {
///     fn shape(&self, [x]: [Shape; 1]) -> Result<Shape, ShapeError> {
///         Ok(x)
///     }
///     fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
///         x.exp().ln_1p()
///     }
///     fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
///         [Some(dy * x.sigmoid())]
///     }
/// }
///
/// let x = Tensor::from([-1.0, 0.0, 2.0]);
/// gradcheck::check("softplus", &[x], |_, x| x[0].apply(Softplus)).unwrap();
/// ```
pub trait Op<const N: usize>: Debug + Send + Sync + 'static {
    /// The shape of the result for inputs of these shapes, asked before anything is computed.
    ///
    /// # Errors
    /// If the shapes do not fit, a sentence that names the operation, the shapes and the rule broken.
    fn shape(&self, x: [Shape; N]) -> Result<Shape, ShapeError>;

    /// The element type of the result. Unless said otherwise the inputs are all of one type and so is the result.
    ///
    /// # Errors
    /// If the operation does not take these types.
    fn dtype(&self, x: [DType; N]) -> Result<DType, ShapeError> {
        same_dtype(&self, &x)
    }

    /// The value. Shapes and types have been checked.
    #[track_caller]
    fn forward(&self, x: [&Tensor; N]) -> Tensor;

    /// The vector-Jacobian product: given the result `y` and the gradient `dy` of the loss with respect to it, the gradients
    /// with respect to the inputs that `need` one; what is given for the others is not looked at.
    ///
    /// It is written with variables, so it becomes part of the graph and can be differentiated again. A gradient may have the
    /// shape of `y` where the input was broadcast: the engine sums it to the shape of the input. One that is needed and `None` is
    /// refused: no gradient at all is what [`differentiable`](Op::differentiable) says. So only operations through which none
    /// flows go without this method.
    #[expect(unused_variables, reason = "their names are documentation")]
    fn vjp<'g>(&self, x: [Var<'g>; N], y: Var<'g>, dy: Var<'g>, need: [bool; N]) -> [Option<Var<'g>>; N] {
        [None; N]
    }

    /// Whether gradients flow from the result to input `i`. If not, `vjp` is never asked for that one.
    fn differentiable(&self, _i: usize) -> bool {
        true
    }

    /// The function of single numbers that this operation applies to each element of its inputs, if that is what it
    /// does. A [`Program`](crate::Program) then computes it in one pass with its neighbours; the bits must be those of
    /// [`forward`](Op::forward).
    fn elementwise(&self) -> Option<Scalar> {
        None
    }

    /// The sums for each channel that this operation is, if it is that: of functions of single numbers of its inputs, the
    /// first of which has the channels as its last axis. A [`Program`](crate::Program) then computes element-wise operations
    /// in the same pass, without writing their results; the bits must be those of [`forward`](Op::forward).
    fn channel_sums(&self) -> Option<ChannelSums> {
        None
    }

    /// Whether input `i` is read once, piece by piece. What it is computed from by functions of single numbers is then
    /// computed at that time by a [`Program`](crate::Program), which calls [`forward_lazy`](Op::forward_lazy).
    fn reads_piecewise(&self, _i: usize) -> bool {
        false
    }

    /// Whether the result is written piece by piece. What functions of single numbers make of it is then computed while a
    /// piece is in the cache by a [`Program`](crate::Program), which calls [`forward_lazy`](Op::forward_lazy).
    fn writes_piecewise(&self) -> bool {
        false
    }

    /// The value, with the bits of [`forward`](Op::forward), of inputs that need not be in memory, and gone on with.
    #[track_caller]
    fn forward_lazy(&self, x: [Lazy<'_>; N], finish: Finish<'_>) -> Tensor {
        finish.run(self.forward(tensors(x).each_ref()))
    }

    /// The additions and multiplications for inputs of these shapes and a result of shape `y`, for profiles.
    fn flops(&self, _x: [Shape; N], y: Shape) -> u64 {
        y.count() as u64
    }
}

/// The inputs' values.
#[track_caller]
fn tensors<const N: usize>(x: [Lazy<'_>; N]) -> [Tensor; N] {
    x.map(Lazy::to_tensor)
}

/// The rule that all inputs have one element type, which is the result's.
pub(crate) fn same_dtype(op: &dyn Debug, x: &[DType]) -> Result<DType, ShapeError> {
    match x {
        [] => Ok(DType::F32),
        [first, rest @ ..] => match rest.iter().find(|d| *d != first) {
            None => Ok(*first),
            Some(other) => Err(ShapeError::new(
                op_name(op),
                format!("{first} and {other}: the element types differ; convert one with .to(…)"),
            )),
        },
    }
}

/// An operation of any number of inputs, as a node stores it. [`Op`]s become one by themselves; operations whose
/// number of inputs varies, such as concatenation, implement it directly and go through `Graph::apply_dyn`.
pub trait DynOp: Debug + Send + Sync {
    /// See [`Op::shape`].
    ///
    /// # Errors
    /// As there.
    fn shape(&self, x: &[Shape]) -> Result<Shape, ShapeError>;
    /// See [`Op::dtype`].
    ///
    /// # Errors
    /// As there.
    fn dtype(&self, x: &[DType]) -> Result<DType, ShapeError>;
    /// See [`Op::forward`].
    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> Tensor;
    /// See [`Op::vjp`].
    fn vjp<'g>(&self, x: &[Var<'g>], y: Var<'g>, dy: Var<'g>, need: &[bool]) -> Vec<Option<Var<'g>>>;
    /// See [`Op::differentiable`].
    fn differentiable(&self, _i: usize) -> bool {
        true
    }
    /// See [`Op::elementwise`].
    fn elementwise(&self) -> Option<Scalar> {
        None
    }
    /// See [`Op::channel_sums`].
    fn channel_sums(&self) -> Option<ChannelSums> {
        None
    }
    /// See [`Op::reads_piecewise`].
    fn reads_piecewise(&self, _i: usize) -> bool {
        false
    }
    /// See [`Op::writes_piecewise`].
    fn writes_piecewise(&self) -> bool {
        false
    }
    /// See [`Op::forward_lazy`].
    #[track_caller]
    fn forward_lazy(&self, x: &[Lazy<'_>], finish: Finish<'_>) -> Tensor {
        let x: Vec<Tensor> = x.iter().map(|x| x.to_tensor()).collect();
        finish.run(self.forward(&x.iter().collect::<Vec<_>>()))
    }
    /// See [`Op::flops`].
    fn flops(&self, _x: &[Shape], y: Shape) -> u64 {
        y.count() as u64
    }
}

/// The arity-erased twin of an [`Op`].
pub(crate) struct Erased<O, const N: usize>(pub(crate) O);

impl<O: Debug, const N: usize> Debug for Erased<O, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The inputs as an array; their number was fixed when the node was made.
fn exactly<T: Copy, const N: usize>(x: &[T]) -> [T; N] {
    match x.try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("a node of {N} inputs has {}", x.len()),
    }
}

impl<O: Op<N>, const N: usize> DynOp for Erased<O, N> {
    fn shape(&self, x: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.shape(exactly(x))
    }
    fn dtype(&self, x: &[DType]) -> Result<DType, ShapeError> {
        self.0.dtype(exactly(x))
    }
    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.0.forward(exactly(x))
    }
    fn vjp<'g>(&self, x: &[Var<'g>], y: Var<'g>, dy: Var<'g>, need: &[bool]) -> Vec<Option<Var<'g>>> {
        self.0.vjp(exactly(x), y, dy, exactly(need)).into()
    }
    fn differentiable(&self, i: usize) -> bool {
        self.0.differentiable(i)
    }
    fn elementwise(&self) -> Option<Scalar> {
        self.0.elementwise()
    }
    fn channel_sums(&self) -> Option<ChannelSums> {
        self.0.channel_sums()
    }
    fn reads_piecewise(&self, i: usize) -> bool {
        self.0.reads_piecewise(i)
    }
    fn writes_piecewise(&self) -> bool {
        self.0.writes_piecewise()
    }
    #[track_caller]
    fn forward_lazy(&self, x: &[Lazy<'_>], finish: Finish<'_>) -> Tensor {
        self.0.forward_lazy(exactly(x), finish)
    }
    fn flops(&self, x: &[Shape], y: Shape) -> u64 {
        self.0.flops(exactly(x), y)
    }
}

/// The name of an operation: its `Debug` text up to the first attribute.
pub(crate) fn op_name(op: &dyn Debug) -> String {
    let text = format!("{op:?}");
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    text[..end].to_owned()
}
