//! The server over real sockets, spoken to as the venue is.

/// Returns the variants that a reader says it would have taken.
pub(super) fn names_in(error: &str) -> Vec<String> {
    let expected = error.split("expected").nth(1).unwrap_or_default();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

mod catalogue;
mod faults;
mod flood;
mod money;
mod prices;
mod reads;
mod rig;
mod streams;
mod trading;
