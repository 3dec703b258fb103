//! What the terminal behind a stream can show.

use std::env;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

use super::Color;
use crate::lint::formats::{Links, Look};

/// Where rules lead when the environment names no other place: the package's repository, if it says one.
const PROJECT: &str = env!("CARGO_PKG_REPOSITORY");

/// Returns whether `stream` gets colours.
pub(super) fn colors(wanted: Color, stream: &impl IsTerminal) -> bool {
    match wanted {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            stream.is_terminal() && !is_set("NO_COLOR") && variable("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Returns how findings look on `stream`.
pub(super) fn look(wanted: Color, stream: &(impl IsTerminal + AsFd)) -> Look {
    let colors = colors(wanted, stream);
    let columns = stream.is_terminal().then(|| tcgetwinsize(stream).ok()).flatten();
    Look {
        colors,
        // A terminal that does not know its size says zero.
        columns: columns.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0),
        links: shows_links(colors && stream.is_terminal(), variable).then(links).flatten(),
    }
}

fn links() -> Option<Links> {
    let project = variable("LIGHTER_PLAN_PROJECT_URL").unwrap_or_else(|| PROJECT.to_owned());
    Some(Links { folder: env::current_dir().ok()?, project: Some(project) })
}

/// `FORCE_HYPERLINK` decides, as for other tools; else links go to terminals with colours that are known to show them,
/// because the others show the address as rubbish.
fn shows_links(colorful: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    if let Some(forced) = variable("FORCE_HYPERLINK") {
        return forced != "0";
    }
    // In a multiplexer the other variables are those of the terminal that it was started from.
    let term = variable("TERM").unwrap_or_default();
    if !colorful || variable("CI").is_some() || term.starts_with("screen") || term.starts_with("tmux") {
        return false;
    }
    let program = variable("TERM_PROGRAM").unwrap_or_default();
    let at_least = |name, least| {
        variable(name).and_then(|text| text.parse().ok()).is_some_and(|version: u32| version >= least)
    };
    ["xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm"]
        .iter()
        .any(|known| term.starts_with(known))
        || ["iTerm.app", "WezTerm", "vscode", "ghostty", "rio", "Hyper"].contains(&program.as_str())
        || at_least("VTE_VERSION", 5000)
        || at_least("KONSOLE_VERSION", 201_200)
        || variable("WT_SESSION").is_some()
        || variable("DOMTERM").is_some()
}

fn is_set(name: &str) -> bool {
    variable(name).is_some()
}

/// Returns a variable of the environment; an empty one counts as none.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(wanted: bool, colorful: bool, set: &[(&str, &str)]) {
        let variable =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(shows_links(colorful, variable), wanted, "{set:?}, colours: {colorful}");
    }

    #[test]
    fn links_go_where_they_are_shown() {
        for known in [
            ("TERM", "xterm-kitty"),
            ("TERM_PROGRAM", "WezTerm"),
            ("TERM_PROGRAM", "vscode"),
            ("VTE_VERSION", "7006"),
            ("KONSOLE_VERSION", "230804"),
            ("WT_SESSION", "e5b6"),
        ] {
            case(true, true, &[known]);
            case(false, false, &[known]);
            case(false, true, &[known, ("CI", "true")]);
            case(false, true, &[known, ("FORCE_HYPERLINK", "0")]);
            case(true, false, &[known, ("FORCE_HYPERLINK", "1")]);
        }
        for unknown in [("TERM", "xterm"), ("TERM", "dumb"), ("VTE_VERSION", "4600"), ("VTE_VERSION", "x")] {
            case(false, true, &[unknown]);
        }
        case(false, true, &[("TERM", "tmux-256color"), ("VTE_VERSION", "7006")]);
        case(false, true, &[]);
    }
}
