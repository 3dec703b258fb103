//! `completions` and `man`: what shells and `man` read, written out of the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::fault::Fault;
use super::{Cli, Context, Exit, out};

const NAME: &str = "lighter-plan";

/// Write a shell's completion script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan completions bash > ~/.local/share/bash-completion/completions/lighter-plan
  lighter-plan completions zsh > ~/.zfunc/_lighter-plan
  lighter-plan completions fish > ~/.config/fish/completions/lighter-plan.fish
  lighter-plan completions powershell >> $PROFILE")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut script);
        // The library's script for bash takes the dash in the program's name for one between commands, in half of the
        // places; without this no flag of a subcommand completes.
        let script = String::from_utf8_lossy(&script).replace("lighter__subcmd__plan", "lighter__plan");
        out::text(&script)?;
        Ok(Exit::OK)
    }
}

/// Write the manual pages: the main one to standard output, or all of them to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan man | man -l -
  lighter-plan man --out ~/.local/share/man/man1")]
pub(super) struct ManPages {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManPages {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        // `help` has no page of its own, so no page may send its reader there.
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let Some(folder) = &self.out else {
            out::text(&String::from_utf8_lossy(&page(&command, NAME)?))?;
            return Ok(Exit::OK);
        };
        let failed = |path: &std::path::Path, error| {
            Fault::tool(format!("cannot write `{}`: {error}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        for (name, command) in all(NAME, &command) {
            let path = folder.join(format!("{}.1", name.replace(' ', "-")));
            std::fs::write(&path, page(command, &name)?).map_err(|error| failed(&path, error))?;
        }
        Ok(Exit::OK)
    }
}

/// Returns a command and all below it, each with its name as it is typed.
fn all<'a>(name: &str, command: &'a clap::Command) -> Vec<(String, &'a clap::Command)> {
    let mut found = vec![(name.to_owned(), command)];
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        found.extend(all(&format!("{name} {}", inner.get_name()), inner));
    }
    found
}

fn page(command: &clap::Command, name: &str) -> std::io::Result<Vec<u8>> {
    let page_name = name.replace(' ', "-");
    let command = command.clone().display_name(page_name.clone()).bin_name(name.to_owned());
    let command = command.version(env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone())
        .title(page_name)
        .source(concat!("lighter-plan ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        examples(&text.to_string(), &mut page)?;
    }
    sections(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// Examples keep their lines: a page that flows them together cannot be copied from.
fn examples(text: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    let (title, body) =
        text.split_once(":\n").filter(|(title, _)| *title == "Examples").unwrap_or(("NOTES", text));
    let mut roff = Roff::default();
    roff.control("SH", [title.to_uppercase().as_str()]);
    roff.control("nf", []);
    for line in body.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(page)
}

/// What every command shares.
const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    (
        "EXIT STATUS",
        &[
            ("0", "done; findings below the floor"),
            ("1", "findings, or a failure before anything was sent"),
            ("2", "the command line or the policy cannot be meant"),
            ("3", "tool or I/O fault"),
            ("10, 20", "the plan has actions; the operator declined"),
            ("21 to 28", "how a run ended: README.md has the table"),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            ("LIGHTER_PLAN_STATE", "directory of journal, locks and paper exchanges"),
            ("LIGHTER_PLAN_PASSPHRASE, LIGHTER_PLAN_PASSPHRASE_FILE", "opens sealed key files"),
            ("NO_COLOR", "no colours, when it is not empty"),
            (
                "FORCE_HYPERLINK",
                "1 writes links in findings, 0 none; else where the terminal is known to show them",
            ),
            (
                "LIGHTER_PLAN_PROJECT_URL",
                "where the project's files are browsed; rule codes then lead to docs/rules.md",
            ),
        ],
    ),
    (
        "FILES",
        &[
            ("./.lighter-plan", "state, unless --state says otherwise"),
            ("lighter-plan.toml", "the policy of a repository"),
        ],
    ),
];

fn sections(page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut roff = Roff::default();
    for (title, rows) in SECTIONS {
        roff.control("SH", [title]);
        for (name, meaning) in rows {
            roff.control("TP", []);
            roff.text([roman(*name)]);
            roff.text([roman(*meaning)]);
        }
    }
    roff.to_writer(page)
}
