//! Reading checkpoints, from files that may be anything.

use crate::{DType, Metadata, Module, Param, Shape, Tensor};
use safetensors::tensor::{self, Dtype, TensorInfo};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Reads every parameter and state of `module` from a file that [`save`](crate::save()) wrote for a model like it, and
/// returns what was noted with them. Where anything is wrong the model stays as it is.
///
/// The parameters are those that they were, with other values: an optimizer that has trained them goes on with what it
/// remembers of the old ones, so load its state too, or take a new one.
///
/// # Errors
/// If the file cannot be read, is damaged or no safetensors file, or belongs to another model: names, shapes or types
/// differ.
pub fn load(module: &mut (impl Module + ?Sized), path: impl AsRef<Path>) -> Result<Metadata, LoadError> {
    let path = path.as_ref();
    // All of this is decided by the header. Values are read only for a model that they fit, however large the file.
    let mut file = Stored::open(path)?;
    let params = module.params();
    let stored = file.header.tensors().into_iter();
    let stored = stored.map(|(name, info)| Ok((name.clone(), described(path, &name, info)?)));
    let differences = compare(&params, stored.collect::<Result<_, _>>()?);
    if differences != Differences::default() {
        return Err(LoadError::OtherModel { path: path.to_owned(), differences });
    }
    let values: Vec<Tensor> = params.iter().map(|(name, _)| file.read(name)).collect::<Result<_, _>>()?;
    for ((_, param), value) in module.params_mut().into_iter().zip(values) {
        param.set(value);
    }
    Ok(file.metadata())
}

/// All tensors of a safetensors file, in the order in which they lie in it, and what was noted with them: of a file that
/// [`save_tensors`](crate::save_tensors) wrote, or anybody else. It takes as much memory as the file is long.
///
/// # Errors
/// If the file cannot be read, is damaged or no safetensors file, or has elements of a type that tensors here cannot hold.
pub fn load_tensors(path: impl AsRef<Path>) -> Result<(Vec<(String, Tensor)>, Metadata), LoadError> {
    Stored::open(path.as_ref())?.all()
}

/// As [`load_tensors`], of bytes in memory; `file` is what messages call them.
///
/// ```
/// # let path = tempfile::tempdir()?.keep().join("x.safetensors");
/// # nn::save_tensors(vec![("x".to_owned(), nn::Tensor::from([1.0_f32]))], &path, &nn::Metadata::new())?;
/// let bytes = std::fs::read(&path)?;
/// assert_eq!(nn::load_tensors_from(&bytes, "x")?, nn::load_tensors(&path)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`load_tensors`].
pub fn load_tensors_from(
    bytes: &[u8],
    file: impl AsRef<Path>,
) -> Result<(Vec<(String, Tensor)>, Metadata), LoadError> {
    Stored::new(Cursor::new(bytes), bytes.len() as u64, file.as_ref())?.all()
}

/// Gives every parameter and buffer of `module` the value of its name. Where names, shapes or types differ the model stays as it is.
///
/// ```
/// use nn::{Linear, Module, Rng, Tensor};
///
/// let (mut a, b) = (Linear::new(3, 2, &mut Rng::new(1)), Linear::new(3, 2, &mut Rng::new(2)));
/// let values = b.params().into_iter().map(|(name, param)| (name, param.value().clone()));
/// nn::set_params(&mut a, values.collect()).unwrap();
/// assert_eq!(a.weight.value(), b.weight.value());
/// let error = nn::set_params(&mut a, vec![]).unwrap_err();
/// assert_eq!(error.to_string(), "it lacks weight, bias");
/// ```
///
/// # Errors
/// What differs.
pub fn set_params(
    module: &mut (impl Module + ?Sized),
    values: Vec<(String, Tensor)>,
) -> Result<(), Differences> {
    let described =
        values.iter().map(|(name, x)| (name.clone(), format!("{} {}", x.dtype(), x.shape()))).collect();
    let mut differences = compare(&module.params(), described);
    let mut by_name = BTreeMap::new();
    for (name, value) in values {
        if by_name.insert(name.clone(), value).is_some() {
            differences.unexpected.push(format!("a second {name}"));
        }
    }
    if differences != Differences::default() {
        return Err(differences);
    }
    let names: Vec<String> = module.params().into_iter().map(|(name, _)| name).collect();
    for (name, (_, param)) in names.iter().zip(module.params_mut()) {
        if let Some(value) = by_name.remove(name) {
            param.set(value);
        }
    }
    Ok(())
}

/// A file whose header has been read.
struct Stored<'a, R> {
    path: &'a Path,
    file: R,
    header: tensor::Metadata,
    /// Where the values start.
    start: u64,
}

impl<'a> Stored<'a, File> {
    fn open(path: &'a Path) -> Result<Stored<'a, File>, LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        // Devices and pipes may never end.
        if path.exists() && !path.is_file() {
            return Err(LoadError::NotAFile { path: path.to_owned() });
        }
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        Stored::new(file, size, path)
    }
}

impl<'a, R: Read + Seek> Stored<'a, R> {
    fn new(mut file: R, size: u64, path: &'a Path) -> Result<Stored<'a, R>, LoadError> {
        let (start, header) = read_header(&mut file, size, path)?;
        Ok(Stored { path, file, header, start })
    }

    /// The tensors in the order in which they lie there, and the notes.
    fn all(mut self) -> Result<(Vec<(String, Tensor)>, Metadata), LoadError> {
        let names = self.header.offset_keys();
        let read = |name: String| self.read(&name).map(|value| (name, value));
        let tensors = names.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok((tensors, self.metadata()))
    }

    fn read(&mut self, name: &str) -> Result<Tensor, LoadError> {
        let (path, io) = (self.path, |source| LoadError::Io { path: self.path.to_owned(), source });
        let damaged = |reason: String| LoadError::Damaged { path: path.to_owned(), reason };
        let Some(TensorInfo { dtype, shape, data_offsets: (first, end) }) = self.header.info(name) else {
            return Err(damaged(format!("it has no {name}")));
        };
        let Some(dtype) = dtype_of(*dtype) else {
            return Err(LoadError::Type {
                path: path.to_owned(),
                name: name.to_owned(),
                dtype: dtype.to_string(),
            });
        };
        let mut bytes = vec![0; end - first];
        self.file.seek(SeekFrom::Start(self.start + *first as u64)).map_err(io)?;
        self.file.read_exact(&mut bytes).map_err(io)?;
        let shape = Shape::new(shape).map_err(|error| damaged(format!("{name}: {error}")))?;
        decode(&bytes, shape, dtype).ok_or_else(|| damaged(format!("the values of {name} are no {dtype}")))
    }

    fn metadata(&self) -> Metadata {
        self.header.metadata().clone().unwrap_or_default().into_iter().collect()
    }
}

/// The header, checked to describe a file of `size` bytes, and where the values start.
fn read_header(file: &mut impl Read, size: u64, path: &Path) -> Result<(u64, tensor::Metadata), LoadError> {
    /// The format's own limit.
    const LARGEST: u64 = 100_000_000;
    let io = |source| LoadError::Io { path: path.to_owned(), source };
    let refuse = |reason: String| Err(LoadError::Damaged { path: path.to_owned(), reason });
    if size < 8 {
        return refuse(format!("it has {size} bytes"));
    }
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > LARGEST.min(size - 8) {
        return refuse(format!("its {size} bytes cannot begin with a header of {length}"));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(io)?;
    let header: tensor::Metadata = match serde_json::from_slice(&text) {
        Ok(header) => header,
        Err(error) => return refuse(format!("its header does not describe tensors: {error}")),
    };
    let expected = (8 + length).saturating_add(header.data_len() as u64);
    if size != expected {
        return refuse(format!("it has {size} bytes, its header describes {expected}"));
    }
    Ok((8 + length, header))
}

/// Type and shape, as [`Differences`] shows them.
fn described(path: &Path, name: &str, info: &TensorInfo) -> Result<String, LoadError> {
    match dtype_of(info.dtype) {
        Some(dtype) => Ok(format!("{dtype} {:?}", info.shape)),
        None => {
            let (path, dtype) = (path.to_owned(), info.dtype.to_string());
            Err(LoadError::Type { path, name: name.to_owned(), dtype })
        }
    }
}

/// How what is stored, as types and shapes by name, differs from the parameters of a model.
fn compare(params: &[(String, &Param)], mut stored: BTreeMap<String, String>) -> Differences {
    let mut differences = Differences::default();
    for (name, param) in params {
        let model = format!("{} {}", param.value().dtype(), param.value().shape());
        match stored.remove(name) {
            None => differences.missing.push(name.clone()),
            Some(stored) if stored != model => differences.unlike.push((name.clone(), stored, model)),
            Some(_) => {}
        }
    }
    differences.unexpected = stored.into_keys().collect();
    differences
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        Dtype::I64 => Some(DType::I64),
        Dtype::BOOL => Some(DType::Bool),
        _ => None,
    }
}

fn decode(bytes: &[u8], shape: Shape, dtype: DType) -> Option<Tensor> {
    match dtype {
        DType::F32 => Tensor::from_vec(elements(bytes, f32::from_le_bytes), shape),
        DType::F64 => Tensor::from_vec(elements(bytes, f64::from_le_bytes), shape),
        DType::I64 => Tensor::from_vec(elements(bytes, i64::from_le_bytes), shape),
        DType::Bool if bytes.iter().any(|&byte| byte > 1) => return None,
        DType::Bool => Tensor::from_vec(elements(bytes, |[byte]| byte == 1), shape),
    }
    .ok()
}

fn elements<T, const N: usize>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&bytes| element(bytes)).collect()
}

/// Why a model was not loaded. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system refuses.
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is a folder, a device or a pipe at this path.
    #[error("cannot read the checkpoint {}: it is no file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The content is not that of a safetensors file.
    #[error("{} is no safetensors file, or is damaged or cut short: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Elements are of a type that tensors here cannot hold.
    #[error(
        "{} holds {name} as {dtype}; only F32, F64, I64 and BOOL can be read: convert the file first",
        path.display()
    )]
    Type {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// Its type, as the format calls it.
        dtype: String,
    },
    /// Names, shapes or types are not the model's.
    #[error("{} is a checkpoint of another model: {differences}", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What differs.
        differences: Differences,
    },
}

/// How the parameters in a file differ from those of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Names the model has and the file has not.
    pub missing: Vec<String>,
    /// Names the file has and the model has not.
    pub unexpected: Vec<String>,
    /// Name, type and shape in the file, type and shape in the model.
    pub unlike: Vec<(String, String, String)>,
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unlike = self.unlike.iter().map(|(name, file, model)| format!("{name} is {file}, here {model}"));
        let parts = [
            ("", unlike.collect()),
            ("it lacks ", self.missing.clone()),
            ("the model has no ", self.unexpected.clone()),
        ];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        let parts: Vec<String> = parts.map(|(what, names)| format!("{what}{}", few(&names))).collect();
        f.write_str(&parts.join("; "))
    }
}

impl std::error::Error for Differences {}

/// The first names of a list that may be long.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 6;
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
