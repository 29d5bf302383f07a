//! Scalar expressions: what an element-wise operation computes for each element, as data.

use super::scalar_op::{Operand, ScalarOp, Step};
use super::scalar_var::{Arena, ScalarOperand, ScalarVar};
use std::fmt;

/// A function of some numbers, made of [`ScalarOp`]s: an element-wise operation as data, to be printed, composed, computed
/// ([`eval`](ScalarExpr::eval)), fused with others ([`ElementwiseProgram`](crate::ElementwiseProgram)), or translated.
///
/// It is a list in which each function comes after those whose results it takes; the last gives the result. Two expressions that
/// compute the same in the same way are equal.
///
/// ```
/// use tensor::{ScalarExpr, Tensor};
///
/// let mish = ScalarExpr::new(|[x]| x * x.softplus().tanh());
/// assert_eq!(mish.to_string(), "x0 * tanh(maximum(x0, 0) + ln_1p(exp(neg(abs(x0)))))");
/// let x = Tensor::from([-1.0_f32, 0.0, 2.0]);
/// assert_eq!(mish.eval(&[&x]), &x * x.softplus().tanh());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ScalarExpr {
    inputs: usize,
    steps: Vec<Step>,
}

impl ScalarExpr {
    /// The expression that `f` writes down for inputs that stand for numbers.
    ///
    /// # Panics
    /// If a truth value stands where a number has to, or the reverse.
    #[track_caller]
    pub fn new<const N: usize>(f: impl for<'e> FnOnce([ScalarVar<'e>; N]) -> ScalarVar<'e>) -> ScalarExpr {
        let arena = Arena::default();
        let inputs = std::array::from_fn(|i| ScalarVar::new(&arena, Operand::Input(i)));
        let result = f(inputs).operand();
        ScalarExpr::of(N, &arena.steps(), result)
    }

    /// What `result` is computed by, in the order in which it is needed.
    fn of(inputs: usize, steps: &[Step], result: Operand) -> ScalarExpr {
        fn visit(
            operand: Operand,
            steps: &[Step],
            place: &mut [Option<usize>],
            to: &mut Vec<Step>,
        ) -> Operand {
            let Operand::Result(i) = operand else { return operand };
            if let Some(known) = place[i] {
                return Operand::Result(known);
            }
            let (op, operands) = &steps[i];
            let operands = operands.iter().map(|&operand| visit(operand, steps, place, to)).collect();
            to.push((*op, operands));
            place[i] = Some(to.len() - 1);
            Operand::Result(to.len() - 1)
        }
        let mut to = vec![];
        let result = visit(result, steps, &mut vec![None; steps.len()], &mut to);
        if !matches!(result, Operand::Result(_)) {
            to.push((ScalarOp::ToNumber, vec![result]));
        }
        ScalarExpr { inputs, steps: to }
    }

    /// How many numbers it is a function of.
    pub fn arity(&self) -> usize {
        self.inputs
    }

    /// The functions, each with its operands.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (ScalarOp, &[Operand])> {
        self.steps.iter().map(|(op, operands)| (*op, operands.as_slice()))
    }

    /// Whether its value is a truth value.
    pub fn is_truth(&self) -> bool {
        self.steps.last().is_some_and(|(op, _)| op.is_truth())
    }

    /// The expression that has the value of `first` as its first input: a function of the inputs of `first`, then of the others of
    /// this.
    ///
    /// ```
    /// use tensor::ScalarExpr;
    /// let (difference, square) = (ScalarExpr::new(|[x, y]| x - y), ScalarExpr::new(|[x]| x * x));
    /// assert_eq!(square.after(&difference), ScalarExpr::new(|[x, y]| (x - y) * (x - y)));
    /// ```
    ///
    /// # Panics
    /// If this is a function of no number.
    pub fn after(&self, first: &ScalarExpr) -> ScalarExpr {
        assert!(self.inputs > 0, "scalar expression: a function of no number has no first input");
        let arena = Arena::default();
        let given: Vec<Operand> = (0..first.inputs).map(Operand::Input).collect();
        let value = first.replay(&arena, &given);
        let others = (0..self.inputs - 1).map(|i| Operand::Input(first.inputs + i));
        let given: Vec<Operand> = std::iter::once(value).chain(others).collect();
        let result = self.replay(&arena, &given);
        ScalarExpr::of(first.inputs + self.inputs - 1, &arena.steps(), result)
    }

    /// Its value in any domain: of these inputs, what `constant` makes of its constants, and what `apply` makes of its functions. Tensors,
    /// variables of a graph and expressions themselves are such domains.
    ///
    /// ```
    /// use tensor::{ScalarExpr, ScalarOp};
    /// let expr = ScalarExpr::new(|[x, y]| x * y + 2.0);
    /// let value = expr.interpret(&[3.0, 4.0], |number| number, |op, x| match op {
    ///     ScalarOp::Mul => x[0] * x[1],
    ///     _ => x[0] + x[1],
    /// });
    /// assert_eq!(value, 14.0);
    /// ```
    ///
    /// # Panics
    /// If there are fewer inputs than it has.
    #[track_caller]
    pub fn interpret<V: Clone>(
        &self,
        inputs: &[V],
        constant: impl Fn(f64) -> V,
        mut apply: impl FnMut(ScalarOp, &[V]) -> V,
    ) -> V {
        assert!(inputs.len() >= self.inputs, "scalar expression: {} inputs of {}", inputs.len(), self.inputs);
        let mut results: Vec<V> = vec![];
        for (op, operands) in &self.steps {
            let value = |operand: &Operand| match *operand {
                Operand::Input(i) => inputs[i].clone(),
                Operand::Result(i) => results[i].clone(),
                Operand::Constant(number) => constant(number),
            };
            let operands: Vec<V> = operands.iter().map(value).collect();
            results.push(apply(*op, &operands));
        }
        match results.pop() {
            Some(result) => result,
            None => unreachable!("an expression has a function"),
        }
    }

    /// Writes it down once more, of these operands.
    fn replay(&self, arena: &Arena, given: &[Operand]) -> Operand {
        self.interpret(given, Operand::Constant, |op, operands| arena.push(op, operands.to_vec()))
    }
}

/// A formula, with names for what it holds several times: `t0 = exp(x0); t0 / (1 + t0)`.
impl fmt::Display for ScalarExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut uses = vec![0; self.steps.len()];
        for (_, operands) in &self.steps {
            for operand in operands {
                if let Operand::Result(i) = operand {
                    uses[*i] += 1;
                }
            }
        }
        let (mut texts, mut names): (Vec<String>, usize) = (vec![], 0);
        for (i, (op, operands)) in self.steps.iter().enumerate() {
            let text = |operand: &Operand| match operand {
                Operand::Input(i) => format!("x{i}"),
                Operand::Result(i) => texts[*i].clone(),
                Operand::Constant(x) => x.to_string(),
            };
            // A sum in a product, say; what has a name or is a function's value needs no parentheses.
            let grouped = |operand: &Operand| match operand {
                Operand::Result(i) if uses[*i] == 1 && self.steps[*i].0.symbol().is_some() => {
                    format!("({})", texts[*i])
                }
                _ => text(operand),
            };
            let text = match (op.symbol(), operands.as_slice()) {
                (Some(symbol), [a, b]) => format!("{} {symbol} {}", grouped(a), grouped(b)),
                _ => format!("{}({})", op.name(), operands.iter().map(text).collect::<Vec<_>>().join(", ")),
            };
            if uses[i] > 1 {
                write!(f, "t{names} = {text}; ")?;
                texts.push(format!("t{names}"));
                names += 1;
            } else {
                texts.push(text);
            }
        }
        f.write_str(texts.last().map_or("", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_has_names_for_what_it_holds_twice() {
        for (expr, text) in [
            (ScalarExpr::new(|[x, y]| (x - y) * (x - y)), "t0 = x0 - x1; t0 * t0"),
            (ScalarExpr::new(|[x, y]| (x + y) * 2.5 - -x), "((x0 + x1) * 2.5) - neg(x0)"),
            (ScalarExpr::new(|[x]| x.greater(0.0).select(x, x * 0.1)), "select(0 < x0, x0, x0 * 0.1)"),
            (ScalarExpr::new(|[x]| x), "to_number(x0)"),
            (ScalarExpr::new(|[x]| x.constant(3.0)), "to_number(3)"),
        ] {
            assert_eq!(expr.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_needed_and_what_is_there_twice_is_left_out() {
        let expr = ScalarExpr::new(|[x]| {
            let _ = x.exp();
            x.tanh() + x.tanh()
        });
        assert_eq!(
            expr,
            ScalarExpr::new(|[x]| {
                let t = x.tanh();
                t + t
            })
        );
        assert_eq!(expr.steps().len(), 2);
    }

    /// Comparisons of truth values, as in an exclusive or; zeros of both signs.
    #[test]
    fn truth_values_are_compared_and_zeros_differ() {
        let less = ScalarExpr::new(|[x, y]| x.less(y));
        let differ = ScalarExpr::new(|[a, b]| a.not_equal(b));
        assert_eq!(differ.after(&less).arity(), 3);
        let zeros = ScalarExpr::new(|[x]| (x / 0.0).maximum(x / -0.0));
        let x = crate::Tensor::from([-1.0_f32, 1.0]);
        assert_eq!(zeros.eval(&[&x]).to_vec::<f32>(), [f32::INFINITY; 2]);
        let negative = ScalarExpr::new(|[x]| x.maximum(-0.0)).eval(&[&x]).to_vec::<f32>();
        assert!(negative[0] == 0.0 && negative[0].is_sign_negative());
    }

    #[test]
    fn numbers_are_no_truth_values_of_an_expression() {
        let not = ScalarExpr::new(|[x]| x.logical_not().to_number());
        let error = not.infer("not", &[crate::Tensor::from([5.0_f32]).spec()]).unwrap_err().to_string();
        assert_eq!(
            error,
            "not: logical_not takes a truth value, and the inputs are numbers; compare them first"
        );
    }

    #[test]
    #[should_panic(
        expected = "scalar expression: add takes numbers, and less gives a truth value; convert it with to_number()"
    )]
    fn a_truth_value_is_no_number() {
        ScalarExpr::new(|[x]| x.less(0.0) + x);
    }

    #[test]
    #[should_panic(
        expected = "scalar expression: select takes a truth value, and exp is a number; compare it first"
    )]
    fn a_number_is_no_condition() {
        ScalarExpr::new(|[x]| x.exp().select(x, 0.0));
    }
}
