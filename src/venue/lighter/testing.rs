//! Servers that misbehave on purpose, over real sockets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::client::{LighterOptions, LighterVenue};
use super::endpoints::NetworkEndpoints;
use super::orders::OrderEntry;
use super::streams::StreamOptions;
use super::transport::Timeouts;
use crate::model::{AccountIndex, ApiKeyIndex, Nonce, TxHash};
use crate::rt::{Anchor, Clock, Tasks, detach, real_sleep};
use crate::signing::PrivateKey;
use crate::tx::SignedTx;
use crate::venue::Credential;

pub(super) const ACCOUNT: AccountIndex = AccountIndex::new(1001);

/// The listings of the fixtures, with market 2 (SOL).
pub(super) const MARKETS: &str = include_str!("../../../tests/fixtures/lighter/markets.json");

/// A request as a stub sees it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Method and target, such as `GET /api/v1/account?by=index`.
    pub(super) line: String,
    /// Header lines in lower case.
    pub(super) head: String,
    pub(super) body: String,
}

/// What a stub does.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers with status, more headers, and body; keeps the connection.
    Answer(u16, &'static str, String),
    /// Promises more bytes than it sends, then closes.
    Truncated(String),
    /// Closes without a byte.
    Reset,
    /// Answers after a while.
    Slow(Duration, String),
}

pub(super) fn json(status: u16, body: &str) -> Reply {
    Reply::Answer(status, "", body.to_owned())
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while bytes.len() < head_end + 4 + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[head_end + 4..].to_vec()).ok()?;
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    // Header values keep their case: tokens are in them.
    Some(Seen { line, head, body })
}

async fn serve_connection(mut stream: TcpStream, handler: Arc<dyn Fn(Seen) -> Reply + Send + Sync>) {
    while let Some(seen) = read_request(&mut stream).await {
        let (status, headers, body) = match handler(seen) {
            Reply::Answer(status, headers, body) => (status, headers, body),
            Reply::Reset => return,
            Reply::Truncated(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() + 100);
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                return;
            }
            Reply::Slow(wait, body) => {
                real_sleep(wait).await;
                (200, "", body)
            }
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
        if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Starts a server that answers every request by `handler`; returns its base URL.
pub(super) async fn http_stub(
    tasks: &mut Tasks,
    handler: impl Fn(Seen) -> Reply + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let handler: Arc<dyn Fn(Seen) -> Reply + Send + Sync> = Arc::new(handler);
    tasks.spawn("stub", async move {
        while let Ok((stream, _)) = listener.accept().await {
            detach("stub connection", serve_connection(stream, Arc::clone(&handler)));
        }
    });
    base
}

/// Returns an address on which nobody listens.
pub(super) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

pub(super) fn credential(account: AccountIndex) -> Credential {
    Credential {
        account,
        api_key_index: ApiKeyIndex::new(4),
        key: PrivateKey::from_seed("client tests", 1, account.get().unsigned_abs()),
    }
}

/// Short limits, so that a test of silence takes a second.
pub(super) fn options() -> LighterOptions {
    let ms = Duration::from_millis;
    LighterOptions {
        timeouts: Timeouts { connect: ms(500), total: ms(500) },
        streams: StreamOptions {
            connect_within: ms(5_000),
            answer_within: ms(3_000),
            ping_every: ms(300),
            pong_within: ms(1_500),
            market_silence: ms(2_000),
            account_silence: ms(2_000),
            ..StreamOptions::default()
        },
        // Scripts of streams count the connections; order entry has tests of its own.
        order_entry: OrderEntry::Rest,
        ..LighterOptions::default()
    }
}

pub(super) fn venue(http: &str, ws: &str) -> LighterVenue {
    let endpoints = NetworkEndpoints { http: http.to_owned(), ws: ws.to_owned(), chain_id: 304 };
    LighterVenue::new(endpoints, vec![credential(ACCOUNT)], Clock::system(), options()).unwrap()
}

/// As [`venue`], with a clock that makes the venue's hours pass in fractions of a second.
pub(super) fn fast_venue(http: &str, ws: &str, scale: u32) -> LighterVenue {
    let endpoints = NetworkEndpoints { http: http.to_owned(), ws: ws.to_owned(), chain_id: 304 };
    let real = Clock::wall();
    let clock = Clock::anchored(Anchor { real, venue: real, scale });
    LighterVenue::new(endpoints, vec![credential(ACCOUNT)], clock, options()).unwrap()
}

pub(super) fn signed(nonce: i64) -> SignedTx {
    let byte = u8::try_from(nonce).unwrap();
    let tx_info = format!(r#"{{"AccountIndex":{ACCOUNT},"ApiKeyIndex":4,"Nonce":{}}}"#, Nonce::new(nonce));
    SignedTx { tx_type: 15, tx_info, hash: TxHash::new([byte; 40]) }
}

/// The server's end of a WebSocket.
pub(super) struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    pub(super) async fn tell(&mut self, frame: &serde_json::Value) {
        self.tell_text(&frame.to_string()).await;
    }

    pub(super) async fn tell_text(&mut self, frame: &str) {
        // A client that has hung up is noticed by `hear`.
        let _ = self.0.send(Message::text(frame)).await;
    }

    /// Returns the client's next message; `None` when it has hung up.
    pub(super) async fn hear(&mut self) -> Option<serde_json::Value> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return serde_json::from_str(text.as_str()).ok(),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// Starts a WebSocket server; `script` plays each connection, which it gets with its number from 0.
pub(super) async fn ws_stub<F, Played>(tasks: &mut Tasks, script: F) -> String
where
    F: Fn(usize, Peer) -> Played + Send + Sync + 'static,
    Played: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/stream", listener.local_addr().unwrap());
    tasks.spawn("ws stub", async move {
        let mut count = 0;
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                detach("ws stub connection", script(count, Peer(socket)));
                count += 1;
            }
        }
    });
    url
}
