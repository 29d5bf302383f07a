//! Elements of arrays that stay in their files.

use super::header::Header;
use crate::data::sources::elements::{ReadAs, Wrong, common_rows};
use crate::data::sources::file;
use crate::data::{DataError, Dataset};
use nn::Tensor;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Elements of `.npy` files along their first axes, read from their places in the files as they are asked for: the files may be larger
/// than memory.
///
/// ```
/// use nn::Tensor;
/// use train::{Dataset, NpyDataset, ReadAs};
///
/// # let folder = tempfile::tempdir()?.keep();
/// let [x, y] = ["x.npy", "y.npy"].map(|name| folder.join(name));
/// train::write_npy(&x, &Tensor::from([[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]]))?;
/// train::write_npy(&y, &Tensor::from([0_i64, 1, 0]))?;
/// let data = NpyDataset::open([(x, ReadAs::Stored), (y, ReadAs::Stored)])?;
/// let batch = data.batch(&[2, 0])?;
/// assert_eq!(batch[0], Tensor::from([[5.0_f32, 6.0], [1.0, 2.0]]));
/// assert_eq!(batch[1], Tensor::from([0_i64, 0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpyDataset {
    parts: Vec<Part>,
    len: usize,
}

impl NpyDataset {
    /// The elements of these files: images and labels, say.
    ///
    /// # Errors
    /// As [`npy`](crate::npy), or if an array is in Fortran's order, whose elements lie scattered, or the files have different numbers of
    /// elements.
    pub fn open<P: AsRef<Path>>(
        files: impl IntoIterator<Item = (P, ReadAs)>,
    ) -> Result<NpyDataset, DataError> {
        let part = |(path, how): (P, ReadAs)| {
            let path = path.as_ref();
            let (file, len) = file::open(path)?;
            Part::new(path, file, len, how).map_err(|wrong| wrong.of(path, None))
        };
        let parts: Vec<Part> = files.into_iter().map(part).collect::<Result<_, _>>()?;
        let len = common_rows(parts.iter().map(|part| (part.path.as_path(), &part.header.array)))?;
        Ok(NpyDataset { parts, len })
    }
}

impl Dataset for NpyDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        if let Some(wrong) = indices.iter().find(|&&i| i >= self.len) {
            panic!("batch: there is no element {wrong} among {}", self.len);
        }
        let rows = |part: &Part| part.rows(indices).map_err(|wrong| wrong.of(&part.path, None));
        self.parts.iter().map(rows).collect()
    }
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    /// Where it was last read is no matter: each reading begins with a search.
    file: Mutex<File>,
    header: Header,
    how: ReadAs,
}

impl Part {
    fn new(path: &Path, file: File, len: u64, how: ReadAs) -> Result<Part, Wrong> {
        let header = Header::read(BufReader::new(&file))?;
        header.array.check_len(len.saturating_sub(header.len))?;
        header.array.tensor_spec(how)?;
        if header.fortran {
            let reason = "its elements lie scattered, in Fortran's order; save np.ascontiguousarray of it";
            return Err(Wrong::Content(reason.to_owned()));
        }
        Ok(Part { path: path.to_owned(), file: Mutex::new(file), header, how })
    }

    fn rows(&self, indices: &[usize]) -> Result<Tensor, Wrong> {
        let array = self.header.array.of_rows(indices.len())?;
        let width = array.row_bytes();
        let mut bytes = vec![0; array.bytes()];
        if width > 0 {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            for (row, &i) in bytes.chunks_exact_mut(width).zip(indices) {
                file.seek(SeekFrom::Start(self.header.len + (width * i) as u64))?;
                file.read_exact(row)?;
            }
        }
        array.read(self.how, &mut bytes.as_slice())
    }
}
