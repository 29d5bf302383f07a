//! The table of a model's layers.

use crate::{DType, Graph, Layer, Module, Param, Role, Shape, Tensor};
use autograd::{NodeInfo, NodeKind};
use std::collections::HashMap;
use std::fmt;

/// What a model consists of: its layers in the order of computation, and totals. It prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// A row for each layer.
    pub rows: Vec<Row>,
    /// The shape that goes in, if there is one input.
    pub input: Option<Shape>,
    /// Numbers that are trained.
    pub trained: usize,
    /// Numbers in frozen parameters.
    pub frozen: usize,
    /// Numbers in buffers, such as running averages.
    pub buffers: usize,
    /// The memory that all of these take.
    pub bytes: usize,
}

/// A layer in a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its path name and kind, `conv1 (Conv2d)`; the kind alone if it has no parameters.
    pub layer: String,
    /// The shape of what it gives.
    pub output: Shape,
    /// Numbers in its parameters, buffers not counted. One that several layers share counts in the first.
    pub parameters: usize,
}

/// Describes a model by running it once on zeros of the shape `input`.
///
/// ```
/// use nn::{Activation, Linear, Rng, Sequential};
///
/// let rng = &mut Rng::new(42);
/// let model = Sequential::new()
///     .with(Linear::new(784, 200, rng))
///     .with(Activation::Relu)
///     .with(Linear::new(200, 10, rng));
/// let summary = nn::summary(&model, [100, 784]);
/// assert_eq!(summary.trained, 784 * 200 + 200 + 200 * 10 + 10);
/// assert_eq!(
///     summary.to_string(),
///     "\
/// layer       output      parameters
/// ──────────────────────────────────
/// Input       [100, 784]
/// 0 (Linear)  [100, 200]     157,000
/// Relu        [100, 200]
/// 2 (Linear)  [100, 10]        2,010
/// ──────────────────────────────────
/// 159,010 trained parameters, 636.0 kB
/// "
/// );
/// ```
///
/// # Panics
/// If the model does not take this shape.
#[track_caller]
pub fn summary(model: &(impl Layer + ?Sized), input: impl Into<Shape>) -> Summary {
    let input = input.into();
    let floats = model.params().into_iter().map(|(_, param)| param.value().dtype()).find(|d| d.is_float());
    // In a training graph, since in others dropout leaves no trace. Nothing is applied, so the model stays as it is.
    let graph = Graph::training(0, 0);
    model.forward(graph.input(Tensor::zeros(input, floats.unwrap_or(DType::F32))));
    Summary { input: Some(input), ..Summary::of(&graph, model) }
}

impl Summary {
    /// Describes a model by a graph in which it has been run, for models that are no [`Layer`].
    ///
    /// ```
    /// use nn::{DType, Graph, Layer, Linear, Module, Rng, Summary, Tensor, Var};
    ///
    /// #[derive(Module)]
    /// struct TwoEyes {
    ///     left: Linear,
    ///     right: Linear,
    /// }
    /// impl TwoEyes {
    ///     fn forward<'g>(&self, left: Var<'g>, right: Var<'g>) -> Var<'g> {
    ///         self.left.forward(left) + self.right.forward(right)
    ///     }
    /// }
    /// let rng = &mut Rng::new(42);
    /// let model = TwoEyes { left: Linear::new(5, 2, rng), right: Linear::new(6, 2, rng) };
    /// let graph = Graph::training(0, 0);
    /// let [left, right] = [5, 6].map(|n| graph.input(Tensor::zeros([100, n], DType::F32)));
    /// model.forward(left, right);
    /// let summary = Summary::of(&graph, &model);
    /// assert_eq!((summary.trained, summary.rows.len()), (26, 3)); // left, right, their sum
    /// ```
    pub fn of(graph: &Graph, model: &(impl Module + ?Sized)) -> Summary {
        graph.name_params(model);
        let params: HashMap<String, &Param> = model.params().into_iter().collect();
        let count = |role| params.values().filter(|p| p.role() == role).map(|p| p.value().numel()).sum();
        Summary {
            rows: rows(&graph.nodes(), &params),
            input: None,
            trained: count(Role::Trainable),
            frozen: count(Role::Frozen),
            buffers: count(Role::Buffer),
            bytes: params.values().map(|p| p.value().numel() * p.value().dtype().size()).sum(),
        }
    }
}

/// A row for each run of nodes that belong to the same layer.
fn rows(nodes: &[NodeInfo], params: &HashMap<String, &Param>) -> Vec<Row> {
    let mut rows = vec![];
    // What a layer gives is used outside of it, the next values of its buffers are not.
    let mut given = vec![false; nodes.len()];
    for node in nodes {
        node.inputs
            .iter()
            .filter(|&&input| nodes[input].scope != node.scope)
            .for_each(|&input| given[input] = true);
    }
    for run in nodes.chunk_by(|a, b| a.scope == b.scope) {
        let computed = |node: &&NodeInfo| node.kind.is_op();
        let output = run.iter().rfind(|node| computed(node) && given[node.index]);
        let Some(last) = output.or_else(|| run.iter().rfind(computed)) else { continue };
        // What the model computes outside of layers goes by the name of the operation.
        let layer = last.scope.last().cloned().unwrap_or_else(|| last.kind.name().to_owned());
        let named = run.iter().filter_map(|node| match &node.kind {
            NodeKind::Param(Some(path)) => params.get(path),
            _ => None,
        });
        let parameters = named.filter(|p| p.role() != Role::Buffer).map(|p| p.value().numel()).sum();
        rows.push(Row { layer, output: last.shape, parameters });
    }
    rows
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells = vec![["layer".to_owned(), "output".to_owned(), "parameters".to_owned()]];
        if let Some(input) = self.input {
            cells.push(["Input".to_owned(), input.to_string(), String::new()]);
        }
        for row in &self.rows {
            let parameters = if row.parameters == 0 { String::new() } else { grouped(row.parameters) };
            cells.push([row.layer.clone(), row.output.to_string(), parameters]);
        }
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [layer, output, parameters] = [width(0), width(1), width(2)];
        let line = "─".repeat(layer + output + parameters + 4);
        for (i, [a, b, c]) in cells.iter().enumerate() {
            let row = format!("{a:layer$}  {b:output$}  {c:>parameters$}");
            writeln!(f, "{}", row.trim_end())?;
            if i == 0 {
                writeln!(f, "{line}")?;
            }
        }
        writeln!(f, "{line}")?;
        write!(f, "{} trained parameters", grouped(self.trained))?;
        for (count, what) in [(self.frozen, "frozen"), (self.buffers, "in buffers")] {
            if count > 0 {
                write!(f, ", {} {what}", grouped(count))?;
            }
        }
        writeln!(f, ", {}", memory(self.bytes))
    }
}

/// `1234567` as `1,234,567`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, tail) = digits.split_at(first);
    let mut text = head.to_owned();
    for group in tail.as_bytes().chunks(3) {
        text.push(',');
        text.extend(group.iter().map(|&digit| digit as char));
    }
    text
}

/// In the largest unit of which there is one, rounded as it is printed.
fn memory(bytes: usize) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if size < if unit == "B" { 1000.0 } else { 999.95 } {
            break;
        }
        (size, unit) = (size / 1e3, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::memory;

    #[test]
    fn a_size_is_never_a_thousand_of_its_unit() {
        let sizes = [0, 999, 1_000, 999_949, 999_950, 1_000_000, 999_949_999, 999_950_000, 1_500_000_000_000];
        let text = sizes.map(memory);
        let expected =
            ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.0 MB", "999.9 MB", "1.0 GB", "1.5 TB"];
        assert_eq!(text, expected);
    }
}
