//! The plan language: YAML with positions, raw types, schema, vars, and the [`Plan`] that cannot be invalid.
//!
//! The way of a file: [`SourceFile`] → tree with spans (`yaml`) → variables (`vars`) → shape against the generated schema
//! (`raw`, `schema`, `shape`) → typed values with overrides, defaults and ranges (`resolve`, `build`) → [`Plan`]. Each
//! stage adds findings and goes on; what depends on a value that was found wrong stays silent.

mod build;
mod build_legs;
mod build_prices;
pub(crate) mod codes;
mod document;
mod estimate;
pub(crate) mod finding;
mod load;
mod number;
mod orders;
mod outline;
mod raw;
mod reference;
mod resolve;
mod resolved;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod shape;
mod source;
pub(crate) mod tree;
mod vars;
mod yaml;

pub use document::{Document, Site};
pub use estimate::{
    Liquidation, StartUp, initial_margin, is_loopback, liquidation, messages_in_worst_minute, start_up,
};
pub(crate) use finding::did_you_mean;
pub use finding::{Edit, Elsewhere, Finding, Fix, Related, RuleId, Severity};
pub use load::{LoadOptions, Loaded, load};
pub(crate) use number::duration as parse_duration;
pub use number::{format_duration, format_usdc};
pub use orders::{OrdersError, orders_at, orders_of, price_at, size_at};
pub(crate) use outline::{Outline, outline};
pub use reference::plan_reference;
pub use resolved::{
    HedgePlan, HedgePreference, KeySource, LegPlan, MissedPlace, MissedWithdraw, Network, NotifyPlan,
    NotifyTopic, OnEntryTimeout, OnLiquidation, OnMissed, OnStop, PairPlan, PaperPlan, PegReference,
    PlacePlan, Plan, PriceSpec, RetryPlan, RiskPlan, SizeSpec, WatchPlan, WithdrawPlan, WithdrawRoute,
    WithdrawWhen,
};
pub(crate) use schema::{field_at, names_at, values_at};
pub use schema::{plan_schema, plan_schema_text};
pub use source::{MAX_BYTES, Position, ReadError, SourceFile, Unreadable};
pub(crate) use tree::{Entry, Node};
pub(crate) use yaml::Comment;

#[cfg(test)]
mod tests;
