//! A compiled training step allocates nothing once it has run a few times, in a process of its own so that no other test
//! counts.

use mnist::data::{Batches, Split};
use mnist::{Engine, Mode, models, synthetic};
use nn::Rng;
use optim::{Adam, Optimizer, Sgd};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

/// The system's allocator, counting requests of all threads.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_compiled_step_allocates_nothing() {
    nn::set_threads(2);
    let (images, labels) = synthetic::digits(3, 500);
    let digits = Split { images, labels, rows: 28, cols: 28 };
    for (name, build) in models::EXAMPLES {
        let mut model = build(&mut Rng::new(1));
        let (mut sgd, mut adam) = (Sgd::new(), Adam::new());
        let optimizer: &mut dyn Optimizer = if name == "softmax" { &mut sgd } else { &mut adam };
        let mut engine = Engine::new(Mode::Compiled, 7);
        let mut batches = Batches::new(digits.len(), 50, 1).unwrap();
        let mut step = || {
            let batch = batches.draw();
            engine.train(&mut model, optimizer, 1e-3, &digits, batch.indices).loss()
        };
        // The worker may take its first task of a kind late, and then makes room for it: there is a run of steps without.
        let quiet = (0..50).any(|_| {
            let since = Region::new(ALLOCATOR);
            (0..10).for_each(|_| assert!(step().is_finite()));
            since.change().allocations == 0
        });
        assert!(quiet, "{name}: no ten steps in 500 went without an allocation");
    }
}
