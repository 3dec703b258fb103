//! What the journal of a pair holds. State is a fold over these, live and on resume alike.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    AccountIndex, ApiKeyIndex, ClientOrderIndex, MarginView, Market, Nonce, OrderIndex, OrderStatus,
    Position, Price, Side, Size, TimeInForce, Timestamp, TradeId, TradeKind, TxHash, Usdc, WithdrawStatus,
};

/// Which account of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LegSide {
    /// The account that buys at entry.
    Long,
    /// The account that sells at entry.
    Short,
}

impl LegSide {
    /// Both legs, long first.
    pub const BOTH: [Self; 2] = [Self::Long, Self::Short];

    /// Returns the other leg.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Long => Self::Short,
            Self::Short => Self::Long,
        }
    }

    /// Returns the side of the leg's entry order.
    pub const fn entry_side(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// Returns `long` or `short`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Short => "short",
        }
    }
}

/// The id of an intent within its pair: counts up from 1 and is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct IntentId(pub u32);

/// Why a transaction is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Sets leverage and margin mode.
    Leverage,
    /// The limit order of the entry.
    Entry,
    /// Cancels one order.
    Cancel(ClientOrderIndex),
    /// Makes the legs equal: one IOC order.
    Hedge,
    /// Takes a leg toward flat: one reduce-only IOC order.
    Exit,
    /// A stop for a leg's whole position, reduce-only, that waits at the venue.
    Protect,
    /// Arms or renews the venue's dead man's switch.
    ArmDeadMan(Timestamp),
    /// Clears it.
    ClearDeadMan,
    /// Hands USDC back by the secure route.
    Withdraw(Usdc),
    /// Hands USDC back through the bridge.
    FastWithdraw {
        /// How much is paid out.
        amount: Usdc,
        /// What the venue takes for it, on top.
        fee: Usdc,
    },
}

impl Purpose {
    /// Returns whether it hands USDC back, by either route.
    pub const fn is_withdrawal(&self) -> bool {
        matches!(self, Self::Withdraw(_) | Self::FastWithdraw { .. })
    }
}

/// What an order intent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the venue's")]
pub struct OrderTerms {
    pub side: Side,
    pub price: Price,
    pub size: Size,
    pub time_in_force: TimeInForce,
    pub reduce_only: bool,
    /// When the venue drops it; the epoch for immediate orders.
    pub expiry: Timestamp,
    /// For a stop: the mark price at which it becomes an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Price>,
}

/// The stop that goes out with an entry order: it waits until that one has ended, and then covers what it filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Child {
    /// Its client order index.
    pub client_order_index: ClientOrderIndex,
    /// Its terms.
    pub order: OrderTerms,
}

/// A transaction that is durable before it leaves: everything needed to send it again and to find it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// Whose account.
    pub leg: LegSide,
    /// Why.
    pub purpose: Purpose,
    /// The account.
    pub account: AccountIndex,
    /// The key slot that signs.
    pub key: ApiKeyIndex,
    /// Its nonce in that slot.
    pub nonce: Nonce,
    /// Client order index, for orders.
    pub client_order_index: Option<ClientOrderIndex>,
    /// The order, for orders.
    pub order: Option<OrderTerms>,
    /// The stop that goes with it, in the same transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Child>,
    /// After this venue time the bytes are dead.
    pub deadline: Timestamp,
    /// When it was decided.
    pub at: Timestamp,
    /// Type number.
    pub tx_type: u8,
    /// The signed bytes.
    pub tx_info: String,
    /// Their hash.
    pub hash: TxHash,
}

impl Intent {
    /// Returns the client order indices of the orders that it makes.
    pub fn order_indices(&self) -> impl Iterator<Item = ClientOrderIndex> + use<> {
        let child = self.child.map(|child| child.client_order_index);
        self.client_order_index.into_iter().chain(child)
    }

    /// Returns whether one of its orders has this index.
    pub fn makes(&self, index: ClientOrderIndex) -> bool {
        self.order_indices().any(|own| own == index)
    }

    /// Returns whether it can make a position larger.
    pub fn adds_risk(&self) -> bool {
        self.order.is_some_and(|order| !order.reduce_only)
    }
}

/// What became of an intent. There is no fourth possibility; until one is proved, it is in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It took effect.
    Executed,
    /// The sequencer executed it as a failure: no effect, but the nonce is used.
    Failed {
        /// The venue's code, when it gave one.
        code: Option<i64>,
        /// The venue's text.
        message: String,
    },
    /// It can never take effect and its nonce is free again.
    Dead {
        /// The venue's code, when it was refused.
        code: Option<i64>,
        /// How that is known.
        proof: String,
    },
}

/// A fill of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fill {
    /// Whose.
    pub leg: LegSide,
    /// The venue's id; the unique key together with the leg.
    pub trade: TradeId,
    /// Own order, when it was ours.
    pub client_order_index: Option<ClientOrderIndex>,
    /// What made it. Renamed in the journal, where `kind` is the entry's own.
    #[serde(rename = "trade_kind")]
    pub kind: TradeKind,
    /// Bought or sold.
    pub side: Side,
    /// At.
    pub price: Price,
    /// How much.
    pub size: Size,
    /// Notional.
    pub quote: Usdc,
    /// Fee in USDC, exact.
    pub fee: Decimal,
    /// The other account.
    pub counterparty: AccountIndex,
    /// Venue time of the trade.
    pub at: Timestamp,
}

/// What the check found of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedLeg {
    /// The account.
    pub account: AccountIndex,
    /// Owner on L1; legs of one owner set the self-trade attributes.
    pub l1_address: String,
    /// Balances before anything was sent.
    pub margin: MarginView,
    /// Key slots used, with their next nonces.
    pub keys: Vec<(ApiKeyIndex, Nonce)>,
    /// Whether leverage or margin mode must be set first.
    pub set_leverage: bool,
    /// Funding paid so far in this market.
    pub funding_paid: Usdc,
    /// Tier as the venue spells it.
    pub tier: String,
}

/// What the check settled for the whole pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// The market's rules, as read live.
    pub market: Market,
    /// Where the long leg buys (for a pegged quote: at the time of the check).
    pub buy: Price,
    /// Where the short leg sells.
    pub sell: Price,
    /// How much each leg trades.
    pub size: Size,
    /// Differences up to this count as none.
    pub tolerance: Size,
    /// Whether an account refuses to trade with the other: both belong to one owner on L1.
    pub same_owner: bool,
    /// When the check's reads were made, in venue time: older trades are not of this run.
    pub at: Timestamp,
    /// The legs, long first.
    pub legs: [CheckedLeg; 2],
}

/// Why the pair leaves the watch step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ExitReason {
    MaxHold,
    TakeProfit,
    StopLoss,
    NeverFilled,
    EntryTimeout,
    EntryRefused(String),
    Liquidation(LegSide),
    LiquidationNear(LegSide),
    Drawdown,
    /// A leg's stop at the venue fired.
    StopFired(LegSide),
    LostSight(LegSide),
    PositionChanged(LegSide),
    SelfTrade,
    Unwound,
    Stop,
    Emergency,
}

/// Why a hedge starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum HedgeReason {
    Wait,
    NakedLoss,
    EntryDeadline,
    LegEnded,
    LegStale,
    Liquidation,
    Stop,
    Difference,
}

/// How a pair ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairEnd {
    /// Exit code (DESIGN §2).
    pub code: u8,
    /// In words.
    pub summary: String,
}

/// What a pair may still do. Every change of it is an [`Entry::Risk`] with its reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RiskState {
    /// It may add exposure, within the plan's limits.
    #[default]
    Active,
    /// Every order is reduce-only.
    Reducing,
    /// It sends nothing but cancels: stopped, or handed over to the operator.
    Halted,
}

impl RiskState {
    /// Returns `ACTIVE`, `REDUCING` or `HALTED`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Reducing => "REDUCING",
            Self::Halted => "HALTED",
        }
    }
}

/// How a stop was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopMode {
    /// After a step that was named beforehand: orders as the plan's `on_stop` says, and what is held stays.
    Hold,
    /// As the plan's `on_stop` says.
    Policy,
    /// Cancel all and close all, whatever the plan says.
    Flatten,
}

/// Where a pair stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the steps of the graph")]
pub enum Step {
    Check,
    Place,
    Watch,
    Hedge(HedgeReason),
    Exit(ExitReason),
    Withdraw,
    Done(PairEnd),
}

impl Step {
    /// Returns the step's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Place => "place",
            Self::Watch => "watch",
            Self::Hedge(_) => "hedge",
            Self::Exit(_) => "exit",
            Self::Withdraw => "withdraw",
            Self::Done(_) => "done",
        }
    }
}

/// One journaled fact of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// Every rule of the check holds.
    Checked(Box<Checked>),
    /// The pair goes on to another step.
    Step {
        /// Which.
        to: Step,
        /// When.
        at: Timestamp,
    },
    /// A transaction is about to be sent.
    Intent(Box<Intent>),
    /// What became of it.
    Settled {
        /// Which.
        intent: IntentId,
        /// Whose.
        leg: LegSide,
        /// What became of it.
        outcome: Outcome,
        /// When that was known.
        at: Timestamp,
    },
    /// The venue showed an own order.
    Order {
        /// Whose.
        leg: LegSide,
        /// Which.
        client_order_index: ClientOrderIndex,
        /// The venue's id.
        order_index: OrderIndex,
        /// Its status.
        status: OrderStatus,
        /// Filled so far.
        filled: Size,
        /// When that was seen.
        at: Timestamp,
    },
    /// A fill.
    Fill(Fill),
    /// The legs differ by more than the tolerance from now on.
    NakedFrom {
        /// When it began.
        at: Timestamp,
    },
    /// They no longer do.
    NakedTo {
        /// When it ended.
        at: Timestamp,
    },
    /// Completing did not work: the leading leg gives back.
    Unwinding {
        /// When.
        at: Timestamp,
    },
    /// Naked for too long or out of attempts: reduce-only, wider bound, alerts.
    Emergency {
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The venue closes a leg by force.
    Liquidated {
        /// Which.
        leg: LegSide,
        /// Which signal said so.
        signal: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody else trades on the account: an order or a trade that is not of this run.
    Foreign {
        /// Whose.
        leg: LegSide,
        /// What was seen.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// A trade had accounts of this run on both sides.
    SelfTrade {
        /// Whose.
        leg: LegSide,
        /// What was seen.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// With nothing under way, the venue expects a lower nonce: an executed failure left it unused.
    NonceFreed {
        /// Whose.
        leg: LegSide,
        /// The slot.
        key: ApiKeyIndex,
        /// The next nonce.
        next: Nonce,
    },
    /// Venue and fills disagree for good: the venue is right.
    PositionAdopted {
        /// Whose.
        leg: LegSide,
        /// The position.
        position: Position,
        /// When.
        at: Timestamp,
    },
    /// What a withdrawal came to.
    WithdrawSkipped {
        /// Whose.
        leg: LegSide,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The venue's record of a withdrawal moved on.
    Withdrawal {
        /// Whose.
        leg: LegSide,
        /// The venue's id.
        id: String,
        /// How much.
        amount: Usdc,
        /// Where it stands.
        status: WithdrawStatus,
        /// Collateral left, as the venue says.
        collateral: Usdc,
        /// When.
        at: Timestamp,
    },
    /// Somebody is told.
    Alert {
        /// What kind: `liquidation`, `hedge`, `stuck`, `finished`.
        topic: String,
        /// What.
        text: String,
        /// When.
        at: Timestamp,
    },
    /// A stop was asked for.
    Stop {
        /// How.
        mode: StopMode,
        /// When.
        at: Timestamp,
    },
    /// A stop is carried out within policy; the pair waits for `resume`.
    Stopped {
        /// When.
        at: Timestamp,
    },
    /// What the pair may do has changed.
    Risk {
        /// What it may do from now on.
        to: RiskState,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Nothing is heard from the venue any more, on no stream and to no question.
    VenueDown {
        /// When it was last heard.
        since: Timestamp,
        /// When that was long enough ago.
        at: Timestamp,
    },
    /// The venue is back, and both legs were read since.
    VenueUp {
        /// When.
        at: Timestamp,
    },
    /// The venue changed the market's rules while no process was there; from now on these hold (F-24).
    Rules {
        /// The rules.
        market: Box<Market>,
        /// What changed, in words.
        changes: Vec<String>,
        /// When that was seen.
        at: Timestamp,
    },
    /// The run goes on after a crash or a stop.
    Resumed {
        /// When.
        at: Timestamp,
        /// Whether an entry under way gets its whole time again.
        restart_entry: bool,
    },
}

impl Entry {
    /// Returns the entry's name in the journal.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Checked(_) => "checked",
            Self::Step { .. } => "step",
            Self::Intent(_) => "intent",
            Self::Settled { .. } => "settled",
            Self::Order { .. } => "order",
            Self::Fill(_) => "fill",
            Self::NakedFrom { .. } => "naked-from",
            Self::NakedTo { .. } => "naked-to",
            Self::Unwinding { .. } => "unwinding",
            Self::Emergency { .. } => "emergency",
            Self::Liquidated { .. } => "liquidated",
            Self::Foreign { .. } => "foreign",
            Self::SelfTrade { .. } => "self-trade",
            Self::NonceFreed { .. } => "nonce-freed",
            Self::PositionAdopted { .. } => "position-adopted",
            Self::WithdrawSkipped { .. } => "withdraw-skipped",
            Self::Withdrawal { .. } => "withdrawal",
            Self::Alert { .. } => "alert",
            Self::Stop { .. } => "stop",
            Self::Stopped { .. } => "stopped",
            Self::Risk { .. } => "risk",
            Self::VenueDown { .. } => "venue-down",
            Self::VenueUp { .. } => "venue-up",
            Self::Rules { .. } => "rules",
            Self::Resumed { .. } => "resumed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what a crash leaves in the journal must be readable, fills above all.
    #[test]
    fn a_fill_reads_back() {
        let fill = Fill {
            leg: LegSide::Long,
            trade: TradeId::new(7),
            client_order_index: Some(ClientOrderIndex::new(9)),
            kind: TradeKind::Liquidation,
            side: Side::Buy,
            price: Price::from_ticks(100_950),
            size: Size::from_lots(2_500),
            quote: Usdc::from_micros(252_375_000),
            fee: Decimal::new(1_234, 7),
            counterparty: AccountIndex::new(1),
            at: Timestamp::from_millis(5),
        };
        let text = serde_json::to_string(&Entry::Fill(fill.clone())).unwrap();
        assert_eq!(text.matches("\"kind\"").count(), 1, "{text}");
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), Entry::Fill(fill));
    }
}
