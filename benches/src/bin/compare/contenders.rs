//! Who is measured: our own program, and those of the peers.

use crate::machine::{Distance, Ticks};
use benches::Mode;
use benches::measurement::{Measurement, SPAWNED_AT, unix_seconds};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A framework in one of its ways to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    pub(crate) framework: &'static str,
    pub(crate) variant: &'static str,
    program: Program,
    /// Whether it is sensible for convolutions, which XLA computes on one thread inside a loop.
    convolutions: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Ours(Mode),
    Python(&'static str),
    Rust(&'static str),
}

/// What a program has printed, the share of all processors that others used meanwhile, and how far apart the processors were
/// at its end.
struct Output {
    text: String,
    others: f64,
    apart: f64,
}

/// A measurement during which others use more of the processors than this, …
const DISTURBED: f64 = 0.04;
/// … or these are so many times as far apart as at best, is repeated, …
const APART: f64 = 1.8;
/// … so many times at most, and for so long.
const TRIES: usize = 5;
const LONG: Duration = Duration::from_secs(60);

impl Output {
    /// How many times what is still good.
    fn disturbance(&self) -> f64 {
        (self.others / DISTURBED).max(self.apart / APART)
    }
}

/// The name that our own framework has in tables.
pub(crate) const OURS: &str = "ours";

const fn ours(variant: &'static str, mode: Mode) -> Contender {
    Contender { framework: OURS, variant, program: Program::Ours(mode), convolutions: true }
}

const fn python(framework: &'static str, script: &'static str, variant: &'static str) -> Contender {
    Contender { framework, variant, program: Program::Python(script), convolutions: true }
}

const fn rust(framework: &'static str, variant: &'static str) -> Contender {
    Contender { framework, variant, program: Program::Rust(framework), convolutions: true }
}

/// All of them, in the order of the tables.
pub(crate) const CONTENDERS: [Contender; 12] = [
    ours("eager", Mode::Eager),
    ours("compiled", Mode::Compiled),
    python("PyTorch", "run_torch.py", "eager"),
    python("PyTorch", "run_torch.py", "compile"),
    python("TensorFlow", "run_tf.py", "function"),
    python("TensorFlow", "run_tf.py", "jit"),
    python("TensorFlow", "run_tf.py", "function_loop"),
    Contender { convolutions: false, ..python("TensorFlow", "run_tf.py", "jit_loop") },
    python("JAX", "run_jax.py", "jit"),
    Contender { convolutions: false, ..python("JAX", "run_jax.py", "scan") },
    rust("burn", "flex"),
    rust("candle", "cpu"),
];

/// What a peer says of a model without measuring it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) model: String,
    pub(crate) version: String,
    pub(crate) parameters: f64,
    pub(crate) flops: f64,
    pub(crate) loss: f64,
}

/// Where the programs are, and how they are started.
pub(crate) struct Launcher {
    /// The folder of this crate.
    pub(crate) folder: PathBuf,
    /// Held while a program runs, so that others who hold it do not disturb the measurement.
    pub(crate) lock: Option<PathBuf>,
    /// Folder with the digits.
    pub(crate) data: Option<PathBuf>,
    /// How far apart the processors are.
    pub(crate) distance: Distance,
}

impl Launcher {
    /// The folder with what all start from.
    pub(crate) fn start(&self) -> PathBuf {
        self.folder.join("peers/.env/start")
    }

    /// Runs one of our own programs.
    pub(crate) fn own(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = own_program(name)?;
        command.args(arguments);
        if let (Some(folder), "step" | "steady") = (&self.data, name) {
            command.arg("--data").arg(folder);
        }
        self.run_undisturbed(&mut command)
    }

    /// Measures a model in a process of its own. `None` if this contender does not do that.
    pub(crate) fn measure(
        &self,
        contender: Contender,
        model: &str,
        threads: usize,
    ) -> Result<Option<Measurement>, String> {
        let convolutional = model.contains("conv");
        if convolutional && !contender.convolutions {
            return Ok(None);
        }
        let steps = match (model, contender.framework) {
            (_, "candle") if convolutional => 10,
            ("batchnorm_conv", _) => 100,
            _ if convolutional => 300,
            _ => 2_000,
        };
        let [steps, threads] = [steps, threads].map(|number: usize| number.to_string());
        let mut command = self.command(contender)?;
        command.args(["--model", model, "--threads", &threads, "--steps", &steps]);
        let text = self.run_undisturbed(&mut command)?;
        lines(&text).map(|lines| lines.into_iter().next())
    }

    /// What a peer makes of all models' initial weights.
    pub(crate) fn check(&self, contender: Contender) -> Result<Vec<Check>, String> {
        let mut command = self.command(contender)?;
        command.arg("--check");
        lines(&self.run(&mut command)?.text)
    }

    /// The program of a contender with the arguments that are always the same.
    fn command(&self, contender: Contender) -> Result<Command, String> {
        let environment = self.folder.join("peers/.env");
        let mut command = match contender.program {
            Program::Ours(mode) => {
                let mut command = own_program("step")?;
                command.args(["--mode", &mode.to_string()]);
                if let Some(folder) = &self.data {
                    command.arg("--data").arg(folder);
                }
                return Ok(command);
            }
            Program::Rust(name) => Command::new(environment.join("rust/release").join(name)),
            Program::Python(script) => {
                let mut command = Command::new(environment.join("python/bin/python"));
                command.arg(self.folder.join("peers").join(script)).args(["--variant", contender.variant]);
                command
            }
        };
        command.arg("--start").arg(self.start());
        // glibc gives large blocks back to the system at once, and takes them anew in each step; so told, it keeps them.
        // It makes every peer faster.
        command.env("MALLOC_MMAP_THRESHOLD_", (1_u64 << 32).to_string());
        command.env("MALLOC_TRIM_THRESHOLD_", (1_u64 << 33).to_string());
        // Set on some machines to work around old versions of a library; newer ones choose better by themselves.
        command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
        Ok(command)
    }

    /// Runs it alone, again if it was disturbed, and gives what it prints.
    fn run_undisturbed(&self, command: &mut Command) -> Result<String, String> {
        let begun = Instant::now();
        let mut output = self.run(command)?;
        for _ in 1..TRIES {
            // What takes long has many quiet minutes.
            if output.disturbance() > 1.0 && begun.elapsed() < LONG {
                let again = self.run(command)?;
                output = if again.disturbance() < output.disturbance() { again } else { output };
            }
        }
        if output.disturbance() > 1.0 {
            let (others, apart) = (output.others * 100.0, output.apart);
            eprintln!(
                "disturbed: others used {others:.0} % of the processors, {apart:.1} times as far apart as at best"
            );
        }
        Ok(output.text)
    }

    /// Runs it alone.
    fn run(&self, command: &mut Command) -> Result<Output, String> {
        let lock = self.lock.as_ref().map(File::create).transpose().map_err(|error| error.to_string())?;
        if let Some(lock) = &lock {
            lock.lock().map_err(|error| error.to_string())?;
        }
        let before = Ticks::now();
        let output = command
            .env(SPAWNED_AT, unix_seconds().to_string())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| format!("{command:?}: {error}"))?;
        if !output.status.success() {
            let messages = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = messages.lines().rev().take(5).collect();
            return Err(format!("{command:?}: {}: {}", output.status, last.join(" | ")));
        }
        let others = before.zip(Ticks::now()).map_or(0.0, |(before, now)| now.others_since(before));
        let apart = self.distance.now();
        let text = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
        Ok(Output { text, others, apart })
    }
}

/// A program of this crate; they lie side by side.
fn own_program(name: &str) -> Result<Command, String> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = me.with_file_name(name);
    if !program.exists() {
        return Err(format!("build all programs first: cargo build --release -p benches (no {name})"));
    }
    Ok(Command::new(program))
}

/// The JSON lines in a program's output.
pub(crate) fn lines<T: DeserializeOwned>(output: &str) -> Result<Vec<T>, String> {
    let json = output.lines().filter(|line| line.starts_with('{'));
    json.map(|line| serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))).collect()
}

/// Reads what the exported model says of itself: a safetensors file begins with the length of a JSON header.
pub(crate) fn exported(folder: &Path, model: &str) -> Result<Check, String> {
    let path = folder.join(format!("{model}.safetensors"));
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let wrong = || format!("{}: no safetensors file", path.display());
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
    let header = rest.get(..u64::from_le_bytes(*length) as usize).ok_or_else(wrong)?;
    let header: serde_json::Value = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let number = |name: &str| header["__metadata__"][name].as_str()?.parse::<f64>().ok();
    let all = || {
        let [parameters, flops, loss] = ["parameters", "flops", "loss"].map(number);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Some(Check { model: model.to_owned(), version, parameters: parameters?, flops: flops?, loss: loss? })
    };
    all().ok_or_else(wrong)
}
