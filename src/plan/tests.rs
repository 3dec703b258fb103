use super::*;
use crate::model::{Price, Side, Usdc, snapshot_markets};

const PLAN: &str = include_str!("../../plans/sol-pair.yaml");

fn load_text(text: &str) -> Loaded {
    load(&SourceFile::from_text("plan.yaml", text), &LoadOptions::default(), snapshot_markets())
}

fn codes(loaded: &Loaded) -> Vec<String> {
    loaded.findings.iter().map(|f| format!("{} {}", f.rule, f.pointer)).collect()
}

fn edited(from: &str, to: &str) -> Loaded {
    assert!(PLAN.contains(from), "`{from}` is in the example");
    load_text(&PLAN.replace(from, to))
}

#[test]
fn the_example_loads() {
    let loaded = load_text(PLAN);
    assert_eq!(codes(&loaded), Vec::<String>::new());
    let plan = loaded.plan.unwrap();
    assert_eq!(plan.pairs[0].minimum_usdc, Usdc::whole(500));
    assert_eq!(plan.pairs[0].buy, PriceSpec::Fixed("99.900".parse().unwrap()));
    assert_eq!(plan.retry.budget, std::time::Duration::from_secs(120));
}

#[test]
fn defaults_are_sol_and_500_usdc() {
    let text = PLAN.replace("market: SOL\n", "").replace("minimum_usdc: 500\n", "");
    assert_eq!(load_text(&text).plan.map(|plan| plan.pairs), load_text(PLAN).plan.map(|plan| plan.pairs));
}

#[test]
fn what_is_wrong_is_reported_once_and_together() {
    let text = PLAN
        .replace("leverage: 5", "leverage: 0")
        .replace("size: 2.5", "size: 1e400")
        .replace("wait: 20s", "wait: 20")
        .replace("on_entry_timeout", "on_entry_timout")
        .replace("market: SOL", "market: SOLL");
    let found = codes(&load_text(&text));
    let wanted = [
        "LP101 /watch/on_entry_timout",
        "LP301 /market",
        "LP105 /size",
        "LP106 /leverage",
        "LP107 /hedge/wait",
    ];
    for line in wanted {
        assert_eq!(found.iter().filter(|f| *f == line).count(), 1, "{line} in {found:?}");
    }
    assert_eq!(found.len(), wanted.len(), "{found:?}");
}

/// Half a stop is none, a pair overrides key by key, and without the block there is no stop.
#[test]
fn stops_have_both_distances() {
    let with = |stops: &str| load_text(&PLAN.replace("place:", &format!("protect: {stops}\nplace:")));
    assert_eq!(load_text(PLAN).plan.unwrap().pairs[0].protect, None);
    let both = with("{ stop_bps: 200, limit_bps: 100 }").plan.unwrap();
    let protect = both.pairs[0].protect.unwrap();
    assert_eq!(protect, ProtectPlan { stop_bps: 200, limit_bps: 100 });
    assert_eq!(codes(&with("{ stop_bps: 200 }")), ["LP103 /protect/limit_bps"]);
    assert_eq!(codes(&with("{ limit_bps: 200 }")), ["LP103 /protect/stop_bps"]);
    assert_eq!(
        codes(&with("{ stop_bps: 0, limit_bps: 501 }")),
        ["LP106 /protect/stop_bps", "LP106 /protect/limit_bps"]
    );
    let own =
        PLAN.replace("  - id: alpha\n", "  - id: alpha\n    protect: { stop_bps: 90, limit_bps: 30 }\n");
    let own = load_text(&own).plan.unwrap();
    assert_eq!(own.pairs[0].protect, Some(ProtectPlan { stop_bps: 90, limit_bps: 30 }));
    // A stored plan reads back, with and without.
    for plan in [both, load_text(PLAN).plan.unwrap()] {
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(text.contains("protect"), plan.pairs[0].protect.is_some());
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
    let (trigger, limit) = protect.prices(Side::Buy, Price::from_ticks(99_999));
    assert_eq!((trigger.ticks(), limit.ticks()), (97_999, 97_020));
    let (trigger, limit) = protect.prices(Side::Sell, Price::from_ticks(99_999));
    assert_eq!((trigger.ticks(), limit.ticks()), (101_999, 103_018));
}

#[test]
fn absurd_numbers_are_named() {
    for (number, code) in [
        ("1e400", "LP105"),
        ("NaN", "LP105"),
        ("-0", "LP105"),
        ("123456789012345678901234567890", "LP105"),
        (".inf", "LP105"),
        ("1_000", "LP105"),
        ("0x10", "LP105"),
        ("-3", "LP106"),
        ("0", "LP106"),
        ("[1]", "LP102"),
        ("", "LP102"),
    ] {
        let found = codes(&edited("size: 2.5", &format!("size: {number}")));
        assert_eq!(found, [format!("{code} /size")], "{number}");
    }
}

#[test]
fn quoted_and_plain_numbers_are_equal() {
    assert_eq!(edited("size: 2.5", "size: \"2.5\"").plan, load_text(PLAN).plan);
    assert_eq!(edited("account: 1001", "account: '1001'").plan, load_text(PLAN).plan);
}

#[test]
fn a_pair_overrides_key_by_key() {
    let loaded = edited(
        "  - id: alpha\n",
        "  - id: alpha\n    watch: { max_hold: 9m }\n    prices: { buy: { peg: mid } }\n",
    );
    let pair = loaded.plan.unwrap().pairs.remove(0);
    assert_eq!(pair.watch.max_hold.as_secs(), 540);
    assert_eq!(pair.watch.entry_deadline.as_secs(), 600);
    assert_eq!(pair.buy, PriceSpec::Peg { reference: PegReference::Mid, offset_bps: 0, reprice_bps: 5 });
    assert_eq!(pair.sell, PriceSpec::Fixed("100.100".parse().unwrap()));
}

#[test]
fn variables_are_exact_to_the_letter() {
    let text = PLAN.replace("size: 2.5", "vars: { size: 2.50 }\nsize: \"{{ vars.size }}\"");
    let size = |loaded: Loaded| loaded.plan.unwrap().pairs[0].size;
    assert_eq!(size(load_text(&text)), SizeSpec::Base("2.50".parse().unwrap()));
    let source = SourceFile::from_text("plan.yaml", &text);
    let options = LoadOptions { sets: vec![("size".into(), "3.125".into())], ..LoadOptions::default() };
    assert_eq!(size(load(&source, &options, snapshot_markets())), SizeSpec::Base("3.125".parse().unwrap()));
    let options = LoadOptions { sets: vec![("sise".into(), "3".into())], ..LoadOptions::default() };
    assert_eq!(codes(&load(&source, &options, snapshot_markets())), ["LP202 "]);
    let file = SourceFile::from_text("vars.yaml", "size: 7");
    let options = LoadOptions { vars_files: vec![file], ..LoadOptions::default() };
    assert_eq!(size(load(&source, &options, snapshot_markets())), SizeSpec::Base(7.into()));
}

#[test]
fn price_sources_of_the_embedded_exchange_are_read() {
    use crate::model::{AtEnd, LiveSource, PriceSource};
    let paper = |block: &str| edited("usdc: 10000,", &format!("usdc: 10000, {block},"));
    let of = |block: &str| paper(block).plan.unwrap().paper.unwrap();
    let usual = load_text(PLAN).plan.unwrap().paper.unwrap();
    assert_eq!((usual.prices, usual.prices_end), (PriceSource::Seeded, AtEnd::Hold));
    let played = of("prices: 'file:p.csv', prices_end: loop");
    let PriceSource::File(path) = played.prices else { panic!("{:?}", played.prices) };
    assert!(path.is_absolute() && path.ends_with("p.csv"), "a run may be resumed from anywhere");
    assert_eq!(played.prices_end, AtEnd::Loop);
    assert_eq!(of("prices: 'live:testnet'").prices, PriceSource::Live(LiveSource::Testnet));
    assert_eq!(codes(&paper("prices: p.csv")), ["LP104 /paper/prices"]);
    assert_eq!(codes(&paper("prices: 'live:ws://a'")), ["LP104 /paper/prices"]);
}

#[test]
fn template_mistakes_have_their_codes() {
    let vars = |size: &str| codes(&edited("size: 2.5", &format!("vars: {{ a: 1 }}\nsize: \"{size}\"")));
    assert_eq!(vars("{{ vars.a * 2 }}"), ["LP205 /size"]);
    assert_eq!(vars("{{ vars.b }}"), ["LP202 /size", "LP203 /vars/a"]);
    assert_eq!(vars("{{ vars.a"), ["LP201 /size", "LP203 /vars/a"]);
    assert_eq!(vars("{{ env.NOT_SET }}{{ vars.a }}"), ["LP202 /size"]);
    let key = edited("1001, api_key_index: 4, key: paper", "1001, api_key_index: 4, key: \"{{ env.KEY }}\"");
    assert_eq!(codes(&key), ["LP503 /pairs/0/long/key"]);
    let owner = edited("1001, api_key_index: 4,", "1001, l1_key: \"{{ env.KEY }}\", api_key_index: 4,");
    assert_eq!(codes(&owner), ["LP503 /pairs/0/long/l1_key"]);
}

#[test]
fn nothing_secret_is_in_any_message() {
    let secret = "9c564ae7e695e08f82f1df4e320cde5f3112db5bb669ac58b099244397d7356dca271e5e7d9de498";
    for (key, code) in [(secret, "LP501"), ("hunter2", "LP502"), ("env:9bad", "LP502")] {
        let text = PLAN.replacen("key: paper", &format!("key: {key}"), 1);
        let source = SourceFile::from_text("plan.yaml", &text);
        let loaded = load(&source, &LoadOptions::default(), snapshot_markets());
        assert_eq!(codes(&loaded), [format!("{code} /pairs/0/long/key")]);
        assert!(!format!("{:?}", loaded.findings).contains(secret));
        if !key.starts_with("env:") {
            assert!(!loaded.document.covered_text(&source).contains(key));
        }
    }
    for (key, code) in [(&secret[..64], "LP501"), ("hunter2", "LP502"), ("env:9bad", "LP502")] {
        let text = PLAN.replacen("key: paper", &format!("key: paper, l1_key: {key}"), 1);
        let source = SourceFile::from_text("plan.yaml", &text);
        let loaded = load(&source, &LoadOptions::default(), snapshot_markets());
        assert_eq!(codes(&loaded), [format!("{code} /pairs/0/long/l1_key")]);
        assert!(!format!("{:?}", loaded.findings).contains(&secret[..64]));
        if !key.starts_with("env:") {
            assert!(!loaded.document.covered_text(&source).contains(key));
        }
    }
}

#[test]
fn files_that_are_no_plans_say_so() {
    let of = |bytes: &[u8]| {
        let source = SourceFile::from_bytes("plan.yaml", bytes.to_vec());
        codes(&load(&source, &LoadOptions::default(), snapshot_markets()))
    };
    assert_eq!(of(b""), ["LP004 "]);
    assert_eq!(of(b"# only a comment\n"), ["LP004 "]);
    assert_eq!(of(b"\x7fELF\x02\x01\x01\0"), ["LP002 "]);
    assert_eq!(of(&vec![b'a'; 10 << 20]), ["LP003 "]);
    assert_eq!(of(b"- a\n- b\n"), ["LP102 "]);
    assert_eq!(of(b"just text"), ["LP102 "]);
    assert_eq!(of(b"a: [1"), ["LP001 "]);
}

/// The schema, which editors show, and the resolver, which decides, know the same keys.
#[test]
fn every_key_of_the_schema_is_read() {
    let text = PLAN
        .replace("network: paper\n", "network: { http: 'http://a', ws: 'ws://a', chain_id: 304 }\n")
        + "notify: [{ webhook: 'env:A', on: [hedge] }]\n";
    let text = text.replace("  - id: alpha\n", "  - id: alpha\n    prices: { buy: { peg: mid, offset_bps: 1, reprice_bps: 1 }, sell: { peg: mid, offset_bps: 2, reprice_bps: 1 } }\n");
    let mut read = reads_of(&text);
    read.extend(reads_of(&text.replace("size: 2.5", "notional_usdc: 250")));
    read.extend(reads_of(PLAN));
    let known: std::collections::BTreeSet<String> = schema::fields()
        .keys()
        .filter(|path| !schema::names_below(path))
        .map(|path| path.trim_start_matches("pairs/*/").to_owned())
        .collect();
    let read: std::collections::BTreeSet<String> = read
        .into_iter()
        .map(|path| {
            path.split('/')
                .map(|p| if p.parse::<usize>().is_ok() { "*" } else { p })
                .collect::<Vec<_>>()
                .join("/")
        })
        .collect();
    let unread: Vec<_> = known
        .iter()
        .filter(|path| !read.contains(*path) && *path != "vars" && *path != "notify/*/on")
        .collect();
    assert!(unread.is_empty(), "in the schema but never read: {unread:?}");
    let unknown: Vec<_> =
        read.iter().filter(|path| !known.contains(*path) && *path != "notify/*/on/*").collect();
    assert!(unknown.is_empty(), "read but not in the schema: {unknown:?}");
}

fn reads_of(text: &str) -> std::collections::BTreeSet<String> {
    let source = SourceFile::from_text("plan.yaml", text);
    let parsed = yaml::parse(text);
    let document = Document::new(parsed.root, parsed.comments, &source);
    let mut resolver = resolve::Resolver::new(document, source.directory());
    build::plan(&mut resolver, snapshot_markets());
    resolver.reads
}
