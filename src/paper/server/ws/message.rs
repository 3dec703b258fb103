//! What clients say over the WebSocket, and the answers that are no stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::paper::exchange::ApiError;
use crate::paper::server::error::Refusal;
use crate::paper::server::json::{Json, Object, object};

/// A client frame.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    /// What it asks for.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// The channel of a subscription.
    pub(super) channel: Option<String>,
    /// The token of a subscription.
    pub(super) auth: Option<String>,
    /// The body of a transaction message.
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

/// The body of `jsonapi/sendtx`.
#[derive(Deserialize)]
pub(super) struct SendTx<'a> {
    /// Echoed; a string or a number.
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) tx_type: u8,
    /// An object; the text that holds one is taken, too.
    #[serde(borrow)]
    tx_info: &'a RawValue,
    price_protection: Option<bool>,
}

impl SendTx<'_> {
    /// Returns the transaction as text.
    pub(super) fn info(&self) -> String {
        let raw = self.tx_info.get();
        serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned())
    }

    pub(super) fn price_protection(&self) -> bool {
        self.price_protection.unwrap_or(true)
    }
}

/// The body of `jsonapi/sendtxbatch`; both lists are JSON texts.
#[derive(Deserialize)]
pub(super) struct SendBatch<'a> {
    /// Echoed; a string or a number.
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) tx_types: String,
    pub(super) tx_infos: String,
}

/// Reads the body of a transaction message.
pub(super) fn body<'a, T: Deserialize<'a>>(data: Option<&'a RawValue>) -> Result<T, Refusal> {
    let data = data.ok_or_else(Refusal::invalid_data)?;
    serde_json::from_str(data.get()).map_err(|_| Refusal::invalid_data())
}

/// Returns an error frame, with the id of the request when it has one.
pub(super) fn error(error: &ApiError, id: Option<&RawValue>) -> Json {
    Object::new()
        .put("error", &object! { "code": error.code, "message": error.message })
        .maybe("id", id)
        .json()
}

/// Starts the answer to a transaction.
pub(super) fn sent(kind: &str, id: Option<&RawValue>) -> Object {
    Object::new().put("code", &200).put("type", kind).maybe("id", id)
}

/// Reads a frame in every way that a session may; returns what it is, and the channel that it names.
#[cfg(feature = "fuzzing")]
pub(in crate::paper::server) fn read(text: &str) -> (String, Option<String>) {
    use crate::paper::server::rest::read_batch;

    let Ok(message) = serde_json::from_str::<Message<'_>>(text) else { return ("no frame".to_owned(), None) };
    let one = body::<SendTx<'_>>(message.data).map(|body| {
        let answer = sent("jsonapi/sendtx", body.id).json();
        serde_json::from_str::<&RawValue>(answer.text()).expect("an answer with any id is JSON");
        (body.info().is_empty(), body.price_protection())
    });
    let many = body::<SendBatch<'_>>(message.data).and_then(|body| {
        error(&Refusal::invalid_data().error(), body.id);
        read_batch(&body.tx_types, &body.tx_infos).map(|rows| rows.len().min(2))
    });
    let many = many.map_err(|refusal| refusal.error().code);
    (format!("{:?} {:?} {many:?}", message.kind.is_some(), one.ok()), message.channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tx_info_is_an_object_or_the_text_of_one() {
        for data in [r#"{"id":7,"tx_type":14,"tx_info":{"a":1}}"#, r#"{"tx_type":14,"tx_info":"{\"a\":1}"}"#]
        {
            let raw: &RawValue = serde_json::from_str(data).unwrap();
            assert_eq!(body::<SendTx<'_>>(Some(raw)).unwrap().info(), r#"{"a":1}"#);
        }
        assert!(body::<SendTx<'_>>(None).is_err());
    }
}
