//! `resume --take-over`: before anything else, burns every nonce that another process may have signed with.
//!
//! A process that lost its run without knowing it (another host, a machine that slept) may hold signed bytes that never
//! left, and will sign with the next nonce when it wakes. Each such nonce is used up here by a transaction that does nothing but clear
//! the dead man's switch, so that its bytes are refused for good and its next signature tells it that somebody else
//! signs (DESIGN §6, F-17).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Exit;
use super::health::chain;
use super::session::Session;
use super::settle::{Fate, VenueTime, settle};
use crate::engine::{Entry, IllegalEntry, Intent, IntentId, LegSide, Outcome, Pair, Purpose, record};
use crate::journal::{Journal, JournalError, Priority};
use crate::model::{AccountIndex, ApiKeyIndex, Nonce, PairId, RunId};
use crate::plan::Plan;
use crate::tx::{CancelAllOrders, Envelope, Tx};
use crate::venue::{Class, Venue as _, VenueError};

/// How long the bytes of one burn live.
const LIFETIME: Duration = Duration::from_secs(10);
/// Burns of one nonce before it is given up.
const TRIES: u32 = 5;

/// Why a run is not taken over. What was burnt by then stays burnt; doing it again is harmless.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeOverError {
    /// The other process went on after the journal was copied.
    #[error(
        "key {key} of account {account} stands at nonce {theirs}, and this journal knows {ours}: the run went on \
         elsewhere after this copy of its journal was made; take it over from there"
    )]
    Behind {
        /// Whose key.
        account: AccountIndex,
        /// Its slot.
        key: ApiKeyIndex,
        /// The venue's next nonce.
        theirs: Nonce,
        /// The journal's.
        ours: Nonce,
    },
    /// A nonce could not be burnt.
    #[error("nonce {nonce} of key {key} of account {account} could not be burnt: {reason}")]
    NotBurnt {
        /// Whose key.
        account: AccountIndex,
        /// Its slot.
        key: ApiKeyIndex,
        /// Which nonce.
        nonce: Nonce,
        /// Why not.
        reason: String,
    },
    /// The venue did not tell where a key stands.
    #[error("the venue does not say where key {key} of account {account} stands")]
    Venue {
        /// Whose key.
        account: AccountIndex,
        /// Its slot.
        key: ApiKeyIndex,
        /// What came instead.
        source: VenueError,
    },
    /// The journal.
    #[error("the journal cannot be written")]
    Journal(#[from] JournalError),
    /// A bug, or a journal of another program.
    #[error(transparent)]
    Illegal(#[from] IllegalEntry),
}

impl TakeOverError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Behind { .. } => Exit::LOCKED,
            Self::NotBurnt { .. } | Self::Venue { .. } => Exit::UNKNOWN,
            Self::Journal(error) if error.is_corruption() => Exit::JOURNAL,
            Self::Journal(_) | Self::Illegal(_) => Exit::FAULT,
        }
    }
}

/// Takes every pair of `plan` over; returns how many nonces were burnt.
pub(super) async fn take_over(
    run: &RunId,
    plan: &Plan,
    session: &Session,
    journal: &Journal,
    states: &mut BTreeMap<PairId, Pair>,
) -> Result<u32, TakeOverError> {
    let mut burnt = 0;
    for pair in &plan.pairs {
        let Some(state) = states.get_mut(&pair.id).filter(|state| state.end().is_none()) else { continue };
        for side in LegSide::BOTH {
            let leg = match side {
                LegSide::Long => &pair.long,
                LegSide::Short => &pair.short,
            };
            let keys: Vec<_> = state.leg(side).nonces.keys().copied().collect();
            for key in keys {
                let held = Held { run, pair: &pair.id, side, account: leg.account, key, session, journal };
                burnt += held.burn_all(state).await?;
            }
        }
    }
    Ok(burnt)
}

/// One key slot.
struct Held<'a> {
    run: &'a RunId,
    pair: &'a PairId,
    side: LegSide,
    account: AccountIndex,
    key: ApiKeyIndex,
    session: &'a Session,
    journal: &'a Journal,
}

impl Held<'_> {
    /// Burns from the venue's next nonce up to the first that this journal has never signed with.
    async fn burn_all(&self, state: &mut Pair) -> Result<u32, TakeOverError> {
        let known = self.first_unused(state);
        let mut next = self.next_nonce().await?;
        if next > known {
            return Err(TakeOverError::Behind {
                account: self.account,
                key: self.key,
                theirs: next,
                ours: known,
            });
        }
        let (mut burnt, mut tries) = (Vec::new(), 0);
        while next <= known {
            match self.burn(state, next).await? {
                None => burnt.push(next),
                Some(reason) if tries >= TRIES => {
                    return Err(TakeOverError::NotBurnt {
                        account: self.account,
                        key: self.key,
                        nonce: next,
                        reason,
                    });
                }
                Some(_) => tries += 1,
            }
            next = self.next_nonce().await?;
        }
        self.bury(state, &burnt, next).await?;
        Ok(u32::try_from(burnt.len()).unwrap_or(u32::MAX))
    }

    /// The first nonce that this journal has never signed with: what another process signs next, if it has not.
    fn first_unused(&self, state: &Pair) -> Nonce {
        let leg = state.leg(self.side);
        let signed = leg.unsettled.values().filter(|intent| intent.key == self.key);
        let used = signed.map(|intent| intent.nonce.next());
        used.chain(leg.nonces.get(&self.key).copied()).max().unwrap_or(Nonce::new(0))
    }

    async fn next_nonce(&self) -> Result<Nonce, TakeOverError> {
        let asked = self.session.venue.next_nonce(self.account, self.key).await;
        asked.map_err(|source| TakeOverError::Venue { account: self.account, key: self.key, source })
    }

    /// Uses up one nonce, durable before it is sent; returns why not, if somebody else's bytes may have used it.
    async fn burn(&self, state: &mut Pair, nonce: Nonce) -> Result<Option<String>, TakeOverError> {
        let not_burnt =
            |reason: String| TakeOverError::NotBurnt { account: self.account, key: self.key, nonce, reason };
        let clock = &self.session.clock;
        let (theirs, _) = self.session.venue.status().await.map_err(|source| TakeOverError::Venue {
            account: self.account,
            key: self.key,
            source,
        })?;
        let time = VenueTime::new(clock.clone(), theirs);
        let deadline_ms = time.deadline_ms(LIFETIME);
        let envelope = Envelope {
            tx: Tx::CancelAllOrders(CancelAllOrders {
                account_index: self.account.get(),
                api_key_index: self.key.get(),
                mode: 2,
                time: 0,
            }),
            expired_at: deadline_ms,
            nonce: nonce.get(),
            attributes: crate::tx::Attributes::default(),
        };
        let signed = self.session.signer.sign(&envelope);
        let signed = signed.ok_or_else(|| not_burnt("there is no key to sign with".to_owned()))?;
        let id = IntentId(state.intents + 1);
        let intent = Intent {
            id,
            leg: self.side,
            purpose: Purpose::ClearDeadMan,
            account: self.account,
            key: self.key,
            nonce,
            client_order_index: None,
            order: None,
            child: None,
            deadline: crate::model::Timestamp::from_millis(deadline_ms),
            at: clock.now(),
            tx_type: signed.tx_type,
            tx_info: signed.tx_info.clone(),
            hash: signed.hash,
        };
        self.write(state, vec![Entry::Intent(Box::new(intent))]).await?;
        let fate = settle(&self.session.venue, &signed, Class::Cancel, &time, deadline_ms).await;
        let (outcome, left) = match fate {
            Fate::Executed => (Outcome::Executed, None),
            Fate::Failed(message) => {
                (Outcome::Failed { code: None, message: message.clone() }, Some(message))
            }
            Fate::Refused(error) => {
                let proof = chain(&error);
                (Outcome::Dead { code: None, proof: proof.clone() }, Some(proof))
            }
            Fate::Dead => {
                let proof = "past its deadline and unknown to the venue".to_owned();
                (Outcome::Dead { code: None, proof: proof.clone() }, Some(proof))
            }
            Fate::Unknown(reason) => return Err(not_burnt(reason)),
        };
        let at = clock.now();
        self.write(state, vec![Entry::Settled { intent: id, leg: self.side, outcome, at }]).await?;
        Ok(left)
    }

    /// What was signed with a burnt nonce is dead, and the next free one is `next`.
    async fn bury(&self, state: &mut Pair, burnt: &[Nonce], next: Nonce) -> Result<(), TakeOverError> {
        let at = self.session.clock.now();
        let dead = state.leg(self.side).unsettled.values();
        let dead = dead.filter(|intent| intent.key == self.key && burnt.contains(&intent.nonce));
        let mut entries: Vec<_> = dead
            .map(|intent| Entry::Settled {
                intent: intent.id,
                leg: self.side,
                outcome: Outcome::Dead { code: None, proof: "its nonce was burnt by a take-over".to_owned() },
                at,
            })
            .collect();
        entries.push(Entry::NonceFreed { leg: self.side, key: self.key, next });
        self.write(state, entries).await
    }

    async fn write(&self, state: &mut Pair, entries: Vec<Entry>) -> Result<(), TakeOverError> {
        let mut after = state.clone();
        for entry in &entries {
            after.evolve(entry)?;
        }
        let events = record::events(self.pair, self.session.clock.now(), &entries);
        let rows = record::intents(self.pair, state, &entries);
        self.journal.append(self.run, Priority::Reducing, events, rows).await?;
        *state = after;
        Ok(())
    }
}
