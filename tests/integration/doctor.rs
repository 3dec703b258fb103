//! `doctor` against a venue that listens, and against what is none.

use std::process::Stdio;
use std::time::Duration;

use lighter_plan::model::{AccountIndex, ApiKeyIndex, MarketId};
use lighter_plan::paper::server::{Fault, FaultRule, Running, key};
use lighter_plan::rt::{Clock, real_sleep, real_timeout};
use lighter_plan::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};
use lighter_plan::venue::{Credential, Venue as _};

use crate::common::{Bench, Run};
use crate::online::{plan, venue};

fn private(account: i64) -> String {
    hex::encode(key(7, AccountIndex::new(account), ApiKeyIndex::new(4)).to_bytes().as_slice())
}

/// Runs it with these keys; neither may show in what it says.
fn doctor(bench: &Bench, keys: [&str; 2]) -> Run {
    let run = bench.run_with(&["doctor", "plan.yaml"], "", &[("LONG", keys[0]), ("SHORT", keys[1])]);
    assert!(
        keys.iter().all(|key| !run.stdout.contains(key) && !run.stderr.contains(key)),
        "a key was printed"
    );
    run
}

#[test]
fn the_quick_start_plan_is_well() {
    // Where it stands: its world is found beside it.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/sol-pair.yaml");
    let run = Bench::new().run(&["doctor", path, "--format", "json"]).expect(0);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&json["version"], &json["failures"]), (&1.into(), &0.into()), "{json}");
}

#[test]
fn the_fast_route_is_asked_for_its_terms() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/fast-withdrawal.yaml");
    let run = Bench::new().run(&["doctor", path]).expect(0);
    assert_eq!(run.stdout.matches("fast, up to 9999.000000 USDC now, fee 1.000000 USDC").count(), 2);
    assert_eq!(run.stdout.matches("owner").count(), 2, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_held_against_their_accounts() {
    let running = venue().await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(&running.http_url, &running.ws_url, running.chain_id));
    let good = doctor(&bench, [&private(1001), &private(1002)]).expect(0);
    assert!(good.stdout.contains("nothing was sent"), "{}", good.stdout);
    let swapped = doctor(&bench, [&private(1002), &private(1001)]).expect(1);
    assert_eq!(swapped.stdout.matches("the slot holds another key").count(), 2, "{}", swapped.stdout);
    let network = format!("--network={}", running.http_url);
    bench.run(&["doctor", &network]).expect(0);
    let chain = bench.run(&["doctor", &network, "--chain-id", "7"]).expect(1);
    assert!(chain.stdout.contains("signatures here are made for 7"), "{}", chain.stdout);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_is_not_there_fails_with_a_remedy() {
    let running = venue().await;
    let network = format!("--network={}", running.http_url);
    running.shutdown().await;
    let run = Bench::new().run(&["doctor", &network]).expect(1);
    assert!(run.stdout.contains("fail  venue") && run.stdout.contains("firewall"), "{}", run.stdout);
}

/// F-03, F-04, R-25: a test order leaves nothing behind, whatever happens to requests and answers; each is executed once.
#[tokio::test(flavor = "multi_thread")]
async fn f_03_a_test_order_is_placed_once_and_gone_whatever_the_answers() {
    let running = venue().await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(&running.http_url, &running.ws_url, running.chain_id));
    running.faults.add(FaultRule::next("sendTx", Fault::Lose));
    running.faults.add(FaultRule { skip: 1, ..FaultRule::next("sendTx", Fault::DropReply) });
    let keys = [private(1001), private(1002)];
    let environment = [("LONG", keys[0].as_str()), ("SHORT", keys[1].as_str())];
    let run = bench.run_with(&["doctor", "plan.yaml", "--place-and-cancel"], "", &environment).expect(0);
    assert_eq!(run.stdout.matches("was placed, seen, cancelled and seen gone").count(), 2, "{}", run.stdout);
    for account in [1001, 1002] {
        let (venue, account) = (client(&running, account), AccountIndex::new(account));
        assert!(venue.active_orders(account, MARKET).await.unwrap().is_empty());
        assert_eq!(venue.next_nonce(account, SLOT).await.unwrap().get(), 2, "an order and a cancel");
    }
    running.shutdown().await;
}

/// Ctrl-C while an order rests: it is cancelled all the same, and no other one is placed.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_test_order_is_cancelled() {
    let running = venue().await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(&running.http_url, &running.ws_url, running.chain_id));
    // The order is executed while the program waits for what became of it.
    running.faults.add(FaultRule::next("tx", Fault::DelayReply { ms: 5_000 }));
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
        .args(["doctor", "plan.yaml", "--place-and-cancel"])
        .env_clear()
        .envs([("LONG", private(1001)), ("SHORT", private(1002))])
        .current_dir(bench.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (venue, account) = (client(&running, 1001), AccountIndex::new(1001));
    let rests = async {
        while venue.active_orders(account, MARKET).await.unwrap().is_empty() {
            real_sleep(Duration::from_millis(100)).await;
        }
    };
    real_timeout(Duration::from_secs(60), rests).await.expect("an order that rests");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("interrupted; the order was cancelled and seen gone"), "{stdout}");
    assert!(stdout.contains("interrupted; none was placed"), "{stdout}");
    assert!(venue.active_orders(account, MARKET).await.unwrap().is_empty());
    running.shutdown().await;
}

#[test]
fn no_test_order_goes_where_real_money_is() {
    let bench = Bench::new();
    bench.write("plan.yaml", plan("https://example.com", "wss://example.com/stream", 304));
    let run = bench.run(&["doctor", "plan.yaml", "--place-and-cancel"]).expect(2);
    assert!(run.stderr.contains("real money"), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_html_is_no_venue() {
    let running = venue().await;
    running.faults.add(FaultRule { count: 1_000, ..FaultRule::next("*", Fault::Html) });
    let network = format!("--network={}", running.http_url);
    let run = Bench::new().run(&["doctor", &network]).expect(1);
    assert!(run.stdout.contains("fail  venue") && run.stdout.contains("502"), "{}", run.stdout);
    running.shutdown().await;
}

const SLOT: ApiKeyIndex = ApiKeyIndex::new(4);
const MARKET: MarketId = MarketId::new(2);

fn client(running: &Running, account: i64) -> LighterVenue {
    let endpoints = NetworkEndpoints {
        http: running.http_url.clone(),
        ws: running.ws_url.clone(),
        chain_id: running.chain_id,
    };
    let account = AccountIndex::new(account);
    let credential = Credential { account, api_key_index: SLOT, key: key(7, account, SLOT) };
    LighterVenue::new(endpoints, vec![credential], Clock::system(), LighterOptions::default()).unwrap()
}
