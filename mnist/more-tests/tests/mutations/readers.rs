//! Every reader of bytes as a function of bytes, which says whether it took them. cargo-fuzz can call them as they are:
//! `fuzz_target!(|bytes: &[u8]| { readers::npy(bytes); });`

use super::server;
use flate2::Compression;
use flate2::write::GzEncoder;
use mnist::data::Split;
use nn::{DType, Linear, Rng};
use optim::{Adam, Optimizer};
use std::cell::RefCell;
use std::fs;
use std::io::{Cursor, Write};
use tempfile::{NamedTempFile, TempDir, tempdir};
use train::watch::{History, files, recorded};
use train::{Channels, Checkpoint, JsonLines, ReadAs};

/// All that an element may be read as.
const ALL: [ReadAs; 5] = [
    ReadAs::Stored,
    ReadAs::Pixels,
    ReadAs::Dtype(DType::F32),
    ReadAs::Dtype(DType::I64),
    ReadAs::Dtype(DType::Bool),
];

/// One of them, by the bytes.
fn how(bytes: &[u8]) -> ReadAs {
    ALL[bytes.iter().map(|&byte| usize::from(byte)).sum::<usize>() % ALL.len()]
}

pub(crate) fn idx(bytes: &[u8]) -> bool {
    let _ = train::idx_from(bytes, "f", how(bytes));
    train::idx_from(bytes, "f", ReadAs::Stored).is_ok()
}

/// The same in a gzip file that is whole: what is wrong is inside.
pub(crate) fn idx_in_gz(bytes: &[u8]) -> bool {
    idx(&gz(bytes))
}

/// MNIST's files, as the search for them reads them: images, and their labels behind a mark.
pub(crate) fn digits(bytes: &[u8]) -> bool {
    let parts = parts::<2>(bytes);
    let _ = Split::from_idx(&gz(parts[0]), parts[1]);
    Split::from_idx(parts[0], parts[1]).is_ok()
}

pub(crate) fn npy(bytes: &[u8]) -> bool {
    let _ = train::npy_from(bytes, "f", how(bytes));
    train::npy_from(bytes, "f", ReadAs::Stored).is_ok()
}

pub(crate) fn npz(bytes: &[u8]) -> bool {
    let [x, y] = ["x", "y"].map(|name| train::npz_from(bytes, "f", [(name, ReadAs::Stored)]).is_ok());
    x | y
}

pub(crate) fn csv(bytes: &[u8]) -> bool {
    let classes = train::csv_classes_from(bytes, "f", "town").is_ok();
    train::csv_numbers_from(bytes, "f", &["area", "rooms"]).is_ok() & classes
}

pub(crate) fn image(bytes: &[u8]) -> bool {
    train::image_from(bytes, "f", [7, 5], Channels::Rgb).is_ok()
}

/// A PNG picture whose checksums are right whatever is in it.
pub(crate) fn png_with_checksums(bytes: &[u8]) -> bool {
    let mut bytes = bytes.to_vec();
    let mut at = 8;
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4).and_then(|len| len.first_chunk::<4>()) {
        let end = (at + 8).saturating_add(u32::from_be_bytes([a, b, c, d]) as usize);
        let Some(content) = bytes.get(at + 4..end) else { break };
        let crc = crc32(content).to_be_bytes();
        let Some(place) = bytes.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&crc);
        at = end + 4;
    }
    image(&bytes)
}

/// A picture of a digit, as `recognize` reads it.
pub(crate) fn digit_in_png(bytes: &[u8]) -> bool {
    thread_local!(static FILES: (NamedTempFile, NamedTempFile) = {
        let model = NamedTempFile::new().unwrap();
        nn::save(&mnist::models::softmax(&mut Rng::new(1)), model.path(), &nn::Metadata::new()).unwrap();
        (model, NamedTempFile::new().unwrap())
    });
    FILES.with(|(model, picture)| {
        fs::write(picture.path(), bytes).unwrap();
        mnist::recognize(model.path(), Some("softmax"), picture.path()).is_ok()
    })
}

pub(crate) fn safetensors(bytes: &[u8]) -> bool {
    nn::load_tensors_from(bytes, "f").is_ok()
}

/// What is in it, too, for a model and an optimizer that it may belong to.
pub(crate) fn checkpoint(bytes: &[u8]) -> bool {
    thread_local!(static OF: RefCell<(Linear, Adam)> = RefCell::new((linear(), Adam::new())));
    let Ok(checkpoint) = Checkpoint::from_bytes(bytes, "f") else { return false };
    let _ = (checkpoint.state::<serde_json::Value>(), checkpoint.warnings());
    OF.with_borrow_mut(|(model, adam)| {
        let optimizer: &mut dyn Optimizer = adam;
        let _ = checkpoint.restore(model, optimizer);
    });
    true
}

/// Settings, numbers, panels and results of a run, with marks between; and what is shown of them.
pub(crate) fn run(bytes: &[u8]) -> bool {
    thread_local!(static FOLDER: TempDir = tempdir().unwrap());
    let names = [files::CONFIG, files::METRICS, files::PANELS, files::RESULTS];
    FOLDER.with(|folder| {
        for (name, content) in names.iter().zip(parts::<4>(bytes)) {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let Ok((_, events)) = recorded(folder.path()) else { return false };
        let mut history = History::new();
        history.go_on_after(&events);
        let _ = train::show::compare(&[folder.path()]);
        let _ = train::show::report(&events, &vec![]);
        // Its pixels take time.
        if bytes.len().is_multiple_of(64) {
            let _ = train::show::figure(&events, &vec![]);
        }
        JsonLines::retain(folder.path().join(files::METRICS), |_: &serde_json::Value| true).unwrap();
        true
    })
}

/// What comes to the live page over the network.
pub(crate) fn http(bytes: &[u8]) -> bool {
    server::ask(bytes).starts_with(b"HTTP/1.1 2")
}

/// What is between marks, which no file of these kinds has by chance; nothing where there are fewer.
pub(crate) const MARK: &[u8] = b"\xff\0-8<-\0\xff";

fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    [(); N].map(|()| {
        let end = rest.windows(MARK.len()).position(|window| window == MARK);
        let (part, after) = match end {
            Some(end) => (&rest[..end], &rest[end + MARK.len()..]),
            None => (rest, &[][..]),
        };
        rest = after;
        part
    })
}

pub(crate) fn linear() -> Linear {
    Linear::new(3, 2, &mut Rng::new(1))
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Cursor::new(vec![]), Compression::none());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap().into_inner()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
