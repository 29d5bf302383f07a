//! What was measured, and the tables that show it.

use crate::contenders::{Contender, OURS};
use crate::results::{Agreement, Median, Results};
use crate::table::{Table, grouped, or_dash, significant};
use benches::measurement::{Point, Steady};

/// Everything that `RESULTS.md` tells.
pub(crate) struct Report {
    pub(crate) results: Results,
    pub(crate) agreement: Vec<Agreement>,
    pub(crate) scaling: Vec<Point>,
    pub(crate) steady: Vec<Steady>,
    pub(crate) threads: usize,
    pub(crate) models: Vec<String>,
    pub(crate) peers: Vec<&'static str>,
    pub(crate) rounds: usize,
    variants: Vec<&'static str>,
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
            steady: vec![],
            threads,
            rounds,
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            variants: ours.map(|contender| contender.variant).collect(),
            peers,
        }
    }

    /// The cells of the peers for one model.
    fn peers(&self, best: impl Fn(&str) -> Option<String>) -> Vec<String> {
        self.peers.iter().map(|peer| or_dash(best(peer))).collect()
    }

    pub(crate) fn training(&self) -> Table {
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
            let peers = self.peers(|peer| {
                let median = self.results.trains_best(peer, model, self.threads)?;
                Some(format!("{} {}", significant(median.ms), median.contender.variant))
            });
            let best = self.results.trains_best(OURS, model, self.threads);
            let ratio = self.results.training_beside(&self.peers, model, self.threads);
            let ratio = ratio.map(|ratio| format!("{ratio:.2}"));
            let gflops = best.as_ref().map(|median| format!("{:.0}", median.gflops));
            let share = best.and_then(|median| median.share).map(|share| format!("{:.0} %", share * 100.0));
            let row = [model.clone()].into_iter().chain(own).chain(peers);
            table.push(row.chain([ratio, gflops, share].map(or_dash)).collect());
        }
        table
    }

    pub(crate) fn inference(&self) -> Table {
        let head = ["model", "ours"].into_iter().chain(self.peers.iter().copied());
        let mut table = Table::new(head.chain(["times the best peer's speed"]).map(String::from).collect());
        for model in &self.models {
            let ours = self.results.infers_best(OURS, model, self.threads).and_then(|median| median.infer);
            let peers = self.peers(|peer| {
                let median = self.results.infers_best(peer, model, self.threads)?;
                Some(format!("{} {}", grouped(median.infer?), median.contender.variant))
            });
            let ratio = self.results.inference_beside(&self.peers, model, self.threads);
            let ratio = ratio.map(|ratio| format!("{ratio:.2}"));
            let own = ours.map(|rate| format!("**{}**", grouped(rate)));
            table.push(
                [model.clone(), or_dash(own)].into_iter().chain(peers).chain([or_dash(ratio)]).collect(),
            );
        }
        table
    }

    /// Memory and the time to the first step, of the variant that trains best.
    pub(crate) fn process(&self) -> Table {
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

    pub(crate) fn one_thread(&self) -> Table {
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

    pub(crate) fn steadiness(&self) -> Table {
        let head = ["step 500, ms", "end, ms", "speed kept", "step 100, MB", "end, MB", "allocations a step"];
        let head = ["model", "steps"].into_iter().chain(head).chain(["test accuracy"]);
        let mut table = Table::new(head.map(String::from).collect());
        for row in &self.steady {
            let memory = |mb: Option<f64>| or_dash(mb.map(|mb| format!("{mb:.1}")));
            table.push(vec![
                row.model.clone(),
                grouped(row.steps as f64),
                significant(row.ms_per_step_500),
                significant(row.ms_per_step_end),
                format!("{:.3}", row.speed_kept),
                memory(row.peak_rss_mb_100),
                memory(row.peak_rss_mb_end),
                row.allocations_per_step.to_string(),
                format!("{:.4}", row.test_accuracy),
            ]);
        }
        table
    }

    pub(crate) fn sameness(&self) -> Table {
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
    pub(crate) fn scaling(&self, of_models: bool) -> Vec<Table> {
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
