//! Where elements live: reference-counted buffers whose memory is used again.
//!
//! A training step asks for the same few sizes over and over. Memory fresh from the system costs a page fault every
//! 4 KiB, more than most kernels cost, so a dropped buffer goes to a free list of its thread, reference count and all,
//! and the next request of the same length takes it from there: a step that is repeated allocates nothing.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

/// Memory begins at a multiple of this many bytes, a line of the cache and the widest vector register: a register loaded
/// from two lines costs twice.
const ALIGNMENT: usize = 64;

/// Memory of so many bytes and more is asked of the system in pages of that size, as far as it spans them: a kernel that goes
/// through it would else wait for the address of every [`PAGE`].
const HUGE_PAGE: usize = 2 << 20;

/// What is asked of the system begins at a multiple of this.
const PAGE: usize = 4 << 10;

/// A thread's free list holds at most this many bytes of one element type: more than a step of `batchnorm_conv`
/// with a batch of 1,000 images gives back.
const MOST_KEPT: usize = 512 << 20;

/// Memory of a length that was not asked for during so many requests goes back to the system: some dozens of training
/// steps.
const PATIENCE: u64 = 1 << 10;

/// Fewer bytes are kept all the same: a thread that seldom gets a certain task would else ask for its few bytes again and
/// again. Nor do such requests count: kernels make thousands of them in a step, some for each image of the batch, and what
/// the step needs once would be given back in the middle of it.
const SMALL: usize = 1 << 20;

/// Elements whose buffers are kept for the next that is asked for: a list for each type and thread.
pub trait Pooled: Copy + Default + Send + Sync + 'static {
    #[doc(hidden)]
    fn free_list() -> &'static std::thread::LocalKey<std::cell::RefCell<FreeList<Self>>>;
}

/// Memory for elements of one type, all of them initialised.
#[derive(Debug)]
struct Memory<T: Pooled> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: the memory is owned, like a `Vec`'s; elements are `Send` and `Sync` themselves.
unsafe impl<T: Pooled> Send for Memory<T> {}
// SAFETY: as above.
unsafe impl<T: Pooled> Sync for Memory<T> {}

impl<T: Pooled> Memory<T> {
    fn layout(len: usize) -> Option<Layout> {
        Layout::array::<T>(len).and_then(|layout| layout.align_to(ALIGNMENT)).ok()
    }

    /// Zeros (for `bool`: `false`).
    ///
    /// # Panics
    /// If the system does not grant the memory.
    #[track_caller]
    fn new(len: usize) -> Memory<T> {
        if len == 0 {
            return Memory { start: NonNull::dangling(), len };
        }
        // SAFETY: the layout is not of size zero, since no element type is.
        let start = Self::layout(len).and_then(|layout| NonNull::new(unsafe { zeroed(layout) }));
        let Some(start) = start else {
            panic!(
                "memory: the system does not grant the {} bytes of a tensor of {len} elements",
                len.saturating_mul(size_of::<T>())
            );
        };
        Memory { start: start.cast(), len }
    }
}

/// Memory of zeros, in huge pages where it is large.
///
/// # Safety
/// The layout is not of size zero.
unsafe fn zeroed(layout: Layout) -> *mut u8 {
    if layout.size() < HUGE_PAGE {
        // SAFETY: by this function's contract.
        return unsafe { alloc_zeroed(layout) };
    }
    // SAFETY: as above; the memory, if there is any, has so many bytes. It is asked for huge pages before it is touched for
    // the first time; where the system has none nothing changes.
    unsafe {
        let start = alloc(layout);
        if !start.is_null() {
            #[cfg(target_os = "linux")]
            {
                let page = start.map_addr(|addr| addr.next_multiple_of(PAGE));
                libc::madvise(page.cast(), layout.size() - PAGE, libc::MADV_HUGEPAGE);
            }
            start.write_bytes(0, layout.size());
        }
        start
    }
}

impl<T: Pooled> Drop for Memory<T> {
    fn drop(&mut self) {
        if let (Some(layout), 1..) = (Self::layout(self.len), self.len) {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

/// A handle to a run of elements. Clones share them; when the last one is dropped the memory goes to the free list.
#[derive(Debug)]
pub struct Buffer<T: Pooled> {
    memory: ManuallyDrop<Arc<Memory<T>>>,
}

impl<T: Pooled> Buffer<T> {
    /// A buffer of `len` elements of unspecified (but initialised) value, to be overwritten by a kernel.
    ///
    /// # Panics
    /// If the system does not grant the memory.
    #[track_caller]
    pub(crate) fn uninit(len: usize) -> Buffer<T> {
        let memory = match T::free_list().try_with(|list| list.borrow_mut().take(len)) {
            Ok(Some(kept)) => kept,
            _ => Arc::new(Memory::new(len)),
        };
        Buffer { memory: ManuallyDrop::new(memory) }
    }

    /// A buffer of `len` elements, each `value`.
    #[track_caller]
    pub(crate) fn full(len: usize, value: T) -> Buffer<T> {
        let mut buffer = Buffer::uninit(len);
        buffer.fill(value);
        buffer
    }

    /// The elements for writing, if nobody else has a handle to them.
    pub(crate) fn get_mut(&mut self) -> Option<&mut [T]> {
        let memory = Arc::get_mut(&mut self.memory)?;
        // SAFETY: the memory holds so many initialised elements, and `memory` is the only way to them.
        Some(unsafe { std::slice::from_raw_parts_mut(memory.start.as_ptr(), memory.len) })
    }

    /// Whether nobody else has a handle.
    pub(crate) fn is_unique(&self) -> bool {
        Arc::strong_count(&self.memory) == 1
    }

    /// Where the elements are; equal for buffers that share them.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.memory).addr()
    }
}

/// Another handle to the same elements.
impl<T: Pooled> Clone for Buffer<T> {
    fn clone(&self) -> Buffer<T> {
        Buffer { memory: self.memory.clone() }
    }
}

impl<T: Pooled> From<Vec<T>> for Buffer<T> {
    fn from(data: Vec<T>) -> Buffer<T> {
        let mut buffer = Buffer::uninit(data.len());
        buffer.copy_from_slice(&data);
        buffer
    }
}

impl<T: Pooled> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is dropped, so nobody takes the memory a second time.
        let mut memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        if Arc::get_mut(&mut memory).is_some() {
            // A thread that ends has no free list any more, and lets the memory go.
            let _ = T::free_list().try_with(|list| list.borrow_mut().put(memory));
        }
    }
}

impl<T: Pooled> std::ops::Deref for Buffer<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the memory holds so many initialised elements, which are written through `get_mut` only.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr(), self.memory.len) }
    }
}

/// For kernels, which fill buffers before anybody else gets to see them.
impl<T: Pooled> std::ops::DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self.get_mut() {
            Some(elements) => elements,
            None => unreachable!("a shared buffer was written to"),
        }
    }
}

/// Memory of dropped buffers of one thread, by length.
#[derive(Debug)]
pub struct FreeList<T: Pooled> {
    by_len: Option<HashMap<usize, Spare<T>>>,
    bytes: usize,
    /// Counts requests, to tell lengths in use from those that are not asked for any more.
    clock: u64,
}

/// Memory of one length.
#[derive(Debug)]
struct Spare<T: Pooled> {
    last_used: u64,
    memory: Vec<Arc<Memory<T>>>,
}

impl<T: Pooled> FreeList<T> {
    pub(crate) const fn new() -> FreeList<T> {
        FreeList { by_len: None, bytes: 0, clock: 0 }
    }

    fn take(&mut self, len: usize) -> Option<Arc<Memory<T>>> {
        if len * size_of::<T>() >= SMALL {
            self.clock += 1;
            if self.clock.is_multiple_of(PATIENCE / 4) {
                self.forget_unused();
            }
        }
        let spare = self.by_len.as_mut()?.get_mut(&len)?;
        spare.last_used = self.clock;
        let memory = spare.memory.pop()?;
        self.bytes -= len * size_of::<T>();
        Some(memory)
    }

    fn forget_unused(&mut self) {
        let (clock, mut freed) = (self.clock, 0);
        if let Some(by_len) = &mut self.by_len {
            by_len.retain(|len, spare| {
                let used = len * size_of::<T>() < SMALL || spare.last_used + PATIENCE > clock;
                if !used {
                    freed += len * size_of::<T>() * spare.memory.len();
                }
                used
            });
        }
        self.bytes -= freed;
    }

    fn put(&mut self, memory: Arc<Memory<T>>) {
        let (len, clock) = (memory.len, self.clock);
        self.bytes += len * size_of::<T>();
        let by_len = self.by_len.get_or_insert_default();
        by_len.entry(len).or_insert_with(|| Spare { last_used: clock, memory: vec![] }).memory.push(memory);
        while self.bytes > MOST_KEPT {
            let oldest = by_len.iter().min_by_key(|(_, spare)| spare.last_used).map(|(&len, _)| len);
            let Some(len) = oldest else { break };
            match by_len.get_mut(&len).and_then(|spare| spare.memory.pop()) {
                Some(_) => self.bytes -= len * size_of::<T>(),
                None => drop(by_len.remove(&len)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again() {
        for len in [1, 5000] {
            let first = Buffer::<f32>::full(len, 1.0);
            let address = first.as_ptr();
            let second = first.clone();
            drop(first);
            assert_ne!(Buffer::<f32>::uninit(len).as_ptr(), address, "it is still in use");
            drop(second);
            assert_eq!(Buffer::<f32>::uninit(len).as_ptr(), address);
        }
    }

    #[test]
    fn memory_is_aligned_and_zero_at_first() {
        for len in [0, 1, 17, 100_000, HUGE_PAGE] {
            let buffer = Buffer::<f64>::uninit(len + 12_345);
            assert_eq!(buffer.as_ptr().addr() % ALIGNMENT, 0);
            assert!(buffer.iter().all(|&x| x == 0.0));
            assert_eq!(Buffer::<f64>::uninit(len).len(), len);
        }
    }

    #[test]
    fn a_length_that_is_not_asked_for_any_more_is_forgotten() {
        std::thread::spawn(|| {
            let kept = || <i64 as Pooled>::free_list().with(|list| list.borrow().bytes);
            drop(Buffer::<i64>::uninit(1_000_000));
            for _ in 0..PATIENCE / 2 {
                drop(Buffer::<i64>::uninit(200_000));
                drop(Buffer::<i64>::uninit(7));
            }
            assert_eq!(kept(), 9_600_056);
            for _ in 0..PATIENCE {
                drop(Buffer::<i64>::uninit(200_000));
            }
            assert_eq!(kept(), 1_600_056, "what is in use or small stays");
        })
        .join()
        .unwrap();
    }

    /// Many small requests between two large ones are no reason to give the memory of the large ones back.
    #[test]
    fn memory_that_a_step_needs_once_outlives_the_requests_for_each_image() {
        std::thread::spawn(|| {
            let address = Buffer::<i64>::uninit(1_000_000).as_ptr().addr();
            for _ in 0..100_000 {
                drop(Buffer::<i64>::uninit(7));
            }
            assert_eq!(Buffer::<i64>::uninit(1_000_000).as_ptr().addr(), address);
            let kept = <i64 as Pooled>::free_list().with(|list| list.borrow().bytes);
            assert_eq!(kept, 8_000_056);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_free_list_is_bounded() {
        for len in 0..5000 {
            drop(Buffer::<f64>::full(20_000 + len, 0.0));
        }
        let kept = <f64 as Pooled>::free_list().with(|list| list.borrow().bytes);
        assert!(kept <= MOST_KEPT, "{kept} bytes kept");
    }
}
