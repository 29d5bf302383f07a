//! Averages of the weights.

use nn::{Module, Role, Tensor};
use std::collections::BTreeMap;

/// An exponential moving average of a model's parameters, `a ← decay · a + (1 − decay) · w` after each step, which often does better than
/// the last weights (Polyak and Juditsky, 1992; TensorFlow's `ExponentialMovingAverage`). Buffers are taken as they are.
#[derive(Clone, Debug)]
pub(super) struct Average {
    decay: f64,
    values: Vec<(String, Tensor)>,
}

impl Average {
    /// Of a model that is not trained yet.
    pub(super) fn new(decay: f64) -> Average {
        Average { decay, values: vec![] }
    }

    /// Begins with the weights as they are, if it has not begun.
    pub(super) fn begin(&mut self, model: &dyn Module) {
        if self.values.is_empty() {
            self.values = values(model);
        }
    }

    /// Goes on with averages from a checkpoint; if it has none, from its weights.
    pub(super) fn resume(&mut self, model: &dyn Module, values: Vec<(String, Tensor)>) {
        self.values = values;
        self.begin(model);
    }

    pub(super) fn values(&self) -> &[(String, Tensor)] {
        &self.values
    }

    /// Takes in the weights after a step.
    pub(super) fn update(&mut self, model: &dyn Module) {
        for ((_, average), (_, param)) in self.values.iter_mut().zip(model.params()) {
            *average = match param.role() {
                Role::Buffer => param.value().clone(),
                _ => &*average * self.decay + param.value() * (1.0 - self.decay),
            };
        }
    }
}

/// All parameters and buffers of a model.
pub(super) fn values(model: &dyn Module) -> Vec<(String, Tensor)> {
    model.params().into_iter().map(|(name, param)| (name, param.value().clone())).collect()
}

/// The same in the order in which the model lists them.
pub(super) fn in_order(model: &dyn Module, values: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    let mut by_name: BTreeMap<String, Tensor> = values.into_iter().collect();
    let names = model.params().into_iter().map(|(name, _)| name);
    names.filter_map(|name| by_name.remove_entry(&name)).collect()
}
