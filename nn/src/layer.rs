//! One variable in, one variable out.

use crate::{Module, ParamPath, Var};
use std::fmt;

/// A [`Module`] that maps one variable to another. A model whose forward takes more is no `Layer`, just a `Module` with a
/// method of its own.
///
/// ```
/// use nn::{Graph, Layer, Module, Param, Tensor, Var};
///
/// #[derive(Module)]
/// struct Scale {
///     factor: Param,
/// }
///
/// impl Layer for Scale {
///     #[track_caller]
///     fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
///         let _scope = x.graph().scope("Scale"); // a box of its own in pictures and a row in summaries
///         x * x.graph().param(&self.factor)
///     }
/// }
///
/// let layer = Scale { factor: Param::new(Tensor::from(3.0_f32)) };
/// let graph = Graph::inference();
/// let y = layer.forward(graph.input(Tensor::from([1.0_f32, 2.0])));
/// assert_eq!(y.value().to_vec::<f32>(), [3.0, 6.0]);
/// ```
pub trait Layer: Module + Send + Sync {
    /// The result for `x`, computed at once and recorded in the graph of `x`.
    ///
    /// # Panics
    /// If the shape or element type of `x` is not what the layer takes.
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g>;

    /// How the layer shows in the `{:?}` of a [`Sequential`](crate::Sequential): the name of its type and its parameters,
    /// unless it is written otherwise. Where the type has a `Debug` of its own, `fmt::Debug::fmt(self, f)` is that.
    ///
    /// # Errors
    /// If `f` fails.
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = std::any::type_name::<Self>();
        let path = path.split('<').next().unwrap_or(path);
        let mut fields = f.debug_struct(path.rsplit("::").next().unwrap_or(path));
        self.visit(&ParamPath::ROOT, &mut |name, param| {
            fields.field(&name.to_string(), param);
        });
        fields.finish()
    }
}

impl fmt::Debug for dyn Layer + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f)
    }
}

/// A layer, shown by [`Layer::debug`].
pub(crate) struct Shown<'a, L: ?Sized>(pub(crate) &'a L);

impl<L: Layer + ?Sized> fmt::Debug for Shown<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug(f)
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        (**self).forward(x)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).debug(f)
    }
}

/// `None` lets `x` through.
impl<L: Layer> Layer for Option<L> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        match self {
            Some(layer) => layer.forward(x),
            None => x,
        }
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_ref().map(Shown), f)
    }
}

/// One after the other.
impl<L: Layer> Layer for [L] {
    #[track_caller]
    fn forward<'g>(&self, mut x: Var<'g>) -> Var<'g> {
        for (i, layer) in self.iter().enumerate() {
            let _scope = x.graph().scope_at(i);
            x = layer.forward(x);
        }
        x
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Shown)).finish()
    }
}

/// One after the other.
impl<L: Layer> Layer for Vec<L> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        self[..].forward(x)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].debug(f)
    }
}

/// One after the other.
impl<L: Layer, const N: usize> Layer for [L; N] {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        self[..].forward(x)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].debug(f)
    }
}
