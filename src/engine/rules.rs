//! A market's rules may change while a run lives (F-24): they are read again now and then, and its pairs are told.
//!
//! What is not placed is checked anew then, and what is held goes on under the new rules. Amounts of a run are whole ticks
//! and lots of the grid that it began with; on another grid they would mean something else, so a pair of that market
//! sends nothing any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::driver::Input;
use super::event::Event;
use crate::model::Market;
use crate::rt::Clock;
use crate::venue::Venue;

/// How often, in venue time.
const EVERY: Duration = Duration::from_secs(60);
/// And in real time, where the venue's runs faster: the reads come out of a budget.
const EVERY_REAL: Duration = Duration::from_secs(5);

/// Tells every pair, given as its market's symbol and its inbox, whenever its market is not what it was in `known`.
pub(super) async fn follow<V: Venue>(
    venue: Arc<V>,
    clock: Clock,
    mut known: Vec<Market>,
    pairs: Vec<(String, mpsc::Sender<Input>)>,
) {
    let every = EVERY.max(EVERY_REAL * clock.scale());
    loop {
        clock.sleep(every).await;
        let markets = match venue.markets().await {
            Ok(markets) => markets,
            Err(error) => {
                tracing::debug!(%error, "the market rules could not be read again");
                continue;
            }
        };
        for market in changed(&known, &markets) {
            let concerned = pairs.iter().filter(|(symbol, _)| *symbol == market.symbol);
            for (_, inbox) in concerned {
                // A closed inbox means the pair has ended.
                let _ = inbox.send(Input::Event(Event::Rules(Box::new(market.clone())))).await;
            }
        }
        known = markets;
    }
}

fn changed<'a>(known: &'a [Market], markets: &'a [Market]) -> impl Iterator<Item = &'a Market> {
    markets.iter().filter(|market| {
        let before = known.iter().find(|before| before.symbol == market.symbol);
        before.is_none_or(|before| !market.changes_since(before).is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Size, snapshot_markets};

    #[test]
    fn only_what_changed_is_told() {
        let known = snapshot_markets().to_vec();
        assert_eq!(changed(&known, &known).count(), 0);
        let mut markets = known.clone();
        markets[1].min_base = Size::from_lots(markets[1].min_base.lots() + 1);
        markets.swap(0, 1);
        let told: Vec<_> = changed(&known, &markets).map(|market| market.symbol.as_str()).collect();
        assert_eq!(told, [known[1].symbol.as_str()]);
        assert_eq!(changed(&known[1..], &known).count(), 1, "a market that was not listed is new");
    }
}
