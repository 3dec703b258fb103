//! Findings about plans: the rules, and the formats that show what they find.

mod across;
mod check;
pub mod fix;
pub mod formats;
mod ignore;
mod policy;
mod rule;
mod rules;
#[cfg(test)]
mod tests;

pub use across::{Across, Footprint, check_across};
pub use check::{Checked, check, check_with, covered_text};
pub use ignore::{Ignored, IgnoredBy};
pub use policy::{POLICY_FILE, Policy, PolicyError, policy_schema_text};
pub(crate) use rule::Input;
pub use rule::{Example, Rule, Silence};

/// Returns all rules, by code.
pub fn all_rules() -> &'static [&'static Rule] {
    rules::ALL
}

/// Returns the rule with this code or slug, upper or lower case.
pub fn find_rule(name: &str) -> Option<&'static Rule> {
    let same =
        |rule: &&&Rule| rule.id.code.eq_ignore_ascii_case(name) || rule.id.slug.eq_ignore_ascii_case(name);
    rules::ALL.iter().find(same).copied()
}
