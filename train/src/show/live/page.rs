//! The page, put together from its parts into one file that loads nothing else.

use crate::digits::data::Dataset;
use crate::digits::digits_png::{TEST_COLUMNS, TRAINING_COLUMNS, png};
use crate::watch::event::Event;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const SCRIPTS: &str = concat!(
    include_str!("state.js"),
    include_str!("charts.js"),
    include_str!("digits.js"),
    include_str!("drawing.js"),
    include_str!("page.js"),
);

/// Pictures of training digits in a report.
const SHEETS: usize = 30;

/// The page that follows a run. Drawing a digit is offered if there is somebody who `reads` it. With `token` the page proves that it is
/// the one that this program has given out.
pub(crate) fn page(reads: bool, token: &str) -> String {
    let page = include_str!("page.html");
    let page = if reads { page.to_owned() } else { hide(hide(page, "draw"), "drawing") };
    page.replace("/*token*/", token)
        .replace("/*style*/", include_str!("style.css"))
        .replace("/*script*/", SCRIPTS)
}

/// The page without the element of this id.
fn hide(page: impl AsRef<str>, id: &str) -> String {
    let attribute = format!("id=\"{id}\"");
    page.as_ref().replacen(&attribute, &format!("{attribute} hidden"), 1)
}

/// A run that is over, in a page.
#[derive(Serialize)]
struct Recorded<'a> {
    events: Vec<&'a Event>,
    /// The picture of the training digits at a step.
    training: BTreeMap<u64, String>,
    /// The picture of all test digits.
    test: Option<String>,
}

/// The page with a whole run in it, to be opened from a file. Of the training digits it keeps evenly spaced ones.
pub(crate) fn report(events: &[Arc<Event>], data: Option<&Dataset>) -> String {
    let is_training = |event: &&Arc<Event>| matches!(***event, Event::TrainingDigits(_));
    let every = events.iter().filter(is_training).count().div_ceil(SHEETS).max(1);
    let mut seen = 0;
    let kept = events.iter().rev().filter(|event| {
        let training = is_training(event);
        seen += usize::from(training);
        !training || (seen - 1) % every == 0
    });
    let mut kept: Vec<&Event> = kept.map(|event| &**event).collect();
    kept.reverse();
    let uri = |png: Vec<u8>| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    let mut training = BTreeMap::new();
    for event in &kept {
        if let (Event::TrainingDigits(digits), Some(data)) = (event, data) {
            training.insert(digits.step, uri(png(&data.train, &digits.indices, TRAINING_COLUMNS)));
        }
    }
    let test = data.map(|data| {
        let all: Vec<usize> = (0..data.test.len()).collect();
        uri(png(&data.test, &all, TEST_COLUMNS))
    });
    let text = serde_json::to_string(&Recorded { events: kept, training, test }).expect("plain fields");
    // Nothing in it can end the script element then.
    page(false, "").replace(">null</script>", &format!(">{}</script>", text.replace('<', "\\u003c")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file has nobody behind it that could read a digit.
    #[test]
    fn a_report_does_not_offer_to_draw() {
        let offers = [r#"<section id="draw">"#, r#"<span id="drawing">"#];
        assert!(offers.iter().all(|offer| page(true, "").contains(offer)));
        let report = report(&[], None);
        assert!(!offers.iter().any(|offer| report.contains(offer)));
        assert!(report.contains(r#"<section id="draw" hidden>"#));
    }
}
