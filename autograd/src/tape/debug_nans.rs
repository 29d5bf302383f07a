//! Finding the operation that made the first NaN or infinity.
//!
//! A graph that watches looks at every value as it is recorded, and remembers the caller's line for each node. A program
//! compiled from it computes one operation at a time, with the same bits as in fused steps, and looks at every value too.

use super::graph::{Graph, Source};
use super::watch::{Kind, Look, Origin, Subject};
use std::panic::Location;
use tensor::Tensor;

impl Graph {
    /// Has every value looked at for NaNs, from here on and in every run of a [`Program`](crate::Program) that is compiled
    /// from this graph. The first operation that makes one, forward or backward, is a panic that names it, the layer, and the
    /// line that recorded it (of a gradient, the line of the operation that it is the gradient of).
    ///
    /// The equivalent of PyTorch's `torch.autograd.detect_anomaly()` and JAX's `jax_debug_nans`. It is for finding a
    /// mistake, not for training: a program computes one operation at a time, and everything takes several times as long.
    /// The values stay the same, to the bit. Infinities are not looked for, since many a computation is right to have them
    /// on the way: the logits of forbidden classes, the padding of a maximum. [`debug_infs`](Graph::debug_infs) does.
    ///
    /// An operation that makes a NaN is refused even if nobody uses that element: `select` between a logarithm and something
    /// else still computes the logarithm of every element.
    ///
    /// ```should_panic
    /// use autograd::{Graph, Tensor};
    /// let graph = Graph::training(0, 0).debug_nans();
    /// let x = graph.input(Tensor::from([1.0_f32, -1.0]));
    /// x.sqrt(); // debug_nans: %1 = Sqrt %0  [2] made a NaN, element [1] of its result; recorded at src/main.rs:4:3
    /// ```
    #[must_use]
    #[track_caller]
    pub fn debug_nans(mut self) -> Graph {
        self.watch.look.nans = true;
        self.watch_from_now_on(Location::caller())
    }

    /// As [`debug_nans`](Graph::debug_nans), for infinities; both can be asked for (TensorFlow's
    /// `tf.debugging.enable_check_numerics()`).
    ///
    /// It finds the operation that makes an infinity of finite operands: `exp(1000)`, `1 / 0`, `ln(0)`. Infinities that
    /// are given, as an input, a constant or padding (a mask of −∞), and what is computed from them, are no mistakes; a
    /// parameter that is infinite is one. (JAX's `jax_debug_infs` refuses all.)
    #[must_use]
    #[track_caller]
    pub fn debug_infs(mut self) -> Graph {
        self.watch.look.infs = true;
        self.watch_from_now_on(Location::caller())
    }

    /// As [`debug_nans`](Graph::debug_nans) and [`debug_infs`](Graph::debug_infs) together, but what is found is no panic: the first is told
    /// by [`first_nan`](Graph::first_nan). For a loop that has met a loss that is no number, and is to say where it comes from.
    ///
    /// ```
    /// use autograd::{Graph, Tensor};
    /// let graph = Graph::training(0, 0).note_nans();
    /// let x = graph.input(Tensor::from([1.0_f32, 0.0]));
    /// assert!(x.ln().sum(..).item().is_infinite());
    /// assert!(graph.first_nan().unwrap().starts_with("debug_infs: %1 = Ln %0  [2] made an infinity, element [1]"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn note_nans(mut self) -> Graph {
        (self.watch.look.nans, self.watch.look.infs, self.watch.is_noted) = (true, true, true);
        self.watch_from_now_on(Location::caller())
    }

    /// The first NaN or infinity that was recorded since [`note_nans`](Graph::note_nans), in the words of
    /// [`debug_nans`](Graph::debug_nans).
    pub fn first_nan(&self) -> Option<String> {
        self.watch.found.borrow().clone()
    }

    /// Nodes that are there already count as recorded by the caller.
    fn watch_from_now_on(self, line: &'static Location<'static>) -> Graph {
        let origin = Origin { line, gradient_of: None, infinities_meant: false };
        self.watch.origins.borrow_mut().resize(self.len(), origin);
        self
    }

    /// Remembers where node `index`, the last one, comes from, and looks at its value.
    #[track_caller]
    pub(crate) fn watch_node(&self, index: usize, caller: &'static Location<'static>) {
        let watch = &self.watch;
        let gradient_of = watch.differentiated.get();
        {
            let mut origins = watch.origins.borrow_mut();
            let line = gradient_of.map_or(caller, |of| origins[of].line);
            origins.push(Origin { line, gradient_of, infinities_meant: watch.infinities_meant.get() });
        }
        let complaint = {
            let nodes = self.nodes.borrow();
            // Another value of an operation is made of what that reads.
            let of =
                if matches!(nodes[index].source, Source::Value(_)) { nodes[index].inputs[0] } else { index };
            let operands = nodes[of].inputs.iter().map(|&input| &nodes[input].value);
            watch.look.complaint(self.watched_kind(index), &nodes[index].value, operands)
        };
        let Some(complaint) = complaint else { return };
        let layer = self.layer_path_of(self.nodes.borrow()[index].scope, None);
        let text = complaint.text(&self.subject(index, layer.map(|(path, _)| path).as_deref()));
        if gradient_of.is_none() && !watch.is_noted {
            panic!("{text}");
        }
        // This line is in an operation's gradient. Those who asked for it report what is found first.
        watch.found.borrow_mut().get_or_insert(text);
    }

    /// Reports what was found while gradients were recorded.
    #[track_caller]
    pub(crate) fn report_found(&self) {
        if !self.watch.is_noted
            && let Some(text) = self.watch.found.take()
        {
            panic!("{text}");
        }
    }

    fn watched_kind(&self, index: usize) -> Kind {
        let infinities_meant = self.watch.origins.borrow()[index].infinities_meant;
        match self.nodes.borrow()[index].source {
            Source::Op(_) | Source::Value(_) => Kind::Operation { infinities_meant },
            Source::Param(_) => Kind::Param,
            Source::Input | Source::Constant => Kind::Given,
        }
    }

    /// Node `index` for messages; `layer` is where in the model it is.
    fn subject(&self, index: usize, layer: Option<&str>) -> Subject {
        let (nodes, origin) = (self.nodes.borrow(), self.watch.origins.borrow()[index]);
        let listed = |index: usize| self.info(index, &nodes[index]);
        let node = match origin.gradient_of {
            Some(of) => format!("{}, in the gradient of {},", listed(index), listed(of)),
            None => listed(index).to_string(),
        };
        let layer = layer.map_or(String::new(), |layer| format!(" in {layer},"));
        Subject { node, place: format!(";{layer} recorded at {}", origin.line) }
    }
}

/// What a program looks for in its runs.
pub(crate) struct Watcher {
    look: Look,
    nodes: Vec<(Kind, Subject)>,
}

impl Watcher {
    /// `None` unless the graph looks for something.
    pub(crate) fn of(graph: &Graph) -> Option<Box<Watcher>> {
        if !graph.watch.is_on() {
            return None;
        }
        let scopes = graph.scopes.borrow().len();
        let path = |scope| graph.layer_path_of(scope, None).map(|(path, _)| path);
        let layers: Vec<Option<String>> = (0..scopes).map(path).collect();
        let watched = |index: usize| {
            let layer = layers[graph.nodes.borrow()[index].scope].as_deref();
            (graph.watched_kind(index), graph.subject(index, layer))
        };
        let nodes = (0..graph.len()).map(watched).collect();
        Some(Box::new(Watcher { look: graph.watch.look, nodes }))
    }

    /// What is wrong with the value of a node.
    pub(crate) fn complaint<'a>(
        &self,
        node: usize,
        value: &Tensor,
        operands: impl Iterator<Item = &'a Tensor>,
    ) -> Option<String> {
        let (kind, subject) = &self.nodes[node];
        self.look.complaint(*kind, value, operands).map(|complaint| complaint.text(subject))
    }
}
