//! What a decision proposes becomes intents: with number, nonce, deadline and signed bytes. The same for every host.

use super::entry::{Intent, IntentId};
use super::event::Proposal;
use super::spec::PairSpec;
use super::state::Pair;
use crate::model::Timestamp;
use crate::tx::{Envelope, SignedTx};

/// Makes the intents of `proposals` as of `at`; a proposal whose slot has no nonce or no key is left out, and the pair
/// proposes it again. `pair` is the state with the decision's facts in it.
pub(crate) fn intents(
    spec: &PairSpec,
    pair: &Pair,
    proposals: &[Proposal],
    at: Timestamp,
    sign: impl Fn(&Envelope) -> Option<SignedTx>,
) -> Vec<Intent> {
    let mut made = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let Some(nonce) = pair.leg(proposal.leg).nonces.get(&proposal.key).copied() else { continue };
        let deadline = at.after(proposal.ttl);
        let envelope = Envelope {
            tx: proposal.tx.clone(),
            expired_at: deadline.as_millis(),
            nonce: nonce.get(),
            attributes: proposal.attributes,
        };
        let Some(signed) = sign(&envelope) else { continue };
        made.push(Intent {
            id: IntentId(pair.intents + 1 + u32::try_from(made.len()).unwrap_or(u32::MAX)),
            leg: proposal.leg,
            purpose: proposal.purpose,
            account: spec.leg(proposal.leg).account,
            key: proposal.key,
            nonce,
            client_order_index: proposal.client_order_index,
            order: proposal.order,
            child: proposal.child,
            deadline,
            at,
            tx_type: signed.tx_type,
            tx_info: signed.tx_info,
            hash: signed.hash,
        });
    }
    made
}
