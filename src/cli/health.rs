//! What a look at keys, venue and state found: rows with a level and a remedy, as a table or as JSON.

use serde::Serialize;

use super::keys::Format;
use super::{Context, Exit, Fault, out};

/// How bad a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Works, but should be changed.
    Warn,
    /// A plan would fail.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    area: String,
    check: &'static str,
    level: Level,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

/// All rows of a look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Health {
    rows: Vec<Row>,
}

/// What the JSON form looks like; raised when it changes.
const JSON_VERSION: u32 = 1;

impl Health {
    pub(super) fn ok(&mut self, area: &str, check: &'static str, detail: impl Into<String>) {
        self.push(area, check, Level::Ok, detail.into(), None);
    }

    pub(super) fn warn(
        &mut self,
        area: &str,
        check: &'static str,
        detail: impl Into<String>,
        remedy: &'static str,
    ) {
        self.push(area, check, Level::Warn, detail.into(), Some(remedy));
    }

    pub(super) fn fail(
        &mut self,
        area: &str,
        check: &'static str,
        detail: impl Into<String>,
        remedy: &'static str,
    ) {
        self.push(area, check, Level::Fail, detail.into(), Some(remedy));
    }

    fn push(
        &mut self,
        area: &str,
        check: &'static str,
        level: Level,
        detail: String,
        remedy: Option<&'static str>,
    ) {
        self.rows.push(Row { area: area.to_owned(), check, level, detail, remedy });
    }

    fn count(&self, level: Level) -> usize {
        self.rows.iter().filter(|row| row.level == level).count()
    }

    /// Prints everything; the exit is 1 when something failed.
    pub(super) fn answer(&self, format: Format, context: &Context) -> Result<Exit, Fault> {
        let (warnings, failures) = (self.count(Level::Warn), self.count(Level::Fail));
        match format {
            Format::Human => out::text(&self.table(context.colors()))?,
            Format::Json => {
                let json = serde_json::json!({
                    "version": JSON_VERSION, "ok": failures == 0, "warnings": warnings,
                    "failures": failures, "checks": self.rows,
                });
                out::text(&format!("{json}\n"))?;
            }
        }
        Ok(if failures == 0 { Exit::OK } else { Exit::FAILED })
    }

    pub(super) fn table(&self, colors: bool) -> String {
        let width = |cell: fn(&Row) -> usize| self.rows.iter().map(cell).max().unwrap_or(0);
        let (areas, checks) = (width(|row| row.area.chars().count()), width(|row| row.check.len()));
        let mut text = String::new();
        for row in &self.rows {
            let level = paint(row.level, colors);
            text += &format!("{level}  {:areas$}  {:checks$}  {}\n", row.area, row.check, row.detail);
            if let Some(remedy) = row.remedy {
                text += &format!("      {:areas$}  {:checks$}  → {remedy}\n", "", "");
            }
        }
        let (ok, warn, fail) = (self.count(Level::Ok), self.count(Level::Warn), self.count(Level::Fail));
        text + &format!("\n{ok} ok, {warn} to look at, {fail} failed\n")
    }
}

fn paint(level: Level, colors: bool) -> String {
    let (word, color) = match level {
        Level::Ok => ("ok  ", 32),
        Level::Warn => ("warn", 33),
        Level::Fail => ("fail", 31),
    };
    if colors { format!("\u{1b}[{color}m{word}\u{1b}[0m") } else { word.to_owned() }
}

/// Returns an error with its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_rows_remedies_and_a_sum() {
        let mut health = Health::default();
        health.ok("venue", "chain", "304");
        health.fail("1001:4", "registered", "no", "register it");
        assert_eq!(
            health.table(false),
            "ok    venue   chain       304\nfail  1001:4  registered  no\n                          → register it\n\n\
             1 ok, 0 to look at, 1 failed\n"
        );
        assert!(health.table(true).contains("\u{1b}[31mfail\u{1b}[0m"));
    }
}
