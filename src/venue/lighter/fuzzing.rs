//! The client's readers, for the fuzz targets: every answer and every frame.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;

use super::http::judged_kind;
use super::parse::{self, Context, Markets, ParseError};
use super::{Oddities, wire};
use crate::model::{AccountIndex, snapshot_markets};

pub use super::streams::fuzzing::stream;

pub(super) static MARKETS: LazyLock<Markets> =
    LazyLock::new(|| snapshot_markets().iter().map(|market| (market.id, market.clone())).collect());

/// The account that everything is about.
pub(super) const ACCOUNT: AccountIndex = AccountIndex::new(1001);

/// Endpoints whose answers are read.
const KINDS: u8 = 15;

/// An answer of the venue: the first byte chooses the endpoint, the rest is its body.
///
/// Whatever it says, reading it ends in a value or an error.
pub fn answer(data: &[u8]) -> String {
    let (kind, body) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let oddities = Oddities::default();
    let context = Context { markets: &MARKETS, oddities: &oddities };
    let read = match kind % KINDS {
        0 => with(body, |answer| parse::markets(&answer, &oddities).map(drop)),
        1 => with(body, |answer| parse::account(&answer, ACCOUNT, context).map(drop)),
        2 => with(body, |answer: wire::Orders| parse::orders(&answer.orders, context).map(drop)),
        3 => with(body, |answer: wire::Trades| parse::trades(&answer.trades, context).map(drop)),
        4 => {
            with(body, |answer: wire::Withdrawals| parse::withdrawals(&answer.withdraws, &oddities).map(drop))
        }
        5 => with(body, |row| done(&parse::tx(&row, &oddities))),
        6 => with(body, |answer| done(&parse::api_keys(&answer))),
        7 => with(body, |answer| done(&parse::limits(answer))),
        8 => with(body, |_: wire::Sent| Ok(())),
        9 => with(body, |_: wire::SentBatch| Ok(())),
        10 => with(body, |_: wire::Status| Ok(())),
        11 => with(body, |_: wire::NextNonce| Ok(())),
        12 => with(body, |_: wire::WithdrawalDelay| Ok(())),
        13 => with(body, |_: wire::TransferFee| Ok(())),
        _ => with(body, |info: wire::FastWithdrawInfo| {
            parse::fast_terms(&info, &wire::TransferFee { transfer_fee_usdc: 0 }).map(drop)
        }),
    };
    let odd = oddities.counts().into_iter().map(|(what, _)| what).collect::<String>();
    format!("{} {} {read} {odd}", kind % KINDS, judged_kind(body))
}

fn with<T: DeserializeOwned>(body: &[u8], parse: impl FnOnce(T) -> Result<(), ParseError>) -> String {
    let read = wire::object::<T>(body).map_err(ParseError::from).and_then(parse);
    read.map_or_else(|error| error.to_string(), |()| "read".to_owned())
}

/// Ends a reading that cannot fail.
fn done<T>(_read: &T) -> Result<(), ParseError> {
    Ok(())
}
