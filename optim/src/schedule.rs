//! The learning rate of each step.

use std::f64::consts::PI;

/// A learning rate that changes in the course of training.
///
/// A number is a schedule, the same for all steps; so is a function of the step.
///
/// ```
/// use optim::{ExponentialDecay, Schedule};
///
/// fn print(rate: &dyn Schedule) {
///     println!("{} {} {}", rate.at(0), rate.at(1_000), rate.at(10_000));
/// }
/// print(&ExponentialDecay::new(0.003, 0.0001, 2000.0));
/// print(&0.003);
/// print(&|step: u64| 0.1 / (1 + step) as f64);
/// ```
pub trait Schedule: Send + Sync {
    /// The learning rate of step `step`, the first step being 0.
    fn at(&self, step: u64) -> f64;

    /// The schedule in a few words, for people: `0.02 to 0.0001, by e every 1600 steps`. Unless written it is the name of the type.
    fn describe(&self) -> String {
        crate::short_type_name::<Self>()
    }
}

impl Schedule for f64 {
    fn at(&self, _: u64) -> f64 {
        *self
    }
    fn describe(&self) -> String {
        self.to_string()
    }
}

impl<F: Fn(u64) -> f64 + Send + Sync> Schedule for F {
    fn at(&self, step: u64) -> f64 {
        self(step)
    }
    fn describe(&self) -> String {
        "a function of the step".to_owned()
    }
}

/// Panics at the line of the caller if a rate is not a finite number of at least 0.
#[track_caller]
fn check_rate(schedule: &str, name: &str, rate: f64) {
    if !rate.is_finite() || rate < 0.0 {
        panic!("{schedule}: {name} is {rate}; it must be a finite number, 0 or above");
    }
}

#[track_caller]
fn check_range(schedule: &str, max: f64, min: f64) {
    check_rate(schedule, "max", max);
    check_rate(schedule, "min", min);
    if min > max {
        panic!("{schedule}: min {min} is above max {max}; max comes first");
    }
}

/// The same learning rate for all steps.
///
/// ```
/// use optim::{Constant, Schedule};
/// assert_eq!(Constant::new(0.005).at(1_000_000), 0.005);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant(f64);

impl Constant {
    /// `lr` at every step.
    ///
    /// # Panics
    /// If `lr` is negative or not finite.
    #[track_caller]
    pub fn new(lr: f64) -> Constant {
        check_rate("Constant", "lr", lr);
        Constant(lr)
    }
}

/// `0.005`.
impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Schedule for Constant {
    fn at(&self, _: u64) -> f64 {
        self.0
    }
    fn describe(&self) -> String {
        self.to_string()
    }
}

/// Exponential decay toward a floor: `min + (max − min)·e^(−step/decay)`.
///
/// ```
/// use optim::{ExponentialDecay, Schedule};
/// let rate = ExponentialDecay::new(0.003, 0.0001, 2000.0);
/// assert_eq!(rate.at(0), 0.003);
/// assert!((rate.at(2000) - (0.0001 + 0.0029 / std::f64::consts::E)).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialDecay {
    max: f64,
    min: f64,
    decay: f64,
}

impl ExponentialDecay {
    /// From `max` toward `min`; after `decay` steps, 1/e = 37 % of the way are left.
    ///
    /// # Panics
    /// If a rate is negative or not finite, `min` is above `max`, or `decay` is not positive.
    #[track_caller]
    pub fn new(max: f64, min: f64, decay: f64) -> ExponentialDecay {
        check_range("ExponentialDecay", max, min);
        if decay.is_nan() || decay <= 0.0 {
            panic!("ExponentialDecay: decay is {decay}; it must be a positive number of steps");
        }
        ExponentialDecay { max, min, decay }
    }
}

/// `0.02 to 0.0001, by e every 1600 steps`.
impl std::fmt::Display for ExponentialDecay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}, by e every {} steps", self.max, self.min, self.decay)
    }
}

impl Schedule for ExponentialDecay {
    fn describe(&self) -> String {
        self.to_string()
    }
    fn at(&self, step: u64) -> f64 {
        let left = (-(step as f64) / self.decay).exp();
        // The nearer end as the base, so that both ends are met to the bit.
        if left > 0.5 {
            self.max - (self.max - self.min) * (1.0 - left)
        } else {
            self.min + (self.max - self.min) * left
        }
    }
}

/// A rate that is multiplied by a factor now and then: `lr·factor^⌊step/every⌋`. PyTorch's `StepLR`.
///
/// ```
/// use optim::{Schedule, StepDecay};
/// let rate = StepDecay::new(0.5, 0.5, 1000);
/// assert_eq!([0, 999, 1000, 3000].map(|step| rate.at(step)), [0.5, 0.5, 0.25, 0.0625]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    lr: f64,
    factor: f64,
    every: u64,
}

impl StepDecay {
    /// `lr`, multiplied by `factor` every `every` steps.
    ///
    /// # Panics
    /// If `lr` is negative or not finite, `factor` is not between 0 and 1, or `every` is 0.
    #[track_caller]
    pub fn new(lr: f64, factor: f64, every: u64) -> StepDecay {
        check_rate("StepDecay", "lr", lr);
        if !(0.0..=1.0).contains(&factor) {
            panic!("StepDecay: factor is {factor}; it must be between 0 and 1");
        }
        if every == 0 {
            panic!("StepDecay: every is 0; it must be a number of steps");
        }
        StepDecay { lr, factor, every }
    }
}

impl Schedule for StepDecay {
    fn describe(&self) -> String {
        format!("{}, times {} every {} steps", self.lr, self.factor, self.every)
    }
    fn at(&self, step: u64) -> f64 {
        self.lr * self.factor.powf((step / self.every) as f64)
    }
}

/// Half a cosine from `max` down to `min`: `min + (max − min)·(1 + cos(π·step/steps))/2`, and `min` from then on.
///
/// Loshchilov and Hutter, "SGDR" (2017), without restarts; PyTorch's `CosineAnnealingLR`, Keras's `CosineDecay`.
///
/// ```
/// use optim::{CosineDecay, Schedule};
/// let rate = CosineDecay::new(0.5, 0.25, 100);
/// assert_eq!([0, 50, 100, 200].map(|step| rate.at(step)), [0.5, 0.375, 0.25, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineDecay {
    max: f64,
    min: f64,
    steps: u64,
}

impl CosineDecay {
    /// From `max` to `min` in `steps` steps.
    ///
    /// # Panics
    /// If a rate is negative or not finite, `min` is above `max`, or `steps` is 0.
    #[track_caller]
    pub fn new(max: f64, min: f64, steps: u64) -> CosineDecay {
        check_range("CosineDecay", max, min);
        if steps == 0 {
            panic!("CosineDecay: steps is 0; it must be a number of steps");
        }
        CosineDecay { max, min, steps }
    }
}

impl Schedule for CosineDecay {
    fn describe(&self) -> String {
        format!("{} to {}, by half a cosine in {} steps", self.max, self.min, self.steps)
    }
    fn at(&self, step: u64) -> f64 {
        let way = step.min(self.steps) as f64 / self.steps as f64;
        self.min + (self.max - self.min) * (0.5 + 0.5 * (PI * way).cos())
    }
}

/// A slow start: another schedule, times `(step + 1)/steps` in the first `steps` steps.
///
/// ```
/// use optim::{Schedule, Warmup};
/// let rate = Warmup::new(4, 0.5);
/// assert_eq!([0, 1, 3, 4, 100].map(|step| rate.at(step)), [0.125, 0.25, 0.5, 0.5, 0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warmup<S> {
    steps: u64,
    then: S,
}

impl<S: Schedule> Warmup<S> {
    /// The schedule `then` with a warm-up of `steps` steps, 0 for none.
    pub fn new(steps: u64, then: S) -> Warmup<S> {
        Warmup { steps, then }
    }
}

impl<S: Schedule> Schedule for Warmup<S> {
    fn describe(&self) -> String {
        format!("{}, after {} steps of warm-up", self.then.describe(), self.steps)
    }
    fn at(&self, step: u64) -> f64 {
        let rate = self.then.at(step);
        if step < self.steps { rate * ((step + 1) as f64 / self.steps as f64) } else { rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_points() {
        let tutorial = ExponentialDecay::new(0.003, 0.0001, 2000.0);
        let points = [(0, 0.003), (1000, 0.0018589390), (2000, 0.0011668504), (10_000, 0.00011954005)];
        for (step, rate) in points {
            assert!((tutorial.at(step) - rate).abs() < 1e-9, "{step}: {}", tutorial.at(step));
        }
        assert_eq!(tutorial.at(u64::MAX), 0.0001);
        assert_eq!(StepDecay::new(1.0, 0.1, 10).at(u64::MAX), 0.0);
        assert_eq!(CosineDecay::new(1.0, 0.0, 4).at(u64::MAX), 0.0);
        assert!((CosineDecay::new(1.0, 0.0, 4).at(1) - 0.853_553_390_593).abs() < 1e-12);
        assert_eq!(Warmup::new(0, 0.5).at(0), 0.5);
        assert_eq!(Warmup::new(10, ExponentialDecay::new(1.0, 0.0, 1e9)).at(4), 0.5 * (-4e-9_f64).exp());
        assert_eq!(Constant::new(0.1).at(7), 0.1.at(7));
    }

    proptest! {
        #[test]
        fn decays_stay_in_range_and_fall(
            min in 0.0..1.0_f64, width in 0.0..1.0_f64, decay in 1e-3..1e6_f64, steps in 1..10_000_u64, step in 0..20_000_u64
        ) {
            let max = min + width;
            let (exponential, cosine) = (ExponentialDecay::new(max, min, decay), CosineDecay::new(max, min, steps));
            for rate in [&exponential as &dyn Schedule, &cosine] {
                let [now, next] = [rate.at(step), rate.at(step + 1)];
                prop_assert!((min - 1e-15..=max + 1e-15).contains(&now));
                prop_assert!(next <= now + 1e-15);
            }
            let formula = min + (max - min) * (-(step as f64) / decay).exp();
            prop_assert!((exponential.at(step) - formula).abs() < 1e-15);
        }
    }

    fn text<S: Schedule>(f: impl FnOnce() -> S + std::panic::UnwindSafe) -> String {
        let payload = std::panic::catch_unwind(f).err().expect("no panic");
        let fixed = payload.downcast_ref::<&str>().map(|text| text.to_string());
        payload.downcast_ref::<String>().cloned().or(fixed).expect("a text")
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let new = |max, min, decay| text(move || ExponentialDecay::new(max, min, decay));
        assert!(new(0.1, 0.2, 10.0).contains("min 0.2 is above max 0.1"));
        assert!(new(f64::NAN, 0.2, 10.0).contains("max is NaN"));
        assert!(new(0.1, -0.2, 10.0).contains("min is -0.2"));
        assert!(new(0.1, 0.0, 0.0).contains("decay is 0"));
        assert!(new(0.1, 0.0, f64::NAN).contains("decay is NaN"));
        assert!(text(|| Constant::new(f64::INFINITY)).contains("lr is inf"));
        assert!(text(|| StepDecay::new(0.1, 1.5, 10)).contains("factor is 1.5"));
        assert!(text(|| StepDecay::new(0.1, 0.5, 0)).contains("every is 0"));
        assert!(text(|| CosineDecay::new(0.1, 0.0, 0)).contains("steps is 0"));
    }
}
