//! What the venue tells of its blocks and of L1.

use super::{Params, ok};
use crate::paper::server::actor::View;
use crate::paper::server::error::Refusal;
use crate::paper::server::json::{Json, object};
use crate::paper::server::wire;

pub(super) fn height(view: &View<'_>, _: &Params) -> Result<Json, Refusal> {
    Ok(ok().put("height", &wire::height(view.now())).json())
}

/// Nothing here ever came from L1.
pub(super) fn from_l1(_: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    params.required("hash")?;
    Err(Refusal::transaction_not_found())
}

/// There is no L1 below this exchange, and no contract on it.
pub(super) fn layer1() -> Json {
    ok().put("l1_providers", &[(); 0])
        .put("l1_providers_health", &true)
        .put("validator_info", &[(); 0])
        .put("contract_addresses", &[object! { "name": "ZkLighterContract", "address": wire::NO_ADDRESS }])
        .put("latest_l1_generic_block", &0)
        .put("latest_l1_governance_block", &0)
        .put("latest_l1_desert_block", &0)
        .json()
}
