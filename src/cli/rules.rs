//! `rules`: the list of all rules.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::fault::Fault;
use super::{Context, Exit, out};
use crate::lint::{Rule, all_rules};

/// List all rules
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan rules
  lighter-plan rules --format json")]
pub(super) struct Rules {
    /// How to write the list
    #[arg(long, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One line a rule
    Human,
    /// One JSON document
    Json,
}

impl Rules {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let text = match self.format {
            Format::Human => all_rules().iter().map(|rule| line(rule)).collect(),
            Format::Json => {
                let rules: Vec<Value> = all_rules().iter().map(|rule| describe(rule)).collect();
                serde_json::to_string_pretty(&json!({ "version": 1, "rules": rules }))? + "\n"
            }
        };
        out::text(&text)?;
        Ok(Exit::OK)
    }
}

fn line(rule: &Rule) -> String {
    format!("{}  {:<23} {:<8} {}\n", rule.id.code, rule.id.slug, rule.severity.to_string(), rule.summary)
}

fn describe(rule: &Rule) -> Value {
    json!({
        "code": rule.id.code,
        "slug": rule.id.slug,
        "severity": rule.severity,
        "suppressible": rule.suppressible,
        "summary": rule.summary,
        "reason": rule.reason,
        "bad": rule.bad.text(),
        "good": rule.good.text(),
    })
}
