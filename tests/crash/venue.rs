//! What the exchange itself says happened: its record of every account, over the control plane.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use rust_decimal::Decimal;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Process, until};
use crate::{Failure, ensure};

/// How long an exchange may take to start on a busy machine; one with a log replays it first.
const START: Duration = Duration::from_secs(60);

/// A paper exchange in a process of its own.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) http: String,
    pub(crate) ws: String,
    pub(crate) chain_id: u64,
    process: Process,
}

impl Exchange {
    /// Starts an exchange with the control plane and two accounts, and waits until it serves.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let ready = directory.join("exchange.json");
        // One of an earlier exchange of the same case says nothing about this one.
        let _ = std::fs::remove_file(&ready);
        let ready_text = ready.display().to_string();
        let always =
            ["paper", "--control", "--accounts", "2", "--market", "SOL", "--ready-file", &ready_text];
        let process = Process::start(&directory.join("exchange.out"), &[&always, arguments].concat(), &[])?;
        ensure!(until(START, || ready.exists()), "the exchange is not ready after {START:?}");
        let text = std::fs::read_to_string(&ready).map_err(|error| format!("no announcement: {error}"))?;
        let said: Value =
            serde_json::from_str(&text).map_err(|error| format!("bad announcement: {error}"))?;
        Ok(Self {
            http: text_of(&said, "http")?,
            ws: text_of(&said, "ws")?,
            chain_id: said["chain_id"].as_u64().ok_or("no chain id")?,
            process,
        })
    }

    /// Sends its process a signal: stopped, it keeps every connection and answers nothing.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        self.process.signal(signal)
    }

    /// Has the world do something.
    pub(crate) fn act(&self, action: &str) -> Result<(), Failure> {
        request(&self.http, "POST", "/paper/act", action).map(drop)
    }

    /// Returns the exchange's time, in milliseconds.
    pub(crate) fn now(&self) -> Result<i64, Failure> {
        integer(&self.state()?, "now")
    }

    fn state(&self) -> Result<Value, Failure> {
        serde_json::from_str(&request(&self.http, "GET", "/paper/state", "")?)
            .map_err(|error| format!("the exchange's state is no JSON: {error}"))
    }

    /// Returns everything that ever happened on the operator's accounts, in order of their numbers.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>, Failure> {
        rows(&self.state()?, "accounts")?.iter().map(Account::read).collect()
    }
}

/// A request without a client library: the exchange is on this machine, and one answer is all there is.
fn request(base: &str, method: &str, path: &str, body: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let host = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).map_err(failed)?;
    stream.set_read_timeout(Some(START)).map_err(failed)?;
    let length = body.len();
    let head = format!(
        "Host: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}"
    );
    write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\n\r\n{body}").map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a body")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {head} {body}");
    Ok(body.to_owned())
}

/// An account as the exchange has it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) index: i64,
    /// Net position over all markets, signed, in base units.
    pub(crate) position: Decimal,
    pub(crate) collateral: Decimal,
    pub(crate) funding_paid: Decimal,
    pub(crate) orders: Vec<VenueOrder>,
    pub(crate) trades: Vec<VenueTrade>,
    pub(crate) transactions: Vec<VenueTx>,
    pub(crate) withdrawals: Vec<VenueWithdrawal>,
}

/// An order that ever existed.
#[derive(Debug)]
pub(crate) struct VenueOrder {
    pub(crate) client: u64,
    pub(crate) status: String,
    pub(crate) reduce_only: bool,
}

/// A trade of an account.
#[derive(Debug)]
pub(crate) struct VenueTrade {
    pub(crate) id: u64,
    pub(crate) price: Decimal,
    pub(crate) size: Decimal,
    pub(crate) quote: Decimal,
    pub(crate) bid_account: i64,
    pub(crate) ask_account: i64,
    pub(crate) bid_client: u64,
    pub(crate) ask_client: u64,
    /// In milliseconds of venue time.
    pub(crate) at: i64,
}

impl VenueTrade {
    /// Returns the own client order index, and whether `account` bought.
    pub(crate) const fn of(&self, account: i64) -> (u64, bool) {
        if self.bid_account == account { (self.bid_client, true) } else { (self.ask_client, false) }
    }
}

/// A transaction that the exchange took in.
#[derive(Debug)]
pub(crate) struct VenueTx {
    pub(crate) hash: String,
    pub(crate) key: u64,
    pub(crate) nonce: i64,
    pub(crate) kind: u64,
    /// Whether it used its nonce.
    pub(crate) executed: bool,
    /// Whether it failed, its nonce used or not.
    pub(crate) failed: bool,
}

/// A withdrawal.
#[derive(Debug)]
pub(crate) struct VenueWithdrawal {
    pub(crate) id: String,
    pub(crate) amount: Decimal,
    pub(crate) status: String,
    /// In milliseconds of venue time.
    pub(crate) at: i64,
}

impl Account {
    fn read(row: &Value) -> Result<Self, Failure> {
        let account = &row["account"];
        let mut position = Decimal::ZERO;
        let mut funding_paid = Decimal::ZERO;
        for held in rows(account, "positions")? {
            let sign = Decimal::from(held["sign"].as_i64().ok_or("a position without a sign")?);
            position += sign * decimal(held, "position")?;
            funding_paid += decimal(held, "total_funding_paid_out")?;
        }
        Ok(Self {
            index: integer(account, "index")?,
            position,
            collateral: decimal(account, "collateral")?,
            funding_paid,
            orders: rows(row, "orders")?.iter().map(VenueOrder::read).collect::<Result<_, _>>()?,
            trades: rows(row, "trades")?.iter().map(VenueTrade::read).collect::<Result<_, _>>()?,
            transactions: rows(row, "transactions")?.iter().map(VenueTx::read).collect::<Result<_, _>>()?,
            withdrawals: rows(row, "withdrawals")?
                .iter()
                .map(VenueWithdrawal::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the client order indices of the account's orders that may still trade.
    pub(crate) fn live_orders(&self) -> Vec<u64> {
        let live = |order: &&VenueOrder| matches!(order.status.as_str(), "open" | "pending" | "in-progress");
        self.orders.iter().filter(live).map(|order| order.client).collect()
    }
}

impl VenueOrder {
    fn read(row: &Value) -> Result<Self, Failure> {
        Ok(Self {
            client: natural(row, "client_order_index")?,
            status: text_of(row, "status")?,
            reduce_only: row["reduce_only"].as_bool().unwrap_or_default(),
        })
    }
}

impl VenueTrade {
    fn read(row: &Value) -> Result<Self, Failure> {
        Ok(Self {
            id: natural(row, "trade_id")?,
            price: decimal(row, "price")?,
            size: decimal(row, "size")?,
            quote: decimal(row, "usd_amount")?,
            bid_account: integer(row, "bid_account_id")?,
            ask_account: integer(row, "ask_account_id")?,
            bid_client: natural(row, "bid_client_id")?,
            ask_client: natural(row, "ask_client_id")?,
            at: integer(row, "timestamp")?,
        })
    }
}

impl VenueTx {
    fn read(row: &Value) -> Result<Self, Failure> {
        let status = natural(row, "status")?;
        let error = text_of(row, "event_info")?.contains("message");
        Ok(Self {
            hash: text_of(row, "hash")?,
            key: natural(row, "api_key_index")?,
            nonce: integer(row, "nonce")?,
            kind: natural(row, "type")?,
            executed: status == 2,
            failed: status == 0 || error,
        })
    }
}

impl VenueWithdrawal {
    fn read(row: &Value) -> Result<Self, Failure> {
        Ok(Self {
            id: text_of(row, "id")?,
            amount: decimal(row, "amount")?,
            status: text_of(row, "status")?,
            at: integer(row, "timestamp")?,
        })
    }
}

fn rows<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, Failure> {
    value[name].as_array().ok_or_else(|| format!("no list `{name}`"))
}

fn text_of(value: &Value, name: &str) -> Result<String, Failure> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no text `{name}` in {value}"))
}

fn decimal(value: &Value, name: &str) -> Result<Decimal, Failure> {
    let text = text_of(value, name)?;
    text.parse().map_err(|error| format!("`{name}` is {text}: {error}"))
}

fn integer(value: &Value, name: &str) -> Result<i64, Failure> {
    value[name].as_i64().ok_or_else(|| format!("no number `{name}` in {value}"))
}

fn natural(value: &Value, name: &str) -> Result<u64, Failure> {
    value[name].as_u64().ok_or_else(|| format!("no number `{name}` in {value}"))
}
