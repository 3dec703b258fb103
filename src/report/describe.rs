//! One line of words per journal entry.

use crate::engine::{Entry, Intent, Outcome, Purpose, Step, StopMode};
use crate::model::{Market, OrderStatus, TradeKind};

/// Returns what an entry says, in words, or `None` for housekeeping that no operator waits for.
pub fn describe(entry: &Entry, market: &Market) -> Option<String> {
    match entry {
        Entry::Checked(checked) => Some(format!(
            "check passed: buy {} / sell {}, size {} {}",
            checked.buy.to_decimal(market),
            checked.sell.to_decimal(market),
            checked.size.to_decimal(market),
            market.symbol
        )),
        Entry::Step { to, .. } => Some(step(to)),
        Entry::Intent(sent) => Some(intent(sent, market)),
        Entry::Settled { leg, outcome, .. } => settled(outcome).map(|text| format!("{}: {text}", leg.name())),
        Entry::Order { leg, status, filled, .. } => Some(format!(
            "{}: order {}{}",
            leg.name(),
            order_status(*status),
            if filled.is_zero() { String::new() } else { format!(", {} filled", filled.to_decimal(market)) }
        )),
        Entry::Fill(fill) => {
            let kind = match fill.kind {
                TradeKind::Trade => "",
                TradeKind::Liquidation => " by liquidation",
                TradeKind::Deleverage => " by auto-deleveraging",
                TradeKind::MarketSettlement => " by settlement",
            };
            Some(format!(
                "{}: {} {} at {}{kind}",
                fill.leg.name(),
                match fill.side {
                    crate::model::Side::Buy => "bought",
                    crate::model::Side::Sell => "sold",
                },
                fill.size.to_decimal(market),
                fill.price.to_decimal(market)
            ))
        }
        Entry::NakedFrom { .. } => Some("legs differ: the naked clock runs".to_owned()),
        Entry::NakedTo { .. } => Some("legs are equal again".to_owned()),
        Entry::Unwinding { .. } => Some("completing did not work: unwinding".to_owned()),
        Entry::Emergency { reason, .. } => Some(format!("EMERGENCY: {reason}")),
        Entry::Liquidated { leg, signal, .. } => {
            Some(format!("{} is being liquidated ({signal})", leg.name()))
        }
        Entry::SelfTrade { leg, what, .. } => Some(format!("{}: {what}", leg.name())),
        Entry::Foreign { leg, what, .. } => Some(format!("{}: {what}", leg.name())),
        Entry::PositionAdopted { leg, position, .. } => {
            Some(format!("{}: position is {} by the venue", leg.name(), position.to_decimal(market)))
        }
        Entry::WithdrawSkipped { leg, reason, .. } => {
            Some(format!("{}: nothing to withdraw, {reason}", leg.name()))
        }
        Entry::Withdrawal { leg, amount, status, .. } => Some(format!(
            "{}: withdrawal of {amount} USDC is {}",
            leg.name(),
            format!("{status:?}").to_lowercase()
        )),
        Entry::Alert { topic, text, .. } => Some(format!("ALERT {topic}: {text}")),
        Entry::Stop { mode: StopMode::Hold, .. } => {
            Some("stops here: the step to stop after is finished".to_owned())
        }
        Entry::Stop { mode: StopMode::Policy, .. } => Some("stop asked for".to_owned()),
        Entry::Stop { mode: StopMode::Flatten, .. } => Some("flatten asked for".to_owned()),
        Entry::Stopped { .. } => Some("stopped; `resume` goes on".to_owned()),
        Entry::Risk { to, reason, .. } => Some(format!("risk {}: {reason}", to.name())),
        Entry::VenueDown { since, .. } => Some(format!("nothing is heard from the venue since {since}")),
        Entry::Rules { market, changes, .. } => {
            Some(format!("{} changed its rules: {}", market.symbol, changes.join("; ")))
        }
        Entry::VenueUp { .. } => Some("the venue is back, and both legs were read".to_owned()),
        Entry::Resumed { .. } => Some("resumed".to_owned()),
        Entry::NonceFreed { .. } => None,
    }
}

fn step(to: &Step) -> String {
    match to {
        Step::Hedge(reason) => format!("→ hedge ({})", kebab(reason)),
        Step::Exit(reason) => format!("→ exit ({})", kebab(reason)),
        Step::Done(end) => format!("→ done: {}", end.summary),
        other => format!("→ {}", other.name()),
    }
}

fn kebab(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Object(map)) => map
            .into_iter()
            .map(|(key, value)| format!("{key}: {}", value.as_str().unwrap_or_default()))
            .collect(),
        _ => String::new(),
    }
}

fn intent(intent: &Intent, market: &Market) -> String {
    let leg = intent.leg.name();
    match (intent.purpose, intent.order) {
        (purpose, Some(order)) => format!(
            "{leg}: {} {} {} at {}{}",
            match purpose {
                Purpose::Hedge => "hedge,",
                Purpose::Exit => "exit,",
                Purpose::Protect => "stop,",
                _ => "place",
            },
            order.side,
            order.size.to_decimal(market),
            order.price.to_decimal(market),
            if order.reduce_only { ", reduce-only" } else { "" }
        ),
        (Purpose::Leverage, None) => format!("{leg}: set leverage"),
        (Purpose::Cancel(_), None) => format!("{leg}: cancel"),
        (Purpose::ArmDeadMan(until), None) => format!("{leg}: dead man's switch set to {until}"),
        (Purpose::ClearDeadMan, None) => format!("{leg}: dead man's switch cleared"),
        (Purpose::Withdraw(amount), None) => format!("{leg}: withdraw {amount} USDC"),
        (Purpose::FastWithdraw { amount, fee }, None) => {
            format!("{leg}: withdraw {amount} USDC by the fast route, fee {fee} USDC")
        }
        (Purpose::Entry | Purpose::Hedge | Purpose::Exit | Purpose::Protect, None) => format!("{leg}: order"),
    }
}

fn settled(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Executed => None,
        Outcome::Failed { code, message } => Some(format!("failed{}: {message}", number(*code))),
        Outcome::Dead { code, proof } => Some(format!("refused or dead{}: {proof}", number(*code))),
    }
}

fn number(code: Option<i64>) -> String {
    code.map_or_else(String::new, |code| format!(" with code {code}"))
}

fn order_status(status: OrderStatus) -> String {
    serde_json::to_value(status).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
