//! Where things are in the figure of the panels.

use super::colours::{CURVES, MUTED, SMALL, TEST, TEXT, TRAIN};
use super::own;
use super::plot::{bands, curve, plot};
use crate::show::shape::{Anchor, Colour, Place, Shape};
use crate::show::view::Views;
use crate::watch::{Curve, Event, Histograms, Panel, Record, Shown, Start};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Width of the figure.
const WIDTH: usize = 1200;
/// What stands above the panels, and what a row of them takes.
const HEADING: usize = 68;
const ROW: usize = 346;
/// Panels in a row, at most.
const COLUMNS: usize = 3;

/// What a figure is drawn from: a run up to a step.
#[derive(Default)]
pub(crate) struct Run<'a> {
    pub(crate) start: Option<&'a Start>,
    pub(crate) steps: Vec<&'a Record>,
    pub(crate) histograms: Vec<&'a Histograms>,
    /// The newest of each panel of one's own.
    pub(crate) shown: BTreeMap<&'a str, &'a Shown>,
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
                Event::Shown(shown) if shown.step <= step => {
                    run.shown.insert(&shown.panel, shown);
                }
                _ => {}
            }
        }
        run
    }

    fn panels(&self) -> &'a [Panel] {
        self.start.map_or(&[], |start| &start.panels)
    }
}

/// Width and height of the figure.
pub(crate) fn size(run: &Run<'_>) -> (usize, usize) {
    (WIDTH, HEADING + ROW * run.panels().len().div_ceil(COLUMNS).max(1))
}

/// The panels of a run.
pub(crate) fn panels(run: &Run<'_>, views: &Views) -> Vec<Shape> {
    let mut shapes = vec![heading(run)];
    let columns = run.panels().len().clamp(1, COLUMNS);
    let pitch = (WIDTH - 9) / columns;
    let steps = run.steps.last().map_or(1, |record| record.step.max(1)) as f64;
    let titles = run.histograms.last().map(|h| h.titles.clone()).unwrap_or_default();
    for (i, panel) in run.panels().iter().enumerate() {
        let (column, row) = (i % columns, i / columns);
        let place @ [x, y, w, _] = [
            10.0 + (pitch * column) as f64,
            (HEADING + 8 + ROW * row) as f64,
            pitch as f64 - 17.0,
            ROW as f64 - 34.0,
        ];
        let title = match panel {
            Panel::Curve(curve) => &curve.title,
            Panel::Bands(which) => titles.get(*which).map_or("", |title| title),
            Panel::Own { title, .. } => title,
        };
        shapes.push(Shape::text((x, y - 14.0), Anchor::Start, title, 13.0, TEXT));
        match panel {
            Panel::Curve(curve) => {
                let sets = sets(run, &curve.value);
                let thick =
                    sets.get(1).map_or("training".to_owned(), |set| format!("training, thick: {set}"));
                shapes.push(Shape::text((x + w - 6.0, y - 14.0), Anchor::End, thick, SMALL, MUTED));
                curves(&mut shapes, place, run, steps, curve, &sets);
            }
            Panel::Bands(which) => {
                let edges = |h: &&Histograms| Some((h.step as f64, h.edges.get(*which)?.map(f64::from)));
                let all: Vec<_> = run.histograms.iter().filter_map(edges).collect();
                bands(&mut shapes, place, &all, steps);
            }
            Panel::Own { name, .. } => {
                if let Some(shown) = run.shown.get(name.as_str())
                    && !views.iter().any(|view| view.draw(name, &shown.content, place, &mut shapes))
                {
                    own::draw(&shown.content, place, &mut shapes);
                }
            }
        }
    }
    shapes
}

fn heading(run: &Run<'_>) -> Shape {
    let name = run.start.map_or("", |start| &*start.name);
    let step = run.steps.last().map_or(0, |record| record.step);
    let results = run.start.and_then(|start| start.watched.as_ref()).and_then(|watched| {
        let values = || run.steps.iter().filter_map(|record| record.values.get(&watched.name));
        let (last, best) = (values().next_back()?, values().reduce(|a, b| watched.better(a, b))?);
        Some(format!(", {} {last:.4}, {} {best:.4}", watched.label(), watched.extreme()))
    });
    let text = format!("{name}: step {step}{}", results.unwrap_or_default());
    Shape::text((10.0, 28.0), Anchor::Start, text, 16.0, TEXT)
}

/// The batches' set `train`, and those of which there is a value of this name.
fn sets(run: &Run<'_>, value: &str) -> Vec<String> {
    let known = run.start.map_or(&[][..], |start| &start.sets);
    let is_told = |set: &&String| {
        let name = format!("{set}_{value}");
        run.steps.iter().any(|record| record.values.get(&name).is_some())
    };
    ["train".to_owned()].into_iter().chain(known.iter().filter(is_told).cloned()).collect()
}

fn curves(shapes: &mut Vec<Shape>, place: Place, run: &Run<'_>, steps: f64, of: &Curve, sets: &[String]) {
    let points = |set: &String| -> Vec<(f64, f64)> {
        let name = format!("{set}_{}", of.value);
        let at = |record: &&Record| Some((record.step as f64, record.values.get(&name)? * of.factor));
        run.steps.iter().filter_map(at).collect()
    };
    let all: Vec<Vec<(f64, f64)>> = sets.iter().map(points).collect();
    let [low, high] = of.ranges.first().copied().unwrap_or_else(|| range(all.iter().flatten().map(|p| p.1)));
    let point = plot(shapes, place, [steps, low, high]);
    for (which, points) in all.iter().enumerate() {
        curve(shapes, &point, points, high, style(which));
    }
}

/// What finite values there are, with a margin.
pub(super) fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return [0.0, 1.0];
    }
    // A range of rounding errors is none.
    let is_wide = high - low > 1e-9 * low.abs().max(high.abs());
    let margin = if is_wide { (high - low) * 0.05 } else { low.abs().max(1.0) * 0.1 };
    [low - margin, high + margin]
}

/// Colour and width of the batches' curve, of the first set's, and of others'.
fn style(which: usize) -> (Colour, f64) {
    match which {
        0 => (TRAIN, 1.0),
        1 => (TEST, 3.0),
        more => (CURVES[more % CURVES.len()], 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_of_any_sets_and_values_are_drawn() {
        // Another value's name ends like the one that is drawn.
        let names = ["train_loss", "lr", "valid_loss", "test_loss", "train_top_loss", "test_top_loss"];
        let record = |step: u64| {
            let values = names.iter().map(|name| (*name, 1.0 + step as f64)).collect();
            Event::Step(Record { step, epoch: 1, values })
        };
        let sets = ["valid", "test", "other"].map(str::to_owned).to_vec();
        let start = Start { sets, panels: vec![Panel::Curve(Curve::of("loss"))], ..Start::default() };
        let events = [Event::Start(Box::new(start)), record(0), record(5)].map(Arc::new);
        let run = Run::until(&events, 9);
        assert_eq!(super::sets(&run, "loss"), ["train", "valid", "test"]);
        let colours: Vec<Colour> = panels(&run, &vec![])
            .iter()
            .filter_map(|shape| match shape {
                Shape::Line { points, colour, .. } if points.len() == 2 && points[0].1 != points[1].1 => {
                    Some(*colour)
                }
                _ => None,
            })
            .collect();
        assert_eq!(colours, [TRAIN, TEST, CURVES[2]]);
        assert_eq!(size(&run), (1200, 414));
        assert_eq!(range([2.0, f64::NAN, 4.0].into_iter()), [1.9, 4.1]);
    }
}
