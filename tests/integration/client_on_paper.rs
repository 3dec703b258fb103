//! The client against the paper exchange, over real sockets: the same lines that talk to the real venue.

use std::collections::BTreeSet;
use std::time::Duration;

use lighter_plan::model::{
    AccountIndex, ApiKeyIndex, AtEnd, Market, MarketId, Nonce, OrderStatus, Position, PriceSource, Side,
    Timestamp, TxHash, Usdc,
};
use lighter_plan::paper::exchange::Tier;
use lighter_plan::paper::server::{
    Fault, FaultRule, Faults, PaperConfig, PaperServer, PaperSlots, Running, eth_key, key,
};
use lighter_plan::paper::world::WorldSpec;
use lighter_plan::rt::{real_sleep, real_timeout};
use lighter_plan::tx::{
    Attributes, CancelOrder, CreateOrder, Envelope, OrderSpec, SignedTx, Transfer, Tx, Withdraw,
};
use lighter_plan::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints, StreamOptions};
use lighter_plan::venue::{Class, Credential, Feed, Subscription, TxStatus, Venue, VenueError, VenueEvent};
use tokio::sync::mpsc::Receiver;

const SEED: u64 = 7;
const LONG: AccountIndex = AccountIndex::new(1001);
const SHORT: AccountIndex = AccountIndex::new(1002);
const SLOT: ApiKeyIndex = ApiKeyIndex::new(4);
const MARKET: MarketId = MarketId::new(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// A market with nobody in it but the tests.
const QUIET: &str = "name: quiet
markets: [{ market: SOL, volatility_bps: 0, makers: false, takers: false }]
";

fn config() -> PaperConfig {
    PaperConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        seed: SEED,
        accounts: [LONG, SHORT].map(|account| PaperSlots { account, slots: vec![SLOT] }).to_vec(),
        usdc: Usdc::whole(10_000),
        markets: vec![Market::example()],
        world: WorldSpec::parse(QUIET).unwrap(),
        prices: PriceSource::Seeded,
        prices_end: AtEnd::Hold,
        tier: Tier::Standard,
        time_scale: 1,
        log: None,
        rate_limits: false,
        control: false,
        faults: Faults::seeded(SEED),
    }
}

struct Rig {
    running: Running,
    venue: LighterVenue,
}

impl Rig {
    async fn start(config: PaperConfig) -> Self {
        let running = PaperServer::start(config).await.unwrap();
        let endpoints = NetworkEndpoints {
            http: running.http_url.clone(),
            ws: running.ws_url.clone(),
            chain_id: running.chain_id,
        };
        let credentials = [LONG, SHORT].map(|account| Credential {
            account,
            api_key_index: SLOT,
            key: key(SEED, account, SLOT),
        });
        let streams = StreamOptions { market_silence: Duration::from_secs(4), ..StreamOptions::default() };
        let options = LighterOptions { streams, ..LighterOptions::default() };
        let venue =
            LighterVenue::new(endpoints, credentials.to_vec(), running.clock.clone(), options).unwrap();
        Self { running, venue }
    }

    fn sign(&self, account: AccountIndex, nonce: i64, tx: impl Into<Tx>) -> SignedTx {
        let expired_at = self.running.clock.now().after(Duration::from_secs(60)).as_millis();
        let envelope = Envelope { tx: tx.into(), expired_at, nonce, attributes: Attributes::default() };
        envelope.sign(self.running.chain_id, &key(SEED, account, SLOT))
    }

    /// A limit order in SOL; negative lots sell; `tif` 0 is immediate-or-cancel, 1 good-till-time.
    fn order(&self, account: AccountIndex, nonce: i64, lots: i64, ticks: u32, tif: u8) -> SignedTx {
        let day = self.running.clock.now().after(Duration::from_secs(86_400)).as_millis();
        let order = OrderSpec {
            market_index: 2,
            client_order_index: 100 + nonce,
            base_amount: lots.abs(),
            price: ticks,
            is_ask: u8::from(lots < 0),
            kind: 0,
            time_in_force: tif,
            reduce_only: 0,
            trigger_price: 0,
            order_expiry: if tif == 0 { 0 } else { day },
        };
        let (account_index, api_key_index) = (account.get(), SLOT.get());
        self.sign(account, nonce, CreateOrder { account_index, api_key_index, order })
    }

    /// Waits until transactions go by the socket.
    async fn order_entry_open(&self) {
        let wait = async {
            while !self.venue.order_entry_is_open() {
                real_sleep(Duration::from_millis(10)).await;
            }
        };
        real_timeout(PATIENCE, wait).await.expect("order entry opens");
    }

    async fn executed(&self, hash: TxHash) -> TxStatus {
        let wait = async {
            loop {
                match self.venue.transaction(hash).await {
                    Ok(Some(view)) if view.status != TxStatus::Pending => return view.status,
                    Ok(_) => real_sleep(Duration::from_millis(50)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        real_timeout(PATIENCE, wait).await.expect("it is executed")
    }
}

fn both() -> Subscription {
    Subscription { markets: vec![MARKET], accounts: vec![LONG, SHORT] }
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
            passed.push(format!("{event:?}").chars().take(300).collect::<String>());
        }
    };
    match real_timeout(PATIENCE, wait).await {
        Some(picked) => picked,
        None => panic!("it did not come; what came: {passed:#?}"),
    }
}

async fn all_up(events: &mut Receiver<VenueEvent>, count: usize) {
    let mut feeds = BTreeSet::new();
    while feeds.len() < count {
        feeds.insert(
            until(events, |event| match event {
                VenueEvent::Up(feed) => Some(*feed),
                VenueEvent::Down(feed, reason) => panic!("{feed:?}: {reason}"),
                _ => None,
            })
            .await,
        );
    }
}

#[tokio::test]
async fn every_read_is_understood() {
    let rig = Rig::start(config()).await;
    let venue = &rig.venue;
    let (time, chain_id) = venue.status().await.unwrap();
    assert_eq!(chain_id, rig.running.chain_id);
    let skew = rig.running.clock.now().since(time).max(time.since(rig.running.clock.now()));
    assert!(skew < Duration::from_secs(3), "{skew:?}");
    let markets = venue.markets().await.unwrap();
    let listed = markets.iter().find(|market| market.id == MARKET).unwrap();
    let known = Market::example();
    assert_eq!(
        (listed.size_decimals, listed.price_decimals, listed.min_base, listed.min_quote),
        (known.size_decimals, known.price_decimals, known.min_base, known.min_quote)
    );
    assert_eq!(listed.maintenance_margin_fraction, known.maintenance_margin_fraction);
    assert_eq!(listed.liquidation_fee, known.liquidation_fee);
    let view = venue.account(LONG).await.unwrap();
    assert_eq!((view.margin.collateral, view.margin.available), (Usdc::whole(10_000), Usdc::whole(10_000)));
    assert!(view.positions.iter().all(|row| row.position.is_flat()));
    let keys = venue.api_keys(LONG).await.unwrap();
    assert_eq!(keys[0].public_key, key(SEED, LONG, SLOT).public_key().to_hex());
    assert_eq!(venue.limits(LONG).await.unwrap().tier, "standard");
    assert_eq!(venue.next_nonce(LONG, SLOT).await.unwrap(), Nonce::new(0));
    assert!(venue.active_orders(LONG, MARKET).await.unwrap().is_empty());
    assert!(venue.inactive_orders(LONG, MARKET).await.unwrap().is_empty());
    assert!(venue.trades_since(LONG, MARKET, Timestamp::from_millis(0)).await.unwrap().is_empty());
    assert!(venue.withdrawals(LONG).await.unwrap().is_empty());
    assert!(venue.withdrawal_delay().await.unwrap() > Duration::ZERO);
    assert_eq!(venue.transaction(TxHash::new([1; 40])).await.unwrap(), None);
    let nobody = venue.account(AccountIndex::new(5)).await;
    assert!(matches!(nobody, Err(VenueError::Rejected { .. })), "{nobody:?}");
    assert_eq!(venue.oddities().counts(), []);
}

/// a transaction is done when orders, trades, positions and its own status say so; all of them do.
#[tokio::test]
async fn r_08_an_order_is_seen_in_every_feed_and_every_read() {
    let rig = Rig::start(config()).await;
    let mut events = rig.venue.subscribe(both());
    all_up(&mut events, 14).await;
    let maker = rig.order(LONG, 0, 500, 101_000, 1);
    let accepted = rig.venue.send(&maker, Class::Place).await.unwrap();
    assert_eq!(accepted.hash, maker.hash);
    until(&mut events, |event| match event {
        VenueEvent::Orders(account, orders, false) if *account == LONG => {
            let order = orders.first()?;
            (order.status == OrderStatus::Open && order.side == Side::Buy).then_some(())
        }
        _ => None,
    })
    .await;
    until(&mut events, |event| match event {
        VenueEvent::Book(_, top) => Some(top.bids.first()?.price.ticks()).filter(|ticks| *ticks == 101_000),
        _ => None,
    })
    .await;
    let open = rig.venue.active_orders(LONG, MARKET).await.unwrap();
    assert_eq!(open[0].client_order_index.unwrap().get(), 100);

    let taker = rig.order(SHORT, 0, -300, 100_900, 0);
    rig.venue.send(&taker, Class::Hedge).await.unwrap();
    let mut wanted: BTreeSet<Feed> = [
        Feed::Trades(LONG),
        Feed::Trades(SHORT),
        Feed::Positions(LONG),
        Feed::Positions(SHORT),
        Feed::Margin(SHORT),
        Feed::Txs(SHORT),
    ]
    .into();
    while !wanted.is_empty() {
        let feed = until(&mut events, |event| match event {
            VenueEvent::Trades(account, trades) => {
                let trade = trades.first()?;
                assert_eq!((trade.size.lots(), trade.price.ticks()), (300, 101_000));
                Some(Feed::Trades(*account))
            }
            VenueEvent::Positions(account, rows) => {
                let row = rows.iter().find(|row| row.market == MARKET && !row.position.is_flat())?;
                let lots = if *account == LONG { 300 } else { -300 };
                assert_eq!(row.position, Position::from_lots(lots));
                Some(Feed::Positions(*account))
            }
            VenueEvent::Margin(account, _) => Some(Feed::Margin(*account)),
            VenueEvent::Txs(account, txs) => {
                txs.iter()
                    .any(|tx| tx.hash == Some(taker.hash) && tx.status == TxStatus::Executed)
                    .then_some(())?;
                Some(Feed::Txs(*account))
            }
            VenueEvent::Down(feed, reason) => panic!("{feed:?}: {reason}"),
            _ => None,
        })
        .await;
        wanted.remove(&feed);
    }

    assert_eq!(rig.executed(taker.hash).await, TxStatus::Executed);
    let trades = rig.venue.trades_since(LONG, MARKET, Timestamp::from_millis(0)).await.unwrap();
    assert_eq!((trades.len(), trades[0].side_of(LONG)), (1, Some(Side::Buy)));
    assert!(
        rig.venue
            .trades_since(LONG, MARKET, trades[0].timestamp.after(Duration::from_millis(1)))
            .await
            .unwrap()
            .is_empty()
    );
    let ended = rig.venue.inactive_orders(SHORT, MARKET).await.unwrap();
    assert_eq!(ended[0].filled.lots(), 300);
    let rest = rig.venue.active_orders(LONG, MARKET).await.unwrap();
    assert_eq!((rest[0].remaining.lots(), rest[0].filled.lots()), (200, 300));
    assert_eq!(rig.venue.next_nonce(LONG, SLOT).await.unwrap(), Nonce::new(1));
    let (account_index, api_key_index) = (LONG.get(), SLOT.get());
    let cancel = rig.sign(LONG, 1, CancelOrder { account_index, api_key_index, market_index: 2, index: 100 });
    rig.venue.send(&cancel, Class::Cancel).await.unwrap();
    until(&mut events, |event| match event {
        VenueEvent::Orders(account, orders, _) if *account == LONG => {
            (orders.first()?.status == OrderStatus::Canceled).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(rig.venue.oddities().counts(), []);
}

#[tokio::test]
async fn a_withdrawal_shows_in_the_history() {
    let rig = Rig::start(config()).await;
    let body = Withdraw {
        from_account_index: LONG.get(),
        api_key_index: SLOT.get(),
        asset_index: 3,
        route_type: 0,
        amount: 25_000_000,
    };
    let tx = rig.sign(LONG, 0, body);
    rig.venue.send(&tx, Class::Hedge).await.unwrap();
    assert_eq!(rig.executed(tx.hash).await, TxStatus::Executed);
    let rows = rig.venue.withdrawals(LONG).await.unwrap();
    assert_eq!((rows.len(), rows[0].amount, rows[0].secure), (1, Usdc::whole(25), true));
    assert_eq!(rig.venue.oddities().counts(), []);
}

#[tokio::test]
async fn a_refusal_carries_the_venues_code() {
    let rig = Rig::start(config()).await;
    let early = rig.order(LONG, 5, 500, 101_000, 1);
    let refused = rig.venue.send(&early, Class::Place).await;
    assert!(matches!(refused, Err(VenueError::Rejected { code: 21_104, .. })), "{refused:?}");
}

/// F-03, F-04: whatever happens to the answer, the hash tells afterwards what became of the transaction.
#[tokio::test]
async fn f_03_a_lost_answer_is_found_by_its_hash() {
    let rig = Rig::start(config()).await;
    let faults = [Fault::DropReply, Fault::ServerErrorAfter, Fault::Html, Fault::TruncatedJson];
    for (nonce, fault) in (0..).zip(faults) {
        rig.running.faults.add(FaultRule::next("sendTx", fault));
        let tx = rig.order(LONG, nonce, 500, 101_000, 1);
        let sent = rig.venue.send(&tx, Class::Place).await;
        assert!(matches!(sent, Err(VenueError::OutcomeUnknown { .. })), "{fault:?}: {sent:?}");
        assert_eq!(rig.executed(tx.hash).await, TxStatus::Executed, "{fault:?}");
    }
    rig.running.faults.add(FaultRule::next("sendTx", Fault::DropRequest));
    let tx = rig.order(LONG, 4, 500, 101_000, 1);
    let sent = rig.venue.send(&tx, Class::Place).await;
    assert!(matches!(sent, Err(VenueError::OutcomeUnknown { .. })), "{sent:?}");
    assert_eq!(rig.venue.transaction(tx.hash).await.unwrap(), None);
    // The very same bytes may go out again.
    assert_eq!(rig.venue.send(&tx, Class::Place).await.unwrap().hash, tx.hash);
}

/// F-03, F-04: over the socket, too, a transaction executes once, whatever happens to the request or to the answer; and
/// the caller never learns of a refusal while a first copy may have been taken in.
#[tokio::test]
async fn f_03_over_the_socket_a_transaction_executes_once() {
    let rig = Rig::start(PaperConfig { tier: Tier::Premium, ..config() }).await;
    // Once the tier is known, the looks at every outcome fit into the budget.
    rig.venue.limits(LONG).await.unwrap();
    let _events = rig.venue.subscribe(both());
    let faults = [
        None,
        Some(Fault::DropRequest),
        Some(Fault::DropReply),
        Some(Fault::DelayReply { ms: 2_500 }),
        Some(Fault::ServerErrorAfter),
        Some(Fault::ServerError),
        Some(Fault::OtherForm),
    ];
    for (nonce, fault) in (0..).zip(faults) {
        rig.order_entry_open().await;
        if let Some(fault) = fault {
            rig.running.faults.add(FaultRule::next("ws/sendtx", fault));
        }
        let tx = rig.order(LONG, nonce, 500, 101_000, 1);
        let sent = rig.venue.send(&tx, Class::Hedge).await;
        assert!(matches!(sent, Ok(_) | Err(VenueError::OutcomeUnknown { .. })), "{fault:?}: {sent:?}");
        assert_eq!(rig.executed(tx.hash).await, TxStatus::Executed, "{fault:?}");
        let next = rig.venue.next_nonce(LONG, SLOT).await.unwrap();
        assert_eq!(next.get(), nonce + 1, "{fault:?}");
    }
    assert_eq!(rig.running.faults.happened().len(), faults.iter().flatten().count());
    let orders = rig.venue.active_orders(LONG, MARKET).await.unwrap();
    assert_eq!(orders.len(), faults.len());
}

/// F-03, R-26: a fast withdrawal whose answer is lost is found by its hash; the same bytes move the money once.
#[tokio::test]
async fn f_03_a_fast_withdrawal_whose_answer_is_lost_is_found() {
    let rig = Rig::start(config()).await;
    let terms = rig.venue.fast_terms(LONG).await.unwrap();
    assert_eq!(terms.fee, Usdc::whole(1));
    assert_eq!(terms.max, Usdc::whole(9_999));
    let owner = eth_key(SEED, LONG);
    let mut memo = [0; 32];
    memo[..20].copy_from_slice(owner.address().as_bytes());
    let body = Transfer {
        from_account_index: LONG.get(),
        api_key_index: SLOT.get(),
        to_account_index: terms.bridge.get(),
        asset_index: 3,
        from_route_type: 0,
        to_route_type: 0,
        amount: 9_999_000_000,
        usdc_fee: terms.fee.micros(),
        memo,
    };
    let expired_at = rig.running.clock.now().after(Duration::from_secs(60)).as_millis();
    let envelope = Envelope { tx: body.into(), expired_at, nonce: 0, attributes: Attributes::default() };
    let l1_sig = owner.sign(&envelope.l1_message(rig.running.chain_id).unwrap());
    let tx = envelope.sign_with_l1(rig.running.chain_id, &key(SEED, LONG, SLOT), Some(&l1_sig));

    rig.running.faults.add(FaultRule::next("fastwithdraw", Fault::DropReply));
    let lost = rig.venue.send_fast_withdrawal(&tx, Class::Hedge).await;
    assert!(matches!(lost, Err(VenueError::OutcomeUnknown { .. })), "{lost:?}");
    assert_eq!(rig.executed(tx.hash).await, TxStatus::Executed);
    let again = rig.venue.send_fast_withdrawal(&tx, Class::Hedge).await;
    assert!(matches!(again, Err(VenueError::Rejected { .. })), "{again:?}");
    let rows = rig.venue.withdrawals(LONG).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.amount, row.secure)).collect::<Vec<_>>(),
        [(Usdc::whole(9_999), false)]
    );
    assert_eq!(rig.venue.account(LONG).await.unwrap().margin.collateral, Usdc::ZERO);
    assert_eq!(rig.venue.oddities().counts(), []);
}

/// cut connections and lost frames are repaired by new snapshots.
#[tokio::test]
async fn r_22_cut_connections_and_lost_frames_are_repaired() {
    let rig = Rig::start(config()).await;
    let mut events = rig.venue.subscribe(both());
    all_up(&mut events, 14).await;
    for family in ["market_stats", "user_stats"] {
        rig.running.faults.add(FaultRule::next(&format!("ws/frame/{family}"), Fault::Close));
    }
    // The two connections fall and come back in any order.
    let (mut fallen, mut back) = (BTreeSet::new(), BTreeSet::new());
    let all_back = async {
        while back.len() < 14 {
            match events.recv().await.expect("the streams go on") {
                VenueEvent::Down(feed, _) => drop(fallen.insert(feed)),
                VenueEvent::Up(feed) => {
                    assert!(fallen.contains(&feed), "{feed:?} was up again without having been down");
                    back.insert(feed);
                }
                _ => {}
            }
        }
    };
    let in_time = real_timeout(PATIENCE, all_back).await;
    assert!(in_time.is_some(), "fallen: {fallen:?}, back: {back:?}");

    rig.running.faults.add(FaultRule::next("ws/frame/order_book", Fault::DropFrame));
    for (nonce, ticks) in [(0, 100_900), (1, 101_000)] {
        let tx = rig.order(LONG, nonce, 500, ticks, 1);
        rig.venue.send(&tx, Class::Place).await.unwrap();
        assert_eq!(rig.executed(tx.hash).await, TxStatus::Executed);
        real_sleep(Duration::from_millis(200)).await;
    }
    let reason = until(&mut events, |event| match event {
        VenueEvent::Down(Feed::Book(_), reason) => Some(reason.clone()),
        _ => None,
    })
    .await;
    assert!(reason.contains("a frame was lost"), "{reason}");
    let bids = until(&mut events, |event| match event {
        VenueEvent::Book(_, top) => Some(top.bids.len()),
        _ => None,
    })
    .await;
    assert_eq!(bids, 2);
    assert_eq!(rig.venue.oddities().counts(), []);
}

/// the client keeps within the venue's limits by itself, in venue time.
#[tokio::test]
async fn r_23_the_venues_limits_are_never_met() {
    let rig = Rig::start(PaperConfig { rate_limits: true, time_scale: 60, ..config() }).await;
    for _ in 0..120 {
        rig.venue.status().await.unwrap();
    }
}
