//! What a dry run says of each step of the plan: would run, would be skipped and why, or unknown and why (U-17).

use std::fmt;

use crate::engine::{LegSide, LegWithdrawal, Pair, PairOutcome, Purpose};
use crate::graph::StepKind;
use crate::model::Side;
use crate::plan::{PairPlan, WithdrawWhen};

/// What would become of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would run; with what it came to here.
    Run(String),
    /// It would not run, and why.
    Skip(String),
    /// Only the venue knows, and why.
    Unknown(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = match self {
            Self::Run(reason) => ("would run", reason),
            Self::Skip(reason) => ("would skip", reason),
            Self::Unknown(reason) => ("unknown", reason),
        };
        write!(f, "{word}: {reason}")
    }
}

/// Returns a verdict on every step of a pair that was played on a stand-in of the venue.
pub fn rehearsal(plan: &PairPlan, outcome: &PairOutcome) -> Vec<(StepKind, Verdict)> {
    let played = Played { plan, pair: &outcome.pair, end: &outcome.end.summary };
    StepKind::ALL.into_iter().map(|step| (step, played.verdict(step))).collect()
}

struct Played<'a> {
    plan: &'a PairPlan,
    pair: &'a Pair,
    /// How it ended, in words.
    end: &'a str,
}

impl Played<'_> {
    fn verdict(&self, step: StepKind) -> Verdict {
        if self.pair.end().is_none() {
            return Verdict::Unknown(format!("the dry run did not come to its end: {}", self.end));
        }
        match step {
            StepKind::Check => match &self.pair.checked {
                Some(_) => {
                    Verdict::Run("every rule holds here; the run itself reads the venue anew".to_owned())
                }
                None => Verdict::Run(format!("it ends the pair here: {}", self.end)),
            },
            StepKind::Place(side) => self.place(leg(side)),
            StepKind::Watch if self.pair.placed_at.is_some() => {
                Verdict::Run("follows fills, prices and the exit rules".to_owned())
            }
            StepKind::Watch => Verdict::Skip(self.end.to_owned()),
            StepKind::Hedge => self.hedge(),
            StepKind::Withdraw(side) => self.withdraw(leg(side)),
            StepKind::Done => Verdict::Run(self.end.to_owned()),
        }
    }

    fn orders(&self, wanted: Purpose) -> usize {
        let of = |side| self.pair.leg(side).orders.values().filter(|order| order.purpose == wanted).count();
        LegSide::BOTH.into_iter().map(of).sum()
    }

    fn place(&self, side: LegSide) -> Verdict {
        let leg = self.pair.leg(side);
        let order = leg.orders.values().find(|order| order.purpose == Purpose::Entry);
        match (order, &self.pair.checked) {
            (Some(order), Some(checked)) => Verdict::Run(format!(
                "{} {} at {}; whether and when it fills is up to the venue",
                order.terms.side,
                order.terms.size.to_decimal(&checked.market),
                order.terms.price.to_decimal(&checked.market)
            )),
            _ => Verdict::Skip(self.end.to_owned()),
        }
    }

    fn hedge(&self) -> Verdict {
        if self.pair.placed_at.is_none() {
            return Verdict::Skip(self.end.to_owned());
        }
        let here = match (self.orders(Purpose::Hedge), self.orders(Purpose::Exit)) {
            (0, 0) => "nothing was to be done".to_owned(),
            (hedges, exits) => format!("{hedges} orders made the legs equal, {exits} took them to flat"),
        };
        Verdict::Unknown(format!("what it has to do depends on the fills at the venue; here {here}"))
    }

    fn withdraw(&self, side: LegSide) -> Verdict {
        match &self.pair.leg(side).withdrawal {
            Some(LegWithdrawal::Sent { amount, .. } | LegWithdrawal::Seen { amount, .. }) => {
                Verdict::Run(format!("{amount} USDC here; at the venue what is there then"))
            }
            Some(LegWithdrawal::Skipped(reason)) => Verdict::Skip(reason.clone()),
            None if self.plan.withdraw.when == WithdrawWhen::Never => {
                Verdict::Skip("`withdraw.when` is `never`".to_owned())
            }
            None => Verdict::Skip(self.end.to_owned()),
        }
    }
}

const fn leg(side: Side) -> LegSide {
    match side {
        Side::Buy => LegSide::Long,
        Side::Sell => LegSide::Short,
    }
}
