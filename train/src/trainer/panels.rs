//! Panels of one's own: what they see of a training.

use crate::metrics::ConfusionMatrix;
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
/// that is drawn is known for text, matrices and pictures; for anything else a `show::View` says it.
pub trait PanelSource<M>: Send {
    /// What it shows, in panels of these.
    fn panels(&self) -> Vec<Panel>;

    /// What there is to be seen of a training batch; asked now and then.
    fn trained(&mut self, seen: &Seen<'_>) -> Option<Shown> {
        let _ = seen;
        None
    }

    /// Takes notice that all sets are evaluated from now on.
    fn begin(&mut self) {}

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

/// A panel with the [confusion matrix](ConfusionMatrix) of the sets that are evaluated.
///
/// ```
/// use nn::{Layer, Linear, Rng, loss};
/// use train::{ConfusionPanel, Trainer};
///
/// let model = Linear::new(2, 2, &mut Rng::new(1));
/// let trainer = Trainer::new(model, optim::Adam::new(), |model: &Linear, [x, y]| {
///     let logits = model.forward(x);
///     [loss::softmax_cross_entropy(logits, y), logits]
/// })
/// .source(ConfusionPanel::new("answers", &["no", "yes"], 1, 1)); // the logits are output 1, the classes input 1
/// # let _ = trainer;
/// ```
pub struct ConfusionPanel {
    title: String,
    names: Vec<String>,
    output: usize,
    input: usize,
    matrix: ConfusionMatrix,
}

impl ConfusionPanel {
    /// For these classes, of which the step's output of this number has the logits, and the batch's part of this number the right ones.
    pub fn new(title: &str, names: &[impl AsRef<str>], output: usize, input: usize) -> ConfusionPanel {
        let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        let matrix = ConfusionMatrix::new(names.len());
        ConfusionPanel { title: title.to_owned(), names, output, input, matrix }
    }
}

impl<M> PanelSource<M> for ConfusionPanel {
    fn panels(&self) -> Vec<Panel> {
        let note = "a row for each right class, a column for each answer".to_owned();
        vec![Panel::Own { name: self.title.clone(), title: self.title.clone(), note }]
    }

    fn begin(&mut self) {
        self.matrix = ConfusionMatrix::new(self.names.len());
    }

    fn evaluating(&mut self, seen: &Seen<'_>) {
        self.matrix.add(&seen.outputs[self.output], &seen.inputs[self.input]);
    }

    fn evaluated(&mut self, _: &M, step: u64) -> Vec<Shown> {
        let content = Content::Matrix { names: self.names.clone(), counts: self.matrix.counts() };
        vec![Shown { panel: self.title.clone(), step, content }]
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
