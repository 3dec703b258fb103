//! The latest book and prices of a market, shared by its pairs; a newer state replaces an older one.

use crate::model::BookTop;
use crate::venue::MarketData;

/// What is known of a market now. A part that is stale is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarketState {
    pub(crate) book: Option<BookTop>,
    pub(crate) data: Option<MarketData>,
}
