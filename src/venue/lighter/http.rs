//! Requests and what their answers mean.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde::de::DeserializeOwned;

use super::endpoints::Endpoint;
use super::parse::ParseError;
use super::transport::{Transport, TransportError};
use super::wire::{Envelope, object};
use crate::rt::Clock;
use crate::venue::{Budget, BudgetError, Class, Cost, VenueError};

/// How much of an unreadable body an error quotes.
const QUOTED: usize = 160;

/// Longest `Retry-After` that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Whether a request may have changed something when its answer is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only reads: an unreadable answer is malformed.
    Read,
    /// It sends a transaction: an unreadable answer leaves the outcome unknown.
    Send,
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) class: Class,
    pub(super) cost: Cost,
    pub(super) effect: Effect,
    /// Query of a read, form of a send.
    pub(super) fields: &'a [(&'static str, &'a str)],
    pub(super) token: Option<&'a str>,
}

/// How long a request of `class` waits for budget, in venue time: a fraction of the time its transaction lives; for
/// reads longer than the window in which the venue counts, so that a burst of them is spread and not refused.
const fn queue_limit(class: Class, effect: Effect) -> Duration {
    Duration::from_secs(match (effect, class) {
        (Effect::Send, Class::Emergency | Class::Cancel | Class::Hedge) => 4,
        (Effect::Send, Class::Place) => 10,
        // No signature runs out while a read waits; a higher class only moves it forward in the queue.
        (Effect::Read, _) | (Effect::Send, Class::Read) => 90,
    })
}

/// Codes of the venue's rate limits; nothing took effect.
pub(super) const fn is_limit(code: i64) -> bool {
    matches!(code, 23_000..=23_005)
}

/// The venue's own "internal error", "process timeout", "marshal tx failed" and "marshal event failed": the transaction
/// may have got through (rules.md §10, class U).
pub(super) const fn is_unclear(code: i64) -> bool {
    matches!(code, 29_500 | 29_501 | 21_502 | 21_503)
}

/// What an answer says, before anything is done about it.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    /// HTTP 200 and code 200, 0 or none.
    Good,
    Rejected {
        code: i64,
        message: String,
    },
    Throttled,
    Blocked,
    /// No answer of this API.
    Unusable(String),
}

/// Sorts an answer by status and code (http.md §1).
fn judge(status: StatusCode, body: &[u8]) -> Judged {
    match status.as_u16() {
        403 | 405 => return Judged::Blocked,
        429 => return Judged::Throttled,
        _ => {}
    }
    let envelope: Option<Envelope> = object(body).ok();
    let code = envelope.as_ref().and_then(|envelope| envelope.code);
    let message = || envelope.as_ref().and_then(|envelope| envelope.message.clone()).unwrap_or_default();
    match (status.as_u16(), code) {
        (_, Some(code)) if is_limit(code) => Judged::Throttled,
        (_, Some(code)) if is_unclear(code) => Judged::Unusable(quote(status, body)),
        (500.., _) => Judged::Unusable(quote(status, body)),
        (200, None | Some(0 | 200)) if envelope.is_some() => Judged::Good,
        // Reports of 2025 show the HTTP status as code of a nonce error.
        (400, Some(400)) if message().contains("invalid nonce") => {
            Judged::Rejected { code: 21_104, message: message() }
        }
        (200 | 400..=499, Some(code)) => Judged::Rejected { code, message: message() },
        _ => Judged::Unusable(quote(status, body)),
    }
}

fn quote(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)]);
    let start: String = text.chars().filter(|c| !c.is_control()).take(QUOTED).collect();
    format!("HTTP {} with `{start}`", status.as_u16())
}

/// Encodes fields as `application/x-www-form-urlencoded`, which also is the form of a query.
fn encode(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}

/// Sends requests within the budget.
#[derive(Debug)]
pub(super) struct Http<T> {
    base: String,
    transport: T,
    budget: Budget,
    clock: Clock,
}

impl<T: Transport> Http<T> {
    /// `base` is a checked URL without a path.
    pub(super) fn new(base: &str, transport: T, budget: Budget, clock: Clock) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), transport, budget, clock }
    }

    pub(super) const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Waits for the right to send a transaction by another way than a request.
    pub(super) async fn permit(
        &self,
        endpoint: Endpoint,
        class: Class,
        cost: Cost,
    ) -> Result<(), VenueError> {
        self.acquire(endpoint, class, cost, Effect::Send).await
    }

    async fn acquire(
        &self,
        endpoint: Endpoint,
        class: Class,
        cost: Cost,
        effect: Effect,
    ) -> Result<(), VenueError> {
        let granted = self.budget.acquire(class, cost, queue_limit(class, effect)).await;
        granted.map_err(|source| match source {
            BudgetError::Spent { .. } => VenueError::NoBudget { endpoint: endpoint.path, source },
            BudgetError::Blocked { .. } | BudgetError::Cooling { .. } => {
                VenueError::NotSent { endpoint: endpoint.path, reason: source.to_string() }
            }
        })
    }

    /// Sends `call` and reads its answer as `A`.
    pub(super) async fn call<A: DeserializeOwned>(&self, call: Call<'_>) -> Result<A, VenueError> {
        let endpoint = call.endpoint;
        let body = self.exchange(call).await?;
        object(&body).map_err(|error| malformed(endpoint, &error.into()))
    }

    /// Sends `call` and returns the body of a good answer.
    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Bytes, VenueError> {
        let endpoint = call.endpoint.path;
        let not_sent = |reason: String| VenueError::NotSent { endpoint, reason };
        let request = self.request(&call).map_err(|error| not_sent(error.to_string()))?;
        self.acquire(call.endpoint, call.class, call.cost, call.effect).await?;
        let start = self.clock.elapsed();
        let answer = self.transport.send(request).await;
        let waited = self.clock.elapsed().saturating_sub(start);
        match answer {
            Err(TransportError::NotSent(reason)) => Err(not_sent(reason)),
            Err(TransportError::Interrupted(reason)) => {
                Err(VenueError::OutcomeUnknown { endpoint, waited, reason })
            }
            Ok(answer) => self.settle(&call, answer, waited),
        }
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Bytes>, http::Error> {
        let url = format!("{}{}", self.base, call.endpoint.path);
        let fields = encode(call.fields);
        let request = match call.effect {
            Effect::Read if fields.is_empty() => Request::builder().method(Method::GET).uri(url),
            Effect::Read => Request::builder().method(Method::GET).uri(format!("{url}?{fields}")),
            Effect::Send => Request::builder()
                .method(Method::POST)
                .uri(url)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
        };
        let request = match call.token {
            Some(token) => request.header(header::AUTHORIZATION, token),
            None => request,
        };
        request.body(if call.effect == Effect::Send { Bytes::from(fields) } else { Bytes::new() })
    }

    /// Turns a judged answer into a result, and tells the budget what it means for the next request.
    fn settle(
        &self,
        call: &Call<'_>,
        answer: http::Response<Bytes>,
        waited: Duration,
    ) -> Result<Bytes, VenueError> {
        let endpoint = call.endpoint.path;
        let status = answer.status();
        let asked = retry_after(&answer);
        match judge(status, answer.body()) {
            Judged::Good => {
                self.budget.answered();
                Ok(answer.into_body())
            }
            Judged::Rejected { code, message } => {
                self.budget.answered();
                Err(VenueError::Rejected { endpoint, code, message })
            }
            Judged::Throttled => {
                Err(VenueError::Throttled { endpoint, retry_after: self.budget.throttled(asked) })
            }
            Judged::Blocked => Err(VenueError::Blocked {
                endpoint,
                status: status.as_u16(),
                retry_after: self.budget.blocked(asked),
            }),
            Judged::Unusable(reason) => Err(match call.effect {
                Effect::Read => VenueError::Malformed { endpoint, reason },
                Effect::Send => VenueError::OutcomeUnknown { endpoint, waited, reason },
            }),
        }
    }
}

fn retry_after(answer: &http::Response<Bytes>) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// Returns the error for a good status whose body is not what the endpoint answers. After a send it leads to a look-up
/// by hash, as an unknown outcome does.
pub(super) fn malformed(endpoint: Endpoint, error: &ParseError) -> VenueError {
    VenueError::Malformed { endpoint: endpoint.path, reason: error.to_string() }
}

/// Says how a body with a good status is judged, for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub(super) fn judged_kind(body: &[u8]) -> &'static str {
    match judge(StatusCode::OK, body) {
        Judged::Good => "good",
        Judged::Rejected { .. } => "rejected",
        Judged::Throttled => "throttled",
        Judged::Blocked => "blocked",
        Judged::Unusable(_) => "unusable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Judged {
        judge(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    /// R-08: only HTTP 200 with the venue's own "good" is good.
    #[test]
    fn r_08_status_and_code_both_count() {
        assert_eq!(judged(200, r#"{"code":200}"#), Judged::Good);
        assert_eq!(judged(200, r#"{"seconds":1060}"#), Judged::Good);
        let refused = |code| Judged::Rejected { code, message: "no".to_owned() };
        assert_eq!(judged(200, r#"{"code":21733,"message":"no"}"#), refused(21_733));
        assert_eq!(judged(400, r#"{"code":20001,"message":"no"}"#), refused(20_001));
        assert_eq!(judged(404, r#"{"code":29404,"message":"no"}"#), refused(29_404));
        let nonce = Judged::Rejected { code: 21_104, message: "invalid nonce".to_owned() };
        assert_eq!(judged(400, r#"{"code":400,"message":"invalid nonce"}"#), nonce);
    }

    /// R-24: the edge's answers and the venue's own limits are told apart.
    #[test]
    fn r_24_blocks_and_limits_are_told_apart() {
        assert_eq!(judged(405, "<html>"), Judged::Blocked);
        assert_eq!(judged(403, ""), Judged::Blocked);
        assert_eq!(judged(429, ""), Judged::Throttled);
        assert_eq!(judged(400, r#"{"code":23000,"message":"Too Many Requests!"}"#), Judged::Throttled);
        assert_eq!(judged(200, r#"{"code":23004}"#), Judged::Throttled);
    }

    #[test]
    fn what_this_api_never_says_is_unusable() {
        for (status, body) in [
            (200, "<html>"),
            (200, r#"{"code":20"#),
            (200, "[200]"),
            (302, ""),
            (400, "<html>"),
            (404, "not found"),
            (502, "<html>"),
            (500, r#"{"code":29500,"message":"internal server error"}"#),
            (400, r#"{"code":29501,"message":"process timeout"}"#),
        ] {
            assert!(matches!(judged(status, body), Judged::Unusable(_)), "{status} {body}");
        }
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(encode(&[("a", "{\"x\": 1}"), ("b", "/+=é")]), "a=%7B%22x%22%3A%201%7D&b=%2F%2B%3D%C3%A9");
    }
}
