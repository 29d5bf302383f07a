//! The thread pool: one job at a time, split over the caller and the workers, with sub-microsecond hand-over.
//!
//! The caller *publishes* a job by storing a number of seats in one atomic word. A worker *joins* by taking a seat,
//! claims tasks until none is left, and *leaves*. Every thread begins with tasks of its own, the same ones in every job of
//! that many, so that it finds in its cache what it left there the time before; then it helps the others. When the caller finds no more tasks either, it takes the free seats
//! away and waits until all who joined have left; only then may the job, which lies on the caller's stack, go.
//! A worker that comes late finds no seat and never looks at the job.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a task panicked with.
pub(super) type Panic = Box<dyn Any + Send>;

/// How long a thread with nothing to do keeps looking before it sleeps. To wake it costs tens of microseconds.
const AWAKE: Duration = Duration::from_micros(100);

/// How many times a thread looks before it lets others have its CPU in between: about the time in which an answer comes
/// if all threads are running. If there are more threads than CPUs, the one waited for may need this very CPU.
const LOOKS: u32 = 200;

/// The workers, and what they share with whoever has a job for them. They end when the pool is dropped.
pub(super) struct Pool {
    shared: Option<Arc<Shared>>,
    /// The caller and the workers.
    threads: usize,
    /// Less than `threads - 1` if the system refused to start more.
    workers: usize,
}

impl Pool {
    pub(super) const EMPTY: Pool = Pool { shared: None, threads: 1, workers: 0 };

    fn new(threads: usize) -> Pool {
        let shared = Arc::new(Shared::default());
        let start = |i| {
            let shared = shared.clone();
            thread::Builder::new().name(format!("tensor-{i}")).spawn(move || shared.work(i)).is_ok()
        };
        let workers = (1..threads).take_while(|&i| start(i)).count();
        Pool { shared: Some(shared), threads, workers }
    }

    /// Runs `f` on `0..tasks`, and returns the panic of the lowest task that panicked. `&mut` because it is for one
    /// caller at a time.
    pub(super) fn run(&mut self, threads: usize, tasks: usize, f: &(dyn Fn(usize) + Sync)) -> Option<Panic> {
        if self.threads != threads {
            *self = Pool::new(threads);
        }
        let job = Job::new(f, tasks, threads);
        match &self.shared {
            Some(shared) if self.workers > 0 => shared.run(&job, self.workers.min(tasks.saturating_sub(1))),
            _ => job.work(0),
        }
        lock(&job.panic).take().map(|(_, panic)| panic)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.state.fetch_or(CLOSED, SeqCst);
            shared.wake(usize::MAX);
        }
    }
}

/// Shares that the tasks of a job are cut into, at most: one for each thread, if there are not more threads.
const SHARES: usize = 8;

/// Tasks of which one thread has begun, and others help when they are done with their own.
#[derive(Default)]
#[repr(align(64))]
struct Share {
    /// The lowest task that nobody has claimed.
    next: AtomicUsize,
    end: usize,
}

struct Job<'a> {
    f: &'a (dyn Fn(usize) + Sync),
    shares: [Share; SHARES],
    count: usize,
    /// The lowest task that panicked.
    panic: Mutex<Option<(usize, Panic)>>,
}

impl<'a> Job<'a> {
    fn new(f: &'a (dyn Fn(usize) + Sync), tasks: usize, threads: usize) -> Job<'a> {
        let count = threads.clamp(1, SHARES);
        let begin = |share: usize| (share as u128 * tasks as u128 / count as u128) as usize;
        let share = |i| match i < count {
            true => Share { next: AtomicUsize::new(begin(i)), end: begin(i + 1) },
            false => Share::default(),
        };
        Job { f, shares: std::array::from_fn(share), count, panic: Mutex::new(None) }
    }

    /// Claims tasks and runs them, those of thread `thread` first, until none is left. Never panics.
    fn work(&self, thread: usize) {
        for i in 0..self.count {
            let share = &self.shares[(thread + i) % self.count];
            loop {
                let task = share.next.fetch_add(1, Relaxed);
                if task >= share.end {
                    break;
                }
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.f)(task))) {
                    let mut lowest = lock(&self.panic);
                    if lowest.as_ref().is_none_or(|&(other, _)| task < other) {
                        *lowest = Some((task, panic));
                    }
                }
            }
        }
    }
}

/// The fields of [`Shared::state`]: the workers that are at the job, …
const ACTIVE: u32 = 0xffff;
/// … one seat for a further one, …
const SEAT: u32 = 1 << 16;
/// … all seats, …
const SEATS: u32 = 0x3fff << 16;
/// … that the caller sleeps until the last active worker wakes it, …
const CALLER_SLEEPS: u32 = 1 << 30;
/// … and that the pool is gone.
const CLOSED: u32 = 1 << 31;

/// Aligned because a spinning worker reads `state` and `job` all the time, and must not slow down its neighbours.
#[repr(align(64))]
#[derive(Default)]
struct Shared {
    state: AtomicU32,
    /// Valid while there are seats or active workers.
    job: AtomicPtr<Job<'static>>,
    /// Workers asleep, or about to be.
    sleepers: AtomicUsize,
    /// Held while deciding to sleep, and while waking somebody, so that nobody is missed.
    sleep: Mutex<()>,
    /// There are seats, or the pool is closed.
    work: Condvar,
    /// There are no active workers.
    done: Condvar,
}

impl Shared {
    /// The caller's side of a job.
    fn run(&self, job: &Job, seats: usize) {
        // This erases the job's lifetime. `wait` makes up for it, and is always reached: nothing in between unwinds.
        self.job.store(ptr::from_ref(job).cast::<Job<'static>>().cast_mut(), Relaxed);
        self.state.fetch_add(seats as u32 * SEAT, SeqCst);
        self.wake(seats);
        job.work(0);
        self.wait();
    }

    /// Takes the seats away and returns when the last worker has left.
    fn wait(&self) {
        self.state.fetch_and(!SEATS, SeqCst);
        let left = || self.state.load(Acquire) & ACTIVE == 0;
        if !spin_until(left) {
            let mut guard = lock(&self.sleep);
            self.state.fetch_or(CALLER_SLEEPS, SeqCst);
            while !left() {
                guard = self.done.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            self.state.fetch_and(!CALLER_SLEEPS, SeqCst);
        }
    }

    /// Wakes as many sleeping workers as are needed.
    fn wake(&self, needed: usize) {
        let sleepers = self.sleepers.load(SeqCst);
        if sleepers > 0 {
            // Whoever has counted itself as a sleeper either waits by now, or has seen the new state.
            drop(lock(&self.sleep));
            match sleepers <= needed {
                true => self.work.notify_all(),
                false => (0..needed).for_each(|_| self.work.notify_one()),
            }
        }
    }

    /// The life of worker number `thread`.
    fn work(&self, thread: usize) {
        loop {
            let state = self.state.load(Relaxed);
            if state & CLOSED != 0 {
                return;
            } else if state & SEATS != 0 {
                self.join(state, thread);
            } else {
                self.rest();
            }
        }
    }

    /// Takes a seat, unless the state has changed meanwhile, and works at the job.
    fn join(&self, state: u32, thread: usize) {
        if self.state.compare_exchange(state, state - SEAT + 1, Acquire, Relaxed).is_ok() {
            // SAFETY: there was a seat, so the job was alive; and the caller keeps it alive until this worker has left.
            unsafe { &*self.job.load(Relaxed) }.work(thread);
            let before = self.state.fetch_sub(1, AcqRel);
            if before & CALLER_SLEEPS != 0 && before & ACTIVE == 1 {
                drop(lock(&self.sleep));
                self.done.notify_one();
            }
        }
    }

    /// Returns when there is something to do: awake for a while, then asleep.
    fn rest(&self) {
        let called = || self.state.load(SeqCst) & (SEATS | CLOSED) != 0;
        if !spin_until(called) {
            let mut guard = lock(&self.sleep);
            self.sleepers.fetch_add(1, SeqCst);
            while !called() {
                guard = self.work.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            self.sleepers.fetch_sub(1, SeqCst);
        }
    }
}

/// Looks until `ready`, or for [`AWAKE`]; returns whether it was ready.
fn spin_until(ready: impl Fn() -> bool) -> bool {
    let look = || {
        (0..LOOKS).any(|_| {
            std::hint::spin_loop();
            ready()
        })
    };
    if ready() || look() {
        return true;
    }
    let start = Instant::now();
    while start.elapsed() < AWAKE {
        thread::yield_now();
        if look() {
            return true;
        }
    }
    false
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
