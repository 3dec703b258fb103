//! What the measures are held against.

use std::time::Duration;

use lighter_plan::journal::{IntentRow, NewEvent, Priority};
use lighter_plan::model::{AccountIndex, ClientOrderIndex, Nonce, RunId};
use lighter_plan::paper::server::key;
use lighter_plan::tx::{Attributes, CreateOrder, Envelope, OrderSpec, SignedTx};
use lighter_plan::venue::lighter::OrderEntry;
use lighter_plan::venue::{Class, Subscription, Venue as _};

use crate::rig::{Rig, SEED, SLOT, accounts, new_run};

/// A request that the server answers from memory: the client, both sockets, and the way there and back.
pub(crate) async fn round_trips(rig: &Rig, count: usize) -> Vec<Duration> {
    let (client, _) = rig.client(accounts(0));
    let [account, _] = accounts(0);
    let mut times = Vec::with_capacity(count);
    // The first one connects.
    for _ in 0..=count {
        let start = rig.exchange.clock.elapsed();
        client.next_nonce(account, SLOT).await.expect("a nonce");
        times.push(rig.exchange.clock.elapsed().saturating_sub(start));
    }
    times.split_off(1)
}

/// A transaction there and back, each way to the venue in turn: an order that meets nobody, from one account and key.
pub(crate) async fn sends(rig: &Rig, spare: usize, count: usize, entry: OrderEntry) -> Vec<Duration> {
    let pair = accounts(spare);
    let account = if entry == OrderEntry::Rest { pair[0] } else { pair[1] };
    let (client, recorder) = rig.client_by(pair, entry);
    let _events = client.subscribe(Subscription::default());
    let mut times = Vec::with_capacity(count);
    let first = client.next_nonce(account, SLOT).await.expect("a nonce").get();
    let mut nonce = first;
    while times.len() < count {
        let signed = sign(rig, account, nonce);
        let start = rig.exchange.clock.elapsed();
        client.send(&signed, Class::Hedge).await.expect("the order is taken in");
        let took = rig.exchange.clock.elapsed().saturating_sub(start);
        let over_rest = recorder.sent(signed.tx_type, start).is_some();
        nonce += 1;
        // The first request connects, and the socket may take a moment longer than the first order.
        if nonce > first + 1 && over_rest == (entry == OrderEntry::Rest) {
            times.push(took);
        }
    }
    times
}

/// What no transaction can leave without: one signature and one durable commit of what was signed.
pub(crate) async fn sign_and_commit(rig: &Rig, run: &str, count: usize) -> Vec<Duration> {
    let run: RunId = run.parse().expect("a run id");
    rig.journal.create_run(new_run(&run)).await.expect("a run");
    let mut times = Vec::with_capacity(count);
    for number in (0_i64..).take(count) {
        let start = rig.exchange.clock.elapsed();
        let signed = sign(rig, accounts(0)[0], number);
        let event = NewEvent {
            pair: None,
            kind: "intent".to_owned(),
            at: rig.exchange.clock.now(),
            body: serde_json::json!({ "tx_info": signed.tx_info }).to_string(),
        };
        let written =
            rig.journal.append(&run, Priority::Normal, vec![event], vec![row(rig, number, signed)]).await;
        written.expect("the bench's disk has room");
        times.push(rig.exchange.clock.elapsed().saturating_sub(start));
    }
    times
}

fn sign(rig: &Rig, account: AccountIndex, nonce: i64) -> SignedTx {
    let expired_at = rig.exchange.clock.now().after(Duration::from_secs(8)).as_millis();
    let order = OrderSpec {
        market_index: 2,
        client_order_index: 1 + nonce,
        base_amount: 500,
        price: 100_900,
        is_ask: 1,
        kind: 0,
        time_in_force: 0,
        reduce_only: 0,
        trigger_price: 0,
        order_expiry: 0,
    };
    let tx = CreateOrder { account_index: account.get(), api_key_index: SLOT.get(), order }.into();
    let envelope = Envelope { tx, expired_at, nonce, attributes: Attributes::new() };
    envelope.sign(rig.exchange.chain_id, &key(SEED, account, SLOT))
}

fn row(rig: &Rig, number: i64, signed: SignedTx) -> IntentRow {
    IntentRow {
        intent_id: format!("control/{number}"),
        account: accounts(0)[0],
        key: SLOT,
        nonce: Nonce::new(number),
        client_order_index: Some(ClientOrderIndex::new(7)),
        hash: signed.hash,
        tx_type: signed.tx_type,
        tx_info: signed.tx_info,
        deadline: rig.exchange.clock.now(),
        state: "in-doubt".to_owned(),
    }
}
