//! Standard output and standard error of the commands.
//!
//! Everything a command prints goes through here: one lock per text, so that lines never mix, and a reader that went
//! away (`| head`) is no panic and no fault.

use std::io::{self, Write};

/// Writes `text` as it is to standard output; a closed pipe is ignored.
///
/// # Errors
///
/// Any other I/O error, such as a full disk behind a redirection.
pub fn text(text: &str) -> io::Result<()> {
    forgive(write_to(&mut io::stdout().lock(), text))
}

/// Writes `line` and a line break to standard output; faults are reported by the next [`text`] or lost.
pub fn line(line: &str) {
    drop(text(&format!("{line}\n")));
}

/// Writes `line` and a line break to standard error; nothing can be done when that fails.
pub fn note(line: &str) {
    drop(write_to(&mut io::stderr().lock(), &format!("{line}\n")));
}

/// Writes `error: message` and its causes to standard error, one `caused by` line each.
pub fn error(error: &dyn std::error::Error) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str("\n  caused by: ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    note(&text);
}

fn write_to(stream: &mut dyn Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
