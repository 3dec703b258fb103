//! The API stage: what is checked before an answer (http.md §4).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Exchange;
use super::api::{ApiError, ExchangeEvent, Submitted, TxOutcome, TxRecord};
use super::sequencer::PendingTx;
use crate::model::{AccountIndex, ApiKeyIndex, ClientOrderIndex, Nonce, Timestamp};
use crate::signing::{PublicKey, Signature};
use crate::tx::{Attribute, Envelope, Tx};

/// Largest batch.
const BATCH_MAX: usize = 50;
/// Most transactions that may wait for execution, of all accounts.
const PENDING_MAX: usize = 10_000;
/// How many transactions can be looked up by hash, of all accounts; older ones are forgotten, as memory must not grow
/// The longest `tx_info`; the longest that a signer makes, a group of three, has under 2 KiB.
const TX_INFO_MAX: usize = 8 * 1_024;
/// for good.
const TXS_MAX: usize = 100_000;
/// Largest nonce with the skip attribute.
const SKIP_NONCE_MAX: i64 = (1 << 47) - 1;

impl Exchange {
    /// Takes a signed transaction in, or refuses it; a refusal uses no nonce and changes nothing.
    ///
    /// `price_protection` switches the price bands of rules.md §3.2.
    ///
    /// # Errors
    ///
    /// The venue's code and text (rules.md §10).
    pub fn submit(
        &mut self,
        tx_type: u8,
        tx_info: &str,
        price_protection: bool,
    ) -> Result<Submitted, ApiError> {
        let checked = self.check_one(tx_type, tx_info, price_protection, None)?;
        Ok(self.take_in(checked, tx_info))
    }

    /// Takes a batch in, or refuses it as a whole; its entries then execute one by one.
    ///
    /// # Errors
    ///
    /// As [`Exchange::submit`], and 21121, 21105 and 21514 for the batch itself.
    pub fn submit_batch(&mut self, txs: &[(u8, &str)]) -> Result<Vec<Submitted>, ApiError> {
        if txs.len() > BATCH_MAX {
            return Err(ApiError::of(21514));
        }
        let mut checked: Vec<Envelope> = Vec::with_capacity(txs.len());
        for (tx_type, info) in txs {
            let before = checked.last();
            let next = self.check_one(*tx_type, info, true, before)?;
            checked.push(next);
        }
        Ok(checked.into_iter().zip(txs).map(|(envelope, (_, info))| self.take_in(envelope, info)).collect())
    }

    /// `before` is the transaction that stands before this one in its batch.
    fn check_one(
        &self,
        tx_type: u8,
        tx_info: &str,
        price_protection: bool,
        before: Option<&Envelope>,
    ) -> Result<Envelope, ApiError> {
        // Unknown fields are let through, and the text is kept: nobody may make it long.
        if tx_info.len() > TX_INFO_MAX {
            return Err(ApiError::of(21501));
        }
        let (envelope, signature, l1_sig) =
            Envelope::parse(tx_type, tx_info).map_err(|error| ApiError::of(error.code()))?;
        let (account, key) = (envelope.account(), envelope.api_key_index());
        if before.is_some_and(|before| (before.account(), before.api_key_index()) != (account, key)) {
            return Err(ApiError::of(21121));
        }
        if !self.accounts.contains_key(&account) {
            return Err(ApiError::of(21100));
        }
        self.check_signature(&envelope, &signature)?;
        match before {
            Some(before) if envelope.nonce != before.nonce + 1 => return Err(ApiError::of(21105)),
            Some(_) => {}
            None => check_nonce(&envelope, self.expected_nonce(account, key))?,
        }
        if envelope.expired_at <= self.now.as_millis() {
            return Err(ApiError::of(21711));
        }
        if self.pending.len() >= PENDING_MAX {
            return Err(ApiError::of(21506));
        }
        self.check_body(&envelope, l1_sig.as_deref(), price_protection)?;
        Ok(envelope)
    }

    /// A key change is signed by the new key, everything else by the registered one.
    fn check_signature(&self, envelope: &Envelope, signature: &Signature) -> Result<(), ApiError> {
        let registered = self
            .accounts
            .get(&envelope.account())
            .and_then(|account| account.keys.get(&envelope.api_key_index()))
            .map(|key| key.public.as_slice());
        let bytes: [u8; 40] = match &envelope.tx {
            // Revoking a slot needs no signature of a key that is not there.
            Tx::ChangePubKey(change) if change.pub_key == [0; 40] => return Ok(()),
            Tx::ChangePubKey(change) => change.pub_key,
            _ => {
                registered.ok_or_else(|| ApiError::of(21109))?.try_into().map_err(|_| ApiError::of(21108))?
            }
        };
        if !self.check_signatures {
            return Ok(());
        }
        let public = PublicKey::from_bytes(&bytes).map_err(|_| ApiError::of(21108))?;
        if envelope.verify(self.config.chain_id, &public, signature) {
            Ok(())
        } else {
            Err(ApiError::of(21120))
        }
    }

    /// Returns the nonce that the next submission of a key must have: what is accepted but not executed counts.
    pub(super) fn expected_nonce(&self, account: AccountIndex, key: ApiKeyIndex) -> i64 {
        let queued = self.inflight.keys.get(&(account, key)).map(|row| row.next_nonce);
        queued.unwrap_or_else(|| self.next_nonce(account, key).get())
    }

    /// Returns how long a transaction waits (rules.md §9). An order is a maker's when it is post-only: whether another
    /// one will take is not known before it runs. What a maker-only key sends never waits.
    fn delay(&self, account: AccountIndex, key: ApiKeyIndex, tx: &Tx) -> Duration {
        let delays = self.accounts.get(&account).map(|row| row.tier.delays(row.lit_stake));
        let Some(delays) = delays.filter(|_| !self.is_maker_only(account, key)) else {
            return Duration::ZERO;
        };
        let post_only = |orders: &[crate::tx::OrderSpec]| orders.iter().all(|order| order.time_in_force == 2);
        match tx {
            Tx::CreateOrder(body) if post_only(std::slice::from_ref(&body.order)) => delays.maker,
            Tx::CreateGroupedOrders(body) if post_only(&body.orders) => delays.maker,
            Tx::CreateOrder(_) | Tx::CreateGroupedOrders(_) | Tx::ModifyOrder(_) => delays.taker,
            _ => delays.other,
        }
    }

    fn take_in(&mut self, envelope: Envelope, tx_info: &str) -> Submitted {
        let (account, key) = (envelope.account(), envelope.api_key_index());
        let hash = envelope.tx_hash(self.config.chain_id);
        let mut executes_at = self.now.after(self.delay(account, key, &envelope.tx));
        // One key's transactions never overtake each other, whatever their delays: their nonces would die.
        if let Some(row) = self.inflight.keys.get(&(account, key)) {
            executes_at = executes_at.max(row.last_at);
        }
        self.inflight.enter(&envelope, executes_at);
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let record = TxRecord {
            cancelled: None,
            hash,
            tx_type: envelope.tx_type(),
            info: tx_info.to_owned(),
            account,
            api_key_index: key,
            nonce: Nonce::new(envelope.nonce),
            expire_at: Timestamp::from_millis(envelope.expired_at),
            queued_at: self.now,
            executed_at: None,
            sequence,
            outcome: TxOutcome::Pending,
        };
        self.pending.insert((executes_at, sequence), PendingTx { hash, account, envelope });
        self.remember_tx(record.clone());
        if let Some(row) = self.accounts.get_mut(&account) {
            super::Account::remember(&mut row.txs, hash);
        }
        self.events.push(ExchangeEvent::Tx(record));
        Submitted { hash, executes_at }
    }

    /// Keeps a transaction for look-ups, and forgets the oldest one when there are too many.
    pub(super) fn remember_tx(&mut self, record: TxRecord) {
        self.tx_order.insert(record.sequence, record.hash);
        // The same bytes may come in again after a refusal that left their nonce free.
        if let Some(earlier) = self.txs.insert(record.hash, record) {
            self.tx_order.remove(&earlier.sequence);
        }
        if self.tx_order.len() > TXS_MAX
            && let Some((_, oldest)) = self.tx_order.pop_first()
        {
            self.txs.remove(&oldest);
        }
    }
}

/// What is accepted and has not been executed, by what the checks ask for; derived from the pending transactions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inflight {
    keys: BTreeMap<(AccountIndex, ApiKeyIndex), KeyQueue>,
    /// Client order indices of creates, with how many transactions name them.
    clients: BTreeMap<(AccountIndex, i64), u32>,
}

/// What one key has in flight.
#[derive(Clone, Copy, Debug)]
struct KeyQueue {
    count: u32,
    next_nonce: i64,
    last_at: Timestamp,
}

impl Inflight {
    fn enter(&mut self, envelope: &Envelope, at: Timestamp) {
        let account = envelope.account();
        let next_nonce = envelope.nonce.saturating_add(1);
        let row = self.keys.entry((account, envelope.api_key_index()));
        let row = row.or_insert(KeyQueue { count: 0, next_nonce, last_at: at });
        row.count += 1;
        row.next_nonce = row.next_nonce.max(next_nonce);
        row.last_at = row.last_at.max(at);
        for client in created_clients(&envelope.tx) {
            *self.clients.entry((account, client)).or_default() += 1;
        }
    }

    /// Takes out a transaction that is about to be executed.
    pub(super) fn leave(&mut self, envelope: &Envelope) {
        let account = envelope.account();
        let key = (account, envelope.api_key_index());
        if let Some(row) = self.keys.get_mut(&key) {
            row.count -= 1;
            if row.count == 0 {
                self.keys.remove(&key);
            }
        }
        for client in created_clients(&envelope.tx) {
            if let Some(count) = self.clients.get_mut(&(account, client)) {
                *count -= 1;
                if *count == 0 {
                    self.clients.remove(&(account, client));
                }
            }
        }
    }

    /// Returns whether a create that waits names a client order index.
    pub(super) fn names(&self, account: AccountIndex, client: ClientOrderIndex) -> bool {
        i64::try_from(client.get()).is_ok_and(|client| self.clients.contains_key(&(account, client)))
    }
}

/// Returns the client order indices that a transaction gives to orders.
fn created_clients(tx: &Tx) -> impl Iterator<Item = i64> + '_ {
    let orders = match tx {
        Tx::CreateOrder(body) => std::slice::from_ref(&body.order),
        Tx::CreateGroupedOrders(body) => &body.orders,
        _ => &[],
    };
    orders.iter().map(|order| order.client_order_index).filter(|client| *client != 0)
}

/// Judges a nonce against the one that is expected (transactions.md §9).
pub(super) fn check_nonce(envelope: &Envelope, expected: i64) -> Result<(), ApiError> {
    let skips = envelope.attributes.has(Attribute::SkipTxNonce);
    let fits = if skips {
        (expected..=SKIP_NONCE_MAX).contains(&envelope.nonce)
    } else {
        envelope.nonce == expected
    };
    if fits { Ok(()) } else { Err(ApiError::of(21104)) }
}
