//! Streams against servers that lose, garble, and forget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use super::super::testing::{ACCOUNT, MARKETS, Peer, fast_venue, http_stub, json as reply, venue, ws_stub};
use super::shards;
use crate::model::{AccountIndex, MarketId, Position};
use crate::rt::{Tasks, real_sleep, real_timeout};
use crate::tx::auth::AuthToken;
use crate::venue::lighter::LighterVenue;
use crate::venue::{Feed, Subscription, TxStatus, Venue, VenueEvent};

const MARKET: MarketId = MarketId::new(2);
const LONG: Duration = Duration::from_secs(20);

/// What a well-behaved venue knows of one connection.
#[derive(Default)]
struct Polite {
    subscribed: BTreeSet<String>,
}

fn book_frame(kind: &str, begin: i64, nonce: i64, bid: &str) -> Value {
    json!({"channel": "order_book:2", "type": format!("{kind}/order_book"), "order_book": {"code": 0,
        "bids": [{"price": bid, "size": "1.500"}], "asks": [{"price": "101.500", "size": "2.000"}],
        "nonce": nonce, "begin_nonce": begin, "offset": 5}})
}

fn stats_frame(kind: &str) -> Value {
    json!({"channel": "market_stats:2", "type": format!("{kind}/market_stats"), "market_stats": {"symbol": "SOL",
        "market_id": 2, "mark_price": "101.118", "index_price": "", "last_trade_price": 101.12,
        "current_funding_rate": "0.0012", "daily_price_change": -0.19}})
}

fn order(index: u64, status: &str) -> Value {
    json!({"order_index": index, "client_order_index": 5, "market_index": 2, "owner_account_index": 1001,
        "initial_base_amount": "2.500", "remaining_base_amount": "2.500", "price": "100.950", "is_ask": false,
        "type": "limit", "time_in_force": "post-only", "status": status, "timestamp": 1_790_600_000})
}

fn trade(id: u64) -> Value {
    json!({"trade_id": id, "type": "trade", "market_id": 2, "size": "0.500", "price": "101.000", "is_maker_ask": true,
        "ask_account_id": 1001, "bid_account_id": 7, "timestamp": 1_790_600_000_000_i64})
}

fn snapshot(channel: &str) -> Value {
    let frame = |family: &str, mut body: Value| {
        body["channel"] = channel.replace('/', ":").into();
        body["type"] = format!("subscribed/{family}").into();
        body
    };
    match channel.split('/').next().unwrap() {
        "order_book" => book_frame("subscribed", 0, 10, "100.500"),
        "market_stats" => stats_frame("subscribed"),
        "account_all_orders" => frame("account_all_orders", json!({"orders": {"2": [order(9, "open")]}})),
        "account_all_trades" => frame("account_all_trades", json!({"trades": {"2": [trade(8), trade(7)]}})),
        "account_all_positions" => frame(
            "account_all_positions",
            json!({"positions": {"2": {"market_id": 2, "sign": -1, "position": "2.500"}}}),
        ),
        "user_stats" => frame(
            "user_stats",
            json!({"stats": {"available_balance": "1.5", "collateral": "2", "portfolio_value": "3"}}),
        ),
        "account_tx" => frame("account_tx", json!({"txs": null})),
        "notification" => frame("notification", json!({"notifs": []})),
        other => panic!("nobody should ask for {other}"),
    }
}

impl Polite {
    fn answer(&mut self, message: &Value) -> Option<Value> {
        let channel = message["channel"].as_str().unwrap_or_default();
        match message["type"].as_str().unwrap() {
            "ping" => Some(json!({"type": "pong"})),
            "pong" => None,
            "unsubscribe" => {
                self.subscribed.remove(channel);
                Some(json!({"type": "unsubscribed", "channel": channel.replace('/', ":")}))
            }
            "subscribe" if self.subscribed.insert(channel.to_owned()) => Some(snapshot(channel)),
            "subscribe" => {
                let name = channel.replace('/', ":");
                Some(json!({"error": {"code": 30003, "message": format!("Already Subscribed to : {name}")}}))
            }
            other => panic!("unexpected message {other}"),
        }
    }
}

async fn greet(peer: &mut Peer) {
    peer.tell(&json!({"session_id": "x", "type": "connected"})).await;
}

/// Answers properly until `subscriptions` channels have been asked for.
async fn settle(peer: &mut Peer, polite: &mut Polite, subscriptions: usize) -> Option<()> {
    while polite.subscribed.len() < subscriptions {
        let message = peer.hear().await?;
        if let Some(answer) = polite.answer(&message) {
            peer.tell(&answer).await;
        }
    }
    Some(())
}

/// Answers properly, with fresh prices now and then, until the client hangs up.
async fn serve(peer: &mut Peer, polite: &mut Polite) {
    let pause = Duration::from_millis(300);
    loop {
        match real_timeout(pause, peer.hear()).await {
            Some(None) => return,
            Some(Some(message)) => {
                if let Some(answer) = polite.answer(&message) {
                    peer.tell(&answer).await;
                }
            }
            None => {}
        }
        if polite.subscribed.contains("market_stats/2") {
            peer.tell(&stats_frame("update")).await;
        }
    }
}

fn everything() -> Subscription {
    Subscription { markets: vec![MARKET], accounts: vec![ACCOUNT] }
}

fn market_only() -> Subscription {
    Subscription { markets: vec![MARKET], accounts: vec![] }
}

fn account_only() -> Subscription {
    Subscription { markets: vec![], accounts: vec![ACCOUNT] }
}

async fn rest(tasks: &mut Tasks) -> String {
    http_stub(tasks, |_| reply(200, MARKETS)).await
}

/// Waits for the first event for which `pick` has an answer.
async fn until<T>(events: &mut Receiver<VenueEvent>, pick: impl Fn(&VenueEvent) -> Option<T>) -> T {
    let mut passed = Vec::new();
    let wait = async {
        loop {
            let event = events.recv().await.expect("the streams go on");
            if let Some(picked) = pick(&event) {
                return picked;
            }
            passed.push(format!("{event:?}").chars().take(200).collect::<String>());
        }
    };
    match real_timeout(LONG, wait).await {
        Some(picked) => picked,
        None => panic!("it did not come; what came: {passed:#?}"),
    }
}

async fn up(events: &mut Receiver<VenueEvent>, feed: Feed) {
    until(events, |event| (*event == VenueEvent::Up(feed)).then_some(())).await;
}

async fn down(events: &mut Receiver<VenueEvent>, feed: Feed) -> String {
    until(events, |event| match event {
        VenueEvent::Down(which, reason) if *which == feed => Some(reason.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn every_feed_comes_up_with_its_snapshot() {
    let mut tasks = Tasks::default();
    let asked = Arc::new(Mutex::new(BTreeMap::new()));
    let keep = Arc::clone(&asked);
    let ws = ws_stub(&mut tasks, move |_, mut peer| {
        let keep = Arc::clone(&keep);
        async move {
            greet(&mut peer).await;
            let mut polite = Polite::default();
            while let Some(message) = peer.hear().await {
                if message["type"] == "subscribe" {
                    let channel = message["channel"].as_str().unwrap().to_owned();
                    keep.lock().unwrap().insert(channel, message["auth"].clone());
                }
                if let Some(answer) = polite.answer(&message) {
                    peer.tell(&answer).await;
                }
            }
        }
    })
    .await;
    let venue = venue(&rest(&mut tasks).await, &ws);
    let mut events = venue.subscribe(everything());
    let mut ups = BTreeSet::new();
    let mut data = BTreeMap::new();
    while ups.len() < 8 {
        match real_timeout(LONG, events.recv()).await.unwrap().unwrap() {
            VenueEvent::Up(feed) => {
                assert!(data.contains_key(&feed), "{feed:?} was up before its snapshot");
                ups.insert(feed);
            }
            VenueEvent::Down(feed, reason) => panic!("{feed:?}: {reason}"),
            event => drop(data.insert(feed_of(&event), event)),
        }
    }
    let VenueEvent::Book(_, top) = &data[&Feed::Book(MARKET)] else { panic!() };
    assert_eq!(top.best().unwrap().0.ticks(), 100_500);
    let VenueEvent::Stats(_, stats) = &data[&Feed::Stats(MARKET)] else { panic!() };
    assert_eq!(
        (stats.mark.unwrap().ticks(), stats.index, stats.last.unwrap().ticks()),
        (101_118, None, 101_120)
    );
    let VenueEvent::Orders(_, orders, true) = &data[&Feed::Orders(ACCOUNT)] else { panic!() };
    assert_eq!(orders.len(), 1);
    let VenueEvent::Trades(_, trades) = &data[&Feed::Trades(ACCOUNT)] else { panic!() };
    assert_eq!(trades.iter().map(|trade| trade.id.get()).collect::<Vec<_>>(), [7, 8]);
    let VenueEvent::Positions(_, positions) = &data[&Feed::Positions(ACCOUNT)] else { panic!() };
    assert_eq!(positions[0].position, Position::from_lots(-2_500));

    let asked = asked.lock().unwrap();
    for (channel, auth) in asked.iter() {
        match auth.as_str() {
            None => assert!(channel.contains("order_book") || channel.contains("market_stats"), "{channel}"),
            Some(token) => assert_eq!(AuthToken::parse(token).unwrap().account(), ACCOUNT, "{channel}"),
        }
    }
}

fn feed_of(event: &VenueEvent) -> Feed {
    match event {
        VenueEvent::Up(feed) | VenueEvent::Down(feed, _) => *feed,
        VenueEvent::Book(market, _) => Feed::Book(*market),
        VenueEvent::Stats(market, _) => Feed::Stats(*market),
        VenueEvent::Orders(account, ..) => Feed::Orders(*account),
        VenueEvent::Trades(account, _) => Feed::Trades(*account),
        VenueEvent::Positions(account, _) => Feed::Positions(*account),
        VenueEvent::Margin(account, _) => Feed::Margin(*account),
        VenueEvent::Txs(account, _) => Feed::Txs(*account),
        VenueEvent::Notices(account, _) => Feed::Notices(*account),
    }
}

/// Starts a venue whose connections first settle and then play `after`, the later ones politely to the end.
async fn first_then_polite<F, Played>(
    tasks: &mut Tasks,
    subscriptions: usize,
    after: F,
) -> (LighterVenue, Arc<Mutex<usize>>)
where
    F: Fn(Peer, Polite) -> Played + Send + Sync + 'static,
    Played: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&connections);
    let after = Arc::new(after);
    let ws = ws_stub(tasks, move |number, mut peer| {
        *counter.lock().unwrap() += 1;
        let after = Arc::clone(&after);
        async move {
            greet(&mut peer).await;
            let mut polite = Polite::default();
            if settle(&mut peer, &mut polite, subscriptions).await.is_none() {
                return;
            }
            if number == 0 { after(peer, polite).await } else { serve(&mut peer, &mut polite).await }
        }
    })
    .await;
    let base = rest(tasks).await;
    (venue(&base, &ws), connections)
}

/// R-22: after a lost frame no price is told until a new snapshot; the other feeds do not notice.
#[tokio::test]
async fn r_22_a_gap_in_the_book_is_repaired_by_a_new_snapshot() {
    let mut tasks = Tasks::default();
    let (venue, connections) = first_then_polite(&mut tasks, 2, |mut peer, mut polite| async move {
        peer.tell(&book_frame("update", 10, 12, "100.600")).await;
        peer.tell(&book_frame("update", 14, 15, "100.700")).await;
        peer.tell(&book_frame("update", 15, 16, "100.800")).await;
        serve(&mut peer, &mut polite).await;
    })
    .await;
    let mut events = venue.subscribe(market_only());
    up(&mut events, Feed::Book(MARKET)).await;
    let best = |event: &VenueEvent| match event {
        VenueEvent::Book(_, top) => Some(top.best().unwrap().0.ticks()),
        VenueEvent::Down(feed, reason) if *feed == Feed::Book(MARKET) => {
            assert!(reason.contains("a frame was lost"), "{reason}");
            None
        }
        _ => None,
    };
    assert_eq!(until(&mut events, best).await, 100_600);
    assert_eq!(until(&mut events, best).await, 100_500, "the frames after the gap are not told");
    up(&mut events, Feed::Book(MARKET)).await;
    assert_eq!(*connections.lock().unwrap(), 1);
}

/// R-20: a server's ping is answered, and a closed connection comes back with new snapshots.
#[tokio::test]
async fn r_20_a_closed_connection_comes_back_with_snapshots() {
    let mut tasks = Tasks::default();
    let ponged = Arc::new(Mutex::new(false));
    let keep = Arc::clone(&ponged);
    let (venue, connections) = first_then_polite(&mut tasks, 6, move |mut peer, mut polite| {
        let keep = Arc::clone(&keep);
        async move {
            peer.tell(&json!({"type": "ping"})).await;
            while let Some(message) = peer.hear().await {
                if message["type"] == "pong" {
                    *keep.lock().unwrap() = true;
                    return;
                }
                if let Some(answer) = polite.answer(&message) {
                    peer.tell(&answer).await;
                }
            }
        }
    })
    .await;
    let mut events = venue.subscribe(account_only());
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    down(&mut events, Feed::Orders(ACCOUNT)).await;
    let is_snapshot = |event: &VenueEvent| match event {
        VenueEvent::Orders(_, orders, snapshot) => Some((orders.len(), *snapshot)),
        _ => None,
    };
    assert_eq!(until(&mut events, is_snapshot).await, (1, true));
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    assert!(*ponged.lock().unwrap());
    assert_eq!(*connections.lock().unwrap(), 2);
}

/// R-21: a connection that is open but dead is given up, because nothing answers our ping.
#[tokio::test]
async fn r_21_a_dead_connection_is_found_by_a_ping() {
    let mut tasks = Tasks::default();
    let (venue, connections) =
        first_then_polite(&mut tasks, 6, |mut peer, _| async move { while peer.hear().await.is_some() {} })
            .await;
    let mut events = venue.subscribe(account_only());
    up(&mut events, Feed::Trades(ACCOUNT)).await;
    let reason = down(&mut events, Feed::Trades(ACCOUNT)).await;
    assert!(reason.contains("ping was not answered"), "{reason}");
    up(&mut events, Feed::Trades(ACCOUNT)).await;
    assert_eq!(*connections.lock().unwrap(), 2);
}

/// R-21: a connection that answers pings but has forgotten its subscriptions is found by asking for them again.
#[tokio::test]
async fn r_21_forgotten_subscriptions_are_found_by_a_probe() {
    let mut tasks = Tasks::default();
    let (venue, connections) = first_then_polite(&mut tasks, 6, |mut peer, _| async move {
        while let Some(message) = peer.hear().await {
            if message["type"] == "ping" {
                peer.tell(&json!({"type": "pong"})).await;
            }
        }
    })
    .await;
    let mut events = venue.subscribe(account_only());
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    let reason = until(&mut events, |event| match event {
        VenueEvent::Down(_, reason) => Some(reason.clone()),
        _ => None,
    })
    .await;
    assert!(reason.contains("silent for too long"), "{reason}");
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    assert_eq!(*connections.lock().unwrap(), 2);
}

/// A quiet feed whose probes are answered stays up for longer than its silence would allow.
#[tokio::test]
async fn a_quiet_feed_that_is_served_stays_up() {
    let mut tasks = Tasks::default();
    let (venue, connections) = first_then_polite(&mut tasks, 6, |mut peer, mut polite| async move {
        serve(&mut peer, &mut polite).await
    })
    .await;
    let mut events = venue.subscribe(account_only());
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    real_sleep(Duration::from_secs(5)).await;
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, VenueEvent::Down(..)), "{event:?}");
    }
    assert_eq!(*connections.lock().unwrap(), 1);
}

/// F-26: subscriptions get a new token long before the old one ends, without going down.
#[tokio::test]
async fn f_26_tokens_of_running_subscriptions_are_renewed() {
    let mut tasks = Tasks::default();
    let tokens = Arc::new(Mutex::new(BTreeSet::new()));
    let keep = Arc::clone(&tokens);
    let ws = ws_stub(&mut tasks, move |_, mut peer| {
        let keep = Arc::clone(&keep);
        async move {
            greet(&mut peer).await;
            let mut polite = Polite::default();
            while let Some(message) = peer.hear().await {
                if message["channel"] == "account_all_orders/1001" && message["type"] == "subscribe" {
                    keep.lock().unwrap().insert(message["auth"].as_str().unwrap().to_owned());
                }
                if let Some(answer) = polite.answer(&message) {
                    peer.tell(&answer).await;
                }
            }
        }
    })
    .await;
    // Three hours in a second.
    let venue = fast_venue(&rest(&mut tasks).await, &ws, 3 * 3_600);
    let mut events = venue.subscribe(account_only());
    for _ in 0..3 {
        until(&mut events, |event| match event {
            VenueEvent::Up(Feed::Orders(_)) => Some(()),
            VenueEvent::Down(feed, reason) => panic!("{feed:?}: {reason}"),
            _ => None,
        })
        .await;
    }
    assert!(tokens.lock().unwrap().len() >= 3);
}

/// R-18: a frame that cannot be read is a gap in its feed, never an empty list.
#[tokio::test]
async fn r_18_an_unreadable_frame_breaks_its_feed_only() {
    let mut tasks = Tasks::default();
    let (venue, connections) = first_then_polite(&mut tasks, 6, |mut peer, mut polite| async move {
        let broken = r#"{"channel":"account_all_orders:1001","type":"update/account_all_orders","orders":7}"#;
        peer.tell_text(broken).await;
        serve(&mut peer, &mut polite).await;
    })
    .await;
    let mut events = venue.subscribe(account_only());
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    until(&mut events, |event| match event {
        VenueEvent::Down(feed, reason) => {
            assert_eq!(*feed, Feed::Orders(ACCOUNT), "{reason}");
            Some(())
        }
        VenueEvent::Orders(_, orders, _) => {
            assert!(!orders.is_empty());
            None
        }
        _ => None,
    })
    .await;
    up(&mut events, Feed::Orders(ACCOUNT)).await;
    assert_eq!(*connections.lock().unwrap(), 1);
    assert!(venue.oddities().counts().iter().any(|(what, _)| what.contains("account_all_orders/1001")));
}

/// R-18: when it cannot be known whose frame was unreadable, every feed of the connection has a gap.
#[tokio::test]
async fn r_18_a_frame_of_nobody_breaks_the_connection() {
    for garbage in [r#"{"channel":"account_all_or"#, "[]", "\"text\""] {
        let mut tasks = Tasks::default();
        let (venue, connections) = first_then_polite(&mut tasks, 6, move |mut peer, mut polite| async move {
            peer.tell_text(garbage).await;
            serve(&mut peer, &mut polite).await;
        })
        .await;
        let mut events = venue.subscribe(account_only());
        let reason = down(&mut events, Feed::Notices(ACCOUNT)).await;
        assert!(reason.contains("unreadable frame"), "{reason}");
        up(&mut events, Feed::Notices(ACCOUNT)).await;
        assert_eq!(*connections.lock().unwrap(), 2, "{garbage}");
    }
}

#[tokio::test]
async fn an_announced_shutdown_leads_to_a_new_connection() {
    let mut tasks = Tasks::default();
    let (venue, connections) = first_then_polite(&mut tasks, 2, |mut peer, mut polite| async move {
        peer.tell(&json!({"type": "shutdown", "close_in_ms": 60_000})).await;
        serve(&mut peer, &mut polite).await;
    })
    .await;
    let mut events = venue.subscribe(market_only());
    up(&mut events, Feed::Book(MARKET)).await;
    down(&mut events, Feed::Book(MARKET)).await;
    up(&mut events, Feed::Book(MARKET)).await;
    assert_eq!(*connections.lock().unwrap(), 2);
}

/// What changes after the snapshot comes as it is: orders, a failed transaction, a notification.
#[tokio::test]
async fn updates_are_handed_on() {
    let mut tasks = Tasks::default();
    let (venue, _connections) = first_then_polite(&mut tasks, 6, |mut peer, mut polite| async move {
        let orders = json!({"channel": "account_all_orders:1001", "type": "update/account_all_orders",
            "orders": {"2": [order(9, "filled")], "4242": [order(10, "open")], "77": null}});
        let txs = json!({"channel": "account_tx:1001", "type": "update/account_tx", "txs": [{"hash": "ab".repeat(40),
            "type": 14, "status": 2, "nonce": 3, "account_index": 1001, "api_key_index": 4,
            "event_info": r#"{"ae":"AppErrInvalidNonce"}"#}]});
        let notifs = json!({"channel": "notification:1001", "type": "update/notification", "notifs": [
            {"id": "liq:2:5898", "kind": "liquidation", "content": {"market_index": 2}}]});
        for frame in [orders, txs, notifs] {
            peer.tell(&frame).await;
        }
        serve(&mut peer, &mut polite).await;
    })
    .await;
    let mut events = venue.subscribe(account_only());
    let statuses = until(&mut events, |event| match event {
        VenueEvent::Orders(_, orders, false) => Some(orders.iter().map(|o| o.status).collect::<Vec<_>>()),
        _ => None,
    })
    .await;
    assert_eq!(statuses[0], crate::model::OrderStatus::Filled);
    until(&mut events, |event| match event {
        VenueEvent::Txs(_, txs) => match &txs.first()?.status {
            TxStatus::Failed { message, .. } => {
                assert_eq!(message, "AppErrInvalidNonce");
                Some(())
            }
            other => panic!("{other:?}"),
        },
        _ => None,
    })
    .await;
    until(&mut events, |event| match event {
        VenueEvent::Notices(_, notices) => {
            assert_eq!(notices.first()?.market, Some(MARKET));
            Some(())
        }
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn streams_end_when_nobody_listens() {
    let mut tasks = Tasks::default();
    let gone = Arc::new(tokio::sync::Notify::new());
    let keep = Arc::clone(&gone);
    let ws = ws_stub(&mut tasks, move |_, mut peer| {
        let keep = Arc::clone(&keep);
        async move {
            greet(&mut peer).await;
            serve(&mut peer, &mut Polite::default()).await;
            keep.notify_one();
        }
    })
    .await;
    let venue = venue(&rest(&mut tasks).await, &ws);
    let mut events = venue.subscribe(market_only());
    up(&mut events, Feed::Book(MARKET)).await;
    drop(events);
    assert!(real_timeout(LONG, gone.notified()).await.is_some());
}

#[tokio::test]
async fn a_venue_that_is_not_there_is_told_once_per_feed() {
    let mut tasks = Tasks::default();
    let nobody = super::super::testing::nobody().await;
    let venue = venue(&rest(&mut tasks).await, &format!("ws://{nobody}/stream"));
    let mut events = venue.subscribe(market_only());
    for feed in [Feed::Book(MARKET), Feed::Stats(MARKET)] {
        let event = real_timeout(LONG, events.recv()).await.unwrap().unwrap();
        assert!(matches!(&event, VenueEvent::Down(which, _) if *which == feed), "{event:?}");
    }
    assert!(real_timeout(Duration::from_secs(2), events.recv()).await.is_none());
}

#[test]
fn feeds_are_spread_over_connections() {
    let what = Subscription {
        markets: vec![MARKET, MarketId::new(3)],
        accounts: (0..40).map(AccountIndex::new).collect(),
    };
    let shards = shards(&what, 100);
    assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), [4, 84, 84, 72]);
    assert!(super::shards(&Subscription::default(), 100).is_empty());
}
