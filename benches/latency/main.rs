//! How long the engine takes from a fact on the wire to the transaction that answers it, over loopback sockets.
//!
//! Each round is a run of its own: the real engine with the real client and a durable journal, against the paper
//! exchange on threads of its own. A taker fills the long leg; the engine cancels the other leg, sees it end, and
//! hedges. Facts are timed where their bytes leave the WebSocket, transactions where they enter the HTTP client.
//! The controls are taken in the same process: a bare round trip of the same client and server, and what no answer can
//! do without, a signature and a commit.
//!
//! `cargo bench --bench latency -- --rounds 200`

mod controls;
mod rig;
mod rounds;
mod seams;
mod table;

use lighter_plan::venue::lighter::OrderEntry;
use rig::Rig;
use table::Measure;

/// Rounds unless told otherwise: enough for a p99 that is not the maximum.
const ROUNDS: usize = 150;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments.iter().skip_while(|argument| *argument != "--rounds").nth(1);
    // Without `--bench`, it is a test of the bench.
    let usual = if arguments.iter().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let rounds = wanted.map_or(usual, |text| text.parse().expect("`--rounds` takes a number"));
    let load = table::load();
    let server = runtime(1);
    let rig = server.block_on(Rig::start(rounds));
    let client = runtime(2);
    let measures = client.block_on(measure(&rig, rounds));
    server.block_on(rig.exchange.shutdown());
    table::print(&load, &measures)
}

/// Client and server have threads of their own, as two processes would.
fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().expect("the system gives threads")
}

async fn measure(rig: &Rig, rounds: usize) -> Vec<Measure> {
    let (mut cancels, mut hedges) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        let times = rounds::round(rig, number).await;
        cancels.push(times.cancel);
        hedges.push(times.hedge);
    }
    vec![
        Measure::new("fill seen on the socket -> first cancel handed over", cancels),
        Measure::new("last fact needed seen -> hedge order handed over", hedges),
        Measure::new("control: nextNonce, there and back", controls::round_trips(rig, rounds).await),
        Measure::new("control: sign an order and commit it", controls::sign_and_commit(rig, rounds).await),
        Measure::new(
            "an order there and back, by REST",
            controls::sends(rig, rounds, OrderEntry::Rest).await,
        ),
        Measure::new(
            "an order there and back, by the socket",
            controls::sends(rig, rounds, OrderEntry::Socket).await,
        ),
    ]
}
