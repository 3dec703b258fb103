//! `doctor` against a venue that listens, and against what is none.

use lighter_plan::model::{AccountIndex, ApiKeyIndex};
use lighter_plan::paper::server::key;

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
