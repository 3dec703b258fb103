//! What every store promises, run over both; and what the handle adds.

use super::*;
use crate::model::{AccountIndex, ApiKeyIndex, ClientOrderIndex, Nonce, PairId, RunId, Timestamp, TxHash};

pub(super) fn run_id(name: &str) -> RunId {
    name.parse().unwrap()
}

pub(super) fn new_run(name: &str) -> NewRun {
    NewRun {
        id: run_id(name),
        name: "sol-pair".to_owned(),
        network: "paper".to_owned(),
        plan_source: "version: 1\nname: sol-pair\n".to_owned(),
        plan_json: r#"{"name":"sol-pair"}"#.to_owned(),
        graph_json: r#"{"steps":[]}"#.to_owned(),
        created_at: Timestamp::from_millis(1_790_000_000_000),
        format: 1,
    }
}

pub(super) fn event(kind: &str, body: &str) -> NewEvent {
    NewEvent {
        pair: Some("alpha".parse::<PairId>().unwrap()),
        kind: kind.to_owned(),
        at: Timestamp::from_millis(1_790_000_000_500),
        body: body.to_owned(),
    }
}

pub(super) fn intent(id: &str, state: &str) -> IntentRow {
    IntentRow {
        intent_id: id.to_owned(),
        account: AccountIndex::new(281_474_976_710_654),
        key: ApiKeyIndex::new(4),
        nonce: Nonce::new(17),
        client_order_index: Some(ClientOrderIndex::new((1 << 48) - 1)),
        hash: TxHash::new([7; 40]),
        tx_type: 14,
        tx_info: r#"{"AccountIndex":1001}"#.to_owned(),
        deadline: Timestamp::from_millis(1_790_000_030_000),
        state: state.to_owned(),
    }
}

/// Runs `check` over a fresh store of each kind.
fn for_each_store(check: impl Fn(&mut dyn Store)) {
    check(&mut MemoryStore::new());
    let directory = tempfile::tempdir().unwrap();
    check(&mut SqliteStore::open(&directory.path().join("journal.sqlite")).unwrap());
}

#[test]
fn a_run_reads_back_as_created() {
    for_each_store(|store| {
        store.create_run(&new_run("r1")).unwrap();
        store.create_run(&new_run("a2")).unwrap();
        assert_eq!(store.definition(&run_id("r1")).unwrap(), new_run("r1"));
        let names: Vec<_> = store.runs().unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(names, [run_id("r1"), run_id("a2")], "in order of creation");
        let row = store.run(&run_id("r1")).unwrap();
        assert_eq!((row.status.as_str(), row.exit_code, row.head_seq), ("created", None, 0));
        assert!(matches!(store.create_run(&new_run("r1")), Err(JournalError::RunExists { .. })));
    });
}

#[test]
fn an_unknown_run_is_named_with_those_there_are() {
    for_each_store(|store| {
        store.create_run(&new_run("r1")).unwrap();
        let errors = [
            store.run(&run_id("r9")).unwrap_err(),
            store.definition(&run_id("r9")).unwrap_err(),
            store.events(&run_id("r9"), 1).unwrap_err(),
            store.intents(&run_id("r9")).unwrap_err(),
            store.append(&run_id("r9"), vec![event("x", "1")], vec![]).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.to_string(), "no run `r9`; the latest are `r1`");
        }
    });
}

#[test]
fn sequence_numbers_are_contiguous_in_each_run() {
    for_each_store(|store| {
        let (a, b) = (run_id("a"), run_id("b"));
        store.create_run(&new_run("a")).unwrap();
        store.create_run(&new_run("b")).unwrap();
        assert_eq!(store.append(&a, vec![event("x", "1"), event("y", "2")], vec![]).unwrap(), [1, 2]);
        assert_eq!(store.append(&b, vec![event("x", "1")], vec![]).unwrap(), [1]);
        let group: Vec<_> = [&a, &b, &a]
            .map(|run| Append { run: run.clone(), events: vec![event("z", "{}")], intents: vec![] })
            .into();
        let seqs: Vec<_> = store.append_group(&group).unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(seqs, [[3], [2], [4]]);
        let seqs: Vec<_> = store.events(&a, 2).unwrap().into_iter().map(|row| row.seq).collect();
        assert_eq!(seqs, [2, 3, 4]);
        assert_eq!(store.page(&a, 2, 2).unwrap().len(), 2);
        assert_eq!(store.run(&a).unwrap().head_hash, store.events(&a, 4).unwrap()[0].hash);
    });
}

#[test]
fn both_stores_chain_alike() {
    let directory = tempfile::tempdir().unwrap();
    let mut disk = SqliteStore::open(&directory.path().join("journal.sqlite")).unwrap();
    let mut memory = MemoryStore::new();
    let run = run_id("r");
    let stores: [&mut dyn Store; 2] = [&mut disk, &mut memory];
    let written = stores.map(|store| {
        store.create_run(&new_run("r")).unwrap();
        store.append(&run, vec![event("x", "1"), event("y", "2")], vec![intent("i1", "intent")]).unwrap();
        store.set_status(&run, "running", None, Timestamp::from_millis(5)).unwrap();
        (store.events(&run, 1).unwrap(), store.intents(&run).unwrap(), store.runs().unwrap())
    });
    assert_eq!(written[0], written[1]);
}

#[test]
fn an_intent_is_replaced_by_its_id() {
    for_each_store(|store| {
        let run = run_id("r");
        store.create_run(&new_run("r")).unwrap();
        let both = vec![intent("i2", "intent"), intent("i1", "intent")];
        store.append(&run, vec![event("intent", "{}")], both).unwrap();
        store.append(&run, vec![event("outcome", "{}")], vec![intent("i1", "executed")]).unwrap();
        assert_eq!(store.intents(&run).unwrap(), [intent("i1", "executed"), intent("i2", "intent")]);
    });
}

#[test]
fn a_status_is_an_event() {
    for_each_store(|store| {
        let run = run_id("r");
        store.create_run(&new_run("r")).unwrap();
        store.set_status(&run, "running", None, Timestamp::from_millis(5)).unwrap();
        let last = NewEvent::run_status("ended", Some(23), Timestamp::from_millis(9));
        store.append(&run, vec![event("x", "1"), last], vec![]).unwrap();
        let row = store.run(&run).unwrap();
        assert_eq!((row.status.as_str(), row.exit_code, row.head_seq), ("ended", Some(23), 3));
        assert_eq!(store.events(&run, 1).unwrap()[2].kind, RUN_STATUS);
    });
}

#[test]
fn what_could_not_be_read_back_is_refused_whole_and_alone() {
    for_each_store(|store| {
        let run = run_id("r");
        store.create_run(&new_run("r")).unwrap();
        let bad = [
            (vec![], vec![intent("i", "intent")]),
            (vec![event("x", "{")], vec![]),
            (vec![event("x", "{\n}")], vec![]),
            (vec![event("two words", "1")], vec![]),
            (vec![event("x", "1")], vec![intent("a b", "intent")]),
            (vec![event("ok", "1"), event(RUN_STATUS, "{}")], vec![]),
        ];
        let mut group: Vec<_> =
            bad.map(|(events, intents)| Append { run: run.clone(), events, intents }).into();
        group.push(Append { run: run.clone(), events: vec![event("good", "1")], intents: vec![] });
        let mut answers = store.append_group(&group).unwrap();
        assert_eq!(answers.pop().unwrap().unwrap(), [1]);
        assert!(
            answers.iter().all(|answer| matches!(answer, Err(JournalError::Refused { .. }))),
            "{answers:?}"
        );
        assert_eq!(store.events(&run, 1).unwrap().len(), 1);
        assert!(store.intents(&run).unwrap().is_empty());
    });
}

#[test]
fn a_verified_run_exports_line_by_line() {
    for_each_store(|store| {
        let run = run_id("r");
        store.create_run(&new_run("r")).unwrap();
        let decimal = event("fill", r#"{"price":0.1234567890123456789012345678}"#);
        store.append(&run, vec![decimal], vec![intent("i1", "intent")]).unwrap();
        let mut out = Vec::new();
        export(store, &run, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let types: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].clone())
            .collect();
        assert_eq!(types, ["run", "event", "intent", "end"]);
        assert!(
            text.contains(r#""body":{"price":0.1234567890123456789012345678}"#),
            "numbers stay as they are"
        );
        assert!(text.ends_with("{\"type\":\"end\",\"run\":\"r\",\"events\":1,\"intents\":1}\n"), "{text}");
        let event = &store.events(&run, 1).unwrap()[0];
        assert_eq!(event_line(&run, event).unwrap(), text.lines().nth(1).unwrap());
    });
}

/// F-25: the layout of the chain is part of the format. Should this hash change, so must `FORMAT`.
#[test]
fn the_chain_is_what_it_was() {
    for_each_store(|store| {
        store.create_run(&new_run("r")).unwrap();
        let events = vec![
            event("place.intent", "{}"),
            NewEvent::run_status("ended", Some(0), Timestamp::from_millis(9)),
        ];
        store.append(&run_id("r"), events, vec![intent("i1", "intent")]).unwrap();
        assert_eq!(
            store.run(&run_id("r")).unwrap().head_hash.to_string(),
            "6571176284ee50c96e524de001f1b7db0c30bac7197061802f7be9779cb63527"
        );
    });
}
