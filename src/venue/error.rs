//! What can go wrong with a request, sorted by what it says about the outcome.

use std::time::Duration;

use super::budget::BudgetError;

/// Why a request to the venue failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VenueError {
    /// The request waited for budget for as long as it may, and never left this process.
    #[error("{endpoint} was not sent: {source}")]
    NoBudget {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// Who waited, and how long.
        source: BudgetError,
    },
    /// The request never left this process (no connection, a block that is waited out, bad configuration).
    #[error("{endpoint} was not sent: {reason}")]
    NotSent {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// What stopped it.
        reason: String,
    },
    /// Sent, but no usable answer (time-out, reset, 5xx, a body that is no answer): it may have taken effect.
    #[error("no usable answer from {endpoint} within {waited:?}: {reason}")]
    OutcomeUnknown {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// How long it was waited for, in real time.
        waited: Duration,
        /// What came instead.
        reason: String,
    },
    /// The venue said no (HTTP 400, or 200 with another code). Nothing took effect and the nonce is free.
    #[error("{endpoint} refused with code {code}: {message}")]
    Rejected {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// The venue's code (rules.md §10).
        code: i64,
        /// The venue's text.
        message: String,
    },
    /// Rate limit (429, code 23000). Nothing took effect.
    #[error("{endpoint} is rate limited; retry after {retry_after:?}")]
    Throttled {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// How long to stay away.
        retry_after: Duration,
    },
    /// The edge blocks this address (403 or 405): stop all but emergency traffic.
    #[error("{endpoint} is blocked by the venue's edge with status {status}; stay away for {retry_after:?}")]
    Blocked {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// HTTP status.
        status: u16,
        /// How long to stay away.
        retry_after: Duration,
    },
    /// A read was answered with something that is not what the endpoint answers.
    #[error("{endpoint} answered something unreadable: {reason}")]
    Malformed {
        /// Path of the endpoint.
        endpoint: &'static str,
        /// What was wrong, with the place in the JSON.
        reason: String,
    },
}

/// What a caller may do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Try again after a back-off.
    Backoff,
    /// Find out what happened first; only the same bytes may go out again.
    AfterReconcile,
    /// Do not repeat it.
    Never,
}

impl VenueError {
    /// Returns what a *sender of a transaction* may do.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::NotSent { .. } | Self::NoBudget { .. } | Self::Throttled { .. } | Self::Blocked { .. } => {
                Retry::Backoff
            }
            Self::OutcomeUnknown { .. } | Self::Malformed { .. } => Retry::AfterReconcile,
            Self::Rejected { .. } => Retry::Never,
        }
    }
}
