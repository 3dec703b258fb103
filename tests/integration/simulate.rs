//! `simulate` as an operator meets it.

use std::path::Path;

use crate::common::{Bench, Run};

fn simulate(arguments: &[&str]) -> Run {
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/quick-pair.yaml");
    let plan = plan.to_str().unwrap();
    Bench::new().run(&[&["simulate", plan], arguments].concat())
}

#[test]
fn a_sound_plan_ends_with_0_and_a_table() {
    let run = simulate(&["--seeds", "40", "--jobs", "2"]).expect(0);
    assert!(run.stdout.starts_with("Plan quick-pair, pair alpha: 40 runs, "), "{}", run.stdout);
    for word in ["withdrawn", "flat", "held", "handed over", "broken", "Every invariant held."] {
        assert!(run.stdout.contains(word), "`{word}` is missing in\n{}", run.stdout);
    }
    assert!(run.stderr.contains("40 runs in"), "{}", run.stderr);
    assert!(!run.stderr.contains('\r'), "a bar is for terminals");
}

#[test]
fn the_object_for_programs_does_not_depend_on_workers() {
    let [one, two] = ["1", "2"].map(|jobs| {
        simulate(&["--seeds", "20", "--from", "5", "--format", "json", "--jobs", jobs]).expect(0).stdout
    });
    assert_eq!(one, two);
    let json: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!((&json["sound"], &json["pairs"][0]["runs"]), (&true.into(), &20.into()), "{json}");
    assert!(json["pairs"][0]["outcomes"][0]["worst_naked_in"].as_str().unwrap().starts_with("--seed "));
}

#[test]
fn one_seed_tells_all_that_happened_and_the_same_each_time() {
    let [first, second] = [(); 2].map(|()| simulate(&["--seed", "3"]).expect(0).stdout);
    assert_eq!(first, second);
    assert!(first.contains("life 1") && first.contains("checked"), "{first}");
    let crashed = simulate(&["--seed", "3", "--at", "20:reply-lost+31"]).expect(0).stdout;
    assert!(crashed.contains("life 3"), "{crashed}");
}

#[test]
fn what_cannot_be_meant_is_told() {
    let run = simulate(&["--faults", "disk,gremlins"]).expect(2);
    assert!(
        run.stderr.contains("`gremlins` is no fault") && run.stderr.contains("torn-write"),
        "{}",
        run.stderr
    );
    let run = simulate(&["--pair", "beta"]).expect(2);
    assert!(run.stderr.contains("its pairs are alpha"), "{}", run.stderr);
    simulate(&["--at", "5"]).expect(2);
}
