//! One round: a run of one pair whose long leg is filled, watched until the legs are equal again.

use std::collections::BTreeSet;
use std::time::Duration;

use lighter_plan::engine::{Entry, IntentId, News, PairStatus, Purpose};
use lighter_plan::model::AccountIndex;
use lighter_plan::plan::Plan;
use lighter_plan::rt::real_timeout;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::rig::{Rig, SLOT, accounts, sound_plan};
use crate::seams::{Frame, Recorder};

/// Type numbers of the venue.
const CREATE_ORDER: u8 = 14;
const CANCEL_ORDER: u8 = 15;

/// The legs' orders.
const SIZE: &str = "0.5";
const BUY: &str = "99.990";
/// What the taker sells at no less than the long leg's price: more than all makers that bid better, and that leg's whole
/// order. The bids below stay, for the hedge.
const TAKEN: &str = "400";

/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a round measured.
pub(crate) struct Times {
    /// Fill seen → first cancel handed over.
    pub(crate) cancel: Duration,
    /// Last fact needed → hedge handed over.
    pub(crate) hedge: Duration,
}

fn plan(rig: &Rig, [long, short]: [AccountIndex; 2]) -> Plan {
    let (http, ws, chain_id) = (&rig.exchange.http_url, &rig.exchange.ws_url, rig.exchange.chain_id);
    let text = format!(
        "version: 1
name: latency
network: {{ http: '{http}', ws: '{ws}', chain_id: {chain_id} }}
market: SOL
size: {SIZE}
leverage: 5
prices: {{ buy: {BUY}, sell: 100.010 }}
minimum_usdc: 100
pairs:
  - id: pair
    long: {{ account: {long}, api_key_index: {SLOT}, key: env:LONG }}
    short: {{ account: {short}, api_key_index: {SLOT}, key: env:SHORT }}
place: {{ time_in_force: post_only, expires_in: 30m }}
watch: {{ entry_deadline: 10m, on_entry_timeout: hedge, max_hold: 10m }}
hedge: {{ wait: 1s, max_naked: 30s, max_slippage_bps: 50 }}
risk: {{ max_order_usdc: 100, max_position_usdc: 100, max_exposure_usdc: 200, max_price_deviation_bps: 500,
  max_drawdown_usdc: 150, min_liquidation_distance_pct: 10, max_messages_per_minute: 40,
  max_loss_if_venue_down_usdc: 300 }}
withdraw: {{ when: never }}
"
    );
    let mut plan = sound_plan(&text);
    for pair in &mut plan.pairs {
        // Nothing is waited for: the cancel answers the fill itself.
        pair.hedge.wait = Duration::ZERO;
    }
    plan
}

/// Runs one round.
///
/// # Panics
///
/// When the run does not get as far as two equal legs: there is nothing to measure then.
pub(crate) async fn round(rig: &Rig, number: usize) -> Times {
    let accounts = accounts(number);
    let (client, recorder) = rig.client(accounts);
    let (news, mut heard) = mpsc::unbounded_channel();
    let run = rig.run(&format!("round-{number}"), plan(rig, accounts), client, &accounts, Some(news)).await;
    let status = run.status.values().next().expect("one pair").clone();
    let watched = async {
        at_rest(&mut heard, &status).await;
        let acted = rig.exchange.clock.elapsed();
        rig.sell(TAKEN, BUY).await;
        equal(&mut heard).await;
        acted
    };
    let acted = tokio::select! {
        ended = run.go() => panic!("round {number} ended early: {ended:?}"),
        acted = real_timeout(PATIENCE, watched) => acted,
    };
    let acted = acted.unwrap_or_else(|| panic!("round {number} stands still at {:?}", *status.borrow()));
    times(&recorder, acted, accounts)
}

/// Waits until both orders rest and nothing is under way: the fill then meets an engine with nothing else to do.
async fn at_rest(heard: &mut mpsc::UnboundedReceiver<News>, status: &watch::Receiver<PairStatus>) {
    let mut unsettled: BTreeSet<IntentId> = BTreeSet::new();
    let (mut orders, mut switches) = (0, 0);
    loop {
        match heard.recv().await.expect("the run goes on").entry {
            Entry::Intent(intent) => {
                orders += u32::from(intent.purpose == Purpose::Entry);
                switches += u32::from(matches!(intent.purpose, Purpose::ArmDeadMan(_)));
                unsettled.insert(intent.id);
            }
            Entry::Settled { intent, .. } => {
                unsettled.remove(&intent);
            }
            _ => {}
        }
        // Each leg has an order, and then a dead man's switch.
        if (orders, switches) == (2, 2) && unsettled.is_empty() {
            let resting = |status: &PairStatus| status.orders == 2 && status.in_doubt == 0;
            let mut status = status.clone();
            status.wait_for(resting).await.expect("the run goes on");
            if heard.is_empty() {
                return;
            }
        }
    }
}

/// Waits until the hedge has made the legs equal.
async fn equal(heard: &mut mpsc::UnboundedReceiver<News>) {
    while let Some(news) = heard.recv().await {
        if matches!(news.entry, Entry::NakedTo { .. }) {
            return;
        }
    }
}

/// Returns whether a frame is of `family` and `account` and holds a row of the bench's own doing.
fn speaks(frame: &Frame, family: &str, account: AccountIndex, row: impl Fn(&Value) -> bool) -> bool {
    let channel = frame.json["channel"].as_str() == Some(&format!("account_all_{family}:{account}"));
    let mut rows = frame.json[family].as_object().into_iter().flatten();
    channel && rows.any(|(_, rows)| rows.as_array().is_some_and(|rows| rows.iter().any(&row)))
}

fn times(recorder: &Recorder, acted: Duration, [long, short]: [AccountIndex; 2]) -> Times {
    let frames: Vec<_> = recorder.frames().into_iter().filter(|frame| frame.at >= acted).collect();
    let first = |what: &str, found: &dyn Fn(&Frame) -> bool| {
        let frame = frames.iter().find(|frame| found(frame));
        frame.unwrap_or_else(|| panic!("no frame with {what}")).at
    };
    let status = |text: &'static str| move |row: &Value| row["status"].as_str() == Some(text);
    let fill = first("the fill", &|frame| speaks(frame, "trades", long, |_| true));
    let filled = first("the filled order", &|frame| speaks(frame, "orders", long, status("filled")));
    let cancelled = first("the cancelled order", &|frame| speaks(frame, "orders", short, status("canceled")));
    let cancel = recorder.sent(CANCEL_ORDER, acted).expect("a cancel");
    let hedge = recorder.sent(CREATE_ORDER, cancel).expect("a hedge");
    let needed = fill.max(filled).max(cancelled);
    assert!(fill <= cancel && needed <= hedge, "{fill:?} {cancel:?} {needed:?} {hedge:?}");
    Times { cancel: cancel - fill, hedge: hedge - needed }
}
