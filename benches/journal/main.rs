//! What the journal costs: commits beside the same commits of bare SQLite, and how long reading takes.
//!
//! An effect is two durable commits: the intent before its bytes leave, and its outcome. Ours and the control take turns,
//! so that both see the same disk. Reading is what `resume` does before it asks the venue anything: open, prove every
//! chain link, fold every entry. The last line is the whole of it: from the start of `resume` to its first question.
//!
//! `cargo bench --bench journal -- --effects 500 --events 1000000`
//!
//! `--only-effects` writes nothing but the effects of the journal, for a count of syncs from outside:
//! `strace -f -c -e trace=fsync,fdatasync target/release/deps/journal-… --bench --only-effects --effects 1000`
//!
//! `--growth` measures nothing but how much an hour of a pair writes, which takes two and a half minutes.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

mod commits;
mod growth;
mod reading;
mod resume;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // Without `--bench`, it is a test of the bench.
    let usual = if arguments.iter().any(|argument| argument == "--bench") { (300, 10_000) } else { (2, 100) };
    let effects = number(&arguments, "--effects").unwrap_or(usual.0);
    if arguments.iter().any(|argument| argument == "--only-effects") {
        commits::ours_alone(effects);
        return;
    }
    if arguments.iter().any(|argument| argument == "--growth") {
        growth::measure();
        return;
    }
    commits::compare(effects);
    let events = number(&arguments, "--events").unwrap_or(usual.1);
    reading::measure(events);
    // A resume reads one run; nobody has one of a million events.
    resume::measure(events.min(10_000));
}

fn number(arguments: &[String], name: &str) -> Option<usize> {
    let text = arguments.iter().skip_while(|argument| *argument != name).nth(1)?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{name}` takes a number")))
}
