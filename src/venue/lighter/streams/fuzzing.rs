//! Frames of a stream, for the fuzz target.

use super::decode::{FrameKind, decode};
use crate::model::MarketId;
use crate::venue::lighter::fuzzing::{ACCOUNT, MARKETS};
use crate::venue::lighter::parse::Context;
use crate::venue::lighter::{Oddities, wire};
use crate::venue::{Feed, VenueEvent};

/// Frames of one channel, one a line; the first byte chooses the channel.
///
/// A book that is told is never crossed.
pub fn stream(data: &[u8]) -> String {
    let (kind, rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let Ok(text) = std::str::from_utf8(rest) else { return "no text".to_owned() };
    let market = MarketId::new(2);
    let feeds = [
        Feed::Book(market),
        Feed::Stats(market),
        Feed::Orders(ACCOUNT),
        Feed::Trades(ACCOUNT),
        Feed::Positions(ACCOUNT),
        Feed::Margin(ACCOUNT),
        Feed::Txs(ACCOUNT),
        Feed::Notices(ACCOUNT),
    ];
    let index = usize::from(kind) % feeds.len();
    let oddities = Oddities::default();
    let context = Context { markets: &MARKETS, oddities: &oddities };
    let mut book = None;
    let mut outcome = index.to_string();
    for line in text.lines().take(8) {
        let Ok(frame) = wire::object::<wire::Frame>(line.as_bytes()) else {
            outcome.push_str(" none");
            continue;
        };
        let snapshot = frame.kind.starts_with("subscribed");
        let kind = if snapshot { FrameKind::Snapshot } else { FrameKind::Update };
        match decode(feeds[index], kind, line, &mut book, context) {
            Ok(Some(VenueEvent::Book(_, top))) => {
                assert!(top.best().is_none_or(|(bid, ask)| bid < ask), "a told book is not crossed");
                outcome.push_str(" book");
            }
            Ok(event) => outcome.push_str(if event.is_some() { " event" } else { " nothing" }),
            Err(error) => {
                book = None;
                outcome.push_str(&error.to_string());
            }
        }
    }
    outcome
}
