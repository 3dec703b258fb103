//! What a seed draws: a plan, a market, and what goes wrong.

use std::time::Duration;

use rust_decimal::Decimal;

use super::disk::DiskFault;
use super::fault::{Fault, Faults};
use super::link::Fate;
use super::scenario::{Rates, Scenario, Streams, near, secs};
use crate::engine::StopMode;
use crate::model::{ApiKeyIndex, TimeInForce, Usdc};
use crate::paper::exchange::WithdrawBehaviour;
use crate::paper::world::{Action, Duration as Span, MarketSpec, ScriptEntry, TakerSide};
use crate::plan::{
    HedgePreference, OnEntryTimeout, OnLiquidation, OnStop, PegReference, PriceSpec, SizeSpec, WithdrawWhen,
};
use crate::rt::SplitMix64;

fn random(rng: &mut SplitMix64, low: u64, high: u64) -> u64 {
    low + rng.below(high - low + 1)
}

fn random_secs(rng: &mut SplitMix64, low: u64, high: u64) -> Duration {
    Duration::from_millis(random(rng, low * 1_000, high * 1_000))
}

fn chance(rng: &mut SplitMix64, percent: u64) -> bool {
    rng.below(100) < percent
}

/// Returns the source of what a seed draws.
pub(super) const fn seeded(seed: u64) -> SplitMix64 {
    SplitMix64::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(17))
}

impl Scenario {
    /// A run with everything that `seed` says.
    pub fn random(seed: u64) -> Self {
        let mut rng = seeded(seed);
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
        // A source of their own, so that what was drawn before they existed stays as it was.
        let rng = &mut SplitMix64::new(self.seed ^ 0xd15c);
        self.vary_disk(rng);
        self.vary_clock(rng);
        self.rival_at = chance(rng, 10).then(|| random_secs(rng, 1, 70));
    }

    /// Takes away what is not among `faults`.
    pub fn keep(&mut self, faults: &Faults) {
        let rates = [
            (&mut self.rates.lost, Fault::Sending(Fate::Lost)),
            (&mut self.rates.reply_lost, Fault::Sending(Fate::ReplyLost)),
            (&mut self.rates.late, Fault::Sending(Fate::Late)),
            (&mut self.rates.twice, Fault::Sending(Fate::Twice)),
            (&mut self.rates.not_sent, Fault::Sending(Fate::NotSent)),
            (&mut self.rates.server_error, Fault::Sending(Fate::ServerError)),
            (&mut self.rates.black_hole, Fault::Sending(Fate::BlackHole)),
            (&mut self.rates.refused, Fault::Sending(Fate::Refused)),
            (&mut self.rates.slow_frame, Fault::SlowFrames),
            (&mut self.rates.frame_twice, Fault::DoubleFrames),
            (&mut self.rates.read, Fault::Reads),
            (&mut self.tx_lag_ms, Fault::TxLag),
        ];
        for (rate, fault) in rates {
            if !faults.has(fault) {
                *rate = 0;
            }
        }
        self.disk.retain(|(_, fault, _)| {
            faults.has(match fault {
                DiskFault::TornWrite => Fault::TornWrite,
                DiskFault::LostTail => Fault::LostTail,
                DiskFault::FailedWrite => Fault::FailedWrite,
                DiskFault::FailedSyncKept | DiskFault::FailedSyncLost => Fault::FailedSync,
            })
        });
        self.disk_full = self.disk_full.filter(|_| faults.has(Fault::DiskFull));
        self.foreign_at = self.foreign_at.filter(|_| faults.has(Fault::ForeignHand));
        self.stop = self.stop.filter(|_| faults.has(Fault::Stops));
        if !faults.has(Fault::Crashes) {
            self.crashes.clear();
        }
        if !faults.has(Fault::Outages) {
            self.outages.clear();
        }
        if !faults.has(Fault::Skew) {
            self.skew_ms = 0;
        }
        if !faults.has(Fault::ClockJump) {
            self.clock_jumps.clear();
        }
        if !faults.has(Fault::Suspend) {
            self.suspends.clear();
        }
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
            market: self.market.symbol.clone(),
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

    /// Adds to an operator's own world something that his plan has to bear.
    pub(super) fn add_market_event(&mut self, rng: &mut SplitMix64) {
        let (at, over) = (random_secs(rng, 3, 60), random_secs(rng, 0, 15));
        let sign = if chance(rng, 50) { 1 } else { -1 };
        match rng.below(8) {
            0 => {
                let far = sign * i64::try_from(random(rng, 20, 400)).unwrap_or(100);
                let price = near(&self.market, far);
                self.script(at, Action::MoveTo { price, over: Span(over) });
            }
            1 => {
                let percent = u32::try_from(random(rng, 1, 10)).unwrap_or(5);
                self.script(at, Action::Depth { percent });
                self.script(at + random_secs(rng, 10, 90), Action::Depth { percent: 100 });
            }
            2 => {
                self.script(at, Action::PauseMakers {});
                self.script(at + random_secs(rng, 5, 40), Action::ResumeMakers {});
            }
            3 => {
                self.script(at, Action::Halt {});
                self.script(at + random_secs(rng, 5, 30), Action::Unhalt {});
            }
            4 => {
                let side = if sign > 0 { TakerSide::Buy } else { TakerSide::Sell };
                self.script(at, Action::PauseTakers {});
                let lots = i64::try_from(random(rng, 100, 400_000)).unwrap_or(100);
                let size = Decimal::new(lots, self.market.size_decimals);
                self.script(at, Action::Take { side, size, limit: None });
            }
            5 => {
                let behaviour =
                    [WithdrawBehaviour::Stuck, WithdrawBehaviour::Fail, WithdrawBehaviour::Unclaimed]
                        [usize::try_from(rng.below(3)).unwrap_or(0)];
                self.script(Duration::ZERO, Action::Withdrawals { behaviour });
            }
            _ => {}
        }
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
        let account =
            if chance(rng, 50) { self.spec.plan.long.account } else { self.spec.plan.short.account };
        let at = at + secs(20);
        self.script(at, Action::Liquidate { account, over: Span(over) });
        if chance(rng, 30) {
            self.script(at + over, Action::Depth { percent: 5 });
        }
    }

    fn script(&mut self, at: Duration, action: Action) {
        self.world.script.push(ScriptEntry {
            at: Span(at),
            market: Some(self.market.symbol.clone()),
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
            let streams = [
                Streams::All,
                Streams::Market,
                Streams::Account(self.spec.plan.long.account),
                Streams::Account(self.spec.plan.short.account),
            ][usize::try_from(rng.below(4)).unwrap_or(0)];
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
    }

    fn vary_disk(&mut self, rng: &mut SplitMix64) {
        if chance(rng, 15) {
            let kind = DiskFault::ALL[usize::try_from(rng.below(5)).unwrap_or(0)];
            let commit = u32::try_from(random(rng, 1, 40)).unwrap_or(1);
            self.disk.push((commit, kind, random_secs(rng, 1, 30)));
        }
        if chance(rng, 6) {
            self.disk_full = Some((random_secs(rng, 0, 60), random_secs(rng, 5, 60)));
        }
    }

    fn vary_clock(&mut self, rng: &mut SplitMix64) {
        if chance(rng, 25) {
            self.skew_ms = rng.between(-900, 900);
        }
        if chance(rng, 8) {
            let by = [600_000, 5_000, 1_500, 700][usize::try_from(rng.below(4)).unwrap_or(0)];
            let by = if chance(rng, 50) { by } else { -by };
            self.clock_jumps.push((random_secs(rng, 0, 60), by));
        }
        if chance(rng, 8) {
            self.suspends.push((random_secs(rng, 1, 60), random_secs(rng, 2, 90)));
        }
    }
}
