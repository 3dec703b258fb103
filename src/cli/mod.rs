//! The command line: one file per subcommand, one variant of `Command` each.
//!
//! A new subcommand is a file with a `clap::Args` struct and a `run(self, &Context) -> Result<Exit, Fault>`, a variant of
//! `Command`, and an arm in `Command::run`. It appears in `--help` because it works, never before.

mod accept;
mod acts;
mod alerts;
mod apply;
mod artifact;
mod completions;
mod context;
mod control;
mod doctor;
mod events;
mod execute;
mod exit;
mod explain;
mod export_schema;
mod fault;
mod fix;
mod health;
mod init;
mod input;
mod journal;
mod keys;
mod lock;
mod lsp;
mod notify;
pub mod out;
mod paper;
mod passphrase;
mod plan;
mod policy;
mod progress;
mod reading;
mod replay;
mod resolve;
mod resume;
mod rules;
mod runs;
mod schema;
mod session;
mod settle;
mod signals;
mod simulate;
mod status;
mod stop;
mod stored;
mod takeover;
mod terminal;
mod until;
mod validate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use context::Context;
pub use exit::Exit;
pub use fault::Fault;
pub use input::Variables;

/// A declarative, crash-safe plan runner for the Lighter perpetuals exchange.
#[derive(Debug, Parser)]
#[command(name = "lighter-plan", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Exit codes: 0 done, 1 findings, 2 usage, 3 tool or I/O fault. What a run ended with has codes of its own, 20 to 28.
Every subcommand has examples in its own --help.";

/// When to write colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// When the output is a terminal that knows colours and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Flags that every subcommand takes.
#[derive(Debug, Args)]
pub struct Global {
    /// When to write colours; `auto` respects NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Directory of journal, locks and paper exchanges
    #[arg(
        long,
        global = true,
        env = "LIGHTER_PLAN_STATE",
        default_value = "./.lighter-plan",
        value_name = "DIR"
    )]
    pub state: PathBuf,
    /// Read the passphrase of sealed key files from this file; else LIGHTER_PLAN_PASSPHRASE or a prompt
    #[arg(long, global = true, env = "LIGHTER_PLAN_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Say more on stderr (-v: what is done, -vv: how)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Validate(validate::Validate),
    Explain(explain::Explain),
    Rules(rules::Rules),
    Schema(schema::Schema),
    Plan(plan::PlanCommand),
    Simulate(simulate::SimulateArgs),
    Apply(apply::ApplyArgs),
    Resume(resume::ResumeArgs),
    Resolve(resolve::ResolveArgs),
    Stop(stop::StopArgs),
    Flatten(stop::FlattenArgs),
    Status(status::StatusArgs),
    Runs(runs::RunsArgs),
    Events(events::EventsArgs),
    Lock(lock::LockArgs),
    Journal(journal::JournalArgs),
    Notify(notify::NotifyArgs),
    Paper(paper::PaperArgs),
    Doctor(doctor::DoctorArgs),
    Keys(keys::KeysArgs),
    Lsp(lsp::Lsp),
    Completions(completions::Completions),
    Man(completions::ManPages),
}

impl Command {
    fn run(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::Init(command) => command.run(context),
            Self::Validate(command) => command.run(context),
            Self::Explain(command) => command.run(context),
            Self::Rules(command) => command.run(context),
            Self::Schema(command) => command.run(context),
            Self::Plan(command) => command.run(context),
            Self::Simulate(args) => args.run(context),
            Self::Apply(args) => Ok(args.run(context)),
            Self::Resume(args) => Ok(args.run(context)),
            Self::Resolve(args) => args.run(context),
            Self::Stop(args) => args.run(context),
            Self::Flatten(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Runs(args) => args.run(context),
            Self::Events(args) => args.run(context),
            Self::Lock(args) => args.run(context),
            Self::Journal(args) => args.run(context),
            Self::Notify(args) => args.run(context),
            Self::Paper(command) => command.run(context),
            Self::Doctor(args) => args.run(context),
            Self::Keys(command) => command.run(context),
            Self::Lsp(command) => command.run(context),
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}

/// Parses the arguments of the process, runs the command and returns the exit code.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; a closed pipe makes neither a fault.
            drop(error.print());
            return if error.use_stderr() { Exit::USAGE } else { Exit::OK };
        }
    };
    let context = Context::new(cli.global);
    cli.command.run(&context).unwrap_or_else(|fault| fault.report())
}
