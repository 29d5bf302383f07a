//! What a step computes for the parameters of a model, and giving it to them.

use crate::params::module::{Module, ParamPath};
use crate::params::param::{Param, ParamId, Role};
use crate::tape::graph::Graph;
use std::collections::HashMap;
use std::panic::Location;
use tensor::Tensor;

/// What a training step computed: the gradients of the parameters, and the next values of the buffers.
#[derive(Debug, Default)]
pub struct Grads {
    pub(crate) grads: HashMap<ParamId, Computed>,
    pub(crate) updates: HashMap<ParamId, Computed>,
    pub(crate) origin: Origin,
    /// Parameters that were frozen when the graph was recorded.
    pub(crate) frozen: Vec<ParamId>,
    pub(crate) stale_allowed: bool,
}

/// A gradient or a next value, and the version of the parameter that it was computed from, if it was.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    pub(crate) value: Tensor,
    pub(crate) version: Option<u64>,
}

/// Where gradients come from, which decides whether a model may be changed by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A graph that training steps may be taken from.
    #[default]
    Training,
    /// A graph of a prediction.
    Inference,
    /// A program of a graph in which `backward` was not called.
    WithoutBackward,
    /// A program that did not run yet.
    NotRun,
}

impl Origin {
    /// Of what was recorded in this graph, with `backward` or without.
    pub(crate) fn of(graph: &Graph, with_backward: bool) -> Origin {
        match with_backward {
            _ if !graph.is_step_allowed() => Origin::Inference,
            true => Origin::Training,
            false => Origin::WithoutBackward,
        }
    }
}

impl Grads {
    /// The gradient of a parameter, if it took part in the loss.
    pub fn get(&self, param: &Param) -> Option<&Tensor> {
        self.grads.get(&param.id()).map(|grad| &grad.value)
    }

    /// The next value of a buffer, if the step computed one.
    pub fn update(&self, state: &Param) -> Option<&Tensor> {
        self.updates.get(&state.id()).map(|update| &update.value)
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
        self.grads.values_mut().map(|grad| &mut grad.value)
    }

    /// Multiplies all gradients by a factor: the mean of four batches is their sum times 0.25.
    pub fn scale(&mut self, factor: f64) {
        self.iter_mut().for_each(|grad| *grad = &*grad * factor);
    }

    /// Adds other gradients of the same parameters' same values: those of the next part of a batch that is too large for the memory
    /// (gradient accumulation), or what another thread has computed. The next values of buffers are the other's.
    ///
    /// ```
    /// use autograd::{Grads, Graph, Param, Tensor};
    /// let weight = Param::new(Tensor::from(2.0_f32));
    /// let mut sum = Grads::default();
    /// for x in [1.0, 5.0] {
    ///     sum.accumulate(&(Graph::training(0, 0).param(&weight) * x).backward());
    /// }
    /// sum.scale(0.5);
    /// assert_eq!(sum.get(&weight).unwrap().item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// If two gradients of one parameter have not the same shape and type.
    #[track_caller]
    pub fn accumulate(&mut self, other: &Grads) {
        for (id, theirs) in &other.grads {
            if let Some(ours) =
                self.grads.get(id).map(|ours| ours.value.spec()).filter(|&ours| ours != theirs.value.spec())
            {
                panic!(
                    "accumulate: two gradients of one parameter are {ours} and {}; was its value replaced in between?",
                    theirs.value.spec()
                );
            }
        }
        for (&id, theirs) in &other.grads {
            let sum = match self.grads.get(&id) {
                None => theirs.clone(),
                Some(ours) => Computed {
                    // The older of two values: a step refuses the gradient of one that is no longer there.
                    version: ours.version.min(theirs.version),
                    value: ours.value.add(&theirs.value),
                },
            };
            self.grads.insert(id, sum);
        }
        self.updates.extend(other.updates.iter().map(|(&id, update)| (id, update.clone())));
        // The one that refuses more.
        if self.origin == Origin::Training || other.origin == Origin::Inference {
            self.origin = other.origin;
        }
        let new = other.frozen.iter().filter(|id| !self.frozen.contains(id)).copied().collect::<Vec<_>>();
        self.frozen.extend(new);
        self.stale_allowed |= other.stale_allowed;
    }

    /// The gradients and next values of one part of the model: of two parts that have optimizers of their own, or of the
    /// generator and the discriminator in one graph. The equivalent of the list of variables in TensorFlow's
    /// `tape.gradient(loss, generator.trainable_variables)`.
    ///
    /// ```
    /// use autograd::{Graph, Param, Tensor};
    /// let mut model = [Param::new(Tensor::from(2.0_f32)), Param::new(Tensor::from(3.0_f32))];
    /// let graph = Graph::training(0, 0);
    /// let grads = (graph.param(&model[0]) * graph.param(&model[1])).backward();
    /// for (i, rate) in [0.1, 0.01].into_iter().enumerate() {
    ///     let part = &mut model[i];
    ///     grads.of(part).apply(part, &mut |_, w, grad| *w.value_mut() -= &(grad * rate)).unwrap();
    /// }
    /// assert_eq!(model.map(|w| w.value().item() as f32), [1.7, 2.98]);
    /// ```
    pub fn of(&self, part: &(impl Module + ?Sized)) -> Grads {
        let mut grads = Grads { origin: self.origin, stale_allowed: self.stale_allowed, ..Grads::default() };
        grads.frozen.clone_from(&self.frozen);
        part.visit(&ParamPath::ROOT, &mut |_, param| {
            let id = param.id();
            grads.grads.extend(self.grads.get(&id).map(|grad| (id, grad.clone())));
            grads.updates.extend(self.updates.get(&id).map(|update| (id, update.clone())));
        });
        grads
    }

    /// Lets these gradients change parameters whose values are no longer those that they were computed for, as a few methods
    /// want it: sharpness-aware minimisation takes the gradient at a point nearby.
    pub fn allow_stale(&mut self) -> &mut Grads {
        self.stale_allowed = true;
        self
    }

    /// Calls `f` for every trained parameter of `model` with its path and its gradient, and gives the buffers their next
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
    /// If a trained parameter has no gradient, or its value changed after the gradient was computed; if there is a gradient
    /// or a buffer that `model` does not list; or if the graph was one of a prediction
    /// ([`Graph::inference`](crate::Graph::inference)).
    pub fn apply(
        &self,
        model: &mut dyn Module,
        f: &mut dyn FnMut(&ParamPath<'_>, &mut Param, &Tensor),
    ) -> Result<(), GradMismatch> {
        self.check(model)?;
        model.visit_mut(&ParamPath::ROOT, &mut |path, param| match param.role() {
            Role::Trainable => {
                if let Some(grad) = self.grads.get(&param.id()) {
                    f(path, param, &grad.value);
                }
            }
            Role::Buffer => {
                if let Some(update) = self.updates.get(&param.id()) {
                    *param.value_mut() = update.value.clone();
                }
            }
            Role::Frozen => {}
        });
        Ok(())
    }

    /// Refuses a model that these are not the gradients of, or no longer.
    fn check(&self, model: &dyn Module) -> Result<(), GradMismatch> {
        match self.origin {
            Origin::Inference => return Err(GradMismatch::Inference),
            Origin::NotRun => return Err(GradMismatch::NotRun),
            Origin::Training | Origin::WithoutBackward => {}
        }
        let (mut listed, mut error) = (0, None);
        model.visit(&ParamPath::ROOT, &mut |path, param| {
            let computed = self.grads.get(&param.id()).or_else(|| self.updates.get(&param.id()));
            listed += usize::from(computed.is_some());
            if error.is_some() || param.role() == Role::Frozen {
                return;
            }
            let (name, created_at) = (|| path.to_string(), param.created_at());
            error = match computed {
                None if param.role() == Role::Buffer => None,
                None if self.origin == Origin::WithoutBackward => Some(GradMismatch::WithoutBackward),
                None if self.frozen.contains(&param.id()) => {
                    Some(GradMismatch::WasFrozen { name: name(), created_at })
                }
                None => Some(GradMismatch::NoGradient { name: name(), created_at }),
                Some(computed) if self.is_stale(param, computed) => {
                    Some(GradMismatch::Stale { name: name(), created_at })
                }
                Some(_) => None,
            };
        });
        if let Some(error) = error {
            return Err(error);
        }
        if listed >= self.grads.len() + self.updates.len() {
            return Ok(());
        }
        let ids: Vec<ParamId> = model.params().iter().map(|(_, param)| param.id()).collect();
        let values = self.grads.iter().chain(&self.updates).filter(|(id, _)| !ids.contains(id));
        let shape = values.min_by_key(|(id, _)| **id).map(|(_, it)| it.value.shape()).unwrap_or_default();
        Err(GradMismatch::NotListed { shape: shape.to_string() })
    }

    /// Whether the parameter has another value than that which this was computed from. A buffer that has its next value
    /// already, by the step of another part of the model, takes it again.
    fn is_stale(&self, param: &Param, computed: &Computed) -> bool {
        let changed = computed.version.is_some_and(|version| version != param.version());
        let arrived = param.role() == Role::Buffer && computed.value.shares_buffer(param.value());
        changed && !arrived && !self.stale_allowed
    }
}

/// Why gradients and the parameters of a model do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GradMismatch {
    /// A parameter of the model had no part in the loss.
    #[error(
        "the parameter {name} (made at {created_at}) has no gradient: the loss does not depend on it; \
         use it in forward, remove it, or freeze it with set_requires_grad(false)"
    )]
    NoGradient {
        /// Its path name.
        name: String,
        /// The line that made it.
        created_at: &'static Location<'static>,
    },
    /// A parameter of the model was frozen when the graph was recorded, and is no longer.
    #[error(
        "the parameter {name} (made at {created_at}) has no gradient: it was frozen when the graph was recorded; \
         record (and compile) a graph after set_requires_grad(true)"
    )]
    WasFrozen {
        /// Its path name.
        name: String,
        /// The line that made it.
        created_at: &'static Location<'static>,
    },
    /// The value of a parameter changed after the gradient was computed.
    #[error(
        "the parameter {name} (made at {created_at}) has changed since this gradient was computed: by an earlier step with \
         the same graph, or the same run of a program; record one graph a step, Graph::training(seed, step) inside of \
         the loop, or compile the graph once and run the program before every step"
    )]
    Stale {
        /// Its path name.
        name: String,
        /// The line that made it.
        created_at: &'static Location<'static>,
    },
    /// A parameter that the loss depends on is not listed by the model.
    #[error(
        "a parameter of shape {shape} has a gradient (or a next value) but the model does not list it; \
         is it in a field marked #[module(skip)], or of another model? To change only a part of a model, \
         apply grads.of(&part)"
    )]
    NotListed {
        /// Its shape.
        shape: String,
    },
    /// The gradients are those of a prediction.
    #[error(
        "the gradients are of an inference graph, in which nothing is dropped and batch normalisation uses its running \
         averages; record the step in Graph::training(seed, step), or ask for such a step by name: \
         Graph::inference().allow_step()"
    )]
    Inference,
    /// The program computes no gradients.
    #[error(
        "the program computes no gradients: backward was not called before the graph was compiled; \
         call loss.backward() before graph.compile(&[loss])"
    )]
    WithoutBackward,
    /// The program has no gradients yet.
    #[error("the program has no gradients yet; call program.run(…) before every step")]
    NotRun,
}
