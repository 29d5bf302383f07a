//! Where elements live: reference-counted buffers whose memory is used again.
//!
//! A training step asks for the same few sizes over and over. Memory fresh from the system costs a page fault every
//! 4 KiB, more than most kernels cost, so a dropped buffer goes to a free list of its thread and the next request of
//! the same length takes it from there.

use crate::dtype::{DType, Element};
use std::collections::HashMap;
use std::sync::Arc;

/// Buffers below this many bytes are left to the system allocator, which is fast for them.
const SMALLEST_KEPT: usize = 4 << 10;
/// A thread's free list holds at most this many bytes of one element type.
const MOST_KEPT: usize = 384 << 20;

/// From this many bytes on a buffer is asked for with care: memory that the system does not grant would end the program
/// without a panic.
const LARGE: usize = 1 << 30;

/// A run of elements that returns its memory to the free list when dropped.
#[derive(Debug)]
pub struct Buffer<T: Element> {
    data: Vec<T>,
}

impl<T: Element> Buffer<T> {
    /// A buffer of `len` elements of unspecified (but initialised) value, to be overwritten by a kernel.
    ///
    /// # Panics
    /// If the system does not grant the memory.
    #[track_caller]
    pub(crate) fn uninit(len: usize) -> Buffer<T> {
        if len * size_of::<T>() >= SMALLEST_KEPT
            && let Ok(Some(data)) = T::free_list().try_with(|list| list.borrow_mut().take(len))
        {
            return Buffer { data };
        }
        let bytes = len * size_of::<T>();
        if bytes >= LARGE && Vec::<T>::new().try_reserve_exact(len).is_err() {
            panic!("memory: the system does not grant the {bytes} bytes of a tensor of {len} elements");
        }
        Buffer { data: vec![T::default(); len] }
    }

    /// A buffer of `len` elements, each `value`.
    #[track_caller]
    pub(crate) fn full(len: usize, value: T) -> Buffer<T> {
        let mut buffer = Buffer::uninit(len);
        buffer.data.fill(value);
        buffer
    }
}

impl<T: Element> From<Vec<T>> for Buffer<T> {
    fn from(data: Vec<T>) -> Buffer<T> {
        Buffer { data }
    }
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Buffer<T> {
        let mut copy = Buffer::uninit(self.data.len());
        copy.data.copy_from_slice(&self.data);
        copy
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.data.len() * size_of::<T>() >= SMALLEST_KEPT {
            let data = std::mem::take(&mut self.data);
            // The list is gone while its thread ends; then the memory goes back to the system.
            let _ = T::free_list().try_with(|list| list.borrow_mut().put(data));
        }
    }
}

impl<T: Element> std::ops::Deref for Buffer<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        &self.data
    }
}
impl<T: Element> std::ops::DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data
    }
}

/// Memory of dropped buffers of one thread, by length.
#[derive(Debug)]
pub struct FreeList<T> {
    by_len: Option<HashMap<usize, Spare<T>>>,
    bytes: usize,
    /// Counts requests, to tell lengths in use from those that are not asked for any more.
    clock: u64,
}

/// Memory of one length.
#[derive(Debug)]
struct Spare<T> {
    last_used: u64,
    memory: Vec<Vec<T>>,
}

impl<T> FreeList<T> {
    pub(crate) const fn new() -> FreeList<T> {
        FreeList { by_len: None, bytes: 0, clock: 0 }
    }

    fn take(&mut self, len: usize) -> Option<Vec<T>> {
        self.clock += 1;
        let spare = self.by_len.as_mut()?.get_mut(&len)?;
        spare.last_used = self.clock;
        let data = spare.memory.pop()?;
        self.bytes -= len * size_of::<T>();
        Some(data)
    }

    fn put(&mut self, mut data: Vec<T>) {
        data.shrink_to_fit();
        let (len, clock) = (data.len(), self.clock);
        self.bytes += len * size_of::<T>();
        let by_len = self.by_len.get_or_insert_default();
        by_len.entry(len).or_insert_with(|| Spare { last_used: clock, memory: vec![] }).memory.push(data);
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

/// The buffer of a tensor, of any element type.
#[derive(Clone, Debug)]
pub enum Storage {
    /// See [`DType::F32`].
    F32(Arc<Buffer<f32>>),
    /// See [`DType::F64`].
    F64(Arc<Buffer<f64>>),
    /// See [`DType::I64`].
    I64(Arc<Buffer<i64>>),
    /// See [`DType::Bool`].
    Bool(Arc<Buffer<bool>>),
}

impl Storage {
    #[inline]
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Storage::F32(_) => DType::F32,
            Storage::F64(_) => DType::F64,
            Storage::I64(_) => DType::I64,
            Storage::Bool(_) => DType::Bool,
        }
    }

    /// Where the buffer is in memory; equal for two tensors that share it.
    pub(crate) fn address(&self) -> usize {
        match self {
            Storage::F32(b) => Arc::as_ptr(b).addr(),
            Storage::F64(b) => Arc::as_ptr(b).addr(),
            Storage::I64(b) => Arc::as_ptr(b).addr(),
            Storage::Bool(b) => Arc::as_ptr(b).addr(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let first = Buffer::<f32>::full(5000, 1.0);
        let address = first.as_ptr();
        drop(first);
        assert_eq!(Buffer::<f32>::uninit(5000).as_ptr(), address);
    }

    #[test]
    fn the_free_list_is_bounded() {
        for len in 0..5000 {
            drop(Buffer::<f64>::full(20_000 + len, 0.0));
        }
        let kept = <f64 as crate::dtype::Stored>::free_list().with(|list| list.borrow().bytes);
        assert!(kept <= MOST_KEPT, "{kept} bytes kept");
    }
}
