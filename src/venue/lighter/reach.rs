//! How the venue is reached: proxies, certificates, servers that stall, and connections that are used again.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

use super::testing::{ACCOUNT, MARKETS, Peer, credential, http_stub, json as reply, options, ws_stub};
use super::{
    HttpTransport, LighterOptions, LighterVenue, NetworkEndpoints, OrderEntry, Proxies, SetupError,
    TcpConnect, Transport, TransportError,
};
use crate::model::MarketId;
use crate::rt::{Clock, Tasks, detach, real_sleep, real_timeout, spawn_thread};
use crate::venue::{Class, Feed, Subscription, Venue, VenueEvent};

const PATIENCE: Duration = Duration::from_secs(20);
const MARKET: MarketId = MarketId::new(2);

type Heads = Arc<Mutex<Vec<String>>>;

/// What a proxy does with a tunnel that it was asked for.
#[derive(Clone)]
enum Tunnel {
    /// Leads it to this address, whatever was asked for.
    To(String),
    /// Refuses it with this status line.
    Refuse(&'static str),
    /// Opens it and keeps the first byte, as a sixth line of the head.
    Taste,
}

async fn serve_tunnel(mut stream: TcpStream, tunnel: Tunnel, heads: Heads) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    if let Tunnel::Refuse(status) = tunnel {
        heads.lock().unwrap().push(head);
        let _ = stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        return;
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    match tunnel {
        Tunnel::To(address) => {
            heads.lock().unwrap().push(head);
            let mut onward = TcpStream::connect(address).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        }
        Tunnel::Taste => {
            let first = stream.read_u8().await.unwrap_or(0);
            heads.lock().unwrap().push(format!("{head}first byte {first:#04x}"));
        }
        Tunnel::Refuse(_) => {}
    }
}

/// Starts a proxy; returns its settings and what it was asked.
async fn proxy(tasks: &mut Tasks, tunnel: Tunnel) -> (Proxies, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://us%65r:secret@{}", listener.local_addr().unwrap());
    let heads = Heads::default();
    let log = Arc::clone(&heads);
    tasks.spawn("proxy", async move {
        while let Ok((stream, _)) = listener.accept().await {
            detach("tunnel", serve_tunnel(stream, tunnel.clone(), Arc::clone(&log)));
        }
    });
    (Proxies::new(Some(url), ""), heads)
}

fn transport(base: &str, proxies: &Proxies) -> HttpTransport {
    let base: Uri = base.parse().unwrap();
    HttpTransport::through(&base, options().timeouts, proxies).unwrap()
}

async fn get(transport: &HttpTransport, url: &str) -> Result<http::Response<Bytes>, TransportError> {
    transport.send(Request::get(url).body(Bytes::new()).unwrap()).await
}

/// A client whose streams go elsewhere than its requests.
fn streaming(http: &str, ws: &str, proxies: Proxies) -> LighterVenue {
    let endpoints = NetworkEndpoints { http: http.to_owned(), ws: ws.to_owned(), chain_id: 304 };
    let mut options = LighterOptions { order_entry: OrderEntry::Rest, ..options() };
    options.streams.connect_within = Duration::from_secs(1);
    let transport = transport(http, &Proxies::default());
    let connect = TcpConnect::through(proxies);
    LighterVenue::over(endpoints, transport, connect, vec![credential(ACCOUNT)], Clock::system(), options)
}

fn book_of(venue: &LighterVenue) -> Receiver<VenueEvent> {
    venue.subscribe(Subscription { markets: vec![MARKET], accounts: Vec::new() })
}

/// Waits until the book's feed says why it is down.
async fn down(events: &mut Receiver<VenueEvent>) -> String {
    let reason = async {
        loop {
            if let VenueEvent::Down(Feed::Book(_), reason) = events.recv().await.expect("streams go on") {
                return reason;
            }
        }
    };
    real_timeout(PATIENCE, reason).await.expect("a broken connection is told")
}

async fn markets_stub(tasks: &mut Tasks) -> String {
    http_stub(tasks, |_| reply(200, MARKETS)).await
}

async fn books(mut peer: Peer) {
    peer.tell(&json!({"type": "connected"})).await;
    while peer.hear().await.is_some() {
        peer.tell(&json!({"channel": "order_book:2", "type": "subscribed/order_book", "order_book":
            {"code": 0, "bids": [], "asks": [], "nonce": 1, "begin_nonce": 0}}))
            .await;
    }
}

#[tokio::test]
async fn streams_go_through_the_proxy() {
    let mut tasks = Tasks::default();
    let ws = ws_stub(&mut tasks, |_, peer| books(peer)).await;
    let address = ws.trim_start_matches("ws://").trim_end_matches("/stream").to_owned();
    let (proxies, heads) = proxy(&mut tasks, Tunnel::To(address)).await;
    let venue = streaming(&markets_stub(&mut tasks).await, "ws://venue.example/stream", proxies);
    let mut events = book_of(&venue);
    let up = async { while !matches!(events.recv().await, Some(VenueEvent::Up(Feed::Book(_)))) {} };
    real_timeout(PATIENCE, up).await.expect("the book comes through the tunnel");
    let head = heads.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.starts_with("connect venue.example:80 http/1.1\r\nhost: venue.example:80\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: basic "), "{head}");
}

/// TLS is laid over the tunnel, so that the proxy sees nothing but the host's name.
#[tokio::test]
async fn tls_begins_inside_the_tunnel_for_requests_and_streams() {
    let mut tasks = Tasks::default();
    let (proxies, heads) = proxy(&mut tasks, Tunnel::Taste).await;
    let url = "https://venue.example/";
    let result = get(&transport(url, &proxies), url).await;
    assert!(matches!(result, Err(TransportError::NotSent(_))), "{result:?}");
    let venue = streaming(&markets_stub(&mut tasks).await, "wss://venue.example/stream", proxies);
    down(&mut book_of(&venue)).await;
    let heads = heads.lock().unwrap();
    assert!(heads.len() >= 2);
    for head in heads.iter() {
        assert!(head.to_ascii_lowercase().starts_with("connect venue.example:443 http/1.1\r\n"), "{head}");
        // A TLS record of the kind "handshake".
        assert!(head.ends_with("first byte 0x16"), "{head}");
    }
}

/// A proxy that refuses is told as such, with nothing sent.
#[tokio::test]
async fn a_refusing_proxy_is_named() {
    for (status, word) in
        [("407 Proxy Authentication Required", "credentials"), ("502 Bad Gateway", "tunnel")]
    {
        let mut tasks = Tasks::default();
        let (proxies, _) = proxy(&mut tasks, Tunnel::Refuse(status)).await;
        let url = "https://venue.example/";
        let result = get(&transport(url, &proxies), url).await;
        assert!(matches!(result, Err(TransportError::NotSent(_))), "{result:?}");
        let venue = streaming(&markets_stub(&mut tasks).await, "wss://venue.example/stream", proxies);
        let reason = down(&mut book_of(&venue)).await;
        assert!(reason.contains("proxy") && reason.contains(word) && !reason.contains("secret"), "{reason}");
    }
}

/// Starts a TLS server with a certificate that nobody vouches for; returns its port.
fn untrusted() -> u16 {
    let certificate = include_bytes!("../../../tests/fixtures/tls/self-signed.der").to_vec();
    let key = include_bytes!("../../../tests/fixtures/tls/self-signed.key.der").to_vec();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Two connections: one of each kind.
    let serve = move || {
        for _ in 0..2 {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
            let _ = stream.flush();
            let _ = stream.read(&mut [0; 64]);
        }
    };
    spawn_thread("untrusted", serve).unwrap();
    port
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_named() {
    let mut tasks = Tasks::default();
    let port = untrusted();
    let url = format!("https://localhost:{port}/");
    let result = get(&transport(&url, &Proxies::default()), &url).await;
    let Err(TransportError::NotSent(reason)) = result else { panic!("{result:?}") };
    assert!(reason.contains("certificate"), "{reason}");
    let ws = format!("wss://localhost:{port}/stream");
    let venue = streaming(&markets_stub(&mut tasks).await, &ws, Proxies::default());
    let reason = down(&mut book_of(&venue)).await;
    assert!(reason.contains("certificate"), "{reason}");
}

/// A server that takes connections and never says a word.
async fn mute(tasks: &mut Tasks) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    tasks.spawn("mute", async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

/// F-03: no stalled server holds a request or a stream for longer than its limit, whichever step it stalls in.
#[tokio::test]
async fn f_03_a_stalled_server_is_given_up() {
    let mut tasks = Tasks::default();
    let address = mute(&mut tasks).await;
    let clock = Clock::system();
    // In the TLS handshake: nothing of the request has left.
    let url = format!("https://{address}/");
    let result = get(&transport(&url, &Proxies::default()), &url).await;
    assert!(matches!(result, Err(TransportError::NotSent(_) | TransportError::Interrupted(_))), "{result:?}");
    // After the request: it may have taken effect.
    let url = format!("http://{address}/");
    let result = get(&transport(&url, &Proxies::default()), &url).await;
    assert!(matches!(result, Err(TransportError::Interrupted(_))), "{result:?}");
    for scheme in ["ws", "wss"] {
        let ws = format!("{scheme}://{address}/stream");
        let venue = streaming(&markets_stub(&mut tasks).await, &ws, Proxies::default());
        assert_eq!(down(&mut book_of(&venue)).await, "no connection in time");
    }
    assert!(clock.elapsed() < PATIENCE);
}

/// A mute proxy is given up as well: `CONNECT` is part of the connection.
#[tokio::test]
async fn a_stalled_proxy_is_given_up() {
    let mut tasks = Tasks::default();
    let proxies = Proxies::new(Some(format!("http://{}", mute(&mut tasks).await)), "");
    let url = "https://venue.example/";
    let result = get(&transport(url, &proxies), url).await;
    assert!(matches!(result, Err(TransportError::NotSent(_) | TransportError::Interrupted(_))), "{result:?}");
    let venue = streaming(&markets_stub(&mut tasks).await, "wss://venue.example/stream", proxies);
    assert_eq!(down(&mut book_of(&venue)).await, "no connection in time");
}

/// Requests one after another share one connection; side by side they open no more than they need.
#[tokio::test]
async fn connections_are_used_again() {
    let mut tasks = Tasks::default();
    let inner = markets_stub(&mut tasks).await;
    let inner = inner.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tasks.spawn("counter", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let inner = inner.clone();
            detach("counted", async move {
                let mut onward = TcpStream::connect(inner).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    let venue = super::testing::venue(&base, "ws://127.0.0.1:1/stream");
    for _ in 0..20 {
        venue.markets().await.unwrap();
        // The pool takes a connection back in a task of its own.
        real_sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let at_once = (0..4).map(|_| venue.markets());
    futures_util::future::join_all(at_once).await.into_iter().for_each(|result| drop(result.unwrap()));
    assert!(count.load(Ordering::SeqCst) <= 4);
}

/// Beyond loopback nothing is ever sent in the clear.
#[tokio::test]
async fn clear_text_is_refused_before_any_connection() {
    for (http, ws) in [
        ("http://venue.example", "wss://venue.example/stream"),
        ("https://venue.example", "ws://venue.example/stream"),
    ] {
        let endpoints = NetworkEndpoints { http: http.to_owned(), ws: ws.to_owned(), chain_id: 304 };
        let made = LighterVenue::new(endpoints, Vec::new(), Clock::system(), LighterOptions::default());
        let Err(SetupError::Endpoint(error)) = made else { panic!("{made:?}") };
        assert!(error.to_string().contains("is not encrypted"), "{error}");
    }
}

/// A handle of a higher class asks the same exchange, ahead of ordinary reads when the budget is short.
#[tokio::test]
async fn a_blind_legs_reads_go_first() {
    let mut tasks = Tasks::default();
    let venue = super::testing::venue(&markets_stub(&mut tasks).await, "ws://127.0.0.1:1/stream");
    // A Standard budget has 60 requests a minute, of which ordinary reads may spend 36.
    for _ in 0..36 {
        venue.markets().await.unwrap();
    }
    let queued = real_timeout(Duration::from_millis(300), venue.markets()).await;
    assert!(queued.is_none(), "{queued:?}");
    let urgent = real_timeout(PATIENCE, venue.reading(Class::Hedge).markets()).await;
    assert!(matches!(urgent, Some(Ok(_))), "{urgent:?}");
}
