//! `doctor`: looks at everything a run needs, and sends nothing but questions unless a test order was asked for.

mod alerts;
mod legs;
mod probe;
mod state;
mod venue;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::apply::network_name;
use super::health::{Health, chain};
use super::keys::network::NetworkArgs;
use super::keys::{Format, check};
use super::policy::{Policies, PolicyArgs};
use super::{Context, Exit, Fault, Variables, session};
use crate::journal::StateDir;
use crate::model::{AccountIndex, ApiKeyIndex, snapshot_markets};
use crate::plan::{Network, Plan, SourceFile};
use crate::rt::Clock;
use crate::signing::PrivateKey;
use crate::tx::l1::Address;
use crate::venue::Credential;
use crate::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};

/// Check network, clock, keys, accounts, markets and state directory; sends nothing but questions unless told to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan doctor plan.yaml
  lighter-plan doctor --network testnet
  lighter-plan doctor plan.yaml --format json
  lighter-plan doctor testnet.yaml --place-and-cancel

With a plan on `network: paper`, an exchange is started for it in this process, as `apply` does.
Exit codes: 0 nothing failed, 1 something did, 2 usage, 3 tool or I/O fault.")]
pub(super) struct DoctorArgs {
    /// The plan; without it, only network and state directory are looked at
    #[arg(value_name = "PLAN", required_unless_present = "network", conflicts_with = "network")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
    /// Also place the smallest order far below the market for each leg, and cancel it; not where real money is
    #[arg(long, requires = "plan")]
    place_and_cancel: bool,
    /// Also send a test message to each webhook of the plan
    #[arg(long, requires = "plan")]
    notify: bool,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// A key of the plan that could be read.
struct HeldKey {
    account: AccountIndex,
    slot: ApiKeyIndex,
    key: PrivateKey,
}

impl DoctorArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let mut health = Health::default();
        state::look(&mut health, context.state_dir());
        match &self.plan {
            Some(path) => {
                let Some(plan) = self.read(path, &mut health)? else {
                    return health.answer(self.format, context);
                };
                let probe = self.probe(&plan, context)?;
                let webhooks = if self.notify { alerts::Webhooks::Try } else { alerts::Webhooks::Read };
                context.block_on(alerts::look(&mut health, &plan, webhooks))?;
                context.block_on(Box::pin(look_at_plan(&mut health, &plan, context, probe.as_ref())))??;
            }
            None => {
                let endpoints = session::endpoints(&self.network.required()?);
                context.block_on(look_at_network(&mut health, endpoints))?;
            }
        }
        health.answer(self.format, context)
    }

    /// Returns where a test order takes its locks; `None` when none was asked for.
    fn probe(&self, plan: &Plan, context: &Context) -> Result<Option<StateDir>, Fault> {
        if !self.place_and_cancel {
            return Ok(None);
        }
        if plan.network.counts_as_mainnet() {
            let name = network_name(&plan.network);
            return Err(Fault::usage(format!("no test order is placed on {name}: that is real money"))
                .hint("--place-and-cancel is for paper, the test networks and servers on this machine"));
        }
        StateDir::create(context.state_dir()).map(Some).map_err(|error| Fault::with(Exit::FAULT, error))
    }

    fn read(&self, path: &Path, health: &mut Health) -> Result<Option<Plan>, Fault> {
        let source = SourceFile::read(path)?;
        let policy = self.policy.of(path, &Policies::default())?;
        let checked =
            crate::lint::check_with(&source, &self.variables.options()?, snapshot_markets(), &policy);
        if checked.plan.is_none() {
            let detail = format!("`{}` is no sound plan", path.display());
            health.fail("plan", "sound", detail, "lighter-plan validate");
        }
        Ok(checked.plan)
    }
}

async fn look_at_network(health: &mut Health, endpoints: NetworkEndpoints) {
    match LighterVenue::new(endpoints.clone(), Vec::new(), Clock::system(), LighterOptions::default()) {
        Ok(client) => {
            venue::look(health, &client, &endpoints, &Clock::system()).await;
        }
        Err(error) => health.fail("venue", "address", chain(&error), "correct the address"),
    }
}

async fn look_at_plan(
    health: &mut Health,
    plan: &Plan,
    context: &Context,
    probe: Option<&StateDir>,
) -> Result<(), Fault> {
    let held = keys(health, plan, context);
    let owners = owners(health, plan, context);
    let paper = match &plan.paper {
        Some(paper) if plan.network == Network::Paper => {
            match session::start_paper(plan, paper, None).await {
                Ok(running) => Some(running),
                Err(error) => {
                    health.fail("venue", "paper", chain(&error), "correct `paper:` of the plan");
                    return Ok(());
                }
            }
        }
        _ => None,
    };
    let (endpoints, clock) = session::reach(plan, paper.as_ref()).await;
    let credentials = held.iter().map(|held| Credential {
        account: held.account,
        api_key_index: held.slot,
        key: held.key.clone(),
    });
    let made =
        LighterVenue::new(endpoints.clone(), credentials.collect(), clock.clone(), LighterOptions::default());
    let client = match made {
        Ok(client) => client,
        Err(error) => {
            health.fail("venue", "address", chain(&error), "correct `network:` of the plan");
            return Ok(());
        }
    };
    if venue::look(health, &client, &endpoints, &clock).await {
        for held in &held {
            let slot = (held.account, held.slot);
            check::registered(health, &client, endpoints.chain_id, slot, &held.key).await;
        }
        legs::look(health, &client, plan, &owners).await;
        if let Some(state) = probe {
            let way = (&client, endpoints.chain_id, &clock);
            probe::look(health, way, (plan, &held), state).await?;
        }
    }
    if let Some(running) = paper {
        running.shutdown().await;
    }
    Ok(())
}

fn keys(health: &mut Health, plan: &Plan, context: &Context) -> Vec<HeldKey> {
    let mut held = Vec::new();
    for leg in session::legs(plan) {
        for place in [Some(&leg.key), leg.l1_key.as_ref()].into_iter().flatten().filter_map(session::place) {
            check::permissions(health, &leg.account.to_string(), &place);
        }
        for slot in session::slots(leg) {
            let area = format!("{}:{slot}", leg.account);
            match session::read_key(plan, leg, slot, context.passphrases()) {
                Ok(key) => held.push(HeldKey { account: leg.account, slot, key }),
                Err(error) => health.fail(&area, "key", chain(&error), "lighter-plan keys check"),
            }
        }
    }
    held
}

/// Returns the addresses of the owners' keys that the plan names; what cannot be read is told.
fn owners(health: &mut Health, plan: &Plan, context: &Context) -> BTreeMap<AccountIndex, Address> {
    let mut owners = BTreeMap::new();
    for leg in session::legs(plan) {
        let Some(source) = &leg.l1_key else { continue };
        match session::owner_key(plan, leg.account, source, context.passphrases()) {
            Ok(key) => drop(owners.insert(leg.account, key.address())),
            Err(error) => health.fail(&leg.account.to_string(), "owner", chain(&error), "correct `l1_key:`"),
        }
    }
    owners
}
