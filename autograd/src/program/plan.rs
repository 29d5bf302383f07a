//! What a program does, step by step: a table and a picture for people, and what a run checks parameters by.

use super::Program;
use super::step::{Step, Work};
use crate::tape::graph::{Graph, Phase};
use std::fmt::{self, Write};
use std::time::Duration;
use tensor::{DType, Shape, Spec};

/// A step of a program: what is computed at a time.
#[derive(Clone, Debug)]
pub struct PlanStep {
    /// The number of the node whose value it computes.
    pub node: usize,
    /// The operation with its attributes, or those of a fused chain, in order: `Sub Mul Relu`.
    pub op: String,
    /// The names of the operations, in order: one, or those of a fused chain.
    pub ops: Vec<&'static str>,
    /// The nodes it reads.
    pub inputs: Vec<usize>,
    /// The shape of the result.
    pub shape: Shape,
    /// The element type of the result.
    pub dtype: DType,
    /// Why it is done.
    pub phase: Phase,
    /// The part of the model it belongs to, outermost first.
    pub scope: Vec<String>,
    /// Additions and multiplications.
    pub flops: u64,
    /// Bytes read and written, not counting the cache.
    pub bytes: u64,
    /// How long it took in all runs that were profiled.
    pub time: Duration,
    /// How many runs were profiled.
    pub runs: u64,
    /// When, after the beginning of the last profiled run, it began.
    pub last_begun: Duration,
    /// How long it took in the last profiled run.
    pub last_time: Duration,
    /// Whether it is several operations.
    pub is_fused: bool,
    /// Tells the memory that the first run put the result into from others.
    pub(super) buffer: usize,
    specs: Vec<Spec>,
}

impl PlanStep {
    /// What node `node` is if it is an input of this step.
    pub(super) fn input_spec(&self, node: usize) -> Option<Spec> {
        let at = self.inputs.iter().position(|&input| input == node)?;
        Some(self.specs[at])
    }
}

pub(super) fn describe(graph: &Graph, steps: &[Step]) -> Vec<PlanStep> {
    let infos = graph.nodes();
    let nodes = graph.nodes.borrow();
    let operation = |i: usize| match &nodes[i].source {
        crate::tape::graph::Source::Op(op) => {
            let x: Vec<Shape> = nodes[i].inputs.iter().map(|&input| nodes[input].value.shape()).collect();
            (op.name(), op.flops(&x, nodes[i].value.shape()))
        }
        _ => unreachable!("only operations are computed"),
    };
    let describe = |step: &Step| {
        let info = &infos[step.output];
        let members: Vec<(&'static str, u64)> = step.members.iter().map(|&i| operation(i)).collect();
        let specs: Vec<Spec> = step.inputs.iter().map(|&i| nodes[i].value.spec()).collect();
        let view = nodes[step.output]
            .inputs
            .iter()
            .any(|&input| nodes[input].value.shares_buffer(&nodes[step.output].value));
        let written: usize = step.outputs().map(|node| nodes[node].value.spec().bytes()).sum();
        let moved = specs.iter().map(|spec| spec.bytes()).sum::<usize>() + written;
        let ops: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        PlanStep {
            node: step.output,
            op: match &step.work {
                Work::Op(_) => info.kind.to_string(),
                _ => ops.join(" "),
            },
            ops,
            inputs: step.inputs.clone(),
            shape: info.shape,
            dtype: info.dtype,
            phase: info.phase,
            scope: info.scope.clone(),
            flops: if view { 0 } else { members.iter().map(|(_, flops)| flops).sum() },
            bytes: if view { 0 } else { moved as u64 },
            time: Duration::ZERO,
            runs: 0,
            last_begun: Duration::ZERO,
            last_time: Duration::ZERO,
            is_fused: !matches!(step.work, Work::Op(_)),
            buffer: 0,
            specs,
        }
    };
    steps.iter().map(describe).collect()
}

impl Program {
    /// The steps, in the order of computation.
    pub fn steps(&self) -> &[PlanStep] {
        &self.plan
    }

    /// Has every run from now on timed step by step, or none.
    pub fn set_profiled(&mut self, profiled: bool) {
        self.profiled = profiled;
    }

    /// The numbers of the buffers that the steps' results lie in, as the first run used them: steps with the same number
    /// share memory one after the other. Empty before the first run.
    pub fn buffers(&self) -> Vec<usize> {
        let mut known: Vec<usize> = vec![];
        let mut number = |id: usize| {
            known.iter().position(|&other| other == id).unwrap_or_else(|| {
                known.push(id);
                known.len() - 1
            })
        };
        let steps = self.plan.iter().filter(|_| self.runs > 0);
        steps.map(|step| number(step.buffer)).collect()
    }

    /// The plan in the DOT language of Graphviz: a box a step, forward and gradient steps in different colours.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from(
            "digraph {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", \
             fontsize=10, color=\"#00000033\"];\n  edge [color=\"#888888\", arrowsize=0.6];\n",
        );
        for step in &self.plan {
            let colour = if step.phase == Phase::Forward { "#d6e6fb" } else { "#fbdcd6" };
            let label = format!("%{} {}\\n{}", step.node, step.op, step.shape).replace('"', "'");
            let _ = writeln!(dot, "  n{} [label=\"{label}\", fillcolor=\"{colour}\"];", step.node);
            for input in &step.inputs {
                let _ = writeln!(dot, "  n{input} -> n{};", step.node);
            }
        }
        dot.push_str("}\n");
        dot
    }
}

/// A line a step: `%12 = Sub Mul Relu %3 %7  [100, 28, 28, 24]  5.6 MFLOP  15.1 MB  buffer 4`.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffers = self.buffers();
        for (i, step) in self.plan.iter().enumerate() {
            write!(f, "%{} = {}", step.node, step.op)?;
            step.inputs.iter().try_for_each(|input| write!(f, " %{input}"))?;
            write!(f, "  {}", step.shape)?;
            if step.bytes > 0 {
                write!(f, "  {}  {}", scaled(step.flops, "FLOP"), scaled(step.bytes, "B"))?;
            }
            match buffers.get(i) {
                Some(buffer) => writeln!(f, "  buffer {buffer}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program of {} steps", self.plan.len())
    }
}

/// A whole number below a thousand, else one decimal place and a prefix: `128 FLOP`, `15.1 MB`.
fn scaled(x: u64, unit: &str) -> String {
    if x < 1000 {
        return format!("{x} {unit}");
    }
    let (mut value, mut prefixes) = (x as f64 / 1e3, ["k", "M", "G", "T", "P", "E"].into_iter());
    let mut prefix = prefixes.next().unwrap_or_default();
    // What rounds to a thousand has the next prefix.
    while value >= 999.95 {
        value /= 1e3;
        prefix = prefixes.next().unwrap_or_default();
    }
    format!("{value:.1} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn numbers_are_short_and_followed_by_one_space() {
        let cases = [
            (0, "0 FLOP"),
            (128, "128 FLOP"),
            (999, "999 FLOP"),
            (1000, "1.0 kFLOP"),
            (5_644_800, "5.6 MFLOP"),
            (999_949, "999.9 kFLOP"),
            (999_950, "1.0 MFLOP"),
            (15_052_800, "15.1 MFLOP"),
            (u64::MAX, "18.4 EFLOP"),
        ];
        for (x, text) in cases {
            assert_eq!(scaled(x, "FLOP"), text);
        }
    }
}
