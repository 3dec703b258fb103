//! Refusals: the venue's codes and texts, and their HTTP form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::channel::Channel;
use super::json::object;
use crate::paper::exchange::ApiError;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A business or parameter error: HTTP 400 with the code.
    Api(ApiError),
    /// Too many requests: HTTP 429.
    RateLimited,
    /// Too many connections: HTTP 429.
    TooManyConnections,
    /// No such path: HTTP 404.
    NoSuchPath,
    /// The exchange is going down: HTTP 500.
    Gone,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl Refusal {
    fn api(code: i64, message: impl Into<String>) -> Self {
        Self::Api(ApiError { code, message: message.into() })
    }

    /// A parameter is missing or wrong.
    pub(crate) fn param(what: impl std::fmt::Display) -> Self {
        Self::api(20001, format!("invalid param : {what}"))
    }

    /// A token is wrong, expired or of another account.
    pub(crate) fn invalid_auth() -> Self {
        Self::api(20013, "invalid auth")
    }

    /// Neither header nor parameter holds a token.
    pub(crate) fn no_auth() -> Self {
        Self::param("auth query param and Authorization header are empty")
    }

    /// No such account.
    pub(crate) fn account_not_found() -> Self {
        Self::api(21100, "account not found")
    }

    /// No key in that slot.
    pub(crate) fn api_key_not_found() -> Self {
        Self::api(21109, "api key not found")
    }

    /// The hash was never seen.
    pub(crate) fn transaction_not_found() -> Self {
        Self::api(21500, "transaction not found")
    }

    /// `tx_info` is no transaction.
    pub(crate) fn invalid_tx_info() -> Self {
        Self::api(21501, "invalid tx info")
    }

    /// The two lists of a batch differ in length.
    pub(crate) fn unequal_batch() -> Self {
        Self::api(21513, "TxInfos and TxTypes should have the same length")
    }

    /// No such market.
    pub(crate) fn invalid_market() -> Self {
        Self::api(21602, "invalid market index")
    }

    /// A subscription to what does not exist; `detail` follows the venue's text.
    pub(crate) fn invalid_channel(detail: &str) -> Self {
        Self::api(30005, format!("Invalid Channel{detail}"))
    }

    /// A channel that needs a token came without one.
    pub(crate) fn auth_field(channel: &Channel) -> Self {
        Self::param(format_args!("auth field is required: {}", channel.frame_name()))
    }

    /// A second subscription to the same channel.
    pub(crate) fn already_subscribed(channel: &Channel) -> Self {
        Self::api(30003, format!("Already Subscribed to : {}", channel.frame_name()))
    }

    /// An end to a subscription that is not there.
    pub(crate) fn not_subscribed(channel: &Channel) -> Self {
        Self::api(30002, format!("Not Subscribed to : {}", channel.frame_name()))
    }

    /// A frame that is no JSON object.
    pub(crate) fn invalid_json() -> Self {
        Self::api(30000, "Invalid Json")
    }

    /// A frame whose `type` means nothing.
    pub(crate) fn invalid_type() -> Self {
        Self::api(30001, "Invalid Type")
    }

    /// A transaction on a read-only connection.
    pub(crate) fn not_supported() -> Self {
        Self::api(30006, "Operation isn't supported")
    }

    /// A transaction message without a readable body.
    pub(crate) fn invalid_data() -> Self {
        Self::api(30007, "Invalid Data")
    }

    /// Too many client frames a minute.
    pub(crate) fn too_many_messages() -> Self {
        Self::api(30009, "Too Many Websocket Messages!")
    }

    /// Too many subscriptions on one connection.
    pub(crate) fn too_many_subscriptions() -> Self {
        Self::api(23001, "Too Many Subscriptions!")
    }

    /// Too many accounts on one connection.
    pub(crate) fn too_many_accounts() -> Self {
        Self::api(23002, "Too Many Different Accounts!")
    }

    /// Nothing of that name or number.
    pub(crate) fn not_found() -> Self {
        Self::api(29404, "not found")
    }

    /// This exchange has no such thing, and says why: the venue's code for an operation that is not allowed.
    pub(crate) fn not_offered(what: &str, why: &str) -> Self {
        Self::api(21515, format!("`{what}` is not offered on paper: {why}"))
    }

    /// Returns the venue's code and text.
    pub(crate) fn error(&self) -> ApiError {
        let (code, message) = match self {
            Self::Api(error) => return error.clone(),
            Self::RateLimited => (23000, "Too Many Requests!"),
            Self::TooManyConnections => (23003, "Too Many Connections!"),
            Self::NoSuchPath => (29404, "not found"),
            Self::Gone => (29500, "internal server error"),
        };
        ApiError { code, message: message.to_owned() }
    }

    /// Returns the HTTP status.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Api(ApiError { code: 23_000 | 23_004 | 23_005, .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Api(_) => StatusCode::BAD_REQUEST,
            Self::RateLimited | Self::TooManyConnections => StatusCode::TOO_MANY_REQUESTS,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = self.error();
        let body = object! { "code": error.code, "message": error.message };
        json_response(self.status(), body.text().to_owned())
    }
}

/// Returns a JSON answer.
pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
