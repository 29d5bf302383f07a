//! One checkpoint: a safetensors file with the parameters, the optimizer's state, and the state of the run as JSON.

use super::CheckpointError;
use nn::{DType, Metadata, Module, Tensor};
use optim::{Optimizer, StateError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MODEL: &str = "model";
const OPTIMIZER: &str = "optimizer";

/// Tensors by name, and notes.
type Stored = (Vec<(String, Tensor)>, Metadata);

/// What is noted beside the tensors.
const NOTES: [&str; 6] = ["checkpoint_format", "program", "simd", "step", "state", "checksums"];

/// All that a run needs to go on as if nothing had happened: the model's parameters and buffers, what the optimizer keeps, and a state
/// of the caller's own, whatever else the next step depends on: where in the data it is, the best score so far.
///
/// A step's randomness comes from seed and step, and a schedule is a function of the step, so neither has a state of its own.
///
/// The file is a safetensors file, so that any tool reads it; each tensor and the state have a CRC-32 beside them. It is written to a
/// temporary file in the same folder, synced and renamed: whatever happens, there is the old file or the new one.
///
/// ```
/// use nn::{Graph, Layer, Linear, Rng, Tensor};
/// use optim::{Adam, Optimizer};
/// use train::Checkpoint;
///
/// fn step(model: &mut Linear, adam: &mut Adam, step: u64) {
///     let graph = Graph::training(7, step);
///     let grads = model.forward(graph.constant(Tensor::from([[1.0_f32, 2.0]]))).square().sum(..).backward();
///     adam.step(model, &grads, 0.1);
/// }
/// let (mut model, mut adam) = (Linear::new(2, 1, &mut Rng::new(1)), Adam::new());
/// (0..3).for_each(|i| step(&mut model, &mut adam, i));
/// let file = tempfile::tempdir()?.keep().join("run.safetensors");
/// Checkpoint::new(3, &model, &adam, &"whatever else".to_owned())?.write(&file)?;
/// (3..6).for_each(|i| step(&mut model, &mut adam, i));
///
/// // In another process, perhaps:
/// let (mut again, mut other) = (Linear::new(2, 1, &mut Rng::new(9)), Adam::new());
/// let checkpoint = Checkpoint::open(&file)?;
/// checkpoint.restore(&mut again, &mut other)?;
/// assert_eq!(checkpoint.state::<String>()?, "whatever else");
/// (checkpoint.step()..6).for_each(|i| step(&mut again, &mut other, i));
/// assert_eq!(again.weight.value(), model.weight.value());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Where it was read.
    path: PathBuf,
    step: u64,
    tensors: Vec<(String, Tensor)>,
    state: String,
    /// The program and the instruction set that wrote it.
    written_by: [String; 2],
}

impl Checkpoint {
    /// The format that is written and read; it changes whenever an older program would read something wrong.
    pub const FORMAT: &str = "1";

    /// That of a run that has done so many steps. It shares the values with model and optimizer until they are trained further.
    ///
    /// # Errors
    /// If the state is nothing that JSON can hold: an infinity, say.
    ///
    /// # Panics
    /// If two parameters of the model have one name.
    pub fn new<S: Serialize + DeserializeOwned>(
        step: u64,
        model: &dyn Module,
        optimizer: &dyn Optimizer,
        state: &S,
    ) -> Result<Checkpoint, CheckpointError> {
        let json = |error| CheckpointError::State { path: None, error };
        let state = serde_json::to_string(state).map_err(json)?;
        // What cannot be read back is found now, and not when it is needed.
        serde_json::from_str::<S>(&state).map_err(json)?;
        let written_by = [program(), nn::simd_level().to_string()];
        let checkpoint = Checkpoint { path: PathBuf::new(), step, tensors: vec![], state, written_by };
        let params = model.params().into_iter().map(|(name, param)| (name, param.value().clone())).collect();
        Ok(checkpoint.with(MODEL, params).with(OPTIMIZER, optimizer.state(model)))
    }

    /// With further tensors, to be [asked for](Checkpoint::tensors) by the name of the group: the parameters of the best model so far,
    /// averages of the weights.
    #[must_use]
    pub fn with(mut self, group: &str, tensors: Vec<(String, Tensor)>) -> Checkpoint {
        self.tensors.extend(tensors.into_iter().map(|(name, x)| (format!("{group}/{name}"), x)));
        self
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the file cannot be written, or two tensors have one name.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let checksums = self.tensors.iter().map(|(name, x)| (name.clone(), checksum(x).into()));
        let checksums = checksums.chain([(String::new(), of_state(self.step, &self.state).into())]);
        let checksums = serde_json::Value::Object(checksums.collect()).to_string();
        let [program, simd] = self.written_by.clone();
        let notes = [
            Checkpoint::FORMAT.to_owned(),
            program,
            simd,
            self.step.to_string(),
            self.state.clone(),
            checksums,
        ];
        let notes = NOTES.map(str::to_owned).into_iter().zip(notes).collect();
        Ok(nn::save_tensors(self.tensors.clone(), path, &notes)?)
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// If the file cannot be read, is no checkpoint, has another format, or a checksum is not right.
    pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError> {
        let path = path.as_ref();
        Checkpoint::checked(path.to_owned(), nn::load_tensors(path)?)
    }

    /// As [`open`](Checkpoint::open), of bytes in memory; `file` is what messages call them.
    ///
    /// # Errors
    /// As [`open`](Checkpoint::open).
    pub fn from_bytes(bytes: &[u8], file: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError> {
        let path = file.as_ref();
        Checkpoint::checked(path.to_owned(), nn::load_tensors_from(bytes, path)?)
    }

    fn checked(path: PathBuf, (tensors, mut notes): Stored) -> Result<Checkpoint, CheckpointError> {
        // Another format may have other notes.
        let format = notes.get(NOTES[0]).cloned();
        if let Some(found) = format.filter(|found| found != Checkpoint::FORMAT) {
            let program = notes.remove(NOTES[1]).unwrap_or_else(|| "it is not noted which".to_owned());
            return Err(CheckpointError::Format { path, found, program });
        }
        if let Some(what) = NOTES.into_iter().find(|note| !notes.contains_key(*note)) {
            return Err(CheckpointError::Foreign { path, what });
        }
        let [_, program, simd, step, state, checksums] =
            NOTES.map(|note| notes.remove(note).unwrap_or_default());
        let mut checksums: BTreeMap<String, String> = match serde_json::from_str(&checksums) {
            Ok(checksums) => checksums,
            Err(error) => {
                let (what, expected) = ("the list of checksums".to_owned(), "JSON".to_owned());
                return Err(CheckpointError::Damaged { path, what, found: error.to_string(), expected });
            }
        };
        let step = step.parse();
        let own = step.as_ref().map_or(String::new(), |step| of_state(*step, &state));
        let found =
            [("", own)].into_iter().chain(tensors.iter().map(|(name, x)| (name.as_str(), checksum(x))));
        for (name, found) in found {
            let expected = checksums.remove(name).unwrap_or_else(|| "missing".to_owned());
            if found != expected {
                let what = if name.is_empty() { "the state" } else { name }.to_owned();
                return Err(CheckpointError::Damaged { path, what, found, expected });
            }
        }
        if let Some((what, expected)) = checksums.pop_first() {
            return Err(CheckpointError::Damaged { path, what, found: "missing".to_owned(), expected });
        }
        let step = step.unwrap_or_default();
        Ok(Checkpoint { path, step, tensors, state, written_by: [program, simd] })
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Steps that the run had done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The caller's own state.
    ///
    /// # Errors
    /// If it is not of this type.
    pub fn state<S: DeserializeOwned>(&self) -> Result<S, CheckpointError> {
        serde_json::from_str(&self.state)
            .map_err(|error| CheckpointError::State { path: Some(self.path.clone()), error })
    }

    /// The tensors of a group, see [`with`](Checkpoint::with).
    pub fn tensors(&self, group: &str) -> Vec<(String, Tensor)> {
        let name = |name: &str| Some(name.strip_prefix(group)?.strip_prefix('/')?.to_owned());
        self.tensors.iter().filter_map(|(full, x)| Some((name(full)?, x.clone()))).collect()
    }

    /// What may keep the run from going on to the bit: that another version of this library or another kind of CPU wrote it.
    pub fn warnings(&self) -> Vec<String> {
        let here = [program(), nn::simd_level().to_string()];
        let what = ["was written by", "was computed with the instruction set"];
        let all = what.into_iter().zip(&self.written_by).zip(here);
        let differing = all.filter(|((_, there), here)| *there != here);
        let sentence = |((what, there), here): ((&str, &String), String)| {
            format!(
                "{} {what} {there}, this is {here}: the run goes on, but perhaps not to the last bit",
                self.path.display()
            )
        };
        differing.map(sentence).collect()
    }

    /// Gives the model and the optimizer what they had. Where anything is wrong, both stay as they are.
    ///
    /// # Errors
    /// If the model has other parameters, or the optimizer keeps something else.
    pub fn restore(
        &self,
        model: &mut dyn Module,
        optimizer: &mut dyn Optimizer,
    ) -> Result<(), CheckpointError> {
        let before = model.params().into_iter().map(|(name, param)| (name, param.value().clone())).collect();
        let set = |model: &mut dyn Module, values| nn::set_params(model, values);
        let path = || self.path.clone();
        set(model, self.tensors(MODEL))
            .map_err(|differences| CheckpointError::OtherModel { path: path(), differences })?;
        let kept = self.tensors(OPTIMIZER);
        let known = optimizer.slots();
        let loaded = match kept.is_empty() && self.step > 0 && !known.is_empty() {
            true => Err(StateError::Nothing { known: known.join(", ") }),
            false => optimizer.load_state(model, kept),
        };
        loaded.map_err(|error| {
            // They are the model's own, which it takes back.
            let _ = set(model, before);
            CheckpointError::OtherOptimizer { path: path(), error }
        })
    }
}

/// This library and its version.
fn program() -> String {
    format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

fn of_state(step: u64, state: &str) -> String {
    format!("{:08x}", crc32fast::hash(format!("{step} {state}").as_bytes()))
}

/// The CRC-32 of the type, the shape and the elements.
pub(crate) fn checksum(x: &Tensor) -> String {
    let bytes: Vec<u8> = match x.dtype() {
        DType::F32 => x.to_vec::<f32>().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::F64 => x.to_vec::<f64>().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::I64 => x.to_vec::<i64>().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::Bool => x.to_vec::<bool>().into_iter().map(u8::from).collect(),
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(format!("{} {}", x.dtype(), x.shape()).as_bytes());
    hasher.update(&bytes);
    format!("{:08x}", hasher.finalize())
}
