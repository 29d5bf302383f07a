//! Folders that cannot be written to, from the start or from some moment on.

use super::{example, refused, text, tiny_data};
use std::fs;
use std::process::Command;
use tempfile::tempdir;

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_training() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let blocked = out.path().join("file");
    fs::write(&blocked, "not a folder").unwrap();
    let (data, folder) = (data.path().to_str().unwrap(), blocked.to_str().unwrap());
    refused(
        "softmax",
        &["--data", data, "--batch", "20", "--steps", "2", "--out", folder],
        &[folder, "cannot be written here", "--out"],
    );
    assert_eq!(fs::read_to_string(&blocked).unwrap(), "not a folder");
}

/// The model is worth more than its files: training goes on, and the exit says that they are not there.
#[cfg(unix)]
#[test]
fn a_folder_that_goes_away_meanwhile_is_said_at_once_and_by_the_exit() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = out.path().join("run");
    let child = Command::new(example("softmax"))
        .args(["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "30000"])
        .args(["--checkpoint-every", "1000", "--out", folder.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.join("checkpoints/step-1000.safetensors").exists() {
        std::thread::yield_now();
    }
    // At once, as a deleted one is, whatever is being written.
    fs::rename(&folder, out.path().join("elsewhere")).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.matches("training goes on without checkpoints").count(), 1, "{error}");
    assert!(
        error.contains("\nerror: ") && error.contains("checkpoints") && !error.contains("panicked"),
        "{error}"
    );
    assert!(text(&output.stdout).contains("final test accuracy"));
}
