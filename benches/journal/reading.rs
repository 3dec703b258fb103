//! What `resume` reads before it asks the venue anything: open, verify, fold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use lighter_plan::engine::{Entry, Pair};
use lighter_plan::journal::{Append, EventRow, IntentRow, NewEvent, SqliteStore, Store, verified_events};
use lighter_plan::model::{PairId, RunId};

use crate::commits::new_run;

/// A journal of a real run. Whole lives of pairs are multiplied: entries have real sizes, and a fold does real work.
const LIFE: &str = "tests/fixtures/journals/1-first/journal.sqlite";

/// How often each is read; the best counts, because only the disk's cache is to be warm.
const ROUNDS: usize = 3;

/// One commit of a pair: its events, and the intents that the last of them vouches for.
struct Commit {
    events: Vec<EventRow>,
    intents: Vec<IntentRow>,
}

/// What one pair wrote from its check to its end.
fn life() -> Vec<Commit> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIFE);
    let store = SqliteStore::open_read_only(&path).expect("the golden journal");
    let run = store.runs().expect("its runs").remove(0).id;
    let intents = store.intents(&run).expect("its intents");
    let events = store.events(&run, 1).expect("its events").into_iter().filter(|event| event.pair.is_some());
    let mut commits = vec![Commit { events: Vec::new(), intents: Vec::new() }];
    for event in events {
        let names: BTreeSet<&str> = event.attest.lines().filter_map(|line| line.split(' ').next()).collect();
        let vouched: Vec<_> =
            intents.iter().filter(|row| names.contains(row.intent_id.as_str())).cloned().collect();
        let commit = commits.last_mut().expect("one at least");
        commit.events.push(event);
        if !vouched.is_empty() {
            commit.intents = vouched;
            commits.push(Commit { events: Vec::new(), intents: Vec::new() });
        }
    }
    commits.retain(|commit| !commit.events.is_empty());
    commits
}

/// Returns `commit` as pair `number` writes it, of its events `most` at most.
fn append(run: &RunId, commit: &Commit, number: usize, most: usize) -> Append {
    let pair: PairId = format!("p{number}").parse().expect("a name");
    let event = |row: &EventRow| NewEvent {
        pair: Some(pair.clone()),
        kind: row.kind.clone(),
        at: row.at,
        body: row.body.clone(),
    };
    let renamed = |row: &IntentRow| {
        let number = row.intent_id.rsplit('/').next().expect("a number");
        IntentRow { intent_id: format!("{pair}/{number}"), ..row.clone() }
    };
    Append {
        run: run.clone(),
        events: commit.events.iter().take(most).map(event).collect(),
        intents: commit.intents.iter().map(renamed).collect(),
    }
}

/// Writes a run of `count` events to `path`. Many pairs share a durable commit, or a million events take an hour to write.
fn write(path: &Path, run: &RunId, count: usize) {
    let mut store = SqliteStore::open(path).expect("a journal");
    store.create_run(&new_run(run)).expect("a run");
    let life = life();
    let (mut left, mut number) = (count, 0);
    while left > 0 {
        let mut group = Vec::new();
        for commit in (0..100).flat_map(|_| &life) {
            // A life begins.
            number += usize::from(std::ptr::eq(commit, &life[0]));
            if left > 0 {
                group.push(append(run, commit, number, left));
                left -= commit.events.len().min(left);
            }
        }
        for answer in store.append_group(&group).expect("a commit") {
            answer.expect("entries of a real run");
        }
    }
}

/// What it took, and how much of that on the processor: beside other work only the latter says what the program does.
#[derive(Clone, Copy)]
struct Times {
    whole: Duration,
    processor: Duration,
    fold: Duration,
}

fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("time goes on")
}

fn read(path: &Path, run: &RunId) -> Times {
    let (begun, worked) = (Instant::now(), processor());
    let store = SqliteStore::open(path).expect("the journal");
    let events = verified_events(&store, run).expect("its chain holds");
    let verified = processor();
    let mut pairs: BTreeMap<PairId, Pair> = BTreeMap::new();
    for row in events {
        let entry = Entry::read(&row.body).expect("an entry");
        let pair = row.pair.expect("of a pair");
        pairs.entry(pair).or_default().evolve(&entry).expect("it follows");
    }
    let done = processor();
    Times { whole: begun.elapsed(), processor: done - worked, fold: done - verified }
}

/// Prints how long it takes to read a journal of `count` events.
pub(crate) fn measure(count: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("journal.sqlite");
    let run: RunId = "bench".parse().expect("a run id");
    write(&path, &run, count);
    let size = std::fs::metadata(&path).expect("its file").len();
    let best = (0..ROUNDS).map(|_| read(&path, &run)).min_by_key(|times| times.processor).expect("a round");
    println!("{count} events, {} KiB, in one run", size / 1024);
    println!("open, verify and fold               {:.2?}", best.whole);
    println!("of that on the processor            {:.2?}, folding {:.2?}", best.processor, best.fold);
}
