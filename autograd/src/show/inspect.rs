//! Looking at a graph: nodes, listing, picture.

use super::kind::NodeKind;
use crate::params::module::Module;
use crate::tape::graph::{Graph, Node, Phase, Source};
use std::fmt::{self, Debug, Write};
use tensor::{DType, Shape};

/// What a node is, for printing and drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeInfo {
    /// Its number: `%4`.
    pub index: usize,
    /// Input, constant, parameter, or an operation with its attributes.
    pub kind: NodeKind,
    /// The numbers of the nodes it was computed from.
    pub inputs: Vec<usize>,
    /// The shape of its value.
    pub shape: Shape,
    /// The element type of its value.
    pub dtype: DType,
    /// Why it is in the graph.
    pub phase: Phase,
    /// The part of the model it belongs to, outermost first: the path name of its parameters, or its kind.
    pub scope: Vec<String>,
    /// The number of that part, 0 for the whole: two rectifiers have one name, but not one number.
    pub part: usize,
}

impl fmt::Display for NodeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} = {}", self.index, self.kind)?;
        for input in &self.inputs {
            write!(f, " %{input}")?;
        }
        write!(f, "  {}", self.shape)?;
        if self.dtype != DType::F32 {
            write!(f, " {}", self.dtype)?;
        }
        Ok(())
    }
}

impl Graph {
    /// Has the parameters of `model` printed and drawn by their path names.
    pub fn name_params(&self, model: &(impl Module + ?Sized)) {
        let mut names = self.names.borrow_mut();
        for (name, param) in model.params() {
            names.insert(param.id(), name);
        }
    }

    /// Every node, in the order of computation.
    ///
    /// ```
    /// use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0]));
    /// let y = x.tanh() + x;
    /// let last = &graph.nodes()[y.index()];
    /// assert_eq!(last.to_string(), "%2 = Add %1 %0  [2]");
    /// ```
    pub fn nodes(&self) -> Vec<NodeInfo> {
        let (scopes, parts) = (self.scope_names(), self.scope_parts());
        let nodes = self.nodes.borrow();
        let info = |(index, node): (usize, &Node)| NodeInfo {
            scope: scopes[node.scope].clone(),
            part: parts[node.scope],
            ..self.info(index, node)
        };
        nodes.iter().enumerate().map(info).collect()
    }

    /// What a node is, but for the part of the model.
    pub(crate) fn info(&self, index: usize, node: &Node) -> NodeInfo {
        NodeInfo {
            index,
            kind: self.kind(node),
            inputs: node.inputs.clone(),
            shape: node.value.shape(),
            dtype: node.value.dtype(),
            phase: node.phase,
            scope: vec![],
            part: 0,
        }
    }

    fn kind(&self, node: &Node) -> NodeKind {
        match &node.source {
            Source::Input => NodeKind::Input,
            Source::Constant => NodeKind::Constant((node.value.numel() == 1).then(|| node.value.item())),
            Source::Param(id) => NodeKind::Param(self.names.borrow().get(id).cloned()),
            Source::Op(op) => NodeKind::Op { name: op.name(), attributes: op.attributes() },
            Source::Value(i) => NodeKind::Value(*i),
        }
    }

    /// The graph in the DOT language of Graphviz: `dot -Tsvg graph.dot > graph.svg`. Parts of the model are boxes;
    /// parameters, inputs, forward and gradient nodes have colours of their own.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let y = graph.input(Tensor::from(1.0_f32)).exp();
    /// assert!(graph.to_dot().starts_with("digraph"));
    /// ```
    pub fn to_dot(&self) -> String {
        let nodes = self.nodes();
        let mut dot = String::from(
            "digraph {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", \
             fontsize=10, color=\"#00000033\"];\n  edge [color=\"#888888\", arrowsize=0.6];\n",
        );
        let mut tree = Cluster::default();
        for node in &nodes {
            tree.place(&node.scope, node);
        }
        tree.write(&mut dot, 1, &mut 0);
        for node in &nodes {
            for input in &node.inputs {
                let _ = writeln!(dot, "  n{input} -> n{};", node.index);
            }
        }
        dot.push_str("}\n");
        dot
    }
}

/// Text as it stands between quotes in DOT.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The parts of the model as a tree, for drawing boxes within boxes.
#[derive(Default)]
struct Cluster<'a> {
    nodes: Vec<&'a NodeInfo>,
    inner: Vec<(String, Cluster<'a>)>,
}

impl<'a> Cluster<'a> {
    fn place(&mut self, path: &[String], node: &'a NodeInfo) {
        let mut cluster = self;
        for name in path {
            let at = cluster.inner.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
                cluster.inner.push((name.clone(), Cluster::default()));
                cluster.inner.len() - 1
            });
            cluster = &mut cluster.inner[at].1;
        }
        cluster.nodes.push(node);
    }

    fn write(&self, dot: &mut String, depth: usize, count: &mut usize) {
        let indent = "  ".repeat(depth);
        for node in &self.nodes {
            let colour = match (&node.kind, node.phase) {
                (NodeKind::Param(_), _) => "#fff0c2",
                (NodeKind::Input, _) => "#d8f0d8",
                (NodeKind::Constant(_), _) => "#eeeeee",
                (NodeKind::Op { .. } | NodeKind::Value(_), Phase::Forward) => "#d6e6fb",
                (NodeKind::Op { .. } | NodeKind::Value(_), Phase::Gradient) => "#fbdcd6",
            };
            let label = quoted(&format!("%{} {}", node.index, node.kind));
            let _ = writeln!(
                dot,
                "{indent}n{} [label=\"{label}\\n{}\", fillcolor=\"{colour}\"];",
                node.index, node.shape
            );
        }
        for (name, cluster) in &self.inner {
            let label = quoted(name);
            let _ = writeln!(dot, "{indent}subgraph cluster{count} {{\n{indent}  label=\"{label}\";");
            *count += 1;
            cluster.write(dot, depth + 1, count);
            let _ = writeln!(dot, "{indent}}}");
        }
    }
}

/// One line a node: `%4 = Add %2 %3  [100, 10]`.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes().iter().try_for_each(|node| writeln!(f, "{node}"))
    }
}

impl Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph of {} nodes", self.len())
    }
}
