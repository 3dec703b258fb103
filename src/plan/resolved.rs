//! The plan after parsing, substitution, defaults and overrides: every field present and in range.

use std::path::PathBuf;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::model::{
    AccountIndex, ApiKeyIndex, AtEnd, MarginMode, PairId, Price, PriceSource, Side, TimeInForce, Usdc,
};

/// A plan that can be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Where it trades.
    pub network: Network,
    /// The embedded exchange; present exactly when `network` is paper.
    pub paper: Option<PaperPlan>,
    /// Its pairs, overrides applied.
    pub pairs: Vec<PairPlan>,
    /// How not-sent and unknown requests are repeated.
    pub retry: RetryPlan,
    /// What a stop leaves.
    pub on_stop: OnStop,
    /// What happens with deadlines that passed while the process was down.
    pub on_missed: OnMissed,
    /// Who is told of what.
    pub notify: Vec<NotifyPlan>,
}

/// Where a plan trades.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The embedded exchange.
    Paper,
    /// The venue's test network.
    Testnet,
    /// Real money.
    Mainnet,
    /// The second deployment, on the Robinhood chain: real money, in USDG.
    Robinhood,
    /// The second deployment's test network.
    RobinhoodTestnet,
    /// Any other server; not on loopback, it counts as mainnet.
    Custom {
        /// REST base URL.
        http: String,
        /// WebSocket URL.
        ws: String,
        /// Chain id of signatures.
        chain_id: u32,
        /// How fast a `paper` server's time runs; 1 elsewhere.
        time_scale: u32,
    },
}

/// The embedded exchange of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperPlan {
    /// What each account starts with.
    pub usdc: Usdc,
    /// Seed of keys and prices.
    pub seed: u64,
    /// `default`, or the path of a scenario file.
    pub world: String,
    /// Where its prices come from.
    #[serde(default)]
    pub prices: PriceSource,
    /// What follows when recorded prices have been played.
    #[serde(default)]
    pub prices_end: AtEnd,
    /// How many venue seconds pass in a real second.
    pub time_scale: u32,
}

/// One pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairPlan {
    /// Its name.
    pub id: PairId,
    /// Market symbol.
    pub market: String,
    /// How much each leg trades.
    pub size: SizeSpec,
    /// Leverage of both legs; sets the initial margin fraction to 10000 / leverage, rounded down as the venue's SDK does.
    pub leverage: u32,
    /// Margin mode of both legs.
    pub margin_mode: MarginMode,
    /// Where the long leg buys.
    pub buy: PriceSpec,
    /// Where the short leg sells.
    pub sell: PriceSpec,
    /// Available balance that each leg must have before anything is sent.
    pub minimum_usdc: Usdc,
    /// The account that buys.
    pub long: LegPlan,
    /// The account that sells.
    pub short: LegPlan,
    /// The entry orders.
    pub place: PlacePlan,
    /// Stops that wait at the venue; `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<ProtectPlan>,
    /// When to leave.
    pub watch: WatchPlan,
    /// How to make the legs equal.
    pub hedge: HedgePlan,
    /// Limits.
    pub risk: RiskPlan,
    /// Handing back.
    pub withdraw: WithdrawPlan,
}

impl PairPlan {
    /// Returns whether the pair hands its USDC back by the fast route, which the accounts' owners sign.
    pub fn withdraws_fast(&self) -> bool {
        self.withdraw.when == WithdrawWhen::OnExit && self.withdraw.route == WithdrawRoute::Fast
    }

    /// Returns the initial margin fraction of the plan's leverage, in 1/10000.
    pub fn initial_margin_fraction(&self) -> u16 {
        u16::try_from(10_000 / self.leverage.max(1)).unwrap_or(10_000)
    }
}

/// How much each leg trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeSpec {
    /// Base units, on the market's lot grid.
    Base(Decimal),
    /// Notional in USDC; divided by the sell price (or the mark, when pegged) and rounded down to lots.
    NotionalUsdc(Decimal),
}

/// A limit price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceSpec {
    /// As written.
    Fixed(Decimal),
    /// Follows the market.
    Peg {
        /// What it follows.
        reference: PegReference,
        /// Distance from it; negative is below.
        offset_bps: i32,
        /// How far the wanted price must move before the quote does.
        reprice_bps: u32,
    },
}

/// What a pegged price follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PegReference {
    Mid,
    BestBid,
    BestAsk,
    Mark,
    Index,
    Last,
}

/// One account of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegPlan {
    /// The account.
    pub account: AccountIndex,
    /// The key slot.
    pub api_key_index: ApiKeyIndex,
    /// Where the private key comes from; never the key.
    pub key: KeySource,
    /// A second slot for cancel, hedge and flatten.
    pub guard_key_index: Option<ApiKeyIndex>,
    /// Where the Ethereum key of the account's owner comes from; never the key. The fast route needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_key: Option<KeySource>,
}

/// Where a private key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// An environment variable.
    Env(String),
    /// A file with the key as hexadecimal text.
    File(PathBuf),
    /// A file sealed by `keys seal`.
    Sealed(PathBuf),
    /// The embedded exchange makes it from its seed.
    Paper,
}

/// The entry orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacePlan {
    /// Post-only or good-till-time.
    pub time_in_force: TimeInForce,
    /// Order expiry at the venue, the backstop behind `entry_deadline`.
    pub expires_in: Duration,
}

/// A stop at the venue for each leg, which needs no process to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectPlan {
    /// How far from a leg's entry price the mark price wakes its stop.
    pub stop_bps: u32,
    /// How far beyond that the stop may trade.
    pub limit_bps: u32,
}

impl ProtectPlan {
    /// Returns trigger and limit of the stop of a position that was entered on `side` at `entry`. The trigger is never
    /// nearer than asked, the limit never further.
    pub fn prices(&self, side: Side, entry: Price) -> (Price, Price) {
        let closes = side.opposite();
        let trigger = entry.beyond(closes, self.stop_bps);
        (trigger, trigger.worsened(closes, self.limit_bps))
    }
}

/// When to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchPlan {
    /// How long entry may take.
    pub entry_deadline: Duration,
    /// What ends an entry that took longer.
    pub on_entry_timeout: OnEntryTimeout,
    /// How long the position is held, from the end of entry.
    pub max_hold: Duration,
    /// Leave when the pair's net marked result reaches this.
    pub take_profit: Option<Usdc>,
    /// Leave when the pair's net marked loss reaches this.
    pub stop_loss: Option<Usdc>,
}

/// What ends an entry that took too long; what never filled is cancelled either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnEntryTimeout {
    /// Make the legs equal and hold what there is.
    Hedge,
    /// Take both legs to flat.
    Flatten,
}

/// How to make the legs equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HedgePlan {
    /// How long the sibling's quote may still fill.
    pub wait: Duration,
    /// Hard cap of the naked time.
    pub max_naked: Duration,
    /// Marked loss of the naked part that starts the hedge at once.
    pub max_naked_loss: Usdc,
    /// Which way is tried first.
    pub prefer: HedgePreference,
    /// Orders before the other way, and then EMERGENCY.
    pub attempts: u32,
    /// Bound of a hedge order against mark.
    pub max_slippage_bps: u32,
    /// Bound of an emergency order against mark.
    pub emergency_slippage_bps: u32,
    /// Value below which a difference counts as none.
    pub dust: Usdc,
    /// What answers a liquidation.
    pub on_liquidation: OnLiquidation,
}

/// Which way a hedge is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HedgePreference {
    /// The lagging leg trades the difference.
    Complete,
    /// The leading leg gives the difference back.
    Unwind,
}

/// What answers a liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnLiquidation {
    /// Both legs to flat.
    Flatten,
    /// The survivor to the size that is left.
    Match,
}

/// Limits of one pair; `max_exposure` and `max_drawdown` hold for the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the plan's")]
pub struct RiskPlan {
    pub max_order: Usdc,
    pub max_position: Usdc,
    pub max_exposure: Usdc,
    pub max_price_deviation_bps: u32,
    pub max_drawdown: Usdc,
    /// In percent of mark.
    pub min_liquidation_distance_pct: Decimal,
    pub max_messages_per_minute: u32,
    pub max_loss_if_venue_down: Usdc,
    /// Yearly, in percent; what the check of a naked leg's loss assumes.
    #[serde(default = "usual_volatility_pct", skip_serializing_if = "is_usual_volatility")]
    pub volatility_pct: u32,
}

/// Plans that were stored before the key existed assume what the default does.
const fn usual_volatility_pct() -> u32 {
    100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_usual_volatility(pct: &u32) -> bool {
    *pct == usual_volatility_pct()
}

/// Handing back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawPlan {
    /// Whether at all.
    pub when: WithdrawWhen,
    /// Which way.
    pub route: WithdrawRoute,
    /// What stays in each account.
    pub keep: Usdc,
    /// How long to wait for confirmation.
    pub verify_within: Duration,
}

/// When to withdraw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawWhen {
    /// Once the pair is flat again.
    OnExit,
    /// Not at all.
    Never,
}

/// Which way a withdrawal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WithdrawRoute {
    /// To the account's own L1 address, with a delay.
    Secure,
    /// Through the venue's bridge.
    Fast,
}

/// How not-sent and unknown requests are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPlan {
    /// First delay.
    pub initial: Duration,
    /// Longest delay.
    pub max: Duration,
    /// Longest time in all.
    pub budget: Duration,
}

/// What a stop leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStop {
    /// Everything as it is.
    Leave,
    /// The position, but no order.
    CancelOpen,
    /// Nothing.
    Flatten,
}

/// What happens with deadlines that passed while the process was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnMissed {
    /// Entries.
    pub place: MissedPlace,
    /// Withdrawals.
    pub withdraw: MissedWithdraw,
}

/// What happens with an entry whose deadline passed while the process was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissedPlace {
    /// It ends as if the deadline had come.
    Cancel,
    /// It gets the whole time again.
    Continue,
}

/// What happens with a withdrawal whose deadline passed while the process was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissedWithdraw {
    /// Handed over with what is missing.
    Ask,
    /// Goes on.
    Continue,
}

/// One receiver of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyPlan {
    /// Environment variable that holds the webhook's URL.
    pub webhook_env: String,
    /// What it is told.
    pub on: Vec<NotifyTopic>,
}

/// What a receiver is told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the plan's")]
pub enum NotifyTopic {
    Liquidation,
    Hedge,
    Stuck,
    Finished,
}
