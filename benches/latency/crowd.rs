//! A hundred pairs at work in the same process: their quotes follow a market that swings, so they sign, commit and send
//! all the time, through the same journal and to the same exchange.

use std::fmt::Write as _;
use std::time::Duration;

use lighter_plan::engine::PairStatus;
use lighter_plan::model::AccountIndex;
use lighter_plan::plan::Plan;
use lighter_plan::rt::{Tasks, real_timeout};
use tokio::sync::watch;

use crate::rig::{Rig, SLOT, accounts, sound_plan};

/// Pairs of a run. Each run has a client of its own, which keeps to the venue's limits for one address: a hundred pairs
/// on one client take a quarter of an hour to come to rest.
const PAIRS_A_RUN: usize = 5;

/// How long all of them may take until they quote.
const PATIENCE: Duration = Duration::from_secs(180);

/// The pairs; they end when this is dropped.
pub(crate) struct Crowd {
    _tasks: Tasks,
    /// Where each stands.
    pairs: Vec<watch::Receiver<PairStatus>>,
}

impl Crowd {
    /// Starts `pairs` pairs on the accounts after the first `taken` pairs of them; returns when all of them quote.
    pub(crate) async fn start(rig: &Rig, taken: usize, pairs: usize) -> Self {
        let mut crowd = Self { _tasks: Tasks::default(), pairs: Vec::new() };
        for first in (0..pairs).step_by(PAIRS_A_RUN) {
            let count = PAIRS_A_RUN.min(pairs - first);
            let accounts: Vec<_> = (0..count).map(|pair| accounts(taken + first + pair)).collect();
            crowd.run(rig, &format!("crowd-{first}"), &accounts).await;
        }
        let quote = async {
            for status in &mut crowd.pairs {
                status.wait_for(|status| status.orders == 2).await.expect("the crowd goes on");
            }
        };
        real_timeout(PATIENCE, quote).await.expect("the crowd quotes");
        crowd
    }

    async fn run(&mut self, rig: &Rig, name: &str, accounts: &[[AccountIndex; 2]]) {
        let client = rig.plain_client(accounts.as_flattened());
        let run = rig.run(name, plan(rig, accounts), client, accounts.as_flattened(), None).await;
        self.pairs.extend(run.status.values().cloned());
        self._tasks.spawn("crowd", async move { drop(run.go().await) });
    }

    /// Returns how many of them are still at work.
    pub(crate) fn at_work(&self) -> usize {
        self.pairs.iter().filter(|status| status.has_changed().is_ok()).count()
    }
}

fn plan(rig: &Rig, accounts: &[[AccountIndex; 2]]) -> Plan {
    let (http, ws, chain_id) = (&rig.exchange.http_url, &rig.exchange.ws_url, rig.exchange.chain_id);
    let mut text = format!(
        "version: 1
name: crowd
network: {{ http: '{http}', ws: '{ws}', chain_id: {chain_id} }}
market: ETH
size: 0.05
leverage: 5
prices:
  buy: {{ peg: mid, offset_bps: -80, reprice_bps: 5 }}
  sell: {{ peg: mid, offset_bps: 80, reprice_bps: 5 }}
minimum_usdc: 100
place: {{ time_in_force: post_only, expires_in: 2h }}
watch: {{ entry_deadline: 1h, on_entry_timeout: hedge, max_hold: 1h }}
hedge: {{ wait: 20s, max_naked: 60s, max_slippage_bps: 50 }}
risk: {{ max_order_usdc: 300, max_position_usdc: 300, max_exposure_usdc: 10000, max_price_deviation_bps: 500,
  max_drawdown_usdc: 150, min_liquidation_distance_pct: 10, max_messages_per_minute: 40,
  max_loss_if_venue_down_usdc: 300 }}
withdraw: {{ when: never }}
pairs:
"
    );
    for (number, [long, short]) in accounts.iter().enumerate() {
        let written = write!(
            text,
            "  - id: p{number}
    long: {{ account: {long}, api_key_index: {SLOT}, key: env:LONG_{number} }}
    short: {{ account: {short}, api_key_index: {SLOT}, key: env:SHORT_{number} }}
"
        );
        written.expect("text grows");
    }
    sound_plan(&text)
}
