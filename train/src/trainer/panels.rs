//! Panels of one's own: what they see of a training.

use crate::watch::{Content, Panel, Shown};
use nn::Tensor;

/// A batch as the model answered it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Number of training steps done before.
    pub step: u64,
    /// `train`, or the name of the set that is evaluated.
    pub set: &'a str,
    /// The elements' places in the data set.
    pub indices: &'a [usize],
    /// The parts of the batch.
    pub inputs: &'a [Tensor],
    /// All that the step function gave.
    pub outputs: &'a [Tensor],
}

/// Has something of its own to show of a model in training: what it took pictures for, a sample of what it writes, a confusion matrix. How
/// that is drawn is known for text, matrices and pictures; for anything else a [`View`](crate::show::View) says it.
pub trait PanelSource<M>: Send {
    /// What it shows, in panels of these.
    fn panels(&self) -> Vec<Panel>;

    /// What there is to be seen of a training batch; asked now and then.
    fn trained(&mut self, seen: &Seen<'_>) -> Option<Shown> {
        let _ = seen;
        None
    }

    /// Takes notice of a batch of a set that is being evaluated.
    fn evaluating(&mut self, seen: &Seen<'_>) {
        let _ = seen;
    }

    /// What there is to be seen of the model after so many steps, now that all sets are evaluated; asked now and then, and at the end.
    fn evaluated(&mut self, model: &M, step: u64) -> Vec<Shown> {
        let _ = (model, step);
        vec![]
    }

    /// Answers what the page asks the model, in JSON, or says why there is no answer; `None` if it does not know such questions.
    fn answer(&mut self, model: &M, question: &[u8]) -> Option<Result<String, String>> {
        let _ = (model, question);
        None
    }
}

/// A panel whose content a function gives.
pub(super) struct FnPanel<F> {
    pub(super) title: String,
    pub(super) f: F,
}

impl<M, F: FnMut(&M) -> Content + Send> PanelSource<M> for FnPanel<F> {
    fn panels(&self) -> Vec<Panel> {
        vec![Panel::Own { name: self.title.clone(), title: self.title.clone(), note: String::new() }]
    }

    fn evaluated(&mut self, model: &M, step: u64) -> Vec<Shown> {
        vec![Shown { panel: self.title.clone(), step, content: (self.f)(model) }]
    }
}
