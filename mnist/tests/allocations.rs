//! A compiled training step allocates nothing once it has run a few times, in a process of its own so that no other test
//! counts.

use mnist::data::{Batches, Split};
use mnist::{Engine, Mode, models, synthetic};
use nn::Rng;
use optim::{Adam, Optimizer, Sgd};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, counting requests of all threads.
struct Counting;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_compiled_step_allocates_nothing() {
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
        // A worker may take its first task of a kind late, and then makes room for it: there is a run of steps without.
        let quiet = (0..20).any(|_| {
            let before = REQUESTS.load(Ordering::Relaxed);
            (0..10).for_each(|_| assert!(step().is_finite()));
            REQUESTS.load(Ordering::Relaxed) == before
        });
        assert!(quiet, "{name}: no ten steps in 200 went without an allocation");
    }
}
