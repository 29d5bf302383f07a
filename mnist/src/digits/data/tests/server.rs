//! A small HTTP server that can misbehave.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::*;

/// The head of a request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) head: String,
}

impl Request {
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.line().split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default()
    }

    /// The first byte asked for by `Range: bytes=100-`.
    pub(super) fn offset(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// Serves on a port of its own until it is dropped.
pub(super) struct Server {
    /// Ends with a slash.
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Has `answer` write the reply to each request.
    pub(super) fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::accepting(move |mut stream, requests| {
            let Some(request) = read_head(&stream) else { return };
            requests.lock().unwrap().push(request.clone());
            answer(&request, &mut stream);
        })
    }

    /// Has `serve` deal with each connection, on a thread of its own.
    pub(super) fn accepting(serve: impl Fn(TcpStream, &Mutex<Vec<Request>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (requests, stopping) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (seen, stop, serve) = (Arc::clone(&requests), Arc::clone(&stopping), Arc::new(serve));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (seen, serve) = (Arc::clone(&seen), Arc::clone(&serve));
                thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { url, requests, stopping, thread: Some(thread) }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread from waiting for a connection.
        let _ = TcpStream::connect(self.authority());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(super) fn read_head(stream: &TcpStream) -> Option<Request> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    loop {
        let start = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if &head[start..] == "\r\n" {
            return Some(Request { head });
        }
    }
}

/// Status line and headers; what follows is the body.
pub(super) fn head(stream: &mut TcpStream, status: &str, headers: &[String]) {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    // The other side may have hung up already: that is for its test to notice.
    let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
}

pub(super) fn body(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// What a good server does: the whole file, or the part asked for.
pub(super) fn serve_file(request: &Request, stream: &mut TcpStream, file: Option<&[u8]>) {
    match (file, request.offset()) {
        (None, _) => head(stream, "404 Not Found", &["Content-Length: 0".into()]),
        (Some(file), None) => {
            head(stream, "200 OK", &[format!("Content-Length: {}", file.len())]);
            body(stream, file);
        }
        (Some(file), Some(offset)) if offset < file.len() => {
            let range = format!("Content-Range: bytes {offset}-{}/{}", file.len() - 1, file.len());
            head(stream, "206 Partial Content", &[range, format!("Content-Length: {}", file.len() - offset)]);
            body(stream, &file[offset..]);
        }
        (Some(_), Some(_)) => head(stream, "416 Range Not Satisfiable", &["Content-Length: 0".into()]),
    }
}

pub(super) const FIRST: &str = "train-images-idx3-ubyte.gz";
pub(super) const PART: &str = "train-images-idx3-ubyte.gz.part";
pub(super) const CACHED: [&str; 5] = [
    "lock",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
];

pub(super) fn good_mirror(fixture: &Arc<Fixture>) -> Server {
    let fixture = Arc::clone(fixture);
    Server::start(move |request, stream| serve_file(request, stream, fixture.by_name(request.name())))
}

/// Answers requests for the training images with `answer`, which is given the right file, and others well.
pub(super) fn odd_mirror(
    fixture: &Arc<Fixture>,
    answer: impl Fn(&Request, &mut TcpStream, &[u8]) + Send + Sync + 'static,
) -> Server {
    let fixture = Arc::clone(fixture);
    Server::start(move |request, stream| match fixture.by_name(request.name()) {
        Some(file) if request.name() == FIRST => answer(request, stream, file),
        file => serve_file(request, stream, file),
    })
}

/// `Range` headers of the requests for the training images.
pub(super) fn offsets(server: &Server) -> Vec<Option<usize>> {
    server.requests().iter().filter(|request| request.name() == FIRST).map(Request::offset).collect()
}
