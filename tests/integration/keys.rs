//! `keys` against a venue that listens, and against files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use lighter_plan::model::{AccountIndex, ApiKeyIndex, Market, TxHash};
use lighter_plan::paper::server::{Fault, FaultRule, PaperConfig, PaperServer, eth_key, key};
use lighter_plan::paper::world::WorldSpec;
use lighter_plan::rt::Clock;
use lighter_plan::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};
use lighter_plan::venue::{TxStatus, Venue as _};

use crate::common::{Bench, Run};
use crate::online::{config, plan, venue};

const PHRASE: &[(&str, &str)] = &[("LIGHTER_PLAN_PASSPHRASE", "correct horse")];

fn run(bench: &Bench, arguments: &str) -> Run {
    bench.run_with(&arguments.split(' ').collect::<Vec<_>>(), "", PHRASE)
}

/// Returns the private key of an account of the venue, as text.
fn private(account: i64) -> String {
    hex::encode(key(7, AccountIndex::new(account), ApiKeyIndex::new(4)).to_bytes().as_slice())
}

fn key_file(bench: &Bench, name: &str, account: i64) -> String {
    let text = private(account);
    bench.write(name, &text);
    fs::set_permissions(bench.path(name), Permissions::from_mode(0o600)).unwrap();
    text
}

#[track_caller]
fn without(run: &Run, secret: &str) {
    assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "a secret was printed");
}

#[test]
fn a_key_goes_into_a_sealed_file_and_back_and_is_never_shown() {
    let bench = Bench::new();
    let secret = key_file(&bench, "plain", 1001);
    let sealed = run(&bench, "keys seal file:plain sealed").expect(0);
    without(&sealed, &secret);
    assert!(!bench.read("sealed").contains(&secret));
    without(&run(&bench, "keys check sealed:sealed").expect(0), &secret);
    without(&run(&bench, "keys open sealed --out again").expect(0), &secret);
    assert_eq!(bench.read("again").trim(), secret);
    let mode = fs::metadata(bench.path("again")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let shown = run(&bench, "keys open sealed --show-private-key").expect(0);
    assert_eq!(shown.stdout.trim(), secret);
}

#[test]
fn a_wrong_passphrase_and_a_changed_file_are_told() {
    let bench = Bench::new();
    let made = run(&bench, "keys generate --out sealed:new").expect(0);
    assert!(made.stdout.contains("public key"), "{}", made.stdout);
    let wrong = [("LIGHTER_PLAN_PASSPHRASE", "wrong")];
    let opened = bench.run_with(&["keys", "open", "new", "--show-private-key"], "", &wrong).expect(1);
    assert!(opened.stderr.contains("the passphrase is wrong"), "{}", opened.stderr);
    assert_eq!(opened.stdout, "");
    bench.write("changed", bench.read("new").replace("t=3", "t=2"));
    let opened = run(&bench, "keys open changed --show-private-key").expect(1);
    assert!(opened.stderr.contains("was changed"), "{}", opened.stderr);
    let before = bench.read("new");
    run(&bench, "keys generate --out sealed:new").expect(1);
    assert_eq!(bench.read("new"), before, "an existing key is never overwritten");
}

#[test]
fn a_key_file_that_others_may_read_is_a_finding() {
    let bench = Bench::new();
    let secret = key_file(&bench, "plain", 1001);
    fs::set_permissions(bench.path("plain"), Permissions::from_mode(0o644)).unwrap();
    let checked = run(&bench, "keys check file:plain").expect(1);
    assert!(checked.stdout.contains("mode 0644"), "{}", checked.stdout);
    without(&checked, &secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_key_is_registered_listed_and_checked() {
    let running = venue().await;
    let bench = Bench::new();
    let at = format!("--network {} --chain-id {}", running.http_url, running.chain_id);
    run(&bench, "keys generate --out file:new").expect(0);
    let secret = bench.read("new").trim().to_owned();
    let owner = hex::encode(eth_key(7, AccountIndex::new(1001)).to_bytes().as_slice());
    bench.write("owner", &owner);
    let slot = format!("--account 1001 --slot 9 {at}");
    let empty = run(&bench, &format!("keys check file:new {slot}")).expect(1);
    assert!(empty.stdout.contains("the slot is empty"), "{}", empty.stdout);
    let message = run(&bench, &format!("keys message --key file:new {slot}")).expect(0);
    assert!(message.stdout.starts_with("Register Lighter Account\n\npubkey: 0x"), "{}", message.stdout);
    let register = format!("keys register --key file:new --l1-key file:owner {slot} --yes");
    let registered = run(&bench, &register).expect(0);
    without(&registered, &secret);
    without(&registered, &owner);
    let again = run(&bench, &register).expect(0);
    assert!(again.stdout.contains("already registered"), "{}", again.stdout);
    let listed = run(&bench, &format!("keys list --account 1001 {at} new")).expect(0);
    let row = listed.stdout.lines().find(|line| line.contains("slot   9")).unwrap();
    assert!(row.ends_with(" new"), "{row}");
    let checked = run(&bench, &format!("keys check file:new {slot} --format json")).expect(0);
    let json: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((&json["version"], &json["ok"]), (&1.into(), &true.into()), "{json}");
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_registers_and_a_held_slot_is_kept() {
    let running = venue().await;
    let bench = Bench::new();
    let at = format!("--network {} --chain-id {}", running.http_url, running.chain_id);
    run(&bench, "keys generate --out file:new").expect(0);
    for account in [1001, 1002] {
        let owner = eth_key(7, AccountIndex::new(account));
        bench.write(&format!("owner-{account}"), hex::encode(owner.to_bytes().as_slice()));
    }
    let held =
        format!("keys register --key file:new --l1-key file:owner-1001 --account 1001 --slot 4 {at} --yes");
    let refused = run(&bench, &held).expect(1);
    assert!(refused.stderr.contains("holds another key"), "{}", refused.stderr);
    let other =
        format!("keys register --key file:new --l1-key file:owner-1002 --account 1001 --slot 9 {at} --yes");
    let thief = run(&bench, &other).expect(1);
    assert!(thief.stderr.contains("belongs to"), "{}", thief.stderr);
    key_file(&bench, "old", 1001);
    run(&bench, &format!("{held} --replace")).expect(0);
    let gone = run(&bench, &format!("keys check file:old --account 1001 --slot 4 {at}")).expect(1);
    assert!(gone.stdout.contains("the slot holds another key"), "{}", gone.stdout);
    running.shutdown().await;
}

/// F-03, F-04: the answer or the transaction itself is lost; the key is registered by the one signature that was made.
#[tokio::test(flavor = "multi_thread")]
async fn f_03_a_lost_answer_is_resolved_without_signing_again() {
    let running = venue().await;
    let bench = Bench::new();
    let at = format!("--network {} --chain-id {}", running.http_url, running.chain_id);
    let endpoints = NetworkEndpoints {
        http: running.http_url.clone(),
        ws: running.ws_url.clone(),
        chain_id: running.chain_id,
    };
    let client =
        LighterVenue::new(endpoints, Vec::new(), Clock::system(), LighterOptions::default()).unwrap();
    let owner = eth_key(7, AccountIndex::new(1001));
    bench.write("owner", hex::encode(owner.to_bytes().as_slice()));
    let faults = [Fault::DropReply, Fault::DropRequest, Fault::Lose, Fault::Html];
    for (slot, fault) in (10..).zip(faults) {
        run(&bench, &format!("keys generate --out file:new-{slot}")).expect(0);
        running.faults.add(FaultRule::next("sendTx", fault));
        let made = run(
            &bench,
            &format!(
                "keys register --key file:new-{slot} --l1-key file:owner --account 1001 --slot {slot} {at} \
                 --yes --format json"
            ),
        )
        .expect(0);
        let json: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
        let hash = hex::decode(json["tx_hash"].as_str().unwrap()).unwrap();
        let seen = client.transaction(TxHash::new(hash.try_into().unwrap())).await.unwrap().unwrap();
        assert_eq!(seen.status, TxStatus::Executed, "{fault:?}");
        let slot = format!("--account 1001 --slot {slot} {at}");
        run(&bench, &format!("keys check file:new-{} {slot}", json["slot"])).expect(0);
    }
    running.shutdown().await;
}

/// The whole way of a sealed key: sealed by the program, opened by a run, with the passphrase from the environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_signs_with_sealed_keys() {
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/worlds/both_fill.yaml");
    let world = WorldSpec::parse(&fs::read_to_string(world).unwrap()).unwrap();
    let markets = vec![Market::example()];
    let running =
        PaperServer::start(PaperConfig { world, markets, time_scale: 10, ..config() }).await.unwrap();
    let bench = Bench::new();
    let text = plan(&running.http_url, &running.ws_url, running.chain_id)
        .replace("chain_id:", "time_scale: 10, chain_id:")
        .replace("env:LONG", "sealed:1001.sealed")
        .replace("env:SHORT", "sealed:1002.sealed");
    bench.write("plan.yaml", text);
    let mut secrets = Vec::new();
    for account in [1001, 1002] {
        secrets.push(key_file(&bench, "plain", account));
        run(&bench, &format!("keys seal file:plain {account}.sealed")).expect(0);
    }
    let locked = bench.run(&["apply", "plan.yaml", "--auto-approve"]).expect(1);
    assert!(locked.stderr.contains("passphrase"), "{}", locked.stderr);
    let applied = run(&bench, "apply plan.yaml --auto-approve").expect(0);
    secrets.iter().for_each(|secret| without(&applied, secret));
    running.shutdown().await;
}
