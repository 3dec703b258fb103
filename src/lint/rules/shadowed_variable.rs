//! Two variables differ only in how they are spelt, or one has the name of something else.

use std::collections::HashMap;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, Site, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::SHADOWED_VARIABLE,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "Two variables differ only in how they are spelt, or one has the name of something else.",
    reason: "A template then reads one where the other was meant, and nothing says so.",
    bad: Example::Fragment(
        r#"vars: { size: 2.5, Size: 3 }
size: "{{ vars.size }}"
leverage: "{{ vars.Size }}""#,
    ),
    good: Example::Fragment(
        r#"vars: { size: 2.5, lever: 3 }
size: "{{ vars.size }}"
leverage: "{{ vars.lever }}""#,
    ),
    check: Check::Plan(check),
};

/// What templates know by these names is no variable.
const TAKEN: [&str; 3] = ["env", "pair", "vars"];

fn check(input: &Input<'_>, report: &mut Report) {
    let mut seen: HashMap<String, Site> = HashMap::new();
    for entry in input.document.root.at("/vars").map(|vars| vars.entries()).unwrap_or_default() {
        let pointer = format!("/vars/{}", entry.key);
        let site = Site { pointer, span: Some(entry.key_span.clone()), written: true };
        if TAKEN.contains(&entry.key.as_str()) {
            let message =
                format!("`{0}` is what templates call something else: `{{{{ {0}.… }}}}`", entry.key);
            report.add(&RULE, site, message).help = Some("give the variable another name".to_owned());
            continue;
        }
        let folded = entry.key.to_lowercase().replace('-', "_");
        if let Some(first) = seen.get(&folded) {
            let other = first.pointer.trim_start_matches("/vars/");
            let message = format!("`{}` and `{other}` differ only in how they are spelt", entry.key);
            let related = Related::here(&first.pointer, first.span.clone(), "the other one");
            let finding = report.add(&RULE, site, message);
            finding.help = Some("keep one, or give them names that cannot be mixed up".to_owned());
            finding.related.push(related);
        } else {
            seen.insert(folded, site);
        }
    }
}
