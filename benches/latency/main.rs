//! How long the engine takes from a fact on the wire to the transaction that answers it, over loopback sockets.
//!
//! Each round is a run of its own: the real engine with the real client and a durable journal, against the paper
//! exchange on threads of its own. A taker fills the long leg; the engine cancels the other leg, sees it end, and
//! hedges. Facts are timed where their bytes leave the WebSocket, transactions where they enter the HTTP client.
//! The controls are taken in the same process: a bare round trip of the same client and server, and what no answer can
//! do without, a signature and a commit. Then all of it once more beside a hundred pairs that re-price their quotes all
//! the time.
//!
//! `cargo bench --bench latency -- --rounds 200 --busy 100`

mod controls;
mod crowd;
mod rig;
mod rounds;
mod seams;
mod table;

use crowd::Crowd;
use lighter_plan::venue::lighter::OrderEntry;
use rig::Rig;
use table::Measure;

/// Rounds unless told otherwise: enough for a p99 that is not the maximum.
const ROUNDS: usize = 150;

/// Pairs that are busy in the second half.
const BUSY: usize = 100;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let text = arguments.iter().skip_while(|argument| *argument != name).nth(1)?;
        Some(text.parse::<usize>().unwrap_or_else(|_| panic!("`{name}` takes a number")))
    };
    // Without `--bench`, it is a test of the bench.
    let usual = if arguments.iter().any(|argument| argument == "--bench") { (ROUNDS, BUSY) } else { (1, 2) };
    let (rounds, busy) = (number("--rounds").unwrap_or(usual.0), number("--busy").unwrap_or(usual.1));
    let server = runtime(1);
    // Twice the rounds, the pair of the controls, and those that are busy.
    let rig = server.block_on(Rig::start(2 * rounds + 1 + busy));
    let client = runtime(2);
    let load = table::load();
    let measures = client.block_on(measure(&rig, 0, rounds, 2 * rounds));
    table::print("one pair", &load, &measures)?;
    let load = table::load();
    let (measures, at_work) = client.block_on(async {
        let crowd = Crowd::start(&rig, 2 * rounds + 1, busy).await;
        let measures = measure(&rig, rounds, rounds, 2 * rounds).await;
        (measures, crowd.at_work())
    });
    table::print(&format!("beside {at_work} busy pairs"), &load, &measures)?;
    client.shutdown_background();
    server.block_on(rig.exchange.shutdown());
    Ok(())
}

/// Client and server have threads of their own, as two processes would.
fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().expect("the system gives threads")
}

/// Plays `rounds` rounds with the pairs from `first` on; the controls have pair `spare`.
async fn measure(rig: &Rig, first: usize, rounds: usize, spare: usize) -> Vec<Measure> {
    let (mut cancels, mut hedges) = (Vec::new(), Vec::new());
    for number in first..first + rounds {
        let times = rounds::round(rig, number).await;
        cancels.push(times.cancel);
        hedges.push(times.hedge);
    }
    vec![
        Measure::new("fill seen on the socket -> first cancel handed over", cancels),
        Measure::new("last fact needed seen -> hedge order handed over", hedges),
        Measure::new("control: nextNonce, there and back", controls::round_trips(rig, rounds).await),
        Measure::new(
            "control: sign an order and commit it",
            controls::sign_and_commit(rig, &format!("control-{first}"), rounds).await,
        ),
        Measure::new(
            "an order there and back, by REST",
            controls::sends(rig, spare, rounds, OrderEntry::Rest).await,
        ),
        Measure::new(
            "an order there and back, by the socket",
            controls::sends(rig, spare, rounds, OrderEntry::Socket).await,
        ),
    ]
}
