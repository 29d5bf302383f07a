//! What was to be reached, and what was measured of it.

use crate::contenders::OURS;
use crate::report::Report;
use crate::table::{Table, significant};
use benches::measurement::{Point, Steady};

/// The number that decides, and the model it is of.
type Found = Option<(f64, String)>;

enum Bar {
    Least(f64),
    Most(f64),
}

/// The largest model, which has goals of its own.
const LARGEST: &str = "batchnorm_conv";

/// By how much one and the same thing may measure differently.
const NOISE: f64 = 1.02;

/// A row for each goal that something was measured for: the bar, the worst number, and whether it passes.
pub(crate) fn goals(report: &Report) -> Table {
    let mut table = Table::new(["goal", "bar", "measured", "reached"].map(String::from).to_vec());
    let rows = training(report).into_iter().chain(process(report)).chain(scaling(report));
    for (goal, bar, found) in rows {
        let Some((number, whose)) = found else { continue };
        let (sign, bar, reached) = match bar {
            Bar::Least(bar) => ("≥", bar, number >= bar),
            Bar::Most(bar) => ("≤", bar, number <= bar),
        };
        let whose = if whose.is_empty() { whose } else { format!(" {whose}") };
        let cells = [goal.into(), format!("{sign} {bar}"), format!("{}{whose}", significant(number))];
        table.push(cells.into_iter().chain([if reached { "yes" } else { "no" }.into()]).collect());
    }
    table
}

/// Beside the peers, and one thread beside all.
fn training(report: &Report) -> Vec<(&'static str, Bar, Found)> {
    let (results, all) = (&report.results, report.threads);
    let ours = |model: &str, threads| results.trains_best(OURS, model, threads);
    let of = |wanted: fn(&str) -> bool, number: &dyn Fn(&str) -> Option<f64>| {
        let models = report.models.iter().filter(|model| wanted(model));
        least(models.filter_map(|model| Some((number(model)?, model.clone()))))
    };
    let speed = |model: &str| results.training_beside(&report.peers, model, all);
    let infer = |model: &str| results.inference_beside(&report.peers, model, all);
    let share = |model: &str| ours(model, all)?.share;
    let threads = |model: &str| Some(ours(model, 1)?.ms / ours(model, all)?.ms);
    let largest: fn(&str) -> bool = |model| model == LARGEST;
    let two_threads = |wanted| if all > 1 { of(wanted, &threads) } else { None };
    vec![
        ("training: times the best peer's speed", Bar::Least(1.3), of(largest, &speed)),
        ("training: share of the FMA peak", Bar::Least(0.75), of(largest, &share)),
        (
            "the other convolutional models: times the best peer's speed",
            Bar::Least(2.0),
            of(|model| model.starts_with("convolutional"), &speed),
        ),
        (
            "dense models: times the best peer's speed",
            Bar::Least(1.4),
            of(|model| !model.contains("conv"), &speed),
        ),
        ("inference: times the best peer's speed", Bar::Least(1.2), of(|_| true, &infer)),
        ("all threads: times the speed of one", Bar::Least(1.7), two_threads(largest)),
        ("the same, of the other models", Bar::Least(1.0), two_threads(|model| model != LARGEST)),
    ]
}

/// Time to the first step, memory, and what 10,000 steps change.
fn process(report: &Report) -> Vec<(&'static str, Bar, Found)> {
    let process = report.models.iter().filter_map(|model| {
        let median = report.results.trains_best(OURS, model, report.threads)?;
        Some((median.first, median.memory?, model.clone()))
    });
    let (first, memory): (Vec<_>, Vec<_>) =
        process.map(|(first, memory, model)| ((first, model.clone()), (memory, model))).unzip();
    let of = |number: fn(&Steady) -> Option<f64>| {
        let rows = report.steady.iter();
        rows.filter_map(move |row| Some((number(row)?, row.model.clone())))
    };
    vec![
        ("seconds from the start to the end of the first step", Bar::Most(0.5), most(first.into_iter())),
        ("most memory, MB", Bar::Most(300.0), most(memory.into_iter())),
        (
            "most memory at the end over that at step 100",
            Bar::Most(NOISE),
            most(of(|row| Some(row.peak_rss_mb_end? / row.peak_rss_mb_100?))),
        ),
        (
            "steps/s at the end over those at step 500",
            Bar::Least(0.95),
            least(of(|row| Some(row.speed_kept))),
        ),
        ("allocations a compiled step", Bar::Most(0.0), most(of(|row| Some(row.allocations_per_step)))),
    ]
}

/// Cost against size.
fn scaling(report: &Report) -> Vec<(&'static str, Bar, Found)> {
    let series = || report.scaling.chunk_by(|a, b| a.series == b.series);
    // From one size to the next.
    let rise = |points: &[Point]| {
        let rises = points.windows(2).map(|pair| pair[1].us_per_unit / pair[0].us_per_unit);
        Some((rises.reduce(f64::max)?, points[0].series.clone()))
    };
    let of_models = series().filter(|points| report.models.contains(&points[0].series));
    let of_layers = series().filter(|points| ["width", "depth"].contains(&points[0].series.as_str()));
    let operations = report.scaling.iter().filter(|point| point.series == "operations");
    vec![
        (
            "time per image from one batch size to the next",
            Bar::Most(NOISE),
            most(of_models.filter_map(rise)),
        ),
        (
            "time per unit or layer from one size to the next",
            Bar::Most(1.1),
            most(of_layers.filter_map(rise)),
        ),
        (
            "µs of an eager operation on 10 numbers, recorded",
            Bar::Most(1.0),
            most(operations.map(|point| (point.us_per_unit, String::new()))),
        ),
    ]
}

fn least(numbers: impl Iterator<Item = (f64, String)>) -> Found {
    numbers.min_by(|a, b| a.0.total_cmp(&b.0))
}

fn most(numbers: impl Iterator<Item = (f64, String)>) -> Found {
    numbers.max_by(|a, b| a.0.total_cmp(&b.0))
}
