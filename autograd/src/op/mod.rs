//! What an operation is: name and attributes, the rule of shapes and types, the value, the gradient; and how it lowers.

mod attributes;
mod elementwise;
mod lowering;
mod multi;
mod outputs;

pub use attributes::{Attribute, Attributes};
pub use elementwise::Elementwise;
pub use lowering::Lowering;
pub(crate) use multi::MultiErased;
pub use multi::MultiOp;
pub use outputs::Outputs;

use crate::tape::graph::Var;
use tensor::{Shape, ShapeError, Spec, Tensor};

/// A differentiable operation of `N` inputs: its rule of shapes and types, its value and its gradient, in one place.
///
/// Implement it for a type of your own and call `graph.apply(MyOp, [x])`; the graph, its picture, the gradient check and
/// gradients of gradients then treat it like any of the library's.
///
/// ```
/// use autograd::{gradcheck, Graph, Op, ShapeError, Spec, Tensor, Var};
///
/// /// softplus: ln(1 + e^x)
/// struct Softplus;
///
/// impl Op<1> for Softplus {
///     fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
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
pub trait Op<const N: usize>: Send + Sync + 'static {
    /// Its name in graphs, profiles and messages: that of its type, unless given.
    fn name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// Its attributes, as data: axes, sizes, strides.
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    /// Shape and element type of the result for inputs of these, asked before anything is computed (JAX's abstract evaluation).
    ///
    /// # Errors
    /// If they do not fit, a sentence that names the operation, the shapes and the rule broken.
    fn infer(&self, x: [Spec; N]) -> Result<Spec, ShapeError>;

    /// The value, of the shape and type that [`infer`](Op::infer) says. Those of the inputs have been checked.
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

    /// The additions and multiplications for inputs of these shapes and a result of shape `y`, for profiles.
    fn flops(&self, _x: [Shape; N], y: Shape) -> u64 {
        y.numel() as u64
    }

    /// How a [`Program`](crate::Program) computes it together with its neighbours. The bits must be those of
    /// [`forward`](Op::forward).
    fn lower(&self) -> Lowering {
        Lowering::Opaque
    }
}

/// An operation of any number of inputs and values, as a node stores it: the general form. [`Op`]s and [`MultiOp`]s become one by
/// themselves; operations whose number of inputs varies, such as concatenation, implement it directly and go through
/// `Graph::apply_dyn`.
pub trait DynOp: Send + Sync {
    /// See [`Op::name`].
    fn name(&self) -> &'static str {
        type_name::<Self>()
    }
    /// See [`Op::attributes`].
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }
    /// See [`Op::infer`]; of each value.
    ///
    /// # Errors
    /// As there.
    fn infer(&self, x: &[Spec]) -> Result<Outputs<Spec>, ShapeError>;
    /// See [`Op::forward`]; all values.
    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> Outputs<Tensor>;
    /// See [`Op::vjp`], and [`MultiOp::vjp`]: `y` are all values, and `dy` the gradients that arrive, at least one.
    fn vjp<'g>(
        &self,
        x: &[Var<'g>],
        y: &[Var<'g>],
        dy: &[Option<Var<'g>>],
        need: &[bool],
    ) -> Vec<Option<Var<'g>>>;
    /// See [`Op::differentiable`].
    fn differentiable(&self, _i: usize) -> bool {
        true
    }
    /// See [`Op::flops`]; `y` is the shape of the first value.
    fn flops(&self, _x: &[Shape], y: Shape) -> u64 {
        y.numel() as u64
    }
    /// See [`Op::lower`]; of an operation with one value.
    fn lower(&self) -> Lowering {
        Lowering::Opaque
    }
}

/// The arity-erased twin of an [`Op`].
pub(crate) struct Erased<O, const N: usize>(pub(crate) O);

/// The inputs as an array; their number was fixed when the node was made.
fn exactly<T: Copy, const N: usize>(x: &[T]) -> [T; N] {
    match x.try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("a node of {N} inputs has {}", x.len()),
    }
}

impl<O: Op<N>, const N: usize> DynOp for Erased<O, N> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn attributes(&self) -> Attributes {
        self.0.attributes()
    }
    fn infer(&self, x: &[Spec]) -> Result<Outputs<Spec>, ShapeError> {
        Ok(self.0.infer(exactly(x))?.into())
    }
    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> Outputs<Tensor> {
        self.0.forward(exactly(x)).into()
    }
    fn vjp<'g>(
        &self,
        x: &[Var<'g>],
        y: &[Var<'g>],
        dy: &[Option<Var<'g>>],
        need: &[bool],
    ) -> Vec<Option<Var<'g>>> {
        match (y, dy) {
            (&[y], &[Some(dy)]) => self.0.vjp(exactly(x), y, dy, exactly(need)).into(),
            _ => unreachable!("an operation of one value has one gradient"),
        }
    }
    fn differentiable(&self, i: usize) -> bool {
        self.0.differentiable(i)
    }
    fn flops(&self, x: &[Shape], y: Shape) -> u64 {
        self.0.flops(exactly(x), y)
    }
    fn lower(&self) -> Lowering {
        self.0.lower()
    }
}

/// The last name in the path of a type.
fn type_name<T: ?Sized>() -> &'static str {
    let path = std::any::type_name::<T>();
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}
