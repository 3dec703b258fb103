//! What goes wrong between process and exchange: a scenario's rates and outages as faults of the server and the network.

use std::time::Duration;

use super::network::{NetFault, Reach};
use crate::paper::server::{Fault, FaultRule, Faults};
use crate::rt::SplitMix64;
use crate::simulate::scenario::{Rates, Scenario, Streams};

/// Often enough for any run.
const ALWAYS: u32 = 1_000_000;
/// Where transactions come in.
const SENDING: [&str; 2] = ["sendTx", "ws/sendtx"];
/// What is read over REST; the first four decide what the engine believes.
const READING: [&str; 7] = [
    "account",
    "accountActiveOrders",
    "trades",
    "tx",
    "accountInactiveOrders",
    "nextNonce",
    "orderBookDetails",
];

/// The faults of one run.
#[derive(Debug)]
pub(super) struct Weather {
    /// Those of the server.
    pub(super) faults: Faults,
    /// Those of the network, with their moments, in order.
    pub(super) strikes: Vec<(Duration, NetFault)>,
    /// Of a thousand connections, so many are refused.
    pub(super) refusals: u64,
}

impl Weather {
    /// Returns what `scenario` says; details come from its seed.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let mut rng = SplitMix64::new(scenario.seed ^ 0x3ea7);
        let faults = Faults::seeded(rng.next_u64());
        for (place, fault, rate) in rules(scenario.rates, &mut rng) {
            if rate > 0 {
                let per_mille = u16::try_from(rate).unwrap_or(1_000);
                faults.add(FaultRule { count: ALWAYS, per_mille, ..FaultRule::next(place, fault) });
            }
        }
        let mut strikes: Vec<_> = scenario
            .outages
            .iter()
            .flat_map(|(at, lasts, streams)| strike(*at, *lasts, *streams, &mut rng))
            .collect();
        strikes.sort_by_key(|(at, _)| *at);
        Self { faults, strikes, refusals: scenario.rates.not_sent }
    }
}

fn rules(rates: Rates, rng: &mut SplitMix64) -> Vec<(&'static str, Fault, u64)> {
    let mut ms = |low: u64, high: u64| low + rng.below(high - low + 1);
    // Longer than a request waits: it arrives after it was given up.
    let late = Fault::Delay { ms: ms(5_500, 12_000) };
    let slow = Fault::Stall { ms: ms(400, 4_000) };
    let slow_reply = Fault::DelayReply { ms: ms(1_000, 8_000) };
    let mut rules = Vec::new();
    for place in SENDING {
        rules.extend([
            (place, Fault::DropRequest, rates.lost),
            (place, Fault::DropReply, rates.reply_lost),
            (place, late, rates.late),
            (place, Fault::ServerError, rates.server_error / 2),
            (place, Fault::ServerErrorAfter, rates.server_error / 2),
            (place, Fault::TruncatedJson, rates.server_error / 4),
            (place, Fault::Lose, rates.black_hole),
            (place, Fault::RateLimit, rates.refused),
        ]);
    }
    rules.push(("sendTx", Fault::DuplicateRequest, rates.twice));
    for place in READING {
        rules.extend([
            (place, Fault::DropReply, rates.read / 3),
            (place, Fault::HttpStatus { status: 502 }, rates.read / 3),
            (place, slow_reply, rates.read / 4),
            (place, Fault::TruncatedJson, rates.read / 4),
        ]);
    }
    rules.extend([
        ("ws/frame/*", slow, rates.slow_frame / 20),
        ("ws/frame/*", Fault::DuplicateFrame, rates.frame_twice / 4),
        ("ws/frame/*", Fault::DropFrame, rates.lost / 40),
        ("ws/frame/*", Fault::Close, rates.lost / 60),
        ("ws/frame/*", Fault::TruncatedJson, rates.server_error / 60),
        ("ws/connect", Fault::HttpStatus { status: 503 }, rates.not_sent),
    ]);
    rules
}

/// An outage of streams, as networks make them: silence, a cut, or an end that only one side knows of.
fn strike(
    at: Duration,
    lasts: Duration,
    streams: Streams,
    rng: &mut SplitMix64,
) -> Vec<(Duration, NetFault)> {
    let reach = match streams {
        Streams::All => Reach::All,
        Streams::Market => Reach::Streams,
        // One account's streams share their connection with the others of the pair.
        Streams::Account(_) => [Reach::Streams, Reach::Requests][usize::try_from(rng.below(2)).unwrap_or(0)],
    };
    match rng.below(3) {
        0 => vec![(at, NetFault::Stall(reach, lasts))],
        1 => vec![(at, NetFault::Cut(reach)), (at, NetFault::Refuse(reach, lasts))],
        _ => vec![(at, NetFault::HalfClose(reach))],
    }
}
