//! A whole run: its pairs side by side, the streams shared out to them, stops passed on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::board::Board;
use super::codes;
use super::driver::{Driver, DriverError, Input, News, PairStatus, Parts, ask_to_stop};
use super::entry::{LegSide, PairEnd, StopMode};
use super::market::MarketState;
use super::rules;
use super::sender::Signer;
use super::spec::PairSpec;
use super::state::Pair;
use super::until::Until;
use super::watchdog::Watchdog;
use crate::journal::Journal;
use crate::model::{AccountIndex, Market, MarketId, PairId, RunId};
use crate::plan::{MissedPlace, MissedWithdraw, PairPlan, Plan, start_up};
use crate::rt::{Clock, Tasks};
use crate::venue::{Feed, Subscription, Venue, VenueEvent};

/// Room for what the streams and readers of one pair say while it decides; account news are never dropped, so a full
/// inbox makes the stream wait.
const INBOX: usize = 4_096;

/// What a run is made of.
pub struct RunInput<V> {
    /// Its id.
    pub run: RunId,
    /// Its plan.
    pub plan: Plan,
    /// The exchange.
    pub venue: Arc<V>,
    /// Its record.
    pub journal: Journal,
    /// Venue time.
    pub clock: Clock,
    /// Its keys.
    pub signer: Arc<Signer>,
    /// Rules of all markets of the plan, read live.
    pub markets: Vec<Market>,
    /// States folded from the journal; a pair that is not in it starts anew.
    pub states: BTreeMap<PairId, Pair>,
    /// Whether it goes on after a crash or a stop.
    pub resumed: bool,
    /// After which step it stops; `None`: it runs to its end.
    pub until: Option<Until>,
    /// Only asks the venue and writes down what it says; nothing is sent.
    pub look_only: bool,
    /// Who hears of every entry.
    pub news: Option<mpsc::UnboundedSender<News>>,
}

/// Why a run could not start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The venue does not list a market of the plan.
    #[error("pair `{pair}`: the venue lists no market `{market}`")]
    UnknownMarket {
        /// The pair.
        pair: PairId,
        /// The symbol.
        market: String,
    },
    /// The journal's amounts are in lots and ticks that the market no longer has (F-24).
    #[error(
        "pair `{pair}`: {market} changed its grid since this run began ({changes}): what the journal holds in lots and \
         ticks means something else now, so nothing is sent; close what is open by hand at the venue"
    )]
    GridChanged {
        /// The pair.
        pair: PairId,
        /// The symbol.
        market: String,
        /// What changed.
        changes: String,
    },
}

/// How one pair came out.
#[derive(Debug)]
pub struct PairOutcome {
    /// Its name.
    pub id: PairId,
    /// Its market.
    pub market: Market,
    /// Its last state.
    pub pair: Pair,
    /// How it ended, in code and words.
    pub end: PairEnd,
}

/// A run that is about to start.
pub struct Run<V> {
    input: RunInput<V>,
    pairs: Vec<(PairPlan, Market)>,
    inboxes: Arc<BTreeMap<PairId, mpsc::Sender<Input>>>,
    receivers: BTreeMap<PairId, mpsc::Receiver<Input>>,
    senders: BTreeMap<PairId, watch::Sender<PairStatus>>,
    /// Where each pair stands.
    pub status: BTreeMap<PairId, watch::Receiver<PairStatus>>,
}

/// Stops a run from outside of its tasks.
#[derive(Clone, Debug)]
pub struct StopHandle {
    inboxes: Arc<BTreeMap<PairId, mpsc::Sender<Input>>>,
}

impl StopHandle {
    /// Asks every pair to stop.
    pub async fn stop(&self, mode: StopMode) {
        for inbox in self.inboxes.values() {
            ask_to_stop(inbox, mode).await;
        }
    }
}

impl<V: Venue> Run<V> {
    /// Finds the markets and opens the pairs' inboxes.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the venue does not list a market, or changed its grid under a run.
    pub fn new(input: RunInput<V>) -> Result<Self, StartError> {
        let mut pairs = Vec::new();
        for pair in &input.plan.pairs {
            let market = input.markets.iter().find(|market| market.symbol == pair.market).cloned();
            let unknown = || StartError::UnknownMarket { pair: pair.id.clone(), market: pair.market.clone() };
            let market = market.ok_or_else(unknown)?;
            grid_holds(pair, &market, input.states.get(&pair.id))?;
            pairs.push((pair.clone(), market));
        }
        let (mut inboxes, mut receivers, mut senders, mut status) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (pair, _) in &pairs {
            let (inbox, receiver) = mpsc::channel(INBOX);
            let (sender, watcher) = watch::channel(PairStatus::default());
            inboxes.insert(pair.id.clone(), inbox);
            receivers.insert(pair.id.clone(), receiver);
            senders.insert(pair.id.clone(), sender);
            status.insert(pair.id.clone(), watcher);
        }
        Ok(Self { input, pairs, inboxes: Arc::new(inboxes), receivers, senders, status })
    }

    /// Returns a handle that stops the run.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle { inboxes: Arc::clone(&self.inboxes) }
    }

    /// Runs every pair to its end.
    pub async fn go(mut self) -> Vec<PairOutcome> {
        let board = Arc::new(Board::default());
        let ids: BTreeSet<MarketId> = self.pairs.iter().map(|(_, market)| market.id).collect();
        let states: BTreeMap<MarketId, watch::Sender<MarketState>> =
            ids.iter().map(|id| (*id, watch::Sender::new(MarketState::default()))).collect();
        let receivers: BTreeMap<MarketId, watch::Receiver<MarketState>> =
            states.iter().map(|(id, sender)| (*id, sender.subscribe())).collect();
        let mut tasks = Tasks::default();
        tasks.spawn("router", route(self.subscribe(&ids), states, self.accounts()));
        if !self.input.look_only {
            let (venue, known) = (Arc::clone(&self.input.venue), self.input.markets.clone());
            tasks.spawn("rules", rules::follow(venue, self.input.clock.clone(), known, self.concerned()));
        }
        let (news, clock) = (self.input.news.clone(), self.input.clock.clone());
        let mut pulses = Vec::new();
        let (done, mut outcomes) = mpsc::channel(self.pairs.len().max(1));
        let pairs = std::mem::take(&mut self.pairs);
        let all = pairs.clone();
        let look_only = self.input.look_only;
        for (plan, market) in pairs {
            let Some(parts) = self.parts(&plan, &market, &board, &receivers) else { continue };
            pulses.push((plan.id.clone(), Arc::clone(&parts.pulse)));
            let done = done.clone();
            tasks.spawn("pair", async move {
                let result = Driver::new(parts).run().await;
                let outcome = outcome(plan.id, market, result, look_only);
                // The run waits for every pair; nobody else takes outcomes.
                let _ = done.send(outcome).await;
            });
        }
        drop(done);
        let _watchdog = clock.is_real().then(|| Watchdog::start(&mut tasks, clock, pulses, news));
        let mut ended = Vec::new();
        let (handle, until) = (self.stop_handle(), self.input.until.take());
        let waited_for = until.and_then(|until| until.pair);
        while let Some(outcome) = outcomes.recv().await {
            if waited_for.as_ref() == Some(&outcome.id) {
                handle.stop(StopMode::Hold).await;
            }
            ended.push(outcome);
        }
        ended.extend(broken_off(&all, &ended));
        tasks.shutdown().await;
        ended.sort_by(|a, b| a.id.cmp(&b.id));
        ended
    }

    fn parts(
        &mut self,
        plan: &PairPlan,
        market: &Market,
        board: &Arc<Board>,
        markets: &BTreeMap<MarketId, watch::Receiver<MarketState>>,
    ) -> Option<Parts<V>> {
        let input = &self.input;
        let known = input.states.get(&plan.id).cloned();
        let resumed = input.resumed && known.is_some();
        let pairs = u32::try_from(input.plan.pairs.len()).unwrap_or(u32::MAX);
        Some(Parts {
            spec: PairSpec {
                run: input.run.clone(),
                plan: plan.clone(),
                on_stop: input.plan.on_stop,
                own_accounts: pairs_of(&input.plan)
                    .flat_map(|pair| [pair.long.account, pair.short.account])
                    .collect(),
                shares_market: pairs_of(&input.plan).filter(|pair| pair.market == plan.market).count() > 1,
                legs: pairs.saturating_mul(2),
                streams_within: plan.watch.entry_deadline + start_up(pairs).streams,
                until: input.until.as_ref().map_or_else(Vec::new, |until| until.of_pair(&plan.id)),
                restart_missed_entry: input.plan.on_missed.place == MissedPlace::Continue,
                continue_missed_withdrawal: input.plan.on_missed.withdraw == MissedWithdraw::Continue,
            },
            pair: known.unwrap_or_default(),
            venue: Arc::clone(&input.venue),
            journal: input.journal.clone(),
            clock: input.clock.clone(),
            signer: Arc::clone(&input.signer),
            board: Arc::clone(board),
            market: market.clone(),
            market_state: markets.get(&market.id)?.clone(),
            retry: input.plan.retry,
            news: input.news.clone(),
            self_inbox: self.inboxes.get(&plan.id)?.clone(),
            inboxes: Arc::clone(&self.inboxes),
            inbox: self.receivers.remove(&plan.id)?,
            status: self.senders.remove(&plan.id)?,
            resumed,
            look_only: input.look_only,
            pulse: Arc::default(),
        })
    }

    fn subscribe(&self, markets: &BTreeSet<MarketId>) -> mpsc::Receiver<VenueEvent> {
        let legs = self.pairs.iter().flat_map(|(plan, _)| [plan.long.account, plan.short.account]);
        self.input
            .venue
            .subscribe(Subscription { markets: markets.iter().copied().collect(), accounts: legs.collect() })
    }

    /// Who trades what.
    fn concerned(&self) -> Vec<(String, mpsc::Sender<Input>)> {
        let inbox = |plan: &PairPlan| Some((plan.market.clone(), self.inboxes.get(&plan.id)?.clone()));
        self.pairs.iter().filter_map(|(plan, _)| inbox(plan)).collect()
    }

    fn accounts(&self) -> BTreeMap<AccountIndex, mpsc::Sender<Input>> {
        let mut accounts = BTreeMap::new();
        for (plan, _) in &self.pairs {
            if let Some(inbox) = self.inboxes.get(&plan.id) {
                accounts.insert(plan.long.account, inbox.clone());
                accounts.insert(plan.short.account, inbox.clone());
            }
        }
        accounts
    }
}

/// A pair that has not placed anything is checked anew, on whatever grid there is.
fn grid_holds(pair: &PairPlan, market: &Market, known: Option<&Pair>) -> Result<(), StartError> {
    let started = known.filter(|known| known.placed_at.is_some() && known.end().is_none());
    let before = started.and_then(|known| Some(&known.checked.as_ref()?.market));
    match before {
        Some(before) if !before.has_grid_of(market) => Err(StartError::GridChanged {
            pair: pair.id.clone(),
            market: market.symbol.clone(),
            changes: market.changes_since(before).join("; "),
        }),
        _ => Ok(()),
    }
}

fn pairs_of(plan: &Plan) -> impl Iterator<Item = &PairPlan> {
    plan.pairs.iter()
}

/// Shares the streams out: prices replace older ones, account news queue.
async fn route(
    mut events: mpsc::Receiver<VenueEvent>,
    markets: BTreeMap<MarketId, watch::Sender<MarketState>>,
    accounts: BTreeMap<AccountIndex, mpsc::Sender<Input>>,
) {
    while let Some(event) = events.recv().await {
        match event.feed().account() {
            None => market_news(&markets, &event),
            Some(account) => {
                if let Some(inbox) = accounts.get(&account) {
                    // A closed inbox means the pair has ended.
                    let _ = inbox.send(Input::Feed(event)).await;
                }
            }
        }
    }
}

/// A pair whose task gave no outcome broke down: nobody knows what it left (F-29).
fn broken_off(all: &[(PairPlan, Market)], ended: &[PairOutcome]) -> Vec<PairOutcome> {
    let missing = all.iter().filter(|(plan, _)| ended.iter().all(|outcome| outcome.id != plan.id));
    let broken = |(plan, market): &(PairPlan, Market)| PairOutcome {
        id: plan.id.clone(),
        market: market.clone(),
        pair: Pair::default(),
        end: PairEnd {
            code: codes::EXPOSED,
            summary: "the pair's task broke down, a fault of this program; `resume` goes on".to_owned(),
        },
    };
    missing.map(broken).collect()
}

fn market_news(markets: &BTreeMap<MarketId, watch::Sender<MarketState>>, event: &VenueEvent) {
    let Some(state) = event.feed().market().and_then(|id| markets.get(&id)) else { return };
    state.send_modify(|state| match event {
        VenueEvent::Book(_, book) => state.book = Some(book.clone()),
        VenueEvent::Stats(_, data) => state.data = Some(*data),
        VenueEvent::Down(Feed::Book(_), _) => state.book = None,
        VenueEvent::Down(Feed::Stats(_), _) => state.data = None,
        _ => {}
    });
}

fn outcome(
    id: PairId,
    market: Market,
    result: Result<Pair, (Box<Pair>, DriverError)>,
    look_only: bool,
) -> PairOutcome {
    let (pair, error) = match result {
        Ok(pair) => (pair, None),
        Err((pair, error)) => (*pair, Some(error)),
    };
    let end = match (&error, pair.end()) {
        (Some(error), _) => failed(&pair, error),
        (None, Some(end)) => end.clone(),
        (None, None) if look_only => looked(&pair, &market),
        (None, None) => stopped(&pair, &market),
    };
    PairOutcome { id, market, pair, end }
}

fn failed(pair: &Pair, error: &DriverError) -> PairEnd {
    let exposed = !pair.is_flat() || pair.has_live_orders();
    let code = match error {
        DriverError::Journal(error) if error.is_corruption() => 27,
        DriverError::Unanswered(_) => codes::UNKNOWN,
        _ if exposed => codes::EXPOSED,
        DriverError::GridChanged { .. } => codes::CHANGED,
        _ => 3,
    };
    let mut summary = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        summary = format!("{summary}: {cause}");
        source = cause.source();
    }
    PairEnd { code, summary }
}

/// A look at the venue: nothing was sent, and this is what stands.
fn looked(pair: &Pair, market: &Market) -> PairEnd {
    let orders: usize = LegSide::BOTH.iter().map(|side| pair.leg(*side).live_orders().count()).sum();
    let code = if pair.is_naked() || orders > 0 { codes::EXPOSED } else { codes::STOPPED };
    let summary = format!(
        "reconciled, nothing was sent; long {}, short {}, {orders} orders open; `resume` goes on",
        pair.long.position.to_decimal(market),
        pair.short.position.to_decimal(market)
    );
    PairEnd { code, summary }
}

/// A stop that was carried out, or a task whose world went away.
fn stopped(pair: &Pair, market: &Market) -> PairEnd {
    let exposure = format!(
        "long {}, short {}",
        pair.long.position.to_decimal(market),
        pair.short.position.to_decimal(market)
    );
    if pair.is_naked() || !pair.stopped {
        return PairEnd { code: codes::EXPOSED, summary: format!("left with exposure: {exposure}") };
    }
    let held = if pair.is_flat() { "flat".to_owned() } else { format!("held: {exposure}") };
    let orders = if pair.has_live_orders() { ", orders left open" } else { "" };
    PairEnd { code: codes::STOPPED, summary: format!("stopped on request, resumable; {held}{orders}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Checked, CheckedLeg};
    use crate::lint::check;
    use crate::model::{MarginView, Price, Size, Timestamp, Usdc, snapshot_markets};
    use crate::plan::{LoadOptions, SourceFile};

    fn checked() -> Checked {
        let leg = |account| CheckedLeg {
            account: AccountIndex::new(account),
            l1_address: String::new(),
            margin: MarginView::default(),
            keys: Vec::new(),
            set_leverage: false,
            funding_paid: Usdc::ZERO,
            tier: "standard".to_owned(),
        };
        Checked {
            market: Market::example(),
            buy: Price::from_ticks(99_900),
            sell: Price::from_ticks(100_100),
            size: Size::from_lots(2_500),
            tolerance: Size::LOT,
            same_owner: false,
            at: Timestamp::default(),
            legs: [leg(1001), leg(1002)],
        }
    }

    #[test]
    fn f_24_lots_of_another_grid_are_not_taken_for_ours() {
        let source = SourceFile::from_text("plan.yaml", include_str!("../../plans/sol-pair.yaml"));
        let plan = check(&source, &LoadOptions::default(), snapshot_markets()).plan.expect("a sound plan");
        let finer = Market { size_decimals: 4, ..Market::example() };
        let mut pair = Pair { checked: Some(Arc::new(checked())), ..Pair::default() };
        let holds = |pair: &Pair, market: &Market| grid_holds(&plan.pairs[0], market, Some(pair));
        assert!(holds(&pair, &finer).is_ok(), "nothing was placed: it is checked anew");
        pair.placed_at = Some(Timestamp::default());
        assert!(holds(&pair, &Market::example()).is_ok());
        let error = holds(&pair, &finer).unwrap_err().to_string();
        assert!(error.contains("size decimals was 3, is 4"), "{error}");
    }
}
