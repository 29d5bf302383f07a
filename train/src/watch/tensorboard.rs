//! Event files that TensorBoard reads.

use super::event::{Event, Observer};
use super::record::Record;
use crate::print::print_error;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name that TensorBoard looks for: it takes every file whose name has `tfevents` in it.
const FILE: &str = "events.out.tfevents.train";
/// A record is never so long.
const LONGEST: u64 = 1 << 20;

/// A message of protocol buffers: its fields with their numbers and the functions of their kind.
macro_rules! message {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $type:ty = $tag:literal by $($kind:ident)::+ / $merge:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        struct $name {
            $($(#[$of])* $field: $type,)*
        }

        impl Message for $name {
            fn encode_raw(&self, buffer: &mut impl BufMut) {
                $($merge!(encode $($kind)::+, $tag, &self.$field, buffer);)*
            }
            fn merge_field(
                &mut self,
                tag: u32,
                wire_type: WireType,
                buffer: &mut impl Buf,
                context: DecodeContext,
            ) -> Result<(), DecodeError> {
                match tag {
                    $($tag => $merge!(merge $($kind)::+, wire_type, &mut self.$field, buffer, context),)*
                    _ => encoding::skip_field(wire_type, tag, buffer, context),
                }
            }
            fn encoded_len(&self) -> usize {
                0 $(+ $merge!(length $($kind)::+, $tag, &self.$field))*
            }
            fn clear(&mut self) {
                *self = $name::default();
            }
        }
    };
}

/// A field that is always there.
macro_rules! one {
    (encode $($kind:ident)::+, $tag:literal, $field:expr, $buffer:ident) => { $($kind)::+::encode($tag, $field, $buffer) };
    (merge $($kind:ident)::+, $wire:ident, $field:expr, $buffer:ident, $context:ident) => {
        $($kind)::+::merge($wire, $field, $buffer, $context)
    };
    (length $($kind:ident)::+, $tag:literal, $field:expr) => { $($kind)::+::encoded_len($tag, $field) };
}

/// A field that may be there.
macro_rules! perhaps {
    (encode $($kind:ident)::+, $tag:literal, $field:expr, $buffer:ident) => {
        if let Some(field) = $field { $($kind)::+::encode($tag, field, $buffer) }
    };
    (merge $($kind:ident)::+, $wire:ident, $field:expr, $buffer:ident, $context:ident) => {
        $($kind)::+::merge($wire, $field.get_or_insert_with(Default::default), $buffer, $context)
    };
    (length $($kind:ident)::+, $tag:literal, $field:expr) => {
        $field.as_ref().map_or(0, |field| $($kind)::+::encoded_len($tag, field))
    };
}

/// A field that may be there many times.
macro_rules! many {
    (encode $($kind:ident)::+, $tag:literal, $field:expr, $buffer:ident) => {
        $field.iter().for_each(|field| $($kind)::+::encode($tag, field, $buffer))
    };
    (merge $($kind:ident)::+, $wire:ident, $field:expr, $buffer:ident, $context:ident) => {
        $($kind)::+::merge_repeated($wire, $field, $buffer, $context)
    };
    (length $($kind:ident)::+, $tag:literal, $field:expr) => { $($kind)::+::encoded_len_repeated($tag, $field) };
}

message! {
    /// What TensorBoard calls an event; of its fields those that are written here.
    Entry {
        /// Seconds since 1970.
        wall_time: f64 = 1 by encoding::double / one,
        step: i64 = 2 by encoding::int64 / one,
        /// Of the first event alone.
        file_version: Option<String> = 3 by encoding::string / perhaps,
        summary: Option<Summary> = 5 by encoding::message / perhaps,
    }
}
message! {
    /// Scalars of a step.
    Summary {
        value: Vec<Scalar> = 1 by encoding::message / many,
    }
}
message! {
    /// A number and its name.
    Scalar {
        tag: String = 1 by encoding::string / one,
        simple_value: f32 = 2 by encoding::float / one,
    }
}

/// Writes each record's values into a file for TensorBoard, as `train/loss`, `test/loss` and so on. A run that goes on goes on in it, with
/// neither gap nor double.
///
/// ```
/// use nn::{Layer, Linear, Rng};
/// use train::Trainer;
/// use train::watch::TensorBoard;
///
/// let folder = tempfile::tempdir()?.keep();
/// let line = Linear::new(1, 1, &mut Rng::new(1));
/// let trainer = Trainer::new(line, optim::Adam::new(), |line: &Linear, [x, y]| [nn::loss::mse(line.forward(x), y)])
///     .observe(TensorBoard::new(&folder)?); // tensorboard --logdir …
/// # let _ = trainer;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TensorBoard {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    /// It could not be written.
    failed: bool,
}

impl TensorBoard {
    /// A file in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(folder: impl AsRef<Path>) -> io::Result<TensorBoard> {
        fs::create_dir_all(&folder)?;
        let path = folder.as_ref().join(FILE);
        File::options().append(true).create(true).open(&path)?;
        Ok(TensorBoard { path, file: None, failed: false })
    }

    /// Keeps what a run has told before this step.
    fn begin(&mut self, step: u64) -> io::Result<()> {
        let kept = kept(File::open(&self.path)?, step)?;
        // Nobody takes half of it for the whole.
        let beside = self.path.with_added_extension("tmp");
        let mut file = BufWriter::new(File::create(&beside)?);
        match kept.is_empty() {
            true => {
                let file_version = Some("brain.Event:2".to_owned());
                file.write_all(&framed(&Entry { wall_time: now(), step: 0, file_version, summary: None }))?;
            }
            false => file.write_all(&kept)?,
        }
        file.flush()?;
        fs::rename(&beside, &self.path)?;
        self.file = Some(file);
        Ok(())
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        if self.file.is_none() {
            self.begin(0)?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let value = record.values.iter().map(|(name, value)| Scalar {
            // The first word is the set, by which TensorBoard groups.
            tag: name.replacen('_', "/", 1),
            simple_value: value as f32,
        });
        let summary = Some(Summary { value: value.collect() });
        let step = i64::try_from(record.step).unwrap_or(i64::MAX);
        file.write_all(&framed(&Entry { wall_time: now(), step, file_version: None, summary }))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Observer for TensorBoard {
    fn on_event(&mut self, event: &Event) {
        if self.failed {
            return;
        }
        let done = match event {
            // If it goes on, that is said next.
            Event::Start(_) => {
                self.file = None;
                Ok(())
            }
            Event::Resumed(step) => self.begin(*step),
            Event::Step(record) => self.write(record),
            Event::Flush(_) | Event::Checkpoint(_) | Event::Done(_) => self.flush(),
            _ => Ok(()),
        };
        if let Err(error) = done {
            let file = self.path.display();
            print_error(&format!("warning: {file}: {error}; training goes on without it"));
            (self.file, self.failed) = (None, true);
        }
    }
}

/// Seconds since 1970; 0 on a clock that is before it.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A checksum as the files have it.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Length, its checksum, the message, its checksum (TFRecord).
fn framed(entry: &Entry) -> Vec<u8> {
    let message = entry.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), &message, &masked(&message).to_le_bytes()].concat()
}

/// The whole entries of a file, up to the first of this step.
fn kept(file: impl Read, step: u64) -> io::Result<Vec<u8>> {
    let mut file = io::BufReader::new(file);
    let mut kept = vec![];
    loop {
        let mut head = [0; 12];
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(kept),
            read => read?,
        }
        let length = u64::from_le_bytes(head[..8].try_into().unwrap_or_default());
        if length > LONGEST || masked(&head[..8]).to_le_bytes() != head[8..] {
            return Ok(kept);
        }
        let mut body = vec![0; length as usize + 4];
        match file.read_exact(&mut body) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(kept),
            read => read?,
        }
        let (message, sum) = body.split_at(length as usize);
        let entry = Entry::decode(message).ok().filter(|_| masked(message).to_le_bytes() == *sum);
        match entry {
            Some(entry)
                if entry.file_version.is_some()
                    || (0..=i64::MAX).contains(&entry.step) && (entry.step as u64) < step =>
            {
                kept.extend(head.iter().chain(&body));
            }
            _ => return Ok(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    fn record(step: u64) -> Event {
        let values = [("train_loss", 0.5), ("lr", 0.1), ("test_top_loss", step as f64)].into_iter().collect();
        Event::Step(Record { step, epoch: 1, values })
    }

    fn steps(file: &Path) -> Vec<i64> {
        let bytes = kept(File::open(file).unwrap(), u64::MAX).unwrap();
        let (mut rest, mut steps) = (&bytes[..], vec![]);
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let entry = Entry::decode(&rest[12..12 + length]).unwrap();
            steps.extend(entry.summary.map(|_| entry.step));
            rest = &rest[16 + length..];
        }
        steps
    }

    #[test]
    fn a_run_that_goes_on_has_each_step_once() {
        let folder = tempdir().unwrap();
        let mut board = TensorBoard::new(folder.path()).unwrap();
        board.on_event(&Event::Start(Box::default()));
        (0..5).for_each(|step| board.on_event(&record(step)));
        board.on_event(&Event::Start(Box::default()));
        board.on_event(&Event::Resumed(3));
        (3..7).for_each(|step| board.on_event(&record(step)));
        board.flush().unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(steps(&file), [0, 1, 2, 3, 4, 5, 6]);
        // Killed while it wrote.
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
        let mut board = TensorBoard::new(folder.path()).unwrap();
        board.on_event(&Event::Resumed(4));
        board.on_event(&record(4));
        drop(board);
        assert_eq!(steps(&file), [0, 1, 2, 3, 4]);
        // What is no such file is begun anew.
        fs::write(&file, [0xff; 100]).unwrap();
        let mut board = TensorBoard::new(folder.path()).unwrap();
        board.on_event(&Event::Resumed(4));
        board.on_event(&record(4));
        drop(board);
        assert_eq!(steps(&file), [4]);
    }

    /// The checksum of TensorFlow's own documentation of the format: of the bytes 0 to 31.
    #[test]
    fn checksums_are_those_of_the_format() {
        let bytes: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c::crc32c(&bytes), 0x46dd_794e);
        assert_eq!(masked(b""), 0xa282_ead8);
    }
}
