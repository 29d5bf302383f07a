//! Files of the IDX format, MNIST's: bytes 0 0, one for the elements' type, one for the number of axes, then the axes' sizes, 4 bytes
//! each, and the elements; all big-endian. <http://yann.lecun.com/exdb/mnist/>

use super::elements::{Array, ReadAs, Wrong, common_rows};
use super::expand::expand;
use super::file;
use super::numbers::Kind;
use crate::data::{DataError, Dataset};
use flate2::bufread::MultiGzDecoder;
use nn::Tensor;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The array in an IDX file, plain or compressed with gzip (its first bytes tell).
///
/// ```
/// use nn::Tensor;
/// use train::ReadAs;
///
/// let file = tempfile::tempdir()?.keep().join("labels-idx1-ubyte");
/// std::fs::write(&file, [0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 255])?; // 8: unsigned bytes; 1 axis, of 3
/// assert_eq!(train::idx(&file, ReadAs::Stored)?, Tensor::from([7_i64, 0, 255]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is no such file, is cut short or goes on too long, or its elements are not as asked for.
pub fn idx(path: impl AsRef<Path>, how: ReadAs) -> Result<Tensor, DataError> {
    idx_from(file::open(path.as_ref())?.0, path, how)
}

/// As [`idx`], of what is read from anywhere; `file` is what messages call it.
///
/// ```
/// use nn::Tensor;
/// use train::ReadAs;
///
/// let bytes = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 51, 255]; // an image of 1 by 2 pixels
/// let image = train::idx_from(&bytes[..], "an image", ReadAs::Pixels)?;
/// assert_eq!(image, Tensor::from([0.2_f32, 1.0]).reshape([1, 1, 2, 1]));
/// # Ok::<(), train::DataError>(())
/// ```
///
/// # Errors
/// As [`idx`].
pub fn idx_from(input: impl Read, file: impl AsRef<Path>, how: ReadAs) -> Result<Tensor, DataError> {
    Part::read(input, file.as_ref(), how)?.tensor(None)
}

/// Elements of IDX files in memory, in the types of the files: a byte for a pixel. They are converted as they are asked for.
///
/// ```
/// use nn::Tensor;
/// use train::{Dataset, IdxDataset, ReadAs};
///
/// # let folder = tempfile::tempdir()?.keep();
/// # let [images, labels] = ["images", "labels"].map(|name| folder.join(name));
/// # std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 51, 102, 255])?;
/// # std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 9])?;
/// let data = IdxDataset::open([(images, ReadAs::Pixels), (labels, ReadAs::Stored)])?;
/// let batch = data.batch(&[1])?;
/// assert_eq!(batch[0], Tensor::from([0.4_f32, 1.0]).reshape([1, 1, 2, 1]));
/// assert_eq!(batch[1], Tensor::from([9_i64]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdxDataset {
    parts: Vec<Part>,
    len: usize,
}

impl IdxDataset {
    /// The elements of these files: images and labels, say.
    ///
    /// # Errors
    /// As [`idx`], or if the files have different numbers of elements.
    pub fn open<P: AsRef<Path>>(
        files: impl IntoIterator<Item = (P, ReadAs)>,
    ) -> Result<IdxDataset, DataError> {
        let part = |(path, how): (P, ReadAs)| Part::read(file::open(path.as_ref())?.0, path.as_ref(), how);
        let parts: Vec<Part> = files.into_iter().map(part).collect::<Result<_, _>>()?;
        let len = common_rows(parts.iter().map(|part| (part.file.as_path(), &part.array)))?;
        Ok(IdxDataset { parts, len })
    }
}

impl Dataset for IdxDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        self.parts.iter().map(|part| part.tensor(Some(indices))).collect()
    }
}

/// A file in memory.
#[derive(Clone, Debug)]
struct Part {
    file: PathBuf,
    array: Array,
    bytes: Vec<u8>,
    how: ReadAs,
}

impl Part {
    fn read(input: impl Read, file: &Path, how: ReadAs) -> Result<Part, DataError> {
        let mut input = BufReader::new(input);
        let read = || {
            // 0 is no file's beginning that gzip has made.
            let (array, bytes) = match input.fill_buf()?.first() {
                Some(0x1f) => contents(expand(input, MultiGzDecoder::new)),
                _ => contents(input),
            }?;
            array.tensor_spec(how)?;
            Ok((array, bytes))
        };
        let (array, bytes) = read().map_err(|wrong: Wrong| wrong.of(file, None))?;
        Ok(Part { file: file.to_owned(), array, bytes, how })
    }

    /// The whole array, or these elements of it.
    fn tensor(&self, elements: Option<&[usize]>) -> Result<Tensor, DataError> {
        let read = || match elements {
            None => self.array.read(self.how, &mut self.bytes.as_slice()),
            Some(elements) => {
                let width = self.array.row_bytes();
                let rows = elements.iter().map(|&i| &self.bytes[width * i..][..width]);
                self.array
                    .of_rows(elements.len())?
                    .read(self.how, &mut rows.collect::<Vec<_>>().concat().as_slice())
            }
        };
        read().map_err(|wrong| wrong.of(&self.file, None))
    }
}

/// What a file's header says of its array, and the array's bytes.
fn contents(mut input: impl Read) -> Result<(Array, Vec<u8>), Wrong> {
    let mut magic = [0; 4];
    let is_short = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Wrong::Content("it ends within its header; get it anew".to_owned())
        }
        _ => error.into(),
    };
    input.read_exact(&mut magic).map_err(is_short)?;
    let [0, 0, kind, rank] = magic else {
        return Err(Wrong::Content(format!(
            "it begins with {magic:02x?}, an IDX file with 0 0; is it of another kind?"
        )));
    };
    let kind = match kind {
        0x08 => Kind::Unsigned(1),
        0x09 => Kind::Signed(1),
        0x0b => Kind::Signed(2),
        0x0c => Kind::Signed(4),
        0x0d => Kind::Float(4),
        0x0e => Kind::Float(8),
        _ => return Err(Wrong::Content(format!("its elements are of type {kind}, which IDX does not know"))),
    };
    let mut dims = vec![];
    for _ in 0..rank {
        let mut dim = [0; 4];
        input.read_exact(&mut dim).map_err(is_short)?;
        dims.push(u32::from_be_bytes(dim).into());
    }
    let array = Array::new(kind, true, &dims)?;
    let bytes = array.read_bytes(input)?;
    Ok((array, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use nn::DType;
    use std::fs;
    use std::io::{self, Write};
    use tempfile::tempdir;

    /// A file of these elements, as their bytes.
    fn file(kind: u8, dims: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, kind, dims.len() as u8];
        dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
        [&bytes, elements].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(vec![], Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    fn said(bytes: &[u8], how: ReadAs) -> String {
        idx_from(bytes, "f", how).unwrap_err().to_string()
    }

    #[test]
    fn every_type_of_element_is_read() {
        let read = |kind, dims: &[u32], elements: &[u8]| {
            let bytes = file(kind, dims, elements);
            let plain = idx_from(bytes.as_slice(), "f", ReadAs::Stored).unwrap();
            assert_eq!(idx_from(gzip(&bytes).as_slice(), "f", ReadAs::Stored).unwrap(), plain);
            plain
        };
        assert_eq!(read(8, &[2, 1], &[1, 200]), Tensor::from([[1_i64], [200]]));
        assert_eq!(read(9, &[2], &[1, 200]), Tensor::from([1_i64, -56]));
        assert_eq!(read(0x0b, &[2], &[1, 2, 0xff, 0xfe]), Tensor::from([258_i64, -2]));
        assert_eq!(read(0x0c, &[1], &(-70_000_i32).to_be_bytes()), Tensor::from([-70_000_i64]));
        assert_eq!(read(0x0d, &[1], &1.5_f32.to_be_bytes()), Tensor::from([1.5_f32]));
        assert_eq!(read(0x0e, &[1], &(-0.1_f64).to_be_bytes()), Tensor::from([-0.1_f64]));
        assert_eq!(read(8, &[], &[7]).item(), 7.0);
        assert_eq!(*read(8, &[0, 28, 28], &[]).shape(), [0, 28, 28]);
        let mean = idx_from(&file(8, &[2], &[1, 200])[..], "f", ReadAs::Dtype(DType::F64)).unwrap();
        assert_eq!(mean, Tensor::from([1.0_f64, 200.0]));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let good = file(8, &[2, 3], &[0; 6]);
        let claim = "its header tells of u8 [2, 3], 6 bytes, and";
        for (bytes, why) in [
            (vec![], "f: it ends within its header".to_owned()),
            (good[..9].to_vec(), "it ends within its header".to_owned()),
            (good[..17].to_vec(), format!("f: {claim} 5 are there; it is cut short, get it anew")),
            ([good.as_slice(), &[0]].concat(), format!("{claim} more are there")),
            (b"\x89PNG".to_vec(), "it begins with [89, 50, 4e, 47]".to_owned()),
            (vec![0, 0, 7, 1], "of type 7, which IDX does not know".to_owned()),
            (file(8, &[1; 9], &[0]), "the most is 8".to_owned()),
            (file(8, &[u32::MAX; 8], &[]), "more elements than memory can hold".to_owned()),
            (file(0x0e, &[u32::MAX, 1 << 20], &[0; 100]), "and 100 are there".to_owned()),
            (gzip(&good[..17]), format!("{claim} 5 are there")),
            (gzip(&good)[..20].to_vec(), "get it anew".to_owned()),
        ] {
            let said = said(&bytes, ReadAs::Stored);
            assert!(said.contains(&why), "{said}");
        }
        let mut damaged = gzip(&good);
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        assert!(said(&damaged, ReadAs::Stored).contains("it is damaged or cut short"), "its checksum");
        assert!(said(&good, ReadAs::Pixels).contains("u8 [2, 3]; pixels are u8 [n, h, w]"));
    }

    /// It would fill the memory.
    #[test]
    fn a_file_that_expands_out_of_proportion_is_refused() {
        let size = 200_u32 << 20;
        let mut gz = GzEncoder::new(vec![], Compression::fast());
        io::copy(&mut file(8, &[size], &[]).chain(io::repeat(0).take(size.into())), &mut gz).unwrap();
        let bomb = gz.finish().unwrap();
        let said = said(&bomb, ReadAs::Stored);
        assert!(said.contains("more than 10 times as many bytes come of it"), "{said}");
    }

    #[test]
    fn a_data_set_has_a_byte_for_a_pixel_and_what_the_files_have() {
        let folder = tempdir().unwrap();
        let [images, labels, few] = ["images.gz", "labels", "few"].map(|name| folder.path().join(name));
        let pixels: Vec<u8> = (0..5 * 6).collect();
        fs::write(&images, gzip(&file(8, &[5, 2, 3], &pixels))).unwrap();
        fs::write(&labels, file(8, &[5], &[4, 3, 2, 1, 0])).unwrap();
        fs::write(&few, file(8, &[4], &[0; 4])).unwrap();
        let data = IdxDataset::open([(&images, ReadAs::Pixels), (&labels, ReadAs::Stored)]).unwrap();
        assert_eq!((data.len(), data.parts[0].bytes.capacity()), (5, 30));
        let [x, y] = <[Tensor; 2]>::try_from(data.batch(&[4, 0]).unwrap()).unwrap();
        let whole = idx(&images, ReadAs::Pixels).unwrap();
        assert_eq!(x, whole.index_select(0, &Tensor::from([4_i64, 0])));
        assert_eq!((x.shape(), y), ([2, 2, 3, 1].into(), Tensor::from([0_i64, 4])));
        assert_eq!(x.to_vec::<f32>()[1], 25.0 / 255.0);
        let error =
            IdxDataset::open([(&images, ReadAs::Pixels), (&few, ReadAs::Stored)]).unwrap_err().to_string();
        assert!(error.contains("[5, 2, 3], ") && error.ends_with("few [4]"), "{error}");
        let none: [(&Path, ReadAs); 0] = [];
        assert!(IdxDataset::open(none).is_err());
        assert!(
            IdxDataset::open([(folder.path(), ReadAs::Stored)])
                .unwrap_err()
                .to_string()
                .contains("no regular file")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            kind in 0_u8..16,
            dims in proptest::collection::vec(proptest::num::u32::ANY, 0..9),
            small in proptest::collection::vec(0_u32..4, 0..4),
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100),
        ) {
            for bytes in [bytes.clone(), file(kind, &dims, &bytes), file(kind, &small, &bytes)] {
                for how in [ReadAs::Stored, ReadAs::Pixels, ReadAs::Dtype(DType::I64)] {
                    let _ = idx_from(bytes.as_slice(), "f", how);
                }
                let _ = idx_from(gzip(&bytes).as_slice(), "f", ReadAs::Stored);
            }
            let _ = idx_from([&[0x1f, 0x8b, 8], bytes.as_slice()].concat().as_slice(), "f", ReadAs::Stored);
        }
    }
}
