//! Recorded answers into the model and back: no field that is used is lost or bent on the way.
//!
//! `LIGHTER_CAPTURED` names a folder of answers of the real venue, which may not be copied into the project; in its
//! place stand look-alikes with invented values. A file in it that no test knows is a failure.

use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::model::{Market, MarketKind, MarketStatus, Trade, TradeKind};
use crate::venue::lighter::survey::Survey;
use crate::venue::lighter::wire;

fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lighter/recorded");
    std::iter::once(own).chain(std::env::var_os("LIGHTER_CAPTURED").map(PathBuf::from)).collect()
}

/// Returns name and content of every file of answers.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "json" || end == "jsonl") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// Numbers keep their digits: two texts of one amount need not be the same, `28` and `28` must be.
fn same(ours: &Value, theirs: &Value) -> bool {
    ours == theirs
        || match (ours, theirs) {
            (Value::String(ours), Value::String(theirs)) => {
                matches!((ours.parse::<Decimal>(), theirs.parse::<Decimal>()), (Ok(a), Ok(b)) if a == b)
            }
            _ => false,
        }
}

/// Holds every field of ours against the venue's; one that the venue left out must be what leaving it out means.
fn hold(place: &str, ours: &Value, theirs: &Value, left_out: &[(&str, Value)]) {
    for (name, value) in ours.as_object().unwrap() {
        match theirs.get(name) {
            Some(theirs) => {
                assert!(same(value, theirs), "{place}: `{name}` came back as {value}, was {theirs}")
            }
            None => assert!(
                left_out.iter().any(|(known, meaning)| known == name && meaning == value),
                "{place}: `{name}` was left out and came back as {value}"
            ),
        }
    }
}

/// Prices and sizes with the market's places, as the venue pads them.
fn padded(value: Decimal, places: u32) -> String {
    let mut value = value;
    value.rescale(places);
    value.to_string()
}

fn trade_back(trade: &Trade, market: &Market) -> Value {
    let kind = match trade.kind {
        TradeKind::Trade => "trade",
        TradeKind::Liquidation => "liquidation",
        TradeKind::Deleverage => "deleverage",
        TradeKind::MarketSettlement => "market-settlement",
    };
    let client = |index: Option<crate::model::ClientOrderIndex>| index.map_or(0, |index| index.get());
    json!({
        "trade_id": trade.id.get(), "tx_hash": trade.tx_hash, "type": kind, "market_id": trade.market.get(),
        "size": padded(trade.size.to_decimal(market), market.size_decimals),
        "price": padded(trade.price.to_decimal(market), market.price_decimals),
        "usd_amount": padded(trade.quote.to_decimal(), 6),
        "ask_id": trade.ask_order.get(), "bid_id": trade.bid_order.get(),
        "ask_client_id": client(trade.ask_client), "bid_client_id": client(trade.bid_client),
        "ask_account_id": trade.ask_account.get(), "bid_account_id": trade.bid_account.get(),
        "is_maker_ask": trade.is_maker_ask, "taker_fee": trade.taker_fee, "maker_fee": trade.maker_fee,
        "timestamp": trade.timestamp.as_millis(),
    })
}

fn hold_trades(place: &str, theirs: &Value, context: Context<'_>) -> usize {
    let rows: Vec<Value> = serde_json::from_value(theirs.clone()).unwrap_or_default();
    for row in &rows {
        let read: wire::Trade = serde_json::from_str(&row.to_string()).unwrap();
        let trade = trades([&read], context).unwrap_or_else(|error| panic!("{place}: {error}")).remove(0);
        let back = trade_back(&trade, &context.markets[&trade.market]);
        hold(place, &back, row, &[("taker_fee", json!(0)), ("maker_fee", json!(0))]);
    }
    rows.len()
}

fn market_back(market: &Market) -> Value {
    json!({
        "symbol": market.symbol, "market_id": market.id.get(),
        "market_type": match market.kind {
            MarketKind::Perp => "perp",
            MarketKind::Spot => "spot",
            MarketKind::Other => "other",
        },
        "status": if market.status == MarketStatus::Active { "active" } else { "inactive" },
        "size_decimals": market.size_decimals, "price_decimals": market.price_decimals,
        "quote_multiplier": market.quote_multiplier,
        "min_base_amount": padded(market.min_base.to_decimal(market), market.size_decimals),
        "min_quote_amount": padded(market.min_quote.to_decimal(), 6),
        "order_quote_limit": padded(market.order_quote_limit.to_decimal(), 6),
        "liquidation_fee": Decimal::new(i64::from(market.liquidation_fee), 4).to_string(),
        "default_initial_margin_fraction": market.default_initial_margin_fraction,
        "min_initial_margin_fraction": market.min_initial_margin_fraction,
        "maintenance_margin_fraction": market.maintenance_margin_fraction,
        "closeout_margin_fraction": market.closeout_margin_fraction,
    })
}

/// Reads a listing alone and holds it against itself; what `orderBooks` leaves out are the fractions.
fn hold_listing(place: &str, row: &Value, oddities: &Oddities) -> Market {
    let answer = json!({"code": 200, "order_book_details": [row]}).to_string();
    let answer: wire::OrderBookDetails = serde_json::from_str(&answer).unwrap();
    let read = markets(&answer, oddities).unwrap_or_else(|error| panic!("{place}: {error}"));
    let market = read.into_values().next().unwrap();
    let (size, price) = (&row["supported_size_decimals"], &row["supported_price_decimals"]);
    let zero = json!(0);
    let left_out = [
        ("size_decimals", size.clone()),
        ("price_decimals", price.clone()),
        ("quote_multiplier", json!(1)),
        ("default_initial_margin_fraction", zero.clone()),
        ("min_initial_margin_fraction", zero.clone()),
        ("maintenance_margin_fraction", zero.clone()),
        ("closeout_margin_fraction", zero),
    ];
    hold(place, &market_back(&market), row, &left_out);
    market
}

fn hold_levels(place: &str, rows: &Value, size: &str, market: &Market, context: Context<'_>) {
    for row in rows.as_array().unwrap() {
        // A best price of an empty side is two empty texts.
        if row["price"] == "" {
            continue;
        }
        let text = |name: &str| wire::Text(row[name].as_str().unwrap().to_owned());
        let level = wire::Level { price: text("price"), size: text(size) };
        let read = levels(&[level], market.id.get(), context).unwrap_or_else(|e| panic!("{place}: {e}"));
        let back = json!({
            "price": padded(read[0].0.to_decimal(market), market.price_decimals),
            size: padded(read[0].1.to_decimal(market), market.size_decimals),
        });
        assert_eq!((&back["price"], &back[size]), (&row["price"], &row[size]), "{place}");
    }
}

/// The grid that the rows of a file are written on, told by their own zeros.
fn listed(id: i64, price: &str, size: &str) -> (MarketId, Market) {
    let places =
        |text: &str| text.split_once('.').map_or(0, |(_, after)| u32::try_from(after.len()).unwrap());
    let (id, size_decimals, price_decimals) = (MarketId::new(id), places(size), places(price));
    (id, Market { id, size_decimals, price_decimals, ..Market::example() })
}

fn first_level(frame: &Value, path: &str) -> (String, String) {
    let row = frame.pointer(path).unwrap_or_else(|| panic!("no {path}"));
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("price"), text("size"))
}

fn id_of(frame: &Value) -> i64 {
    frame["channel"].as_str().unwrap().split(':').nth(1).unwrap().parse().unwrap()
}

fn hold_rest(name: &str, answer: &Value, oddities: &Oddities) {
    match name {
        "http_order_books.json" => {
            for row in answer["order_books"].as_array().unwrap() {
                hold_listing(name, row, oddities);
            }
        }
        "http_order_book_details.json" => {
            let lists = ["order_book_details", "spot_order_book_details"];
            let rows = lists.iter().filter_map(|list| answer[*list].as_array()).flatten();
            let read: Vec<_> = rows.map(|row| hold_listing(name, row, oddities)).collect();
            assert!(!read.is_empty());
        }
        "http_recent_trades.json" => {
            let (price, size) = first_level(answer, "/trades/0");
            let id = answer["trades"][0]["market_id"].as_i64().unwrap();
            let markets = Markets::from([listed(id, &price, &size)]);
            assert!(hold_trades(name, &answer["trades"], Context { markets: &markets, oddities }) > 0);
        }
        "http_order_book_orders.json" => {
            let size = "remaining_base_amount";
            let text = |name: &str| answer["asks"][0][name].as_str().unwrap();
            let (id, market) = listed(0, text("price"), text(size));
            let markets = Markets::from([(id, market.clone())]);
            let context = Context { markets: &markets, oddities };
            hold_levels(name, &answer["asks"], size, &market, context);
            hold_levels(name, &answer["bids"], size, &market, context);
        }
        other => panic!("nobody reads `{other}`"),
    }
}

/// Returns the nonce that the next book frame must begin with.
fn hold_frame(name: &str, text: &str, market: &mut Option<Market>, oddities: &Oddities) -> Option<i64> {
    let frame: Value = serde_json::from_str(text).unwrap();
    let head: wire::Frame = wire::object(text.as_bytes()).unwrap();
    let family = head.kind.split_once('/').map(|(_, family)| family);
    let level = match family {
        Some("order_book") => "/order_book/asks/0",
        Some("ticker") => "/ticker/a",
        Some("trade") if frame["trades"][0].is_object() => "/trades/0",
        Some("trade") => "/liquidation_trades/0",
        Some(other) => panic!("nobody reads `{other}` of {name}"),
        None => {
            let known = head.kind == "connected" || head.error.and_then(|error| error.code) == Some(30_005);
            assert!(known, "{name}: {text}");
            return None;
        }
    };
    let market = market.get_or_insert_with(|| {
        let (price, size) = first_level(&frame, level);
        listed(id_of(&frame), &price, &size).1
    });
    let markets = Markets::from([(market.id, market.clone())]);
    let context = Context { markets: &markets, oddities };
    match family {
        Some("order_book") => {
            let read: wire::BookFrame = serde_json::from_str(text).unwrap();
            let book = &frame["order_book"];
            assert_eq!(json!(read.order_book.nonce), book["nonce"]);
            assert_eq!(json!(read.order_book.begin_nonce), book["begin_nonce"]);
            hold_levels(name, &book["asks"], "size", market, context);
            hold_levels(name, &book["bids"], "size", market, context);
        }
        Some("ticker") => {
            let sides = json!([frame["ticker"]["a"], frame["ticker"]["b"]]);
            hold_levels(name, &sides, "size", market, context);
        }
        _ => {
            for list in ["trades", "liquidation_trades"] {
                hold_trades(name, &frame[list], context);
            }
        }
    }
    frame["order_book"]["nonce"].as_i64()
}

#[test]
fn every_recorded_answer_comes_back_as_it_was() {
    let (survey, oddities) = (Survey::default(), Oddities::default());
    let files = files();
    assert!(files.len() >= 6, "{}", files.len());
    for (name, text) in &files {
        if name.starts_with("http_") {
            survey.look(name, text.as_bytes(), &oddities);
            hold_rest(name, &serde_json::from_str(text).unwrap(), &oddities);
            continue;
        }
        let (mut market, mut last) = (None, None);
        for line in text.lines() {
            survey.look(name, line.as_bytes(), &oddities);
            let begin = book_begin(line);
            assert!(last.is_none() || begin.is_none() || begin == last, "{name}: a gap before {begin:?}");
            last = hold_frame(name, line, &mut market, &oddities).or(last);
        }
    }
    assert_eq!(oddities.counts(), [], "an answer of the venue holds something unknown");
}

fn book_begin(line: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Begins {
        order_book: Option<Begin>,
    }
    #[derive(Deserialize)]
    struct Begin {
        begin_nonce: i64,
    }
    let begin = serde_json::from_str::<Begins>(line).ok()?.order_book?.begin_nonce;
    // A snapshot begins anew.
    (begin != 0).then_some(begin)
}
