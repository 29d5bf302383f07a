//! What an optimizer keeps of each parameter.

use autograd::{DType, Module, Param, ParamId, ParamPath, Role, Shape, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// A tensor that an optimizer keeps of each parameter: what it is called where it is saved, and its first value.
#[derive(Clone, Copy)]
pub struct Slot {
    name: &'static str,
    first: fn(&Tensor) -> Tensor,
}

impl Slot {
    /// One that begins with zeros of the parameter's shape and type: a velocity, an average.
    pub const fn zeros(name: &'static str) -> Slot {
        Slot { name, first: |param| param.zeros_like() }
    }

    /// A count, an `i64`, that begins at 0: of updates.
    pub const fn count(name: &'static str) -> Slot {
        Slot { name, first: |_| Tensor::zeros([], DType::I64) }
    }
}

fn kind(x: &Tensor) -> (Shape, DType) {
    (x.shape(), x.dtype())
}

/// What an optimizer keeps, some tensors for each parameter that it has updated. It knows parameters by their
/// [identity](Param#identity); names, which two models may have in common, only come in where a model is saved.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{OptimizerState, Slot};
///
/// let weight = Param::new(Tensor::from([1.0_f32, 2.0]));
/// let mut state = OptimizerState::new([Slot::zeros("velocity"), Slot::count("t")]);
/// let [velocity, t] = state.of(&weight);
/// assert_eq!((velocity.to_vec::<f32>(), t.item()), (vec![0.0, 0.0], 0.0));
/// ```
#[derive(Clone, Default)]
pub struct OptimizerState {
    slots: Vec<Slot>,
    of: HashMap<ParamId, Vec<Tensor>>,
}

impl OptimizerState {
    /// Nothing kept yet, and for each parameter these.
    ///
    /// # Panics
    /// If two have one name, or a name has a `/`.
    #[track_caller]
    pub fn new(slots: impl Into<Vec<Slot>>) -> OptimizerState {
        let slots = slots.into();
        for (i, Slot { name, .. }) in slots.iter().enumerate() {
            let is_fine = !name.contains('/') && slots[..i].iter().all(|other| other.name != *name);
            assert!(is_fine, "optimizer state: the slot {name:?} needs a name of its own, without a /");
        }
        OptimizerState { slots, of: HashMap::new() }
    }

    /// What is kept of this parameter, first values if it is seen for the first time.
    ///
    /// # Panics
    /// If `N` is not the number of slots.
    #[track_caller]
    pub fn of<const N: usize>(&mut self, param: &Param) -> &mut [Tensor; N] {
        let slots = &self.slots;
        let first = || slots.iter().map(|slot| (slot.first)(param.value())).collect();
        match self.of.entry(param.id()).or_insert_with(first).as_mut_slice().try_into() {
            Ok(tensors) => tensors,
            Err(_) => panic!("optimizer state: {} tensors are kept of each parameter, not {N}", slots.len()),
        }
    }

    /// Refuses a parameter of another shape or type than what is kept of it.
    pub(crate) fn check(&self, path: &ParamPath<'_>, param: &Param) -> Result<(), String> {
        let value = param.value();
        for (tensor, Slot { name, .. }) in self.of.get(&param.id()).into_iter().flatten().zip(&self.slots) {
            // A count is alike for all parameters.
            if tensor.dtype() != DType::I64 && kind(tensor) != kind(value) {
                return Err(format!(
                    "the optimizer's state {path}/{name} is {} {} but the parameter is now {} {}; \
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

    /// What is kept of the parameters of `model`, as `parameter/slot`.
    #[track_caller]
    pub(crate) fn to_entries(&self, model: &dyn Module) -> Vec<(String, Tensor)> {
        check_names(model);
        let params = model.params();
        let known = params.iter().filter_map(|(name, param)| Some((name, self.of.get(&param.id())?)));
        let entries = known.flat_map(|(name, tensors)| {
            self.slots.iter().zip(tensors).map(move |(slot, x)| (format!("{name}/{}", slot.name), x.clone()))
        });
        entries.collect()
    }

    /// The names of the slots.
    pub fn slots(&self) -> impl Iterator<Item = &'static str> {
        self.slots.iter().map(|slot| slot.name)
    }

    fn known(&self) -> String {
        self.slots().collect::<Vec<_>>().join(", ")
    }

    /// Takes the place of all that is kept of the parameters of `model`; changes nothing if there is an error.
    #[track_caller]
    pub(crate) fn load(
        &mut self,
        model: &dyn Module,
        entries: Vec<(String, Tensor)>,
    ) -> Result<(), StateError> {
        check_names(model);
        let params: BTreeMap<String, &Param> =
            model.params().into_iter().filter(|(_, param)| param.role() != Role::Buffer).collect();
        let mut found = BTreeMap::new();
        for (name, tensor) in entries {
            let (param, slot) = name.rsplit_once('/').unwrap_or(("", &name));
            let Some(slot) = self.slots.iter().position(|known| known.name == slot) else {
                let known = if self.slots.is_empty() { "nothing".into() } else { self.known() };
                return Err(StateError::UnknownSlot { name, known });
            };
            let Some(known) = params.get(param) else {
                return Err(StateError::UnknownParam { name });
            };
            let first_values = || {
                let tensors: Vec<Tensor> =
                    self.slots.iter().map(|slot| (slot.first)(known.value())).collect();
                (tensors, vec![false; self.slots.len()])
            };
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
                return Err(StateError::Missing { name: format!("{param}/{}", self.slots[slot].name) });
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

impl fmt::Debug for OptimizerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} parameters", self.known(), self.of.len())
    }
}

/// Refuses two parameters of one name, which could not be told apart in a file.
#[track_caller]
pub(crate) fn check_names(model: &dyn Module) {
    let mut names = HashSet::new();
    if let Some((name, _)) = model.params().into_iter().find(|(name, _)| !names.insert(name.clone())) {
        panic!("state: two parameters of the model are called {name}; give each a name of its own in visit");
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
    /// There are no entries of an optimizer that keeps some of every parameter that it has updated.
    #[error(
        "there is nothing of what this optimizer keeps of a parameter ({known}); is it the state of another kind of optimizer?"
    )]
    Nothing {
        /// What this optimizer keeps.
        known: String,
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
