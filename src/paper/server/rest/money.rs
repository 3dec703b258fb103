//! Withdrawals, deposits and transfers.

use super::{Params, ok, transactions};
use crate::model::{AccountIndex, WithdrawStatus};
use crate::paper::exchange::ApiError;
use crate::paper::server::actor::{State, View};
use crate::paper::server::auth::authorize;
use crate::paper::server::error::Refusal;
use crate::paper::server::json::{Json, object};
use crate::paper::server::wire;
use crate::tx::{Envelope, Tx};

/// Rows of a history page; the endpoints take no limit.
const PAGE: usize = 100;
/// The type of a transfer.
const TRANSFER: u8 = 12;

pub(super) fn withdrawals(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    let mut rows = view.exchange.withdrawals(account);
    match params.text("filter").unwrap_or("all") {
        "pending" => rows.retain(|row| row.status == WithdrawStatus::Pending),
        "claimable" => rows.retain(|row| row.status == WithdrawStatus::Claimable),
        _ => {}
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let (page, next) = params.page(rows, PAGE)?;
    let rows: Vec<Json> = page.iter().map(wire::withdrawal).collect();
    Ok(ok().put("withdraws", &rows).put("cursor", &next).json())
}

pub(super) fn deposits(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (account, address) = (params.account()?, params.required("l1_address")?);
    authorize(view, params.token(), account)?;
    let record = view.exchange.account(account).ok_or_else(Refusal::account_not_found)?;
    // Money is there at once, so nothing is ever pending or waits to be claimed; and only the owner deposits.
    let rows = match params.text("filter").unwrap_or("all") {
        "pending" | "claimable" => Vec::new(),
        _ if !record.l1_address.eq_ignore_ascii_case(address) => Vec::new(),
        _ => view.exchange.deposits(account),
    };
    let (page, next) = params.page(rows, PAGE)?;
    let rows: Vec<Json> = page.iter().map(wire::deposit).collect();
    Ok(ok().put("deposits", &rows).put("cursor", &next).json())
}

pub(super) fn transfers(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    let mut rows = view.exchange.transfers(account);
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let owner = |index: AccountIndex| {
        view.exchange.account(index).map(|record| record.l1_address).unwrap_or_default()
    };
    let (page, next) = params.page(rows, PAGE)?;
    let rows: Vec<Json> =
        page.iter().map(|row| wire::transfer(row, account, &owner(row.from), &owner(row.to))).collect();
    Ok(ok().put("transfers", &rows).put("cursor", &next).json())
}

/// The one answer under `/api/v1` without a `code`.
pub(super) fn withdrawal_delay(view: &View<'_>) -> Json {
    object! { "seconds": view.exchange.withdrawal_delay().as_secs() }
}

pub(super) fn transfer_fee(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let from = params.account()?;
    authorize(view, params.token(), from)?;
    let to = params.int("to_account_index")?.filter(|to| *to >= 0).map(AccountIndex::new);
    Ok(ok().put("transfer_fee_usdc", &view.exchange.transfer_fee(from, to)).json())
}

pub(super) fn fast_withdrawal(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    let terms = view.exchange.fast_withdrawal_terms(account).ok_or_else(Refusal::account_not_found)?;
    Ok(ok()
        .put("to_account_index", &terms.to)
        .put("withdraw_limit", &wire::usdc(terms.limit))
        .put("max_withdrawal_amount", &wire::usdc(terms.max))
        .json())
}

/// Takes a transfer to the bridge in, whose memo names the address that is paid out.
pub(super) fn withdraw_fast(state: &mut State, params: &Params) -> Result<Json, Refusal> {
    let (tx_info, to_address) = (params.required("tx_info")?, params.required("to_address")?);
    let (envelope, ..) = Envelope::parse(TRANSFER, tx_info).map_err(|_| Refusal::invalid_tx_info())?;
    let Tx::Transfer(body) = &envelope.tx else { return Err(Refusal::invalid_tx_info()) };
    authorize(&state.view(), params.token(), envelope.account())?;
    let terms = state.exchange().fast_withdrawal_terms(envelope.account());
    if terms.is_none_or(|terms| terms.to.get() != body.to_account_index) {
        return Err(Refusal::Api(ApiError { code: 21106, message: "invalid ToAccount".to_owned() }));
    }
    if memo_of(to_address) != Some(body.memo) {
        return Err(Refusal::param("to_address is not the memo's"));
    }
    Ok(transactions::send(state, TRANSFER, tx_info, true)?.single(ok()).json())
}

/// Returns the memo that names an address: its 20 bytes, then zeros.
fn memo_of(address: &str) -> Option<[u8; 32]> {
    let mut memo = [0; 32];
    hex::decode_to_slice(address.strip_prefix("0x")?, memo.get_mut(..20)?).ok()?;
    Some(memo)
}
