//! A market's rules may change while a run lies still, or between its check and the moment of its entry (F-24): what was
//! not sent yet is held against the rules as the venue tells them now, before it is made.
//!
//! Amounts in the journal are whole ticks and lots of the grid that was checked. On another grid they mean other prices
//! and sizes, and an amount of the old one need not exist on the new one. Nothing is converted: a pair that has sent
//! orders is handed over, with what it left open, and the other pairs of the run go on.

use std::time::Duration;

use super::codes;
use super::entry::{LegSide, PairEnd, Step};
use super::event::Effect;
use super::work::Work;
use crate::model::{Market, Price, Size, Timestamp, Usdc};
use crate::venue::{Venue, VenueError};

/// How old, in venue time, the rules may be by which an order is made that adds exposure.
const AGE_MAX: Duration = Duration::from_secs(60);
/// And how many answers long, where the venue's time runs faster: ten real seconds.
const AGE_MAX_LAGS: u32 = 20;

/// A market's rules as the venue told them.
#[derive(Clone, Debug)]
pub struct LiveRules {
    /// The rules.
    pub market: Market,
    /// When they were asked for.
    pub at: Timestamp,
}

impl LiveRules {
    /// Returns whether an order that adds exposure may be made by them, when an answer takes `lag`.
    pub fn are_fresh(&self, now: Timestamp, lag: Duration) -> bool {
        now.since(self.at) <= AGE_MAX + lag * AGE_MAX_LAGS
    }
}

/// The rules of all markets, read for all pairs of a run at once: one answer of the venue holds them all.
#[derive(Debug, Default)]
pub(crate) struct RuleBook(tokio::sync::Mutex<Option<(Timestamp, Vec<Market>)>>);

impl RuleBook {
    /// Keeps what was read at the start of the run.
    pub(crate) fn of_run(markets: Vec<Market>, now: Timestamp) -> Self {
        Self(tokio::sync::Mutex::new(Some((now, markets))))
    }

    /// Returns a market's rules, read again when they are old; nothing when the venue does not list it any more.
    pub(crate) async fn of<V: Venue>(
        &self,
        venue: &V,
        symbol: &str,
        now: Timestamp,
        lag: Duration,
    ) -> Result<Option<LiveRules>, VenueError> {
        // Held while it reads: whoever asks meanwhile takes the same answer.
        let mut kept = self.0.lock().await;
        if let Some((at, markets)) = &*kept
            && let Some(rules) = find(markets, symbol, *at)
            && rules.are_fresh(now, lag)
        {
            return Ok(Some(rules));
        }
        let markets = venue.markets().await?;
        let rules = find(&markets, symbol, now);
        *kept = Some((now, markets));
        Ok(rules)
    }
}

fn find(markets: &[Market], symbol: &str, at: Timestamp) -> Option<LiveRules> {
    let market = markets.iter().find(|market| market.symbol == symbol).cloned()?;
    Some(LiveRules { market, at })
}

/// Returns whether the rules are known and young; asks for them otherwise.
pub(crate) fn are_fresh(work: &mut Work<'_>) -> bool {
    let fresh = work.view.rules.as_ref().is_some_and(|rules| rules.are_fresh(work.now(), work.view.lag));
    if !fresh {
        work.out.effect(Effect::Rules);
    }
    fresh
}

/// Returns whether an amount means the same by both rules.
pub(crate) fn is_same_grid(old: &Market, new: &Market) -> bool {
    let grid =
        |market: &Market| (market.id, market.size_decimals, market.price_decimals, market.quote_multiplier);
    grid(old) == grid(new)
}

/// Returns what differs of the rules that an order is made by, each with its old and its new value.
pub(crate) fn changes(old: &Market, new: &Market) -> Vec<String> {
    let rows = [
        ("id", old.id.to_string(), new.id.to_string()),
        ("price decimals", old.price_decimals.to_string(), new.price_decimals.to_string()),
        ("size decimals", old.size_decimals.to_string(), new.size_decimals.to_string()),
        ("quote multiplier", old.quote_multiplier.to_string(), new.quote_multiplier.to_string()),
        ("smallest size", old.min_base.to_decimal(old).to_string(), new.min_base.to_decimal(new).to_string()),
        ("smallest notional", format!("{} USDC", old.min_quote), format!("{} USDC", new.min_quote)),
        (
            "largest notional",
            format!("{} USDC", old.order_quote_limit),
            format!("{} USDC", new.order_quote_limit),
        ),
        ("largest leverage", old.max_leverage().to_string(), new.max_leverage().to_string()),
    ];
    rows.into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(rule, old, new)| format!("{rule} {old} → {new}"))
        .collect()
}

/// Returns the changes as the end of a sentence; nothing when there are none.
pub(crate) fn since(recorded: &Market, live: &Market) -> String {
    let changes = changes(recorded, live);
    if changes.is_empty() {
        return String::new();
    }
    format!("; the rules of {} changed since they were recorded: {}", live.symbol, changes.join(", "))
}

/// Returns why an order that was to be made does not fit any more: it fits the rules that were checked, and not those of
/// now.
pub(crate) fn misfit(work: &Work<'_>, size: Size, price: Price) -> Option<String> {
    let old = &work.pair.checked.as_ref()?.market;
    let new = &work.view.rules.as_ref()?.market;
    let leverage = work.spec.plan.initial_margin_fraction();
    let fits = |market: &Market| {
        size >= market.min_size_at(price)
            && Usdc::notional(size, price, market) <= market.order_quote_limit
            && leverage >= market.min_initial_margin_fraction
    };
    (fits(old) && !fits(new)).then(|| {
        format!(
            "an order of {} at {} does not fit any more{}",
            size.to_decimal(new),
            price.to_decimal(new),
            since(old, new)
        )
    })
}

/// Returns how a pair ends whose amounts are of another grid than the venue's: nothing may be sent for it any more.
pub(crate) fn off_grid(work: &Work<'_>) -> Option<PairEnd> {
    let trading = matches!(work.pair.step, Step::Place | Step::Watch | Step::Hedge(_) | Step::Exit(_));
    let old = &work.pair.checked.as_ref()?.market;
    let new = &work.view.rules.as_ref().filter(|_| trading)?.market;
    if is_same_grid(old, new) {
        return None;
    }
    let unsettled = LegSide::BOTH.iter().any(|side| !work.pair.leg(*side).unsettled.is_empty());
    let open = !work.pair.is_flat() || work.pair.has_live_orders() || unsettled;
    let (code, left) = match (open, work.pair.placed_at) {
        (true, _) => {
            (codes::EXPOSED, format!("nothing is sent any more, close by hand: {}", open_words(work)))
        }
        (false, Some(_)) => (codes::CHANGED, "nothing is open, and nothing is sent any more".to_owned()),
        (false, None) => (codes::RULE_STOPPED, "nothing was placed".to_owned()),
    };
    let summary = format!(
        "the amounts of this run are of another grid than the venue's now; {left}{}",
        since(old, new)
    );
    Some(PairEnd { code, summary })
}

/// What the journal knows to be open, by the grid that it was written in.
fn open_words(work: &Work<'_>) -> String {
    let market = work.pair.checked.as_ref().map(|checked| &checked.market);
    let held = LegSide::BOTH.map(|side| {
        let position = work.pair.leg(side).position;
        market.map_or_else(String::new, |market| position.to_decimal(market).to_string())
    });
    let orders: usize = LegSide::BOTH.iter().map(|side| work.pair.leg(*side).live_orders().count()).sum();
    format!("long {}, short {}, {orders} orders", held[0], held[1])
}
