//! A trained model and a picture of a digit.

use crate::digits::data::Split;
use crate::digits::model_file::{self, ModelError};
use crate::digits::preprocess;
use crate::run::engine::Engine;
use crate::run::mode::Mode;
use nn::Layer;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

/// Sides of pictures that are read: larger ones are a mistake.
const SIDE: u32 = 10_000;

/// Why a digit is not read.
#[derive(Debug, thiserror::Error)]
pub enum RecognizeError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model's outputs are infinite or NaN for this picture.
    #[error("{}: the outputs of this model for the picture are infinite or NaN; train it again or use another", .0.display())]
    NotANumber(PathBuf),
    /// The picture cannot be opened.
    #[error("{}: {error}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no picture.
    #[error("{}: this is no PNG picture ({error})", file.display())]
    NoPicture {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: png::DecodingError,
    },
    /// The picture is far larger than any digit.
    #[error("{}: {width} × {height} pixels are too many, at most {SIDE} × {SIDE} are read", file.display())]
    Large {
        /// The file.
        file: PathBuf,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Nothing is on it.
    #[error("{}: there is no digit on this picture, it is all of one colour", .0.display())]
    Empty(PathBuf),
}

/// What a model, as a run saved it in the file `model`, takes the digit in the PNG file `image` for: the probabilities of
/// the ten digits. The picture may be of any size, dark on light or light on dark.
///
/// The file's metadata say which of the nine models it is. A file that has lost them is recognised by the names and shapes of
/// its parameters, unless two models have the same: then `name`, an example's as `"five_layers_sigmoid"`, says which.
///
/// # Errors
/// If one of the files cannot be read, the model is ambiguous, another than `name` says, or has values that are NaN or
/// infinite, or nothing is on the picture.
pub fn recognize(model: &Path, name: Option<&str>, image: &Path) -> Result<[f32; 10], RecognizeError> {
    let network = model_file::open(model, name)?;
    let (width, height, grey) = grey(image)?;
    let pixels =
        preprocess::digit(width, height, &grey).ok_or_else(|| RecognizeError::Empty(image.to_owned()))?;
    let probabilities = probabilities(&mut Engine::new(Mode::Compiled, 0), &network, pixels);
    if probabilities.iter().any(|p| !p.is_finite()) {
        return Err(RecognizeError::NotANumber(model.to_owned()));
    }
    Ok(probabilities)
}

/// What the model takes an image of 784 grey values for: the probabilities of the ten digits; NaN if one of its outputs is
/// NaN or infinite.
pub(crate) fn probabilities(
    engine: &mut Engine,
    model: &(impl Layer + 'static),
    pixels: Vec<u8>,
) -> [f32; 10] {
    let digit = Split { images: pixels, labels: vec![0], rows: 28, cols: 28 };
    let [_, logits] = engine.predict(model, &digit, &[0]);
    let logits = logits.to_vec::<f32>();
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|x| (x - largest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    std::array::from_fn(|digit| weights[digit] / sum)
}

/// Width, height and grey values of a PNG file; what is transparent is white.
fn grey(file: &Path) -> Result<(usize, usize, Vec<u8>), RecognizeError> {
    let opened = File::open(file).map_err(|error| RecognizeError::Open { file: file.to_owned(), error })?;
    let no_picture = |error| RecognizeError::NoPicture { file: file.to_owned(), error };
    let mut decoder = png::Decoder::new(BufReader::new(opened));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(no_picture)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > SIDE || height > SIDE {
        return Err(RecognizeError::Large { file: file.to_owned(), width, height });
    }
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut bytes).map_err(no_picture)?;
    let samples = info.color_type.samples();
    let grey = bytes[..info.buffer_size()].chunks_exact(samples).map(|pixel| {
        let (colours, alpha) = match samples {
            2 | 4 => (&pixel[..samples - 1], u32::from(pixel[samples - 1])),
            _ => (pixel, 255),
        };
        let light = colours.iter().map(|&c| u32::from(c)).sum::<u32>() / colours.len() as u32;
        ((light * alpha + 255 * (255 - alpha)) / 255) as u8
    });
    Ok((width as usize, height as usize, grey.collect()))
}
