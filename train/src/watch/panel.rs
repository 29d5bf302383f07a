//! What there is to be seen of a run, and what was seen.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A panel of the page, the report, the figure and the movie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Panel {
    /// A value over the steps.
    Curve(Curve),
    /// The distributions of the first (0) or the second (1) kind of the model's inner values over the steps, see
    /// [`Histograms`](super::Histograms).
    Bands(usize),
    /// A panel of one's own: the newest [`Content`] of this name.
    Own {
        /// What it is called in files.
        name: String,
        /// What stands above it.
        title: String,
        /// What stands there in small letters, if anything.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
}

/// A value over the steps: of the batches that are trained on, and of each set that is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What stands above it.
    pub title: String,
    /// The name of the value without a set's: `loss` for `train_loss` and `test_loss`.
    pub value: String,
    /// What the values are multiplied by.
    pub factor: f64,
    /// What of the axis is to be seen, from coarse to fine: zooming goes through them. If there is none, it is as the values are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<[f64; 2]>,
    /// What of the axis is to be seen when it is logarithmic, if it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<[f64; 2]>,
}

impl Curve {
    /// A value by its own name. Accuracies are from 0 to 1; of others the axis is as the values are.
    pub fn of(value: &str) -> Curve {
        let is_share = value == "accuracy" || value.ends_with("_accuracy");
        let ranges = if is_share { vec![[0.0, 1.0], [0.9, 1.0], [0.98, 1.0]] } else { vec![] };
        Curve { title: value.replace('_', " "), value: value.to_owned(), factor: 1.0, ranges, log: None }
    }
}

/// Something that a panel of one's own shows at a step.
///
/// In files the name of the panel is the key, and the step stands beside the content.
///
/// ```
/// use train::watch::{Content, Event, Shown};
///
/// let shown = Shown { panel: "sample".into(), step: 7, content: Content::Text("to be or not".into()) };
/// let text = serde_json::to_string(&Event::Shown(shown))?;
/// assert_eq!(text, r#"{"sample":{"step":7,"text":"to be or not"}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ByPanel", into = "ByPanel")]
pub struct Shown {
    /// The name of the panel.
    pub panel: String,
    /// Number of training steps done before.
    pub step: u64,
    /// What there is to be seen.
    pub content: Content,
}

/// What a panel of one's own shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Lines of text.
    Text(String),
    /// Counts of a row's and a column's class, as of [`ConfusionMatrix`](crate::metrics::ConfusionMatrix).
    Matrix {
        /// The classes.
        names: Vec<String>,
        /// A row for each class that is right, a column for each that was answered.
        counts: Vec<Vec<u64>>,
    },
    /// Pictures side by side, in one PNG.
    Images {
        /// Pictures in a row.
        columns: usize,
        /// A line for each of them, or none.
        captions: Vec<String>,
        /// The PNG's bytes in base 64.
        png: String,
    },
    /// What a view of one's own draws. The name `step` is taken: it is that of the step.
    #[serde(untagged)]
    Own(Map<String, Value>),
}

/// As in files.
type ByPanel = BTreeMap<String, Stepped>;

#[derive(Clone, Serialize, Deserialize)]
struct Stepped {
    step: u64,
    #[serde(flatten)]
    content: Content,
}

impl From<Shown> for ByPanel {
    fn from(Shown { panel, step, mut content }: Shown) -> ByPanel {
        if let Content::Own(members) = &mut content {
            // It stands beside them.
            members.remove("step");
        }
        BTreeMap::from([(panel, Stepped { step, content })])
    }
}

impl TryFrom<ByPanel> for Shown {
    type Error = &'static str;

    fn try_from(mut all: ByPanel) -> Result<Shown, &'static str> {
        match (all.pop_first(), all.is_empty()) {
            (Some((panel, Stepped { step, content })), true) => Ok(Shown { panel, step, content }),
            _ => Err("this is no event"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_as_it_was_written() {
        let own: Map<String, Value> = serde_json::from_str(r#"{"of":4,"wrong":[1,2]}"#).unwrap();
        let matrix = Content::Matrix { names: vec!["a".into()], counts: vec![vec![3]] };
        let images = Content::Images { columns: 2, captions: vec![], png: "iVBO".into() };
        for content in [Content::Text("a\nb".into()), matrix, images, Content::Own(own)] {
            let shown = Shown { panel: "mine".into(), step: 9, content };
            let text = serde_json::to_string(&shown).unwrap();
            assert_eq!(serde_json::from_str::<Shown>(&text).unwrap(), shown, "{text}");
        }
        for foreign in ["{}", r#"{"a":{"step":1},"b":{"step":2}}"#, r#"{"a":{"of":1}}"#, "7"] {
            assert!(serde_json::from_str::<Shown>(foreign).is_err(), "{foreign}");
        }
    }
}
