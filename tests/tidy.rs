//! What the compiler does not check about the sources: which part may use which, and where time and randomness are read.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; helpers are not inside `#[test]` functions"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each part may use besides itself. A part that is missing here fails the test, so that a new one gets its place.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("rt", &["model"]),
    // Randomness for keys and nonces comes from `rt`, and nothing else from outside.
    ("signing", &["rt"]),
    ("tx", &["signing", "model", "rt"]),
    ("plan", &["model"]),
    ("graph", &["plan", "model"]),
    ("lint", &["plan", "model", "graph"]),
    ("lsp", &["lint", "plan", "model", "rt"]),
    ("journal", &["model", "rt"]),
    ("venue", &["tx", "signing", "model", "rt", "plan"]),
    ("paper", &["tx", "signing", "model", "rt", "venue"]),
    ("engine", &["graph", "journal", "lint", "model", "paper", "plan", "rt", "signing", "tx", "venue"]),
    ("report", &["engine", "journal", "graph", "model", "plan", "rt"]),
    // Of the venue only its way through proxies and TLS.
    ("notify", &["engine", "journal", "model", "plan", "rt", "venue"]),
    ("simulate", &["engine", "journal", "model", "paper", "plan", "rt", "signing", "tx", "venue"]),
    (
        "cli",
        &[
            "engine", "graph", "journal", "lint", "lsp", "model", "notify", "paper", "plan", "report", "rt",
            "signing", "simulate", "tx", "venue",
        ],
    ),
];

/// Of a part that is used for one thing only: the names that may be taken from it.
const ONLY: &[(&str, &str, &[&str])] =
    &[("venue", "plan", &["KeySource"]), ("notify", "venue", &["lighter::{HttpTransport, Timeouts"])];

/// Readers of time and randomness, and spawners: all in `rt`.
const ONLY_IN_RT: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "tokio::spawn",
    "task::spawn",
    "thread::spawn",
    "thread::sleep",
    "time::sleep",
    "getrandom::",
    "rand::",
];

/// The longest file that needs no reason.
const LINES: usize = 900;

/// Longer files, each with its reason.
const LONG: &[(&str, &str)] = &[];

struct Source {
    /// From the package's root.
    path: PathBuf,
    text: String,
}

impl Source {
    /// Returns its lines with their numbers, without comments and without the unit tests at its end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(i, line)| (i + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_test(&self) -> bool {
        let is_test = |name: &str| name == "tests" || name.ends_with("_tests");
        self.path.with_extension("").components().any(|part| part.as_os_str().to_str().is_some_and(is_test))
    }

    /// Returns the part it belongs to; `None` for `lib.rs` and `main.rs`.
    fn part(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src").ok()?;
        inside.parent()?.components().next()?.as_os_str().to_str()
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

fn sources(folder: &str) -> Vec<Source> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root).unwrap().to_owned(), text });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, &root.join(folder), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Returns the parts that a line names, each with what follows it.
fn uses(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.match_indices("crate::").filter_map(|(at, _)| {
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        // Macros and items of the crate's root are no parts.
        (end > 0).then(|| (&rest[..end], rest[end..].trim_start_matches("::")))
    })
}

#[test]
fn dependencies_point_down() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let Some(part) = source.part() else { continue };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{}: part `{part}` has no place in MAY_USE", source.path.display()));
            continue;
        };
        for (number, line) in source.code() {
            for (used, what) in uses(line) {
                if used != part && !allowed.contains(&used) {
                    wrong.push(format!("{}: `{part}` uses `{used}`", source.at(number)));
                }
                let only = ONLY.iter().find(|(from, to, _)| (*from, *to) == (part, used));
                if only.is_some_and(|(_, _, names)| !names.iter().any(|name| what.starts_with(name))) {
                    wrong.push(format!("{}: `{part}` uses more of `{used}` than it may", source.at(number)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_way_up() {
    for (i, (part, allowed)) in MAY_USE.iter().enumerate() {
        for used in *allowed {
            let place = MAY_USE.iter().position(|(name, _)| name == used);
            assert!(place.is_some_and(|place| place < i), "`{part}` may use `{used}`, which stands above it");
        }
    }
}

/// Returns whether a path stands in a line, and not only the end of a longer name.
fn names(line: &str, path: &str) -> bool {
    let inside_a_word = |at: usize| line[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_');
    line.match_indices(path).any(|(at, _)| !inside_a_word(at))
}

#[test]
fn time_randomness_and_tasks_come_from_rt() {
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|source| source.part() != Some("rt") && !source.is_test()) {
        for (number, line) in source.code() {
            for name in ONLY_IN_RT.iter().filter(|name| names(line, name)) {
                wrong.push(format!("{}: `{name}` belongs in rt", source.at(number)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn long_files_have_a_reason() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines = source.text.lines().count();
        let path = source.path.display().to_string();
        let reason = LONG.iter().find(|(long, _)| *long == path);
        assert_eq!(lines > LINES, reason.is_some(), "{path} has {lines} lines");
    }
}

#[test]
fn every_integration_test_is_mounted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration");
    // Read from the parent of each file: `main.rs` mounts its siblings, a `mod.rs` those beside it.
    for source in sources("tests/integration") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&source.path);
        if path == root.join("main.rs") {
            continue;
        }
        let is_mod = path.file_name().is_some_and(|name| name == "mod.rs");
        let module = if is_mod { path.parent().unwrap() } else { &path };
        let folder = module.parent().unwrap();
        let name = module.file_stem().unwrap().to_string_lossy();
        let parents = [folder.join("main.rs"), folder.join("mod.rs"), folder.with_extension("rs")];
        let mounts = format!("mod {name};");
        let is_mounted = |parent: &PathBuf| {
            fs::read_to_string(parent)
                .is_ok_and(|text| text.lines().any(|line| line.trim().ends_with(&mounts)))
        };
        assert!(parents.iter().any(is_mounted), "{} is not mounted", source.path.display());
    }
}

#[test]
fn no_test_is_left_out() {
    // In two parts, so that this file does not name it.
    let ignored = ["#[ig", "nore"].concat();
    for source in sources("src").into_iter().chain(sources("tests")) {
        assert!(!source.text.contains(&ignored), "{} leaves a test out", source.path.display());
    }
}

/// Returns the rows of the fault catalogue that a text names, such as `R-07`.
fn rows(text: &str) -> BTreeSet<String> {
    // `UTF-16` names no row.
    let alone = |at: usize| !text[..at].ends_with(char::is_alphanumeric);
    let starts = text.match_indices(['R', 'F', 'U']).filter(|(at, _)| alone(*at)).map(|(at, _)| &text[at..]);
    let row = |rest: &str| {
        let (name, number) = (rest.get(..4)?, rest.get(2..4)?);
        let ends = !rest[4..].starts_with(|c: char| c.is_alphanumeric());
        (name.as_bytes()[1] == b'-' && ends && number.parse::<u8>().is_ok()).then(|| name.to_owned())
    };
    starts.filter_map(row).collect()
}

/// Returns every test with the rows of the catalogue that its name or its doc comment names.
fn tests_of(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut tests = BTreeMap::new();
    for source in sources {
        let (mut doc, mut is_test) = (String::new(), false);
        for line in source.text.lines().map(str::trim) {
            let start = line.strip_prefix("async ").unwrap_or(line);
            if let Some(rest) = line.strip_prefix("///") {
                doc.push_str(rest);
            } else if line.starts_with("#[") {
                is_test |= line.contains("test");
            } else {
                if let Some(name) = start.strip_prefix("fn ").and_then(|rest| rest.split('(').next())
                    && is_test
                {
                    let prefix = name.get(..4).unwrap_or_default().to_uppercase().replace('_', "-");
                    let named = rows(&format!("{prefix} {doc}"));
                    tests.entry(name.to_owned()).or_insert_with(BTreeSet::new).extend(named);
                }
                (doc, is_test) = (String::new(), false);
            }
        }
    }
    tests
}

/// `tests/FAULTS.md` has every row of the catalogue, with the tests that name it and no others, and every row has one.
#[test]
fn every_fault_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("tests/FAULTS.md")).unwrap();
    let mut all: Vec<Source> = sources("src");
    all.extend(sources("tests"));
    let tests = tests_of(&all);
    for (kind, count) in [('R', 33), ('F', 29), ('U', 27)] {
        for row in (1..=count).map(|number| format!("{kind}-{number:02}")) {
            let found = page.lines().find(|line| line.starts_with(&format!("| {row} |")));
            let line = found.unwrap_or_else(|| panic!("{row} is missing"));
            let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
            let listed: BTreeSet<&str> = cell.split('`').skip(1).step_by(2).collect();
            let named: BTreeSet<&str> =
                tests.iter().filter(|(_, rows)| rows.contains(&row)).map(|(name, _)| name.as_str()).collect();
            assert_eq!(listed, named, "{row}: listed, and named by their doc comments");
            assert!(!listed.is_empty(), "{row} has no test");
        }
    }
}
