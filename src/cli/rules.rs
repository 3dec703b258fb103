//! `rules`: the list of all rules.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::fault::Fault;
use super::{Context, Exit, out};
use crate::lint::fix::is_fixable;
use crate::lint::{Example, Rule, Silence, all_rules};
use crate::plan::RuleId;

/// List all rules
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan rules
  lighter-plan rules --format json
  lighter-plan rules --format markdown > docs/rules.md")]
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
    /// Everything that `explain` says, as one page
    Markdown,
}

impl Rules {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let text = match self.format {
            Format::Human => all_rules().iter().map(|rule| line(rule)).collect(),
            Format::Json => {
                let rules: Vec<Value> = all_rules().iter().map(|rule| describe(rule)).collect();
                serde_json::to_string_pretty(&json!({ "version": 1, "rules": rules }))? + "\n"
            }
            Format::Markdown => markdown(),
        };
        out::text(&text)?;
        Ok(Exit::OK)
    }
}

fn line(rule: &Rule) -> String {
    format!("{}  {:<23} {:<8} {}\n", rule.id.code, rule.id.slug, rule.severity.to_string(), rule.summary)
}

const HEAD: &str = "\
# Rules

<!-- Generated: `lighter-plan rules --format markdown`. A test fails when this file is not current. -->

What `validate`, `plan` and `apply` check. An error keeps a plan from running. A rule marked *always* cannot be ignored,
one marked *by policy* only by a policy file. Of one marked *fixable*, `validate --fix` mends the findings that it safely can.

| code | name | severity | finds |
|---|---|---|---|
";

fn markdown() -> String {
    let mut text = HEAD.to_owned();
    for rule in all_rules() {
        let RuleId { code, slug } = rule.id;
        let silence = match rule.silence {
            Silence::Comment => "",
            Silence::Policy => ", by policy",
            Silence::Never => ", always",
        };
        let fixable = if is_fixable(rule.id) { ", fixable" } else { "" };
        let summary = rule.summary.replace('|', "\\|");
        text.push_str(&format!(
            "| [{code}](#{}-{slug}) | {slug} | {}{silence}{fixable} | {summary} |\n",
            code.to_lowercase(),
            rule.severity
        ));
    }
    for rule in all_rules() {
        text.push_str(&format!(
            "\n## {} {}\n\n{}. Since {}.\n\n{}\n\nBad:\n\n{}\nGood:\n\n{}",
            rule.id.code,
            rule.id.slug,
            rule.summary.trim_end_matches('.'),
            rule.since,
            rule.reason,
            fenced(rule.bad),
            fenced(rule.good)
        ));
    }
    text
}

fn fenced(example: Example) -> String {
    match example {
        Example::Described(words) => format!("{words}\n"),
        other => format!("```yaml\n{}\n```\n", other.text().trim_end()),
    }
}

fn describe(rule: &Rule) -> Value {
    json!({
        "code": rule.id.code,
        "slug": rule.id.slug,
        "severity": rule.severity,
        "since": rule.since,
        "silence": match rule.silence {
            Silence::Comment => "comment",
            Silence::Policy => "policy",
            Silence::Never => "never",
        },
        "fixable": is_fixable(rule.id),
        "summary": rule.summary,
        "reason": rule.reason,
        "bad": rule.bad.text(),
        "good": rule.good.text(),
    })
}
