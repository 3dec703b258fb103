//! Every endpoint of the venue (http.md §2) as one table: the server routes by it, charges by it, and the documentation
//! is written out of it.

use super::{Params, ok};
use super::{accounts, chain, markets, money, orders, transactions};
use crate::paper::server::actor::{State, View};
use crate::paper::server::error::Refusal;
use crate::paper::server::json::Json;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Public,
    /// The account, with a token.
    Token,
    /// Anybody, or the account with a token when one is named.
    Depends,
}

impl Access {
    /// Returns the word of the documentation.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Public => "–",
            Self::Token => "token",
            Self::Depends => "token for an account",
        }
    }
}

/// What an endpoint does.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Looks.
    Read(fn(&View<'_>, &Params) -> Result<Json, Refusal>),
    /// Changes something.
    Write(fn(&mut State, &Params) -> Result<Json, Refusal>),
    /// Is refused, because this exchange lacks what it is about.
    Refused(&'static str),
}

/// One endpoint below `/api/v1`.
pub(crate) struct Endpoint {
    /// Whether it is a POST; a GET otherwise.
    pub(crate) post: bool,
    /// Its path below `/api/v1/`.
    pub(crate) path: &'static str,
    /// What a request costs.
    pub(crate) weight: u64,
    pub(crate) access: Access,
    pub(crate) answer: Answer,
    /// What differs from the venue; empty when nothing known does.
    pub(crate) differs: &'static str,
}

const fn row(
    post: bool,
    path: &'static str,
    weight: u64,
    access: Access,
    answer: Answer,
    differs: &'static str,
) -> Endpoint {
    Endpoint { post, path, weight, access, answer, differs }
}

const fn get(
    path: &'static str,
    weight: u64,
    access: Access,
    read: fn(&View<'_>, &Params) -> Result<Json, Refusal>,
    differs: &'static str,
) -> Endpoint {
    row(false, path, weight, access, Answer::Read(read), differs)
}

const fn post(
    path: &'static str,
    weight: u64,
    access: Access,
    write: fn(&mut State, &Params) -> Result<Json, Refusal>,
    differs: &'static str,
) -> Endpoint {
    row(true, path, weight, access, Answer::Write(write), differs)
}

const fn no_get(path: &'static str, access: Access, why: &'static str) -> Endpoint {
    row(false, path, 300, access, Answer::Refused(why), "")
}

const fn no_post(path: &'static str, weight: u64, why: &'static str) -> Endpoint {
    row(true, path, weight, Access::Token, Answer::Refused(why), "")
}

use Access::{Depends, Public, Token};

/// All endpoints, in the order of http.md.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    post("sendTx", 6, Public, transactions::send_tx, ""),
    post("sendTxBatch", 6, Public, transactions::send_tx_batch, ""),
    get("nextNonce", 6, Public, accounts::next_nonce, ""),
    get("apikeys", 150, Public, accounts::api_keys, ""),
    get("tx", 300, Public, transactions::tx, ""),
    get("txs", 300, Public, transactions::txs, "only transactions of accounts, none of the exchange itself"),
    get("accountTxs", 300, Token, transactions::account_txs, ""),
    get("txFromL1TxHash", 50, Public, chain::from_l1, "nothing comes from L1, so nothing is ever found"),
    no_get("block", Public, "blocks are not made; `tx` and `txs` have what ran"),
    no_get("blocks", Public, "blocks are not made; `tx` and `txs` have what ran"),
    no_get("blockTxs", Public, "blocks are not made; `tx` and `txs` have what ran"),
    get("currentHeight", 300, Public, chain::height, ""),
    get(
        "account",
        300,
        Public,
        accounts::account,
        "`active_only` and `cursor` are ignored: the whole list at once",
    ),
    get("accountsByL1Address", 300, Public, accounts::by_l1_address, "the whole list at once"),
    get("accountLimits", 300, Token, accounts::limits, ""),
    get("accountMetadata", 300, Token, accounts::metadata, "names and colours are empty"),
    no_get("l1Metadata", Token, "nothing is kept of L1 addresses"),
    get(
        "pnl",
        300,
        Depends,
        accounts::pnl,
        "realised results and volume only; `count_back` and `ignore_transfers` are ignored",
    ),
    get(
        "positionFunding",
        300,
        Token,
        accounts::position_funding,
        "no rebates; `start_timestamp` and `end_timestamp` are ignored",
    ),
    get("liquidations", 300, Token, accounts::liquidations, ""),
    post("changeAccountTier", 3_000, Token, accounts::change_tier, "takes effect at once"),
    no_get("tokens", Token, "read-only tokens are not kept"),
    no_post("tokens/create", 23_000, "read-only tokens are not kept; sign a token of the account"),
    no_post("tokens/revoke", 3_000, "read-only tokens are not kept"),
    get("getMakerOnlyApiKeys", 300, Token, accounts::maker_only, ""),
    post("setMakerOnlyApiKeys", 300, Token, accounts::set_maker_only, ""),
    no_post("setAccountMetadata", 3_000, "names and colours are not kept"),
    get("accountActiveOrders", 300, Token, orders::active, ""),
    get("accountInactiveOrders", 100, Token, orders::inactive, ""),
    get("accountOrders", 100, Token, orders::by_client_index, ""),
    get(
        "trades",
        600,
        Depends,
        orders::trades,
        "`ask_filter`, `type`, `market_type`, `aggregate` and `skip_*` are ignored; later pages cost as much as the first",
    ),
    no_get("export", Token, "files are not made; page through `trades` and `positionFunding`"),
    get("orderBooks", 300, Public, markets::order_books, ""),
    get("orderBookDetails", 300, Public, markets::details, ""),
    get("orderBookOrders", 300, Public, markets::book_orders, ""),
    get("recentTrades", 600, Public, orders::recent_trades, ""),
    get(
        "candles",
        300,
        Public,
        markets::candles,
        "spans without trades are left out; `set_timestamp_to_end` is ignored; wrong parameters are 20001, not 22400 to 22403",
    ),
    get("markPriceCandles", 300, Public, markets::mark_candles, "begin when the server starts"),
    get("fundings", 300, Public, markets::fundings, ""),
    get(
        "funding-rates",
        300,
        Public,
        |view, _| Ok(markets::funding_rates(view)),
        "rates of this exchange only",
    ),
    get("exchangeStats", 300, Public, |view, _| Ok(markets::exchange_stats(view)), ""),
    no_get("exchangeMetrics", Public, "no metrics are kept; see `exchangeStats`"),
    no_get("executeStats", Public, "no execution statistics are kept"),
    get("assetDetails", 300, Public, |_, _| Ok(markets::assets()), "USDC only"),
    get("systemConfig", 300, Public, |_, _| Ok(markets::system_config()), ""),
    get("announcement", 300, Public, |_, _| Ok(markets::announcements()), "always empty"),
    get("feeTiers", 300, Public, |_, _| Ok(markets::fee_tiers()), ""),
    get("layer1BasicInfo", 300, Public, |_, _| Ok(chain::layer1()), "there is no L1"),
    no_get("tokenlist", Public, "there are no tokens besides USDC; see `assetDetails`"),
    no_get("priceOracleInfo", Public, "prices come from the world file, not from oracles"),
    get("withdraw/history", 300, Token, money::withdrawals, ""),
    get("deposit/history", 300, Token, money::deposits, ""),
    get("transfer/history", 300, Depends, money::transfers, "a token is always asked for; `type` is ignored"),
    row(
        false,
        "deposit/latest",
        100,
        Public,
        Answer::Refused("there is no bridge; `POST /paper/deposit` credits an account"),
        "",
    ),
    get("deposit/networks", 300, Public, |_, _| Ok(ok().put("networks", &[(); 0]).json()), "always empty"),
    no_get("fastbridge/info", Public, "there is no bridge"),
    row(true, "createIntentAddress", 3_000, Public, Answer::Refused("there is no bridge"), ""),
    get("withdrawalDelay", 300, Public, |view, _| Ok(money::withdrawal_delay(view)), ""),
    get("transferFeeInfo", 500, Token, money::transfer_fee, ""),
    get("fastwithdraw/info", 300, Token, money::fast_withdrawal, ""),
    post("fastwithdraw", 3_000, Token, money::withdraw_fast, ""),
    post(
        "notification/ack",
        3_000,
        Token,
        |state, params| accounts::acknowledge(&state.view(), params),
        "not kept",
    ),
    no_get("publicPoolsMetadata", Public, "there are no pools"),
    no_get("referral/points", Token, "there are no referrals"),
    no_get("leaseOptions", Public, "there is no staking"),
    no_get("leases", Token, "there is no staking"),
    no_post("litLease", 300, "there is no staking"),
    no_get("partnerStats", Public, "there are no partners"),
    no_get("syntheticSpotInfo", Public, "there are no spot markets to combine"),
];

/// Finds an endpoint.
pub(crate) fn find(post: bool, path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|row| row.post == post && row.path == path)
}

/// Returns what a request costs on the weighted tiers; what does not exist costs as much as most.
pub(crate) fn weight(path: &str) -> u64 {
    ENDPOINTS.iter().find(|row| row.path == path).map_or(300, |row| row.weight)
}

impl Endpoint {
    /// Answers a request.
    pub(crate) fn answer(&self, state: &mut State, params: &Params) -> Result<Json, Refusal> {
        match self.answer {
            Answer::Read(read) => read(&state.view(), params),
            Answer::Write(write) => write(state, params),
            Answer::Refused(why) => Err(Refusal::not_offered(self.path, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_endpoint_stands_twice() {
        let rows: BTreeSet<_> = ENDPOINTS.iter().map(|row| (row.post, row.path)).collect();
        assert_eq!(rows.len(), ENDPOINTS.len());
    }
}
