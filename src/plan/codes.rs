//! The codes of all findings. A code is never given a second meaning; a rule that goes leaves a gap.
//!
//! The first digit is the family: 0 YAML subset, 1 shape, 2 references and graph, 3 market and units, 4 risk, 5 wallets
//! and secrets, 6 durability, 9 deprecation.

use super::finding::RuleId;

// YAML subset
pub(crate) const YAML_SYNTAX: RuleId = RuleId::new("LP001", "yaml-syntax");
pub(crate) const NOT_TEXT: RuleId = RuleId::new("LP002", "not-text");
pub(crate) const TOO_LARGE: RuleId = RuleId::new("LP003", "too-large");
pub(crate) const EMPTY_PLAN: RuleId = RuleId::new("LP004", "empty-plan");
pub(crate) const YAML_ANCHOR: RuleId = RuleId::new("LP005", "yaml-anchor");
pub(crate) const YAML_TAG: RuleId = RuleId::new("LP006", "yaml-tag");
pub(crate) const DUPLICATE_KEY: RuleId = RuleId::new("LP007", "duplicate-key");
pub(crate) const MULTI_DOCUMENT: RuleId = RuleId::new("LP008", "multi-document");
pub(crate) const TEXT_KEY: RuleId = RuleId::new("LP009", "text-key");
pub(crate) const IGNORE_WITHOUT_REASON: RuleId = RuleId::new("LP010", "ignore-without-reason");
pub(crate) const UNUSED_IGNORE: RuleId = RuleId::new("LP011", "unused-ignore");
pub(crate) const BAD_IGNORE: RuleId = RuleId::new("LP012", "bad-ignore");

// Shape
pub(crate) const UNKNOWN_KEY: RuleId = RuleId::new("LP101", "unknown-key");
pub(crate) const WRONG_TYPE: RuleId = RuleId::new("LP102", "wrong-type");
pub(crate) const MISSING_FIELD: RuleId = RuleId::new("LP103", "missing-field");
pub(crate) const UNKNOWN_VALUE: RuleId = RuleId::new("LP104", "unknown-value");
pub(crate) const BAD_NUMBER: RuleId = RuleId::new("LP105", "bad-number");
pub(crate) const OUT_OF_RANGE: RuleId = RuleId::new("LP106", "out-of-range");
pub(crate) const BAD_DURATION: RuleId = RuleId::new("LP107", "bad-duration");
pub(crate) const BAD_NAME: RuleId = RuleId::new("LP108", "bad-name");
pub(crate) const UNSUPPORTED_VERSION: RuleId = RuleId::new("LP109", "unsupported-version");
pub(crate) const BAD_URL: RuleId = RuleId::new("LP110", "bad-url");
pub(crate) const SIZE_TWICE: RuleId = RuleId::new("LP111", "size-twice");

// References and graph
pub(crate) const BAD_TEMPLATE: RuleId = RuleId::new("LP201", "bad-template");
pub(crate) const UNKNOWN_VARIABLE: RuleId = RuleId::new("LP202", "unknown-variable");
pub(crate) const UNUSED_VARIABLE: RuleId = RuleId::new("LP203", "unused-variable");
pub(crate) const DUPLICATE_PAIR: RuleId = RuleId::new("LP204", "duplicate-pair");
pub(crate) const NUMBER_EXPRESSION: RuleId = RuleId::new("LP205", "number-expression");
pub(crate) const PAPER_BLOCK: RuleId = RuleId::new("LP206", "paper-block");
pub(crate) const SHADOWED_VARIABLE: RuleId = RuleId::new("LP207", "shadowed-variable");

// Market and units
pub(crate) const UNKNOWN_MARKET: RuleId = RuleId::new("LP301", "unknown-market");
pub(crate) const MARKET_CLOSED: RuleId = RuleId::new("LP302", "market-closed");
pub(crate) const OFF_GRID: RuleId = RuleId::new("LP303", "off-grid");
pub(crate) const UNDER_MINIMUM: RuleId = RuleId::new("LP304", "under-minimum");
pub(crate) const OVER_QUOTE_LIMIT: RuleId = RuleId::new("LP305", "over-quote-limit");
pub(crate) const SELF_CROSS: RuleId = RuleId::new("LP306", "self-cross");
pub(crate) const LEVERAGE_TOO_HIGH: RuleId = RuleId::new("LP307", "leverage-too-high");
pub(crate) const PRICE_FAR_FROM_MARK: RuleId = RuleId::new("LP308", "price-far-from-mark");
pub(crate) const ENTRY_CROSSES_MARK: RuleId = RuleId::new("LP309", "entry-crosses-mark");
pub(crate) const DUST_SIZE: RuleId = RuleId::new("LP311", "dust-size");
pub(crate) const SELF_CROSS_FILES: RuleId = RuleId::new("LP312", "self-cross-files");

// Risk
pub(crate) const MISSING_RISK_LIMIT: RuleId = RuleId::new("LP401", "missing-risk-limit");
pub(crate) const IMPOSSIBLE_RISK_LIMIT: RuleId = RuleId::new("LP402", "impossible-risk-limit");
pub(crate) const ORDER_OVER_LIMIT: RuleId = RuleId::new("LP403", "order-over-limit");
pub(crate) const EXPOSURE_OVER_LIMIT: RuleId = RuleId::new("LP404", "exposure-over-limit");
pub(crate) const ORDER_EXPIRY: RuleId = RuleId::new("LP405", "order-expiry");
pub(crate) const DEADLINE_ORDER: RuleId = RuleId::new("LP406", "deadline-order");
pub(crate) const SLIPPAGE_BEYOND_COLLAR: RuleId = RuleId::new("LP407", "slippage-beyond-collar");
pub(crate) const WITHDRAW_WITHOUT_EXIT: RuleId = RuleId::new("LP408", "withdraw-without-exit");
pub(crate) const MESSAGE_BUDGET: RuleId = RuleId::new("LP409", "message-budget");
pub(crate) const MARGIN_OVER_MINIMUM: RuleId = RuleId::new("LP410", "margin-over-minimum");
pub(crate) const LIQUIDATION_DISTANCE: RuleId = RuleId::new("LP411", "liquidation-distance");
pub(crate) const PAPER_BALANCE: RuleId = RuleId::new("LP412", "paper-balance");
pub(crate) const NAKED_LOSS: RuleId = RuleId::new("LP414", "naked-loss");
pub(crate) const CANNOT_EARN: RuleId = RuleId::new("LP415", "cannot-earn");
pub(crate) const KEEP_TOO_MUCH: RuleId = RuleId::new("LP416", "keep-too-much");
pub(crate) const UNBOUNDED_WATCH: RuleId = RuleId::new("LP417", "unbounded-watch");
pub(crate) const UNBOUNDED_HEDGE: RuleId = RuleId::new("LP418", "unbounded-hedge");
pub(crate) const SHORT_VERIFICATION: RuleId = RuleId::new("LP419", "short-verification");
pub(crate) const STOP_WITHIN_NOISE: RuleId = RuleId::new("LP420", "stop-within-noise");
pub(crate) const STOP_BEYOND_BAND: RuleId = RuleId::new("LP421", "stop-beyond-band");
pub(crate) const STOPS_IN_SHARED_MARKET: RuleId = RuleId::new("LP422", "stops-in-shared-market");

// Wallets and secrets
pub(crate) const KEY_MATERIAL: RuleId = RuleId::new("LP501", "key-material");
pub(crate) const BAD_KEY_SOURCE: RuleId = RuleId::new("LP502", "bad-key-source");
pub(crate) const TEMPLATE_IN_KEY: RuleId = RuleId::new("LP503", "template-in-key");
pub(crate) const ACCOUNT_REUSED: RuleId = RuleId::new("LP504", "account-reused");
pub(crate) const PAPER_KEY: RuleId = RuleId::new("LP505", "paper-key");
pub(crate) const GUARD_KEY_SAME: RuleId = RuleId::new("LP506", "guard-key-same");
pub(crate) const KEY_SHARED: RuleId = RuleId::new("LP507", "key-shared");
pub(crate) const APP_KEY_SLOT: RuleId = RuleId::new("LP508", "app-key-slot");
pub(crate) const FAST_WITHOUT_OWNER: RuleId = RuleId::new("LP509", "fast-without-l1-key");
pub(crate) const KEY_FILE_OPEN: RuleId = RuleId::new("LP510", "key-file-open");
pub(crate) const KEY_IN_TWO_PLANS: RuleId = RuleId::new("LP511", "key-in-two-plans");

// Durability
pub(crate) const RETRY_ORDER: RuleId = RuleId::new("LP601", "retry-order");
pub(crate) const STOP_LEAVES_ORDERS: RuleId = RuleId::new("LP602", "stop-leaves-orders");
pub(crate) const STALE_ENTRY: RuleId = RuleId::new("LP603", "stale-entry");
pub(crate) const ALERT_GAP: RuleId = RuleId::new("LP605", "alert-gap");
pub(crate) const NO_ALERTS: RuleId = RuleId::new("LP606", "no-alerts");

// Deprecation
pub(crate) const SCHEMA_HEADER: RuleId = RuleId::new("LP901", "schema-header");
