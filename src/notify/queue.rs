//! What waits for one webhook: bounded, and what is urgent is never dropped from it.

use std::collections::VecDeque;

use super::alert::Alert;

/// How many alerts wait for a webhook before ordinary ones are dropped. A pair makes a handful in its life, so this many
/// wait only when the webhook is down and many pairs go wrong together.
pub(super) const CAPACITY: usize = 256;

/// An alert that waits, with those of its kind that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The newest of them.
    pub(super) alert: Alert,
    /// Their events in the journal.
    pub(super) events: Vec<u64>,
    /// How many they are.
    pub(super) count: u32,
    /// Whether they happened in another process.
    pub(super) late: bool,
    /// How often they were posted.
    pub(super) attempts: u32,
    /// Whether it was said that they cannot be delivered.
    pub(super) given_up: bool,
}

impl Waiting {
    pub(super) fn new(alert: Alert, late: bool) -> Self {
        let events = alert.event.into_iter().collect();
        Self { alert, events, count: 1, late, attempts: 0, given_up: false }
    }

    fn take_in(&mut self, newer: Self) {
        self.alert = newer.alert;
        self.events.extend(newer.events);
        self.count += newer.count;
    }

    /// Returns whether `other` says the same again: the same words about the same pair, numbers aside.
    fn repeats(&self, other: &Self) -> bool {
        let of = |waiting: &Self| (waiting.alert.kind, waiting.alert.pair.clone(), waiting.late);
        of(self) == of(other) && shape(&self.alert.text) == shape(&other.alert.text)
    }
}

/// A text without its numbers: an emergency that goes on is told each minute with another amount.
fn shape(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// The queue of one webhook.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// The one that is being posted.
    current: Option<Waiting>,
}

impl Queue {
    /// Adds an alert; returns one that had to give way.
    pub(super) fn push(&mut self, new: Waiting) -> Option<Waiting> {
        if let Some(same) = self.waiting.iter_mut().find(|waiting| waiting.repeats(&new)) {
            same.take_in(new);
            return None;
        }
        if self.waiting.len() < CAPACITY {
            self.waiting.push_back(new);
            return None;
        }
        let ordinary = self.waiting.iter().position(|waiting| !waiting.alert.urgent);
        let dropped = match ordinary {
            Some(place) => self.waiting.remove(place),
            None if !new.alert.urgent => return Some(new),
            None => None,
        };
        // Full of urgent ones: those of a kind and pair become one, so that the queue ends somewhere.
        let alike = |waiting: &&mut Waiting| {
            (waiting.alert.kind, &waiting.alert.pair) == (new.alert.kind, &new.alert.pair)
        };
        match self.waiting.iter_mut().find(alike).filter(|_| dropped.is_none()) {
            Some(same) => same.take_in(new),
            None => self.waiting.push_back(new),
        }
        dropped
    }

    /// Takes the next one to be posted; it stays the current one until [`Queue::done`].
    pub(super) fn begin(&mut self) -> Option<Waiting> {
        self.current = self.waiting.pop_front();
        self.current.clone()
    }

    /// Notes that the current one was posted once more without success.
    pub(super) fn tried(&mut self) {
        if let Some(current) = &mut self.current {
            current.attempts += 1;
        }
    }

    /// The current one is delivered, or given up for good.
    pub(super) fn done(&mut self) {
        self.current = None;
    }

    /// Puts the current one behind the others: it was given up for now, and they get their turn.
    pub(super) fn put_back(&mut self) {
        if let Some(mut current) = self.current.take() {
            current.given_up = true;
            self.waiting.push_back(current);
        }
    }

    /// Takes all that was not delivered.
    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        self.current.take().into_iter().chain(self.waiting.drain(..)).collect()
    }

    /// Returns how many are not delivered.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.current.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::notify::AlertKind;

    fn alert(event: u64, urgent: bool, pair: u64, text: &str) -> Waiting {
        let alert = Alert {
            event: Some(event),
            pair: Some(format!("pair-{pair}").parse().unwrap()),
            at: Timestamp::from_millis(0),
            kind: if urgent { AlertKind::Stuck } else { AlertKind::HedgeStarted },
            topics: Vec::new(),
            urgent,
            text: text.to_owned(),
        };
        Waiting::new(alert, false)
    }

    #[test]
    fn what_is_said_again_is_one_with_the_newest_words() {
        let mut queue = Queue::default();
        for event in 1..=50 {
            assert_eq!(queue.push(alert(event, true, 1, &format!("naked by {event} lots"))), None);
        }
        assert_eq!(queue.push(alert(51, true, 1, "a foreign order")), None);
        assert_eq!(queue.push(alert(52, true, 2, "naked by 3 lots")), None);
        assert_eq!(queue.len(), 3);
        let first = queue.begin().unwrap();
        assert_eq!(
            (first.count, first.events.len(), first.alert.text.as_str()),
            (50, 50, "naked by 50 lots")
        );
        // What is under way is not changed any more.
        assert_eq!(queue.push(alert(53, true, 1, "naked by 9 lots")), None);
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn ordinary_ones_give_way_and_urgent_ones_never_do() {
        let mut queue = Queue::default();
        for event in 0..300 {
            drop(queue.push(alert(event, false, event, "hedge")));
        }
        assert_eq!(queue.len(), CAPACITY);
        let dropped = queue.push(alert(300, false, 300, "hedge")).unwrap();
        assert_eq!(dropped.events, [44], "the oldest gives way");
        let mut dropped = 0;
        for event in 1_000..3_000 {
            let words = "x".repeat(usize::try_from(event % 23).unwrap());
            dropped += usize::from(queue.push(alert(event, true, event % 70, &words)).is_some());
        }
        assert_eq!(dropped, CAPACITY, "each ordinary one gave way once");
        assert!(queue.len() <= CAPACITY + 70, "{}", queue.len());
        let events: usize = queue.drain().iter().map(|waiting| waiting.events.len()).sum();
        assert_eq!(events, 2_000, "no urgent one is lost");
    }

    #[test]
    fn what_is_put_back_lets_others_go_first() {
        let mut queue = Queue::default();
        for event in 1..=2 {
            drop(queue.push(alert(event, true, event, "x")));
        }
        assert_eq!(queue.begin().unwrap().events, [1]);
        queue.tried();
        queue.put_back();
        assert_eq!(queue.begin().unwrap().events, [2]);
        queue.done();
        let again = queue.begin().unwrap();
        assert_eq!((again.events.as_slice(), again.attempts, again.given_up), ([1].as_slice(), 1, true));
    }
}
