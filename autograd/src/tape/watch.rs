//! What is wrong with a value: what a graph looks for, and what it remembers of its nodes meanwhile.

use crate::show::indices;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use tensor::{DType, Tensor};

/// What a graph looks for, and what it remembers of its nodes meanwhile.
#[derive(Default)]
pub(crate) struct Watch {
    pub(super) look: Look,
    /// One for each node, while it looks for something.
    pub(super) origins: RefCell<Vec<Origin>>,
    /// The node whose gradient is being recorded.
    pub(crate) differentiated: Cell<Option<usize>>,
    /// Whether infinities in what is recorded now are meant: padding, say.
    pub(crate) infinities_meant: Cell<bool>,
    /// What was found first: while a gradient was recorded, where the caller's line is not known, or at all if it is only noted.
    pub(super) found: RefCell<Option<String>>,
    /// Whether what is found is kept, and is no panic.
    pub(super) is_noted: bool,
}

/// What is looked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Look {
    pub(super) nans: bool,
    pub(super) infs: bool,
}

/// Where a node comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The line that recorded the node, or for a gradient the node that it is the gradient of.
    pub(super) line: &'static Location<'static>,
    pub(super) gradient_of: Option<usize>,
    pub(super) infinities_meant: bool,
}

/// What decides whether a value is a mistake.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Operation {
        infinities_meant: bool,
    },
    Param,
    /// An input or a constant.
    Given,
}

impl Watch {
    pub(crate) fn is_on(&self) -> bool {
        self.look.nans || self.look.infs
    }
}

impl Look {
    /// What is wrong with a value, if something is.
    pub(super) fn complaint<'a>(
        self,
        kind: Kind,
        value: &Tensor,
        mut operands: impl Iterator<Item = &'a Tensor>,
    ) -> Option<Complaint> {
        let found = |debug, what, at| Complaint { debug, what, kind, element: indices(value, at) };
        if self.nans
            && let Some(at) = position(value, f64::is_nan)
        {
            return Some(found("debug_nans", "a NaN", at));
        }
        if !self.infs || matches!(kind, Kind::Given | Kind::Operation { infinities_meant: true }) {
            return None;
        }
        let at = position(value, f64::is_infinite)?;
        let made_here = operands.all(|x| position(x, |x| !x.is_finite()).is_none());
        made_here.then(|| found("debug_infs", "an infinity", at))
    }
}

/// A value that is wrong.
pub(super) struct Complaint {
    /// What looked for it.
    debug: &'static str,
    what: &'static str,
    kind: Kind,
    element: Vec<usize>,
}

impl Complaint {
    pub(super) fn text(&self, Subject { node, place }: &Subject) -> String {
        let Complaint { debug, what, kind, element } = self;
        match kind {
            Kind::Operation { .. } => {
                format!("{debug}: {node} made {what}, element {element:?} of its result{place}")
            }
            Kind::Param => {
                format!("{debug}: {node} holds {what}, element {element:?}: an earlier step made it{place}")
            }
            Kind::Given => format!("{debug}: {node} holds {what}, element {element:?}{place}"),
        }
    }
}

/// The first element of which `is_wrong` is true, counted in row-major order. Only floats have such elements.
fn position(x: &Tensor, is_wrong: impl Fn(f64) -> bool) -> Option<usize> {
    let x = x.contiguous();
    match x.dtype() {
        DType::F32 => x.as_slice::<f32>()?.iter().position(|&x| is_wrong(x.into())),
        DType::F64 => x.as_slice::<f64>()?.iter().position(|&x| is_wrong(x)),
        DType::I64 | DType::Bool => None,
    }
}

/// A node in the words of a message.
pub(super) struct Subject {
    pub(super) node: String,
    pub(super) place: String,
}
