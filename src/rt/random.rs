//! Randomness: from the system for ids and keys, from a seed for everything that must repeat.

use std::cell::RefCell;

thread_local! {
    /// What stands in for the system's source on this thread.
    static SEEDED: RefCell<Option<SplitMix64>> = const { RefCell::new(None) };
}

/// While it lives, what this thread asks of the system's random source comes from a seed: for simulations, where a run
/// must repeat to the byte and no key is worth anything.
#[derive(Debug)]
pub(super) struct SeededRandomness(Option<SplitMix64>);

impl SeededRandomness {
    pub(super) fn new(seed: u64) -> Self {
        Self(SEEDED.replace(Some(SplitMix64::new(seed))))
    }
}

impl Drop for SeededRandomness {
    fn drop(&mut self) {
        SEEDED.set(self.0.take());
    }
}

/// Fills an array from the system's random source.
///
/// # Panics
///
/// When the system has no randomness to give: no id or key may be made then.
#[expect(clippy::disallowed_methods, reason = "this is the random source")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let seeded = SEEDED.with_borrow_mut(|source| source.as_mut().map(|source| source.fill(&mut bytes)));
    if seeded.is_some() {
        return bytes;
    }
    getrandom::fill(&mut bytes).expect("the system's random source answers");
    bytes
}

/// Returns 64 random bits from the system.
pub fn random_u64() -> u64 {
    u64::from_le_bytes(random_bytes())
}

/// The `SplitMix64` generator: small, seedable, the same on every machine. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts the sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    /// Returns a number in `0 .. bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is uniform up to a bias of bound / 2^64, which no use here can see.
        u64::try_from((u128::from(self.next_u64()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// Returns a number in `low ..= high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let mut rng = SplitMix64::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn between_stays_inside() {
        let mut rng = SplitMix64::new(7);
        assert!((0..1_000).all(|_| (-3..=3).contains(&rng.between(-3, 3))));
    }
}
