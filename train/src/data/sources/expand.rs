//! Compressed data, which may become a thousand times as long.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// So much comes of any input.
const FREE: u64 = 64 << 20;
/// Beyond that, no more than so many times what was read.
const TIMES: u64 = 10;

/// An input that counts what is read of it.
pub(super) struct Counted<R> {
    input: R,
    count: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count.set(self.count.get() + count as u64);
        self.input.consume(count);
    }
}

/// What a decompressor makes of an input, as long as it is in proportion.
pub(super) struct Expanded<D> {
    decompressor: D,
    read: Rc<Cell<u64>>,
    /// Bytes that have come of it.
    made: u64,
}

/// Decompresses `input` with what `decompressor` makes of it.
pub(super) fn expand<R: BufRead, D: Read>(
    input: R,
    decompressor: impl FnOnce(Counted<R>) -> D,
) -> Expanded<D> {
    let read = Rc::new(Cell::new(0));
    Expanded { decompressor: decompressor(Counted { input, count: read.clone() }), read, made: 0 }
}

impl<D: Read> Read for Expanded<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decompressor.read(buffer)?;
        self.made += count as u64;
        if self.made > FREE.max(TIMES * self.read.get()) {
            let reason = format!(
                "more than {TIMES} times as many bytes come of it as it has, as of a file that is made to fill the memory; decompress it \
                 if you trust it"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        Ok(count)
    }
}
