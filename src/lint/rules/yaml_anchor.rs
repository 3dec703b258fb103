//! Anchors, aliases and merge keys are not part of the plan language.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::YAML_ANCHOR,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "Anchors, aliases and merge keys are not part of the plan language.",
    reason: "They make one value stand in two places, so that a finding or a review of one misses the other, and they can blow a small file up.",
    bad: Example::Text(
        r#"vars: { size: &size 2.5 }
size: "{{ vars.size }}""#,
    ),
    good: Example::Text(
        r#"vars: { size: 2.5 }
size: "{{ vars.size }}""#,
    ),
    check: Check::Loading,
};
