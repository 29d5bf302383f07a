//! Being asked to end: by Ctrl-C, by a system that shuts down, by a terminal that is closed.

use super::status_line::give_back_terminal;
use crate::print::print_error;
use std::future::poll_fn;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC as Signal, ctrl_c};

/// Signals so close to each other are one wish: `timeout`, and a shell whose terminal is closed, send two.
const ONE_WISH: Duration = Duration::from_millis(500);

/// The number of the signal that came first; 0 if none has.
static RECEIVED: AtomicU8 = AtomicU8::new(0);

/// What a process exits with that was asked to end and did: 128 and the number of the signal, as shells have it.
pub fn interrupted() -> ExitCode {
    ExitCode::from(128 + RECEIVED.load(Ordering::Relaxed))
}

/// A flag that the first Ctrl-C, SIGTERM or SIGHUP sets, to ask what is going on to end; a second one ends the process.
pub fn stop_on_signals() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = listen(stop.clone()) {
        print_error(&format!("warning: Ctrl-C will end the program without a summary ({error})"));
    }
    stop
}

fn listen(stop: Arc<AtomicBool>) -> io::Result<()> {
    has_descriptors()?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut signals = runtime.block_on(async { signals() })?;
    let listener = async move {
        RECEIVED.store(next(&mut signals).await, Ordering::Relaxed);
        let first = Instant::now();
        stop.store(true, Ordering::Relaxed);
        while first.elapsed() < ONE_WISH {
            next(&mut signals).await;
        }
        give_back_terminal();
        std::process::exit(130);
    };
    thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(listener))?;
    Ok(())
}

/// Whether there are descriptors enough, without which tokio panics.
#[cfg(unix)]
fn has_descriptors() -> io::Result<()> {
    const PAIRS: usize = 4;
    let all: io::Result<Vec<_>> = (0..PAIRS).map(|_| std::os::unix::net::UnixStream::pair()).collect();
    all.map(drop)
}

#[cfg(windows)]
fn has_descriptors() -> io::Result<()> {
    Ok(())
}

/// Waits for any of the signals, and says which came.
async fn next(signals: &mut [(u8, Signal)]) -> u8 {
    poll_fn(|context| {
        let came =
            signals.iter_mut().find_map(|(n, signal)| signal.poll_recv(context).is_ready().then_some(*n));
        came.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

#[cfg(unix)]
fn signals() -> io::Result<Vec<(u8, Signal)>> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !outlives_terminal() {
        kinds.push(SignalKind::hangup());
    }
    kinds.into_iter().map(|kind| Ok((kind.as_raw_value() as u8, signal(kind)?))).collect()
}

/// Whether the program goes on when its terminal is closed, as nohup has it. To listen would undo that; where the system
/// does not say, nobody listens.
#[cfg(unix)]
fn outlives_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|signals| signals >> (SignalKind::hangup().as_raw_value() - 1) & 1 == 1)
}

#[cfg(windows)]
fn signals() -> io::Result<Vec<(u8, Signal)>> {
    const SIGINT: u8 = 2;
    Ok(vec![(SIGINT, ctrl_c()?)])
}
