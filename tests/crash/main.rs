//! Crash proof: the real binary is really killed, at every place where a crash could hurt, and resumed.
//!
//! `cargo test --locked --features killpoints --test crash` runs a seeded part, for CI. The whole — every journal commit,
//! before and after every send, and 50 random moments — runs with
//!
//! ```text
//! LIGHTER_PLAN_CRASH=all cargo test --locked --release --features killpoints --test crash
//! ```
//!
//! `LIGHTER_PLAN_CRASH_SEED=N` draws another part and other moments, `LIGHTER_PLAN_CRASH_SLOTS=N` runs N cases at a time,
//! `LIGHTER_PLAN_CRASH_CASE=TEXT` runs only the cases whose name contains TEXT. A failure names its case and its seed, and
//! keeps the case's directory. `LIGHTER_PLAN_KILLS=N` repeats the race of two resumes N times, and the runs over a bad
//! network too, half of them killed.
#![cfg(feature = "killpoints")]

mod byhand;
mod case;
mod clocks;
mod disk;
mod hosts;
mod kills;
mod network;
mod operator;
mod process;
mod proof;
mod protect;
mod proxy;
mod record;
mod rules;
mod stage;
mod stops;
mod suspend;
mod until;
mod venue;

/// Why a case failed, in words and with the tails of what the processes said.
type Failure = String;

/// Fails a case unless `condition` holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use ensure;
