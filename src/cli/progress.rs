//! Progress of a run: one updating line per pair in a terminal, plain lines elsewhere, JSON lines in a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::out;
use crate::engine::{News, PairStatus};
use crate::model::{Market, PairId};
use crate::report::describe;
use crate::rt::{Clock, real_sleep};

/// How often the updating lines are drawn, in real time: fast enough to look alive, slow enough to read.
const FRAME: Duration = Duration::from_millis(200);

/// Prints what a run says.
pub(crate) struct Progress {
    markets: BTreeMap<PairId, Market>,
    status: BTreeMap<PairId, watch::Receiver<PairStatus>>,
    clock: Clock,
    live: bool,
    events: Option<std::fs::File>,
    drawn: usize,
}

impl Progress {
    pub(crate) fn new(
        markets: BTreeMap<PairId, Market>,
        status: BTreeMap<PairId, watch::Receiver<PairStatus>>,
        clock: Clock,
        live: bool,
        events: Option<PathBuf>,
    ) -> Self {
        let events = events.and_then(|path| {
            let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
            opened.inspect_err(|error| out::note(&format!("cannot write `{}`: {error}", path.display()))).ok()
        });
        Self { markets, status, clock, live, events, drawn: 0 }
    }

    /// Prints until every sender of news is gone.
    pub(crate) async fn follow(mut self, mut news: mpsc::UnboundedReceiver<News>) {
        loop {
            tokio::select! {
                biased;
                told = news.recv() => match told {
                    Some(told) => self.tell(&told),
                    None => break,
                },
                () = real_sleep(FRAME), if self.live => self.draw(),
            }
        }
        self.wipe();
    }

    fn tell(&mut self, news: &News) {
        if let Some(file) = &mut self.events
            && let Ok(mut line) = serde_json::to_string(news)
        {
            line.push('\n');
            if let Err(error) = file.write_all(line.as_bytes()) {
                out::note(&format!("the events file cannot be written any more: {error}"));
                self.events = None;
            }
        }
        let Some(market) = self.markets.get(&news.pair) else { return };
        let Some(text) = describe(&news.entry, market) else { return };
        self.wipe();
        let time = self.clock.now().to_string();
        let time = time.get(11..23).unwrap_or_default();
        out::line(&format!("{time}  {:<10} {text}", news.pair.as_str()));
        if self.live {
            self.draw();
        }
    }

    /// Draws one line per pair below what was printed.
    fn draw(&mut self) {
        self.wipe();
        let mut text = String::new();
        for (id, status) in &self.status {
            let status = status.borrow().clone();
            let note = if status.note.is_empty() { String::new() } else { format!("  ! {}", status.note) };
            let line = format!(
                "{:<10} {:<8} {} long {} short {} Δ {}  orders {}+{}  result {} USDC  free {}/{}{note}",
                id.as_str(),
                status.step,
                status.market,
                status.long,
                status.short,
                status.delta,
                status.orders,
                status.in_doubt,
                status.result,
                status.available[0],
                status.available[1],
            );
            // One row each, or the redrawing would count wrongly.
            text.extend(line.chars().take(160));
            text.push('\n');
        }
        self.drawn = self.status.len();
        drop(out::text(&text));
    }

    /// Takes the drawn lines away.
    fn wipe(&mut self) {
        if std::mem::take(&mut self.drawn) > 0 {
            let lines = self.status.len();
            drop(out::text(&format!("\x1b[{lines}A\x1b[J")));
        }
    }
}
