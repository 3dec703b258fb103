//! How much the journal grows in an hour of one pair, by what the pair does in it.
//!
//! Each is a run of the program as an operator runs it, with the paper exchange in its process and thirty times as fast
//! as real time: what a pair writes depends on the venue's time alone.

use std::path::Path;
use std::process::{Command, Stdio};

use lighter_plan::journal::{EventRow, SqliteStore, Store};
use lighter_plan::model::Timestamp;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lighter-plan");

const SCALE: u32 = 30;

const HOUR_MS: i64 = 3_600_000;

/// A plan in a world, and the entries between which its hour lies.
struct Stretch {
    name: &'static str,
    world: &'static str,
    quotes: [&'static str; 2],
    from: &'static str,
}

const STRETCHES: [Stretch; 3] = [
    Stretch {
        name: "two quotes rest, nothing fills",
        world: "volatility_bps: 0",
        quotes: ["99.500", "100.500"],
        from: r#""to":"watch""#,
    },
    Stretch {
        name: "two quotes follow a price that swings",
        world: "volatility_bps: 4",
        quotes: [
            "{ peg: mid, offset_bps: -80, reprice_bps: 5 }",
            "{ peg: mid, offset_bps: 80, reprice_bps: 5 }",
        ],
        from: r#""to":"watch""#,
    },
    Stretch {
        name: "both legs are filled and held",
        world: "volatility_bps: 0",
        quotes: ["99.900", "100.100"],
        from: r#""kind":"fill""#,
    },
];

/// Both quotes 10 bps away are filled within a minute and a half; those 50 bps away never are.
const SCRIPT: &str = "script:
  - { at: 60s, market: SOL, action: { do: move_to, price: '99.820', over: 4s } }
  - { at: 70s, market: SOL, action: { do: move_to, price: '100.180', over: 6s } }
  - { at: 85s, market: SOL, action: { do: move_to, price: '100.000', over: 3s } }
";

fn write(directory: &Path, Stretch { world, quotes: [buy, sell], .. }: &Stretch) -> std::io::Result<()> {
    // A script moves the price of a market; where it swings by itself there is none.
    let script = if world.ends_with(" 0") { SCRIPT } else { "" };
    let world =
        format!("name: growth\nmarkets: [{{ market: SOL, price: '100', {world}, takers: false }}]\n{script}");
    std::fs::write(directory.join("world.yaml"), world)?;
    let plan = format!(
        "version: 1
name: growth
network: paper
paper: {{ usdc: 10000, seed: 7, world: world.yaml, time_scale: {SCALE} }}
market: SOL
size: 2.5
leverage: 5
prices: {{ buy: {buy}, sell: {sell} }}
minimum_usdc: 500
pairs:
  - id: alpha
    long: {{ account: 1001, api_key_index: 4, key: paper }}
    short: {{ account: 1002, api_key_index: 4, key: paper }}
place: {{ time_in_force: post_only, expires_in: 2h }}
watch: {{ entry_deadline: 1h, on_entry_timeout: hedge, max_hold: 1h }}
hedge: {{ wait: 20s, max_naked: 60s, max_slippage_bps: 50 }}
risk: {{ max_order_usdc: 2000, max_position_usdc: 2000, max_exposure_usdc: 2000, max_price_deviation_bps: 200,
  max_drawdown_usdc: 150, min_liquidation_distance_pct: 10, max_messages_per_minute: 40,
  max_loss_if_venue_down_usdc: 300 }}
withdraw: {{ when: never }}
"
    );
    std::fs::write(directory.join("plan.yaml"), plan)
}

/// What an hour of it wrote.
struct Grown {
    events: usize,
    intents: usize,
    /// Of all columns of the rows.
    content: usize,
    /// Of the file, in proportion: SQLite's pages are not full.
    file: usize,
}

fn measure_one(directory: &Path, stretch: &Stretch) -> Grown {
    let path = directory.join("state/journal.sqlite");
    let store = SqliteStore::open_read_only(&path).expect("the journal");
    let run = store.runs().expect("its runs").remove(0).id;
    let events = store.events(&run, 1).expect("its events");
    let begin = events.iter().filter(|event| event.body.contains(stretch.from)).map(|event| event.at);
    let begin = begin.min().expect("the stretch begins");
    let end = Timestamp::from_millis(begin.as_millis() + HOUR_MS);
    let within = |at: Timestamp| (begin..end).contains(&at);
    let size = |row: &EventRow| {
        let words = [run.as_str(), &row.kind, &row.body, &row.attest];
        let pair = row.pair.as_ref().map_or(0, |pair| pair.as_str().len());
        // Number, time and hash beside them.
        words.map(str::len).iter().sum::<usize>() + pair + 8 + 8 + 32
    };
    let intents = store.intents(&run).expect("its intents");
    let signed: Vec<_> = events.iter().filter(|event| event.kind == "intent" && within(event.at)).collect();
    let rows: usize = intents.iter().map(|row| row.tx_info.len() + row.intent_id.len() + 80 + 64).sum();
    let all: usize = events.iter().map(size).sum::<usize>() + rows;
    let part: usize = events.iter().filter(|event| within(event.at)).map(size).sum::<usize>()
        + rows * signed.len() / intents.len().max(1);
    let file = usize::try_from(std::fs::metadata(&path).expect("its file").len()).expect("a small file");
    Grown {
        events: events.iter().filter(|event| within(event.at)).count(),
        intents: signed.len(),
        content: part,
        file: file * part / all,
    }
}

/// Prints how much an hour of each stretch writes. They run side by side.
pub(crate) fn measure() {
    let folders: Vec<_> =
        STRETCHES.iter().map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
    let mut running = Vec::new();
    for (stretch, folder) in STRETCHES.iter().zip(&folders) {
        write(folder.path(), stretch).expect("a plan and its world");
        let mut command = Command::new(PROGRAM);
        command.current_dir(folder.path()).args(["--state", "state", "apply", "plan.yaml", "--auto-approve"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        running.push(crate::resume::Kept(command.spawn().expect("the program starts")));
    }
    println!("an hour of one pair, in venue time:     events  intents  in rows   of the file");
    for ((stretch, folder), mut child) in STRETCHES.iter().zip(&folders).zip(running) {
        let status = child.0.wait().expect("the run ends");
        assert!(status.success(), "{}: {status}", stretch.name);
        let Grown { events, intents, content, file } = measure_one(folder.path(), stretch);
        println!(
            "{:<38} {events:>7} {intents:>8} {:>5} KiB {:>7} KiB",
            stretch.name,
            content >> 10,
            file >> 10
        );
    }
}
