//! Place: one limit order per leg, both intents in one commit.

use std::time::Duration;

use super::{Flow, watch};
use crate::engine::codes;
use crate::engine::entry::{LegSide, OrderTerms, PairEnd, Purpose, Step};
use crate::engine::state::OrderState;
use crate::engine::work::Work;
use crate::model::{Market, Price, Side, Size, TimeInForce, Usdc};
use crate::plan::{PegReference, PriceSpec};
use crate::rt::Mutant;

pub(crate) fn place(work: &mut Work<'_>) -> Flow {
    if work.pair.placed_at.is_some() {
        let open = |side: &LegSide| {
            let live = work.pair.leg(*side).live_entry();
            live.is_none_or(|(_, order)| order.state == OrderState::Open)
        };
        if LegSide::BOTH.iter().all(open) {
            return work.go(Step::Watch);
        }
        return watch::watch(work);
    }
    let deadline = work.pair.step_since.after(work.spec.plan.watch.entry_deadline);
    if work.now() >= deadline {
        let summary =
            "no moment came to place the entry before its deadline: no fresh prices, no connection, or \
                       the market stayed beyond the quotes; nothing was placed"
                .to_owned();
        return work.go(Step::Done(PairEnd { code: codes::RULE_STOPPED, summary }));
    }
    let again = work.now().after(Duration::from_secs(1)).min(deadline);
    work.out.wake_at(again);
    match entry_terms(work) {
        Ok(Some([long, short])) => {
            work.propose_order(LegSide::Long, Purpose::Entry, long);
            work.propose_order(LegSide::Short, Purpose::Entry, short);
            Flow::Wait
        }
        Ok(None) => Flow::Wait,
        Err(summary) => work.go(Step::Done(PairEnd { code: codes::RULE_STOPPED, summary })),
    }
}

/// Returns both entry orders; `None` when it is not the moment, an error when a rule forbids them.
fn entry_terms(work: &Work<'_>) -> Result<Option<[OrderTerms; 2]>, String> {
    let Some(checked) = &work.pair.checked else { return Ok(None) };
    let ready = |side: &LegSide| {
        let seen = work.view.leg(*side).live || Mutant::BlindEntry.is_planted();
        seen && work.can_send(*side, &Purpose::Entry)
    };
    let (Some(mark), Some(book)) = (work.view.mark(), work.view.book.as_ref()) else { return Ok(None) };
    if !LegSide::BOTH.iter().all(ready) || work.pair.only_reduces() {
        return Ok(None);
    }
    let (Some(buy), Some(sell)) = (quote(work, LegSide::Long), quote(work, LegSide::Short)) else {
        return Ok(None);
    };
    within_collar(work, buy, mark)?;
    within_collar(work, sell, mark)?;
    within_limits(work, buy, sell)?;
    if buy >= sell && LegSide::BOTH.into_iter().any(|side| watch::is_pegged(work, side)) {
        // The market brought them there and takes them apart again; the entry's deadline bounds the wait.
        return Ok(None);
    }
    if buy >= sell {
        return Err(format!(
            "the quotes would cross each other: buy {} ticks, sell {} ticks",
            buy.ticks(),
            sell.ticks()
        ));
    }
    let post_only = work.spec.plan.place.time_in_force == TimeInForce::PostOnly;
    let crosses = book.best().is_some_and(|(bid, ask)| buy >= ask || sell <= bid);
    if (post_only && crosses) || meets_own(work, buy, sell) {
        return Ok(None);
    }
    let expiry = work.now().after(work.spec.plan.place.expires_in);
    let terms = |side: Side, price: Price| OrderTerms {
        side,
        price,
        size: checked.size,
        time_in_force: work.spec.plan.place.time_in_force,
        reduce_only: false,
        expiry,
        trigger: None,
    };
    Ok(Some([terms(Side::Buy, buy), terms(Side::Sell, sell)]))
}

/// Returns where a leg quotes now: its fixed price, or the pegged one rounded away from the market.
pub(crate) fn quote(work: &Work<'_>, side: LegSide) -> Option<Price> {
    let checked = work.pair.checked.as_ref()?;
    let (spec, fixed) = match side {
        LegSide::Long => (work.spec.plan.buy, checked.buy),
        LegSide::Short => (work.spec.plan.sell, checked.sell),
    };
    let PriceSpec::Peg { reference, offset_bps, .. } = spec else { return Some(fixed) };
    let (data, (bid, ask)) = (work.view.data.as_ref()?, work.view.book.as_ref()?.best()?);
    // Twice the reference, so that a mid between two ticks stays whole.
    let doubled = match reference {
        PegReference::Mid => bid.ticks() + ask.ticks(),
        PegReference::BestBid => bid.ticks() * 2,
        PegReference::BestAsk => ask.ticks() * 2,
        PegReference::Mark => data.mark?.ticks() * 2,
        PegReference::Index => data.index?.ticks() * 2,
        PegReference::Last => data.last?.ticks() * 2,
    };
    let scaled = i128::from(doubled) * i128::from(10_000 + offset_bps);
    let ticks = match side {
        LegSide::Long => scaled.div_euclid(20_000),
        LegSide::Short => -(-scaled).div_euclid(20_000),
    };
    let ticks = i64::try_from(ticks).ok()?;
    // A pegged post-only quote stays behind the touch, and our two quotes apart.
    let passive = match side {
        LegSide::Long => ticks.min(ask.ticks() - 1),
        LegSide::Short => ticks.max(bid.ticks() + 1),
    };
    (Price::MIN.ticks()..=Price::MAX.ticks()).contains(&passive).then(|| Price::from_ticks(passive))
}

/// Returns whether the market would take an order of this size to rest.
pub(crate) fn can_rest(market: &Market, size: Size, price: Price) -> bool {
    market.takes_entries() && size >= market.min_size_at(price)
}

pub(crate) fn within_collar(work: &Work<'_>, price: Price, mark: Price) -> Result<(), String> {
    if Mutant::CollarIgnored.is_planted() {
        return Ok(());
    }
    let limit = work.spec.plan.risk.max_price_deviation_bps;
    let apart = i128::from((price.ticks() - mark.ticks()).abs()) * 10_000;
    if apart > i128::from(mark.ticks()) * i128::from(limit) {
        let market = &work.pair.checked.as_ref().ok_or("no check")?.market;
        return Err(format!(
            "price {} is more than {limit} bps from mark {} (risk.max_price_deviation_bps)",
            price.to_decimal(market),
            mark.to_decimal(market)
        ));
    }
    Ok(())
}

/// In-doubt and resting orders count as filled, in every pair of the run.
fn within_limits(work: &Work<'_>, buy: Price, sell: Price) -> Result<(), String> {
    let Some(checked) = work.pair.checked.as_ref().filter(|_| !Mutant::CapsIgnored.is_planted()) else {
        return Ok(());
    };
    let risk = &work.spec.plan.risk;
    let (long, short) = (
        Usdc::notional(checked.size, buy, &checked.market),
        Usdc::notional(checked.size, sell, &checked.market),
    );
    let largest = long.max(short);
    let all = long.plus(short).plus(work.view.other_exposure);
    let over = |name: &str, value: Usdc, limit: Usdc| format!("{value} USDC exceeds {name} of {limit} USDC");
    if largest > risk.max_order {
        return Err(over("risk.max_order_usdc", largest, risk.max_order));
    }
    if largest > risk.max_position {
        return Err(over("risk.max_position_usdc", largest, risk.max_position));
    }
    if all > risk.max_exposure {
        return Err(over("risk.max_exposure_usdc", all, risk.max_exposure));
    }
    Ok(())
}

/// Returns whether a quote that is placed anew would break a limit, with all that its leg and the other one hold or may
/// still fill.
pub(crate) fn rest_exceeds(work: &Work<'_>, side: LegSide, rest: Size, price: Price) -> bool {
    let Some(checked) = &work.pair.checked else { return true };
    let risk = &work.spec.plan.risk;
    let order = Usdc::notional(rest, price, &checked.market);
    let position = committed(work, &checked.market, side, price).plus(order);
    let exposure = committed(work, &checked.market, side.other(), price).plus(position);
    order > risk.max_order
        || position > risk.max_position
        || exposure.plus(work.view.other_exposure) > risk.max_exposure
}

/// Returns what a leg holds at `price`, with every order that adds to it counted as filled: those that may be live, and
/// those that this very decision proposes, which no state knows yet.
fn committed(work: &Work<'_>, market: &Market, side: LegSide, price: Price) -> Usdc {
    let leg = work.pair.leg(side);
    let live = leg.live_orders().map(|(_, order)| (order.terms, order.remaining()));
    let proposed = work.out.proposals.iter().filter(|proposal| proposal.leg == side);
    let proposed = proposed.filter_map(|proposal| proposal.order).map(|terms| (terms, terms.size));
    live.chain(proposed)
        .filter(|(terms, _)| !terms.reduce_only)
        .fold(Usdc::notional(leg.position.size(), price, market), |sum, (terms, size)| {
            sum.plus(Usdc::notional(size, terms.price.max(price), market))
        })
}

/// Returns whether a quote would meet another pair's quote.
fn meets_own(work: &Work<'_>, buy: Price, sell: Price) -> bool {
    work.view.foreign.iter().any(|quote| match quote.side {
        Side::Sell => quote.price <= buy,
        Side::Buy => quote.price >= sell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::decide;
    use crate::engine::entry::{Checked, CheckedLeg, Entry, Fill};
    use crate::engine::event::{Decision, Effect, Event, Proposal, View};
    use crate::engine::spec::PairSpec;
    use crate::engine::state::{OwnOrder, Pair};
    use crate::model::{
        AccountIndex, ApiKeyIndex, ClientOrderIndex, MarginView, Nonce, Timestamp, TradeId, TradeKind,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    /// 100 USDC.
    const PRICE: Price = Price::from_ticks(100_000);

    /// A pair's spec with limits in whole USDC: of an order, of a position, of all exposure.
    fn spec(order: i64, position: i64, exposure: i64) -> PairSpec {
        let mut spec = PairSpec::example();
        spec.plan.risk.max_order = Usdc::whole(order);
        spec.plan.risk.max_position = Usdc::whole(position);
        spec.plan.risk.max_exposure = Usdc::whole(exposure);
        spec
    }

    /// A checked pair whose long leg has bought `lots` at 100 USDC.
    fn pair(lots: i64) -> Pair {
        let leg = |account| CheckedLeg {
            account: AccountIndex::new(account),
            l1_address: String::new(),
            margin: MarginView::default(),
            keys: vec![(ApiKeyIndex::new(4), Nonce::new(9))],
            set_leverage: false,
            funding_paid: Usdc::ZERO,
            tier: "standard".to_owned(),
        };
        let market = Market::example();
        let size = Size::from_lots(lots);
        let fill = Fill {
            leg: LegSide::Long,
            trade: TradeId::new(1),
            client_order_index: None,
            kind: TradeKind::Trade,
            side: Side::Buy,
            price: PRICE,
            size,
            quote: Usdc::notional(size, PRICE, &market),
            fee: rust_decimal::Decimal::ZERO,
            counterparty: AccountIndex::new(7),
            at: NOW,
        };
        let checked = Checked {
            market,
            buy: PRICE,
            sell: Price::from_ticks(100_001),
            size: Size::from_lots(2_500),
            tolerance: Size::LOT,
            same_owner: false,
            at: NOW,
            legs: [leg(1001), leg(1002)],
        };
        let mut pair = Pair::default();
        pair.evolve(&Entry::Checked(Box::new(checked))).unwrap();
        pair.evolve(&Entry::Fill(fill)).unwrap();
        pair
    }

    fn work<'a>(pair: Pair, spec: &'a PairSpec, view: &'a View) -> Work<'a> {
        Work { pair, spec, view, out: Decision::default(), pull: Vec::new() }
    }

    #[test]
    fn a_quote_that_is_moved_counts_what_its_leg_holds() {
        let (spec, view) = (spec(200, 250, 10_000), View::default());
        let work = work(pair(1_000), &spec, &view);
        let rest = Size::from_lots(1_500);
        assert!(!rest_exceeds(&work, LegSide::Long, rest, PRICE), "100 and 150 USDC are within 250");
        assert!(rest_exceeds(&work, LegSide::Long, rest, Price::from_ticks(110_000)), "110 and 165 are not");
        assert!(
            !rest_exceeds(&work, LegSide::Short, rest, Price::from_ticks(110_000)),
            "nothing is held there"
        );
    }

    #[test]
    fn a_quote_that_is_moved_counts_the_other_legs_order_as_filled() {
        let (spec, view) = (spec(10_000, 10_000, 400), View::default());
        let mut work = work(pair(0), &spec, &view);
        let terms = OrderTerms {
            side: Side::Sell,
            price: PRICE,
            size: Size::from_lots(2_500),
            time_in_force: TimeInForce::PostOnly,
            reduce_only: false,
            expiry: NOW,
            trigger: None,
        };
        let over = |work: &Work<'_>, lots| rest_exceeds(work, LegSide::Long, Size::from_lots(lots), PRICE);
        assert!(!over(&work, 4_000) && over(&work, 4_001), "alone it may take all");
        work.propose_order(LegSide::Short, Purpose::Entry, terms);
        assert!(!over(&work, 1_500) && over(&work, 1_501), "250 USDC are proposed in the same decision");
        let proposal = work.out.proposals.pop();
        std::sync::Arc::make_mut(&mut work.pair.short).orders.extend(proposal.and_then(in_doubt));
        assert!(!over(&work, 1_500) && over(&work, 1_501), "250 USDC are in doubt");
    }

    #[test]
    fn f_24_the_rules_of_the_day_say_what_may_still_rest() {
        let (spec, view) = (spec(1_000, 1_000, 10_000), View::default());
        let mut pair = pair(1_000);
        pair.placed_at = Some(NOW);
        let at_the_check = pair.checked.clone().unwrap().market.clone();
        let rest = Size::from_lots(1_500);
        assert!(can_rest(&at_the_check, rest, PRICE));
        let larger = Market { min_base: Size::from_lots(2_000), ..at_the_check.clone() };
        let closing = Market { force_reduce_only: true, ..at_the_check.clone() };
        for (today, said) in [
            (larger, "smallest size was 0.055, is 2.000"),
            (closing, "orders that pass was all, is reduce-only"),
        ] {
            let event = Event::Rules(Box::new(today.clone()));
            let decision = decide(&pair, &spec, &view, &event);
            let rules = decision.entries.iter().find_map(|entry| match entry {
                Entry::Rules { changes, .. } => Some((entry, changes.clone())),
                _ => None,
            });
            let (entry, changes) = rules.expect("it is told");
            assert!(changes.contains(&said.to_owned()), "{changes:?}");
            pair.evolve(entry).unwrap();
            assert!(!can_rest(&pair.checked.clone().unwrap().market, rest, PRICE));
            let again = decide(&pair, &spec, &view, &event);
            assert!(!again.entries.iter().any(|entry| matches!(entry, Entry::Rules { .. })), "told once");
        }
    }

    #[test]
    fn f_24_what_is_not_placed_is_checked_anew() {
        let (spec, view) = (spec(1_000, 1_000, 10_000), View::default());
        let mut pair = Pair { step: Step::Place, ..pair(0) };
        let at_the_check = pair.checked.clone().unwrap().market.clone();
        let same = decide(&pair, &spec, &view, &Event::Rules(Box::new(at_the_check.clone())));
        assert!(!same.effects.contains(&Effect::Check), "nothing changed");
        let larger = Market { min_base: Size::from_lots(2_000), ..at_the_check };
        let decision = decide(&pair, &spec, &view, &Event::Rules(Box::new(larger)));
        assert!(decision.effects.contains(&Effect::Check), "{decision:?}");
        assert!(
            !decision.entries.iter().any(|entry| matches!(entry, Entry::Alert { .. })),
            "nothing is at stake"
        );
        decision.entries.iter().for_each(|entry| pair.evolve(entry).unwrap());
        assert_eq!((&pair.step, &pair.checked), (&Step::Check, &None));
    }

    fn in_doubt(proposal: Proposal) -> Option<(ClientOrderIndex, OwnOrder)> {
        let order = OwnOrder {
            purpose: proposal.purpose,
            terms: proposal.order?,
            parent: None,
            state: OrderState::InDoubt,
            reported: Size::ZERO,
            traded: Size::ZERO,
            placed_at: NOW,
            changed_at: NOW,
            cancel: None,
            cancelled_at: None,
        };
        Some((proposal.client_order_index?, order))
    }
}
