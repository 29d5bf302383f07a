//! Who may ask: pages that came from this server, by a name that can only mean this computer.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses other hosts' names, which would let any web page read this one through a name that it points at 127.0.0.1,
/// and requests that other sites' pages send.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        None => next.run(request).await,
        Some(reason) => (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response(),
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST).filter(|host| is_loopback(host)) else {
        return Some(
            "This page is for the computer that it runs on: open it as http://127.0.0.1:PORT or http://localhost:PORT.",
        );
    };
    match text(header::ORIGIN) {
        Some(origin) if origin != format!("http://{host}") => Some("Another site's page may not ask here."),
        _ => None,
    }
}

/// Whether the name in a Host header, with or without a port, is this computer.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_computer_pass() {
        for host in ["127.0.0.1:7840", "127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:7840", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["example.org", "127.0.0.1.example.org:7840", "localhost.example.org", "0.0.0.0:7840", "", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
