use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::*;

#[test]
fn every_task_runs_exactly_once() {
    for threads in [1, 2, 3, 8] {
        let mut pool = Pool::EMPTY;
        for tasks in [0, 1, 2, 3, 7, 1000] {
            let runs: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            let count = |i: usize| {
                runs[i].fetch_add(1, Relaxed);
            };
            for_each(tasks, &count);
            assert!(pool.run(threads, tasks, &count).is_none());
            assert!(runs.iter().all(|n| n.load(Relaxed) == 2), "{tasks} tasks on {threads} threads");
        }
    }
}

#[test]
fn all_threads_work_at_the_same_time_while_the_pool_grows_and_shrinks() {
    let mut pool = Pool::EMPTY;
    for threads in [2, 5, 1, 3, 2, 16, 2] {
        let meet = Barrier::new(threads);
        // Each task waits for all the others: this would never end if a thread ran two of them.
        pool.run(threads, threads, &|_| {
            meet.wait();
        });
    }
}

#[test]
fn the_result_is_the_same_for_every_number_of_threads() {
    let sums = |threads: usize| {
        set_threads(threads);
        let mut sums = vec![0f32; 100];
        for_each_chunk_mut(&mut sums, 7, |i, chunk| {
            for (j, sum) in chunk.iter_mut().enumerate() {
                *sum = (0..1000).map(|k| 1.0 / (1 + k + 7 * i + j) as f32).sum();
            }
        });
        sums
    };
    let serial = sums(1);
    assert!((2..=5).all(|threads| sums(threads) == serial));
}

#[test]
fn chunks_are_those_of_the_standard_library() {
    for (len, chunk) in [(0, 3), (1, 3), (9, 3), (10, 3), (10, 100)] {
        let mut parallel: Vec<(usize, usize)> = vec![(0, 0); len];
        let mut serial = parallel.clone();
        for_each_chunk_mut(&mut parallel, chunk, |i, part| part.fill((i, part.len())));
        serial.chunks_mut(chunk).enumerate().for_each(|(i, part)| part.fill((i, part.len())));
        assert_eq!(parallel, serial, "{len} in chunks of {chunk}");
    }
}

#[test]
#[should_panic(expected = "the size of a chunk must not be 0")]
fn chunks_have_a_size() {
    for_each_chunk_mut(&mut [0u8; 10], 0, |_, _| ());
}

/// A panic without the message that `panic!` prints into the tests' output.
fn fail(message: String) {
    resume_unwind(Box::new(message));
}

#[test]
fn the_lowest_panic_comes_back_and_the_pool_goes_on() {
    for threads in [1, 2, 3] {
        let mut pool = Pool::EMPTY;
        for _ in 0..20 {
            let tens = |i| {
                if i % 10 == 3 {
                    fail(format!("task {i}"))
                }
            };
            let panic = pool.run(threads, 100, &tens).unwrap();
            assert_eq!(panic.downcast_ref(), Some(&"task 3".to_string()));
            assert!(pool.run(threads, 100, &|_| ()).is_none());
        }
    }
}

#[test]
fn calls_in_a_task_are_served() {
    set_threads(3);
    let sum = AtomicUsize::new(0);
    for_each(10, &|i| {
        for_each(10, &|j| {
            for_each(2, &|_| {
                sum.fetch_add(10 * i + j, Relaxed);
            });
        });
    });
    assert_eq!(sum.into_inner(), 2 * 4950);
}

#[test]
fn callers_on_four_threads_do_not_disturb_each_other() {
    set_threads(2);
    thread::scope(|scope| {
        for caller in 0..4 {
            scope.spawn(move || {
                for round in 0..500 {
                    let mut out = [0; 64];
                    for_each_chunk_mut(&mut out, 5, |i, chunk| chunk.fill(caller + round + i));
                    assert!((0..64).all(|k| out[k] == caller + round + k / 5));
                    let one_fails = || {
                        for_each(4, &|i| {
                            if i == 2 {
                                fail(format!("{caller} {round}"))
                            }
                        })
                    };
                    let panic = catch_unwind(AssertUnwindSafe(one_fails)).unwrap_err();
                    assert_eq!(panic.downcast_ref(), Some(&format!("{caller} {round}")));
                }
            });
        }
    });
}

#[test]
fn a_hundred_thousand_tiny_jobs() {
    let mut pool = Pool::EMPTY;
    for threads in [2, 3] {
        let runs = [const { AtomicUsize::new(0) }; 3];
        for _ in 0..50_000 {
            pool.run(threads, 3, &|i| {
                runs[i].fetch_add(1, Relaxed);
            });
        }
        assert_eq!(runs.map(AtomicUsize::into_inner), [50_000; 3]);
    }
}

#[test]
fn threads_that_have_fallen_asleep_wake_up() {
    let mut pool = Pool::EMPTY;
    let sum = AtomicUsize::new(0);
    for _ in 0..50 {
        thread::sleep(Duration::from_micros(300));
        pool.run(3, 3, &|i| {
            // Long enough that the caller, too, falls asleep while it waits.
            thread::sleep(Duration::from_micros(300 * i as u64));
            sum.fetch_add(1, Relaxed);
        });
    }
    assert_eq!(sum.into_inner(), 150);
}

#[test]
fn the_environment_variable_is_a_whole_number() {
    assert_eq!(parse_threads("4"), Ok(4));
    assert_eq!(parse_threads(" 0 "), Ok(1));
    assert_eq!(parse_threads("1000"), Ok(256));
    assert_eq!(parse_threads("99999999999999999999999"), Ok(256));
    for wrong in ["", "two", "-1", "1.5"] {
        let expected = format!("TENSOR_THREADS={wrong:?}: expected a whole number from 1 to 256");
        assert_eq!(parse_threads(wrong), Err(expected));
    }
}
