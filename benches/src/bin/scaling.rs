//! Measures what a training step costs against the size of the batch, and against width and depth of dense layers, and what
//! recording an operation costs; prints one JSON line for each point.
#![forbid(unsafe_code)]

use benches::measurement::{Point, quantile, round, time};
use benches::{MODELS, Mode, Model, TrainingStep, few_digits};
use clap::Parser;
use mnist::data::Dataset;
use nn::{Activation, Flatten, Graph, Linear, Rng, Sequential, Tensor};
use optim::{Adam, Constant};
use std::process::ExitCode;
use std::time::Duration;

/// Measures the cost of a training step against batch size, width and depth; prints JSON lines.
#[derive(Parser)]
struct Args {
    /// Threads to compute with [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How steps are computed
    #[arg(long, value_enum, default_value_t = Mode::Compiled)]
    mode: Mode,
    /// Names of the models whose batch is varied [default: all nine]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    models: Vec<String>,
}

const BATCHES: [usize; 5] = [10, 30, 100, 300, 1_000];
const WIDTHS: [usize; 6] = [50, 100, 200, 400, 800, 1_600];
const DEPTHS: [usize; 6] = [1, 2, 4, 8, 16, 32];
const OPERATIONS: [usize; 4] = [1, 10, 100, 1_000];

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    if let Some(threads) = args.threads {
        nn::set_threads(threads);
    }
    let models = match &args.models[..] {
        [] => MODELS.to_vec(),
        names => names.iter().map(|name| Model::named(name)).collect::<Result<_, _>>()?,
    };
    let data = few_digits(3_000, 0);
    for model in models {
        training(model.name, BATCHES, |batch| TrainingStep::new(model, data.clone(), batch, args.mode))?;
    }
    // One hidden layer of this width: its cost is in proportion to the width.
    training("width", WIDTHS, |width| dense(&[784, width, 10], &data, args.mode))?;
    // So many hidden layers of 200: all but the first cost the same.
    training("depth", DEPTHS, |depth| {
        let widths: Vec<usize> = [784].into_iter().chain(vec![200; depth]).chain([10]).collect();
        dense(&widths, &data, args.mode)
    })?;
    // So many additions of 10 numbers, eager, each of which leaves a node in the graph.
    let x = Tensor::from([0.5_f32; 10]);
    for operations in OPERATIONS {
        let times = time(100, Duration::from_millis(300), || {
            let graph = Graph::training(0, 0);
            let x = graph.input(x.clone());
            std::hint::black_box((0..operations).fold(x, |sum, _| sum + x));
        });
        print("operations", operations, quantile(&times, 0.5))?;
    }
    Ok(())
}

/// Dense layers of these widths with rectifiers between, and a batch of 100.
fn dense(widths: &[usize], data: &Dataset, mode: Mode) -> Result<TrainingStep, String> {
    let rng = &mut Rng::new(0);
    let mut model = Sequential::new().with(Flatten);
    for (i, pair) in widths.windows(2).enumerate() {
        if i > 0 {
            model.push(Activation::Relu);
        }
        model.push(Linear::new(pair[0], pair[1], rng));
    }
    TrainingStep::with(model, Box::new(Adam::new()), Box::new(Constant::new(1e-4)), data.clone(), 100, mode)
}

/// How often each size has its turn.
const TURNS: usize = 12;

/// Measures and prints what a training step costs at each size. They have their turns one after the other, since a machine is
/// not as fast one second as the next.
fn training<const N: usize>(
    series: &str,
    sizes: [usize; N],
    step: impl Fn(usize) -> Result<TrainingStep, String>,
) -> Result<(), String> {
    let mut steps = sizes.into_iter().map(step).collect::<Result<Vec<_>, _>>()?;
    let mut times = vec![vec![]; N];
    for _ in 0..TURNS {
        for (step, times) in steps.iter_mut().zip(&mut times) {
            // The caches hold what another size has left in them.
            for _ in 0..2 {
                step.run();
            }
            times.extend(time(3, Duration::from_millis(50), || {
                step.run();
            }));
        }
    }
    for (size, mut times) in sizes.into_iter().zip(times) {
        times.sort_by(f64::total_cmp);
        print(series, size, quantile(&times, 0.5))?;
    }
    Ok(())
}

/// Prints one point.
fn print(series: &str, size: usize, seconds: f64) -> Result<(), String> {
    let point = Point {
        series: series.into(),
        size,
        ms_per_step: round(seconds * 1e3, 4),
        us_per_unit: round(seconds * 1e6 / size as f64, 3),
    };
    println!("{}", serde_json::to_string(&point).map_err(|error| error.to_string())?);
    Ok(())
}
