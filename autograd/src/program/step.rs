//! The steps of a program: an operation, or a group of fused ones, and how it is computed from the values that are there.

use crate::op::{DynOp, Outputs};
use std::array;
use std::ops::{Deref, Range};
use std::sync::{Arc, LazyLock};
use tensor::{ChannelReduceProgram, ElementwiseProgram, Epilogue, Kernel, Prologue, Tensor};

/// What is computed at a time.
pub(super) struct Step {
    pub(super) work: Work,
    pub(super) inputs: Vec<usize>,
    /// The node of its value, the first if there are several.
    pub(super) output: usize,
    /// How many values it has; the others' nodes are those behind the first's.
    pub(super) values: usize,
    /// The nodes computed on the way, and the output.
    pub(super) members: Vec<usize>,
    /// The nodes whose values nobody needs any more.
    pub(super) drops: Vec<usize>,
    /// Which input's memory the result may take.
    pub(super) reused: Option<usize>,
}

pub(super) enum Work {
    Op(Arc<dyn DynOp>),
    Elementwise(ElementwiseProgram),
    ChannelReduce(ChannelReduceProgram),
    /// A kernel with a prologue for each operand, which may be none, and perhaps an epilogue.
    Kernel {
        kernel: Arc<dyn Kernel>,
        prologues: Vec<Chain>,
        /// Of the kernel's result and these nodes.
        epilogue: Option<(ElementwiseProgram, Vec<usize>)>,
    },
}

/// A kernel's operand: what the program computes of these nodes, or the one node itself if there is no program.
pub(super) struct Chain {
    pub(super) program: Option<ElementwiseProgram>,
    pub(super) inputs: Vec<usize>,
}

/// A kernel with more operands is not fused.
pub(super) const MOST_OPERANDS: usize = 4;

impl Step {
    /// The nodes of its values.
    pub(super) fn outputs(&self) -> Range<usize> {
        self.output..self.output + self.values
    }

    pub(super) fn compute(&self, slots: &mut [Option<Tensor>]) -> Outputs<Tensor> {
        match &self.work {
            Work::Op(op) => self.operate(op, slots),
            _ => self.compute_fused(slots).into(),
        }
    }

    fn compute_fused(&self, slots: &mut [Option<Tensor>]) -> Tensor {
        match &self.work {
            Work::Op(_) => unreachable!("it is computed alone"),
            Work::Elementwise(program) => {
                let over = self.reused.and_then(|i| Some((i, slots[self.inputs[i]].take()?)));
                match over {
                    Some((i, x)) => program.run_over(i, x, &values(slots, &self.inputs, Some(i))),
                    None => program.run(&values(slots, &self.inputs, None)),
                }
            }
            Work::ChannelReduce(sums) => sums.run(&values(slots, &self.inputs, None)),
            Work::Kernel { kernel, prologues, epilogue } => {
                let over = self.reused.and_then(|i| Some((self.inputs[i], slots[self.inputs[i]].take()?)));
                let chain = |i: usize| &prologues[i.min(prologues.len() - 1)];
                let read: [_; MOST_OPERANDS] = array::from_fn(|i| values(slots, &chain(i).inputs, None));
                let operand = |i: usize| match &chain(i).program {
                    Some(program) => Prologue::Fused(program, &read[i]),
                    None => Prologue::None(read[i][0]),
                };
                let operands: [_; MOST_OPERANDS] = array::from_fn(operand);
                let operands = &operands[..prologues.len()];
                let Some((program, inputs)) = epilogue else { return kernel.run(operands, Epilogue::NONE) };
                let over =
                    over.and_then(|(node, x)| Some((inputs.iter().position(|&input| input == node)?, x)));
                let others = values(slots, inputs, over.as_ref().map(|(i, _)| *i));
                let epilogue = match over {
                    Some((i, x)) => Epilogue::over(program, &others, i + 1, x),
                    None => Epilogue::with(program, &others),
                };
                kernel.run(operands, epilogue)
            }
        }
    }

    fn operate(&self, op: &Arc<dyn DynOp>, slots: &[Option<Tensor>]) -> Outputs<Tensor> {
        let value = |i: usize| match &slots[self.inputs[i]] {
            Some(value) => value,
            None => unreachable!("%{} is read before it is computed", self.inputs[i]),
        };
        // Few operands, as nearly always, are on the stack.
        match self.inputs.len() {
            0 => op.forward(&[]),
            1 => op.forward(&[value(0)]),
            2 => op.forward(&[value(0), value(1)]),
            3 => op.forward(&[value(0), value(1), value(2)]),
            4 => op.forward(&[value(0), value(1), value(2), value(3)]),
            n => op.forward(&(0..n).map(value).collect::<Vec<_>>()),
        }
    }
}

/// Values of nodes, on the stack.
struct Values<'a> {
    x: [&'a Tensor; ElementwiseProgram::MOST_INPUTS],
    len: usize,
}

impl<'a> Deref for Values<'a> {
    type Target = [&'a Tensor];
    fn deref(&self) -> &[&'a Tensor] {
        &self.x[..self.len]
    }
}

/// The values of these nodes but one.
fn values<'a>(slots: &'a [Option<Tensor>], nodes: &[usize], but: Option<usize>) -> Values<'a> {
    /// What stands in places that have no value.
    static NOTHING: LazyLock<Tensor> = LazyLock::new(|| Tensor::from(0.0_f32));
    let mut values = Values { x: [&*NOTHING; ElementwiseProgram::MOST_INPUTS], len: 0 };
    for (_, &node) in nodes.iter().enumerate().filter(|(i, _)| Some(*i) != but) {
        values.x[values.len] = match &slots[node] {
            Some(value) => value,
            None => unreachable!("%{node} is read before it is computed"),
        };
        values.len += 1;
    }
    values
}
