//! The tutorial's best: a convolutional network with batch normalisation.

use mnist::{Plan, models, train};
use optim::{Adam, ExponentialDecay};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan { name: "batchnorm_conv", steps: 10_000, test_every: 100, record_every: 20 };
    train(&plan, models::batchnorm_conv, Adam::new(), ExponentialDecay::new(0.02, 0.0001, 1600.0))
}
