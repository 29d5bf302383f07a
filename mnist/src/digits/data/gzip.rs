//! Gzip files as gzip itself and Python's `gzip` read them: one stream after the other, with padding behind them.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What a compressed file begins with.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Padding fills blocks of a tape or a disk. More than this is none.
const MAX_PADDING: usize = 1 << 24;

/// Decompresses all streams of a file. Between and behind them may be zero bytes, which fill blocks, and line ends, which
/// editors and web servers append.
pub(super) struct Gunzip<R> {
    /// The stream that is being read, and the file behind it; `None` at the end.
    stream: Option<GzDecoder<R>>,
}

/// Something else follows a stream that is whole.
#[derive(Debug, thiserror::Error)]
#[error("bytes that are not gzip data follow it, beginning with {}", .0.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))]
pub(super) struct Trailing(pub(super) Vec<u8>);

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self { stream: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(stream) = &mut self.stream {
            let count = stream.read(buffer)?;
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
