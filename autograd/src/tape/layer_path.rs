//! Recording the parts of a model, and what they are called in pictures and messages.

use super::graph::{Graph, Source};
use super::scope::{Label, Scope};
use crate::params::param::Param;

/// A part of the model that is being recorded, see [`Graph::scope`]. It is a guard and not a function of a closure because
/// in a closure a mistake in shapes would no longer point at the caller's line.
#[must_use = "the scope ends when this is dropped"]
pub struct ScopeGuard<'g> {
    graph: &'g Graph,
    parent: usize,
}

impl Drop for ScopeGuard<'_> {
    fn drop(&mut self) {
        self.graph.scope.set(self.parent);
    }
}

impl Graph {
    /// From here until the guard is dropped, nodes belong to a part of the model of this kind (`"Conv2d"`).
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from(3.0_f32));
    /// {
    ///     let _scope = graph.scope("Square"); // not `_`, which would drop it at once
    ///     let _ = x * x;
    /// }
    /// assert_eq!(graph.nodes()[1].scope, ["Square"]);
    /// ```
    pub fn scope(&self, kind: &'static str) -> ScopeGuard<'_> {
        self.enter(Label::Kind(kind))
    }

    /// As [`scope`](Graph::scope) for element `index` of a list of layers, which is how messages name it:
    /// `Sequential.1 (Linear)`.
    pub fn scope_at(&self, index: usize) -> ScopeGuard<'_> {
        self.enter(Label::Index(index))
    }

    fn enter(&self, label: Label) -> ScopeGuard<'_> {
        let mut scopes = self.scopes.borrow_mut();
        let parent = self.scope.replace(scopes.len());
        scopes.push(Scope { label, parent });
        ScopeGuard { graph: self, parent }
    }

    /// Where in the model nodes are recorded at present, for messages: `conv2 (Conv2d)` if [`name_params`](Graph::name_params)
    /// told the names, else what is known of it, `Sequential.1 (Linear)`. `param` is a parameter of the layer. `None` outside
    /// of layers, and in a layer of which no more is known than its kind.
    ///
    /// ```
    /// # use autograd::{Graph, Param, Tensor};
    /// let graph = Graph::inference();
    /// let model = [Param::new(Tensor::from(1.0_f32))];
    /// let _list = graph.scope("Sequential");
    /// let _at = graph.scope_at(1);
    /// let _layer = graph.scope("Linear");
    /// assert_eq!(graph.layer_path(None).unwrap(), "Sequential.1 (Linear)");
    /// ```
    pub fn layer_path(&self, param: Option<&Param>) -> Option<String> {
        let names = self.names.borrow();
        let own = param.and_then(|param| names.get(&param.id())).and_then(|name| name.rsplit_once('.'));
        let found = self.layer_path_of(self.scope.get(), own.map(|(path, _)| path.to_owned()));
        found.filter(|(_, is_kind_only)| !is_kind_only).map(|(path, _)| path)
    }

    /// The path of a scope whose parameters are known to be at `own`, and whether no more is known than the kind of a layer.
    /// Of other scopes the names of the parameters that are used in them directly tell where they are; those of the layers
    /// inside may be any part of them.
    pub(crate) fn layer_path_of(&self, innermost: usize, own: Option<String>) -> Option<(String, bool)> {
        let (scopes, names, nodes) = (self.scopes.borrow(), self.names.borrow(), self.nodes.borrow());
        let named = |scope: usize| {
            let of_scope = nodes.iter().filter(|node| node.scope == scope);
            let mut names = of_scope.filter_map(|node| match &node.source {
                Source::Param(id) => names.get(id)?.rsplit_once('.'),
                _ => None,
            });
            names.next().map(|(path, _)| path.to_owned())
        };
        let mut chain = vec![];
        let mut scope = innermost;
        while scope != 0 {
            chain.push(scope);
            scope = scopes[scope].parent;
        }
        let (mut path, mut kind, mut after_index) = (vec![], None, false);
        let mut known = chain.len() > 1;
        for &scope in chain.iter().rev() {
            let name = own.clone().filter(|_| scope == innermost).or_else(|| named(scope));
            match (scopes[scope].label, name) {
                (Label::Kind(name_of_kind), Some(name)) => {
                    (path, kind, known) = (vec![name], Some(name_of_kind), true);
                }
                (Label::Kind(name_of_kind), None) if after_index => kind = Some(name_of_kind),
                (Label::Kind(name_of_kind), None) => {
                    path.push(name_of_kind.to_owned());
                    kind = None;
                }
                (Label::Index(index), _) => {
                    path.push(index.to_string());
                    (kind, known) = (None, true);
                }
            }
            after_index = matches!(scopes[scope].label, Label::Index(_));
        }
        let path = path.join(".");
        let path = kind.map_or_else(|| path.clone(), |kind| format!("{path} ({kind})"));
        (!chain.is_empty()).then_some((path, !known))
    }

    /// For each scope, the names from the outermost part of the model to it. A part is named by what the names of its
    /// parameters have in common, and by its kind where it has none.
    pub(crate) fn scope_names(&self) -> Vec<Vec<String>> {
        let (scopes, names) = (self.scopes.borrow(), self.names.borrow());
        let mut common: Vec<Option<String>> = vec![None; scopes.len()];
        for node in self.nodes.borrow().iter() {
            let Source::Param(id) = &node.source else { continue };
            let Some((path, _)) = names.get(id).and_then(|name| name.rsplit_once('.')) else { continue };
            let mut scope = node.scope;
            while scope != 0 {
                common[scope] = Some(match &common[scope] {
                    None => path.to_owned(),
                    Some(other) => shared_path(other, path),
                });
                scope = scopes[scope].parent;
            }
        }
        (0..scopes.len())
            .map(|mut scope| {
                let mut path = vec![];
                while scope != 0 {
                    if let Label::Kind(kind) = scopes[scope].label {
                        path.push(match common[scope].as_deref() {
                            None | Some("") => kind.to_owned(),
                            Some(name) => format!("{name} ({kind})"),
                        });
                    }
                    scope = scopes[scope].parent;
                }
                path.reverse();
                path
            })
            .collect()
    }

    /// For each scope the part that it is, or is in if it is the place of an element in a list.
    pub(crate) fn scope_parts(&self) -> Vec<usize> {
        let scopes = self.scopes.borrow();
        let part = |mut scope: usize| {
            while matches!(scopes[scope].label, Label::Index(_)) {
                scope = scopes[scope].parent;
            }
            scope
        };
        (0..scopes.len()).map(part).collect()
    }
}

/// The longest path that both paths begin with.
fn shared_path(a: &str, b: &str) -> String {
    let same = a.split('.').zip(b.split('.')).take_while(|(x, y)| x == y).map(|(x, _)| x);
    same.collect::<Vec<_>>().join(".")
}
