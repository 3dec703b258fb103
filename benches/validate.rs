//! How long checking a plan takes: one pair as a whole process, as an editor or a hook starts it, and then the check
//! alone of one pair and of a thousand.
//!
//! The controls of the process are the same program with nothing to do, and the system's emptiest program.

use std::hint::black_box;
use std::process::{Command, Stdio};

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

/// Starts a program anew for every measurement, and waits for its end.
fn process(c: &mut Criterion, name: &str, program: &str, arguments: &[&str]) {
    let run = || {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("the program starts").success(), "{program} {arguments:?}");
    };
    c.bench_function(name, |bencher| bencher.iter(run));
}

fn cold(c: &mut Criterion) {
    let program = env!("CARGO_BIN_EXE_lighter-plan");
    process(c, "process: validate one plan", program, &["validate", "plans/sol-pair.yaml"]);
    process(c, "process: control, --version", program, &["--version"]);
    process(c, "process: control, true", "true", &[]);
}

fn validate(c: &mut Criterion) {
    for count in [1, 1_000] {
        let source = SourceFile::from_text("plan.yaml", &of_pairs(count));
        c.bench_function(&format!("validate {count} pairs"), |bencher| {
            bencher.iter(|| check(black_box(&source), &LoadOptions::default(), snapshot_markets()));
        });
    }
}

criterion_group!(benches, cold, validate);
criterion_main!(benches);
