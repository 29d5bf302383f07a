//! The array of a file.

use super::header::Header;
use crate::data::DataError;
use crate::data::sources::elements::{ReadAs, Wrong};
use crate::data::sources::file;
use nn::{DType, Tensor};
use std::io::{BufReader, Read};
use std::path::Path;

/// The array in a file that `numpy.save` or [`write_npy`](crate::write_npy) has written: numbers or truth values, in any byte order and
/// axis order.
///
/// ```
/// use nn::Tensor;
/// use train::ReadAs;
///
/// let file = tempfile::tempdir()?.keep().join("x.npy");
/// train::write_npy(&file, &Tensor::from([[1.5_f32, -2.0], [0.0, 3.25]]))?;
/// assert_eq!(train::npy(&file, ReadAs::Stored)?, Tensor::from([[1.5_f32, -2.0], [0.0, 3.25]]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is no such file, is cut short or goes on too long, or its elements are not as asked for: texts, objects,
/// records and complex numbers become no tensor.
pub fn npy(path: impl AsRef<Path>, how: ReadAs) -> Result<Tensor, DataError> {
    let path = path.as_ref();
    let (file, len) = file::open(path)?;
    let read = || {
        let mut input = BufReader::new(file);
        let header = Header::read(&mut input)?;
        header.array.check_len(len.saturating_sub(header.len))?;
        tensor(&header, how, &mut input)
    };
    read().map_err(|wrong: Wrong| wrong.of(path, None))
}

/// As [`npy`], of what is read from anywhere; `file` is what messages call it.
///
/// # Errors
/// As [`npy`].
pub fn npy_from(input: impl Read, file: impl AsRef<Path>, how: ReadAs) -> Result<Tensor, DataError> {
    read(input, how).map_err(|wrong| wrong.of(file.as_ref(), None))
}

/// The array of an input that ends with it.
pub(super) fn read(mut input: impl Read, how: ReadAs) -> Result<Tensor, Wrong> {
    let header = Header::read(&mut input)?;
    header.array.tensor_spec(how)?;
    let bytes = header.array.read_bytes(input)?;
    tensor(&header, how, &mut bytes.as_slice())
}

/// The array whose bytes are known to be there, with its axes in their order.
fn tensor(header: &Header, how: ReadAs, input: &mut dyn Read) -> Result<Tensor, Wrong> {
    let array = &header.array;
    if !header.fortran {
        return array.read(how, input);
    }
    let order: Vec<isize> = (0..array.shape.len() as isize).rev().collect();
    array.tensor_spec(how)?;
    if how != ReadAs::Pixels {
        return Ok(array.read(how, input)?.permute(order).contiguous());
    }
    let x = array.read(ReadAs::Dtype(DType::F32), input)?.permute(order).contiguous() / 255.0;
    let channels = x.shape().get(3).copied().unwrap_or(1);
    let [n, h, w] = [0, 1, 2].map(|axis| x.shape()[axis]);
    Ok(x.reshape([n, h, w, channels]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::tempdir;

    /// A file with this header, of version 1.
    fn file(header: &str, elements: &[u8]) -> Vec<u8> {
        let len = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", len.as_slice(), header.as_bytes(), elements].concat()
    }

    fn of(descr: &str, fortran: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
        file(&format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"), elements)
    }

    fn read(bytes: &[u8], how: ReadAs) -> Result<Tensor, String> {
        let of_bytes = npy_from(bytes, "f", how).map_err(|error| error.to_string());
        let folder = tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, bytes).unwrap();
        let of_file =
            npy(&path, how).map_err(|error| error.to_string().replace(&path.display().to_string(), "f"));
        assert_eq!(of_file, of_bytes);
        of_file
    }

    #[test]
    fn every_type_of_element_is_read_in_both_byte_orders() {
        let stored = |descr: &str, elements: &[u8]| {
            read(&of(descr, "False", "(2,)", elements), ReadAs::Stored).unwrap()
        };
        let whole = Tensor::from([258_i64, -2]);
        let both: Vec<[Vec<u8>; 2]> = vec![
            [258_i16, -2].map(|x| x.to_le_bytes().to_vec()),
            [258_i32, -2].map(|x| x.to_le_bytes().to_vec()),
            [258_i64, -2].map(|x| x.to_le_bytes().to_vec()),
        ];
        for (little, width) in both.into_iter().zip([2, 4, 8]) {
            assert_eq!(stored(&format!("<i{width}"), &little.concat()), whole);
            let big: Vec<u8> = little.iter().flat_map(|x| x.iter().rev().copied()).collect();
            assert_eq!(stored(&format!(">i{width}"), &big), whole);
        }
        assert_eq!(stored("|i1", &[1, 200]), Tensor::from([1_i64, -56]));
        assert_eq!(stored("|u1", &[1, 200]), Tensor::from([1_i64, 200]));
        assert_eq!(stored("u1", &[1, 200]), Tensor::from([1_i64, 200]));
        assert_eq!(stored("<u2", &[255, 255, 1, 0]), Tensor::from([65_535_i64, 1]));
        assert_eq!(stored(">u4", &[255, 255, 255, 255, 0, 0, 0, 1]), Tensor::from([(1_i64 << 32) - 1, 1]));
        assert_eq!(stored("|b1", &[1, 0]), Tensor::from([true, false]));
        assert_eq!(stored("<f2", &[0x00, 0x3e, 0x00, 0xc0]), Tensor::from([1.5_f32, -2.0]));
        assert_eq!(
            stored(">f4", &[1.5_f32, -2.0].map(f32::to_be_bytes).concat()),
            Tensor::from([1.5_f32, -2.0])
        );
        assert_eq!(
            stored("<f8", &[0.1_f64, -2.0].map(f64::to_le_bytes).concat()),
            Tensor::from([0.1_f64, -2.0])
        );
    }

    /// The bytes are NumPy 2.4's, of `numpy.save(…, numpy.asfortranarray(numpy.arange(6, dtype='>i2').reshape(2, 3)))`.
    #[test]
    fn what_numpy_writes_in_fortrans_order_is_read() {
        let spaces = " ".repeat(59);
        let header = format!("{{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }}{spaces}\n");
        let bytes = file(&header[header.len() - 118..], &[0, 0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5]);
        assert_eq!(read(&bytes, ReadAs::Stored).unwrap(), Tensor::from([[0_i64, 1, 2], [3, 4, 5]]));
        let (pixels, turned) = ([0, 1, 2, 3, 4, 5], [0, 3, 1, 4, 2, 5]);
        for shape in ["(1, 2, 3)", "(1, 2, 3, 1)"] {
            let c = read(&of("|u1", "False", shape, &pixels), ReadAs::Pixels).unwrap();
            let fortran = read(&of("|u1", "True", shape, &turned), ReadAs::Pixels).unwrap();
            assert_eq!(*c.shape(), [1, 2, 3, 1]);
            assert_eq!(fortran, c);
        }
    }

    #[test]
    fn headers_of_other_versions_and_of_old_pythons_are_read() {
        let text = "{\"shape\" : ( 2L , ),'fortran_order':True,  'descr':'=f4'}";
        let ones = [1.0_f32; 2].map(f32::to_ne_bytes).concat();
        for version in [2, 3] {
            let len = (text.len() as u32).to_le_bytes();
            let bytes = [b"\x93NUMPY", [version, 0].as_slice(), &len, text.as_bytes(), &ones].concat();
            assert_eq!(read(&bytes, ReadAs::Stored).unwrap(), Tensor::from([1.0_f32, 1.0]));
        }
        assert_eq!(read(&of("<f4", "False", "()", &ones[..4]), ReadAs::Stored).unwrap().item(), 1.0);
        assert_eq!(*read(&of("<f4", "False", "(0, 3)", &[]), ReadAs::Stored).unwrap().shape(), [0, 3]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let good = of("<f4", "False", "(2, 1)", &[0; 8]);
        for (bytes, why) in [
            (vec![], "f: it ends within its header"),
            (good[..40].to_vec(), "it ends within its header"),
            (b"PK\x03\x04....".to_vec(), "it begins with [50, 4b, 03, 04, 2e, 2e], a NumPy file with"),
            (b"\x93NUMPY\x07\x00".to_vec(), "version 7, and 1 to 3 are known"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "its header has 4294967295 bytes"),
            (
                good[..good.len() - 1].to_vec(),
                "its header tells of f32 [2, 1], 8 bytes, and 7 are there; it is cut short",
            ),
            ([good.as_slice(), &[0]].concat(), "f32 [2, 1], 8 bytes, and more are there"),
            (
                of("<f8", "False", "(1000000000000, 1000)", &[0; 100]),
                "8000000000000000 bytes, and 100 are there",
            ),
            (of("<f8", "False", "(99999999999, 99999999999)", &[]), "more elements than memory can hold"),
            (of("<f8", "False", "(99999999999999999999999,)", &[]), "where a size should be"),
            (of("<f4", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", &[0; 4]), "the most is 8"),
            (of("<f4", "False", "(-1,)", &[]), "where a size should be"),
            (of("<f4", "no", "(1,)", &[]), "where True or False should be"),
            (of("|O", "False", "(1,)", &[]), "\"|O\", Python objects, which only Python reads"),
            (of("<U5", "False", "(1,)", &[]), "\"<U5\", texts; save numbers for them"),
            (of("<c16", "False", "(1,)", &[]), "complex numbers"),
            (of("<M8[ns]", "False", "(1,)", &[]), "times"),
            (of("<f16", "False", "(1,)", &[]), "not known here"),
            (file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", &[]), "records"),
            (file("{'descr': '<f4', 'shape': (1,)}", &[0; 4]), "its header has no fortran_order"),
            (
                file("{'descr': '<f4' 'shape': (1,)}", &[0; 4]),
                "has \"'shape': (1,)}\" where `,` or `}` should be",
            ),
            (file("{'a': 1}", &[]), "has \"a\", which no array has"),
            (file("{'descr", &[]), "where a string with an end should be"),
        ] {
            let said = read(&bytes, ReadAs::Stored).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        let said = read(&good, ReadAs::Pixels).unwrap_err();
        assert!(said.contains("f32 [2, 1]; pixels are u8"), "{said}");
        assert!(
            npy(tempdir().unwrap().path(), ReadAs::Stored)
                .unwrap_err()
                .to_string()
                .contains("no regular file")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            text in "[ -~\n]{0,60}",
            shape in "\\([0-9, L-]{0,12}\\)",
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60),
        ) {
            for bytes in [bytes.clone(), file(&text, &bytes), of("<f2", "True", &shape, &bytes), of("|b1", "False", &shape, &bytes)] {
                let _ = npy_from(bytes.as_slice(), "f", ReadAs::Stored);
                let _ = npy_from(bytes.as_slice(), "f", ReadAs::Pixels);
            }
        }
    }
}
