//! Downloading through a proxy.

use std::io::Read;
use std::sync::Arc;

use super::server::{Server, read_head, serve_file};
use super::*;

fn through(fixture: &Fixture, variables: &[(&str, String)], mirror: &str) -> Search {
    let get = |name: &str| Some(variables.iter().find(|(variable, _)| *variable == name)?.1.clone());
    Search { proxies: Proxies::from_env(get), ..fixture.search(&[mirror], None) }
}

#[test]
fn an_http_proxy_is_sent_the_whole_address_and_no_name_is_looked_up() {
    let fixture = Arc::new(Fixture::new(1));
    let files = Arc::clone(&fixture);
    let proxy =
        Server::start(move |request, stream| serve_file(request, stream, files.by_name(request.name())));
    let variable = ("http_proxy", format!("http://user:p%40ss@{}", proxy.authority()));
    // Names in .invalid have no address (RFC 2606).
    let found = find(&through(&fixture, &[variable], "http://mirror.invalid:8080/mnist/"));
    fixture.assert_found(&found);
    let requests = proxy.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(
        requests[0].line(),
        "GET http://mirror.invalid:8080/mnist/train-images-idx3-ubyte.gz HTTP/1.1"
    );
    assert_eq!(requests[0].header("host"), Some("mirror.invalid:8080"));
    // user:p@ss
    assert_eq!(requests[0].header("proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
}

#[test]
fn a_host_in_no_proxy_is_reached_directly() {
    let fixture = Arc::new(Fixture::new(1));
    let files = Arc::clone(&fixture);
    let mirror =
        Server::start(move |request, stream| serve_file(request, stream, files.by_name(request.name())));
    let dead = ("HTTP_PROXY", "http://127.0.0.1:1".to_string());
    let no_proxy = ("NO_PROXY", "localhost, 127.0.0.1".to_string());
    let found = find(&through(&fixture, &[dead.clone(), no_proxy], &mirror.url));
    fixture.assert_found(&found);
    assert_eq!(mirror.requests()[0].line(), "GET /train-images-idx3-ubyte.gz HTTP/1.1");

    let message = find(&through(&fixture, &[dead], &mirror.url)).error();
    assert!(message.contains("does not answer"), "{message}");
    assert_eq!(mirror.requests().len(), 4, "the proxy is not passed by");
}

#[test]
fn a_socks_proxy_is_used() {
    let fixture = Arc::new(Fixture::new(1));
    let files = Arc::clone(&fixture);
    // RFC 1928: a greeting, then a request to connect to a host, here by name, then what is sent to that host.
    let proxy = Server::accepting(move |mut stream, requests| {
        let mut exchange = |len: usize, reply: &[u8]| {
            let mut message = vec![0; len];
            stream.read_exact(&mut message).unwrap();
            stream.write_all(reply).unwrap();
            message
        };
        let methods = exchange(2, &[])[1];
        exchange(methods.into(), &[5, 0]);
        let host_len = exchange(5, &[])[4];
        let target = exchange(usize::from(host_len) + 2, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(target, b"mirror.invalid\x1f\x90");
        let request = read_head(&stream).unwrap();
        requests.lock().unwrap().push(request.clone());
        serve_file(&request, &mut stream, files.by_name(request.name()));
    });
    let variable = ("ALL_PROXY", format!("socks5h://{}", proxy.authority()));
    fixture.assert_found(&find(&through(&fixture, &[variable], "http://mirror.invalid:8080/")));
    assert_eq!(proxy.requests().len(), 4);
}
