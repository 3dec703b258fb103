//! Turns what the venue says into journal entries: new, repeated and late news are sorted out here, once.

use std::time::Duration;

use super::entry::{Entry, ExitReason, Fill, IntentId, LegSide, Outcome, PairEnd, Purpose, Step, StopMode};
use super::event::{Effect, Event, LegSnapshot, SendResult};
use super::state::{LegWithdrawal, OrderState};
use super::work::{ALERT_AGAIN, READ_LAG, Work};
use crate::model::{
    AccountView, ApiKeyIndex, ClientOrderIndex, Market, Nonce, Order, OrderStatus, Timestamp, Trade,
    TradeKind, Usdc, WithdrawStatus, Withdrawal,
};
use crate::rt::Mutant;
use crate::venue::{Notice, NoticeKind, TxStatus, TxView};
use rust_decimal::Decimal;

/// The venue's code for an invalid nonce.
pub(crate) const INVALID_NONCE: i64 = 21_104;

pub(crate) fn ingest(work: &mut Work<'_>, event: &Event) {
    let at = work.now();
    match event {
        Event::Tick => {}
        Event::CheckPassed(checked) => {
            if work.pair.step == Step::Check {
                work.record(Entry::Checked(checked.clone()));
            }
        }
        Event::CheckFailed(code, reason) => check_failed(work, *code, reason),
        Event::Sent(id, side, result) => sent(work, *id, *side, result),
        Event::Orders(side, rows) => orders(work, *side, rows, false),
        Event::Trades(side, rows) => trades(work, *side, rows),
        Event::Txs(side, rows) => rows.iter().for_each(|row| transaction(work, *side, row)),
        Event::Notices(side, rows) => rows.iter().for_each(|row| notice(work, *side, row)),
        Event::Snapshot(side, snapshot) => reconcile(work, *side, snapshot),
        Event::Withdrawals(side, rows, collateral) => withdrawals(work, *side, rows, *collateral),
        // It is in the view, and the step looks there.
        Event::FastTerms(..) => {}
        Event::Stop(mode) => stop(work, *mode),
        Event::Resumed => {
            work.record(Entry::Resumed { at, restart_entry: work.spec.restart_missed_entry });
        }
        Event::Rules(market) => rules(work, market),
        Event::StoodStill(lasted) => stood_still(work, *lasted),
        Event::Pull(index) => work.pull.push(*index),
        Event::LeaveNow(reason) => leave(work, reason),
    }
}

/// What was checked is held against the rules of the day; what is not placed is checked anew.
fn rules(work: &mut Work<'_>, market: &Market) {
    let Some(checked) = &work.pair.checked else { return };
    let changes = market.changes_since(&checked.market);
    if changes.is_empty() || work.pair.end().is_some() {
        return;
    }
    let at = work.now();
    if work.pair.placed_at.is_some() {
        work.alert("stuck", format!("{} changed its rules: {}", market.symbol, changes.join("; ")));
    }
    work.record(Entry::Rules { market: Box::new(market.clone()), changes, at });
}

fn check_failed(work: &mut Work<'_>, code: u8, reason: &str) {
    if work.pair.step == Step::Check {
        let at = work.now();
        let end = PairEnd { code, summary: reason.to_owned() };
        work.record(Entry::Step { to: Step::Done(end), at });
    }
}

fn stop(work: &mut Work<'_>, mode: StopMode) {
    if work.pair.stop < Some(mode) && work.pair.end().is_none() {
        let at = work.now();
        work.record(Entry::Stop { mode, at });
    }
}

/// Both legs are being read again, and nothing that adds risk starts before; somebody should know why.
fn stood_still(work: &mut Work<'_>, lasted: Duration) {
    let at_stake = !work.pair.is_flat() || work.pair.has_live_orders();
    if at_stake && work.pair.end().is_none() {
        let text = format!(
            "this process stood still for {lasted:.0?}; both legs are read before anything is placed"
        );
        work.alert("stuck", text);
    }
}

fn leave(work: &mut Work<'_>, reason: &ExitReason) {
    if matches!(work.pair.step, Step::Place | Step::Watch | Step::Hedge(_)) {
        let at = work.now();
        work.record(Entry::Step { to: Step::Exit(reason.clone()), at });
    }
}

fn settle(work: &mut Work<'_>, id: IntentId, side: LegSide, outcome: Outcome) {
    if let Some(intent) = work.pair.leg(side).unsettled.get(&id) {
        let reduces = matches!(intent.purpose, Purpose::Hedge | Purpose::Exit | Purpose::Protect);
        let at = work.now();
        if reduces {
            refused(work, side, &outcome);
        }
        work.record(Entry::Settled { intent: id, leg: side, outcome, at });
    }
}

/// A hedge that the venue will not take is told, because it may go on for hours; told again at most every minute.
fn refused(work: &mut Work<'_>, side: LegSide, outcome: &Outcome) {
    let why = match outcome {
        Outcome::Executed | Outcome::Dead { code: None | Some(INVALID_NONCE), .. } => return,
        Outcome::Dead { code: Some(code), proof } => format!("{code}: {proof}"),
        Outcome::Failed { code, message } => {
            code.map_or_else(|| message.clone(), |code| format!("{code}: {message}"))
        }
    };
    if work.pair.last_alert.is_none_or(|last| work.now() >= last.after(ALERT_AGAIN)) {
        let text = format!(
            "the venue refused an order that closes, hedges or protects the {} leg ({why})",
            side.name()
        );
        work.alert("hedge", text);
    }
}

/// A reply is a hint, except a refusal of bytes of which no other copy can be under way. That the nonce is used is no
/// such refusal: a proxy may have sent the request twice, and this is what the second copy was told.
fn sent(work: &mut Work<'_>, id: IntentId, side: LegSide, result: &SendResult) {
    match result {
        SendResult::Accepted => {}
        SendResult::NotSent { in_doubt, .. } => {
            // Bytes that never left are dead, and after a stop nothing that adds risk leaves for the first time.
            let adds_risk = work.pair.leg(side).unsettled.get(&id).is_some_and(|intent| intent.adds_risk());
            if !in_doubt && adds_risk && work.pair.only_reduces() {
                let proof =
                    "it never left this process, and nothing that adds risk starts any more".to_owned();
                settle(work, id, side, Outcome::Dead { code: None, proof });
            }
        }
        SendResult::Unknown(reason) if Mutant::UnknownIsFailed.is_planted() => {
            settle(work, id, side, Outcome::Dead { code: None, proof: reason.clone() });
        }
        SendResult::Unknown(_) | SendResult::Refused { in_doubt: true, .. } => {
            work.out.effect(Effect::Reconcile(side));
        }
        SendResult::Refused { code: INVALID_NONCE, .. } if !Mutant::CopyForgotten.is_planted() => {
            work.out.effect(Effect::Reconcile(side));
        }
        SendResult::Refused { code, message, in_doubt: false } => {
            let gone =
                work.pair.leg(side).unsettled.get(&id).is_some_and(|intent| {
                    matches!(intent.purpose, Purpose::Cancel(_)) || intent.order.is_some()
                });
            settle(work, id, side, Outcome::Dead { code: Some(*code), proof: message.clone() });
            if gone {
                work.out.effect(Effect::Reconcile(side));
            }
        }
    }
}

/// Own orders by their client index; what is not ours is somebody else's doing.
fn orders(work: &mut Work<'_>, side: LegSide, rows: &[Order], complete: bool) {
    for row in rows {
        let Some(checked) = &work.pair.checked else { return };
        if row.market != checked.market.id {
            continue;
        }
        let ours = row.client_order_index.filter(|index| work.pair.leg(side).orders.contains_key(index));
        match ours {
            Some(index) => own_order(work, side, index, row),
            None if complete && !row.status.is_terminal() => {
                let what = format!("order {} that this run did not place", row.order_index);
                foreign(work, side, what);
            }
            None => {}
        }
    }
}

fn own_order(work: &mut Work<'_>, side: LegSide, index: ClientOrderIndex, row: &Order) {
    let unsettled = work.pair.leg(side).unsettled.values();
    let intent = unsettled.into_iter().find(|intent| intent.makes(index)).map(|intent| intent.id);
    if let Some(id) = intent {
        settle(work, id, side, Outcome::Executed);
    }
    let known = &work.pair.leg(side).orders[&index];
    let news = match known.state {
        OrderState::Ended(Some(_)) => row.filled > known.reported,
        OrderState::Waiting => {
            let waits = matches!(row.status, OrderStatus::Pending | OrderStatus::InProgress);
            !waits || row.filled > known.reported
        }
        OrderState::Open => row.status.is_terminal() || row.filled > known.reported,
        OrderState::InDoubt | OrderState::Executed | OrderState::Ended(None) => true,
    };
    let late = matches!(known.state, OrderState::Ended(Some(_))) && !row.status.is_terminal();
    if news && !late {
        let at = work.now();
        work.record(Entry::Order {
            leg: side,
            client_order_index: index,
            order_index: row.order_index,
            status: row.status,
            filled: row.filled,
            at,
        });
    }
}

fn foreign(work: &mut Work<'_>, side: LegSide, what: String) {
    if work.pair.foreign.is_none() && work.pair.end().is_none() {
        let at = work.now();
        work.alert("stuck", format!("{} leg: {what}; the pair leaves", side.name()));
        work.record(Entry::Foreign { leg: side, what, at });
    }
}

fn trades(work: &mut Work<'_>, side: LegSide, rows: &[Trade]) {
    let Some(checked) = work.pair.checked.clone() else { return };
    let account = work.spec.leg(side).account;
    for row in rows.iter().filter(|row| row.market == checked.market.id) {
        let Some(traded_side) = row.side_of(account) else { continue };
        if work.pair.leg(side).trades.contains(&row.id) && !Mutant::FillCountedTwice.is_planted() {
            continue;
        }
        let (_, client) = row.order_on(traded_side);
        let ours = client.filter(|index| work.pair.leg(side).orders.contains_key(index));
        if ours.is_none() && row.timestamp < checked.at {
            continue;
        }
        let order = ours.and_then(|index| work.pair.leg(side).orders.get(&index));
        if order.is_some_and(|order| !order.may_be_live()) && Mutant::LateFillIgnored.is_planted() {
            continue;
        }
        let of_stop = order.is_some_and(|order| order.purpose == Purpose::Protect);
        if of_stop && Mutant::StopFillIgnored.is_planted() {
            continue;
        }
        fill(work, side, row, ours, traded_side);
    }
}

fn fill(
    work: &mut Work<'_>,
    side: LegSide,
    row: &Trade,
    ours: Option<ClientOrderIndex>,
    traded_side: crate::model::Side,
) {
    let counterparty = match traded_side {
        crate::model::Side::Buy => row.ask_account,
        crate::model::Side::Sell => row.bid_account,
    };
    if let Some(index) = ours {
        let unsettled = work.pair.leg(side).unsettled.values();
        let intent = unsettled.into_iter().find(|intent| intent.makes(index));
        if let Some(id) = intent.map(|intent| intent.id) {
            settle(work, id, side, Outcome::Executed);
        }
    }
    // millionths of notional: 1e-6 USDC × 1e-6
    let fee = row.quote.to_decimal() * Decimal::new(i64::from(row.fee_on(traded_side)), 6);
    let mut quote = row.quote;
    if let Some(order) = ours.and_then(|index| work.pair.leg(side).orders.get(&index))
        && Mutant::CashAtOrderPrice.is_planted()
        && let Some(checked) = &work.pair.checked
    {
        quote = Usdc::notional(row.size, order.terms.price, &checked.market);
    }
    work.record(Entry::Fill(Fill {
        leg: side,
        trade: row.id,
        client_order_index: ours,
        kind: row.kind,
        side: traded_side,
        price: row.price,
        size: row.size,
        quote,
        fee,
        counterparty,
        at: row.timestamp,
    }));
    // The venue may close one leg against another by force (auto-deleveraging): no own order met another one then.
    if row.kind == TradeKind::Trade && work.spec.own_accounts.contains(&counterparty) {
        let at = work.now();
        let what = format!("trade {} with own account {counterparty}", row.id);
        work.record(Entry::SelfTrade { leg: side, what, at });
    }
    match (ours, row.kind) {
        (None, TradeKind::Trade) => {
            foreign(work, side, format!("trade {} that this run did not make", row.id))
        }
        (None, kind) => liquidated(work, side, format!("trade {} of kind {kind:?}", row.id)),
        (Some(_), _) => {}
    }
}

fn liquidated(work: &mut Work<'_>, side: LegSide, signal: String) {
    let at = work.now();
    let told =
        work.out.entries.iter().any(|entry| matches!(entry, Entry::Liquidated { leg, .. } if *leg == side));
    if !told {
        let held = work
            .pair
            .leg(side)
            .position
            .size()
            .to_decimal(&work.pair.checked.as_ref().expect("trades are read after the check").market);
        work.alert(
            "liquidation",
            format!("{} leg is being closed by the venue ({signal}); {held} left", side.name()),
        );
        work.record(Entry::Liquidated { leg: side, signal, at });
    }
}

/// One signal alone reconciles; together with a position that no fill explains it acts.
fn notice(work: &mut Work<'_>, side: LegSide, row: &Notice) {
    let ours = work.pair.checked.as_ref().is_some_and(|checked| row.market == Some(checked.market.id));
    if !ours || !matches!(row.kind, NoticeKind::Liquidation | NoticeKind::Deleverage) {
        return;
    }
    let leg = work.pair.leg(side);
    let venue = work.view.leg(side).position;
    let shrunk = venue.is_some_and(|(position, _)| position.size() < leg.position.size());
    if shrunk && !leg.liquidated && !work.view.resuming {
        liquidated(work, side, format!("notification {} and the position", row.id));
    }
    work.out.effect(Effect::Reconcile(side));
}

fn transaction(work: &mut Work<'_>, side: LegSide, row: &TxView) {
    let Some(hash) = row.hash else { return };
    let Some(intent) = work.pair.leg(side).unsettled.values().find(|intent| intent.hash == hash) else {
        return;
    };
    let id = intent.id;
    match &row.status {
        TxStatus::Pending => {}
        TxStatus::Executed => settle(work, id, side, Outcome::Executed),
        TxStatus::Failed { code, message } => {
            settle(work, id, side, Outcome::Failed { code: *code, message: message.clone() });
            work.out.effect(Effect::Reconcile(side));
        }
    }
}

fn reconcile(work: &mut Work<'_>, side: LegSide, snapshot: &LegSnapshot) {
    orders(work, side, &snapshot.active, true);
    orders(work, side, &snapshot.inactive, false);
    trades(work, side, &snapshot.trades);
    for (id, found) in &snapshot.transactions {
        match found {
            Some(row) => transaction(work, side, row),
            None => expired(work, side, *id, snapshot),
        }
    }
    for (key, next) in &snapshot.nonces {
        nonces(work, side, *key, *next, snapshot.at);
    }
    if work.view.leg(side).mismatches >= 3 {
        adopt_position(work, side, &snapshot.account);
    }
}

/// Unknown to the venue after its deadline and the read side's lag: dead (F-06).
fn expired(work: &mut Work<'_>, side: LegSide, id: IntentId, snapshot: &LegSnapshot) {
    let Some(intent) = work.pair.leg(side).unsettled.get(&id) else { return };
    if Mutant::AbsentIsDone.is_planted() {
        return settle(work, id, side, Outcome::Executed);
    }
    let over = snapshot.at > intent.deadline.after(READ_LAG + work.view.lag);
    if (over && !Mutant::DeadIsNeverProved.is_planted()) || Mutant::AbsentIsDead.is_planted() {
        let proof = "past its deadline and unknown to the venue".to_owned();
        settle(work, id, side, Outcome::Dead { code: None, proof });
    }
}

fn nonces(work: &mut Work<'_>, side: LegSide, key: ApiKeyIndex, next: Nonce, at: Timestamp) {
    let leg = work.pair.leg(side);
    let Some(known) = leg.nonces.get(&key).copied() else { return };
    let idle = !leg.unsettled.values().any(|intent| intent.key == key);
    if next > known && work.pair.end().is_none() {
        let at = work.now();
        let mut summary = format!(
            "key {key} of account {} stands at nonce {next}, this journal knows {known}: somebody else signs with it",
            work.spec.leg(side).account
        );
        let anything = !work.pair.is_flat() || work.pair.has_live_orders();
        if anything && !Mutant::HandedOverSilently.is_planted() {
            let orders: usize =
                LegSide::BOTH.iter().map(|side| work.pair.leg(*side).live_orders().count()).sum();
            let (long, short) = (work.pair.long.position.lots(), work.pair.short.position.lots());
            summary += &format!("; LEFT OPEN: long {long} lots, short {short} lots, {orders} orders");
        }
        work.alert("stuck", summary.clone());
        let end = PairEnd { code: crate::engine::codes::FOREIGN_SIGNER, summary };
        work.record(Entry::Step { to: Step::Done(end), at });
    } else if next < known
        && idle
        && leg.failed_at.is_some()
        && leg.settled_at.get(&key).is_none_or(|settled| at > settled.after(READ_LAG + work.view.lag))
    {
        // The executed failure was of the kind that leaves its nonce unused (rules.md §3.1).
        work.record(Entry::NonceFreed { leg: side, key, next });
    }
}

fn adopt_position(work: &mut Work<'_>, side: LegSide, account: &AccountView) {
    let Some(checked) = &work.pair.checked else { return };
    let position = account.position(checked.market.id).map(|row| row.position).unwrap_or_default();
    if position != work.pair.leg(side).position {
        let at = work.now();
        work.record(Entry::PositionAdopted { leg: side, position, at });
        foreign(work, side, format!("the position is {} lots, which no fill explains", position.lots()));
    }
}

fn withdrawals(work: &mut Work<'_>, side: LegSide, rows: &[Withdrawal], collateral: Usdc) {
    let secure = work.pair.leg(side).fast_fee.is_none();
    let found = match &work.pair.leg(side).withdrawal {
        Some(LegWithdrawal::Sent { amount, at }) => rows.iter().find(|row| {
            // The venue's clock may be a little behind ours.
            let after = row.at.after(READ_LAG + work.view.lag) >= *at;
            row.amount == *amount && row.secure == secure && after
        }),
        Some(LegWithdrawal::Seen { id, status, .. }) => {
            rows.iter().find(|row| row.id == *id && row.status != *status)
        }
        Some(LegWithdrawal::Skipped(_)) | None => None,
    };
    let Some(row) = found.cloned() else { return };
    let pending = work.pair.leg(side).unsettled.values();
    let intent = pending.into_iter().find(|intent| intent.purpose.is_withdrawal());
    if let Some(id) = intent.map(|intent| intent.id) {
        settle(work, id, side, Outcome::Executed);
    }
    if matches!(row.status, WithdrawStatus::Failed | WithdrawStatus::Refunded) {
        let text = format!(
            "withdrawal {} of {} USDC came back as {:?}",
            row.id,
            Usdc::to_decimal(row.amount),
            row.status
        );
        work.alert("stuck", text);
    }
    let at = work.now();
    work.record(Entry::Withdrawal {
        leg: side,
        id: row.id,
        amount: row.amount,
        status: row.status,
        collateral,
        at,
    });
}
