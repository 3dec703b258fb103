//! What can go wrong, by name.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::link::Fate;

/// One kind of thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// What becomes of a request; never [`Fate::Clean`].
    Sending(Fate),
    /// Frames of a stream come seconds late.
    SlowFrames,
    /// Frames come twice.
    DoubleFrames,
    /// Reads are not answered.
    Reads,
    /// The look-up of transactions lags behind.
    TxLag,
    /// Streams fall silent.
    Outages,
    /// The process dies.
    Crashes,
    /// An operator stops the run, and perhaps resumes it.
    Stops,
    /// Somebody else signs with a key of the plan.
    ForeignHand,
    /// Power goes while the journal is written: a part of the commit is on disk.
    TornWrite,
    /// Power goes between write and sync: the commit is lost.
    LostTail,
    /// A write to the journal fails.
    FailedWrite,
    /// A sync of the journal fails; what is on disk afterwards, nobody knows.
    FailedSync,
    /// The disk is full for a while.
    DiskFull,
    /// The machine's clock is wrong from the start.
    Skew,
    /// The machine's clock jumps, back or ahead.
    ClockJump,
    /// The machine sleeps.
    Suspend,
    /// The market runs away, gets thin, loses its makers, halts, or takes one side only.
    Market,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Sending(Fate::Lost),
        Self::Sending(Fate::ReplyLost),
        Self::Sending(Fate::Late),
        Self::Sending(Fate::Twice),
        Self::Sending(Fate::NotSent),
        Self::Sending(Fate::ServerError),
        Self::Sending(Fate::BlackHole),
        Self::Sending(Fate::Refused),
        Self::SlowFrames,
        Self::DoubleFrames,
        Self::Reads,
        Self::TxLag,
        Self::Outages,
        Self::Crashes,
        Self::Stops,
        Self::ForeignHand,
        Self::TornWrite,
        Self::LostTail,
        Self::FailedWrite,
        Self::FailedSync,
        Self::DiskFull,
        Self::Skew,
        Self::ClockJump,
        Self::Suspend,
        Self::Market,
    ];

    /// Returns its name and the group that it belongs to.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Sending(fate) => (fate.name(), "network"),
            Self::SlowFrames => ("slow-frames", "network"),
            Self::DoubleFrames => ("double-frames", "network"),
            Self::Reads => ("reads", "network"),
            Self::TxLag => ("tx-lag", "network"),
            Self::Outages => ("outages", "network"),
            Self::Crashes => ("crashes", "process"),
            Self::Stops => ("stops", "process"),
            Self::ForeignHand => ("foreign-hand", "process"),
            Self::TornWrite => ("torn-write", "disk"),
            Self::LostTail => ("lost-tail", "disk"),
            Self::FailedWrite => ("failed-write", "disk"),
            Self::FailedSync => ("failed-sync", "disk"),
            Self::DiskFull => ("disk-full", "disk"),
            Self::Skew => ("skew", "clock"),
            Self::ClockJump => ("clock-jump", "clock"),
            Self::Suspend => ("suspend", "clock"),
            Self::Market => ("market-event", "market"),
        }
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.names().0
    }
}

/// A choice of faults: names and groups (`network`, `process`, `disk`, `clock`, `market`) with commas between; `all`
/// and `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(BTreeSet<Fault>);

impl Faults {
    /// Returns every fault.
    pub fn all() -> Self {
        Self(Fault::ALL.into_iter().collect())
    }

    /// Returns no fault.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Returns whether a fault is chosen.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

/// A name that is none of a fault or a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no fault; known are all, none, network, process, disk, clock, market, {known}")]
pub struct UnknownFault {
    name: String,
    known: String,
}

impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let mut chosen = Self::none();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none") {
            let named = |fault: &Fault| name == "all" || fault.names().0 == name || fault.names().1 == name;
            let before = chosen.0.len();
            let found: Vec<_> = Fault::ALL.into_iter().filter(named).collect();
            chosen.0.extend(&found);
            if found.is_empty() && chosen.0.len() == before {
                let known = Fault::ALL.map(Fault::name).join(", ");
                return Err(UnknownFault { name: name.to_owned(), known });
            }
        }
        Ok(chosen)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 => f.write_str("none"),
            count if count == Fault::ALL.len() => f.write_str("all"),
            _ => f.write_str(&self.0.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_groups_are_read_and_told() {
        assert_eq!("all".parse(), Ok(Faults::all()));
        assert_eq!("none".parse(), Ok(Faults::none()));
        let disk: Faults = "disk, late".parse().expect("known names");
        assert!(
            disk.has(Fault::TornWrite)
                && disk.has(Fault::Sending(Fate::Late))
                && !disk.has(Fault::Sending(Fate::Lost))
        );
        assert_eq!(disk.to_string().parse(), Ok(disk));
        assert!("latee".parse::<Faults>().is_err_and(|error| error.to_string().contains("black-hole")));
    }
}
