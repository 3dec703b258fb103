//! The port to an exchange, and its errors. `venue/lighter` is the one implementation that speaks the wire.

mod error;
mod port;

pub use error::{Retry, VenueError};
pub use port::{
    Accepted, Class, Feed, Limits, MarketData, Notice, NoticeKind, Subscription, TxStatus, TxView, Venue,
    VenueEvent,
};
