//! Functions that are composed of others: their scalar expressions, operation by operation.

use crate::tape::graph::Var;
use tensor::{ScalarExpr, ScalarOp};

/// What `expr` computes of these variables, which are floats of one type, a node for each of its functions: differentiated as
/// these are, and fused by a program. A composition is written down once, for tensors and variables.
#[track_caller]
pub(super) fn expanded<'g>(expr: &ScalarExpr, x: &[Var<'g>]) -> Var<'g> {
    expr.interpret(x, |number| x[0].scalar(number), |op, operands| apply(op, operands, x[0]))
}

/// The operation of its name; numbers are of the type of `like`.
#[track_caller]
fn apply<'g>(op: ScalarOp, x: &[Var<'g>], like: Var<'g>) -> Var<'g> {
    match (op, x) {
        (ScalarOp::Neg, &[x]) => x.neg(),
        (ScalarOp::Abs, &[x]) => x.abs(),
        (ScalarOp::Sign, &[x]) => x.sign(),
        (ScalarOp::Floor, &[x]) => x.floor(),
        (ScalarOp::Ceil, &[x]) => x.ceil(),
        (ScalarOp::Round, &[x]) => x.round(),
        (ScalarOp::Sqrt, &[x]) => x.sqrt(),
        (ScalarOp::Exp, &[x]) => x.exp(),
        (ScalarOp::ExpM1, &[x]) => x.exp_m1(),
        (ScalarOp::Ln, &[x]) => x.ln(),
        (ScalarOp::Ln1p, &[x]) => x.ln_1p(),
        (ScalarOp::Sin, &[x]) => x.sin(),
        (ScalarOp::Cos, &[x]) => x.cos(),
        (ScalarOp::Tanh, &[x]) => x.tanh(),
        (ScalarOp::Sigmoid, &[x]) => x.sigmoid(),
        (ScalarOp::Add, &[x, y]) => x.add(y),
        (ScalarOp::Sub, &[x, y]) => x.sub(y),
        (ScalarOp::Mul, &[x, y]) => x.mul(y),
        (ScalarOp::Div, &[x, y]) => x.div(y),
        (ScalarOp::Pow, &[x, y]) => x.pow(y),
        (ScalarOp::Maximum, &[x, y]) => x.maximum(y),
        (ScalarOp::Minimum, &[x, y]) => x.minimum(y),
        (ScalarOp::Equal, &[x, y]) => x.equal(y),
        (ScalarOp::NotEqual, &[x, y]) => x.not_equal(y),
        (ScalarOp::Less, &[x, y]) => x.less(y),
        (ScalarOp::LessEqual, &[x, y]) => x.less_equal(y),
        (ScalarOp::LogicalNot, &[x]) => x.logical_not(),
        (ScalarOp::LogicalAnd, &[x, y]) => x.logical_and(y),
        (ScalarOp::LogicalOr, &[x, y]) => x.logical_or(y),
        (ScalarOp::Select, &[c, x, y]) => c.select(x, y),
        (ScalarOp::ToNumber, &[x]) => x.to(like.dtype()),
        _ => unreachable!("{} of {} operands", op.name(), x.len()),
    }
}
