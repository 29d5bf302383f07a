//! Checkpoints that are damaged, foreign, or of another kind of run.

use nn::{BatchNorm, Dropout, Graph, Layer, Linear, Module, Rng, Tensor, Var};
use optim::{Adam, Optimizer, ParamGroups, Sgd};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use train::{Checkpoint, CheckpointError, CheckpointFolder};

#[derive(Module)]
struct Net {
    hidden: Linear,
    norm: BatchNorm,
    output: Linear,
}

impl Net {
    fn new(width: usize, seed: u64) -> Net {
        let rng = &mut Rng::new(seed);
        Net {
            hidden: Linear::new(3, width, rng),
            norm: BatchNorm::new(width),
            output: Linear::new(width, 1, rng),
        }
    }
}

impl Layer for Net {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let x = self.norm.forward(self.hidden.forward(x)).relu();
        self.output.forward(Dropout::new(0.75).forward(x))
    }
}

fn step(net: &mut Net, optimizer: &mut dyn Optimizer, step: u64) {
    let graph = Graph::training(11, step);
    let x = Tensor::normal([8, 3], 0.0, 1.0, nn::DType::F32, &mut Rng::stream(5, step));
    let grads = net.forward(graph.constant(x)).square().mean(..).backward();
    optimizer.step(net, &grads, 0.05);
}

/// A state with numbers that a careless writer rounds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    best: f64,
    seen: Vec<u64>,
}

fn state() -> State {
    State { best: 0.1 + 0.2, seen: vec![u64::MAX, 0, 1 << 53 | 1] }
}

fn values(net: &Net) -> Vec<(String, Tensor)> {
    net.params().into_iter().map(|(name, param)| (name, param.value().clone())).collect()
}

/// A run of four steps, saved.
fn saved() -> (TempDir, std::path::PathBuf, Net, Adam) {
    let folder = tempdir().unwrap();
    let (mut net, mut adam) = (Net::new(4, 1), Adam::new());
    (0..4).for_each(|i| step(&mut net, &mut adam, i));
    let file = folder.path().join("run.safetensors");
    Checkpoint::new(4, &net, &adam, &state()).unwrap().write(&file).unwrap();
    (folder, file, net, adam)
}

#[test]
fn a_run_goes_on_to_the_bit() {
    let (_folder, file, mut net, mut adam) = saved();
    (4..9).for_each(|i| step(&mut net, &mut adam, i));
    let checkpoint = Checkpoint::open(&file).unwrap();
    assert_eq!(checkpoint.state::<State>().unwrap(), state());
    assert!(checkpoint.warnings().is_empty());
    let (mut again, mut other) = (Net::new(4, 77), Adam::new());
    checkpoint.restore(&mut again, &mut other).unwrap();
    (checkpoint.step()..9).for_each(|i| step(&mut again, &mut other, i));
    assert_eq!(values(&again), values(&net));
    assert_eq!(other.state(&again), adam.state(&net));
}

#[test]
fn another_model_or_optimizer_is_refused_and_nothing_changes() {
    let (_folder, file, ..) = saved();
    let checkpoint = Checkpoint::open(&file).unwrap();
    let (mut wider, mut adam) = (Net::new(5, 3), Adam::new());
    step(&mut wider, &mut adam, 0);
    let before = (values(&wider), adam.state(&wider));
    let error = checkpoint.restore(&mut wider, &mut adam).unwrap_err().to_string();
    assert!(
        error.contains("of another model") && error.contains("hidden.weight is f32 [3, 4], here f32 [3, 5]"),
        "{error}"
    );
    assert_eq!((values(&wider), adam.state(&wider)), before);

    let (mut net, mut sgd) = (Net::new(4, 3), Sgd::new().momentum(0.9));
    step(&mut net, &mut sgd, 0);
    let before = (values(&net), sgd.state(&net));
    let error = checkpoint.restore(&mut net, &mut sgd).unwrap_err();
    assert!(matches!(error, CheckpointError::OtherOptimizer { .. }), "{error}");
    assert_eq!((values(&net), sgd.state(&net)), before);

    // The reverse: nothing is kept that this optimizer needs.
    let plain = file.with_file_name("sgd.safetensors");
    Checkpoint::new(4, &net, &Sgd::new(), &state()).unwrap().write(&plain).unwrap();
    let plain = Checkpoint::open(&plain).unwrap();
    let groups = ParamGroups::new(Adam::new()).group("*.bias", Sgd::new());
    for mut adam in [Box::new(Adam::new()) as Box<dyn Optimizer>, Box::new(groups)] {
        let error = plain.restore(&mut net, &mut *adam).unwrap_err().to_string();
        assert!(error.contains("another kind of optimizer"), "{error}");
    }
    assert!(
        Checkpoint::open(&file).unwrap().state::<Vec<u8>>().unwrap_err().to_string().contains("run's state")
    );
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let (_folder, file, net, _) = saved();
    nn::save(&net, &file, &nn::Metadata::new()).unwrap();
    let error = Checkpoint::open(&file).unwrap_err().to_string();
    assert!(error.contains("no checkpoint of a run") && error.contains("nn::load"), "{error}");
    let error = Checkpoint::open(file.with_file_name("none")).unwrap_err().to_string();
    assert!(error.contains("none"), "{error}");
}

#[test]
fn a_later_format_names_the_program_that_reads_it() {
    let (_folder, file, ..) = saved();
    let (tensors, mut notes) = nn::load_tensors(&file).unwrap();
    notes.insert("checkpoint_format".into(), "7".into());
    notes.insert("program".into(), "train 9.1".into());
    nn::save_tensors(tensors, &file, &notes).unwrap();
    let error = Checkpoint::open(&file).unwrap_err().to_string();
    assert!(error.contains("format 7") && error.contains("train 9.1"), "{error}");
}

#[test]
fn another_kind_of_cpu_is_warned_of() {
    let (_folder, file, ..) = saved();
    let (tensors, mut notes) = nn::load_tensors(&file).unwrap();
    notes.insert("simd".into(), "Neon".into());
    nn::save_tensors(tensors, &file, &notes).unwrap();
    let warnings = Checkpoint::open(&file).unwrap().warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("Neon"), "{warnings:?}");
}

#[test]
fn litter_of_killed_writers_is_cleaned_up() {
    let (folder, file, net, adam) = saved();
    let path = folder.path().join("checkpoints");
    fs::create_dir(&path).unwrap();
    fs::copy(&file, path.join(".x7Qa2.tmp")).unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let checkpoints = CheckpointFolder::open(&path).unwrap().keep(1);
    checkpoints.clean_up().unwrap();
    checkpoints.write(&Checkpoint::new(5, &net, &adam, &()).unwrap()).unwrap();
    checkpoints.write(&Checkpoint::new(12, &net, &adam, &()).unwrap()).unwrap();
    let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["notes.txt", "step-12.safetensors"]);
}

#[test]
fn a_checkpoint_that_was_just_written_is_not_among_those_that_go() {
    let (folder, _, net, adam) = saved();
    let checkpoints = CheckpointFolder::open(folder.path().join("checkpoints")).unwrap().keep(2);
    for step in [30, 40, 31] {
        checkpoints.write(&Checkpoint::new(step, &net, &adam, &()).unwrap()).unwrap();
    }
    fs::write(checkpoints.path().join("step-007.safetensors"), "not ours").unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [31, 40]);
}

#[test]
fn a_state_that_cannot_be_read_back_is_refused_when_it_is_written() {
    let (_folder, _, net, adam) = saved();
    let state = State { best: f64::INFINITY, seen: vec![] };
    assert!(Checkpoint::new(4, &net, &adam, &state).unwrap_err().to_string().contains("run's state"));
}

/// Either the file is refused, or all of it is as it was written.
fn is_refused_or_whole(bytes: &[u8], folder: &Path, whole: &Checkpoint) {
    let file = folder.join("mutated.safetensors");
    fs::write(&file, bytes).unwrap();
    if let Ok(read) = Checkpoint::open(&file) {
        for group in ["model", "optimizer"] {
            assert_eq!(read.tensors(group), whole.tensors(group));
        }
        assert_eq!((read.step(), read.state::<State>().unwrap()), (whole.step(), state()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_damage_goes_unnoticed(place in 0.0..1.0_f64, flip in 1..=255_u8, kind in 0..4) {
        let (folder, file, ..) = saved();
        let whole = Checkpoint::open(&file).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let place = (place * bytes.len() as f64) as usize;
        match kind {
            0 | 1 => bytes[place] ^= flip,
            2 => bytes.truncate(place),
            _ => bytes.insert(place, flip),
        }
        is_refused_or_whole(&bytes, folder.path(), &whole);
    }
}
