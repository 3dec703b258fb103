//! The venue: reached over REST and WebSocket, how fast, with which clock and chain.

use std::time::Duration;

use crate::cli::health::{Health, chain};
use crate::cli::session::{HALF_A_SECOND_MS, SKEW_MAX};
use crate::rt::{Clock, real_timeout};
use crate::venue::lighter::{LighterVenue, NetworkEndpoints};
use crate::venue::{Subscription, Venue as _, VenueEvent};

const AREA: &str = "venue";

/// Questions whose times are taken: enough to leave out the first, which connects, and few for the smallest budget.
const ROUND_TRIPS: usize = 4;

/// How long the first frame of a book may take; streams try again by themselves until then.
const STREAM_WAIT: Duration = Duration::from_secs(10);

/// Returns whether the venue answers as the plan's venue.
pub(super) async fn look(
    health: &mut Health,
    venue: &LighterVenue,
    endpoints: &NetworkEndpoints,
    clock: &Clock,
) -> bool {
    if !rest(health, venue, endpoints, clock).await {
        return false;
    }
    stream(health, venue, endpoints).await;
    match venue.withdrawal_delay().await {
        Ok(delay) => {
            health.ok(AREA, "withdrawal", format!("the secure route takes {} s now", delay.as_secs()))
        }
        Err(error) => health.warn(AREA, "withdrawal", chain(&error), "try again later"),
    }
    true
}

async fn rest(
    health: &mut Health,
    venue: &LighterVenue,
    endpoints: &NetworkEndpoints,
    clock: &Clock,
) -> bool {
    let (mut times, mut last) = (Vec::new(), None);
    let real = Clock::system();
    for _ in 0..ROUND_TRIPS {
        let (asked, start) = (clock.now().as_millis(), real.elapsed());
        match venue.status().await {
            Ok((theirs, chain_id)) => {
                times.push(real.elapsed().saturating_sub(start));
                let middle = (asked + clock.now().as_millis()) / 2;
                last = Some((theirs.as_millis() + HALF_A_SECOND_MS - middle, chain_id));
            }
            Err(error) => {
                health.fail(AREA, "REST", chain(&error), "look at address, proxy and firewall");
                return false;
            }
        }
    }
    let Some((offset_ms, theirs)) = last else { return false };
    let warm = times.iter().skip(1).min().copied().unwrap_or_default();
    let way =
        if endpoints.http.starts_with("https") { "TLS, certificate verified" } else { "no TLS, loopback" };
    let detail = format!(
        "{} ({way}); first answer {} ms, then {} ms",
        endpoints.http,
        times[0].as_millis(),
        warm.as_millis()
    );
    health.ok(AREA, "REST", detail);
    skew(health, offset_ms, clock.scale());
    let ours = endpoints.chain_id;
    if theirs == ours {
        health.ok(AREA, "chain", format!("{theirs}"));
    } else {
        let detail = format!("the venue is chain {theirs}, signatures here are made for {ours}");
        health.fail(AREA, "chain", detail, "correct the network or its chain_id");
    }
    theirs == ours
}

fn skew(health: &mut Health, offset_ms: i64, scale: u32) {
    let apart = Duration::from_millis(offset_ms.unsigned_abs());
    let detail = format!("{offset_ms} ms apart, to about a second");
    if scale > 1 {
        health.ok(AREA, "clock", "the venue's time runs faster and is taken from it");
    } else if apart > SKEW_MAX + Duration::from_secs(1) {
        health.fail(AREA, "clock", detail, "set this machine's clock (NTP)");
    } else if apart > Duration::from_secs(2) {
        health.warn(AREA, "clock", detail, "set this machine's clock (NTP)");
    } else {
        health.ok(AREA, "clock", detail);
    }
}

/// Opens the book of the first market and waits for its snapshot.
async fn stream(health: &mut Health, venue: &LighterVenue, endpoints: &NetworkEndpoints) {
    let market = match venue.markets().await {
        Ok(markets) => markets.first().map(|market| market.id),
        Err(error) => return health.fail(AREA, "markets", chain(&error), "try again later"),
    };
    let Some(market) = market else {
        return health.fail(AREA, "markets", "none listed", "is this the right network?");
    };
    let real = Clock::system();
    let mut events = venue.subscribe(Subscription { markets: vec![market], accounts: Vec::new() });
    let mut why = "no frame came".to_owned();
    let up = real_timeout(STREAM_WAIT, async {
        while let Some(event) = events.recv().await {
            match event {
                VenueEvent::Up(_) => return true,
                VenueEvent::Down(_, reason) => why = reason,
                _ => {}
            }
        }
        false
    });
    if up.await == Some(true) {
        let detail = format!("{}; a book after {} ms", endpoints.ws, real.elapsed().as_millis());
        health.ok(AREA, "WebSocket", detail);
    } else {
        health.fail(AREA, "WebSocket", why, "look at address, proxy and firewall");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_apart_are_told_before_a_run_refuses_them() {
        let cases =
            [(0, 1, "ok"), (-1_900, 1, "ok"), (3_000, 1, "warn"), (-60_000, 1, "fail"), (-60_000, 10, "ok")];
        for (offset_ms, scale, level) in cases {
            let mut health = Health::default();
            skew(&mut health, offset_ms, scale);
            let table = health.table(false);
            assert!(table.starts_with(level), "{offset_ms} ms at scale {scale}: {table}");
            assert_eq!(table.contains("NTP"), level != "ok", "{table}");
        }
    }
}
