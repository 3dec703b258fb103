//! What the client sent and nobody handled yet.
//!
//! A thread reads ahead, so that a cancellation is seen before the request that it is about is begun, and a burst of
//! typing is checked once.

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, sync_channel};

use super::wire::{self, Id, Incoming};
use crate::rt::spawn_thread;

/// Messages that are read ahead; a client that sends more waits.
const AHEAD: usize = 256;

/// The messages of one client.
pub(super) struct Inbox {
    queue: VecDeque<Incoming>,
    receiver: Receiver<Incoming>,
}

impl Inbox {
    /// Starts reading.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(super) fn start(mut reader: impl BufRead + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(AHEAD);
        // Ends with the stream; a stream that fails is at its end.
        spawn_thread("lsp-reader", move || {
            while let Ok(Some(message)) = wire::read(&mut reader) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { queue: VecDeque::new(), receiver })
    }

    /// Returns the next message, waiting for one; `None` when the client is gone.
    pub(super) fn next(&mut self) -> Option<Incoming> {
        self.fill();
        self.queue.pop_front().or_else(|| self.receiver.recv().ok())
    }

    /// Returns whether nothing is waiting.
    pub(super) fn is_idle(&mut self) -> bool {
        self.fill();
        self.queue.is_empty()
    }

    /// Returns whether a request was cancelled in the meantime.
    pub(super) fn cancels(&mut self, id: &Id) -> bool {
        self.fill();
        self.queue.iter().any(|message| match message {
            Incoming::Notification { method, params } => {
                method == "$/cancelRequest" && params.get("id").and_then(Id::read).as_ref() == Some(id)
            }
            _ => false,
        })
    }

    fn fill(&mut self) {
        while self.queue.len() < AHEAD
            && let Ok(message) = self.receiver.try_recv()
        {
            self.queue.push_back(message);
        }
    }
}
