//! A stop leaves orders and positions as they are.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{OnStop, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_LEAVES_ORDERS,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "A stop leaves orders and positions as they are.",
    reason: "Nobody watches them until `resume`: what fills is naked, and no exit rule fires.",
    bad: Example::Fragment("on_stop: leave"),
    good: Example::Fragment("on_stop: cancel_open"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    if input.plan.on_stop == OnStop::Leave {
        let message = "after a stop, nobody watches the orders that stay".to_owned();
        let help = "`cancel_open` keeps the hedged position and no order; `flatten` keeps nothing";
        report.add(&RULE, input.document.place("/on_stop"), message).help = Some(help.to_owned());
    }
}
