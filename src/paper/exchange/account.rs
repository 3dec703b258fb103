//! An account inside the exchange.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::api::{
    DepositRecord, FundingRecord, IntegratorRecord, LiquidationRecord, Tier, TradeRecord, TradingMode,
    TransferRecord, WithdrawalRecord,
};
use super::maker_only::MakerOnly;
use super::tally::Tally;
use crate::model::{
    AccountIndex, ApiKeyIndex, ClientOrderIndex, MarginMode, MarketId, Order, OrderIndex, Position,
    Timestamp, TxHash,
};

/// How many ended orders and trades an account keeps.
pub(crate) const HISTORY: usize = 10_000;

/// A registered key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// 40 bytes; zeros when revoked.
    pub(crate) public: Vec<u8>,
    /// The next nonce, as far as the sequencer has executed.
    pub(crate) nonce: i64,
}

/// A position, or the leverage setting of a market never traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PositionState {
    pub(crate) position: Position,
    /// Unsigned entry notional in millionths of a USDC.
    pub(crate) entry_quote: i128,
    /// In 1e-12 USDC.
    pub(crate) realized: i128,
    /// In 1e-12 USDC; positive = paid.
    pub(crate) funding_paid: i128,
    pub(crate) mode: MarginMode,
    /// Set leverage as a fraction in 1/10000; `None`: the market's default.
    pub(crate) fraction: Option<u16>,
    /// Collateral of an isolated position, in 1e-12 USDC.
    pub(crate) allocated: i128,
    /// Funding that is owed but not yet in the collateral, in 1e-12 USDC; positive = to receive. It counts in the
    /// pot's value at once and is settled when the position is touched.
    pub(crate) unsettled: i128,
}

impl PositionState {
    /// Returns the entry notional with the position's sign.
    pub(crate) fn signed_entry(&self) -> i128 {
        self.entry_quote * i128::from(self.position.lots().signum())
    }
}

/// An account with its money, positions, live orders and history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) index: AccountIndex,
    pub(crate) l1_address: String,
    /// Itself, or the account it is a sub-account of.
    pub(crate) master: AccountIndex,
    pub(crate) tier: Tier,
    /// Whole LIT staked.
    pub(crate) lit_stake: u64,
    pub(crate) tier_changed_at: Option<Timestamp>,
    pub(crate) trading_mode: TradingMode,
    /// Whether an asset counts as margin, as the account set it.
    pub(crate) asset_modes: BTreeMap<i16, bool>,
    pub(crate) integrators: BTreeMap<AccountIndex, IntegratorRecord>,
    pub(crate) maker_only: MakerOnly,
    /// Notional traded, in millionths of a USDC.
    pub(crate) volume: i128,
    /// An account of the world: never judged, never liquidated, without history.
    pub(crate) house: bool,
    pub(crate) keys: BTreeMap<ApiKeyIndex, Key>,
    /// Cross collateral in 1e-12 USDC.
    pub(crate) collateral: i128,
    pub(crate) positions: BTreeMap<MarketId, PositionState>,
    pub(crate) orders: BTreeSet<OrderIndex>,
    pub(crate) clients: BTreeMap<ClientOrderIndex, OrderIndex>,
    /// Derived from `orders`; markets without a live order have none.
    #[serde(skip)]
    pub(crate) tallies: BTreeMap<MarketId, Tally>,
    pub(crate) cancel_all_at: Option<Timestamp>,
    /// When the next slice of a running liquidation is due.
    pub(crate) liquidation_at: Option<Timestamp>,
    /// Microseconds of the last transaction that changed it.
    pub(crate) transaction_time_us: i64,
    pub(crate) ended: VecDeque<Order>,
    pub(crate) trades: VecDeque<TradeRecord>,
    pub(crate) txs: VecDeque<TxHash>,
    pub(crate) withdrawals: Vec<WithdrawalRecord>,
    pub(crate) deposits: Vec<DepositRecord>,
    pub(crate) transfers: Vec<TransferRecord>,
    pub(crate) liquidations: Vec<LiquidationRecord>,
    pub(crate) fundings: VecDeque<FundingRecord>,
}

impl Account {
    /// Makes an empty account.
    pub(crate) fn new(index: AccountIndex, l1_address: String, tier: Tier) -> Self {
        Self {
            index,
            l1_address,
            master: index,
            tier,
            lit_stake: 0,
            tier_changed_at: None,
            trading_mode: TradingMode::Classic,
            asset_modes: BTreeMap::new(),
            integrators: BTreeMap::new(),
            maker_only: MakerOnly::default(),
            volume: 0,
            house: false,
            keys: BTreeMap::new(),
            collateral: 0,
            positions: BTreeMap::new(),
            orders: BTreeSet::new(),
            clients: BTreeMap::new(),
            tallies: BTreeMap::new(),
            cancel_all_at: None,
            liquidation_at: None,
            transaction_time_us: 0,
            ended: VecDeque::new(),
            trades: VecDeque::new(),
            txs: VecDeque::new(),
            withdrawals: Vec::new(),
            deposits: Vec::new(),
            transfers: Vec::new(),
            liquidations: Vec::new(),
            fundings: VecDeque::new(),
        }
    }

    /// Returns the position in `market`; flat when it was never touched.
    pub(crate) fn position(&self, market: MarketId) -> PositionState {
        self.positions.get(&market).copied().unwrap_or_default()
    }

    /// Appends to a bounded history.
    pub(crate) fn remember<T>(history: &mut VecDeque<T>, row: T) {
        if history.len() == HISTORY {
            history.pop_front();
        }
        history.push_back(row);
    }
}
