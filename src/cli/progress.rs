//! Progress of a run: one updating line per pair in a terminal, plain lines elsewhere, JSON lines in a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::out;
use crate::engine::{News, PairStatus, RiskState};
use crate::model::{Market, PairId};
use crate::report::describe;
use crate::rt::{Clock, real_sleep};
use crate::venue::lighter::{LighterVenue, Waits};

/// How often the updating lines are drawn, in real time: fast enough to look alive, slow enough to read.
const FRAME: Duration = Duration::from_millis(200);

/// How often it is said what the start waits for, in real time, where nothing is redrawn.
const WAITING: Duration = Duration::from_secs(15);

/// Prints what a run says.
pub(crate) struct Progress {
    markets: BTreeMap<PairId, Market>,
    status: BTreeMap<PairId, watch::Receiver<PairStatus>>,
    clock: Clock,
    live: bool,
    events: Option<std::fs::File>,
    venue: Arc<LighterVenue>,
    drawn: usize,
}

impl Progress {
    pub(crate) fn new(
        markets: BTreeMap<PairId, Market>,
        status: BTreeMap<PairId, watch::Receiver<PairStatus>>,
        clock: Clock,
        live: bool,
        events: Option<PathBuf>,
        venue: Arc<LighterVenue>,
    ) -> Self {
        let events = events.and_then(|path| {
            let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
            opened.inspect_err(|error| out::note(&format!("cannot write `{}`: {error}", path.display()))).ok()
        });
        Self { markets, status, clock, live, events, venue, drawn: 0 }
    }

    /// Prints until every sender of news is gone.
    pub(crate) async fn follow(mut self, mut news: mpsc::UnboundedReceiver<News>) {
        let mut due = self.clock.elapsed() + WAITING;
        loop {
            let wait = due.saturating_sub(self.clock.elapsed());
            tokio::select! {
                biased;
                () = real_sleep(wait), if !self.live => {
                    due = self.clock.elapsed() + WAITING;
                    self.tell_waiting();
                }
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

    /// Says what the start waits for, when it does.
    fn tell_waiting(&self) {
        if let Some(text) = self.waiting() {
            let time = self.clock.now().to_string();
            out::line(&format!("{}  {text}", time.get(11..23).unwrap_or_default()));
        }
    }

    fn waiting(&self) -> Option<String> {
        let starts = |status: &PairStatus| match status.step {
            // Nothing was decided on yet.
            "" | "check" => true,
            "place" => status.orders + status.in_doubt == 0,
            _ => false,
        };
        let starting = self.status.values().filter(|status| starts(&status.borrow())).count();
        (starting > 0).then(|| waiting_line(starting, self.status.len(), self.venue.waits())).flatten()
    }

    /// Draws one line per pair below what was printed.
    fn draw(&mut self) {
        self.wipe();
        let mut text = String::new();
        for (id, status) in &self.status {
            let status = status.borrow().clone();
            let note = if status.note.is_empty() { String::new() } else { format!("  ! {}", status.note) };
            let risk = match status.risk {
                RiskState::Active => String::new(),
                held => format!(" {}", held.name()),
            };
            let line = format!(
                "{:<10} {:<8}{risk} {} long {} short {} Δ {}  orders {}+{}  result {} USDC  free {}/{}{note}",
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
        if let Some(line) = self.waiting() {
            text.extend(line.chars().take(160));
            text.push('\n');
        }
        self.drawn = text.lines().count();
        drop(out::text(&text));
    }

    /// Takes the drawn lines away.
    fn wipe(&mut self) {
        let lines = std::mem::take(&mut self.drawn);
        if lines > 0 {
            drop(out::text(&format!("\x1b[{lines}A\x1b[J")));
        }
    }
}

/// Returns what pairs that do not quote yet wait for; `None` when nothing holds them up.
fn waiting_line(starting: usize, pairs: usize, waits: Waits) -> Option<String> {
    let mut reasons = Vec::new();
    let seconds = waits.next_request.as_millis().div_ceil(1_000);
    if waits.requests > 0 && waits.next_request >= Duration::from_secs(1) {
        reasons.push(format!("the request budget: {seconds} s, {} requests are queued", waits.requests));
    }
    if waits.feeds_up < waits.feeds_wanted {
        let left = waits.feeds_left.as_secs() + 1;
        let left = if left < 120 { format!("{left} s") } else { format!("{} min", left.div_ceil(60)) };
        reasons.push(format!(
            "the streams: {} of {} are up, about {left} left",
            waits.feeds_up, waits.feeds_wanted
        ));
    }
    if reasons.is_empty() {
        return None;
    }
    Some(format!("{starting} of {pairs} pairs wait for {}", reasons.join(", and for ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_reads_what_the_start_waits_for() {
        let waits = |requests, millis, feeds_up| Waits {
            requests,
            next_request: Duration::from_millis(millis),
            feeds_up,
            feeds_wanted: 1_206,
            feeds_left: Duration::from_secs(182),
        };
        assert_eq!(waiting_line(3, 100, Waits::default()), None);
        assert_eq!(waiting_line(3, 100, waits(4, 200, 1_206)), None, "too short to be told");
        assert_eq!(
            waiting_line(60, 100, waits(4, 40_200, 720)).unwrap(),
            "60 of 100 pairs wait for the request budget: 41 s, 4 requests are queued, and for the streams: 720 of \
             1206 are up, about 4 min left"
        );
    }
}
