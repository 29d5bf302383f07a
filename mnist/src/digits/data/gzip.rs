//! Gzip files as gzip itself and Python's `gzip` read them: one stream after the other, with padding behind them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What a compressed file begins with.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Padding fills blocks of a tape or a disk. More than this is none.
const MAX_PADDING: usize = 1 << 24;
/// So many bytes come of any file, and beyond that no more than so many times what it has: digits compress to a fifth.
const FREE: u64 = 64 << 20;
const TIMES: u64 = 10;

/// Decompresses all streams of a file. Between and behind them may be zero bytes, which fill blocks, and line ends, which
/// editors and web servers append.
pub(super) struct Gunzip<R> {
    /// The stream that is being read, and the file behind it; `None` at the end.
    stream: Option<GzDecoder<Counted<R>>>,
    /// Bytes that have come of it.
    made: u64,
}

/// A file that counts what is read of it.
struct Counted<R> {
    input: R,
    count: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count += count as u64;
        self.input.consume(count);
    }
}

/// Something else follows a stream that is whole.
#[derive(Debug, thiserror::Error)]
#[error("bytes that are not gzip data follow it, beginning with {}", .0.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))]
pub(super) struct Trailing(pub(super) Vec<u8>);

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self { stream: Some(GzDecoder::new(Counted { input, count: 0 })), made: 0 }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(stream) = &mut self.stream {
            let count = stream.read(buffer)?;
            self.made += count as u64;
            if self.made > FREE.max(TIMES * stream.get_ref().count) {
                let reason = format!("more than {TIMES} times as many bytes come of it as it has");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
            }
            if count > 0 {
                return Ok(count);
            }
            let rest = self.stream.take().map(GzDecoder::into_inner);
            self.stream = rest.map(next_stream).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The stream behind the padding, if there is one.
fn next_stream<R: BufRead>(mut input: R) -> io::Result<Option<GzDecoder<R>>> {
    let mut skipped = 0;
    loop {
        let bytes = input.fill_buf()?;
        let padding = bytes.iter().take_while(|byte| matches!(byte, 0 | b'\n' | b'\r')).count();
        match bytes.get(padding) {
            Some(&byte) if byte == MAGIC[0] => {
                input.consume(padding);
                return Ok(Some(GzDecoder::new(input)));
            }
            None if bytes.is_empty() => return Ok(None),
            None if skipped <= MAX_PADDING => {
                skipped += padding;
                input.consume(padding);
            }
            _ => {
                let first = bytes[padding.min(bytes.len() - 1)..].iter().take(8).copied().collect();
                return Err(io::Error::new(io::ErrorKind::InvalidData, Trailing(first)));
            }
        }
    }
}
