//! Requests against servers that misbehave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::client::LighterVenue;
use super::testing::{ACCOUNT, MARKETS, Reply, Seen, http_stub, json, nobody, signed, venue};
use crate::model::{ApiKeyIndex, MarketId, Nonce, Position, Timestamp, TxHash};
use crate::rt::Tasks;
use crate::venue::{Accepted, Class, Retry, Tier, Venue, VenueError};

const MARKET: MarketId = MarketId::new(2);
const WS: &str = "ws://127.0.0.1:1/stream";

type Log = Arc<Mutex<Vec<Seen>>>;

/// A server that answers by path and keeps what it saw.
async fn by_path(tasks: &mut Tasks, answers: &[(&str, Reply)]) -> (LighterVenue, Log) {
    let log = Log::default();
    let answers: Vec<_> = answers.iter().map(|(path, reply)| ((*path).to_owned(), reply.clone())).collect();
    let seen_by = Arc::clone(&log);
    let base = http_stub(tasks, move |seen| {
        let target = seen.line.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        seen_by.lock().unwrap().push(seen);
        if path.ends_with("/orderBookDetails") {
            return json(200, MARKETS);
        }
        let answer = answers.iter().find(|(suffix, _)| path.ends_with(suffix.as_str()));
        answer.map_or_else(|| json(404, "no such page"), |(_, reply)| reply.clone())
    })
    .await;
    (venue(&base, WS), log)
}

async fn always(tasks: &mut Tasks, reply: Reply) -> LighterVenue {
    let base = http_stub(tasks, move |_| reply.clone()).await;
    venue(&base, WS)
}

fn accepted_body(hash: TxHash) -> String {
    format!(
        r#"{{"code":200,"message":"{{\"ratelimit\": \"didn't use volume quota\"}}","tx_hash":"{hash}","predicted_execution_time_ms":1790600000312}}"#
    )
}

async fn send_against(reply: Reply) -> Result<Accepted, VenueError> {
    let mut tasks = Tasks::default();
    always(&mut tasks, reply).await.send(&signed(7), Class::Place).await
}

#[tokio::test]
async fn a_send_carries_the_signed_bytes_and_returns_the_prediction() {
    let mut tasks = Tasks::default();
    let tx = signed(7);
    let (venue, log) = by_path(&mut tasks, &[("/sendTx", json(200, &accepted_body(tx.hash)))]).await;
    let accepted = venue.send(&tx, Class::Hedge).await.unwrap();
    let predicted_execution = Timestamp::from_millis(1_790_600_000_312);
    assert_eq!(accepted, Accepted { hash: tx.hash, predicted_execution });
    let seen = log.lock().unwrap()[0].clone();
    assert_eq!(seen.line, "POST /api/v1/sendTx");
    assert!(seen.head.contains("application/x-www-form-urlencoded"), "{}", seen.head);
    let info = tx.tx_info.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    assert_eq!(seen.body, format!("tx_type=15&tx_info={}", info.replace(':', "%3A").replace(',', "%2C")));
}

/// R-08, F-03: whatever is no clear answer leaves the outcome of a send unknown.
#[tokio::test]
async fn f_03_an_unclear_answer_leaves_a_send_unknown() {
    let hash = signed(7).hash;
    for reply in [
        json(500, r#"{"code":29500,"message":"internal server error"}"#),
        json(502, "<html>bad gateway</html>"),
        json(200, "<html>maintenance</html>"),
        json(200, &accepted_body(hash)[..60]),
        json(404, "not found"),
        Reply::Answer(302, "location: http://127.0.0.1:1/elsewhere\r\n", String::new()),
        Reply::Truncated(accepted_body(hash)),
        Reply::Reset,
        Reply::Slow(Duration::from_secs(2), accepted_body(hash)),
    ] {
        let result = send_against(reply.clone()).await;
        assert!(matches!(result, Err(VenueError::OutcomeUnknown { .. })), "{reply:?}: {result:?}");
        assert_eq!(result.unwrap_err().retry(), Retry::AfterReconcile);
    }
}

/// R-01: a connection that never stood is the only network error after which nothing can have happened.
#[tokio::test]
async fn r_01_a_refused_connection_sent_nothing() {
    let venue = venue(&format!("http://{}", nobody().await), WS);
    let result = venue.send(&signed(7), Class::Place).await;
    assert!(matches!(result, Err(VenueError::NotSent { .. })), "{result:?}");
    let result = venue.account(ACCOUNT).await;
    assert!(matches!(result, Err(VenueError::NotSent { .. })), "{result:?}");
}

/// R-08, R-24: refusals, limits and blocks each have their own error.
#[tokio::test]
async fn r_24_refusals_limits_and_blocks_are_told_apart() {
    let refused = send_against(json(400, r#"{"code":21104,"message":"invalid nonce"}"#)).await;
    assert!(matches!(refused, Err(VenueError::Rejected { code: 21_104, .. })), "{refused:?}");
    let refused = send_against(json(200, r#"{"code":21733,"message":"x"}"#)).await;
    assert!(matches!(refused, Err(VenueError::Rejected { code: 21_733, .. })), "{refused:?}");
    let limited = Reply::Answer(429, "retry-after: 7\r\n", r#"{"code":23000}"#.to_owned());
    let throttled = send_against(limited).await;
    let seven = Duration::from_secs(7);
    assert!(
        matches!(throttled, Err(VenueError::Throttled { retry_after, .. }) if retry_after == seven),
        "{throttled:?}"
    );
    let blocked = send_against(json(405, "<html>")).await;
    let minute = Duration::from_secs(60);
    assert!(
        matches!(blocked, Err(VenueError::Blocked { status: 405, retry_after, .. }) if retry_after >= minute),
        "{blocked:?}"
    );
}

/// R-24: after a block only an emergency goes out; the server sees nothing else.
#[tokio::test]
async fn r_24_a_block_silences_the_client() {
    let mut tasks = Tasks::default();
    let (venue, log) = by_path(&mut tasks, &[("/sendTx", json(405, "<html>"))]).await;
    assert!(venue.send(&signed(1), Class::Place).await.is_err());
    let result = venue.send(&signed(2), Class::Cancel).await;
    assert!(matches!(result, Err(VenueError::NotSent { .. })), "{result:?}");
    assert_eq!(log.lock().unwrap().len(), 1);
    let result = venue.send(&signed(3), Class::Emergency).await;
    assert!(matches!(result, Err(VenueError::Blocked { .. })), "{result:?}");
    assert_eq!(log.lock().unwrap().len(), 2);
}

/// R-08: a hash that is not ours means that something else was taken in.
#[tokio::test]
async fn r_08_another_hash_is_no_success() {
    for body in [accepted_body(signed(8).hash), r#"{"code":200}"#.to_owned()] {
        let result = send_against(json(200, &body)).await;
        assert!(matches!(result, Err(VenueError::Malformed { .. })), "{result:?}");
        assert_eq!(result.unwrap_err().retry(), Retry::AfterReconcile);
    }
}

/// R-18: no error and no malformed answer is ever read as an empty one.
#[tokio::test]
async fn r_18_a_bad_answer_to_a_read_is_never_empty() {
    for reply in [
        json(500, "oops"),
        json(404, "not found"),
        json(200, "<html>"),
        json(200, r#"{"code":200}"#),
        json(200, r#"{"code":200,"orders":{},"accounts":7}"#),
        json(200, r#"{"code":200,"orders":[{"order_index":1}],"accounts":[{"index":1001}]}"#),
    ] {
        let mut tasks = Tasks::default();
        let paths = ["/account", "/accountActiveOrders", "/accountInactiveOrders", "/trades"];
        let answers = paths.map(|path| (path, reply.clone()));
        let (venue, _log) = by_path(&mut tasks, &answers).await;
        let malformed = |error: &VenueError| matches!(error, VenueError::Malformed { .. });
        assert!(venue.account(ACCOUNT).await.is_err_and(|error| malformed(&error)), "{reply:?}");
        assert!(
            venue.active_orders(ACCOUNT, MARKET).await.is_err_and(|error| malformed(&error)),
            "{reply:?}"
        );
        assert!(
            venue.inactive_orders(ACCOUNT, MARKET).await.is_err_and(|error| malformed(&error)),
            "{reply:?}"
        );
        assert!(
            venue
                .trades_since(ACCOUNT, MARKET, Timestamp::from_millis(0))
                .await
                .is_err_and(|error| malformed(&error)),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn every_read_asks_as_the_venue_documents() {
    let fixture = |name: &str| {
        std::fs::read_to_string(format!("{}/tests/fixtures/lighter/{name}", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
    };
    let mut tasks = Tasks::default();
    let hash = TxHash::new([0xab; 40]);
    let tx = format!(
        r#"{{"code":200,"hash":"{hash}","type":15,"info":"{{}}","event_info":"","status":1,"account_index":1001,"nonce":17,"api_key_index":4}}"#
    );
    let limits =
        r#"{"code":200,"user_tier":"premium","current_maker_fee_tick":40,"current_taker_fee_tick":280}"#;
    let keys = r#"{"code":200,"api_keys":[{"account_index":1001,"api_key_index":4,"nonce":18,"public_key":"9C56"}]}"#;
    let (venue, log) = by_path(
        &mut tasks,
        &[
            ("/nextNonce", json(200, r#"{"code":200,"nonce":18}"#)),
            ("/apikeys", json(200, keys)),
            ("/accountLimits", json(200, limits)),
            ("/account", json(200, &fixture("account.json"))),
            ("/accountActiveOrders", json(200, &fixture("orders.json"))),
            ("/accountInactiveOrders", json(200, &fixture("orders.json"))),
            ("/trades", json(200, &fixture("trades.json"))),
            ("/withdraw/history", json(200, &fixture("withdrawals.json"))),
            ("/withdrawalDelay", json(200, r#"{"seconds":1060}"#)),
            ("/tx", json(200, &tx)),
            ("/", json(200, r#"{"status":200,"network_id":304,"timestamp":1790600000}"#)),
        ],
    )
    .await;
    assert_eq!(venue.status().await.unwrap(), (Timestamp::from_millis(1_790_600_000_000), 304));
    assert_eq!(venue.markets().await.unwrap().len(), 3);
    let view = venue.account(ACCOUNT).await.unwrap();
    assert_eq!(view.position(MARKET).unwrap().position, Position::from_lots(-2_500));
    assert_eq!(venue.api_keys(ACCOUNT).await.unwrap()[0].public_key, "9c56");
    assert_eq!(venue.next_nonce(ACCOUNT, ApiKeyIndex::new(4)).await.unwrap(), Nonce::new(18));
    assert_eq!(venue.budget().tier(), Tier::Standard);
    assert_eq!(venue.limits(ACCOUNT).await.unwrap().taker_fee, 280);
    assert_eq!(venue.budget().tier(), Tier::Premium);
    assert_eq!(venue.active_orders(ACCOUNT, MARKET).await.unwrap().len(), 2);
    assert_eq!(venue.inactive_orders(ACCOUNT, MARKET).await.unwrap().len(), 2);
    let trades = venue.trades_since(ACCOUNT, MARKET, Timestamp::from_millis(0)).await.unwrap();
    assert!(trades.len() == 2 && trades[0].id < trades[1].id);
    let newer = venue.trades_since(ACCOUNT, MARKET, trades[1].timestamp).await.unwrap();
    assert_eq!(newer, [trades[1].clone()]);
    assert_eq!(venue.transaction(hash).await.unwrap().unwrap().nonce, Nonce::new(17));
    let withdrawals = venue.withdrawals(ACCOUNT).await.unwrap();
    assert!(withdrawals[0].at > withdrawals[1].at);
    assert_eq!(venue.withdrawal_delay().await.unwrap(), Duration::from_secs(1_060));

    let log = log.lock().unwrap();
    let asked = |line: &str| {
        let seen = log.iter().find(|seen| seen.line == line);
        seen.unwrap_or_else(|| {
            panic!("`{line}` not in {:#?}", log.iter().map(|s| &s.line).collect::<Vec<_>>())
        })
    };
    asked("GET /");
    asked("GET /api/v1/orderBookDetails?filter=all");
    assert!(!asked("GET /api/v1/account?by=index&value=1001").head.to_lowercase().contains("authorization"));
    asked("GET /api/v1/apikeys?account_index=1001&api_key_index=255");
    asked("GET /api/v1/nextNonce?account_index=1001&api_key_index=4");
    asked(&format!("GET /api/v1/tx?by=hash&value={hash}"));
    for line in [
        "GET /api/v1/accountLimits?account_index=1001",
        "GET /api/v1/accountActiveOrders?account_index=1001&market_id=2",
        "GET /api/v1/accountInactiveOrders?account_index=1001&market_id=2&limit=100",
        "GET /api/v1/trades?sort_by=trade_id&sort_dir=desc&limit=100&account_index=1001&market_id=2",
        "GET /api/v1/withdraw/history?account_index=1001",
    ] {
        let head = &asked(line).head;
        let token = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
        assert_eq!(token.split(':').nth(1), Some("1001"), "{token}");
    }
}

#[tokio::test]
async fn a_hash_that_was_never_seen_is_none_and_another_one_is_malformed() {
    let mut tasks = Tasks::default();
    let unknown = json(400, r#"{"code":21500,"message":"transaction not found"}"#);
    let (venue, _log) = by_path(&mut tasks, &[("/tx", unknown)]).await;
    assert_eq!(venue.transaction(signed(1).hash).await.unwrap(), None);
    let other = format!(r#"{{"code":200,"hash":"{}","type":15,"status":2}}"#, signed(2).hash);
    let (venue, _log) = by_path(&mut tasks, &[("/tx", json(200, &other))]).await;
    assert!(matches!(venue.transaction(signed(1).hash).await, Err(VenueError::Malformed { .. })));
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let mut tasks = Tasks::default();
    let refused = json(400, r#"{"code":20013,"message":"invalid auth"}"#);
    let (venue, log) = by_path(&mut tasks, &[("/accountLimits", refused)]).await;
    assert!(matches!(venue.limits(ACCOUNT).await, Err(VenueError::Rejected { code: 20_013, .. })));
    assert_eq!(log.lock().unwrap().len(), 2);
    let without = venue.limits(crate::model::AccountIndex::new(9)).await;
    assert!(matches!(without, Err(VenueError::NotSent { .. })), "{without:?}");
    assert_eq!(log.lock().unwrap().len(), 2);
}

/// Three pages of two trades each; one trade comes twice, as when a new fill shifts the pages.
fn paged_trades(seen: &Seen) -> Reply {
    let trade = |id: u64| {
        format!(
            r#"{{"trade_id":{id},"type":"trade","market_id":2,"size":"0.500","price":"101.000","ask_account_id":1001,"bid_account_id":7,"is_maker_ask":true,"timestamp":179060000000{id}}}"#
        )
    };
    let page = |ids: [u64; 2], next: &str| {
        format!(r#"{{"code":200,"next_cursor":"{next}","trades":[{},{}]}}"#, trade(ids[0]), trade(ids[1]))
    };
    let body = match seen.line.split_once("&cursor=") {
        None => page([9, 8], "eyJpbmRleCI6OH0="),
        Some((_, "eyJpbmRleCI6OH0%3D")) => page([8, 7], "two"),
        Some((_, "two")) => page([6, 5], "two"),
        Some((_, other)) => panic!("unexpected cursor {other}"),
    };
    json(200, &body)
}

#[tokio::test]
async fn trades_are_followed_over_pages_and_come_once() {
    let mut tasks = Tasks::default();
    let count = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&count);
    let base = http_stub(&mut tasks, move |seen| {
        if seen.line.contains("orderBookDetails") {
            return json(200, MARKETS);
        }
        *counter.lock().unwrap() += 1;
        paged_trades(&seen)
    })
    .await;
    let venue = venue(&base, WS);
    let ids =
        |trades: Vec<crate::model::Trade>| trades.iter().map(|trade| trade.id.get()).collect::<Vec<_>>();
    assert_eq!(
        ids(venue.trades_since(ACCOUNT, MARKET, Timestamp::from_millis(0)).await.unwrap()),
        [5, 6, 7, 8, 9]
    );
    assert_eq!(*count.lock().unwrap(), 3);
    let newer = venue.trades_since(ACCOUNT, MARKET, Timestamp::from_millis(1_790_600_000_008)).await.unwrap();
    assert_eq!((ids(newer), *count.lock().unwrap()), (vec![8, 9], 5));
}

#[tokio::test]
async fn a_batch_is_checked_hash_by_hash() {
    let mut tasks = Tasks::default();
    let (first, second) = (signed(1), signed(2));
    let body = |hashes: &[TxHash]| {
        let hashes: Vec<_> = hashes.iter().map(ToString::to_string).collect();
        json(200, &serde_json::json!({"code": 200, "tx_hash": hashes}).to_string())
    };
    let good = body(&[first.hash, second.hash]);
    let (venue, log) = by_path(&mut tasks, &[("/sendTxBatch", good)]).await;
    let accepted = venue.send_batch(&[first.clone(), second.clone()], Class::Hedge).await.unwrap();
    assert_eq!(accepted[1].hash, second.hash);
    assert!(log.lock().unwrap()[0].body.starts_with("tx_types=%5B15%2C15%5D&tx_infos=%5B%22%7B%5C%22"));
    assert!(matches!(venue.send_batch(&[], Class::Hedge).await, Err(VenueError::NotSent { .. })));
    for bad in [body(&[first.hash]), body(&[second.hash, first.hash])] {
        let (venue, _log) = by_path(&mut tasks, &[("/sendTxBatch", bad)]).await;
        let result = venue.send_batch(&[first.clone(), second.clone()], Class::Hedge).await;
        assert!(matches!(result, Err(VenueError::Malformed { .. })), "{result:?}");
    }
}

/// Debug output and errors never show a key or a token.
#[tokio::test]
async fn nothing_that_is_printed_shows_a_secret() {
    let mut tasks = Tasks::default();
    let (venue, log) = by_path(&mut tasks, &[("/accountLimits", Reply::Reset)]).await;
    let error = venue.limits(ACCOUNT).await.unwrap_err();
    let seen = log.lock().unwrap()[0].clone();
    let token = seen.head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
    let signature = token.rsplit(':').next().unwrap();
    let shown = format!("{venue:?} {error} {error:?}");
    assert!(signature.len() == 160 && !shown.contains(signature), "{shown}");
}
