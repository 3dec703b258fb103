//! The plan language: YAML with positions, raw types, schema, vars, and the [`Plan`] that cannot be invalid.

mod resolved;

pub use resolved::{
    HedgePlan, HedgePreference, KeySource, LegPlan, MissedPlace, MissedWithdraw, Network, NotifyPlan,
    NotifyTopic, OnEntryTimeout, OnLiquidation, OnMissed, OnStop, PairPlan, PaperPlan, PegReference,
    PlacePlan, Plan, PriceSpec, RetryPlan, RiskPlan, SizeSpec, WatchPlan, WithdrawPlan, WithdrawRoute,
    WithdrawWhen,
};
