//! The page of the documentation that says what of the venue's API is served; written out of the tables that serve it.

use super::channel::{CHANNELS, ChannelRow};
use super::rest::{Answer, ENDPOINTS, Endpoint};

const HEAD: &str = "\
# Endpoints and channels of the paper exchange

<!-- Generated: `lighter-plan paper --endpoints`. A test fails when this file is not current. -->

The venue's REST endpoints and WebSocket channels, and what `lighter-plan paper` and `network: paper` do with each:
*supported* like the venue, *partly* with what differs, or *refused*: an endpoint with the reason in the answer, a channel
with the venue's bare `Invalid Channel`. Anything else is answered with 404. `W` is what a request costs on the weighted tiers; the Standard tier counts requests.

`GET /` and `GET /info` (outside `/api/v1`) are supported; `/info` names no contract, for there is none.

## REST, below `/api/v1`

| method | path | W | asks for | here | what differs, or why not |
|---|---|---|---|---|---|
";

const CHANNELS_HEAD: &str = "
## WebSocket channels of `/stream`

`{m}` is a market, `{a}` an account, `{res}` a resolution. `?readonly=true`, `ping`, `subscribe`, `unsubscribe`,
`jsonapi/sendtx` and `jsonapi/sendtxbatch` are supported. Channels without a token take none, as on the venue.

| channel | asks for | here | what differs, or why not |
|---|---|---|---|
";

/// Returns the page as markdown.
pub fn endpoints_reference() -> String {
    let mut text = HEAD.to_owned();
    ENDPOINTS.iter().for_each(|row| text.push_str(&endpoint(row)));
    text.push_str(CHANNELS_HEAD);
    CHANNELS.iter().for_each(|row| text.push_str(&channel(row)));
    text
}

fn endpoint(row: &Endpoint) -> String {
    let method = if row.post { "POST" } else { "GET" };
    let (here, why) = match row.answer {
        Answer::Refused(why) => ("refused", why),
        Answer::Read(_) | Answer::Write(_) if row.differs.is_empty() => ("supported", ""),
        Answer::Read(_) | Answer::Write(_) => ("partly", row.differs),
    };
    format!("| {method} | `{}` | {} | {} | {here} | {why} |\n", row.path, row.weight, row.access.name())
}

fn channel(row: &ChannelRow) -> String {
    let access = if row.token { "token" } else { "–" };
    let here = match (row.offered, row.differs.is_empty()) {
        (true, true) => "supported",
        (true, false) => "partly",
        (false, _) => "refused",
    };
    format!("| `{}` | {access} | {here} | {} |\n", row.name, row.differs)
}
