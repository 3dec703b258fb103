//! `--until STEP`: the step after which a run stops.

use super::Exit;
use crate::engine::Until;
use crate::graph::StepKind;
use crate::model::PairId;
use crate::plan::{Plan, did_you_mean};

/// Why a step cannot be stopped after.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UntilError {
    /// No such step.
    #[error("`{name}` is no step; {help}")]
    Step {
        /// What was given.
        name: String,
        /// What may have been meant.
        help: String,
    },
    /// No such pair.
    #[error("the plan has no pair `{name}`; {help}")]
    Pair {
        /// What was given.
        name: String,
        /// What may have been meant.
        help: String,
    },
}

impl UntilError {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Step { .. } | Self::Pair { .. } => Exit::USAGE,
        }
    }
}

/// Reads `STEP` or `PAIR/STEP`; `place` and `withdraw` mean both legs'.
pub(super) fn read(text: &str, plan: &Plan) -> Result<Until, UntilError> {
    let (pair, step) = match text.split_once('/') {
        Some((pair, step)) => (Some(find_pair(pair, plan)?), step),
        None => (None, text),
    };
    let kinds: Vec<StepKind> = StepKind::ALL
        .into_iter()
        .filter(|kind| {
            let name = kind.to_string();
            name == step || name.split_once('.').is_some_and(|(both, _)| both == step)
        })
        .collect();
    if kinds.is_empty() {
        let all = StepKind::ALL.map(|kind| kind.to_string());
        let names: Vec<&str> = all.iter().map(String::as_str).chain(["place", "withdraw"]).collect();
        return Err(UntilError::Step { name: step.to_owned(), help: help(step, &names) });
    }
    Ok(Until { pair, kinds })
}

fn find_pair(name: &str, plan: &Plan) -> Result<PairId, UntilError> {
    let found = plan.pairs.iter().find(|pair| pair.id.as_str() == name);
    let names: Vec<&str> = plan.pairs.iter().map(|pair| pair.id.as_str()).collect();
    let unknown = || UntilError::Pair { name: name.to_owned(), help: help(name, &names) };
    found.map(|pair| pair.id.clone()).ok_or_else(unknown)
}

fn help(name: &str, known: &[&str]) -> String {
    did_you_mean(name, known.iter().copied())
        .map_or_else(|| format!("there are {}", known.join(", ")), |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::check;
    use crate::model::snapshot_markets;
    use crate::plan::{LoadOptions, SourceFile};

    #[test]
    fn a_step_is_named_by_kind_leg_or_pair() {
        let source = SourceFile::from_text("plan.yaml", include_str!("../../plans/never-fills.yaml"));
        let plan = check(&source, &LoadOptions::default(), snapshot_markets()).plan.expect("a sound plan");
        let read = |text: &str| read(text, &plan).map_err(|error| error.to_string());
        assert_eq!(
            read("place").unwrap().kinds,
            [StepKind::Place(crate::model::Side::Buy), StepKind::Place(crate::model::Side::Sell)]
        );
        assert_eq!(read("hedge").unwrap(), Until { pair: None, kinds: vec![StepKind::Hedge] });
        let one = read("alpha/withdraw.short").unwrap();
        assert_eq!((one.pair.unwrap().as_str(), one.kinds.len()), ("alpha", 1));
        assert_eq!(read("plaice").unwrap_err(), "`plaice` is no step; did you mean `place`?");
        assert_eq!(read("alpa/place").unwrap_err(), "the plan has no pair `alpa`; did you mean `alpha`?");
        let all = "there are check, place.long, place.short, watch, hedge, withdraw.long, withdraw.short, done, \
                   place, withdraw";
        assert_eq!(read("").unwrap_err(), format!("`` is no step; {all}"));
    }
}
