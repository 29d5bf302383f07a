//! What an optimizer remembers of each parameter.

use autograd::{DType, Module, Param, ParamId, Role, Shape, Tensor};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// A state that an optimizer keeps for each parameter: what it is called, and its first value for a parameter.
pub(crate) type Slot = (&'static str, fn(&Tensor) -> Tensor);

/// The first value of a state that begins at 0 for each element of a parameter.
pub(crate) fn zeros(param: &Tensor) -> Tensor {
    param.zeros_like()
}

/// The first value of a count.
pub(crate) fn count(_: &Tensor) -> Tensor {
    Tensor::zeros([], DType::I64)
}

fn kind(x: &Tensor) -> (Shape, DType) {
    (x.shape(), x.dtype())
}

/// `N` tensors for each parameter. Names, which two models may have in common, only come in where a model is saved.
#[derive(Clone)]
pub(crate) struct Memory<const N: usize> {
    slots: [Slot; N],
    of: HashMap<ParamId, [Tensor; N]>,
}

impl<const N: usize> Memory<N> {
    pub(crate) fn new(slots: [Slot; N]) -> Memory<N> {
        Memory { slots, of: HashMap::new() }
    }

    /// The tensors of this parameter, first values if it has none yet.
    pub(crate) fn of(&mut self, param: &Param) -> &mut [Tensor; N] {
        let first = || self.slots.map(|(_, first)| first(param.value()));
        self.of.entry(param.id()).or_insert_with(first)
    }

    /// Refuses a parameter of another shape or type than what is remembered of it.
    pub(crate) fn check(&self, name: &str, param: &Param) -> Result<(), String> {
        let value = param.value();
        for (tensor, (slot, _)) in self.of.get(&param.id()).into_iter().flatten().zip(&self.slots) {
            // A count is alike for all parameters.
            if tensor.dtype() != DType::I64 && kind(tensor) != kind(value) {
                return Err(format!(
                    "the optimizer's state {name}/{slot} is {} {} but the parameter is now {} {}; \
                     a model whose parameters change needs a new optimizer",
                    tensor.dtype(),
                    tensor.shape(),
                    value.dtype(),
                    value.shape()
                ));
            }
        }
        Ok(())
    }

    /// What is remembered of the parameters of `model`, as `parameter/slot`.
    pub(crate) fn to_entries(&self, model: &dyn Module) -> Vec<(String, Tensor)> {
        let params = model.params();
        let known = params.iter().filter_map(|(name, param)| Some((name, self.of.get(&param.id())?)));
        let entries = known.flat_map(|(name, tensors)| {
            self.slots.iter().zip(tensors).map(move |((slot, _), x)| (format!("{name}/{slot}"), x.clone()))
        });
        entries.collect()
    }

    /// Takes the place of all that is remembered of the parameters of `model`; changes nothing if there is an error.
    pub(crate) fn load(
        &mut self,
        model: &dyn Module,
        entries: Vec<(String, Tensor)>,
    ) -> Result<(), StateError> {
        let params: BTreeMap<String, &Param> =
            model.params().into_iter().filter(|(_, param)| param.role() != Role::Buffer).collect();
        let mut found = BTreeMap::new();
        for (name, tensor) in entries {
            let (param, slot) = name.rsplit_once('/').unwrap_or(("", &name));
            let Some(slot) = self.slots.iter().position(|(known, _)| *known == slot) else {
                return Err(StateError::UnknownSlot {
                    name,
                    known: self.slots.map(|(slot, _)| slot).join(", "),
                });
            };
            let Some(known) = params.get(param) else {
                return Err(StateError::UnknownParam { name });
            };
            let first_values = || (self.slots.map(|(_, first)| first(known.value())), [false; N]);
            let (tensors, seen) = found.entry(param.to_owned()).or_insert_with(first_values);
            if std::mem::replace(&mut seen[slot], true) {
                return Err(StateError::Twice { name });
            }
            if kind(&tensor) != kind(&tensors[slot]) {
                let [found, expected] =
                    [&tensor, &tensors[slot]].map(|x| format!("{} {}", x.dtype(), x.shape()));
                return Err(StateError::Mismatch { name, found, expected });
            }
            if tensor.dtype() == DType::I64 && tensor.item() < 0.0 {
                return Err(StateError::NegativeCount { count: tensor.item() as i64, name });
            }
            tensors[slot] = tensor;
        }
        for (param, (_, seen)) in &found {
            if let Some(slot) = seen.iter().position(|seen| !seen) {
                return Err(StateError::Missing { name: format!("{param}/{}", self.slots[slot].0) });
            }
        }
        for (name, param) in params {
            match found.remove(&name) {
                Some((tensors, _)) => self.of.insert(param.id(), tensors),
                None => self.of.remove(&param.id()),
            };
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Memory<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.slots.map(|(slot, _)| slot).join(", ");
        write!(f, "{slots} of {} parameters", self.of.len())
    }
}

/// Why a saved state is not one of this optimizer and this model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// An entry is nothing that this kind of optimizer keeps.
    #[error(
        "the entry {name} is nothing that this optimizer keeps of a parameter (it keeps: {known}); \
         is it the state of another kind of optimizer, or one with other settings?"
    )]
    UnknownSlot {
        /// The name of the entry.
        name: String,
        /// What this optimizer keeps.
        known: String,
    },
    /// An entry belongs to a parameter that the model does not have.
    #[error("the entry {name} belongs to a parameter that the model does not have; is it another model's?")]
    UnknownParam {
        /// The name of the entry.
        name: String,
    },
    /// An entry has not the shape or type that the parameter asks for.
    #[error("the entry {name} is {found} but the model asks for {expected}; is it another model's?")]
    Mismatch {
        /// The name of the entry.
        name: String,
        /// Its type and shape.
        found: String,
        /// The type and shape that the model asks for.
        expected: String,
    },
    /// There are entries of a parameter, but not all.
    #[error("the entry {name} is missing while others of the same parameter are there")]
    Missing {
        /// The name of the entry.
        name: String,
    },
    /// Two entries have the same name.
    #[error("there are two entries called {name}")]
    Twice {
        /// The name of both.
        name: String,
    },
    /// A count of steps is negative.
    #[error("the entry {name} counts steps and cannot be {count}")]
    NegativeCount {
        /// The name of the entry.
        name: String,
        /// What it is.
        count: i64,
    },
}
