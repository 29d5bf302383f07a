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

/// The table of primitive functions, handed to a macro: in each row the [`ScalarOp`], tensor's method and its operands, the symbol that
/// mathematics writes between them, and the kind: of numbers, a comparison, of truth values, or a choice. Whoever interprets scalar
/// expressions ([`ScalarExpr::interpret`](crate::ScalarExpr::interpret)) has all of them from here. What is not in it is
/// [`ScalarOp::ToNumber`], which is no method.
///
/// ```
/// macro_rules! names {
///     ($($op:ident $name:ident($($x:ident),+) $($symbol:literal)?: $kind:ident;)*) => { [$(stringify!($name)),*] };
/// }
/// assert!(tensor::for_scalar_ops!(names).contains(&"tanh"));
/// ```
#[macro_export]
macro_rules! for_scalar_ops {
    ($then:ident) => {
        $then! {
            Neg neg(x): number;
            Abs abs(x): number;
            Sign sign(x): number;
            Floor floor(x): number;
            Ceil ceil(x): number;
            Round round(x): number;
            Sqrt sqrt(x): number;
            Exp exp(x): number;
            ExpM1 exp_m1(x): number;
            Ln ln(x): number;
            Ln1p ln_1p(x): number;
            Sin sin(x): number;
            Cos cos(x): number;
            Tanh tanh(x): number;
            Sigmoid sigmoid(x): number;
            Add add(x, y) "+": number;
            Sub sub(x, y) "-": number;
            Mul mul(x, y) "*": number;
            Div div(x, y) "/": number;
            Pow pow(x, y): number;
            Maximum maximum(x, y): number;
            Minimum minimum(x, y): number;
            Equal equal(x, y) "==": comparison;
            NotEqual not_equal(x, y) "!=": comparison;
            Less less(x, y) "<": comparison;
            LessEqual less_equal(x, y) "<=": comparison;
            LogicalNot logical_not(x): truth;
            LogicalAnd logical_and(x, y) "&": truth;
            LogicalOr logical_or(x, y) "|": truth;
            Select select(condition, x, y): choice;
        }
    };
}

/// What a function takes and gives.
#[expect(non_camel_case_types, reason = "as they stand in the table")]
enum Kind {
    /// Numbers of numbers.
    number,
    /// A truth value of two of either.
    comparison,
    /// A truth value of truth values.
    truth,
    /// One of two, by a truth value.
    choice,
}

macro_rules! scalar_ops {
    ($($op:ident $name:ident($($x:ident),+) $($symbol:literal)?: $kind:ident;)*) => {
        /// A primitive function of numbers and truth values; each is what the [`Tensor`](crate::Tensor) method of its name does to an
        /// element, to the bit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "their names are those of tensor's methods")]
        pub enum ScalarOp {
            $($op,)*
            /// A number as it is, a truth value as 0 or 1.
            ToNumber,
        }

        impl ScalarOp {
            /// The name of tensor's method.
            pub fn name(self) -> &'static str {
                match self {
                    $(ScalarOp::$op => stringify!($name),)*
                    ScalarOp::ToNumber => "to_number",
                }
            }

            /// Between its operands, where mathematics writes it so.
            pub(super) fn symbol(self) -> Option<&'static str> {
                let symbol: &[&str] = match self {
                    $(ScalarOp::$op => &[$($symbol)?],)*
                    ScalarOp::ToNumber => &[],
                };
                symbol.first().copied()
            }

            /// `None` if it takes either.
            fn kind(self) -> Option<Kind> {
                match self {
                    $(ScalarOp::$op => Some(Kind::$kind),)*
                    ScalarOp::ToNumber => None,
                }
            }
        }
    };
}
for_scalar_ops!(scalar_ops);

impl ScalarOp {
    /// Whether it gives a truth value.
    pub(super) fn is_truth(self) -> bool {
        matches!(self.kind(), Some(Kind::comparison | Kind::truth))
    }

    /// Whether operand `i` has to be a truth value; `None` if it may be either.
    pub(super) fn wants_truth(self, i: usize) -> Option<bool> {
        match self.kind()? {
            Kind::number => Some(false),
            Kind::comparison => None,
            Kind::truth => Some(true),
            Kind::choice => Some(i == 0),
        }
    }
}

/// A function and what it is applied to.
pub(super) type Step = (ScalarOp, Vec<Operand>);
