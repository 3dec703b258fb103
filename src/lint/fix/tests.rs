//! What each fix writes, and that no text makes a fix touch what it must not.

use proptest::prelude::*;
use serde_yaml::Value;

use super::engine::{Doubt, Mended, mend};
use crate::lint::{Checked, all_rules, check};
use crate::model::snapshot_markets;
use crate::plan::{Finding, LoadOptions, Severity, SourceFile, codes};

/// A sound plan without findings.
const BASE: &str = concat!(include_str!("../../../plans/sol-pair.yaml"), "on_stop: cancel_open\n");

fn look(source: &SourceFile) -> Checked {
    check(source, &LoadOptions::default(), snapshot_markets())
}

fn mended(text: &str) -> Mended {
    let source = SourceFile::from_text("plan.yaml", text);
    let checked = look(&source);
    mend(source, checked, &|_| true, &look)
}

/// Returns the lines that mending takes out (`-`) and puts in (`+`), without what is the same.
fn changes(text: &str) -> Vec<String> {
    let after = mended(text).source.text().to_owned();
    let diff = similar::TextDiff::from_lines(text, &after);
    let changed = diff.iter_all_changes().filter(|change| change.tag() != similar::ChangeTag::Equal);
    changed.map(|change| format!("{}{}", change.tag(), change.value())).collect()
}

/// Replaces one piece of the sound plan.
fn with(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    BASE.replacen(from, to, 1)
}

#[test]
fn a_misspelt_key_gets_its_name() {
    assert_eq!(
        changes(&with("on_entry_timeout: hedge", "on_entry_timout:   hedge # why")),
        Vec::<String>::new(),
        "a comment inside braces cuts them off: no YAML, no fix"
    );
    assert_eq!(
        changes(&(BASE.to_owned() + "on_mised: { place: cancel } # kept\n")),
        ["-on_mised: { place: cancel } # kept\n", "+on_missed: { place: cancel } # kept\n"]
    );
    assert_eq!(
        changes(&(BASE.to_owned() + "\"on_mised\":\r\n  place: cancel\r\n")),
        ["-\"on_mised\":\r\n", "+\"on_missed\":\r\n"]
    );
}

/// A key that was an error never had an effect: nobody but the author says what a limit is.
#[test]
fn keys_and_words_of_money_wallets_and_limits_stay() {
    for (from, to) in [
        ("max_hold: ", "max_hodl: "),
        ("size: ", "sise: "),
        ("prices: ", "pricse: "),
        ("leverage: ", "leverge: "),
        ("max_order_usdc: ", "max_ordr_usdc: "),
        ("risk:", "rsik:"),
        ("hedge: {", "hegde: {"),
        ("network: paper", "network: papr"),
        ("account: ", "acount: "),
        ("minimum_usdc: ", "minimum_usd: "),
        ("keep_usdc: ", "keep_usd: "),
        ("wait: 20s", "wait: 20 s"),
    ] {
        let text = with(from, to);
        let result = mended(&text);
        assert!(result.checked.worst() == Some(Severity::Error), "{to}: it is wrong");
        assert_eq!(result.source.text(), text, "{to}");
        assert!(result.applied.is_empty() && result.left_out.is_empty(), "{to}: it is not even offered");
    }
}

#[test]
fn a_key_whose_name_is_taken_stays() {
    let text = BASE.to_owned() + "on_missed: { place: cancel }\non_mised: { place: ask }\n";
    assert_eq!(changes(&text), Vec::<String>::new());
    // Two that mean the same: one gets the name, and nothing is written twice.
    let text = BASE.to_owned() + "on_mised: { place: cancel }\non_missd: { place: cancel }\n";
    assert_eq!(changes(&text).len(), 2);
    assert!(mended(&text).checked.findings.iter().all(|finding| finding.rule != codes::DUPLICATE_KEY));
}

#[test]
fn a_misspelt_word_and_a_spaced_duration_are_written_right() {
    assert_eq!(
        changes(&with("on_stop: cancel_open", "on_stop: 'cancel-open' # kept")),
        ["-on_stop: 'cancel-open' # kept\n", "+on_stop: 'cancel_open' # kept\n"]
    );
    assert_eq!(
        changes(&with("verify_within: 24h", "verify_within: 24 H"))[1..],
        ["+withdraw: { when: on_exit, route: secure, keep_usdc: 0, verify_within: 24h }\n"]
    );
    assert_eq!(changes(&with("verify_within: 24h", "verify_within: 24")), Vec::<String>::new());
}

#[test]
fn an_unused_variable_goes_with_its_line() {
    let block = "vars:\n  # two kinds\n  old: 9   # of last year\n  \"new\": 2.5\n  # the end\nsize: \"{{ vars.new }}\"\n";
    assert_eq!(changes(&with("size: 2.5\n", block)), ["-  old: 9   # of last year\n"]);
    let flow = "vars: { a: 1, new: 2.5, b: 2 } # both\nsize: \"{{ vars.new }}\"\n";
    assert_eq!(
        changes(&with("size: 2.5\n", flow)),
        ["-vars: { a: 1, new: 2.5, b: 2 } # both\n", "+vars: { new: 2.5 } # both\n"]
    );
    assert_eq!(
        changes(&with("size: 2.5\n", "vars:\r\n  old: 9\r\n  older: 8\r\nsize: 2.5\n")),
        ["-vars:\r\n", "-  old: 9\r\n", "-  older: 8\r\n"],
        "the last one takes the block"
    );
    assert_eq!(changes(&with("size: 2.5\n", "vars:\n  # why\n  old: 9\nsize: 2.5\n")), Vec::<String>::new());
}

#[test]
fn a_variable_that_something_may_use_stays() {
    for text in [
        with("size: 2.5\n", "vars: { sise: 9, a: 1 }\nsize: \"{{ vars.size }}\"\n"),
        with("size: 2.5\n", "vars: { size: 9, a: 1 }\nsize: \"{{ vars.size\"\n"),
        with("name: sol-pair\n", "vars: { x: 9, a: 1 }\nname: \"n-{{ vars['x'] }}\"\n"),
    ] {
        assert_eq!(changes(&text), Vec::<String>::new(), "{text}");
    }
}

/// U-25: a missing header, or one of another version, is told and put right.
#[test]
fn the_header_is_put_in_or_set_right() {
    let (_, bare) = BASE.split_once("\nversion").unwrap();
    let bare = format!("version{bare}");
    let header = "# yaml-language-server: $schema=./schemas/plan.v1.schema.json";
    let after = mended(&format!("\u{feff}{}", bare.replace('\n', "\r\n"))).source.text().to_owned();
    assert!(after.starts_with(&format!("\u{feff}{header}\r\n# $schema: ./schemas/")), "{after:?}");
    assert!(after.ends_with(&bare.replace('\n', "\r\n")));
    assert_eq!(
        changes(&format!(
            "# yaml-language-server: $schema=https://example.org/s/plan.v0.schema.json  \n{bare}"
        ))[1..],
        ["+# yaml-language-server: $schema=https://example.org/s/plan.v1.schema.json  \n"]
    );
    assert_eq!(
        changes(&format!("# $schema: pod.json\n{bare}"))[1..],
        ["+# $schema: ./schemas/plan.v1.schema.json\n"]
    );
}

#[test]
fn an_unused_ignore_comment_goes() {
    let text = with("on_stop: cancel_open", "on_stop: cancel_open # lighter-plan: ignore[LP603] gone");
    assert_eq!(changes(&text)[1..], ["+on_stop: cancel_open\n"]);
}

/// The engine does not trust a fix: one that touches a price, loses a comment or changes a sound plan is left out, and those
/// beside it are applied.
#[test]
fn a_wrong_fix_is_left_out_and_told() {
    use crate::plan::Edit;
    let text = with("on_stop: cancel_open", "on_stop: cancel-open") + "# the very end\n";
    let tampering = |piece: &'static str, new: &'static str| {
        move |source: &SourceFile| {
            let mut checked = look(source);
            if let Some(at) = source.text().find(piece) {
                let edit = Edit { span: at..at + piece.len(), text: new.to_owned() };
                let finding = Finding::error(codes::BAD_NAME, "wrong on purpose").fix("do harm", vec![edit]);
                checked.findings.push(finding);
            }
            checked
        }
    };
    let cases = [
        ("size: 2.5", "size: 2.6", Doubt::Protected),
        ("size: 2.5", "sise: 2.5", Doubt::Protected),
        ("very ", "", Doubt::Comment),
        ("\nleverage", ": [\nleverage", Doubt::NoYaml),
        ("name: sol-pair", "nme: sol-pair", Doubt::OtherPlan),
    ];
    for (piece, new, reason) in cases {
        let check = tampering(piece, new);
        let source = SourceFile::from_text("plan.yaml", &text);
        let checked = check(&source);
        let result = mend(source, checked, &|_| true, &check);
        assert_eq!(result.applied.len(), 1, "{piece}");
        assert!(result.source.text().contains("on_stop: cancel_open"), "{piece}");
        let left: Vec<Doubt> = result.left_out.iter().map(|left| left.reason).collect();
        assert_eq!(left, [reason], "{piece}");
    }
}

#[test]
fn what_can_be_fixed_says_so() {
    let fixable = all_rules().iter().filter(|rule| super::is_fixable(rule.id)).count();
    assert_eq!(fixable, 6);
}

/// Returns the values that no fix may change, read by another YAML library.
fn guarded(text: &str) -> Option<Value> {
    let plan: Value = serde_yaml::from_str(text).ok()?;
    let keys = [
        "network",
        "market",
        "size",
        "notional_usdc",
        "leverage",
        "prices",
        "minimum_usdc",
        "pairs",
        "protect",
        "risk",
    ];
    let whole = keys.iter().map(|key| plan.get(key).cloned().unwrap_or_default());
    let inner = [
        ("paper", "usdc"),
        ("watch", "entry_deadline"),
        ("watch", "max_hold"),
        ("watch", "take_profit_usdc"),
        ("watch", "stop_loss_usdc"),
        ("hedge", "wait"),
        ("hedge", "max_naked"),
        ("hedge", "max_slippage_bps"),
        ("hedge", "emergency_slippage_bps"),
        ("withdraw", "keep_usdc"),
    ];
    let inner = inner.iter().map(|(block, key)| plan.get(block)?.get(key).cloned());
    Some(Value::Sequence(whole.chain(inner.map(Option::unwrap_or_default)).collect()))
}

/// Slips as people make them; half of them are about money.
const SLIPS: [(&str, &str); 16] = [
    ("on_stop: cancel_open", "on_stop: cancel-open"),
    ("on_entry_timeout", "on_entry_timout"),
    ("verify_within: 24h", "verify_within: 24 h"),
    ("when: on_exit", "when: on_exti"),
    ("size: 2.5", "vars: { a: 1, b: 2 } # both\nsize: 2.5"),
    ("size: 2.5", "vars:\n  a: 1 # one\n  # two\n  b: 2\nsize: \"{{ vars.b }}\""),
    ("place: ", "plaec: "),
    ("# yaml-language-server", "# nothing"),
    ("plan.v1", "plan.v0"),
    ("max_hold: ", "max_hodl: "),
    ("size: 2.5", "size: 2,5"),
    ("prices: ", "price: "),
    ("account: ", "acount: "),
    ("max_naked: ", "max_nakd: "),
    ("leverage: 5", "leverage: 5 # lighter-plan: ignore[LP603] gone"),
    ("key: paper", "key: papr"),
];

fn spoiled() -> impl Strategy<Value = String> {
    let slips = proptest::sample::subsequence(SLIPS.to_vec(), 0..6);
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("\t".to_owned()),
        Just("# c\n".to_owned()),
        Just(": ".to_owned()),
        Just("{".to_owned()),
        Just(",".to_owned()),
        Just("'".to_owned()),
        Just("|\n".to_owned()),
        "[a-z_ ]{0,3}",
    ];
    let edits = proptest::collection::vec((0_usize..1_600, 0_usize..4, piece), 0..3);
    (slips, edits, 0..3_u8).prop_map(|(slips, edits, ends)| {
        let mut text = BASE.to_owned();
        for (from, to) in slips {
            text = text.replacen(from, to, 1);
        }
        let mut text: Vec<char> = text.chars().collect();
        for (at, taken, put) in edits {
            let start = at.min(text.len());
            let end = (start + taken).min(text.len());
            text.splice(start..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        match ends {
            0 => text,
            1 => text.replace('\n', "\r\n"),
            _ => format!("\u{feff}{text}"),
        }
    })
}

/// Whatever stands in a file: fixes change no guarded value, do all they can at once, leave a file that parses and
/// findings that are fewer, and lose no comment.
#[test]
fn fixes_never_touch_what_they_must_not() {
    proptest!(ProptestConfig::default(), |(text in spoiled())| {
        let before = look(&SourceFile::from_text("plan.yaml", &text));
        let once = mended(&text);
        prop_assert_eq!(&once.checked.faults, &Vec::<String>::new());
        prop_assert!(
            once.checked.findings.len() + once.applied.len() <= before.findings.len(),
            "{} -> {}", text, once.source.text()
        );
        if !once.applied.is_empty() {
            prop_assert!(crate::plan::outline(once.source.text()).is_some(), "{}", once.source.text());
            if let Some(guarded_before) = guarded(&text) {
                prop_assert_eq!(Some(guarded_before), guarded(once.source.text()), "{}", text);
            }
        }
        if before.plan.is_some() {
            prop_assert_eq!(&before.plan, &once.checked.plan);
        }
        let twice = mended(once.source.text());
        prop_assert_eq!(twice.source.text(), once.source.text());
        prop_assert!(twice.applied.is_empty());
    });
}
