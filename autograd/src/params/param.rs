//! Parameters: the named values that a model keeps from step to step.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use tensor::Tensor;

/// What tells one parameter from all others in the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ParamId(u64);

/// What becomes of a parameter in training.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// An optimizer changes it by its gradient.
    Trainable,
    /// It stays as it is and has no gradient.
    Frozen,
    /// The model computes its next value itself, like batch normalisation's running averages; it is saved with the
    /// model and has no gradient.
    Buffer,
}

/// A named part of a model that is kept from step to step: a weight, or a buffer.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// let weight = Param::new(Tensor::from([2.0_f32]));
/// let graph = Graph::training(0, 0);
/// let loss = (graph.param(&weight) * 3.0).sum(..);
/// let grads = loss.backward();
/// assert_eq!(grads.get(&weight).unwrap().to_vec::<f32>(), [3.0]);
/// ```
///
/// # Identity
/// A parameter is itself, whatever its value: one that takes another value, from a file say, keeps its [`id`](Param::id), and
/// with it what an optimizer remembers of it. A clone is another parameter.
pub struct Param {
    id: ParamId,
    value: Tensor,
    /// How often the value was handed out for writing.
    version: u64,
    role: Role,
    created_at: &'static Location<'static>,
}

impl Param {
    #[track_caller]
    fn with_role(value: Tensor, role: Role) -> Param {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = ParamId(NEXT.fetch_add(1, Ordering::Relaxed));
        Param { id, value, version: 0, role, created_at: Location::caller() }
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
                 Param::buffer, which is saved and not trained",
                value.dtype(),
                value.shape()
            );
        }
        Param::with_role(value, Role::Trainable)
    }

    /// A buffer: saved with the model, changed by the model itself (see [`Graph::update`](crate::Graph::update); PyTorch's
    /// `register_buffer`).
    #[track_caller]
    pub fn buffer(value: Tensor) -> Param {
        Param::with_role(value, Role::Buffer)
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
    ///
    /// Gradients that were computed before are those of another value from here on, and a step refuses them
    /// ([`GradMismatch::Stale`](crate::GradMismatch::Stale)).
    pub fn value_mut(&mut self) -> &mut Tensor {
        self.version += 1;
        &mut self.value
    }

    /// Tells the present value from those that the parameter had before.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// What becomes of it in training.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether it takes part in training; a frozen parameter stays as it is.
    ///
    /// # Panics
    /// If it is a buffer, which is not trained at all.
    #[track_caller]
    pub fn set_requires_grad(&mut self, trained: bool) {
        match self.role {
            Role::Buffer => panic!(
                "set_requires_grad: this is a buffer, which the model computes itself and no optimizer trains; \
                 Param::new makes a parameter that is trained"
            ),
            _ => self.role = if trained { Role::Trainable } else { Role::Frozen },
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
        *self.value_mut() = value;
    }

    /// The line of the program that made it.
    pub fn created_at(&self) -> &'static Location<'static> {
        self.created_at
    }
}

/// `Param(f32 [5, 5, 1, 4])`: the elements are in [`value`](Param::value).
impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Trainable => "",
            Role::Frozen => ", frozen",
            Role::Buffer => ", buffer",
        };
        write!(f, "Param({} {}{role})", self.value.dtype(), self.value.shape())
    }
}

/// Another parameter with the same value: a copy of a model trains separately, and an optimizer begins afresh with it.
impl Clone for Param {
    fn clone(&self) -> Param {
        Param { created_at: self.created_at, ..Param::with_role(self.value.clone(), self.role) }
    }
}
