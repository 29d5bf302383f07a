//! What other frameworks start from: the digits, and each model with its initial values and its loss on one batch.

use crate::step::tensors;
use crate::{MODELS, Model, step_flops};
use mnist::LOSS_SCALE;
use mnist::data::{Dataset, Split};
use nn::{Graph, Layer, Metadata, Module, Param, Rng, Sequential, loss};
use optim::{Optimizer, Sgd};
use std::error::Error;
use std::fs;
use std::path::Path;

/// Images in the batch.
const BATCH: usize = 100;

/// A model and a batch, saved together.
#[derive(Module)]
struct Start {
    model: Sequential,
    images: Param,
    labels: Param,
}

/// Writes the digits in MNIST's format, and for each model `NAME.safetensors`: its initial parameters (`model.0.weight` …),
/// a batch (`images`, `labels`), and in the metadata `loss`, `parameters` and `flops`.
///
/// The averages of batch normalisation are those of the batch, so that `loss`, that of the model at inference, is also that
/// of its training step without dropout.
///
/// # Errors
/// If the folder cannot be written.
pub fn export(data: &Dataset, folder: &Path) -> Result<(), String> {
    let all = || -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        write_split(&data.train, folder, "train")?;
        write_split(&data.test, folder, "t10k")?;
        for model in MODELS {
            write_model(model, &data.train, folder)?;
        }
        Ok(())
    };
    all().map_err(|error| format!("{}: {error}", folder.display()))
}

fn write_model(model: Model, train: &Split, folder: &Path) -> Result<(), Box<dyn Error>> {
    let first: Vec<usize> = (0..BATCH.min(train.len())).collect();
    let (images, labels) = tensors(train, &first);
    let network = (model.build)(&mut Rng::new(0));
    let mut start = Start { model: network, images: Param::buffer(images), labels: Param::buffer(labels) };
    settle_averages(&mut start);
    let loss = loss(&Graph::inference(), &start);
    let metadata = Metadata::from([
        ("loss".into(), loss.to_string()),
        ("parameters".into(), start.model.param_count().to_string()),
        ("flops".into(), step_flops(&start.model, BATCH).to_string()),
    ]);
    nn::save(&start, folder.join(format!("{}.safetensors", model.name)), &metadata)?;
    Ok(())
}

/// Steps of size 0: they change nothing but the running averages, which forget where they started.
fn settle_averages(start: &mut Start) {
    for step in 0..60 {
        let graph = Graph::training(0, step);
        let logits = start.model.forward(graph.input(start.images.value().clone()));
        let loss = loss::softmax_cross_entropy(logits, graph.input(start.labels.value().clone()));
        let grads = loss.backward();
        drop(graph);
        Sgd::new().step(&mut start.model, &grads, 0.0);
    }
}

/// The mean cross-entropy times [`LOSS_SCALE`], as it is minimised.
fn loss(graph: &Graph, start: &Start) -> f64 {
    let logits = start.model.forward(graph.input(start.images.value().clone()));
    loss::softmax_cross_entropy(logits, graph.input(start.labels.value().clone())).item() * LOSS_SCALE
}

/// The two files of a split, with the headers of the IDX format.
fn write_split(split: &Split, folder: &Path, name: &str) -> std::io::Result<()> {
    let [n, rows, cols] = [split.len(), split.rows, split.cols].map(|size| size as u32);
    let file = |header: &[u32], bytes: &[u8]| -> Vec<u8> {
        header.iter().flat_map(|field| field.to_be_bytes()).chain(bytes.iter().copied()).collect()
    };
    let images = file(&[0x0803, n, rows, cols], &split.images);
    let labels = file(&[0x0801, n], &split.labels);
    fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images)?;
    fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels)
}
