//! What a run is made of: a plan, a market around it, and what goes wrong, all from one seed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{IntentId, LegSide, PairSpec, StopMode};
use crate::model::{
    AccountIndex, ApiKeyIndex, MarginMode, Market, Price, Rounding, Side, Size, TimeInForce, Usdc,
};
use crate::paper::world::{Pace, WorldSpec};
use crate::plan::{
    HedgePlan, HedgePreference, KeySource, LegPlan, OnEntryTimeout, OnLiquidation, OnStop, PairPlan,
    PlacePlan, PriceSpec, RetryPlan, RiskPlan, SizeSpec, WatchPlan, WithdrawPlan, WithdrawRoute,
    WithdrawWhen,
};
use rust_decimal::Decimal;

use super::disk::DiskFault;
use super::link::Fate;
use super::venue::Opening;

/// Lines of the trace that a failure shows.
pub const TRACE: usize = 120;

/// The long leg's account in scenarios that no plan was given for.
pub const LONG: AccountIndex = AccountIndex::new(1001);
/// The short leg's.
pub const SHORT: AccountIndex = AccountIndex::new(1002);
/// Their market.
pub const SYMBOL: &str = "SOL";

/// How often, of a thousand, something goes wrong while faults last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// A request never arrives; no answer.
    pub lost: u64,
    /// It arrives; no answer.
    pub reply_lost: u64,
    /// It arrives long after it was given up.
    pub late: u64,
    /// It arrives twice.
    pub twice: u64,
    /// It never left (no connection, rate limit).
    pub not_sent: u64,
    /// A 5xx: it arrived, or it did not.
    pub server_error: u64,
    /// Accepted, and never heard of again.
    pub black_hole: u64,
    /// Refused for a reason that passes.
    pub refused: u64,
    /// A frame comes seconds late.
    pub slow_frame: u64,
    /// A frame comes twice.
    pub frame_twice: u64,
    /// A read is not answered.
    pub read: u64,
}

impl Rates {
    /// Returns all rates with their names.
    pub(super) const fn all(&self) -> [(&'static str, u64); 11] {
        [
            ("lost", self.lost),
            ("reply-lost", self.reply_lost),
            ("late", self.late),
            ("twice", self.twice),
            ("not-sent", self.not_sent),
            ("server-error", self.server_error),
            ("black-hole", self.black_hole),
            ("refused", self.refused),
            ("slow-frames", self.slow_frame),
            ("double-frames", self.frame_twice),
            ("reads", self.read),
        ]
    }

    /// Sets the rate at a place of [`Rates::all`] to nothing.
    pub(super) fn clear(&mut self, place: usize) {
        let rates = [
            &mut self.lost,
            &mut self.reply_lost,
            &mut self.late,
            &mut self.twice,
            &mut self.not_sent,
            &mut self.server_error,
            &mut self.black_hole,
            &mut self.refused,
            &mut self.slow_frame,
            &mut self.frame_twice,
            &mut self.read,
        ];
        if let Some(rate) = rates.into_iter().nth(place) {
            *rate = 0;
        }
    }
}

/// Which streams an outage takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// All of them.
    All,
    /// Book and prices.
    Market,
    /// One account's.
    Account(AccountIndex),
}

/// Somebody trades on an account of the run, with a key that is not the plan's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hand {
    /// When, counted from the start.
    pub at: Duration,
    /// On whose account.
    pub leg: LegSide,
    /// Bought or sold.
    pub side: Side,
    /// How much.
    pub size: Size,
    /// Whether it rests far from the market, or takes what is there.
    pub rests: bool,
}

/// A pair that trades beside the first one, in the same run.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The market's rules.
    pub market: Market,
    /// The pair.
    pub spec: PairSpec,
    /// The accounts of both legs, long leg first.
    pub accounts: Vec<Opening>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Of the world, the link and the reads.
    pub seed: u64,
    /// What is special about it.
    pub name: String,
    /// The market's rules.
    pub market: Market,
    /// The pair.
    pub spec: PairSpec,
    /// When bytes go out again.
    pub retry: RetryPlan,
    /// Prices, makers, takers and what a script does.
    pub world: WorldSpec,
    /// The accounts of both legs, long leg first.
    pub accounts: Vec<Opening>,
    /// The other pairs of the run; the direct host plays none of them.
    pub beside: Vec<Beside>,
    /// How often something goes wrong.
    pub rates: Rates,
    /// No faults from here on, counted from the start.
    pub faults_until: Duration,
    /// How far the look-up of transactions lags behind the sequencer.
    pub tx_lag_ms: u64,
    /// Kill points at which the process dies, counted over its lives; and how long it stays down.
    pub crashes: Vec<(u32, Duration)>,
    /// Streams that fall silent: when, for how long, which.
    pub outages: Vec<(Duration, Duration, Streams)>,
    /// When an operator stops it, and how.
    pub stop: Option<(Duration, StopMode)>,
    /// After a stop that was carried out, the run goes on.
    pub resume_after: Option<Duration>,
    /// Somebody else signs with the long leg's key.
    pub foreign_at: Option<Duration>,
    /// Somebody trades on accounts of the run by other keys.
    pub hands: Vec<Hand>,
    /// No read is answered: when, for how long.
    pub mute: Option<(Duration, Duration)>,
    /// The venue refuses everything that a leg signs: from when, for how long, which leg.
    pub dead_key: Option<(Duration, Duration, LegSide)>,
    /// Somebody starts a second process on the run.
    pub rival_at: Option<Duration>,
    /// What becomes of these intents' sendings, every repetition included; the rates decide on all others.
    pub fates: BTreeMap<IntentId, Fate>,
    /// What happens to the journal's commits, counted over the lives of the run, and how long the machine is gone then.
    pub disk: Vec<(u32, DiskFault, Duration)>,
    /// The disk is full: when, for how long.
    pub disk_full: Option<(Duration, Duration)>,
    /// By how much the machine's clock is ahead of the venue's, in ms.
    pub skew_ms: i64,
    /// The machine's clock jumps: when, by how much, in ms. A process that runs does not see it, the next one does.
    pub clock_jumps: Vec<(Duration, i64)>,
    /// The machine sleeps: when, for how long.
    pub suspends: Vec<(Duration, Duration)>,
    /// The run must have ended by then.
    pub end_by: Duration,
    /// How finely prices and makers follow time.
    pub pace: Pace,
    /// Lines of the trace that are kept; a run without one is much faster.
    pub trace: usize,
}

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the price `bps` above mark, on the grid.
pub fn near(market: &Market, bps: i64) -> Decimal {
    let mark = market.mark_price.expect("a listed price");
    let price = mark * Decimal::new(10_000 + bps, 4);
    Price::rounded(price, market, Rounding::Down).expect("a price").to_decimal(market)
}

impl Scenario {
    /// A run in which nothing goes wrong, in a market that stands still with makers and takers of the world.
    pub fn calm(seed: u64) -> Self {
        let market = Market::example();
        let spec = PairSpec {
            run: format!("run-{seed}").parse().expect("a name"),
            plan: pair(&market),
            on_stop: OnStop::CancelOpen,
            own_accounts: [LONG, SHORT].into_iter().collect(),
            shares_market: false,
            legs: 2,
            streams_within: Duration::from_secs(600),
            restart_missed_entry: false,
            continue_missed_withdrawal: false,
            until: Vec::new(),
        };
        let open = |account: AccountIndex, owner: &str| {
            (account, owner.to_owned(), vec![ApiKeyIndex::new(4), ApiKeyIndex::new(5)], Usdc::whole(2_000))
        };
        Self {
            seed,
            name: "calm".to_owned(),
            market,
            spec,
            retry: RetryPlan { initial: Duration::from_millis(250), max: secs(10), budget: secs(120) },
            world: WorldSpec { withdrawal_delay: None, claim_delay: None, ..WorldSpec::default() },
            accounts: vec![
                open(LONG, "0x00000000000000000000000000000000000000b1"),
                open(SHORT, "0x00000000000000000000000000000000000000b2"),
            ],
            beside: Vec::new(),
            rates: Rates::default(),
            faults_until: Duration::ZERO,
            tx_lag_ms: 0,
            crashes: Vec::new(),
            outages: Vec::new(),
            stop: None,
            resume_after: None,
            foreign_at: None,
            hands: Vec::new(),
            mute: None,
            dead_key: None,
            rival_at: None,
            fates: BTreeMap::new(),
            disk: Vec::new(),
            disk_full: None,
            skew_ms: 0,
            clock_jumps: Vec::new(),
            suspends: Vec::new(),
            end_by: secs(1_200),
            pace: Pace::Fine,
            trace: TRACE,
        }
    }
}

impl Scenario {
    /// Returns every pair with its market, the first one first.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&PairSpec, &Market)> {
        let others = self.beside.iter().map(|beside| (&beside.spec, &beside.market));
        std::iter::once((&self.spec, &self.market)).chain(others)
    }

    /// Returns every account.
    pub(super) fn all_accounts(&self) -> impl Iterator<Item = &Opening> {
        self.accounts.iter().chain(self.beside.iter().flat_map(|beside| &beside.accounts))
    }
}

fn leg(account: AccountIndex) -> LegPlan {
    let (api_key_index, key) = (ApiKeyIndex::new(4), KeySource::Paper);
    LegPlan { account, api_key_index, key, guard_key_index: None, l1_key: None }
}

fn pair(market: &Market) -> PairPlan {
    PairPlan {
        id: "alpha".parse().expect("a name"),
        market: SYMBOL.to_owned(),
        size: SizeSpec::Base(Decimal::new(2_500, 3)),
        leverage: 5,
        margin_mode: MarginMode::Cross,
        buy: PriceSpec::Fixed(near(market, -6)),
        sell: PriceSpec::Fixed(near(market, 6)),
        minimum_usdc: Usdc::whole(500),
        long: leg(LONG),
        short: leg(SHORT),
        place: PlacePlan { time_in_force: TimeInForce::PostOnly, expires_in: secs(600) },
        watch: WatchPlan {
            entry_deadline: secs(30),
            on_entry_timeout: OnEntryTimeout::Hedge,
            max_hold: secs(10),
            take_profit: None,
            stop_loss: None,
        },
        protect: None,
        hedge: HedgePlan {
            wait: secs(5),
            max_naked: secs(20),
            max_naked_loss: Usdc::whole(15),
            prefer: HedgePreference::Complete,
            attempts: 5,
            max_slippage_bps: 50,
            emergency_slippage_bps: 200,
            dust: Usdc::whole(1),
            on_liquidation: OnLiquidation::Flatten,
        },
        risk: RiskPlan {
            max_order: Usdc::whole(12_000),
            max_position: Usdc::whole(12_000),
            max_exposure: Usdc::whole(30_000),
            max_price_deviation_bps: 200,
            max_drawdown: Usdc::whole(5_000),
            min_liquidation_distance_pct: Decimal::new(5, 1),
            max_messages_per_minute: 40,
            max_loss_if_venue_down: Usdc::whole(5_000),
            volatility_pct: 100,
        },
        withdraw: WithdrawPlan {
            when: WithdrawWhen::OnExit,
            route: WithdrawRoute::Secure,
            keep: Usdc::ZERO,
            verify_within: secs(300),
        },
    }
}
