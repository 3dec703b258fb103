//! Live prices, with another server as their source.

use std::time::Duration;

use serde_json::json;

use super::rig::{Rig, config};
use crate::model::{LiveSource, PriceSource};
use crate::paper::server::{MirrorError, PaperConfig, PaperError, PaperServer};
use crate::paper::world::WorldSpec;
use crate::rt::{real_sleep, real_timeout};

const PATIENCE: Duration = Duration::from_secs(30);

/// Makers quote, and nothing moves by itself.
const STILL: &str = "name: still\nmarkets: [{ market: SOL, volatility_bps: 0, takers: false }]";

fn still() -> PaperConfig {
    PaperConfig { world: WorldSpec::parse(STILL).unwrap(), ..config() }
}

fn mirror_of(source: &Rig) -> PaperConfig {
    let prices = PriceSource::Live(LiveSource::Url(source.running.http_url.clone()));
    PaperConfig { prices, ..still() }
}

/// Waits until the book of SOL at `rig` passes.
async fn book(rig: &Rig, passes: impl Fn(&[String], &[String]) -> bool) -> (Vec<String>, Vec<String>) {
    let prices = |rows: &serde_json::Value| -> Vec<String> {
        rows.as_array().unwrap().iter().map(|row| row["price"].as_str().unwrap().to_owned()).collect()
    };
    let wait = async {
        loop {
            let (_, body) = rig.get("/api/v1/orderBookOrders?market_id=2&limit=100").await;
            let (bids, asks) = (prices(&body["bids"]), prices(&body["asks"]));
            if passes(&bids, &asks) {
                return (bids, asks);
            }
            real_sleep(Duration::from_millis(50)).await;
        }
    };
    real_timeout(PATIENCE, wait).await.expect("the book comes to it")
}

async fn act(rig: &Rig, action: serde_json::Value) {
    let url = rig.url("/paper/act");
    let answer = rig.http.post(url).json(&json!({"market": "SOL", "action": action})).send().await.unwrap();
    assert!(answer.status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_mirrors_another_and_quotes_nothing_without_it() {
    let source = Rig::with(still()).await;
    let mirror = Rig::with(mirror_of(&source)).await;

    let theirs = book(&source, |bids, asks| bids.len() == 10 && asks.len() == 10).await;
    book(&mirror, |bids, asks| (bids, asks) == (theirs.0.as_slice(), theirs.1.as_slice())).await;

    act(&source, json!({"do": "set_price", "price": "111.5"})).await;
    let moved = |bids: &[String], asks: &[String]| {
        let near = |side: &[String]| side.first().is_some_and(|price| price.starts_with("111."));
        near(bids) && near(asks)
    };
    book(&mirror, moved).await;
    // Statistics come once a second, books at once.
    let marked = async {
        loop {
            let (_, details) = mirror.get("/api/v1/orderBookDetails?market_id=2").await;
            if details["order_book_details"][0]["mark_price"].to_string().contains("111.5") {
                return;
            }
            real_sleep(Duration::from_millis(50)).await;
        }
    };
    real_timeout(PATIENCE, marked).await.expect("the mark follows");

    source.running.shutdown().await;
    book(&mirror, |bids, asks| bids.is_empty() && asks.is_empty()).await;
    let (_, state) = mirror.get("/paper/prices").await;
    assert_eq!(state["sources"][0]["fresh"], false, "{state}");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_an_error_at_the_start() {
    let source = Rig::with(config()).await;
    let config = mirror_of(&source);
    source.running.shutdown().await;
    let refused = PaperServer::start(config.clone()).await.unwrap_err();
    assert!(matches!(refused, PaperError::Mirror(MirrorError::Unreachable { .. })), "{refused}");
    let refused = PaperServer::start(PaperConfig { time_scale: 2, ..config }).await.unwrap_err();
    assert!(matches!(refused, PaperError::Mirror(MirrorError::Scaled(2))), "{refused}");
}

/// The log knows where its prices came from, and keeps a recording for itself.
#[tokio::test]
async fn a_log_goes_on_with_the_prices_that_it_was_made_for() {
    let dir = tempfile::tempdir().unwrap();
    let (log, file) = (Some(dir.path().join("log")), dir.path().join("prices.csv"));
    std::fs::write(&file, "at,market,price\n0,SOL,55.5\n").unwrap();
    let recorded = PaperConfig { log, prices: PriceSource::File(file.clone()), ..config() };
    PaperServer::start(recorded.clone()).await.unwrap().shutdown().await;
    std::fs::remove_file(&file).unwrap();
    let seeded = PaperConfig { prices: PriceSource::Seeded, ..recorded.clone() };
    let refused = PaperServer::start(seeded).await.unwrap_err();
    assert!(matches!(refused, PaperError::OtherPrices { .. }), "{refused}");
    let rig = Rig::with(recorded).await;
    let (_, details) = rig.get("/api/v1/orderBookDetails?market_id=2").await;
    assert!(details["order_book_details"][0]["mark_price"].to_string().contains("55.5"), "{details}");
}
