//! The nine models and the tutorial's settings for them.

use mnist::models;
use nn::{Rng, Sequential};
use optim::{Adam, ExponentialDecay, Optimizer, Sgd};

/// One of the nine models, with what trains it.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The name of its example.
    pub name: &'static str,
    /// Builds it with the tutorial's initial values.
    pub build: fn(&mut Rng) -> Sequential,
    /// The learning rate: from the first towards the second number, the distance shrinking by e every so many steps.
    rate: [f64; 3],
    optimizer: fn() -> Box<dyn Optimizer>,
}

impl Model {
    /// The model of this name.
    ///
    /// # Errors
    /// If there is none, with the names that there are.
    pub fn named(name: &str) -> Result<Model, String> {
        let names = || MODELS.map(|model| model.name).join(", ");
        let found = MODELS.into_iter().find(|model| model.name == name);
        found.ok_or_else(|| format!("there is no model {name:?}; there are {}", names()))
    }

    /// The learning rates.
    pub fn schedule(&self) -> ExponentialDecay {
        let [max, min, decay] = self.rate;
        ExponentialDecay::new(max, min, decay)
    }

    /// An optimizer that has not seen the model yet.
    pub fn optimizer(&self) -> Box<dyn Optimizer> {
        (self.optimizer)()
    }
}

/// The nine models.
pub const MODELS: [Model; 9] = [
    model("softmax", models::softmax, [0.005, 0.005, 1.0], || Box::new(Sgd::new())),
    model("five_layers_sigmoid", models::five_layers_sigmoid, [0.003, 0.003, 1.0], adam),
    model("five_layers_relu_lrdecay", models::five_layers_relu, [0.003, 0.0001, 2000.0], adam),
    model(
        "five_layers_relu_lrdecay_dropout",
        models::five_layers_relu_dropout,
        [0.003, 0.0001, 2000.0],
        adam,
    ),
    model("convolutional", models::convolutional, [0.003, 0.0001, 2000.0], adam),
    model(
        "convolutional_bigger_dropout",
        models::convolutional_bigger_dropout,
        [0.003, 0.0001, 2000.0],
        adam,
    ),
    model(
        "batchnorm_five_layers_sigmoid",
        models::batchnorm_five_layers_sigmoid,
        [0.03, 0.0001, 1000.0],
        adam,
    ),
    model("batchnorm_five_layers_relu", models::batchnorm_five_layers_relu, [0.03, 0.0001, 1000.0], adam),
    model("batchnorm_conv", models::batchnorm_conv, [0.02, 0.0001, 1600.0], adam),
];

const fn model(
    name: &'static str,
    build: fn(&mut Rng) -> Sequential,
    rate: [f64; 3],
    optimizer: fn() -> Box<dyn Optimizer>,
) -> Model {
    Model { name, build, rate, optimizer }
}

fn adam() -> Box<dyn Optimizer> {
    Box::new(Adam::new())
}
