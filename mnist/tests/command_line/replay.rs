//! Runs that are opened again in a page: what of them is at hand, and what the page offers.

use super::{example, run, text, tiny_data};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::tempdir;

/// A run that is opened until this is dropped.
struct Replay {
    program: Child,
    address: String,
}

impl Replay {
    /// Opens the run on a computer whose `MNIST_DIR` is this folder.
    fn open(folder: &Path, mnist: &Path) -> Replay {
        let mut command = Command::new(example("replay"));
        command.arg(folder).args(["--port", "0"]).env("MNIST_DIR", mnist);
        let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split(' ').next());
        Replay { program, address: address.expect("it says where the page is").to_owned() }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// What it has said is missing.
    fn close(mut self) -> String {
        self.program.kill().unwrap();
        let mut said = String::new();
        self.program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn page(replay: &Replay) -> String {
    text(&replay.get("/"))
}

const OFFER: &str = r#"<section id="draw">"#;

/// Where there was no network a run drew its digits without being asked to. Another computer may have MNIST.
#[test]
fn replay_draws_synthetic_digits_again_where_there_are_others() {
    let (mnist, out) = (tiny_data(), tempdir().unwrap());
    let folder = out.path().join("run");
    let output = run("softmax", &["--synthetic", "--steps", "10", "--out", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let config = folder.join("config.json");
    let asked = fs::read_to_string(&config).unwrap();
    assert!(asked.contains("\"synthetic\": true"));
    fs::write(&config, asked.replace("\"synthetic\": true", "\"synthetic\": false")).unwrap();

    let replay = Replay::open(&folder, mnist.path());
    for path in ["/digits/test", "/digits/training/0"] {
        assert!(replay.get(path).windows(4).any(|bytes| bytes == b"\x89PNG"), "{path} is no picture");
    }
    assert!(page(&replay).contains(OFFER));
    assert_eq!(replay.close(), "");
}

#[test]
fn a_replay_without_its_model_does_not_offer_to_read_digits() {
    let (mnist, out) = (tiny_data(), tempdir().unwrap());
    let folder = out.path().join("run");
    let data = mnist.path().to_str().unwrap();
    let flags = ["--data", data, "--batch", "20", "--steps", "10", "--out", folder.to_str().unwrap()];
    assert!(run("softmax", &flags).status.success());
    let model = folder.join("model.safetensors");
    let whole = fs::read(&model).unwrap();
    let mut broken = whole.clone();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let foreign = [("softmax", "sigmoid")].map(|(one, other)| {
        let at = whole.windows(one.len()).position(|bytes| bytes == one.as_bytes()).unwrap();
        [&whole[..at], other.as_bytes(), &whole[at + one.len()..]].concat()
    });
    for (file, reason) in [(&broken, "NaN"), (&foreign[0], "not of softmax"), (&vec![], "0 bytes")] {
        fs::write(&model, file).unwrap();
        let replay = Replay::open(&folder, mnist.path());
        assert!(!page(&replay).contains(OFFER), "{reason}");
        let said = replay.close();
        assert!(said.contains("drawn digits are not read") && said.contains(reason), "{said}");
    }
}
