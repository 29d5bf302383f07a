//! Checkpoints: what was saved comes back to the bit, and nothing wrong gets in.

use nn::{
    BatchNorm, DType, Linear, LoadError, Metadata, Module, Param, ParamPath, Rng, SaveError, Tensor, load,
    save,
};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Module)]
struct Model {
    dense: Linear,
    norm: Option<BatchNorm>,
    odd: Vec<Param>,
}

fn model(seed: u64) -> Model {
    let rng = &mut Rng::new(seed);
    let mut norm = BatchNorm::new(3);
    norm.steps.set(Tensor::from(seed as i64));
    let odd = [
        Tensor::from([f32::NAN, f32::INFINITY, -0.0, 1e-45, seed as f32]),
        Tensor::normal([2, 3], 0.0, 1.0, DType::F64, rng).t(),
        Tensor::zeros([0, 4], DType::F32),
        Tensor::from([true, false, seed == 1]),
        Tensor::from(0.1),
    ];
    Model { dense: Linear::new(4, 3, rng), norm: Some(norm), odd: odd.map(Param::buffer).to_vec() }
}

/// Every bit of a model.
fn bits(model: &impl Module) -> Vec<(String, Vec<u64>)> {
    let of = |value: &Tensor| match value.dtype() {
        DType::F32 => value.to_vec::<f32>().iter().map(|x| u64::from(x.to_bits())).collect(),
        DType::F64 => value.to_vec::<f64>().iter().map(|x| x.to_bits()).collect(),
        _ => value.to(DType::I64).to_vec::<i64>().iter().map(|&x| x as u64).collect(),
    };
    model.params().into_iter().map(|(name, param)| (name, of(param.value()))).collect()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    (folder, path)
}

fn metadata() -> Metadata {
    (0..9).map(|i| (format!("key {i}"), format!("\"value\" é {i}\n"))).collect()
}

#[test]
fn round_trip() {
    let (folder, path) = folder();
    let (saved, mut loaded) = (model(1), model(2));
    assert_ne!(bits(&saved), bits(&loaded));
    save(&saved, &path, &metadata()).unwrap();
    assert_eq!(load(&mut loaded, &path).unwrap(), metadata());
    assert_eq!(bits(&saved), bits(&loaded));
    let first = fs::read(&path).unwrap();
    save(&loaded, &path, &metadata()).unwrap();
    assert_eq!(first, fs::read(&path).unwrap(), "the same values give the same bytes");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
    save(&Vec::<Linear>::new(), &path, &Metadata::new()).unwrap();
    assert_eq!(load(&mut Vec::<Linear>::new(), &path).unwrap(), Metadata::new());
}

#[test]
fn the_format_is_safetensors() {
    let (_folder, path) = folder();
    save(&model(1), &path, &metadata()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let weight = file.tensor("dense.weight").unwrap();
    assert_eq!((weight.shape(), weight.dtype()), (&[4, 3][..], safetensors::Dtype::F32));
    let first = f32::from_le_bytes(weight.data()[..4].try_into().unwrap());
    assert_eq!(first, model(1).dense.weight.value().to_vec::<f32>()[0]);
    for (name, view) in file.tensors() {
        let size = view.dtype().bitsize() / 8;
        assert_eq!((view.data().as_ptr() as usize - bytes.as_ptr() as usize) % size, 0, "{name}");
    }
}

/// The error of loading `path`, having checked that the model is untouched.
#[track_caller]
fn refused(path: &Path) -> LoadError {
    let mut model = model(2);
    let before = bits(&model);
    let error = load(&mut model, path).unwrap_err();
    assert_eq!(before, bits(&model));
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

#[test]
fn another_model() {
    let (_folder, path) = folder();
    let mut other = model(1);
    other.dense = Linear::new(5, 3, &mut Rng::new(1)).without_bias();
    other.odd.push(Param::buffer(Tensor::from(1_i64)));
    other.norm.as_mut().unwrap().to(DType::F64);
    save(&other, &path, &Metadata::new()).unwrap();
    let error = refused(&path);
    let expected = "is a checkpoint of another model: \
        dense.weight is f32 [5, 3], here f32 [4, 3], norm.scale is f64 [3], here f32 [3], \
        norm.offset is f64 [3], here f32 [3], norm.mean is f64 [3], here f32 [3], \
        norm.variance is f64 [3], here f32 [3]; it lacks dense.bias; the model has no odd.5";
    assert!(error.to_string().ends_with(expected), "{error}");
    let LoadError::OtherModel { differences, .. } = error else { panic!("{error}") };
    assert_eq!(
        (differences.missing, differences.unexpected),
        (vec!["dense.bias".into()], vec!["odd.5".into()])
    );

    let many: Vec<Param> = (0..9).map(|i| Param::buffer(Tensor::from(i))).collect();
    save(&many, &path, &Metadata::new()).unwrap();
    assert!(refused(&path).to_string().contains("the model has no 0, 1, 2, 3, 4, 5 and 3 more"));
}

#[test]
fn damaged_files() {
    let (_folder, path) = folder();
    save(&model(1), &path, &metadata()).unwrap();
    let whole = fs::read(&path).unwrap();
    let damaged = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        assert!(matches!(error, LoadError::Damaged { .. }), "{error}");
    };
    for cut in 0..whole.len() {
        damaged(&whole[..cut]);
    }
    damaged(&[&whole[..], b"x"].concat());
    damaged(b"\x89PNG\r\n\x1a\n and more bytes of a picture");
    for length in [0, 1, u64::from(u32::MAX), u64::MAX - 7, u64::MAX] {
        damaged(&[&length.to_le_bytes(), &whole[8..]].concat());
    }
    let header = |json: &str| [&(json.len() as u64).to_le_bytes(), json.as_bytes(), &[0; 8]].concat();
    damaged(&header("not json"));
    damaged(&header("[1, 2]"));
    let huge = u64::MAX;
    damaged(&header(&format!(r#"{{"a":{{"dtype":"F32","shape":[{huge},{huge}],"data_offsets":[0,8]}}}}"#)));
    damaged(&header(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9999999999]}}"#));
    damaged(&header(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#));
    damaged(&header(r#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#));
    fs::write(&path, &whole).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 34).unwrap();
    let error = refused(&path).to_string();
    assert!(error.contains("it has 17179869184 bytes, its header describes"), "{error}");
    let mut flipped = whole.clone();
    let at = whole.len() - 3;
    flipped[at] = 7; // a truth value that is neither 0 nor 1
    damaged(&flipped);
}

#[test]
fn other_element_types() {
    let (_folder, path) = folder();
    for (dtype, size) in [("F16", 2), ("BF16", 2), ("I32", 4), ("U8", 1)] {
        let json = format!(
            r#"{{"dense.weight":{{"dtype":"{dtype}","shape":[4,3],"data_offsets":[0,{}]}}}}"#,
            12 * size
        );
        let data = vec![0; 12 * size];
        fs::write(&path, [&(json.len() as u64).to_le_bytes(), json.as_bytes(), &data].concat()).unwrap();
        let text = refused(&path).to_string();
        let expected = format!("holds dense.weight as {dtype}; only F32, F64, I64 and BOOL can be read");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn the_file_system_refuses() {
    let (folder, path) = folder();
    assert!(matches!(refused(&path), LoadError::Io { .. }));
    assert!(matches!(refused(folder.path()), LoadError::NotAFile { .. }));
    let error = save(&model(1), folder.path(), &Metadata::new()).unwrap_err();
    assert!(matches!(error, SaveError::NotAFile { .. }), "{error}");
    let absent = folder.path().join("absent").join("model.safetensors");
    let error = save(&model(1), &absent, &Metadata::new()).unwrap_err();
    assert!(error.to_string().contains("absent/model.safetensors"), "{error}");
    #[cfg(unix)]
    {
        assert!(matches!(refused(Path::new("/dev/zero")), LoadError::NotAFile { .. }));
        let error = save(&model(1), "/dev/null", &Metadata::new()).unwrap_err();
        assert!(matches!(error, SaveError::NotAFile { .. }), "{error}");
        // A link stays a link, and what it points to is replaced.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(&path, "old").unwrap();
        save(&model(1), &link, &Metadata::new()).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        load(&mut model(2), &path).unwrap();
    }
}

#[test]
fn names_that_clash() {
    struct Twice(Param);
    impl Module for Twice {
        fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
            (0..2).for_each(|_| self.0.visit(&path.join("same"), f));
        }
        fn visit_mut<'a>(&'a mut self, _: &ParamPath<'_>, _: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {}
    }
    let (folder, path) = folder();
    let error = save(&Twice(Param::buffer(Tensor::from(1_i64))), &path, &Metadata::new()).unwrap_err();
    assert!(error.to_string().contains("called \"same\""), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
