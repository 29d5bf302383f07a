//! What has named parameters.

use crate::params::param::{Param, Role};
use std::fmt;
use tensor::DType;

/// A part of a model: something with named parameters and buffers, or with parts that have.
///
/// `#[derive(Module)]` of the nn crate writes it for a struct, naming each parameter by the path of fields that leads
/// to it: `conv1.weight`, `blocks.0.norm.scale`.
///
/// ```
/// use autograd::{Module, Param, ParamPath, Tensor};
///
/// struct Affine {
///     weight: Param,
///     bias: Param,
/// }
/// impl Module for Affine {
///     fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
///         self.weight.visit(&path.join("weight"), f);
///         self.bias.visit(&path.join("bias"), f);
///     }
///     fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
///         self.weight.visit_mut(&path.join("weight"), f);
///         self.bias.visit_mut(&path.join("bias"), f);
///     }
/// }
/// let one = || Param::new(Tensor::from(1.0_f32));
/// let pair = vec![Affine { weight: one(), bias: one() }, Affine { weight: one(), bias: one() }];
/// let names: Vec<String> = pair.params().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "1.weight", "1.bias"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no module: it does not say what parameters it has",
    note = "derive it with #[derive(nn::Module)], or mark the field #[module(skip)] if it has none"
)]
pub trait Module {
    /// Calls `f` for every parameter below here, with its path, which begins with `path`.
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param));

    /// As [`visit`](Module::visit), for writing; the same parameters in the same order.
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param));

    /// Every parameter and state with its path name, in the order of the fields.
    fn params(&self) -> Vec<(String, &Param)> {
        let mut list = vec![];
        self.visit(&ParamPath::ROOT, &mut |path, param| list.push((path.to_string(), param)));
        list
    }

    /// Every parameter and state with its path name, for writing.
    fn params_mut(&mut self) -> Vec<(String, &mut Param)> {
        let mut list = vec![];
        self.visit_mut(&ParamPath::ROOT, &mut |path, param| list.push((path.to_string(), param)));
        list
    }

    /// The number of trained numbers.
    fn param_count(&self) -> usize {
        let mut count = 0;
        self.visit(&ParamPath::ROOT, &mut |_, param| {
            if param.role() == Role::Trainable {
                count += param.value().numel();
            }
        });
        count
    }

    /// Converts every float parameter and buffer to `dtype`, `F64` for checking gradients, `F32` for speed (PyTorch's
    /// `module.to(dtype)`). Integer buffers, such as a count of steps, stay as they are.
    ///
    /// ```
    /// use autograd::{DType, Module, Param, Tensor};
    /// let mut weight = Param::new(Tensor::from([1.0_f32]));
    /// weight.to(DType::F64);
    /// assert_eq!(weight.value().dtype(), DType::F64);
    /// ```
    ///
    /// # Panics
    /// If `dtype` is no float.
    #[track_caller]
    fn to(&mut self, dtype: DType) {
        if !dtype.is_float() {
            panic!("to: {dtype} has no gradient; parameters are f32 or f64");
        }
        self.visit_mut(&ParamPath::ROOT, &mut |_, param| {
            if param.value().dtype().is_float() {
                *param.value_mut() = param.value().to(dtype);
            }
        });
    }

    /// Has all parameters take part in training, or none (fine-tuning freezes the parts it keeps).
    fn set_requires_grad(&mut self, trained: bool) {
        self.visit_mut(&ParamPath::ROOT, &mut |_, param| {
            if param.role() != Role::Buffer {
                param.set_requires_grad(trained);
            }
        });
    }
}

/// Where in a model a parameter is: `conv1.weight`. It lies on the stack of the walk and becomes text only where it is
/// printed, so that a walk allocates nothing.
#[derive(Clone, Copy)]
pub struct ParamPath<'p> {
    parent: Option<&'p ParamPath<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Field(&'p str),
    Index(usize),
}

impl ParamPath<'_> {
    /// The model itself, whose name is empty.
    pub const ROOT: ParamPath<'static> = ParamPath { parent: None, step: Step::Field("") };

    /// The field of this name below this path.
    ///
    /// ```
    /// use autograd::ParamPath;
    /// assert_eq!(ParamPath::ROOT.join("blocks").at(0).join("weight").to_string(), "blocks.0.weight");
    /// ```
    pub fn join<'p>(&'p self, field: &'p str) -> ParamPath<'p> {
        ParamPath { parent: Some(self), step: Step::Field(field) }
    }

    /// The element of this number below this path.
    pub fn at(&self, index: usize) -> ParamPath<'_> {
        ParamPath { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for ParamPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else { return Ok(()) };
        if parent.parent.is_some() {
            write!(f, "{parent}.")?;
        }
        match self.step {
            Step::Field(name) => f.write_str(name),
            Step::Index(index) => write!(f, "{index}"),
        }
    }
}

impl Module for Param {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        f(path, self);
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        f(path, self);
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        (**self).visit(path, f);
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        (**self).visit_mut(path, f);
    }
}

/// `None` has no parameters.
impl<M: Module> Module for Option<M> {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        if let Some(module) = self {
            module.visit(path, f);
        }
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        if let Some(module) = self {
            module.visit_mut(path, f);
        }
    }
}

impl<M: Module> Module for [M] {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        for (i, module) in self.iter().enumerate() {
            module.visit(&path.at(i), f);
        }
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        for (i, module) in self.iter_mut().enumerate() {
            module.visit_mut(&path.at(i), f);
        }
    }
}

impl<M: Module> Module for Vec<M> {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        self[..].visit(path, f);
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        self[..].visit_mut(path, f);
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        self[..].visit(path, f);
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        self[..].visit_mut(path, f);
    }
}

macro_rules! without_params {
    ($($type:ty),* $(,)?) => {
        $(
            /// A plain setting: it has no parameters.
            impl Module for $type {
                fn visit<'a>(&'a self, _: &ParamPath<'_>, _: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {}
                fn visit_mut<'a>(&'a mut self, _: &ParamPath<'_>, _: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {}
            }
        )*
    };
}
without_params!((), bool, f32, f64, i32, i64, u32, u64, usize, String, &'static str);

macro_rules! tuples {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Module),*> Module for ($($name,)*) {
            fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
                $(self.$index.visit(&path.at($index), f);)*
            }
            fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
                $(self.$index.visit_mut(&path.at($index), f);)*
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
