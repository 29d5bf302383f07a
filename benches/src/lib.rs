//! How fast the framework is: the nine models of the tutorial, trained on real batches.
//!
//! ```
//! use benches::{Mode, Model, TrainingStep, few_digits};
//!
//! let mut step = TrainingStep::new(Model::named("softmax")?, few_digits(1_000, 10), 100, Mode::Compiled)?;
//! let before = step.run();
//! assert!((0..50).map(|_| step.run()).last().unwrap() < before);
//! # Ok::<(), String>(())
//! ```
//!
//! | command | what it measures |
//! |---|---|
//! | `cargo bench -p benches` | kernels and steps, by criterion; `--bench steps -- batchnorm_conv` for one of them |
//! | `cargo run --release -p benches --bin step` | the steps of one model or of all, one JSON line each |
//! | `cargo run --release -p benches --bin scaling` | cost against batch size, width and depth, and of small operations |
//! | `cargo run --release -p benches --bin steady -- --model softmax` | speed, memory and allocations after 10,000 steps beside those at the beginning |
//! | `cargo run --release -p benches --bin accuracy` | rounding errors beside PyTorch's and JAX's, far from zero, very small and very large |
//! | `cargo run -p benches --bin efficiency` | the share of the machine's peak that each kernel reaches; fails below half of what it was once |
//! | `cargo run --release -p benches --bin compare` | all of this beside other frameworks; writes `RESULTS.md` |
//! | `cargo run -p benches --bin figures` | writes the figures that the READMEs give, from one recorded run of all nine examples; `-- --train` records it |
//!
//! # The tour
//!
//! | file | what is in it |
//! |---|---|
//! | `models` | the nine models with their optimizers and learning rates |
//! | `step` | [`TrainingStep`]: the only code here that trains |
//! | [`accuracy`] | the functions whose rounding errors are compared and bounded |
//! | `data` | the digits |
//! | `export` | what other frameworks start from |
//! | `flops` | the arithmetic of a step |
//! | `provenance` | what figures were measured on |
//! | `measurement` | one line of results, and how its numbers are taken |
//! | `bin/…` | the programs above |
//! | `../peers/` | the same nine models in other frameworks |
#![forbid(unsafe_code)]

pub mod accuracy;
mod data;
mod export;
mod flops;
pub mod measurement;
mod models;
pub mod provenance;
mod step;

pub use data::{digits, few_digits};
pub use export::export;
pub use flops::step_flops;
pub use models::{MODELS, Model};
pub use step::{Mode, TestBatches, TrainingStep};
