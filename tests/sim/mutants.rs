//! The mutation check: the simulation finds every bug that is planted on purpose, and names the invariant that it breaks.
//!
//! `docs/mutants.md` holds bug, place, seed and invariant; the test replays it, with the bug and without. After a change
//! that moves the seeds, `LIGHTER_PLAN_MUTANTS=write cargo test --features mutants --test sim mutants` searches and writes
//! the table anew. `LIGHTER_PLAN_MUTANTS=NAME,NAME` searches for some.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use lighter_plan::rt::{Mutant, in_parallel};
use lighter_plan::simulate::{Invariant, Run, play_full};

use super::cases::{CASES, case};

/// Seeds within which every bug must show.
const SEEDS: u64 = 400;

/// Seeds of each case that is made for a purpose.
const MADE: u64 = 12;

/// Seeds over which the table says how often a bug shows.
const SURVEYED: u64 = 40;

/// The invariant that each bug must break. Some break others first, or in other seeds.
const BREAKS: [(Mutant, Invariant); 43] = [
    (Mutant::CommitSkipped, Invariant::IntentFirst),
    (Mutant::SignedAnew, Invariant::IntentFirst),
    (Mutant::CommitNotSynced, Invariant::OneFold),
    (Mutant::EntryNotWritten, Invariant::OneFold),
    (Mutant::LockDropped, Invariant::OneFold),
    (Mutant::UnknownIsFailed, Invariant::OnceOnly),
    (Mutant::AbsentIsDead, Invariant::OnceOnly),
    (Mutant::AbsentIsDone, Invariant::OnceOnly),
    (Mutant::DeadIsNeverProved, Invariant::ComesToRest),
    (Mutant::NonceReused, Invariant::FourEnds),
    (Mutant::CopyForgotten, Invariant::OnceOnly),
    (Mutant::IndexRepeats, Invariant::OnceOnly),
    (Mutant::WithdrawnTwice, Invariant::OnceOnly),
    (Mutant::HedgeUncleared, Invariant::NotOurselves),
    (Mutant::EmergencySilent, Invariant::NakedIsTold),
    (Mutant::ToleranceTooWide, Invariant::NakedIsTold),
    (Mutant::LateFillIgnored, Invariant::ComesToRest),
    (Mutant::FillCountedTwice, Invariant::NoPanic),
    (Mutant::DoubtIsNoExposure, Invariant::ExposureCapped),
    (Mutant::HedgesOrderedSize, Invariant::ExposureCapped),
    (Mutant::CapsIgnored, Invariant::ExposureCapped),
    (Mutant::StopIgnored, Invariant::OnlyReduces),
    (Mutant::ExitMayOpen, Invariant::OnlyReduces),
    (Mutant::ExitTooLarge, Invariant::OnlyReduces),
    (Mutant::FlagNotOnWire, Invariant::OnlyReduces),
    (Mutant::OtherUnitOnWire, Invariant::WholeTicks),
    (Mutant::CollarIgnored, Invariant::BoundedPrices),
    (Mutant::SlippageUnbounded, Invariant::BoundedPrices),
    (Mutant::SyncedUnread, Invariant::JournalAgrees),
    (Mutant::CashAtOrderPrice, Invariant::FillsAddUp),
    (Mutant::HalfIsFlat, Invariant::FourEnds),
    (Mutant::OrdersLeft, Invariant::FourEnds),
    (Mutant::HandedOverSilently, Invariant::FourEnds),
    (Mutant::KeyInBytes, Invariant::NoSecret),
    (Mutant::BudgetForgotten, Invariant::MessageBudget),
    (Mutant::BlindEntry, Invariant::FreshData),
    (Mutant::StaleKept, Invariant::FreshData),
    (Mutant::WithdrawsExposed, Invariant::FlatWithdrawal),
    (Mutant::AlertsEndless, Invariant::ComesToRest),
    (Mutant::GateOpen, Invariant::NotOurselves),
    (Mutant::OthersForgotten, Invariant::ExposureCapped),
    (Mutant::StopForgotten, Invariant::Protected),
    (Mutant::StopFillIgnored, Invariant::ComesToRest),
];

/// What broke, and what was said.
type Found = Option<(Invariant, String)>;

/// Plays a case, with a bug or without.
fn play(name: &str, mutant: Option<Mutant>) -> Found {
    let scenario = case(name);
    let run = AssertUnwindSafe(|| {
        // Pairs that trade beside each other are played by the full host alone.
        if scenario.beside.is_empty() {
            Run::new(scenario).go().map(drop)
        } else {
            play_full(&scenario).map(drop)
        }
    });
    let played = catch_unwind(|| match mutant {
        Some(mutant) => mutant.plant(run),
        None => run(),
    });
    match played {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some((violation.invariant, violation.what)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            Some((Invariant::NoPanic, text.to_owned()))
        }
    }
}

/// Every case: those that are made for a purpose, then seeds.
fn every_case() -> impl Iterator<Item = String> {
    let random = (1..=SEEDS).map(|seed| format!("seed {seed}"));
    let made = CASES.iter().flat_map(|name| (1..=MADE).map(move |seed| format!("{name} {seed}")));
    random.chain(made)
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    bug: String,
    what: String,
    place: String,
    seed: String,
    invariant: String,
    said: String,
    of: String,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<_> = line.strip_prefix("| `")?.split(" | ").map(str::to_owned).collect();
        let [bug, what, place, seed, invariant, said, of] = <[String; 7]>::try_from(cells).ok()?;
        let bug = bug.trim_end_matches('`').to_owned();
        Some(Self { bug, what, place, seed, invariant, said, of: of.trim_end_matches(" |").to_owned() })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table_path() -> PathBuf {
    root().join("docs/mutants.md")
}

/// What the sources say of a bug: the first line of its documentation.
fn what(mutant: Mutant) -> String {
    let source = std::fs::read_to_string(root().join("src/rt/mutant.rs")).expect("the list of bugs");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let name = format!("{mutant:?},");
    let at = lines.iter().position(|line| *line == name).expect("it is in the list");
    lines[at - 1].trim_start_matches("/// ").to_owned()
}

/// Where the sources plant a bug.
fn places(mutant: Mutant) -> Vec<String> {
    fn walk(folder: &Path, needle: &str, found: &mut Vec<String>) {
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                walk(&path, needle, found);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains(needle)) {
                let inside = path.strip_prefix(root()).expect("below the root");
                found.push(format!("`{}`", inside.display()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("src"), &format!("Mutant::{mutant:?}.is_planted()"), &mut found);
    found
}

fn row(mutant: Mutant, case: &str, invariant: Invariant, said: &str, of: &str) -> Row {
    let said = said.lines().next().unwrap_or_default().replace('|', "/");
    let said: String = said.chars().take(140).collect();
    Row {
        bug: format!("{mutant:?}"),
        what: what(mutant),
        place: places(mutant).join(", "),
        seed: case.to_owned(),
        invariant: invariant.to_string(),
        said,
        of: of.to_owned(),
    }
}

/// Searches the first case that shows a bug as it should, and counts.
fn search(mutant: Mutant, expected: Invariant) -> Result<Row, String> {
    let mut others: BTreeMap<Invariant, u32> = BTreeMap::new();
    let found = every_case().find_map(|name| match play(&name, Some(mutant)) {
        Some((invariant, said)) if invariant == expected => Some((name, said)),
        Some((invariant, _)) => {
            *others.entry(invariant).or_default() += 1;
            None
        }
        None => None,
    });
    let Some((name, said)) = found else {
        return Err(format!("{mutant:?}: not caught as {expected}; instead {others:?}"));
    };
    let shows = (1..=SURVEYED).filter(|seed| play(&format!("seed {seed}"), Some(mutant)).is_some()).count();
    Ok(row(mutant, &name, expected, &said, &format!("{shows} of {SURVEYED}")))
}

const HEAD: &str = "\
# Planted bugs

A simulation that does not find bugs proves nothing. So bugs are planted, one at a time, behind the feature `mutants`, which no
release build has (`src/rt/mutant.rs`), and the simulation must find each of them and name the invariant that it breaks.
The same seed without the bug breaks nothing. `cargo test --features mutants --test sim mutants` replays this table;
`LIGHTER_PLAN_MUTANTS=write` before it searches anew and writes it. A seed that is not a number belongs to a case of
`tests/sim/cases.rs`, made for what random seeds meet too rarely. The last column says in how many of the first seeds
the bug breaks anything at all: what shows rarely is what needs many runs.

| bug | what is wrong | where | seed | invariant | what the watch said | seen in |
|---|---|---|---|---|---|---|
";

/// Searches for all bugs and writes the table.
fn write() {
    let rows = in_parallel(BREAKS.len(), |index| {
        let (mutant, expected) = BREAKS[index];
        let row = search(mutant, expected);
        eprintln!("{row:?}");
        row
    });
    let mut text = HEAD.to_owned();
    let mut missing = Vec::new();
    for row in rows {
        match row {
            Ok(Row { bug, what, place, seed, invariant, said, of }) => {
                let _ =
                    writeln!(text, "| `{bug}` | {what} | {place} | {seed} | {invariant} | {said} | {of} |");
            }
            Err(text) => missing.push(text),
        }
    }
    std::fs::write(table_path(), text).expect("the table can be written");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Searches for the bugs of these names and says what they break.
fn survey(names: &str) {
    let bugs: Vec<_> = BREAKS
        .into_iter()
        .filter(|(bug, _)| names.split(',').any(|name| name == format!("{bug:?}")))
        .collect();
    in_parallel(bugs.len(), |index| {
        let (mutant, expected) = bugs[index];
        eprintln!("{:?}", search(mutant, expected));
    });
}

/// Every planted bug is found in the seed that the table names, by the invariant that the table names; without the bug
/// the same seed breaks nothing.
#[test]
fn the_simulation_finds_every_planted_bug() {
    match std::env::var("LIGHTER_PLAN_MUTANTS") {
        Ok(mode) if mode == "write" => return write(),
        Ok(name) => return survey(&name),
        Err(_) => {}
    }
    let table = std::fs::read_to_string(table_path()).expect("docs/mutants.md");
    assert!(table.starts_with(HEAD), "the head of docs/mutants.md is written by this test");
    let rows: Vec<Row> = table.lines().filter_map(Row::parse).collect();
    let wrong: Vec<String> = in_parallel(BREAKS.len(), |index| {
        let (mutant, expected) = BREAKS[index];
        let kept = rows.iter().find(|row| row.bug == format!("{mutant:?}"));
        kept.map_or_else(
            || Some(format!("{mutant:?} is not in the table")),
            |kept| replay(mutant, expected, kept),
        )
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(
        wrong.is_empty() && rows.len() == BREAKS.len(),
        "docs/mutants.md is not true any more; LIGHTER_PLAN_MUTANTS=write writes it anew\n{}",
        wrong.join("\n")
    );
}

/// Returns what is not as the table says.
fn replay(mutant: Mutant, expected: Invariant, kept: &Row) -> Option<String> {
    let (found, sound) = (play(&kept.seed, Some(mutant)), play(&kept.seed, None));
    if let Some(broken) = sound {
        return Some(format!("{} breaks {broken:?} without any bug", kept.seed));
    }
    let Some((invariant, said)) = found.filter(|(invariant, _)| *invariant == expected) else {
        return Some(format!("{mutant:?} does not break {expected} in {}", kept.seed));
    };
    let now = row(mutant, &kept.seed, invariant, &said, &kept.of);
    (now != *kept).then(|| format!("{now:?}\nis in the table as\n{kept:?}"))
}

/// Every bug has its place in the sources and its line in the list, and every invariant of the engine its bug.
#[test]
fn every_bug_is_planted_and_every_invariant_is_broken() {
    for mutant in Mutant::ALL {
        let lines = BREAKS.iter().filter(|(other, _)| *other == mutant).count();
        assert_eq!(lines, 1, "{mutant:?} stands in BREAKS {lines} times");
        assert!(!places(mutant).is_empty(), "{mutant:?} is planted nowhere");
    }
    // That money is conserved is a property of the exchange, which belongs to the simulation.
    for invariant in Invariant::ALL.into_iter().filter(|other| *other != Invariant::MoneyConserved) {
        assert!(BREAKS.iter().any(|(_, broken)| *broken == invariant), "no bug breaks {invariant}");
    }
}

/// A bug is planted on one thread, for one call, and gone after a panic.
#[test]
fn a_planted_bug_stays_where_it_is() {
    let here = Mutant::StaleKept.plant(|| {
        let elsewhere = std::thread::scope(|scope| {
            scope.spawn(|| Mutant::StaleKept.is_planted()).join().expect("it does not panic")
        });
        (Mutant::StaleKept.is_planted(), Mutant::KeyInBytes.is_planted(), elsewhere)
    });
    assert_eq!(here, (true, false, false));
    let panicked = catch_unwind(|| Mutant::StaleKept.plant(|| assert!(!Mutant::StaleKept.is_planted())));
    assert!(panicked.is_err() && !Mutant::StaleKept.is_planted());
}
