//! A document's text and the way between byte offsets and the client's positions.

use std::ops::Range;

use gen_lsp_types as types;

/// What a column of the client counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// Code units of UTF-16, what the protocol means when nothing is said.
    Utf16,
    /// Unicode scalars, as findings count them.
    Utf32,
}

impl Encoding {
    fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// The text of an open document.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    text: String,
    /// Offset of the first byte of each line. The protocol ends lines with `\n`, `\r\n` or `\r`.
    lines: Vec<usize>,
}

impl Text {
    pub(super) fn new(text: String) -> Self {
        let bytes = text.as_bytes();
        let ends = |at: &usize| match bytes[*at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let lines = std::iter::once(0).chain((0..bytes.len()).filter(ends).map(|at| at + 1)).collect();
        Self { text, lines }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the line of an offset, from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Returns the bytes of a line without its end; empty beyond the last one.
    pub(super) fn line(&self, line: usize) -> Range<usize> {
        let Some(start) = self.lines.get(line).copied() else { return self.text.len()..self.text.len() };
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        let text = &self.text[start..end];
        let text = text.strip_suffix('\n').unwrap_or(text);
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }

    /// Returns the position of a byte offset; one inside a character counts as its start, one beyond the end as the end.
    pub(super) fn position(&self, offset: usize, encoding: Encoding) -> types::Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let column: usize = self.text[self.lines[line]..offset].chars().map(|c| encoding.width(c)).sum();
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        types::Position::new(number(line), number(column))
    }

    /// Returns the range of a stretch of bytes.
    pub(super) fn range(&self, span: &Range<usize>, encoding: Encoding) -> types::Range {
        types::Range::new(self.position(span.start, encoding), self.position(span.end, encoding))
    }

    /// Returns the offset of a position; a column beyond its line counts as the line's end, a line beyond the text as the
    /// text's.
    pub(super) fn offset(&self, position: types::Position, encoding: Encoding) -> usize {
        let index = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let line = self.line(index(position.line));
        let mut left = index(position.character);
        let mut offset = line.start;
        for c in self.text[line].chars() {
            let width = encoding.width(c);
            if left < width {
                break;
            }
            left -= width;
            offset += c.len_utf8();
        }
        offset
    }

    /// Returns the bytes of a range; one that ends before it starts is empty.
    pub(super) fn span(&self, range: types::Range, encoding: Encoding) -> Range<usize> {
        let start = self.offset(range.start, encoding);
        start..self.offset(range.end, encoding).max(start)
    }

    /// Puts `with` where `range` was.
    pub(super) fn replace(&mut self, range: types::Range, with: &str, encoding: Encoding) {
        let span = self.span(range, encoding);
        let mut text = std::mem::take(&mut self.text);
        text.replace_range(span, with);
        *self = Self::new(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "é: 😀x\r\nb\rc\n";

    fn at(line: u32, character: u32) -> types::Position {
        types::Position::new(line, character)
    }

    #[test]
    fn columns_count_what_the_client_counts() {
        let text = Text::new(TEXT.to_owned());
        let x = TEXT.find('x').unwrap();
        for (encoding, column) in [(Encoding::Utf8, 8), (Encoding::Utf16, 5), (Encoding::Utf32, 4)] {
            assert_eq!(text.position(x, encoding), at(0, column), "{encoding:?}");
            assert_eq!(text.offset(at(0, column), encoding), x, "{encoding:?}");
        }
        // Half of a surrogate pair, or of a character's bytes, is the character's start.
        assert_eq!(text.offset(at(0, 4), Encoding::Utf16), TEXT.find('😀').unwrap());
        assert_eq!(text.offset(at(0, 1), Encoding::Utf8), 0);
        assert_eq!(text.position(1, Encoding::Utf16), at(0, 0));
    }

    #[test]
    fn every_kind_of_line_end_counts_and_belongs_to_no_line() {
        let text = Text::new(TEXT.to_owned());
        assert_eq!(text.position(TEXT.find('c').unwrap(), Encoding::Utf16), at(2, 0));
        assert_eq!(text.offset(at(0, 99), Encoding::Utf16), TEXT.find('\r').unwrap());
        assert_eq!(text.offset(at(99, 0), Encoding::Utf16), TEXT.len());
        assert_eq!(text.position(TEXT.len() + 9, Encoding::Utf16), at(3, 0));
    }

    #[test]
    fn edits_land_where_the_client_means() {
        let mut text = Text::new(TEXT.to_owned());
        text.replace(types::Range::new(at(0, 3), at(0, 5)), "y", Encoding::Utf16);
        assert_eq!(text.as_str(), "é: yx\r\nb\rc\n");
        text.replace(types::Range::new(at(1, 1), at(9, 9)), "", Encoding::Utf16);
        assert_eq!(text.as_str(), "é: yx\r\nb");
        text.replace(types::Range::new(at(1, 1), at(0, 0)), "!", Encoding::Utf16);
        assert_eq!(text.as_str(), "é: yx\r\nb!");
    }
}
