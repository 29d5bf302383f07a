//! The live page, and bytes that are sent to it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use train::show::{Place, Refusal, Shape, Show, View, serve};
use train::watch::{Content, Event, Events, History, Observer, Record, Request};

/// A panel that takes questions.
struct Echo;

impl View for Echo {
    fn draw(&self, _: &str, _: &Content, _: Place, _: &mut Vec<Shape>) -> bool {
        false
    }
    fn resource(&self, path: &str, _: &Events) -> Option<(&'static str, Vec<u8>)> {
        (path == "some/thing").then(|| ("text/plain", b"thing".to_vec()))
    }
    fn question(&self, path: &str, body: &[u8]) -> Option<Result<Vec<u8>, Refusal>> {
        (path == "echo").then(|| Ok(body.to_vec()))
    }
}

/// A page that runs for as long as the program, and answers.
fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let mut history = History::new();
        for step in 0..3 {
            history.on_event(&Event::Step(Record { step, epoch: 1, ..Record::default() }));
        }
        let (requests, asked) = sync_channel(4);
        thread::spawn(move || {
            for request in asked {
                if let Request::Ask(question) = request {
                    (question.answer)(Ok("{}".to_owned()));
                }
            }
        });
        let show = Show { events: history.events(), views: vec![Arc::new(Echo)], requests, answers: true };
        serve(show, 0).unwrap()
    })
}

/// How long to wait for an answer before the server is told that no more comes.
const SOON: Duration = Duration::from_millis(5);

/// What is answered to these bytes.
pub(crate) fn ask(bytes: &[u8]) -> Vec<u8> {
    let mut stream = loop {
        match TcpStream::connect(address()) {
            Ok(stream) => break stream,
            // All ports are of connections that have just been closed.
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                thread::sleep(Duration::from_millis(50))
            }
            Err(error) => panic!("the page does not take connections any more: {error}"),
        }
    };
    let mut answer = vec![];
    // Whoever refuses may close the connection before all has been said.
    let _ = stream.write_all(bytes);
    // A request that is whole is answered, and one that is not waits for its rest: then it is told that there is none.
    let _ = stream.set_read_timeout(Some(SOON));
    if stream.read_to_end(&mut answer).is_err() {
        let _ = stream.set_read_timeout(None);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut answer);
    }
    answer
}

/// The word that the page has, without which nothing is taken from it.
pub(crate) fn token() -> String {
    let page = ask(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let page = String::from_utf8_lossy(&page).into_owned();
    let (_, rest) = page.split_once(r#"<meta name="token" content=""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}
