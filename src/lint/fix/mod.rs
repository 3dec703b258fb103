//! Safe fixes: what they write, what they never touch, and how they are applied.

mod engine;
mod guard;
mod header;
mod offer;
mod remove;
#[cfg(test)]
mod tests;

pub use engine::{Applied, LeftOut, Mended, mend};
pub use offer::is_fixable;
pub(super) use offer::offer;
