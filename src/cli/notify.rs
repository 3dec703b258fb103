//! `notify`: sends a test message to the webhooks of a plan.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::apply::network_name;
use super::policy::{Policies, PolicyArgs};
use super::{Context, Exit, Fault, Variables, out};
use crate::lint::check_with;
use crate::model::snapshot_markets;
use crate::notify::{Alert, Origin, Payload, Receiver};
use crate::plan::{NotifyTopic, Plan, SourceFile};
use crate::rt::Clock;

const EXAMPLES: &str = "\
Examples:
  lighter-plan notify test plan.yaml
  lighter-plan notify test plan.yaml --event liquidation

Exit codes: 0 every webhook took it, 1 one did not or cannot be used, 2 usage, 3 tool or I/O fault.";

/// Try out the webhooks of a plan
#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    Test(TestArgs),
}

/// Send a test message to every webhook of a plan and say what came back
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct TestArgs {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Only to those that are told of this
    #[arg(long, value_enum, value_name = "KIND")]
    event: Option<Event>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
}

/// What webhooks are told of.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Event {
    /// A leg is closed by the venue, or near to it
    Liquidation,
    /// A hedge starts, or the venue refuses one
    Hedge,
    /// Something needs a person
    Stuck,
    /// A pair ended or stopped
    Finished,
}

impl From<Event> for NotifyTopic {
    fn from(event: Event) -> Self {
        match event {
            Event::Liquidation => Self::Liquidation,
            Event::Hedge => Self::Hedge,
            Event::Stuck => Self::Stuck,
            Event::Finished => Self::Finished,
        }
    }
}

impl NotifyArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        match self.command {
            NotifyCommand::Test(args) => args.run(context),
        }
    }
}

impl TestArgs {
    fn run(self, context: &Context) -> Result<Exit, Fault> {
        let source = SourceFile::read(&self.plan)?;
        let policy = self.policy.of(&self.plan, &Policies::default())?;
        let checked = check_with(&source, &self.variables.options()?, snapshot_markets(), &policy);
        let Some(plan) = checked.plan else {
            let unsound = format!("`{}` is no sound plan", self.plan.display());
            return Err(Fault::with(Exit::FAILED, unsound).hint("`lighter-plan validate` says why"));
        };
        let topic = self.event.map(NotifyTopic::from);
        let mut receivers = Receiver::all(&plan.notify);
        receivers.retain(|receiver| topic.is_none_or(|topic| receiver.hears(topic)));
        if receivers.is_empty() {
            return Err(Fault::with(Exit::FAILED, "no webhook of the plan is told of that")
                .hint("`notify` of the plan lists webhooks and what each is told"));
        }
        let mut arrived = true;
        for receiver in &receivers {
            let (line, taken) = context.block_on(test(&plan, receiver, topic))?;
            out::line(&line);
            arrived &= taken;
        }
        Ok(if arrived { Exit::OK } else { Exit::FAILED })
    }
}

/// Posts a test message once; returns what came back, and whether the message was taken.
pub(super) async fn test(plan: &Plan, receiver: &Receiver, topic: Option<NotifyTopic>) -> (String, bool) {
    let webhook = match &receiver.webhook {
        Ok(webhook) => webhook,
        Err(error) => return (format!("env:{}  not sent: {error}", receiver.env), false),
    };
    let origin = Origin { run: None, plan: plan.name.clone(), network: network_name(&plan.network) };
    let clock = Clock::system();
    let payload = Payload::new(&origin, &Alert::test(clock.now(), topic), &[], 1, false);
    let began = clock.elapsed();
    let answer = webhook.post(payload.to_bytes()).await;
    let took = clock.elapsed().saturating_sub(began).as_millis();
    match answer {
        Ok(status) => (format!("{webhook}  taken: HTTP {status} after {took} ms"), true),
        Err(error) => (format!("{webhook}  not taken: {error} after {took} ms"), false),
    }
}
