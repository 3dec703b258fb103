//! Messages on the wire: JSON-RPC 2.0 in frames of the base protocol, `Content-Length` before each.
//!
//! What cannot be read is answered and skipped; only the end of the stream ends the server.

use std::io::{self, BufRead, Read, Write};

use gen_lsp_types::{ErrorCodes, LspErrorCodes};
use serde::Serialize;
use serde_json::{Value, json};

/// A plan has a megabyte at most, and JSON escapes make it longer; what is longer than this is skipped unread.
const BODY_MAX: u64 = 64 << 20;

/// A header line is a name and a number.
const HEADER_MAX: u64 = 4 << 10;

/// The id of a request: a number or text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id(Value);

/// What the client sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Incoming {
    /// Wants an answer.
    Request { id: Id, method: String, params: Value },
    /// Wants none.
    Notification { method: String, params: Value },
    /// Answers a request of ours.
    Response,
    /// Cannot be understood; answered with the id, if there is one.
    Malformed { id: Option<Id>, failure: Failure },
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    code: i32,
    message: String,
}

impl Failure {
    pub(super) fn new(code: ErrorCodes, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    pub(super) fn cancelled() -> Self {
        Self { code: LspErrorCodes::RequestCancelled.into(), message: "cancelled by the client".to_owned() }
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { code: LspErrorCodes::RequestFailed.into(), message: message.into() }
    }
}

impl Id {
    /// Reads the id of a request, or the one that a cancellation names.
    pub(super) fn read(value: &Value) -> Option<Self> {
        (value.is_i64() || value.is_u64() || value.is_string()).then(|| Self(value.clone()))
    }
}

/// Reads the next message; `None` at the end of the stream.
///
/// # Errors
///
/// When the stream fails.
pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let length = match header(reader)? {
        Header::End => return Ok(None),
        Header::NoLength => {
            let failure = Failure::new(ErrorCodes::ParseError, "the header has no `Content-Length`");
            return Ok(Some(Incoming::Malformed { id: None, failure }));
        }
        Header::Length(length) => length,
    };
    if length > BODY_MAX {
        io::copy(&mut reader.take(length), &mut io::sink())?;
        let message = format!("a message of {length} bytes was not read: {BODY_MAX} are the most");
        let failure = Failure::new(ErrorCodes::InvalidRequest, message);
        return Ok(Some(Incoming::Malformed { id: None, failure }));
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        return Ok(None);
    }
    Ok(Some(parse(&body)))
}

enum Header {
    End,
    NoLength,
    Length(u64),
}

/// Reads header lines up to the empty one.
fn header(reader: &mut impl BufRead) -> io::Result<Header> {
    let mut length = None;
    let mut lines = 0;
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(HEADER_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(Header::End);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() && lines > 0 {
            return Ok(length.map_or(Header::NoLength, Header::Length));
        }
        lines += usize::from(!line.is_empty());
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
}

fn parse(body: &[u8]) -> Incoming {
    let mut message: Value = match serde_json::from_slice(body) {
        Ok(message) => message,
        Err(error) => {
            let failure = Failure::new(ErrorCodes::ParseError, format!("no JSON: {error}"));
            return Incoming::Malformed { id: None, failure };
        }
    };
    let id = message.get("id").and_then(Id::read);
    let has_id = message.get("id").is_some();
    let params = message.get_mut("params").map(Value::take).unwrap_or_default();
    match (message.get("method").and_then(Value::as_str).map(str::to_owned), id) {
        (Some(method), Some(id)) => Incoming::Request { id, method, params },
        (Some(method), None) if !has_id => Incoming::Notification { method, params },
        (None, Some(_)) if message.get("result").is_some() || message.get("error").is_some() => {
            Incoming::Response
        }
        (_, id) => {
            let failure = Failure::new(ErrorCodes::InvalidRequest, "neither a request nor a notification");
            Incoming::Malformed { id, failure }
        }
    }
}

/// Writes the answer to a request; without an id, the request's could not be read.
pub(super) fn respond(
    writer: &mut impl Write,
    id: Option<&Id>,
    answer: Result<Value, Failure>,
) -> io::Result<()> {
    let id = id.map_or(&Value::Null, |id| &id.0);
    write(
        writer,
        &match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(Failure { code, message }) => {
                json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
            }
        },
    )
}

/// Writes a notification.
pub(super) fn notify(writer: &mut impl Write, method: &str, params: &impl Serialize) -> io::Result<()> {
    write(writer, &json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

/// Writes a request of ours. What the client answers changes nothing, so no answer is waited for.
pub(super) fn request(writer: &mut impl Write, method: &str, params: &impl Serialize) -> io::Result<()> {
    let id = format!("lighter-plan/{method}");
    write(writer, &json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

fn write(writer: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(writer, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    fn all(text: &str) -> Vec<Incoming> {
        let mut reader = io::BufReader::new(text.as_bytes());
        std::iter::from_fn(|| read(&mut reader).unwrap()).collect()
    }

    #[test]
    fn what_is_malformed_is_told_and_the_next_message_is_read() {
        let good = framed(r#"{"jsonrpc":"2.0","id":"a","method":"x"}"#);
        let text = [
            framed("{"),
            framed("[1]"),
            framed(r#"{"id":null,"method":"x"}"#),
            "Content-Type: x\r\n\r\n".to_owned(),
            "\r\ncontent-length:39\n\n".to_owned() + good.split_once("\r\n\r\n").unwrap().1,
        ]
        .concat();
        let read = all(&text);
        assert!(read[..4].iter().all(|one| matches!(one, Incoming::Malformed { id: None, .. })), "{read:?}");
        let id = Id(Value::from("a"));
        assert_eq!(read[4], Incoming::Request { id, method: "x".to_owned(), params: Value::Null });
        assert_eq!(read.len(), 5);
    }

    #[test]
    fn a_frame_that_is_cut_off_or_too_long_is_no_message() {
        assert_eq!(all("Content-Length: 10\r\n\r\n{}"), []);
        let body = "x".repeat(10);
        let read = all(&format!("Content-Length: {}\r\n\r\n{body}", u64::MAX));
        assert!(matches!(read.as_slice(), [Incoming::Malformed { .. }]), "{read:?}");
    }
}
