//! From nodes to steps: leaving out what nobody needs, and fusing what `group.rs` puts together.

use super::group::{channel_sums, groups, scalar, through};
use super::{Step, Work};
use crate::graph::{Node, Source};
use tensor::{Fused, FusedSums, Operand};

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
    let mut inputs: Vec<usize> = vec![];
    let mut program = vec![];
    let mut operands_of = |member: usize| -> Vec<Operand> {
        let operand = |input: &usize| {
            if let Some(result) = members.iter().position(|other| other == input) {
                return Operand::Result(result);
            }
            let known = inputs.iter().position(|other| other == input);
            Operand::Input(known.unwrap_or_else(|| {
                inputs.push(*input);
                inputs.len() - 1
            }))
        };
        nodes[member].inputs.iter().map(operand).collect()
    };
    for &member in before {
        program.push((scalar(nodes, member)?, operands_of(member)));
    }
    let (shape, operands) = (through(nodes, output)?, operands_of(output));
    let work = match channel_sums(nodes, output) {
        Some(sums) => Work::Sums(FusedSums::new(shape, inputs.len(), program, sums, operands)?),
        None => {
            program.push((scalar(nodes, output)?, operands));
            Work::Fused(Fused::new(shape, inputs.len(), program)?)
        }
    };
    Some(Step { work, inputs, output, members: members.to_vec(), drops: vec![], reused: None })
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
        step.reused = step.inputs.iter().position(like);
    }
}
