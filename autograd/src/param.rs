//! Parameters, and what a step computes for them.

use crate::module::{Module, ParamPath};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use tensor::Tensor;

/// What tells one parameter from all others in the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ParamId(u64);

/// What becomes of a parameter in training.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// An optimizer changes it by its gradient.
    Trained,
    /// It stays as it is and has no gradient.
    Frozen,
    /// The model computes its next value itself, like batch normalisation's running averages; it is saved with the
    /// model and has no gradient.
    State,
}

/// A named part of a model that is kept from step to step: a weight, or a state.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// let weight = Param::new(Tensor::from([2.0_f32]));
/// let graph = Graph::training(0, 0);
/// let loss = (graph.param(&weight) * 3.0).sum(..);
/// let grads = loss.backward();
/// assert_eq!(grads.get(&weight).unwrap().to_vec::<f32>(), [3.0]);
/// ```
#[derive(Debug)]
pub struct Param {
    id: ParamId,
    value: Tensor,
    role: Role,
    made_at: &'static Location<'static>,
}

impl Param {
    #[track_caller]
    fn with_role(value: Tensor, role: Role) -> Param {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = ParamId(NEXT.fetch_add(1, Ordering::Relaxed));
        Param { id, value, role, made_at: Location::caller() }
    }

    /// A parameter to be trained.
    ///
    /// # Panics
    /// If the elements are not floats, which alone have gradients.
    #[track_caller]
    pub fn new(value: Tensor) -> Param {
        if !value.dtype().is_float() {
            panic!(
                "param: {} of shape {} has no gradient; a parameter is f32 or f64: convert it with .to(…), or make it a \
                 Param::state, which is saved and not trained",
                value.dtype(),
                value.shape()
            );
        }
        Param::with_role(value, Role::Trained)
    }

    /// A state: saved with the model, changed by the model itself (see [`Graph::update`](crate::Graph::update)).
    #[track_caller]
    pub fn state(value: Tensor) -> Param {
        Param::with_role(value, Role::State)
    }

    /// What tells it from all others.
    pub fn id(&self) -> ParamId {
        self.id
    }

    /// The present value.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The value for writing; optimizers change it in place.
    pub fn value_mut(&mut self) -> &mut Tensor {
        &mut self.value
    }

    /// What becomes of it in training.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether it takes part in training; a frozen parameter stays as it is.
    ///
    /// # Panics
    /// If it is a state, which is not trained at all.
    #[track_caller]
    pub fn set_trained(&mut self, trained: bool) {
        match self.role {
            Role::State => panic!(
                "set_trained: this is a state, which the model computes itself and no optimizer trains; \
                 Param::new makes a parameter that is trained"
            ),
            _ => self.role = if trained { Role::Trained } else { Role::Frozen },
        }
    }

    /// Another value of the same shape and type.
    ///
    /// # Panics
    /// If shape or type differ.
    #[track_caller]
    pub fn set(&mut self, value: Tensor) {
        if (value.shape(), value.dtype()) != (self.value.shape(), self.value.dtype()) {
            panic!(
                "param: the value is {} {} and cannot be set to {} {}: shape and type stay; make a new Param for others",
                self.value.dtype(),
                self.value.shape(),
                value.dtype(),
                value.shape()
            );
        }
        self.value = value;
    }

    /// The line of the program that made it.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }
}

/// A parameter of its own with the same value: a copy of a model trains separately.
impl Clone for Param {
    fn clone(&self) -> Param {
        Param { made_at: self.made_at, ..Param::with_role(self.value.clone(), self.role) }
    }
}

/// What a training step computed: the gradients of the parameters, and the next values of the states.
#[derive(Debug, Default)]
pub struct Grads {
    pub(crate) grads: HashMap<ParamId, Tensor>,
    pub(crate) updates: HashMap<ParamId, Tensor>,
}

impl Grads {
    /// The gradient of a parameter, if it took part in the loss.
    pub fn get(&self, param: &Param) -> Option<&Tensor> {
        self.grads.get(&param.id())
    }

    /// The next value of a state, if the step computed one.
    pub fn update(&self, state: &Param) -> Option<&Tensor> {
        self.updates.get(&state.id())
    }

    /// The number of gradients.
    pub fn len(&self) -> usize {
        self.grads.len()
    }

    /// Whether there are no gradients.
    pub fn is_empty(&self) -> bool {
        self.grads.is_empty()
    }

    /// All gradients, for clipping and the like.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.grads.values_mut()
    }

    /// Calls `f` for every trained parameter of `model` with its path and its gradient, and gives the states their next
    /// values. An optimizer's step is a loop over its body. Nothing is changed if there is an error.
    ///
    /// ```
    /// use autograd::{Graph, Param, Tensor};
    /// let mut weight = Param::new(Tensor::from([2.0_f32]));
    /// let grads = (Graph::training(0, 0).param(&weight) * 3.0).sum(..).backward();
    /// grads.apply(&mut weight, &mut |_, param, grad| *param.value_mut() -= &(grad * 0.5)).unwrap();
    /// assert_eq!(weight.value().item(), 0.5);
    /// ```
    ///
    /// # Errors
    /// If a trained parameter has no gradient, or there is a gradient or a state that `model` does not list.
    pub fn apply(
        &self,
        model: &mut dyn Module,
        f: &mut dyn FnMut(&ParamPath<'_>, &mut Param, &Tensor),
    ) -> Result<(), PairError> {
        self.check(model)?;
        model.visit_mut(&ParamPath::ROOT, &mut |path, param| match param.role {
            Role::Trained => {
                if let Some(grad) = self.grads.get(&param.id) {
                    f(path, param, grad);
                }
            }
            Role::State => {
                if let Some(value) = self.updates.get(&param.id) {
                    param.value = value.clone();
                }
            }
            Role::Frozen => {}
        });
        Ok(())
    }

    /// Refuses a model that these are not the gradients of.
    fn check(&self, model: &dyn Module) -> Result<(), PairError> {
        let (mut listed, mut without) = (0, None);
        model.visit(&ParamPath::ROOT, &mut |path, param| {
            let known = self.grads.contains_key(&param.id) || self.updates.contains_key(&param.id);
            listed += usize::from(known);
            if param.role == Role::Trained && !known && without.is_none() {
                without = Some(PairError::NoGradient { name: path.to_string(), made_at: param.made_at });
            }
        });
        if let Some(error) = without {
            return Err(error);
        }
        if listed >= self.grads.len() + self.updates.len() {
            return Ok(());
        }
        let ids: Vec<ParamId> = model.params().iter().map(|(_, param)| param.id).collect();
        let values = self.grads.iter().chain(&self.updates).filter(|(id, _)| !ids.contains(id));
        let shape = values.min_by_key(|(id, _)| **id).map(|(_, value)| value.shape()).unwrap_or_default();
        Err(PairError::NotListed { shape: shape.to_string() })
    }
}

/// Why gradients and the parameters of a model do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// A parameter of the model had no part in the loss.
    #[error(
        "the parameter {name} (made at {made_at}) has no gradient: the loss does not depend on it; \
         use it in forward, remove it, or freeze it with set_trained(false)"
    )]
    NoGradient {
        /// Its path name.
        name: String,
        /// The line that made it.
        made_at: &'static Location<'static>,
    },
    /// A parameter that the loss depends on is not listed by the model.
    #[error(
        "a parameter of shape {shape} has a gradient (or a next value) but the model does not list it; \
         is it in a field marked #[module(skip)], or of another model?"
    )]
    NotListed {
        /// Its shape.
        shape: String,
    },
}
