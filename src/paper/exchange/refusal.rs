//! The venue's codes with its own texts (rules.md §10).

use super::api::ApiError;

impl ApiError {
    /// Makes a refusal.
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Makes the refusal of `code` with the venue's text for it.
    pub(crate) fn of(code: i64) -> Self {
        Self::new(code, text(code))
    }
}

const fn text(code: i64) -> &'static str {
    match code {
        21100 => "account not found",
        21104 => "invalid nonce",
        21105 => "batch transaction nonce is not increasing",
        21106 => "invalid ToAccount",
        21107 => "invalid account",
        21108 => "invalid PublicKey,please run changePubKey",
        21109 => "api key not found",
        21110 => "invalid api key index",
        21111 => "account is in pre-liquidation and the transaction doesn't increase the account health",
        21112 => "account is in liquidation",
        21113 => "invalid initial margin fraction",
        21116 => "withdrawal amount is too small",
        21117 => "withdrawal amount is too high",
        21118 => "transfer amount is too small",
        21119 => "transfer amount is too high",
        21120 => "invalid signature",
        21121 => "all transactions in the batch must have use same account and apikey",
        21126 => "Account with zero collateral can't change PublicKey",
        21128 => "invalid master account index",
        21129 => "too many sub accounts",
        21132 => "margin mode change on a market with position or open order is not allowed",
        21133 => "invalid risk change",
        21134 => "invalid fee",
        21142 => "account trading mode is already set",
        21146 => "system account cannot be an integrator",
        21149 => "integrator is not approved",
        21301 => "not enough collateral",
        21501 => "invalid tx info",
        21504 => "fail to l1 signature",
        21505 => "unsupported tx type",
        21506 => "too many pending txs. Please try again later",
        21507 => "account is below maintenance margin, can't execute transaction",
        21508 => "account is below initial margin, can't execute transaction",
        21514 => "maximum 50 transactions allowed per batch",
        21600 => "given order is not an active limit order",
        21602 => "invalid market index",
        21605 => "invalid market status",
        21613 => "invalid margin mode",
        21614 => "no position found",
        21615 => "invalid update margin direction",
        21621 => "invalid perps market index",
        21700 => "invalid order index",
        21701 => "invalid base amount",
        21702 => "invalid price",
        21706 => "invalid order base or quote amount",
        21707 => "account is not owner of the order",
        21710 => "unsupported order type",
        21711 => "invalid expiry",
        21714 => "invalid cancel all time",
        21715 => "given order is not an active order",
        21717 => "maximum active limit order count reached",
        21718 => "maximum active limit order count per market reached",
        21719 => "maximum pending order count reached",
        21720 => "maximum pending order count per market reached",
        21721 => "maximum twap order count reached",
        21722 => "maximum conditional order count reached",
        21728 => "client order index already exists",
        21729 => "invalid order trigger price",
        21733 => "order price flagged as an accidental price",
        21734 => "limit order price is too far from the mark price",
        21735 => "SL/TP order price is too far from the trigger price",
        21738 => "invalid reduce only direction",
        21739 => "not enough margin to create the order",
        21740 => "invalid reduce only mode",
        21741 => "invalid grouping type",
        21742 => "invalid order group size",
        21801 => "invalid asset index",
        23000 => "Too Many Requests!",
        23004 => "Too Many L2 Withdrawal Requests!",
        23005 => "Too Many Fast Withdrawal Requests!",
        29500 => "internal server error",
        62001 => "account tier change is in progress",
        62002 => "invalid account tier",
        62003 => "account is already on this tier",
        62004 => "account tier can't be changed with open positions",
        62005 => "account tier can't be changed with open orders",
        62006 => "account tier changes are too frequent",
        62007 => "maker only api key is not allowed to execute this action",
        _ => "transaction is not allowed",
    }
}
