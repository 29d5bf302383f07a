//! Mirrors that do not give what they should.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use super::server::{FIRST, Server, body, good_mirror, head, odd_mirror, offsets};
use super::*;

#[test]
fn a_mirror_that_does_not_answer_is_not_asked_for_every_file() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let (dead, good) = (Server::start(|_, _| ()), good_mirror(&fixture));
    let found = find(&fixture.search(&[&dead.url, &good.url], Some(cache.path().into())));
    fixture.assert_found(&found);
    assert_eq!((dead.requests().len(), good.requests().len()), (1, 4));
}

#[test]
fn wrong_files_and_refusals_lead_to_the_next_mirror() {
    let fixture = Arc::new(Fixture::new(1));
    let other = Fixture::new(2);
    let page = |stream: &mut TcpStream, text: &[u8]| {
        head(stream, "200 OK", &[format!("Content-Length: {}", text.len())]);
        body(stream, text);
    };
    let mirrors = [
        (odd_mirror(&fixture, move |_, stream, _| page(stream, &other.gz[0])), "its SHA-256 is"),
        (
            odd_mirror(&fixture, move |_, stream, _| page(stream, b"<html>Please log in</html>")),
            "magic number",
        ),
        (odd_mirror(&fixture, move |_, stream, _| page(stream, b"")), "too few for an IDX header"),
        (
            odd_mirror(&fixture, |_, stream, file| {
                // Without a length the end of the connection is the end of the file, even half-way.
                head(stream, "200 OK", &[]);
                body(stream, &file[..file.len() / 2]);
            }),
            "damaged or cut off",
        ),
        (
            odd_mirror(&fixture, |_, stream, _| head(stream, "404 Not Found", &["Content-Length: 0".into()])),
            "status 404",
        ),
        (
            odd_mirror(&fixture, |_, stream, _| {
                head(
                    stream,
                    "302 Found",
                    &["Location: https://login.example.org/".into(), "Content-Length: 0".into()],
                );
            }),
            "status 302",
        ),
        (odd_mirror(&fixture, |_, stream, _| body(stream, b"SSH-2.0-nonsense\r\n\r\n")), "does not answer"),
        (odd_mirror(&fixture, |_, _, _| ()), "does not answer"),
    ];
    for (bad, reason) in mirrors {
        let (cache, good) = (folder(), good_mirror(&fixture));
        let found = find(&fixture.search(&[&bad.url, &good.url], Some(cache.path().into())));
        fixture.assert_found(&found);
        assert!(found.told(reason), "{reason}: {:?}", found.notices);
        assert_eq!(offsets(&good), [None], "{reason}: nothing of the wrong file was kept");
        // And alone it leaves nothing behind.
        let cache = folder();
        let message = find(&fixture.search(&[&bad.url], Some(cache.path().into()))).error();
        assert!(
            message.starts_with(&format!("{}{FIRST} ", bad.url)) && message.contains(reason),
            "{message}"
        );
        assert_eq!(listing(cache.path()), ["lock"]);
    }
}

#[test]
fn an_endless_file_is_cut_off() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let endless = odd_mirror(&fixture, |_, stream, _| {
        head(stream, "200 OK", &[]);
        while stream.write_all(&[0; 1 << 16]).is_ok() {}
    });
    let found = find(&fixture.search(&[&endless.url], Some(cache.path().into())));
    assert!(found.error().contains("it has more than 67108864 bytes"), "{}", found.error());
    assert_eq!(listing(cache.path()), ["lock"]);
}

/// How long a download may stall in the test of it: busy CPUs delay a piece of the slow one by less.
const STALL: Duration = Duration::from_secs(8);

/// Until the other side gives up.
fn wait_for_end(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]);
}

#[test]
fn a_stalled_download_is_cut_off_but_a_slow_one_is_not() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let stalled = odd_mirror(&fixture, |_, stream, file| {
        head(stream, "200 OK", &[format!("Content-Length: {}", file.len())]);
        body(stream, &file[..2000]);
        wait_for_end(stream);
    });
    let slow = odd_mirror(&fixture, |request, stream, file| {
        let start = request.offset().unwrap_or(0);
        head(
            stream,
            "206 Partial Content",
            &[format!("Content-Range: bytes {start}-{}/{}", file.len() - 1, file.len())],
        );
        for piece in file[start..].chunks(file.len() / 10) {
            body(stream, piece);
            thread::sleep(STALL / 8);
        }
    });
    let mut search = fixture.search(&[&stalled.url, &slow.url], Some(cache.path().into()));
    search.timeouts.stall = STALL;
    // The first is given up; of the second only all ten pieces together take longer than the limit.
    let found = find(&search);
    fixture.assert_found(&found);
    assert!(found.told("broke off after 2000 bytes"), "{:?}", found.notices);
}

/// Each byte is progress, and the file would come in a day and a half.
#[test]
fn a_mirror_that_drips_is_given_up_and_the_next_one_goes_on() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let dripping = odd_mirror(&fixture, |request, stream, file| {
        assert_eq!(request.offset(), None);
        head(stream, "200 OK", &[format!("Content-Length: {}", file.len())]);
        for byte in file {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let good = good_mirror(&fixture);
    let mut search = fixture.search(&[&dripping.url, &good.url], Some(cache.path().into()));
    (search.timeouts.pace, search.timeouts.least) = (Duration::from_secs(2), 100_000);
    let found = find(&search);
    fixture.assert_found(&found);
    assert!(found.told("bytes came in 2 s, which is too slow"), "{:?}", found.notices);
    // What has dripped in is kept. A busy machine may find the other too slow as well, and asks again.
    assert!(offsets(&good)[0].is_some_and(|offset| offset > 0), "{:?}", offsets(&good));
}

/// A download of any size has an end.
#[test]
fn a_mirror_that_drips_alone_is_an_error_and_no_wait_without_end() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let dripping = odd_mirror(&fixture, |_, stream, _| {
        head(stream, "200 OK", &[]);
        while stream.write_all(&[0]).is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut search = fixture.search(&[&dripping.url], Some(cache.path().into()));
    (search.timeouts.pace, search.timeouts.least) = (Duration::from_secs(2), 100_000);
    let error = find(&search).error();
    assert!(error.contains("too slow"), "{error}");
    assert_eq!(dripping.requests().len(), 1, "a round that brings nothing is the last");
}

#[test]
fn where_nobody_answers_the_search_ends_soon() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let silent = Server::start(|_, stream| wait_for_end(stream));
    let closed = {
        let server = Server::start(|_, _| ());
        server.url.clone()
    };
    let mut search = fixture.search(&[&silent.url, &closed], Some(cache.path().into()));
    search.timeouts.answer = Duration::from_millis(500);
    let found = find(&search);
    assert!(found.told(&format!("{}{FIRST} does not answer (timeout", silent.url)), "{:?}", found.notices);
    assert!(found.error().starts_with(&format!("{closed}{FIRST} does not answer")), "{}", found.error());
    assert_eq!(silent.requests().len(), 1, "one file is enough to see that nobody answers");
}

#[test]
fn an_address_that_is_none_is_an_error_too() {
    let fixture = Fixture::new(1);
    for mirror in ["not an address ", "https://127.0.0.1:1/", "http:///", "ftp://127.0.0.1/"] {
        let message = find(&fixture.search(&[mirror], None)).error();
        assert!(message.contains("does not answer ("), "{message}");
    }
}
