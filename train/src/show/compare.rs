//! The curves of several runs over each other.

use crate::show::figure::{Curve, SIZE, comparison, svg};
use crate::watch::event::{Event, StepRecord};
use crate::watch::recorded::{self, RecordedError};
use std::path::Path;

/// Draws test accuracy and test loss of the runs in these folders as an SVG file, and lists each run's final and best
/// test accuracy.
///
/// # Errors
/// If one of the folders has no run in it.
pub fn compare(folders: &[impl AsRef<Path>]) -> Result<(String, Vec<String>), RecordedError> {
    let (mut curves, mut lines) = (vec![], vec![]);
    for folder in folders {
        let folder = folder.as_ref();
        let (start, events) = recorded::read(folder)?;
        let tests: Vec<StepRecord> = events
            .iter()
            .filter_map(|event| match &**event {
                Event::Step(record) if record.test.is_some() => Some(record.clone()),
                _ => None,
            })
            .collect();
        let accuracies = || tests.iter().filter_map(|record| record.test.map(|test| test.accuracy));
        let name = folder.file_name().map_or(start.name.clone(), |name| name.to_string_lossy().into_owned());
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        lines.push(format!(
            "{name}: final test accuracy {}, max {}",
            number(accuracies().next_back()),
            number(accuracies().reduce(f64::max))
        ));
        curves.push(Curve { name, tests });
    }
    Ok((svg(&comparison(&curves), SIZE), lines))
}
