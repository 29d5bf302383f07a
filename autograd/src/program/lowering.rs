//! From nodes to steps: leaving out what nobody needs, and fusing what `fusion.rs` puts together.

use super::fusion::groups;
use super::ir::Ir;
use super::step::{Chain, MOST_OPERANDS, Step, Work};
use crate::tape::graph::{Node, Source, values_of};
use tensor::{ChannelReduceProgram, ElementwiseProgram, Operand, ScalarExpr};

/// The steps that compute the nodes of `kept`, in the order of the graph.
pub(super) fn steps(nodes: &[Node], kept: &[usize]) -> Vec<Step> {
    let live = live(nodes, kept);
    let ir = Ir::of(nodes);
    let mut steps = vec![];
    for members in groups(&ir, kept, &live) {
        match fused(&ir, &members) {
            Some(step) => steps.push(step),
            None => steps.extend(members.into_iter().filter_map(|i| single(nodes, i))),
        }
    }
    // A group is computed where its last node is; what it needs may come later than its first nodes.
    steps.sort_by_key(|step| step.output);
    // What is a member of several groups may have been taken out of more than one.
    steps.dedup_by_key(|step| step.output);
    drop_after_last_use(&mut steps, nodes, kept);
    steps
}

/// The same, an operation at a time.
pub(super) fn single_steps(nodes: &[Node], kept: &[usize]) -> Vec<Step> {
    let live = live(nodes, kept);
    let mut steps: Vec<Step> =
        (0..nodes.len()).filter(|&i| live[i]).filter_map(|i| single(nodes, i)).collect();
    drop_after_last_use(&mut steps, nodes, kept);
    steps
}

/// Which nodes the kept ones depend on.
fn live(nodes: &[Node], kept: &[usize]) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    kept.iter().for_each(|&i| live[i] = true);
    for i in (0..nodes.len()).rev().filter(|&i| !matches!(nodes[i].source, Source::Constant)) {
        if live[i] {
            nodes[i].inputs.iter().for_each(|&input| live[input] = true);
        }
    }
    live
}

/// A group as one step; `None` if there is only one node, or more than a fused program has room for.
fn fused(ir: &Ir<'_>, members: &[usize]) -> Option<Step> {
    let (&output, before) = members.split_last().filter(|(_, before)| !before.is_empty())?;
    let (work, inputs) = match (ir.through(output), ir.channel_reduce(output)) {
        _ if members.iter().any(|&i| ir.kernel(i).is_some()) => kernel(ir, members)?,
        (None, _) => return None,
        (Some(shape), Some(sums)) => {
            let mut list = ExprList::of(ir, before, vec![])?;
            let operands = list.operands(ir, output);
            (
                Work::ChannelReduce(ChannelReduceProgram::new(
                    shape,
                    list.inputs.len(),
                    list.exprs,
                    sums,
                    operands,
                )?),
                list.inputs,
            )
        }
        (Some(_), None) => {
            let (program, inputs) = ExprList::of(ir, members, vec![])?.compile(ir)?;
            (Work::Elementwise(program), inputs)
        }
    };
    Some(Step { work, inputs, output, values: 1, members: members.to_vec(), drops: vec![], reused: None })
}

/// The group's kernel: the members that its operands are computed from are prologues, the others its epilogue. And all that is read.
fn kernel(ir: &Ir<'_>, members: &[usize]) -> Option<(Work, Vec<usize>)> {
    let (at, kernel) = members.iter().find_map(|&i| Some((i, ir.kernel(i)?.clone())))?;
    let others: Vec<usize> = members.iter().copied().filter(|&i| i != at).collect();
    let prologue = |operand: usize| -> Option<Chain> {
        let needed = needed(ir.nodes, &others, operand);
        if needed.is_empty() {
            return Some(Chain { program: None, inputs: vec![operand] });
        }
        let (program, inputs) = ExprList::of(ir, &needed, vec![])?.compile(ir)?;
        Some(Chain { program: Some(program), inputs })
    };
    let prologues: Vec<Chain> =
        ir.nodes[at].inputs.iter().map(|&operand| prologue(operand)).collect::<Option<_>>()?;
    let epilogue = match members.last() {
        // Its first input is the kernel's result.
        Some(&last) if last != at => {
            let (program, inputs) =
                ExprList::of(ir, &needed(ir.nodes, &others, last), vec![at])?.compile(ir)?;
            Some((program, inputs[1..].to_vec()))
        }
        _ => None,
    };
    let mut all: Vec<usize> = vec![];
    let beside = epilogue.iter().flat_map(|(_, inputs)| inputs);
    for &input in prologues.iter().flat_map(|chain| &chain.inputs).chain(beside) {
        if !all.contains(&input) {
            all.push(input);
        }
    }
    (1..=MOST_OPERANDS)
        .contains(&prologues.len())
        .then_some((Work::Kernel { kernel, prologues, epilogue }, all))
}

/// Those of the members that `result`, which is one of them, is computed from, and itself.
fn needed(nodes: &[Node], members: &[usize], result: usize) -> Vec<usize> {
    let mut needed = vec![];
    for &i in members.iter().rev() {
        if i == result || needed.iter().any(|&user: &usize| nodes[user].inputs.contains(&i)) {
            needed.push(i);
        }
    }
    needed.reverse();
    needed
}

/// The expressions of nodes, in the order of the graph, and what they are applied to.
struct ExprList<'a> {
    members: &'a [usize],
    inputs: Vec<usize>,
    exprs: Vec<(ScalarExpr, Vec<Operand>)>,
}

impl<'a> ExprList<'a> {
    /// Of these members, with these first inputs.
    fn of(ir: &Ir<'_>, members: &'a [usize], inputs: Vec<usize>) -> Option<ExprList<'a>> {
        let mut list = ExprList { members, inputs, exprs: vec![] };
        for &member in members {
            let operands = list.operands(ir, member);
            list.exprs.push((ir.scalar_expr(member)?.clone(), operands));
        }
        Some(list)
    }

    fn operands(&mut self, ir: &Ir<'_>, user: usize) -> Vec<Operand> {
        let operand = |input: &usize| {
            if let Some(result) = self.members.iter().position(|other| other == input) {
                return Operand::Result(result);
            }
            let known = self.inputs.iter().position(|other| other == input);
            Operand::Input(known.unwrap_or_else(|| {
                self.inputs.push(*input);
                self.inputs.len() - 1
            }))
        };
        ir.nodes[user].inputs.iter().map(operand).collect()
    }

    /// The program of the last member, and what it reads.
    fn compile(self, ir: &Ir<'_>) -> Option<(ElementwiseProgram, Vec<usize>)> {
        let shape = ir.nodes[*self.members.last()?].value.shape();
        Some((ElementwiseProgram::new(shape, self.inputs.len(), self.exprs)?, self.inputs))
    }
}

fn single(nodes: &[Node], i: usize) -> Option<Step> {
    let Source::Op(op) = &nodes[i].source else { return None };
    let (work, inputs) = (Work::Op(op.clone()), nodes[i].inputs.clone());
    let values = values_of(nodes, i);
    Some(Step { work, inputs, output: i, values, members: vec![i], drops: vec![], reused: None })
}

/// Notes at each step which values it is the last to use, and which of them the result could take the place of.
fn drop_after_last_use(steps: &mut [Step], nodes: &[Node], kept: &[usize]) {
    let mut seen = vec![false; nodes.len()];
    kept.iter().for_each(|&i| seen[i] = true);
    for step in steps.iter_mut().rev() {
        let outputs: Vec<usize> = step.outputs().collect();
        for &i in step.inputs.iter().chain(&outputs) {
            let computed = nodes[i].source.is_computed();
            if !std::mem::replace(&mut seen[i], true) && computed {
                step.drops.push(i);
            }
        }
        let like =
            |i: &usize| step.drops.contains(i) && nodes[*i].value.spec() == nodes[step.output].value.spec();
        // Of a kernel only what its epilogue alone reads.
        let replaceable = |i: &usize| match &step.work {
            Work::Kernel { prologues, epilogue, .. } => {
                epilogue.as_ref().is_some_and(|(_, inputs)| inputs.contains(i))
                    && !prologues.iter().any(|chain| chain.inputs.contains(i))
            }
            _ => true,
        };
        step.reused = step.inputs.iter().position(|i| like(i) && replaceable(i));
    }
}
