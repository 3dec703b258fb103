//! Plan and market rules to a step graph.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::step::{EntryOrder, GraphError, PairGraph, Step, StepGraph, StepKind, StopOrder};
use crate::model::{Market, Price, Side, Size, Usdc, find_market};
use crate::plan::{
    LegPlan, PairPlan, Plan, PriceSpec, SizeSpec, initial_margin, liquidation, messages_in_worst_minute,
    orders_at,
};

/// The format of what is hashed; a change of it changes every hash, so it is part of them.
const HASH_VERSION: u32 = 1;

/// Taker fee of a Premium account without stake, in millionths of notional.
const PREMIUM_TAKER: i64 = 280;

/// Compiles a plan. Pegged prices are taken at the market's listed mark.
///
/// # Errors
///
/// When a market is not in `markets`, or an order does not fit the venue's integers.
pub fn compile(plan: &Plan, markets: &[Market]) -> Result<StepGraph, GraphError> {
    let pairs =
        plan.pairs.iter().map(|pair| pair_graph(plan, pair, markets)).collect::<Result<Vec<_>, _>>()?;
    let notionals = || pairs.iter().flat_map(|pair| &pair.orders).map(|order| order.notional);
    let steps: Vec<(&str, &str)> = pairs
        .iter()
        .flat_map(|pair| &pair.steps)
        .map(|step| (step.name.as_str(), step.hash.as_str()))
        .collect();
    Ok(StepGraph {
        plan: plan.name.clone(),
        exposure: notionals().fold(Usdc::ZERO, Usdc::plus),
        largest_leg: notionals().max().unwrap_or_default(),
        max_exposure: plan.pairs.iter().map(|pair| pair.risk.max_exposure).min().unwrap_or_default(),
        hash: digest(&steps),
        pairs,
    })
}

fn pair_graph(plan: &Plan, pair: &PairPlan, markets: &[Market]) -> Result<PairGraph, GraphError> {
    let market = find_market(markets, &pair.market)
        .ok_or_else(|| GraphError::UnknownMarket { pair: pair.id.clone(), market: pair.market.clone() })?;
    let (buy, sell, size) = orders_at(pair, market, market.mark_price)
        .map_err(|source| GraphError::Orders { pair: pair.id.clone(), source })?;
    let orders = vec![entry(pair, market, Side::Buy, buy, size), entry(pair, market, Side::Sell, sell, size)];
    let steps = StepKind::ALL
        .into_iter()
        .map(|kind| Step {
            kind,
            name: format!("{}/{kind}", pair.id),
            hash: step_hash(kind, plan, pair, &orders),
        })
        .collect();
    Ok(PairGraph {
        id: pair.id.clone(),
        market: pair.market.clone(),
        steps,
        orders,
        messages_in_worst_minute: messages_in_worst_minute(pair),
        max_messages_per_minute: pair.risk.max_messages_per_minute,
    })
}

fn entry(pair: &PairPlan, market: &Market, side: Side, price: Price, size: Size) -> EntryOrder {
    let (leg, spec) = match side {
        Side::Buy => (&pair.long, pair.buy),
        Side::Sell => (&pair.short, pair.sell),
    };
    let notional = Usdc::notional(size, price, market);
    EntryOrder {
        account: leg.account,
        side,
        market: market.id,
        price,
        size,
        time_in_force: pair.place.time_in_force,
        expires_in: pair.place.expires_in,
        pegged: matches!(spec, PriceSpec::Peg { .. }),
        price_text: price.to_decimal(market).to_string(),
        size_text: size.to_decimal(market).to_string(),
        stop: pair.protect.map(|protect| {
            let (trigger, limit) = protect.prices(side, price);
            let text = |price: Price| price.to_decimal(market).to_string();
            StopOrder { trigger, limit, trigger_text: text(trigger), limit_text: text(limit) }
        }),
        notional,
        initial_margin: initial_margin(pair, market, price, size),
        liquidation: liquidation(pair, market, side, price, size),
        // In and out, both as taker; rounded up.
        fee_at_most: Usdc::from_micros(
            (notional.micros().saturating_mul(2 * PREMIUM_TAKER) + 999_999) / 1_000_000,
        ),
    }
}

/// What an account is to a step: where its key comes from may change without changing the step.
#[derive(Serialize)]
struct Leg {
    account: i64,
    slots: (u8, Option<u8>),
}

impl From<&LegPlan> for Leg {
    fn from(leg: &LegPlan) -> Self {
        Self {
            account: leg.account.get(),
            slots: (leg.api_key_index.get(), leg.guard_key_index.map(crate::model::ApiKeyIndex::get)),
        }
    }
}

/// Hashes what decides a step, and only that, so that a change of one rule shows up in the steps it governs.
fn step_hash(kind: StepKind, plan: &Plan, pair: &PairPlan, orders: &[EntryOrder]) -> String {
    let (long, short) = (Leg::from(&pair.long), Leg::from(&pair.short));
    let both = (&long, &short);
    let market = &pair.market;
    // A pegged order has no price of its own: its peg is hashed, not the mark of the day. A fixed one is what the venue
    // is sent, so that `101.05` and `101.050` are the same order.
    let order = |side: Side| {
        let spec = if side == Side::Buy { pair.buy } else { pair.sell };
        let size = match pair.size {
            SizeSpec::Base(value) => ("base", value.normalize()),
            SizeSpec::NotionalUsdc(value) => ("usdc", value.normalize()),
        };
        let fixed = orders.iter().find(|order| order.side == side && !order.pegged);
        fixed.map_or(Err((spec, size)), |order| Ok((order.price, order.size)))
    };
    match kind {
        StepKind::Check => {
            digest(&(kind, market, both, pair.leverage, pair.margin_mode, pair.minimum_usdc, &pair.risk))
        }
        StepKind::Place(side) => {
            let leg = if side == Side::Buy { long } else { short };
            protected(pair, &(kind, market, leg, order(side), &pair.place))
        }
        StepKind::Watch => protected(
            pair,
            &(kind, market, both, &pair.watch, &pair.risk, plan.on_stop, plan.on_missed.place),
        ),
        StepKind::Hedge => digest(&(kind, market, both, &pair.hedge, &pair.risk)),
        StepKind::Withdraw(Side::Buy) => digest(&(kind, long, &pair.withdraw, plan.on_missed.withdraw)),
        StepKind::Withdraw(Side::Sell) => digest(&(kind, short, &pair.withdraw, plan.on_missed.withdraw)),
        StepKind::Done => digest(&(kind, both)),
    }
}

/// As [`digest`], with the stops where the plan has any: plans without them keep the hashes that they had.
fn protected(pair: &PairPlan, value: &impl Serialize) -> String {
    pair.protect.map_or_else(|| digest(value), |protect| digest(&(value, protect)))
}

fn digest(value: &impl Serialize) -> String {
    let text = serde_json::to_string(&(HASH_VERSION, value)).expect("plain data without maps serialises");
    hex::encode(Sha256::digest(text.as_bytes()))
}
