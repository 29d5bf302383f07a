//! The report as Markdown: `RESULTS.md`.

use crate::goals::goals;
use crate::report::Report;
use crate::table::Table;
use benches::provenance::{commit, processor, today};
use std::fmt::{self, Display};

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { threads, rounds, .. } = self;
        writeln!(f, "# Results\n\nWritten by `benches/compare.sh` on {}, commit {}.\n", today(), commit())?;
        writeln!(f, "- {}; everyone has {threads} threads.", processor())?;
        if let Some(peak) = self.results.peak(*threads) {
            writeln!(f, "- FMA peak of these threads, measured in the same run: {peak:.0} GFLOP/s.")?;
        }
        if let Some(row) = self.agreement.first().filter(|row| !row.peers.is_empty()) {
            writeln!(f, "- {}.", row.peers.join(", "))?;
        }
        writeln!(
            f,
            "- Frameworks in turn, one process at a time. Rounds: {rounds}, of which the medians are shown. Of a peer's \
             variants the best counts. Anyone's measurement during which others used the processors, or these had no \
             common cache at its end, was repeated."
        )?;
        section(
            f,
            "What was to be reached",
            "The number that decides is that of the model which is furthest from the bar. What shall not grow may by \
             2 %, which is how far two measurements differ.",
            &[goals(self)],
        )?;
        section(
            f,
            "Training: milliseconds a step",
            "Batches of 100, picking the batch included. GFLOP/s and the share of the peak are those of our faster mode, \
             and count terms that are zero, which products of matrices leave out where they can.",
            &[self.training()],
        )?;
        section(
            f,
            "Inference: images a second",
            "The 10,000 test images, at the best of several batch sizes.",
            &[self.inference()],
        )?;
        section(
            f,
            "Memory and the first step",
            "The most memory that the process had in training and testing, data set included; seconds from its start to \
             the end of the first step.",
            &[self.process()],
        )?;
        if !self.scaling.is_empty() {
            section(f, "Threads", "Ours, in the faster mode.", &[self.one_thread()])?;
            section(
                f,
                "Batch",
                "Ours, compiled: microseconds of a training step per image.",
                &self.scaling(true),
            )?;
            let text = "Ours, compiled: a training step in microseconds per unit of one hidden layer, and per layer where \
                        so many hidden layers have 200 units each; an addition of 10 numbers, eager, of so many recorded \
                        in a graph.";
            section(f, "Width, depth and small operations", text, &self.scaling(false))?;
        }
        if !self.steady.is_empty() {
            let text = "Ours, compiled, the whole training. Milliseconds as they came by; the speed kept is steps per second of \
                        the trained model over those of one at step 500, timed by turns. The most memory until then, data \
                        set and a test included. Requests for memory are counted from step 750 on.";
            section(f, "From the first steps to the last", text, &[self.steadiness()])?;
        }
        if self.peers.is_empty() {
            return Ok(());
        }
        section(
            f,
            "The same models",
            "On the same initial weights and the same batch, with the batch's statistics and without dropout. The last \
             column is the largest relative difference of a peer's loss from ours.",
            &[self.sameness()],
        )
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, text: &str, tables: &[Table]) -> fmt::Result {
    writeln!(f, "\n## {title}\n\n{text}")?;
    tables.iter().try_for_each(|table| write!(f, "\n{table}"))
}
