//! Five layers with rectifiers and a decaying learning rate.

use mnist::{Plan, models, train};
use optim::{Adam, ExponentialDecay};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan { name: "five_layers_relu_lrdecay", steps: 10_000, test_every: 100, record_every: 20 };
    train(&plan, models::five_layers_relu, Adam::new(), ExponentialDecay::new(0.003, 0.0001, 2000.0))
}
