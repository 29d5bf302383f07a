//! What has named parameters.

use crate::param::{Param, Role};

/// A part of a model: something with named parameters and states, or with parts that have.
///
/// `#[derive(Module)]` of the nn crate writes it for a struct, naming each parameter by the path of fields that leads
/// to it: `conv1.weight`, `blocks.0.norm.scale`.
///
/// ```
/// use autograd::{Module, Param, Tensor};
///
/// struct Affine {
///     weight: Param,
///     bias: Param,
/// }
/// impl Module for Affine {
///     fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
///         self.weight.collect(&autograd::join(path, "weight"), list);
///         self.bias.collect(&autograd::join(path, "bias"), list);
///     }
///     fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
///         self.weight.collect_mut(&autograd::join(path, "weight"), list);
///         self.bias.collect_mut(&autograd::join(path, "bias"), list);
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
    /// Appends every parameter below here with its name, which begins with `path`.
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>);

    /// As [`collect`](Module::collect), for writing; the same parameters in the same order.
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>);

    /// Every parameter and state with its path name, in the order of the fields.
    fn params(&self) -> Vec<(String, &Param)> {
        let mut list = vec![];
        self.collect("", &mut list);
        list
    }

    /// Every parameter and state with its path name, for writing.
    fn params_mut(&mut self) -> Vec<(String, &mut Param)> {
        let mut list = vec![];
        self.collect_mut("", &mut list);
        list
    }

    /// The number of trained numbers.
    fn param_count(&self) -> usize {
        self.params().iter().filter(|(_, p)| p.role() == Role::Trained).map(|(_, p)| p.value().count()).sum()
    }

    /// Has all parameters take part in training, or none (fine-tuning freezes the parts it keeps).
    fn set_trained(&mut self, trained: bool) {
        for (_, param) in self.params_mut() {
            if param.role() != Role::State {
                param.set_trained(trained);
            }
        }
    }
}

/// The name of `field` below `path`.
pub fn join(path: &str, field: impl std::fmt::Display) -> String {
    if path.is_empty() { field.to_string() } else { format!("{path}.{field}") }
}

impl Module for Param {
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
        list.push((path.to_owned(), self));
    }
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
        list.push((path.to_owned(), self));
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
        (**self).collect(path, list);
    }
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
        (**self).collect_mut(path, list);
    }
}

/// `None` has no parameters.
impl<M: Module> Module for Option<M> {
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
        if let Some(module) = self {
            module.collect(path, list);
        }
    }
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
        if let Some(module) = self {
            module.collect_mut(path, list);
        }
    }
}

impl<M: Module> Module for [M] {
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
        for (i, module) in self.iter().enumerate() {
            module.collect(&join(path, i), list);
        }
    }
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
        for (i, module) in self.iter_mut().enumerate() {
            module.collect_mut(&join(path, i), list);
        }
    }
}

impl<M: Module> Module for Vec<M> {
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
        self[..].collect(path, list);
    }
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
        self[..].collect_mut(path, list);
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
        self[..].collect(path, list);
    }
    fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
        self[..].collect_mut(path, list);
    }
}

macro_rules! without_params {
    ($($type:ty),* $(,)?) => {
        $(
            /// A plain setting: it has no parameters.
            impl Module for $type {
                fn collect<'a>(&'a self, _: &str, _: &mut Vec<(String, &'a Param)>) {}
                fn collect_mut<'a>(&'a mut self, _: &str, _: &mut Vec<(String, &'a mut Param)>) {}
            }
        )*
    };
}
without_params!((), bool, f32, f64, i32, i64, u32, u64, usize, String, &'static str);

macro_rules! tuples {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Module),*> Module for ($($name,)*) {
            fn collect<'a>(&'a self, path: &str, list: &mut Vec<(String, &'a Param)>) {
                $(self.$index.collect(&join(path, $index), list);)*
            }
            fn collect_mut<'a>(&'a mut self, path: &str, list: &mut Vec<(String, &'a mut Param)>) {
                $(self.$index.collect_mut(&join(path, $index), list);)*
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
