//! The official signer's transactions and tokens, recomputed.

use serde_json::Value;

use super::*;
use crate::signing::{PrivateKey, PublicKey, Signature};

/// Returns the rows of a vector file; `LIGHTER_VECTORS` names another directory to take it from.
pub(super) fn rows(file: &str) -> Vec<Value> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vectors");
    let directory = std::env::var("LIGHTER_VECTORS").unwrap_or_else(|_| own.to_owned());
    let text = std::fs::read_to_string(format!("{directory}/{file}")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {row}"))
}

struct Row {
    row: Value,
    chain_id: u32,
    envelope: Envelope,
    signature: Signature,
}

fn transactions() -> Vec<Row> {
    let read = |row: Value| {
        let tx_type = u8::try_from(row["tx_type"].as_u64().unwrap()).unwrap();
        let (envelope, signature, l1_sig) = Envelope::parse(tx_type, text(&row, "tx_info")).unwrap();
        assert_eq!(l1_sig, None, "the files' L1Sig is empty");
        let chain_id = u32::try_from(row["chain_id"].as_u64().unwrap()).unwrap();
        Row { row, chain_id, envelope, signature }
    };
    let all: Vec<_> = rows("transactions.jsonl").into_iter().map(read).collect();
    assert!(all.len() >= 264, "{} rows", all.len());
    all
}

#[test]
fn every_hash_is_the_official_one() {
    for Row { row, chain_id, envelope, .. } in transactions() {
        assert_eq!(envelope.tx_hash(chain_id).to_string(), text(&row, "tx_hash"), "{row}");
    }
}

#[test]
fn every_text_is_written_as_it_was_read() {
    for Row { row, envelope, signature, .. } in transactions() {
        assert_eq!(envelope.to_json(&signature, None), text(&row, "tx_info"));
    }
}

#[test]
fn official_and_own_signatures_verify_and_others_do_not() {
    for Row { row, chain_id, envelope, signature } in transactions() {
        let private = PrivateKey::from_hex(text(&row, "private_key")).unwrap();
        let public = PublicKey::from_hex(text(&row, "public_key")).unwrap();
        assert_eq!(private.public_key(), public);
        assert!(envelope.verify(chain_id, &public, &signature), "{row}");
        assert!(!envelope.verify(chain_id + 1, &public, &signature), "{row}");

        let own = envelope.sign(chain_id, &private);
        let (read, own_signature, _) = Envelope::parse(own.tx_type, &own.tx_info).unwrap();
        assert_eq!(read, envelope);
        assert_eq!(own.hash.to_string(), text(&row, "tx_hash"));
        assert!(read.verify(chain_id, &public, &own_signature), "{row}");
    }
}

#[test]
fn every_official_transaction_passes_the_static_checks() {
    for Row { row, envelope, .. } in transactions() {
        assert_eq!(envelope.check(), Ok(()), "{row}");
    }
}
