//! Auth tokens: `deadline:account:key:signature`, for endpoints that show what is an account's own.

use std::time::Duration;

use crate::model::{AccountIndex, ApiKeyIndex, Timestamp};
use crate::signing::{Digest, Goldilocks, PrivateKey, PublicKey, Signature, hash_elements};

/// How far ahead a deadline may be.
pub const MAX_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// Why a token does not open the door; to the venue all of them are 20013 "invalid auth".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Not `deadline:account:key:signature` with decimal numbers and 160 lower-case hexadecimal digits.
    #[error("not a token of the form `deadline:account:key:signature`")]
    Malformed,
    /// The deadline has come.
    #[error("the token has expired")]
    Expired,
    /// The deadline is more than eight hours ahead.
    #[error("the token's deadline is too far ahead")]
    TooFarAhead,
    /// The signature is not the key's.
    #[error("the token's signature is not the key's")]
    BadSignature,
}

/// A token that was read, but not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthToken {
    deadline_s: i64,
    account: AccountIndex,
    api_key_index: ApiKeyIndex,
    /// What the signature is for, as it was spelled.
    message: String,
    signature: Signature,
}

impl AuthToken {
    /// Makes a token that is good until `deadline`, cut to whole seconds.
    pub fn make(
        key: &PrivateKey,
        account: AccountIndex,
        api_key_index: ApiKeyIndex,
        deadline: Timestamp,
    ) -> String {
        let deadline_s = deadline.as_millis().div_euclid(1_000);
        let message = format!("{deadline_s}:{account}:{api_key_index}");
        let signature = key.sign(&digest_of(&message));
        format!("{message}:{}", hex::encode(signature.to_bytes()))
    }

    /// Reads a token. The read-only ones (`ro:…`), which a venue issues and remembers itself, are none of these.
    ///
    /// # Errors
    ///
    /// [`AuthError::Malformed`].
    pub fn parse(token: &str) -> Result<Self, AuthError> {
        let (message, signature) = token.rsplit_once(':').ok_or(AuthError::Malformed)?;
        let [deadline_s, account, api_key_index] =
            message.split(':').collect::<Vec<_>>().try_into().map_err(|_| AuthError::Malformed)?;
        Ok(Self {
            deadline_s: number(deadline_s)?,
            account: AccountIndex::new(number(account)?),
            api_key_index: ApiKeyIndex::new(number(api_key_index)?),
            message: message.to_owned(),
            signature: signature_from_hex(signature).ok_or(AuthError::Malformed)?,
        })
    }

    /// Returns whose it is.
    pub const fn account(&self) -> AccountIndex {
        self.account
    }

    /// Returns the slot of the key that signed it.
    pub const fn api_key_index(&self) -> ApiKeyIndex {
        self.api_key_index
    }

    /// Returns when it ends.
    pub const fn deadline(&self) -> Timestamp {
        Timestamp::from_millis(self.deadline_s.saturating_mul(1_000))
    }

    /// Checks deadline and signature; `key` is the one registered at the token's slot.
    ///
    /// # Errors
    ///
    /// [`AuthError`] other than `Malformed`.
    pub fn verify(&self, key: &PublicKey, now: Timestamp) -> Result<(), AuthError> {
        self.verify_deadline(now)?;
        if !key.verify(&digest_of(&self.message), &self.signature) {
            return Err(AuthError::BadSignature);
        }
        Ok(())
    }

    /// Checks the deadline only, of a token whose signature was verified before.
    ///
    /// # Errors
    ///
    /// [`AuthError::Expired`] or [`AuthError::TooFarAhead`].
    pub fn verify_deadline(&self, now: Timestamp) -> Result<(), AuthError> {
        if self.deadline() <= now {
            return Err(AuthError::Expired);
        }
        if self.deadline().since(now) > MAX_LIFETIME {
            return Err(AuthError::TooFarAhead);
        }
        Ok(())
    }
}

/// Reads a number that is spelled with digits only.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, AuthError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AuthError::Malformed);
    }
    text.parse().map_err(|_| AuthError::Malformed)
}

fn signature_from_hex(text: &str) -> Option<Signature> {
    let lower_case = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; 80];
    hex::decode_to_slice(text, &mut bytes).ok().filter(|()| lower_case)?;
    Some(Signature::from_bytes(&bytes))
}

/// Hashes a text, eight bytes to an element, zeros at the end. Text is ASCII here, so every word is below the modulus.
fn digest_of(message: &str) -> Digest {
    let element = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        Goldilocks::new(u64::from_le_bytes(word))
    };
    let elements: Vec<_> = message.as_bytes().chunks(8).map(element).collect();
    hash_elements(&elements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx::vectors::{rows, text};

    const NOW: Timestamp = Timestamp::from_millis(1_795_370_000_000);

    fn own(deadline: Timestamp) -> (AuthToken, PublicKey) {
        let key = PrivateKey::from_seed("auth", 1, 2);
        let token = AuthToken::make(&key, AccountIndex::new(1_001), ApiKeyIndex::new(4), deadline);
        (AuthToken::parse(&token).unwrap(), key.public_key())
    }

    #[test]
    fn the_message_is_hashed_as_the_venue_does() {
        let expected = "dff838b59dee58b69afb5475a2ba9dddda5413227360e0148f9f286cd1dac2d9a3adbd6795e45bed";
        assert_eq!(hex::encode(digest_of("1795374757:1:239").to_bytes()), expected);
    }

    #[test]
    fn official_tokens_verify() {
        let rows = rows("auth_tokens.jsonl");
        assert!(rows.len() >= 24);
        for row in rows {
            let token = AuthToken::parse(text(&row, "token")).unwrap();
            assert_eq!(Some(token.account().get()), row["account_index"].as_i64());
            assert_eq!(Some(u64::from(token.api_key_index().get())), row["api_key_index"].as_u64());
            assert_eq!(Some(token.deadline().as_millis() / 1_000), row["deadline"].as_i64());
            let key = PublicKey::from_hex(text(&row, "public_key")).unwrap();
            let before = token.deadline().before(Duration::from_secs(60));
            assert_eq!(token.verify(&key, before), Ok(()), "{row}");
            let other = PrivateKey::from_seed("auth", 0, 0).public_key();
            assert_eq!(token.verify(&other, before), Err(AuthError::BadSignature));
        }
    }

    #[test]
    fn own_tokens_verify_until_their_deadline() {
        let (token, key) = own(NOW.after(MAX_LIFETIME));
        assert_eq!(token.verify(&key, NOW), Ok(()));
        assert_eq!(token.verify(&key, token.deadline()), Err(AuthError::Expired));
        assert_eq!(token.verify(&key, NOW.before(Duration::from_secs(1))), Err(AuthError::TooFarAhead));
        let (mut forged, key) = own(NOW.after(Duration::from_secs(60)));
        forged.message = forged.message.replace("1001", "1002");
        assert_eq!(forged.verify(&key, NOW), Err(AuthError::BadSignature));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = AuthToken::make(
            &PrivateKey::from_seed("auth", 1, 2),
            AccountIndex::new(1),
            ApiKeyIndex::new(4),
            NOW,
        );
        assert!(AuthToken::parse(&good).is_ok());
        let (numbers, signature) = good.rsplit_once(':').unwrap();
        for bad in [
            String::new(),
            numbers.to_owned(),
            format!("{good}0"),
            format!("ro:{good}"),
            format!(" {good}"),
            format!("{numbers}:{}", signature.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")),
            format!("+1:1:4:{signature}"),
            format!("-1:1:4:{signature}"),
            format!("1:1:256:{signature}"),
            format!("1::4:{signature}"),
            format!("1:1:4:{}", &signature[2..]),
        ] {
            let read = AuthToken::parse(&bad);
            assert!(matches!(read, Err(AuthError::Malformed)), "`{bad}` {read:?}");
        }
    }
}
