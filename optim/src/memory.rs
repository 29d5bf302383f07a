//! What an optimizer remembers of each parameter.

use autograd::{DType, Module, Role, Shape, Tensor};
use std::collections::BTreeMap;
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

/// `N` tensors for each parameter, by the parameter's name.
#[derive(Clone)]
pub(crate) struct Memory<const N: usize> {
    slots: [Slot; N],
    of: BTreeMap<String, [Tensor; N]>,
}

impl<const N: usize> Memory<N> {
    pub(crate) fn new(slots: [Slot; N]) -> Memory<N> {
        Memory { slots, of: BTreeMap::new() }
    }

    /// The tensors of the parameter called `name`, first values if it has none yet.
    pub(crate) fn of(&mut self, name: &str, param: &Tensor) -> &mut [Tensor; N] {
        if !self.of.contains_key(name) {
            self.of.insert(name.to_owned(), self.slots.map(|(_, first)| first(param)));
        }
        match self.of.get_mut(name) {
            Some(tensors) => tensors,
            None => unreachable!("it was just inserted"),
        }
    }

    /// Refuses a parameter of another shape or type than what is remembered of it.
    pub(crate) fn check(&self, name: &str, param: &Tensor) -> Result<(), String> {
        for (tensor, (slot, _)) in self.of.get(name).into_iter().flatten().zip(&self.slots) {
            // A count is alike for all parameters.
            if tensor.dtype() != DType::I64 && kind(tensor) != kind(param) {
                return Err(format!(
                    "the optimizer's state {name}/{slot} is {} {} but the parameter is now {} {}; \
                     a model whose parameters change needs a new optimizer",
                    tensor.dtype(),
                    tensor.shape(),
                    param.dtype(),
                    param.shape()
                ));
            }
        }
        Ok(())
    }

    /// Everything, as `parameter/slot`.
    pub(crate) fn to_entries(&self) -> Vec<(String, Tensor)> {
        let entries = self.of.iter().flat_map(|(param, tensors)| {
            self.slots.iter().zip(tensors).map(move |((slot, _), x)| (format!("{param}/{slot}"), x.clone()))
        });
        entries.collect()
    }

    /// Takes the place of everything there is; changes nothing if there is an error.
    pub(crate) fn load(
        &mut self,
        model: &dyn Module,
        entries: Vec<(String, Tensor)>,
    ) -> Result<(), StateError> {
        let params: BTreeMap<String, &Tensor> = model
            .params()
            .into_iter()
            .filter(|(_, param)| param.role() != Role::State)
            .map(|(name, param)| (name, param.value()))
            .collect();
        let mut found = BTreeMap::new();
        for (name, tensor) in entries {
            let (param, slot) = name.rsplit_once('/').unwrap_or(("", &name));
            let Some(slot) = self.slots.iter().position(|(known, _)| *known == slot) else {
                return Err(StateError::UnknownSlot {
                    name,
                    known: self.slots.map(|(slot, _)| slot).join(", "),
                });
            };
            let Some(value) = params.get(param) else {
                return Err(StateError::UnknownParam { name });
            };
            let first_values = || (self.slots.map(|(_, first)| first(value)), [false; N]);
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
        self.of = found.into_iter().map(|(param, (tensors, _))| (param, tensors)).collect();
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
