//! The server's readers, for the fuzz targets: requests, and what clients say over the WebSocket.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};

use super::channel::Channel;
use super::rest::{Params, read_batch};
use super::ws;

/// How the first byte of [`params`] says where the rest stands.
const KINDS: [Option<&str>; 4] = [
    None,
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=b"),
    Some("multipart/form-data; boundary=\"\""),
];

/// Query or body of a request, and every way in which its values are read. The first byte chooses the encoding.
pub fn params(data: &[u8]) -> String {
    let (kind, rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let request = match kind {
        None => {
            let Ok(text) = std::str::from_utf8(rest) else { return "no text".to_owned() };
            Request::builder().uri(format!("/api/v1/x?{text}")).body(Body::empty())
        }
        Some(kind) => Request::builder()
            .method(Method::POST)
            .uri("/api/v1/x")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(rest.to_vec())),
    };
    let Ok(request) = request else { return "no request".to_owned() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    match runtime.block_on(Params::read(request)) {
        Err(refusal) => format!("{kind:?} {}", refusal.error().code),
        Ok(params) => format!("{kind:?} {}", readings(&params)),
    }
}

/// Reads what endpoints read, whether it is there or not.
fn readings(params: &Params) -> String {
    let code = |refused: Option<super::error::Refusal>| refused.map_or(200, |refusal| refusal.error().code);
    let codes = [
        code(params.account().err()),
        code(params.market().err()),
        code(params.limit(100).err()),
        code(params.required_int::<u8>("tx_type").err()),
        code(params.page((0..250).collect(), 100).err()),
        code(
            params
                .required("tx_types")
                .and_then(|types| read_batch(types, params.required("tx_infos")?))
                .err(),
        ),
    ];
    let seen =
        [params.token().is_some(), params.switch("price_protection", true), params.list("types").is_empty()];
    format!("{codes:?} {seen:?}")
}

/// A client's frame on the WebSocket.
///
/// A channel that is read is written and read again to the same one, unless its frame name leaves something out.
pub fn frame(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else { return "no text".to_owned() };
    let (what, channel) = ws::read(text);
    let Some(name) = channel else { return what };
    let Some(channel) = Channel::parse(&name) else { return format!("{what} unknown") };
    if !matches!(channel, Channel::AccountOrders(..)) {
        assert_eq!(Channel::parse(&channel.frame_name()), Some(channel.clone()), "names are read back");
    }
    format!("{what} {} {}", channel.family(), channel.needs_token())
}
