//! One layer, 784-10: the simplest network that reads digits.

use mnist::{Plan, models, train};
use optim::{Constant, Sgd};
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan { name: "softmax", steps: 2_000, test_every: 50, record_every: 10 };
    train(&plan, models::softmax, Sgd::new(), Constant::new(0.005))
}
