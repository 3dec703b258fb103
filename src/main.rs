//! The `lighter-plan` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    lighter_plan::cli::main().into()
}
