//! YAML tags are not part of the plan language.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::YAML_TAG,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "YAML tags are not part of the plan language.",
    reason: "A tag changes what a value is; the plan language decides that by the key.",
    bad: Example::Text("leverage: !!int 5"),
    good: Example::Text("leverage: 5"),
    check: Check::Loading,
};
