//! What a node is, as data.

use crate::op::Attributes;
use std::fmt;

/// What a node of a graph is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A value that the graph was given.
    Input,
    /// A constant, and its number if it is a single one.
    Constant(Option<f64>),
    /// A parameter, and its path name if the graph knows it ([`Graph::name_params`](crate::Graph::name_params)).
    Param(Option<String>),
    /// An operation.
    Op {
        /// Its name.
        name: &'static str,
        /// Its attributes.
        attributes: Attributes,
    },
    /// Another value of the operation that it reads, by its number from 1 on: the variance beside a mean, say.
    Value(usize),
}

impl NodeKind {
    /// The kind in one word: `Input`, `Constant`, `Param`, `Value`, or the operation's name.
    pub fn name(&self) -> &'static str {
        match self {
            NodeKind::Input => "Input",
            NodeKind::Constant(_) => "Constant",
            NodeKind::Param(_) => "Param",
            NodeKind::Op { name, .. } => name,
            NodeKind::Value(_) => "Value",
        }
    }

    /// Whether it is computed.
    pub fn is_op(&self) -> bool {
        matches!(self, NodeKind::Op { .. } | NodeKind::Value(_))
    }
}

/// As in listings: `Input`, `Constant 2`, `Param conv1.weight`, `Sum axes=[0]`.
impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            NodeKind::Constant(Some(number)) => write!(f, " {number}"),
            NodeKind::Param(Some(path)) => write!(f, " {path}"),
            NodeKind::Value(i) => write!(f, " {i}"),
            NodeKind::Op { attributes, .. } if !attributes.is_empty() => write!(f, " {attributes}"),
            _ => Ok(()),
        }
    }
}
