//! A file while it is being downloaded.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The bytes that have arrived so far: in memory, and in a file besides, so that a later run of the program can go on
/// from there. Where the file cannot be written (a full disk, say), memory does.
#[derive(Debug)]
pub(super) struct Part {
    bytes: Vec<u8>,
    saved: Option<(PathBuf, File)>,
    trouble: Option<io::Error>,
}

impl Part {
    /// Goes on with what an earlier attempt left at `path`, up to `limit` bytes of it; without a path, in memory.
    pub(super) fn open(path: Option<PathBuf>, limit: u64) -> Self {
        let mut part = Self { bytes: Vec::new(), saved: None, trouble: None };
        if let Some(path) = path {
            match File::options().read(true).append(true).create(true).open(&path) {
                Ok(file) => part.saved = Some((path, file)),
                Err(error) => part.trouble = Some(error),
            }
        }
        if let Some((_, file)) = &part.saved
            && let Err(error) = file.take(limit + 1).read_to_end(&mut part.bytes)
        {
            part.stop_saving(error);
        }
        if part.len() > limit {
            part.clear();
        }
        part
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if let Some((_, file)) = &mut self.saved
            && let Err(error) = file.write_all(bytes)
        {
            self.stop_saving(error);
        }
    }

    /// Forgets what has arrived.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        if let Some((_, file)) = &self.saved
            && let Err(error) = file.set_len(0)
        {
            self.stop_saving(error);
        }
    }

    /// Removes the file, if there is one.
    pub(super) fn discard(mut self) {
        self.remove();
    }

    /// Gives the file its real name. The error is the first that occurred while saving, if one did.
    pub(super) fn finish(mut self, path: &Path) -> io::Result<()> {
        if let Some((from, file)) = self.saved.take() {
            drop(file);
            fs::rename(from, path)?;
        }
        self.trouble.map_or(Ok(()), Err)
    }

    fn stop_saving(&mut self, error: io::Error) {
        self.remove();
        self.trouble = Some(error);
    }

    fn remove(&mut self) {
        if let Some((path, file)) = self.saved.take() {
            drop(file);
            // If it stays, the next attempt finds its bytes and checks the result like any other.
            let _ = fs::remove_file(path);
        }
    }
}
