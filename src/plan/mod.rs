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
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod oracle;
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
#[cfg(test)]
mod yaml_suite;

pub use document::{Document, Site};
pub use estimate::{
    Liquidation, StartUp, initial_margin, is_loopback, liquidation, messages_in_worst_minute,
    messages_to_close, start_up,
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
    PlacePlan, Plan, PriceSpec, ProtectPlan, RetryPlan, RiskPlan, SizeSpec, WatchPlan, WithdrawPlan,
    WithdrawRoute, WithdrawWhen,
};
pub use schema::{plan_schema, plan_schema_text};
pub use source::{MAX_BYTES, Position, ReadError, SourceFile, Unreadable, looks_like_a_plan};
pub(crate) use vars::is_key;
pub(crate) use yaml::Comment;

/// Returns the tree of a text; `None` when something is wrong with it as YAML, or it holds nothing.
#[cfg(test)]
pub(crate) fn yaml_tree(text: &str) -> Option<tree::Node> {
    let parsed = yaml::parse(text);
    parsed.root.filter(|_| parsed.findings.is_empty())
}

#[cfg(test)]
mod tests;
