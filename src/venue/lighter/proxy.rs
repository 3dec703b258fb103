//! The proxy of this host's environment, for requests and streams alike.
//!
//! Both take it from here, so that one of them never leaves by another way than the other.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use std::fmt;
use std::io;

/// The longest answer to `CONNECT` that is read.
const ANSWER_MAX: usize = 8 << 10;

/// Proxy settings as the environment has them: `HTTPS_PROXY`, else `ALL_PROXY`, and the exceptions of `NO_PROXY`; the
/// names in lower case count as well. Hosts on loopback are never reached through a proxy.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    url: Option<String>,
    except: Vec<String>,
}

/// Why a proxy setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// No URL of a proxy.
    #[error("the proxy setting is no URL with a host: {reason}")]
    Invalid {
        /// What is wrong; never the setting itself, which may hold a password.
        reason: String,
    },
    /// A kind of proxy that streams cannot go through.
    #[error("a proxy of kind `{scheme}://` is not supported; use `http://`, which carries TLS by CONNECT")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
}

/// A usable proxy.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    /// As reqwest takes it, with credentials.
    pub(super) url: String,
    host: String,
    port: u16,
    authorization: Option<String>,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = if self.url.is_some() { "set" } else { "none" };
        write!(f, "Proxies({set}, except {:?})", self.except)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Proxies {
    /// Returns the settings of this process' environment.
    pub fn from_environment() -> Self {
        let read = |name: &str| {
            let value = std::env::var(name).or_else(|_| std::env::var(name.to_ascii_lowercase()));
            value.ok().filter(|value| !value.trim().is_empty())
        };
        let url = read("HTTPS_PROXY").or_else(|| read("ALL_PROXY"));
        Self::new(url, &read("NO_PROXY").unwrap_or_default())
    }

    /// Returns settings of one proxy and the hosts that are reached without it, separated by commas: `*`, a name with
    /// all names below it, an address, or a block such as `10.0.0.0/8`.
    pub fn new(url: Option<String>, except: &str) -> Self {
        let except = except.split(',').map(|host| host.trim().to_ascii_lowercase());
        Self { url, except: except.filter(|host| !host.is_empty()).collect() }
    }

    /// Returns the proxy to reach `host` through; `None` when it is reached directly.
    pub(super) fn of(&self, host: &str) -> Result<Option<Proxy>, ProxyError> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match &self.url {
            Some(url) if !loopback && !self.except.iter().any(|rule| excepts(rule, &host)) => {
                Proxy::parse(url.trim()).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn excepts(rule: &str, host: &str) -> bool {
    if rule == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return match rule.split_once('/') {
            Some((block, bits)) => in_block(address, block, bits),
            None => rule.parse() == Ok(address),
        };
    }
    let name = rule.trim_start_matches("*.").trim_start_matches('.');
    host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

fn in_block(address: IpAddr, block: &str, bits: &str) -> bool {
    let (Ok(block), Ok(bits)) = (block.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let shift = |width: u32| width.checked_sub(bits);
    match (address, block) {
        (IpAddr::V4(address), IpAddr::V4(block)) => shift(32).is_some_and(|shift| {
            (u64::from(address.to_bits()) >> shift) == (u64::from(block.to_bits()) >> shift)
        }),
        (IpAddr::V6(address), IpAddr::V6(block)) => shift(128).is_some_and(|shift| {
            let part = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
            part(address.to_bits()) == part(block.to_bits())
        }),
        _ => false,
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, ProxyError> {
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let invalid = |reason: &str| ProxyError::Invalid { reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if scheme != "http" {
            return Err(ProxyError::Scheme { scheme: scheme.to_owned() });
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it has no host"))?;
        let credentials =
            uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')).map(|(user, _)| user);
        let authorization =
            credentials.map(|user| format!("Basic {}", STANDARD.encode(percent_decoded(user))));
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { url, host, port, authorization })
    }

    /// Opens a connection to `host` and `port` through this proxy, by `CONNECT`; TLS is laid over it by the caller.
    pub(super) async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let dialled = TcpStream::connect((self.host.as_str(), self.port)).await;
        let mut stream = dialled.map_err(|error| {
            io::Error::new(error.kind(), format!("the proxy {self} is not reached: {error}"))
        })?;
        stream.set_nodelay(true)?;
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(authorization) = &self.authorization {
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        self.accepted(&mut stream).await?;
        Ok(stream)
    }

    /// Reads the answer byte by byte: what comes after it belongs to the tunnel.
    async fn accepted(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut answer = Vec::with_capacity(256);
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= ANSWER_MAX {
                return Err(io::Error::other(format!("the proxy {self} answers without end")));
            }
            answer.push(stream.read_u8().await?);
        }
        let text = String::from_utf8_lossy(&answer);
        let line: String =
            text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
        match line.split(' ').nth(1) {
            Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
            Some("407") => Err(io::Error::other(format!("the proxy {self} wants credentials (`{line}`)"))),
            _ => Err(io::Error::other(format!("the proxy {self} opens no tunnel (`{line}`)"))),
        }
    }
}

/// User and password of a URL are percent-encoded.
fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_through(except: &str, host: &str) -> bool {
        let proxies = Proxies::new(Some("http://proxy.example:3128".to_owned()), except);
        proxies.of(host).unwrap().is_some()
    }

    #[test]
    fn loopback_and_exceptions_are_reached_directly() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "::1"] {
            assert!(!goes_through("", host), "{host}");
        }
        for (except, host) in [
            ("*", "a.example"),
            ("b.example, a.example", "a.example"),
            (".example", "a.example"),
            ("example", "a.b.example"),
            ("*.example", "A.EXAMPLE"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.0.0.0/8", "10.200.0.1"),
            ("0.0.0.0/0", "10.200.0.1"),
            ("fd00::/8", "[fd12::1]"),
        ] {
            assert!(!goes_through(except, host), "{except} {host}");
        }
        for (except, host) in [
            ("", "a.example"),
            ("ample", "a.example"),
            ("a.example", "example"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/40", "11.0.0.1"),
        ] {
            assert!(goes_through(except, host), "{except} {host}");
        }
    }

    #[test]
    fn what_is_no_usable_proxy_is_said_without_its_password() {
        let of = |url: &str| Proxies::new(Some(url.to_owned()), "").of("venue.example");
        for url in ["socks5://p:1", "https://p:1"] {
            assert!(matches!(of(url), Err(ProxyError::Scheme { .. })), "{url}");
        }
        assert!(matches!(of("http://"), Err(ProxyError::Invalid { .. })));
        let proxy = of("http://user:se%40cret@p.example:3128").unwrap().unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dXNlcjpzZUBjcmV0"));
        assert_eq!(format!("{proxy:?} {proxy}"), "Proxy(p.example:3128) p.example:3128");
        assert_eq!(of("p.example:8080").unwrap().unwrap().port, 8080);
        assert_eq!(of("p.example").unwrap().unwrap().port, 80);
    }
}
