//! How busy the machine is with others, and how far apart its processors are.

use benches::measurement::quantile;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

/// Processor time since the system started, in ticks of its clock.
#[derive(Clone, Copy)]
pub(crate) struct Ticks {
    all: f64,
    idle: f64,
    ours: f64,
}

impl Ticks {
    /// Until now; `None` where the system does not say.
    pub(crate) fn now() -> Option<Ticks> {
        let numbers =
            |text: &str| -> Vec<f64> { text.split_whitespace().filter_map(|n| n.parse().ok()).collect() };
        // User, nice, system, idle, waiting for the disk, interrupts of two kinds, and what other guests of the host took.
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let system = numbers(system.lines().next()?);
        // After the name in brackets; from the eleventh number on our own time and that of the processes we waited for.
        let process = std::fs::read_to_string("/proc/self/stat").ok()?;
        let process = numbers(process.rsplit_once(')')?.1);
        Some(Ticks {
            all: system.get(..8)?.iter().sum(),
            idle: system.get(3..5)?.iter().sum(),
            ours: process.get(10..14)?.iter().sum(),
        })
    }

    /// The share of all processors that others have used since `before`.
    pub(crate) fn others_since(self, before: Ticks) -> f64 {
        let all = (self.all - before.all).max(1.0);
        (all - (self.idle - before.idle) - (self.ours - before.ours)).max(0.0) / all
    }
}

/// How far apart the processors are: a host may give a guest two that share no cache, now and then, for seconds. Programs whose
/// threads work on the same numbers then take up to twice the time.
pub(crate) struct Distance {
    /// The shortest round trip seen so far, in seconds.
    shortest: Cell<f64>,
}

impl Distance {
    /// Looks for a while.
    pub(crate) fn new() -> Distance {
        let distance = Distance { shortest: Cell::new(f64::INFINITY) };
        for _ in 0..20 {
            distance.now();
            thread::sleep(Duration::from_millis(100));
        }
        distance
    }

    /// Times as far as they have been at their nearest.
    pub(crate) fn now(&self) -> f64 {
        let found = round_trip();
        self.shortest.set(found.min(self.shortest.get()));
        found / self.shortest.get()
    }
}

/// Seconds that a number takes from one of two processors to the other and back: the median of several, since both threads may
/// be on one of them at first.
fn round_trip() -> f64 {
    const TIMES: u32 = 400;
    const TRIPS: u32 = 20;
    // Of more it would not say where a program's threads have been.
    if thread::available_parallelism().map_or(1, |cores| cores.get()) != 2 {
        return 1.0;
    }
    let number = AtomicU32::new(0);
    let expect = |wanted: u32| {
        for looks in 1_u64.. {
            if number.load(Acquire) == wanted {
                break;
            }
            if looks % 10_000 == 0 {
                thread::yield_now(); // the other one may need this very processor
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..=TIMES * TRIPS).for_each(|trip| {
                expect(2 * trip + 1);
                number.store(2 * trip + 2, Release);
            });
        });
        number.store(1, Release);
        expect(2); // both are running
        let several = (0..TIMES).map(|time| {
            let begun = Instant::now();
            for trip in time * TRIPS + 1..=(time + 1) * TRIPS {
                number.store(2 * trip + 1, Release);
                expect(2 * trip + 2);
            }
            begun.elapsed().as_secs_f64() / f64::from(TRIPS)
        });
        let mut several: Vec<f64> = several.collect();
        several.sort_by(f64::total_cmp);
        quantile(&several, 0.5)
    })
}
