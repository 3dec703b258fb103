//! The plan language as types: the one place of its keys, defaults, ranges and descriptions.
//!
//! `schemas/plan.v1.schema.json` is generated from these types, the shape of a plan is checked with that schema, and
//! the resolver takes every default and range from it. So a key cannot be documented one way and read another.
#![expect(
    dead_code,
    reason = "read by schemars only: values are taken from the tree, which knows their places"
)]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::resolved::{
    HedgePreference, MissedPlace, MissedWithdraw, NotifyTopic, OnEntryTimeout, OnLiquidation, OnStop,
    PegReference, WithdrawRoute, WithdrawWhen,
};

/// A number, quoted or plain; read exactly as written, never through floating point.
pub(crate) struct Number;

impl JsonSchema for Number {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}

/// A duration such as `250ms`, `30s`, `20m`, `24h`, `7d` or `1h30m`.
pub(crate) struct Time;

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^([0-9]+(ms|s|m|h|d))+$|\{\{" })
    }
}

/// Pairs of accounts that buy and sell one market of the Lighter exchange, and the rules they are held to.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "lighter-plan v1", rename = "Plan")]
pub(crate) struct RawPlan {
    /// Version of the plan language: 1.
    #[schemars(extend("minimum" = 1, "maximum" = 1))]
    version: Number,
    /// Name of the plan: 1 to 64 letters, digits, `-`, `_` or `.`. Typed back before a mainnet run.
    name: String,
    /// Where it trades. Paper, testnet and mainnet share every line of client and engine code.
    network: RawNetwork,
    /// The embedded exchange; only with `network: paper`.
    paper: Option<RawPaper>,
    /// Market symbol as the venue prints it. Default: SOL. A pair may override it.
    #[schemars(extend("default" = "SOL"))]
    market: Option<String>,
    /// Values for `{{ vars.name }}`; `--vars FILE` and `--set NAME=VALUE` override them. A value left empty must be
    /// given there.
    vars: Option<BTreeMap<String, RawVariable>>,
    /// Size of each leg in base units, such as 2.5 SOL. Either this or `notional_usdc`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    size: Option<Number>,
    /// Size of each leg in USDC; divided by the sell price (the mark when pegged) and rounded down to whole lots.
    #[schemars(extend("exclusiveMinimum" = 0))]
    notional_usdc: Option<Number>,
    /// Leverage that both legs are set to. Default: 5.
    #[schemars(extend("default" = 5, "minimum" = 1, "maximum" = 100))]
    leverage: Option<Number>,
    /// Whether the account's collateral backs the position (cross) or the position has its own (isolated). Default: cross.
    #[schemars(extend("default" = "cross"))]
    margin_mode: Option<RawMarginMode>,
    /// Where the legs are quoted.
    prices: Option<RawPrices>,
    /// Available USDC that each wallet must have before anything is sent. Default: 500.
    #[schemars(extend("default" = 500, "minimum" = 0))]
    minimum_usdc: Option<Number>,
    /// The pairs; they run side by side, in one process.
    #[schemars(extend("minItems" = 1))]
    pairs: Vec<RawPair>,
    /// The entry orders.
    place: Option<RawPlace>,
    /// When to leave.
    watch: Option<RawWatch>,
    /// How the legs are made equal.
    hedge: Option<RawHedge>,
    /// Stops that rest at the venue, for the time when nobody is there; without this section there are none.
    protect: Option<RawProtect>,
    /// Limits; all of them are required, here or in each pair.
    risk: Option<RawRisk>,
    /// Handing the USDC back.
    withdraw: Option<RawWithdraw>,
    /// How requests that were not sent, or whose outcome is unknown, are repeated.
    retry: Option<RawRetry>,
    /// What a stop leaves behind. Δ is brought within tolerance first in any case. Default: cancel_open.
    #[schemars(extend("default" = "cancel_open"))]
    on_stop: Option<OnStop>,
    /// What happens with deadlines that passed while the process was down; hedge and cancel always go on.
    on_missed: Option<RawMissed>,
    /// Who is told of what.
    notify: Option<Vec<RawNotify>>,
}

/// A value of `vars`.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
enum RawVariable {
    /// Text, or a number as written.
    Text(String),
    /// A number.
    Number(Number),
    /// A boolean, used as the text `true` or `false`.
    Bool(bool),
    /// To be given with `--set` or `--vars`.
    Required(()),
}

/// Where a plan trades.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
enum RawNetwork {
    /// One of the known networks.
    Known(KnownNetwork),
    /// Any other server.
    Custom(CustomNetwork),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", inline)]
enum KnownNetwork {
    /// The embedded exchange: no money, no internet.
    Paper,
    /// The venue's test network.
    Testnet,
    /// Real money.
    Mainnet,
    /// The second deployment, on the Robinhood chain: real money, in USDG.
    Robinhood,
    /// The second deployment's test network.
    RobinhoodTestnet,
}

/// Any other server, such as `lighter-plan paper`. Unless it is on loopback, it counts as mainnet.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CustomNetwork {
    /// REST base URL, `http://…` or `https://…`.
    http: String,
    /// WebSocket URL, `ws://…` or `wss://…`.
    ws: String,
    /// Chain id of signatures: 304 mainnet and paper, 300 testnet, 466324 robinhood.
    #[schemars(extend("minimum" = 1, "maximum" = 4294967295_u32))]
    chain_id: Number,
    /// How many venue seconds pass in a real second on a `paper` server. Default: 1.
    #[schemars(extend("default" = 1, "minimum" = 1, "maximum" = 100000))]
    time_scale: Option<Number>,
}

/// The embedded exchange of a paper run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Paper")]
struct RawPaper {
    /// USDC that each account starts with. Default: 10000.
    #[schemars(extend("default" = 10000, "minimum" = 0, "maximum" = 1000000000))]
    usdc: Option<Number>,
    /// Seed of keys and prices; the same seed gives the same run. Default: 1.
    #[schemars(extend("default" = 1, "minimum" = 0, "maximum" = 18446744073709551615_u64))]
    seed: Option<Number>,
    /// What the market does: `default`, or the path of a scenario file, relative to the plan. Default: default.
    #[schemars(extend("default" = "default"))]
    world: Option<String>,
    /// Where prices come from: `seeded`, `file:PATH` with a recording, relative to the plan, or `live:mainnet`,
    /// `live:testnet` or `live:URL` with the public streams of a running exchange. Default: seeded.
    #[schemars(extend("default" = "seeded"))]
    prices: Option<String>,
    /// What follows when a recording has been played. Default: hold.
    #[schemars(extend("default" = "hold"))]
    prices_end: Option<RawAtEnd>,
    /// How many venue seconds pass in a real second. Default: 1.
    #[schemars(extend("default" = 1, "minimum" = 1, "maximum" = 100000))]
    time_scale: Option<Number>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
enum RawAtEnd {
    /// The last prices stay.
    Hold,
    /// It begins again.
    Loop,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
enum RawMarginMode {
    /// The account's collateral backs the position.
    Cross,
    /// The position has its own collateral.
    Isolated,
}

/// Where the legs are quoted. The buy price stays below the sell price, always.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Prices")]
struct RawPrices {
    /// Where the long leg buys: a price in USDC, rounded down to the tick, or a peg.
    buy: Option<RawPrice>,
    /// Where the short leg sells: a price in USDC, rounded up to the tick, or a peg.
    sell: Option<RawPrice>,
}

#[derive(JsonSchema)]
#[schemars(untagged, inline)]
enum RawPrice {
    /// A price in USDC.
    Fixed(FixedPrice),
    /// A price that follows the market.
    Peg(RawPeg),
}

struct FixedPrice;

impl JsonSchema for FixedPrice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FixedPrice".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "exclusiveMinimum": 0 })
    }
}

/// A price that follows the market; re-priced by cancel and new, never by modify, which can take.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Peg")]
struct RawPeg {
    /// What it follows.
    peg: PegReference,
    /// Distance from it in basis points; negative is below. Default: 0.
    #[schemars(extend("default" = 0, "minimum" = -5000, "maximum" = 5000))]
    offset_bps: Option<Number>,
    /// How far the wanted price must move before the quote does, in basis points. Default: 5.
    #[schemars(extend("default" = 5, "minimum" = 1, "maximum" = 5000))]
    reprice_bps: Option<Number>,
}

/// Two accounts of one operator. What it does not say comes from the top level of the plan.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Pair")]
struct RawPair {
    /// Name of the pair, unique in the plan: 1 to 64 letters, digits, `-`, `_` or `.`.
    id: String,
    /// The account that buys.
    long: RawLeg,
    /// The account that sells.
    short: RawLeg,
    /// Market symbol of this pair, instead of the plan's.
    market: Option<String>,
    /// Size of each leg in base units, instead of the plan's.
    #[schemars(extend("exclusiveMinimum" = 0))]
    size: Option<Number>,
    /// Size of each leg in USDC, instead of the plan's.
    #[schemars(extend("exclusiveMinimum" = 0))]
    notional_usdc: Option<Number>,
    /// Leverage of this pair, instead of the plan's.
    #[schemars(extend("minimum" = 1, "maximum" = 100))]
    leverage: Option<Number>,
    /// Margin mode of this pair, instead of the plan's.
    margin_mode: Option<RawMarginMode>,
    /// Prices of this pair; `buy` and `sell` override the plan's one by one.
    prices: Option<RawPrices>,
    /// Minimum USDC of this pair's wallets, instead of the plan's.
    #[schemars(extend("minimum" = 0))]
    minimum_usdc: Option<Number>,
    /// Entry orders of this pair; overrides the plan's key by key.
    place: Option<RawPlace>,
    /// Exit rules of this pair; overrides the plan's key by key.
    watch: Option<RawWatch>,
    /// Hedge rules of this pair; overrides the plan's key by key.
    hedge: Option<RawHedge>,
    /// Stops of this pair; overrides the plan's key by key.
    protect: Option<RawProtect>,
    /// Limits of this pair; overrides the plan's key by key.
    risk: Option<RawRisk>,
    /// Withdrawal of this pair; overrides the plan's key by key.
    withdraw: Option<RawWithdraw>,
}

/// One account of a pair. v1 allows an account in one pair only.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Leg")]
struct RawLeg {
    /// Account index at the venue.
    #[schemars(extend("minimum" = 0, "maximum" = 281474976710654_u64))]
    account: Number,
    /// Key slot, 4 to 254 (0 to 3 belong to the web and mobile apps).
    #[schemars(extend("minimum" = 0, "maximum" = 254))]
    api_key_index: Number,
    /// Where the private key comes from, never the key: `env:NAME`, `file:PATH`, `sealed:PATH`, or `paper` with
    /// `network: paper`. No template.
    key: String,
    /// A second key slot for cancel, hedge and flatten, so that a blocked nonce stream cannot hold them up.
    #[schemars(extend("minimum" = 0, "maximum" = 254))]
    guard_key_index: Option<Number>,
    /// Where the Ethereum private key of the account's owner comes from, as for `key`; only `withdraw.route: fast` needs
    /// it. No template.
    l1_key: Option<String>,
}

/// The entry orders: one limit order a leg, written to the journal before it is sent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Place")]
struct RawPlace {
    /// `post_only` never takes; `good_till_time` may. Default: post_only.
    #[schemars(extend("default" = "post_only"))]
    time_in_force: Option<RawTimeInForce>,
    /// Order expiry at the venue, 5 minutes to 30 days; only the backstop behind `watch.entry_deadline`. Default: 30m.
    #[schemars(extend("default" = "30m"))]
    expires_in: Option<Time>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
enum RawTimeInForce {
    /// Cancelled by the venue rather than matched on arrival.
    PostOnly,
    /// May match on arrival.
    GoodTillTime,
}

/// When to leave.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Watch")]
struct RawWatch {
    /// How long entry may take before our own cancel ends it. Default: 20m.
    #[schemars(extend("default" = "20m"))]
    entry_deadline: Option<Time>,
    /// What ends an entry that took longer: make the legs equal and hold, or take both to flat. What never filled is
    /// cancelled either way. Default: hedge.
    #[schemars(extend("default" = "hedge"))]
    on_entry_timeout: Option<OnEntryTimeout>,
    /// How long the position is held, from the end of entry. Required: it is the one exit that always comes.
    max_hold: Option<Time>,
    /// Leave when the pair's net marked result, after fees and funding, reaches this many USDC. Default: never.
    #[schemars(extend("exclusiveMinimum" = 0))]
    take_profit_usdc: Option<Number>,
    /// Leave when the pair's net marked loss reaches this many USDC. Default: never.
    #[schemars(extend("exclusiveMinimum" = 0))]
    stop_loss_usdc: Option<Number>,
}

/// How the legs are made equal when one filled more than the other.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Hedge")]
struct RawHedge {
    /// How long the lagging leg's quote may still fill. Default: 20s.
    #[schemars(extend("default" = "20s"))]
    wait: Option<Time>,
    /// Hard cap of the naked time; neutral by then, or EMERGENCY. Default: 30s.
    #[schemars(extend("default" = "30s"))]
    max_naked: Option<Time>,
    /// Marked loss of the naked part, in USDC, that starts the hedge at once. Default: 15.
    #[schemars(extend("default" = 15, "exclusiveMinimum" = 0))]
    max_naked_loss_usdc: Option<Number>,
    /// Which way is tried first: the lagging leg trades the difference, or the leading leg gives it back. Default: complete.
    #[schemars(extend("default" = "complete"))]
    prefer: Option<HedgePreference>,
    /// Orders before the other way is tried, and then EMERGENCY. Default: 5.
    #[schemars(extend("default" = 5, "minimum" = 1, "maximum" = 100))]
    attempts: Option<Number>,
    /// Bound of a hedge or exit order against mark, in basis points. Default: 50.
    #[schemars(extend("default" = 50, "minimum" = 1, "maximum" = 500))]
    max_slippage_bps: Option<Number>,
    /// Bound of an emergency order against mark, in basis points. Default: 200.
    #[schemars(extend("default" = 200, "minimum" = 1, "maximum" = 500))]
    emergency_slippage_bps: Option<Number>,
    /// Value in USDC below which a difference counts as none. Default: 1.
    #[schemars(extend("default" = 1, "minimum" = 0))]
    dust_usdc: Option<Number>,
    /// What answers a liquidation: both legs to flat, or the survivor to the size that is left. Default: flatten.
    #[schemars(extend("default" = "flatten"))]
    on_liquidation: Option<OnLiquidation>,
}

/// Stops that rest at the venue: reduce-only, for the whole position of each leg.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Protect")]
struct RawProtect {
    /// How far the mark may go against a leg's entry before its stop fires, in basis points.
    #[schemars(extend("minimum" = 1, "maximum" = 449))]
    stop_bps: Option<Number>,
    /// How far beyond its trigger a stop may trade, in basis points. Default: 100.
    #[schemars(extend("default" = 100, "minimum" = 1, "maximum" = 449))]
    limit_bps: Option<Number>,
}

/// Limits. None has a default: the operator says what may be lost.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Risk")]
struct RawRisk {
    /// Largest notional of one order, in USDC.
    #[schemars(extend("exclusiveMinimum" = 0))]
    max_order_usdc: Option<Number>,
    /// Largest notional of one account's position, in USDC.
    #[schemars(extend("exclusiveMinimum" = 0))]
    max_position_usdc: Option<Number>,
    /// Largest sum of all positions and live orders of the run, in USDC.
    #[schemars(extend("exclusiveMinimum" = 0))]
    max_exposure_usdc: Option<Number>,
    /// Price collar: how far an entry may be from the current mark, in basis points.
    #[schemars(extend("minimum" = 1, "maximum" = 5000))]
    max_price_deviation_bps: Option<Number>,
    /// Loss of the run's equity that ends it, in USDC.
    #[schemars(extend("exclusiveMinimum" = 0))]
    max_drawdown_usdc: Option<Number>,
    /// How far a leg's liquidation price must be from mark, in percent of mark.
    #[schemars(extend("minimum" = 0, "maximum" = 100))]
    min_liquidation_distance_pct: Option<Number>,
    /// Messages a minute that one pair may send. What takes risk away is never held back; moved quotes and withdrawals
    /// are.
    #[schemars(extend("minimum" = 1, "maximum" = 40000))]
    max_messages_per_minute: Option<Number>,
    /// Marked loss in USDC that is accepted while the venue cannot be reached; beyond it, the operator is called.
    #[schemars(extend("exclusiveMinimum" = 0))]
    max_loss_if_venue_down_usdc: Option<Number>,
    /// Yearly volatility of the market in percent that the check of a naked leg's loss assumes; no limit. Default: 100.
    #[schemars(extend("default" = 100, "minimum" = 1, "maximum" = 1000))]
    volatility_pct: Option<Number>,
}

/// Handing the USDC back, from a flat account only.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Withdraw")]
struct RawWithdraw {
    /// Once the pair is flat again, or not at all. Default: on_exit.
    #[schemars(extend("default" = "on_exit"))]
    when: Option<WithdrawWhen>,
    /// `secure` pays to the account's own L1 address, with a delay; `fast` goes through the venue's bridge to the same
    /// address, for a fee, and needs each leg's `l1_key`. Neither stands in for the other. Default: secure.
    #[schemars(extend("default" = "secure"))]
    route: Option<WithdrawRoute>,
    /// USDC that stays in each account. Default: 0.
    #[schemars(extend("default" = 0, "minimum" = 0))]
    keep_usdc: Option<Number>,
    /// How long to wait for the confirmation. Default: 24h.
    #[schemars(extend("default" = "24h"))]
    verify_within: Option<Time>,
}

/// How requests that were not sent, or whose outcome is unknown, are repeated: the same bytes, never a new signature.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Retry")]
struct RawRetry {
    /// First delay. Default: 250ms.
    #[schemars(extend("default" = "250ms"))]
    initial: Option<Time>,
    /// Longest delay. Default: 10s.
    #[schemars(extend("default" = "10s"))]
    max: Option<Time>,
    /// Longest time in all. Default: 2m.
    #[schemars(extend("default" = "2m"))]
    budget: Option<Time>,
}

/// What happens with deadlines that passed while the process was down.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Missed")]
struct RawMissed {
    /// Entries: end as if the deadline had come, or get the whole time again. Default: cancel.
    #[schemars(extend("default" = "cancel"))]
    place: Option<MissedPlace>,
    /// Withdrawals: handed over with what is missing, or go on. Default: ask.
    #[schemars(extend("default" = "ask"))]
    withdraw: Option<MissedWithdraw>,
}

/// One receiver of alerts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Notify")]
struct RawNotify {
    /// `env:NAME` of the variable that holds the webhook's URL; the URL itself is a secret and never in a plan.
    webhook: String,
    /// What it is told. Default: all.
    on: Option<Vec<NotifyTopic>>,
}
