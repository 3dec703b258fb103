//! A name holds characters that names do not have.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_NAME,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A name holds characters that names do not have.",
    reason: "Names end up in file names, client order ids and shell commands.",
    bad: Example::Fragment("name: sol pair"),
    good: Example::Fragment("name: sol-pair"),
    check: Check::Loading,
};
