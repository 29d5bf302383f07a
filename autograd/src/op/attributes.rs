//! What an operation is besides its kind, as data.

use std::fmt;
use tensor::{Axes, DType, Shape};

/// One value of an operation's attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// Several integers: axes, sizes, strides.
    Ints(Vec<i64>),
    /// A word.
    Text(String),
}

/// The attributes of an operation, each with its name, in an order that is always the same (ONNX's node attributes).
///
/// ```
/// use autograd::{Attribute, Attributes};
/// let attributes = Attributes::default().with("axis", -1).with("keep", 0.75);
/// assert_eq!(attributes.get("axis"), Some(&Attribute::Int(-1)));
/// assert_eq!(attributes.to_string(), "axis=-1 keep=0.75");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(&'static str, Attribute)>);

impl Attributes {
    /// Adds an attribute.
    pub fn with(mut self, name: &'static str, value: impl Into<Attribute>) -> Attributes {
        self.0.push((name, value.into()));
        self
    }

    /// The attribute of this name.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Attribute)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Bool(value) => write!(f, "{value}"),
            Attribute::Int(value) => write!(f, "{value}"),
            Attribute::Float(value) => write!(f, "{value}"),
            // Blanks separate attributes, so a list has none.
            Attribute::Ints(values) => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                write!(f, "[{}]", values.join(","))
            }
            Attribute::Text(value) => f.write_str(value),
        }
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl From<bool> for Attribute {
    fn from(value: bool) -> Attribute {
        Attribute::Bool(value)
    }
}
impl From<f64> for Attribute {
    fn from(value: f64) -> Attribute {
        Attribute::Float(value)
    }
}
impl From<&str> for Attribute {
    fn from(value: &str) -> Attribute {
        Attribute::Text(value.to_owned())
    }
}
impl From<DType> for Attribute {
    fn from(value: DType) -> Attribute {
        Attribute::Text(value.to_string())
    }
}
impl From<Shape> for Attribute {
    fn from(value: Shape) -> Attribute {
        value.to_vec().into()
    }
}
/// The word `all` for all axes.
impl From<&Axes> for Attribute {
    fn from(value: &Axes) -> Attribute {
        match value {
            Axes::All => "all".into(),
            Axes::List(axes) => axes.to_vec().into(),
        }
    }
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(
            impl From<$type> for Attribute {
                fn from(value: $type) -> Attribute {
                    Attribute::Int(value as i64)
                }
            }
            impl From<Vec<$type>> for Attribute {
                fn from(values: Vec<$type>) -> Attribute {
                    Attribute::Ints(values.into_iter().map(|value| value as i64).collect())
                }
            }
            impl<const N: usize> From<[$type; N]> for Attribute {
                fn from(values: [$type; N]) -> Attribute {
                    Vec::from(values).into()
                }
            }
        )*
    };
}
integers!(i32, i64, u64, isize, usize);
