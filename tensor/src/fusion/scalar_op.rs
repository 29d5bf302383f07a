//! The primitive functions that scalar expressions are made of.

/// What a function is applied to.
#[derive(Clone, Copy, Debug)]
pub enum Operand {
    /// An input.
    Input(usize),
    /// The result of an earlier function.
    Result(usize),
    /// This number.
    Constant(f64),
}

/// Constants are equal if their bits are: 0 and −0 are two.
impl PartialEq for Operand {
    fn eq(&self, other: &Operand) -> bool {
        match (self, other) {
            (Operand::Input(a), Operand::Input(b)) | (Operand::Result(a), Operand::Result(b)) => a == b,
            (Operand::Constant(a), Operand::Constant(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

/// A primitive function of numbers and truth values; each is what the [`Tensor`](crate::Tensor) method of its name does to an
/// element, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of tensor's methods")]
pub enum ScalarOp {
    Neg,
    Abs,
    Sign,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Exp,
    ExpM1,
    Ln,
    Ln1p,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Maximum,
    Minimum,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    LogicalNot,
    LogicalAnd,
    LogicalOr,
    Select,
    /// A number as it is, a truth value as 0 or 1.
    ToNumber,
}

impl ScalarOp {
    /// The name of tensor's method.
    pub fn name(self) -> &'static str {
        use ScalarOp::*;
        match self {
            Neg => "neg",
            Abs => "abs",
            Sign => "sign",
            Floor => "floor",
            Ceil => "ceil",
            Round => "round",
            Sqrt => "sqrt",
            Exp => "exp",
            ExpM1 => "exp_m1",
            Ln => "ln",
            Ln1p => "ln_1p",
            Sin => "sin",
            Cos => "cos",
            Tanh => "tanh",
            Sigmoid => "sigmoid",
            Add => "add",
            Sub => "sub",
            Mul => "mul",
            Div => "div",
            Pow => "pow",
            Maximum => "maximum",
            Minimum => "minimum",
            Equal => "equal",
            NotEqual => "not_equal",
            Less => "less",
            LessEqual => "less_equal",
            LogicalNot => "logical_not",
            LogicalAnd => "logical_and",
            LogicalOr => "logical_or",
            Select => "select",
            ToNumber => "to_number",
        }
    }

    /// Between its operands, where mathematics writes it so.
    pub(super) fn symbol(self) -> Option<&'static str> {
        use ScalarOp::*;
        match self {
            Add => Some("+"),
            Sub => Some("-"),
            Mul => Some("*"),
            Div => Some("/"),
            Equal => Some("=="),
            NotEqual => Some("!="),
            Less => Some("<"),
            LessEqual => Some("<="),
            LogicalAnd => Some("&"),
            LogicalOr => Some("|"),
            _ => None,
        }
    }

    /// Whether it gives a truth value.
    pub(super) fn is_truth(self) -> bool {
        use ScalarOp::*;
        matches!(self, Equal | NotEqual | Less | LessEqual | LogicalNot | LogicalAnd | LogicalOr)
    }

    /// Whether operand `i` has to be a truth value; `None` if it may be either.
    pub(super) fn wants_truth(self, i: usize) -> Option<bool> {
        use ScalarOp::*;
        match self {
            LogicalNot | LogicalAnd | LogicalOr => Some(true),
            Select => Some(i == 0),
            // Comparisons take two of either.
            ToNumber | Equal | NotEqual | Less | LessEqual => None,
            _ => Some(false),
        }
    }
}

/// A function and what it is applied to.
pub(super) type Step = (ScalarOp, Vec<Operand>);
