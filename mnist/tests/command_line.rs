//! The examples as a user runs them: what they print, what they write, and how they meet mistakes.

#[path = "command_line/data.rs"]
mod data;
#[path = "command_line/faults.rs"]
mod faults;
#[path = "command_line/models.rs"]
mod models;
#[path = "command_line/replay.rs"]
mod replay;
#[path = "command_line/resume.rs"]
mod resume;
#[path = "command_line/unwritable.rs"]
mod unwritable;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::{TempDir, tempdir};

/// The example's binary, which `cargo test` builds beside this test's.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(
        path.exists() || path.with_extension("exe").exists(),
        "run `cargo test`, which builds {name} too"
    );
    path
}

/// A data set of very few images in MNIST's format.
fn tiny_data() -> TempDir {
    let folder = tempdir().unwrap();
    let (images, labels) = mnist::synthetic::digits(3, 120);
    for (name, range) in [("train", 0..100), ("t10k", 100..120)] {
        let n = range.len() as u32;
        let header = |magic: u32, dims: &[u32]| -> Vec<u8> {
            [magic].iter().chain(dims).flat_map(|x| x.to_be_bytes()).collect()
        };
        let mut file = header(2051, &[n, 28, 28]);
        file.extend(&images[range.start * 784..range.end * 784]);
        fs::write(folder.path().join(format!("{name}-images-idx3-ubyte")), file).unwrap();
        let mut file = header(2049, &[n]);
        file.extend(&labels[range]);
        fs::write(folder.path().join(format!("{name}-labels-idx1-ubyte")), file).unwrap();
    }
    folder
}

fn run(name: &str, arguments: &[&str]) -> Output {
    let work = tempdir().unwrap();
    let mut command = Command::new(example(name));
    command.args(arguments).current_dir(work.path()).env_remove("MNIST_DIR").env("RUST_BACKTRACE", "1");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The run fails with one message that holds all of `parts`, and no backtrace.
fn refused(name: &str, arguments: &[&str], parts: &[&str]) {
    let output = run(name, arguments);
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} was accepted:\n{}", text(&output.stdout));
    for part in parts {
        assert!(error.contains(part), "{arguments:?}: {part:?} is not in\n{error}");
    }
    assert!(!error.contains("panicked") && !error.contains("stack backtrace"), "{error}");
}

#[test]
fn a_run_prints_its_results_and_leaves_its_files() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let data = data.path().to_str().unwrap();
    let folder = out.path().join("run");
    let saved = out.path().join("saved.safetensors");
    let flags = [
        "--data",
        data,
        "--steps",
        "25",
        "--batch",
        "20",
        "--seed",
        "7",
        "--test-every",
        "10",
        "--threads",
        "2",
    ];
    let mut arguments = flags.to_vec();
    arguments.extend(["--out", folder.to_str().unwrap(), "--save", saved.to_str().unwrap()]);
    let output = run("softmax", &arguments);
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{errors}");
    for part in [
        "seed 7",
        "another data set in MNIST's format",
        "100 + 20 images",
        "Linear",
        "7,850",
        "Training has finished: 25 steps",
    ] {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
    let value = |name: &str| -> f64 {
        let line = printed.lines().find_map(|line| line.strip_prefix(&format!("{name} test accuracy: ")));
        line.unwrap_or_else(|| panic!("no {name} accuracy in\n{printed}")).parse().unwrap()
    };
    assert!(value("max") >= value("final"));

    let metrics = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let records: Vec<serde_json::Value> =
        metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<u64> = records.iter().map(|r| r["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 10, 20, 25]);
    assert_eq!(records[0]["epoch"], 1);
    assert_eq!(records[2]["epoch"], 5);
    assert_eq!(records[0]["lr"], 0.005);
    assert!((records[0]["train_loss"].as_f64().unwrap() - 10.0_f64.ln()).abs() < 1e-5);
    assert_eq!(records[3]["test_accuracy"].as_f64().unwrap(), value("final"));
    // At the end no batch is drawn any more; the record has the numbers of the last step.
    for key in ["train_loss", "train_accuracy", "lr"] {
        assert!(records.iter().all(|record| record[key].is_f64()), "{key} is not in each of\n{metrics}");
    }
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("config.json")).unwrap()).unwrap();
    assert_eq!((config["options"]["seed"].as_u64(), config["threads"].as_u64()), (Some(7), Some(2)));
    assert_eq!((config["steps"].as_u64(), config["test_every"].as_u64()), (Some(25), Some(10)));
    assert!(!config.to_string().contains("null"), "{config}");
    for (key, part) in [("version", "0."), ("rustc", "rustc 1."), ("simd", "")] {
        assert!(config[key].as_str().is_some_and(|text| text.contains(part)), "{key} in {config}");
    }
    assert_eq!(config["data_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), fs::read(&saved).unwrap());

    // The same seed gives the same run, for another number of threads too.
    let again = out.path().join("again");
    let mut arguments = flags.to_vec();
    arguments[11] = "1";
    arguments.extend(["--out", again.to_str().unwrap()]);
    assert!(run("softmax", &arguments).status.success());
    assert_eq!(fs::read_to_string(again.join("metrics.jsonl")).unwrap(), metrics);
    assert_eq!(fs::read(again.join("model.safetensors")).unwrap(), fs::read(&saved).unwrap());

    // What was learnt is there when the run goes on from the file.
    let output =
        run("softmax", &["--data", data, "--batch", "20", "--steps", "0", "--load", saved.to_str().unwrap()]);
    assert!(text(&output.stdout).contains(&format!("final test accuracy: {:.4}", value("final"))));
}

#[test]
fn mistakes_on_the_command_line() {
    refused("softmax", &["--stepps", "3"], &["--stepps", "--steps"]);
    refused("softmax", &["--batch", "0"], &["--batch", "at least 1"]);
    refused("softmax", &["--threads", "0"], &["--threads", "at least 1"]);
    refused("softmax", &["--test-every", "0"], &["--test-every"]);
    refused("softmax", &["--steps", "many"], &["--steps", "many"]);
    refused("softmax", &["--data", ".", "--synthetic"], &["--data", "--synthetic"]);
    refused("digits", &["--data", ".", "--seed", "1"], &["--data", "--seed"]);
    let data = tiny_data();
    let data = data.path().to_str().unwrap();
    refused("softmax", &["--data", data, "--batch", "101"], &["101", "100"]);
    refused("digits", &["--data", data, "--count", "21"], &["21", "20 test digits"]);
    assert!(text(&run("digits", &["--data", data]).stdout).contains("20 digits drawn to digits.png"));
    // What was asked for is not there, so the exit code is not 0.
    let profiled = ["--data", data, "--batch", "20", "--profile"];
    refused("softmax", &[&profiled[..], &["--steps", "0"]].concat(), &["no trace.json", "no training step"]);
    let in_the_way = ["--steps", "1", "--out", "/dev/null"];
    refused("softmax", &[&profiled[..], &in_the_way].concat(), &["/dev/null", "cannot be written here"]);
    let help = run("softmax", &["--help"]);
    for flag in [
        "--steps",
        "--batch",
        "--seed",
        "--data",
        "--synthetic",
        "--threads",
        "--test-every",
        "--out",
        "--save",
        "--load",
        "--quiet",
    ] {
        assert!(text(&help.stdout).contains(flag), "{flag}");
    }
}

#[test]
fn data_that_is_missing_or_damaged() {
    refused("softmax", &["--data", "/nowhere/at/all"], &["/nowhere/at/all"]);
    let images = "train-images-idx3-ubyte";
    type Damage = fn(&mut Vec<u8>);
    let damage: [(&str, Damage, &[&str]); 4] = [
        ("cut short", |file| file.truncate(5000), &[images]),
        ("a header that claims 4 billion images", |file| file[4..8].fill(0xff), &[images, "4294967295"]),
        ("another magic number", |file| file[2] = 9, &[images]),
        ("something behind the end", |file| file.push(0), &[images]),
    ];
    for (what, change, parts) in damage {
        let data = tiny_data();
        let path = data.path().join(images);
        let mut file = fs::read(&path).unwrap();
        change(&mut file);
        fs::write(&path, file).unwrap();
        println!("{what}");
        refused("softmax", &["--data", data.path().to_str().unwrap()], parts);
    }
}

/// MNIST's four files, of which one is another; none where they are absent.
fn damaged_mnist() -> Option<TempDir> {
    let mnist = PathBuf::from(std::env::var_os("MNIST_DIR")?);
    let folder = tempdir().unwrap();
    for name in [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ] {
        let name = [format!("{name}.gz"), name.to_owned()].into_iter().find(|name| mnist.join(name).exists());
        let name = name.unwrap();
        fs::copy(mnist.join(&name), folder.path().join(&name)).unwrap();
    }
    let labels = "t10k-labels-idx1-ubyte";
    let mut file = [0, 0, 8, 1, 0, 0, 39, 16].to_vec();
    file.resize(8 + 10_000, 7);
    let _ = fs::remove_file(folder.path().join(format!("{labels}.gz")));
    fs::write(folder.path().join(labels), file).unwrap();
    Some(folder)
}

#[test]
fn a_wrong_digest_among_those_of_mnist_ends_the_run() {
    let Some(folder) = damaged_mnist() else {
        println!("skipped: MNIST_DIR is not set");
        return;
    };
    let expected = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2";
    let parts = ["t10k-labels-idx1-ubyte", expected, "the SHA-256 is"];
    refused("softmax", &["--data", folder.path().to_str().unwrap(), "--steps", "1"], &parts);
}

#[test]
fn a_quiet_run_still_says_that_the_digits_are_not_mnist() {
    let data = tiny_data();
    let flags = ["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "1", "--quiet"];
    let output = run("softmax", &flags);
    assert!(text(&output.stderr).contains("not those of MNIST"), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains("MNIST"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("Training has finished: 1 step in "), "{}", text(&output.stdout));
    let output = run("softmax", &["--synthetic", "--steps", "0", "--quiet"]);
    assert!(text(&output.stderr).contains("digits are synthetic"), "{}", text(&output.stderr));
}

#[test]
fn a_file_to_save_to_that_cannot_be_written_is_found_before_training() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let file = out.path().join("nowhere").join("model.safetensors");
    let (data, folder) = (data.path().to_str().unwrap(), out.path().join("run"));
    let flags = ["--data", data, "--batch", "20", "--save", file.to_str().unwrap()];
    let output = run("softmax", &[&flags[..], &["--out", folder.to_str().unwrap()]].concat());
    let error = text(&output.stderr);
    assert!(!output.status.success() && error.contains(file.to_str().unwrap()), "{error}");
    assert!(!error.replace(file.to_str().unwrap(), "").contains(".tmp"), "{error}");
    assert!(!text(&output.stdout).contains("step "), "it was trained:\n{}", text(&output.stdout));
    assert!(!folder.exists(), "a run that never began leaves nothing behind");
}

#[test]
fn a_refused_run_leaves_no_empty_folders_but_those_that_were_there() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let nowhere = out.path().join("nowhere").join("model");
    let flags =
        ["--data", data.path().to_str().unwrap(), "--batch", "20", "--save", nowhere.to_str().unwrap()];
    let start = |more: &[&str]| {
        let mut command = Command::new(example("softmax"));
        command.args(flags).args(more).current_dir(out.path()).output().unwrap()
    };
    assert!(!start(&[]).status.success() && !out.path().join("runs").exists());
    assert!(!start(&["--out", "a/b/c"]).status.success() && !out.path().join("a").exists());
    fs::create_dir(out.path().join("mine")).unwrap();
    assert!(!start(&["--out", "mine"]).status.success() && out.path().join("mine").exists());
}

#[test]
fn a_folder_with_a_run_is_not_overwritten() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let (data, folder) = (data.path().to_str().unwrap(), out.path().to_str().unwrap());
    let flags = ["--data", data, "--batch", "20", "--steps", "1", "--out", folder];
    // A folder that is there but has no run in it will do.
    assert!(run("softmax", &flags).status.success());
    let files = || {
        ["config.json", "metrics.jsonl", "model.safetensors"].map(|f| fs::read(out.path().join(f)).unwrap())
    };
    let before = files();
    refused("five_layers_sigmoid", &flags, &[folder, "a run in this folder already", "--out"]);
    assert!(files() == before);
}

#[test]
fn a_checkpoint_of_another_model_names_what_differs() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let data = data.path().to_str().unwrap();
    let file = out.path().join("softmax.safetensors");
    let file = file.to_str().unwrap();
    assert!(
        run("softmax", &["--data", data, "--batch", "20", "--steps", "1", "--save", file]).status.success()
    );
    let saved = fs::read(file).unwrap();
    refused(
        "five_layers_sigmoid",
        &["--data", data, "--batch", "20", "--load", file],
        &[file, "1.weight", "[784, 10]"],
    );
    refused(
        "softmax",
        &["--data", data, "--batch", "20", "--load", "/nowhere.safetensors"],
        &["/nowhere.safetensors"],
    );
    fs::write(file, &saved[..saved.len() / 2]).unwrap();
    refused("softmax", &["--data", data, "--batch", "20", "--load", file], &[file]);
}

/// Ctrl-C ends the run with the summary and saves what was learnt.
#[cfg(unix)]
#[test]
fn ctrl_c_saves_what_was_learnt() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let folder = out.path().join("run");
    let mut child = Command::new(example("softmax"))
        .args(["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "1000000000"])
        .args(["--out", folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("step") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the run ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains("to go on with it: cargo run -p mnist --example softmax -- --resume "), "{rest}");
    assert!(rest.contains("Training was interrupted") && rest.contains("final test accuracy"), "{rest}");
    assert!(folder.join("model.safetensors").exists());
}

/// Runs that are over: what `replay`, `compare` and `recognize` say to folders and files that are something else.
#[test]
fn foreign_folders_and_pictures_are_named() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let (run_folder, other) = (out.path().join("run"), out.path().join("other"));
    let (run_folder, other) = (run_folder.to_str().unwrap(), other.to_str().unwrap());
    let flags =
        ["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "30", "--out", run_folder];
    assert!(run("softmax", &flags).status.success());
    for file in ["panels.jsonl", "results.json", "report.html", "figure.svg", "figure.png"] {
        assert!(out.path().join("run").join(file).exists(), "{file}");
    }
    let figure = out.path().join("compare.svg");
    let output = run("compare", &[run_folder, "--out", figure.to_str().unwrap()]);
    assert!(output.status.success() && text(&output.stdout).contains("run: final test accuracy 0."));
    assert!(fs::read_to_string(&figure).unwrap().starts_with("<svg"));

    refused("replay", &[other], &[other, "config.json", "a run's folder has"]);
    refused("compare", &[run_folder, other], &[other, "config.json"]);
    let metrics = out.path().join("run").join("metrics.jsonl");
    fs::write(&metrics, "not a number\n{}\n").unwrap();
    refused("replay", &[run_folder], &["metrics.jsonl, line 1", "not what a run writes"]);

    let model = format!("{run_folder}/model.safetensors");
    let picture = format!("{run_folder}/figure.png");
    let output = run("recognize", &[&model, &picture]);
    assert!(output.status.success() && text(&output.stdout).contains(" %"), "{}", text(&output.stderr));
    refused("recognize", &[&model, metrics.to_str().unwrap()], &["metrics.jsonl", "no PNG picture"]);
    refused("recognize", &[&model, "nowhere.png"], &["nowhere.png"]);
    refused("recognize", &[&picture, &picture], &["figure.png", "none of the nine models"]);
    fs::write(&picture, &fs::read(&picture).unwrap()[..900]).unwrap();
    refused("recognize", &[&model, &picture], &["figure.png", "no PNG picture"]);
}

#[test]
fn a_movie_shows_the_run_and_one_that_cannot_be_written_is_found_before_training() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let movie = out.path().join("run.gif");
    let flags = ["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "40", "--movie"];
    let output = run("softmax", &[&flags[..], &[movie.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let file = fs::read(&movie).unwrap();
    assert!(file.starts_with(b"GIF89a") && file.len() < 3_000_000, "{} bytes", file.len());
    let nowhere = out.path().join("nowhere").join("run.gif");
    let nowhere = nowhere.to_str().unwrap();
    refused("softmax", &[&flags[..], &[nowhere]].concat(), &[nowhere]);
    refused("softmax", &[&flags[..], &["run.webm"]].concat(), &["run.webm", ".gif", ".mp4"]);
}

#[test]
fn an_mp4_is_made_by_ffmpeg_and_without_it_refused_before_training() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let start = |movie: &str, path: Option<&str>| {
        let mut command = Command::new(example("softmax"));
        command.args([
            "--data",
            data.path().to_str().unwrap(),
            "--batch",
            "20",
            "--steps",
            "40",
            "--movie",
            movie,
        ]);
        command.current_dir(out.path()).envs(path.map(|path| ("PATH", path))).output().unwrap()
    };
    let without = Some("/nowhere");
    let output = start("none.mp4", without);
    let error = text(&output.stderr);
    assert!(
        !output.status.success() && error.contains("none.mp4: an .mp4 file is made by ffmpeg"),
        "{error}"
    );
    assert!(!out.path().join("none.mp4").exists() && !text(&output.stdout).contains("step "));
    assert!(start("none.gif", without).status.success(), "a GIF needs no ffmpeg");
    assert!(out.path().join("none.gif").exists() && !out.path().join("none.mp4").exists());

    if Command::new("ffmpeg").arg("-version").output().is_err() {
        println!("the rest is skipped: no ffmpeg");
        return;
    }
    for (movie, expected) in [("-alone.mp4", &["-alone.mp4"][..]), ("both.gif", &["both.gif", "both.mp4"])] {
        let output = start(&format!("./{movie}"), None);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for file in expected {
            let bytes = fs::read(out.path().join(file)).unwrap();
            let kind: &[u8] = if file.ends_with("mp4") { b"ftyp" } else { b"GIF89a" };
            assert!(bytes[..12].windows(kind.len()).any(|window| window == kind), "{file}");
        }
    }
    assert!(!out.path().join("-alone.gif").exists());
}

/// Neither the output nor the warnings have a reader any more: `… 2>&1 | head`.
#[test]
fn closed_pipes_do_not_end_a_training() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let start = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(example("softmax"));
        command.args(arguments).current_dir(out.path()).stdout(writer.try_clone().unwrap()).stderr(writer);
        command.status().unwrap().code()
    };
    let data = data.path().to_str().unwrap();
    // A warning goes to stderr, since these are not MNIST's digits.
    let flags = ["--data", data, "--batch", "20", "--steps", "30", "--quiet", "--out", "run"];
    assert_eq!(start(&flags), Some(0));
    assert!(out.path().join("run").join("model.safetensors").exists());
    assert_eq!(start(&["--data", "/nowhere"]), Some(1), "an error that nobody reads is no panic");
}
