//! What the parts of a model give: intermediate values by name, without an edit of the model.

use crate::tape::graph::{Graph, Phase, Var};
use crate::tape::scope::Label;

/// A part of a model that ran in a graph, see [`Graph::module_outputs`].
#[derive(Clone, Debug)]
pub struct ModuleOutput<'g> {
    /// Its kind, `"Linear"`: what [`Graph::scope`] was given.
    pub kind: &'static str,
    /// Where it is in the model, as [`NodeInfo::scope`](crate::NodeInfo::scope).
    pub path: Vec<String>,
    /// What it gives to the parts after it.
    pub output: Var<'g>,
}

impl Graph {
    /// The parts of the model in the order in which they began, each with its output: the last value computed in it that
    /// is used outside of it, or, at the end of the model, the last value. Parts that compute nothing are left out.
    ///
    /// The outputs are values to print, to [`compile`](Graph::compile), or to go on computing with:
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let mut x = graph.input(Tensor::from([1.0_f32, 3.0]));
    /// for _ in 0..2 {
    ///     let _scope = graph.scope("Halve");
    ///     x = x / 2.0;
    /// }
    /// let halves: Vec<_> = graph.module_outputs().iter().map(|part| part.output.value().to_vec::<f32>()).collect();
    /// assert_eq!(halves, [[0.5, 1.5], [0.25, 0.75]]);
    /// ```
    pub fn module_outputs(&self) -> Vec<ModuleOutput<'_>> {
        let (nodes, scopes, paths) = (self.nodes.borrow(), self.scopes.borrow(), self.scope_names());
        let mut last: Vec<Option<usize>> = vec![None; scopes.len()];
        let mut given: Vec<Option<usize>> = vec![None; scopes.len()];
        // A part is inside of the parts it belongs to; the whole is not asked about.
        let within = |mut scope: usize, part: usize| {
            while scope > part {
                scope = scopes[scope].parent;
            }
            scope == part
        };
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.phase == Phase::Forward) {
            if node.source.is_computed() {
                let mut scope = node.scope;
                while scope != 0 {
                    last[scope] = Some(index);
                    scope = scopes[scope].parent;
                }
            }
            for &input in &node.inputs {
                let from = &nodes[input];
                let mut scope = from.scope;
                while scope != 0 && from.source.is_computed() && !within(node.scope, scope) {
                    given[scope] = given[scope].max(Some(input));
                    scope = scopes[scope].parent;
                }
            }
        }
        let part = |scope: usize| {
            let Label::Kind(kind) = scopes[scope].label else { return None };
            let index = given[scope].or(last[scope])?;
            let output = Var { graph: self, index };
            Some(ModuleOutput { kind, path: paths[scope].clone(), output })
        };
        (1..scopes.len()).filter_map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensor::Tensor;

    #[test]
    fn a_part_gives_what_is_used_outside_and_gradients_are_no_outputs() {
        let graph = Graph::training(0, 0);
        let x = graph.input(Tensor::from([1.0_f32, 2.0]));
        let (inner, given) = {
            let _outer = graph.scope("Outer");
            let inner = {
                let _inner = graph.scope("Inner");
                let y = x * 3.0;
                let _statistics = y.mean(..); // recorded later than what the part gives
                y
            };
            (inner, inner + 1.0)
        };
        let loss = {
            let _scope = graph.scope("Loss");
            given.sum(..)
        };
        graph.grad(loss, [x]);
        let parts: Vec<_> = graph.module_outputs().iter().map(|p| (p.kind, p.output.index())).collect();
        assert_eq!(parts, [("Outer", given.index()), ("Inner", inner.index()), ("Loss", loss.index())]);
        assert_eq!(graph.module_outputs()[1].path, ["Outer", "Inner"]);
    }
}
