//! All measurements of a run, and what is drawn from them.

use crate::contenders::{Check, Contender, OURS};
use benches::measurement::{Measurement, quantile};

/// Measurements of a run.
#[derive(Default)]
pub(crate) struct Results(Vec<(Contender, Measurement)>);

/// The medians of a contender over the rounds, for one model.
#[derive(Clone, Debug)]
pub(crate) struct Median {
    pub(crate) contender: Contender,
    pub(crate) ms: f64,
    pub(crate) infer: Option<f64>,
    pub(crate) memory: Option<f64>,
    pub(crate) first: f64,
    pub(crate) gflops: f64,
    pub(crate) share: Option<f64>,
}

impl Results {
    pub(crate) fn add(&mut self, contender: Contender, line: Measurement) {
        self.0.push((contender, line));
    }

    /// The medians of every variant of a framework.
    pub(crate) fn variants(&self, framework: &str, model: &str, threads: usize) -> Vec<Median> {
        let of_model = |(contender, line): &&(Contender, Measurement)| {
            contender.framework == framework && line.model == model && line.threads == threads
        };
        let lines: Vec<_> = self.0.iter().filter(of_model).collect();
        let mut contenders: Vec<Contender> = vec![];
        for (contender, _) in &lines {
            if !contenders.contains(contender) {
                contenders.push(*contender);
            }
        }
        let median_of = |contender| {
            let lines = lines.iter().filter(|(other, _)| *other == contender).map(|(_, line)| line);
            let lines: Vec<&Measurement> = lines.collect();
            let of =
                |number: fn(&Measurement) -> Option<f64>| median(lines.iter().copied().filter_map(number));
            Some(Median {
                contender,
                ms: of(|line| Some(line.ms_per_step_median))?,
                infer: of(|line| line.infer_images_per_s),
                memory: of(|line| line.peak_rss_mb),
                first: of(|line| Some(line.first_step_s))?,
                gflops: of(|line| Some(line.gflops))?,
                share: of(|line| line.share_of_peak),
            })
        };
        contenders.into_iter().filter_map(median_of).collect()
    }

    /// The variant that trains fastest.
    pub(crate) fn trains_best(&self, framework: &str, model: &str, threads: usize) -> Option<Median> {
        self.variants(framework, model, threads).into_iter().min_by(|a, b| a.ms.total_cmp(&b.ms))
    }

    /// The variant that classifies fastest.
    pub(crate) fn infers_best(&self, framework: &str, model: &str, threads: usize) -> Option<Median> {
        let measured =
            self.variants(framework, model, threads).into_iter().filter(|median| median.infer.is_some());
        measured.max_by(|a, b| a.infer.unwrap_or(0.0).total_cmp(&b.infer.unwrap_or(0.0)))
    }

    /// How many times as fast as the best of these frameworks ours trains.
    pub(crate) fn training_beside(&self, peers: &[&str], model: &str, threads: usize) -> Option<f64> {
        let speed = |framework: &str| Some(1.0 / self.trains_best(framework, model, threads)?.ms);
        Some(speed(OURS)? / peers.iter().filter_map(|peer| speed(peer)).reduce(f64::max)?)
    }

    /// How many times as fast as the best of these frameworks ours classifies.
    pub(crate) fn inference_beside(&self, peers: &[&str], model: &str, threads: usize) -> Option<f64> {
        let speed = |framework: &str| self.infers_best(framework, model, threads)?.infer;
        Some(speed(OURS)? / peers.iter().filter_map(|peer| speed(peer)).reduce(f64::max)?)
    }

    /// Whether this is the best variant of its framework in something.
    pub(crate) fn is_worth_repeating(&self, contender: Contender, model: &str, threads: usize) -> bool {
        let best = [
            self.trains_best(contender.framework, model, threads),
            self.infers_best(contender.framework, model, threads),
        ];
        contender.framework == OURS || best.iter().flatten().any(|median| median.contender == contender)
    }

    /// GFLOP/s at the FMA peak, the median of what each of our processes has measured.
    pub(crate) fn peak(&self, threads: usize) -> Option<f64> {
        let lines = self.0.iter().filter(|(_, line)| line.threads == threads);
        median(lines.filter_map(|(_, line)| Some(line.gflops / line.share_of_peak?)))
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    (!numbers.is_empty()).then(|| quantile(&numbers, 0.5))
}

/// Whether the peers train the same model: the same number of parameters, the same arithmetic, the same loss.
pub(crate) struct Agreement {
    pub(crate) ours: Check,
    /// The largest difference of a peer's loss from ours, relative to it.
    pub(crate) difference: f64,
    /// Frameworks compared, with their versions.
    pub(crate) peers: Vec<String>,
}

impl Agreement {
    pub(crate) fn new(ours: Check) -> Agreement {
        Agreement { ours, difference: 0.0, peers: vec![] }
    }

    /// # Errors
    /// If the peer's model is another one.
    pub(crate) fn compare(&mut self, framework: &str, peer: Check) -> Result<(), String> {
        let difference = (peer.loss - self.ours.loss).abs() / self.ours.loss;
        let same = (peer.parameters, peer.flops) == (self.ours.parameters, self.ours.flops);
        let close = difference <= 1e-4; // not if it is no number
        if !same || !close {
            return Err(format!("{framework} has another model than we: {peer:?} and {:?}", self.ours));
        }
        self.difference = self.difference.max(difference);
        self.peers.push(format!("{framework} {}", peer.version));
        Ok(())
    }
}
