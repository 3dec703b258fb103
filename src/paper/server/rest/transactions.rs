//! Sending transactions and looking them up.

use super::{Params, ok};
use crate::model::{AccountIndex, Timestamp, TxHash};
use crate::paper::exchange::{ApiError, Caller, Exchange, Submitted, Traffic, TxRecord};
use crate::paper::server::actor::{State, View};
use crate::paper::server::auth::authorize;
use crate::paper::server::error::Refusal;
use crate::paper::server::json::{Json, Object};
use crate::paper::server::wire;
use crate::tx::{Envelope, Tx};

/// What the venue says about the volume quota of those who have none.
const QUOTA: &str = r#"{"ratelimit": "didn't use volume quota"}"#;

/// Transactions that the exchange took in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Their hashes, in input order.
    pub(crate) hashes: Vec<TxHash>,
    /// When the last of them executes.
    pub(crate) executes_at: Timestamp,
    /// What is left of the sender's volume quota, if its tier has one.
    pub(crate) volume_quota: Option<u64>,
}

impl Sent {
    fn of(taken: &[Submitted], volume_quota: Option<u64>) -> Self {
        Self {
            volume_quota,
            hashes: taken.iter().map(|tx| tx.hash).collect(),
            executes_at: taken.iter().map(|tx| tx.executes_at).max().unwrap_or_default(),
        }
    }

    /// Adds the answer of a single transaction.
    pub(crate) fn single(&self, object: Object) -> Object {
        self.finish(object, &self.hashes.first())
    }

    /// Adds the answer of a batch.
    pub(crate) fn batch(&self, object: Object) -> Object {
        self.finish(object, &self.hashes)
    }

    fn finish<T: serde::Serialize>(&self, object: Object, hash: &T) -> Object {
        object
            .put("message", QUOTA)
            .put("tx_hash", hash)
            .put("predicted_execution_time_ms", &self.executes_at)
            .maybe("volume_quota_remaining", self.volume_quota)
    }
}

/// Returns who sends a transaction and what it counts as; `None` for text that names no account, which the exchange
/// refuses anyway.
fn traffic<'a>(exchange: &'a Exchange, tx_type: u8, tx_info: &str) -> Option<(Caller<'a>, Traffic)> {
    let (envelope, ..) = Envelope::parse(tx_type, tx_info).ok()?;
    let caller = exchange.caller(envelope.account())?;
    let bridge = exchange.fast_withdrawal_terms(envelope.account()).map(|terms| terms.to);
    let to = match &envelope.tx {
        Tx::Transfer(body) => Some(AccountIndex::new(body.to_account_index)),
        _ => None,
    };
    let fast = to.is_some() && to == bridge;
    Some((caller, if fast { Traffic::FastWithdrawal } else { Traffic::Transaction(tx_type) }))
}

/// Books transactions, hands them in, and takes the booking back when they are refused: the signature is checked only
/// then, and nobody may use up the limits of an account whose key is not theirs.
fn booked<T>(
    state: &mut State,
    txs: &[(u8, &str)],
    work: impl FnOnce(&mut State) -> Result<T, ApiError>,
) -> Result<(T, Option<u64>), Refusal> {
    let now = state.exchange().now();
    let (mut quota, mut fits) = (None, Ok(()));
    let mut counted = 0;
    for (tx_type, tx_info) in txs {
        if let Some((caller, traffic)) = traffic(state.exchange(), *tx_type, tx_info) {
            match state.limits.transaction(now, &caller, traffic) {
                Ok(left) => quota = left,
                Err(error) => {
                    fits = Err(error);
                    break;
                }
            }
        }
        counted += 1;
    }
    let result = fits.and_then(|()| work(state));
    if result.is_err() {
        for (tx_type, tx_info) in txs.iter().take(counted) {
            if let Some((caller, traffic)) = traffic(state.exchange(), *tx_type, tx_info) {
                state.limits.give_back(now, &caller, traffic);
            }
        }
    }
    Ok((result?, quota))
}

/// Hands one transaction to the exchange.
pub(crate) fn send(
    state: &mut State,
    tx_type: u8,
    tx_info: &str,
    price_protection: bool,
) -> Result<Sent, Refusal> {
    let submit = |state: &mut State| state.sim.submit(tx_type, tx_info, price_protection);
    let (taken, quota) = booked(state, &[(tx_type, tx_info)], submit)?;
    Ok(Sent::of(&[taken], quota))
}

/// Reads the two JSON texts of a batch.
pub(crate) fn read_batch(types: &str, infos: &str) -> Result<Vec<(u8, String)>, Refusal> {
    let types: Vec<u8> = serde_json::from_str(types).map_err(|_| Refusal::param("tx_types"))?;
    let infos: Vec<String> = serde_json::from_str(infos).map_err(|_| Refusal::param("tx_infos"))?;
    if types.len() != infos.len() {
        return Err(Refusal::unequal_batch());
    }
    Ok(types.into_iter().zip(infos).collect())
}

/// Hands a batch to the exchange.
pub(crate) fn send_batch(state: &mut State, txs: &[(u8, &str)]) -> Result<Sent, Refusal> {
    let (taken, quota) = booked(state, txs, |state| state.sim.submit_batch(txs))?;
    Ok(Sent::of(&taken, quota))
}

/// Answers as if the transactions had been taken in, and forgets them: the black hole of a fault test.
pub(crate) fn lose(state: &State, txs: &[(u8, &str)]) -> Result<Sent, Refusal> {
    let chain_id = state.exchange().config().chain_id;
    let hash = |(tx_type, info): &(u8, &str)| {
        let (envelope, ..) = Envelope::parse(*tx_type, info).map_err(|_| Refusal::invalid_tx_info())?;
        Ok(envelope.tx_hash(chain_id))
    };
    let hashes = txs.iter().map(hash).collect::<Result<_, Refusal>>()?;
    Ok(Sent { hashes, executes_at: state.exchange().now(), volume_quota: None })
}

/// Answers a lost request of either endpoint.
pub(crate) fn lose_request(state: &State, params: &Params) -> Result<Json, Refusal> {
    if let (Some(types), Some(infos)) = (params.text("tx_types"), params.text("tx_infos")) {
        let batch = read_batch(types, infos)?;
        let batch: Vec<(u8, &str)> = batch.iter().map(|(kind, info)| (*kind, info.as_str())).collect();
        return Ok(lose(state, &batch)?.batch(ok()).json());
    }
    let tx = (params.required_int("tx_type")?, params.required("tx_info")?);
    Ok(lose(state, &[tx])?.single(ok()).json())
}

pub(super) fn send_tx(state: &mut State, params: &Params) -> Result<Json, Refusal> {
    let tx_type = params.required_int("tx_type")?;
    let tx_info = params.required("tx_info")?;
    let sent = send(state, tx_type, tx_info, params.switch("price_protection", true))?;
    Ok(sent.single(ok()).json())
}

pub(super) fn send_tx_batch(state: &mut State, params: &Params) -> Result<Json, Refusal> {
    let batch = read_batch(params.required("tx_types")?, params.required("tx_infos")?)?;
    let batch: Vec<(u8, &str)> = batch.iter().map(|(kind, info)| (*kind, info.as_str())).collect();
    Ok(send_batch(state, &batch)?.batch(ok()).json())
}

fn owner_of(view: &View<'_>, tx: &TxRecord) -> String {
    view.exchange.account(tx.account).map(|record| record.l1_address).unwrap_or_default()
}

pub(super) fn tx(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let value = params.required("value")?;
    let found = match params.required("by")? {
        "hash" => {
            let hash =
                value.trim_start_matches("0x").parse().map_err(|_| Refusal::transaction_not_found())?;
            view.exchange.transaction(&hash).cloned()
        }
        "sequence_index" => {
            let sequence: u64 = value.parse().map_err(|_| Refusal::param("value is not a number"))?;
            view.exchange.transaction_at(sequence).cloned()
        }
        _ => return Err(Refusal::param("by")),
    };
    let found = found.ok_or_else(Refusal::transaction_not_found)?;
    Ok(wire::transaction(&found, &owner_of(view, &found)))
}

fn listed(view: &View<'_>, params: &Params, mut txs: Vec<TxRecord>) -> Result<Json, Refusal> {
    let limit = params.limit(100)?;
    if let Some(start) = params.int::<u64>("index")? {
        txs.retain(|tx| tx.sequence <= start);
    }
    let rows: Vec<Json> =
        txs.iter().take(limit).map(|tx| wire::transaction_row(tx, &owner_of(view, tx))).collect();
    Ok(ok().put("txs", &rows).json())
}

pub(super) fn txs(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (start, limit) = (params.int::<u64>("index")?, params.limit(100)?);
    listed(view, params, view.exchange.transactions_to(start.unwrap_or(u64::MAX), limit))
}

pub(super) fn account_txs(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    if params.required("by")? != "account_index" {
        return Err(Refusal::param("by"));
    }
    let account = AccountIndex::new(params.required_int("value")?);
    authorize(view, params.token(), account)?;
    let types = params.list("types");
    let mut txs = view.exchange.account_transactions(account, usize::MAX);
    txs.retain(|tx| types.is_empty() || types.contains(&tx.tx_type.to_string().as_str()));
    listed(view, params, txs)
}
