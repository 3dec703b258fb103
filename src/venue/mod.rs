//! The port to an exchange, and its errors. `venue/lighter` is the one implementation that speaks the wire.

mod budget;
mod credential;
mod error;
pub mod lighter;
mod port;
mod sealed;

pub use budget::{Budget, BudgetError, Cost, Tier};
pub use credential::{Credential, KeyLocation, KeyReadError, KeyWarning};
pub use error::{Retry, VenueError};
pub use port::{
    Accepted, Class, FastTerms, Feed, Limits, MarketData, Notice, NoticeKind, Subscription, TxStatus, TxView,
    Venue, VenueEvent,
};
pub use sealed::{Passphrase, Sealed, SealedError, SecretKind};
