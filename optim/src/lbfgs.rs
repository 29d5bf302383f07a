//! L-BFGS: a quasi-Newton method, for a loss that can be asked for several times a step.

use crate::optimizer::{Optimizer, check_rate};
use crate::state::{StateError, check_names};
use autograd::{DType, Grads, Module, Param, ParamId, ParamPath, Role, Tensor};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// L-BFGS with a backtracking line search (Nocedal and Wright, "Numerical Optimization", algorithms 7.4 and 3.1): descent along the
/// gradient, bent by the curvature that the last steps have seen. For small models and losses without noise, where it needs
/// tens of steps instead of thousands; PyTorch's `torch.optim.LBFGS`.
///
/// A loss or a gradient that is not finite where a step begins leaves the parameters as they are; one on the way is not followed.
///
/// Each [`step_with`](Optimizer::step_with) does up to [`iterations`](Lbfgs::iterations), each of which asks for the loss at least
/// once. The learning rate is the length that a line search begins with, of which 1 is the method's own.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::{Lbfgs, Optimizer};
///
/// // Rosenbrock's valley, from the usual start; the minimum is at (1, 1).
/// let mut point = Param::new(Tensor::from([-1.2_f64, 1.0]));
/// let mut lbfgs = Lbfgs::new();
/// for step in 0..3 {
///     lbfgs.step_with(&mut point, 1.0, &mut |model| {
///         let graph = Graph::training(0, step);
///         let x = graph.param(model.params()[0].1);
///         let (a, b) = (x.narrow(0, 0, 1), x.narrow(0, 1, 1));
///         let loss = ((1.0 - a).square() + (b - a.square()).square() * 100.0).sum(..);
///         (loss.item(), loss.backward())
///     });
/// }
/// assert!((point.value() - 1.0).abs().max(..).item() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs {
    history: usize,
    iterations: usize,
    least_grad: f64,
    least_change: f64,
    /// For each model, by its trained parameters, the last steps, the oldest first.
    pairs: HashMap<Vec<ParamId>, VecDeque<Pair>>,
}

/// What a step has seen: how far it went and how the gradient changed, of all parameters side by side.
#[derive(Clone, Debug)]
struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
}

impl Lbfgs {
    /// Twenty iterations a step, with the curvature of the last ten.
    pub fn new() -> Lbfgs {
        Lbfgs { history: 10, iterations: 20, least_grad: 1e-7, least_change: 1e-9, pairs: HashMap::new() }
    }

    /// With the curvature of so many iterations: each costs twice the memory of the parameters in `f64`.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn history(self, history: usize) -> Lbfgs {
        assert!(history > 0, "Lbfgs: a history of 0 is gradient descent, which Sgd does");
        Lbfgs { history, ..self }
    }

    /// With at most so many iterations a step.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn iterations(self, iterations: usize) -> Lbfgs {
        assert!(iterations > 0, "Lbfgs: a step has at least one iteration");
        Lbfgs { iterations, ..self }
    }

    /// A step ends where no element of the gradient is larger than `grad`, or where an iteration changes no parameter, or not the loss,
    /// by more than `change`; 1e-7 and 1e-9 unless given.
    ///
    /// # Panics
    /// If one is negative or NaN.
    #[must_use]
    #[track_caller]
    pub fn tolerance(self, grad: f64, change: f64) -> Lbfgs {
        assert!(
            grad >= 0.0 && change >= 0.0,
            "Lbfgs: the tolerances are {grad} and {change}; they must be 0 or above"
        );
        Lbfgs { least_grad: grad, least_change: change, ..self }
    }

    /// The next direction: `−H·g` with the inverse curvature `H` of the pairs (algorithm 7.4).
    fn direction(pairs: &VecDeque<Pair>, g: &[f64]) -> Vec<f64> {
        let mut d: Vec<f64> = g.iter().map(|g| -g).collect();
        let mut shares = vec![];
        for Pair { s, y } in pairs.iter().rev() {
            let share = dot(s, &d) / dot(s, y);
            d.iter_mut().zip(y).for_each(|(d, y)| *d -= share * y);
            shares.push(share);
        }
        if let Some(Pair { s, y }) = pairs.back() {
            let scale = dot(s, y) / dot(y, y);
            d.iter_mut().for_each(|d| *d *= scale);
        }
        for (Pair { s, y }, share) in pairs.iter().zip(shares.into_iter().rev()) {
            let other = dot(y, &d) / dot(s, y);
            d.iter_mut().zip(s).for_each(|(d, s)| *d += (share - other) * s);
        }
        d
    }
}

impl Default for Lbfgs {
    fn default() -> Lbfgs {
        Lbfgs::new()
    }
}

/// One line of settings: `L-BFGS, 20 iterations, history 10`.
impl std::fmt::Display for Lbfgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "L-BFGS, {} iterations, history {}", self.iterations, self.history)
    }
}

impl Optimizer for Lbfgs {
    fn describe(&self) -> String {
        self.to_string()
    }

    /// # Panics
    /// Always: see [`step_with`](Optimizer::step_with).
    #[track_caller]
    fn step(&mut self, _: &mut dyn Module, _: &Grads, _: f64) {
        panic!(
            "step: L-BFGS asks for the loss several times a step; call step_with(&mut model, lr, &mut |model| (loss, grads))"
        );
    }

    /// # Errors
    /// Always: it is for a whole model, and no group of another optimizer.
    fn begin(&mut self, _: &dyn Module) -> Result<(), String> {
        Err("L-BFGS changes all parameters of a model together and asks for the loss several times; it cannot be in a group, and is \
             stepped by step_with"
            .into())
    }

    fn update(&mut self, _: &mut Param, _: &Tensor, _: f64) {
        unreachable!("L-BFGS changes all parameters together");
    }

    fn step_with(
        &mut self,
        model: &mut dyn Module,
        lr: f64,
        loss: &mut dyn FnMut(&dyn Module) -> (f64, Grads),
    ) -> f64 {
        check_rate(lr);
        let mut evaluate = |model: &mut dyn Module| -> (f64, Vec<f64>) {
            let (value, grads) = loss(model);
            let mut g = vec![];
            let gathered =
                grads.apply(model, &mut |_, _, grad| g.extend(grad.to(DType::F64).to_vec::<f64>()));
            if let Err(error) = gathered {
                panic!("step: {error}");
            }
            (value, g)
        };
        // Buffers get their next values once, by the point that the step begins with; other points are tried only.
        let before = buffers(model);
        let (first, mut g) = evaluate(model);
        let after = if first.is_finite() { buffers(model) } else { before };
        let (mut f, mut x) = (first, read(model));
        let pairs = self.pairs.entry(trained(model)).or_default();
        if pairs.front().is_some_and(|pair| pair.s.len() != x.len()) {
            pairs.clear();
        }
        for _ in 0..self.iterations {
            if !f.is_finite() || g.iter().any(|g| !g.is_finite()) || largest(&g) <= self.least_grad {
                break;
            }
            let mut d = Lbfgs::direction(pairs, &g);
            let mut slope = dot(&g, &d);
            if slope >= 0.0 || !slope.is_finite() {
                pairs.clear();
                d = g.iter().map(|g| -g).collect();
                slope = -dot(&g, &g);
            }
            // Without a curvature the length of the gradient says nothing.
            let sum: f64 = g.iter().map(|g| g.abs()).sum();
            let mut t = if pairs.is_empty() { lr * (1.0 / sum).min(1.0) } else { lr };
            let mut found = None;
            for _ in 0..25 {
                write(model, x.iter().zip(&d).map(|(x, d)| x + t * d));
                let (f_new, g_new) = evaluate(model);
                if f_new <= f + 1e-4 * t * slope {
                    found = Some((f_new, g_new));
                    break;
                }
                // The minimum of the parabola through what is known, within reason.
                let parabola = -slope * t * t / (2.0 * (f_new - f - slope * t));
                t = if parabola.is_finite() { parabola.clamp(0.1 * t, 0.5 * t) } else { 0.1 * t };
            }
            let Some((f_new, g_new)) = found else {
                write(model, x.iter().copied());
                if pairs.is_empty() {
                    break;
                }
                // The curvature misled; the gradient alone does not.
                pairs.clear();
                continue;
            };
            let x_new = read(model);
            let s: Vec<f64> = x_new.iter().zip(&x).map(|(new, old)| new - old).collect();
            let y: Vec<f64> = g_new.iter().zip(&g).map(|(new, old)| new - old).collect();
            let (moved, change) = (largest(&s), (f_new - f).abs());
            // A loss that is not convex here has no curvature to follow.
            if dot(&s, &y) > 1e-10 * dot(&y, &y).max(f64::MIN_POSITIVE) {
                while pairs.len() >= self.history {
                    pairs.pop_front();
                }
                pairs.push_back(Pair { s, y });
            }
            (f, g, x) = (f_new, g_new, x_new);
            if moved <= self.least_change || change <= self.least_change {
                break;
            }
        }
        set_buffers(model, after);
        first
    }

    /// `name/s0`, `name/y0`, … of each parameter: how far each iteration went, and how the gradient changed, the oldest first.
    fn state(&self, model: &dyn Module) -> Vec<(String, Tensor)> {
        check_names(model);
        let mut entries = vec![];
        let numel: usize = params(model).iter().map(|(_, param)| param.value().numel()).sum();
        let pairs = self.pairs.get(&trained(model)).into_iter().flatten();
        for (i, pair) in pairs.filter(|pair| pair.s.len() == numel).enumerate() {
            for (slot, numbers) in [('s', &pair.s), ('y', &pair.y)] {
                let mut first = 0;
                for (name, param) in params(model) {
                    let (shape, len) = (param.value().shape(), param.value().numel());
                    let part = Tensor::from(&numbers[first..first + len]).reshape(shape);
                    entries.push((format!("{name}/{slot}{i}"), part));
                    first += len;
                }
            }
        }
        entries
    }

    fn load_state(&mut self, model: &dyn Module, state: Vec<(String, Tensor)>) -> Result<(), StateError> {
        check_names(model);
        let params = params(model);
        let mut given: BTreeMap<String, Tensor> = BTreeMap::new();
        let mut count = 0;
        for (name, tensor) in state {
            let (param, slot) = name.rsplit_once('/').unwrap_or(("", &name));
            let number = slot.strip_prefix(['s', 'y']).and_then(|i| i.parse::<usize>().ok());
            let Some(i) = number.filter(|&i| i < self.history) else {
                let known = format!("s0 to s{0}, y0 to y{0}", self.history - 1);
                return Err(StateError::UnknownSlot { name, known });
            };
            let Some((_, known)) = params.iter().find(|(other, _)| other == param) else {
                return Err(StateError::UnknownParam { name });
            };
            if (tensor.shape(), tensor.dtype()) != (known.value().shape(), DType::F64) {
                let [found, expected] = [tensor.spec(), known.value().spec().with_dtype(DType::F64)];
                return Err(StateError::Mismatch {
                    name,
                    found: found.to_string(),
                    expected: expected.to_string(),
                });
            }
            count = count.max(i + 1);
            if given.insert(name.clone(), tensor).is_some() {
                return Err(StateError::Twice { name });
            }
        }
        let mut pairs = VecDeque::new();
        for i in 0..count {
            let numbers = |slot: char| -> Result<Vec<f64>, StateError> {
                let mut all = vec![];
                for (param, _) in &params {
                    let name = format!("{param}/{slot}{i}");
                    match given.get(&name) {
                        Some(tensor) => all.extend(tensor.to_vec::<f64>()),
                        None => return Err(StateError::Missing { name }),
                    }
                }
                Ok(all)
            };
            pairs.push_back(Pair { s: numbers('s')?, y: numbers('y')? });
        }
        self.pairs.insert(trained(model), pairs);
        Ok(())
    }
}

/// The trained parameters and their names.
fn params(model: &dyn Module) -> Vec<(String, &Param)> {
    model.params().into_iter().filter(|(_, param)| param.role() == Role::Trainable).collect()
}

/// Which they are.
fn trained(model: &dyn Module) -> Vec<ParamId> {
    params(model).iter().map(|(_, param)| param.id()).collect()
}

/// The values of the trained parameters side by side.
fn read(model: &dyn Module) -> Vec<f64> {
    params(model).iter().flat_map(|(_, param)| param.value().to(DType::F64).to_vec::<f64>()).collect()
}

/// Gives the trained parameters these values.
fn write(model: &mut dyn Module, values: impl Iterator<Item = f64>) {
    let values: Vec<f64> = values.collect();
    let mut first = 0;
    model.visit_mut(&ParamPath::ROOT, &mut |_, param| {
        if param.role() == Role::Trainable {
            let (spec, len) = (param.value().spec(), param.value().numel());
            let value = Tensor::from(&values[first..first + len]).reshape(spec.shape).to(spec.dtype);
            *param.value_mut() = value;
            first += len;
        }
    });
}

/// The values of the buffers.
fn buffers(model: &dyn Module) -> Vec<Tensor> {
    let params = model.params().into_iter();
    params.filter(|(_, param)| param.role() == Role::Buffer).map(|(_, param)| param.value().clone()).collect()
}

/// Gives the buffers these values.
fn set_buffers(model: &mut dyn Module, values: Vec<Tensor>) {
    let mut values = values.into_iter();
    model.visit_mut(&ParamPath::ROOT, &mut |_, param| {
        if param.role() == Role::Buffer
            && let Some(value) = values.next()
        {
            *param.value_mut() = value;
        }
    });
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |largest, x| f64::max(largest, x.abs()))
}
