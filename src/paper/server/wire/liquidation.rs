//! Rows of `liquidations` (http.md §5).

use super::{e12, price, size, us, usdc};
use crate::model::{Market, MarketId};
use crate::paper::exchange::{LiquidationRecord, RiskRecord};
use crate::paper::server::json::{Json, Object, object};

/// Returns one row; `None` when its market is not listed any more.
pub(crate) fn liquidation<'a>(
    record: &LiquidationRecord,
    market: impl Fn(MarketId) -> Option<&'a Market>,
) -> Option<Json> {
    let rules = market(record.market)?;
    let (bid, ask) = if record.side.is_ask() {
        (record.counterparty, record.account)
    } else {
        (record.account, record.counterparty)
    };
    let trade = object! {
        "price": price(record.price, rules),
        "size": size(record.size, rules),
        "taker_fee": usdc(record.fee),
        "maker_fee": "0.000000",
        "transaction_time": us(record.at),
        "bid_account_id": bid,
        "ask_account_id": ask,
    };
    let positions: Vec<Json> =
        record.positions.iter().filter_map(|row| Some(super::position(row, market(row.market)?))).collect();
    let marks = record.marks.iter().filter_map(|(id, mark)| Some((id, mark.to_decimal(market(*id)?))));
    let marks = marks.fold(Object::new(), |map, (id, mark)| map.put(&id.to_string(), &Json::number(mark)));
    let info = object! {
        "positions": positions,
        "risk_info_before": risk_info(&record.before),
        "risk_info_after": risk_info(&record.after),
        "mark_prices": marks.json(),
        "assets": [(); 0],
        "asset_index_prices": Object::new().json(),
    };
    Some(object! {
        "id": record.id,
        "market_id": record.market,
        "type": if record.deleverage { "deleverage" } else { "partial" },
        "trade": trade,
        "info": info,
        "executed_at": record.at,
    })
}

fn risk_info(pots: &[RiskRecord]) -> Json {
    let cross = pots.iter().find(|pot| pot.market.is_none()).map(risk_parameters);
    let isolated: Vec<Json> = pots.iter().filter(|pot| pot.market.is_some()).map(risk_parameters).collect();
    object! {
        "cross_risk_parameters": cross.unwrap_or_else(Json::null),
        "isolated_risk_parameters": isolated,
    }
}

/// The cross pot has the market id that means "all".
fn risk_parameters(pot: &RiskRecord) -> Json {
    object! {
        "market_id": pot.market.map_or(255, MarketId::get),
        "collateral": e12(pot.collateral),
        "total_account_value": e12(pot.value),
        "initial_margin_req": e12(pot.initial),
        "maintenance_margin_req": e12(pot.maintenance),
        "close_out_margin_req": e12(pot.closeout),
    }
}
