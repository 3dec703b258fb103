//! YAML tags are not part of the plan language.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::YAML_TAG,
    severity: Severity::Error,
    suppressible: true,
    summary: "YAML tags are not part of the plan language.",
    reason: "A tag changes what a value is; the plan language decides that by the key.",
    bad: Example::Text("leverage: !!int 5"),
    good: Example::Text("leverage: 5"),
    check: None,
};
