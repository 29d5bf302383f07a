//! How far functions, their gradients and their second gradients are from the exact numbers, beside PyTorch and JAX on the same
//! inputs: far from zero, very small and very large. Fails if ours is worse than the better of the two.
#![forbid(unsafe_code)]

use benches::accuracy::{FUNCTIONS, Function, OFFSETS, SCALES, cotangent};
use clap::Parser;
use nn::{DType, Rng, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Compares the rounding errors of values, gradients and second gradients with PyTorch's and JAX's; prints tables.
#[derive(Parser)]
struct Args {
    /// Only these functions
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    functions: Vec<String>,
    /// A line for each offset and scale, not only the worst
    #[arg(long)]
    all: bool,
    /// Instead writes the exact numbers that `cargo test` compares with, the file `tests/accuracy.txt` of this crate
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The Python to run the others with, which has PyTorch, JAX and mpmath [default: that of peers/install.sh]
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
}

/// Rows of as many numbers.
const SHAPE: [usize; 2] = [16, 8];
/// What a handful of roundings leaves; which of two such errors is smaller is chance.
const AS_GOOD: f64 = 4.0;
/// Of larger ones so much more is: the same loss of digits, only rounded otherwise.
const CHANCE: f64 = 1.25;

/// What `accuracy.py` reads: numbers as text, since JSON has no infinities.
#[derive(Serialize)]
struct Case {
    function: &'static str,
    dtype: String,
    offset: f64,
    scale: f64,
    x: Rows,
    dy: Rows,
    v: Rows,
    ours: Vec<Rows>,
}

type Rows = Vec<Vec<String>>;

fn rows(x: &Tensor) -> Rows {
    let numbers = x.to(DType::F64).to_vec::<f64>();
    let row = |row: &[f64]| row.iter().map(|x| format!("{x:?}")).collect();
    numbers.chunks(x.shape()[1]).map(row).collect()
}

/// What it prints: the worst errors of value, gradient and second gradient, in units of eps.
#[derive(Deserialize)]
struct Errors {
    function: String,
    dtype: String,
    offset: f64,
    scale: f64,
    ours: [f64; 3],
    #[serde(rename = "PyTorch")]
    pytorch: [f64; 3],
    #[serde(rename = "JAX")]
    jax: [f64; 3],
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<bool, String> {
    let known: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    if let Some(name) = args.functions.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no function {name:?}; there are {}", known.join(", ")));
    }
    let wanted =
        |f: &&Function| args.functions.is_empty() || args.functions.iter().any(|name| name == f.name);
    let wanted = FUNCTIONS.iter().filter(wanted);
    if let Some(file) = &args.write {
        let text = python(args, Some("--exact"), wanted.flat_map(cases_to_write))?;
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(true);
    }
    let text = python(args, None, wanted.flat_map(cases))?;
    let parse = |line| serde_json::from_str(line).map_err(|error| format!("accuracy.py: {line:?}: {error}"));
    let errors: Vec<Errors> = text.lines().map(parse).collect::<Result<_, _>>()?;
    print!("{}", table(&errors, args.all));
    Ok(!errors.iter().any(|line| (0..3).any(|order| worse(line, order))))
}

/// Rows of four in `f64`, at the ends and in the middle.
fn cases_to_write(function: &Function) -> Vec<Case> {
    let mut cases = vec![];
    for offset in [0.0, 300.0, 1e7] {
        for scale in [1e-30, 1.0, 1e30] {
            let x = function.inputs([1, 4], DType::F64, [offset, scale], &mut Rng::new(1));
            cases.push(Case::new(function, [offset, scale], &x, cotangent));
        }
    }
    cases
}

fn cases(function: &Function) -> Vec<Case> {
    let mut cases = vec![];
    for dtype in [DType::F32, DType::F64] {
        for (offset, scale) in OFFSETS.iter().flat_map(|&offset| SCALES.map(|scale| (offset, scale))) {
            let x = function.inputs(SHAPE, dtype, [offset, scale], &mut Rng::new(1));
            let random =
                |i, shape: &[usize]| Tensor::normal(shape, 0.0, 1.0, DType::F32, &mut Rng::new(2 + i));
            cases.push(Case::new(function, [offset, scale], &x, random));
        }
    }
    cases
}

impl Case {
    fn new(
        function: &Function,
        [offset, scale]: [f64; 2],
        x: &Tensor,
        cotangent: impl Fn(u64, &[usize]) -> Tensor,
    ) -> Case {
        let found = function.orders(x, &cotangent);
        let [dy, v] = [0, 1].map(|i| rows(&cotangent(i, &found[i as usize].shape())));
        let (dtype, ours) = (x.dtype().to_string(), found.iter().map(rows).collect());
        Case { function: function.name, dtype, offset, scale, x: rows(x), dy, v, ours }
    }
}

/// What `accuracy.py` prints for these cases.
fn python(args: &Args, option: Option<&str>, cases: impl Iterator<Item = Case>) -> Result<String, String> {
    let mut lines = String::new();
    for case in cases {
        lines += &serde_json::to_string(&case).map_err(|error| error.to_string())?;
        lines.push('\n');
    }
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let python = args.python.clone().unwrap_or_else(|| peers.join(".env/python/bin/python"));
    if !python.exists() {
        return Err(format!("{} is missing; run benches/peers/install.sh", python.display()));
    }
    let file = std::env::temp_dir().join(format!("accuracy-{}.json", std::process::id()));
    std::fs::write(&file, lines).map_err(|error| format!("{}: {error}", file.display()))?;
    let output = Command::new(&python).arg(peers.join("accuracy.py")).arg(&file).args(option).output();
    std::fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let output = output.map_err(|error| format!("{}: {error}", python.display()))?;
    if !output.status.success() {
        return Err(format!("accuracy.py: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn worse(line: &Errors, order: usize) -> bool {
    line.ours[order] > (CHANCE * line.pytorch[order].min(line.jax[order])).max(AS_GOOD)
}

/// A line for each function, type and order of derivative, at the offset and scale where ours is worst; or for each of them.
fn table(errors: &[Errors], all: bool) -> String {
    let mut groups: BTreeMap<(String, String, usize, usize), Vec<&Errors>> = BTreeMap::new();
    for (i, line) in errors.iter().enumerate() {
        for order in 0..3 {
            let place = if all { i } else { 0 };
            let key = (line.function.clone(), line.dtype.clone(), order, place);
            groups.entry(key).or_default().push(line);
        }
    }
    let mut text =
        String::from("| function | type | of | ours | PyTorch | JAX | worst at | worse than both |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for ((function, dtype, order, _), lines) in groups {
        let worst =
            |of: fn(&Errors) -> &[f64; 3]| lines.iter().map(|line| of(line)[order]).fold(0.0, f64::max);
        let at = lines.iter().max_by(|a, b| a.ours[order].total_cmp(&b.ours[order]));
        let place = at.map(|line| format!("{:?} ± {:?}", line.offset, line.scale)).unwrap_or_default();
        let lost: Vec<String> = lines
            .iter()
            .filter(|line| worse(line, order))
            .map(|line| {
                format!(
                    "{:?} ± {:?}: {:.2} > {:.2}",
                    line.offset,
                    line.scale,
                    line.ours[order],
                    line.pytorch[order].min(line.jax[order])
                )
            })
            .collect();
        let name = ["value", "gradient", "second"][order];
        let numbers = [worst(|line| &line.ours), worst(|line| &line.pytorch), worst(|line| &line.jax)];
        let [ours, pytorch, jax] =
            numbers.map(|x| if x < 1e4 { format!("{x:.2}") } else { format!("{x:.1e}") });
        let _ = writeln!(
            text,
            "| {function} | {dtype} | {name} | {ours} | {pytorch} | {jax} | {place} | {} |",
            lost.join("; ")
        );
    }
    text
}
