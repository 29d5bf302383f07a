//! Saved models: which of the nine a file is of, and whether its values are numbers.

use crate::digits::models::{EXAMPLES, by_example};
use nn::{DType, Differences, LoadError, Metadata, Module, Rng, Sequential};
use std::fmt;
use std::path::{Path, PathBuf};

/// The entry of a file's metadata that names the example it was trained by.
pub(crate) const EXAMPLE: &str = "example";

/// Why a file is not used as a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read, or its parameters are not the model's.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file is of none of the nine models.
    #[error(
        "{}: this is none of the nine models: {}{error}",
        file.display(),
        nearest.map_or(String::new(), |name| format!("the nearest is {name}, but "))
    )]
    NoModel {
        /// The file.
        file: PathBuf,
        /// The model whose parameters differ least, if there are parameters.
        nearest: Option<&'static str>,
        /// What is wrong.
        error: Box<LoadError>,
    },
    /// The file has lost its metadata, and several models have its parameters.
    #[error(
        "{}: its metadata does not name a model, and its parameters are those of {}: name one with --model",
        file.display(),
        candidates.join(" and of ")
    )]
    Ambiguous {
        /// The file.
        file: PathBuf,
        /// The models that it may be.
        candidates: Vec<&'static str>,
    },
    /// The file's metadata names another model.
    #[error(
        "{}: this is a model of {noted}, by its metadata, not of {wanted}{}",
        file.display(),
        differences.as_ref().map_or(String::new(), |differences| format!(" ({differences})"))
    )]
    Foreign {
        /// The file.
        file: PathBuf,
        /// The model that the file names.
        noted: String,
        /// The model that was asked for.
        wanted: String,
        /// How their parameters differ, if they do.
        differences: Option<Box<Differences>>,
    },
    /// The name of the model, from the file's metadata or from the user, is none of the nine.
    #[error("{}: this cannot be read as a model of {name:?}, which is none of the nine examples", file.display())]
    Unknown {
        /// The file.
        file: PathBuf,
        /// The name.
        name: String,
    },
    /// Some values are NaN or infinite.
    #[error(
        "{}: not all values are numbers, {}: its training has diverged; use an earlier file",
        file.display(),
        params.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The parameters and buffers with such values.
        params: Vec<NotFinite>,
    },
}

/// How many values of a parameter are NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// The parameter's path name.
    pub name: String,
    /// Values that are NaN.
    pub nan: usize,
    /// Values that are infinite.
    pub infinite: usize,
    /// All its values.
    pub of: usize,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotFinite { name, nan, infinite, of } = self;
        write!(f, "{name} has {nan} NaN and {infinite} infinite values of {of}")
    }
}

/// Reads a file into `model`, which is that of the example `wanted`, and returns the file's metadata. Where the metadata
/// does not name an example, the same parameters are enough.
pub(crate) fn load(model: &mut Sequential, wanted: &str, file: &Path) -> Result<Metadata, ModelError> {
    let foreign = |noted: String, differences| ModelError::Foreign {
        file: file.to_owned(),
        noted,
        wanted: wanted.to_owned(),
        differences,
    };
    match nn::load(model, file) {
        Ok(notes) => match notes.get(EXAMPLE) {
            Some(noted) if noted != wanted => Err(foreign(noted.clone(), None)),
            _ => all_finite(model, file).map(|()| notes),
        },
        Err(LoadError::OtherModel { path, differences }) => {
            Err(match fitting(file)?.noted().filter(|noted| noted != wanted) {
                Some(noted) => foreign(noted, Some(Box::new(differences))),
                None => LoadError::OtherModel { path, differences }.into(),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The model in a file: that of the example `name`, or without a name the one that its metadata names, or where that is
/// lost the only one of the nine with its parameters.
pub(crate) fn open(file: &Path, name: Option<&str>) -> Result<Sequential, ModelError> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => identify(file)?,
    };
    let build =
        by_example(&name).ok_or_else(|| ModelError::Unknown { file: file.to_owned(), name: name.clone() })?;
    let mut model = build(&mut Rng::new(0));
    load(&mut model, &name, file)?;
    Ok(model)
}

fn identify(file: &Path) -> Result<String, ModelError> {
    let none =
        |nearest, error| ModelError::NoModel { file: file.to_owned(), nearest, error: Box::new(error) };
    let fits = fitting(file).map_err(|error| match error {
        LoadError::Damaged { .. } => none(None, error),
        error => error.into(),
    })?;
    if let Some(noted) = fits.noted() {
        return Ok(noted);
    }
    match (&fits.models[..], fits.nearest) {
        ([(name, _)], _) => Ok((*name).to_owned()),
        ([], Some((nearest, error))) => Err(none(Some(nearest), error)),
        (models, _) => {
            let candidates = models.iter().map(|(name, _)| *name).collect();
            Err(ModelError::Ambiguous { file: file.to_owned(), candidates })
        }
    }
}

/// The models whose parameters have the names and shapes of those in a file.
struct Fits {
    /// Each with the file's metadata, which are read together with parameters.
    models: Vec<(&'static str, Metadata)>,
    /// Of the others the one that differs least.
    nearest: Option<(&'static str, LoadError)>,
}

impl Fits {
    /// The example that the file names.
    fn noted(&self) -> Option<String> {
        self.models.iter().find_map(|(_, notes)| notes.get(EXAMPLE)).cloned()
    }
}

fn fitting(file: &Path) -> Result<Fits, LoadError> {
    let mut fits = Fits { models: vec![], nearest: None };
    let mut least = usize::MAX;
    for (name, build) in EXAMPLES {
        match nn::load(&mut build(&mut Rng::new(0)), file) {
            Ok(notes) => fits.models.push((name, notes)),
            Err(LoadError::OtherModel { path, differences }) => {
                let Differences { missing, unexpected, unlike } = &differences;
                let count = missing.len() + unexpected.len() + unlike.len();
                if count < least {
                    least = count;
                    fits.nearest = Some((name, LoadError::OtherModel { path, differences }));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(fits)
}

/// Refuses a model that a diverged training has left: it would answer, and always the same.
fn all_finite(model: &Sequential, file: &Path) -> Result<(), ModelError> {
    let broken = model.params().into_iter().filter_map(|(name, param)| {
        let values = param.value().to(DType::F64).to_vec::<f64>();
        let nan = values.iter().filter(|value| value.is_nan()).count();
        let infinite = values.iter().filter(|value| value.is_infinite()).count();
        (nan + infinite > 0).then_some(NotFinite { name, nan, infinite, of: values.len() })
    });
    let params: Vec<NotFinite> = broken.collect();
    if params.is_empty() { Ok(()) } else { Err(ModelError::NotFinite { file: file.to_owned(), params }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::models;
    use nn::Tensor;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    /// A file of a model with these notes.
    fn saved(model: &Sequential, example: Option<&str>) -> (TempDir, PathBuf) {
        let folder = tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        let notes = example.map(|example| (EXAMPLE.to_owned(), example.to_owned()));
        nn::save(model, &file, &notes.into_iter().collect()).unwrap();
        (folder, file)
    }

    #[test]
    fn each_of_the_nine_is_found_by_its_note_and_without_it_by_its_parameters_unless_two_have_the_same() {
        let twins = ["five_layers_sigmoid", "five_layers_relu_lrdecay"];
        for (name, build) in EXAMPLES {
            let model = build(&mut Rng::new(1));
            let (_folder, file) = saved(&model, Some(name));
            assert_eq!(identify(&file).unwrap(), name);
            open(&file, None).unwrap();
            let (_folder, file) = saved(&model, None);
            match identify(&file) {
                Ok(found) => assert_eq!(found, name),
                Err(error) => {
                    let message = error.to_string();
                    assert!(
                        twins.contains(&name) && twins.iter().all(|twin| message.contains(twin)),
                        "{message}"
                    );
                    assert!(message.contains("--model"), "{message}");
                }
            }
            // Named, it is read with the values of the file.
            let opened = open(&file, Some(name)).unwrap();
            for ((name, ours), (_, theirs)) in opened.params().iter().zip(model.params()) {
                assert_eq!(ours.value(), theirs.value(), "{name}");
            }
        }
    }

    #[test]
    fn weights_noted_for_another_model_of_the_same_shapes_are_refused_by_both_names() {
        let [one, other] = ["five_layers_sigmoid", "five_layers_relu_lrdecay"];
        let (_folder, file) = saved(&models::five_layers_sigmoid(&mut Rng::new(1)), Some(one));
        let mut model = models::five_layers_relu(&mut Rng::new(2));
        for error in [load(&mut model, other, &file).unwrap_err(), open(&file, Some(other)).err().unwrap()] {
            let message = error.to_string();
            assert!(message.contains(one) && message.contains(other), "{message}");
        }
        // Of other shapes, with what differs.
        let error = load(&mut models::softmax(&mut Rng::new(0)), "softmax", &file).unwrap_err().to_string();
        assert!(
            error.contains(one) && error.contains("not of softmax") && error.contains("[784, 200]"),
            "{error}"
        );
        // A name that nobody knows is no licence to guess.
        let (_folder, file) = saved(&models::softmax(&mut Rng::new(1)), Some("six_layers"));
        let error = open(&file, None).err().unwrap().to_string();
        assert!(error.contains("six_layers") && error.contains("none of the nine"), "{error}");
    }

    #[test]
    fn values_that_are_no_numbers_are_refused_by_the_name_of_their_parameter() {
        for (value, said) in [(f32::NAN, "1 NaN and 0 infinite"), (f32::NEG_INFINITY, "0 NaN and 1 infinite")]
        {
            let mut model = models::batchnorm_conv(&mut Rng::new(1));
            let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
            for (i, name) in names.iter().enumerate() {
                let (_, param) = model.params_mut().into_iter().nth(i).unwrap();
                let whole = param.value().clone();
                if whole.dtype() != DType::F32 {
                    continue;
                }
                let mut values = whole.to_vec::<f32>();
                *values.last_mut().unwrap() = value;
                param.set(Tensor::from_vec(values, whole.shape()).unwrap());
                let (_folder, file) = saved(&model, Some("batchnorm_conv"));
                let message = open(&file, None).err().unwrap().to_string();
                assert!(message.contains(&format!("{name} has {said} values of ")), "{message}");
                model.params_mut().into_iter().nth(i).unwrap().1.set(whole);
            }
        }
    }

    #[test]
    fn what_is_no_model_is_said_with_the_nearest() {
        let other = Sequential::new().with(nn::Flatten).with(nn::Linear::new(784, 11, &mut Rng::new(1)));
        let (_folder, file) = saved(&other, None);
        let message = open(&file, None).err().unwrap().to_string();
        assert!(message.contains("none of the nine models: the nearest is softmax"), "{message}");
        fs::write(&file, "no model").unwrap();
        assert!(open(&file, None).err().unwrap().to_string().contains("none of the nine models"));
        fs::remove_file(&file).unwrap();
        let message = open(&file, None).err().unwrap().to_string();
        assert!(message.contains("cannot read") && !message.contains("none of the nine"), "{message}");
    }
}
