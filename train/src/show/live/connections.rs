//! Connections to the page: no more than the run can spare, and none that waits for ever.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at the same time, at most: those of all pages, and what browsers open beside. More wait for one to be closed.
const MOST: usize = 128;
/// A run needs file descriptors of its own: of those that a process may have, so many parts are left to it.
const SHARE: usize = 4;
/// A connection on which nothing has been answered for so long is closed. Streams of events say that they are alive more often.
const IDLE: Duration = Duration::from_secs(30);
/// How long to wait when the system gives no connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections.
pub(super) struct Connections {
    listener: TcpListener,
    seats: Arc<Semaphore>,
    idle: Duration,
}

impl Connections {
    pub(super) fn new(listener: TcpListener) -> Connections {
        let most = descriptors().map_or(MOST, |all| (all / SHARE).clamp(8, MOST));
        Connections { listener, seats: Arc::new(Semaphore::new(most)), idle: IDLE }
    }
}

/// File descriptors that this process may have, where the system tells.
fn descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let Ok(seat) = self.seats.clone().acquire_owned().await else {
                unreachable!("it is never closed")
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let idle = Box::pin(sleep(self.idle));
                    return (
                        Connection { stream, idle, patience: self.idle, is_asked: false, _seat: seat },
                        address,
                    );
                }
                // That one has gone already, or there are no descriptors just now.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that is closed when nothing has been answered on it for a while, whatever trickles in.
pub(super) struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    patience: Duration,
    /// Whether something has come in since the last answer.
    is_asked: bool,
    _seat: OwnedSemaphorePermit,
}

impl Connection {
    /// What the stream says, or that it has been idle for too long.
    fn unless_idle<T>(
        &mut self,
        context: &mut Context<'_>,
        answer: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match answer {
            Poll::Pending if self.idle.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            answer => answer,
        }
    }

    fn answered<T>(&mut self, context: &mut Context<'_>, answer: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Ok(_)) = answer {
            self.is_asked = false;
            self.idle.as_mut().reset(Instant::now() + self.patience);
        }
        self.unless_idle(context, answer)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // A question has all the time that there is for an answer, once.
        if buffer.filled().len() > before && !self.is_asked {
            self.is_asked = true;
            let until = Instant::now() + self.patience;
            self.idle.as_mut().reset(until);
        }
        // A request that comes byte by byte is none.
        if self.idle.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.answered(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.answered(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.unless_idle(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream as Client;
    use std::thread;

    /// Serves with this patience and so many seats.
    fn serve(idle: Duration, seats: usize) -> SocketAddr {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let connections = Connections { listener, seats: Arc::new(Semaphore::new(seats)), idle };
                let answer = axum::routing::get(async || "here");
                axum::serve(connections, axum::Router::new().route("/", answer)).await.unwrap();
            });
        });
        address
    }

    #[test]
    fn connections_on_which_nothing_is_asked_are_closed_and_make_room() {
        let address = serve(Duration::from_millis(300), 2);
        let mut idle: Vec<Client> = (0..2).map(|_| Client::connect(address).unwrap()).collect();
        // One sends a byte now and then.
        let mut dripping = idle[0].try_clone().unwrap();
        thread::spawn(move || {
            while dripping.write_all(b"G").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        // There is no seat for this one until they are gone.
        let mut client = Client::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        for client in &mut idle {
            let mut rest = vec![];
            let _ = client.read_to_end(&mut rest); // it ends
        }
    }
}
