//! The plan's markets and accounts: rules against the shipped ones, balances, positions and orders that are there.

use std::collections::BTreeMap;

use crate::cli::health::{Health, chain};
use crate::cli::session;
use crate::model::{AccountIndex, Market, Price, Rounding, Size, Usdc, snapshot_markets};
use crate::plan::{LegPlan, PairPlan, Plan, PriceSpec, SizeSpec, initial_margin, messages_in_worst_minute};
use crate::tx::l1::Address;
use crate::venue::lighter::LighterVenue;
use crate::venue::{Tier, Venue as _};

/// Looks at every pair; `owners` are the addresses of the Ethereum keys that the plan names.
pub(super) async fn look(
    health: &mut Health,
    venue: &LighterVenue,
    plan: &Plan,
    owners: &BTreeMap<AccountIndex, Address>,
) {
    let markets = match venue.markets().await {
        Ok(markets) => markets,
        Err(error) => return health.fail("venue", "markets", chain(&error), "try again later"),
    };
    for pair in &plan.pairs {
        let Some(market) = markets.iter().find(|market| market.symbol == pair.market) else {
            let detail = format!("the venue does not list `{}`", pair.market);
            health.fail(pair.id.as_str(), "market", detail, "correct `market:`");
            continue;
        };
        rules(health, pair, market);
        for leg in [&pair.long, &pair.short] {
            account(health, venue, (pair, leg), market).await;
            if pair.withdraws_fast() {
                fast_route(health, venue, leg.account, owners.get(&leg.account)).await;
            }
        }
    }
    messages(health, venue, plan);
}

/// Holds the rules that `validate` used against those of now.
fn rules(health: &mut Health, pair: &PairPlan, market: &Market) {
    let area = pair.id.as_str();
    let detail = format!(
        "{}: {} price and {} size decimals, at least {} and {} USDC",
        market.symbol,
        market.price_decimals,
        market.size_decimals,
        market.min_base.to_decimal(market),
        market.min_quote
    );
    let shipped = snapshot_markets().iter().find(|shipped| shipped.symbol == market.symbol);
    let same = shipped.is_some_and(|shipped| {
        (shipped.price_decimals, shipped.size_decimals) == (market.price_decimals, market.size_decimals)
            && (shipped.min_base, shipped.min_quote) == (market.min_base, market.min_quote)
    });
    if same {
        health.ok(area, "market", detail);
    } else {
        let detail = format!("{detail}; not what this program ships");
        health.warn(area, "market", detail, "lighter-plan validate --online");
    }
}

async fn account(
    health: &mut Health,
    venue: &LighterVenue,
    (pair, leg): (&PairPlan, &LegPlan),
    market: &Market,
) {
    let area = leg.account.to_string();
    let view = match venue.account(leg.account).await {
        Ok(view) => view,
        Err(error) => return health.fail(&area, "account", chain(&error), "correct `account:`"),
    };
    let needed = pair.minimum_usdc.max(margin_needed(pair, market).unwrap_or_default());
    let detail = format!("{} USDC available, {needed} needed", view.margin.available);
    if view.margin.available < needed {
        health.fail(&area, "margin", detail, "deposit, or lower size or minimum_usdc");
    } else {
        health.ok(&area, "margin", detail);
    }
    let position = view.position(market.id).map(|row| row.position).filter(|position| !position.is_flat());
    match position {
        Some(position) => {
            let detail = format!("{} {} held", position.to_decimal(market), market.symbol);
            health.fail(&area, "position", detail, "close it; a plan starts from flat");
        }
        None => health.ok(&area, "position", "flat"),
    }
    if view.total_order_count == 0 {
        health.ok(&area, "orders", "none");
    } else {
        let detail = format!("{} in all markets", view.total_order_count);
        health.warn(&area, "orders", detail, "those in the plan's market must be cancelled");
    }
}

/// Asks what the fast route offers, and holds the owner's key against the account.
async fn fast_route(
    health: &mut Health,
    venue: &LighterVenue,
    account: AccountIndex,
    owner: Option<&Address>,
) {
    let area = account.to_string();
    match venue.fast_terms(account).await {
        Ok(terms) => {
            let detail = format!("fast, up to {} USDC now, fee {} USDC", terms.max, terms.fee);
            health.ok(&area, "withdrawal", detail);
        }
        Err(error) => health.fail(&area, "withdrawal", chain(&error), "write `route: secure`, or try later"),
    }
    // A key that cannot be read is told already, and so is an account.
    let (Some(owner), Ok(view)) = (owner, venue.account(account).await) else { return };
    if view.l1_address.parse() == Ok(*owner) {
        health.ok(&area, "owner", format!("{owner}"));
    } else {
        let detail = format!("the account belongs to {}, `l1_key` is of {owner}", view.l1_address);
        health.fail(&area, "owner", detail, "correct `l1_key:`");
    }
}

/// Returns the initial margin of a leg; `None` while a pegged price without a mark leaves it open.
fn margin_needed(pair: &PairPlan, market: &Market) -> Option<Usdc> {
    let at = match pair.sell {
        PriceSpec::Fixed(price) => price,
        PriceSpec::Peg { .. } => market.mark_price?,
    };
    let price = Price::rounded(at, market, Rounding::Up).ok()?;
    let size = match pair.size {
        SizeSpec::Base(base) => Size::rounded(base, market, Rounding::Up).ok()?,
        SizeSpec::NotionalUsdc(usdc) => Size::rounded(usdc.checked_div(at)?, market, Rounding::Up).ok()?,
    };
    Some(initial_margin(pair, market, price, size))
}

/// Compares the worst minute of all pairs with what the tier allows.
fn messages(health: &mut Health, venue: &LighterVenue, plan: &Plan) {
    let worst: u32 = plan.pairs.iter().map(messages_in_worst_minute).sum();
    let tier: Tier = venue.budget().tier();
    let (_, allowed) = tier.a_minute();
    let legs = u32::try_from(session::legs(plan).count()).unwrap_or(u32::MAX);
    let detail = format!("{worst} messages in the worst minute of {legs} legs, {allowed} allowed an account");
    if worst > allowed.saturating_mul(legs) {
        health.warn("plan", "budget", detail, "fewer pairs or hedge attempts, or a larger tier");
    } else {
        health.ok("plan", "budget", detail);
    }
}
