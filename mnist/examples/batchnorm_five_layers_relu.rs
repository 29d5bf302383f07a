//! Five layers with rectifiers and batch normalisation.

use mnist::{Plan, models, train};
use optim::{Adam, ExponentialDecay};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan { name: "batchnorm_five_layers_relu", steps: 10_000, test_every: 100, record_every: 20 };
    train(&plan, models::batchnorm_five_layers_relu, Adam::new(), ExponentialDecay::new(0.03, 0.0001, 1000.0))
}
