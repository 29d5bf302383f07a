//! Being asked to end: by Ctrl-C, by a system that shuts down, by a terminal that is closed.

use crate::watch::console::print_error;
use crate::watch::status_line::give_back_terminal;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// A flag that the first Ctrl-C, SIGTERM or SIGHUP sets, to ask what is going on to end; a second one ends the process.
pub fn stop_on_signals() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = listen(stop.clone()) {
        print_error(&format!("warning: Ctrl-C will end the program without a summary ({error})"));
    }
    stop
}

fn listen(stop: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut signals = runtime.block_on(async { signals() })?;
    let listener = async move {
        next(&mut signals).await;
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

/// Waits for any of the signals.
async fn next(signals: &mut [Signal]) {
    poll_fn(|context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(unix)]
fn signals() -> io::Result<Vec<Signal>> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !outlives_terminal() {
        kinds.push(SignalKind::hangup());
    }
    kinds.into_iter().map(signal).collect()
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
fn signals() -> io::Result<Vec<Signal>> {
    Ok(vec![ctrl_c()?])
}
