//! Events on their way to a page.

use crate::watch::{Event, Events};
use axum::response::sse;
use futures_util::stream::{Stream, unfold};
use std::convert::Infallible;
use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};

/// Pages that are sent events at the same time.
pub(super) const PAGES: usize = 64;
/// Bytes of a message, about: what a slow page has waiting.
const MESSAGE: usize = 64 * 1024;

/// From one message to the next, so that a quick training does not wake server and page all the time: the more seldom the
/// fewer processors there are, as the page draws.
static PAUSE: LazyLock<Duration> = LazyLock::new(|| {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    (Duration::from_secs(2) / processors as u32).clamp(Duration::from_millis(100), Duration::from_secs(1))
});

/// Streams that are held open. Browsers allow six connections to a server, so with more of them some pages would get none.
const HELD: usize = 4;

/// How soon a page comes back that has let others have their turn, and how long it waits for news before it does.
const TURN: Duration = Duration::from_secs(1);

/// How soon a page notices news that it waits for.
const GLANCE: Duration = Duration::from_millis(50);

/// Where a page is in the history of a run.
pub(super) struct Reader {
    events: Events,
    /// How many times the history had begun anew, and how many of its events were sent.
    next: (u64, usize),
    /// Tells runs apart, so that a page that outlived one begins with the next from the start.
    run: u64,
    seat: OwnedSemaphorePermit,
    /// When to send on, if there is not enough for a whole message.
    due: Instant,
}

impl Reader {
    /// Goes on after the message `last`, if it is of this run.
    pub(super) fn new(events: Events, run: u64, last: Option<&str>, seat: OwnedSemaphorePermit) -> Reader {
        let next = last.and_then(|last| {
            let mut parts = last.split('-');
            let of: u64 = parts.next()?.parse().ok()?;
            let next = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            (of == run).then_some(next)
        });
        Reader { events, next: next.unwrap_or_default(), run, seat, due: Instant::now() }
    }

    /// Everything from here on, as arrays of events; with many pages open, all there is before others have their turn.
    pub(super) fn messages(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        unfold(Some(self), |reader| async move {
            let mut reader = reader?;
            let waiting = if reader.due > Instant::now() && reader.is_crowded() {
                vec![]
            } else {
                sleep_until(reader.due).await;
                reader.news().await
            };
            if waiting.is_empty() {
                let turn = sse::Event::default().event("turn").retry(TURN).data("others wait");
                return Some((Ok(turn), None));
            }
            let (text, count) = array(&waiting);
            reader.next.1 += count;
            // All of it, until more has happened.
            if count == waiting.len() {
                reader.due = Instant::now() + *PAUSE;
            }
            let message = sse::Event::default()
                .id(format!("{}-{}-{}", reader.run, reader.next.0, reader.next.1))
                .data(text);
            Some((Ok(message), Some(reader)))
        })
    }

    /// Waits for what has happened since, but not for long while others wait.
    async fn news(&mut self) -> Vec<Arc<Event>> {
        let begun = Instant::now();
        loop {
            let (beginnings, news) = self.events.after(self.next);
            if beginnings != self.next.0 {
                self.next = (beginnings, 0);
            }
            if !news.is_empty() || self.is_crowded() && begun.elapsed() >= TURN {
                return news;
            }
            sleep(GLANCE).await;
        }
    }

    fn is_crowded(&self) -> bool {
        PAGES - self.seat.semaphore().available_permits() > HELD
    }
}

/// As many of the events as fit in a message, at least one, as a JSON array, and their number.
fn array(events: &[Arc<Event>]) -> (String, usize) {
    let mut text = String::from("[");
    for (count, event) in events.iter().enumerate() {
        if text.len() > MESSAGE {
            return (text + "]", count);
        }
        if count > 0 {
            text.push(',');
        }
        text += &serde_json::to_string(&**event).expect("events have plain fields");
    }
    (text + "]", events.len())
}
