//! The numbers of a run.

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The numbers of a step, a line of `metrics.jsonl`: those of the model after so many training steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Number of training steps done before this record.
    pub step: u64,
    /// Passes over the training data, from 1.
    pub epoch: usize,
    /// `train_loss` and what else is known of the step's batches, in the training step's own forward pass (with dropout); `lr`, the
    /// learning rate; and of every set that was evaluated `test_loss` and the like. At the end, when no batch is drawn any more, the
    /// numbers of the batch are those of the last step.
    #[serde(flatten)]
    pub values: Values,
}

impl Record {
    /// Those of the sets that were evaluated; none if none was.
    pub fn evaluated(&self) -> Values {
        self.values.iter().filter(|(name, _)| *name != "lr" && !name.starts_with("train_")).collect()
    }
}

/// Records as a table in CSV: a column for each name, empty where a record has no such number.
///
/// ```
/// use train::watch::{Record, csv};
///
/// let record = |step, name: &str, value| Record { step, epoch: 1, values: [(name, value)].into_iter().collect() };
/// let text = csv(&[record(0, "train_loss", 0.5), record(1, "test_loss", f64::NAN)]);
/// assert_eq!(text, "step,epoch,train_loss,test_loss\n0,1,0.5,\n1,1,,NaN\n");
/// ```
pub fn csv(records: &[Record]) -> String {
    let mut names: Vec<&str> = vec![];
    for (name, _) in records.iter().flat_map(|record| record.values.iter()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // As CSV has it: quotes around what would be taken for something else.
    let quoted = |name: &&str| match name.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => (*name).to_owned(),
    };
    let head = ["step", "epoch"].iter().chain(&names).map(quoted);
    let mut lines = vec![head.collect::<Vec<_>>().join(",")];
    for record in records {
        let value = |name: &&str| record.values.get(name).map_or(String::new(), |value| value.to_string());
        let numbers = [record.step.to_string(), record.epoch.to_string()].into_iter();
        lines.push(numbers.chain(names.iter().map(value)).collect::<Vec<_>>().join(","));
    }
    lines.join("\n") + "\n"
}

/// Numbers by name, in the order in which they were noted.
///
/// In files they are an object; NaN and infinities are `null` there, and NaN when read.
///
/// ```
/// use train::watch::Values;
///
/// let values: Values = [("train_loss", 0.5), ("lr", 0.01)].into_iter().collect();
/// assert_eq!(values.get("lr"), Some(0.01));
/// assert_eq!(serde_json::to_string(&values)?, r#"{"train_loss":0.5,"lr":0.01}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Values(Vec<(String, f64)>);

impl Values {
    /// The number of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Notes a number; one of the same name is replaced.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a set, by the names without the set's: `loss` of `test_loss`.
    pub fn of_set<'a>(&'a self, set: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.iter().filter_map(move |(name, value)| Some((name.strip_prefix(set)?.strip_prefix('_')?, value)))
    }
}

impl<N: Into<String>> FromIterator<(N, f64)> for Values {
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(all: I) -> Values {
        let mut values = Values::default();
        values.extend(all);
        values
    }
}

impl<N: Into<String>> Extend<(N, f64)> for Values {
    fn extend<I: IntoIterator<Item = (N, f64)>>(&mut self, all: I) {
        all.into_iter().for_each(|(name, value)| self.set(name, value));
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.iter().try_for_each(|(name, value)| map.serialize_entry(name, &value))?;
        map.end()
    }
}

impl<'a> Deserialize<'a> for Values {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Values, D::Error> {
        struct Entries;
        impl<'a> Visitor<'a> for Entries {
            type Value = Values;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers by name")
            }
            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut entries = vec![];
                while let Some((name, value)) = map.next_entry::<String, Option<f64>>()? {
                    entries.push((name, value.unwrap_or(f64::NAN)));
                }
                Ok(entries.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let values =
            [("train_loss", 0.1 + 0.2), ("lr", 1e-7), ("test_loss", f64::INFINITY), ("test_accuracy", 0.1)];
        let record = Record { step: 3, epoch: 1, values: values.into_iter().collect() };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            text,
            r#"{"step":3,"epoch":1,"train_loss":0.30000000000000004,"lr":1e-7,"test_loss":null,"test_accuracy":0.1}"#
        );
        let read: Record = serde_json::from_str(&text).unwrap();
        assert!(read.values.get("test_loss").unwrap().is_nan());
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(
            read.values.of_set("test").map(|(name, _)| name).collect::<Vec<_>>(),
            ["loss", "accuracy"]
        );
    }
}
