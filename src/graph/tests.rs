use super::*;
use crate::model::{Price, Side, Size, snapshot_markets};
use crate::plan::{LoadOptions, Plan, SourceFile, load};

const PLAN: &str = include_str!("../../plans/sol-pair.yaml");

fn plan(text: &str) -> Plan {
    let loaded = load(&SourceFile::from_text("plan.yaml", text), &LoadOptions::default(), snapshot_markets());
    assert_eq!(loaded.findings, []);
    loaded.plan.unwrap()
}

fn graph(text: &str) -> StepGraph {
    compile(&plan(text), snapshot_markets()).unwrap()
}

fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(PLAN.contains(from), "{from}");
    let (before, after) = (graph(PLAN), graph(&PLAN.replace(from, to)));
    let pairs = before.pairs[0].steps.iter().zip(&after.pairs[0].steps);
    pairs.filter(|(a, b)| a.hash != b.hash).map(|(a, _)| a.kind.to_string()).collect()
}

#[test]
fn orders_are_in_the_venues_integers() {
    let graph = graph(PLAN);
    let [long, short] = graph.pairs[0].orders.as_slice() else { panic!("two orders") };
    assert_eq!(
        (long.side, long.price, long.size),
        (Side::Buy, Price::from_ticks(99_900), Size::from_lots(2_500))
    );
    assert_eq!((short.side, short.price), (Side::Sell, Price::from_ticks(100_100)));
    assert_eq!(long.initial_margin.to_string(), "49.950000");
    assert_eq!(graph.exposure.to_string(), "500.000000");
    // (500 + 2.5 × 100.1) / (2.5 × 1.024), by hand.
    assert_eq!(short.liquidation.unwrap().price.round_dp(6).to_string(), "293.066406");
}

#[test]
fn a_hash_tells_which_steps_a_change_touches() {
    assert_eq!(changed("buy: 99.900", "buy: 99.901"), ["place.long"]);
    assert_eq!(changed("wait: 20s", "wait: 21s"), ["hedge"]);
    assert_eq!(changed("max_hold: 2m", "max_hold: 3m"), ["watch"]);
    assert_eq!(changed("max_drawdown_usdc: 150", "max_drawdown_usdc: 151"), ["check", "watch", "hedge"]);
    assert_eq!(changed("route: secure", "route: fast"), ["withdraw.long", "withdraw.short"]);
    assert_eq!(changed("seed: 7", "seed: 8"), Vec::<String>::new());
    assert_eq!(changed("buy: 99.900", "buy: \"99.9000\""), ["place.long"; 0]);
}

/// U-15: the hash of what a step means never changes for an unchanged plan; a new value here is a new `HASH_VERSION`.
#[test]
fn u_15_hashes_are_stable() {
    assert_eq!(graph(PLAN).hash, "33d500eed94656e88ed049fd4e09ed136fd3ac3da6233aa0b0d7b1eac596a21e");
}

#[test]
fn every_edge_joins_two_steps_and_all_are_reached() {
    for kind in StepKind::ALL {
        assert!(kind == StepKind::Check || StepKind::EDGES.iter().any(|(_, to)| *to == kind), "{kind}");
    }
    let text = mermaid(&graph(PLAN));
    assert!(text.contains("p0_check --> p0_place_long"), "{text}");
    assert!(dot(&graph(PLAN)).contains("place.long\\nbuy 2.500 at 99.900"));
    serde_json::from_str::<serde_json::Value>(&json(&graph(PLAN))).unwrap();
}
