//! What is known of the sendings of one intent's bytes. Nothing of it needs to survive a crash.

use super::event::SendResult;

/// The sendings of one intent's bytes, as every host keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// A copy may have reached the venue: from then on no refusal of another copy says that the bytes are dead.
    in_doubt: bool,
    /// The last sending brought no answer, or there was none: the bytes want to go out again.
    unanswered: bool,
    /// A sending is waiting for its answer.
    on_the_way: bool,
}

impl Sending {
    /// Taken over from a process that died: nobody knows how often the bytes left.
    pub const fn inherited() -> Self {
        Self { in_doubt: true, unanswered: true, on_the_way: false }
    }

    /// Starts a sending and returns whether an earlier one is in doubt; `None` while one is under way.
    pub const fn start(&mut self) -> Option<bool> {
        if self.on_the_way {
            return None;
        }
        self.on_the_way = true;
        Some(self.in_doubt)
    }

    /// Takes the answer in.
    ///
    /// An accepted copy may execute at any time, so it leaves the bytes in doubt as an unanswered one does: the nonce
    /// that it uses up makes the venue refuse every later copy.
    pub const fn answered(&mut self, result: &SendResult) {
        self.on_the_way = false;
        self.unanswered = match result {
            SendResult::Accepted => false,
            SendResult::Unknown(_) | SendResult::NotSent(_) => true,
            // Whether an earlier copy arrived is still open; if none did, this one may next time.
            SendResult::Refused { in_doubt, .. } => *in_doubt,
        };
        self.in_doubt |= matches!(result, SendResult::Unknown(_) | SendResult::Accepted);
    }

    /// Returns whether the bytes want to go out again: not when a copy was accepted or refused for good since.
    pub const fn wants_again(&self) -> bool {
        self.unanswered && !self.on_the_way
    }

    /// Returns whether a copy may have reached the venue.
    pub const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// an accepted copy stays in doubt, so that the 21104 which a late copy meets is no proof of death.
    #[test]
    fn an_accepted_copy_makes_every_later_refusal_doubtful() {
        let mut sending = Sending::default();
        assert_eq!(sending.start(), Some(false));
        assert_eq!(sending.start(), None);
        sending.answered(&SendResult::NotSent("no connection".to_owned()));
        assert!(sending.wants_again() && !sending.is_in_doubt());
        assert_eq!(sending.start(), Some(false));
        sending.answered(&SendResult::Accepted);
        assert!(!sending.wants_again());
        assert_eq!(sending.start(), Some(true));
    }

    #[test]
    fn inherited_bytes_want_to_go_out_and_are_in_doubt() {
        let mut sending = Sending::inherited();
        assert!(sending.wants_again());
        assert_eq!(sending.start(), Some(true));
    }
}
