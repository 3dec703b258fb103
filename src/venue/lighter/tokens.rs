//! Auth tokens: made from the accounts' own keys, kept while fresh, renewed long before they end (F-26).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::{AccountIndex, Timestamp};
use crate::rt::Clock;
use crate::venue::Credential;

/// How long a token lives. The venue allows 8 h; half of it leaves room for a clock that is hours wrong.
const LIFETIME: Duration = Duration::from_secs(4 * 3_600);

/// A token with less time than this left is replaced.
const RENEW_BEFORE: Duration = Duration::from_secs(3_600);

/// A token and when it must be replaced.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: String,
    /// In venue time.
    pub(super) renew_at: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(redacted, until {})", self.renew_at)
    }
}

/// Makes tokens and keeps them.
#[derive(Debug)]
pub(super) struct Tokens {
    credentials: Vec<Credential>,
    clock: Clock,
    kept: Mutex<BTreeMap<AccountIndex, Token>>,
}

impl Tokens {
    pub(super) fn new(credentials: Vec<Credential>, clock: Clock) -> Self {
        Self { credentials, clock, kept: Mutex::default() }
    }

    /// Returns a fresh token of `account`; `None` when no key of it is here.
    pub(super) fn get(&self, account: AccountIndex) -> Option<Token> {
        let credential = self.credentials.iter().find(|credential| credential.account == account)?;
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.get(&account).filter(|token| token.renew_at > now) {
            return Some(token.clone());
        }
        let deadline = now.after(LIFETIME);
        let renew_at = deadline.before(RENEW_BEFORE);
        let token = Token { text: credential.token(deadline), renew_at };
        kept.insert(account, token.clone());
        Some(token)
    }

    /// Forgets the kept token of `account`, because the venue did not take it.
    pub(super) fn forget(&self, account: AccountIndex) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }
}
