//! Writing checkpoints: parameters and buffers by name, in the safetensors format that other frameworks read too.

use crate::{DType, Module, Tensor};
use safetensors::tensor::{Dtype, TensorInfo};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What is noted in a checkpoint besides the parameters: the step, the seed, the model's name …
pub type Metadata = BTreeMap<String, String>;

/// Writes every parameter and state of `module` to a file.
///
/// It is written to a temporary file in the same folder and renamed when it is complete and on the disk, so that
/// whatever happens there is either the old file or the new one. The same values give the same bytes.
///
/// ```
/// use nn::{Linear, Metadata, Rng};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let model = Linear::new(3, 2, &mut Rng::new(1));
/// nn::save(&model, &path, &Metadata::from([("step".to_string(), "10000".to_string())]))?;
///
/// let mut other = Linear::new(3, 2, &mut Rng::new(2));
/// let metadata = nn::load(&mut other, &path)?;
/// assert_eq!(metadata["step"], "10000");
/// assert_eq!(other.weight.value(), model.weight.value());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or names in the model cannot be told apart.
pub fn save(
    module: &(impl Module + ?Sized),
    path: impl AsRef<Path>,
    metadata: &Metadata,
) -> Result<(), SaveError> {
    let params = module.params().into_iter().map(|(name, param)| (name, param.value().clone())).collect();
    save_tensors(params, path, metadata)
}

/// Writes tensors under their names to a file, as [`save`] does with those of a model: what is no parameter, an optimizer's state,
/// say. Any safetensors reader reads it.
///
/// ```
/// use nn::{Metadata, Tensor};
///
/// let path = tempfile::tempdir()?.keep().join("velocity.safetensors");
/// let velocity = vec![("weight/velocity".to_string(), Tensor::from([1.0_f32, 2.0]))];
/// nn::save_tensors(velocity.clone(), &path, &Metadata::new())?;
/// assert_eq!(nn::load_tensors(&path)?.0, velocity);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or two names are equal.
pub fn save_tensors(
    mut params: Vec<(String, Tensor)>,
    path: impl AsRef<Path>,
    metadata: &Metadata,
) -> Result<(), SaveError> {
    let path = path.as_ref();
    params.iter_mut().for_each(|(_, value)| *value = value.contiguous());
    // Wider elements first: then each lies at a multiple of its size, which readers that map the file rely on.
    params.sort_by_key(|(_, value)| std::cmp::Reverse(value.dtype().size()));
    let header = header(&params, metadata)?;
    let io = |source| SaveError::Io { path: path.to_owned(), source };
    let (temporary, target) = temporary(path)?;
    let mut out = BufWriter::new(temporary.as_file());
    write_all(&mut out, &header, &params).and_then(|()| out.flush()).map_err(io)?;
    drop(out);
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(&target).map_err(|error| io(error.error))?;
    // The new name must reach the disk too; only Unix opens folders for that.
    #[cfg(unix)]
    File::open(folder_of(&target)).and_then(|folder| folder.sync_all()).map_err(io)?;
    Ok(())
}

/// Whether [`save`] can write to this path as things are: to be asked before a long training.
///
/// ```
/// assert!(nn::check_writable("/nowhere/at/all/model.safetensors").is_err());
/// ```
///
/// # Errors
/// If the folder does not exist or takes no new file, or there is something at the path that is not a file.
pub fn check_writable(path: impl AsRef<Path>) -> Result<(), SaveError> {
    temporary(path.as_ref()).map(drop)
}

/// A file beside the one to be written, and the path that it is to be moved to.
fn temporary(path: &Path) -> Result<(NamedTempFile, PathBuf), SaveError> {
    if path.exists() && !path.is_file() {
        return Err(SaveError::NotAFile { path: path.to_owned() });
    }
    // The file that a symbolic link points to is replaced, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // Made by our own call: the error of `tempfile_in` would name the temporary file, which nobody knows.
    let made = tempfile::Builder::new()
        .prefix(".")
        .suffix(".tmp")
        .make_in(folder_of(&target), |path| File::create_new(path));
    match made {
        Ok(file) => Ok((file, target)),
        Err(source) => Err(SaveError::Io { path: path.to_owned(), source }),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// The header: a JSON object that says for each name the type, the shape and the place. The library's own writer puts
/// metadata in the order of a hash map, another one each time.
fn header(params: &[(String, Tensor)], metadata: &Metadata) -> Result<Vec<u8>, SaveError> {
    const METADATA: &str = "__metadata__";
    let mut entries = serde_json::Map::new();
    entries.insert(METADATA.to_owned(), metadata.clone().into_iter().collect());
    let mut start = 0;
    for (name, value) in params {
        let end = start + value.numel() * value.dtype().size();
        let dtype = match value.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::I64 => Dtype::I64,
            DType::Bool => Dtype::BOOL,
        };
        let info = TensorInfo { dtype, shape: value.shape().to_vec(), data_offsets: (start, end) };
        let info =
            serde_json::to_value(info).map_err(|error| SaveError::Header { what: error.to_string() })?;
        if entries.insert(name.clone(), info).is_some() {
            return Err(SaveError::Name { name: name.clone() });
        }
        start = end;
    }
    let mut header = serde_json::Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

fn write_all(out: &mut impl Write, header: &[u8], params: &[(String, Tensor)]) -> std::io::Result<()> {
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header)?;
    for (_, value) in params {
        match value.dtype() {
            DType::F32 => value.to_vec::<f32>().iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))?,
            DType::F64 => value.to_vec::<f64>().iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))?,
            DType::I64 => value.to_vec::<i64>().iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))?,
            DType::Bool => value.to_vec::<bool>().iter().try_for_each(|&x| out.write_all(&[u8::from(x)]))?,
        }
    }
    Ok(())
}

/// Why a model was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file system refuses.
    #[error("cannot write the checkpoint {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is something at this path that must not be replaced.
    #[error("cannot write the checkpoint {}: there is a folder or device of that name", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A name would stand for two things.
    #[error(
        "two parameters of the model are called {name:?} (or one has the reserved name \"__metadata__\"); \
         a checkpoint needs a name for each"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The header cannot be written as JSON.
    #[error("cannot describe the parameters: {what}")]
    Header {
        /// What the encoder says.
        what: String,
    },
}
