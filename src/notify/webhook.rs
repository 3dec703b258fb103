//! One webhook: a URL that is a secret, and what an answer means.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use zeroize::Zeroizing;

use crate::venue::lighter::{HttpTransport, Timeouts, Transport as _, TransportError, host_is_loopback};

/// How long a webhook may take, in real time. Longer than a slow chat service needs; while one alert waits, others queue.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(3), total: Duration::from_secs(5) };

/// The longest `Retry-After` that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Why a webhook cannot be used. No error holds the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The variable is not there.
    #[error("the variable `{env}` of `notify` is not set")]
    Missing {
        /// The variable.
        env: String,
    },
    /// Not a URL.
    #[error("what the variable `{env}` holds is no URL of a webhook: {reason}")]
    Invalid {
        /// The variable.
        env: String,
        /// What is wrong, without the text itself.
        reason: String,
    },
    /// Unencrypted beyond this host.
    #[error("the URL in `{env}` is not encrypted; use `https://` for a host that is not loopback")]
    Unencrypted {
        /// The variable.
        env: String,
    },
    /// No client for it: the TLS roots or the proxy settings of this host.
    #[error("no client for the webhook in `{env}`: {reason}")]
    Client {
        /// The variable.
        env: String,
        /// What is wrong.
        reason: String,
    },
}

/// Why an alert was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// No connection, or no answer in time: it may have arrived.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// Another status than success. The body is not quoted: some services repeat the address in it.
    #[error("HTTP {status}")]
    Refused {
        /// The status.
        status: u16,
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
}

impl PostError {
    /// Returns whether the same request may be taken later.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
        }
    }

    /// Returns how long the service asks to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoAnswer(_) => None,
            Self::Refused { retry_after, .. } => *retry_after,
        }
    }
}

/// A webhook that can be posted to.
pub struct Webhook {
    env: String,
    host: String,
    url: Zeroizing<String>,
    transport: HttpTransport,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({self})")
    }
}

impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "env:{} ({})", self.env, self.host)
    }
}

impl Webhook {
    /// Reads the URL from the environment variable `env`.
    ///
    /// # Errors
    ///
    /// As [`Webhook::new`], and a variable that is not set.
    pub fn from_environment(env: &str) -> Result<Self, WebhookError> {
        let url = std::env::var(env).ok().filter(|url| !url.trim().is_empty()).map(Zeroizing::new);
        let url = url.ok_or_else(|| WebhookError::Missing { env: env.to_owned() })?;
        Self::new(env, &url)
    }

    /// Returns the webhook at `url`, which `env` names in records and messages.
    ///
    /// # Errors
    ///
    /// A text that is no URL, one without encryption beyond this host, or a host without TLS roots.
    pub fn new(env: &str, url: &str) -> Result<Self, WebhookError> {
        let invalid = |reason: &str| WebhookError::Invalid { env: env.to_owned(), reason: reason.to_owned() };
        let uri: Uri =
            url.trim().parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it has no host"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if host_is_loopback(&uri) => {}
            Some("http") => return Err(WebhookError::Unencrypted { env: env.to_owned() }),
            _ => return Err(invalid("it starts with neither `https://` nor, on loopback, `http://`")),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("a name before the host is not sent; a token belongs into path or query"));
        }
        let transport = HttpTransport::new(&uri, TIMEOUTS)
            .map_err(|error| WebhookError::Client { env: env.to_owned(), reason: error.to_string() })?;
        Ok(Self {
            env: env.to_owned(),
            host: host.to_owned(),
            url: Zeroizing::new(url.trim().to_owned()),
            transport,
        })
    }

    /// Posts a JSON body once; returns the status of the answer.
    ///
    /// # Errors
    ///
    /// [`PostError`] for anything but success.
    pub async fn post(&self, body: Vec<u8>) -> Result<u16, PostError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .expect("the URL was read before, and the header is a constant");
        let answer = self.transport.send(request).await.map_err(|error| match error {
            TransportError::NotSent(reason) | TransportError::Interrupted(reason) => {
                PostError::NoAnswer(reason)
            }
        })?;
        if answer.status().is_success() {
            return Ok(answer.status().as_u16());
        }
        let asked = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let seconds = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        Err(PostError::Refused {
            status: answer.status().as_u16(),
            retry_after: seconds.map(|wait| wait.min(RETRY_AFTER_MAX)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_and_never_told() {
        let secret = "T0P53CR3T";
        for (url, fits) in [
            (format!("https://hooks.example.org/{secret}"), true),
            (format!("http://127.0.0.1:9/{secret}?{secret}"), true),
            (format!("http://[::1]:9/{secret}"), true),
            (format!("http://hooks.example.org/{secret}"), false),
            (format!("https://{secret}@hooks.example.org/"), false),
            (format!("ftp://hooks.example.org/{secret}"), false),
            (format!("hooks.example.org/{secret}"), false),
            (format!("https:///{secret}"), false),
            (format!("{secret} {secret}"), false),
        ] {
            let webhook = Webhook::new("HOOK", &url);
            assert_eq!(webhook.is_ok(), fits, "{url}");
            let told = match &webhook {
                Ok(webhook) => format!("{webhook} {webhook:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(told.contains("HOOK") && !told.contains(secret), "{told}");
        }
    }

    #[test]
    fn what_may_be_taken_later_is_told_apart() {
        let refused = |status| PostError::Refused { status, retry_after: None };
        for status in [408, 425, 429, 500, 502, 503] {
            assert!(refused(status).is_transient(), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 410] {
            assert!(!refused(status).is_transient(), "{status}");
        }
    }
}
