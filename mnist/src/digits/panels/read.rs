//! What digits were taken for.

use serde::{Deserialize, Serialize};
use train::watch::{Content, Shown};

/// The panels' names in files.
pub(super) const TRAINING: &str = "training_digits";
pub(super) const TEST: &str = "test_digits";

/// Digits as the model read them, misrecognised ones first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Digits {
    /// How many were read.
    pub(super) of: usize,
    /// How many of them were misrecognised.
    pub(super) wrong: usize,
    /// Places in the data set of those to show.
    pub(super) indices: Vec<usize>,
    /// What they are.
    pub(super) labels: Vec<u8>,
    /// What they were taken for.
    pub(super) computed: Vec<u8>,
}

impl Digits {
    /// Of all digits that were read, those to show: the first `limit` after those that are wrong have moved to the front.
    pub(super) fn new(indices: &[usize], labels: &[u8], computed: &[u8], limit: usize) -> Digits {
        let (right, mut order): (Vec<usize>, Vec<usize>) =
            (0..indices.len()).partition(|&i| labels[i] == computed[i]);
        let wrong = order.len();
        order.extend(right);
        order.truncate(limit);
        Digits {
            of: indices.len(),
            wrong,
            indices: order.iter().map(|&i| indices[i]).collect(),
            labels: order.iter().map(|&i| labels[i]).collect(),
            computed: order.iter().map(|&i| computed[i]).collect(),
        }
    }

    /// As a panel shows them.
    pub(super) fn shown(&self, panel: &str, step: u64) -> Shown {
        let content = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(members)) => Content::Own(members),
            _ => unreachable!("it has plain fields"),
        };
        Shown { panel: panel.to_owned(), step, content }
    }

    /// Read from a content, which may be of a foreign file.
    pub(super) fn of(content: &Content) -> Option<Digits> {
        let Content::Own(members) = content else { return None };
        let digits: Digits = serde_json::from_value(members.clone().into()).ok()?;
        let count = digits.indices.len();
        let is_whole = digits.labels.len() == count && digits.computed.len() == count && digits.of > 0;
        is_whole.then_some(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misrecognised_digits_come_first() {
        let digits = Digits::new(&[40, 41, 42, 43], &[1, 2, 3, 4], &[1, 9, 3, 9], 3);
        assert_eq!((digits.of, digits.wrong), (4, 2));
        assert_eq!(digits.indices, [41, 43, 40]);
        assert_eq!((&digits.labels, &digits.computed), (&vec![2, 4, 1], &vec![9, 9, 1]));
        let shown = digits.shown(TEST, 7);
        let text = serde_json::to_string(&shown).unwrap();
        assert!(text.starts_with(r#"{"test_digits":{"step":7,"#), "{text}");
        assert_eq!(Digits::of(&shown.content), Some(digits));
    }
}
