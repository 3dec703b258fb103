//! The step graph a plan compiles to.

mod change;
#[cfg(test)]
mod change_tests;
mod compile;
mod show;
mod step;
#[cfg(test)]
mod tests;

pub use change::{Change, ChangeError, ChangedStep, RiskChange, changes};
pub use compile::compile;
pub use show::{dot, json, mermaid};
pub use step::{EntryOrder, GraphError, PairGraph, Step, StepGraph, StepKind, StopOrder};

pub use crate::plan::{OrdersError, orders_at, orders_of};
