//! What a run is made of: a plan, a market around it, and what goes wrong, all from one seed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{IntentId, PairSpec, StopMode};
use crate::model::{AccountIndex, ApiKeyIndex, MarginMode, Market, Price, Rounding, TimeInForce, Usdc};
use crate::paper::exchange::WithdrawBehaviour;
use crate::paper::world::{Action, Duration as Span, MarketSpec, ScriptEntry, TakerSide, WorldSpec};
use crate::plan::{
    HedgePlan, HedgePreference, KeySource, LegPlan, OnEntryTimeout, OnLiquidation, OnStop, PairPlan,
    PegReference, PlacePlan, PriceSpec, RetryPlan, RiskPlan, SizeSpec, WatchPlan, WithdrawPlan,
    WithdrawRoute, WithdrawWhen,
};
use crate::rt::SplitMix64;
use rust_decimal::Decimal;

use super::link::Fate;
use super::venue::Opening;

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
    /// Somebody starts a second process on the run.
    pub rival_at: Option<Duration>,
    /// What becomes of these intents' sendings, every repetition included; the rates decide on all others.
    pub fates: BTreeMap<IntentId, Fate>,
    /// The run must have ended by then.
    pub end_by: Duration,
    /// Whether the run keeps a trace; without one it is much faster.
    pub traced: bool,
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn random(rng: &mut SplitMix64, low: u64, high: u64) -> u64 {
    low + rng.below(high - low + 1)
}

fn random_secs(rng: &mut SplitMix64, low: u64, high: u64) -> Duration {
    Duration::from_millis(random(rng, low * 1_000, high * 1_000))
}

fn chance(rng: &mut SplitMix64, percent: u64) -> bool {
    rng.below(100) < percent
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
            rates: Rates::default(),
            faults_until: Duration::ZERO,
            tx_lag_ms: 0,
            crashes: Vec::new(),
            outages: Vec::new(),
            stop: None,
            resume_after: None,
            foreign_at: None,
            rival_at: None,
            fates: BTreeMap::new(),
            end_by: secs(1_200),
            traced: true,
        }
    }

    /// A run with everything that `seed` says.
    pub fn random(seed: u64) -> Self {
        let mut rng = SplitMix64::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(17));
        let mut run = Self::calm(seed);
        run.vary_plan(&mut rng);
        run.vary_market(&mut rng);
        run.disturb(&mut rng);
        run
    }

    /// Adds faults, crashes and a stop.
    pub fn disturb(&mut self, rng: &mut SplitMix64) {
        self.vary_faults(rng);
        self.vary_crashes(rng);
    }

    fn vary_plan(&mut self, rng: &mut SplitMix64) {
        let market = self.market.clone();
        let plan = &mut self.spec.plan;
        let bps = |rng: &mut SplitMix64| i64::try_from(random(rng, 3, 25)).unwrap_or(1);
        plan.buy = PriceSpec::Fixed(near(&market, -bps(rng)));
        plan.sell = PriceSpec::Fixed(near(&market, bps(rng)));
        if chance(rng, 25) {
            let offset = i32::try_from(random(rng, 1, 8)).unwrap_or(1);
            let peg =
                |offset_bps| PriceSpec::Peg { reference: PegReference::Mid, offset_bps, reprice_bps: 4 };
            (plan.buy, plan.sell) = (peg(-offset), peg(offset));
        }
        plan.size = SizeSpec::Base(Decimal::new(i64::try_from(random(rng, 120, 9_000)).unwrap_or(500), 3));
        if chance(rng, 20) {
            plan.place.time_in_force = TimeInForce::GoodTillTime;
        }
        plan.watch.entry_deadline = random_secs(rng, 8, 40);
        plan.watch.max_hold = random_secs(rng, 3, 40);
        if chance(rng, 40) {
            plan.watch.on_entry_timeout = OnEntryTimeout::Flatten;
        }
        plan.hedge.wait = random_secs(rng, 0, 12);
        plan.hedge.max_naked = plan.hedge.wait + random_secs(rng, 6, 25);
        if chance(rng, 30) {
            plan.hedge.prefer = HedgePreference::Unwind;
        }
        if chance(rng, 30) {
            plan.hedge.on_liquidation = OnLiquidation::Match;
        }
        if chance(rng, 50) {
            plan.long.guard_key_index = Some(ApiKeyIndex::new(5));
            plan.short.guard_key_index = Some(ApiKeyIndex::new(5));
        }
        if chance(rng, 30) {
            plan.withdraw.when = WithdrawWhen::Never;
        }
        if chance(rng, 20) {
            self.accounts[1].1 = self.accounts[0].1.clone();
        }
        self.spec.on_stop =
            [OnStop::Leave, OnStop::CancelOpen, OnStop::Flatten][usize::try_from(rng.below(3)).unwrap_or(0)];
        self.spec.restart_missed_entry = chance(rng, 30);
    }

    fn vary_market(&mut self, rng: &mut SplitMix64) {
        let mut spec = MarketSpec {
            market: SYMBOL.to_owned(),
            price: None,
            volatility_bps: Some(u32::try_from(random(rng, 2, 18)).unwrap_or(10)),
            depth_percent: None,
            makers: None,
            takers: None,
        };
        let at = random_secs(rng, 3, 60);
        let sign = if chance(rng, 50) { 1 } else { -1 };
        let over = random_secs(rng, 0, 15);
        match rng.below(9) {
            0 => {
                self.name = "runaway".to_owned();
                let far = sign * i64::try_from(random(rng, 60, 400)).unwrap_or(100);
                let price = near(&self.market, far);
                self.script(at, Action::MoveTo { price, over: Span(over) });
            }
            1 => {
                self.name = "thin".to_owned();
                spec.depth_percent = Some(u32::try_from(random(rng, 1, 10)).unwrap_or(5));
            }
            2 => {
                self.name = "no makers for a while".to_owned();
                self.script(at, Action::PauseMakers {});
                self.script(at + random_secs(rng, 5, 40), Action::ResumeMakers {});
            }
            3 => {
                self.name = "halt".to_owned();
                self.script(at, Action::Halt {});
                self.script(at + random_secs(rng, 5, 30), Action::Unhalt {});
            }
            4 => self.weak_account(rng, at, over),
            5 => {
                self.name = "one side".to_owned();
                let side = if sign > 0 { TakerSide::Buy } else { TakerSide::Sell };
                spec.takers = Some(false);
                let size = Decimal::new(i64::try_from(random(rng, 100, 400_000)).unwrap_or(100), 3);
                self.script(at, Action::Take { side, size, limit: None });
            }
            6 => {
                self.name = "withdrawals".to_owned();
                let behaviour =
                    [WithdrawBehaviour::Stuck, WithdrawBehaviour::Fail, WithdrawBehaviour::Unclaimed]
                        [usize::try_from(rng.below(3)).unwrap_or(0)];
                self.script(Duration::ZERO, Action::Withdrawals { behaviour });
            }
            _ => self.name = "swing".to_owned(),
        }
        self.world.markets = vec![spec];
    }

    /// High leverage on a small balance, and a price that goes where it hurts.
    fn weak_account(&mut self, rng: &mut SplitMix64, at: Duration, over: Duration) {
        self.name = "liquidation".to_owned();
        let plan = &mut self.spec.plan;
        plan.leverage = 25;
        plan.size = SizeSpec::Base(Decimal::new(i64::try_from(random(rng, 30_000, 90_000)).unwrap_or(1), 3));
        let far = chance(rng, 30);
        for account in &mut self.accounts {
            account.3 = Usdc::whole(if far { 5_000 } else { 520 });
        }
        plan.buy = PriceSpec::Fixed(near(&self.market, -2));
        plan.sell = PriceSpec::Fixed(near(&self.market, 2));
        plan.watch.entry_deadline = secs(40);
        plan.watch.max_hold = secs(60);
        let account = if chance(rng, 50) { LONG } else { SHORT };
        let at = at + secs(20);
        self.script(at, Action::Liquidate { account, over: Span(over) });
        if chance(rng, 30) {
            self.script(at + over, Action::Depth { percent: 5 });
        }
    }

    fn script(&mut self, at: Duration, action: Action) {
        self.world.script.push(ScriptEntry {
            at: Span(at),
            market: Some(SYMBOL.to_owned()),
            every: None,
            action,
        });
    }

    fn vary_faults(&mut self, rng: &mut SplitMix64) {
        self.tx_lag_ms = random(rng, 0, 1_500);
        let worst = [0, 0, 30, 80, 200][usize::try_from(rng.below(5)).unwrap_or(0)];
        let rate = |rng: &mut SplitMix64| rng.below(worst + 1);
        self.rates = Rates {
            lost: rate(rng),
            reply_lost: rate(rng),
            late: rate(rng),
            twice: rate(rng),
            not_sent: rate(rng),
            server_error: rate(rng),
            black_hole: rate(rng) / 2,
            refused: rate(rng) / 4,
            slow_frame: rate(rng),
            frame_twice: rate(rng),
            read: rate(rng),
        };
        self.faults_until = random_secs(rng, 30, 150);
        for _ in 0..rng.below(4) {
            let streams = [Streams::All, Streams::Market, Streams::Account(LONG), Streams::Account(SHORT)]
                [usize::try_from(rng.below(4)).unwrap_or(0)];
            let (at, lasts) = (random_secs(rng, 0, 90), random_secs(rng, 1, 30));
            self.outages.push((at, lasts, streams));
        }
        if chance(rng, 4) {
            self.foreign_at = Some(random_secs(rng, 2, 60));
        }
    }

    fn vary_crashes(&mut self, rng: &mut SplitMix64) {
        if chance(rng, 50) {
            let mut point = 0;
            for _ in 0..random(rng, 1, 4) {
                point += u32::try_from(random(rng, 1, 40)).unwrap_or(1);
                let down = if chance(rng, 70) { random_secs(rng, 0, 4) } else { random_secs(rng, 5, 60) };
                self.crashes.push((point, down));
            }
        }
        if chance(rng, 25) {
            let mode = if chance(rng, 50) { StopMode::Policy } else { StopMode::Flatten };
            self.stop = Some((random_secs(rng, 1, 70), mode));
            self.resume_after = chance(rng, 60).then(|| random_secs(rng, 1, 30));
        }
        self.rival_at = chance(rng, 10).then(|| random_secs(rng, 1, 70));
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
