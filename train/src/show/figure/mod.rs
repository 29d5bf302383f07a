//! The six panels as a figure: on paper, in a README, in a movie.

mod comparison;
mod font;
mod panels;
mod raster;
mod shape;

pub(crate) use comparison::{Curve, comparison};
pub(crate) use panels::{PAPER, SIZE, TEST, TRAIN, WRONG, WRONG_MARK, panels};
pub(crate) use raster::raster;
pub(crate) use shape::{Colour, png, svg};

use crate::watch::event::{Digits, Event, Histograms, Start, StepRecord};
use std::sync::Arc;

/// What a figure is drawn from: a run up to a step.
#[derive(Default)]
pub(crate) struct Run<'a> {
    pub(crate) start: Option<&'a Start>,
    pub(crate) steps: Vec<&'a StepRecord>,
    pub(crate) histograms: Vec<&'a Histograms>,
    pub(crate) training: Option<&'a Digits>,
    pub(crate) tests: Option<&'a Digits>,
}

impl<'a> Run<'a> {
    /// The run as it was after `step` training steps.
    pub(crate) fn until(events: &'a [Arc<Event>], step: u64) -> Run<'a> {
        let mut run = Run::default();
        for event in events {
            match &**event {
                Event::Start(start) => run.start = Some(start),
                Event::Step(record) if record.step <= step => run.steps.push(record),
                Event::Histograms(histograms) if histograms.step <= step => run.histograms.push(histograms),
                Event::TrainingDigits(digits) if digits.step <= step => run.training = Some(digits),
                Event::TestDigits(digits) if digits.step <= step => run.tests = Some(digits),
                _ => {}
            }
        }
        run
    }
}

/// The last step that was recorded.
pub(crate) fn last_step(events: &[Arc<Event>]) -> u64 {
    let step = |event: &Arc<Event>| match &**event {
        Event::Step(record) => Some(record.step),
        _ => None,
    };
    events.iter().filter_map(step).max().unwrap_or(0)
}
