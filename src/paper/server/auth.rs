//! Who may read what of an account.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::actor::View;
use super::error::Refusal;
use crate::model::{AccountIndex, ApiKeyIndex, Timestamp};
use crate::signing::PublicKey;
use crate::tx::auth::AuthToken;

/// How many tokens are kept before all are forgotten.
const TOKENS_MAX: usize = 4_096;

/// Tokens whose signatures were verified: a client shows the same one for hours, with every request.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<BTreeSet<([u8; 40], String)>>);

impl Tokens {
    /// Returns `None` unless the token is `key`'s and still valid at `now`.
    fn verify(&self, text: &str, claim: &AuthToken, key: &PublicKey, now: Timestamp) -> Option<()> {
        let seen = (key.to_bytes(), text.to_owned());
        if self.seen().contains(&seen) {
            return claim.verify_deadline(now).ok();
        }
        claim.verify(key, now).ok()?;
        let mut tokens = self.seen();
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(seen);
        Some(())
    }

    fn seen(&self) -> MutexGuard<'_, BTreeSet<([u8; 40], String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a request through that carries a valid token of `account`, or of its master.
pub(crate) fn authorize(view: &View<'_>, token: Option<&str>, account: AccountIndex) -> Result<(), Refusal> {
    let token = token.ok_or_else(Refusal::no_auth)?;
    check(view, token, account).ok_or_else(Refusal::invalid_auth)
}

/// Returns `None` unless the token is well formed, signed by a registered key, still valid, and of `account`.
pub(crate) fn check(view: &View<'_>, token: &str, account: AccountIndex) -> Option<()> {
    let claim = AuthToken::parse(token).ok()?;
    let owner = claim.account();
    if owner != account && view.exchange.master(account) != Some(owner) {
        return None;
    }
    let public = key_of(view, owner, claim.api_key_index())?;
    view.tokens.verify(token, &claim, &public, view.now())
}

fn key_of(view: &View<'_>, account: AccountIndex, slot: ApiKeyIndex) -> Option<PublicKey> {
    let record = view.exchange.account(account)?;
    let (_, public, _) = record.keys.iter().find(|(index, ..)| *index == slot)?;
    PublicKey::from_bytes(public.as_slice().try_into().ok()?).ok()
}
