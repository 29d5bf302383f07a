//! The curves of several runs over each other.

use super::figure::{Compared, comparison};
use super::shape::svg;
use crate::watch::{Curve, Event, Panel, Record, RecordedError, Start, Watched, recorded};
use std::path::Path;
use std::sync::Arc;

/// Draws the values of the first evaluated set of the runs in these folders as an SVG file, and has a line for each run with the last and the
/// best of what is watched.
///
/// # Errors
/// If one of the folders has no run in it.
pub fn compare(folders: &[impl AsRef<Path>]) -> Result<(String, Vec<String>), RecordedError> {
    let mut runs = vec![];
    for folder in folders {
        let folder = folder.as_ref();
        let (start, events) = recorded(folder)?;
        let name = folder.file_name().map_or(start.name.clone(), |name| name.to_string_lossy().into_owned());
        runs.push((start, Compared { name, records: evaluations(&events) }));
    }
    let lines = runs.iter().map(|(start, run)| results(start.watched.as_ref(), run)).collect();
    let curves = curves(runs.iter().map(|(start, _)| start));
    let set = runs.iter().find_map(|(start, _)| start.sets.first().cloned());
    let runs: Vec<Compared> = runs.into_iter().map(|(_, run)| run).collect();
    let (shapes, size) = comparison(&runs, &curves, &set.unwrap_or_else(|| "test".to_owned()));
    Ok((svg(&shapes, size), lines))
}

/// The records with an evaluation.
fn evaluations(events: &[Arc<Event>]) -> Vec<Record> {
    let record = |event: &Arc<Event>| match &**event {
        Event::Step(record) if !record.evaluated().is_empty() => Some(record.clone()),
        _ => None,
    };
    events.iter().filter_map(record).collect()
}

/// Each value that one of the runs has a curve of.
fn curves<'a>(starts: impl Iterator<Item = &'a Start>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = vec![];
    for panel in starts.flat_map(|start| &start.panels) {
        if let Panel::Curve(curve) = panel
            && curves.iter().all(|known| known.value != curve.value)
        {
            curves.push(curve.clone());
        }
    }
    curves
}

fn results(watched: Option<&Watched>, Compared { name, records }: &Compared) -> String {
    let Some(watched) = watched else {
        let last = records.last().map(Record::evaluated).unwrap_or_default();
        let values: Vec<String> =
            last.iter().map(|(name, value)| format!("{} {value:.4}", name.replace('_', " "))).collect();
        return format!("{name}: final {}", values.join(", "));
    };
    let values = || records.iter().filter_map(|record| record.values.get(&watched.name));
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let best = values().reduce(|a, b| watched.better(a, b));
    format!(
        "{name}: final {} {}, {} {}",
        watched.label(),
        number(values().next_back()),
        watched.extreme(),
        number(best)
    )
}
