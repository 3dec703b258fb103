//! `explain`: a rule's text, reason and examples.

use clap::Args;

use super::fault::Fault;
use super::{Context, Exit, out};
use crate::lint::fix::is_fixable;
use crate::lint::{Rule, Silence, all_rules, find_rule};
use crate::plan::finding::did_you_mean;

/// Explain a finding: what, why, a bad and a good example
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan explain LP306
  lighter-plan explain self-cross")]
pub(super) struct Explain {
    /// Code or slug of a rule; `lighter-plan rules` lists them
    #[arg(value_name = "CODE")]
    rule: String,
}

impl Explain {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let Some(rule) = find_rule(&self.rule) else {
            let names = all_rules().iter().flat_map(|rule| [rule.id.code, rule.id.slug]);
            let hint = did_you_mean(&self.rule, names).map_or_else(
                || "`lighter-plan rules` lists them all".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Fault::usage(format!("there is no rule `{}`", self.rule)).hint(hint));
        };
        out::text(&text(rule))?;
        Ok(Exit::OK)
    }
}

fn text(rule: &Rule) -> String {
    let indent = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let silence = match rule.silence {
        Silence::Comment => "may be ignored by a comment",
        Silence::Policy => "may be ignored by a policy file only",
        Silence::Never => "cannot be ignored",
    };
    format!(
        "{code} {slug} ({severity}, {silence}, {fixable}since {since})\n\n{summary}\n\n{reason}\n\nBad:\n\n{bad}\nGood:\n\n{good}",
        code = rule.id.code,
        slug = rule.id.slug,
        severity = rule.severity,
        fixable = if is_fixable(rule.id) { "fixable, " } else { "" },
        since = rule.since,
        summary = rule.summary,
        reason = rule.reason,
        bad = indent(&rule.bad.text()),
        good = indent(&rule.good.text()),
    )
}
