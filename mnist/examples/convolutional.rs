//! A convolutional network.

use mnist::{Plan, models, train};
use optim::{Adam, ExponentialDecay};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan { name: "convolutional", steps: 10_000, test_every: 100, record_every: 20 };
    train(&plan, models::convolutional, Adam::new(), ExponentialDecay::new(0.003, 0.0001, 2000.0))
}
