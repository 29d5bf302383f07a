//! NumPy's archives, and arrays that stay in their files.

use nn::{DType, Tensor};
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use tempfile::tempdir;
use train::{Dataset, NpyDataset, ReadAs, npy, npz, npz_from, npz_names, write_npy, write_npz};

/// NumPy 2.4's, of `numpy.savez_compressed(…, x=numpy.arange(6, dtype='<i4').reshape(2, 3), y=numpy.array([1.5, -2.25]))`.
const OF_NUMPY: &[u8] = include_bytes!("fixtures/numpy.npz");

fn said(bytes: &[u8], name: &str) -> String {
    npz_from(bytes, "f", [(name, ReadAs::Stored)]).unwrap_err().to_string()
}

/// An archive of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, content) in files {
        let file = archive.new_file(name).compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let deflate = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(deflate);
        writer.write_all(content).unwrap();
        let (deflate, descriptor) = writer.finish().unwrap();
        deflate.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn array_file(x: &Tensor) -> Vec<u8> {
    let folder = tempdir().unwrap();
    write_npy(folder.path().join("x"), x).unwrap();
    fs::read(folder.path().join("x")).unwrap()
}

#[test]
fn what_numpy_has_compressed_is_read() {
    let wanted = [("y", ReadAs::Stored), ("x", ReadAs::Stored), ("x", ReadAs::Dtype(DType::F32))];
    let [y, x, floats] = npz_from(OF_NUMPY, "f", wanted).unwrap();
    assert_eq!(y, Tensor::from([1.5_f64, -2.25]));
    assert_eq!(x, Tensor::from([[0_i64, 1, 2], [3, 4, 5]]));
    assert_eq!(floats, Tensor::from([[0.0_f32, 1.0, 2.0], [3.0, 4.0, 5.0]]));
    let file = tempdir().unwrap().keep().join("numpy.npz");
    fs::write(&file, OF_NUMPY).unwrap();
    assert_eq!(npz_names(&file).unwrap(), ["x", "y"]);
    assert_eq!(npz(&file, [("x", ReadAs::Stored)]).unwrap(), [x]);
}

#[test]
fn what_is_wrong_with_an_archive_is_said() {
    assert_eq!(said(OF_NUMPY, "z"), "f, array \"z\": there is none; there are x, y");
    assert!(said(&[], "x").starts_with("f: it is no ZIP archive, or cut short"));
    assert!(said(&OF_NUMPY[..OF_NUMPY.len() - 30], "x").starts_with("f: it is no ZIP archive"));
    // A byte of the elements, which the archive's checksum notices.
    let x = array_file(&Tensor::from([1.0_f32, 2.0]));
    let mut stored = fs::read({
        let file = tempdir().unwrap().keep().join("x.npz");
        write_npz(&file, [("x", &Tensor::from([1.0_f32, 2.0]))]).unwrap();
        file
    })
    .unwrap();
    let place = stored.windows(8).position(|bytes| bytes == &x[x.len() - 8..]).unwrap();
    stored[place] ^= 1;
    let damaged = said(&stored, "x");
    assert!(damaged.starts_with("f, array \"x\": ") && damaged.contains("checksum"), "{damaged}");
    let twice = archive(&[("x.npy", &x), ("x.npy", &x)]);
    assert_eq!(said(&twice, "x"), "f: it has two arrays \"x\"; write it anew");
    let short = archive(&[("note.txt", b"hello"), ("x.npy", &x[..x.len() - 1])]);
    assert!(said(&short, "x").contains("f32 [2], 8 bytes, and 7 are there"));
    assert!(said(&archive(&[("x.npy", b"hello")]), "x").contains("array \"x\": it ends within its header"));
    for (name, why) in
        [("", "no such name"), ("../x", "no such name"), ("a//b", "no such name"), ("c:x", "no such name")]
    {
        let error = write_npz("unused", [(name, &Tensor::from(1.0_f32))]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let x = Tensor::from(1.0_f32);
    let error = write_npz("unused", [("x", &x), ("x", &x)]).unwrap_err().to_string();
    assert!(error.starts_with("unused, array \"x\": it is there twice"), "{error}");
    assert!(
        write_npy(tempdir().unwrap().path().join("none/x"), &x).unwrap_err().to_string().contains("none")
    );
}

/// It would fill the memory.
#[test]
fn an_archive_that_expands_out_of_proportion_is_refused() {
    let mut bomb = array_file(&Tensor::zeros([1, 1], DType::Bool));
    let shape = bomb.windows(6).position(|bytes| bytes == b"(1, 1)").unwrap();
    bomb.splice(shape..shape + 16, *b"(99999999, 1), }");
    bomb.resize(128 + 99_999_999, 0);
    let said = said(&archive(&[("x.npy", &bomb)]), "x");
    assert!(said.contains("array \"x\": more than 10 times as many bytes come of it"), "{said}");
}

#[test]
fn elements_are_read_from_their_places_in_files() {
    let folder = tempdir().unwrap();
    let [x, y, few] = ["x.npy", "y.npy", "few.npy"].map(|name| folder.path().join(name));
    let values = Tensor::arange(0.0, 60.0, 1.0, DType::F64).reshape([5, 3, 4]);
    write_npy(&x, &values).unwrap();
    write_npy(&y, &Tensor::from([true, false, true, true, false])).unwrap();
    write_npy(&few, &Tensor::from([1_i64, 2])).unwrap();
    let data = NpyDataset::open([(&x, ReadAs::Dtype(DType::F32)), (&y, ReadAs::Stored)]).unwrap();
    let batch = data.batch(&[4, 0, 4]).unwrap();
    let places = Tensor::from([4_i64, 0, 4]);
    assert_eq!(batch[0], values.to(DType::F32).index_select(0, &places));
    assert_eq!(batch[1], Tensor::from([false, true, false]));
    assert_eq!((data.len(), data.batch(&[]).unwrap()[0].shape().to_string().as_str()), (5, "[0, 3, 4]"));
    assert_eq!(npy(&x, ReadAs::Stored).unwrap(), values);

    let error = |files: &[&std::path::PathBuf]| {
        NpyDataset::open(files.iter().map(|file| (file, ReadAs::Stored))).unwrap_err().to_string()
    };
    assert!(error(&[&x, &few]).ends_with("few.npy [2]"), "{}", error(&[&x, &few]));
    write_npy(&few, &Tensor::from(1.0_f32)).unwrap();
    assert!(error(&[&few]).contains("few.npy: it is a single number"));
    // So many that their numbers would fill the memory.
    write_npy(&few, &Tensor::zeros([1, 0], DType::F32)).unwrap();
    let mut bytes = fs::read(&few).unwrap();
    let shape = bytes.windows(14).position(|bytes| bytes == b"(1, 0), }     ").unwrap();
    bytes.splice(shape..shape + 14, *b"(9999999, 0),}");
    fs::write(&few, &bytes).unwrap();
    assert!(error(&[&few]).ends_with("few.npy: its elements are empty: [9999999, 0]"), "{}", error(&[&few]));
    let mut bytes = fs::read(&x).unwrap();
    let order = bytes.windows(5).position(|bytes| bytes == b"False").unwrap();
    bytes.splice(order..order + 5, *b"True ");
    fs::write(&few, &bytes).unwrap();
    assert!(error(&[&few]).contains("few.npy: its elements lie scattered"));
    fs::write(&few, &bytes[..bytes.len() - 8]).unwrap();
    assert!(error(&[&few]).contains("480 bytes, and 472 are there"));
    // A file that loses its end while it is read.
    fs::File::options().write(true).open(&x).unwrap().set_len(300).unwrap();
    let error = data.batch(&[4]).unwrap_err().to_string();
    assert!(error.contains("x.npy: it is damaged or cut short"), "{error}");
    assert!(data.batch(&[0]).is_ok());
}

#[test]
#[should_panic(expected = "there is no element 2 among 2")]
fn an_element_beyond_the_end_is_the_callers_mistake() {
    let file = tempdir().unwrap().keep().join("x.npy");
    write_npy(&file, &Tensor::from([1.0_f32, 2.0])).unwrap();
    let _ = NpyDataset::open([(&file, ReadAs::Stored)]).unwrap().batch(&[2]);
}

fn tensors() -> impl Strategy<Value = Tensor> {
    let dims = prop::collection::vec(0_usize..5, 0..5);
    (dims, 0..4, any::<u64>()).prop_map(|(dims, kind, seed)| {
        let rng = &mut nn::Rng::new(seed);
        let numbers: Vec<u64> = (0..dims.iter().product()).map(|_| rng.bits()).collect();
        match kind {
            0 => Tensor::from_vec(numbers.iter().map(|&x| (x as f32).recip()).collect(), dims),
            1 => Tensor::from_vec(numbers.iter().map(|&x| (x as f64).sqrt()).collect(), dims),
            2 => Tensor::from_vec(numbers.iter().map(|&x| x as i64).collect(), dims),
            _ => Tensor::from_vec(numbers.iter().map(|&x| x % 2 == 0).collect(), dims),
        }
        .unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(a in tensors(), b in tensors()) {
        let folder = tempdir().unwrap();
        let (one, both) = (folder.path().join("a.npy"), folder.path().join("both.npz"));
        write_npy(&one, &a).unwrap();
        prop_assert_eq!(&npy(&one, ReadAs::Stored).unwrap(), &a);
        write_npz(&both, [("a", &a), ("layers/b.weight", &b)]).unwrap();
        let read = npz(&both, [("layers/b.weight", ReadAs::Stored), ("a", ReadAs::Stored)]).unwrap();
        prop_assert_eq!(read, [b, a]);
    }

    #[test]
    fn no_bytes_make_it_panic(changes in prop::collection::vec((0..OF_NUMPY.len(), any::<u8>()), 0..6), end in 0..OF_NUMPY.len()) {
        let mut bytes = OF_NUMPY.to_vec();
        changes.iter().for_each(|&(place, byte)| bytes[place] = byte);
        for bytes in [&bytes[..], &bytes[..end], &bytes[end..]] {
            let _ = npz_from(bytes, "f", [("x", ReadAs::Stored), ("y", ReadAs::Stored)]);
        }
    }
}
