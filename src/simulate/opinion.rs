//! Second opinions: what must hold by plan, bytes and venue, found without asking the engine's own functions. A bug in one
//! of those would otherwise blind the watch as well.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::engine::{
    Checked, Intent, Leg, LegSide, OrderState, OrderTerms, Pair, PairSpec, Purpose, RiskState, Step,
};
use crate::model::{AccountIndex, MarketId, Order, Price, Side, Size, TimeInForce, TriggerStatus, Usdc};
use crate::paper::exchange::Exchange;
use crate::plan::{PriceSpec, ProtectPlan, SizeSpec};
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
        // A stop that waits for its trigger is on no book.
        may_rest && !matches!(order.state, OrderState::Ended(_)) && !order.waits_as_stop()
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

/// 3. Nothing that trades at once is there beside an order of another pair that it could reach, whichever came first.
pub(super) fn meets_other(other: &Pair, intent: &Intent, terms: &OrderTerms) -> Finding {
    let at_once = |terms: &OrderTerms| terms.time_in_force == TimeInForce::ImmediateOrCancel;
    let orders = LegSide::BOTH.iter().flat_map(|side| other.leg(*side).orders.values());
    let live = orders.filter(|order| !matches!(order.state, OrderState::Ended(_)) && !order.waits_as_stop());
    let met =
        live.filter(|order| at_once(terms) != at_once(&order.terms)).find(|order| match terms.side {
            Side::Buy => order.terms.side == Side::Sell && terms.price >= order.terms.price,
            Side::Sell => order.terms.side == Side::Buy && terms.price <= order.terms.price,
        })?;
    let what = format!(
        "intent {} at {:?} could meet another pair's order at {:?}",
        intent.id.0, terms.price, met.terms.price
    );
    Some((Invariant::NotOurselves, what))
}

/// 20. Whether stops that wait for the mark price would close all of `held` lots of an account.
///
/// One without a size takes whatever there is when it fires.
pub(super) fn covers(venue: &Exchange, account: AccountIndex, market: MarketId, held: i64) -> bool {
    let closes = if held > 0 { Side::Sell } else { Side::Buy };
    let orders = venue.active_orders(account, Some(market));
    let waits = |order: &&Order| {
        let woken = matches!(order.details.trigger_status, TriggerStatus::MarkPrice | TriggerStatus::Ready);
        woken && order.trigger_price.is_some() && order.reduce_only && order.side == closes
    };
    let sizes: Vec<i64> = orders.iter().filter(waits).map(|order| order.remaining.lots()).collect();
    sizes.contains(&0) || sizes.iter().sum::<i64>() >= held.abs()
}

/// 5. What a pair may come to hold at `mark`, both legs together: orders that may be live count as filled.
pub(super) fn exposure(pair: &Pair, mark: Price) -> Usdc {
    let Some(checked) = &pair.checked else { return Usdc::ZERO };
    let worst = LegSide::BOTH.iter().map(|side| {
        let leg = pair.leg(*side);
        let [bought, sold] = [Side::Buy, Side::Sell].map(|side| pending(leg, side).lots());
        let held = leg.position.lots();
        Usdc::notional(Size::from_lots((held + bought).abs().max((held - sold).abs())), mark, &checked.market)
    });
    worst.fold(Usdc::ZERO, Usdc::plus)
}

/// What the bytes of every order say.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    account_index: i64,
    expired_at: i64,
    nonce: i64,
    /// The orders of a group.
    #[serde(default)]
    orders: Vec<WireOrder>,
}

/// One order in them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireOrder {
    base_amount: i64,
    price: i64,
    is_ask: u8,
    time_in_force: u8,
    reduce_only: u8,
    trigger_price: i64,
}

impl WireOrder {
    fn says(&self, terms: &OrderTerms) -> bool {
        let time_in_force = match terms.time_in_force {
            TimeInForce::ImmediateOrCancel => 0,
            TimeInForce::GoodTillTime => 1,
            TimeInForce::PostOnly => 2,
        };
        // A stop is for all that there is when it fires.
        let size = if terms.trigger.is_some() { 0 } else { terms.size.lots() };
        (self.base_amount, self.price) == (size, terms.price.ticks())
            && self.trigger_price == terms.trigger.map_or(0, Price::ticks)
            && (self.is_ask == 1) == (terms.side == Side::Sell)
            && self.time_in_force == time_in_force
    }
}

/// 6. and 7.: a stop is of the plan's, reduces, closes its leg, and is bounded.
pub(super) fn stops(intent: &Intent, closing: Side, plan: Option<ProtectPlan>) -> Finding {
    let own = intent.order.filter(|_| intent.purpose == Purpose::Protect);
    let child = intent.child.map(|child| child.order);
    own.into_iter().chain(child).find_map(|terms| {
        let bounded = |plan: ProtectPlan| {
            let trigger = terms.trigger?;
            (trigger.worsened(closing, plan.limit_bps) == terms.price).then_some(())
        };
        let sound = terms.reduce_only && terms.side == closing && plan.and_then(bounded).is_some();
        let what = || format!("intent {} has a stop that is none: {terms:?}", intent.id.0);
        (!sound).then(|| (Invariant::BoundedPrices, what()))
    })
}

/// 6. and 10.: the signed bytes say what was decided, in lots and ticks.
pub(super) fn wire(intent: &Intent, terms: &OrderTerms) -> Finding {
    let Ok(wire) = serde_json::from_str::<Wire>(&intent.tx_info) else {
        return Some((Invariant::WholeTicks, "the bytes of an order are no order".to_owned()));
    };
    let mut orders = wire.orders;
    if orders.is_empty() {
        orders.extend(serde_json::from_str::<WireOrder>(&intent.tx_info));
    }
    let decided: Vec<&OrderTerms> =
        [terms].into_iter().chain(intent.child.as_ref().map(|child| &child.order)).collect();
    let flags = |(terms, wire): (&&OrderTerms, &WireOrder)| terms.reduce_only == (wire.reduce_only == 1);
    if orders.len() != decided.len() || !decided.iter().zip(&orders).all(flags) {
        let what = format!("intent {}: decided and signed differ in reduce-only", intent.id.0);
        return Some((Invariant::OnlyReduces, what));
    }
    let same = decided.iter().zip(&orders).all(|(terms, wire)| wire.says(terms))
        && wire.account_index == intent.account.get()
        && wire.nonce == intent.nonce.get()
        && wire.expired_at == intent.deadline.as_millis();
    (!same).then(|| {
        let signed: Vec<_> =
            orders.iter().map(|wire| format!("{} lots at {} ticks", wire.base_amount, wire.price)).collect();
        let signed = signed.join(", ");
        (Invariant::WholeTicks, format!("intent {} is {terms:?}, signed as {signed}", intent.id.0))
    })
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
    // A stop trades by the venue's own prices.
    if intent.purpose == Purpose::Protect {
        return None;
    }
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
