//! Order entry against servers that cut, forget and garble.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use crate::rt::{Cancel, Clock, Tasks, real_sleep, real_timeout};
use crate::tx::SignedTx;
use crate::venue::lighter::testing::{
    ACCOUNT, Peer, Reply, Seen, credential, http_stub, json as reply, options, signed, ws_stub,
};
use crate::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints, OrderEntry};
use crate::venue::{Class, Subscription, Venue, VenueError, VenueEvent};

const PATIENCE: Duration = Duration::from_secs(20);

/// A client with its order socket on a script, and REST on a stub that keeps what it saw.
struct Rig {
    venue: Arc<LighterVenue>,
    rest: Arc<Mutex<Vec<Seen>>>,
    _events: Receiver<VenueEvent>,
    _tasks: Tasks,
}

impl Rig {
    /// Starts it; `answer` is REST's to every transaction, taken in when there is none.
    async fn start<F, Played>(answer: Option<Reply>, script: F) -> Self
    where
        F: Fn(usize, Peer) -> Played + Send + Sync + 'static,
        Played: Future<Output = ()> + Send + 'static,
    {
        let mut tasks = Tasks::default();
        let rest: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let seen_by = Arc::clone(&rest);
        let http = http_stub(&mut tasks, move |seen| {
            let nonce = nonce_of_form(&seen.body);
            seen_by.lock().unwrap().push(seen);
            answer.clone().unwrap_or_else(|| reply(200, &taken(&signed(nonce)).to_string()))
        })
        .await;
        let ws = ws_stub(&mut tasks, script).await;
        let venue = Arc::new(client(&http, &ws, OrderEntry::Socket));
        let events = venue.subscribe(Subscription::default());
        let rig = Self { venue, rest, _events: events, _tasks: tasks };
        rig.opened().await;
        rig
    }

    async fn opened(&self) {
        let opened = async {
            while !self.venue.order_entry_is_open() {
                real_sleep(Duration::from_millis(5)).await;
            }
        };
        real_timeout(PATIENCE, opened).await.expect("order entry opens");
    }

    /// Returns the nonces that REST was asked to take, and checks that the bytes are the signed ones.
    fn over_rest(&self) -> Vec<i64> {
        let rest = self.rest.lock().unwrap();
        let nonces = rest.iter().map(|seen| nonce_of_form(&seen.body));
        nonces
            .inspect(|nonce| {
                let text = signed(*nonce).tx_info.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
                let text = text.replace(':', "%3A").replace(',', "%2C");
                assert!(rest.iter().any(|seen| seen.body == format!("tx_type=15&tx_info={text}")));
            })
            .collect()
    }
}

fn client(http: &str, ws: &str, order_entry: OrderEntry) -> LighterVenue {
    let endpoints = NetworkEndpoints { http: http.to_owned(), ws: ws.to_owned(), chain_id: 304 };
    let mut options = LighterOptions { order_entry, ..options() };
    options.streams.transaction_within = Duration::from_millis(700);
    LighterVenue::new(endpoints, vec![credential(ACCOUNT)], Clock::system(), options).unwrap()
}

fn nonce_of_form(body: &str) -> i64 {
    let digits = body.rsplit("Nonce%22%3A").next().unwrap_or_default();
    digits.trim_end_matches("%7D").parse().unwrap_or(0)
}

fn taken(tx: &SignedTx) -> Value {
    json!({"code": 200, "tx_hash": tx.hash.to_string(), "predicted_execution_time_ms": 1_790_600_000_312_i64})
}

/// The venue's answer to a message of the socket.
fn success(message: &Value) -> Value {
    let nonce = message["data"]["tx_info"]["Nonce"].as_i64().expect("a nonce");
    let mut answer = taken(&signed(nonce));
    answer["type"] = "jsonapi/sendtx".into();
    answer["id"] = message["data"]["id"].clone();
    answer
}

async fn greet(peer: &mut Peer) {
    peer.tell(&json!({"type": "connected", "session_id": "x"})).await;
}

/// Returns the next transaction, pings aside.
async fn transaction(peer: &mut Peer) -> Option<Value> {
    loop {
        let message = peer.hear().await?;
        if message["type"] == "ping" {
            peer.tell(&json!({"type": "pong"})).await;
        } else {
            return Some(message);
        }
    }
}

/// A script that answers every transaction by `answer`.
async fn answering(mut peer: Peer, answer: impl Fn(&Value) -> Value + Send + Sync) {
    greet(&mut peer).await;
    while let Some(message) = transaction(&mut peer).await {
        peer.tell(&answer(&message)).await;
    }
}

#[tokio::test]
async fn what_cannot_wait_goes_by_the_socket_and_the_rest_over_rest() {
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let log = Arc::clone(&heard);
    let rig = Rig::start(None, move |_, peer| {
        let log = Arc::clone(&log);
        answering(peer, move |message| {
            log.lock().unwrap().push(message.clone());
            success(message)
        })
    })
    .await;
    for (nonce, class) in [(1, Class::Cancel), (2, Class::Hedge), (3, Class::Emergency), (4, Class::Place)] {
        let accepted = rig.venue.send(&signed(nonce), class).await.unwrap();
        assert_eq!(accepted.hash, signed(nonce).hash);
    }
    assert_eq!(rig.over_rest(), [4]);
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[0]["type"], "jsonapi/sendtx");
    assert_eq!(heard[0]["data"]["tx_type"], 15);
    let signed_text: Value = serde_json::from_str(&signed(1).tx_info).unwrap();
    assert_eq!(heard[0]["data"]["tx_info"], signed_text);
}

/// F-02, R-01: a socket that is gone before the bytes costs nothing but the way over REST.
#[tokio::test]
async fn f_02_a_socket_cut_before_the_bytes_is_no_doubt() {
    let cut = Cancel::default();
    let wait = cut.clone();
    let rig = Rig::start(None, move |count, mut peer| {
        let wait = wait.clone();
        async move {
            // Later connections are cut without a greeting, so that the desk stays closed.
            if count == 0 {
                greet(&mut peer).await;
                wait.cancelled().await;
            }
        }
    })
    .await;
    cut.cancel();
    let closed = async {
        while rig.venue.order_entry_is_open() {
            real_sleep(Duration::from_millis(5)).await;
        }
    };
    real_timeout(PATIENCE, closed).await.expect("the end is noticed");
    assert!(rig.venue.send(&signed(1), Class::Cancel).await.is_ok());
    assert_eq!(rig.over_rest(), [1]);
}

/// F-03, R-11: cut after the bytes, or never answered: the same bytes go out again over REST, once.
#[tokio::test]
async fn f_03_a_lost_answer_sends_the_same_bytes_over_rest() {
    for silent in [false, true] {
        let rig = Rig::start(None, move |_, mut peer| async move {
            greet(&mut peer).await;
            if transaction(&mut peer).await.is_some() && silent {
                while transaction(&mut peer).await.is_some() {}
            }
        })
        .await;
        let accepted = rig.venue.send(&signed(1), Class::Hedge).await;
        assert!(accepted.is_ok(), "{silent}: {accepted:?}");
        assert_eq!(rig.over_rest(), [1], "{silent}");
        // A line that failed is opened anew.
        rig.opened().await;
    }
}

/// F-03, F-07: whatever the second copy meets, the first may have been taken in: no refusal is reported.
#[tokio::test]
async fn f_03_a_refused_second_copy_leaves_the_outcome_unknown() {
    for answer in [
        reply(400, r#"{"code":21104,"message":"invalid nonce"}"#),
        reply(400, r#"{"code":21733,"message":"price too far"}"#),
        reply(429, r#"{"code":23000,"message":"Too Many Requests!"}"#),
        reply(405, "<html>"),
        Reply::Reset,
    ] {
        let rig = Rig::start(Some(answer.clone()), |_, mut peer| async move {
            greet(&mut peer).await;
            transaction(&mut peer).await;
        })
        .await;
        let result = rig.venue.send(&signed(1), Class::Hedge).await;
        assert!(matches!(result, Err(VenueError::OutcomeUnknown { .. })), "{answer:?}: {result:?}");
        assert_eq!(rig.over_rest(), [1]);
    }
}

/// F-05, R-08: form A and form B, with and without the id, are refusals as REST's are; nothing is sent twice.
#[tokio::test]
async fn r_08_both_forms_of_a_refusal_are_understood() {
    for (with_id, form_a) in [(true, true), (true, false), (false, true), (false, false)] {
        let rig = Rig::start(None, move |_, peer| {
            answering(peer, move |message| {
                let (code, text) = (21_733, "price too far");
                let mut answer = if form_a {
                    json!({"type": "jsonapi/sendtx", "code": code, "message": text})
                } else {
                    json!({"error": {"code": code, "message": text}})
                };
                if with_id {
                    answer["id"] = message["data"]["id"].clone();
                }
                answer
            })
        })
        .await;
        let result = rig.venue.send(&signed(1), Class::Cancel).await;
        assert!(matches!(result, Err(VenueError::Rejected { code: 21_733, .. })), "{result:?}");
        assert!(rig.over_rest().is_empty());
    }
}

/// R-24, F-27: a limit is the same limit whichever way it is told; what is about the socket, or names no transaction and
/// may be about anything, goes over REST.
#[tokio::test]
async fn f_27_limits_cool_down_and_other_complaints_take_the_other_way() {
    for (code, named, limited) in [
        (23_000, true, true),
        (23_000, false, false),
        (30_009, false, false),
        (29_500, true, false),
        (30_006, false, false),
        (-1, true, false),
    ] {
        let rig = Rig::start(None, move |_, peer| {
            answering(peer, move |message| {
                let mut answer = json!({"error": {"code": code, "message": "no"}});
                if named {
                    answer["id"] = message["data"]["id"].clone();
                }
                answer
            })
        })
        .await;
        let result = rig.venue.send(&signed(1), Class::Cancel).await;
        if limited {
            assert!(matches!(result, Err(VenueError::Throttled { .. })), "{code}: {result:?}");
            assert!(rig.over_rest().is_empty());
        } else {
            assert!(result.is_ok(), "{code}: {result:?}");
            assert_eq!(rig.over_rest(), [1]);
        }
    }
}

/// With two under way a refusal without a name ends neither: the oldest is cleared up over REST.
#[tokio::test]
async fn a_nameless_refusal_among_two_ends_no_intent() {
    let rig = Rig::start(None, |_, mut peer| async move {
        greet(&mut peer).await;
        let first = transaction(&mut peer).await;
        let Some(second) = transaction(&mut peer).await else { return };
        assert!(first.is_some());
        peer.tell(&json!({"error": {"code": 21_733, "message": "price too far"}})).await;
        peer.tell(&success(&second)).await;
        while transaction(&mut peer).await.is_some() {}
    })
    .await;
    let (one, two) = (signed(1), signed(2));
    let (a, b) = tokio::join!(rig.venue.send(&one, Class::Hedge), rig.venue.send(&two, Class::Hedge));
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    assert_eq!(rig.over_rest().len(), 1);
}

/// R-20: a planned close and an unreadable frame end the line; the next one carries on.
#[tokio::test]
async fn r_20_the_line_is_opened_again() {
    for last in [r#"{"type":"shutdown","close_in_ms":5000}"#, "[1]"] {
        let rig = Rig::start(None, move |count, mut peer| async move {
            greet(&mut peer).await;
            while let Some(message) = transaction(&mut peer).await {
                if count == 0 {
                    peer.tell_text(last).await;
                } else {
                    peer.tell(&success(&message)).await;
                }
            }
        })
        .await;
        assert!(rig.venue.send(&signed(1), Class::Hedge).await.is_ok());
        assert_eq!(rig.over_rest(), [1], "{last}");
        rig.opened().await;
        assert!(rig.venue.send(&signed(2), Class::Hedge).await.is_ok());
        assert_eq!(rig.over_rest(), [1], "{last}");
    }
}

#[tokio::test]
async fn without_order_entry_there_is_no_socket() {
    let mut tasks = Tasks::default();
    let http = http_stub(&mut tasks, |_| reply(200, &taken(&signed(1)).to_string())).await;
    let ws = ws_stub(&mut tasks, |_, _| async { panic!("nobody should connect") }).await;
    let venue = client(&http, &ws, OrderEntry::Rest);
    let _events = venue.subscribe(Subscription::default());
    assert!(venue.send(&signed(1), Class::Emergency).await.is_ok());
    assert!(!venue.order_entry_is_open());
}
