use super::*;
use crate::show::{Place, Refusal, Shape, View};
use crate::watch::{Content, Event, History, Observer, Record};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, sync_channel};
use std::thread;
use std::time::Duration;

/// What is awaited comes much sooner on an idle machine; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(300);

fn step(step: u64) -> Event {
    Event::Step(Record { step, epoch: 1, values: [("train_loss", 0.5)].into_iter().collect() })
}

/// A panel that has a picture and takes questions of up to three bytes.
struct Echo;

impl View for Echo {
    fn draw(&self, _: &str, _: &Content, _: Place, _: &mut Vec<Shape>) -> bool {
        false
    }
    fn parts(&self) -> [&'static str; 2] {
        [r#"<section id="ask" data-asks>Ask</section>"#, "<span data-asks> · ask by key</span>"]
    }
    fn resource(&self, path: &str, events: &Events) -> Option<(&'static str, Vec<u8>)> {
        let steps = path.strip_prefix("steps/")?;
        (events.all().len().to_string() == steps).then(|| ("text/plain", b"so many".to_vec()))
    }
    fn question(&self, path: &str, body: &[u8]) -> Option<Result<Vec<u8>, Refusal>> {
        (path == "echo").then(|| match body.len() {
            0 => Err(Refusal::Empty("nothing is asked")),
            1..4 => Ok(body.to_vec()),
            _ => Err(Refusal::Malformed("a question has three bytes")),
        })
    }
}

fn show() -> (History, SocketAddr, Receiver<Request>) {
    let history = History::new();
    let (requests, asked) = sync_channel(2);
    let show = Show { events: history.events(), views: vec![Arc::new(Echo)], requests, answers: true };
    let address = serve(show, 0).unwrap();
    (history, address, asked)
}

/// Sends a request, and returns status and body.
fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = vec![];
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

const LOCAL: &str = "Host: localhost\r\n";

/// The headers of a request that the page sends.
fn from_page(address: SocketAddr) -> String {
    let (_, page) = ask(address, "GET", "/", LOCAL, b"");
    let page = String::from_utf8(page).unwrap();
    let (_, rest) = page.split_once(r#"<meta name="token" content=""#).unwrap();
    format!("{LOCAL}X-Page-Token: {}\r\n", rest.split_once('"').unwrap().0)
}

/// A page that reads events.
struct Page(BufReader<TcpStream>);

impl Page {
    fn open(address: SocketAddr, query: &str, headers: &str) -> Page {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /events{query} HTTP/1.1\r\n{LOCAL}{headers}\r\n").unwrap();
        Page(BufReader::new(stream))
    }

    /// The next message: its id, and the steps in it.
    fn next(&mut self) -> (String, Vec<u64>) {
        let (mut id, mut steps) = (String::new(), None);
        while id.is_empty() || steps.is_none() {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
            if let Some(found) = line.strip_prefix("id: ") {
                id = found.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                let events: Vec<Event> = serde_json::from_str(data.trim()).unwrap();
                let step = |event| match event {
                    Event::Step(record) => record.step,
                    other => panic!("{other:?}"),
                };
                steps = Some(events.into_iter().map(step).collect());
            }
        }
        (id, steps.unwrap())
    }

    /// The stream ends, after it has been said why.
    fn ends(&mut self) {
        let mut lines = self.0.by_ref().lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "event: turn"));
        assert!(lines.any(|line| line == "0"), "the last chunk");
    }
}

#[test]
fn late_and_returning_pages_get_everything_once() {
    let (mut history, address, _asked) = show();
    (0..3).for_each(|n| history.on_event(&step(n)));
    let mut early = Page::open(address, "", "");
    let (id, steps) = early.next();
    assert_eq!(steps, [0, 1, 2]);
    history.on_event(&step(3));
    assert_eq!(early.next().1, [3]);
    // A lost connection, or a page that was hidden, goes on where it was.
    for mut back in [
        Page::open(address, "?after=", &format!("Last-Event-ID: {id}\r\n")),
        Page::open(address, &format!("?after={id}"), ""),
    ] {
        assert_eq!(back.next().1, [3]);
    }
    // After a run that this server knows nothing of, all of this one.
    assert_eq!(Page::open(address, "?after=12-0-3", "").next().1, [0, 1, 2, 3]);
}

#[test]
fn pages_that_never_read_hold_up_nobody() {
    let (mut history, address, _asked) = show();
    let sleeping: Vec<Page> = (0..20).map(|_| Page::open(address, "", "")).collect();
    (0..9_000).for_each(|n| history.on_event(&step(n)));
    let mut awake = Page::open(address, "", "");
    let (mut count, mut messages) = (0, 0);
    while count < 9_000 {
        count += awake.next().1.len();
        messages += 1;
    }
    assert!(messages > 5, "a slow page is sent small parts, not {messages}");
    drop(sleeping);
}

/// So many of these pages are told to give way, whichever.
fn give_way(pages: Vec<Page>, count: usize) {
    let (told, tell) = mpsc::channel();
    for mut page in pages {
        let told = told.clone();
        thread::spawn(move || {
            page.ends();
            let _ = told.send(());
        });
    }
    for _ in 0..count {
        tell.recv_timeout(PATIENCE).expect("a page gives way");
    }
}

/// A browser has six connections to a server: as many pages would have left none for the next.
#[test]
fn with_many_pages_open_each_gives_way_to_the_next() {
    let (mut history, address, _asked) = show();
    history.on_event(&step(0));
    let mut pages: Vec<Page> = (0..6).map(|_| Page::open(address, "", "")).collect();
    let (id, steps) = pages[0].next();
    assert_eq!(steps, [0]);
    // Four may stay.
    give_way(pages, 2);
    // Those that have seen everything do not wait for ever either.
    give_way((0..6).map(|_| Page::open(address, &format!("?after={id}"), "")).collect(), 2);
}

#[test]
fn the_page_is_for_this_computer_alone() {
    let (_history, address, _asked) = show();
    let (status, page) = ask(address, "GET", "/", LOCAL, b"");
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, 200);
    assert!(page.ends_with("</html>\n") && page.contains("EventSource"));
    for part in ["src=\"", "href=\"http", "url(", "@import", "https://"] {
        assert!(!page.contains(part), "the page loads something: {part}");
    }
    let page = from_page(address);
    let local = |more: &str| format!("{page}{more}\r\n");
    let foreign = [
        "Host: example.org\r\n".to_owned(),
        String::new(),
        local("Origin: http://example.org"),
        local("Origin: null"),
        local("Origin: http://localh\u{f6}st"),
        local("Sec-Fetch-Site: cross-site"),
        local("Sec-Fetch-Site: same-site"),
    ];
    for headers in &foreign {
        for (method, path) in [("GET", "/"), ("GET", "/events"), ("POST", "/pause")] {
            let (status, reason) = ask(address, method, path, headers, b"");
            // Without any Host header it is no HTTP/1.1, which the server itself may say.
            assert!(status == 403 || headers.is_empty() && status == 400, "{headers:?}: {status}");
            assert!(headers.is_empty() || !reason.is_empty());
        }
    }
    let same = local("Origin: http://localhost\r\nSec-Fetch-Site: same-origin");
    assert_eq!(ask(address, "POST", "/pause", &same, b"").0, 204);
}

/// Not a program beside it, and not a page in whose frame it is.
#[test]
fn only_the_page_itself_pauses_and_draws() {
    let (_history, address, _asked) = show();
    let guessed = format!("{LOCAL}X-Page-Token: {:032x}\r\n", 7);
    for path in ["/pause", "/resume", "/echo"] {
        for headers in [LOCAL, &guessed] {
            let (status, reason) = ask(address, "POST", path, headers, &[9; 100]);
            assert_eq!(
                (status, reason),
                (403, b"only the page itself may ask for this\n".to_vec()),
                "{path}"
            );
        }
    }
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\n{LOCAL}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let head = answer.split_once("\r\n\r\n").unwrap().0.to_lowercase();
    assert!(head.contains("x-frame-options: deny") && head.contains("frame-ancestors 'none'"), "{head}");
}

#[test]
fn a_taken_port_makes_way_for_the_next() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let next = bind(port).unwrap().local_addr().unwrap();
    assert!(next.port() > port && next.ip().is_loopback());
}

#[test]
fn questions_are_answered_by_whoever_trains() {
    let (mut history, address, asked) = show();
    let page = from_page(address);
    let trainer = thread::spawn(move || {
        let Ok(Request::Ask(first)) = asked.recv() else { panic!("a question was sent") };
        assert_eq!(first.body, [1, 2, 3]);
        (first.answer)(Ok("[0.5]".into()));
        let Ok(Request::Ask(second)) = asked.recv() else { panic!("a question was sent") };
        (second.answer)(Err("what the network computes is not a number any more".into()));
    });
    assert_eq!(ask(address, "POST", "/echo", &page, &[1, 2, 3]), (200, b"[0.5]".to_vec()));
    let (status, answer) = ask(address, "POST", "/echo", &page, &[1]);
    assert_eq!((status, answer.ends_with(b"is not a number any more\n")), (500, true), "a diverged network");
    trainer.join().unwrap();
    assert_eq!(ask(address, "POST", "/echo", &page, &[1]).0, 410, "the run is over");
    assert_eq!(ask(address, "POST", "/echo", &page, &[]).0, 422, "nothing is asked");
    assert_eq!(ask(address, "POST", "/echo", &page, &[0; 7]).0, 400);
    assert_eq!(ask(address, "POST", "/echo", &page, &[0; 500_000]).0, 413);
    assert_eq!(ask(address, "POST", "/nowhere", &page, &[1]).0, 404);

    assert_eq!(ask(address, "GET", "/steps/1", LOCAL, b"").0, 404);
    history.on_event(&step(0));
    assert_eq!(ask(address, "GET", "/steps/1", LOCAL, b""), (200, b"so many".to_vec()));
    assert_eq!(ask(address, "GET", "/nothing/here", LOCAL, b"").0, 404);
}

/// A file has nobody behind it that could answer.
#[test]
fn a_report_does_not_offer_to_ask() {
    let views: Views = vec![Arc::new(Echo)];
    assert!(page(&views, true, "").contains(r#"<div id="parts"><section id="ask">"#));
    let report = report(&[Arc::new(step(3))], &views);
    assert!(report.contains(r#"<section id="ask" hidden>"#) && report.contains("<span hidden> · ask by key"));
    assert!(report.contains(r#"{"events":[{"step":{"step":3,"epoch":1,"train_loss":0.5}}]}</script>"#));
}
