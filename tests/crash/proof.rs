//! What must hold of every case, told by the exchange's record and the journal together (DESIGN §8).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lighter_plan::engine::{Entry, ExitReason, Intent, LegSide, Outcome, Purpose, Step};
use lighter_plan::model::Side;
use rust_decimal::Decimal;

use crate::record::Journaled;
use crate::stage::{ACCOUNTS, SIZE_THOUSANDTHS, Stage, USDC, secret};
use crate::venue::{Account, VenueTx};
use crate::{Failure, ensure};

/// Type number of a withdrawal.
const WITHDRAW: u64 = 13;

/// Journal and exchange after a case's last process has ended.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) journal: Journaled,
    pub(crate) accounts: Vec<Account>,
}

/// Reads both records and holds them against everything that is true at any rest, ended or stopped.
pub(crate) fn sound(stage: &Stage) -> Result<Evidence, Failure> {
    let evidence = Evidence { journal: Journaled::read(stage)?, accounts: stage.accounts()? };
    ensure!(
        evidence.accounts.iter().map(|account| account.index).eq(ACCOUNTS),
        "the exchange shows other accounts than the plan's"
    );
    for (side, account) in LegSide::BOTH.into_iter().zip(&evidence.accounts) {
        let leg = |failure: Failure| format!("{} leg: {failure}", side.name());
        orders_are_unique(&evidence.journal, account).map_err(leg)?;
        nonces_are_used_once(account).map_err(leg)?;
        transactions_are_intended(&evidence.journal, account).map_err(leg)?;
        fills_are_the_trades(&evidence.journal, side, account).map_err(leg)?;
        no_own_counterparty(account).map_err(leg)?;
        size_is_kept(side, account).map_err(leg)?;
        money_adds_up(account).map_err(leg)?;
        let folded = position(&evidence.journal, side);
        ensure!(
            folded == account.position,
            "{} leg: the journal holds {folded}, the exchange {}",
            side.name(),
            account.position
        );
    }
    entered_once(&evidence)?;
    within_bounds(&evidence.journal)?;
    within_message_budget(&evidence.journal)?;
    nakedness_was_told(&evidence.journal)?;
    stops_only_reduce(&evidence.journal)?;
    no_secret_in(stage.directory())?;
    Ok(evidence)
}

/// Holds a run that ended against what the plan says of its end; returns the evidence.
///
/// 0: the pair ended as the plan declares. 22, "failed after something was sent; flat", is the plan's own answer in three
/// cases that only a crash brings about: it was naked for longer than `max_naked` while nobody ran (an EMERGENCY is then in
/// the journal), or for so long that the difference was unwound instead of completed, or the bytes of an entry died of age
/// before anybody could send them again (`on_missed.place: cancel`).
pub(crate) fn finished(stage: &Stage, code: i32) -> Result<Evidence, Failure> {
    let evidence = sound(stage)?;
    let journal = &evidence.journal;
    let emergency = journal.has(|entry| matches!(entry, Entry::Emergency { .. }));
    let allowed =
        code == 0 || code == 22 && (emergency || entry_died_of_age(journal) || unwound_late(journal));
    ensure!(allowed, "the run ended with code {code}");
    ensure!(journal.run.status == "ended", "the run's status is `{}`", journal.run.status);
    ensure!(journal.run.exit_code.map(i32::from) == Some(code), "the journal has another code");
    ensure!(journal.pair.end().is_some(), "the run ended, its pair is in `{}`", journal.pair.step.name());
    for (side, account) in LegSide::BOTH.into_iter().zip(&evidence.accounts) {
        let who = side.name();
        ensure!(account.position.is_zero(), "{who} leg is left naked with {}", account.position);
        ensure!(account.live_orders().is_empty(), "{who} leg has open orders: {:?}", account.live_orders());
        ensure!(
            journal.pair.leg(side).unsettled.is_empty(),
            "{who} leg ended with unsettled intents: {:?}",
            journal.pair.leg(side).unsettled.keys()
        );
        withdrawn_once(account).map_err(|failure| format!("{who} leg: {failure}"))?;
    }
    Ok(evidence)
}

/// Returns whether an entry's bytes were proved dead by their deadline after the run was resumed.
fn entry_died_of_age(journal: &Journaled) -> bool {
    let intents = journal.intents();
    let outcomes = journal.outcomes();
    let died = intents.values().filter(|intent| intent.purpose == Purpose::Entry).any(|intent| {
        matches!(outcomes.get(&intent.id), Some(Outcome::Dead { code: None | Some(_), proof })
            if proof.contains("deadline") || proof.contains("expired"))
    });
    died && journal.has(|entry| matches!(entry, Entry::Resumed { .. }))
}

/// Returns whether a difference was unwound that had lasted for half of `max_naked`: then it is no longer completed.
fn unwound_late(journal: &Journaled) -> bool {
    const LATE_MS: i64 = 90_000;
    let (mut since, mut longest) = (None, 0);
    for entry in &journal.entries {
        match entry {
            Entry::NakedFrom { at } => since = Some(at.as_millis()),
            Entry::NakedTo { at } => {
                longest = since.take().map_or(longest, |from| longest.max(at.as_millis() - from));
            }
            _ => {}
        }
    }
    let unwound = |entry: &Entry| matches!(entry, Entry::Step { to: Step::Exit(ExitReason::Unwound), .. });
    longest >= LATE_MS && journal.has(unwound)
}

/// The exchange saw every client order index once, and only those of intents in the journal.
fn orders_are_unique(journal: &Journaled, account: &Account) -> Result<(), Failure> {
    let known: BTreeSet<u64> = journal
        .intents()
        .values()
        .flat_map(|intent| intent.order_indices())
        .map(|index| index.get())
        .collect();
    let mut seen = BTreeSet::new();
    for order in &account.orders {
        ensure!(seen.insert(order.client), "order {} was placed twice", order.client);
        ensure!(known.contains(&order.client), "order {} is in no intent", order.client);
    }
    Ok(())
}

/// A nonce carries at most one executed transaction, a hash is executed once, and no nonce was left out.
fn nonces_are_used_once(account: &Account) -> Result<(), Failure> {
    let mut used: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    let mut hashes = BTreeSet::new();
    for tx in account.transactions.iter().filter(|tx| tx.executed) {
        ensure!(hashes.insert(&tx.hash), "transaction {} was executed twice", tx.hash);
        used.entry(tx.key).or_default().push(tx.nonce);
    }
    for (key, mut nonces) in used {
        nonces.sort_unstable();
        let gap = nonces.windows(2).find(|pair| pair[1] != pair[0] + 1);
        ensure!(gap.is_none(), "key {key}: nonces are not each used once, in a row: {nonces:?}");
    }
    Ok(())
}

/// No byte left before its intent was durable, and every outcome in the journal is the exchange's.
fn transactions_are_intended(journal: &Journaled, account: &Account) -> Result<(), Failure> {
    let intents = journal.intents();
    let outcomes = journal.outcomes();
    let mut sent: BTreeMap<&str, &VenueTx> = BTreeMap::new();
    for tx in &account.transactions {
        ensure!(intents.contains_key(&tx.hash), "transaction {} is in no intent", tx.hash);
        sent.insert(&tx.hash, tx);
    }
    for (hash, intent) in intents.iter().filter(|(_, intent)| intent.account.get() == account.index) {
        let executed = sent.get(hash.as_str()).is_some_and(|tx| tx.executed && !tx.failed);
        let told = matches!(outcomes.get(&intent.id), Some(Outcome::Executed));
        let unsettled = !outcomes.contains_key(&intent.id);
        ensure!(
            unsettled || executed == told,
            "intent {} ({:?}): the journal says {:?}, the exchange {:?}",
            intent.id.0,
            intent.purpose,
            outcomes.get(&intent.id),
            sent.get(hash.as_str())
        );
    }
    Ok(())
}

/// Every trade of the account is one fill in the journal, equal to the last unit.
fn fills_are_the_trades(journal: &Journaled, side: LegSide, account: &Account) -> Result<(), Failure> {
    let market = match journal.checked() {
        Some(checked) => &checked.market,
        None => return Ok(()),
    };
    let mut fills = BTreeMap::new();
    for fill in journal.fills(side) {
        let row = (
            fill.price.to_decimal(market),
            fill.size.to_decimal(market),
            fill.quote.to_decimal(),
            fill.client_order_index.map_or(0, |index| index.get()),
            fill.side == Side::Buy,
        );
        ensure!(fills.insert(fill.trade.get(), row).is_none(), "trade {} is counted twice", fill.trade);
        ensure!(
            fill.fee.is_zero(),
            "trade {} has a fee of {}; a standard account pays none",
            fill.trade,
            fill.fee
        );
    }
    for trade in &account.trades {
        let (client, buys) = trade.of(account.index);
        let expected = (trade.price, trade.size, trade.quote, client, buys);
        let found = fills.remove(&trade.id);
        ensure!(found == Some(expected), "trade {trade:?} is in the journal as {found:?}");
    }
    ensure!(fills.is_empty(), "the journal has fills that never happened: {fills:?}");
    Ok(())
}

/// No own account is the counterparty of another, and no order was cancelled for that.
fn no_own_counterparty(account: &Account) -> Result<(), Failure> {
    for trade in &account.trades {
        let own = ACCOUNTS.contains(&trade.bid_account) && ACCOUNTS.contains(&trade.ask_account);
        ensure!(!own, "own accounts traded with each other: {trade:?}");
    }
    let met = account.orders.iter().find(|order| order.status == "canceled-self-trade");
    ensure!(met.is_none(), "own orders met: {met:?}");
    Ok(())
}

/// What a leg ever traded on its entry side, hedges included, is at most the planned size.
fn size_is_kept(side: LegSide, account: &Account) -> Result<(), Failure> {
    let buys = side.entry_side() == Side::Buy;
    let entered: Decimal =
        account.trades.iter().filter(|trade| trade.of(account.index).1 == buys).map(|trade| trade.size).sum();
    let planned = Decimal::new(SIZE_THOUSANDTHS, 3);
    ensure!(entered <= planned, "{entered} entered, {planned} planned");
    let reducing: BTreeSet<u64> =
        account.orders.iter().filter(|order| order.reduce_only).map(|order| order.client).collect();
    for trade in &account.trades {
        let (client, bought) = trade.of(account.index);
        ensure!(
            bought == buys || reducing.contains(&client),
            "trade {trade:?} leaves the position by an order that is not reduce-only"
        );
    }
    Ok(())
}

/// Start, fills, funding and withdrawals make the collateral, to the last unit, once the account is flat.
fn money_adds_up(account: &Account) -> Result<(), Failure> {
    if !account.position.is_zero() {
        return Ok(());
    }
    let cash: Decimal = account
        .trades
        .iter()
        .map(|trade| if trade.of(account.index).1 { -trade.quote } else { trade.quote })
        .sum();
    let withdrawn: Decimal = account
        .withdrawals
        .iter()
        .filter(|row| !matches!(row.status.as_str(), "failed" | "refunded"))
        .map(|row| row.amount)
        .sum();
    let expected = Decimal::from(USDC) + cash - withdrawn - account.funding_paid;
    // Funding is exact in 1e-12 USDC and shown in 1e-6.
    let unit = if account.funding_paid.is_zero() { Decimal::ZERO } else { Decimal::new(1, 6) };
    ensure!(
        (account.collateral - expected).abs() <= unit,
        "the collateral is {}, fills and withdrawals make {expected}",
        account.collateral
    );
    Ok(())
}

/// Exactly one withdrawal left, and it came through.
fn withdrawn_once(account: &Account) -> Result<(), Failure> {
    let executed =
        account.transactions.iter().filter(|tx| tx.kind == WITHDRAW && tx.executed && !tx.failed).count();
    ensure!(executed == 1, "{executed} withdrawals were executed");
    let rows: Vec<_> = account.withdrawals.iter().map(|row| (&row.id, row.status.as_str())).collect();
    ensure!(rows.len() == 1, "withdrawals: {rows:?}");
    ensure!(matches!(rows[0].1, "claimable" | "completed"), "withdrawals: {rows:?}");
    // DESIGN §8.16: only from a flat account.
    let last_trade = account.trades.iter().map(|trade| trade.at).max();
    let first = account.withdrawals.iter().map(|row| row.at).min();
    ensure!(last_trade <= first, "withdrawn at {first:?}, traded at {last_trade:?}");
    ensure!(account.collateral < Decimal::ONE, "{} USDC is left behind", account.collateral);
    Ok(())
}

/// Fixed prices are quoted once: of all entry orders of a leg that were ever signed, the exchange took one at most.
fn entered_once(evidence: &Evidence) -> Result<(), Failure> {
    let intents = evidence.journal.intents();
    for account in &evidence.accounts {
        let entry =
            |tx: &&VenueTx| intents.get(&tx.hash).is_some_and(|intent| intent.purpose == Purpose::Entry);
        let taken = account.transactions.iter().filter(|tx| tx.executed && !tx.failed).filter(entry).count();
        ensure!(taken <= 1, "account {} entered {taken} times", account.index);
    }
    Ok(())
}

/// DESIGN §8.7: in these worlds the mark stands at 100, so every price is within the plan's 100 bps of that.
fn within_bounds(journal: &Journaled) -> Result<(), Failure> {
    let Some(checked) = journal.checked() else { return Ok(()) };
    for intent in journal.intents().values() {
        if let Some(order) = intent.order {
            let price = order.price.to_decimal(&checked.market);
            let apart = (price - Decimal::ONE_HUNDRED).abs();
            ensure!(apart <= Decimal::ONE, "intent {} has a price of {price}", intent.id.0);
        }
    }
    Ok(())
}

/// DESIGN §8.14: never more transactions in a minute than `max_messages_per_minute`.
fn within_message_budget(journal: &Journaled) -> Result<(), Failure> {
    const MOST: usize = 60;
    let mut times: Vec<i64> = journal.intents().values().map(|intent| intent.at.as_millis()).collect();
    times.sort_unstable();
    let burst = times.windows(MOST + 1).find(|window| window[MOST] - window[0] < 60_000);
    ensure!(burst.is_none(), "more than {MOST} transactions within a minute");
    Ok(())
}

fn position(journal: &Journaled, side: LegSide) -> Decimal {
    journal
        .checked()
        .map_or(Decimal::ZERO, |checked| journal.pair.leg(side).position.to_decimal(&checked.market))
}

/// DESIGN §8.4: a stretch of nakedness beyond `max_naked` in which the program ran has an EMERGENCY.
fn nakedness_was_told(journal: &Journaled) -> Result<(), Failure> {
    /// `max_naked` of the plan, with a generous time to act in.
    const MOST_MS: i64 = 180_000 + 10_000;
    let mut since = None;
    for entry in &journal.entries {
        match entry {
            Entry::NakedFrom { at } => since = Some(*at),
            // The stretch went on while nobody ran, or was told.
            Entry::Emergency { .. } | Entry::Resumed { .. } => since = None,
            Entry::NakedTo { at } => {
                if let Some(since) = since.take() {
                    let stretch = at.as_millis() - since.as_millis();
                    ensure!(stretch <= MOST_MS, "naked for {stretch} ms without an EMERGENCY");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// DESIGN §8.6: after a stop and in an EMERGENCY every order is reduce-only, until the run is resumed.
fn stops_only_reduce(journal: &Journaled) -> Result<(), Failure> {
    let (mut stopped, mut emergency) = (false, false);
    for entry in &journal.entries {
        match entry {
            Entry::Stop { .. } => stopped = true,
            Entry::Emergency { .. } => emergency = true,
            Entry::Resumed { .. } => stopped = false,
            Entry::Intent(intent) => {
                let adds = |intent: &Intent| intent.order.is_some_and(|order| !order.reduce_only);
                ensure!(
                    !(stopped || emergency) || !adds(intent),
                    "intent {} adds exposure after a stop or an EMERGENCY",
                    intent.id.0
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// DESIGN §8.13: no private key in any file of the program, what it printed included.
fn no_secret_in(directory: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", directory.display());
    for file in std::fs::read_dir(directory).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        // The exchange's own announcement and output tell its accounts' keys: that is what they are for.
        let announces = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("exchange."));
        if path.is_dir() {
            no_secret_in(&path)?;
        } else if path.is_file() && !announces {
            let bytes = std::fs::read(&path).map_err(failed)?;
            let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            for account in ACCOUNTS {
                let found = text.contains(secret(account).trim_start_matches("0x"));
                ensure!(!found, "{} holds a private key", path.display());
            }
        }
    }
    Ok(())
}
