//! The Goldilocks field: integers modulo p = 2^64 − 2^32 + 1.
//!
//! Every value is kept canonical, so equality is equality of words. No operation here branches on a value or uses
//! one as an index, except where a name says `vartime`.

use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::DefaultIsZeroes;

/// The modulus.
const P: u64 = 0xffff_ffff_0000_0001;
/// 2^64 mod p.
const EPSILON: u64 = 0xffff_ffff;

/// An element of the Goldilocks field.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Goldilocks(u64);

impl Goldilocks {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(1);

    /// Returns the element of an integer below p, or `None`.
    pub const fn from_canonical(value: u64) -> Option<Self> {
        if value < P { Some(Self(value)) } else { None }
    }

    /// Returns the element of an integer modulo p.
    pub const fn new(value: u64) -> Self {
        Self(subtract_modulus_once(value))
    }

    /// Returns the element of a signed integer modulo p: −1 becomes p − 1.
    pub const fn from_i64(value: i64) -> Self {
        let magnitude = Self::new(value.unsigned_abs());
        if value < 0 { Self::ZERO.minus(magnitude) } else { magnitude }
    }

    /// Returns the integer in `0 .. p` that stands for the element.
    pub const fn value(self) -> u64 {
        self.0
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        // Both are below p, so the sum is below 2p: it wraps at most once, and then p = 2^64 − EPSILON is taken off
        // by adding EPSILON.
        let (sum, carry) = self.0.overflowing_add(other.0);
        Self(subtract_modulus_once(sum.wrapping_add(EPSILON & mask(carry))))
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        let (difference, borrow) = self.0.overflowing_sub(other.0);
        Self(difference.wrapping_add(P & mask(borrow)))
    }

    pub(super) const fn times(self, other: Self) -> Self {
        Self::from_u128(self.0 as u128 * other.0 as u128)
    }

    pub(super) const fn square(self) -> Self {
        self.times(self)
    }

    /// Reduces any 128-bit integer.
    pub(super) const fn from_u128(value: u128) -> Self {
        Self::from_words(low_word(value), high_word(value) as u128)
    }

    /// Reduces `low + high·2^64`, for a `high` below 2^80.
    #[inline(always)]
    pub(super) const fn from_words(low: u64, high: u128) -> Self {
        // With high = middle + top·2^32: 2^64 ≡ EPSILON and 2^96 ≡ −1.
        let (without_top, borrow) = low.overflowing_sub(low_word(high >> 32));
        let without_top = without_top.wrapping_sub(EPSILON & mask(borrow));
        let (sum, carry) = without_top.overflowing_add((low_word(high) & EPSILON) * EPSILON);
        Self(subtract_modulus_once(sum.wrapping_add(EPSILON & mask(carry))))
    }

    /// Reduces an integer below 2^96.
    pub(super) const fn from_u96(value: u128) -> Self {
        let (sum, carry) = low_word(value).overflowing_add(high_word(value) * EPSILON);
        Self(subtract_modulus_once(sum.wrapping_add(EPSILON & mask(carry))))
    }

    /// Returns `self` squared `count` times.
    pub(super) const fn square_times(self, count: u32) -> Self {
        let mut result = self;
        let mut i = 0;
        while i < count {
            result = result.square();
            i += 1;
        }
        result
    }

    /// Returns the power with a public exponent.
    pub(super) const fn power(self, exponent: u64) -> Self {
        let mut result = Self::ONE;
        let mut bit = 64;
        while bit > 0 {
            bit -= 1;
            result = result.square();
            if (exponent >> bit) & 1 == 1 {
                result = result.times(self);
            }
        }
        result
    }

    /// Returns `self^(2^32 − 1)`.
    const fn power_epsilon(self) -> Self {
        let x2 = self.square().times(self);
        let x4 = x2.square_times(2).times(x2);
        let x8 = x4.square_times(4).times(x4);
        let x16 = x8.square_times(8).times(x8);
        x16.square_times(16).times(x16)
    }

    /// Returns the inverse; zero for zero.
    pub(super) const fn invert(self) -> Self {
        // p − 2 = (2^31 − 1)·2^33 + (2^32 − 1), and x^(2^32 − 1) = (x^(2^31 − 1))^2 · x.
        let x1 = self;
        let x2 = x1.square().times(x1);
        let x3 = x2.square().times(x1);
        let x6 = x3.square_times(3).times(x3);
        let x12 = x6.square_times(6).times(x6);
        let x24 = x12.square_times(12).times(x12);
        let x30 = x24.square_times(6).times(x6);
        let x31 = x30.square().times(x1);
        let x32 = x31.square().times(x1);
        x31.square_times(33).times(x32)
    }

    /// Returns a square root, or `None` for a non-square. Takes a time that depends on the value.
    pub(super) fn sqrt_vartime(self) -> Option<Self> {
        // Tonelli and Shanks: p − 1 = 2^32·q with q = 2^32 − 1; 7 generates the group of units.
        const ROOT_OF_UNITY: Goldilocks = Goldilocks(7).power_epsilon();
        if self == Self::ZERO {
            return Some(self);
        }
        // x^((q − 1)/2) with (q − 1)/2 = 2^31 − 1.
        let half = self.power((1 << 31) - 1);
        let mut root = half.times(self);
        let mut rest = root.times(half);
        let mut generator = ROOT_OF_UNITY;
        let mut order_log2 = 32;
        while rest != Self::ONE {
            let mut depth = 0;
            let mut probe = rest;
            while probe != Self::ONE {
                probe = probe.square();
                depth += 1;
            }
            if depth == order_log2 {
                return None;
            }
            let correction = generator.square_times(order_log2 - depth - 1);
            generator = correction.square();
            root = root.times(correction);
            rest = rest.times(generator);
            order_log2 = depth;
        }
        Some(root)
    }

    /// Returns whether the element is a square; zero is one.
    pub(super) fn is_square(self) -> bool {
        self.power((P - 1) / 2).0 <= 1
    }
}

/// All ones for `true`, zero for `false`.
const fn mask(flag: bool) -> u64 {
    (flag as u64).wrapping_neg()
}

const fn subtract_modulus_once(value: u64) -> u64 {
    let (difference, borrow) = value.overflowing_sub(P);
    difference.wrapping_add(P & mask(borrow))
}

#[expect(clippy::cast_possible_truncation, reason = "the low word is what is asked for")]
pub(super) const fn low_word(value: u128) -> u64 {
    value as u64
}

pub(super) const fn high_word(value: u128) -> u64 {
    (value >> 64) as u64
}

impl std::fmt::Debug for Goldilocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Add for Goldilocks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.plus(other)
    }
}

impl AddAssign for Goldilocks {
    fn add_assign(&mut self, other: Self) {
        *self = self.plus(other);
    }
}

impl Sub for Goldilocks {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.minus(other)
    }
}

impl SubAssign for Goldilocks {
    fn sub_assign(&mut self, other: Self) {
        *self = self.minus(other);
    }
}

impl Mul for Goldilocks {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.times(other)
    }
}

impl MulAssign for Goldilocks {
    fn mul_assign(&mut self, other: Self) {
        *self = self.times(other);
    }
}

impl Neg for Goldilocks {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO.minus(self)
    }
}

impl ConstantTimeEq for Goldilocks {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ConditionallySelectable for Goldilocks {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self(u64::conditional_select(&a.0, &b.0, choice))
    }
}

impl DefaultIsZeroes for Goldilocks {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{P, element};
    use super::*;

    fn reduced(value: u128) -> u64 {
        u64::try_from(value % u128::from(P)).unwrap()
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_integers_modulo_p(a in element(), b in element()) {
            let (x, y) = (u128::from(a.value()), u128::from(b.value()));
            prop_assert_eq!((a + b).value(), reduced(x + y));
            prop_assert_eq!((a - b).value(), reduced(x + u128::from(P) - y));
            prop_assert_eq!((a * b).value(), reduced(x * y));
            prop_assert_eq!((-a + a).value(), 0);
        }

        #[test]
        fn every_wide_integer_is_reduced(value in any::<u128>(), low in any::<u64>(), high in 0_u128..1 << 80) {
            prop_assert_eq!(Goldilocks::from_u128(value).value(), reduced(value));
            prop_assert_eq!(Goldilocks::from_u96(value >> 32).value(), reduced(value >> 32));
            let wide = ((high % u128::from(P)) << 64) % u128::from(P) + u128::from(low);
            prop_assert_eq!(Goldilocks::from_words(low, high).value(), reduced(wide));
        }

        #[test]
        fn inverses_and_roots_undo(a in element()) {
            let one = if a == Goldilocks::ZERO { Goldilocks::ZERO } else { Goldilocks::ONE };
            prop_assert_eq!(a * a.invert(), one);
            let root = a.square().sqrt_vartime().unwrap();
            prop_assert!(root == a || root == -a);
            prop_assert_eq!(a.sqrt_vartime().is_some(), a.is_square());
            // 7 is no square, so of a and 7a exactly one is.
            prop_assert!(a == Goldilocks::ZERO || a.is_square() != (a * Goldilocks::new(7)).is_square());
        }

        #[test]
        fn signed_integers_keep_their_sign(value in any::<i64>()) {
            let magnitude = Goldilocks::new(value.unsigned_abs());
            prop_assert_eq!(Goldilocks::from_i64(value), if value < 0 { -magnitude } else { magnitude });
        }

        #[test]
        fn the_control_crate_agrees(a in element(), b in element()) {
            let (x, y) = (poseidon_hash::Goldilocks(a.value()), poseidon_hash::Goldilocks(b.value()));
            prop_assert_eq!((a * b).value(), x.mul(&y).to_canonical_u64());
            prop_assert_eq!((a + b).value(), x.add(&y).to_canonical_u64());
            prop_assert_eq!((a - b).value(), x.sub(&y).to_canonical_u64());
        }
    }

    #[test]
    fn only_integers_below_the_modulus_are_canonical() {
        assert_eq!(Goldilocks::from_canonical(P - 1).map(Goldilocks::value), Some(P - 1));
        assert_eq!(Goldilocks::from_canonical(P), None);
        assert_eq!(Goldilocks::new(P), Goldilocks::ZERO);
    }
}
