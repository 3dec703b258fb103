//! Names for findings that stay when lines move, for tools that follow them from commit to commit.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::FileReport;
use crate::plan::Finding;

/// Gives every finding of a file its name; those that are alike in all else are counted.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(HashMap<String, u32>);

impl Fingerprints {
    /// Returns the name of the next finding: of its rule, file, place in the plan and text there, not of its line.
    pub(super) fn of(&mut self, file: &FileReport<'_>, finding: &Finding) -> String {
        let covered = file.checked.covered.as_str();
        let text = finding.span.as_ref().map(|span| file.source.clamp(span.clone()));
        let text = text.and_then(|span| covered.get(span)).unwrap_or_default();
        let path = file.source.name().replace('\\', "/");
        let same = format!("{}\n{path}\n{}\n{text}", finding.rule.code, finding.pointer);
        let count = self.0.entry(same.clone()).or_default();
        *count += 1;
        let digest = Sha256::digest(format!("{same}\n{count}"));
        hex::encode(&digest[..16])
    }
}
