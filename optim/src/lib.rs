//! What changes a model by its gradients: update rules, learning rate schedules, gradient clipping.
//!
//! ```
//! use autograd::{Graph, Param, Tensor};
//! use optim::{Adam, ExponentialDecay, Optimizer, Schedule};
//!
//! let mut weight = Param::new(Tensor::from([3.0_f32, -2.0])); // a model of one parameter
//! let mut adam = Adam::new();
//! let rate = ExponentialDecay::new(0.1, 0.001, 100.0);
//! for step in 0..400 {
//!     let graph = Graph::training(42, step);
//!     let grads = graph.param(&weight).square().sum(..).backward();
//!     drop(graph); // nobody else holds the weights now: the step changes them in place
//!     adam.step(&mut weight, &grads, rate.at(step));
//! }
//! assert!(weight.value().abs().max(..).item() < 1e-4);
//! ```
//!
//! # The tour
//!
//! | file | what is in it |
//! |---|---|
//! | `optimizer` | [`Optimizer`]: one step for a whole model, as a rule for one parameter |
//! | `sgd` | [`Sgd`]: plain, with momentum, with Nesterov's |
//! | `adam` | [`Adam`], with both conventions for [`Epsilon`] and decoupled weight decay (AdamW) |
//! | `rule` | [`Rule`]: an optimizer that is its formula |
//! | `groups` | [`ParamGroups`]: another optimizer, or another learning rate, for some parameters |
//! | `lbfgs` | [`Lbfgs`], which asks for the loss again |
//! | `state` | [`OptimizerState`]: what optimizers keep of each parameter, saved and loaded by its name ([`StateError`]) |
//! | `real` | the arithmetic that update rules are written in, for `f32` and `f64` |
//! | `schedule` | [`Schedule`]: the learning rate of each step |
//! | `clip` | [`clip_norm`], [`clip_value`] |

#![forbid(unsafe_code)]

mod adam;
mod clip;
mod groups;
mod lbfgs;
mod optimizer;
mod real;
mod rule;
mod schedule;
mod sgd;
mod state;

pub use adam::{Adam, Epsilon};
pub use clip::{clip_norm, clip_value};
pub use groups::ParamGroups;
pub use lbfgs::Lbfgs;
pub use optimizer::Optimizer;
pub use rule::Rule;
pub use schedule::{Constant, CosineDecay, ExponentialDecay, Schedule, StepDecay, Warmup};
pub use sgd::Sgd;
pub use state::{OptimizerState, Slot, StateError};

/// What may be moved to other threads and shared with them.
const _: () = {
    const fn assert<T: Send + Sync + ?Sized>() {}
    assert::<dyn Optimizer>();
    assert::<dyn Schedule>();
    assert::<Adam>();
    assert::<Sgd>();
    assert::<ParamGroups>();
    assert::<Lbfgs>();
};

/// The name of a type without its path and parameters.
fn short_type_name<T: ?Sized>() -> String {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_schedules_say_what_they_are() {
        let groups = ParamGroups::new(Sgd::new().weight_decay(0.5)).group("*.bias", Sgd::new());
        assert_eq!(groups.describe(), "*.bias: SGD; others: SGD, weight decay 0.5");
        let boxed: Box<dyn Optimizer> = Box::new(Adam::new());
        assert_eq!(boxed.describe(), Adam::new().to_string());
        let rates: [(Box<dyn Schedule>, &str); 5] = [
            (Box::new(0.003), "0.003"),
            (Box::new(|step: u64| step as f64), "a function of the step"),
            (Box::new(CosineDecay::new(0.1, 0.01, 90)), "0.1 to 0.01, by half a cosine in 90 steps"),
            (Box::new(Warmup::new(4, 0.5)), "0.5, after 4 steps of warm-up"),
            (Box::new(StepDecay::new(0.1, 0.5, 30)), "0.1, times 0.5 every 30 steps"),
        ];
        for (rate, expected) in rates {
            assert_eq!(rate.describe(), expected);
        }
    }

    #[test]
    fn settings_print_in_one_line() {
        assert_eq!(Sgd::new().to_string(), "SGD");
        let nesterov = Sgd::new().momentum(0.9).nesterov(true).weight_decay(0.01);
        assert_eq!(nesterov.to_string(), "SGD, momentum 0.9 (Nesterov), weight decay 0.01");
        assert_eq!(Adam::new().to_string(), "Adam, β 0.9 and 0.999, ε 1e-8 (TensorFlow)");
        assert_eq!(Constant::new(0.005).to_string(), "0.005");
        assert_eq!(
            ExponentialDecay::new(0.02, 0.0001, 1600.0).to_string(),
            "0.02 to 0.0001, by e every 1600 steps"
        );
    }
}
