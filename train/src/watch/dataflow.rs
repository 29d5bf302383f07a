//! The dataflow graph of a training step as a picture: a box for each layer's operations and one beside it for those of
//! its gradient.

use nn::{Graph, NodeInfo, NodeKind, Phase};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Sizes in the picture, in pixels.
const BOX: i32 = 250;
const LEFT: i32 = 60;
const GAP: i32 = 70;
const LINE: i32 = 15;
/// Operations that a box lists.
const LISTED: usize = 7;

/// Colours follow the page it is in; alone it has these.
const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:var(--text,#222)}.t{font-weight:600;font-size:12px}\
.f{fill:var(--forward,#dbe9f9);stroke:var(--forward-line,#4a87c5)}.g{fill:var(--gradient,#fbe4d3);stroke:var(--gradient-line,#d4762c)}\
path{fill:none;stroke-width:1.3}.ff{stroke:var(--forward-line,#4a87c5)}.gg{stroke:var(--gradient-line,#d4762c)}\
.fg{stroke:var(--muted,#999);stroke-dasharray:3 3}";

/// A layer, or a value that goes in.
#[derive(Default)]
struct Row {
    name: String,
    /// What its forward and its gradient boxes list.
    lines: [Vec<String>; 2],
    top: i32,
    height: i32,
}

impl Row {
    fn middle(&self) -> i32 {
        self.top + self.height / 2
    }
}

/// Draws a training step that was recorded in `graph`, as SVG. The graph's first inputs have these names; others are what dropout draws
/// by. Operations that are in no layer are called `loss`.
///
/// ```
/// use nn::{DType, Graph, Layer, Linear, Rng, Tensor, loss};
/// use train::watch::dataflow;
///
/// let line = Linear::new(3, 1, &mut Rng::new(1));
/// let graph = Graph::training(0, 0);
/// let [x, y] = [[8, 3], [8, 1]].map(|shape| graph.input(Tensor::zeros(shape, DType::F32)));
/// loss::mse(line.forward(x), y).backward();
/// graph.name_params(&line);
/// assert!(dataflow(&graph, &["x", "y"], "loss").contains("MatMul [8, 1]"));
/// ```
pub fn dataflow(graph: &Graph, inputs: &[&str], loss: &str) -> String {
    let nodes = graph.nodes();
    let (mut rows, places) = rows(&nodes, inputs, loss);
    let mut top = 30;
    for row in &mut rows {
        let lines = row.lines.iter().map(Vec::len).max().unwrap_or(0) as i32;
        (row.top, row.height) = (top, 26 + LINE * lines);
        top += row.height + 26;
    }
    picture(&rows, &edges(&nodes, &places), top)
}

/// Row and side (0 for forward, 1 for gradient) of each node.
type Places = Vec<(usize, usize)>;

/// Layers in the order of computation, with what they list; each input right before what first takes it.
fn rows(nodes: &[NodeInfo], inputs: &[&str], loss: &str) -> (Vec<Row>, Places) {
    let mut all: Vec<[Vec<String>; 2]> = vec![];
    let (mut rows, mut known): (Vec<Row>, BTreeMap<(usize, usize), usize>) = (vec![], BTreeMap::new());
    let mut places: Places = vec![(usize::MAX, 0); nodes.len()];
    let is_input = |node: &&NodeInfo| node.kind == NodeKind::Input;
    let names: BTreeMap<usize, &str> =
        nodes.iter().filter(is_input).map(|node| node.index).zip(inputs.iter().copied()).collect();
    let taken = |node: &NodeInfo| node.inputs.iter().map(|&input| &nodes[input]).filter(is_input).collect();
    let in_order = nodes.iter().flat_map(|node| {
        let mut group: Vec<&NodeInfo> = taken(node);
        // An input waits until it is taken.
        group.extend((!is_input(&node)).then_some(node));
        group
    });
    // Such as nothing takes come last.
    for node in in_order.chain(nodes.iter().filter(is_input)) {
        if places[node.index].0 != usize::MAX {
            continue;
        }
        // Each value that goes in has a row of its own, and so has each operation that is in no layer.
        let own = if is_input(&node) { 1 + node.index } else { 0 };
        let at = *known.entry((node.part, own)).or_insert_with(|| {
            let name = match (is_input(&node), node.scope.last()) {
                (true, _) => names.get(&node.index).copied().unwrap_or("random key"),
                (false, Some(layer)) => layer,
                (false, None) => loss,
            };
            rows.push(Row { name: name.to_owned(), ..Row::default() });
            all.push([vec![], vec![]]);
            rows.len() - 1
        });
        let side = usize::from(node.phase == Phase::Gradient);
        places[node.index] = (at, side);
        match &node.kind {
            NodeKind::Constant(_) => {}
            NodeKind::Op { name, .. } => all[at][side].push(format!("{name} {}", node.shape)),
            kind => all[at][side].push(format!("{kind} {}", node.shape)),
        }
    }
    for (row, all) in rows.iter_mut().zip(all) {
        row.lines = all.map(|mut lines| {
            if lines.len() > LISTED {
                let more = lines.split_off(LISTED - 1).len();
                lines.push(format!("… {more} more"));
            }
            lines
        });
    }
    (rows, places)
}

/// What flows from box to box.
fn edges(nodes: &[NodeInfo], places: &Places) -> BTreeSet<[(usize, usize); 2]> {
    let mut edges = BTreeSet::new();
    for node in nodes {
        for &input in node.inputs.iter().filter(|&&input| !matches!(nodes[input].kind, NodeKind::Constant(_)))
        {
            let [from, to] = [places[input], places[node.index]];
            if from != to {
                edges.insert([from, to]);
            }
        }
    }
    edges
}

fn picture(rows: &[Row], edges: &BTreeSet<[(usize, usize); 2]>, height: i32) -> String {
    let width = 2 * (LEFT + BOX) + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"dataflow graph of a training step\"><style>{STYLE}</style>\
         <text class=\"t\" x=\"{LEFT}\" y=\"16\">forward ↓</text><text class=\"t\" x=\"{}\" y=\"16\">gradient ↑</text>",
        LEFT + BOX + GAP
    );
    for &[from, to] in edges {
        let class = ["ff", "fg", "gf", "gg"][from.1 * 2 + to.1];
        let _ = write!(svg, "<path class=\"{class}\" d=\"{}\"/>", path(rows, from, to));
    }
    for row in rows {
        for (side, lines) in row.lines.iter().enumerate().filter(|(_, lines)| !lines.is_empty()) {
            let x = left(side);
            let (top, height, class) = (row.top, 26 + LINE * lines.len() as i32, ["f", "g"][side]);
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{BOX}\" height=\"{height}\" rx=\"6\"/>\
                 <text class=\"t\" x=\"{}\" y=\"{}\">{}</text>",
                x + 10,
                top + 17,
                escaped(&row.name)
            );
            for (i, line) in lines.iter().enumerate() {
                let y = top + 17 + LINE * (i as i32 + 1);
                let _ = write!(svg, "<text x=\"{}\" y=\"{y}\">{}</text>", x + 10, escaped(line));
            }
        }
    }
    svg + "</svg>"
}

fn left(side: usize) -> i32 {
    LEFT + side as i32 * (BOX + GAP)
}

/// The line from box to box: straight between neighbours, around the outside between others of one side, and across the
/// gap from one side to the other.
fn path(rows: &[Row], from: (usize, usize), to: (usize, usize)) -> String {
    let (a, b) = (&rows[from.0], &rows[to.0]);
    let bottom = |row: &Row, side: usize| row.top + 26 + LINE * row.lines[side].len() as i32;
    if from.1 != to.1 {
        let (x0, x1) = if from.1 == 0 { (left(0) + BOX, left(1)) } else { (left(1), left(0) + BOX) };
        let (y0, y1) = (a.middle().min(bottom(a, from.1)), b.middle().min(bottom(b, to.1)));
        let bend = (x0 + x1) / 2;
        return format!("M{x0} {y0}C{bend} {y0} {bend} {y1} {x1} {y1}");
    }
    let down = from.0 < to.0;
    let first = from.0.min(to.0) + 1;
    let neighbours = (first..from.0.max(to.0)).all(|between| rows[between].lines[from.1].is_empty());
    if neighbours {
        let x = left(from.1) + BOX / 2;
        let (y0, y1) = if down { (bottom(a, from.1), b.top) } else { (a.top, bottom(b, to.1)) };
        return format!(
            "M{x} {y0}V{y1}m-4 {0}l4 {1}l4 {0}",
            if down { -5 } else { 5 },
            if down { 5 } else { -5 }
        );
    }
    let (edge, out) = if from.1 == 0 { (left(0), -1) } else { (left(1) + BOX, 1) };
    let reach = edge + out * (14 + 6 * (from.0.abs_diff(to.0) as i32).min(5));
    format!("M{edge} {0}C{reach} {0} {reach} {1} {edge} {1}", a.middle(), b.middle())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
