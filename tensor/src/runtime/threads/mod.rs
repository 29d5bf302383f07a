//! Data parallelism: tasks cut by the caller, claimed by a pool of threads.
//!
//! A kernel cuts its work by shape, never by the number of threads, and hands the pieces to [`for_each`] or
//! [`for_each_chunk_mut`]. So its results do not depend on how many threads there are. The pool (in `thread_pool.rs`) keeps
//! its workers awake for a moment after each job, because the next one is usually microseconds away.

mod thread_pool;

use std::marker::PhantomData;
use std::num::IntErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};
use std::thread::available_parallelism;

use thread_pool::Pool;

/// More threads than this would only wait for each other.
const MAX_THREADS: usize = 256;

static POOL: Mutex<Pool> = Mutex::new(Pool::EMPTY);

/// What [`set_threads`] asked for; 0 until it is called.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets the number of threads that kernels run on, the calling thread included. `n` is clamped to `1..=256`.
///
/// Results are the same for every number of threads. Threads start at the next operation that is large enough for
/// them, and are kept for later ones.
///
/// ```standalone_crate
/// tensor::set_threads(2);
/// assert_eq!(tensor::threads(), 2);
/// tensor::set_threads(0);
/// assert_eq!(tensor::threads(), 1);
/// ```
pub fn set_threads(n: usize) {
    THREADS.store(n.clamp(1, MAX_THREADS), Ordering::Relaxed);
}

/// The number of threads that kernels run on, the calling thread included.
///
/// It is what [`set_threads`] was given last; before that the environment variable `TENSOR_THREADS`, read once; and
/// where this is not set, the number of CPUs that the system grants this process. A value of `TENSOR_THREADS` that is
/// no whole number is answered by one line on standard error, and ignored.
///
/// ```
/// assert!((1..=256).contains(&tensor::threads()));
/// ```
pub fn threads() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    match THREADS.load(Ordering::Relaxed) {
        0 => *DEFAULT.get_or_init(|| {
            let cpus = available_parallelism().map_or(1, |n| n.get()).min(MAX_THREADS);
            let Some(wish) = std::env::var_os("TENSOR_THREADS") else {
                return cpus;
            };
            parse_threads(&wish.to_string_lossy()).unwrap_or_else(|message| {
                eprintln!("{message}; using {cpus}");
                cpus
            })
        }),
        n => n,
    }
}

fn parse_threads(wish: &str) -> Result<usize, String> {
    match wish.trim().parse::<usize>() {
        Ok(n) => Ok(n.clamp(1, MAX_THREADS)),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Ok(MAX_THREADS),
        Err(_) => Err(format!("TENSOR_THREADS={wish:?}: expected a whole number from 1 to {MAX_THREADS}")),
    }
}

/// Runs `f(0)`, `f(1)`, … `f(tasks - 1)`, in any order, on the calling thread and the pool's, and returns when all are
/// done.
///
/// There is one pool. Inside a task, or while another thread has the pool, the tasks run one after the other on the
/// calling thread instead; so they do with one thread, or one task.
///
/// # Panics
/// When tasks panic, the panic of the one with the lowest number goes on in the calling thread, once no task is running
/// any more. The pool stays usable.
pub(crate) fn for_each(tasks: usize, f: &(dyn Fn(usize) + Sync)) {
    let threads = threads();
    if tasks > 1 && threads > 1 {
        let pool = match POOL.try_lock() {
            Ok(pool) => Some(pool),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            // Also the answer to a nested call: whoever runs the outer tasks holds the lock until they are done.
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(mut pool) = pool {
            let panic = pool.run(threads, tasks, f);
            drop(pool);
            if let Some(panic) = panic {
                std::panic::resume_unwind(panic);
            }
            return;
        }
    }
    (0..tasks).for_each(f);
}

/// Cuts `out` into chunks of `chunk` elements (the last may be shorter) and runs `f(i, chunk i)` for each, in parallel
/// as [`for_each`] does.
///
/// # Panics
/// If `chunk` is 0, and as [`for_each`].
pub(crate) fn for_each_chunk_mut<T: Send>(out: &mut [T], chunk: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let chunks = Chunks::new(out, chunk);
    // SAFETY: `for_each` runs every index below `chunks.count()` at most once.
    for_each(chunks.count(), &|i| f(i, unsafe { chunks.get(i) }));
}

/// As [`for_each_chunk_mut`] for several slices of one length: task `i` gets chunk `i` of each.
///
/// # Panics
/// If the lengths differ or `chunk` is 0, and as [`for_each`].
pub(crate) fn for_each_chunks_mut<T: Send, const N: usize>(
    slices: [&mut [T]; N],
    chunk: usize,
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    let slices = slices.map(|slice| Chunks::new(slice, chunk));
    let Some(first) = slices.first() else { return };
    assert!(slices.iter().all(|slice| slice.len == first.len), "the slices have different lengths");
    // SAFETY: the slices are different ones; `for_each` runs every index below `count()` at most once.
    for_each(first.count(), &|i| f(i, slices.each_ref().map(|slice| unsafe { slice.get(i) })));
}

/// Runs `f(i, pointers to the first elements of the slices)` for each task, in parallel as [`for_each`] does, for parts that
/// are no chunks: columns of a matrix, say. Only the elements of its part are for a task to touch.
pub(crate) fn for_each_part_mut<T: Send, const N: usize>(
    slices: [&mut [T]; N],
    tasks: usize,
    f: impl Fn(usize, [*mut T; N]) + Sync,
) {
    let slices = slices.map(|slice| Chunks::new(slice, 1));
    for_each(tasks, &|i| f(i, slices.each_ref().map(Chunks::pointer)));
}

/// A slice lent out in disjoint chunks, to several threads.
struct Chunks<'a, T> {
    start: *mut T,
    len: usize,
    chunk: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is `get`, whose caller promises that nobody else has the same chunk; so sharing `Chunks` does
// no more than send each chunk to some thread.
unsafe impl<T: Send> Sync for Chunks<'_, T> {}

impl<'a, T> Chunks<'a, T> {
    fn new(slice: &'a mut [T], chunk: usize) -> Self {
        assert!(chunk > 0, "the size of a chunk must not be 0");
        Chunks { start: slice.as_mut_ptr(), len: slice.len(), chunk, slice: PhantomData }
    }

    fn count(&self) -> usize {
        self.len.div_ceil(self.chunk)
    }

    fn pointer(&self) -> *mut T {
        self.start
    }

    /// # Safety
    /// `i < count()`, and no `i` is asked for twice.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that chunks are not asked for twice")]
    unsafe fn get(&self, i: usize) -> &mut [T] {
        let first = i * self.chunk;
        let len = self.chunk.min(self.len - first);
        // SAFETY: `first + len <= self.len`, and by the promise above this is the only reference to these elements.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), len) }
    }
}

#[cfg(test)]
mod tests;
