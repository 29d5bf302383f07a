//! Stochastic gradient descent.

use crate::optimizer::{Optimizer, write_decay};
use crate::real::{Real, elements, for_real};
use crate::state::{OptimizerState, Slot};
use autograd::kernels::update_elements;
use autograd::{Param, Tensor};

/// Stochastic gradient descent: plain, with momentum μ, with Nesterov's momentum, with weight decay λ.
///
/// For each parameter `w` with gradient `g` and a velocity `v` that begins at 0:
///
/// ```text
/// d = g + λ·w
/// v ← μ·v + d
/// w ← w − lr·v            momentum; plain descent for μ = 0
/// w ← w − lr·(d + μ·v)    Nesterov's momentum
/// ```
///
/// Nesterov's form looks ahead along the velocity; it is Sutskever, Martens, Dahl and Hinton's ("On the importance of
/// initialization and momentum in deep learning", 2013) in the variables in which no gradient at another point is needed.
///
/// The same as PyTorch's `torch.optim.SGD` without dampening. TensorFlow's `MomentumOptimizer` computes the same updates
/// too, as both apply the learning rate to the velocity as a whole; it has no weight decay.
///
/// Weight decay is that of a penalty `λ/2·|w|²` in the loss, on every trained parameter.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::{Optimizer, Sgd};
///
/// let mut weight = Param::new(Tensor::from([1.0_f64]));
/// let mut sgd = Sgd::new().momentum(0.5);
/// for _ in 0..2 {
///     let grads = (Graph::training(0, 0).param(&weight) * 2.0).sum(..).backward(); // always 2
///     sgd.step(&mut weight, &grads, 0.1);
/// }
/// assert!((weight.value().item() - (1.0 - 0.1 * 2.0 - 0.1 * 3.0)).abs() < 1e-12);
/// ```
///
/// Velocities, gradients and weights nearer to 0 than 8e−31 (in `f64`: 1.5e−300) count as 0, so that none ever decays to
/// the subnormal numbers that make CPUs slow.
#[derive(Clone, Debug)]
pub struct Sgd {
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
    state: OptimizerState,
}

impl Sgd {
    /// Plain gradient descent, `w ← w − lr·g`.
    pub fn new() -> Sgd {
        Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0, state: OptimizerState::default() }
    }

    /// With momentum μ: how much of the velocity stays from step to step. 0.9 is usual. What is kept of a parameter is
    /// its `velocity`.
    ///
    /// # Panics
    /// If `momentum` is not in [0, 1).
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Sgd {
        if !(0.0..1.0).contains(&momentum) {
            panic!("Sgd: the momentum is {momentum}; it must be at least 0 and below 1");
        }
        let slots = if momentum == 0.0 { vec![] } else { vec![Slot::zeros("velocity")] };
        Sgd { momentum, state: OptimizerState::new(slots), ..self }
    }

    /// Whether momentum is Nesterov's. Without momentum it makes no difference.
    pub fn nesterov(self, nesterov: bool) -> Sgd {
        Sgd { nesterov, ..self }
    }

    /// With weight decay λ.
    ///
    /// # Panics
    /// If `weight_decay` is negative or not finite.
    #[track_caller]
    pub fn weight_decay(self, weight_decay: f64) -> Sgd {
        if !weight_decay.is_finite() || weight_decay < 0.0 {
            panic!("Sgd: the weight decay is {weight_decay}; it must be a finite number, 0 or above");
        }
        Sgd { weight_decay, ..self }
    }
}

impl Default for Sgd {
    fn default() -> Sgd {
        Sgd::new()
    }
}

/// One line of settings: `SGD, momentum 0.9 (Nesterov)`.
impl std::fmt::Display for Sgd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SGD")?;
        if self.momentum != 0.0 {
            write!(f, ", momentum {}{}", self.momentum, if self.nesterov { " (Nesterov)" } else { "" })?;
        }
        write_decay(f, self.weight_decay)
    }
}

impl Optimizer for Sgd {
    fn describe(&self) -> String {
        self.to_string()
    }

    fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64) {
        for_real!(param.value(), T => {
            let rule = Rule::<T> {
                lr: T::of(lr),
                momentum: T::of(self.momentum),
                weight_decay: T::of(self.weight_decay),
            };
            let g = elements(grad);
            if self.momentum == 0.0 {
                return rule.plain(param.value_mut().as_mut_slice(), g);
            }
            let [velocity] = self.state.of(param);
            let (w, v) = (param.value_mut().as_mut_slice(), velocity.as_mut_slice());
            if self.nesterov { rule.nesterov(w, v, g) } else { rule.momentum(w, v, g) }
        })
    }

    fn kept(&self) -> Option<&OptimizerState> {
        Some(&self.state)
    }

    fn kept_mut(&mut self) -> Option<&mut OptimizerState> {
        Some(&mut self.state)
    }
}

/// The settings in the type of the parameter. Each method is one pass over the elements.
struct Rule<T> {
    lr: T,
    momentum: T,
    weight_decay: T,
}

impl<T: Real> Rule<T> {
    fn plain(&self, w: &mut [T], g: &[T]) {
        let &Rule { lr, weight_decay, .. } = self;
        update_elements(
            [w],
            g,
            #[inline(always)]
            |[w], g| [(w - lr * (g + weight_decay * w).flush()).flush()],
        );
    }

    fn momentum(&self, w: &mut [T], v: &mut [T], g: &[T]) {
        let &Rule { lr, momentum, weight_decay } = self;
        update_elements(
            [w, v],
            g,
            #[inline(always)]
            |[w, v], g| {
                let v = (momentum * v + (g + weight_decay * w).flush()).flush();
                [(w - lr * v).flush(), v]
            },
        );
    }

    fn nesterov(&self, w: &mut [T], v: &mut [T], g: &[T]) {
        let &Rule { lr, momentum, weight_decay } = self;
        update_elements(
            [w, v],
            g,
            #[inline(always)]
            |[w, v], g| {
                let d = (g + weight_decay * w).flush();
                let v = (momentum * v + d).flush();
                [(w - lr * (d + momentum * v)).flush(), v]
            },
        );
    }
}
