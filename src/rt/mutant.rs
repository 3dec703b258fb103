//! Bugs planted on purpose: a simulation that does not find them proves nothing.

/// A bug that the program does not have, unless a test plants it.
///
/// Each is one wrong line at one place; `tests/sim/mutants.rs` says which invariant it breaks, and `docs/mutants.md` in
/// which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// Bytes leave whose intent was never committed.
    CommitSkipped,
    /// A lost answer is answered by a new signature for the same purpose.
    SignedAnew,
    /// What was written last is not on the disk when the process dies.
    CommitNotSynced,
    /// An outcome changes the state and is not written.
    EntryNotWritten,
    /// Nobody looks at the run's lock: a second process takes the run up while the first lives.
    LockDropped,
    /// No answer counts as a refusal.
    UnknownIsFailed,
    /// What the venue does not show yet is dead, before its deadline.
    AbsentIsDead,
    /// What the venue does not show is done.
    AbsentIsDone,
    /// What the venue never heard of stays in doubt for ever.
    DeadIsNeverProved,
    /// The next transaction of a slot gets the nonce of the last.
    NonceReused,
    /// The refusal of a second copy counts for the first as well.
    CopyForgotten,
    /// Every order gets the same client order index.
    IndexRepeats,
    /// A withdrawal that is not in the history yet is sent again.
    WithdrawnTwice,
    /// A hedge goes out while the pair's own quotes still rest.
    HedgeUncleared,
    /// An emergency is acted upon and told to nobody.
    EmergencySilent,
    /// What counts as no difference is reckoned a thousand times too large.
    ToleranceTooWide,
    /// A fill of an order that has ended is not counted.
    LateFillIgnored,
    /// A fill that is told twice counts twice.
    FillCountedTwice,
    /// A quote in doubt is no exposure: another one is placed beside it.
    DoubtIsNoExposure,
    /// A hedge trades the planned size instead of the difference.
    HedgesOrderedSize,
    /// The plan's limits in USDC are not looked at.
    CapsIgnored,
    /// After a stop, orders may add exposure.
    StopIgnored,
    /// An exit order may open a position.
    ExitMayOpen,
    /// An exit order is one lot larger than the position.
    ExitTooLarge,
    /// The wire's reduce-only flag is never set.
    FlagNotOnWire,
    /// Sizes go out in another unit.
    OtherUnitOnWire,
    /// The collar around mark is not looked at.
    CollarIgnored,
    /// An immediate order has no bound against mark.
    SlippageUnbounded,
    /// A leg counts as in sync after any look at it.
    SyncedUnread,
    /// A trade counts at the price of its order.
    CashAtOrderPrice,
    /// A pair counts as flat when one leg is.
    HalfIsFlat,
    /// Resting orders are not taken away before a pair ends.
    OrdersLeft,
    /// A pair is handed over without what it leaves open.
    HandedOverSilently,
    /// The signer puts its key where the signature belongs.
    KeyInBytes,
    /// What can wait is never held back when the minute's messages are spent.
    BudgetForgotten,
    /// What adds risk does not ask whether anything is known of its leg.
    BlindEntry,
    /// Book and prices stay when their streams go down.
    StaleKept,
    /// An exit withdraws without asking whether the pair is flat.
    WithdrawsExposed,
    /// An emergency that goes on is told again with every decision.
    AlertsEndless,
    /// No pair asks for the orders of the others before its own go out.
    GateOpen,
    /// What the other pairs of the run hold is no exposure.
    OthersForgotten,
    /// What an entry's own stop does not cover gets none.
    StopForgotten,
    /// What a stop at the venue closed is not counted.
    StopFillIgnored,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 43] = [
        Self::CommitSkipped,
        Self::SignedAnew,
        Self::CommitNotSynced,
        Self::EntryNotWritten,
        Self::LockDropped,
        Self::UnknownIsFailed,
        Self::AbsentIsDead,
        Self::AbsentIsDone,
        Self::DeadIsNeverProved,
        Self::NonceReused,
        Self::CopyForgotten,
        Self::IndexRepeats,
        Self::WithdrawnTwice,
        Self::HedgeUncleared,
        Self::EmergencySilent,
        Self::ToleranceTooWide,
        Self::LateFillIgnored,
        Self::FillCountedTwice,
        Self::DoubtIsNoExposure,
        Self::HedgesOrderedSize,
        Self::CapsIgnored,
        Self::StopIgnored,
        Self::ExitMayOpen,
        Self::ExitTooLarge,
        Self::FlagNotOnWire,
        Self::OtherUnitOnWire,
        Self::CollarIgnored,
        Self::SlippageUnbounded,
        Self::SyncedUnread,
        Self::CashAtOrderPrice,
        Self::HalfIsFlat,
        Self::OrdersLeft,
        Self::HandedOverSilently,
        Self::KeyInBytes,
        Self::BudgetForgotten,
        Self::BlindEntry,
        Self::StaleKept,
        Self::WithdrawsExposed,
        Self::AlertsEndless,
        Self::GateOpen,
        Self::OthersForgotten,
        Self::StopForgotten,
        Self::StopFillIgnored,
    ];

    /// Returns whether this bug is planted on this thread. Without the feature `mutants`, which release builds never have,
    /// none is, and the compiler knows it.
    #[cfg(not(feature = "mutants"))]
    #[inline]
    pub const fn is_planted(self) -> bool {
        false
    }

    /// Returns whether this bug is planted on this thread.
    #[cfg(feature = "mutants")]
    #[inline]
    pub fn is_planted(self) -> bool {
        planted::NOW.get() == Some(self)
    }

    /// Does `work` with this bug planted on this thread; tests on other threads do not notice.
    #[cfg(feature = "mutants")]
    pub fn plant<T>(self, work: impl FnOnce() -> T) -> T {
        let _guard = planted::Guard::set(self);
        work()
    }
}

#[cfg(feature = "mutants")]
mod planted {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        pub(super) static NOW: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Weeds out again what it planted, also when the work panics, as some bugs make it.
    pub(super) struct Guard(Option<Mutant>);

    impl Guard {
        pub(super) fn set(mutant: Mutant) -> Self {
            Self(NOW.replace(Some(mutant)))
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            NOW.set(self.0);
        }
    }
}
