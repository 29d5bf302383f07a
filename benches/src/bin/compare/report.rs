//! The results as Markdown.

use crate::contenders::{Contender, OURS};
use crate::machine::{commit, processor, today};
use crate::results::{Agreement, Median, Results};
use benches::measurement::Point;
use std::fmt::{self, Display};

/// Everything that `RESULTS.md` tells.
pub(crate) struct Report {
    pub(crate) results: Results,
    pub(crate) agreement: Vec<Agreement>,
    pub(crate) scaling: Vec<Point>,
    threads: usize,
    rounds: usize,
    models: Vec<String>,
    variants: Vec<&'static str>,
    peers: Vec<&'static str>,
}

impl Report {
    pub(crate) fn new(threads: usize, rounds: usize, models: &[&str], contenders: &[Contender]) -> Report {
        let mut peers: Vec<&str> = contenders.iter().map(|contender| contender.framework).collect();
        peers.dedup();
        peers.retain(|framework| *framework != OURS);
        let ours = contenders.iter().filter(|contender| contender.framework == OURS);
        Report {
            results: Results::default(),
            agreement: vec![],
            scaling: vec![],
            threads,
            rounds,
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            variants: ours.map(|contender| contender.variant).collect(),
            peers,
        }
    }

    /// The cells of the peers for one model, and the best of their numbers.
    fn peers(
        &self,
        best: impl Fn(&str) -> Option<(f64, String)>,
        pick: fn(f64, f64) -> f64,
    ) -> (Vec<String>, Option<f64>) {
        let found: Vec<Option<(f64, String)>> = self.peers.iter().map(|peer| best(peer)).collect();
        let best = found.iter().flatten().map(|(number, _)| *number).reduce(pick);
        (found.into_iter().map(|cell| cell.map_or("–".into(), |(_, text)| text)).collect(), best)
    }

    fn training(&self) -> Table {
        let mut head = vec!["model".to_owned()];
        head.extend(self.variants.iter().map(|variant| format!("ours, {variant}")));
        head.extend(self.peers.iter().map(|peer| (*peer).to_owned()));
        head.extend(["times the best peer's speed", "GFLOP/s", "share of peak"].map(String::from));
        let mut table = Table::new(head);
        for model in &self.models {
            let ours = self.results.variants(OURS, model, self.threads);
            let own = self.variants.iter().map(|variant| {
                let found = ours.iter().find(|median| median.contender.variant == *variant);
                found.map_or("–".into(), |median| format!("**{}**", significant(median.ms)))
            });
            let (peers, best_peer) = self.peers(
                |peer| {
                    let median = self.results.trains_best(peer, model, self.threads)?;
                    Some((median.ms, format!("{} {}", significant(median.ms), median.contender.variant)))
                },
                f64::min,
            );
            let best = self.results.trains_best(OURS, model, self.threads);
            let ratio = best.as_ref().zip(best_peer).map(|(ours, peer)| format!("{:.2}", peer / ours.ms));
            let gflops = best.as_ref().map(|median| format!("{:.0}", median.gflops));
            let share = best.and_then(|median| median.share).map(|share| format!("{:.0} %", share * 100.0));
            let row = [model.clone()].into_iter().chain(own).chain(peers);
            table.push(row.chain([ratio, gflops, share].map(or_dash)).collect());
        }
        table
    }

    fn inference(&self) -> Table {
        let head = ["model", "ours"].into_iter().chain(self.peers.iter().copied());
        let mut table = Table::new(head.chain(["times the best peer's speed"]).map(String::from).collect());
        for model in &self.models {
            let ours = self.results.infers_best(OURS, model, self.threads).and_then(|median| median.infer);
            let (peers, best_peer) = self.peers(
                |peer| {
                    let median = self.results.infers_best(peer, model, self.threads)?;
                    Some((median.infer?, format!("{} {}", grouped(median.infer?), median.contender.variant)))
                },
                f64::max,
            );
            let ratio = ours.zip(best_peer).map(|(ours, peer)| format!("{:.2}", ours / peer));
            let own = ours.map(|rate| format!("**{}**", grouped(rate)));
            table.push(
                [model.clone(), or_dash(own)].into_iter().chain(peers).chain([or_dash(ratio)]).collect(),
            );
        }
        table
    }

    /// Memory and the time to the first step, of the variant that trains best.
    fn process(&self) -> Table {
        let frameworks: Vec<&str> = [OURS].into_iter().chain(self.peers.iter().copied()).collect();
        let heads = frameworks.iter().map(|framework| format!("{framework} MB, s"));
        let mut table = Table::new(["model".to_owned()].into_iter().chain(heads).collect());
        let cell = |median: Median| {
            let memory = median.memory.map_or("–".into(), |memory| format!("{memory:.0}"));
            format!("{memory}, {:.2}", median.first)
        };
        for model in &self.models {
            let best =
                frameworks.iter().map(|framework| self.results.trains_best(framework, model, self.threads));
            table.push(
                [model.clone()].into_iter().chain(best.map(|median| or_dash(median.map(cell)))).collect(),
            );
        }
        table
    }

    fn one_thread(&self) -> Table {
        let head = ["model", "1 thread, ms", &format!("{} threads, ms", self.threads), "times faster"];
        let mut table = Table::new(head.map(String::from).to_vec());
        for model in &self.models {
            let of = |threads| self.results.trains_best(OURS, model, threads).map(|median| median.ms);
            if let (Some(one), Some(all)) = (of(1), of(self.threads)) {
                let ratio = format!("{:.2}", one / all);
                table.push(vec![model.clone(), significant(one), significant(all), ratio]);
            }
        }
        table
    }

    fn sameness(&self) -> Table {
        let head = ["model", "parameters", "MFLOP a step", "loss × 100", "largest difference"];
        let mut table = Table::new(head.map(String::from).to_vec());
        for row in &self.agreement {
            table.push(vec![
                row.ours.model.clone(),
                grouped(row.ours.parameters),
                format!("{:.1}", row.ours.flops / 1e6),
                format!("{:.4}", row.ours.loss),
                format!("{:.0e}", row.difference),
            ]);
        }
        table
    }

    /// A row for each series whose name is (or is not) that of a model, a column for each size.
    fn scaling(&self, of_models: bool) -> Vec<Table> {
        let mut tables: Vec<Table> = vec![];
        let mut sizes_before = vec![];
        let is_model = |point: &&Point| self.models.contains(&point.series) == of_models;
        let points: Vec<&Point> = self.scaling.iter().filter(is_model).collect();
        for series in points.chunk_by(|a, b| a.series == b.series) {
            let sizes: Vec<usize> = series.iter().map(|point| point.size).collect();
            if sizes != sizes_before || tables.is_empty() {
                let first = if of_models { "batch" } else { series[0].series.as_str() };
                let head = [first.to_owned()].into_iter().chain(sizes.iter().map(usize::to_string));
                tables.push(Table::new(head.collect()));
                sizes_before = sizes;
            }
            let first = if of_models { series[0].series.clone() } else { "µs per one".into() };
            let cells = series.iter().map(|point| significant(point.us_per_unit));
            if let Some(table) = tables.last_mut() {
                table.push([first].into_iter().chain(cells).collect());
            }
        }
        tables
    }
}

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
             variants the best counts."
        )?;
        section(
            f,
            "Training: milliseconds a step",
            "Batches of 100, picking the batch included. GFLOP/s and the share of the peak are those of our faster mode.",
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
                        so many hidden layers have 200 units each.";
            section(f, "Width and depth", text, &self.scaling(false))?;
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

struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: Vec<String>) -> Table {
        Table { rows: vec![vec!["---".into(); head.len()], head].into_iter().rev().collect() }
    }

    fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or("–".into())
}

/// Three significant digits.
fn significant(x: f64) -> String {
    let digits = (2 - x.abs().max(1e-3).log10().floor() as i32).max(0);
    format!("{x:.*}", digits as usize)
}

/// `1234567` as `1,234,567`.
fn grouped(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
