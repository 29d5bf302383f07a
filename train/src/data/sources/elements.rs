//! Arrays in files, and what becomes of their elements in tensors.

use super::numbers::{Kind, Number};
use crate::data::DataError;
use nn::{DType, Shape, Tensor};
use std::io::{self, Read};
use std::path::Path;

/// What the elements of an array in a file become in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// What they are: whole numbers of any size `i64`, `f64` itself, other floats `f32`, truth values `bool`.
    Stored,
    /// Numbers of this type, the nearest there are. Floats become no whole numbers, and numbers no truth values.
    Dtype(DType),
    /// Bytes as brightness: `f32`, x / 255, from 0 to 1. `[n, h, w]` becomes `[n, h, w, 1]`; `[n, h, w, c]` stays.
    Pixels,
}

/// What can be wrong while an array is read, before anybody says in which file.
pub(super) enum Wrong {
    Io(io::Error),
    Content(String),
}

impl Wrong {
    pub(super) fn of(self, file: &Path, array: Option<&str>) -> DataError {
        match self {
            Wrong::Io(error) => DataError::Io { file: file.to_owned(), error },
            Wrong::Content(reason) => {
                DataError::Content { file: file.to_owned(), array: array.map(str::to_owned), reason }
            }
        }
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        // What a decompressor says of its input.
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                Wrong::Content(format!("it is damaged or cut short ({error}); get it anew"))
            }
            // What is out of proportion.
            io::ErrorKind::FileTooLarge => Wrong::Content(error.to_string()),
            _ => Wrong::Io(error),
        }
    }
}

impl From<String> for Wrong {
    fn from(reason: String) -> Wrong {
        Wrong::Content(reason)
    }
}

/// An array in a file, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) kind: Kind,
    pub(super) big_endian: bool,
    pub(super) shape: Shape,
}

impl Array {
    /// Whose bytes can be counted.
    pub(super) fn new(kind: Kind, big_endian: bool, dims: &[u64]) -> Result<Array, String> {
        let sizes: Option<Vec<usize>> = dims.iter().map(|&dim| dim.try_into().ok()).collect();
        let shape = sizes.ok_or_else(|| format!("{dims:?} has more elements than memory can hold"))?;
        Ok(Array { kind, big_endian, shape: Shape::new(&shape).map_err(|error| error.to_string())? })
    }

    /// Bytes of all elements. A shape has so few that this does not overflow.
    pub(super) fn bytes(&self) -> usize {
        self.shape.numel() * self.kind.bytes()
    }

    /// Bytes of an element of the first axis.
    pub(super) fn row_bytes(&self) -> usize {
        self.shape.iter().skip(1).product::<usize>() * self.kind.bytes()
    }

    /// Elements of the first axis.
    pub(super) fn rows(&self) -> Result<usize, String> {
        self.shape.first().copied().ok_or_else(|| "it is a single number, and no row of elements".to_owned())
    }

    /// The array of so many elements of the first axis.
    pub(super) fn of_rows(&self, rows: usize) -> Result<Array, String> {
        let dims: Vec<u64> = [rows].iter().chain(self.shape.iter().skip(1)).map(|&dim| dim as u64).collect();
        Array::new(self.kind, self.big_endian, &dims)
    }

    /// The bytes of all elements, and nothing behind them. What is claimed is not believed: memory grows with what is there.
    pub(super) fn read_bytes(&self, input: impl Read) -> Result<Vec<u8>, Wrong> {
        let (claimed, mut bytes) = (self.bytes() as u64, vec![]);
        input.take(claimed + 1).read_to_end(&mut bytes)?;
        self.check_len(bytes.len() as u64)?;
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Refuses another number of bytes than that of all elements.
    pub(super) fn check_len(&self, bytes: u64) -> Result<(), Wrong> {
        let (shape, kind, claimed) = (self.shape, self.kind.name(), self.bytes() as u64);
        match bytes.cmp(&claimed) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(Wrong::Content(format!(
                "its header tells of {kind} {shape}, {claimed} bytes, and {bytes} are there; it is cut short, get it anew"
            ))),
            std::cmp::Ordering::Greater => Err(Wrong::Content(format!(
                "its header tells of {kind} {shape}, {claimed} bytes, and more are there; is it of another kind?"
            ))),
        }
    }

    /// The type and the shape of the tensor, or why there is none.
    pub(super) fn tensor_spec(&self, how: ReadAs) -> Result<(DType, Shape), String> {
        let float = matches!(self.kind, Kind::Float(_));
        let number = self.stored() != DType::Bool;
        match how {
            ReadAs::Stored => Ok((self.stored(), self.shape)),
            ReadAs::Pixels if self.kind != Kind::Unsigned(1) || !matches!(self.shape.len(), 3 | 4) => {
                Err(format!(
                    "its elements are {} {}; pixels are u8 [n, h, w] or [n, h, w, c]",
                    self.kind.name(),
                    self.shape
                ))
            }
            ReadAs::Pixels if self.shape.len() == 4 => Ok((DType::F32, self.shape)),
            ReadAs::Pixels => Ok((DType::F32, self.shape.insert(3, 1).map_err(|error| error.to_string())?)),
            ReadAs::Dtype(DType::I64) if float => Err(format!(
                "its elements are {}, which become no whole numbers; round them",
                self.kind.name()
            )),
            ReadAs::Dtype(DType::Bool) if number => Err(format!(
                "its elements are {}, which become no truth values; compare them with something",
                self.kind.name()
            )),
            ReadAs::Dtype(dtype) => Ok((dtype, self.shape)),
        }
    }

    fn stored(&self) -> DType {
        match self.kind {
            Kind::Bool => DType::Bool,
            Kind::Signed(_) | Kind::Unsigned(_) => DType::I64,
            Kind::Float(8) => DType::F64,
            Kind::Float(_) => DType::F32,
        }
    }

    /// The tensor, of bytes that are known to be there.
    pub(super) fn read(&self, how: ReadAs, input: &mut dyn Read) -> Result<Tensor, Wrong> {
        let (dtype, shape) = self.tensor_spec(how)?;
        let mut out = Tensor::zeros(shape, dtype);
        match dtype {
            DType::F32 if how == ReadAs::Pixels => {
                self.fill(input, out.as_mut_slice(), |bytes| Ok(f32::from(bytes[0]) / 255.0))?;
            }
            DType::F32 => {
                self.fill(input, out.as_mut_slice::<f32>(), |bytes| match self.kind.number(bytes) {
                    Number::Whole(x) => Ok(x as f32),
                    Number::Single(x) => Ok(x),
                    Number::Double(x) => Ok(x as f32),
                })?
            }
            DType::F64 => {
                self.fill(input, out.as_mut_slice::<f64>(), |bytes| match self.kind.number(bytes) {
                    Number::Whole(x) => Ok(x as f64),
                    Number::Single(x) => Ok(x.into()),
                    Number::Double(x) => Ok(x),
                })?
            }
            DType::I64 => {
                self.fill(input, out.as_mut_slice::<i64>(), |bytes| match self.kind.number(bytes) {
                    Number::Whole(x) => i64::try_from(x).map_err(|_| {
                        format!("there is a {x}, and an i64 is {} at most; read them as floats", i64::MAX)
                    }),
                    // Refused above.
                    Number::Single(_) | Number::Double(_) => Ok(0),
                })?
            }
            DType::Bool => self.fill(input, out.as_mut_slice::<bool>(), |bytes| Ok(bytes[0] != 0))?,
        }
        Ok(out)
    }

    /// Fills a tensor from a piece of the input after the other.
    fn fill<T>(
        &self,
        input: &mut dyn Read,
        out: &mut [T],
        convert: impl Fn([u8; 8]) -> Result<T, String>,
    ) -> Result<(), Wrong> {
        const PIECE: usize = 8 << 10;
        let width = self.kind.bytes();
        let mut piece = vec![0; width * PIECE.min(out.len())];
        for out in out.chunks_mut(PIECE) {
            let piece = &mut piece[..width * out.len()];
            input.read_exact(piece)?;
            for (x, bytes) in out.iter_mut().zip(piece.chunks_exact_mut(width)) {
                if self.big_endian {
                    bytes.reverse();
                }
                let mut wide = [0; 8];
                wide[..width].copy_from_slice(bytes);
                *x = convert(wide)?;
            }
        }
        Ok(())
    }
}

/// How many elements several arrays have along their first axes, all the same number. Elements of no bytes are refused: a header could
/// tell of any number of them.
pub(super) fn common_rows<'a>(
    arrays: impl Iterator<Item = (&'a Path, &'a Array)> + Clone,
) -> Result<usize, DataError> {
    let rows = |(file, array): (&Path, &Array)| {
        let rows = match array.rows() {
            Ok(1..) if array.row_bytes() == 0 => Err(format!("its elements are empty: {}", array.shape)),
            rows => rows,
        };
        rows.map_err(|why| Wrong::Content(why).of(file, None))
    };
    let all: Vec<usize> = arrays.clone().map(rows).collect::<Result<_, _>>()?;
    match all.first() {
        Some(&rows) if all.iter().all(|other| *other == rows) => Ok(rows),
        _ => {
            let shape = |(file, array): (&Path, &Array)| format!("{} {}", file.display(), array.shape);
            Err(DataError::Lengths { shapes: arrays.map(shape).collect() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_nearest_of_the_type_asked_for() {
        let read = |kind: Kind, bytes: &[u8], how: ReadAs| {
            let array = Array::new(kind, false, &[(bytes.len() / kind.bytes()) as u64]).unwrap();
            array.read(how, &mut &bytes[..]).map_err(|wrong| wrong.of(Path::new("a"), None).to_string())
        };
        let largest = u64::MAX.to_le_bytes();
        let floats = read(Kind::Unsigned(8), &largest, ReadAs::Dtype(DType::F32)).unwrap();
        assert_eq!(floats, Tensor::from([18_446_744_073_709_551_616.0_f32]));
        let error = read(Kind::Unsigned(8), &largest, ReadAs::Stored).unwrap_err();
        assert!(error.contains("there is a 18446744073709551615") && error.contains("read them as floats"));
        assert_eq!(read(Kind::Signed(8), &largest, ReadAs::Stored).unwrap(), Tensor::from([-1_i64]));
        // 2²⁴ + 1 lies between two.
        let between = ((1_i32 << 24) | 1).to_le_bytes();
        let rounded = read(Kind::Signed(4), &between, ReadAs::Dtype(DType::F32)).unwrap();
        assert_eq!(rounded, Tensor::from([16_777_216.0_f32]));
        // The bits of a NaN are kept.
        let nan = 0x7fc0_1234_u32;
        let kept = read(Kind::Float(4), &nan.to_le_bytes(), ReadAs::Stored).unwrap();
        assert_eq!(kept.to_vec::<f32>()[0].to_bits(), nan);
        let third = (1.0_f64 / 3.0).to_le_bytes();
        assert_eq!(
            read(Kind::Float(8), &third, ReadAs::Dtype(DType::F32)).unwrap(),
            Tensor::from([1.0_f32 / 3.0])
        );
        for (how, why) in [
            (ReadAs::Dtype(DType::I64), "become no whole numbers"),
            (ReadAs::Dtype(DType::Bool), "become no truth values"),
            (ReadAs::Pixels, "f64 [1]; pixels are u8 [n, h, w] or [n, h, w, c]"),
        ] {
            let error = read(Kind::Float(8), &third, how).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
