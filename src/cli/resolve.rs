//! `resolve`: settles by hand what is in doubt, with evidence, and never against the venue's own word.

use clap::{Args, ValueEnum};

use super::apply::ApplyError;
use super::resume::{Claimed, ResumeError, claim, finish};
use super::session::{self, PaperFiles, Session};
use super::{Context, Exit, out, reading};
use crate::engine::{Entry, IllegalEntry, Intent, LegSide, Outcome, Purpose, record};
use crate::journal::{Act, JournalError, Priority, RunRow, StateDir};
use crate::model::{Nonce, PairId, RunId};
use crate::venue::lighter::OrderEntry;
use crate::venue::{TxStatus, Venue as _, VenueError};

/// Settle by hand what is in doubt in a run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan resolve 20261122213000-a1b2c3                       # lists what is in doubt
  lighter-plan resolve 20261122213000-a1b2c3 alpha.place.long --as not-sent \\
      --evidence 'the venue's support says it was never taken in, ticket 4711'

`resume` settles what it can by asking the venue, and that is always the better way. This is for what
the venue does not tell. It is asked here too, and what it shows is never contradicted: an executed
transaction is not `not-sent`, and bytes that may still land are not settled before their deadline.
The answer goes into the journal with who gave it, when, and the evidence.
Exit codes: 0 settled, or listed; 1 nothing is in doubt, or the venue says otherwise; 24 the venue does not
answer; 25 the run is live.")]
pub(super) struct ResolveArgs {
    /// The run
    #[arg(value_name = "RUN")]
    run: RunId,
    /// What is in doubt, as the list names it; without it, the list
    #[arg(value_name = "STEP", requires = "outcome", requires = "evidence")]
    step: Option<String>,
    /// What became of it
    #[arg(long = "as", value_enum, value_name = "OUTCOME", requires = "step")]
    outcome: Option<Claim>,
    /// Why you know; it is journaled
    #[arg(long, value_name = "TEXT", requires = "step", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    evidence: Option<String>,
}

/// What the operator says became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Claim {
    /// The venue executed it
    Sent,
    /// It never took effect and never will
    NotSent,
}

impl Claim {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::NotSent => "not-sent",
        }
    }
}

/// Why nothing was settled.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error("the state directory cannot be used")]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Illegal(#[from] IllegalEntry),
    #[error("nothing called `{step}` is in doubt in run `{run}`; in doubt are: {known}")]
    NoSuchStep { run: RunId, step: String, known: String },
    #[error("several transactions of `{step}` are in doubt, name one: {known}")]
    Ambiguous { step: String, known: String },
    #[error("`{step}` is not `{claim}`: {why}")]
    Contradicted { step: String, claim: &'static str, why: String },
    #[error("the venue does not say what it knows of `{step}`")]
    Unanswered { step: String, source: VenueError },
}

impl ResolveError {
    fn exit(&self) -> Exit {
        match self {
            Self::Resume(error) => error.exit(),
            Self::Journal(error) if error.is_corruption() => Exit::JOURNAL,
            Self::Journal(_) | Self::Illegal(_) => Exit::FAULT,
            Self::NoSuchStep { .. } | Self::Ambiguous { .. } | Self::Contradicted { .. } => Exit::FAILED,
            Self::Unanswered { .. } => Exit::UNKNOWN,
        }
    }
}

/// A transaction whose outcome nobody knows.
struct Doubt {
    pair: PairId,
    intent: Intent,
}

impl Doubt {
    /// The step it belongs to, such as `alpha.place.long`.
    fn step(&self) -> String {
        let step = match self.intent.purpose {
            Purpose::Leverage => "check",
            Purpose::Entry => "place",
            Purpose::Cancel(_) => "cancel",
            Purpose::Hedge => "hedge",
            Purpose::Exit => "exit",
            Purpose::Protect => "protect",
            Purpose::ArmDeadMan(_) | Purpose::ClearDeadMan => "dead-man",
            Purpose::Withdraw(_) | Purpose::FastWithdraw { .. } => "withdraw",
        };
        format!("{}.{step}.{}", self.pair, self.intent.leg.name())
    }

    /// Its own name: the step may have sent several.
    fn name(&self) -> String {
        format!("{}#{}", self.step(), self.intent.id.0)
    }

    fn line(&self) -> String {
        let Intent { account, key, nonce, hash, deadline, .. } = &self.intent;
        format!(
            "{:<28}  account {account}, key {key}, nonce {nonce}, dead after {deadline}\n    {hash}",
            self.name()
        )
    }
}

impl ResolveArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, super::Fault> {
        let (state, store) = reading::open(context)?;
        let row = reading::pick(&store, Some(&self.run))?;
        drop(store);
        let resolved = context.block_on(Box::pin(self.resolve(context, &state, row)))?;
        Ok(match resolved {
            Ok(exit) => exit,
            Err(ResolveError::Resume(error)) => finish(Ok(Err(error))),
            Err(error) => {
                out::error(&error);
                error.exit()
            }
        })
    }

    async fn resolve(self, context: &Context, state: &StateDir, row: RunRow) -> Result<Exit, ResolveError> {
        let claimed = claim(state, &row.id, "resolve").await?;
        let doubts = doubts(&claimed);
        let (Some(step), Some(claim), Some(evidence)) = (&self.step, self.outcome, &self.evidence) else {
            list(&row.id, &doubts);
            return Ok(Exit::OK);
        };
        let doubt = find(&row.id, step, &doubts)?;
        let files = PaperFiles::of(&state.paper(), &row.id);
        let session =
            session::open(&claimed.plan, Some(&files), OrderEntry::default(), context.passphrases())
                .await
                .map_err(|error| ResumeError::Apply(ApplyError::from(error)))?;
        let act = Act::here("resolve", format!("{} --as {}: {evidence}", doubt.name(), claim.name()));
        let outcome = judge(&session, doubt, claim, &act).await?;
        write(&claimed, &session, doubt, outcome, &act).await?;
        out::line(&format!(
            "{} is settled as {}; `lighter-plan resume {}` goes on",
            doubt.name(),
            claim.name(),
            row.id
        ));
        if let Some(paper) = session.paper {
            paper.shutdown().await;
        }
        claimed.journal.close().await;
        Ok(Exit::OK)
    }
}

fn doubts(claimed: &Claimed) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for (pair, state) in &claimed.states {
        for side in LegSide::BOTH {
            let intents = state.leg(side).unsettled.values().cloned();
            doubts.extend(intents.map(|intent| Doubt { pair: pair.clone(), intent }));
        }
    }
    doubts
}

fn list(run: &RunId, doubts: &[Doubt]) {
    if doubts.is_empty() {
        out::line(&format!("nothing is in doubt in run {run}"));
        return;
    }
    out::line(&format!("in doubt in run {run}; `lighter-plan resume {run}` asks the venue about it:"));
    for doubt in doubts {
        out::line(&format!("  {}", doubt.line()));
    }
}

fn find<'a>(run: &RunId, step: &str, doubts: &'a [Doubt]) -> Result<&'a Doubt, ResolveError> {
    let named: Vec<_> = doubts.iter().filter(|doubt| doubt.name() == step || doubt.step() == step).collect();
    let names = |doubts: &[&Doubt]| match doubts {
        [] => "nothing".to_owned(),
        some => some.iter().map(|doubt| doubt.name()).collect::<Vec<_>>().join(", "),
    };
    match named.as_slice() {
        [one] => Ok(one),
        [] => Err(ResolveError::NoSuchStep {
            run: run.clone(),
            step: step.to_owned(),
            known: names(&doubts.iter().collect::<Vec<_>>()),
        }),
        several => Err(ResolveError::Ambiguous { step: step.to_owned(), known: names(several) }),
    }
}

/// Holds what the operator says against what the venue shows; returns the outcome that is written.
async fn judge(session: &Session, doubt: &Doubt, claim: Claim, act: &Act) -> Result<Outcome, ResolveError> {
    let Intent { account, key, hash, .. } = &doubt.intent;
    let unanswered = |source| ResolveError::Unanswered { step: doubt.name(), source };
    // The nonce first: a transaction that is executed between the two questions is then seen by the second.
    let next = session.venue.next_nonce(*account, *key).await.map_err(unanswered)?;
    let shown = session.venue.transaction(*hash).await.map_err(unanswered)?;
    let past = session.clock.now() > doubt.intent.deadline.after(READ_LAG);
    let why = match verdict(shown.map(|row| row.status), next, &doubt.intent, past, claim, act) {
        Ok(outcome) => return Ok(outcome),
        Err(why) => why,
    };
    Err(ResolveError::Contradicted { step: doubt.name(), claim: claim.name(), why })
}

/// How long after its deadline a transaction may still come into sight.
const READ_LAG: std::time::Duration = std::time::Duration::from_secs(5);

fn verdict(
    shown: Option<TxStatus>,
    next: Nonce,
    intent: &Intent,
    past: bool,
    claim: Claim,
    act: &Act,
) -> Result<Outcome, String> {
    let used = next > intent.nonce;
    let by_hand = || Outcome::Dead { code: None, proof: format!("settled by hand: {act}") };
    match (shown, claim) {
        (Some(TxStatus::Executed), Claim::Sent) => Ok(Outcome::Executed),
        (Some(TxStatus::Executed), Claim::NotSent) => Err("the venue shows it as executed".to_owned()),
        (Some(TxStatus::Failed { code, message }), Claim::NotSent) => Ok(Outcome::Failed { code, message }),
        (Some(TxStatus::Failed { message, .. }), Claim::Sent) => {
            Err(format!("the venue executed it as a failure: {message}"))
        }
        (Some(TxStatus::Pending), _) => {
            Err("the venue has it and has not executed it yet; ask again".to_owned())
        }
        (None, _) if !past => {
            Err(format!("its bytes may land until {}; ask again after that", intent.deadline))
        }
        (None, Claim::Sent) if !used => {
            Err(format!("the venue still waits for nonce {}, so nothing with it was executed", intent.nonce))
        }
        (None, Claim::NotSent) if used => {
            Err(format!("the venue has used nonce {}, so something with it was executed", intent.nonce))
        }
        (None, Claim::Sent) => Ok(Outcome::Executed),
        (None, Claim::NotSent) => Ok(by_hand()),
    }
}

/// One commit carries the outcome and who said so.
async fn write(
    claimed: &Claimed,
    session: &Session,
    doubt: &Doubt,
    outcome: Outcome,
    act: &Act,
) -> Result<(), ResolveError> {
    let at = session.clock.now();
    let settled = Entry::Settled { intent: doubt.intent.id, leg: doubt.intent.leg, outcome, at };
    let Some(state) = claimed.states.get(&doubt.pair) else { return Ok(()) };
    state.clone().evolve(&settled)?;
    let entries = [settled];
    let mut events = vec![act.event(at)];
    events.extend(record::events(&doubt.pair, at, &entries));
    let rows = record::intents(&doubt.pair, state, &entries);
    claimed.journal.append(&claimed.run, Priority::Reducing, events, rows).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::IntentId;
    use crate::model::{AccountIndex, ApiKeyIndex, Timestamp, TxHash};

    fn intent() -> Intent {
        Intent {
            id: IntentId(3),
            leg: LegSide::Long,
            purpose: Purpose::Entry,
            account: AccountIndex::new(1001),
            key: ApiKeyIndex::new(4),
            nonce: Nonce::new(7),
            client_order_index: None,
            order: None,
            child: None,
            deadline: Timestamp::from_millis(1_000),
            at: Timestamp::from_millis(0),
            tx_type: 14,
            tx_info: String::new(),
            hash: TxHash::new([7; 40]),
        }
    }

    /// U-07: the operator's word stands only where the venue's is silent, and never for bytes that may still land.
    #[test]
    fn u_07_the_venue_is_never_contradicted() {
        let failed = || TxStatus::Failed { code: Some(21_711), message: "invalid expiry".to_owned() };
        let (unused, used) = (Nonce::new(7), Nonce::new(8));
        let cases = [
            // shown, next nonce, past its deadline, claim, accepted
            (Some(TxStatus::Executed), used, false, Claim::Sent, true),
            (Some(TxStatus::Executed), used, true, Claim::NotSent, false),
            (Some(failed()), used, false, Claim::NotSent, true),
            (Some(failed()), used, true, Claim::Sent, false),
            (Some(TxStatus::Pending), unused, true, Claim::Sent, false),
            (Some(TxStatus::Pending), unused, true, Claim::NotSent, false),
            (None, unused, false, Claim::NotSent, false),
            (None, used, false, Claim::Sent, false),
            (None, unused, true, Claim::NotSent, true),
            (None, used, true, Claim::NotSent, false),
            (None, used, true, Claim::Sent, true),
            (None, unused, true, Claim::Sent, false),
        ];
        let act = Act::here("resolve", "evidence");
        for (shown, next, past, claim, accepted) in cases {
            let verdict = verdict(shown.clone(), next, &intent(), past, claim, &act);
            assert_eq!(verdict.is_ok(), accepted, "{shown:?} {next} {past} {claim:?}: {verdict:?}");
        }
    }

    #[test]
    fn a_step_is_named_by_pair_leg_and_number() {
        let doubt = Doubt { pair: "alpha".parse().expect("a name"), intent: intent() };
        assert_eq!(doubt.step(), "alpha.place.long");
        assert_eq!(doubt.name(), "alpha.place.long#3");
    }
}
