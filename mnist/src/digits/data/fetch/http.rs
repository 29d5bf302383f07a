//! One HTTP request: through a proxy or not, and within time limits.
//!
//! Plain HTTP on purpose: what is fetched is checked against SHA-256 digests that are part of this program, so
//! encryption would add nothing but a TLS library, and those come with C or assembly code.

use std::fmt::Display;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::config::Config;
use ureq::http::uri::InvalidUri;
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};
use ureq::{Agent, Body, Proxy, ProxyProtocol};

use crate::digits::data::DownloadError;

/// How long to wait for what. A mirror that is slower than that is given up, and the next one asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the address of a host name, and again for the connection.
    pub connect: Duration,
    /// For the head of the answer, once connected.
    pub answer: Duration,
    /// For the next bytes of the file.
    pub stall: Duration,
    /// For `least` bytes of the file, over and over: nobody waits for a mirror that sends a byte now and then.
    pub pace: Duration,
    /// Bytes that are to come in `pace`, or the rest of the file.
    pub least: u64,
}

impl Default for Timeouts {
    /// 3 s, 5 s and 20 s: without a network, two mirrors are given up within seconds. 120 KiB in 30 s, half of what a modem brings.
    fn default() -> Self {
        let [connect, answer, stall, pace] = [3, 5, 20, 30].map(Duration::from_secs);
        Self { connect, answer, stall, pace, least: 120 << 10 }
    }
}

/// The proxy for `http://` addresses, and the hosts that are reached without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The variable that names the proxy, and its value.
    proxy: Option<(&'static str, String)>,
    no_proxy: Vec<String>,
}

impl Proxies {
    /// Reads the variables that other programs read as well, given a way to look one up:
    ///
    /// - `http_proxy`, `HTTP_PROXY`, `all_proxy` or `ALL_PROXY`, the first that is not empty: `[http://]host:port`,
    ///   `http://user:password@host:port`, or a SOCKS proxy, `socks5://host:port`.
    /// - `no_proxy` or `NO_PROXY`: hosts to reach directly, with commas between. `example.org` covers
    ///   `www.example.org` too, and `*` covers everything.
    ///
    /// # Examples
    /// ```
    /// use mnist::data::Proxies;
    ///
    /// let proxies = Proxies::from_env(|name| std::env::var(name).ok());
    /// let none = Proxies::from_env(|_| None);
    /// assert_eq!(none, Proxies::default());
    /// ```
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|&name| Some((name, get(name).filter(|value| !value.trim().is_empty())?)))
        };
        let no_proxy = first(&["no_proxy", "NO_PROXY"]).map_or_else(String::new, |(_, hosts)| hosts);
        let hosts =
            no_proxy.split(',').map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty());
        Self {
            proxy: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: hosts.collect(),
        }
    }

    fn bypassed(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.no_proxy.iter().any(|entry| {
            let suffix = entry.trim_start_matches("*.").trim_start_matches('.');
            match host.strip_suffix(suffix) {
                _ if entry == "*" => true,
                _ if suffix.is_empty() => false,
                Some(rest) => rest.is_empty() || rest.ends_with('.'),
                None => false,
            }
        })
    }

    /// The proxy to reach `host` with.
    fn proxy_for(&self, host: &str) -> Result<Option<Proxy>, DownloadError> {
        let Some((variable, url)) = &self.proxy else { return Ok(None) };
        if self.bypassed(host) {
            return Ok(None);
        }
        // The address may hold a password, so messages name the variable only.
        let refused = |reason: &str| DownloadError::Proxy { variable, reason: reason.into() };
        let proxy = Proxy::new(url.trim()).map_err(|error| refused(&error.to_string()))?;
        if proxy.protocol() == ProxyProtocol::Https {
            return Err(refused("this program has no TLS, so it cannot use an https:// proxy"));
        }
        Ok(Some(proxy))
    }
}

/// Asks for `url` from byte `offset` on. The answer may have any status; redirections are not followed, since no
/// mirror has any (a network that wants its guests to log in first does).
pub(super) fn get(
    url: &str,
    offset: u64,
    proxies: &Proxies,
    timeouts: &Timeouts,
) -> Result<Response<Body>, DownloadError> {
    let unreachable =
        |reason: &dyn Display| DownloadError::Unreachable { url: url.into(), reason: reason.to_string() };
    let uri: Uri = url.parse().map_err(|error: InvalidUri| unreachable(&error))?;
    let proxy = proxies.proxy_for(uri.host().unwrap_or_default())?;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(timeouts.connect))
        .timeout_connect(Some(timeouts.connect))
        .timeout_recv_response(Some(timeouts.answer))
        .timeout_per_read(Some(timeouts.stall));
    let mut authorization = None;
    let agent = match proxy {
        Some(proxy) if proxy.protocol() == ProxyProtocol::Http => {
            authorization = credentials(&proxy);
            let connector = ().chain(TcpConnector::default()).chain(AbsoluteForm);
            Agent::with_parts(config.proxy(None).build(), connector, ProxyResolver(proxy))
        }
        socks_or_none => config.proxy(socks_or_none).build().into(),
    };
    let mut request = agent.get(uri);
    if offset > 0 {
        request = request.header("Range", format!("bytes={offset}-"));
    }
    if let Some(value) = authorization {
        request = request.header("Proxy-Authorization", value);
    }
    request.call().map_err(|error| unreachable(&error))
}

fn credentials(proxy: &Proxy) -> Option<String> {
    let (user, password) = (proxy.username()?, proxy.password().unwrap_or_default());
    Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
}

// ureq asks every HTTP proxy for a tunnel (CONNECT), whatever the address. Many proxies grant tunnels to port 443
// only (it is Squid's default) and want requests for http:// addresses as RFC 9112, section 3.2.2 has them: sent to
// the proxy, the whole address in the first line. The two parts below make such requests of ureq's: one connects to
// the proxy instead of the host, the other completes the address.

/// Finds the proxy's address, whatever host is asked for.
#[derive(Debug)]
struct ProxyResolver(Proxy);

impl Resolver for ProxyResolver {
    fn resolve(
        &self,
        _: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        DefaultResolver::default().resolve(self.0.uri(), config, timeout)
    }
}

/// Turns `GET /path` into `GET http://host/path`.
#[derive(Debug)]
struct AbsoluteForm;

impl<In: Transport> Connector<In> for AbsoluteForm {
    type Out = AbsoluteFormTransport<In>;

    fn connect(&self, to: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        let authority = to.uri.authority().map_or("", |authority| authority.as_str());
        let prefix = Some(format!("http://{authority}"));
        Ok(chained.map(|inner| AbsoluteFormTransport { inner, prefix }))
    }
}

#[derive(Debug)]
struct AbsoluteFormTransport<In> {
    inner: In,
    /// What is still to be inserted: taken by the first write, since a connection carries one request only.
    prefix: Option<String>,
}

impl<In: Transport> Transport for AbsoluteFormTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, mut amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        const METHOD: usize = "GET ".len();
        if let Some(prefix) = self.prefix.take() {
            // The buffer has 128 kB, the request a few hundred bytes.
            let output = self.inner.buffers().output();
            output.copy_within(METHOD..amount, METHOD + prefix.len());
            output[METHOD..][..prefix.len()].copy_from_slice(prefix.as_bytes());
            amount += prefix.len();
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_env(|name| Some(variables.iter().find(|(n, _)| *n == name)?.1.to_string()))
    }

    fn host_of(proxies: &Proxies, host: &str) -> Option<String> {
        proxies.proxy_for(host).unwrap().map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn the_more_specific_variable_wins_and_an_empty_one_counts_as_unset() {
        let both = proxies(&[("ALL_PROXY", "http://all:1"), ("HTTP_PROXY", "http://http:2")]);
        assert_eq!(host_of(&both, "example.org").as_deref(), Some("http:2"));
        let empty = proxies(&[("ALL_PROXY", "all:1"), ("http_proxy", "")]);
        assert_eq!(host_of(&empty, "example.org").as_deref(), Some("all:1"));
        assert_eq!(host_of(&proxies(&[("HTTPS_PROXY", "http://other:3")]), "example.org"), None);
    }

    #[test]
    fn hosts_in_no_proxy_are_reached_directly() {
        let bypassed = |no_proxy: &str, host: &str| {
            host_of(&proxies(&[("HTTP_PROXY", "proxy:1"), ("NO_PROXY", no_proxy)]), host).is_none()
        };
        for entry in
            ["storage.example.org", "example.org", ".example.org", "*.example.org", "*", "a, EXAMPLE.org"]
        {
            assert!(bypassed(entry, "storage.example.org"), "{entry}");
        }
        for entry in ["", ",", "ample.org", "example.com", "x.storage.example.org"] {
            assert!(!bypassed(entry, "storage.example.org"), "{entry:?}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
        for url in ["https://user:secret@host:1", "ftp://user:secret@host", "http://user:secret@"] {
            let error = proxies(&[("HTTP_PROXY", url)]).proxy_for("example.org").unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with("the proxy named by HTTP_PROXY cannot be used"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
