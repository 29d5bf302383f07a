//! A file with a JSON value a line, that a run writes to as it goes on.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Appends values to a file, each as a line of JSON: the numbers of a run.
///
/// ```
/// use train::JsonLines;
///
/// let file = tempfile::tempdir()?.keep().join("metrics.jsonl");
/// let mut lines = JsonLines::create(&file)?;
/// (0..5).try_for_each(|step| lines.append(&step))?;
/// lines.sync()?; // they are on the disk: a checkpoint may count on them
///
/// // A run that goes on after 3 steps will write those after it again.
/// JsonLines::retain(&file, |step: &u64| *step < 3)?;
/// JsonLines::open(&file)?.append(&3)?;
/// assert_eq!(std::fs::read_to_string(&file)?, "0\n1\n2\n3\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonLines(BufWriter<File>);

impl JsonLines {
    /// A new file.
    ///
    /// # Errors
    /// If there is one, or it cannot be made.
    pub fn create(path: impl AsRef<Path>) -> io::Result<JsonLines> {
        Ok(JsonLines(BufWriter::new(File::create_new(path)?)))
    }

    /// A file that is there, or else a new one.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> io::Result<JsonLines> {
        Ok(JsonLines(BufWriter::new(File::options().append(true).create(true).open(path)?)))
    }

    /// Appends a line, which may stay in memory for a while.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, value: &impl Serialize) -> io::Result<()> {
        writeln!(self.0, "{}", serde_json::to_string(value)?)
    }

    /// Hands all lines to the system: they are there though the program is killed.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// Has all lines on the disk: they are there though the computer fails.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.0.get_ref().sync_data()
    }

    /// Leaves the lines of a file that are values to keep. Lines that are cut short, and such as are no values of the kind, go. Whatever
    /// happens, there is the old file or the new one; if there is none there will be none.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn retain<T: DeserializeOwned>(path: impl AsRef<Path>, keep: impl Fn(&T) -> bool) -> io::Result<()> {
        let path = path.as_ref();
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            bytes => bytes?,
        };
        // A line may be cut inside a character.
        let text = String::from_utf8_lossy(&bytes);
        let is_kept =
            |line: &&str| line.ends_with('\n') && serde_json::from_str(line).is_ok_and(|value| keep(&value));
        let kept: String = text.split_inclusive('\n').filter(is_kept).collect();
        if kept.as_bytes() == bytes {
            return Ok(());
        }
        let beside = path.with_added_extension("tmp");
        let mut new = File::create(&beside)?;
        new.write_all(kept.as_bytes()).and_then(|()| new.sync_all())?;
        fs::rename(beside, path)
    }
}
