//! What a system can refuse: room on the disk, descriptors, memory, an output to print to.
#![cfg(target_os = "linux")]

use super::{example, text, tiny_data};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::{TempDir, tempdir};
use train::CheckpointFolder;

const FILES: [&str; 6] =
    ["config.json", "metrics.jsonl", "results.json", "model.safetensors", "report.html", "figure.png"];

/// A run of 20 steps with a checkpoint every 10, in a shell that has set a `limit` before, and in the folder `run` of another.
fn run(limit: &str, data: &TempDir, out: &Path, stdout: Stdio, more: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{limit}; exec \"$@\""), "sh"])
        .arg(example("softmax"))
        .args(["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "20"])
        .args(["--threads", "2", "--checkpoint-every", "10", "--out", "run"])
        .args(more)
        .current_dir(out)
        .env_remove("RUST_BACKTRACE")
        .stdout(stdout)
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

/// Goes on with the run, without a limit.
fn resumed(out: &Path) -> Output {
    Command::new(example("softmax")).args(["--resume", "run"]).current_dir(out).output().unwrap()
}

#[test]
fn an_output_that_is_full_is_said_once_and_by_the_exit() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = run("true", &data, out.path(), full.into(), &[]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.matches("warning: standard output cannot be written").count(), 1, "{error}");
    assert!(
        error.ends_with("error: not all results could be printed: No space left on device (os error 28)\n"),
        "{error}"
    );
    FILES.iter().for_each(|file| assert!(out.path().join("run").join(file).exists(), "{file}"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = run("true", &data, out.path(), writer.into(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    FILES.iter().for_each(|file| assert!(out.path().join("run").join(file).exists(), "{file}"));
}

/// No file may have more than so many blocks of 512 bytes: the first checkpoint fits, and the second does not, as on a disk that is full.
#[test]
fn a_disk_that_is_full_is_said_once_and_by_the_exit_and_the_run_goes_on_from_what_is_there() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let blocks = "trap '' XFSZ; ulimit -f 100";
    let output = run(blocks, &data, out.path(), Stdio::piped(), &["--save", "saved.safetensors"]);
    let (printed, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.matches("training goes on").count(), error.matches("warning: ").count(), "{error}");
    assert_eq!(error.matches("step-10.safetensors: ").count(), 2, "at once, and at the end: {error}");
    assert!(error.contains("\nerror: ") && !error.contains("panicked"), "{error}");
    assert!(printed.contains("final test accuracy"), "{printed}");
    let folder = out.path().join("run");
    // Of what does not fit nothing stays.
    for (file, is_there) in [("report.html", false), ("results.json", true), ("../saved.safetensors", true)] {
        assert_eq!(folder.join(file).exists(), is_there, "{file}: {error}");
    }
    assert_eq!(
        CheckpointFolder::open(folder.join("checkpoints")).unwrap().newest().unwrap().unwrap().step(),
        0
    );
    let output = resumed(out.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    FILES.iter().for_each(|file| assert!(folder.join(file).exists(), "{file}"));
}

/// Whatever is missing first, there is a sentence, and the exit is true.
#[test]
fn without_descriptors_or_memory_a_run_ends_with_a_sentence_or_is_whole() {
    let data = tiny_data();
    let descriptors = (4..=14).map(|n| format!("ulimit -n {n}"));
    let memory = [40, 80, 120, 160, 240].map(|mb| format!("ulimit -v {}", mb << 10));
    for limit in descriptors.chain(memory) {
        let out = tempdir().unwrap();
        let output = run(&limit, &data, out.path(), Stdio::piped(), &[]);
        let error = text(&output.stderr);
        // Where memory ends the standard library has the last word.
        assert!(!error.contains("panicked"), "{limit}: {error}");
        let folder = out.path().join("run");
        match output.status.success() {
            true => FILES.iter().for_each(|file| assert!(folder.join(file).exists(), "{limit}: {file}")),
            false => assert!(
                ["error: ", "memory allocation of ", "error while loading"]
                    .iter()
                    .any(|said| error.contains(said)),
                "{limit}: {error}"
            ),
        }
        let checkpoints = folder.join("checkpoints");
        if checkpoints.is_dir() {
            CheckpointFolder::open(&checkpoints).unwrap().newest().unwrap();
        }
    }
}
