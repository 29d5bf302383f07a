//! From nodes to steps: leaving out what nobody needs, and fusing what `fusion.rs` puts together.

use super::fusion::{channel_sums, groups, piecewise, scalar, through};
use super::{Feed, Step, Work};
use crate::tape::graph::{Node, Source};
use tensor::{Fused, FusedSums, Operand, Scalar};

/// The steps that compute the nodes of `kept`, in the order of the graph.
pub(super) fn steps(nodes: &[Node], kept: &[usize]) -> Vec<Step> {
    let live = live(nodes, kept);
    let mut steps = vec![];
    for members in groups(nodes, kept, &live) {
        match fused(nodes, &members) {
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
fn fused(nodes: &[Node], members: &[usize]) -> Option<Step> {
    let (&output, before) = members.split_last().filter(|(_, before)| !before.is_empty())?;
    let (work, inputs) = match (through(nodes, output), channel_sums(nodes, output)) {
        _ if members.iter().any(|&i| piecewise(nodes, i)) => lazy(nodes, members)?,
        (None, _) => return None,
        (Some(shape), Some(sums)) => {
            let mut chain = Chain::of(nodes, before)?;
            let operands = chain.operands(nodes, output);
            (
                Work::Sums(FusedSums::new(shape, chain.inputs.len(), chain.program, sums, operands)?),
                chain.inputs,
            )
        }
        (Some(_), None) => {
            let (program, inputs) = Chain::of(nodes, members)?.compile(nodes)?;
            (Work::Fused(program), inputs)
        }
    };
    Some(Step { work, inputs, output, members: members.to_vec(), drops: vec![], reused: None })
}

/// The group's operation that is none of single numbers: it reads what the members before it compute as they do, and what the
/// members behind it make of its result is computed as it writes that. And all that is read.
fn lazy(nodes: &[Node], members: &[usize]) -> Option<(Work, Vec<usize>)> {
    let &operation = members.iter().find(|&&i| piecewise(nodes, i))?;
    let Source::Op(op) = &nodes[operation].source else { return None };
    let others: Vec<usize> = members.iter().copied().filter(|&i| i != operation).collect();
    let feed = |result: usize| -> Option<Feed> {
        let needed = needed(nodes, &others, result);
        if needed.is_empty() {
            return Some(Feed { program: None, inputs: vec![result] });
        }
        let (program, inputs) = Chain::of(nodes, &needed)?.compile(nodes)?;
        Some(Feed { program: Some(program), inputs })
    };
    let feeds: Vec<Feed> =
        nodes[operation].inputs.iter().map(|&operand| feed(operand)).collect::<Option<_>>()?;
    let finish = match members.last() {
        Some(&last) if last != operation => Some(feed(last)?),
        _ => None,
    };
    let mut all: Vec<usize> = vec![];
    for &input in feeds.iter().chain(&finish).flat_map(|feed| &feed.inputs) {
        if input != operation && !all.contains(&input) {
            all.push(input);
        }
    }
    (feeds.len() <= Feed::MOST).then(|| (Work::Lazy(op.clone(), feeds, finish), all))
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

/// Nodes that are functions of single numbers, in the order of the graph, and what they are applied to.
struct Chain<'a> {
    members: &'a [usize],
    inputs: Vec<usize>,
    program: Vec<(Scalar, Vec<Operand>)>,
}

impl<'a> Chain<'a> {
    fn of(nodes: &[Node], members: &'a [usize]) -> Option<Chain<'a>> {
        let mut chain = Chain { members, inputs: vec![], program: vec![] };
        for &member in members {
            let operands = chain.operands(nodes, member);
            chain.program.push((scalar(nodes, member)?, operands));
        }
        Some(chain)
    }

    fn operands(&mut self, nodes: &[Node], user: usize) -> Vec<Operand> {
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
        nodes[user].inputs.iter().map(operand).collect()
    }

    /// The program of the last member, and what it reads.
    fn compile(self, nodes: &[Node]) -> Option<(Fused, Vec<usize>)> {
        let shape = nodes[*self.members.last()?].value.shape();
        Some((Fused::new(shape, self.inputs.len(), self.program)?, self.inputs))
    }
}

fn single(nodes: &[Node], i: usize) -> Option<Step> {
    let Source::Op(op) = &nodes[i].source else { return None };
    let (work, inputs) = (Work::Op(op.clone()), nodes[i].inputs.clone());
    Some(Step { work, inputs, output: i, members: vec![i], drops: vec![], reused: None })
}

/// Notes at each step which values it is the last to use, and which of them the result could take the place of.
fn drop_after_last_use(steps: &mut [Step], nodes: &[Node], kept: &[usize]) {
    let mut seen = vec![false; nodes.len()];
    kept.iter().for_each(|&i| seen[i] = true);
    for step in steps.iter_mut().rev() {
        for &i in step.inputs.iter().chain([&step.output]) {
            let computed = matches!(nodes[i].source, Source::Op(_));
            if !std::mem::replace(&mut seen[i], true) && computed {
                step.drops.push(i);
            }
        }
        let like = |i: &usize| {
            let (value, output) = (&nodes[*i].value, &nodes[step.output].value);
            step.drops.contains(i) && (value.shape(), value.dtype()) == (output.shape(), output.dtype())
        };
        // Of an operation with others before and behind it, only what those behind it read.
        let replaceable = |i: &usize| match &step.work {
            Work::Lazy(_, feeds, finish) => {
                let reads = |feed: &Feed| feed.inputs.contains(i);
                finish.as_ref().is_some_and(reads) && !feeds.iter().any(reads)
            }
            _ => true,
        };
        step.reused = step.inputs.iter().position(|i| like(i) && replaceable(i));
    }
}
