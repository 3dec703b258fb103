//! Loads and lints a plan for commands that need one without errors.

use super::{Context, out};
use crate::model::snapshot_markets;
use crate::plan::{LoadOptions, Plan, Severity, SourceFile, load};

/// Returns the plan, or prints what is wrong with it.
pub(crate) fn checked(source: &SourceFile, options: &LoadOptions<'_>, _context: &Context) -> Option<Plan> {
    let loaded = load(source, options, snapshot_markets());
    let errors: Vec<_> =
        loaded.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    for finding in &errors {
        out::note(&format!("{}: error[{}]: {}", source.name(), finding.rule.code, finding.message));
    }
    if errors.is_empty() { loaded.plan } else { None }
}
