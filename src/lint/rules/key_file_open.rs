//! Others can read a key file.

use std::os::unix::fs::PermissionsExt as _;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{KeySource, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::KEY_FILE_OPEN,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "Others can read a key file.",
    reason: "Whoever reads the key trades with the account. Only the file's permissions are looked at, never the file; one that is not on this machine says nothing.",
    bad: Example::Fragment(
        r#"network: testnet
paper: ~
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: 'file:/etc/passwd' }
    short: { account: 1002, api_key_index: 4, key: 'env:SHORT' }"#,
    ),
    good: Example::Fragment(
        r#"network: testnet
paper: ~
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: 'file:keys/long' }
    short: { account: 1002, api_key_index: 4, key: 'env:SHORT' }"#,
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        for (name, leg) in [("long", &pair.long), ("short", &pair.short)] {
            for (field, source) in [("key", Some(&leg.key)), ("l1_key", leg.l1_key.as_ref())] {
                let Some(KeySource::File(path)) = source else { continue };
                let Ok(metadata) = std::fs::metadata(path) else { continue };
                let mode = metadata.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    let message =
                        format!("`{}` has mode {mode:04o}: others can read the key", path.display());
                    let site = input.document.place(&format!("/pairs/{index}/{name}/{field}"));
                    report.add(&RULE, site, message).help = Some(format!("chmod 600 {}", path.display()));
                }
            }
        }
    }
}
