//! One plan file as read, and the way from byte offsets to lines and columns.

use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Plans are written by hand; a megabyte is a thousand pairs. Anything larger is a mistake, and is not parsed.
pub const MAX_BYTES: u64 = 1 << 20;

/// Why a file's content cannot be a plan; reported as a finding, not as a fault: the file *was* read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Longer than [`MAX_BYTES`].
    TooLarge,
    /// Not UTF-8 from this byte on (0-based).
    NotUtf8 {
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// Holds a character that no text file has, such as NUL.
    NotText {
        /// Offset of the character.
        offset: usize,
    },
}

/// A plan file that could not be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A position as people count: from 1, columns in Unicode scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in Unicode scalars, from 1.
    pub column: usize,
}

/// One plan file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    name: String,
    directory: PathBuf,
    text: String,
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
    unreadable: Option<Unreadable>,
}

impl SourceFile {
    /// Reads a file, at most [`MAX_BYTES`] of it.
    ///
    /// # Errors
    ///
    /// When it is missing, a directory, or may not be read. A file that is no text is no error here: it is a finding.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        Self::from_reader(&path.display().to_string(), file).map_err(failed).map(|source| {
            let directory = path.parent().map(Path::to_owned).unwrap_or_default();
            source.in_directory(directory)
        })
    }

    /// Reads a stream, such as standard input, at most [`MAX_BYTES`] of it; `name` is what findings call it.
    ///
    /// # Errors
    ///
    /// When the stream fails.
    pub fn from_reader(name: &str, reader: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        reader.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(Self::from_bytes(name, bytes))
    }

    /// Takes bytes as they are.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        let (text, unreadable) = if bytes.len() as u64 > MAX_BYTES {
            (String::new(), Some(Unreadable::TooLarge))
        } else {
            match String::from_utf8(bytes) {
                Ok(text) => match text.find(is_no_text) {
                    Some(offset) => (String::new(), Some(Unreadable::NotText { offset })),
                    None => (text, None),
                },
                Err(error) => {
                    let offset = error.utf8_error().valid_up_to();
                    (String::new(), Some(Unreadable::NotUtf8 { offset }))
                }
            }
        };
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.to_owned(), directory: PathBuf::new(), text, lines, unreadable }
    }

    /// Takes text as it is, for tests and examples.
    pub fn from_text(name: &str, text: &str) -> Self {
        Self::from_bytes(name, text.as_bytes().to_vec())
    }

    /// Returns the same file with another text.
    #[must_use]
    pub fn with_text(&self, text: &str) -> Self {
        Self::from_text(&self.name, text).in_directory(self.directory.clone())
    }

    /// Says where relative paths of the plan start.
    #[must_use]
    pub fn in_directory(self, directory: PathBuf) -> Self {
        Self { directory, ..self }
    }

    /// Returns what findings call the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the directory that relative paths of the plan start from.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the text; empty when the content is no text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns why the content is no text, if it is none.
    pub fn unreadable(&self) -> Option<Unreadable> {
        self.unreadable
    }

    /// Returns whether a file found in a folder is worth checking: folders hold other YAML too. What is no text or is
    /// empty may have been a plan, so it is checked, and its finding is shown.
    pub fn may_be_a_plan(&self) -> bool {
        self.text.trim().is_empty() || looks_like_a_plan(&self.text)
    }

    /// Lets go of the text and keeps the name, for files that nobody will show a part of.
    #[must_use]
    pub fn without_text(self) -> Self {
        Self { text: String::new(), lines: Vec::new(), ..self }
    }

    /// Returns the position of a byte offset; offsets beyond the end count as the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let line = self.lines.partition_point(|start| *start <= end);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        Position { line, column: self.text[start..end].chars().count() + 1 }
    }

    /// Returns a span that is inside the text and on character boundaries, whatever was asked for.
    pub fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let floor = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}

/// Returns whether a text has what no other YAML has: a key of plans at its left edge, or their schema.
pub fn looks_like_a_plan(text: &str) -> bool {
    let names_plan = |line: &str| line.starts_with("pairs:") || line.starts_with("network:");
    text.lines().any(names_plan) || text.contains("plan.v1.schema.json")
}

/// Control characters other than tab, line feed and carriage return.
fn is_no_text(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = SourceFile::from_text("a", "ä: b\nü: ö x");
        let offset = source.text().find('x').unwrap();
        assert_eq!(source.position(offset), Position { line: 2, column: 6 });
        assert_eq!(source.position(999), Position { line: 2, column: 7 });
        assert_eq!(source.position(1), Position { line: 1, column: 1 });
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        let read = |bytes: &[u8]| SourceFile::from_bytes("a", bytes.to_vec()).unreadable();
        assert_eq!(read(b"a: \xff"), Some(Unreadable::NotUtf8 { offset: 3 }));
        assert_eq!(read(b"a\0"), Some(Unreadable::NotText { offset: 1 }));
        assert_eq!(read(&vec![b'a'; 10 << 20]), Some(Unreadable::TooLarge));
        assert_eq!(read(b"a: 1\r\n"), None);
    }
}
