//! Telling key material from text, and keeping it out of everything that is printed.

use std::ops::Range;

/// A private key of the venue has 80 hexadecimal digits, one of Ethereum 64; an Ethereum address, which is public, 40.
const HEX_DIGITS: usize = 48;

/// Base64 of 32 bytes has 43 letters.
const MIXED_LETTERS: usize = 40;

/// Returns whether `text` holds something that could be a private key or a seed phrase.
pub(crate) fn looks_like_key(text: &str) -> bool {
    !key_spans(text).is_empty() || is_seed_phrase(text)
}

/// Returns where `text` holds long runs of hexadecimal digits or of mixed letters and digits.
pub(crate) fn key_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut from = 0;
    // Byte by byte: what is in no run ends one, and so does every byte of a character beyond ASCII.
    for run in text.as_bytes().split(|byte| !is_of_a_run(*byte)) {
        let end = from + run.len();
        if run.len() >= HEX_DIGITS.min(MIXED_LETTERS) && is_key_run(&text[from..end]) {
            spans.push(from..end);
        }
        from = end + 1;
    }
    spans
}

const fn is_of_a_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'=')
}

fn is_key_run(run: &str) -> bool {
    let hex = run.strip_prefix("0x").unwrap_or(run);
    let has = |kind: fn(&u8) -> bool| run.as_bytes().iter().any(kind);
    (hex.len() >= HEX_DIGITS && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        || (run.len() >= MIXED_LETTERS
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_digit))
}

/// BIP-39 phrases have 12 to 24 words of 3 to 8 lower-case letters.
fn is_seed_phrase(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    matches!(words.len(), 12 | 15 | 18 | 21 | 24)
        && words.iter().all(|w| (3..=8).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_lowercase()))
}

/// Returns whether a key of that name promises a secret.
pub(crate) fn names_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["private", "secret", "mnemonic", "password", "passphrase", "seed_phrase"]
        .iter()
        .any(|word| key.contains(word))
}

/// Returns `text` with every byte of `spans` replaced by `*`, so that lengths and offsets stay. Line feeds stay as well.
pub(crate) fn cover(text: &str, spans: &[Range<usize>]) -> String {
    let mut spans: Vec<&Range<usize>> = spans.iter().collect();
    spans.sort_unstable_by_key(|span| span.start);
    let mut covered = String::with_capacity(text.len());
    for span in spans {
        // Spans may overlap, so the next one starts where the last one ended at the earliest.
        let done = covered.len();
        let start = text.floor_char_boundary(span.start).max(done);
        covered.push_str(&text[done..start]);
        let secret = &text.as_bytes()[start..text.ceil_char_boundary(span.end).max(start)];
        covered.extend(secret.iter().map(|byte| if *byte == b'\n' { '\n' } else { '*' }));
    }
    let done = covered.len();
    covered.push_str(&text[done..]);
    covered
}

/// Returns a message with key material replaced by `***`.
pub(crate) fn scrub(message: &str) -> String {
    let mut scrubbed = message.to_owned();
    for span in key_spans(message).into_iter().rev() {
        scrubbed.replace_range(span, "***");
    }
    scrubbed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_seen_and_names_are_not() {
        let venue = "9c564ae7e695e08f82f1df4e320cde5f3112db5bb669ac58b099244397d7356dca271e5e7d9de498";
        assert!(looks_like_key(venue));
        assert!(looks_like_key(&format!("env:0x{venue}")));
        assert!(looks_like_key("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="));
        let phrase = ["abandon"; 11].join(" ") + " about";
        assert!(looks_like_key(&phrase));
        assert!(!looks_like_key("env:MY_VERY_LONG_NAME_OF_AN_ENVIRONMENT_VARIABLE_WITH_42_THINGS"));
        assert!(!looks_like_key("file:/home/alice/keys/exchange/production/alpha-long-leg-4.key"));
        assert!(!looks_like_key("0xdac17f958d2ee523a2206206994597c13d831ec7"));
    }

    #[test]
    fn spans_may_overlap_and_end_anywhere() {
        let text = "aé\nbcd";
        for spans in [vec![4..6, 1..5], vec![1..5, 2..3, 4..99], vec![2..3, 2..2], vec![9..9, 0..0]] {
            let covered = cover(text, &spans);
            let inside = |at: usize| spans.iter().any(|span| span.contains(&at));
            for (at, c) in text.char_indices().filter(|(_, c)| *c != '\n') {
                let hidden = (at..at + c.len_utf8()).any(inside);
                assert_eq!(covered.as_bytes()[at] == b'*', hidden, "{spans:?} {covered}");
            }
            assert_eq!(covered.len(), text.len());
        }
    }

    #[test]
    fn covering_keeps_offsets() {
        let text = "a: é12\nb";
        let covered = cover(text, std::slice::from_ref(&(3..7)));
        assert_eq!(covered.len(), text.len());
        assert_eq!(covered, "a: ****\nb");
        let venue = "9c564ae7e695e08f82f1df4e320cde5f3112db5bb669ac58b099244397d7356dca271e5e7d9de498";
        assert_eq!(scrub(&format!("`{venue}` is bad")), "`***` is bad");
    }
}
