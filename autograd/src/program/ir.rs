//! The nodes of a graph, and how each lowers: what the passes of a compilation look at.

use crate::op::Lowering;
use crate::tape::graph::{Node, Source};
use std::sync::Arc;
use tensor::{ChannelReduce, DType, Kernel, ScalarExpr, Shape};

/// Whether the kernel of a node takes a prologue or an epilogue.
fn is_fusible(kernel: &dyn Kernel, node: &Node) -> bool {
    kernel.takes_epilogue() || (0..node.inputs.len()).any(|i| kernel.takes_prologue(i))
}

/// A graph while it is compiled.
pub(super) struct Ir<'a> {
    pub(super) nodes: &'a [Node],
    lowerings: Vec<Lowering>,
}

impl<'a> Ir<'a> {
    /// Asks every operation how it lowers. A fused program computes `f32`, and truth values as 0 and 1; all else is opaque.
    pub(super) fn of(nodes: &'a [Node]) -> Ir<'a> {
        let dtype = |i: usize| nodes[i].value.dtype();
        let is_number = |i: usize| matches!(dtype(i), DType::F32 | DType::Bool);
        let lower = |(i, node): (usize, &Node)| {
            let Source::Op(op) = &node.source else { return Lowering::Opaque };
            match op.lower() {
                lowering @ Lowering::Elementwise(_)
                    if is_number(i) && node.inputs.iter().all(|&input| is_number(input)) =>
                {
                    lowering
                }
                lowering @ Lowering::ChannelReduce(_) if dtype(i) == DType::F32 => lowering,
                Lowering::Kernel(kernel) if dtype(i) == DType::F32 && is_fusible(&*kernel, node) => {
                    Lowering::Kernel(kernel)
                }

                _ => Lowering::Opaque,
            }
        };
        Ir { nodes, lowerings: nodes.iter().enumerate().map(lower).collect() }
    }

    /// What node `i` computes for each element.
    pub(super) fn scalar_expr(&self, i: usize) -> Option<&ScalarExpr> {
        match &self.lowerings[i] {
            Lowering::Elementwise(expr) => Some(expr),
            _ => None,
        }
    }

    /// The sums for each channel that node `i` is.
    pub(super) fn channel_reduce(&self, i: usize) -> Option<ChannelReduce> {
        match self.lowerings[i] {
            Lowering::ChannelReduce(sums) => Some(sums),
            _ => None,
        }
    }

    /// The kernel that node `i` is.
    pub(super) fn kernel(&self, i: usize) -> Option<&Arc<dyn Kernel>> {
        match &self.lowerings[i] {
            Lowering::Kernel(kernel) => Some(kernel),
            _ => None,
        }
    }

    /// The shape of the elements that a fused program for node `i` goes through.
    pub(super) fn through(&self, i: usize) -> Option<Shape> {
        match self.lowerings[i] {
            Lowering::Elementwise(_) => Some(self.nodes[i].value.shape()),
            Lowering::ChannelReduce(_) => Some(self.nodes[self.nodes[i].inputs[0]].value.shape()),
            _ => None,
        }
    }
}
