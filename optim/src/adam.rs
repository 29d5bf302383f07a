//! Adam, and AdamW.

use crate::optimizer::{Optimizer, write_decay};
use crate::real::{Real, elements, for_real};
use crate::state::{OptimizerState, Slot};
use autograd::kernels::update_elements;
use autograd::{Param, Tensor};

/// The small number ε that keeps Adam from dividing by 0, and where it is added.
///
/// The two conventions differ where the root of the averaged square gradient is about as small as ε: in the first steps,
/// TensorFlow's ε weighs up to `1/sqrt(1 − β2)` ≈ 32 times as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Epsilon {
    /// Before the correction of bias: `lr·sqrt(1−β2^t)/(1−β1^t) · m/(sqrt(v) + ε)`.
    ///
    /// `tf.train.AdamOptimizer`, Keras, and the paper's "ε̂", in the remark on efficiency at the end of its section 2.
    TensorFlow(f64),
    /// After it: `lr · m̂/(sqrt(v̂) + ε)` with `m̂ = m/(1−β1^t)` and `v̂ = v/(1−β2^t)`.
    ///
    /// Algorithm 1 of the paper, and `torch.optim.Adam`.
    PyTorch(f64),
}

/// Adam: descent along the averaged gradient, each element in units of its usual size.
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015). For each parameter `w` with gradient `g`, averages
/// `m` and `v` that begin at 0, and `t` the number of its updates so far, this one included:
///
/// ```text
/// m ← β1·m + (1 − β1)·g
/// v ← β2·v + (1 − β2)·g²
/// w ← w − lr·sqrt(1 − β2^t)/(1 − β1^t) · m/(sqrt(v) + ε)
/// ```
///
/// β1 is 0.9, β2 is 0.999, and ε is `1e-8` by TensorFlow's convention, as in `tf.train.AdamOptimizer()`;
/// `Adam::new().epsilon(Epsilon::PyTorch(1e-8))` is `torch.optim.Adam`.
///
/// With [weight decay](Adam::weight_decay), it is AdamW.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::{Adam, Optimizer};
///
/// let mut weight = Param::new(Tensor::from([1.0_f64, 1.0, 1.0]));
/// let graph = Graph::training(0, 0);
/// let grads = (graph.param(&weight) * graph.constant([1e-4, -1.0, 1e4])).sum(..).backward();
/// Adam::new().step(&mut weight, &grads, 0.1);
/// // Whatever the size of a gradient, the first step is as long as the learning rate.
/// assert!((weight.value() - Tensor::from([0.9, 1.1, 0.9])).abs().max(..).item() < 1e-3);
/// ```
///
/// Counting updates of each parameter, not of the model, gives a parameter that is unfrozen late its correction of bias.
/// The scalars of a step (`β^t` among them) are computed in `f64`, everything else in the type of the parameter.
///
/// So that no average ever decays to the subnormal numbers that make CPUs slow, these count as 0 (with the usual betas):
/// gradients nearer to 0 than 3.5e−18, whose squares are no longer normal; `v` below 1.2e−38; `m` and `w` nearer to 0
/// than 8e−31. In `f64` the limits are 4.8e−153, 2.3e−308 and 1.5e−300.
#[derive(Clone, Debug)]
pub struct Adam {
    betas: [f64; 2],
    epsilon: Epsilon,
    weight_decay: f64,
    state: OptimizerState,
}

impl Adam {
    /// Adam with the settings of the paper and TensorFlow's ε. What is kept of a parameter are the averages `m` and `v` and the count
    /// `t`.
    pub fn new() -> Adam {
        Adam {
            betas: [0.9, 0.999],
            epsilon: Epsilon::TensorFlow(1e-8),
            weight_decay: 0.0,
            state: OptimizerState::new([Slot::zeros("m"), Slot::zeros("v"), Slot::count("t")]),
        }
    }

    /// With other shares β1 and β2 of the averages that stay from step to step.
    ///
    /// # Panics
    /// If one is not in [0, 1).
    #[track_caller]
    pub fn betas(self, beta1: f64, beta2: f64) -> Adam {
        let betas = [beta1, beta2];
        if !betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            panic!("Adam: the betas are {beta1} and {beta2}; both must be at least 0 and below 1");
        }
        Adam { betas, ..self }
    }

    /// With another ε or convention.
    ///
    /// # Panics
    /// If ε is not a finite number of at least 1e−30: a gradient of 0 would give 0/0.
    #[track_caller]
    pub fn epsilon(self, epsilon: Epsilon) -> Adam {
        let (Epsilon::TensorFlow(eps) | Epsilon::PyTorch(eps)) = epsilon;
        if !eps.is_finite() || eps < 1e-30 {
            panic!("Adam: epsilon is {eps}; it must be a finite number of at least 1e-30");
        }
        Adam { epsilon, ..self }
    }

    /// With decoupled weight decay λ: `w ← w − lr·λ·w` before each update, on every trained parameter.
    ///
    /// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), with λ in units of the learning rate as in
    /// `torch.optim.AdamW`, whose default is 0.01. Unlike a penalty in the loss, it shrinks all weights at the same pace.
    ///
    /// # Panics
    /// If `weight_decay` is negative or not finite.
    #[track_caller]
    pub fn weight_decay(self, weight_decay: f64) -> Adam {
        if !weight_decay.is_finite() || weight_decay < 0.0 {
            panic!("Adam: the weight decay is {weight_decay}; it must be a finite number, 0 or above");
        }
        Adam { weight_decay, ..self }
    }
}

impl Default for Adam {
    fn default() -> Adam {
        Adam::new()
    }
}

/// One line of settings: `Adam, β 0.9 and 0.999, ε 1e-8 (TensorFlow)`.
impl std::fmt::Display for Adam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (epsilon, convention) = match self.epsilon {
            Epsilon::TensorFlow(epsilon) => (epsilon, "TensorFlow"),
            Epsilon::PyTorch(epsilon) => (epsilon, "PyTorch"),
        };
        let [first, second] = self.betas;
        write!(f, "Adam, β {first} and {second}, ε {epsilon:e} ({convention})")?;
        write_decay(f, self.weight_decay)
    }
}

impl Optimizer for Adam {
    fn describe(&self) -> String {
        self.to_string()
    }

    fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64) {
        let [m, v, t] = self.state.of(param);
        let t = {
            let t = &mut t.as_mut_slice::<i64>()[0];
            *t = t.saturating_add(1);
            *t as f64
        };
        let [correction1, correction2] = self.betas.map(|beta| 1.0 - beta.powf(t));
        // With m̂ = m/c1 and v̂ = v/c2: m̂/(sqrt(v̂) + ε) = sqrt(c2)/c1 · m/(sqrt(v) + ε·sqrt(c2)).
        let eps = match self.epsilon {
            Epsilon::TensorFlow(eps) => eps,
            Epsilon::PyTorch(eps) => eps * correction2.sqrt(),
        };
        for_real!(param.value(), T => {
            let rule = Rule::<T> {
                betas: self.betas.map(T::of),
                shares: self.betas.map(|beta| T::of(1.0 - beta)),
                lr: T::of(lr * correction2.sqrt() / correction1),
                eps: T::of(eps),
                keep: T::of(1.0 - lr * self.weight_decay),
                least_grad: T::of((T::MIN_NORMAL / (1.0 - self.betas[1])).sqrt() * 1.001),
                least_v: T::of(T::MIN_NORMAL),
            };
            rule.apply(param.value_mut().as_mut_slice(), m.as_mut_slice(), v.as_mut_slice(), elements(grad));
        })
    }

    fn kept(&self) -> Option<&OptimizerState> {
        Some(&self.state)
    }

    fn kept_mut(&mut self) -> Option<&mut OptimizerState> {
        Some(&mut self.state)
    }
}

/// The scalars of one update in the type of the parameter.
struct Rule<T> {
    betas: [T; 2],
    /// `1 − β` of each.
    shares: [T; 2],
    lr: T,
    eps: T,
    /// What weight decay leaves of a weight.
    keep: T,
    least_grad: T,
    least_v: T,
}

impl<T: Real> Rule<T> {
    fn apply(&self, w: &mut [T], m: &mut [T], v: &mut [T], g: &[T]) {
        let &Rule { betas: [beta1, beta2], shares: [share1, share2], lr, eps, keep, least_grad, least_v } =
            self;
        update_elements(
            [w, m, v],
            g,
            #[inline(always)]
            |[w, m, v], g| {
                let g = g.flush_below(least_grad);
                let m = (beta1 * m + share1 * g).flush();
                let v = (beta2 * v + share2 * (g * g)).flush_below(least_v);
                // The quotient first: the learning rate times a small m would be subnormal.
                let w = (keep * w - lr * (m / (v.sqrt() + eps))).flush();
                [w, m, v]
            },
        );
    }
}
