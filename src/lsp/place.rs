//! From bytes to the protocol's positions and back: lines from 0, columns in the client's units.

use std::ops::Range;

use serde_json::{Value, json};

/// What a client counts columns in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The protocol's default.
    #[default]
    Utf16,
    /// Bytes.
    Utf8,
    /// Unicode scalars.
    Utf32,
}

impl Encoding {
    /// Takes the first that both sides know; the default when none was offered.
    pub(super) fn negotiate(offered: &Value) -> Self {
        let offered = offered.as_array().into_iter().flatten().filter_map(Value::as_str);
        let known = |name| match name {
            "utf-16" => Some(Self::Utf16),
            "utf-8" => Some(Self::Utf8),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        };
        offered.filter_map(known).next().unwrap_or_default()
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Utf16 => "utf-16",
            Self::Utf8 => "utf-8",
            Self::Utf32 => "utf-32",
        }
    }

    fn width(self, character: char) -> usize {
        match self {
            Self::Utf16 => character.len_utf16(),
            Self::Utf8 => character.len_utf8(),
            Self::Utf32 => 1,
        }
    }

    fn units(self, text: &str) -> usize {
        text.chars().map(|character| self.width(character)).sum()
    }

    /// Returns the position of a byte offset; offsets beyond the end, or inside a character, count as the end before.
    pub(super) fn position(self, text: &str, offset: usize) -> Value {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
        json!({ "line": text[..end].matches('\n').count(), "character": self.units(&text[start..end]) })
    }

    /// Returns the range of a span.
    pub(super) fn range(self, text: &str, span: &Range<usize>) -> Value {
        json!({ "start": self.position(text, span.start), "end": self.position(text, span.end) })
    }

    /// Returns the byte offset of a position; what lies beyond a line or the text counts as its end.
    pub(super) fn offset(self, text: &str, position: &Value) -> usize {
        let number = |key| position[key].as_u64().and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        let (line, wanted) = (number("line"), number("character"));
        let start = match line.checked_sub(1) {
            None => 0,
            Some(before) => text.match_indices('\n').nth(before).map_or(text.len(), |(at, _)| at + 1),
        };
        let rest = text[start..].split('\n').next().unwrap_or_default();
        let rest = rest.strip_suffix('\r').unwrap_or(rest);
        let mut units = 0;
        for (at, character) in rest.char_indices() {
            if units >= wanted {
                return start + at;
            }
            units += self.width(character);
        }
        start + rest.len()
    }

    /// Returns the span of a range.
    pub(super) fn span(self, text: &str, range: &Value) -> Range<usize> {
        let start = self.offset(text, &range["start"]);
        start..self.offset(text, &range["end"]).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_the_clients_units() {
        let text = "a: 😀é x\r\nb: 1\n";
        let at = text.find('x').unwrap();
        for (encoding, column) in [(Encoding::Utf16, 7), (Encoding::Utf8, 10), (Encoding::Utf32, 6)] {
            let position = encoding.position(text, at);
            assert_eq!(position, json!({ "line": 0, "character": column }), "{encoding:?}");
            assert_eq!(encoding.offset(text, &position), at);
        }
        let second = json!({ "line": 1, "character": 99 });
        assert_eq!(&text[..Encoding::Utf16.offset(text, &second)], "a: 😀é x\r\nb: 1");
        assert_eq!(Encoding::Utf16.offset(text, &json!({ "line": 0, "character": 99 })), at + 1);
        assert_eq!(Encoding::Utf16.offset(text, &json!({ "line": 9, "character": 0 })), text.len());
    }
}
