//! Batch normalisation.

use super::{expect_dtype, hint, refuse};
use crate::{DType, Layer, Module, Param, Tensor, Var};

/// Brings every channel to mean 0 and variance 1, then scales and shifts it by what is learnt (Ioffe and Szegedy, 2015).
///
/// Channels are the last axis of `[…, channels]`; all other axes together are the batch.
///
/// - In a training graph: `y = (x − m) / √(v + eps) · scale + offset` with the mean `m` and the biased variance `v` of
///   the batch. Running averages of both are outputs of the graph, which land in the layer when the optimizer applies
///   the step: `average ← d · average + (1 − d) · batch`.
/// - In an inference graph: the same with the running averages in place of the batch's. Before the first step there are
///   none, and mean 0 and variance 1 are taken.
///
/// The decay `d` depends on the step as in TensorFlow's `ExponentialMovingAverage(decay, step)`:
/// `d = min(decay, (1 + step) / (10 + step))`, steps counted from 0. The averages start at 0 and so forget that start
/// soon. A layer that is used several times in one graph keeps the statistics of the last use.
///
/// ```
/// use nn::{BatchNorm, Graph, Layer, Tensor};
///
/// let norm = BatchNorm::new(2).without_scale().offset(0.1).decay(0.999);
/// let graph = Graph::training(42, 0);
/// let y = norm.forward(graph.input(Tensor::from([[1.0_f32, 10.0], [3.0, 30.0]])));
/// let rounded = (y * 10.0).round();
/// assert_eq!(rounded.value().to_vec::<f32>(), [-9.0, -9.0, 11.0, 11.0]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct BatchNorm {
    /// What each channel is multiplied by, of shape `[channels]`; at first 1.
    pub scale: Option<Param>,
    /// What is added to each channel, of shape `[channels]`; at first 0.
    pub offset: Option<Param>,
    /// The running average of the mean, a buffer.
    pub mean: Param,
    /// The running average of the biased variance, a buffer.
    pub variance: Param,
    /// The number of training steps so far, a buffer.
    pub steps: Param,
    /// What is added to the variance, above 0.
    pub eps: f64,
    /// How slowly the running averages change, from 0 to 1.
    pub decay: f64,
    step_dependent: bool,
}

impl BatchNorm {
    /// A layer for this many channels, with scale and offset, eps 1e-5 and decay 0.99.
    #[track_caller]
    pub fn new(channels: usize) -> BatchNorm {
        let zeros = || Tensor::zeros([channels], DType::F32);
        BatchNorm {
            scale: Some(Param::new(zeros().ones_like())),
            offset: Some(Param::new(zeros())),
            mean: Param::buffer(zeros()),
            variance: Param::buffer(zeros()),
            steps: Param::buffer(Tensor::from(0_i64)),
            eps: 1e-5,
            decay: 0.99,
            step_dependent: true,
        }
    }

    /// No scale: where a rectifier and weights follow, those scale anyway.
    pub fn without_scale(mut self) -> BatchNorm {
        self.scale = None;
        self
    }

    /// No offset.
    pub fn without_offset(mut self) -> BatchNorm {
        self.offset = None;
        self
    }

    /// Another initial value of the scale.
    ///
    /// # Panics
    /// If the layer has no scale.
    #[track_caller]
    pub fn scale(mut self, value: f64) -> BatchNorm {
        fill(&mut self.scale, "scale", value);
        self
    }

    /// Another initial value of the offset; 0.1 keeps most rectifiers that follow alive.
    ///
    /// # Panics
    /// If the layer has no offset.
    #[track_caller]
    pub fn offset(mut self, value: f64) -> BatchNorm {
        fill(&mut self.offset, "offset", value);
        self
    }

    /// What is added to the variance, so that a channel that never changes is not divided by 0.
    ///
    /// # Panics
    /// If it is not positive.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> BatchNorm {
        if let Some(message) = eps_refusal(eps) {
            panic!("{message}");
        }
        self.eps = eps;
        self
    }

    /// How slowly the running averages change; PyTorch's `momentum` is 1 − decay.
    ///
    /// # Panics
    /// If it is not within 0..=1.
    #[track_caller]
    pub fn decay(mut self, decay: f64) -> BatchNorm {
        if let Some(message) = decay_refusal(decay) {
            panic!("{message}");
        }
        self.decay = decay;
        self
    }

    /// Whether the decay is smaller in the first steps (the default). If not, it is the same from the first step on; the
    /// averages then start at mean 0 and variance 1 as PyTorch's do, since their start counts for long.
    pub fn step_dependent(mut self, step_dependent: bool) -> BatchNorm {
        self.step_dependent = step_dependent;
        let start = if step_dependent { 0.0 } else { 1.0 };
        let (shape, dtype) = (self.variance.value().shape(), self.variance.value().dtype());
        self.variance.set(Tensor::full(shape, start, dtype));
        self
    }

    /// The normalised batch; the next running averages are recorded on the way.
    #[track_caller]
    fn by_batch<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let [scale, offset] =
            [&self.scale, &self.offset].map(|param| param.as_ref().map(|param| graph.param(param)));
        let [y, mean, variance] = x.batch_norm_affine(self.eps, scale, offset);
        let steps = graph.param(&self.steps);
        let decay = if self.step_dependent {
            let steps = steps.to(x.dtype());
            ((steps + 1.0) / (steps + 10.0)).minimum(x.full([], self.decay))
        } else {
            x.full([], self.decay)
        };
        for (state, of_batch) in [(&self.mean, mean), (&self.variance, variance)] {
            graph.update(state, decay * graph.param(state) + (1.0 - decay) * of_batch);
        }
        graph.update(&self.steps, steps + 1.0);
        y
    }

    /// Normalised by the running averages. Whether there are any yet is asked when it is computed: a program may be compiled
    /// before the first step.
    #[track_caller]
    fn by_averages<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let steps = graph.param(&self.steps);
        let untrained = steps.equal(steps.full([], 0.0));
        let average = |state: &Param, start: f64| {
            let state = graph.param(state);
            untrained.select(state.full([], start), state)
        };
        let (mean, variance) = (average(&self.mean, 0.0), average(&self.variance, 1.0));
        let std = (variance + self.eps).sqrt();
        let factor = match &self.scale {
            Some(scale) => graph.param(scale) / std,
            None => std.recip(),
        };
        let y = (x - mean) * factor;
        self.offset.as_ref().map_or(y, |offset| y + graph.param(offset))
    }
}

fn eps_refusal(eps: f64) -> Option<String> {
    let fits = eps > 0.0 && eps.is_finite();
    (!fits).then(|| format!("batch_norm: eps must be positive and finite, not {eps}"))
}

fn decay_refusal(decay: f64) -> Option<String> {
    let fits = (0.0..=1.0).contains(&decay);
    (!fits).then(|| {
        format!("batch_norm: the decay must be from 0 to 1, not {decay} (PyTorch's momentum is 1 − decay)")
    })
}

#[track_caller]
fn fill(param: &mut Option<Param>, name: &str, value: f64) {
    let Some(param) = param else {
        panic!("batch_norm: this layer was made without_{name} and has none to set to {value}")
    };
    let (shape, dtype) = (param.value().shape(), param.value().dtype());
    param.set(Tensor::full(shape, value, dtype));
}

impl Layer for BatchNorm {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let (shape, training) = (x.shape(), x.graph().is_training());
        let _scope = x.graph().scope("BatchNorm");
        let channels = self.mean.value().numel();
        if shape.last() != Some(&channels) {
            let hint = if shape.len() == 4 { hint(shape, Some(channels)) } else { "" };
            let message = format!(
                "batch_norm: the last axis of the input {shape} must have the layer's {channels} channels{hint}"
            );
            refuse(x, Some(&self.mean), message);
        }
        expect_dtype("batch_norm", x, &self.mean);
        if let Some(message) = eps_refusal(self.eps).or_else(|| decay_refusal(self.decay)) {
            refuse(x, Some(&self.mean), message);
        }
        // A layer of no channels has nothing to average, which is fine.
        if training && shape.numel() == 0 && channels > 0 {
            let message = format!(
                "batch_norm: the batch {shape} is empty, its channels have no mean; train on at least one example"
            );
            refuse(x, Some(&self.mean), message);
        }
        if training { self.by_batch(x) } else { self.by_averages(x) }
    }
    fn debug(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
