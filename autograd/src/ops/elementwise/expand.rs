//! Functions that are composed of others: their scalar expressions, operation by operation.

use crate::tape::graph::Var;
use tensor::{ScalarExpr, ScalarOp, for_scalar_ops};

/// What `expr` computes of these variables, which are floats of one type, a node for each of its functions: differentiated as
/// these are, and fused by a program. A composition is written down once, for tensors and variables.
#[track_caller]
pub(super) fn expanded<'g>(expr: &ScalarExpr, x: &[Var<'g>]) -> Var<'g> {
    expr.interpret(x, |number| x[0].scalar(number), |op, operands| apply(op, operands, x[0]))
}

macro_rules! operations {
    ($($op:ident $name:ident($x:ident $(, $y:ident)*) $($symbol:literal)?: $kind:ident;)*) => {
        /// The operation of its name; numbers are of the type of `like`.
        #[track_caller]
        fn apply<'g>(op: ScalarOp, x: &[Var<'g>], like: Var<'g>) -> Var<'g> {
            match (op, x) {
                $((ScalarOp::$op, &[$x $(, $y)*]) => $x.$name($($y),*),)*
                (ScalarOp::ToNumber, &[x]) => x.to(like.dtype()),
                _ => unreachable!("{} of {} operands", op.name(), x.len()),
            }
        }
    };
}
for_scalar_ops!(operations);
