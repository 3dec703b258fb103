//! F-23: a matrix of edits, each with the steps it decides and what it does to the risk.

use super::{Change, RiskChange, StepKind, changes};
use crate::model::{Side, snapshot_markets};
use crate::plan::{LoadOptions, Plan, SourceFile, load};

const PLAN: &str = include_str!("../../plans/sol-pair.yaml");

/// All steps that read the risk limits.
const RISK: [StepKind; 3] = [StepKind::Check, StepKind::Watch, StepKind::Hedge];
const LONG: [StepKind; 1] = [StepKind::Place(Side::Buy)];
const SHORT: [StepKind; 1] = [StepKind::Place(Side::Sell)];
const BOTH: [StepKind; 2] = [StepKind::Place(Side::Buy), StepKind::Place(Side::Sell)];
const WATCH: [StepKind; 1] = [StepKind::Watch];
const HEDGE: [StepKind; 1] = [StepKind::Hedge];
const BACK: [StepKind; 2] = [StepKind::Withdraw(Side::Buy), StepKind::Withdraw(Side::Sell)];

fn plan(text: &str) -> Plan {
    let loaded = load(&SourceFile::from_text("plan.yaml", text), &LoadOptions::default(), snapshot_markets());
    assert_eq!(loaded.findings, []);
    loaded.plan.unwrap()
}

fn edited(from: &str, to: &str) -> Vec<Change> {
    assert!(PLAN.contains(from), "{from}");
    changes(&plan(PLAN), &plan(&PLAN.replace(from, to)), snapshot_markets()).unwrap()
}

#[track_caller]
fn one(from: &str, to: &str) -> Change {
    let found = edited(from, to);
    let [change] = found.as_slice() else { panic!("{from} to {to}: {found:?}") };
    change.clone()
}

/// F-23: what each edit decides, which way it goes, and how it is told.
#[test]
fn f_23_every_edit_names_its_steps_and_its_risk() {
    use RiskChange::{Equal, Identity, Incomparable, Looser, Tighter};
    type Case = (&'static str, &'static str, &'static str, RiskChange, &'static [StepKind]);
    let cases: &[Case] = &[
        ("size: 2.5", "size: 2.4", "size: 2.5 → 2.4", Tighter, &BOTH),
        ("size: 2.5", "size: 2.6", "size: 2.5 → 2.6", Looser, &BOTH),
        ("size: 2.5", "notional_usdc: 250", "size: 2.5 → 250 USDC", Incomparable, &BOTH),
        ("buy: 99.900", "buy: 99.800", "prices.buy: 99.900 → 99.800", Tighter, &LONG),
        ("buy: 99.900", "buy: 99.910", "prices.buy: 99.900 → 99.910", Looser, &LONG),
        ("sell: 100.100", "sell: 100.200", "prices.sell: 100.100 → 100.200", Tighter, &SHORT),
        ("sell: 100.100", "sell: 100.090", "prices.sell: 100.100 → 100.090", Looser, &SHORT),
        ("leverage: 5", "leverage: 4", "leverage: 5 → 4", Tighter, &[StepKind::Check]),
        ("leverage: 5", "leverage: 6", "leverage: 5 → 6", Looser, &[StepKind::Check]),
        ("minimum_usdc: 500", "minimum_usdc: 600", "minimum_usdc: 500 → 600", Tighter, &[StepKind::Check]),
        ("minimum_usdc: 500", "minimum_usdc: 400", "minimum_usdc: 500 → 400", Looser, &[StepKind::Check]),
        ("expires_in: 30m", "expires_in: 20m", "place.expires_in: 30m → 20m", Tighter, &BOTH),
        ("max_hold: 2m", "max_hold: 1m", "watch.max_hold: 2m → 1m", Tighter, &WATCH),
        ("max_hold: 2m", "max_hold: 3m", "watch.max_hold: 2m → 3m", Looser, &WATCH),
        (
            "max_hold: 2m }",
            "max_hold: 2m, stop_loss_usdc: 60 }",
            "watch.stop_loss_usdc: nothing → 60",
            Tighter,
            &WATCH,
        ),
        (
            "on_entry_timeout: hedge",
            "on_entry_timeout: flatten",
            "watch.on_entry_timeout: hedge → flatten",
            Tighter,
            &WATCH,
        ),
        ("wait: 20s", "wait: 10s", "hedge.wait: 20s → 10s", Tighter, &HEDGE),
        ("wait: 20s", "wait: 25s", "hedge.wait: 20s → 25s", Looser, &HEDGE),
        ("max_slippage_bps: 50", "max_slippage_bps: 60", "hedge.max_slippage_bps: 50 → 60", Looser, &HEDGE),
        (
            "max_drawdown_usdc: 150",
            "max_drawdown_usdc: 100",
            "risk.max_drawdown_usdc: 150 → 100",
            Tighter,
            &RISK,
        ),
        (
            "max_drawdown_usdc: 150",
            "max_drawdown_usdc: 151",
            "risk.max_drawdown_usdc: 150 → 151",
            Looser,
            &RISK,
        ),
        (
            "min_liquidation_distance_pct: 10",
            "min_liquidation_distance_pct: 9",
            "risk.min_liquidation_distance_pct: 10 → 9",
            Looser,
            &RISK,
        ),
        ("keep_usdc: 0", "keep_usdc: 5", "withdraw.keep_usdc: 0 → 5", Equal, &BACK),
        ("name: sol-pair", "name: other", "name: sol-pair → other", Identity, &[]),
        ("time_scale: 10", "time_scale: 20", "paper.time_scale: 10 → 20", Identity, &[]),
    ];
    for (from, to, told, risk, steps) in cases {
        let change = one(from, to);
        assert_eq!(format!("{}: {} → {}", change.field, change.old, change.new), *told);
        assert_eq!(change.risk, *risk, "{told}");
        let touched: Vec<StepKind> = change.steps.iter().map(|step| step.kind).collect();
        assert_eq!(touched, *steps, "{told}");
        assert!(change.steps.iter().all(|step| step.old != step.new && step.old.len() == 64), "{told}");
    }
}

/// F-23: another account, another key slot or another set of pairs is another run; the same price in other letters is none.
#[test]
fn f_23_what_the_run_is_about_cannot_change() {
    for (from, to) in
        [("account: 1001", "account: 1003"), ("1002, api_key_index: 4", "1002, api_key_index: 5")]
    {
        let change = one(from, to);
        assert_eq!(change.risk, RiskChange::Identity, "{}", change.field);
        assert!(!change.steps.is_empty());
    }
    let renamed = edited("id: alpha", "id: beta");
    assert_eq!(renamed.len(), 1, "{renamed:?}");
    assert_eq!((renamed[0].field.as_str(), renamed[0].risk), ("pairs", RiskChange::Identity));
    assert_eq!(edited("buy: 99.900", "buy: \"99.9000\""), []);
    assert_eq!(edited("# The quick start", "# Something else"), []);
}

/// Stops take risk away, and nearer ones more of it; they decide the entries that they go out with, and the watch.
#[test]
fn stops_take_risk_away() {
    use RiskChange::{Looser, Tighter};
    let with = |stops: &str| PLAN.replace("place:", &format!("protect: {{ {stops} }}\nplace:"));
    let told = |old: &str, new: &str| {
        let found = changes(&plan(old), &plan(new), snapshot_markets()).unwrap();
        let [change] = found.as_slice() else { panic!("{found:?}") };
        let steps: Vec<StepKind> = change.steps.iter().map(|step| step.kind).collect();
        assert_eq!(steps, [BOTH.as_slice(), &WATCH].concat());
        (change.field.clone(), change.risk)
    };
    let (far, near) = (with("stop_bps: 200, limit_bps: 100"), with("stop_bps: 150, limit_bps: 100"));
    assert_eq!(told(PLAN, &far), ("protect".to_owned(), Tighter));
    assert_eq!(told(&far, PLAN), ("protect".to_owned(), Looser));
    assert_eq!(told(&far, &near), ("protect.stop_bps".to_owned(), Tighter));
    assert_eq!(told(&near, &far), ("protect.stop_bps".to_owned(), Looser));
    let wide = with("stop_bps: 200, limit_bps: 120");
    assert_eq!(told(&far, &wide), ("protect.limit_bps".to_owned(), Looser));
}

/// Two edits at once are two changes, each with its own steps.
#[test]
fn several_edits_are_told_apart() {
    let text = PLAN.replace("wait: 20s", "wait: 10s").replace("max_hold: 2m", "max_hold: 3m");
    let found = changes(&plan(PLAN), &plan(&text), snapshot_markets()).unwrap();
    let mut told: Vec<_> = found.iter().map(|change| (change.field.as_str(), change.risk)).collect();
    told.sort_by_key(|(field, _)| *field);
    assert_eq!(told, [("hedge.wait", RiskChange::Tighter), ("watch.max_hold", RiskChange::Looser)]);
}
