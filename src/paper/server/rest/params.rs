//! Parameters of a request: query, form and token in one place.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::http::{Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::model::{AccountIndex, MarketId};
use crate::paper::server::error::Refusal;
use crate::paper::server::json::object;

/// The market id that means "all".
const ALL_MARKETS: i64 = 255;

/// The parameters of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    values: BTreeMap<String, Vec<String>>,
    header_token: Option<String>,
}

impl Params {
    /// Reads query and, on POST, a body in either encoding that clients use.
    pub(crate) async fn read(request: Request) -> Result<Self, Refusal> {
        let header_token = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        let mut params = Self { header_token, ..Self::default() };
        let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(request.uri())
            .map_err(|_| Refusal::param("query"))?;
        query.into_iter().for_each(|(name, value)| params.add(name, value));
        if request.method() == Method::POST {
            params.read_body(request).await?;
        }
        Ok(params)
    }

    async fn read_body(&mut self, request: Request) -> Result<(), Refusal> {
        let wrong = || Refusal::param("body");
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
            let mut form = Multipart::from_request(request, &()).await.map_err(|_| wrong())?;
            while let Some(field) = form.next_field().await.map_err(|_| wrong())? {
                let name = field.name().unwrap_or_default().to_owned();
                self.add(name, field.text().await.map_err(|_| wrong())?);
            }
        } else if kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
            let Form(form) = form.map_err(|_| wrong())?;
            form.into_iter().for_each(|(name, value)| self.add(name, value));
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) {
        self.values.entry(name).or_default().push(value);
    }

    /// Returns the first value of a parameter; an empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.first().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Returns every value of a parameter, also those separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let values = self.values.get(name).into_iter().flatten();
        values.flat_map(|value| value.split(',')).filter(|text| !text.is_empty()).collect()
    }

    /// Returns a parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::param(format_args!("{name} is required")))
    }

    /// Returns a number, if it is given.
    pub(crate) fn int<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|_| Refusal::param(format_args!("{name} is not a number")))
    }

    /// Returns a number that must be there.
    pub(crate) fn required_int<T: std::str::FromStr>(&self, name: &str) -> Result<T, Refusal> {
        self.int(name)?.ok_or_else(|| Refusal::param(format_args!("{name} is required")))
    }

    /// Returns the account that a request is about.
    pub(crate) fn account(&self) -> Result<AccountIndex, Refusal> {
        self.required_int("account_index").map(AccountIndex::new)
    }

    /// Returns the market asked for; `None` when it is all of them.
    pub(crate) fn market(&self) -> Result<Option<MarketId>, Refusal> {
        Ok(self.int("market_id")?.filter(|id| *id != ALL_MARKETS).map(MarketId::new))
    }

    /// Returns `limit`, which must be there and in 1 ..= `max`.
    pub(crate) fn limit(&self, max: usize) -> Result<usize, Refusal> {
        let limit: usize = self.required_int("limit")?;
        if (1..=max).contains(&limit) { Ok(limit) } else { Err(Refusal::param("limit is out of range")) }
    }

    /// Returns a switch; absent is `default`.
    pub(crate) fn switch(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |text| matches!(text, "true" | "True" | "1"))
    }

    /// Returns the token, from the header or the `auth` parameter.
    pub(crate) fn token(&self) -> Option<&str> {
        self.header_token.as_deref().or_else(|| self.text("auth"))
    }

    /// Returns one page of a list that is newest first, and the cursor of the next one.
    ///
    /// A cursor counts from the oldest row, so that rows that appear while a client pages do not shift it.
    pub(crate) fn page<T>(&self, rows: Vec<T>, limit: usize) -> Result<(Vec<T>, String), Refusal> {
        let left = match self.text("cursor") {
            Some(cursor) => decode_cursor(cursor).ok_or_else(|| Refusal::param("cursor"))?.min(rows.len()),
            None => rows.len(),
        };
        let start = rows.len() - left;
        let page: Vec<T> = rows.into_iter().skip(start).take(limit).collect();
        let rest = left - page.len();
        Ok((page, if rest == 0 { String::new() } else { encode_cursor(rest) }))
    }
}

fn encode_cursor(index: usize) -> String {
    STANDARD.encode(object! { "index": index }.text())
}

fn decode_cursor(cursor: &str) -> Option<usize> {
    let value: serde_json::Value = serde_json::from_slice(&STANDARD.decode(cursor).ok()?).ok()?;
    usize::try_from(value.get("index")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: Method, uri: &str, kind: &str, body: &str) -> Request {
        Request::builder()
            .method(method)
            .uri(uri)
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    #[tokio::test]
    async fn both_body_encodings_say_the_same() {
        let form = "tx_type=14&tx_info=%7B%22a%22%3A%22x%2By%22%7D";
        let form = request(Method::POST, "/", "application/x-www-form-urlencoded", form);
        let parts = "--b\r\nContent-Disposition: form-data; name=\"tx_type\"\r\n\r\n14\r\n\
            --b\r\nContent-Disposition: form-data; name=\"tx_info\"\r\n\r\n{\"a\":\"x+y\"}\r\n--b--\r\n";
        let parts = request(Method::POST, "/", "multipart/form-data; boundary=b", parts);
        let (form, parts) = (Params::read(form).await.unwrap(), Params::read(parts).await.unwrap());
        assert_eq!(form, parts);
        assert_eq!(form.text("tx_info"), Some(r#"{"a":"x+y"}"#));
    }

    #[tokio::test]
    async fn pages_do_not_shift_when_rows_appear() {
        let params = async |uri: &str| Params::read(request(Method::GET, uri, "", "")).await.unwrap();
        let (page, cursor) = params("/").await.page(vec![5, 4, 3, 2, 1], 2).unwrap();
        assert_eq!(page, [5, 4]);
        let next = params(&format!("/?cursor={cursor}")).await;
        let (page, cursor) = next.page(vec![6, 5, 4, 3, 2, 1], 3).unwrap();
        assert_eq!((page.as_slice(), cursor.as_str()), ([3, 2, 1].as_slice(), ""));
    }
}
