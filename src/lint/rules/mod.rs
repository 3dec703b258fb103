//! One rule a file. Rules without a `check` are found while a plan is loaded; their texts live here all the same.

mod account_reused;
mod alert_gap;
mod app_key_slot;
mod bad_duration;
mod bad_ignore;
mod bad_key_source;
mod bad_name;
mod bad_number;
mod bad_template;
mod bad_url;
mod cannot_earn;
mod deadline_order;
mod duplicate_key;
mod duplicate_pair;
mod dust_size;
mod empty_plan;
mod entry_crosses_mark;
mod exposure_over_limit;
mod fast_without_owner;
mod guard_key_same;
mod ignore_without_reason;
mod impossible_risk_limit;
mod keep_too_much;
mod key_file_open;
mod key_in_two_plans;
mod key_material;
mod key_shared;
mod leverage_too_high;
mod liquidation_distance;
mod margin_over_minimum;
mod market_closed;
mod message_budget;
mod missing_field;
mod missing_risk_limit;
mod multi_document;
mod naked_loss;
mod no_alerts;
mod not_text;
mod number_expression;
mod off_grid;
mod order_expiry;
mod order_over_limit;
mod out_of_range;
mod over_quote_limit;
mod paper_balance;
mod paper_block;
mod paper_key;
mod price_far_from_mark;
mod retry_order;
mod schema_header;
mod self_cross;
mod self_cross_files;
mod shadowed_variable;
mod short_verification;
mod size_twice;
mod slippage_beyond_collar;
mod stale_entry;
mod stop_beyond_band;
mod stop_leaves_orders;
mod stop_within_noise;
mod stops_in_shared_market;
mod template_in_key;
mod text_key;
mod too_large;
mod unbounded_hedge;
mod unbounded_watch;
mod under_minimum;
mod unknown_key;
mod unknown_market;
mod unknown_value;
mod unknown_variable;
mod unsupported_version;
mod unused_ignore;
mod unused_variable;
mod withdraw_without_exit;
mod wrong_type;
mod yaml_anchor;
mod yaml_syntax;
mod yaml_tag;

use super::rule::Rule;

/// All rules, by code.
pub(super) static ALL: &[&Rule] = &[
    &yaml_syntax::RULE,
    &not_text::RULE,
    &too_large::RULE,
    &empty_plan::RULE,
    &yaml_anchor::RULE,
    &yaml_tag::RULE,
    &duplicate_key::RULE,
    &multi_document::RULE,
    &text_key::RULE,
    &ignore_without_reason::RULE,
    &unused_ignore::RULE,
    &bad_ignore::RULE,
    &unknown_key::RULE,
    &wrong_type::RULE,
    &missing_field::RULE,
    &unknown_value::RULE,
    &bad_number::RULE,
    &out_of_range::RULE,
    &bad_duration::RULE,
    &bad_name::RULE,
    &unsupported_version::RULE,
    &bad_url::RULE,
    &size_twice::RULE,
    &bad_template::RULE,
    &unknown_variable::RULE,
    &unused_variable::RULE,
    &duplicate_pair::RULE,
    &number_expression::RULE,
    &paper_block::RULE,
    &shadowed_variable::RULE,
    &unknown_market::RULE,
    &market_closed::RULE,
    &off_grid::RULE,
    &under_minimum::RULE,
    &over_quote_limit::RULE,
    &self_cross::RULE,
    &leverage_too_high::RULE,
    &price_far_from_mark::RULE,
    &entry_crosses_mark::RULE,
    &dust_size::RULE,
    &self_cross_files::RULE,
    &missing_risk_limit::RULE,
    &impossible_risk_limit::RULE,
    &order_over_limit::RULE,
    &exposure_over_limit::RULE,
    &order_expiry::RULE,
    &deadline_order::RULE,
    &slippage_beyond_collar::RULE,
    &withdraw_without_exit::RULE,
    &message_budget::RULE,
    &margin_over_minimum::RULE,
    &liquidation_distance::RULE,
    &paper_balance::RULE,
    &naked_loss::RULE,
    &cannot_earn::RULE,
    &keep_too_much::RULE,
    &unbounded_watch::RULE,
    &unbounded_hedge::RULE,
    &short_verification::RULE,
    &stop_within_noise::RULE,
    &stop_beyond_band::RULE,
    &stops_in_shared_market::RULE,
    &key_material::RULE,
    &bad_key_source::RULE,
    &template_in_key::RULE,
    &account_reused::RULE,
    &paper_key::RULE,
    &guard_key_same::RULE,
    &key_shared::RULE,
    &app_key_slot::RULE,
    &fast_without_owner::RULE,
    &key_file_open::RULE,
    &key_in_two_plans::RULE,
    &retry_order::RULE,
    &stop_leaves_orders::RULE,
    &stale_entry::RULE,
    &alert_gap::RULE,
    &no_alerts::RULE,
    &schema_header::RULE,
];
