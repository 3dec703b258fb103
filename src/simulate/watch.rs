//! What must hold at every moment, whatever goes wrong (DESIGN §8).

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use crate::engine::{
    Entry, Intent, IntentId, LegSide, LegWithdrawal, OrderTerms, Outcome, OwnOrder, Pair, PairSpec, Purpose,
    Step, View, fold,
};
use crate::model::{
    AccountIndex, ApiKeyIndex, ClientOrderIndex, MarketId, Nonce, OrderIndex, Price, Side, Size, Timestamp,
    TradeKind, TxHash, Usdc, WithdrawStatus,
};
use crate::paper::exchange::{Exchange, ExchangeEvent, TxOutcome, WithdrawalRecord};
use crate::venue::{Feed, VenueEvent};
use rust_decimal::Decimal;

use super::host::Life;
use super::opinion;
use super::scenario::Scenario;
use super::violation::{Invariant, Violation};

/// How long a leg that counts as in sync may have another position than the venue: news and one more read.
const BELIEF: Duration = Duration::from_secs(60);
/// How old a market may be that an entry is decided on: a stream that falls silent is noticed within 3 s, its last frame
/// may have been 4 s on its way, and clocks may differ.
const MARKET_AGE: Duration = Duration::from_secs(12);
/// More sendings than this in one run are a loop.
const SENDINGS_MAX: u32 = 1_500;
/// How much longer than `max_naked` the venue may see a difference before somebody was told: the time to notice it.
const NOTICE: Duration = Duration::from_secs(15);
/// From outside one does not see that the venue lets a process ask nothing for a minute, after too many requests.
const NOTICE_OUTSIDE: Duration = Duration::from_secs(75);

/// How long what a leg holds may be without stops that cover it, in sight of a process that told nobody: two that are
/// never heard of again, each until it is proved dead, and the third.
const UNPROTECTED: Duration = Duration::from_secs(75);

/// Watches one run from outside: what the engine writes, what the venue does.
pub struct Watch {
    spec: PairSpec,
    /// The first thing that did not hold; what follows from it is not looked at.
    breach: OnceCell<(Invariant, String)>,
    name: String,
    seed: u64,
    trace: VecDeque<String>,
    /// Lines of it that are kept.
    lines: usize,
    /// Digests of the signed bytes that the journal holds.
    journaled: BTreeSet<u64>,
    /// Hashes of the transactions that it holds.
    hashes: BTreeSet<TxHash>,
    executed: BTreeMap<TxHash, u32>,
    nonces: BTreeSet<(AccountIndex, ApiKeyIndex, Nonce)>,
    clients: BTreeMap<(AccountIndex, ClientOrderIndex), OrderIndex>,
    sendings: u32,
    /// Since when nothing of the market can reach the process.
    market_silent: Option<Timestamp>,
    /// When the intents of the last minute were signed.
    minute: VecDeque<Timestamp>,
    foreign: bool,
    last_state: Option<Box<Pair>>,
    /// The market that the run trades in.
    market: MarketId,
    /// What the venue holds of both legs, in lots.
    held: [i64; 2],
    /// Whether that may have changed since it was read.
    moved: bool,
    /// In lots, once the check has settled it.
    tolerance: Option<i64>,
    /// For how long the legs differ.
    naked: Duration,
    /// For how long of that a process was there and nobody was told.
    untold: Duration,
    told: bool,
    /// Somebody was told that orders are out of sight.
    told_unseen: bool,
    /// For how long a leg in sync has another position than the venue.
    wrong: [Duration; 2],
    /// For how long what a leg in sync holds is not under stops that cover it, since somebody was told.
    unprotected: [Duration; 2],
    /// The longest time that the legs differed by more than the tolerance, in one piece, crashes included.
    pub worst_naked: Duration,
    looked_at: Option<Timestamp>,
    /// Streams of which the last word was not that they are down.
    up: BTreeSet<Feed>,
    /// What both accounts have more at the end than at the check, in 10⁻¹² USDC; less is a loss.
    pub result: i128,
    /// What both accounts have paid in funding, in the same unit.
    pub funding: i128,
    /// Whether the minute's messages were spent when the pair began to withdraw.
    pub withdrawal_waited: bool,
    /// Emergencies told.
    pub emergencies: u32,
    /// Alerts told.
    pub alerts: u32,
}

impl Watch {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self::of_pair(scenario, &scenario.spec, scenario.market.id)
    }

    /// Watches one of the pairs of a run.
    pub(crate) fn of_pair(scenario: &Scenario, spec: &PairSpec, market: MarketId) -> Self {
        Self {
            spec: spec.clone(),
            breach: OnceCell::new(),
            name: scenario.name.clone(),
            seed: scenario.seed,
            trace: VecDeque::new(),
            lines: scenario.trace,
            journaled: BTreeSet::new(),
            hashes: BTreeSet::new(),
            executed: BTreeMap::new(),
            nonces: BTreeSet::new(),
            clients: BTreeMap::new(),
            sendings: 0,
            market_silent: None,
            minute: VecDeque::new(),
            foreign: false,
            last_state: None,
            market,
            held: [0; 2],
            moved: true,
            tolerance: None,
            naked: Duration::ZERO,
            untold: Duration::ZERO,
            told: false,
            told_unseen: false,
            wrong: [Duration::ZERO; 2],
            unprotected: [Duration::ZERO; 2],
            worst_naked: Duration::ZERO,
            looked_at: None,
            up: BTreeSet::new(),
            result: 0,
            funding: 0,
            withdrawal_waited: false,
            emergencies: 0,
            alerts: 0,
        }
    }

    /// Notes that an invariant does not hold. The host stops at its next point.
    pub(crate) fn fail(&self, invariant: Invariant, what: impl Into<String>) {
        // Only the first counts.
        let _ = self.breach.set((invariant, what.into()));
    }

    /// Returns whether something did not hold.
    pub(crate) fn is_broken(&self) -> bool {
        self.breach.get().is_some()
    }

    /// Returns what did not hold.
    pub(crate) fn violation(&self) -> Option<Violation> {
        self.breach.get().map(|(invariant, what)| Violation {
            invariant: *invariant,
            seed: self.seed,
            scenario: self.name.clone(),
            what: what.clone(),
            trace: self.trace(),
        })
    }

    /// Returns what happened last, line by line.
    pub fn trace(&self) -> String {
        let rows: Vec<_> = self.trace.iter().map(String::as_str).collect();
        rows.join("\n")
    }

    fn must(&self, invariant: Invariant, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(invariant, what());
        }
    }

    /// Adds a line to the trace of a run that keeps one.
    pub(crate) fn note(&mut self, now: Timestamp, text: fmt::Arguments<'_>) {
        if self.lines == 0 {
            return;
        }
        if self.trace.len() >= self.lines {
            self.trace.pop_front();
        }
        let at = now.to_string();
        self.trace.push_back(format!("{} {text}", at.get(11..23).unwrap_or(&at)));
    }

    /// Makes a line for the trace; an empty one when none is kept.
    fn text(&self, line: impl FnOnce() -> String) -> String {
        if self.lines == 0 { String::new() } else { line() }
    }

    fn is_ours(&self, account: AccountIndex) -> bool {
        LegSide::BOTH.iter().any(|side| self.spec.leg(*side).account == account)
    }

    pub(crate) const fn foreign_hand(&mut self) {
        self.foreign = true;
    }

    /// 1. No byte leaves before its intent is durable.
    pub(crate) fn sent(&mut self, now: Timestamp, intent: &Intent) {
        self.note(now, format_args!("  send {} {:?} {:?}", intent.id.0, intent.leg, intent.purpose));
        self.must(Invariant::IntentFirst, self.journaled.contains(&digest(&intent.tx_info)), || {
            "bytes left without an intent".to_owned()
        });
        self.sendings += 1;
        self.must(Invariant::ComesToRest, self.sendings < SENDINGS_MAX, || "endless sending".to_owned());
    }

    pub(crate) fn bytes_arrive(&self, tx_info: &str) {
        self.must(Invariant::IntentFirst, self.journaled.contains(&digest(tx_info)), || {
            "bytes arrived without an intent".to_owned()
        });
    }

    /// 2. and 3.: what the venue did.
    pub(crate) fn venue_events(&mut self, events: &[ExchangeEvent]) {
        for event in events {
            match event {
                ExchangeEvent::Tx(row) if self.is_ours(row.account) => {
                    let known = self.foreign || self.hashes.contains(&row.hash);
                    self.must(Invariant::IntentFirst, known, || {
                        format!("the venue has {}, and the journal does not", row.hash)
                    });
                    let Some(at) = row.executed_at else { continue };
                    self.note(
                        at,
                        format_args!("    venue {} nonce {} {:?}", row.account, row.nonce, row.outcome),
                    );
                    let used = !matches!(row.outcome, TxOutcome::Failed { nonce_used: false, .. });
                    let key = (row.account, row.api_key_index, row.nonce);
                    if used {
                        let first = self.nonces.insert(key);
                        self.must(Invariant::OnceOnly, first, || format!("nonce {key:?} executed twice"));
                    }
                    if row.outcome == TxOutcome::Executed {
                        let times = self.executed.entry(row.hash).or_default();
                        *times += 1;
                        let once = *times == 1;
                        self.must(Invariant::OnceOnly, once, || format!("{} executed twice", row.hash));
                    }
                }
                ExchangeEvent::Order(order) if self.is_ours(order.owner) => {
                    let text = self.text(|| {
                        format!(
                            "    venue {} order {:?} {} {:?} filled {} of {}",
                            order.owner,
                            order.client_order_index.map(ClientOrderIndex::get),
                            order.side,
                            order.status,
                            order.filled.lots(),
                            order.initial.lots()
                        )
                    });
                    self.note(order.updated_at, format_args!("{text}"));
                    let Some(client) = order.client_order_index else { continue };
                    let first = *self.clients.entry((order.owner, client)).or_insert(order.order_index);
                    self.must(Invariant::OnceOnly, first == order.order_index, || {
                        format!("client order index {client} twice")
                    });
                }
                ExchangeEvent::Trade(row) => {
                    let trade = &row.trade;
                    let sides = [trade.ask_account, trade.bid_account];
                    let [ask, bid] = sides.map(|account| self.is_ours(account));
                    self.moved |= ask || bid;
                    if ask || bid {
                        let text = self.text(|| {
                            format!(
                                "    venue trade {:?} ask {} bid {} {} lots",
                                trade.kind,
                                trade.ask_account,
                                trade.bid_account,
                                trade.size.lots()
                            )
                        });
                        self.note(trade.timestamp, format_args!("{text}"));
                    }
                    let family = sides.iter().all(|account| self.spec.own_accounts.contains(account));
                    let apart = !family || trade.kind != TradeKind::Trade;
                    self.must(Invariant::NotOurselves, apart, || "own accounts traded".to_owned());
                }
                ExchangeEvent::Account(account) => self.moved |= self.is_ours(*account),
                _ => {}
            }
        }
    }

    /// Every entry, before it is applied; with the view and the venue that it was decided on, where the host knows them.
    pub(crate) fn entry(
        &mut self,
        now: Timestamp,
        entry: &Entry,
        pair: &Pair,
        decided_on: Option<(&View, &Exchange)>,
    ) {
        match entry {
            Entry::Intent(intent) => {
                let text = self.text(|| {
                    format!(
                        "intent {} {:?} {:?} nonce {} {:?}",
                        intent.id.0, intent.leg, intent.purpose, intent.nonce, intent.order
                    )
                });
                self.note(now, format_args!("{text}"));
                self.journaled.insert(digest(&intent.tx_info));
                self.hashes.insert(intent.hash);
                self.messages(intent, pair);
                self.intent(intent, pair, decided_on);
            }
            Entry::Emergency { .. } => {
                self.emergencies += 1;
                self.told = true;
                self.note(now, format_args!("{entry:?}"));
            }
            Entry::Alert { topic, .. } => {
                self.alerts += 1;
                self.told_unseen |= topic == "stuck";
                self.unprotected = [Duration::ZERO; 2];
                self.must(Invariant::ComesToRest, self.alerts < 200, || "endless alerts".to_owned());
                self.note(now, format_args!("{entry:?}"));
            }
            Entry::Checked(checked) => {
                self.tolerance = Some(checked.tolerance.lots());
                self.note(now, format_args!("checked"));
                if let Some((_, venue)) = decided_on {
                    let mark = venue.stats(checked.market.id).and_then(|stats| stats.mark);
                    self.hear(opinion::checked(&self.spec, checked, mark));
                }
            }
            Entry::Step { to: Step::Withdraw, .. } => {
                let spent = self.minute.iter().filter(|at| now.since(**at) < Duration::from_secs(60)).count();
                self.withdrawal_waited |= spent >= self.spec.plan.risk.max_messages_per_minute as usize;
                self.note(now, format_args!("{entry:?}"));
            }
            other => self.note(now, format_args!("{other:?}")),
        }
        if let Entry::Settled { intent, leg, outcome, .. } = entry {
            self.settled(*intent, *leg, outcome, pair);
        }
    }

    /// What counts as dead was not executed, and what counts as executed was.
    fn settled(&self, id: IntentId, leg: LegSide, outcome: &Outcome, pair: &Pair) {
        let Some(intent) = pair.leg(leg).unsettled.get(&id) else { return };
        let executed = self.executed.contains_key(&intent.hash);
        match outcome {
            Outcome::Executed => {
                self.must(Invariant::OnceOnly, executed, || format!("intent {} was not executed", id.0))
            }
            Outcome::Failed { .. } | Outcome::Dead { .. } => {
                self.must(Invariant::OnceOnly, !executed, || {
                    format!("intent {} was executed, yet {outcome:?}", id.0)
                });
            }
        }
    }

    /// 14. No more transactions in a minute than the plan allows, but for those that take risk away.
    fn messages(&mut self, intent: &Intent, pair: &Pair) {
        while self.minute.front().is_some_and(|at| intent.at.since(*at) >= Duration::from_secs(60)) {
            self.minute.pop_front();
        }
        self.minute.push_back(intent.at);
        let (sent, budget) = (self.minute.len(), self.spec.plan.risk.max_messages_per_minute);
        let within = u32::try_from(sent).is_ok_and(|sent| sent <= budget);
        let reduces = match intent.purpose {
            Purpose::Hedge | Purpose::Exit | Purpose::Protect | Purpose::ClearDeadMan => true,
            // In the watch, a cancel begins to move a quote.
            Purpose::Cancel(_) => !matches!(pair.step, Step::Watch),
            Purpose::Entry | Purpose::Leverage | Purpose::ArmDeadMan(_) => false,
            Purpose::Withdraw(_) | Purpose::FastWithdraw { .. } => false,
        };
        self.must(Invariant::MessageBudget, within || reduces, || {
            format!("intent {} is number {sent} within a minute, and the plan allows {budget}", intent.id.0)
        });
    }

    fn intent(&self, intent: &Intent, pair: &Pair, decided_on: Option<(&View, &Exchange)>) {
        if let Some(terms) = &intent.order {
            self.order(intent, terms, pair, decided_on.map(|(view, _)| view));
        }
        if matches!(intent.purpose, Purpose::Withdraw(_)) {
            // What is within the tolerance is dust and counts as flat; its margin stays.
            let dust = pair.checked.as_ref().map_or(0, |checked| checked.tolerance.lots());
            let flat = match decided_on {
                Some((_, venue)) => {
                    let held = venue.account(intent.account).expect("own account");
                    held.positions.iter().all(|row| row.position.lots().abs() <= dust)
                }
                // As the exchange was seen last.
                None => self.held.iter().all(|lots| lots.abs() <= dust),
            };
            let ours = LegSide::BOTH.iter().all(|side| pair.leg(*side).position.lots().abs() <= dust);
            self.must(Invariant::FlatWithdrawal, flat && ours, || {
                "a withdrawal from an account that is not flat".to_owned()
            });
            let once = !matches!(
                pair.leg(intent.leg).withdrawal,
                Some(LegWithdrawal::Sent { .. } | LegWithdrawal::Seen { .. })
            );
            self.must(Invariant::OnceOnly, once, || "a second withdrawal".to_owned());
        }
    }

    fn order(&self, intent: &Intent, terms: &OrderTerms, pair: &Pair, view: Option<&View>) {
        let range = Price::MIN.ticks()..=Price::MAX.ticks();
        self.must(
            Invariant::WholeTicks,
            terms.size > Size::ZERO && range.contains(&terms.price.ticks()),
            || "off the grid".to_owned(),
        );
        self.hear(opinion::meets_own(pair, intent, terms));
        self.hear(opinion::wire(intent, terms));
        let closing = intent.leg.entry_side().opposite();
        self.hear(opinion::stops(intent, closing, self.spec.plan.protect));
        self.must(Invariant::OnlyReduces, terms.reduce_only || !opinion::only_reduces(pair), || {
            format!("intent {} adds exposure in step {}, stop {:?}", intent.id.0, pair.step.name(), pair.stop)
        });
        let leg = pair.leg(intent.leg);
        if let Some(view) = view {
            self.hear(opinion::fresh(intent, terms, &self.up));
            self.priced(intent, terms, pair, view);
        }
        if matches!(intent.purpose, Purpose::Hedge | Purpose::Exit) {
            // A stop that waits stands beside a hedge, never beside an exit.
            let beside = |order: &OwnOrder| {
                order.purpose == Purpose::Entry || (intent.purpose == Purpose::Hedge && order.waits_as_stop())
            };
            let other = leg.live_orders().any(|(_, order)| !beside(order));
            self.must(Invariant::OnceOnly, !other, || {
                format!("intent {} while another one of its leg is out", intent.id.0)
            });
            let twice = intent.purpose == Purpose::Hedge
                && LegSide::BOTH.iter().any(|side| {
                    pair.leg(*side).live_orders().any(|(_, order)| order.purpose == Purpose::Hedge)
                });
            self.must(Invariant::OnceOnly, !twice, || {
                format!("intent {} is a second hedge (R-32)", intent.id.0)
            });
        }
        self.must(Invariant::OnlyReduces, !terms.reduce_only || terms.size <= leg.position.size(), || {
            format!("intent {} reduces more than there is", intent.id.0)
        });
        if let Some(checked) = pair.checked.as_ref().filter(|_| !terms.reduce_only) {
            let held = leg.position.size().plus(opinion::pending(leg, terms.side)).plus(terms.size);
            self.must(Invariant::ExposureCapped, held <= checked.size, || {
                format!("intent {} makes {} lots of {}", intent.id.0, held.lots(), checked.size.lots())
            });
        }
        let known = pair.leg(intent.leg).orders.keys().chain(pair.leg(intent.leg.other()).orders.keys());
        let fresh = !known.into_iter().any(|known| intent.makes(*known));
        self.must(Invariant::OnceOnly, fresh, || "a client order index twice".to_owned());
    }

    /// 5., 7. and 15., by what the decision saw.
    fn priced(&self, intent: &Intent, terms: &OrderTerms, pair: &Pair, view: &View) {
        if matches!(intent.purpose, Purpose::Entry) {
            self.limits(intent, terms, pair, view);
            self.fresh(intent, view);
        }
        if matches!(intent.purpose, Purpose::Hedge | Purpose::Exit) {
            let Some(mark) = view.mark() else {
                return self.fail(Invariant::FreshData, "an immediate order without a mark price");
            };
            let hedge = &self.spec.plan.hedge;
            let bps =
                if pair.effort.emergency { hedge.emergency_slippage_bps } else { hedge.max_slippage_bps };
            let bound = mark.worsened(terms.side, bps);
            let inside = match terms.side {
                Side::Buy => terms.price <= bound,
                Side::Sell => terms.price >= bound,
            };
            self.must(Invariant::BoundedPrices, inside, || {
                format!("intent {} is beyond its slippage bound", intent.id.0)
            });
        }
    }

    /// 15. What adds risk is decided with both legs in sync, their streams up, and a book and prices of this moment.
    fn fresh(&self, intent: &Intent, view: &View) {
        for side in LegSide::BOTH {
            let leg = view.leg(side);
            let sees = leg.synced && leg.live;
            // A leg whose quote moves alone needs no other.
            self.must(Invariant::FreshData, sees || side != intent.leg, || {
                format!("intent {} adds risk while the {} leg is out of sight", intent.id.0, side.name())
            });
        }
        let age = self.market_silent.map_or(Duration::ZERO, |since| intent.at.since(since));
        self.must(Invariant::FreshData, view.book.is_some() && age <= MARKET_AGE, || {
            format!("intent {} adds risk on a market of {age:?} ago", intent.id.0)
        });
    }

    /// Since when nothing of the market can reach the process.
    pub(crate) const fn market_silent(&mut self, since: Option<Timestamp>) {
        self.market_silent = since;
    }

    /// How often bytes left.
    pub(crate) const fn sendings(&self) -> u32 {
        self.sendings
    }

    /// 5. and 7.: an entry stays within the plan's collar and its limits in USDC.
    fn limits(&self, intent: &Intent, terms: &OrderTerms, pair: &Pair, view: &View) {
        let risk = &self.spec.plan.risk;
        let Some(mark) = view.mark() else {
            return self.fail(Invariant::FreshData, "an entry without a mark price");
        };
        let Some(checked) = &pair.checked else {
            return self.fail(Invariant::FreshData, "an entry before the check");
        };
        let apart = i128::from((terms.price.ticks() - mark.ticks()).abs()) * 10_000;
        let collar = i128::from(mark.ticks()) * i128::from(risk.max_price_deviation_bps);
        self.must(Invariant::BoundedPrices, apart <= collar, || {
            format!("intent {} is beyond the collar around {mark:?}", intent.id.0)
        });
        let worth = |size| Usdc::notional(size, terms.price, &checked.market);
        let held = pair.leg(intent.leg).position.size();
        let order = worth(terms.size);
        self.must(Invariant::ExposureCapped, order <= risk.max_order, || {
            format!("intent {} is worth {order} USDC", intent.id.0)
        });
        let position = worth(held.plus(terms.size));
        self.must(Invariant::ExposureCapped, position <= risk.max_position, || {
            format!("intent {} makes {position} USDC", intent.id.0)
        });
        let other = pair.leg(intent.leg.other());
        let both = position.plus(worth(other.position.size()));
        self.must(Invariant::ExposureCapped, both <= risk.max_exposure, || {
            format!("intent {} makes {both} USDC in all", intent.id.0)
        });
    }

    /// 5. An entry within the plan's exposure with all pairs of the run counted, at mark.
    pub(crate) fn run_exposure(&self, intent: &Intent, exposure: Usdc) {
        let risk = &self.spec.plan.risk;
        // Its mark may be a moment older than the exchange's.
        let bps = 10_000 + i64::from(risk.max_price_deviation_bps);
        let limit = i128::from(risk.max_exposure.micros()) * i128::from(bps) / 10_000;
        self.must(Invariant::ExposureCapped, i128::from(exposure.micros()) <= limit, || {
            format!("intent {} makes {exposure} USDC in all pairs", intent.id.0)
        });
    }

    /// 8. A leg counts as in sync only when the position that was read is the one that its fills make.
    pub(crate) fn reconciled(&self, side: LegSide, synced: bool, ours: i64, read: i64) {
        self.must(Invariant::JournalAgrees, !synced || ours == read, || {
            format!("{} leg is in sync with {ours} lots by its fills and {read} by the venue", side.name())
        });
    }

    /// 13. The rows of the journal, at the end.
    pub(crate) fn read_through<'a>(&self, mut rows: impl Iterator<Item = &'a str>) {
        self.hear(rows.find_map(opinion::secret));
    }

    /// Notes what streams say of themselves.
    pub(crate) fn heard(&mut self, event: &VenueEvent) {
        match event {
            VenueEvent::Down(feed, _) => self.up.remove(feed),
            VenueEvent::Up(feed) => self.up.insert(*feed),
            VenueEvent::Book(market, _) => self.up.insert(Feed::Book(*market)),
            VenueEvent::Stats(market, _) => self.up.insert(Feed::Stats(*market)),
            _ => return,
        };
    }

    /// Notes that a process is gone with all its connections.
    pub(crate) fn streams_gone(&mut self) {
        self.up.clear();
    }

    fn hear(&self, finding: Option<(Invariant, String)>) {
        if let Some((invariant, what)) = finding {
            self.fail(invariant, what);
        }
    }

    /// The state that a process had when it ended.
    pub(crate) fn left_behind(&mut self, pair: &Pair) {
        self.last_state = Some(Box::new(pair.clone()));
    }

    /// 12. Folding the journal again gives the same state.
    pub(crate) fn folded(&self, pair: &Pair) {
        if let Some(last) = &self.last_state {
            self.must(Invariant::OneFold, pair == last.as_ref(), || {
                format!("the journal folds to another state\n{pair:?}\n{last:?}")
            });
        }
    }

    /// Invariants 4 and 8, by the venue's own positions: nobody is naked for long without being told, while a process is there
    /// that could tell; and what the process believes for long is true.
    pub(crate) fn look(&mut self, now: Timestamp, venue: &Exchange, life: Option<&Life>) {
        let Some((passed, apart)) = self.measure(now, venue) else { return };
        let Some(life) = life else { return };
        self.believed(passed, life);
        self.protected(passed, venue, life);
        self.is_told(passed, apart, &life.pair, NOTICE);
    }

    /// As [`Watch::look`], for a host that knows of a process only what it wrote; `pair` while there is a process.
    pub(crate) fn look_from_outside(&mut self, now: Timestamp, venue: &Exchange, pair: Option<&Pair>) {
        let Some((passed, apart)) = self.measure(now, venue) else { return };
        if let Some(pair) = pair {
            self.is_told(passed, apart, pair, NOTICE_OUTSIDE);
        }
    }

    /// Returns the time since the last look, and by how many lots beyond the tolerance the legs differ.
    fn measure(&mut self, now: Timestamp, venue: &Exchange) -> Option<(Duration, i64)> {
        let passed = self.looked_at.replace(now).map_or(Duration::ZERO, |before| now.since(before));
        if std::mem::take(&mut self.moved) {
            self.read_positions(venue);
        }
        let tolerance = self.tolerance?;
        let apart: i64 = self.held.iter().sum();
        let naked = apart.abs() > tolerance;
        self.naked = if naked { self.naked + passed } else { Duration::ZERO };
        self.worst_naked = self.worst_naked.max(self.naked);
        if !naked {
            (self.untold, self.told, self.told_unseen) = (Duration::ZERO, false, false);
        }
        Some((passed, if naked { apart } else { 0 }))
    }

    fn is_told(&mut self, passed: Duration, apart: i64, pair: &Pair, notice: Duration) {
        if apart == 0 {
            return;
        }
        self.untold += passed;
        // Whoever can see nothing, or not what became of an order, says that; whoever sees the difference says so.
        let unseen = self.told_unseen && !pair.is_naked();
        let told = self.told || unseen || pair.effort.emergency || pair.venue_down.is_some();
        let limit = self.spec.plan.hedge.max_naked + notice;
        self.must(Invariant::NakedIsTold, told || self.untold <= limit, || {
            format!("naked by {apart} lots for {:?}, and nobody was told", self.untold)
        });
    }

    fn read_positions(&mut self, venue: &Exchange) {
        let held = |side: LegSide| venue.position(self.spec.leg(side).account, self.market).lots();
        self.held = LegSide::BOTH.map(held);
    }

    /// 8. A leg that counts as in sync has the venue's position, but for the moments that news takes.
    fn believed(&mut self, passed: Duration, life: &Life) {
        for (index, side) in LegSide::BOTH.into_iter().enumerate() {
            let ours = life.pair.leg(side).position.lots();
            let wrong = life.outlook.view.leg(side).synced && ours != self.held[index];
            self.wrong[index] = if wrong { self.wrong[index] + passed } else { Duration::ZERO };
            self.must(Invariant::JournalAgrees, self.wrong[index] <= BELIEF, || {
                let (name, theirs) = (side.name(), self.held[index]);
                format!("the {name} leg counts as in sync with {ours} lots, and the venue has {theirs}")
            });
        }
    }

    /// 20. While a protected pair is held, stops at the venue cover all that each leg holds.
    fn protected(&mut self, passed: Duration, venue: &Exchange, life: &Life) {
        if self.spec.plan.protect.is_none() {
            return;
        }
        let holds = life.pair.step == Step::Watch && life.pair.held_since.is_some();
        let sees = holds && self.market_silent.is_none() && life.pair.venue_down.is_none();
        for (index, side) in LegSide::BOTH.into_iter().enumerate() {
            let held = self.held[index];
            let seen = sees && held != 0 && life.outlook.view.leg(side).synced;
            let bare = seen && !opinion::covers(venue, self.spec.leg(side).account, self.market, held);
            self.unprotected[index] = if bare { self.unprotected[index] + passed } else { Duration::ZERO };
            self.must(Invariant::Protected, self.unprotected[index] <= UNPROTECTED, || {
                format!("the {} leg holds {held} lots that no stop covers", side.name())
            });
        }
    }

    /// 8., 9., 11., 12. at the end.
    pub(crate) fn finish(&mut self, pair: &Pair, entries: &[Entry], venue: &Exchange) {
        match fold(entries) {
            Ok(folded) => self.folded(&folded),
            Err(error) => self.fail(Invariant::OneFold, error.to_string()),
        }
        self.read_positions(venue);
        self.result = LegSide::BOTH.iter().filter_map(|side| self.gained(*side, pair, venue)).sum();
        let Some(checked) = &pair.checked else { return };
        self.funding = LegSide::BOTH.iter().map(|side| self.funding_of(*side, venue)).sum();
        let code = pair.end().map(|end| end.code);
        self.must(Invariant::FourEnds, code != Some(25) || self.foreign, || "nobody else signed".to_owned());
        self.hear(opinion::handed_over(pair));
        // Orders that a stop leaves by policy may fill while nobody is there.
        if code == Some(25) || self.foreign || (code.is_none() && pair.has_live_orders()) {
            return;
        }
        for side in LegSide::BOTH {
            let account = self.spec.leg(side).account;
            let record = venue.account(account).expect("own account");
            let row = record.positions.iter().find(|row| row.market == checked.market.id);
            let held = row.map_or(0, |row| row.position.lots());
            let leg = pair.leg(side);
            self.must(Invariant::JournalAgrees, held == leg.position.lots(), || {
                format!("{} leg: the venue has {held} lots, the journal {}", side.name(), leg.position.lots())
            });
            let open = venue.active_orders(account, Some(checked.market.id)).len();
            if let Some(end) = pair.end() {
                // Dust counts as flat, when it is told.
                let dust = held.abs() <= checked.tolerance.lots() && end.summary.contains("dust left");
                self.must(Invariant::FourEnds, held == 0 || dust, || {
                    format!("{} leg ends with {held} lots", side.name())
                });
                self.must(Invariant::FourEnds, open == 0, || {
                    format!("{} leg ends with {open} orders open", side.name())
                });
            } else {
                let known = leg.live_orders().count();
                self.must(Invariant::JournalAgrees, open == known, || {
                    format!("{} leg: {open} orders open, {known} known", side.name())
                });
            }
            self.money(side, pair, &record.collateral, venue);
        }
        if code.is_none() {
            self.must(Invariant::FourEnds, !pair.is_naked(), || "stopped while naked".to_owned());
        }
        self.must(Invariant::MoneyConserved, venue.conservation().residue() == 0, || {
            "the exchange made or lost money".to_owned()
        });
    }

    /// What a leg's account has more than at the check, positions at mark and withdrawals included, in 10⁻¹² USDC.
    fn gained(&self, side: LegSide, pair: &Pair, venue: &Exchange) -> Option<i128> {
        pair.checked.as_ref()?;
        let account = self.spec.leg(side).account;
        let before = i128::from(pair.leg(side).baseline.collateral.micros()) * 1_000_000;
        Some(venue.account(account)?.total_value + self.withdrawn(side, venue) - before)
    }

    /// What left a leg's account, in 10⁻¹² USDC.
    fn withdrawn(&self, side: LegSide, venue: &Exchange) -> i128 {
        let rows = venue.withdrawals(self.spec.leg(side).account);
        let gone = |row: &&WithdrawalRecord| {
            !matches!(row.status, WithdrawStatus::Failed | WithdrawStatus::Refunded)
        };
        rows.iter().filter(gone).map(|row| i128::from(row.amount.micros()) * 1_000_000).sum()
    }

    /// What a leg's account has paid in funding, in 10⁻¹² USDC.
    fn funding_of(&self, side: LegSide, venue: &Exchange) -> i128 {
        let Some(account) = venue.account(self.spec.leg(side).account) else { return 0 };
        let mut rows = account.positions.iter();
        rows.find(|row| row.market == self.market).map_or(0, |row| row.funding_paid)
    }

    /// 9. Fills add up to the balance, to the last unit.
    fn money(&self, side: LegSide, pair: &Pair, collateral: &i128, venue: &Exchange) {
        let leg = pair.leg(side);
        if !leg.position.is_flat() {
            return;
        }
        let e12 = |amount: Usdc| i128::from(amount.micros()) * 1_000_000;
        let withdrawn = self.withdrawn(side, venue);
        let fees = i128::try_from((leg.fees * Decimal::new(1_000_000_000_000, 0)).trunc()).expect("a fee");
        let expected =
            e12(leg.baseline.collateral) + e12(leg.cash) - fees - withdrawn - self.funding_of(side, venue);
        self.must(Invariant::FillsAddUp, expected == *collateral, || {
            format!("{} leg: the fills make {expected}, the venue has {collateral}", side.name())
        });
    }
}

/// The same for the same bytes, within one build of the program.
fn digest(bytes: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
