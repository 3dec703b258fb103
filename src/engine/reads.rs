//! What the engine asks the venue: the rules of the check, and everything about a leg at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use super::codes;
use super::entry::{Checked, CheckedLeg, IntentId, LegSide};
use super::event::LegSnapshot;
use super::rules;
use super::spec::PairSpec;
use crate::model::margin::{E12_PER_MICRO, Margin, MarginPosition};
use crate::model::{
    AccountView, ApiKeyIndex, ApiKeyView, Market, MarketKind, MarketStatus, Nonce, Position, Price, Rounding,
    Side, Size, Timestamp, TxHash, Usdc, WithdrawStatus, Withdrawal,
};
use crate::plan::{PriceSpec, SizeSpec};
use crate::rt::Mutant;
use crate::tx::l1::Address;
use crate::venue::{Venue, VenueError};

/// Why a check did not pass.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A rule does not hold.
    #[error("{0}")]
    Rule(String),
    /// The venue could not be asked; worth another try.
    #[error(transparent)]
    Venue(#[from] VenueError),
}

impl CheckError {
    /// Returns the exit code when it stays.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Rule(_) => codes::RULE_STOPPED,
            Self::Venue(_) => codes::FAILED_BEFORE_SENDING,
        }
    }
}

fn rule<T>(text: String) -> Result<T, CheckError> {
    Err(CheckError::Rule(text))
}

/// What a run tells every check.
pub struct CheckInput<'a> {
    pub spec: &'a PairSpec,
    pub market: Market,
    /// The rules that were recorded before: by the check of an earlier process, or by the plan.
    pub recorded: Option<&'a Market>,
    /// Public keys of the slots used, long leg first, as 80 hexadecimal digits.
    pub keys: [Vec<(ApiKeyIndex, String)>; 2],
    /// Addresses of the owners' Ethereum keys, where the plan names them, long leg first.
    pub owners: [Option<Address>; 2],
    pub now: Timestamp,
    /// What an earlier check of this run found: only the accounts are then read again.
    pub before: Option<&'a Checked>,
    /// What the checks of all pairs learnt so far.
    pub tiers: &'a Tiers,
}

/// Tiers by the owner's address. An owner has one for all accounts, so a hundred accounts of a wallet ask once; to ask
/// for each would be a third of all that their checks read.
#[derive(Debug, Default)]
pub struct Tiers(Mutex<BTreeMap<String, String>>);

impl Tiers {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Two pairs that ask at the same moment both ask; the answer is the same.
    async fn of<V: Venue>(&self, venue: &V, account: &AccountView) -> Result<String, VenueError> {
        let owner = account.l1_address.to_ascii_lowercase();
        let known = self.known().get(&owner).cloned();
        if let Some(tier) = known {
            return Ok(tier);
        }
        let tier = venue.limits(account.index).await?.tier;
        self.known().insert(owner, tier.clone());
        Ok(tier)
    }
}

/// Reads both accounts and holds them against every rule of the plan.
pub async fn check<V: Venue>(venue: &V, input: &CheckInput<'_>) -> Result<Checked, CheckError> {
    checked(venue, input).await.map_err(|error| match (error, input.recorded) {
        // What the plan was made for is no more: that explains the rule that does not hold (F-24).
        (CheckError::Rule(text), Some(recorded)) => {
            CheckError::Rule(format!("{text}{}", rules::since(recorded, &input.market)))
        }
        (error, _) => error,
    })
}

async fn checked<V: Venue>(venue: &V, input: &CheckInput<'_>) -> Result<Checked, CheckError> {
    let (spec, market) = (input.spec, &input.market);
    market_rules(market)?;
    let mark = market.mark_price.map(|mark| Price::rounded(mark, market, Rounding::Down)).transpose();
    let Some(mark) = mark.ok().flatten() else { return rule(format!("{} has no mark price", market.symbol)) };
    let (buy, sell) = prices(spec, market, mark)?;
    let size = size(spec, market, sell)?;
    order_rules(spec, market, buy, sell, size, mark)?;
    let mut legs = Vec::with_capacity(2);
    for ((side, keys), owner) in LegSide::BOTH.into_iter().zip(&input.keys).zip(input.owners) {
        let account = venue.account(spec.leg(side).account).await?;
        owner_rules(spec, side, owner, &account)?;
        let known = input.before.map(|before| match side {
            LegSide::Long => &before.legs[0],
            LegSide::Short => &before.legs[1],
        });
        let (keys, tier) = match known {
            Some(known) => (known.keys.clone(), known.tier.clone()),
            None => {
                let registered = venue.api_keys(spec.leg(side).account).await?;
                let tier = input.tiers.of(venue, &account).await?;
                (key_rules(spec, side, keys, &registered)?, tier)
            }
        };
        legs.push(leg_rules(spec, side, market, size, mark, &account, keys, tier)?);
    }
    let [long, short] =
        <[CheckedLeg; 2]>::try_from(legs).map_err(|_| CheckError::Rule("two legs".to_owned()))?;
    let mut dust = Usdc::notional(Size::LOT, mark, market).micros().max(1);
    if Mutant::ToleranceTooWide.is_planted() {
        dust = (dust / 1_000).max(1);
    }
    let tolerance = Size::from_lots((spec.plan.hedge.dust.micros() / dust).max(1));
    let same_owner = long.l1_address.eq_ignore_ascii_case(&short.l1_address);
    Ok(Checked {
        market: market.clone(),
        buy,
        sell,
        size,
        tolerance,
        same_owner,
        at: input.before.map_or(input.now, |before| before.at),
        legs: [long, short],
    })
}

fn market_rules(market: &Market) -> Result<(), CheckError> {
    if market.kind != MarketKind::Perp {
        return rule(format!("{} is no perpetual future", market.symbol));
    }
    if market.status != MarketStatus::Active || market.force_reduce_only {
        return rule(format!("{} takes no new orders at the moment", market.symbol));
    }
    if i16::try_from(market.id.get()).is_err() {
        return rule(format!("market id {} does not fit the transaction's field", market.id));
    }
    Ok(())
}

/// Returns both prices; a pegged one stands at mark for the sums of the check.
fn prices(spec: &PairSpec, market: &Market, mark: Price) -> Result<(Price, Price), CheckError> {
    let price = |wanted: PriceSpec, rounding: Rounding| match wanted {
        PriceSpec::Fixed(value) => {
            Price::rounded(value, market, rounding).map_err(|error| CheckError::Rule(error.to_string()))
        }
        PriceSpec::Peg { .. } => Ok(mark),
    };
    Ok((price(spec.plan.buy, Rounding::Down)?, price(spec.plan.sell, Rounding::Up)?))
}

fn size(spec: &PairSpec, market: &Market, sell: Price) -> Result<Size, CheckError> {
    let base = match spec.plan.size {
        SizeSpec::Base(base) => base,
        SizeSpec::NotionalUsdc(usdc) => usdc.checked_div(sell.to_decimal(market)).unwrap_or_default(),
    };
    Size::rounded(base, market, Rounding::Down).map_err(|error| CheckError::Rule(error.to_string()))
}

fn order_rules(
    spec: &PairSpec,
    market: &Market,
    buy: Price,
    sell: Price,
    size: Size,
    mark: Price,
) -> Result<(), CheckError> {
    let smallest = market.min_size_at(buy.min(sell));
    if size < smallest {
        return rule(format!(
            "size {} is under the market's smallest order of {} at {}",
            size.to_decimal(market),
            smallest.to_decimal(market),
            buy.min(sell).to_decimal(market)
        ));
    }
    let fixed = matches!((spec.plan.buy, spec.plan.sell), (PriceSpec::Fixed(_), PriceSpec::Fixed(_)));
    if fixed && buy >= sell {
        return rule("the buy price is not below the sell price on the market's grid".to_owned());
    }
    let limit = spec.plan.risk.max_price_deviation_bps;
    for price in [buy, sell] {
        let apart = i128::from((price.ticks() - mark.ticks()).abs()) * 10_000;
        if apart > i128::from(mark.ticks()) * i128::from(limit) {
            return rule(format!(
                "price {} is more than {limit} bps from mark {}; move the price or raise risk.max_price_deviation_bps",
                price.to_decimal(market),
                mark.to_decimal(market)
            ));
        }
    }
    if spec.plan.initial_margin_fraction() < market.min_initial_margin_fraction {
        return rule(format!(
            "leverage {} exceeds the market's {}",
            spec.plan.leverage,
            market.max_leverage()
        ));
    }
    Ok(())
}

fn key_rules(
    spec: &PairSpec,
    side: LegSide,
    wanted: &[(ApiKeyIndex, String)],
    registered: &[ApiKeyView],
) -> Result<Vec<(ApiKeyIndex, Nonce)>, CheckError> {
    let account = spec.leg(side).account;
    let mut slots = Vec::new();
    for (index, public) in wanted {
        let Some(row) = registered.iter().find(|row| row.index == *index) else {
            return rule(format!(
                "account {account} ({}) has no key registered at api_key_index {index}",
                side.name()
            ));
        };
        if !row.public_key.eq_ignore_ascii_case(public) {
            return rule(format!(
                "the private key given for account {account} ({}) is not the one registered at api_key_index {index}",
                side.name()
            ));
        }
        slots.push((*index, row.nonce));
    }
    Ok(slots)
}

/// The fast route pays out to the account's owner and needs that owner's signature: known before anything is sent,
/// not after the trade.
fn owner_rules(
    spec: &PairSpec,
    side: LegSide,
    owner: Option<Address>,
    account: &AccountView,
) -> Result<(), CheckError> {
    if !spec.plan.withdraws_fast() {
        return Ok(());
    }
    let who = format!("account {} ({})", account.index, side.name());
    let Some(owner) = owner else {
        return rule(format!("{who} withdraws by the fast route without `l1_key`"));
    };
    if account.l1_address.parse() != Ok(owner) {
        return rule(format!("{who} belongs to {}, `l1_key` is the key of {owner}", account.l1_address));
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "everything that a leg is held against")]
fn leg_rules(
    spec: &PairSpec,
    side: LegSide,
    market: &Market,
    size: Size,
    mark: Price,
    account: &AccountView,
    keys: Vec<(ApiKeyIndex, Nonce)>,
    tier: String,
) -> Result<CheckedLeg, CheckError> {
    let who = format!("account {} ({})", account.index, side.name());
    let minimum = spec.plan.minimum_usdc;
    if account.margin.available < minimum {
        return rule(format!(
            "{who} has {} USDC available, {} USDC less than minimum_usdc {minimum}",
            account.margin.available,
            minimum.minus(account.margin.available)
        ));
    }
    let row = account.position(market.id);
    if let Some(row) = row.filter(|row| !row.position.is_flat() || row.open_order_count > 0) {
        return rule(format!(
            "{who} already has a position of {} and {} open orders in {}; close them or use another account",
            row.position.to_decimal(market),
            row.open_order_count,
            market.symbol
        ));
    }
    distance(spec, side, market, size, mark, account)?;
    let fraction = spec.plan.initial_margin_fraction();
    let as_planned = row.is_some_and(|row| {
        row.initial_margin_fraction == fraction && row.margin_mode == spec.plan.margin_mode
    });
    Ok(CheckedLeg {
        account: account.index,
        l1_address: account.l1_address.clone(),
        margin: account.margin,
        keys,
        set_leverage: !as_planned,
        funding_paid: row.map(|row| row.funding_paid).unwrap_or_default(),
        tier,
    })
}

/// Initial margin and distance to liquidation of a leg at its planned size.
fn distance(
    spec: &PairSpec,
    side: LegSide,
    market: &Market,
    size: Size,
    mark: Price,
    account: &AccountView,
) -> Result<(), CheckError> {
    let signed = size.signed(side.entry_side());
    let fraction = spec.plan.initial_margin_fraction();
    let row = MarginPosition {
        market,
        position: Position::from_lots(signed.lots()),
        entry_quote: i128::from(size.lots()) * i128::from(mark.ticks()) * i128::from(market.quote_multiplier),
        mark,
        initial_margin_fraction: fraction,
    };
    let margin = Margin::of(i128::from(account.margin.available.micros()) * E12_PER_MICRO, [row]);
    let who = format!("account {} ({})", account.index, side.name());
    if margin.value < margin.initial {
        let needed = Usdc::from_micros(i64::try_from(margin.initial / E12_PER_MICRO).unwrap_or(i64::MAX));
        return rule(format!(
            "{who} has {} USDC available, the position needs {needed}",
            account.margin.available
        ));
    }
    let Some(price) = margin.liquidation_price(&row) else { return Ok(()) };
    let mark = mark.to_decimal(market);
    let apart = if side.entry_side() == Side::Buy { mark - price } else { price - mark };
    let percent = apart * Decimal::ONE_HUNDRED / mark;
    if percent < spec.plan.risk.min_liquidation_distance_pct {
        return rule(format!(
            "{who} would be {percent:.2} % from liquidation, less than risk.min_liquidation_distance_pct {}",
            spec.plan.risk.min_liquidation_distance_pct
        ));
    }
    Ok(())
}

/// Reads the withdrawal history, newest first, and the collateral once there is something to verify; `known` until then.
pub async fn withdrawals<V: Venue>(
    venue: &V,
    account: crate::model::AccountIndex,
    known: Usdc,
) -> Result<(Vec<Withdrawal>, Usdc), VenueError> {
    let rows = venue.withdrawals(account).await?;
    let moved = rows.first().is_some_and(|row| row.status != WithdrawStatus::Pending);
    let collateral = if moved { venue.account(account).await?.margin.collateral } else { known };
    Ok((rows, collateral))
}

/// What a reconciliation asks about.
pub struct SnapshotInput {
    pub market: Market,
    pub since: Timestamp,
    pub unsettled: Vec<(IntentId, TxHash)>,
    pub keys: Vec<ApiKeyIndex>,
    /// Whether an own order may have ended unseen.
    pub ended_orders: bool,
}

/// Reads everything about a leg: orders before trades before the account, so that no fill is missed in between.
pub async fn snapshot<V: Venue>(
    venue: &V,
    now: impl Fn() -> Timestamp + Send,
    account: crate::model::AccountIndex,
    input: &SnapshotInput,
) -> Result<LegSnapshot, VenueError> {
    let market = input.market.id;
    let at = now();
    // Nonces before look-ups: a transaction that executes in between is then found, never taken for missing.
    let mut nonces = Vec::with_capacity(input.keys.len());
    for key in &input.keys {
        nonces.push((*key, venue.next_nonce(account, *key).await?));
    }
    let mut transactions = Vec::with_capacity(input.unsettled.len());
    for (id, hash) in &input.unsettled {
        transactions.push((*id, venue.transaction(*hash).await?));
    }
    let active = venue.active_orders(account, market).await?;
    let inactive =
        if input.ended_orders { venue.inactive_orders(account, market).await? } else { Vec::new() };
    let trades = venue.trades_since(account, market, input.since).await?;
    let account = venue.account(account).await?;
    Ok(LegSnapshot { at, account, active, inactive, trades, nonces, transactions })
}
