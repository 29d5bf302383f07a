//! The live page: a server on this computer alone that shows a run as it goes on.
//!
//! A page that reads slowly holds up nobody: it is sent what has happened since it last read, from the history, so that
//! there is no queue that could grow.

mod connections;
mod guard;
mod page;
mod routes;
mod stream;

pub(crate) use page::page;
pub use page::report;

use super::view::Views;
use crate::print::print_error;
use crate::watch::{Events, Request};
use connections::Connections;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::SyncSender;
use std::thread;

/// Ports that are tried if the one asked for is taken.
const ATTEMPTS: u16 = 50;

/// What the page shows, and whom it asks.
pub struct Show {
    /// What has happened so far.
    pub events: Events,
    /// Panels of one's own.
    pub views: Views,
    /// Where questions are answered and training is paused.
    pub requests: SyncSender<Request>,
    /// Whether there is a model that answers.
    pub answers: bool,
}

/// Serves the page on 127.0.0.1 in a thread of its own, for as long as the program runs. Returns its address, which has
/// another port than asked for if that one is taken.
///
/// # Errors
/// If no port is free.
pub fn serve(show: Show, port: u16) -> io::Result<SocketAddr> {
    let listener = bind(port)?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    thread::Builder::new().name("live".into()).spawn(move || {
        runtime.block_on(async {
            let served = async {
                let connections = Connections::new(tokio::net::TcpListener::from_std(listener)?);
                axum::serve(connections, routes::all(show)).await
            };
            if let Err(error) = served.await {
                print_error(&format!("warning: the live page has ended: {error}"));
            }
        });
    })?;
    Ok(address)
}

/// The first free port from this one on.
fn bind(port: u16) -> io::Result<TcpListener> {
    let mut last = None;
    for port in port..=port.saturating_add(ATTEMPTS) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
            bound => return bound,
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

#[cfg(test)]
mod tests;
