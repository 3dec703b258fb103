//! Sends one transaction until its outcome is certain: for commands that have no journal to come back to.

use std::time::Duration;

use super::health::chain;
use crate::model::Timestamp;
use crate::rt::{Clock, real_sleep};
use crate::tx::SignedTx;
use crate::venue::lighter::LighterVenue;
use crate::venue::{Class, Retry, TxStatus, Venue as _, VenueError};

/// What the venue's clock and its read side may lag behind.
const MARGIN_MS: i64 = 5_000;

/// Before the first look: a maker's transaction is executed after about 300 ms.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// Between two looks: a send and a look-up together, so that a minute of them fits the smallest budget.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Fate {
    /// Executed.
    Executed,
    /// Executed as a failure, with the venue's text.
    Failed(String),
    /// Refused before it was taken in; nothing took effect.
    Refused(VenueError),
    /// Its deadline passed and the venue never knew it; nothing took effect.
    Dead,
    /// The venue does not tell; with the reason.
    Unknown(String),
}

/// The venue's clock, as well as it is known: deadlines are held against it, and ours may be wrong.
#[derive(Clone, Debug)]
pub(super) struct VenueTime {
    clock: Clock,
    offset_ms: i64,
}

impl VenueTime {
    /// Starts from what the venue said just now.
    pub(super) fn new(clock: Clock, theirs: Timestamp) -> Self {
        let offset_ms = theirs.as_millis() - clock.now().as_millis();
        Self { clock, offset_ms }
    }

    /// Returns the time `after` from now in milliseconds; longer where the venue's time runs faster, so that a deadline
    /// leaves the same real time.
    pub(super) fn deadline_ms(&self, after: Duration) -> i64 {
        let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        self.now_ms().saturating_add(after.saturating_mul(i64::from(self.clock.scale())))
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millis() + self.offset_ms
    }

    fn is_past(&self, deadline_ms: i64) -> bool {
        self.now_ms() > deadline_ms.saturating_add(MARGIN_MS * i64::from(self.clock.scale()))
    }
}

/// Sends the bytes, and the same ones again while the venue does not know them, until the venue or the deadline tells
/// the outcome. Never signs: repeated copies share their nonce, so at most one is executed.
pub(super) async fn settle(
    venue: &LighterVenue,
    signed: &SignedTx,
    class: Class,
    time: &VenueTime,
    deadline_ms: i64,
) -> Fate {
    let (mut known, mut doubt, mut wait) = (false, false, FIRST_LOOK);
    loop {
        let dead = time.is_past(deadline_ms);
        if !known && !dead {
            match venue.send(signed, class).await {
                Ok(_) => doubt = true,
                // A later copy is refused for its nonce when an earlier one was executed; only the hash tells then.
                Err(error) if !doubt && error.retry() == Retry::Never => return Fate::Refused(error),
                Err(error) => doubt |= error.retry() == Retry::AfterReconcile,
            }
        }
        real_sleep(wait).await;
        wait = LOOK_EVERY;
        let seen = venue.transaction(signed.hash).await;
        known = matches!(seen, Ok(Some(_)));
        match seen.map(|seen| seen.map(|tx| tx.status)) {
            Ok(Some(TxStatus::Executed)) => return Fate::Executed,
            Ok(Some(TxStatus::Failed { message, .. })) => return Fate::Failed(message),
            Ok(Some(TxStatus::Pending)) if dead => return Fate::Unknown("it is still pending".to_owned()),
            Ok(None) if dead => return Fate::Dead,
            Err(error) if dead => return Fate::Unknown(chain(&error)),
            Ok(_) | Err(_) => {}
        }
    }
}
