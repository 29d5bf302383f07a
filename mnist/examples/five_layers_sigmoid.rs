//! Five layers with sigmoids.

use mnist::{Plan, models, train};
use optim::{Adam, Constant};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan { name: "five_layers_sigmoid", steps: 10_000, test_every: 100, record_every: 20 };
    train(&plan, models::five_layers_sigmoid, Adam::new(), Constant::new(0.003))
}
