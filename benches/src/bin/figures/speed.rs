//! What `RESULTS.md` says of speed and memory.

/// The text of `RESULTS.md`, as `compare` writes it.
pub(crate) struct Speed {
    text: String,
}

impl Speed {
    pub(crate) fn new(text: String) -> Speed {
        Speed { text }
    }

    /// When and of which commit it was measured: `2026-11-29, commit 9755d77`.
    pub(crate) fn when(&self) -> Option<&str> {
        self.text.lines().find_map(|line| line.split_once("compare.sh` on ")?.1.strip_suffix('.'))
    }

    /// The processor, and how many threads there were.
    pub(crate) fn machine(&self) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix("- ")?.strip_suffix('.'))
    }

    /// Milliseconds of a training step in the faster of our modes.
    pub(crate) fn ms(&self, model: &str) -> Option<&str> {
        let row = self.row("## Training: milliseconds a step", model)?;
        let ours = row.get(1..3)?.iter().map(|cell| cell.trim_matches('*'));
        let timed = ours.filter_map(|cell| Some((cell.parse::<f64>().ok()?, cell)));
        Some(timed.min_by(|a, b| a.0.total_cmp(&b.0))?.1)
    }

    /// The most memory that training and testing took, in MB.
    pub(crate) fn memory(&self, model: &str) -> Option<&str> {
        Some(self.row("## Memory and the first step", model)?.get(1)?.split_once(',')?.0)
    }

    /// The cells of a model's row in the table below this heading.
    fn row(&self, heading: &str, model: &str) -> Option<Vec<&str>> {
        let table = self.text.split_once(heading)?.1.split("\n## ").next()?;
        let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
        rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>()).find(|cells| cells[0] == model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compare_writes_is_found_in_its_results() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");
        let speed = Speed::new(std::fs::read_to_string(file).unwrap());
        assert!(speed.when().unwrap().contains(", commit "));
        assert!(speed.machine().unwrap().contains("threads"));
        for model in benches::MODELS {
            let [ms, memory] = [speed.ms(model.name), speed.memory(model.name)];
            assert!(
                ms.unwrap().parse::<f64>().unwrap() > 0.0 && memory.unwrap().parse::<f64>().unwrap() > 1.0
            );
        }
    }

    #[test]
    fn the_faster_mode_counts() {
        let table = "## Training: milliseconds a step\n\n| model | ours, eager | ours, compiled |\n| --- | --- | --- |\n";
        let speed =
            Speed::new(format!("{table}| softmax | **0.5** | **0.25** |\n\n## Threads\n| a | 1 | 2 |\n"));
        assert_eq!((speed.ms("softmax"), speed.ms("a")), (Some("0.25"), None));
    }
}
