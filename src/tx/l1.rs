//! L1 messages: what an account's Ethereum key signs (EIP-191) for key changes, transfers and integrators.

use std::fmt;
use std::str::FromStr;

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use sha3::{Digest as _, Keccak256};
use zeroize::Zeroizing;

use super::envelope::{Envelope, Tx};
use super::types::{ApproveIntegrator, ChangePubKey, Transfer};
use crate::signing::PrivateKey;

/// Why an L1 key, address or signature is refused. Never says what the text was: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L1Error {
    /// Not a private key: 64 hexadecimal digits of a number from 1 to the group's order − 1.
    #[error("not an Ethereum private key of 64 hexadecimal digits")]
    Key,
    /// Not an address, or one whose upper-case letters do not match its checksum.
    #[error("not an Ethereum address")]
    Address,
    /// Not a signature: `0x` and 130 hexadecimal digits, ending with 1b or 1c.
    #[error("not an L1 signature")]
    Signature,
}

/// An Ethereum address; printed with the checksum of EIP-55, as the venue does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// Wraps 20 bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Returns the 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    fn of(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        // The first byte says that the point is uncompressed.
        let hash = Keccak256::digest(&point.as_bytes()[1..]);
        Self(std::array::from_fn(|i| hash[12 + i]))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let checksum = hex::encode(Keccak256::digest(&digits));
        f.write_str("0x")?;
        digits.chars().zip(checksum.chars()).try_for_each(|(digit, check)| {
            let upper = check >= '8';
            write!(f, "{}", if upper { digit.to_ascii_uppercase() } else { digit })
        })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = L1Error;

    /// Reads an address of one case, or of both with the right checksum.
    fn from_str(text: &str) -> Result<Self, L1Error> {
        let digits = text.strip_prefix("0x").ok_or(L1Error::Address)?;
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| L1Error::Address)?;
        let address = Self(bytes);
        let has = |test: fn(&char) -> bool| digits.chars().any(|c| test(&c));
        let mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
        if mixed && address.to_string() != text { Err(L1Error::Address) } else { Ok(address) }
    }
}

/// An Ethereum private key. Erased when dropped; its `Debug` form shows nothing.
#[derive(Clone)]
pub struct EthKey(SigningKey);

impl EthKey {
    /// Reads 64 hexadecimal digits, with or without `0x`.
    ///
    /// # Errors
    ///
    /// [`L1Error::Key`].
    pub fn from_hex(text: &str) -> Result<Self, L1Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        let digits = text.strip_prefix("0x").unwrap_or(text);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| L1Error::Key)?;
        SigningKey::from_slice(bytes.as_slice()).map(Self).map_err(|_| L1Error::Key)
    }

    /// Makes the key that belongs to `domain`, `seed` and `index`: the same on every machine. No secret, for it can
    /// be guessed; for exchanges without real money.
    pub fn from_seed(domain: &str, seed: u64, index: u64) -> Self {
        let mut hash = Keccak256::digest(*PrivateKey::from_seed(domain, seed, index).to_bytes());
        loop {
            // All but about one hash in 2^128 are keys.
            if let Ok(key) = SigningKey::from_slice(&hash) {
                return Self(key);
            }
            hash = Keccak256::digest(hash);
        }
    }

    /// Returns the 32 bytes, big-endian, erased when dropped. For writing the key to where it is kept, nothing else.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// Returns the address that the key controls.
    pub fn address(&self) -> Address {
        Address::of(self.0.verifying_key())
    }

    /// Signs a message as `personal_sign` does; returns the text of `L1Sig`. Deterministic (RFC 6979).
    pub fn sign(&self, message: &str) -> String {
        let (signature, recovery) = self.0.sign_prehash_recoverable(&personal_hash(message));
        format!("0x{}{:02x}", hex::encode(signature.to_bytes()), 27 + recovery.to_byte())
    }
}

impl fmt::Debug for EthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EthKey(…)")
    }
}

/// Returns the address whose key signed `message`, given the text of `L1Sig`.
///
/// # Errors
///
/// [`L1Error::Signature`] when the text is no signature or no key can have made it.
pub fn recover(message: &str, l1_sig: &str) -> Result<Address, L1Error> {
    let digits = l1_sig.strip_prefix("0x").ok_or(L1Error::Signature)?;
    let mut bytes = [0; 65];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| L1Error::Signature)?;
    let [rs @ .., v] = &bytes;
    let recovery = match v {
        27 => RecoveryId::new(false, false),
        28 => RecoveryId::new(true, false),
        _ => return Err(L1Error::Signature),
    };
    let signature = Signature::from_slice(rs).map_err(|_| L1Error::Signature)?;
    let key = VerifyingKey::recover_from_prehash(&personal_hash(message), &signature, recovery)
        .map_err(|_| L1Error::Signature)?;
    Ok(Address::of(&key))
}

/// Returns the hash that `personal_sign` signs.
fn personal_hash(message: &str) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    hasher.update(format!("\x19Ethereum Signed Message:\n{}", message.len()));
    hasher.update(message);
    hasher.finalize().into()
}

impl Envelope {
    /// Returns the text that the account's L1 key signs, for the types that have one in `tx_info`.
    pub fn l1_message(&self, chain_id: u32) -> Option<String> {
        match &self.tx {
            Tx::ChangePubKey(body) => Some(body.l1_message(self.nonce)),
            Tx::Transfer(body) => Some(body.l1_message(self.nonce, chain_id)),
            Tx::ApproveIntegrator(body) => Some(body.l1_message(self.nonce, chain_id)),
            _ => None,
        }
    }
}

impl ChangePubKey {
    fn l1_message(&self, nonce: i64) -> String {
        let (account, key) = (self.account_index, self.api_key_index);
        Message::new("Register Lighter Account")
            .line("pubkey", format_args!("0x{}", hex::encode(self.pub_key)))
            .number("nonce", nonce)
            .number("account index", account)
            .number("api key index", key)
            .end()
    }
}

impl Transfer {
    fn l1_message(&self, nonce: i64, chain_id: u32) -> String {
        let party = |account, route| format!("{} (route {})", hex16(account), hex16(i64::from(route)));
        Message::new("Transfer")
            .number("nonce", nonce)
            .line("from", party(self.from_account_index, self.from_route_type))
            .number("api key", self.api_key_index)
            .line("to", party(self.to_account_index, self.to_route_type))
            .number("asset", self.asset_index)
            .number("amount", self.amount)
            .number("fee", self.usdc_fee)
            .number("chainId", chain_id)
            .line("memo", hex::encode(self.memo))
            .end()
    }
}

impl ApproveIntegrator {
    fn l1_message(&self, nonce: i64, chain_id: u32) -> String {
        Message::new("Approve Integrator")
            .number("nonce", nonce)
            .number("account index", self.account_index)
            .number("api key index", self.api_key_index)
            .number("integrator account index", self.integrator_account_index)
            .number("max perps taker fee", self.max_perps_taker_fee)
            .number("max perps maker fee", self.max_perps_maker_fee)
            .number("max spot taker fee", self.max_spot_taker_fee)
            .number("max spot maker fee", self.max_spot_maker_fee)
            .number("approval expiry", self.approval_expiry)
            .number("chainId", chain_id)
            .end()
    }
}

/// A message in the making.
struct Message(String);

impl Message {
    fn new(title: &str) -> Self {
        Self(format!("{title}\n\n"))
    }

    fn line(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0 += &format!("{name}: {value}\n");
        self
    }

    fn number(self, name: &str, value: impl Into<i64>) -> Self {
        self.line(name, hex16(value.into()))
    }

    fn end(self) -> String {
        self.0 + "Only sign this message for a trusted client!"
    }
}

fn hex16(value: i64) -> String {
    format!("0x{value:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx::Attributes;
    use crate::tx::vectors::{rows, text};

    #[test]
    fn messages_and_signatures_are_the_official_ones() {
        let mut seen = 0;
        for row in rows("transactions.jsonl").iter().filter(|row| row["l1_message"].is_string()) {
            let tx_type = u8::try_from(row["tx_type"].as_u64().unwrap()).unwrap();
            let chain_id = u32::try_from(row["chain_id"].as_u64().unwrap()).unwrap();
            let (envelope, ..) = Envelope::parse(tx_type, text(row, "tx_info")).unwrap();
            let message = envelope.l1_message(chain_id).unwrap();
            assert_eq!(message, text(row, "l1_message"));

            let key = EthKey::from_hex(text(row, "eth_private_key")).unwrap();
            assert_eq!(key.address().to_string(), text(row, "eth_address"));
            assert_eq!(key.sign(&message), text(row, "l1_signature"));
            assert_eq!(recover(&message, text(row, "l1_signature")), Ok(key.address()));
            seen += 1;
        }
        assert!(seen >= 48, "{seen} rows");
    }

    #[test]
    fn an_integrator_is_approved_with_this_text() {
        let tx = ApproveIntegrator {
            account_index: 1,
            api_key_index: 4,
            integrator_account_index: 6,
            max_perps_taker_fee: 1_000,
            max_perps_maker_fee: 2,
            max_spot_taker_fee: 3,
            max_spot_maker_fee: 4,
            approval_expiry: 255,
        };
        let envelope = Envelope { tx: tx.into(), expired_at: 1, nonce: 16, attributes: Attributes::new() };
        assert_eq!(
            envelope.l1_message(304).unwrap(),
            "Approve Integrator\n\nnonce: 0x0000000000000010\naccount index: 0x0000000000000001\n\
             api key index: 0x0000000000000004\nintegrator account index: 0x0000000000000006\n\
             max perps taker fee: 0x00000000000003e8\nmax perps maker fee: 0x0000000000000002\n\
             max spot taker fee: 0x0000000000000003\nmax spot maker fee: 0x0000000000000004\n\
             approval expiry: 0x00000000000000ff\nchainId: 0x0000000000000130\n\
             Only sign this message for a trusted client!"
        );
    }

    #[test]
    fn another_message_or_a_broken_signature_does_not_recover_the_key() {
        let key = EthKey::from_seed("l1", 1, 2);
        let good = key.sign("a");
        assert_eq!(recover("a", &good), Ok(key.address()));
        assert_ne!(recover("b", &good), Ok(key.address()));
        for bad in ["", "0x", &good[2..], &good[..130], &format!("{}1d", &good[..130]), &"0".repeat(132)] {
            assert_eq!(recover("a", bad), Err(L1Error::Signature), "`{bad}`");
        }
        assert_eq!(recover("a", &format!("0x{}1b", "00".repeat(64))), Err(L1Error::Signature));
    }

    #[test]
    fn addresses_read_what_they_print() {
        let known = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"; // from EIP-55
        let address: Address = known.parse().unwrap();
        assert_eq!(address.to_string(), known);
        assert_eq!(known.to_lowercase().parse(), Ok(address));
        assert_eq!(known.replace('B', "b").parse::<Address>(), Err(L1Error::Address));
        assert_eq!(known[2..].parse::<Address>(), Err(L1Error::Address));
    }

    #[test]
    fn seeds_make_distinct_keys_and_nothing_is_shown() {
        let address = |seed, index| EthKey::from_seed("l1", seed, index).address();
        assert_eq!(address(1, 2), address(1, 2));
        assert_ne!(address(1, 2), address(2, 1));
        assert_eq!(format!("{:?}", EthKey::from_seed("l1", 1, 2)), "EthKey(…)");
        assert!(EthKey::from_hex(&"00".repeat(32)).is_err());
    }
}
