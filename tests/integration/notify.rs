//! Alerts over the real binary: a webhook on loopback that answers, fails, hangs or is not there.

use std::collections::BTreeSet;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use lighter_plan::model::{AccountIndex, ApiKeyIndex, Market, MarketId};
use lighter_plan::paper::server::{PaperConfig, PaperServer, PaperSlots, Running, key};
use lighter_plan::paper::world::WorldSpec;
use lighter_plan::rt::{Clock, Tasks, real_sleep, real_timeout};
use lighter_plan::tx::{Attributes, CreateOrder, Envelope, OrderSpec, SignedTx};
use lighter_plan::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};
use lighter_plan::venue::{Class, Venue as _};
use serde_json::Value;

use crate::common::{Bench, Run};
use crate::online;

/// What a URL must keep to itself.
const SECRET: &str = "xoxb-T0PS3CR3T";
/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// What a webhook does with a request.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Takes,
    /// Fails so many times, then takes.
    Fails(u32),
    Hangs,
}

#[derive(Default)]
struct Heard {
    posts: Vec<Value>,
    taken: Vec<Value>,
    uris: BTreeSet<String>,
}

#[derive(Clone)]
struct Shared {
    mood: Arc<Mutex<Mood>>,
    heard: Arc<Mutex<Heard>>,
}

/// A webhook; gone when dropped.
struct Hook {
    url: String,
    shared: Shared,
    _tasks: Tasks,
}

async fn take(State(shared): State<Shared>, Path(_): Path<String>, uri: Uri, body: Bytes) -> StatusCode {
    let json: Value = serde_json::from_slice(&body).expect("a JSON body");
    let mood = {
        let (mut mood, mut heard) = (shared.mood.lock().unwrap(), shared.heard.lock().unwrap());
        heard.posts.push(json.clone());
        heard.uris.insert(uri.to_string());
        let now = *mood;
        match &mut *mood {
            Mood::Fails(0) | Mood::Takes => heard.taken.push(json),
            Mood::Fails(left) => *left -= 1,
            Mood::Hangs => {}
        }
        now
    };
    match mood {
        Mood::Takes | Mood::Fails(0) => StatusCode::NO_CONTENT,
        Mood::Fails(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Mood::Hangs => {
            real_sleep(LIMIT).await;
            StatusCode::OK
        }
    }
}

impl Hook {
    async fn start(mood: Mood) -> Self {
        let shared = Shared { mood: Arc::new(Mutex::new(mood)), heard: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/{SECRET}?token={SECRET}", listener.local_addr().unwrap());
        let app = Router::new().route("/hooks/{token}", post(take)).with_state(shared.clone());
        let mut tasks = Tasks::default();
        tasks.spawn("hook", async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared, _tasks: tasks }
    }

    fn taken(&self) -> Vec<Value> {
        self.shared.heard.lock().unwrap().taken.clone()
    }

    fn posts(&self) -> usize {
        self.shared.heard.lock().unwrap().posts.len()
    }

    fn turn(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    async fn posted(&self) {
        let posted = async {
            while self.posts() == 0 {
                real_sleep(Duration::from_millis(5)).await;
            }
        };
        real_timeout(LIMIT, posted).await.expect("an alert is posted");
    }
}

/// Only the long leg of its pair fills; the hedge is due two venue seconds later.
fn plan(notify: &str) -> String {
    format!(
        "\
version: 1
name: told
network: paper
paper: {{ usdc: 10000, seed: 7, world: {}/tests/fixtures/worlds/quick_long_only.yaml, time_scale: 20 }}
market: SOL
size: 2.5
leverage: 5
prices: {{ buy: 99.920, sell: 100.080 }}
minimum_usdc: 500
pairs:
  - id: alpha
    long:  {{ account: 1001, api_key_index: 4, key: paper }}
    short: {{ account: 1002, api_key_index: 4, key: paper }}
place: {{ time_in_force: post_only, expires_in: 30m }}
watch: {{ entry_deadline: 10m, on_entry_timeout: hedge, max_hold: 8s }}
hedge: {{ wait: 2s, max_naked: 180s, attempts: 10, max_slippage_bps: 100 }}
risk:
  max_order_usdc: 2000
  max_position_usdc: 2000
  max_exposure_usdc: 2000
  max_price_deviation_bps: 100
  max_drawdown_usdc: 150
  min_liquidation_distance_pct: 10
  max_messages_per_minute: 60
  max_loss_if_venue_down_usdc: 300
withdraw: {{ when: on_exit, route: secure, keep_usdc: 0, verify_within: 24h }}
{notify}",
        env!("CARGO_MANIFEST_DIR")
    )
}

const ALL: &str = "notify: [{ webhook: 'env:ALERT_URL', on: [liquidation, hedge, stuck, finished] }]\n";

fn start(bench: &Bench, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn end(child: Child) -> Run {
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let Output { status, stdout, stderr } = real_timeout(LIMIT, output).await.expect("it ends").unwrap();
    Run {
        code: status.code().expect("an exit code, no signal"),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

async fn run(bench: &Bench, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let run = end(start(bench, arguments, environment)).await;
    assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "the URL was printed");
    run
}

const APPLY: &[&str] = &["apply", "plan.yaml", "--auto-approve", "--events", "events.jsonl"];

/// Returns the journaled events of the run, after `journal verify` and a look for the secret in every file.
fn events(bench: &Bench) -> Vec<Value> {
    bench.run(&["journal", "verify"]).expect(0);
    nothing_holds_the_secret(&bench.path(""));
    let run = bench.run(&["events", "--json"]).expect(0);
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn nothing_holds_the_secret(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nothing_holds_the_secret(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let held = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!held, "`{}` holds the URL", path.display());
        }
    }
}

/// Returns the body of an exported event, whichever way the export writes it.
fn body(event: &Value) -> Value {
    match &event["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    }
}

fn of_kind(events: &[Value], kind: &str) -> Vec<Value> {
    events.iter().filter(|event| event["kind"] == kind).map(body).collect()
}

fn kinds(posts: &[Value]) -> Vec<String> {
    posts.iter().map(|post| post["kind"].as_str().unwrap().to_owned()).collect()
}

/// Delivered in order, after a service that failed at first, in the form of the schema; the URL is nowhere, not even in
/// the most talkative log.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_arrive_in_order_and_the_url_stays_secret() {
    let hook = Hook::start(Mood::Fails(2)).await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(ALL));
    let arguments = [APPLY, &["-vvv"]].concat();
    let run = run(&bench, &arguments, &[("ALERT_URL", &hook.url)]).await.expect(0);
    assert!(run.stderr.contains("alerts do not reach env:ALERT_URL (127.0.0.1): HTTP 500"), "{}", run.stderr);
    assert!(run.stderr.contains("alerts reach env:ALERT_URL (127.0.0.1) again"), "{}", run.stderr);
    assert!(!run.stdout.contains("NOT DELIVERED"), "{}", run.stdout);
    let taken = hook.taken();
    assert_eq!(kinds(&taken), ["hedge-started", "ended"], "{taken:?}");
    let schema: Value = serde_json::from_str(include_str!("../../schemas/alert.v1.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let events = events(&bench);
    for post in &taken {
        assert!(schema.is_valid(post), "{post}");
        let event = post["events"][0].as_u64().unwrap();
        let row = events.iter().find(|row| row["seq"] == event).unwrap();
        assert!(row["kind"] == "step" && row["pair"] == "alpha", "{row}");
        assert!(post["text"].as_str().unwrap().starts_with("lighter-plan: told/alpha on paper: "), "{post}");
    }
    let delivered = of_kind(&events, "notify.delivered");
    assert_eq!(delivered.len(), 2, "{delivered:?}");
    assert_eq!((&delivered[0]["attempts"], &delivered[0]["webhook"]), (&3.into(), &"env:ALERT_URL".into()));
    assert_eq!(of_kind(&events, "notify.failed"), [] as [Value; 0]);
    let status = bench.run(&["status"]).expect(0);
    assert!(status.stdout.contains("env:ALERT_URL  2 alerts delivered, 0 not"), "{}", status.stdout);
}

/// Returns the venue time between the legs' first difference and the first hedge order.
fn hedged_after(events: &[Value]) -> Duration {
    let naked = of_kind(events, "naked-from")[0]["at"].clone();
    let hedge = of_kind(events, "intent").into_iter().find(|intent| intent["purpose"] == "hedge").unwrap();
    let ms = |at: &Value| at.as_i64().unwrap();
    Duration::from_millis(u64::try_from(ms(&hedge["at"]) - ms(&naked)).unwrap())
}

/// One webhook hangs, one is not there: the hedge goes out as if there were none, the run ends as it would, and what was
/// not delivered is told, in `status`, and journaled.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_hang_or_are_not_there_hold_up_nothing() {
    let hook = Hook::start(Mood::Hangs).await;
    let gone = Hook::start(Mood::Takes).await.url;
    let bench = Bench::new();
    let two = "notify:\n  - { webhook: 'env:HANGS', on: [hedge, stuck, liquidation] }\n  \
               - { webhook: 'env:GONE', on: [finished] }\n";
    bench.write("plan.yaml", plan(two));
    let run = run(&bench, APPLY, &[("HANGS", &hook.url), ("GONE", &gone)]).await.expect(0);
    assert!(hook.posts() > 0, "it was asked");
    let events = events(&bench);
    // A request hangs for five seconds, a hundred of venue time; a hedge that waited for it would be that late.
    let after = hedged_after(&events);
    assert!(after < Duration::from_secs(60), "hedged after {after:?}");
    let failed = of_kind(&events, "notify.failed");
    let webhooks: BTreeSet<_> = failed.iter().map(|row| row["webhook"].as_str().unwrap()).collect();
    assert_eq!(webhooks, BTreeSet::from(["env:HANGS", "env:GONE"]), "{failed:?}");
    let last = events.iter().rfind(|row| row["kind"] == "run.status").unwrap();
    assert!(body(last)["status"] == "ended" && last["seq"] == events.len(), "after the last record: {last}");
    let status = bench.run(&["status"]).expect(0).stdout;
    for text in [&run.stdout, &status] {
        assert!(text.contains("to env:HANGS (") && text.contains("alpha: the legs are made equal"), "{text}");
        assert!(text.contains("to env:GONE (") && text.contains("alpha: ended with code 0"), "{text}");
    }
    let json: Value = serde_json::from_str(&bench.run(&["status", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(json["alerts"][0]["webhook"], "env:GONE", "{json}");
    assert_eq!(json["alerts"][0]["not_delivered"].as_array().unwrap().len(), 1, "{json}");
}

/// Starts a run whose first alert is refused again and again, and kills the process there.
async fn killed_while_an_alert_waits(bench: &Bench, hook: &Hook) {
    let mut child = start(bench, APPLY, &[("ALERT_URL", &hook.url)]);
    hook.posted().await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hook.taken().len(), 0);
    let status = bench.run(&["status"]).expect(0).stdout;
    assert!(status.contains("not delivered to env:ALERT_URL (not tried to the end)"), "{status}");
}

/// What was journaled before a SIGKILL and not delivered is sent by `resume`, as late; nothing is sent twice after that.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_sends_its_alerts_when_it_is_resumed() {
    let hook = Hook::start(Mood::Fails(u32::MAX)).await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(ALL));
    killed_while_an_alert_waits(&bench, &hook).await;
    hook.turn(Mood::Takes);
    run(&bench, &["resume"], &[("ALERT_URL", &hook.url)]).await.expect(0);
    let taken = hook.taken();
    assert_eq!(kinds(&taken).first().unwrap(), "hedge-started", "{taken:?}");
    assert_eq!(taken[0]["late"], true, "{taken:?}");
    assert_eq!(kinds(&taken).last().unwrap(), "ended", "{taken:?}");
    let ids: BTreeSet<_> = taken.iter().map(|post| post["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), taken.len(), "one delivery each: {taken:?}");
    let status = bench.run(&["status"]).expect(0).stdout;
    assert!(status.contains("alerts delivered, 0 not"), "{status}");
    events(&bench);
}

/// A variable that is missing keeps a new run from starting. It does not keep an open position from its hedge.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_variable_stops_apply_and_not_resume() {
    let hook = Hook::start(Mood::Fails(u32::MAX)).await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(ALL));
    for environment in [&[][..], &[("ALERT_URL", "http://example.org/x")], &[("ALERT_URL", "no url")]] {
        let refused = run(&bench, APPLY, environment).await.expect(1);
        assert!(refused.stderr.contains("`ALERT_URL`"), "{}", refused.stderr);
        assert!(!bench.path(".lighter-plan/journal.sqlite").exists(), "nothing was recorded");
    }
    killed_while_an_alert_waits(&bench, &hook).await;
    let resumed = run(&bench, &["resume"], &[]).await.expect(0);
    assert!(resumed.stderr.contains("ALERTS WILL NOT BE DELIVERED"), "{}", resumed.stderr);
    assert!(resumed.stdout.contains("`ALERT_URL` of `notify` is not set"), "{}", resumed.stdout);
    let failed = of_kind(&events(&bench), "notify.failed");
    assert!(failed.iter().any(|row| row["kind"] == "ended"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_sends_nothing_and_says_so() {
    let hook = Hook::start(Mood::Takes).await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(ALL));
    let dry = run(&bench, &["apply", "plan.yaml", "--dry-run"], &[("ALERT_URL", &hook.url)]).await.expect(0);
    assert!(dry.stderr.contains("no alert is sent"), "{}", dry.stderr);
    assert_eq!(hook.posts(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_can_be_tried_out() {
    let hook = Hook::start(Mood::Takes).await;
    let gone = Hook::start(Mood::Takes).await.url;
    let bench = Bench::new();
    let two = "notify:\n  - { webhook: 'env:ONE', on: [hedge, stuck, liquidation] }\n  \
               - { webhook: 'env:TWO', on: [finished] }\n";
    bench.write("plan.yaml", plan(two));
    let test = ["notify", "test", "plan.yaml"];
    let both = [("ONE", hook.url.as_str()), ("TWO", gone.as_str())];
    let tried = run(&bench, &test, &both).await.expect(1);
    assert!(tried.stdout.contains("env:ONE (127.0.0.1)  taken: HTTP 204"), "{}", tried.stdout);
    assert!(tried.stdout.contains("env:TWO (127.0.0.1)  not taken: no answer"), "{}", tried.stdout);
    let one = run(&bench, &[&test[..], &["--event", "liquidation"]].concat(), &both).await.expect(0);
    assert!(!one.stdout.contains("env:TWO"), "{}", one.stdout);
    assert_eq!(kinds(&hook.taken()), ["test", "test"]);
    let unset = run(&bench, &test, &both[..1]).await.expect(1);
    assert!(unset.stdout.contains("env:TWO  not sent: the variable `TWO`"), "{}", unset.stdout);
    bench.write("bare.yaml", plan(""));
    run(&bench, &["notify", "test", "bare.yaml"], &[]).await.expect(1);
}

/// `doctor` reads the variables, and posts only when it is asked to.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_at_the_webhooks() {
    let hook = Hook::start(Mood::Takes).await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(ALL));
    let url = [("ALERT_URL", hook.url.as_str())];
    let quiet = run(&bench, &["doctor", "plan.yaml"], &url).await.expect(0);
    assert!(quiet.stdout.contains("env:ALERT_URL (127.0.0.1)"), "{}", quiet.stdout);
    assert_eq!(hook.posts(), 0);
    run(&bench, &["doctor", "plan.yaml", "--notify"], &url).await.expect(0);
    assert_eq!(kinds(&hook.taken()), ["test"]);
    let unset = run(&bench, &["doctor", "plan.yaml"], &[]).await.expect(1);
    assert!(unset.stdout.contains("fail  notify"), "{}", unset.stdout);
    let began = Clock::system();
    hook.turn(Mood::Hangs);
    run(&bench, &["doctor", "plan.yaml", "--notify"], &url).await.expect(1);
    assert!(began.elapsed() < LIMIT, "a webhook that hangs is given up");
}

/// The first account of the plan, and a slot of it that the plan does not name.
const LONG: AccountIndex = AccountIndex::new(1001);
const SPARE: ApiKeyIndex = ApiKeyIndex::new(5);

/// An exchange with nobody in it but the plan, twenty times as fast.
async fn quiet_venue() -> Running {
    let slots = vec![ApiKeyIndex::new(4), SPARE];
    let accounts =
        [1001, 1002].map(|account| PaperSlots { account: AccountIndex::new(account), slots: slots.clone() });
    let quiet =
        "name: quiet\nmarkets: [{ market: SOL, price: '100.000', volatility_bps: 0, takers: false }]\n";
    PaperServer::start(PaperConfig {
        accounts: accounts.to_vec(),
        markets: vec![Market::example()],
        world: WorldSpec::parse(quiet).unwrap(),
        time_scale: 20,
        ..online::config()
    })
    .await
    .unwrap()
}

/// An order far below the market, signed with a key that the run knows nothing of.
fn foreign_order(running: &Running) -> SignedTx {
    let day = running.clock.now().after(Duration::from_secs(86_400)).as_millis();
    let order = OrderSpec {
        market_index: 2,
        client_order_index: 4_242,
        base_amount: 1_000,
        price: 80_000,
        is_ask: 0,
        kind: 0,
        time_in_force: 1,
        reduce_only: 0,
        trigger_price: 0,
        order_expiry: day,
    };
    let tx = CreateOrder { account_index: LONG.get(), api_key_index: SPARE.get(), order };
    let expired_at = running.clock.now().after(Duration::from_secs(600)).as_millis();
    let envelope = Envelope { tx: tx.into(), expired_at, nonce: 0, attributes: Attributes::default() };
    envelope.sign(running.chain_id, &key(7, LONG, SPARE))
}

/// A foreign hand on an account is told while the run still goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_order_reaches_the_webhook() {
    let (hook, running) = (Hook::start(Mood::Takes).await, quiet_venue().await);
    let (http, ws) = (running.http_url.clone(), running.ws_url.clone());
    let fast = format!("chain_id: {}, time_scale: 20", running.chain_id);
    let text = online::plan(&http, &ws, running.chain_id)
        .replace(&format!("chain_id: {}", running.chain_id), &fast)
        + "notify: [{ webhook: 'env:ALERT_URL', on: [stuck] }]\n";
    let bench = Bench::new();
    bench.write("plan.yaml", text);
    let secret = |account| hex::encode(key(7, AccountIndex::new(account), ApiKeyIndex::new(4)).to_bytes());
    let (long, short) = (secret(1001), secret(1002));
    let mut child =
        start(&bench, APPLY, &[("ALERT_URL", hook.url.as_str()), ("LONG", &long), ("SHORT", &short)]);
    let endpoints = NetworkEndpoints { http, ws, chain_id: running.chain_id };
    let credential =
        lighter_plan::venue::Credential { account: LONG, api_key_index: SPARE, key: key(7, LONG, SPARE) };
    let options = LighterOptions::default();
    let venue = LighterVenue::new(endpoints, vec![credential], running.clock.clone(), options).unwrap();
    let rests = async {
        while venue.active_orders(LONG, MarketId::new(2)).await.unwrap().is_empty() {
            real_sleep(Duration::from_millis(50)).await;
        }
    };
    real_timeout(LIMIT, rests).await.expect("the entry rests");
    venue.send(&foreign_order(&running), Class::Place).await.unwrap();
    hook.posted().await;
    child.kill().unwrap();
    child.wait().unwrap();
    let told = hook.taken();
    assert_eq!((&told[0]["kind"], &told[0]["urgent"]), (&"stuck".into(), &true.into()), "{told:?}");
    assert!(told[0]["message"].as_str().unwrap().contains("that this run did not place"), "{told:?}");
    running.shutdown().await;
}
