//! Second opinions: what must hold by plan, bytes and venue, found without asking the engine's own functions. A bug in one
//! of those would otherwise blind the watch as well.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::engine::{
    Checked, Intent, Leg, LegSide, OrderState, OrderTerms, Pair, PairSpec, Purpose, RiskState, Step,
};
use crate::model::{AccountIndex, MarketId, Price, Side, Size, TimeInForce, Usdc};
use crate::paper::exchange::Exchange;
use crate::plan::{PriceSpec, SizeSpec};
use crate::venue::Feed;

use super::venue::SECRET_BYTE;
use super::violation::Invariant;

/// What does not hold, if anything.
pub(super) type Finding = Option<(Invariant, String)>;

/// 4. and 10.: what the check settled follows from plan and mark price.
pub(super) fn checked(spec: &PairSpec, checked: &Checked, mark: Option<Price>) -> Finding {
    let market = &checked.market;
    let outside = match (spec.plan.buy, spec.plan.sell) {
        (PriceSpec::Fixed(buy), _) if checked.buy.to_decimal(market) > buy => Some("buy price"),
        (_, PriceSpec::Fixed(sell)) if checked.sell.to_decimal(market) < sell => Some("sell price"),
        _ => None,
    };
    if let Some(name) = outside {
        return Some((Invariant::WholeTicks, format!("the {name} was rounded against the plan")));
    }
    if let SizeSpec::Base(base) = spec.plan.size
        && checked.size.to_decimal(market) > base
    {
        return Some((Invariant::WholeTicks, "the size was rounded up".to_owned()));
    }
    let lot = Usdc::notional(Size::LOT, mark?, market).micros().max(1);
    let dust = (spec.plan.hedge.dust.micros() / lot).max(1);
    // The mark of the check's reads may be a little older than this one.
    let most = dust + dust / 5 + 1;
    (checked.tolerance.lots() > most).then(|| {
        let what = format!("{} lots count as no difference, {dust} by the plan", checked.tolerance.lots());
        (Invariant::NakedIsTold, what)
    })
}

/// 3. What trades at once reaches no own order that was not seen to end, of either leg.
pub(super) fn meets_own(pair: &Pair, intent: &Intent, terms: &OrderTerms) -> Finding {
    if terms.time_in_force != TimeInForce::ImmediateOrCancel {
        return None;
    }
    let orders = LegSide::BOTH.iter().flat_map(|side| pair.leg(*side).orders.values());
    let resting = orders.filter(|order| {
        let may_rest = order.terms.time_in_force != TimeInForce::ImmediateOrCancel;
        // A stop that waits for its price is on no book.
        let waits = order.terms.trigger.is_some() && !order.woke;
        may_rest && !waits && !matches!(order.state, OrderState::Ended(_))
    });
    let met =
        resting.filter(|order| order.terms.side == terms.side.opposite()).find(|order| match terms.side {
            Side::Buy => terms.price >= order.terms.price,
            Side::Sell => terms.price <= order.terms.price,
        })?;
    let what =
        format!("intent {} at {:?} reaches the own order at {:?}", intent.id.0, terms.price, met.terms.price);
    Some((Invariant::NotOurselves, what))
}

/// An order as its bytes say it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireOrder {
    client_order_index: u64,
    base_amount: i64,
    price: i64,
    is_ask: u8,
    #[serde(rename = "Type")]
    kind: u8,
    time_in_force: u8,
    reduce_only: u8,
    trigger_price: i64,
    order_expiry: i64,
}

/// What the bytes say beside the order.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    account_index: i64,
    #[serde(default)]
    grouping_type: u8,
    /// An order and the one that it wakes.
    #[serde(default)]
    orders: Vec<WireOrder>,
    expired_at: i64,
    nonce: i64,
}

/// 6. and 10.: the signed bytes say what was decided, in lots and ticks.
pub(super) fn wire(intent: &Intent, terms: &OrderTerms) -> Finding {
    let no_order = || Some((Invariant::WholeTicks, "the bytes of an order are no order".to_owned()));
    let Ok(wire) = serde_json::from_str::<Wire>(&intent.tx_info) else { return no_order() };
    if wire.account_index != intent.account.get()
        || wire.nonce != intent.nonce.get()
        || wire.expired_at != intent.deadline.as_millis()
    {
        return Some((Invariant::WholeTicks, format!("intent {} is signed as another", intent.id.0)));
    }
    match (&intent.child, wire.orders.as_slice()) {
        (None, []) => match serde_json::from_str::<WireOrder>(&intent.tx_info) {
            Ok(order) => as_signed(intent, terms, &order),
            Err(_) => no_order(),
        },
        (Some(child), [parent, stop]) if wire.grouping_type == 1 => {
            let index = stop.client_order_index == child.client_order_index.get();
            let expires = stop.order_expiry == parent.order_expiry;
            let (parent, stop) = (as_signed(intent, terms, parent), as_signed(intent, &child.order, stop));
            parent.or(stop).or(if index && expires { None } else { no_order() })
        }
        _ => no_order(),
    }
}

fn as_signed(intent: &Intent, terms: &OrderTerms, wire: &WireOrder) -> Finding {
    if terms.reduce_only != (wire.reduce_only == 1) {
        let what = format!("intent {}: decided and signed differ in reduce-only", intent.id.0);
        return Some((Invariant::OnlyReduces, what));
    }
    let time_in_force = match terms.time_in_force {
        TimeInForce::ImmediateOrCancel => 0,
        TimeInForce::GoodTillTime => 1,
        TimeInForce::PostOnly => 2,
    };
    let same = (wire.base_amount, wire.price) == (terms.size.lots(), terms.price.ticks())
        && (wire.is_ask == 1) == (terms.side == Side::Sell)
        && wire.time_in_force == time_in_force
        && wire.trigger_price == terms.trigger.map_or(0, Price::ticks)
        && wire.kind == if terms.trigger.is_some() { 3 } else { 0 };
    (!same).then(|| {
        let signed = format!("{} lots at {} ticks", wire.base_amount, wire.price);
        (Invariant::WholeTicks, format!("intent {} is {terms:?}, signed as {signed}", intent.id.0))
    })
}

/// 6. and 7.: an entry has its stop exactly when the plan protects it.
pub(super) fn child(spec: &PairSpec, intent: &Intent, terms: &OrderTerms) -> Finding {
    let wanted = spec.plan.protect.is_some() && intent.purpose == Purpose::Entry;
    match &intent.child {
        Some(child) if wanted => {
            let lots = terms.size.lots();
            stop(spec, intent.leg, &child.order, (lots, i128::from(lots) * i128::from(terms.price.ticks())))
        }
        None if !wanted => None,
        _ => Some((Invariant::Protected, format!("intent {}: entries and stops go together", intent.id.0))),
    }
}

/// 6., 7.: a stop only closes, over all that is held, at the plan's distance from what was paid for it, within its bound.
pub(super) fn stop(spec: &PairSpec, leg: LegSide, terms: &OrderTerms, (lots, paid): (i64, i128)) -> Finding {
    let (Some(plan), Some(trigger)) = (&spec.plan.protect, terms.trigger) else {
        return Some((Invariant::Protected, "a stop that the plan does not ask for".to_owned()));
    };
    let closes = match leg {
        LegSide::Long => Side::Sell,
        LegSide::Short => Side::Buy,
    };
    if !terms.reduce_only || !terms.size.is_zero() || terms.side != closes {
        return Some((Invariant::OnlyReduces, format!("a stop of the {} leg is {terms:?}", leg.name())));
    }
    // Upside down for a leg that loses when prices rise.
    let sign = if leg == LegSide::Long { 1 } else { -1 };
    let lots = i128::from(lots);
    let (mark, limit) = (i128::from(trigger.ticks()), i128::from(terms.price.ticks()));
    let near = paid - mark * lots;
    let near = near * sign * 10_000 < i128::from(plan.stop_bps) * paid;
    let far = (mark - limit) * sign * 10_000 > i128::from(plan.limit_bps) * mark;
    let beside = (mark - limit) * sign < 0;
    (near || far || beside || terms.time_in_force != TimeInForce::GoodTillTime).then(|| {
        (Invariant::BoundedPrices, format!("a stop of the {} leg is {terms:?}, paid were {paid}", leg.name()))
    })
}

/// 20. The sizes of the stops that wait for the mark price to close `held` lots; zero is whatever is held.
pub(super) fn stops(venue: &Exchange, account: AccountIndex, market: MarketId, held: i64) -> Vec<i64> {
    let closes = if held > 0 { Side::Sell } else { Side::Buy };
    let orders = venue.active_orders(account, Some(market));
    let waits = orders
        .iter()
        .filter(|order| order.trigger_price.is_some() && order.details.parent.is_none() && order.reduce_only);
    waits.filter(|order| order.side == closes).map(|order| order.remaining.lots()).collect()
}

/// 20. Whether such stops close all of `held` lots: one of them does, or it is just the size.
pub(super) fn covers(stops: &[i64], held: i64) -> bool {
    stops.iter().any(|size| *size == 0 || *size == held.abs())
}

/// 5. What `side` of a leg could still add, with every order that was not seen to end counted as filled.
pub(super) fn pending(leg: &Leg, side: Side) -> Size {
    let open = leg.orders.values().filter(|order| !matches!(order.state, OrderState::Ended(_)));
    open.filter(|order| order.terms.side == side && !order.terms.reduce_only)
        .map(|order| order.terms.size.saturating_sub(order.traded.max(order.reported)))
        .fold(Size::ZERO, Size::plus)
}

/// 6. Whether a pair may do nothing but reduce.
pub(super) fn only_reduces(pair: &Pair) -> bool {
    pair.risk != RiskState::Active
        || pair.stop.is_some()
        || pair.effort.emergency
        || matches!(pair.step, Step::Exit(_) | Step::Withdraw)
}

/// 15. What trades at once needs the market's streams; what adds risk those of its leg as well.
pub(super) fn fresh(intent: &Intent, terms: &OrderTerms, up: &BTreeSet<Feed>) -> Finding {
    let blind = |what: &str| {
        let text = format!("intent {} ({:?}) while {what} are down", intent.id.0, intent.purpose);
        Some((Invariant::FreshData, text))
    };
    let market = up.iter().filter(|feed| matches!(feed, Feed::Book(_) | Feed::Stats(_))).count();
    if market < 2 {
        return blind("book or prices");
    }
    let account = intent.account;
    let feeds = [
        Feed::Orders(account),
        Feed::Trades(account),
        Feed::Positions(account),
        Feed::Margin(account),
        Feed::Txs(account),
        Feed::Notices(account),
    ];
    if terms.reduce_only || feeds.iter().all(|feed| up.contains(feed)) {
        return None;
    }
    blind("streams of its account")
}

/// 11. A pair that is given up with something open says so.
pub(super) fn handed_over(pair: &Pair) -> Finding {
    let end = pair.end()?;
    let held = LegSide::BOTH.map(|side| pair.leg(side).position.lots());
    let tolerance = pair.checked.as_ref().map_or(0, |checked| checked.tolerance.lots());
    let dust = held.iter().all(|lots| lots.abs() <= tolerance) && end.summary.contains("dust left");
    let silent = held != [0, 0] && !dust && !end.summary.contains("LEFT OPEN");
    silent
        .then(|| (Invariant::FourEnds, format!("ended with {} while {held:?} lots stand: {end:?}", end.code)))
}

/// 13. No key, in hexadecimal or base64, in a row of the journal.
pub(super) fn secret(row: &str) -> Finding {
    let hex = format!("{SECRET_BYTE:02x}").repeat(16);
    // Three bytes of one value make four characters, so any stretch of the text shows.
    let base64 = "Xl5e".repeat(8);
    let shown = row.contains(&hex) || row.contains(&base64);
    shown.then(|| (Invariant::NoSecret, "a secret key stands in the journal".to_owned()))
}
