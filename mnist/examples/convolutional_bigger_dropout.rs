//! A bigger convolutional network, with dropout.

use mnist::{Plan, models, train};
use optim::{Adam, ExponentialDecay};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan =
        Plan { name: "convolutional_bigger_dropout", steps: 10_000, test_every: 100, record_every: 20 };
    train(
        &plan,
        models::convolutional_bigger_dropout,
        Adam::new(),
        ExponentialDecay::new(0.003, 0.0001, 2000.0),
    )
}
