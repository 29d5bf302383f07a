//! Runs that are killed and go on.

use super::{example, refused, run, text, tiny_data};
use nn::Rng;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::tempdir;

/// Models with each kind of state: none, dropout, batch normalisation; compiled and eager.
const RUNS: [(&str, &[&str]); 4] = [
    ("softmax", &[]),
    ("five_layers_relu_lrdecay_dropout", &[]),
    ("batchnorm_five_layers_relu", &[]),
    ("batchnorm_five_layers_relu", &["--eager"]),
];

fn start(name: &str, arguments: &[&str], threads: &str) -> Child {
    let mut command = Command::new(example(name));
    command.args(arguments).args(["--quiet", "--threads", threads]);
    command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// The numbers of steps of the checkpoints in a run's folder.
fn checkpoints(run: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(Path::new(run).join("checkpoints")) else { return vec![] };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("step-")).collect();
    names.sort();
    names
}

/// Trains one model without a break and another with so many kills, each soon after a new checkpoint, and compares all that is left.
fn kill((name, flags): (&str, &[&str]), kills: usize, seed: u64) {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let [whole, killed] = ["whole", "killed"].map(|name| out.path().join(name).display().to_string());
    let steps = (kills * 25 + 100).to_string();
    let settings = ["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", &steps];
    let settings = [&settings[..], &["--test-every", "30", "--checkpoint-every", "5"], flags].concat();
    let begin = |run: &str, threads: &str| start(name, &[&settings[..], &["--out", run]].concat(), threads);
    assert!(begin(&whole, "2").wait().unwrap().success());

    let rng = &mut Rng::new(seed);
    let mut child = begin(&killed, "1");
    for i in 0..kills {
        let before = checkpoints(&killed);
        while checkpoints(&killed) == before && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_micros(rng.bits() % 20_000));
        let is_over = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if is_over {
            println!("{name}: over after {i} kills of {kills}");
            break;
        }
        child = start(name, &["--resume", &killed], ["1", "2", "3"][i % 3]);
    }
    assert!(
        child.wait().unwrap().success()
            || checkpoints(&killed).contains(&format!("step-{steps}.safetensors"))
    );
    for file in ["model.safetensors", "best.safetensors", "metrics.jsonl"] {
        let [whole, killed] = [&whole, &killed].map(|run| fs::read(Path::new(run).join(file)).unwrap());
        assert!(whole == killed, "{name} {flags:?}: {file} is another after {kills} kills, seed {seed}");
    }
    let results = |run: &String| -> serde_json::Value {
        let text = fs::read_to_string(Path::new(run).join("results.json")).unwrap();
        let mut results: serde_json::Value = serde_json::from_str(&text).unwrap();
        results.as_object_mut().unwrap().remove("seconds");
        results
    };
    assert_eq!(results(&whole), results(&killed));
    let litter = fs::read_dir(Path::new(&killed).join("checkpoints")).unwrap().flatten();
    let names: Vec<String> = litter.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("step-")) && names.len() <= 3, "{names:?}");
}

#[test]
fn a_run_that_is_killed_goes_on_to_the_last_bit() {
    for (i, model) in RUNS.into_iter().enumerate() {
        kill(model, 5, i as u64);
    }
}

/// `cargo test -p mnist --test command_line -- --ignored a_thousand_kills`
#[test]
#[ignore = "takes eight minutes"]
fn a_thousand_kills() {
    for round in 0..10 {
        for (i, model) in RUNS.into_iter().enumerate() {
            kill(model, 25, 100 + 10 * round + i as u64);
        }
    }
}

/// The folder of a run of 40 steps.
fn short_run(out: &Path, data: &Path) -> String {
    let folder = out.join("run").display().to_string();
    let data = data.to_str().unwrap();
    let flags =
        ["--data", data, "--batch", "20", "--steps", "40", "--checkpoint-every", "10", "--out", &folder];
    assert!(run("softmax", &flags).status.success());
    folder
}

#[test]
fn resuming_a_finished_run_says_so_and_changes_nothing() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = short_run(out.path(), data.path());
    let content = || {
        let files = fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_file());
        let mut files: Vec<_> = files.map(|entry| (entry.path(), fs::read(entry.path()).unwrap())).collect();
        files.sort();
        files
    };
    let before = content();
    let output = run("softmax", &["--resume", &folder]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("is finished, after 40 steps"), "{}", text(&output.stdout));
    assert!(content() == before);
    let model = out.path().join("model.safetensors").display().to_string();
    refused(
        "softmax",
        &["--resume", &folder, "--save", &model],
        &["is finished, and nothing was trained", "replay"],
    );
    assert!(content() == before);
    // What is missing of it is made anew.
    let report = Path::new(&folder).join("report.html");
    fs::remove_file(&report).unwrap();
    assert!(run("softmax", &["--resume", &folder]).status.success());
    assert!(report.exists());
}

#[test]
fn a_run_goes_on_from_an_earlier_checkpoint_that_is_named() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = short_run(out.path(), data.path());
    let file = |name: &str| Path::new(&folder).join(name);
    let before = ["model.safetensors", "metrics.jsonl"].map(|name| fs::read(file(name)).unwrap());
    let same = || before == ["model.safetensors", "metrics.jsonl"].map(|name| fs::read(file(name)).unwrap());
    let earlier = file("checkpoints/step-30.safetensors").display().to_string();
    assert!(run("softmax", &["--resume", &earlier]).status.success());
    assert!(same());
    // From inside of the folders.
    for (place, name) in [("checkpoints", "step-20.safetensors"), ("", "checkpoints/step-30.safetensors")] {
        let mut command = Command::new(example("softmax"));
        let output = command.args(["--resume", name]).current_dir(file(place)).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(same());
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_going_on_is_not_disturbed_by_who_would_resume_it() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = out.path().join("run").display().to_string();
    let mut command = Command::new(example("softmax"));
    command.args(["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "1000000000"]);
    command.args(["--checkpoint-every", "1", "--out", &folder]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let going_on = command.spawn().unwrap();
    while checkpoints(&folder).is_empty() {
        sleep(Duration::from_millis(1));
    }
    for _ in 0..5 {
        refused("softmax", &["--resume", &folder], &["another program writes to this run"]);
    }
    let interrupt = Command::new("kill").args(["-INT", &going_on.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let output = going_on.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("without checkpoints"), "{}", text(&output.stderr));
}

/// Digits that the program has drawn are drawn again, though there are others at hand now.
#[test]
fn a_run_on_drawn_digits_goes_on_with_them() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = out.path().join("run").display().to_string();
    let flags = ["--synthetic", "--steps", "20", "--checkpoint-every", "10", "--out", &folder];
    assert!(run("softmax", &flags).status.success());
    let config = Path::new(&folder).join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(config, text.replace("\"synthetic\": true", "\"synthetic\": false")).unwrap();
    fs::remove_file(Path::new(&folder).join("results.json")).unwrap();
    let mut command = Command::new(example("softmax"));
    let output = command.args(["--resume", &folder]).env("MNIST_DIR", data.path()).output().unwrap();
    assert!(output.status.success(), "{}", super::text(&output.stderr));
}

#[test]
fn what_is_no_run_to_go_on_with_is_refused_and_nothing_changes() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = short_run(out.path(), data.path());
    let file = |name: &str| Path::new(&folder).join(name);
    let results = fs::read(file("results.json")).unwrap();
    // As one that was ended.
    fs::remove_file(file("results.json")).unwrap();
    refused(
        "five_layers_sigmoid",
        &["--resume", &folder],
        &["a run of another example, softmax", "--example softmax"],
    );
    refused(
        "softmax",
        &["--resume", &folder, "--steps", "9"],
        &["--resume", "--steps", "cannot be used with"],
    );
    refused("softmax", &["--resume", out.path().to_str().unwrap()], &["config.json", "a run's folder has"]);
    let other = tiny_data();
    let labels = other.path().join("train-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[20] ^= 1;
    fs::write(&labels, bytes).unwrap();
    let other = other.path().to_str().unwrap();
    refused(
        "softmax",
        &["--resume", &folder, "--data", other],
        &["a checkpoint of another run", "data (SHA-256) was"],
    );

    // A disk that was full for a while.
    let metrics = fs::read_to_string(file("metrics.jsonl")).unwrap();
    let cut: String = metrics.split_inclusive('\n').take(1).collect();
    fs::write(file("metrics.jsonl"), cut).unwrap();
    refused(
        "softmax",
        &["--resume", &folder],
        &["metrics.jsonl lacks the record of step", "earlier checkpoint"],
    );
    fs::write(file("metrics.jsonl"), metrics).unwrap();

    // The newest is damaged: the one before it is offered.
    let newest = file("checkpoints/step-40.safetensors");
    let whole = fs::read(&newest).unwrap();
    for (place, what) in [
        (whole.len() - 5, "the checksum of"),
        (4, "damaged or cut short"),
        (whole.len() / 2, "the checksum of"),
    ] {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        fs::write(&newest, bytes).unwrap();
        refused("softmax", &["--resume", &folder], &["step-40.safetensors", what, "step-30.safetensors"]);
    }
    fs::write(&newest, &whole[..whole.len() - 1]).unwrap();
    refused("softmax", &["--resume", &folder], &["step-40.safetensors", "cut short", "step-30.safetensors"]);
    let model = file("model.safetensors").display().to_string();
    refused("softmax", &["--resume", &model], &["config.json"]);
    fs::copy(file("model.safetensors"), &newest).unwrap();
    refused("softmax", &["--resume", &folder], &["no checkpoint of a run", "nn::load"]);
    assert!(!file("results.json").exists() && fs::metadata(file("metrics.jsonl")).unwrap().len() > 100);

    fs::remove_dir_all(file("checkpoints")).unwrap();
    refused("softmax", &["--resume", &folder], &["no checkpoint to go on from", "--checkpoint-every"]);
    fs::write(file("results.json"), results).unwrap();
}

#[test]
fn of_two_runs_that_are_started_into_one_folder_one_leaves_before_it_writes() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    for attempt in 0..5 {
        let folder = out.path().join(format!("run{attempt}")).display().to_string();
        let data = data.path().to_str().unwrap();
        let flags = ["--data", data, "--batch", "20", "--steps", "60", "--quiet", "--out", &folder];
        let start = || {
            let mut command = Command::new(example("softmax"));
            command.args(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let outputs = [start(), start()].map(|child| child.wait_with_output().unwrap());
        let winners = outputs.iter().filter(|output| output.status.success()).count();
        assert_eq!(winners, 1, "{outputs:?}");
        let loser = outputs.iter().find(|output| !output.status.success()).unwrap();
        let said = text(&loser.stderr);
        assert!(said.contains("a run in this folder already") || said.contains("another program"), "{said}");
        let metrics = fs::read_to_string(Path::new(&folder).join("metrics.jsonl")).unwrap();
        let steps: Vec<&str> = metrics.lines().map(|line| line.split(',').next().unwrap()).collect();
        assert!(steps.is_sorted_by_key(|step| step[8..].parse::<u64>().unwrap()), "{steps:?}");
    }
}
