//! The public streams of a running exchange, mirrored: its mark, index and book become ours.
//!
//! What the source says enters the exchange as commands, so that the command log replays it. A market whose source is
//! silent for [`PATIENCE`], or whose stream broke, has no quotes until both its book and its prices are there again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;

use super::actor::Handle;
use crate::model::{BookLevel, BookTop, GridError, LiveSource, Market, MarketId, Price, Rounding, Size};
use crate::paper::world::{Levels, MIRRORED_LEVELS, Seen};
use crate::rt::{Clock, real_sleep, real_timeout};
use crate::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints, SetupError};
use crate::venue::{Feed, MarketData, Subscription, Venue as _, VenueError, VenueEvent};

/// How long a market may go without a report. The venue's statistics come every second, so five of them are missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Reports of a market are at least this far apart: each is a line of the command log, and a plan's orders are slower.
const SPACING: Duration = Duration::from_millis(250);

/// Wait before the source's markets are asked for again.
const RETRY: Duration = Duration::from_secs(2);

/// Why a live price source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// No client can be made for it.
    #[error("the price source cannot be reached this way")]
    Setup(#[from] SetupError),
    /// It did not answer.
    #[error("the price source at {url} does not answer")]
    Unreachable {
        /// Where.
        url: String,
        /// What came instead.
        source: VenueError,
    },
    /// It has no price for a market that is to be mirrored.
    #[error("the price source at {url} has no price of `{symbol}`")]
    NoPrice {
        /// Where.
        url: String,
        /// The market.
        symbol: String,
    },
    /// Its price is none on our grid.
    #[error("the price source's price does not fit")]
    Grid(#[from] GridError),
    /// Time of the source passes as it does.
    #[error("live prices pass in real time; a time scale of {0} needs seeded or recorded ones")]
    Scaled(u32),
}

/// A source and what is wanted of it.
pub(super) struct Mirror {
    venue: LighterVenue,
    clock: Clock,
    ours: Vec<Market>,
}

/// What is known of one market of the source.
#[derive(Debug, Default)]
struct Report {
    book: Option<BookTop>,
    data: Option<MarketData>,
    told: Told,
    /// Something came since the last report.
    fresh: bool,
}

/// What the exchange was told already.
#[derive(Debug, Default, PartialEq)]
struct Told {
    mark: Option<Price>,
    index: Option<Price>,
    book: Option<Levels>,
}

fn endpoints(source: &LiveSource) -> NetworkEndpoints {
    match source {
        LiveSource::Mainnet => NetworkEndpoints::mainnet(),
        LiveSource::Testnet => NetworkEndpoints::testnet(),
        LiveSource::Url(url) => NetworkEndpoints {
            http: url.clone(),
            // `http` → `ws`, `https` → `wss`.
            ws: format!("{}/stream", url.replacen("http", "ws", 1)),
            // Nothing is signed.
            chain_id: 304,
        },
    }
}

impl Mirror {
    /// Prepares a mirror of `ours`; connects to nothing yet.
    pub(super) fn new(source: &LiveSource, ours: Vec<Market>) -> Result<Self, MirrorError> {
        let clock = Clock::system();
        let options = LighterOptions::default();
        let venue = LighterVenue::new(endpoints(source), Vec::new(), clock.clone(), options)?;
        Ok(Self { venue, clock, ours })
    }

    /// Sets the prices that `markets` begin with to the source's.
    pub(super) async fn first_prices(&self, markets: &mut [Market]) -> Result<(), MirrorError> {
        let url = || self.venue.endpoints().http.clone();
        let theirs =
            self.venue.markets().await.map_err(|source| MirrorError::Unreachable { url: url(), source })?;
        for market in markets {
            let none = || MirrorError::NoPrice { url: url(), symbol: market.symbol.clone() };
            let row = theirs.iter().find(|row| row.symbol == market.symbol).ok_or_else(none)?;
            let mark = row.mark_price.or(row.index_price).ok_or_else(none)?;
            let on_grid = |value| Price::rounded(value, market, Rounding::Down);
            let (mark, index) = (on_grid(mark)?, on_grid(row.index_price.unwrap_or(mark))?);
            let shown = (mark.to_decimal(market), index.to_decimal(market));
            (market.mark_price, market.index_price) = (Some(shown.0), Some(shown.1));
        }
        Ok(())
    }

    /// Mirrors until the exchange ends.
    pub(super) async fn run(self, handle: Handle) {
        let pairs = self.listing().await;
        let markets = pairs.keys().copied().collect();
        let mut events = self.venue.subscribe(Subscription { markets, accounts: Vec::new() });
        let mut reports: BTreeMap<MarketId, Report> = BTreeMap::new();
        while let Some(event) = events.recv().await {
            let mut lost = take(&mut reports, event);
            self.gather(&mut events, &mut reports, &mut lost).await;
            if !tell(&handle, &pairs, &mut reports, lost).await {
                return;
            }
        }
    }

    /// Returns the source's markets that are wanted, each with ours. A source that is away is waited for: the
    /// exchange goes on without it, and without quotes.
    async fn listing(&self) -> BTreeMap<MarketId, (Market, Market)> {
        loop {
            match self.venue.markets().await {
                Ok(theirs) => {
                    let pair = |row: Market| {
                        let ours = self.ours.iter().find(|market| market.symbol == row.symbol)?;
                        Some((row.id, (row, ours.clone())))
                    };
                    return theirs.into_iter().filter_map(pair).collect();
                }
                Err(error) => tracing::warn!(%error, "the price source does not answer"),
            }
            real_sleep(RETRY).await;
        }
    }

    /// Takes what comes until the next reports are due, or a feed is lost.
    async fn gather(
        &self,
        events: &mut mpsc::Receiver<VenueEvent>,
        reports: &mut BTreeMap<MarketId, Report>,
        lost: &mut Vec<MarketId>,
    ) {
        let end = self.clock.elapsed() + SPACING;
        while lost.is_empty() {
            let left = end.saturating_sub(self.clock.elapsed());
            let Some(Some(event)) = real_timeout(left, events.recv()).await else { return };
            lost.extend(take(reports, event));
        }
    }
}

/// Takes an event in; returns the market whose source it ends.
fn take(reports: &mut BTreeMap<MarketId, Report>, event: VenueEvent) -> Vec<MarketId> {
    match event {
        VenueEvent::Book(market, book) => {
            let report = reports.entry(market).or_default();
            (report.book, report.fresh) = (Some(book), true);
        }
        VenueEvent::Stats(market, data) => {
            let report = reports.entry(market).or_default();
            (report.data, report.fresh) = (Some(data), true);
        }
        VenueEvent::Down(Feed::Book(market) | Feed::Stats(market), reason) => {
            tracing::warn!(%market, reason, "the price source is lost; its quotes are withdrawn");
            // Both parts are needed again before anything is told, and all of it.
            reports.insert(market, Report::default());
            return vec![market];
        }
        _ => {}
    }
    Vec::new()
}

/// Tells the exchange what is new; returns whether it is still there.
async fn tell(
    handle: &Handle,
    pairs: &BTreeMap<MarketId, (Market, Market)>,
    reports: &mut BTreeMap<MarketId, Report>,
    lost: Vec<MarketId>,
) -> bool {
    let lost: Vec<MarketId> = lost.iter().filter_map(|market| Some(pairs.get(market)?.1.id)).collect();
    let mut seen = Vec::new();
    for (market, report) in reports.iter_mut().filter(|(_, report)| report.fresh) {
        let Some((theirs, ours)) = pairs.get(market) else { continue };
        seen.extend(report.news(theirs, ours));
    }
    let told = handle.ask(move |state| {
        for market in lost {
            state.sim.lose(market)?;
        }
        seen.into_iter().try_for_each(|seen| state.sim.hear(seen))
    });
    matches!(told.await, Ok(Ok(())))
}

impl Report {
    /// Returns what the exchange does not know yet; `None` while a part of the source is missing.
    fn news(&mut self, theirs: &Market, ours: &Market) -> Option<Seen> {
        let (book, data) = (self.book.as_ref()?, self.data.as_ref()?);
        self.fresh = false;
        let now = Told {
            mark: data.mark.and_then(|price| convert(price, theirs, ours, Rounding::Down)),
            index: data.index.and_then(|price| convert(price, theirs, ours, Rounding::Down)),
            book: Some(levels(book, theirs, ours)),
        };
        let new = |then: Option<Price>, now: Option<Price>| now.filter(|_| now != then);
        let seen = Seen {
            market: ours.id,
            mark: new(self.told.mark, now.mark),
            index: new(self.told.index, now.index),
            book: now.book.clone().filter(|_| now.book != self.told.book),
            trades: Vec::new(),
        };
        self.told = now;
        Some(seen)
    }
}

/// Puts a price of the source's grid on ours; `None` when it is none there.
fn convert(price: Price, theirs: &Market, ours: &Market, rounding: Rounding) -> Option<Price> {
    let price = Price::rounded(price.to_decimal(theirs), ours, rounding).ok()?;
    (price.ticks() > 0).then_some(price)
}

fn levels(book: &BookTop, theirs: &Market, ours: &Market) -> Levels {
    let side = |rows: &[BookLevel], rounding| {
        // A finer grid has several levels where ours has one.
        let mut side: BTreeMap<Price, Size> = BTreeMap::new();
        for row in rows.iter().take(MIRRORED_LEVELS) {
            let size = Size::rounded(row.size.to_decimal(theirs), ours, Rounding::Down);
            if let (Some(price), Ok(size)) = (convert(row.price, theirs, ours, rounding), size) {
                let level = side.entry(price).or_default();
                *level = level.plus(size);
            }
        }
        side
    };
    Levels {
        bids: side(&book.bids, Rounding::Down).into_iter().rev().collect(),
        asks: side(&book.asks, Rounding::Up).into_iter().collect(),
    }
}
