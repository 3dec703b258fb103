//! Integers modulo n, the prime order of the group (319 bits): private keys, nonce scalars, signature halves.
//!
//! Constant time, except where a name says `vartime`.

use subtle::{Choice, ConditionallySelectable};
use zeroize::{DefaultIsZeroes, Zeroizing};

use super::digest::{bytes_of_words, words_from_bytes};
use super::field::{high_word, low_word};

/// The group's order, least significant word first.
const N: [u64; 5] = [
    0xe80f_d996_948b_ffe1,
    0xe888_5c39_d724_a09c,
    0x7fff_ffe6_cfb8_0639,
    0x7fff_fff1_0000_0016,
    0x7fff_fffd_8000_0007,
];

/// −1/n modulo 2^64, for Montgomery's reduction.
const MINUS_INVERSE: u64 = minus_inverse(N[0]);

/// 2^640 modulo n.
const R_SQUARED: [u64; 5] = power_of_two(640);

/// Windows of five bits that cover every scalar.
pub(super) const WINDOWS: usize = 64;

/// A window's digit is between −16 and 16.
pub(super) const WINDOW_MAX: usize = 16;

/// An integer below n.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scalar([u64; 5]);

impl Scalar {
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0]);

    /// Reads 40 bytes, little-endian; `None` when the integer is not below n. Whether it is, is no secret.
    pub(super) fn from_bytes(bytes: &[u8; 40]) -> Option<Self> {
        let words = words_from_bytes(bytes);
        let (_, borrow) = subtract(&words, &N);
        (borrow == 1).then_some(Self(words))
    }

    pub(super) fn to_bytes(self) -> [u8; 40] {
        bytes_of_words(&self.0)
    }

    /// Returns an integer of 320 bits modulo n.
    pub(super) const fn reduce(words: [u64; 5]) -> Self {
        // 2^320 is a little above 2n.
        Self(subtract_order_once(subtract_order_once(words)))
    }

    /// Returns `low + high·2^320` modulo n.
    pub(super) fn reduce_wide(low: [u64; 5], high: [u64; 5]) -> Self {
        // Montgomery's product by 2^640 is the plain product by 2^320.
        Self::reduce(low).plus(Self(montgomery_product(&Self::reduce(high).0, &R_SQUARED)))
    }

    /// Returns whether the scalar is zero; that is no secret, since neither a key nor a nonce scalar ever is.
    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; 5]
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        // Both are below 2^319: no carry leaves the words.
        let mut sum = [0; 5];
        let mut carry = 0;
        let mut i = 0;
        while i < 5 {
            let wide = self.0[i] as u128 + other.0[i] as u128 + carry as u128;
            sum[i] = low_word(wide);
            carry = high_word(wide);
            i += 1;
        }
        Self(subtract_order_once(sum))
    }

    pub(super) fn minus(self, other: Self) -> Self {
        let (difference, borrow) = subtract(&self.0, &other.0);
        Self(add_order_if(difference, borrow))
    }

    pub(super) fn times(self, other: Self) -> Self {
        let shifted = Zeroizing::new(montgomery_product(&self.0, &R_SQUARED));
        Self(montgomery_product(&shifted, &other.0))
    }

    /// Returns digits d with −15 ≤ d ≤ 16 and self = Σ d[i]·32^i.
    pub(super) fn signed_windows(&self) -> [i8; WINDOWS] {
        let mut digits = [0; WINDOWS];
        let mut carry = 0;
        for (i, digit) in digits.iter_mut().enumerate() {
            let window = self.bits(5 * i) + carry;
            // 1 exactly when the window is above 16; the top one never is, since n is below 2^319.
            carry = (16_i8 - window) >> 7 & 1;
            *digit = window - (carry << 5);
        }
        digits
    }

    /// Returns the five bits from `position` on; the position is public.
    #[expect(clippy::cast_possible_truncation, reason = "five bits fit")]
    fn bits(&self, position: usize) -> i8 {
        let (word, shift) = (position / 64, position % 64);
        let next = self.0.get(word + 1).copied().unwrap_or_default();
        let both = u128::from(self.0[word]) | u128::from(next) << 64;
        (both >> shift) as i8 & 31
    }

    /// Returns the non-adjacent form of a width: odd digits below 2^(width − 1) in size with at least `width − 1`
    /// zeros between them, one digit a bit. Takes a time that depends on the value.
    pub(super) fn naf_vartime(&self, width: u32) -> [i8; 320] {
        let mut digits = [0; 320];
        let mut rest = self.0;
        let mut position = 0;
        while rest != [0; 5] {
            if rest[0] & 1 == 1 {
                let digit = signed_residue(rest[0], width);
                digits[position] = digit;
                rest = subtract_small(rest, digit);
            }
            rest = halve(rest);
            position += 1;
        }
        digits
    }
}

/// Returns the residue of `word` modulo 2^width that lies in −2^(width − 1) .. 2^(width − 1).
#[expect(clippy::cast_possible_truncation, reason = "a width of at most 8 bits fits")]
const fn signed_residue(word: u64, width: u32) -> i8 {
    ((word as i8) << (8 - width)) >> (8 - width)
}

/// Subtracts a digit that has the low bits of `words`, or adds its magnitude: no borrow can come out.
fn subtract_small(words: [u64; 5], digit: i8) -> [u64; 5] {
    let magnitude = [u64::from(digit.unsigned_abs()), 0, 0, 0, 0];
    if digit >= 0 {
        return subtract(&words, &magnitude).0;
    }
    let mut carry = magnitude[0];
    words.map(|word| {
        let (sum, overflow) = word.overflowing_add(carry);
        carry = u64::from(overflow);
        sum
    })
}

fn halve(words: [u64; 5]) -> [u64; 5] {
    std::array::from_fn(|i| words[i] >> 1 | words.get(i + 1).map_or(0, |next| next << 63))
}

/// Returns the difference modulo 2^320, and 1 when it wrapped, else 0.
///
/// The borrow is a word out of wide arithmetic and never a `bool`: of those the compiler made branches on secrets.
const fn subtract(a: &[u64; 5], b: &[u64; 5]) -> ([u64; 5], u64) {
    let mut difference = [0; 5];
    let mut borrow = 0;
    let mut i = 0;
    while i < 5 {
        let wide = (a[i] as u128).wrapping_sub(b[i] as u128).wrapping_sub(borrow as u128);
        difference[i] = low_word(wide);
        borrow = high_word(wide) & 1;
        i += 1;
    }
    (difference, borrow)
}

/// Returns `words + n` modulo 2^320 when `condition` is 1, `words` when it is 0.
const fn add_order_if(words: [u64; 5], condition: u64) -> [u64; 5] {
    let mask = condition.wrapping_neg();
    let mut sum = [0; 5];
    let mut carry = 0;
    let mut i = 0;
    while i < 5 {
        let wide = words[i] as u128 + (N[i] & mask) as u128 + carry as u128;
        sum[i] = low_word(wide);
        carry = high_word(wide);
        i += 1;
    }
    sum
}

const fn subtract_order_once(words: [u64; 5]) -> [u64; 5] {
    let (difference, borrow) = subtract(&words, &N);
    add_order_if(difference, borrow)
}

/// Returns `a·b/2^320` modulo n, for a and b below n.
fn montgomery_product(a: &[u64; 5], b: &[u64; 5]) -> [u64; 5] {
    let mut sum = [0_u64; 6];
    for &word in a {
        add_multiple(&mut sum, word, b);
        let factor = sum[0].wrapping_mul(MINUS_INVERSE);
        add_multiple(&mut sum, factor, &N);
        // The lowest word is zero now.
        sum = [sum[1], sum[2], sum[3], sum[4], sum[5], 0];
    }
    // Below 2n, so within five words.
    subtract_order_once([sum[0], sum[1], sum[2], sum[3], sum[4]])
}

/// Adds `factor·words`; the sum stays within six words because n is below 2^319.
fn add_multiple(sum: &mut [u64; 6], factor: u64, words: &[u64; 5]) {
    let mut carry = 0;
    for (cell, &word) in sum.iter_mut().zip(words) {
        let wide = u128::from(factor) * u128::from(word) + u128::from(*cell) + u128::from(carry);
        *cell = low_word(wide);
        carry = high_word(wide);
    }
    sum[5] += carry;
}

const fn minus_inverse(odd: u64) -> u64 {
    // Newton: each step doubles the number of right bits; odd·odd ≡ 1 modulo 8 starts with three.
    let mut inverse = odd;
    let mut i = 0;
    while i < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        i += 1;
    }
    inverse.wrapping_neg()
}

const fn power_of_two(exponent: u32) -> [u64; 5] {
    let mut power = Scalar::ONE;
    let mut i = 0;
    while i < exponent {
        power = power.plus(power);
        i += 1;
    }
    power.0
}

impl ConditionallySelectable for Scalar {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self(std::array::from_fn(|i| u64::conditional_select(&a.0[i], &b.0[i], choice)))
    }
}

impl DefaultIsZeroes for Scalar {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{scalar, words};
    use super::*;

    impl std::fmt::Debug for Scalar {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:x?}", self.0)
        }
    }

    /// Doubles and adds, bit by bit.
    fn slow_product(a: Scalar, words: [u64; 5]) -> Scalar {
        (0..320).rev().fold(Scalar::default(), |sum, bit| {
            let double = sum.plus(sum);
            if words[bit / 64] >> (bit % 64) & 1 == 1 { double.plus(a) } else { double }
        })
    }

    fn signed(digit: i8) -> Scalar {
        let magnitude = Scalar([u64::from(digit.unsigned_abs()), 0, 0, 0, 0]);
        if digit < 0 { Scalar::default().minus(magnitude) } else { magnitude }
    }

    proptest! {
        #[test]
        fn it_is_a_ring(a in scalar(), b in scalar(), c in scalar()) {
            prop_assert_eq!(a.plus(b), b.plus(a));
            prop_assert_eq!(a.plus(b).minus(b), a);
            prop_assert_eq!(a.times(b), b.times(a));
            prop_assert_eq!(a.times(b.times(c)), a.times(b).times(c));
            prop_assert_eq!(a.times(b.plus(c)), a.times(b).plus(a.times(c)));
            prop_assert_eq!(a.times(b), slow_product(a, b.0));
        }

        #[test]
        fn any_integer_is_reduced(low in words(), high in words()) {
            prop_assert_eq!(Scalar::reduce(low), slow_product(Scalar::ONE, low));
            let shift = Scalar(power_of_two(320));
            let expected = slow_product(Scalar::ONE, low).plus(slow_product(shift, high));
            prop_assert_eq!(Scalar::reduce_wide(low, high), expected);
            prop_assert!(Scalar::from_bytes(&Scalar::reduce(low).to_bytes()).is_some());
        }

        #[test]
        fn windows_add_up(a in scalar()) {
            let digits = a.signed_windows();
            let base = Scalar([32, 0, 0, 0, 0]);
            let sum = digits.iter().rev().fold(Scalar::default(), |sum, &digit| {
                sum.times(base).plus(signed(digit))
            });
            prop_assert_eq!(sum, a);
            prop_assert!(digits.iter().all(|digit| (-15..=16).contains(digit)), "{:?}", digits);
        }

        #[test]
        fn non_adjacent_forms_add_up(a in scalar(), width in 2_u32..=8) {
            let digits = a.naf_vartime(width);
            let sum = digits.iter().rev().fold(Scalar::default(), |sum, &digit| {
                sum.plus(sum).plus(signed(digit))
            });
            prop_assert_eq!(sum, a);
            let limit = 1_i16 << (width - 1);
            prop_assert!(digits.iter().all(|&digit| digit == 0 || digit & 1 == 1));
            prop_assert!(digits.iter().all(|&digit| -limit < i16::from(digit) && i16::from(digit) < limit));
            let crowded = digits.windows(width as usize).any(|run| run.iter().filter(|&&d| d != 0).count() > 1);
            prop_assert!(!crowded, "{:?}", digits);
        }

        #[test]
        fn the_control_crate_agrees(a in scalar(), b in scalar()) {
            let (x, y) = (goldilocks_crypto::ScalarField(a.0), goldilocks_crypto::ScalarField(b.0));
            prop_assert_eq!(a.plus(b).0, x.add(y).0);
            prop_assert_eq!(a.minus(b).0, x.sub(y).0);
            prop_assert_eq!(a.times(b).0, x.mul(&y).0);
        }
    }

    #[test]
    fn the_order_itself_and_above_are_refused() {
        let largest = Scalar::default().minus(Scalar::ONE);
        assert_eq!(Scalar::from_bytes(&largest.to_bytes()), Some(largest));
        assert_eq!(Scalar::from_bytes(&bytes_of_words(&N)), None);
        assert_eq!(Scalar::from_bytes(&[0xff; 40]), None);
        assert_eq!(Scalar::reduce(N), Scalar::default());
    }
}
