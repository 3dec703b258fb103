//! The file is no YAML.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::YAML_SYNTAX,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The file is no YAML.",
    reason: "Nothing can be checked in a file that cannot be read; a plan that cannot be read is never run.",
    bad: Example::Text("hedge: { wait: 20s"),
    good: Example::Text("hedge: { wait: 20s }"),
    check: Check::Loading,
};
