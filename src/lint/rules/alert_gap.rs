//! Alerts are sent, and not of what matters most.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{NotifyTopic, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::ALERT_GAP,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "Alerts are sent, and not of what matters most.",
    reason: "A liquidation and a run that is stuck cannot wait until somebody looks. A `notify` list that leaves them out gives false rest.",
    bad: Example::Fragment(r#"notify: [{ webhook: 'env:ALERT_URL', on: [finished] }]"#),
    good: Example::Fragment(r#"notify: [{ webhook: 'env:ALERT_URL', on: [liquidation, stuck] }]"#),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    if input.plan.notify.is_empty() {
        return;
    }
    let told = |topic| input.plan.notify.iter().any(|receiver| receiver.on.contains(&topic));
    let wanted = [(NotifyTopic::Liquidation, "liquidation"), (NotifyTopic::Stuck, "stuck")];
    let missing: Vec<&str> =
        wanted.into_iter().filter(|(topic, _)| !told(*topic)).map(|(_, name)| name).collect();
    if !missing.is_empty() {
        let message = format!("nobody is told of: {}", missing.join(", "));
        let finding = report.add(&RULE, input.document.place("/notify"), message);
        finding.help = Some(format!("add to `on`: [{}]", missing.join(", ")));
    }
}
