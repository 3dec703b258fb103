//! How fast the second legs follow when all pairs lose one at the same moment, by the run's own events.

use std::collections::BTreeMap;

use serde_json::Value;

/// Moments of one pair, in milliseconds of venue time.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    /// The venue's time of the first fill.
    filled: Option<i64>,
    /// When the program journaled the first hedge, which is before it is sent.
    decided: Option<i64>,
    /// The venue's time of the hedge's first fill.
    hedged: Option<i64>,
    /// When the short leg gave back instead: the long one could not follow.
    gave_back: Option<i64>,
}

/// What was seen of all pairs.
#[derive(Debug, Default)]
pub(crate) struct Hedges(BTreeMap<String, Moments>);

impl Hedges {
    /// Reads an events file; a line that is half written is left out.
    pub(crate) fn read(text: &str) -> Self {
        let mut hedges = Self::default();
        for news in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            hedges.take(&news);
        }
        hedges
    }

    fn take(&mut self, news: &Value) {
        let (entry, at) = (&news["entry"], news["entry"]["at"].as_i64());
        let moments = self.0.entry(news["pair"].as_str().unwrap_or_default().to_owned()).or_default();
        match (entry["kind"].as_str(), entry["leg"].as_str()) {
            (Some("fill"), Some("short")) if entry["side"] == "buy" => {
                moments.gave_back = moments.gave_back.or(at);
            }
            // Prices only rise here: the entry of the short leg is filled, and the long leg by hedges alone.
            (Some("fill"), Some("short")) => moments.filled = moments.filled.or(at),
            (Some("fill"), Some("long")) => moments.hedged = moments.hedged.or(at),
            (Some("intent"), _) if entry["purpose"] == "hedge" => moments.decided = moments.decided.or(at),
            _ => {}
        }
    }

    /// Returns how many pairs are hedged, and how many gave back.
    pub(crate) fn done(&self) -> [usize; 2] {
        [|moments: &Moments| moments.hedged, |moments: &Moments| moments.gave_back]
            .map(|end| self.0.values().filter(|moments| end(moments).is_some()).count())
    }

    /// Returns p50 and p99 from the fill to the journaled hedge and to the hedge's fill, beyond the plan's `wait`.
    pub(crate) fn percentiles(&self, wait_ms: i64) -> [[i64; 2]; 2] {
        let spread = |end: fn(&Moments) -> Option<i64>| {
            let mut all: Vec<i64> = self
                .0
                .values()
                .filter_map(|moments| Some(end(moments)? - moments.filled? - wait_ms))
                .collect();
            all.sort_unstable();
            [50, 99].map(|percent| {
                let rank = (all.len() * percent).div_ceil(100).saturating_sub(1);
                all.get(rank).copied().unwrap_or_default()
            })
        };
        [spread(|moments| moments.decided), spread(|moments| moments.hedged)]
    }
}
