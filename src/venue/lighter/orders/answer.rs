//! Answers to transactions, and whose they are. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Job, Reply};
use crate::model::TxHash;
use crate::venue::lighter::wire;

/// What the venue said about one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: i64,
    pub(super) message: String,
    /// The venue's name of the transaction, when it gave one.
    pub(super) hash: Option<String>,
    pub(super) predicted_ms: i64,
}

/// A frame of the order socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Greeting and answers to pings.
    Idle,
    /// The venue wants a pong.
    Ping,
    /// The venue will close the connection.
    Shutdown,
    /// An answer to a transaction, in either form.
    Answer {
        /// The id that it echoes.
        id: Option<String>,
        answer: Answer,
    },
    /// Something else.
    Unknown(String),
}

/// Reads a frame.
pub(super) fn read(text: &str) -> serde_json::Result<Frame> {
    let frame: wire::SentFrame = wire::object(text.as_bytes())?;
    let hash = frame.tx_hash.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
    let id = frame.id.map(|id| id.0).filter(|id| !id.is_empty());
    let answer = |code, message: Option<String>| Frame::Answer {
        id,
        answer: Answer {
            code,
            message: message.unwrap_or_default(),
            hash,
            predicted_ms: frame.predicted_execution_time_ms,
        },
    };
    Ok(match (frame.kind.as_str(), frame.error) {
        // Form B, and nothing on this connection but transactions can have caused it.
        (_, Some(error)) => answer(error.code.unwrap_or(-1), error.message),
        ("connected" | "pong", None) => Frame::Idle,
        ("ping", None) => Frame::Ping,
        ("shutdown", None) => Frame::Shutdown,
        // Form A, or a success.
        ("jsonapi/sendtx", None) => answer(frame.code.unwrap_or(200), frame.message),
        (other, None) => Frame::Unknown(other.to_owned()),
    })
}

/// A transaction that is not answered.
struct Waiting {
    job: Job,
    since: Duration,
}

/// The transactions of one connection that are not answered, oldest first.
#[derive(Default)]
pub(super) struct Pending(VecDeque<Waiting>);

impl Pending {
    pub(super) fn push(&mut self, job: Job, now: Duration) {
        self.0.push_back(Waiting { job, since: now });
    }

    /// Returns since when the oldest one waits.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.0.front().map(|waiting| waiting.since)
    }

    /// Hands an answer to whom it belongs; returns whether there was one.
    ///
    /// An answer names its transaction by id or by hash, in that order. One that names none is about the oldest, since
    /// the venue answers in order; but only when nothing else is under way is that certain enough to end what the engine
    /// asks. Otherwise a refusal is a doubt, which the copy over REST clears up.
    pub(super) fn answer(&mut self, id: Option<&str>, answer: Answer) -> bool {
        let named = match (id, &answer.hash) {
            (Some(id), _) => Some(self.0.iter().position(|waiting| waiting.job.id == id)),
            (None, Some(hash)) => {
                let hash: Option<TxHash> = hash.trim_start_matches("0x").parse().ok();
                Some(self.0.iter().position(|waiting| Some(waiting.job.hash) == hash))
            }
            (None, None) => None,
        };
        // Without a name only these codes, and success, are about a transaction at all (websocket.md §6): anything else may
        // be about a ping of ours, while the transaction was taken in.
        let about_a_transaction = matches!(answer.code, 0 | 200 | 21_000..22_000);
        let (index, certain) = match named {
            Some(index) => (index, true),
            None => ((!self.0.is_empty()).then_some(0), self.0.len() == 1 && about_a_transaction),
        };
        let Some(waiting) = index.and_then(|index| self.0.remove(index)) else { return false };
        let reply = if certain {
            Reply::Answered(answer)
        } else {
            Reply::Lost(format!(
                "an answer that names no transaction: code {}: {}",
                answer.code, answer.message
            ))
        };
        // Nobody waits any more: the run ends, and the journal has the intent.
        let _ = waiting.job.reply.send(reply);
        true
    }

    /// Gives up on all.
    pub(super) fn lose(&mut self, reason: &str) {
        for waiting in self.0.drain(..) {
            let _ = waiting.job.reply.send(Reply::Lost(reason.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn waiting(pending: &mut Pending, id: &str, hash: u8) -> oneshot::Receiver<Reply> {
        let (reply, answered) = oneshot::channel();
        let job = Job { id: id.to_owned(), hash: TxHash::new([hash; 40]), text: String::new(), reply };
        pending.push(job, Duration::ZERO);
        answered
    }

    fn said(text: &str) -> (Option<String>, Answer) {
        match read(text).unwrap() {
            Frame::Answer { id, answer } => (id, answer),
            other => panic!("{other:?}"),
        }
    }

    fn answered(reply: Result<Reply, oneshot::error::TryRecvError>) -> Answer {
        match reply {
            Ok(Reply::Answered(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_find_their_transaction_by_id_and_by_hash() {
        let mut pending = Pending::default();
        let (mut a, mut b) = (waiting(&mut pending, "lp-1", 1), waiting(&mut pending, "lp-2", 2));
        let (id, answer) = said(r#"{"code":200,"id":"lp-2","tx_hash":"x","type":"jsonapi/sendtx"}"#);
        assert!(pending.answer(id.as_deref(), answer));
        assert_eq!(answered(b.try_recv()).code, 200);
        assert!(a.try_recv().is_err());
        let hash = TxHash::new([1; 40]);
        let form_a = format!(r#"{{"code":21149,"message":"no","tx_hash":"{hash}","type":"jsonapi/sendtx"}}"#);
        let (id, answer) = said(&form_a);
        assert!(pending.answer(id.as_deref(), answer));
        assert_eq!(answered(a.try_recv()).message, "no");
    }

    /// Both forms of a refusal without a name are about the only transaction under way.
    #[test]
    fn a_nameless_refusal_is_about_the_only_one() {
        for text in [
            r#"{"type":"jsonapi/sendtx","code":21104,"message":"invalid nonce"}"#,
            r#"{"error":{"code":21104,"message":"invalid nonce"}}"#,
        ] {
            let mut pending = Pending::default();
            let mut a = waiting(&mut pending, "lp-1", 1);
            let (id, answer) = said(text);
            assert!(pending.answer(id.as_deref(), answer));
            assert_eq!(answered(a.try_recv()).code, 21_104, "{text}");
        }
    }

    /// With several under way it is the oldest's, but nobody ends an intent on that.
    #[test]
    fn a_nameless_refusal_among_several_is_a_doubt_of_the_oldest() {
        let mut pending = Pending::default();
        let (mut a, mut b) = (waiting(&mut pending, "lp-1", 1), waiting(&mut pending, "lp-2", 2));
        let (id, answer) = said(r#"{"error":{"code":21104,"message":"invalid nonce"}}"#);
        assert!(pending.answer(id.as_deref(), answer));
        assert!(matches!(a.try_recv(), Ok(Reply::Lost(_))));
        assert!(b.try_recv().is_err());
    }

    /// A late or repeated answer must not be taken for somebody else's.
    #[test]
    fn an_answer_to_nobody_here_is_nobodys() {
        let mut pending = Pending::default();
        let mut a = waiting(&mut pending, "lp-2", 1);
        for text in [
            r#"{"code":200,"id":"lp-1","tx_hash":"x","type":"jsonapi/sendtx"}"#.to_owned(),
            r#"{"error":{"code":21104},"id":"lp-1"}"#.to_owned(),
            format!(r#"{{"code":200,"tx_hash":"{}","type":"jsonapi/sendtx"}}"#, TxHash::new([9; 40])),
        ] {
            let (id, answer) = said(&text);
            assert!(!pending.answer(id.as_deref(), answer), "{text}");
        }
        assert!(a.try_recv().is_err());
    }

    #[test]
    fn other_frames_are_told_apart() {
        assert_eq!(read(r#"{"type":"connected","session_id":"x"}"#).unwrap(), Frame::Idle);
        assert_eq!(read(r#"{"type":"ping"}"#).unwrap(), Frame::Ping);
        assert_eq!(read(r#"{"type":"shutdown","close_in_ms":5}"#).unwrap(), Frame::Shutdown);
        assert_eq!(read(r#"{"type":"moon"}"#).unwrap(), Frame::Unknown("moon".to_owned()));
        assert!(read("[1]").is_err());
        assert!(read("").is_err());
    }
}
