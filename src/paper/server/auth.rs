//! Who may read what of an account.

use super::actor::View;
use super::error::Refusal;
use crate::model::{AccountIndex, ApiKeyIndex};
use crate::signing::PublicKey;
use crate::tx::auth::AuthToken;

/// Lets a request through that carries a valid token of `account`, or of its master.
pub(crate) fn authorize(view: &View<'_>, token: Option<&str>, account: AccountIndex) -> Result<(), Refusal> {
    let token = token.ok_or_else(Refusal::no_auth)?;
    check(view, token, account).ok_or_else(Refusal::invalid_auth)
}

/// Returns `None` unless the token is well formed, signed by a registered key, still valid, and of `account`.
pub(crate) fn check(view: &View<'_>, token: &str, account: AccountIndex) -> Option<()> {
    let token = AuthToken::parse(token).ok()?;
    let owner = token.account();
    if owner != account && view.exchange.master(account) != Some(owner) {
        return None;
    }
    let public = key_of(view, owner, token.api_key_index())?;
    token.verify(&public, view.now()).ok()
}

fn key_of(view: &View<'_>, account: AccountIndex, slot: ApiKeyIndex) -> Option<PublicKey> {
    let record = view.exchange.account(account)?;
    let (_, public, _) = record.keys.iter().find(|(index, ..)| *index == slot)?;
    PublicKey::from_bytes(public.as_slice().try_into().ok()?).ok()
}
