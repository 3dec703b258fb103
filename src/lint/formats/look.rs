//! What a terminal can show, and the links that it may get (OSC 8).

use std::path::{Path, PathBuf};

use crate::plan::RuleId;

/// How findings look to people. The default is plain text, as a file or a pipe gets it.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Whether colours are written.
    pub colors: bool,
    /// How many columns the terminal has; longer lines of an excerpt are cut around what they are about.
    pub columns: Option<usize>,
    /// Where links lead; `None` writes none.
    pub links: Option<Links>,
}

/// Where links lead.
#[derive(Clone, Debug)]
pub struct Links {
    /// Where relative names of files start; absolute.
    pub folder: PathBuf,
    /// The address that the project's files are browsed at; rules have no links without it.
    pub project: Option<String>,
}

impl Links {
    /// Returns the address of a rule's explanation.
    pub(super) fn rule(&self, rule: RuleId) -> Option<String> {
        let project = self.project.as_deref()?.trim_end_matches('/');
        // What ends the sequence, or would start another one, is in no address.
        (!project.is_empty() && !project.contains(|c: char| c.is_control() || c == ' '))
            .then(|| format!("{project}/{}", rule.doc()))
    }

    /// Returns the address of a line; kitty, WezTerm and VS Code go to it, the others open the file.
    pub(super) fn line(&self, name: &str, line: usize) -> String {
        format!("file://{}#{line}", encoded(&self.folder.join(name)))
    }
}

/// Escapes all that no address holds as it is.
fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(*byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// Makes `place`, which stands alone behind the arrow of a rendered finding, a link. The renderer links rules only, and
/// takes escapes in a path for text; a finding without such a line stays as it is.
pub(super) fn link_place(rendered: &str, place: &str, url: &str) -> String {
    let found = rendered.split_inclusive('\n').find_map(|line| {
        let (before, after) = line.split_once("--> ")?;
        let blank = before.trim_start().is_empty() || before.trim_start().starts_with('\u{1b}');
        let shown = after.trim_end();
        (blank && shown.strip_prefix("\u{1b}[0m").unwrap_or(shown) == place).then_some(line)
    });
    let Some(line) = found else { return rendered.to_owned() };
    let linked = line.replacen(place, &format!("\u{1b}]8;;{url}\u{1b}\\{place}\u{1b}]8;;\u{1b}\\"), 1);
    rendered.replacen(line, &linked, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::check;
    use crate::lint::formats::{FileReport, human};
    use crate::model::snapshot_markets;
    use crate::plan::{LoadOptions, Severity, SourceFile};

    const SOUND: &str = include_str!("../../../plans/sol-pair.yaml");

    fn shown(name: &str, text: &str, look: &Look) -> String {
        let source = SourceFile::from_text(name, text);
        let checked = check(&source, &LoadOptions::default(), snapshot_markets());
        human(&[FileReport { source: &source, checked: &checked, floor: Severity::Info }], look)
    }

    fn linked(colors: bool, project: Option<&str>) -> Look {
        let links = Links { folder: PathBuf::from("/home/a b"), project: project.map(str::to_owned) };
        Look { colors, links: Some(links), columns: None }
    }

    /// Takes links out, and returns what is left with the addresses.
    fn without_links(text: &str) -> (String, Vec<String>) {
        let mut addresses = Vec::new();
        let mut left = String::new();
        let mut parts = text.split("\u{1b}]8;;");
        left.push_str(parts.next().unwrap());
        for part in parts {
            let (address, rest) = part.split_once("\u{1b}\\").expect("every sequence is ended");
            addresses.push(address.to_owned());
            left.push_str(rest);
        }
        (left, addresses)
    }

    #[test]
    fn links_change_nothing_that_is_read() {
        let text = SOUND.replace("max_hold", "max_hodl");
        for colors in [false, true] {
            let look = linked(colors, Some("https://example.org/lighter-plan/"));
            let (left, addresses) = without_links(&shown("plans/50% ü.yaml", &text, &look));
            assert_eq!(left, shown("plans/50% ü.yaml", &text, &Look { links: None, ..look }));
            let rule = "https://example.org/lighter-plan/docs/rules.md#lp101-unknown-key";
            let line = "file:///home/a%20b/plans/50%25%20%C3%BC.yaml#19";
            assert_eq!(addresses[..4], [rule, "", line, ""], "colours: {colors}");
            assert!(
                addresses.iter().skip(1).step_by(2).all(String::is_empty),
                "every link ends: {addresses:?}"
            );
        }
    }

    #[test]
    fn rules_have_no_link_without_an_address() {
        let text = SOUND.replace("max_hold", "max_hodl");
        for project in [None, Some(""), Some("https://example.org/\u{1b}\\"), Some("https://example.org/a b")]
        {
            let (_, addresses) = without_links(&shown("a.yaml", &text, &linked(true, project)));
            assert_eq!(addresses, ["file:///home/a%20b/a.yaml#19", ""], "{project:?}");
        }
    }

    #[test]
    fn a_file_without_an_excerpt_is_a_link_too() {
        let (_, addresses) = without_links(&shown("/tmp/a.yaml", "a: \u{0}\n", &linked(true, None)));
        assert_eq!(addresses, ["file:///tmp/a.yaml#1", ""]);
    }

    /// What the message quotes comes from the plan and may look like a place; only the line of the arrow is one.
    #[test]
    fn a_place_in_a_message_is_no_link() {
        let text = "error: `--> a.yaml:1:2`\n  --> a.yaml:1:2\n   |\n";
        let linked = link_place(text, "a.yaml:1:2", "x");
        assert_eq!(
            linked,
            text.replace("  --> a.yaml:1:2", "  --> \u{1b}]8;;x\u{1b}\\a.yaml:1:2\u{1b}]8;;\u{1b}\\")
        );
        assert_eq!(link_place(text, "b.yaml:1:2", "x"), text);
    }

    /// Excerpts of a narrow terminal fit it, and still hold what they are about; wide characters count twice.
    #[test]
    fn long_lines_are_cut_to_the_terminal() {
        let many: String = (0..40).map(|i| format!(", '漢字{i}': 1")).collect();
        let text = SOUND.replace("max_hold: 2m", &format!("max_hold: 2m{many}"));
        let narrow = Look { columns: Some(60), ..Look::default() };
        let shown = shown("a.yaml", &text, &narrow);
        let excerpts: Vec<&str> = shown.lines().filter(|line| line.starts_with("19 | ")).collect();
        assert!(excerpts.len() >= 40, "{shown}");
        for (index, line) in excerpts.iter().enumerate() {
            let width: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
            assert!(width <= 62, "{width} columns: {line}");
            assert!(line.contains(&format!("漢字{index}'")), "{index}: {line}");
        }
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_marks_below_them() {
        let text = format!("{SOUND}vars: {{ größe_漢字: 1,\tb: 1 }}\n");
        let shown = shown("a.yaml", &text, &Look::default());
        let column = |line: &str, at: usize| -> usize {
            line[..at].chars().map(|c| if ('\u{2e80}'..).contains(&c) { 2 } else { 1 }).sum()
        };
        let lines: Vec<&str> = shown.lines().collect();
        let mut seen = 0;
        for pair in
            lines.windows(2).filter(|pair| pair[0].contains("größe_漢字") && pair[0].starts_with("31"))
        {
            let name = if seen == 0 { "größe_漢字" } else { "b: 1" };
            let wanted = column(pair[0], pair[0].find(name).unwrap());
            assert_eq!(column(pair[1], pair[1].find('^').unwrap()), wanted, "{shown}");
            seen += 1;
        }
        assert_eq!(seen, 2, "{shown}");
    }
}
