//! What a value of a plan becomes at the venue: ticks, lots, margin, liquidation; and what a market is.

use rust_decimal::Decimal;

use crate::lint::Input;
use crate::model::{Market, MarketKind, MarketStatus, Price, Side, Size, Usdc};
use crate::plan::schema::field_at;
use crate::plan::{
    Document, PairPlan, Plan, PriceSpec, format_duration, format_usdc, initial_margin, liquidation,
    parse_duration, price_at,
};

/// Returns Markdown lines about the value at a JSON pointer; none when the venue has no other form of it.
pub(super) fn lines(plan: &Plan, document: &Document, markets: &[Market], pointer: &str) -> Vec<String> {
    let input = Input::new(plan, document, markets);
    let path = own_path(pointer);
    let about: fn(&Input<'_>, usize, &str) -> Option<Vec<String>> = match path {
        "market" => |input, pair, _| Some(describe(input.market(pair)?)),
        path if path.starts_with("prices") => price_lines,
        "size" | "notional_usdc" => size_lines,
        "leverage" | "minimum_usdc" | "margin_mode" => margin_lines,
        _ => return unit_line(document, pointer).into_iter().collect(),
    };
    let concerned = (0..plan.pairs.len()).filter(|pair| input.site(*pair, path).pointer == pointer);
    let mut lines: Vec<String> = Vec::new();
    for line in concerned.filter_map(|pair| about(&input, pair, path)).flatten() {
        // Pairs that trade the same say the same, once.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Returns the path of a key below its pair, or below the plan.
fn own_path(pointer: &str) -> &str {
    let below = pointer.strip_prefix("/pairs/").and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    below.unwrap_or_else(|| pointer.trim_start_matches('/'))
}

fn price_lines(input: &Input<'_>, index: usize, path: &str) -> Option<Vec<String>> {
    let pair = input.plan.pairs.get(index)?;
    let market = input.market(index)?;
    let both = [(Side::Buy, pair.buy, "prices/buy"), (Side::Sell, pair.sell, "prices/sell")];
    let wanted = both.into_iter().filter(|(_, _, of)| {
        (path == "prices" || path.starts_with(of))
            && !input.document.is_broken(&input.site(index, of).pointer)
    });
    Some(wanted.filter_map(|(side, spec, _)| price_line(side, spec, market)).collect())
}

fn price_line(side: Side, spec: PriceSpec, market: &Market) -> Option<String> {
    let price = price_at(spec, side, market, market.mark_price).ok()?;
    let (symbol, ticks, at) = (&market.symbol, price.ticks(), price.to_decimal(market));
    Some(match spec {
        PriceSpec::Fixed(written) if written == at => {
            format!("- {symbol} {side}: {written} is {ticks} ticks of {}", tick(market))
        }
        PriceSpec::Fixed(written) => {
            let way = if at < written { "down" } else { "up" };
            format!(
                "- {symbol} {side}: {written} is rounded {way} to {at}, {ticks} ticks of {}",
                tick(market)
            )
        }
        PriceSpec::Peg { offset_bps, .. } => format!(
            "- {symbol} {side}: {offset_bps} bps from the listed mark {} is {at}, {ticks} ticks of {}",
            market.mark_price?,
            tick(market)
        ),
    })
}

fn size_lines(input: &Input<'_>, index: usize, _path: &str) -> Option<Vec<String>> {
    let (_, sell, size) = input.orders(index)?;
    let market = input.market(index)?;
    let notional = Usdc::notional(size, sell, market);
    let symbol = &market.symbol;
    let mut lines = vec![
        format!("- {symbol}: {} is {} lots of {}", size.to_decimal(market), size.lots(), lot(market)),
        format!(
            "- worth {} USDC at the sell price {} ({} millionths)",
            format_usdc(notional),
            sell.to_decimal(market),
            notional.micros()
        ),
        format!(
            "- the smallest order that may rest there is {} {symbol}",
            market.min_size_at(sell).to_decimal(market)
        ),
    ];
    lines.extend(margin_lines(input, index, "")?);
    Some(lines)
}

fn margin_lines(input: &Input<'_>, index: usize, _path: &str) -> Option<Vec<String>> {
    let pair = input.plan.pairs.get(index)?;
    let market = input.market(index)?;
    let (buy, sell, size) = input.orders(index)?;
    if input.document.is_broken(&input.site(index, "leverage").pointer) {
        return None;
    }
    let margin = initial_margin(pair, market, sell, size);
    let fraction = pair.initial_margin_fraction().max(market.min_initial_margin_fraction);
    let mut lines = vec![format!(
        "- initial margin {} USDC a leg ({}x, fraction {fraction}/10000; {} takes at most {}x)",
        format_usdc(margin),
        pair.leverage,
        market.symbol,
        market.max_leverage()
    )];
    for (name, side, price) in [("long", Side::Buy, buy), ("short", Side::Sell, sell)] {
        lines.push(liquidation_line(pair, market, name, side, price, size));
    }
    Some(lines)
}

fn liquidation_line(
    pair: &PairPlan,
    market: &Market,
    name: &str,
    side: Side,
    price: Price,
    size: Size,
) -> String {
    match liquidation(pair, market, side, price, size) {
        Some(at) => format!(
            "- the {name} leg is liquidated at {}, {} % from its entry, with `minimum_usdc` in its wallet",
            at.price.round_dp(market.price_decimals).normalize(),
            at.distance_pct.round_dp(1).normalize()
        ),
        None => format!("- no price liquidates the {name} leg with `minimum_usdc` in its wallet"),
    }
}

/// Says what a duration, an amount or a number of basis points is in the venue's units.
fn unit_line(document: &Document, pointer: &str) -> Option<String> {
    let text = document.root.at(pointer)?.scalar()?;
    let field = field_at(pointer)?;
    if field.is_duration {
        let duration = parse_duration(text).ok()?;
        return Some(format!("- {} is {} ms", format_duration(duration), duration.as_millis()));
    }
    let number: Decimal = text.parse().ok().filter(|_| field.is_number)?;
    if pointer.ends_with("usdc") {
        let amount = Usdc::exact(number).ok()?;
        return Some(format!("- {} USDC is {} millionths", format_usdc(amount), amount.micros()));
    }
    let percent = number.checked_div(Decimal::ONE_HUNDRED).filter(|_| pointer.ends_with("bps"))?;
    Some(format!("- {number} bps is {} %", percent.normalize()))
}

/// Returns what there is to know about a market, as a list.
pub(super) fn describe(market: &Market) -> Vec<String> {
    let Market { symbol, id, .. } = market;
    let mut lines = vec![
        format!("- **{symbol}**: market {id}, {}, {}", kind(market), status(market)),
        format!("- tick {}, lot {}", tick(market), lot(market)),
        format!(
            "- an order that rests has at least {} {symbol} and {} USDC",
            market.min_base.to_decimal(market),
            format_usdc(market.min_quote)
        ),
    ];
    if market.max_leverage() > 0 {
        lines.push(format!(
            "- leverage up to {}x; margin fractions of 10000: initial {}, maintenance {}, close-out {}",
            market.max_leverage(),
            market.min_initial_margin_fraction,
            market.maintenance_margin_fraction,
            market.closeout_margin_fraction
        ));
    }
    // Millionths of notional; a percent is 10000 of them.
    let liquidation_fee = Decimal::new(i64::from(market.liquidation_fee), 4).normalize();
    lines.push(format!(
        "- fees: none on a Standard account, at most 0.4 bps maker and 2.8 bps taker on a Premium one; \
         {liquidation_fee} % at most when liquidated"
    ));
    if let Some(mark) = market.mark_price {
        lines.push(format!("- mark {mark} when the shipped rules were read"));
    }
    lines
}

/// Returns a market in a few words, for a list.
pub(super) fn summarize(market: &Market) -> String {
    format!(
        "market {}, {}, {}, tick {}, lot {}",
        market.id,
        kind(market),
        status(market),
        tick(market),
        lot(market)
    )
}

fn kind(market: &Market) -> &'static str {
    match market.kind {
        MarketKind::Perp => "perpetual",
        MarketKind::Spot => "spot",
        MarketKind::Other => "of another kind",
    }
}

fn status(market: &Market) -> &'static str {
    match market.status {
        MarketStatus::Active => "active",
        MarketStatus::Inactive => "takes no orders",
    }
}

fn tick(market: &Market) -> Decimal {
    Price::from_ticks(1).to_decimal(market)
}

fn lot(market: &Market) -> Decimal {
    Size::from_lots(1).to_decimal(market)
}
