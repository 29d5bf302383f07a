//! A run that is over, opened in the page again.

use super::live::{Show, serve};
use super::view::Views;
use crate::watch::{Control, History, RecordedError, recorded};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;

/// Why a run cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The folder has no run that could be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// No port is free.
    #[error("the page cannot be served: {0}")]
    Serve(#[from] io::Error),
}

/// Serves the run in `folder` as a page, calls `opened` with its address, and returns when `stop` is set. Nothing can be asked of its
/// model.
///
/// # Errors
/// If there is no such run, or no port to serve it on.
pub fn replay(
    folder: &Path,
    views: Views,
    port: u16,
    stop: &AtomicBool,
    opened: impl FnOnce(SocketAddr),
) -> Result<(), ReplayError> {
    let (_, events) = recorded(folder)?;
    let mut history = History::new();
    history.go_on_after(&events);
    let (requests, asked) = sync_channel(4);
    opened(serve(Show { events: history.events(), views, requests, answers: false }, port)?);
    let mut control = Control::new(asked);
    while let Some(question) = control.after(stop) {
        (question.answer)(Err("there is no model".to_owned()));
    }
    Ok(())
}
