//! Entry points of the fuzz targets in `fuzz/`: every reader of bytes that come from outside.
//!
//! Each takes any bytes and returns what became of them in a few words. The harness keeps an input that came to
//! something new. A property that does not hold is a panic.

use std::time::Duration;

use crate::model::{AccountIndex, ApiKeyIndex, AtEnd, Market, Timestamp, Usdc, snapshot_markets};
use crate::paper::exchange::{Exchange, ExchangeConfig, Tier};
pub use crate::paper::server::fuzzing::{frame, params};
use crate::paper::world::{Recording, World, WorldSpec};
use crate::plan::oracle::second_opinion;
use crate::plan::{LoadOptions, SourceFile, load};
use crate::signing::PrivateKey;
use crate::tx::Envelope;
use crate::tx::auth::AuthToken;
pub use crate::venue::lighter::fuzzing::{answer, stream};

/// Venue time of everything here.
const NOW: Timestamp = Timestamp::from_millis(1_790_600_400_000);
/// Chain id of everything here.
const CHAIN: u32 = 304;

/// Splits a leading number off: the part of the input that chooses what the rest is.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// A transaction in its JSON form: the first byte is its type.
///
/// What is read is written and read again to the same transaction and hash.
pub fn tx_info(data: &[u8]) -> String {
    let (tx_type, rest) = choice(data);
    let Ok(text) = std::str::from_utf8(rest) else { return "no text".to_owned() };
    let (envelope, signature, l1) = match Envelope::parse(tx_type, text) {
        Ok(read) => read,
        Err(error) => return error.to_string(),
    };
    let written = envelope.to_json(&signature, l1.as_deref());
    let (again, signed, l1_again) = Envelope::parse(tx_type, &written).expect("what was written is read");
    assert_eq!(again.tx_hash(CHAIN), envelope.tx_hash(CHAIN), "the hash survives writing");
    assert_eq!(signed.to_bytes(), signature.to_bytes(), "the signature survives writing");
    // Only three kinds are written with one; what others came with is not theirs.
    assert!(l1_again.is_none() || l1_again == l1, "so does the owner's");
    format!("read {tx_type} {}", said_of_check(&envelope))
}

fn said_of_check(envelope: &Envelope) -> String {
    envelope.check().map_or_else(|(code, _)| code.to_string(), |()| "sound".to_owned())
}

/// Transactions for the exchange, one a line, each a type number, a space and its JSON; unsigned.
///
/// No money appears or vanishes, and positions sum to zero.
pub fn exchange(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else { return "no text".to_owned() };
    let (mut exchange, mut world) = market();
    let mut outcome = String::new();
    for line in text.lines().take(16) {
        let (kind, info) = line.split_once(' ').unwrap_or(("14", line));
        let taken = exchange.submit(kind.parse().unwrap_or(14), info, !info.contains("unprotected"));
        outcome.push_str(&taken.map_or_else(|error| format!("{} ", error.code), |_| "in ".to_owned()));
        let until = exchange.now().after(Duration::from_millis(400));
        while world.next_step() <= until {
            exchange.advance(world.next_step());
            world.step(&mut exchange, crate::paper::world::Pace::Fine);
        }
        exchange.advance(until);
    }
    let sum = exchange.conservation();
    assert_eq!(sum.unbalanced_lots, 0, "positions sum to zero");
    assert_eq!(sum.residue(), 0, "money is conserved: {sum:?}");
    let results = exchange.account_transactions(AccountIndex::new(1001), 16);
    outcome + &results.iter().map(|tx| format!("{:?}", tx.outcome)).collect::<String>()
}

fn market() -> (Exchange, World) {
    let mut exchange = Exchange::new(ExchangeConfig {
        chain_id: CHAIN,
        markets: vec![Market::example()],
        tier: Tier::Standard,
        withdrawal_delay: Duration::from_secs(90),
        claim_delay: Duration::from_secs(30),
        start: NOW,
    });
    exchange.check_signatures(false);
    let key = PrivateKey::from_seed("fuzz", 1, 1).public_key().to_bytes();
    for account in [1001, 1002] {
        let owner = format!("0x{account:040x}");
        let index = exchange.create_account(
            owner,
            vec![(ApiKeyIndex::new(4), key)],
            Some(AccountIndex::new(account)),
        );
        exchange.deposit(index, Usdc::whole(10_000));
    }
    let world = World::new(WorldSpec::default(), 7, &mut exchange).expect("the default world fits");
    (exchange, world)
}

/// An auth token. None that is not made with the key opens anything.
pub fn token(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else { return "no text".to_owned() };
    let token = match AuthToken::parse(text) {
        Ok(token) => token,
        Err(error) => return error.to_string(),
    };
    let key = PrivateKey::from_seed("fuzz", 1, 1);
    let verified = token.verify(&key.public_key(), NOW);
    assert!(verified.is_err(), "nobody guesses a signature");
    format!("{verified:?}")
}

/// A plan file. What another YAML library accepts as well, it reads the same.
pub fn plan(data: &[u8]) -> String {
    let source = SourceFile::from_bytes("fuzz.yaml", data.to_vec());
    let loaded = load(&source, &LoadOptions::default(), snapshot_markets());
    // Findings are shown at their places, whatever they are.
    for finding in &loaded.findings {
        finding.span.clone().map(|span| source.position(source.clamp(span).start));
    }
    let opinion = second_opinion(source.text());
    let rules: std::collections::BTreeSet<String> =
        loaded.findings.iter().map(|finding| finding.rule.to_string()).collect();
    format!("{} {opinion:?} {rules:?}", loaded.plan.is_some())
}

/// A recording of prices.
pub fn recording(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else { return "no text".to_owned() };
    match Recording::parse(text, AtEnd::Loop, &[Market::example()]) {
        Ok(_) => "plays".to_owned(),
        Err(error) => error.to_string(),
    }
}
