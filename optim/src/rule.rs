//! A rule of one's own as its formula.

use crate::optimizer::Optimizer;
use crate::state::{OptimizerState, Slot};
use autograd::{Param, Tensor};

/// An optimizer that is its formula: `update(w, g, kept, lr)` changes the parameter `w` by its gradient `g`, and what is kept of
/// it from step to step, `N` tensors. All else (each parameter's own tensors, saving, loading, refusing what does not fit) follows.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::{Optimizer, Rule, Slot};
///
/// // Lion (Chen et al., 2023)
/// let mut lion = Rule::new([Slot::zeros("m")], |w, g, [m], lr| {
///     let direction = (&*m * 0.9 + g * 0.1).sign();
///     *m = &*m * 0.99 + g * 0.01;
///     *w -= &(direction * lr);
/// });
///
/// let mut weight = Param::new(Tensor::from([1.0_f64, -2.0]));
/// for step in 0..3 {
///     let grads = Graph::training(0, step).param(&weight).square().sum(..).backward();
///     lion.step(&mut weight, &grads, 0.25);
/// }
/// assert_eq!(weight.value().to_vec::<f64>(), [0.25, -1.25]);
/// assert_eq!(lion.state(&weight)[0].0, "/m");
/// ```
pub struct Rule<F, const N: usize> {
    update: F,
    state: OptimizerState,
}

impl<F, const N: usize> Rule<F, N>
where
    F: FnMut(&mut Tensor, &Tensor, &mut [Tensor; N], f64) + Send + Sync,
{
    /// A rule that keeps these tensors of each parameter.
    pub fn new(slots: [Slot; N], update: F) -> Rule<F, N> {
        Rule { update, state: OptimizerState::new(slots) }
    }
}

impl<F, const N: usize> Optimizer for Rule<F, N>
where
    F: FnMut(&mut Tensor, &Tensor, &mut [Tensor; N], f64) + Send + Sync,
{
    fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64) {
        let spec = param.value().spec();
        let kept = self.state.of(param);
        let specs = kept.each_ref().map(Tensor::spec);
        (self.update)(param.value_mut(), grad, kept, lr);
        let now = param.value().spec();
        assert!(
            now == spec,
            "rule: the parameter was {spec} and is {now} after its update; a rule must not change that"
        );
        let same = kept.iter().zip(specs).all(|(kept, spec)| kept.spec() == spec);
        assert!(
            same,
            "rule: what is kept of the parameter {spec} has another shape or type after its update; a rule must not change that"
        );
    }

    fn kept(&self) -> Option<&OptimizerState> {
        Some(&self.state)
    }

    fn kept_mut(&mut self) -> Option<&mut OptimizerState> {
        Some(&mut self.state)
    }
}
