//! Checking gradients against differences of values, for the library's operations and for yours.
//!
//! In `f64` a difference quotient of fourth order is right to about ten digits, so a wrong gradient cannot hide. Each
//! check also runs with inputs and incoming gradients in odd layouts (reversed, transposed, with gaps), and once more for
//! the gradient of the gradient.
//!
//! ```
//! use autograd::{gradcheck, Rng, DType, Tensor};
//!
//! let rng = &mut Rng::new(1);
//! let x = Tensor::normal([4, 3], 0.0, 1.0, DType::F64, rng);
//! let w = Tensor::normal([3, 2], 0.0, 1.0, DType::F64, rng);
//! gradcheck::check("layer", &[x, w], |_, v| v[0].matmul(v[1]).tanh()).unwrap();
//! ```
//!
//! A wrong gradient is reported with the input, the entry and both numbers:
//!
//! ```
//! # use autograd::{gradcheck, Tensor};
//! let x = Tensor::from([[1.0, 2.0]]);
//! // `detach` hides a factor from differentiation.
//! let failure = gradcheck::check("half", &[x], |_, v| v[0].detach() * v[0]).unwrap_err();
//! let text = failure.to_string();
//! assert!(text.starts_with("gradcheck of half: order 1, input 0, entry [0, 1]: analytic"), "{text}");
//! ```

use crate::show::indices;
use crate::tape::graph::{Graph, Var};
use tensor::{DType, Rng, Tensor};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Slopes along so many random directions, at least 1, through all inputs at once: two evaluations a direction, whatever the size.
    Directions(usize),
    /// Every entry of the Jacobian: as many evaluations as the inputs have entries.
    Jacobian,
}

/// How to check; the defaults suit functions that are smooth near inputs of size about 1.
///
/// ```
/// use autograd::{gradcheck::{Check, Form}, Tensor};
/// let check = Check { form: Form::Jacobian, ..Check::default() };
/// check.run("cube", &[Tensor::from([1.0, 2.0])], |_, x| x[0] * x[0] * x[0]).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// 1 checks gradients, 2 the gradients of gradients too; there are no others.
    pub order: usize,
    /// What is compared.
    pub form: Form,
    /// The distance of the evaluations from the inputs. The function must be smooth within twice of it.
    pub step: f64,
    /// The largest accepted difference, relative to the larger number or absolute below 1.
    pub tolerance: f64,
    /// Seed of directions and incoming gradients.
    pub seed: u64,
}

impl Default for Check {
    fn default() -> Check {
        Check { order: 2, form: Form::Directions(2), step: 1e-3, tolerance: 1e-8, seed: 0 }
    }
}

/// What a check found to be wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// A gradient differs from the difference quotient.
    #[error(
        "gradcheck of {name}: order {order}, input {input}, entry {entry:?}: analytic {analytic:e}, numeric {numeric:e}"
    )]
    Wrong {
        /// The name given to the check.
        name: String,
        /// 1 for a gradient, 2 for a gradient of the gradient.
        order: usize,
        /// The number of the input; the one after the last is the incoming gradient.
        input: usize,
        /// The entry of the input, by its indices.
        entry: Vec<usize>,
        /// What `vjp` gives.
        analytic: f64,
        /// What differences of values give.
        numeric: f64,
    },
    /// The gradient depends on how an input lies in memory.
    #[error(
        "gradcheck of {name}: order {order}, input {input}: the gradient differs for inputs of another layout"
    )]
    Layout {
        /// The name given to the check.
        name: String,
        /// 1 for a gradient, 2 for a gradient of the gradient.
        order: usize,
        /// The number of the input.
        input: usize,
    },
    /// The inputs or the result are not what a check needs.
    #[error("gradcheck of {name}: {what}")]
    Unfit {
        /// The name given to the check.
        name: String,
        /// What is missing.
        what: String,
    },
}

/// Checks the gradient of `f` at `inputs`, to second order, along random directions.
///
/// # Errors
/// If a gradient is wrong or depends on the layout, or inputs or result are not `f64`.
pub fn check(
    name: &str,
    inputs: &[Tensor],
    f: impl for<'g> Fn(&'g Graph, &[Var<'g>]) -> Var<'g>,
) -> Result<(), Failure> {
    Check::default().run(name, inputs, f)
}

impl Check {
    /// Checks the gradient of `f` at `inputs`. The function is traced in a training graph whose random operations draw
    /// the same each time.
    ///
    /// # Errors
    /// If a gradient is wrong or depends on the layout, inputs or result are not `f64`, or order, form or step are none that
    /// can be checked.
    pub fn run(
        &self,
        name: &str,
        inputs: &[Tensor],
        f: impl for<'g> Fn(&'g Graph, &[Var<'g>]) -> Var<'g>,
    ) -> Result<(), Failure> {
        let unfit = |what: String| Err(Failure::Unfit { name: name.to_owned(), what });
        if !(1..=2).contains(&self.order) {
            return unfit(format!("order {} is not checked, 1 and 2 are", self.order));
        }
        if self.form == Form::Directions(0) {
            return unfit("along 0 directions nothing is compared; take at least 1".into());
        }
        if !(self.step > 0.0 && self.step.is_finite()) {
            return unfit(format!("differences need a positive step, not {}", self.step));
        }
        if let Some(i) = inputs.iter().position(|x| x.dtype() != DType::F64) {
            return unfit(format!("input {i} holds {}, differences need f64", inputs[i].dtype()));
        }
        let value = |inputs: &[Tensor]| {
            let graph = Graph::training(self.seed, 0);
            let vars: Vec<_> = inputs.iter().map(|x| graph.input(x.clone())).collect();
            f(&graph, &vars).value()
        };
        let y = value(inputs);
        if y.dtype() != DType::F64 {
            return unfit(format!("the result holds {}, differences need f64", y.dtype()));
        }
        if y != value(inputs) && !y.not_equal(&y).any(..).to_vec::<bool>()[0] {
            return unfit("two evaluations at the same inputs differ; use the graph's own randomness".into());
        }
        let rng = &mut Rng::new(self.seed);
        let mut random = |x: &Tensor| Tensor::normal(x.shape(), 0.0, 1.0, DType::F64, rng);
        let incoming = random(&y);
        let weights: Vec<Tensor> = inputs.iter().map(&mut random).collect();

        // ⟨f(x), v⟩ as a function of x and v.
        let first = |graph: &Graph, p: &[Tensor]| {
            Traced::new(graph, p, |graph, vars| {
                let (v, x) =
                    vars.split_last().unwrap_or_else(|| unreachable!("the incoming gradient is last"));
                (f(graph, x) * *v).sum(..)
            })
        };
        let mut at: Vec<Tensor> = inputs.to_vec();
        at.push(incoming);
        if self.form == Form::Jacobian {
            self.jacobian(name, inputs, &y, &value, &f)?;
        }
        self.compare(name, 1, &at, rng_of(self.seed, 1), &|g, p| first(g, p))?;
        if self.order < 2 {
            return Ok(());
        }
        // Σ ⟨∂⟨f(x), v⟩ / ∂x, w⟩ as a function of x and v.
        let second = |graph: &Graph, p: &[Tensor]| {
            Traced::new(graph, p, |graph, vars| {
                let (v, x) =
                    vars.split_last().unwrap_or_else(|| unreachable!("the incoming gradient is last"));
                let grads = graph.grad_with(f(graph, x), *v, x);
                let products =
                    grads.iter().zip(&weights).map(|(&g, w)| (g * graph.constant(w.clone())).sum(..));
                products.reduce(|a, b| a + b).unwrap_or_else(|| graph.constant(0.0_f64))
            })
        };
        self.compare(name, 2, &at, rng_of(self.seed, 2), &|g, p| second(g, p))
    }

    /// Compares the gradient of a number with differences, and with itself for inputs in odd layouts.
    fn compare(
        &self,
        name: &str,
        order: usize,
        at: &[Tensor],
        mut rng: Rng,
        scalar: &dyn Fn(&Graph, &[Tensor]) -> Traced,
    ) -> Result<(), Failure> {
        let value = |p: &[Tensor]| scalar(&Graph::training(self.seed, 0), p).value;
        let grads = scalar(&Graph::training(self.seed, 0), at).grads;
        let odd: Vec<Tensor> = at.iter().map(in_odd_layout).collect();
        let odd_grads = scalar(&Graph::training(self.seed, 0), &odd).grads;
        for (input, (a, b)) in grads.iter().zip(&odd_grads).enumerate() {
            // Numbers that are not finite are no matter of layout; they are found wrong below, with their entry.
            let close = |(&a, &b): (&f64, &f64)| {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan() || agree(a, b, 1e-12)
            };
            if !a.to_vec::<f64>().iter().zip(&b.to_vec::<f64>()).all(close) {
                return Err(Failure::Layout { name: name.to_owned(), order, input });
            }
        }
        let every_entry = || -> Result<(), Failure> {
            for (input, x) in at.iter().enumerate() {
                let analytic = grads[input].to_vec::<f64>();
                let mut worst: Option<(f64, Failure)> = None;
                for (i, &analytic) in analytic.iter().enumerate() {
                    let numeric = self.slope(|h| {
                        let mut p = at.to_vec();
                        p[input].as_mut_slice::<f64>()[i] += h;
                        value(&p)
                    });
                    let distance = (analytic - numeric).abs();
                    let worse = worst.as_ref().is_none_or(|(d, _)| distance.is_nan() || distance > *d);
                    if !agree(analytic, numeric, self.tolerance) && worse {
                        let (name, entry) = (name.to_owned(), indices(x, i));
                        worst =
                            Some((distance, Failure::Wrong { name, order, input, entry, analytic, numeric }));
                    }
                }
                if let Some((_, failure)) = worst {
                    return Err(failure);
                }
            }
            Ok(())
        };
        let directions = match self.form {
            Form::Jacobian => return every_entry(),
            Form::Directions(n) => n,
        };
        for _ in 0..directions {
            let direction: Vec<Tensor> =
                at.iter().map(|x| Tensor::normal(x.shape(), 0.0, 1.0, DType::F64, &mut rng)).collect();
            let length = direction.iter().map(|d| d.square().sum(..).item()).sum::<f64>().sqrt().max(1e-300);
            let analytic: f64 =
                grads.iter().zip(&direction).map(|(g, d)| (g * d).sum(..).item()).sum::<f64>() / length;
            let numeric = self.slope(|h| {
                let along = at.iter().zip(&direction).map(|(x, d)| x + d * (h / length));
                value(&along.collect::<Vec<_>>())
            });
            if !agree(analytic, numeric, self.tolerance) {
                // Name the entry. A kink that only the slanted direction crosses has none; then say so.
                every_entry()?;
                let (name, entry) = (format!("{name} along a random direction"), vec![]);
                return Err(Failure::Wrong { name, order, input: at.len(), entry, analytic, numeric });
            }
        }
        Ok(())
    }

    /// Compares every entry of the Jacobian.
    fn jacobian(
        &self,
        name: &str,
        inputs: &[Tensor],
        y: &Tensor,
        value: &dyn Fn(&[Tensor]) -> Tensor,
        f: &dyn for<'g> Fn(&'g Graph, &[Var<'g>]) -> Var<'g>,
    ) -> Result<(), Failure> {
        let graph = Graph::training(self.seed, 0);
        let vars: Vec<_> = inputs.iter().map(|x| graph.input(x.clone())).collect();
        let out = f(&graph, &vars);
        let rows: Vec<Vec<Vec<f64>>> = (0..y.numel())
            .map(|o| {
                let mut one = y.zeros_like();
                one.as_mut_slice::<f64>()[o] = 1.0;
                let grads = graph.grad_with(out, graph.constant(one), &vars);
                grads.iter().map(|g| g.value().to_vec()).collect()
            })
            .collect();
        for (input, x) in inputs.iter().enumerate() {
            for i in 0..x.numel() {
                let moved = |h: f64| {
                    let mut p = inputs.to_vec();
                    p[input].as_mut_slice::<f64>()[i] += h;
                    value(&p).to_vec::<f64>()
                };
                let values = [1.0, -1.0, 2.0, -2.0].map(|k| moved(k * self.step));
                for (o, row) in rows.iter().enumerate() {
                    let analytic = row[input][i];
                    let numeric = self.quotient(values.each_ref().map(|v| v[o]));
                    if !agree(analytic, numeric, self.tolerance) {
                        let (name, entry) =
                            (format!("{name}, output entry {:?}", indices(y, o)), indices(x, i));
                        return Err(Failure::Wrong { name, order: 1, input, entry, analytic, numeric });
                    }
                }
            }
        }
        Ok(())
    }

    /// The derivative of `f` at 0.
    fn slope(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.quotient([1.0, -1.0, 2.0, -2.0].map(|k| f(k * self.step)))
    }

    /// The central difference quotient of fourth order, from the values at h, −h, 2h and −2h.
    fn quotient(&self, [a, b, c, d]: [f64; 4]) -> f64 {
        (8.0 * (a - b) - (c - d)) / (12.0 * self.step)
    }
}

/// A number and its gradients at some inputs.
struct Traced {
    value: f64,
    grads: Vec<Tensor>,
}

impl Traced {
    fn new(graph: &Graph, at: &[Tensor], f: impl for<'g> Fn(&'g Graph, &[Var<'g>]) -> Var<'g>) -> Traced {
        let vars: Vec<_> = at.iter().map(|x| graph.input(x.clone())).collect();
        let y = f(graph, &vars);
        let grads = graph.grad_with(y, graph.constant(Tensor::from(1.0)), &vars);
        Traced { value: y.item(), grads: grads.iter().map(|g| g.value()).collect() }
    }
}

fn rng_of(seed: u64, stream: u64) -> Rng {
    Rng::stream(seed, stream)
}

/// Numbers that are not finite agree with nothing.
fn agree(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).is_finite() && (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// The same elements, but reversed, transposed and with gaps in memory.
pub(crate) fn in_odd_layout(x: &Tensor) -> Tensor {
    let rank = x.rank() as isize;
    let turned = |t: &Tensor| {
        let back: Vec<isize> = (0..rank).rev().collect();
        let t = t.permute(back);
        (0..rank).fold(t, |t, axis| t.flip(axis))
    };
    let moved = turned(x);
    let gaps = Tensor::stack(&[&moved, &moved.zeros_like()], -1);
    turned(&gaps.slice(-1, ..1).squeeze(-1))
}
