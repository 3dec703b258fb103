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
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_ascii_alphanumeric() || matches!(c, '+' | '=') {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            let run = from..at;
            if is_key_run(&text[run.clone()]) {
                spans.push(run);
            }
        }
    }
    spans
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

/// Returns `text` with every byte of `spans` replaced by `*`, so that lengths and offsets stay.
pub(crate) fn cover(text: &str, spans: &[Range<usize>]) -> String {
    let mut covered = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c != '\n' && spans.iter().any(|span| span.contains(&at)) {
            covered.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            covered.push(c);
        }
    }
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
    fn covering_keeps_offsets() {
        let text = "a: é12\nb";
        let covered = cover(text, std::slice::from_ref(&(3..7)));
        assert_eq!(covered.len(), text.len());
        assert_eq!(covered, "a: ****\nb");
        let venue = "9c564ae7e695e08f82f1df4e320cde5f3112db5bb669ac58b099244397d7356dca271e5e7d9de498";
        assert_eq!(scrub(&format!("`{venue}` is bad")), "`***` is bad");
    }
}
