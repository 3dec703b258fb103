//! One plan file as read, and the way from byte offsets to lines and columns.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

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
    /// Holds a carriage return without a line feed. YAML ends a line there, and most of what shows text does not: the
    /// lines of a finding would be those of nobody.
    LoneReturn {
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
    /// How many characters stand before every [`BLOCK`] bytes: a line may be the whole file, with a finding everywhere.
    blocks: Vec<usize>,
    unreadable: Option<Unreadable>,
}

impl SourceFile {
    /// Reads a file, at most [`MAX_BYTES`] of it.
    ///
    /// # Errors
    ///
    /// When it is missing, no regular file, or may not be read. A file that is no text is no error here: it is a finding.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError { path: path.to_owned(), source };
        let file = open(path).map_err(failed)?;
        // One read for a file of the usual size.
        let expected = file.metadata().map_or(0, |known| known.len()).min(MAX_BYTES) + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self::from_bytes(&path.display().to_string(), bytes).in_directory(directory))
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
        let (text, unreadable) = text_of(bytes);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let blocks = characters(&text);
        Self { name: name.to_owned(), directory: PathBuf::new(), text, lines, blocks, unreadable }
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

    /// Returns the text; of content that is no text, the part before what makes it none.
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
        let mut start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        // No editor counts the mark that some of them write first.
        if start == 0 && self.text.starts_with(BYTE_ORDER_MARK) {
            start = end.min(BYTE_ORDER_MARK.len_utf8());
        }
        Position { line, column: self.characters_before(end) - self.characters_before(start) + 1 }
    }

    /// Counts the characters before an offset on a character boundary.
    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        let before = self.blocks.get(block).copied().unwrap_or(0);
        before + starts(&self.text.as_bytes()[block * BLOCK..offset])
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

/// Bytes between two counts of characters.
const BLOCK: usize = 1024;

/// Counts the characters before every block.
fn characters(text: &str) -> Vec<usize> {
    let blocks = text.as_bytes().chunks(BLOCK).map(starts);
    std::iter::once(0)
        .chain(blocks.scan(0, |all, block| {
            *all += block;
            Some(*all)
        }))
        .collect()
}

/// Counts the bytes with which a character starts.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0b1100_0000) != 0b1000_0000).count()
}

/// What some editors write at the start of UTF-8 text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Opens a regular file. Anything else may never come to an end, or never begin: a pipe without a writer, a device. What
/// the caller has open already, such as the pipe of a process substitution, is read like standard input.
fn open(path: &Path) -> io::Result<File> {
    let handed_over = ["/dev/stdin", "/dev/fd", "/proc/self/fd"].iter().any(|place| path.starts_with(place));
    if handed_over {
        return File::open(path);
    }
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    let kind = match &file {
        Ok(file) => FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode),
        // A socket cannot be opened at all, and the system's words for that help nobody.
        Err(_) => std::fs::metadata(path).map_or(FileType::RegularFile, |found| {
            if found.file_type().is_socket() { FileType::Socket } else { FileType::RegularFile }
        }),
    };
    let what = match kind {
        FileType::RegularFile => return Ok(File::from(file?)),
        FileType::Directory => "a folder",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    };
    Err(io::Error::other(format!("it is {what}, and a plan is a regular file or `-`, the standard input")))
}

/// Returns the text of a file, up to what makes it no text.
fn text_of(mut bytes: Vec<u8>) -> (String, Option<Unreadable>) {
    if bytes.len() as u64 > MAX_BYTES {
        return (String::new(), Some(Unreadable::TooLarge));
    }
    let mut problem = None;
    if let Err(error) = std::str::from_utf8(&bytes) {
        let offset = error.valid_up_to();
        problem = Some(Unreadable::NotUtf8 { offset });
        bytes.truncate(offset);
    }
    let mut text = String::from_utf8(bytes).unwrap_or_default();
    // Text almost always has none of either, and its bytes say so faster than its characters.
    let plain = |byte: &u8| !matches!(byte, 0..=8 | 11..=31 | 0x7f | 0xc2);
    if text.bytes().all(|byte| plain(&byte)) {
        return (text, problem);
    }
    if let Some(offset) = text.find(is_no_text) {
        problem = Some(Unreadable::NotText { offset });
        text.truncate(offset);
    }
    if let Some(offset) = lone_return(&text) {
        problem = Some(Unreadable::LoneReturn { offset });
        text.truncate(offset);
    }
    (text, problem)
}

fn lone_return(text: &str) -> Option<usize> {
    let followed = |at: usize| text.as_bytes().get(at + 1) == Some(&b'\n');
    text.match_indices('\r').map(|(at, _)| at).find(|at| !followed(*at))
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
        assert_eq!(read(b"a: 1\rb: 2\n"), Some(Unreadable::LoneReturn { offset: 4 }));
        assert_eq!(read(b"a: 1\r"), Some(Unreadable::LoneReturn { offset: 4 }));
        assert_eq!(read(b"a\0\xff"), Some(Unreadable::NotText { offset: 1 }), "the first of several");
    }

    #[test]
    fn what_is_no_text_still_has_a_place() {
        let source = SourceFile::from_bytes("a", b"a: 1\nb: \xff".to_vec());
        assert_eq!(source.text(), "a: 1\nb: ");
        assert_eq!(source.position(8), Position { line: 2, column: 4 });
    }

    #[test]
    fn columns_of_a_long_line_count_characters_as_well() {
        let text = format!("a: 1\n{}", "xäö€😀".repeat(1_000));
        let source = SourceFile::from_text("a", &text);
        let mut column = 1;
        for (offset, _) in text[5..].char_indices() {
            assert_eq!(source.position(5 + offset), Position { line: 2, column });
            column += 1;
        }
        assert_eq!(source.position(text.len()), Position { line: 2, column });
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let source = SourceFile::from_text("a", "\u{feff}a: b\nc: d");
        let columns = [0, 3, 4, 8].map(|offset| source.position(offset));
        assert_eq!(columns.map(|at| (at.line, at.column)), [(1, 1), (1, 1), (1, 2), (2, 1)]);
    }
}
