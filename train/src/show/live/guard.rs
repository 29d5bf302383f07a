//! Who may ask: pages that came from this server, by a name that can only mean this computer.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::hash::{BuildHasher, RandomState};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Where the page says the word that it was given.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-page-token");

/// Refuses other hosts' names, which would let any web page read this one through a name that it points at 127.0.0.1,
/// and requests that other sites' pages send.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match refusal(request.headers()) {
        None => next.run(request).await,
        Some(reason) => (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response(),
    };
    // No other page may show this one within itself, and have its visitors click on what they do not see.
    let headers = response.headers_mut();
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
    response
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST).filter(|host| is_loopback(host)) else {
        return Some(
            "This page is for the computer that it runs on: open it as http://127.0.0.1:PORT or http://localhost:PORT.",
        );
    };
    const FOREIGN: &str = "Another site's page may not ask here.";
    // What is there and no text is nobody's that is known.
    if headers.contains_key(header::ORIGIN) && text(header::ORIGIN) != Some(&format!("http://{host}")) {
        return Some(FOREIGN);
    }
    // Browsers say so even where there is no origin. `none` is an address that somebody has typed.
    if headers.contains_key(FETCH_SITE) && !matches!(text(FETCH_SITE), Some("same-origin" | "none")) {
        return Some(FOREIGN);
    }
    None
}

/// A word that only the page knows, which this server gave it: nothing else may pause the training or have a digit read.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn new() -> Token {
        // The standard library seeds these from the system's random numbers.
        let word = || RandomState::new().hash_one(0);
        Token(format!("{:016x}{:016x}", word(), word()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether the request comes from the page.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get(TOKEN).is_some_and(|token| token.as_bytes() == self.0.as_bytes())
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
