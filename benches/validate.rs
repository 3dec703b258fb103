//! How long checking a plan takes: one pair, as in an editor, and a thousand.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lighter_plan::lint::check;
use lighter_plan::model::snapshot_markets;
use lighter_plan::plan::{LoadOptions, SourceFile};

const PLAN: &str = include_str!("../plans/sol-pair.yaml");

fn of_pairs(count: usize) -> String {
    let (head, rest) = PLAN.split_once("pairs:\n").expect("the example has pairs");
    let tail = &rest[rest.find("place:").expect("the example has a place block")..];
    let pairs: String = (0..count)
        .map(|i| {
            let (long, short) = (2 * i, 2 * i + 1);
            format!(
                "  - id: p{i}\n    long: {{ account: {long}, api_key_index: 4, key: paper }}\n    \
                 short: {{ account: {short}, api_key_index: 4, key: paper }}\n"
            )
        })
        .collect();
    format!("{head}pairs:\n{pairs}{tail}")
}

fn validate(c: &mut Criterion) {
    for count in [1, 1_000] {
        let source = SourceFile::from_text("plan.yaml", &of_pairs(count));
        c.bench_function(&format!("validate {count} pairs"), |bencher| {
            bencher.iter(|| check(black_box(&source), &LoadOptions::default(), snapshot_markets()));
        });
    }
}

criterion_group!(benches, validate);
criterion_main!(benches);
