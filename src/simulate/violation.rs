//! What a run may break, and what is told when it does.

use std::fmt;

/// Something that must hold at every moment, whatever goes wrong. The numbers are those of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No byte leaves before its intent is durable.
    IntentFirst,
    /// A nonce carries at most one executed transaction, and an intent is executed at most once.
    OnceOnly,
    /// No own account is the counterparty of another.
    NotOurselves,
    /// A difference between the legs never outlasts `max_naked` without an emergency alert.
    NakedIsTold,
    /// Exposure, orders in doubt counted as filled, stays within the plan's limits.
    ExposureCapped,
    /// After a stop and in an emergency, every order is reduce-only.
    OnlyReduces,
    /// No entry beyond the collar, no reduce-only order beyond its slippage bound.
    BoundedPrices,
    /// The journal's positions and orders are the venue's, or the run halts.
    JournalAgrees,
    /// Fills add up to position and balance change, fees and funding included.
    FillsAddUp,
    /// Every amount is a whole number of ticks or lots.
    WholeTicks,
    /// A run ends as withdrawn, flat, held by policy, or handed over, and in no other way.
    FourEnds,
    /// Folding the journal again gives the same state.
    OneFold,
    /// No secret in the journal.
    NoSecret,
    /// Transactions within the plan's minute, but for those that take risk away.
    MessageBudget,
    /// Nothing that adds risk is decided on stale data.
    FreshData,
    /// A withdrawal happens only from a flat account.
    FlatWithdrawal,
    /// Decisions, sendings and alerts come to rest, and the run ends in time.
    ComesToRest,
    /// The exchange neither makes nor loses money: a fault of the simulation itself.
    MoneyConserved,
    /// No part of the program panics.
    NoPanic,
    /// What a leg of a protected pair holds stands under stops at the venue that close all of it.
    Protected,
}

impl Invariant {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::IntentFirst,
        Self::OnceOnly,
        Self::NotOurselves,
        Self::NakedIsTold,
        Self::ExposureCapped,
        Self::OnlyReduces,
        Self::BoundedPrices,
        Self::JournalAgrees,
        Self::FillsAddUp,
        Self::WholeTicks,
        Self::FourEnds,
        Self::OneFold,
        Self::NoSecret,
        Self::MessageBudget,
        Self::FreshData,
        Self::FlatWithdrawal,
        Self::ComesToRest,
        Self::MoneyConserved,
        Self::NoPanic,
        Self::Protected,
    ];

    /// Returns its number, from 1.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|other| *other == self).unwrap_or_default() + 1
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IntentFirst => "intent-first",
            Self::OnceOnly => "once-only",
            Self::NotOurselves => "not-ourselves",
            Self::NakedIsTold => "naked-is-told",
            Self::ExposureCapped => "exposure-capped",
            Self::OnlyReduces => "only-reduces",
            Self::BoundedPrices => "bounded-prices",
            Self::JournalAgrees => "journal-agrees",
            Self::FillsAddUp => "fills-add-up",
            Self::WholeTicks => "whole-ticks",
            Self::FourEnds => "four-ends",
            Self::OneFold => "one-fold",
            Self::NoSecret => "no-secret",
            Self::MessageBudget => "message-budget",
            Self::FreshData => "fresh-data",
            Self::FlatWithdrawal => "flat-withdrawal",
            Self::ComesToRest => "comes-to-rest",
            Self::MoneyConserved => "money-conserved",
            Self::NoPanic => "no-panic",
            Self::Protected => "protected",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {invariant} broke in seed {seed} ({scenario}): {what}\n{trace}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// What was seen.
    pub what: String,
    /// The last lines of what happened before; empty for a run that did not keep them.
    pub trace: String,
}
