//! Panels of one's own, as they are seen.

use super::shape::{Colour, Place, Shape};
use crate::watch::{Content, Events};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Draws the [content](crate::watch::Content) of panels of one's own: in figures and movies as shapes, and on the page by a script. The
/// kinds that every run may use (text, a matrix, pictures) need none.
pub trait View: Send + Sync {
    /// Draws what a panel shows into a place of a figure; whether it does, for a panel of this name.
    fn draw(&self, panel: &str, content: &Content, within: Place, shapes: &mut Vec<Shape>) -> bool;

    /// A script of the page. It calls `own[name] = { draw(canvas, shown, all) { … } }` for each panel that it draws.
    fn script(&self) -> &'static str {
        ""
    }

    /// A part of the page below the panels, and words on its keys. Elements with the attribute `data-asks` are hidden where nobody answers.
    fn parts(&self) -> [&'static str; 2] {
        [""; 2]
    }

    /// What the page fetches below this path: media type and bytes. It may take a moment.
    fn resource(&self, path: &str, events: &Events) -> Option<(&'static str, Vec<u8>)> {
        let _ = (path, events);
        None
    }

    /// What the script needs in a page that is a file, where nothing can be fetched: members of `recorded`. Events that are not needed
    /// there may be dropped.
    fn embed(&self, events: &mut Vec<Arc<crate::watch::Event>>) -> Map<String, Value> {
        let _ = events;
        Map::new()
    }

    /// What a body that the page posts to this path asks the model; `None` if nothing is asked there.
    fn question(&self, path: &str, body: &[u8]) -> Option<Result<Vec<u8>, Refusal>> {
        let _ = (path, body);
        None
    }

    /// Colours that fade into each other in what is drawn, for the movie's palette.
    fn fades(&self) -> &'static [[Colour; 2]] {
        &[]
    }
}

/// Why a question is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is none of the kind: 400.
    Malformed(&'static str),
    /// It is, but asks nothing: 422.
    Empty(&'static str),
}

/// The views of a run.
pub type Views = Vec<Arc<dyn View>>;
