//! What differs between two plans: which fields, which steps each one decides, and whether it takes risk away.
//!
//! The comparison is of the plans' JSON, so that a field which this file does not know is still seen, and then counts as
//! one that must not change.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::compile;
use super::step::{GraphError, StepGraph, StepKind};
use crate::model::{Market, PairId, Usdc};
use crate::plan::{Plan, format_duration, format_usdc};

/// Why two plans cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A plan does not compile.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A plan without a JSON form.
    #[error("the plan has no JSON form")]
    Encode(#[from] serde_json::Error),
}

/// What a change does to the risk of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskChange {
    /// Nothing.
    Equal,
    /// Takes some away.
    Tighter,
    /// Adds some.
    Looser,
    /// The old and the new value cannot be put in an order.
    Incomparable,
    /// It is what the run is about: another value is another run.
    Identity,
}

/// A step that a change decides, with its hash before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedStep {
    /// The pair.
    pub pair: PairId,
    /// The step.
    pub kind: StepKind,
    /// Its hash in the old plan.
    pub old: String,
    /// Its hash with this change.
    pub new: String,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The pair, for a field of a pair.
    pub pair: Option<PairId>,
    /// The field, as a plan names it: `hedge.wait`.
    pub field: String,
    /// The old value, as a plan writes it.
    pub old: String,
    /// The new value.
    pub new: String,
    /// What it does to the risk.
    pub risk: RiskChange,
    /// The steps that it decides; none for what is no part of a step, such as where a key comes from.
    pub steps: Vec<ChangedStep>,
}

/// Which way a field takes risk away.
#[derive(Clone, Copy)]
enum Rule {
    /// It carries no risk of the market.
    Free,
    /// Less is tighter; nothing at all is the loosest.
    Lower,
    /// More is tighter.
    Higher,
    /// Words, the loosest first.
    Toward(&'static [&'static str]),
    /// To have it is tighter.
    Presence,
}

/// How a value is shown.
#[derive(Clone, Copy)]
enum Unit {
    Plain,
    Usdc,
}

/// One field of the plan's JSON, what the plan calls it, and its rule. What is not listed must not change.
type Field = (&'static str, &'static str, Rule, Unit);

/// Fields of the plan.
const PLAN: &[Field] = &[
    ("retry.initial", "retry.initial", Rule::Free, Unit::Plain),
    ("retry.max", "retry.max", Rule::Free, Unit::Plain),
    ("retry.budget", "retry.budget", Rule::Free, Unit::Plain),
    ("notify", "notify", Rule::Free, Unit::Plain),
    ("on_stop", "on_stop", Rule::Toward(&["leave", "cancel_open", "flatten"]), Unit::Plain),
    ("on_missed.place", "on_missed.place", Rule::Toward(&["continue", "cancel"]), Unit::Plain),
    ("on_missed.withdraw", "on_missed.withdraw", Rule::Free, Unit::Plain),
];

/// Fields of a pair. A better price and a smaller size are tighter; a fixed price that becomes a peg has no order.
const PAIR: &[Field] = &[
    ("size", "size", Rule::Lower, Unit::Plain),
    ("leverage", "leverage", Rule::Lower, Unit::Plain),
    ("buy", "prices.buy", Rule::Lower, Unit::Plain),
    ("sell", "prices.sell", Rule::Higher, Unit::Plain),
    ("minimum_usdc", "minimum_usdc", Rule::Higher, Unit::Usdc),
    ("long.key", "long.key", Rule::Free, Unit::Plain),
    ("long.l1_key", "long.l1_key", Rule::Free, Unit::Plain),
    ("short.key", "short.key", Rule::Free, Unit::Plain),
    ("short.l1_key", "short.l1_key", Rule::Free, Unit::Plain),
    (
        "place.time_in_force",
        "place.time_in_force",
        Rule::Toward(&["good-till-time", "post-only"]),
        Unit::Plain,
    ),
    ("place.expires_in", "place.expires_in", Rule::Lower, Unit::Plain),
    ("protect", "protect", Rule::Presence, Unit::Plain),
    ("protect.stop_bps", "protect.stop_bps", Rule::Lower, Unit::Plain),
    ("protect.limit_bps", "protect.limit_bps", Rule::Lower, Unit::Plain),
    ("watch.entry_deadline", "watch.entry_deadline", Rule::Lower, Unit::Plain),
    ("watch.on_entry_timeout", "watch.on_entry_timeout", Rule::Toward(&["hedge", "flatten"]), Unit::Plain),
    ("watch.max_hold", "watch.max_hold", Rule::Lower, Unit::Plain),
    ("watch.take_profit", "watch.take_profit_usdc", Rule::Lower, Unit::Usdc),
    ("watch.stop_loss", "watch.stop_loss_usdc", Rule::Lower, Unit::Usdc),
    ("hedge.wait", "hedge.wait", Rule::Lower, Unit::Plain),
    ("hedge.max_naked", "hedge.max_naked", Rule::Lower, Unit::Plain),
    ("hedge.max_naked_loss", "hedge.max_naked_loss_usdc", Rule::Lower, Unit::Usdc),
    ("hedge.prefer", "hedge.prefer", Rule::Toward(&["complete", "unwind"]), Unit::Plain),
    ("hedge.attempts", "hedge.attempts", Rule::Lower, Unit::Plain),
    ("hedge.max_slippage_bps", "hedge.max_slippage_bps", Rule::Lower, Unit::Plain),
    ("hedge.emergency_slippage_bps", "hedge.emergency_slippage_bps", Rule::Lower, Unit::Plain),
    ("hedge.dust", "hedge.dust_usdc", Rule::Lower, Unit::Usdc),
    ("hedge.on_liquidation", "hedge.on_liquidation", Rule::Toward(&["match", "flatten"]), Unit::Plain),
    ("risk.max_order", "risk.max_order_usdc", Rule::Lower, Unit::Usdc),
    ("risk.max_position", "risk.max_position_usdc", Rule::Lower, Unit::Usdc),
    ("risk.max_exposure", "risk.max_exposure_usdc", Rule::Lower, Unit::Usdc),
    ("risk.max_price_deviation_bps", "risk.max_price_deviation_bps", Rule::Lower, Unit::Plain),
    ("risk.max_drawdown", "risk.max_drawdown_usdc", Rule::Lower, Unit::Usdc),
    ("risk.min_liquidation_distance_pct", "risk.min_liquidation_distance_pct", Rule::Higher, Unit::Plain),
    ("risk.max_messages_per_minute", "risk.max_messages_per_minute", Rule::Lower, Unit::Plain),
    ("risk.max_loss_if_venue_down", "risk.max_loss_if_venue_down_usdc", Rule::Lower, Unit::Usdc),
    // Handing back starts from flat: there is no position that it could put at risk.
    ("withdraw.when", "withdraw.when", Rule::Free, Unit::Plain),
    ("withdraw.route", "withdraw.route", Rule::Free, Unit::Plain),
    ("withdraw.keep", "withdraw.keep_usdc", Rule::Free, Unit::Usdc),
    ("withdraw.verify_within", "withdraw.verify_within", Rule::Free, Unit::Plain),
];

/// Objects whose fields are compared one by one; any other value is compared as a whole.
const SECTIONS: [&str; 11] = [
    "long",
    "short",
    "place",
    "protect",
    "watch",
    "hedge",
    "risk",
    "withdraw",
    "retry",
    "on_missed",
    "paper",
];

/// Compares two plans field by field. An empty answer means that they are the same plan.
///
/// # Errors
///
/// [`ChangeError`] when one of them has no step graph.
pub fn changes(old: &Plan, new: &Plan, markets: &[Market]) -> Result<Vec<Change>, ChangeError> {
    let before = compile(old, markets)?;
    let compared =
        Compared { after: compile(new, markets)?, plan: serde_json::to_value(old)?, before, markets };
    let mut found = Vec::new();
    let other = serde_json::to_value(new)?;
    compared.fields(&compared.plan, &other, &Place { pair: None, table: PLAN }, &mut found);
    let (pairs, others) = (by_id(&compared.plan), by_id(&other));
    if pairs.keys().ne(others.keys()) {
        found.push(identity("pairs", names(&pairs), names(&others)));
        return Ok(found);
    }
    for (id, (index, pair)) in &pairs {
        let Some((_, other)) = others.get(id) else { continue };
        let place = Place { pair: id.parse().ok().map(|id| (id, *index)), table: PAIR };
        compared.fields(pair, other, &place, &mut found);
    }
    found.extend(compared.unexplained(&found));
    Ok(found)
}

/// Where a field stands.
struct Place {
    /// The pair, with its place in the old plan's list.
    pair: Option<(PairId, usize)>,
    table: &'static [Field],
}

struct Compared<'a> {
    plan: Value,
    before: StepGraph,
    after: StepGraph,
    markets: &'a [Market],
}

impl Compared<'_> {
    /// Compares two objects, sections field by field.
    fn fields(&self, old: &Value, new: &Value, place: &Place, found: &mut Vec<Change>) {
        for key in keys(old, new) {
            let (left, right) = (&old[key], &new[key]);
            if key == "pairs" || left == right {
                continue;
            }
            if SECTIONS.contains(&key) && left.is_object() && right.is_object() {
                let inner = keys(left, right).into_iter();
                found.extend(
                    inner.filter_map(|name| self.change(&[key, name], (&left[name], &right[name]), place)),
                );
            } else {
                found.extend(self.change(&[key], (left, right), place));
            }
        }
    }

    fn change(&self, path: &[&str], (old, new): (&Value, &Value), place: &Place) -> Option<Change> {
        let joined = path.join(".");
        let field = place.table.iter().find(|field| field.0 == joined);
        let risk = field.map_or(RiskChange::Identity, |field| judge(field.2, old, new));
        let same = old == new || matches!((amount(old), amount(new)), (Some(a), Some(b)) if a == b);
        if same {
            return None;
        }
        let unit = field.map_or(Unit::Plain, |field| field.3);
        Some(Change {
            pair: place.pair.as_ref().map(|(id, _)| id.clone()),
            field: field.map_or(joined, |field| field.1.to_owned()),
            old: shown(old, unit),
            new: shown(new, unit),
            risk,
            steps: self.touched(path, new, place),
        })
    }

    /// Returns the steps whose hash this one value changes, by compiling the old plan with it. Where the value does not go
    /// with the rest of the old plan, all steps that the new plan changes are answered.
    fn touched(&self, path: &[&str], value: &Value, place: &Place) -> Vec<ChangedStep> {
        let mut patched = self.plan.clone();
        let mut at = match &place.pair {
            Some((_, index)) => &mut patched["pairs"][*index],
            None => &mut patched,
        };
        for key in path {
            at = &mut at[*key];
        }
        *at = value.clone();
        let plan = serde_json::from_value::<Plan>(patched).ok();
        match plan.and_then(|plan| compile(&plan, self.markets).ok()) {
            Some(graph) => differing(&self.before, &graph),
            None => differing(&self.before, &self.after),
        }
    }

    /// Returns a change for steps that differ although no field was found to decide them: they must not pass unseen.
    fn unexplained(&self, found: &[Change]) -> Vec<Change> {
        let known = |step: &ChangedStep| {
            let mut all = found.iter().flat_map(|change| &change.steps);
            all.any(|other| (&other.pair, other.kind) == (&step.pair, step.kind))
        };
        let unknown = differing(&self.before, &self.after).into_iter().filter(|step| !known(step));
        unknown
            .map(|step| Change {
                pair: Some(step.pair.clone()),
                field: "hash".to_owned(),
                old: step.old.clone(),
                new: step.new.clone(),
                risk: RiskChange::Incomparable,
                steps: vec![step],
            })
            .collect()
    }
}

/// Returns the steps of two graphs with the same pairs whose hashes differ.
fn differing(old: &StepGraph, new: &StepGraph) -> Vec<ChangedStep> {
    let mut found = Vec::new();
    for pair in &old.pairs {
        let Some(other) = new.pairs.iter().find(|other| other.id == pair.id) else { continue };
        let steps = pair.steps.iter().zip(&other.steps).filter(|(step, other)| step.hash != other.hash);
        found.extend(steps.map(|(step, other)| ChangedStep {
            pair: pair.id.clone(),
            kind: step.kind,
            old: step.hash.clone(),
            new: other.hash.clone(),
        }));
    }
    found
}

fn keys<'a>(old: &'a Value, new: &'a Value) -> Vec<&'a str> {
    let of = |value: &'a Value| value.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let mut all: Vec<&str> = of(old).collect();
    all.extend(of(new).filter(|key| old.get(key).is_none()));
    all
}

fn by_id(plan: &Value) -> BTreeMap<&str, (usize, &Value)> {
    let pairs = plan["pairs"].as_array().into_iter().flatten().enumerate();
    pairs.filter_map(|(index, pair)| Some((pair["id"].as_str()?, (index, pair)))).collect()
}

fn names(pairs: &BTreeMap<&str, (usize, &Value)>) -> String {
    pairs.keys().copied().collect::<Vec<_>>().join(", ")
}

fn identity(field: &str, old: String, new: String) -> Change {
    Change { pair: None, field: field.to_owned(), old, new, risk: RiskChange::Identity, steps: Vec::new() }
}

fn judge(rule: Rule, old: &Value, new: &Value) -> RiskChange {
    match rule {
        Rule::Free => RiskChange::Equal,
        Rule::Lower => ordered(old, new),
        Rule::Higher => ordered(new, old),
        Rule::Presence => match (old.is_null(), new.is_null()) {
            (true, false) => RiskChange::Tighter,
            (false, true) => RiskChange::Looser,
            _ => RiskChange::Incomparable,
        },
        Rule::Toward(words) => {
            let place = |value: &Value| words.iter().position(|word| Some(*word) == value.as_str());
            match (place(old), place(new)) {
                (Some(old), Some(new)) if new >= old => RiskChange::Tighter,
                (Some(_), Some(_)) => RiskChange::Looser,
                _ => RiskChange::Incomparable,
            }
        }
    }
}

/// Compares two amounts; a limit that is not set is beyond every number.
fn ordered(old: &Value, new: &Value) -> RiskChange {
    match (amount(old), amount(new)) {
        (Some((sort, old)), Some((other, new))) if sort == other => {
            if new <= old {
                RiskChange::Tighter
            } else {
                RiskChange::Looser
            }
        }
        (None, Some(_)) if old.is_null() => RiskChange::Tighter,
        (Some(_), None) if new.is_null() => RiskChange::Looser,
        _ => RiskChange::Incomparable,
    }
}

/// Returns what a value measures, and how much; values of two sorts have no order.
fn amount(value: &Value) -> Option<(String, Decimal)> {
    if let Some(time) = duration(value) {
        let ms = i64::try_from(time.as_millis()).ok()?;
        return Some(("time".to_owned(), ms.into()));
    }
    match value {
        Value::Number(number) => Some((String::new(), number.to_string().parse().ok()?)),
        Value::String(text) => Some((String::new(), text.parse().ok()?)),
        Value::Object(fields) => match fields.iter().next().filter(|_| fields.len() == 1)? {
            (name, Value::Object(peg)) if name == "peg" => {
                let sort = format!("peg {} {}", peg.get("reference")?, peg.get("reprice_bps")?);
                Some((sort, peg.get("offset_bps")?.as_i64()?.into()))
            }
            (name, inner) => Some((name.clone(), inner.as_str()?.parse().ok()?)),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

fn duration(value: &Value) -> Option<Duration> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    let nanos = u32::try_from(fields.get("nanos")?.as_u64()?).ok()?;
    Some(Duration::new(fields.get("secs")?.as_u64()?, nanos))
}

/// Writes a value as a plan does, as far as it has a short form there.
fn shown(value: &Value, unit: Unit) -> String {
    if let Some(time) = duration(value) {
        return format_duration(time);
    }
    match (value, unit) {
        (Value::Number(micros), Unit::Usdc) => micros
            .as_i64()
            .map_or_else(|| micros.to_string(), |micros| format_usdc(Usdc::from_micros(micros))),
        (Value::Null, _) => "nothing".to_owned(),
        (Value::String(text), _) => text.clone(),
        (Value::Object(fields), _) if fields.len() == 1 => fields
            .iter()
            .map(|(name, inner)| match (name.as_str(), inner.as_str()) {
                ("base" | "fixed", Some(text)) => text.to_owned(),
                ("notional-usdc", Some(text)) => format!("{text} USDC"),
                (_, Some(text)) => format!("{name}:{text}"),
                (_, None) => format!("{name} {inner}"),
            })
            .collect(),
        _ => value.to_string(),
    }
}
