//! `schema`: the JSON Schema of plans, and the reference written out of it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::export_schema::journal_schema_text;
use super::fault::Fault;
use super::{Context, Exit, out};
use crate::lint::formats::findings_schema_text;
use crate::lint::policy_schema_text;
use crate::notify::alert_schema_text;
use crate::plan::{plan_reference, plan_schema_text};

/// Write the JSON Schema of plans, for editors; or of what this program writes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan schema > plan.v1.schema.json
  lighter-plan schema --format markdown > docs/plan.md      # the same for people
  lighter-plan schema --out schemas/plan.v1.schema.json
  lighter-plan schema --check schemas/plan.v1.schema.json   # exit 1 when the file differs
  lighter-plan schema findings > findings.v1.schema.json    # of `validate --format json`
  lighter-plan schema policy > policy.v1.schema.json        # of lighter-plan.toml
  lighter-plan schema alert > alert.v1.schema.json          # of what webhooks get
  lighter-plan schema journal > journal.v1.schema.json      # of each line of `journal export`")]
pub(super) struct Schema {
    /// Of what
    #[arg(value_enum, default_value_t = Subject::Plan, value_name = "WHAT")]
    subject: Subject,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Json, value_name = "FORMAT")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,
    /// Compare with this file, and exit with 1 when it differs
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Subject {
    /// Plans
    Plan,
    /// The JSON that `validate` writes
    Findings,
    /// Policy files, `lighter-plan.toml`
    Policy,
    /// What webhooks get
    Alert,
    /// The lines of `journal export`
    Journal,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// JSON Schema, draft 2020-12
    Json,
    /// A reference for people
    Markdown,
}

impl Schema {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let text = match (self.subject, self.format) {
            (Subject::Plan, Format::Json) => plan_schema_text(),
            (Subject::Plan, Format::Markdown) => plan_reference(),
            (Subject::Findings, Format::Json) => findings_schema_text(),
            (Subject::Policy, Format::Json) => policy_schema_text(),
            (Subject::Alert, Format::Json) => alert_schema_text(),
            (Subject::Journal, Format::Json) => journal_schema_text(),
            (Subject::Findings | Subject::Policy | Subject::Alert | Subject::Journal, Format::Markdown) => {
                return Err(Fault::usage("only the reference of plans is written as markdown"));
            }
        };
        if let Some(path) = &self.check {
            let found = std::fs::read_to_string(path)
                .map_err(|error| Fault::tool(format!("cannot read `{}`: {error}", path.display())))?;
            if found != text {
                out::note(&format!("`{}` is not what this program writes", path.display()));
                return Ok(Exit::FAILED);
            }
        } else if let Some(path) = &self.out {
            std::fs::write(path, text)
                .map_err(|error| Fault::tool(format!("cannot write `{}`: {error}", path.display())))?;
        } else {
            out::text(&text)?;
        }
        Ok(Exit::OK)
    }
}
