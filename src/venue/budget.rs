//! One request budget per process: who may send next, when the venue allows only so many requests a minute.
//!
//! Requests of a higher class go first, and each class must leave a share of the budget to the classes above it: the
//! emergency share is never spent by anybody else. The venue's limits hold per IP and per account, so there is one
//! window for everything this process sends and one per account for its transactions.
//!
//! Time is venue time, counted monotonically: the paper exchange counts its limits in it too, so a run at
//! `time_scale` 60 meets the same limits per venue minute as a run in real time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Class;
use crate::model::AccountIndex;
use crate::rt::Clock;

/// Over which time the venue counts.
const WINDOW: Duration = Duration::from_secs(60);

/// How long the edge's block of an address is waited out at least.
const BLOCK_MIN: Duration = Duration::from_secs(60);

/// First and longest cool-down after a rate-limit answer; it doubles in between.
const COOL_MIN: Duration = Duration::from_secs(1);
const COOL_MAX: Duration = Duration::from_secs(30);

/// The venue's tiers as far as their limits differ (rules.md §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// 60 requests a minute, whatever they are, transactions included.
    #[default]
    Standard,
    /// 24 000 weight a minute, 4 000 transactions.
    Premium,
    /// 120 000 weight a minute, 8 000 transactions.
    Plus,
}

impl Tier {
    /// Reads the venue's spelling; what is not known counts as the smallest tier.
    pub fn from_venue(text: &str) -> Self {
        // Levels are spelled `premium_3` or the like in some accounts (unconfirmed): the prefix decides.
        let text = text.to_ascii_lowercase();
        if text.starts_with("premium") {
            Self::Premium
        } else if text.starts_with("plus") || text.starts_with("builder") {
            Self::Plus
        } else {
            Self::Standard
        }
    }

    /// Returns what the tier allows in a minute: requests or, beyond the smallest tier, their weight; and transactions.
    pub const fn a_minute(self) -> (u32, u32) {
        let limits = self.limits();
        (limits.requests, limits.transactions)
    }

    const fn limits(self) -> TierLimits {
        match self {
            Self::Standard => TierLimits { requests: 60, weighted: false, transactions: 60 },
            Self::Premium => TierLimits { requests: 24_000, weighted: true, transactions: 4_000 },
            Self::Plus => TierLimits { requests: 120_000, weighted: true, transactions: 8_000 },
        }
    }
}

struct TierLimits {
    /// Requests or weight a minute.
    requests: u32,
    weighted: bool,
    /// Transactions a minute and account.
    transactions: u32,
}

/// What a read leaves to transactions of its own class, in percent of a limit.
const READS_LEAVE_PERCENT: u32 = 5;

/// The same where weight is counted. A look at a leg weighs what hundreds of transactions do: what is left must do for
/// the cancels, the hedges and the dead man's switches of a hundred pairs that lose a leg at once, while looks at other
/// legs take all that looks may.
const WEIGHED_READS_LEAVE_PERCENT: u32 = 15;

/// What is left by a read that nothing waits for.
const ROUTINE_LEAVES_PERCENT: u32 = 40;

/// Returns which part of a limit, in percent, must be left to what goes before.
fn reserved_percent(class: Class, kind: Kind, weighted: bool) -> u32 {
    let transactions = match class {
        Class::Emergency => return 0,
        // 9 of 60 requests are the emergency's own: a cancel and an order for both legs, twice, and a look.
        Class::Cancel => 15,
        Class::Hedge => 20,
        Class::Place => 30,
        Class::Read => return ROUTINE_LEAVES_PERCENT,
    };
    match kind {
        Kind::Transaction => transactions,
        // A read that something waits for never has less than one of routine.
        Kind::Read if weighted => (transactions + WEIGHED_READS_LEAVE_PERCENT).min(ROUTINE_LEAVES_PERCENT),
        Kind::Read => transactions + READS_LEAVE_PERCENT,
    }
}

/// Why a request may not be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// The edge blocks this address.
    #[error("the venue's edge blocks this address for another {left:?}")]
    Blocked {
        /// Time left, in venue time.
        left: Duration,
    },
    /// The venue asked to slow down.
    #[error("the venue's rate limit holds for another {left:?}")]
    Cooling {
        /// Time left, in venue time.
        left: Duration,
    },
    /// The budget stayed spent for as long as the caller would wait.
    #[error("no request budget was left for class {class:?} within {waited:?}")]
    Spent {
        /// The class that asked.
        class: Class,
        /// How long it waited, in venue time.
        waited: Duration,
    },
}

/// What a request costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Weight of the endpoint (http.md §2); counts in weighted tiers.
    pub weight: u32,
    /// Whose transaction limit it counts against, and how many transactions it carries; `None` for reads.
    pub transactions: Option<(AccountIndex, u32)>,
}

/// Costs of the last minute, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<(Duration, u32)>,
    spent: u64,
}

impl Window {
    pub(crate) fn forget(&mut self, now: Duration) {
        while let Some(&(at, cost)) = self.entries.front() {
            if at + WINDOW > now {
                return;
            }
            self.entries.pop_front();
            self.spent -= u64::from(cost);
        }
    }

    pub(crate) fn add(&mut self, now: Duration, cost: u32) {
        self.entries.push_back((now, cost));
        self.spent += u64::from(cost);
    }

    /// Returns how long to wait until `cost` fits under `limit`; zero when it fits now. A cost above the limit fits
    /// an empty window: it could never be sent otherwise.
    pub(crate) fn wait(&self, now: Duration, cost: u32, limit: u32) -> Duration {
        let mut over = (self.spent + u64::from(cost)).saturating_sub(u64::from(limit));
        for &(at, cost) in &self.entries {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(u64::from(cost));
            if over == 0 || self.entries.back().is_some_and(|&(last, _)| last == at) {
                return (at + WINDOW).saturating_sub(now);
            }
        }
        Duration::ZERO
    }
}

/// What a request does; within a class, what acts goes before what looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Transaction,
    Read,
}

impl Cost {
    const fn kind(&self) -> Kind {
        if self.transactions.is_some() { Kind::Transaction } else { Kind::Read }
    }
}

/// Order of service: the highest class first, then transactions before reads, then whoever came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(std::cmp::Reverse<Class>, Kind, u64);

struct State {
    tier: Tier,
    shared: Window,
    accounts: BTreeMap<AccountIndex, Window>,
    waiting: BTreeMap<Rank, Cost>,
    next_ticket: u64,
    blocked_until: Duration,
    cool_until: Duration,
    cool_next: Duration,
}

enum Verdict {
    Granted,
    Wait(Duration),
    Behind,
}

impl State {
    /// Returns (shared cost, transactions of the account).
    const fn cost(&self, cost: Cost) -> (u32, u32) {
        let shared = if self.tier.limits().weighted { cost.weight } else { 1 };
        match cost.transactions {
            Some((_, count)) => (shared, count),
            None => (shared, 0),
        }
    }

    fn waits(&mut self, now: Duration, class: Class, cost: Cost) -> (Duration, Duration) {
        let limits = self.tier.limits();
        let reserved = reserved_percent(class, cost.kind(), limits.weighted);
        let share = |limit: u32| limit - limit * reserved / 100;
        let (shared, transactions) = self.cost(cost);
        self.shared.forget(now);
        let own = cost.transactions.map_or(Duration::ZERO, |(account, _)| {
            let window = self.accounts.entry(account).or_default();
            window.forget(now);
            window.wait(now, transactions, share(limits.transactions))
        });
        (self.shared.wait(now, shared, share(limits.requests)), own)
    }

    fn spend(&mut self, now: Duration, cost: Cost) {
        let (shared, transactions) = self.cost(cost);
        self.shared.add(now, shared);
        if let Some((account, _)) = cost.transactions {
            self.accounts.entry(account).or_default().add(now, transactions);
        }
    }

    /// A caller that waits for nothing but its own account's window lets others pass; one that waits for the shared
    /// window does not, or cheap requests would starve it.
    fn poll(&mut self, now: Duration, rank: Rank, cost: Cost) -> Verdict {
        let ahead: Vec<_> = self.waiting.range(..rank).map(|(rank, cost)| (*rank, *cost)).collect();
        for (other, cost) in ahead {
            let (_, own) = self.waits(now, other.0.0, cost);
            if own.is_zero() {
                return Verdict::Behind;
            }
        }
        let (shared, own) = self.waits(now, rank.0.0, cost);
        match shared.max(own) {
            Duration::ZERO => {
                self.spend(now, cost);
                Verdict::Granted
            }
            wait => Verdict::Wait(wait),
        }
    }

    /// Emergencies go out even while the venue asks for silence.
    fn hold(&self, now: Duration, class: Class) -> Option<BudgetError> {
        if class == Class::Emergency {
            None
        } else if self.blocked_until > now {
            Some(BudgetError::Blocked { left: self.blocked_until - now })
        } else if self.cool_until > now {
            Some(BudgetError::Cooling { left: self.cool_until - now })
        } else {
            None
        }
    }
}

struct Inner {
    clock: Clock,
    state: Mutex<State>,
    changed: Notify,
}

/// The budget; clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        write!(f, "Budget({:?}, {} spent, {} waiting)", state.tier, state.shared.spent, state.waiting.len())
    }
}

/// Leaves the queue when the caller gives up or is dropped.
struct Waiter<'a> {
    budget: &'a Budget,
    rank: Rank,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.budget.lock().waiting.remove(&self.rank);
        self.budget.0.changed.notify_waiters();
    }
}

impl Budget {
    /// Returns an unspent budget of `tier`.
    pub fn new(tier: Tier, clock: Clock) -> Self {
        let state = State {
            tier,
            shared: Window::default(),
            accounts: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
            blocked_until: Duration::ZERO,
            cool_until: Duration::ZERO,
            cool_next: COOL_MIN,
        };
        Self(Arc::new(Inner { clock, state: Mutex::new(state), changed: Notify::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Venue time since the start, monotonic: `Clock::now` may be shifted, a budget must not be.
    fn now(&self) -> Duration {
        self.0.clock.elapsed().saturating_mul(self.0.clock.scale())
    }

    /// Returns the tier that is counted by.
    pub fn tier(&self) -> Tier {
        self.lock().tier
    }

    /// Returns how many requests wait, and how long the one whose turn is next still has to, in venue time; `None` when
    /// none waits.
    pub fn queue(&self) -> Option<(usize, Duration)> {
        let now = self.now();
        let mut state = self.lock();
        let (rank, cost) = state.waiting.first_key_value().map(|(rank, cost)| (*rank, *cost))?;
        let (shared, own) = state.waits(now, rank.0.0, cost);
        let held = state.blocked_until.max(state.cool_until).saturating_sub(now);
        Some((state.waiting.len(), shared.max(own).max(held)))
    }

    /// Changes the tier, once the venue has told it.
    pub fn set_tier(&self, tier: Tier) {
        let mut state = self.lock();
        if state.tier != tier {
            // What is in the window was counted in the other unit; a full minute of it is forgotten at most.
            state.tier = tier;
            drop(state);
            self.0.changed.notify_waiters();
        }
    }

    /// Waits for the right to send one request of `class`, at most `limit` of venue time.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Blocked`] and [`BudgetError::Cooling`] at once when they outlast `limit`, else
    /// [`BudgetError::Spent`] when nothing became free in time. Nothing is spent then.
    pub async fn acquire(&self, class: Class, cost: Cost, limit: Duration) -> Result<(), BudgetError> {
        let start = self.now();
        let deadline = start + limit;
        let waiter = self.enqueue(class, cost);
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = self.now();
            let wait = match self.try_acquire(now, waiter.rank, cost, deadline)? {
                Verdict::Granted => return Ok(()),
                Verdict::Wait(wait) => wait,
                Verdict::Behind => WINDOW,
            };
            if now >= deadline {
                return Err(BudgetError::Spent { class, waited: now - start });
            }
            // Rounded up to a real millisecond, the timer's resolution, or a scaled clock would spin.
            let wait = wait.min(deadline - now).max(Duration::from_millis(self.0.clock.scale().into()));
            tokio::select! {
                biased; // a fixed order, so that a simulation repeats
                () = changed => {}
                () = self.0.clock.sleep(wait) => {}
            }
        }
    }

    fn enqueue(&self, class: Class, cost: Cost) -> Waiter<'_> {
        let mut state = self.lock();
        state.next_ticket += 1;
        let rank = Rank(std::cmp::Reverse(class), cost.kind(), state.next_ticket);
        state.waiting.insert(rank, cost);
        Waiter { budget: self, rank }
    }

    fn try_acquire(
        &self,
        now: Duration,
        rank: Rank,
        cost: Cost,
        deadline: Duration,
    ) -> Result<Verdict, BudgetError> {
        let mut state = self.lock();
        match state.hold(now, rank.0.0) {
            Some(error @ (BudgetError::Blocked { left } | BudgetError::Cooling { left })) => {
                if now + left > deadline { Err(error) } else { Ok(Verdict::Wait(left)) }
            }
            Some(error @ BudgetError::Spent { .. }) => Err(error),
            None => Ok(state.poll(now, rank, cost)),
        }
    }

    /// Notes that the venue answered 403 or 405, and returns how long to stay away.
    pub fn blocked(&self, asked: Option<Duration>) -> Duration {
        let wait = asked.unwrap_or(BLOCK_MIN).max(BLOCK_MIN);
        let until = self.now() + wait;
        let mut state = self.lock();
        state.blocked_until = state.blocked_until.max(until);
        wait
    }

    /// Notes that the venue answered 429, and returns how long to stay away: longer with every one in a row.
    pub fn throttled(&self, asked: Option<Duration>) -> Duration {
        let now = self.now();
        let mut state = self.lock();
        let wait = asked.unwrap_or_default().max(state.cool_next);
        state.cool_next = (state.cool_next * 2).min(COOL_MAX);
        state.cool_until = state.cool_until.max(now + wait);
        wait
    }

    /// Notes a proper answer: the next rate limit starts with the shortest cool-down again.
    pub fn answered(&self) {
        self.lock().cool_next = COOL_MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Anchor, Tasks, real_sleep};

    const READ: Cost = Cost { weight: 300, transactions: None };
    const NOW: Duration = Duration::ZERO;

    fn send(account: i64) -> Cost {
        Cost { weight: 6, transactions: Some((AccountIndex::new(account), 1)) }
    }

    fn budget(tier: Tier) -> Budget {
        Budget::new(tier, Clock::system())
    }

    async fn spend_all(budget: &Budget, class: Class, cost: Cost) -> usize {
        let mut spent = 0;
        while budget.acquire(class, cost, NOW).await.is_ok() {
            spent += 1;
        }
        spent
    }

    /// R-23, F-27: each class leaves room for the ones above it, and the emergency share is nobody else's.
    #[tokio::test(start_paused = true)]
    async fn r_23_a_lower_class_never_spends_the_share_of_a_higher_one() {
        let budget = budget(Tier::Standard);
        assert_eq!(spend_all(&budget, Class::Read, READ).await, 36);
        assert_eq!(spend_all(&budget, Class::Place, send(1)).await, 6);
        assert_eq!(spend_all(&budget, Class::Hedge, send(1)).await, 6);
        assert_eq!(spend_all(&budget, Class::Cancel, send(1)).await, 3);
        assert_eq!(spend_all(&budget, Class::Emergency, send(1)).await, 9);
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_ever_holds_more_than_the_limit() {
        let budget = budget(Tier::Standard);
        let mut granted = Vec::new();
        for _ in 0..200 {
            budget.acquire(Class::Emergency, READ, Duration::from_secs(3_600)).await.unwrap();
            granted.push(budget.now());
        }
        for window in granted.windows(61) {
            assert!(window[60] - window[0] >= WINDOW, "{window:?}");
        }
        assert!(*granted.last().unwrap() < Duration::from_secs(200), "{:?}", granted.last());
    }

    /// R-23, F-27: the looks of pairs in doubt never keep another pair from hedging.
    #[tokio::test(start_paused = true)]
    async fn r_23_reads_leave_room_for_transactions_of_their_class() {
        for (tier, rest) in [(Tier::Standard, 3), (Tier::Premium, 600)] {
            let budget = budget(tier);
            spend_all(&budget, Class::Hedge, READ).await;
            assert_eq!(spend_all(&budget, Class::Hedge, send(1)).await, rest, "{tier:?}");
        }
        let budget = budget(Tier::Standard);
        spend_all(&budget, Class::Emergency, READ).await;
        let mut tasks = Tasks::default();
        let served = Arc::new(Mutex::new(Vec::new()));
        for cost in [READ, send(1)] {
            let (budget, served) = (budget.clone(), Arc::clone(&served));
            tasks.spawn("waiter", async move {
                budget.acquire(Class::Hedge, cost, Duration::from_secs(600)).await.unwrap();
                served.lock().unwrap().push(cost.kind());
            });
            tokio::task::yield_now().await;
        }
        tasks.join().await;
        assert_eq!(*served.lock().unwrap(), [Kind::Transaction, Kind::Read]);
    }

    /// R-23, F-27: a hundred pairs that lose a leg at once cancel, hedge and clear both switches without waiting, while
    /// looks take all that looks may.
    #[tokio::test(start_paused = true)]
    async fn r_23_a_hundred_pairs_hedge_at_once_whatever_looks_take() {
        for look in [Class::Read, Class::Place, Class::Hedge] {
            let budget = budget(Tier::Premium);
            spend_all(&budget, look, READ).await;
            for account in 0..200 {
                let class = if account % 2 == 0 { Class::Cancel } else { Class::Hedge };
                let order = budget.acquire(class, send(account), NOW).await;
                let switch = budget.acquire(Class::Hedge, send(account), NOW).await;
                assert!(
                    order.is_ok() && switch.is_ok(),
                    "account {account} after {look:?}: {order:?}, {switch:?}"
                );
            }
        }
    }

    /// whoever has the higher class is served first, however late it came.
    #[tokio::test(start_paused = true)]
    async fn r_23_waiting_callers_are_served_by_class() {
        let budget = budget(Tier::Standard);
        spend_all(&budget, Class::Emergency, READ).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Tasks::default();
        for class in [Class::Read, Class::Place, Class::Hedge, Class::Cancel, Class::Emergency] {
            let (budget, served) = (budget.clone(), Arc::clone(&served));
            tasks.spawn("waiter", async move {
                budget.acquire(class, READ, Duration::from_secs(600)).await.unwrap();
                served.lock().unwrap().push(class);
            });
            tokio::task::yield_now().await;
        }
        tasks.join().await;
        let order = [Class::Emergency, Class::Cancel, Class::Hedge, Class::Place, Class::Read];
        assert_eq!(*served.lock().unwrap(), order);
    }

    /// An operator is told how many wait, and for how long.
    #[tokio::test(start_paused = true)]
    async fn the_queue_says_when_the_next_may_go() {
        let budget = budget(Tier::Standard);
        assert_eq!(budget.queue(), None);
        spend_all(&budget, Class::Read, READ).await;
        real_sleep(Duration::from_secs(19)).await;
        let mut tasks = Tasks::default();
        for _ in 0..3 {
            let budget = budget.clone();
            tasks.spawn("waiter", async move {
                budget.acquire(Class::Read, READ, Duration::from_secs(600)).await.unwrap();
            });
        }
        tokio::task::yield_now().await;
        assert_eq!(budget.queue(), Some((3, Duration::from_secs(41))));
        tasks.join().await;
        assert_eq!(budget.queue(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_leaves_the_queue() {
        let budget = budget(Tier::Standard);
        spend_all(&budget, Class::Emergency, READ).await;
        let refused = budget.acquire(Class::Cancel, READ, Duration::from_secs(5)).await;
        assert!(matches!(refused, Err(BudgetError::Spent { class: Class::Cancel, .. })), "{refused:?}");
        assert!(budget.lock().waiting.is_empty());
        assert_eq!(budget.now(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_at_its_own_limit_does_not_hold_up_another() {
        let budget = budget(Tier::Plus);
        assert_eq!(spend_all(&budget, Class::Emergency, send(1)).await, 8_000);
        let waiting = budget.acquire(Class::Emergency, send(1), Duration::from_secs(120));
        tokio::pin!(waiting);
        let pending =
            std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
        budget.acquire(Class::Place, send(2), NOW).await.unwrap();
        budget.acquire(Class::Read, READ, NOW).await.unwrap();
        waiting.await.unwrap();
    }

    /// after a block by the edge everything but an emergency stays away for at least a minute.
    #[tokio::test(start_paused = true)]
    async fn r_24_a_block_stops_all_but_emergencies() {
        let budget = budget(Tier::Standard);
        assert_eq!(budget.blocked(Some(Duration::from_secs(1))), BLOCK_MIN);
        let refused = budget.acquire(Class::Cancel, READ, Duration::from_secs(10)).await;
        assert_eq!(refused, Err(BudgetError::Blocked { left: BLOCK_MIN }));
        budget.acquire(Class::Emergency, READ, NOW).await.unwrap();
        budget.acquire(Class::Read, READ, Duration::from_secs(61)).await.unwrap();
        assert!(budget.now() >= BLOCK_MIN);
    }

    /// F-27: rate limits in a row are waited out longer and longer, and a proper answer ends the row.
    #[tokio::test(start_paused = true)]
    async fn f_27_rate_limits_in_a_row_back_off() {
        let budget = budget(Tier::Standard);
        let waits: Vec<_> = (0..7).map(|_| budget.throttled(None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        budget.answered();
        assert_eq!(budget.throttled(None), COOL_MIN);
        budget.acquire(Class::Read, READ, Duration::from_secs(40)).await.unwrap();
        assert!(budget.now() >= COOL_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_scales_the_window() {
        let real = Clock::wall();
        let clock = Clock::anchored(Anchor { real, venue: real, scale: 60 });
        let budget = Budget::new(Tier::Standard, clock.clone());
        spend_all(&budget, Class::Emergency, READ).await;
        let before = clock.elapsed();
        budget.acquire(Class::Emergency, READ, Duration::from_secs(90)).await.unwrap();
        assert_eq!(clock.elapsed() - before, Duration::from_secs(1));
    }

    #[test]
    fn tiers_are_read_by_their_prefix() {
        assert_eq!(Tier::from_venue("standard"), Tier::Standard);
        assert_eq!(Tier::from_venue("Premium_3"), Tier::Premium);
        assert_eq!(Tier::from_venue("plus"), Tier::Plus);
        assert_eq!(Tier::from_venue("something new"), Tier::Standard);
    }
}
