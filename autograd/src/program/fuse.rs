//! From nodes to steps: leaving out what nobody needs, and fusing element-wise operations.

use super::{Step, Work};
use crate::graph::{Node, Source};
use tensor::{DType, Fused, Operand, Scalar};

/// The steps that compute the nodes of `kept`, in the order of the graph.
pub(super) fn steps(nodes: &[Node], kept: &[usize]) -> Vec<Step> {
    let live = live(nodes, kept);
    let groups = groups(nodes, kept, &live);
    let mut steps = vec![];
    for root in (0..nodes.len()).filter(|&i| live[i] && groups[i] == i) {
        let members: Vec<usize> = (0..=root).filter(|&i| live[i] && groups[i] == root).collect();
        match fused(nodes, &members) {
            Some(step) => steps.push(step),
            None => steps.extend(members.into_iter().filter_map(|i| single(nodes, i))),
        }
    }
    // A group is computed where its last node is; what it needs may come later than its first nodes.
    steps.sort_by_key(|step| step.output);
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

/// The function of single numbers that a node is, if a fused program can compute it.
fn scalar(nodes: &[Node], i: usize) -> Option<Scalar> {
    let fits = |i: usize| matches!(nodes[i].value.dtype(), DType::F32 | DType::Bool);
    match &nodes[i].source {
        Source::Op(op) if fits(i) && nodes[i].inputs.iter().all(|&input| fits(input)) => op.elementwise(),
        _ => None,
    }
}

/// For each node the last one of the group it is computed with: an element-wise operation joins its users if these are
/// all of one group and have its shape.
fn groups(nodes: &[Node], kept: &[usize], live: &[bool]) -> Vec<usize> {
    let mut users: Vec<Vec<usize>> = vec![vec![]; nodes.len()];
    for i in (0..nodes.len()).filter(|&i| live[i]) {
        nodes[i].inputs.iter().for_each(|&input| users[input].push(i));
    }
    let mut groups: Vec<usize> = (0..nodes.len()).collect();
    for i in (0..nodes.len()).rev().filter(|&i| live[i]) {
        let (Some(&first), false) = (users[i].first(), kept.contains(&i)) else { continue };
        let group = groups[first];
        let alike = |user: &usize| {
            groups[*user] == group
                && nodes[*user].value.shape() == nodes[i].value.shape()
                && scalar(nodes, *user).is_some()
        };
        // A group's result is numbers: one of truth values is not fused.
        let numbers = nodes[group].value.dtype() == DType::F32;
        if numbers && scalar(nodes, i).is_some() && users[i].iter().all(alike) {
            groups[i] = group;
        }
    }
    groups
}

/// A group as one step; `None` if there is only one node, or more than a fused program has room for.
fn fused(nodes: &[Node], members: &[usize]) -> Option<Step> {
    let &output = members.last().filter(|_| members.len() > 1)?;
    let mut inputs: Vec<usize> = vec![];
    let mut program = vec![];
    for &member in members {
        let operands = nodes[member].inputs.iter().map(|input| {
            if let Some(result) = members.iter().position(|other| other == input) {
                return Operand::Result(result);
            }
            let known = inputs.iter().position(|other| other == input);
            Operand::Input(known.unwrap_or_else(|| {
                inputs.push(*input);
                inputs.len() - 1
            }))
        });
        let operands = operands.collect();
        program.push((scalar(nodes, member)?, operands));
    }
    let fused = Fused::new(nodes[output].value.shape(), inputs.len(), program)?;
    Some(Step {
        work: Work::Fused(fused),
        inputs,
        output,
        members: members.to_vec(),
        drops: vec![],
        reused: None,
    })
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
