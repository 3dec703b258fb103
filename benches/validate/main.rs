//! What checking plans costs, as whole processes, and what the same files cost others: `check-jsonschema` with our schema,
//! and `yamllint`. Both are found on PATH, or in the folder that `CONTROLS` names; without them their rows are left out.
//!
//! Time and memory are the kernel's own account of each process (wait4).

#![expect(clippy::print_stdout, reason = "a bench prints its table")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

mod corpus;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lighter_plan::lint::check;
use lighter_plan::model::snapshot_markets;
use lighter_plan::plan::{LoadOptions, SourceFile};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lighter-plan");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What one process took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    wall_us: u64,
    user_us: u64,
    system_us: u64,
    peak_kib: u64,
}

/// Runs a command `count` times and returns the run with the median user time; `None` when it cannot be started.
fn measure(count: usize, program: &str, arguments: &[String]) -> Option<Taken> {
    let mut command = Command::new("python3");
    command.arg(Path::new(ROOT).join("benches/validate/measure.py")).arg(count.to_string()).arg(program);
    let output = command.args(arguments).current_dir(ROOT).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut runs: Vec<Taken> = text.lines().filter_map(taken).collect();
    runs.sort_by_key(|run| run.user_us);
    runs.get(runs.len() / 2).copied()
}

/// Reads a line of the measuring script.
fn taken(line: &str) -> Option<Taken> {
    let mut fields = line.split(' ');
    let mut micros = || {
        let (whole, part) = fields.next()?.split_once('.')?;
        Some(whole.parse::<u64>().ok()? * 1_000 + part.parse::<u64>().ok()?)
    };
    let (wall_us, user_us, system_us) = (micros()?, micros()?, micros()?);
    Some(Taken { wall_us, user_us, system_us, peak_kib: fields.next()?.parse().ok()? })
}

fn row(name: &str, taken: Option<Taken>) {
    match taken {
        Some(Taken { wall_us, user_us, system_us, peak_kib }) => println!(
            "{name:<56} {:>9} ms wall {:>9} ms user {:>8} ms sys {:>7} MiB",
            thousandths(wall_us),
            thousandths(user_us),
            thousandths(system_us),
            peak_kib / 1024
        ),
        None => println!("{name:<56} not here"),
    }
}

fn thousandths(us: u64) -> String {
    format!("{}.{}", us / 1_000, us % 1_000 / 100)
}

/// Returns where a control is: in `CONTROLS`, else on PATH.
fn control(name: &str) -> String {
    std::env::var("CONTROLS").map_or_else(|_| name.to_owned(), |folder| format!("{folder}/{name}"))
}

fn strings(fixed: &[&str], paths: &[PathBuf]) -> Vec<String> {
    let paths = paths.iter().map(|path| path.display().to_string());
    fixed.iter().map(|text| (*text).to_owned()).chain(paths).collect()
}

/// Returns how much user time the control took for each microsecond of ours.
fn ratio(name: &str, ours: Option<Taken>, control: Option<Taken>) {
    if let (Some(ours), Some(control)) = (ours, control) {
        let tenths = control.user_us * 10 / ours.user_us.max(1);
        println!("  {name}: {}.{} times our user time", tenths / 10, tenths % 10);
    }
}

fn against(title: &str, paths: &[PathBuf], runs: usize) {
    let bytes: u64 = paths.iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
    println!("\n{title}: {} files, {} KiB", paths.len(), bytes / 1024);
    let ours = measure(runs, PROGRAM, &strings(&["validate"], paths));
    row("lighter-plan validate", ours);
    let schema = format!("{ROOT}/schemas/plan.v1.schema.json");
    let jsonschema = strings(&["--schemafile", &schema], paths);
    let jsonschema = measure(1, &control("check-jsonschema"), &jsonschema);
    row("control: check-jsonschema, our schema", jsonschema);
    let yamllint = measure(1, &control("yamllint"), &strings(&["-d", "relaxed"], paths));
    row("control: yamllint, relaxed", yamllint);
    ratio("check-jsonschema", ours, jsonschema);
    ratio("yamllint", ours, yamllint);
    if let Some(ours) = ours {
        let per_mb = ours.user_us.saturating_mul(1 << 20) / bytes.max(1);
        println!("  {} ms of user time a MiB", thousandths(per_mb));
    }
}

/// The check alone, without a process: the time for each pair must not grow with their number.
fn linear() {
    println!("\nthe check alone, one thread");
    for bytes in [4 << 10, 64 << 10, 1000 << 10] {
        let text = corpus::plan(1, bytes);
        let source = SourceFile::from_text("plan.yaml", &text);
        let rounds = (4 << 20) / bytes;
        let begun = Instant::now();
        for _ in 0..rounds {
            black_box(check(black_box(&source), &LoadOptions::default(), snapshot_markets()));
        }
        let each = begun.elapsed() / u32::try_from(rounds).expect("few rounds");
        let per_kib = each.as_nanos() / (text.len() as u128 / 1024).max(1);
        println!("{:>5} KiB: {each:>12.3?}, {per_kib:>6} ns a KiB", text.len() / 1024);
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let one = corpus::write(&folder.path().join("one"), 1, 4 << 10);
    let some = corpus::write(&folder.path().join("some"), 500, 5 << 10);
    let many = corpus::write(&folder.path().join("many"), 10_000, 5 << 10);
    println!("one plan, whole process; median of 101 runs by user time");
    row("control: true", measure(101, "true", &[]));
    row("control: lighter-plan --version", measure(101, PROGRAM, &strings(&["--version"], &[])));
    row("lighter-plan validate, 4 KiB", measure(101, PROGRAM, &strings(&["validate"], &one)));
    against("some plans", &some, 11);
    println!("\nmany plans: memory stays flat");
    for count in [100, 1_000, 10_000] {
        row(
            &format!("{count} plans, no findings"),
            measure(3, PROGRAM, &strings(&["validate"], &many[..count])),
        );
    }
    let strict = strings(&["validate", "--strict", "--format", "concise"], &many);
    row("10000 plans, --strict --format concise", measure(3, PROGRAM, &strict));
    linear();
}
