//! Where the venue is, and its endpoints with their weights (http.md §2).

use std::net::IpAddr;

use http::Uri;

/// Where a network is reached, and which chain id its transactions are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkEndpoints {
    /// REST base without a path, such as `https://mainnet.zklighter.elliot.ai`.
    pub http: String,
    /// WebSocket URL, such as `wss://mainnet.zklighter.elliot.ai/stream`.
    pub ws: String,
    /// Chain id of signatures.
    pub chain_id: u32,
}

/// Why a URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL with a host.
    #[error("`{url}` is no URL: {reason}")]
    Invalid {
        /// The URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Another scheme than the two that fit.
    #[error("`{url}` must start with `{secure}://`, or `{plain}://` on loopback")]
    Scheme {
        /// The URL.
        url: String,
        /// The scheme with TLS.
        secure: &'static str,
        /// The one without.
        plain: &'static str,
    },
    /// Unencrypted beyond this host.
    #[error("`{url}` is not encrypted; use `{secure}://` for a host that is not loopback")]
    Unencrypted {
        /// The URL.
        url: String,
        /// The scheme with TLS.
        secure: &'static str,
    },
}

impl NetworkEndpoints {
    /// The main network.
    pub fn mainnet() -> Self {
        Self::of("mainnet.zklighter.elliot.ai", 304)
    }

    /// The test network.
    pub fn testnet() -> Self {
        Self::of("testnet.zklighter.elliot.ai", 300)
    }

    /// The second deployment, on the Robinhood chain; its collateral is USDG.
    pub fn robinhood() -> Self {
        Self::of("api.rh.lighter.xyz", 466_324)
    }

    /// The second deployment's test network.
    pub fn robinhood_testnet() -> Self {
        Self::of("api.rh-testnet.lighter.xyz", 300)
    }

    fn of(host: &str, chain_id: u32) -> Self {
        Self { http: format!("https://{host}"), ws: format!("wss://{host}/stream"), chain_id }
    }

    /// Returns whether both URLs point at this host.
    pub fn is_loopback(&self) -> bool {
        [&self.http, &self.ws].iter().all(|url| url.parse().is_ok_and(|uri| host_is_loopback(&uri)))
    }

    /// Checks both URLs: well-formed, and encrypted unless they point at this host.
    ///
    /// # Errors
    ///
    /// The first URL that fails, with what is wrong.
    pub fn check(&self) -> Result<(), EndpointError> {
        check(&self.http, "https", "http")?;
        check(&self.ws, "wss", "ws").map(drop)
    }
}

/// Reads a URL and checks its scheme.
pub(super) fn check(url: &str, secure: &'static str, plain: &'static str) -> Result<Uri, EndpointError> {
    let invalid = |reason: &str| EndpointError::Invalid { url: url.to_owned(), reason: reason.to_owned() };
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(invalid("it has no host"));
    }
    match uri.scheme_str() {
        Some(scheme) if scheme == secure => Ok(uri),
        Some(scheme) if scheme == plain && host_is_loopback(&uri) => Ok(uri),
        Some(scheme) if scheme == plain => Err(EndpointError::Unencrypted { url: url.to_owned(), secure }),
        _ => Err(EndpointError::Scheme { url: url.to_owned(), secure, plain }),
    }
}

/// Returns whether the host is this one: `localhost`, 127.0.0.0/8 or ::1. Names are not resolved.
pub(crate) fn host_is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    /// Path, as errors name it.
    pub(super) path: &'static str,
    /// Weight in weighted tiers.
    pub(super) weight: u32,
}

const fn endpoint(path: &'static str, weight: u32) -> Endpoint {
    Endpoint { path, weight }
}

pub(super) const STATUS: Endpoint = endpoint("/", 300);
pub(super) const SEND_TX: Endpoint = endpoint("/api/v1/sendTx", 6);
/// The same over a WebSocket; it counts against the same limits.
pub(super) const SEND_TX_SOCKET: Endpoint = endpoint("jsonapi/sendtx", 6);
pub(super) const SEND_TX_BATCH: Endpoint = endpoint("/api/v1/sendTxBatch", 6);
pub(super) const NEXT_NONCE: Endpoint = endpoint("/api/v1/nextNonce", 6);
pub(super) const API_KEYS: Endpoint = endpoint("/api/v1/apikeys", 150);
pub(super) const TX: Endpoint = endpoint("/api/v1/tx", 300);
pub(super) const ACCOUNT: Endpoint = endpoint("/api/v1/account", 300);
pub(super) const ACCOUNT_LIMITS: Endpoint = endpoint("/api/v1/accountLimits", 300);
pub(super) const ACTIVE_ORDERS: Endpoint = endpoint("/api/v1/accountActiveOrders", 300);
pub(super) const INACTIVE_ORDERS: Endpoint = endpoint("/api/v1/accountInactiveOrders", 100);
pub(super) const TRADES: Endpoint = endpoint("/api/v1/trades", 600);
pub(super) const ORDER_BOOK_DETAILS: Endpoint = endpoint("/api/v1/orderBookDetails", 300);
pub(super) const WITHDRAW_HISTORY: Endpoint = endpoint("/api/v1/withdraw/history", 300);
pub(super) const WITHDRAWAL_DELAY: Endpoint = endpoint("/api/v1/withdrawalDelay", 300);
pub(super) const FAST_WITHDRAW_INFO: Endpoint = endpoint("/api/v1/fastwithdraw/info", 300);
pub(super) const TRANSFER_FEE: Endpoint = endpoint("/api/v1/transferFeeInfo", 500);
pub(super) const FAST_WITHDRAW: Endpoint = endpoint("/api/v1/fastwithdraw", 3_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(http: &str, ws: &str) -> NetworkEndpoints {
        NetworkEndpoints { http: http.to_owned(), ws: ws.to_owned(), chain_id: 304 }
    }

    #[test]
    fn the_venues_own_networks_are_encrypted() {
        let networks = [
            (NetworkEndpoints::mainnet(), "mainnet.zklighter.elliot.ai", 304),
            (NetworkEndpoints::testnet(), "testnet.zklighter.elliot.ai", 300),
            (NetworkEndpoints::robinhood(), "api.rh.lighter.xyz", 466_324),
            (NetworkEndpoints::robinhood_testnet(), "api.rh-testnet.lighter.xyz", 300),
        ];
        for (network, host, chain_id) in networks {
            assert_eq!(network.http, format!("https://{host}"));
            assert_eq!(network.ws, format!("wss://{host}/stream"));
            assert_eq!(network.chain_id, chain_id);
            assert_eq!(network.check(), Ok(()));
            assert!(!network.is_loopback());
        }
    }

    #[test]
    fn plain_text_is_for_loopback_only() {
        for host in ["127.0.0.1:8080", "127.9.9.9", "localhost:1", "[::1]:5"] {
            let network = endpoints(&format!("http://{host}"), &format!("ws://{host}/stream"));
            assert_eq!(network.check(), Ok(()), "{host}");
            assert!(network.is_loopback(), "{host}");
        }
        for host in ["example.org", "10.0.0.1", "localhost.example.org", "127.0.0.1.example.org"] {
            let refused = endpoints(&format!("http://{host}"), "wss://example.org").check();
            assert!(matches!(refused, Err(EndpointError::Unencrypted { .. })), "{host} {refused:?}");
        }
    }

    #[test]
    fn what_is_no_url_is_said() {
        assert!(matches!(endpoints("example.org", "").check(), Err(EndpointError::Scheme { .. })));
        assert!(matches!(endpoints("ftp://x", "").check(), Err(EndpointError::Scheme { .. })));
        assert!(matches!(endpoints("https://", "").check(), Err(EndpointError::Invalid { .. })));
        assert!(matches!(endpoints("https://x", "https://x").check(), Err(EndpointError::Scheme { .. })));
    }
}
