//! Mutations: of bytes, of numbers, of JSON values, of lines, and of two inputs into one.

use lighter_plan::rt::SplitMix64;

use crate::targets::Target;

/// The longest input: longer ones are slower and say nothing else.
const LONGEST: usize = 16 << 10;

/// Numbers at the edges of what fields hold.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65536",
    "4294967295",
    "4294967296",
    "281474976710655",
    "281474976710656",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "0.0000001",
];

/// JSON values of every kind.
const VALUES: [&str; 8] = ["null", "true", "{}", "[]", "\"\"", "\"x\"", "1e400", "[[]]"];

/// Returns a new input made out of the pool.
pub(crate) fn mutate(rng: &mut SplitMix64, pool: &[Vec<u8>], target: &Target) -> Vec<u8> {
    let mut input = pool[index(rng, pool.len())].clone();
    for _ in 0..=rng.below(4) {
        once(rng, &mut input, pool, target);
    }
    input.truncate(LONGEST);
    input
}

fn index(rng: &mut SplitMix64, length: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(length).unwrap_or(0))).unwrap_or(0)
}

fn pick<'a>(rng: &mut SplitMix64, from: &[&'a str]) -> &'a str {
    from[index(rng, from.len())]
}

fn once(rng: &mut SplitMix64, input: &mut Vec<u8>, pool: &[Vec<u8>], target: &Target) {
    let at = index(rng, input.len() + 1);
    match rng.below(11) {
        0 => flip(rng, input),
        1 => {
            let length = index(rng, input.len() - at + 1).min(index(rng, 64));
            input.drain(at..at + length);
        }
        2 => insert(input, at, &[u8::try_from(rng.below(256)).unwrap_or(0)]),
        3 => insert(input, at, pick(rng, target.words).as_bytes()),
        4 => replace_run(rng, input, |byte| byte.is_ascii_digit() || byte == b'-', pick_number),
        5 => replace_value(rng, input),
        6 => repeat(rng, input),
        7 => {
            let other = index(rng, pool.len());
            splice(rng, input, &pool[other]);
        }
        8 => input.truncate(at),
        9 if target.chooses && !input.is_empty() => input[0] = u8::try_from(rng.below(32)).unwrap_or(0),
        _ => lines(rng, input),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn flip(rng: &mut SplitMix64, input: &mut [u8]) {
    if !input.is_empty() {
        let at = index(rng, input.len());
        input[at] ^= 1 << rng.below(8);
    }
}

fn pick_number(rng: &mut SplitMix64) -> &'static str {
    pick(rng, &NUMBERS)
}

/// Puts something else in the place of a run of bytes of one kind.
fn replace_run(
    rng: &mut SplitMix64,
    input: &mut Vec<u8>,
    kind: impl Fn(u8) -> bool,
    with: fn(&mut SplitMix64) -> &'static str,
) {
    let starts: Vec<usize> =
        (0..input.len()).filter(|i| kind(input[*i]) && (*i == 0 || !kind(input[i - 1]))).collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[index(rng, starts.len())];
    let end = (start..input.len()).find(|i| !kind(input[*i])).unwrap_or(input.len());
    input.splice(start..end, with(rng).bytes());
}

/// Puts something else in the place of the value behind a colon.
fn replace_value(rng: &mut SplitMix64, input: &mut Vec<u8>) {
    let colons: Vec<usize> = (0..input.len()).filter(|i| input[*i] == b':').collect();
    if colons.is_empty() {
        return;
    }
    let start = colons[index(rng, colons.len())] + 1;
    let end = (start..input.len()).find(|i| b",}]\n".contains(&input[*i])).unwrap_or(input.len());
    let value = pick(rng, &VALUES);
    input.splice(start..end, value.bytes());
}

/// Says a piece again, often: depth, length and duplicate keys.
fn repeat(rng: &mut SplitMix64, input: &mut Vec<u8>) {
    if input.is_empty() {
        return;
    }
    let start = index(rng, input.len());
    let length = 1 + index(rng, (input.len() - start).min(48));
    let piece = input[start..start + length].to_vec();
    let times = 1 + index(rng, 40);
    insert(input, start, &piece.repeat(times));
}

/// Goes on with the rest of another input.
fn splice(rng: &mut SplitMix64, input: &mut Vec<u8>, other: &[u8]) {
    input.truncate(index(rng, input.len() + 1));
    input.extend_from_slice(&other[index(rng, other.len() + 1)..]);
}

/// Swaps two lines.
fn lines(rng: &mut SplitMix64, input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (a, b) = (index(rng, lines.len()), index(rng, lines.len()));
    lines.swap(a, b);
    *input = lines.join(&b'\n');
}
