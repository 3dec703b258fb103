//! A risk limit is missing.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::MISSING_RISK_LIMIT,
    severity: Severity::Error,
    suppressible: true,
    summary: "A risk limit is missing.",
    reason: "Limits have no defaults: the operator says what may be lost.",
    bad: Example::Text(
        r#"risk: ~
paper: ~"#,
    ),
    good: Example::Fragment("size: 2.5"),
    check: None,
};
