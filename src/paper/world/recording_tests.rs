//! Tests of recordings: their forms, their errors, and how they are played.

use super::*;
use crate::model::{Market, Price, Side, Size};

fn sol() -> Vec<Market> {
    vec![Market::example()]
}

fn read(text: &str) -> Result<Recording, RecordingError> {
    Recording::parse(text, AtEnd::Hold, &sol())
}

fn points(text: &str) -> Vec<(u64, Seen)> {
    read(text).unwrap().points.into_iter().map(|point| (point.at, point.seen)).collect()
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn a_table_and_lines_of_json_say_the_same() {
    let table = "at,market,price,index\n1000,SOL,101.5,101.4\n\n1250,SOL,101.25,\n1300,ETH,1,1\n";
    let json = r#"{"at":5000,"market":"SOL","mark":"101.5","index":101.4}
        {"at":5250,"market":"SOL","price":101.25}"#;
    assert_eq!(points(table), points(json));
    let first = &points(table)[0];
    assert_eq!((first.0, first.1.mark), (0, Some(Price::from_ticks(101_500))));
    assert_eq!(points(table)[1].0, 250);
}

#[test]
fn a_book_and_trades_come_along() {
    let line = r#"{"at":0,"market":"SOL","bids":[["101.1","5"],["101.1004","1"],["101",2]],"asks":[["101.3004","3"]],
        "trades":[{"side":"sell","price":"101.1","size":"0.5"}]}"#;
    let seen = points(&line.replace('\n', " ")).remove(0).1;
    let book = seen.book.unwrap();
    let level = |ticks, lots| (Price::from_ticks(ticks), Size::from_lots(lots));
    assert_eq!(book.bids, [level(101_100, 6_000), level(101_000, 2_000)]);
    assert_eq!(book.asks, [level(101_301, 3_000)]);
    assert_eq!((seen.trades[0].side, seen.trades[0].size), (Side::Sell, Size::from_lots(500)));
}

#[test]
fn recorded_frames_are_followed_from_snapshot_to_snapshot() {
    let text = r#"{"session_id":"x","type":"connected"}
{"channel":"order_book:2","order_book":{"asks":[{"price":"102.000","size":"1"}],"bids":[{"price":"101.000","size":"1"}],"nonce":5,"begin_nonce":0},"timestamp":1000,"type":"subscribed/order_book"}
{"channel":"order_book:2","order_book":{"asks":[{"price":"102.000","size":"0.000"},{"price":"101.5","size":"2"}],"bids":[],"nonce":9,"begin_nonce":5},"timestamp":1100,"type":"update/order_book"}
{"channel":"market_stats:2","market_stats":{"mark_price":"101.25","index_price":""},"timestamp":1090,"type":"update/market_stats"}
{"channel":"trade:2","trades":[{"price":"101.5","size":"2","is_maker_ask":true,"timestamp":1200},{"price":"101.4","size":"1","is_maker_ask":false,"timestamp":1199}],"type":"update/trade"}
{"channel":"ticker:1","ticker":{"a":{"price":"1","size":"1"},"b":{"price":"1","size":"1"}},"timestamp":1300,"type":"update/ticker"}"#;
    let points = points(text);
    assert_eq!(points.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 100, 100, 200]);
    assert_eq!(
        points[1].1.book.as_ref().unwrap().asks,
        [(Price::from_ticks(101_500), Size::from_lots(2_000))]
    );
    assert_eq!((points[2].1.mark, points[2].1.index), (Some(Price::from_ticks(101_250)), None));
    // Oldest first: the taker of the first sold to a resting bid.
    let sides: Vec<_> = points[3].1.trades.iter().map(|print| print.side).collect();
    assert_eq!(sides, [Side::Sell, Side::Buy]);
}

#[test]
fn what_cannot_be_played_names_its_line() {
    for (text, said) in [
        ("at,market\n", "line 1 of the recording: the first line must name"),
        ("at,market,price,colour\n", "line 1 of the recording: the first line must name"),
        ("at,market,price\n1,SOL\n", "line 2 of the recording: it has 2 columns, the first line 3"),
        ("at,market,price\n1,SOL,abc\n", "line 2 of the recording: `mark` is no number: `abc`"),
        ("at,market,price\n\n1,SOL,0\n", "line 3 of the recording: `0` is out of range for a price"),
        ("at,market,price\n1.5,SOL,1\n", "line 2 of the recording: `at` is no number: `1.5`"),
        ("at,market,price\n2,SOL,1\n1,SOL,1\n", "line 3 of the recording: its time 1 is before"),
        ("at,market,price\n1,SOL,99999999999\n", "line 2 of the recording: "),
        ("{\"at\":1,\"market\":\"SOL\",\"prize\":1}", "line 1 of the recording: unknown field `prize`"),
        ("{\"at\":1,\"market\":\"SOL\"", "line 1 of the recording: EOF"),
        (
            "{\"at\":1,\"market\":\"SOL\",\"bids\":[[2,1]],\"asks\":[[2,1]]}",
            "line 1 of the recording: its book is crossed",
        ),
        ("at,market,price\n1,DOGE,1\n", "nothing about a listed market; it speaks of DOGE"),
        ("", "nothing about a listed market; it speaks of none"),
    ] {
        let refused = refusal(text);
        assert!(refused.contains(said), "{text:?}: {refused}");
    }
    let gap = r#"{"channel":"order_book:2","order_book":{"asks":[],"bids":[],"nonce":5,"begin_nonce":0},"timestamp":1,"type":"subscribed/order_book"}
{"channel":"order_book:2","order_book":{"asks":[],"bids":[],"nonce":9,"begin_nonce":6},"timestamp":2,"type":"update/order_book"}"#;
    assert!(refusal(gap).contains("line 2 of the recording: its book begins at nonce 6"));
}

#[test]
fn a_recording_holds_or_begins_again() {
    let text = "at,market,price\n0,SOL,1\n1000,SOL,2\n2000,SOL,3\n";
    let mut held = Player::new(read(text).unwrap());
    let marks = |player: &mut Player, ms| {
        std::iter::from_fn(|| player.due(Duration::from_millis(ms)))
            .map(|seen| seen.mark.unwrap().ticks() / 1_000)
            .collect::<Vec<_>>()
    };
    assert_eq!(marks(&mut held, 999), [1]);
    assert_eq!(marks(&mut held, 10_000), [2, 3]);
    assert_eq!(marks(&mut held, 1_000_000), [0; 0]);

    let mut again = Player::new(Recording { at_end: AtEnd::Loop, ..read(text).unwrap() });
    // Three seconds a round: the third line stays as long as those before it did.
    assert_eq!(marks(&mut again, 2_999), [1, 2, 3]);
    assert_eq!(marks(&mut again, 4_000), [1, 2]);
    assert_eq!(marks(&mut again, 6_000), [3, 1]);
}

/// A recording of one moment is no endless loop.
#[test]
fn a_round_takes_time() {
    let one = Recording::parse("at,market,price\n5,SOL,1\n", AtEnd::Loop, &sol()).unwrap();
    let mut player = Player::new(one);
    assert!(player.due(Duration::ZERO).is_some());
    assert!(player.due(Duration::ZERO).is_none());
}
