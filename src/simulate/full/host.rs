//! One run: processes that live and die over one exchange, one network and one disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::client::{Dialer, PipeTransport};
use super::life::{Crashes, Life};
use super::network::{ADDRESS, Network};
use super::stage::Stage;
use super::store::Machine;
use super::weather::Weather;
use crate::engine::{self, Entry, LegSide, Pair, RunInput, Signer, StopHandle, StopMode, codes};
use crate::journal::{Journal, NewRun, Store as _, verify};
use crate::model::{AccountIndex, ApiKeyIndex, Market, PairId, Timestamp};
use crate::paper::exchange::{ExchangeConfig, Tier};
use crate::paper::server::{Front, Running, key, serve};
use crate::paper::sim::{Sim, SimAccount, SimConfig};
use crate::paper::world::Prices;
use crate::plan::{MissedPlace, MissedWithdraw, Network as Venues, OnMissed, Plan};
use crate::rt::{Clock, Tasks, in_virtual_time};
use crate::signing::PrivateKey;
use crate::simulate::scenario::Scenario;
use crate::simulate::violation::{Invariant, Violation};
use crate::simulate::watch::Watch;
use crate::tx::{Attributes, CancelAllOrders, Envelope, Tx};
use crate::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};
use crate::venue::{Class, Credential, Venue as _, VenueError};

/// Chain id of signatures on paper.
const CHAIN_ID: u32 = 304;
/// Where venue time starts, as on the direct host.
const START: Timestamp = Timestamp::from_millis(1_790_600_000_000);
/// Keys are the same in every run, so that they are made once.
const KEY_SEED: u64 = 7;
/// How long somebody waits before a process that could not start, or ended with a fault, is started again.
const SUPERVISOR: Duration = Duration::from_secs(3);
/// After the end of a run: longer than any byte stays under way.
const AFTERMATH: Duration = Duration::from_secs(15);
/// How often an operator asks again who finds no process.
const ASKS_AGAIN: Duration = Duration::from_secs(2);

type Exchange = LighterVenue<PipeTransport, Dialer>;

/// What a run came to.
pub struct FullRun {
    /// The state of the first pair at its end or after its stop.
    pub outcome: Pair,
    /// The other pairs' states, and what was seen of them.
    pub beside: Vec<(Pair, Watch)>,
    /// How many processes it took.
    pub lives: u32,
    /// Points passed at which a process may die.
    pub kill_points: u32,
    /// What the server did wrong, with its place, in order.
    pub struck: Vec<(String, crate::paper::server::Fault)>,
    /// What was seen of the first pair, and of the run.
    pub watch: Watch,
    /// A hash over journal, log and exchange: equal for equal runs.
    pub digest: [u8; 32],
}

/// Plays a scenario on the full host.
///
/// Of its faults, `tx_lag_ms`, `fates`, a full disk, jumps of the clock and the machine's sleep are left to the direct
/// host.
///
/// # Errors
///
/// What did not hold first.
pub fn play_full(scenario: &Scenario) -> Result<FullRun, Box<Violation>> {
    let broken = |what: String| {
        Box::new(Violation {
            invariant: Invariant::NoPanic,
            seed: scenario.seed,
            scenario: scenario.name.clone(),
            what,
            trace: String::new(),
        })
    };
    let played = || in_virtual_time(scenario.seed, Box::pin(play(scenario)));
    // What simulated processes warn of is nobody's concern, but for somebody who looks at a single run.
    let result = if scenario.trace == usize::MAX {
        played()
    } else {
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), played)
    };
    match result {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(error) => Err(broken(error.to_string())),
    }
}

/// Why a run cannot be played at all.
#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error("the exchange does not start")]
    Server(#[from] crate::paper::server::PaperError),
    #[error("the exchange has no place for the scenario")]
    Sim(#[from] crate::paper::sim::SimError),
    #[error("the plan has no JSON form")]
    Plan(#[from] serde_json::Error),
    #[error("the journal cannot be read")]
    Journal(#[from] crate::journal::JournalError),
    #[error("the exchange is gone")]
    Gone,
}

async fn play(scenario: &Scenario) -> Result<Result<FullRun, Box<Violation>>, HostError> {
    let mut host = Host::open(scenario)?;
    let outcome = host.live().await?;
    host.finish(outcome).await
}

/// How a process ended.
enum Ended {
    /// All pairs came to their ends, or a stop was carried out.
    Done(Vec<Pair>),
    /// It died, or gave up; somebody starts another one.
    Again(Duration),
    /// An invariant broke, or time is up.
    Over,
}

struct Host<'a> {
    scenario: &'a Scenario,
    plan: Plan,
    keys: BTreeMap<(AccountIndex, ApiKeyIndex), PrivateKey>,
    clock: Clock,
    network: Network,
    server: Running,
    stage: Stage,
    machine: Machine,
    crashes: Arc<Crashes>,
    lives: u32,
    stop_asked: bool,
    /// What happens by itself.
    tasks: Tasks,
}

impl<'a> Host<'a> {
    fn open(scenario: &'a Scenario) -> Result<Self, HostError> {
        let clock = Clock::starting_at(START);
        let stage = Stage::new(scenario);
        let keys = keys(scenario);
        let weather = Weather::of(scenario);
        let (network, doorway) = Network::new(scenario.seed ^ 0x4e7, clock.clone());
        network.refuse_some(weather.refusals);
        let onlooker = stage.clone();
        let front = Front {
            tier: Tier::Standard,
            rate_limits: true,
            control: false,
            faults: weather.faults.clone(),
            accounts: Vec::new(),
            tap: Some(Box::new(move |exchange, events| onlooker.happened(exchange, events))),
        };
        let sim = Sim::new(exchange(scenario, &keys))?;
        let server = serve(sim, clock.clone(), front, (doorway, ADDRESS))?;
        let mut host = Self {
            scenario,
            plan: plan(scenario),
            keys,
            clock,
            network,
            server,
            machine: Machine::new(&stage, &scenario.disk),
            stage,
            crashes: Arc::new(Crashes::new(&scenario.crashes)),
            lives: 0,
            stop_asked: false,
            tasks: Tasks::default(),
        };
        host.let_it_happen(weather);
        Ok(host)
    }

    /// Starts what the network does by itself, and its end.
    fn let_it_happen(&mut self, weather: Weather) {
        let (clock, network, stage) = (self.clock.clone(), self.network.clone(), self.stage.clone());
        self.tasks.spawn("weather", async move {
            for (at, fault) in weather.strikes {
                clock.sleep_until(START.after(at)).await;
                stage.note(clock.now(), format_args!("network: {fault:?}"));
                if let Some(lasts) = fault.blinds() {
                    stage.is_blind(clock.now().after(lasts));
                }
                network.strike(fault);
            }
        });
        let (clock, network, faults) = (self.clock.clone(), self.network.clone(), weather.faults);
        let until = START.after(self.scenario.faults_until);
        self.tasks.spawn("calm", async move {
            clock.sleep_until(until).await;
            faults.clear();
            network.calm();
        });
        if let Some(at) = self.scenario.foreign_at {
            let hand = self.foreign_hand();
            let clock = self.clock.clone();
            self.tasks.spawn("foreign hand", async move {
                clock.sleep_until(START.after(at)).await;
                hand.await;
            });
        }
    }

    /// Somebody else signs with the long leg's key.
    fn foreign_hand(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        // A process of its own, which never dies.
        let life = Life::new(&Arc::new(Crashes::new(&[])));
        let venue = self.client(&life, &self.clock);
        let leg = self.scenario.spec.leg(LegSide::Long).clone();
        let key = self.keys.get(&(leg.account, leg.api_key_index)).cloned();
        let (stage, clock) = (self.stage.clone(), self.clock.clone());
        async move {
            let (Some(key), Ok(nonce)) = (key, venue.next_nonce(leg.account, leg.api_key_index).await) else {
                return;
            };
            let (account_index, api_key_index) = (leg.account.get(), leg.api_key_index.get());
            let envelope = Envelope {
                tx: Tx::CancelAllOrders(CancelAllOrders { account_index, api_key_index, mode: 2, time: 0 }),
                expired_at: clock.now().after(Duration::from_secs(60)).as_millis(),
                nonce: nonce.get(),
                attributes: Attributes::new(),
            };
            stage.watch(Watch::foreign_hand);
            // Refused or lost, it is a foreign hand that did nothing.
            let _ = venue.send(&envelope.sign(CHAIN_ID, &key), Class::Place).await;
        }
    }

    fn client(&self, life: &Arc<Life>, clock: &Clock) -> Exchange {
        let dialer = Dialer::new(&self.network, life);
        let endpoints = NetworkEndpoints {
            http: self.server.http_url.clone(),
            ws: self.server.ws_url.clone(),
            chain_id: CHAIN_ID,
        };
        let credentials = self.keys.iter().map(|((account, slot), key)| Credential {
            account: *account,
            api_key_index: *slot,
            key: key.clone(),
        });
        let transport = PipeTransport::new(dialer.clone());
        let options = LighterOptions::default();
        LighterVenue::over(endpoints, transport, dialer, credentials.collect(), clock.clone(), options)
    }

    /// Starts processes until one comes to an end; `None` when an invariant broke or time is up.
    async fn live(&mut self) -> Result<Option<Vec<Pair>>, HostError> {
        let mut resume_after = self.scenario.resume_after;
        loop {
            let life = Life::new(&self.crashes);
            let ended = self.process(&life).await?;
            self.stage.is_up(false);
            let down = match ended {
                Ended::Over => return Ok(None),
                Ended::Done(pairs) if pairs.iter().all(|pair| pair.end().is_some()) => {
                    return Ok(Some(pairs));
                }
                Ended::Done(pairs) => match resume_after.take() {
                    Some(wait) => wait,
                    None => return Ok(Some(pairs)),
                },
                Ended::Again(down) => down,
            };
            self.clock.sleep(down).await;
        }
    }

    /// One process, from its start to its end.
    async fn process(&mut self, life: &Arc<Life>) -> Result<Ended, HostError> {
        self.lives += 1;
        self.stage.note(self.clock.now(), format_args!("process {} starts", self.lives));
        let clock = Clock::starting_at(self.clock.now());
        clock.shift(self.scenario.skew_ms);
        let (broken, end_by) = (self.stage.broken.clone(), START.after(self.scenario.end_by));
        let (stop, mut stop_asked) = (self.scenario.stop.filter(|_| !self.stop_asked), false);
        let time = self.clock.clone();
        let handle = std::sync::OnceLock::new();
        let ended = tokio::select! {
            biased;
            () = broken.cancelled() => Ended::Over,
            () = life.gone.cancelled() => Ended::Again(life.down()),
            ended = self.run(life, &clock, &handle) => ended?,
            () = ask_to_stop(stop, &time, &handle, &mut stop_asked) => Ended::Over,
            () = time.sleep_until(end_by) => Ended::Over,
        };
        self.stop_asked |= stop_asked;
        // Whatever it still had to say, it died.
        let ended = if life.is_dead() { Ended::Again(life.down()) } else { ended };
        // What its tasks still want to do reaches nobody.
        life.end(life.down());
        self.stage.note(self.clock.now(), format_args!("process {} is gone", self.lives));
        if self.clock.now() >= end_by {
            let steps: Vec<_> = self.stage.pairs().into_iter().map(|(_, pair)| pair.step).collect();
            self.stage.fail(Invariant::ComesToRest, format!("the run does not end; steps {steps:?}"));
        }
        Ok(ended)
    }

    /// What `apply` and `resume` do.
    async fn run(
        &self,
        life: &Arc<Life>,
        clock: &Clock,
        handle: &std::sync::OnceLock<StopHandle>,
    ) -> Result<Ended, HostError> {
        let run = self.scenario.spec.run.clone();
        let known = self.machine.read(|store| store.run(&run).is_ok());
        if known && let Err(error) = self.machine.read(|store| verify(store, &run)) {
            self.stage.fail(Invariant::OneFold, error.to_string());
            return Ok(Ended::Over);
        }
        let venue = Arc::new(self.client(life, clock));
        let Ok(markets) = look_around(venue.as_ref()).await else { return Ok(Ended::Again(SUPERVISOR)) };
        let journal = Journal::inline(self.machine.open(life));
        if !known && journal.create_run(self.definition(clock.now())?).await.is_err() {
            return Ok(Ended::Again(SUPERVISOR));
        }
        let states = self.stage.pairs().into_iter().filter(|(_, pair)| *pair != Pair::default()).collect();
        let input = RunInput {
            run: run.clone(),
            plan: self.plan.clone(),
            venue,
            journal: journal.clone(),
            clock: clock.clone(),
            signer: Arc::new(Signer { chain_id: CHAIN_ID, keys: self.keys.clone(), owners: BTreeMap::new() }),
            markets,
            states,
            resumed: known,
            until: None,
            look_only: false,
            news: None,
        };
        if journal.set_status(&run, "running", None, clock.now()).await.is_err() {
            return Ok(Ended::Again(SUPERVISOR));
        }
        let Ok(started) = engine::Run::new(input) else { return Ok(Ended::Again(SUPERVISOR)) };
        self.stage.is_up(true);
        // The handle is asked for once a process.
        let _ = handle.set(started.stop_handle());
        let mut outcomes = started.go().await;
        self.stage.is_up(false);
        let failed = outcomes.iter().find(|outcome| outcome.pair.end().is_none() && !outcome.pair.stopped);
        if let Some(failed) = failed {
            self.stage.note(clock.now(), format_args!("{}", failed.end.summary));
            return Ok(Ended::Again(SUPERVISOR));
        }
        let ended = outcomes.iter().all(|outcome| outcome.pair.end().is_some());
        let status = if ended { "ended" } else { "stopped" };
        let code = codes::worst(outcomes.iter().map(|outcome| outcome.end.code));
        if journal.set_status(&run, status, Some(code), clock.now()).await.is_err() {
            return Ok(Ended::Again(SUPERVISOR));
        }
        let place = |id: &PairId| self.plan.pairs.iter().position(|pair| pair.id == *id);
        outcomes.sort_by_key(|outcome| place(&outcome.id));
        Ok(Ended::Done(outcomes.into_iter().map(|outcome| outcome.pair).collect()))
    }

    fn definition(&self, created_at: Timestamp) -> Result<NewRun, HostError> {
        Ok(NewRun {
            id: self.scenario.spec.run.clone(),
            name: self.plan.name.clone(),
            network: "paper".to_owned(),
            plan_source: String::new(),
            plan_json: serde_json::to_string(&self.plan)?,
            graph_json: "{}".to_owned(),
            created_at,
            format: 1,
        })
    }

    /// Waits until nothing is under way any more, and holds the journal against the exchange.
    async fn finish(self, outcome: Option<Vec<Pair>>) -> Result<Result<FullRun, Box<Violation>>, HostError> {
        if let Some(pairs) = &outcome {
            // What a stop left by policy may be liquidated the next moment; what ended must stay as it is.
            if pairs.iter().any(|pair| pair.end().is_some()) {
                self.clock.sleep(AFTERMATH).await;
            }
            self.check_journal(pairs).await?;
        }
        for (place, fault) in self.server.faults.happened() {
            self.stage.note(self.clock.now(), format_args!("server: {fault:?} at {place}"));
        }
        let state = self.server.look(Sim::state_hash).await.ok_or(HostError::Gone)?;
        let violation = self.stage.violation();
        let Some((outcome, None)) = outcome.map(|pairs| (pairs, violation.clone())) else {
            return violation.map(|violation| Err(Box::new(violation))).ok_or(HostError::Gone);
        };
        let run = self.scenario.spec.run.clone();
        let head = self.machine.read(|store| store.run(&run))?.head_hash;
        let mut seen = outcome.into_iter().zip(self.stage.watches());
        let (outcome, watch) = seen.next().ok_or(HostError::Gone)?;
        let beside: Vec<_> = seen.collect();
        let mut digest = Sha256::new().chain_update(head.to_string()).chain_update(watch.trace());
        for (_, watch) in &beside {
            digest.update(watch.trace());
        }
        let digest = digest
            .chain_update(state)
            .chain_update(self.clock.now().as_millis().to_le_bytes())
            .finalize()
            .into();
        let struck = self.server.faults.happened();
        let (lives, kill_points) = (self.lives, self.crashes.passed());
        Ok(Ok(FullRun { outcome, beside, lives, kill_points, struck, watch, digest }))
    }

    async fn check_journal(&self, pairs: &[Pair]) -> Result<(), HostError> {
        let run = self.scenario.spec.run.clone();
        if let Err(error) = self.machine.read(|store| verify(store, &run)) {
            self.stage.fail(Invariant::OneFold, error.to_string());
        }
        let events = self.machine.read(|store| store.events(&run, 1))?;
        for row in &events {
            self.no_secret(&row.body);
        }
        for (plan, pair) in self.plan.pairs.iter().zip(pairs) {
            let rows = events.iter().filter(|row| row.pair.as_ref() == Some(&plan.id));
            let entries: Vec<_> = rows.map(|row| Entry::read(&row.body)).collect::<Result<_, _>>()?;
            let (stage, id, pair) = (self.stage.clone(), plan.id.clone(), pair.clone());
            let look = move |sim: &Sim| {
                stage.watch_of(&id, |watch| {
                    watch.left_behind(&pair);
                    watch.finish(&pair, &entries, sim.exchange());
                });
            };
            self.server.look(look).await.ok_or(HostError::Gone)?;
        }
        Ok(())
    }

    /// 13. No secret in the journal.
    fn no_secret(&self, text: &str) {
        for key in self.keys.values() {
            let digits = hex::encode(key.to_bytes());
            if text.to_ascii_lowercase().contains(&digits) {
                self.stage.fail(Invariant::NoSecret, "a key is in the journal");
            }
        }
    }
}

/// What a process asks before it starts: the venue's clock and its markets.
async fn look_around(venue: &Exchange) -> Result<Vec<Market>, VenueError> {
    venue.status().await?;
    venue.markets().await
}

/// Asks for a stop when it is time, and again while there is no process; never returns.
async fn ask_to_stop(
    stop: Option<(Duration, StopMode)>,
    clock: &Clock,
    handle: &std::sync::OnceLock<StopHandle>,
    asked: &mut bool,
) {
    if let Some((at, mode)) = stop {
        clock.sleep_until(START.after(at)).await;
        loop {
            if let Some(handle) = handle.get() {
                *asked = true;
                handle.stop(mode).await;
                break;
            }
            clock.sleep(ASKS_AGAIN).await;
        }
    }
    std::future::pending().await
}

fn keys(scenario: &Scenario) -> BTreeMap<(AccountIndex, ApiKeyIndex), PrivateKey> {
    let slots =
        scenario.all_accounts().flat_map(|(account, _, slots, _)| slots.iter().map(|slot| (*account, *slot)));
    slots.map(|(account, slot)| ((account, slot), key(KEY_SEED, account, slot))).collect()
}

fn exchange(scenario: &Scenario, keys: &BTreeMap<(AccountIndex, ApiKeyIndex), PrivateKey>) -> SimConfig {
    let account = |(index, owner, slots, usdc): &crate::simulate::venue::Opening| {
        let public = |slot: &ApiKeyIndex| Some((*slot, keys.get(&(*index, *slot))?.public_key().to_hex()));
        SimAccount {
            index: *index,
            l1: owner.clone(),
            keys: slots.iter().filter_map(public).collect(),
            usdc: *usdc,
        }
    };
    let world_delays = Duration::from_secs(5);
    let mut markets: Vec<Market> = Vec::new();
    for (_, market) in scenario.pairs() {
        if markets.iter().all(|known| known.id != market.id) {
            markets.push(market.clone());
        }
    }
    SimConfig {
        exchange: ExchangeConfig {
            chain_id: CHAIN_ID,
            markets,
            tier: Tier::Standard,
            withdrawal_delay: world_delays,
            claim_delay: world_delays,
            start: START,
        },
        world: scenario.world.clone(),
        prices: Prices::Seeded,
        seed: scenario.seed,
        accounts: scenario.all_accounts().map(account).collect(),
    }
}

/// The plan of the scenario's pairs.
fn plan(scenario: &Scenario) -> Plan {
    let spec = &scenario.spec;
    Plan {
        name: scenario.name.clone(),
        network: Venues::Paper,
        paper: None,
        pairs: scenario.pairs().map(|(spec, _)| spec.plan.clone()).collect(),
        retry: scenario.retry,
        on_stop: spec.on_stop,
        on_missed: OnMissed {
            place: if spec.restart_missed_entry { MissedPlace::Continue } else { MissedPlace::Cancel },
            withdraw: if spec.continue_missed_withdrawal {
                MissedWithdraw::Continue
            } else {
                MissedWithdraw::Ask
            },
        },
        notify: Vec::new(),
    }
}
