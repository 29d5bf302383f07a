//! Tensors into files that `numpy.load` reads.

use super::header::Header;
use crate::data::DataError;
use nn::{DType, Tensor};
use rawzip::ZipArchiveWriter;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a tensor for `numpy.load`. Whatever happens, there is the old file or the new one.
///
/// ```
/// let file = tempfile::tempdir()?.keep().join("x.npy");
/// train::write_npy(&file, &nn::Tensor::from([1.5_f32, 2.0]))?;
/// let bytes = std::fs::read(&file)?;
/// assert!(bytes.starts_with(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  "));
/// assert_eq!(bytes.len(), 128 + 2 * 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, x: &Tensor) -> Result<(), DataError> {
    in_place_of(path.as_ref(), |out| write_array(out, x))
}

/// Writes tensors by name into an archive for `numpy.load`, as `numpy.savez` does. Whatever happens, there is the old file or the new one.
///
/// ```
/// use nn::Tensor;
/// use train::ReadAs;
///
/// let file = tempfile::tempdir()?.keep().join("data.npz");
/// let (x, y) = (Tensor::from([[1.5_f32], [2.0]]), Tensor::from([0_i64, 1]));
/// train::write_npz(&file, [("x", &x), ("y", &y)])?;
/// let [labels] = train::npz(&file, [("y", ReadAs::Stored)])?;
/// assert_eq!(labels, y);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or a name is empty, used twice, or no path inside of an archive.
pub fn write_npz<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
) -> Result<(), DataError> {
    let path = path.as_ref();
    let arrays: Vec<(&str, &Tensor)> = arrays.into_iter().collect();
    let mut known = BTreeSet::new();
    for (name, _) in &arrays {
        let refused = |reason: &str| {
            let (file, array) = (path.to_owned(), Some((*name).to_owned()));
            Err(DataError::Content { file, array, reason: reason.to_owned() })
        };
        let is_path = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_path || name.contains(['\\', '\0', ':']) {
            return refused("an archive has no such name; take letters, digits and signs like `_` and `.`");
        }
        if !known.insert(name) {
            return refused("it is there twice; give each array a name of its own");
        }
    }
    in_place_of(path, |out| {
        let mut archive = ZipArchiveWriter::new(out);
        for (name, x) in arrays {
            let name = format!("{name}.npy");
            let (mut entry, config) = archive.new_file(&name).start().map_err(io::Error::other)?;
            let mut content = config.wrap(&mut entry);
            write_array(&mut content, x)?;
            let (_, descriptor) = content.finish().map_err(io::Error::other)?;
            entry.finish(descriptor).map_err(io::Error::other)?;
        }
        archive.finish().map(|_| ()).map_err(io::Error::other)
    })
}

/// Writes a file beside the one that it then takes the place of.
fn in_place_of(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), DataError> {
    let beside = path.with_added_extension("tmp");
    let written = || {
        let mut out = BufWriter::new(File::create(&beside)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(|error| DataError::Io { file: path.to_owned(), error })
}

fn write_array(out: &mut impl Write, x: &Tensor) -> io::Result<()> {
    out.write_all(&Header::of(x))?;
    let x = x.contiguous();
    match x.dtype() {
        DType::F32 => write_all(out, x.as_slice(), f32::to_le_bytes),
        DType::F64 => write_all(out, x.as_slice(), f64::to_le_bytes),
        DType::I64 => write_all(out, x.as_slice(), i64::to_le_bytes),
        DType::Bool => write_all(out, x.as_slice(), |x: bool| [x.into()]),
    }
}

/// A contiguous tensor has a slice of its own type.
fn write_all<T: Copy, const N: usize>(
    out: &mut impl Write,
    numbers: Option<&[T]>,
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    numbers.unwrap_or_default().iter().try_for_each(|x| out.write_all(&bytes(*x)))
}
