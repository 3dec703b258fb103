//! Which policy holds for which plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::fault::Fault;
use crate::lint::{Policy, PolicyError};
use crate::lsp::PolicySource;

/// Where the policy comes from.
#[derive(Debug, Default, Args)]
pub(super) struct PolicyArgs {
    /// Take the severities of rules from this file; else from the nearest `lighter-plan.toml` in the plan's folder or above,
    /// up to the repository's root
    #[arg(long, value_name = "FILE", conflicts_with = "no_policy")]
    policy: Option<PathBuf>,
    /// Take no policy file: every rule as it is
    #[arg(long, visible_alias = "isolated")]
    no_policy: bool,
}

/// Policies read so far, by file, so that each is read once.
#[derive(Debug, Default)]
pub(super) struct Policies {
    known: Mutex<BTreeMap<PathBuf, Arc<Policy>>>,
    /// The policy file that holds for each folder.
    nearest: Mutex<BTreeMap<PathBuf, Option<PathBuf>>>,
}

impl Policies {
    /// Looks for the policy file of a plan, once for each folder.
    fn nearest(&self, plan: &Path) -> Option<PathBuf> {
        let folder = plan.parent().unwrap_or(Path::new("")).to_owned();
        let mut nearest = self.nearest.lock().unwrap_or_else(PoisonError::into_inner);
        nearest.entry(folder).or_insert_with(|| Policy::find(plan)).clone()
    }
}

impl PolicyArgs {
    /// Returns where policies come from, for a process that lives long and reads them again.
    pub(super) fn source(&self) -> PolicySource {
        match (&self.policy, self.no_policy) {
            (Some(file), _) => PolicySource::File(file.clone()),
            (None, true) => PolicySource::None,
            (None, false) => PolicySource::Nearest,
        }
    }

    /// Returns the policy that holds for a plan.
    ///
    /// # Errors
    ///
    /// When it cannot be read (3), or is no policy (2).
    pub(super) fn of(&self, plan: &Path, policies: &Policies) -> Result<Arc<Policy>, Fault> {
        self.read(plan, policies).map_err(fault)
    }

    /// Does the same with the error as it is.
    pub(super) fn read(&self, plan: &Path, policies: &Policies) -> Result<Arc<Policy>, PolicyError> {
        let named = self.policy.clone();
        let found = || if self.no_policy { None } else { policies.nearest(plan) };
        let Some(file) = named.or_else(found) else {
            return Ok(Arc::default());
        };
        let mut known = policies.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = known.get(&file) {
            return Ok(policy.clone());
        }
        let policy = Arc::new(Policy::read(&file)?);
        known.insert(file, policy.clone());
        Ok(policy)
    }
}

fn fault(error: PolicyError) -> Fault {
    match error {
        PolicyError::Read { .. } => Fault::tool(error),
        PolicyError::Invalid { .. } => {
            Fault::usage(error).hint("docs/policy.md shows a whole policy; `--no-policy` goes without one")
        }
    }
}
