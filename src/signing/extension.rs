//! The quintic extension GF(p^5) = GF(p)[z]/(z^5 − 3).
//!
//! Constant time, except where a name says `vartime`.

use std::ops::{Add, Mul, Neg, Sub};

use subtle::{Choice, ConditionallySelectable};
use zeroize::DefaultIsZeroes;

use super::digest::{bytes_of_elements, elements_from_bytes};
use super::field::{Goldilocks, high_word, low_word};

/// z^p = ZETA·z: 3^((p − 1)/5), a fifth root of one.
const ZETA: Goldilocks = Goldilocks::new(3).power((0xffff_ffff_0000_0001 - 1) / 5);

/// ZETA^i, by which the Frobenius map multiplies coefficient i.
const FROBENIUS: [Goldilocks; 5] = powers(ZETA);

/// ZETA^2i, for the Frobenius map applied twice.
const FROBENIUS_TWICE: [Goldilocks; 5] = powers(ZETA.square());

/// An element of GF(p^5); coefficient i belongs to z^i.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Fp5([Goldilocks; 5]);

impl Fp5 {
    pub(super) const ZERO: Self = Self([Goldilocks::ZERO; 5]);
    pub(super) const ONE: Self = Self::from_base(Goldilocks::ONE);

    pub(super) const fn new(coefficients: [Goldilocks; 5]) -> Self {
        Self(coefficients)
    }

    pub(super) const fn from_base(element: Goldilocks) -> Self {
        let zero = Goldilocks::ZERO;
        Self([element, zero, zero, zero, zero])
    }

    pub(super) const fn coefficients(&self) -> &[Goldilocks; 5] {
        &self.0
    }

    /// Reads five little-endian words; `None` when one is not below p.
    pub(super) fn from_bytes(bytes: &[u8; 40]) -> Option<Self> {
        elements_from_bytes(bytes).map(Self)
    }

    pub(super) fn to_bytes(self) -> [u8; 40] {
        bytes_of_elements(&self.0)
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    pub(super) fn double(self) -> Self {
        self + self
    }

    /// Returns `self·factor` for a factor below 2^32.
    pub(super) fn scale(self, factor: u32) -> Self {
        Self(self.0.map(|element| small_multiple(element, factor)))
    }

    /// Returns `self·factor·z` for a factor below 2^30.
    pub(super) fn scale_by_z(self, factor: u32) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        Self([
            small_multiple(a4, 3 * factor),
            small_multiple(a0, factor),
            small_multiple(a1, factor),
            small_multiple(a2, factor),
            small_multiple(a3, factor),
        ])
    }

    pub(super) fn square(self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        let (double0, double1) = (a0 + a0, a1 + a1);
        let (triple3, triple4) = (small_multiple(a3, 3), small_multiple(a4, 3));
        let (sixfold3, sixfold4) = (triple3 + triple3, triple4 + triple4);
        Self([
            sum_of_products([(a0, a0), (a1, sixfold4), (a2, sixfold3)]),
            sum_of_products([(double0, a1), (a2, sixfold4), (a3, triple3)]),
            sum_of_products([(double0, a2), (a1, a1), (a3, sixfold4)]),
            sum_of_products([(double0, a3), (double1, a2), (a4, triple4)]),
            sum_of_products([(double0, a4), (double1, a3), (a2, a2)]),
        ])
    }

    fn square_times(self, count: u32) -> Self {
        (0..count).fold(self, |power, _| power.square())
    }

    /// Returns `self^p`.
    fn frobenius(self) -> Self {
        self.multiply_each(&FROBENIUS)
    }

    /// Returns `self^(p^2)`.
    fn frobenius_twice(self) -> Self {
        self.multiply_each(&FROBENIUS_TWICE)
    }

    fn multiply_each(self, factors: &[Goldilocks; 5]) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * factors[i]))
    }

    /// Returns `self^(p + p^2 + p^3 + p^4)`, which times `self` is the norm.
    fn conjugates(self) -> Self {
        let once = self.frobenius();
        let twice = once * once.frobenius();
        twice * twice.frobenius_twice()
    }

    /// Returns the first coefficient of the product, which is all there is of a norm.
    fn product_in_base(&self, other: &Self) -> Goldilocks {
        let [a0, a1, a2, a3, a4] = self.0;
        let [b0, b1, b2, b3, b4] = other.0;
        let wrapped = sum_of_products([(a1, b4), (a2, b3), (a3, b2), (a4, b1)]);
        sum_of_products([(a0, b0)]) + small_multiple(wrapped, 3)
    }

    /// Returns the inverse; zero for zero.
    pub(super) fn invert(self) -> Self {
        let conjugates = self.conjugates();
        let inverse_norm = self.product_in_base(&conjugates).invert();
        Self(conjugates.0.map(|element| element * inverse_norm))
    }

    /// Returns whether the element is a square; zero is one. Not for secrets: the exponentiation is public, but the
    /// caller will branch on the answer.
    pub(super) fn is_square(&self) -> bool {
        // The element is a square exactly when its norm is one in the base field.
        self.product_in_base(&self.conjugates()).is_square()
    }

    /// Returns a square root, or `None` for a non-square. Takes a time that depends on the value.
    pub(super) fn sqrt_vartime(self) -> Option<Self> {
        // With r = 1 + p + p^2 + p^3 + p^4 and N = x^r the norm: x^(r + 1) = N·x, so x^((r + 1)/2) / √N is a root,
        // and (r + 1)/2 = 1 + p·(1 + p^2)·(p + 1)/2.
        let half = self.power_half_p_plus_one();
        let conjugates_root = (half * half.frobenius_twice()).frobenius();
        let norm = self.product_in_base(&conjugates_root.square());
        let inverse_root = norm.sqrt_vartime()?.invert();
        let scaled = conjugates_root * self;
        Some(Self(scaled.0.map(|element| element * inverse_root)))
    }

    /// Returns `self^((p + 1)/2)`, where (p + 1)/2 = 2^31·(2^32 − 1) + 1.
    fn power_half_p_plus_one(self) -> Self {
        let x2 = self.square() * self;
        let x4 = x2.square_times(2) * x2;
        let x8 = x4.square_times(4) * x4;
        let x16 = x8.square_times(8) * x8;
        let x32 = x16.square_times(16) * x16;
        x32.square_times(31) * self
    }
}

const fn powers(base: Goldilocks) -> [Goldilocks; 5] {
    let mut result = [Goldilocks::ONE; 5];
    let mut i = 1;
    while i < 5 {
        result[i] = result[i - 1].times(base);
        i += 1;
    }
    result
}

fn small_multiple(element: Goldilocks, factor: u32) -> Goldilocks {
    Goldilocks::from_u96(u128::from(element.value()) * u128::from(factor))
}

/// Sums a few products with one reduction at the end. Low and high words are summed apart, which spares the carries.
#[inline(always)]
fn sum_of_products<const N: usize>(pairs: [(Goldilocks, Goldilocks); N]) -> Goldilocks {
    let (mut low, mut high) = (0_u128, 0_u128);
    for (a, b) in pairs {
        let product = u128::from(a.value()) * u128::from(b.value());
        low += u128::from(low_word(product));
        high += u128::from(high_word(product));
    }
    Goldilocks::from_words(low_word(low), high + u128::from(high_word(low)))
}

impl Add for Fp5 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Fp5 {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl Neg for Fp5 {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.map(|element| -element))
    }
}

impl Mul for Fp5 {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        let [b0, b1, b2, b3, b4] = other.0;
        let [t1, t2, t3, t4] = [b1, b2, b3, b4].map(|element| small_multiple(element, 3));
        Self([
            sum_of_products([(a0, b0), (a1, t4), (a2, t3), (a3, t2), (a4, t1)]),
            sum_of_products([(a0, b1), (a1, b0), (a2, t4), (a3, t3), (a4, t2)]),
            sum_of_products([(a0, b2), (a1, b1), (a2, b0), (a3, t4), (a4, t3)]),
            sum_of_products([(a0, b3), (a1, b2), (a2, b1), (a3, b0), (a4, t4)]),
            sum_of_products([(a0, b4), (a1, b3), (a2, b2), (a3, b1), (a4, b0)]),
        ])
    }
}

impl ConditionallySelectable for Fp5 {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self(std::array::from_fn(|i| Goldilocks::conditional_select(&a.0[i], &b.0[i], choice)))
    }
}

impl DefaultIsZeroes for Fp5 {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::extension_element as element;
    use super::*;

    const Z: Fp5 =
        Fp5::new([Goldilocks::ZERO, Goldilocks::ONE, Goldilocks::ZERO, Goldilocks::ZERO, Goldilocks::ZERO]);

    fn power(base: Fp5, exponent: u64) -> Fp5 {
        (0..64).rev().fold(Fp5::ONE, |sum, bit| {
            let square = sum.square();
            if exponent >> bit & 1 == 1 { square * base } else { square }
        })
    }

    fn control(a: Fp5) -> poseidon_hash::Fp5Element {
        poseidon_hash::Fp5Element::from_uint64_array(a.0.map(Goldilocks::value))
    }

    #[test]
    fn z_to_the_fifth_is_three() {
        assert_eq!(Z * Z * Z * Z * Z, Fp5::from_base(Goldilocks::new(3)));
    }

    proptest! {
        #[test]
        fn it_is_a_ring(a in element(), b in element(), c in element()) {
            prop_assert_eq!(a * b, b * a);
            prop_assert_eq!(a * (b * c), a * b * c);
            prop_assert_eq!(a * (b + c), a * b + a * c);
            prop_assert_eq!(a - b, a + -b);
            prop_assert_eq!(a * Fp5::ONE, a);
            prop_assert_eq!(a.square(), a * a);
            prop_assert_eq!(a.double(), a.scale(2));
            prop_assert_eq!(a.scale_by_z(1_052), a * Z * Fp5::from_base(Goldilocks::new(1_052)));
        }

        #[test]
        fn the_frobenius_map_is_the_power_p(a in element()) {
            prop_assert_eq!(a.frobenius(), power(a, super::super::testing::P));
            prop_assert_eq!(a.frobenius_twice(), a.frobenius().frobenius());
        }

        #[test]
        fn inverses_and_roots_undo(a in element()) {
            prop_assert_eq!(a * a.invert(), if a.is_zero() { a } else { Fp5::ONE });
            let root = a.square().sqrt_vartime().unwrap();
            prop_assert!(root == a || root == -a);
            prop_assert_eq!(a.sqrt_vartime().is_some(), a.is_square());
        }

        #[test]
        fn bytes_are_read_as_written(a in element()) {
            prop_assert_eq!(Fp5::from_bytes(&a.to_bytes()), Some(a));
        }

        #[test]
        fn the_control_crate_agrees(a in element(), b in element()) {
            // Compared as integers: the control writes bytes that are not canonical.
            let values = |e: poseidon_hash::Fp5Element| Fp5::new(e.0.map(|c| Goldilocks::new(c.to_canonical_u64())));
            prop_assert_eq!(a * b, values(control(a).mul(&control(b))));
            prop_assert_eq!(a.square(), values(control(a).square()));
            prop_assert_eq!(a.invert(), values(control(a).inverse_or_zero()));
        }
    }

    #[test]
    fn words_beyond_the_modulus_are_refused() {
        for word in 0..5 {
            let mut bytes = [0; 40];
            bytes[8 * word..8 * word + 8].copy_from_slice(&super::super::testing::P.to_le_bytes());
            assert_eq!(Fp5::from_bytes(&bytes), None, "word {word}");
        }
    }
}
