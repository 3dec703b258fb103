//! The whole book of a market, kept from snapshots and updates.

use std::collections::BTreeMap;

use crate::model::{BookLevel, BookTop, Price, Size};

/// Levels a side that the engine is told: far more than a clip within its slippage bound ever meets.
const TOLD: usize = 50;

/// Why a book can no longer be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BookError {
    /// A frame was lost.
    #[error("a frame was lost: it begins at nonce {begin}, the last one ended at {last}")]
    Gap {
        /// Where this frame begins.
        begin: i64,
        /// Where the last one ended.
        last: i64,
    },
    /// The best bid is not below the best ask.
    #[error("the book is crossed: bid {bid} and ask {ask}, in ticks")]
    Crossed {
        /// Best bid.
        bid: i64,
        /// Best ask.
        ask: i64,
    },
}

/// A book; every change proves that none was lost before it.
#[derive(Clone, Debug)]
pub(super) struct Book {
    bids: BTreeMap<Price, Size>,
    asks: BTreeMap<Price, Size>,
    nonce: i64,
}

/// The levels of one frame.
pub(super) struct Levels {
    pub(super) bids: Vec<(Price, Size)>,
    pub(super) asks: Vec<(Price, Size)>,
}

impl Book {
    /// Starts from a snapshot.
    pub(super) fn snapshot(levels: Levels, nonce: i64) -> Result<Self, BookError> {
        let mut book = Self { bids: BTreeMap::new(), asks: BTreeMap::new(), nonce };
        book.set(levels);
        book.check()?;
        Ok(book)
    }

    /// Applies an update. After an error the book must be thrown away.
    pub(super) fn update(&mut self, levels: Levels, begin: i64, nonce: i64) -> Result<(), BookError> {
        if begin != self.nonce {
            return Err(BookError::Gap { begin, last: self.nonce });
        }
        self.set(levels);
        self.nonce = nonce;
        self.check()
    }

    fn set(&mut self, levels: Levels) {
        for (side, changes) in [(&mut self.bids, levels.bids), (&mut self.asks, levels.asks)] {
            for (price, size) in changes {
                if size.is_zero() {
                    side.remove(&price);
                } else {
                    side.insert(price, size);
                }
            }
        }
    }

    fn check(&self) -> Result<(), BookError> {
        match (self.bids.last_key_value(), self.asks.first_key_value()) {
            (Some((bid, _)), Some((ask, _))) if bid >= ask => {
                Err(BookError::Crossed { bid: bid.ticks(), ask: ask.ticks() })
            }
            _ => Ok(()),
        }
    }

    /// Returns the first levels.
    pub(super) fn top(&self) -> BookTop {
        let level = |(price, size): (&Price, &Size)| BookLevel { price: *price, size: *size };
        BookTop {
            bids: self.bids.iter().rev().take(TOLD).map(level).collect(),
            asks: self.asks.iter().take(TOLD).map(level).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Levels {
        let side = |rows: &[(i64, i64)]| {
            rows.iter().map(|(price, size)| (Price::from_ticks(*price), Size::from_lots(*size))).collect()
        };
        Levels { bids: side(bids), asks: side(asks) }
    }

    fn flat(levels: &[BookLevel]) -> Vec<(i64, i64)> {
        levels.iter().map(|level| (level.price.ticks(), level.size.lots())).collect()
    }

    #[test]
    fn updates_set_and_remove_levels() {
        let mut book = Book::snapshot(levels(&[(99, 1), (98, 2)], &[(101, 3)]), 10).unwrap();
        book.update(levels(&[(99, 0), (97, 5)], &[(100, 4), (101, 1)]), 10, 17).unwrap();
        assert_eq!(flat(&book.top().bids), [(98, 2), (97, 5)]);
        assert_eq!(flat(&book.top().asks), [(100, 4), (101, 1)]);
    }

    /// a frame that does not begin where the last one ended is never applied.
    #[test]
    fn r_22_a_lost_frame_is_noticed() {
        let mut book = Book::snapshot(levels(&[(99, 1)], &[]), 10).unwrap();
        let gap = book.update(levels(&[(98, 1)], &[]), 11, 12);
        assert_eq!(gap, Err(BookError::Gap { begin: 11, last: 10 }));
        assert_eq!(flat(&book.top().bids), [(99, 1)]);
    }

    #[test]
    fn a_crossed_book_is_broken() {
        assert!(Book::snapshot(levels(&[(100, 1)], &[(100, 1)]), 1).is_err());
        assert!(Book::snapshot(levels(&[(100, 1)], &[]), 1).is_ok());
    }

    #[test]
    fn only_the_first_levels_are_told() {
        let many: Vec<_> = (1..=200).map(|price| (price, 1)).collect();
        let top = Book::snapshot(levels(&many, &[]), 1).unwrap().top();
        assert_eq!(top.bids.len(), TOLD);
        assert_eq!(top.bids[0].price, Price::from_ticks(200));
    }
}
