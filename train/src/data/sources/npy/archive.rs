//! Arrays of an archive by their names.

use super::array;
use crate::data::DataError;
use crate::data::sources::elements::{ReadAs, Wrong};
use crate::data::sources::expand::expand;
use crate::data::sources::file;
use flate2::bufread::DeflateDecoder;
use nn::Tensor;
use rawzip::{
    CompressionMethod, ErrorKind, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder,
};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

/// Arrays of a file that `numpy.savez`, `numpy.savez_compressed` or [`write_npz`](crate::write_npz) has written, by their names. Only
/// these are read.
///
/// ```
/// use nn::Tensor;
/// use train::ReadAs;
///
/// # let file = tempfile::tempdir()?.keep().join("data.npz");
/// # train::write_npz(&file, [("x", &Tensor::from([[1.0_f32], [2.0]])), ("y", &Tensor::from([0_i64, 1]))])?;
/// let [x, y] = train::npz(&file, [("x", ReadAs::Stored), ("y", ReadAs::Stored)])?;
/// assert_eq!((x, y), (Tensor::from([[1.0_f32], [2.0]]), Tensor::from([0_i64, 1])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is no such archive, has no array of a name, or as [`npy`](crate::npy) of an array.
pub fn npz<const N: usize>(
    path: impl AsRef<Path>,
    arrays: [(&str, ReadAs); N],
) -> Result<[Tensor; N], DataError> {
    Archive::open(path.as_ref())?.arrays(arrays)
}

/// As [`npz`], of bytes in memory; `file` is what messages call them.
///
/// # Errors
/// As [`npz`].
pub fn npz_from<const N: usize>(
    bytes: &[u8],
    file: impl AsRef<Path>,
    arrays: [(&str, ReadAs); N],
) -> Result<[Tensor; N], DataError> {
    let archive = ZipArchive::from_slice(bytes).map(ZipArchive::from);
    Archive::new(file.as_ref(), archive)?.arrays(arrays)
}

/// The names of the arrays of an archive, in alphabetical order.
///
/// ```
/// # let file = tempfile::tempdir()?.keep().join("data.npz");
/// # let x = nn::Tensor::from([1.0_f32]);
/// train::write_npz(&file, [("labels", &x), ("images", &x)])?;
/// assert_eq!(train::npz_names(&file)?, ["images", "labels"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, or is no archive of arrays.
pub fn npz_names(path: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    Ok(Archive::open(path.as_ref())?.places.into_keys().collect())
}

/// Where an array is, and how it is compressed.
type Place = (ZipArchiveEntryWayfinder, CompressionMethod);

struct Archive<'a, R> {
    file: &'a Path,
    zip: ZipArchive<R>,
    places: BTreeMap<String, Place>,
}

impl<'a> Archive<'a, rawzip::FileReader> {
    fn open(file: &'a Path) -> Result<Archive<'a, rawzip::FileReader>, DataError> {
        let (opened, _) = file::open(file)?;
        Archive::new(file, ZipArchive::from_file(opened, &mut vec![0; RECOMMENDED_BUFFER_SIZE]))
    }
}

impl<'a, R: ReaderAt> Archive<'a, R> {
    fn new(file: &'a Path, zip: Result<ZipArchive<R>, rawzip::Error>) -> Result<Archive<'a, R>, DataError> {
        let read = || {
            let (zip, mut places) = (zip.map_err(of_zip)?, BTreeMap::new());
            let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
            let mut entries = zip.entries(&mut buffer);
            while let Some(entry) = entries.next_entry().map_err(of_zip)? {
                let path = entry.file_path();
                let name = String::from_utf8_lossy(path.as_bytes());
                let Some(name) = name.strip_suffix(".npy") else { continue };
                let place = (entry.wayfinder(), entry.compression_method());
                if places.insert(name.to_owned(), place).is_some() {
                    return Err(Wrong::Content(format!("it has two arrays {name:?}; write it anew")));
                }
            }
            Ok(Archive { file, zip, places })
        };
        read().map_err(|wrong: Wrong| wrong.of(file, None))
    }

    fn arrays<const N: usize>(&self, arrays: [(&str, ReadAs); N]) -> Result<[Tensor; N], DataError> {
        let all: Vec<Tensor> =
            arrays.iter().map(|(name, how)| self.array(name, *how)).collect::<Result<_, _>>()?;
        // As many as were asked for.
        Ok(std::array::from_fn(|i| all[i].clone()))
    }

    fn array(&self, name: &str, how: ReadAs) -> Result<Tensor, DataError> {
        let read = || {
            let Some((place, method)) = self.places.get(name) else {
                let known: Vec<&str> = self.places.keys().take(30).map(String::as_str).collect();
                let more = if self.places.len() > known.len() { ", …" } else { "" };
                return Err(Wrong::Content(format!("there is none; there are {}{more}", known.join(", "))));
            };
            let entry = self.zip.get_entry(*place).map_err(of_zip)?;
            match *method {
                CompressionMethod::STORE => array::read(entry.verifying_reader(entry.reader()), how),
                CompressionMethod::DEFLATE => {
                    let content = expand(BufReader::new(entry.reader()), DeflateDecoder::new);
                    array::read(entry.verifying_reader(content), how)
                }
                other => {
                    Err(Wrong::Content(format!("it is compressed by {other}; NumPy takes none or Deflate")))
                }
            }
        };
        read().map_err(|wrong| wrong.of(self.file, Some(name)))
    }
}

fn of_zip(error: rawzip::Error) -> Wrong {
    match error.into_kind() {
        ErrorKind::IO(error) => error.into(),
        ErrorKind::MissingEndOfCentralDirectory => {
            Wrong::Content("it is no ZIP archive, or cut short; numpy.savez writes one".to_owned())
        }
        other => Wrong::Content(format!("its archive is damaged ({other:?}); get it anew")),
    }
}
