//! Which policy holds for an open plan. A server lives long, so a policy is read again when its file has changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use crate::lint::{Policy, PolicyError};

/// Where policies come from.
#[derive(Clone, Debug, Default)]
pub enum PolicySource {
    /// The nearest `lighter-plan.toml`, in the plan's folder or above.
    #[default]
    Nearest,
    /// One file for all plans.
    File(PathBuf),
    /// Nowhere: every rule as it is.
    None,
}

/// The policies read so far.
#[derive(Debug, Default)]
pub(super) struct Policies {
    source: PolicySource,
    known: RefCell<BTreeMap<PathBuf, Known>>,
}

/// What tells one version of a file from another: its time and length.
type Stamp = Option<(SystemTime, u64)>;

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    policy: Result<Rc<Policy>, Rc<PolicyError>>,
}

impl Policies {
    pub(super) fn new(source: PolicySource) -> Self {
        Self { source, known: RefCell::default() }
    }

    /// Returns the policy that holds for a plan; the default one when its file is no policy, which [`Self::troubles`]
    /// tells.
    pub(super) fn of(&self, plan: &Path) -> Rc<Policy> {
        let file = match &self.source {
            PolicySource::Nearest => Policy::find(plan),
            PolicySource::File(file) => Some(file.clone()),
            PolicySource::None => None,
        };
        let Some(file) = file else { return Rc::default() };
        let stamp = std::fs::metadata(&file).ok().and_then(|data| Some((data.modified().ok()?, data.len())));
        let mut known = self.known.borrow_mut();
        let current = known.get(&file).is_some_and(|known| known.stamp == stamp && stamp.is_some());
        if !current {
            let policy = Policy::read(&file).map(Rc::new).map_err(Rc::new);
            known.insert(file.clone(), Known { stamp, policy });
        }
        known.get(&file).and_then(|known| known.policy.clone().ok()).unwrap_or_default()
    }

    /// Returns the policy files read so far, each with what is wrong with it.
    pub(super) fn troubles(&self) -> Vec<(PathBuf, Option<Rc<PolicyError>>)> {
        let known = self.known.borrow();
        known.iter().map(|(file, known)| (file.clone(), known.policy.as_ref().err().cloned())).collect()
    }
}
