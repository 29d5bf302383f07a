//! What TensorBoard's own reader says of the files: `cargo test -p train --test tensorboard -- --ignored`, which needs Python 3 and installs
//! TensorBoard into a temporary folder.

use nn::{DType, Layer, Linear, Rng, Tensor, loss};
use optim::Sgd;
use std::fs;
use std::process::Command;
use tempfile::tempdir;
use train::watch::{Record, TensorBoard};
use train::{Batches, Loader, TensorDataset, Trainer};

/// Prints a line for each scalar: its name, its step, and its value.
const ASK: &str = "
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
for tag in events.Tags()['scalars']:
    for scalar in events.Scalars(tag):
        print(tag, scalar.step, scalar.value)
";

#[test]
#[ignore = "installs TensorBoard"]
fn tensorboard_reads_every_number_of_a_run_that_went_on() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let run = |program: &std::path::Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    run("python3".as_ref(), &["-m", "venv", &text(&path("python"))]);
    let python = path("python").join("bin/python");
    run(&python, &["-m", "pip", "install", "-q", "tensorboard", "setuptools<81"]);

    let x = Tensor::uniform([40, 1], -1.0, 1.0, DType::F32, &mut Rng::new(1));
    let data = || TensorDataset::new([x.clone(), &x * 2.0 + 1.0]).unwrap();
    for steps in [7, 20] {
        let mut loader = Loader::new(data(), Batches::new(40, 8, 1).unwrap());
        let line = Linear::new(1, 1, &mut Rng::new(1));
        let mut trainer =
            Trainer::new(line, Sgd::new(), |line: &Linear, [x, y]| [loss::mse(line.forward(x), y)])
                .schedule(0.1)
                .evaluate("test", data(), 5)
                .folder(path("run"))
                .observe(TensorBoard::new(path("board")).unwrap());
        trainer.resume(&mut loader).unwrap();
        trainer.fit(&mut loader, steps).unwrap();
    }
    let mut expected: Vec<(String, u64, f32)> = vec![];
    for line in fs::read_to_string(path("run/metrics.jsonl")).unwrap().lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        let named = record.values.iter().map(|(name, value)| (name.replacen('_', "/", 1), value as f32));
        expected.extend(named.map(|(name, value)| (name, record.step, value)));
    }
    let said = run(&python, &["-c", ASK, &text(&path("board"))]);
    let mut found: Vec<(String, u64, f32)> = said
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), words[1].parse().unwrap(), words[2].parse::<f64>().unwrap() as f32)
        })
        .collect();
    let order = |a: &(String, u64, f32), b: &(String, u64, f32)| (&a.0, a.1).cmp(&(&b.0, b.1));
    expected.sort_by(order);
    found.sort_by(order);
    assert!(found.len() > 40);
    assert_eq!(found, expected);
}
