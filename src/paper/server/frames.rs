//! The frames of the streams (websocket.md §3 and §4).

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::actor::View;
use super::channel::Channel;
use super::history::{CandleKind, resolution_ms};
use super::json::{Json, Object, fields, object};
use super::wire;
use crate::model::{AccountIndex, MarketId, Order, Timestamp, TradeKind};
use crate::paper::exchange::{NoticeRecord, TradeFilter, TradeRecord, TxRecord};

/// How many trades and transactions a snapshot repeats.
const RECENT: usize = 50;
const DAY_MS: i64 = 86_400_000;

/// Starts a frame of a channel; `kind` is `subscribed` or `update`.
fn frame(channel: &Channel, kind: &str) -> Object {
    fields! { "channel": channel.frame_name(), "type": format!("{kind}/{}", channel.family()) }
}

/// Returns the first frame after a subscription, for all channels but those that the hub keeps itself.
pub(crate) fn snapshot(view: &View<'_>, channel: &Channel) -> Option<Json> {
    match channel {
        Channel::Trade(market) => {
            let recent = view.exchange.recent_trades(*market, RECENT);
            trades(view, *market, &recent.iter().collect::<Vec<_>>(), "subscribed")
        }
        Channel::MarketStatsAll => Some(all_stats(view, None, "subscribed")),
        Channel::AccountAll(account) => {
            let recent = recent_of(view, *account, None);
            account_all(view, *account, &recent.iter().collect::<Vec<_>>(), "subscribed")
        }
        Channel::AccountAllTrades(account) => {
            let recent = recent_of(view, *account, None);
            Some(account_trades(view, *account, &recent.iter().collect::<Vec<_>>(), "subscribed"))
        }
        Channel::AccountMarket(market, account) => {
            let live = view.exchange.active_orders(*account, Some(*market));
            let recent = recent_of(view, *account, Some(*market));
            let (live, recent): (Vec<_>, Vec<_>) = (live.iter().collect(), recent.iter().collect());
            account_market(view, *market, *account, &live, &recent, "subscribed")
        }
        Channel::AccountOrders(market, account) => {
            let live = view.exchange.active_orders(*account, Some(*market));
            Some(orders(view, channel, &live.iter().collect::<Vec<_>>(), "subscribed"))
        }
        Channel::AccountAllOrders(account) => {
            let live = view.exchange.active_orders(*account, None);
            Some(orders(view, channel, &live.iter().collect::<Vec<_>>(), "subscribed"))
        }
        Channel::AccountTx(account) => {
            let txs = view.exchange.account_transactions(*account, RECENT);
            Some(transactions(view, *account, &txs, "subscribed"))
        }
        _ => current(view, channel, "subscribed"),
    }
}

/// Returns an update of a channel that always carries its whole state.
pub(crate) fn update(view: &View<'_>, channel: &Channel) -> Option<Json> {
    current(view, channel, "update")
}

fn current(view: &View<'_>, channel: &Channel, kind: &str) -> Option<Json> {
    let frame = frame(channel, kind);
    match channel {
        Channel::MarketStats(market) => {
            let stats = wire::market_stats(&view.market_view(view.market(*market)?));
            Some(frame.put("market_stats", &stats).put("timestamp", &view.now()).json())
        }
        Channel::Candle(market, resolution) => candle(view, frame, CandleKind::Trades, *market, resolution),
        Channel::MarkPriceCandle(market, resolution) => {
            candle(view, frame, CandleKind::Marks, *market, resolution)
        }
        Channel::Height => {
            let now = view.now();
            Some(frame.put("height", &wire::height(now)).put("timestamp", &now).json())
        }
        Channel::AccountAllPositions(account) => {
            let record = view.exchange.account(*account)?;
            let body = frame
                .put("bo_positions", &object! {})
                .put("last_funding_discount", &Json::null())
                .put("last_funding_round", &Json::null())
                .put("positions", &wire::positions(&record, |id| view.market(id)))
                .put("shares", &[(); 0])
                .put("transaction_time", &record.transaction_time_us);
            Some(body.json())
        }
        Channel::UserStats(account) => {
            let stats = wire::user_stats(&view.exchange.account(*account)?);
            Some(frame.put("stats", &stats).put("timestamp", &view.now()).json())
        }
        Channel::AccountAllAssets(account) => {
            let assets = object! { "3": wire::asset(&view.exchange.account(*account)?) };
            Some(frame.put("assets", &assets).put("timestamp", &view.now()).json())
        }
        _ => None,
    }
}

/// Returns the text of a margin summary, to tell whether it moved.
pub(crate) fn margin_text(view: &View<'_>, account: AccountIndex) -> Option<String> {
    Some(wire::user_stats(&view.exchange.account(account)?).text().to_owned())
}

/// Returns the frame of all markets' statistics, or of `only` some.
pub(crate) fn all_stats(view: &View<'_>, only: Option<&BTreeSet<MarketId>>, kind: &str) -> Json {
    let markets = view.exchange.markets().iter();
    let map = markets
        .filter(|market| only.is_none_or(|only| only.contains(&market.id)))
        .fold(Object::new(), |map, market| {
            map.put(&market.id.to_string(), &wire::market_stats(&view.market_view(market)))
        });
    frame(&Channel::MarketStatsAll, kind)
        .put("market_stats", &map.json())
        .put("timestamp", &view.now())
        .json()
}

fn candle(
    view: &View<'_>,
    frame: Object,
    kind: CandleKind,
    market: MarketId,
    resolution: &str,
) -> Option<Json> {
    let rules = view.market(market)?;
    let (span, now) = (resolution_ms(resolution)?, view.now());
    let candles: Vec<Json> = view
        .history
        .candles(kind, market, span, now, now)
        .iter()
        .map(|candle| candle.json(kind, rules))
        .collect();
    Some(frame.put("candles", &candles).put("timestamp", &now).json())
}

/// Returns trades of a market, newest first, liquidations in a list of their own.
pub(crate) fn trades(view: &View<'_>, market: MarketId, list: &[&TradeRecord], kind: &str) -> Option<Json> {
    let rules = view.market(market)?;
    let forced =
        |record: &TradeRecord| matches!(record.trade.kind, TradeKind::Liquidation | TradeKind::Deleverage);
    let rows = |wanted: bool| -> Vec<Json> {
        let rows = list.iter().filter(|record| forced(record) == wanted);
        rows.map(|record| wire::trade(record, rules, None)).collect()
    };
    let body = frame(&Channel::Trade(market), kind)
        .put("liquidation_trades", &rows(true))
        .put("nonce", &view.exchange.book_nonce(market))
        .put("trades", &rows(false));
    Some(body.json())
}

/// Returns orders by market; `channel` is one of the two order channels.
pub(crate) fn orders(view: &View<'_>, channel: &Channel, list: &[&Order], kind: &str) -> Json {
    let map =
        grouped(list, |order| order.market, |order| Some(wire::order(order, view.market(order.market)?)));
    let head = match channel {
        Channel::AccountOrders(market, account) => {
            frame(channel, kind).put("account", account).put("nonce", &view.exchange.book_nonce(*market))
        }
        _ => frame(channel, kind),
    };
    head.put("orders", &map).json()
}

/// Returns an account's fills by market, newest first.
pub(crate) fn account_trades(
    view: &View<'_>,
    account: AccountIndex,
    list: &[&TradeRecord],
    kind: &str,
) -> Json {
    let volume = Volume::of(view, account);
    frame(&Channel::AccountAllTrades(account), kind)
        .put("trades", &trade_map(view, account, list))
        .put("daily_volume", &volume.day)
        .put("weekly_volume", &volume.week)
        .put("monthly_volume", &volume.month)
        .put("total_volume", &volume.total)
        .json()
}

/// Returns everything of an account.
pub(crate) fn account_all(
    view: &View<'_>,
    account: AccountIndex,
    list: &[&TradeRecord],
    kind: &str,
) -> Option<Json> {
    let record = view.exchange.account(account)?;
    let volume = Volume::of(view, account);
    let body = frame(&Channel::AccountAll(account), kind)
        .put("account", &account)
        .put("assets", &object! { "3": wire::asset(&record) })
        .put("bo_positions", &object! {})
        .put("daily_trades_count", &volume.day_count)
        .put("daily_volume", &volume.day)
        .put("funding_histories", &object! {})
        .put("monthly_trades_count", &volume.month_count)
        .put("monthly_volume", &volume.month)
        .put("positions", &wire::positions(&record, |id| view.market(id)))
        .put("shares", &[(); 0])
        .put("total_trades_count", &volume.total_count)
        .put("total_volume", &volume.total)
        .put("trades", &trade_map(view, account, list))
        .put("transaction_time", &record.transaction_time_us)
        .put("weekly_trades_count", &volume.week_count)
        .put("weekly_volume", &volume.week);
    Some(body.json())
}

/// Returns one market of an account: orders, position and fills.
pub(crate) fn account_market(
    view: &View<'_>,
    market: MarketId,
    account: AccountIndex,
    orders: &[&Order],
    trades: &[&TradeRecord],
    kind: &str,
) -> Option<Json> {
    let rules = view.market(market)?;
    let record = view.exchange.account(account)?;
    let position = record.positions.iter().find(|row| row.market == market);
    let orders: Vec<Json> =
        orders.iter().filter(|order| order.market == market).map(|order| wire::order(order, rules)).collect();
    let trades: Vec<Json> = trades
        .iter()
        .filter(|record| record.trade.market == market)
        .map(|record| wire::trade(record, rules, Some(account)))
        .collect();
    let body = frame(&Channel::AccountMarket(market, account), kind)
        .put("account", &account)
        .put("assets", &Json::null())
        .put("bo_position", &Json::null())
        .put("funding_history", &Json::null())
        .put("orders", &orders)
        .put("position", &position.map_or_else(Json::null, |row| wire::position(row, rules)))
        .put("trades", &trades);
    Some(body.json())
}

/// Returns transactions of an account.
pub(crate) fn transactions(view: &View<'_>, account: AccountIndex, txs: &[TxRecord], kind: &str) -> Json {
    let l1 = view.exchange.account(account).map(|record| record.l1_address).unwrap_or_default();
    let rows: Vec<Json> = txs.iter().map(|tx| wire::transaction_row(tx, &l1)).collect();
    frame(&Channel::AccountTx(account), kind).put("txs", &rows).json()
}

/// Returns notifications of an account.
pub(crate) fn notification(
    view: &View<'_>,
    account: AccountIndex,
    notices: &[NoticeRecord],
    kind: &str,
) -> Json {
    let rows: Vec<Json> =
        notices.iter().filter_map(|notice| Some(wire::notice(notice, view.market(notice.market)?))).collect();
    frame(&Channel::Notification(account), kind).put("notifs", &rows).json()
}

fn recent_of(view: &View<'_>, account: AccountIndex, market: Option<MarketId>) -> Vec<TradeRecord> {
    view.exchange.trades(TradeFilter { account: Some(account), market, after: None }, RECENT)
}

fn trade_map(view: &View<'_>, account: AccountIndex, list: &[&TradeRecord]) -> Json {
    grouped(
        list,
        |record| record.trade.market,
        |record| Some(wire::trade(record, view.market(record.trade.market)?, Some(account))),
    )
}

/// Returns a map from market id to the rows of that market.
fn grouped<T>(list: &[&T], market: impl Fn(&T) -> MarketId, row: impl Fn(&T) -> Option<Json>) -> Json {
    let mut map: BTreeMap<MarketId, Vec<Json>> = BTreeMap::new();
    for item in list {
        if let Some(json) = row(item) {
            map.entry(market(item)).or_default().push(json);
        }
    }
    map.iter().fold(Object::new(), |object, (id, rows)| object.put(&id.to_string(), rows)).json()
}

/// What an account traded, as JSON numbers.
struct Volume {
    day: Json,
    week: Json,
    month: Json,
    total: Json,
    day_count: usize,
    week_count: usize,
    month_count: usize,
    total_count: usize,
}

impl Volume {
    fn of(view: &View<'_>, account: AccountIndex) -> Self {
        let filter = TradeFilter { account: Some(account), ..TradeFilter::default() };
        let fills: Vec<(Timestamp, Decimal)> = view
            .exchange
            .trades(filter, usize::MAX)
            .iter()
            .map(|record| (record.trade.timestamp, record.trade.quote.to_decimal()))
            .collect();
        let since = |days: i64| {
            let from = view.now().as_millis().saturating_sub(days.saturating_mul(DAY_MS));
            let inside = fills.iter().filter(|(at, _)| at.as_millis() >= from);
            inside.fold((0, Decimal::ZERO), |(count, sum), (_, quote)| (count + 1, sum + quote))
        };
        let (day, week, month, total) = (since(1), since(7), since(30), since(i64::MAX));
        Self {
            day: Json::number(day.1),
            week: Json::number(week.1),
            month: Json::number(month.1),
            total: Json::number(total.1),
            day_count: day.0,
            week_count: week.0,
            month_count: month.0,
            total_count: total.0,
        }
    }
}
