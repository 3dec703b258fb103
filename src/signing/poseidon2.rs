//! The venue's hash: Poseidon2 over Goldilocks, width 12, rate 8, as an overwriting sponge without padding.
//!
//! Constant time in the values; the number of elements is public.

use zeroize::Zeroize;

use super::constants::{DIAGONAL, EXTERNAL, INTERNAL};
use super::digest::Digest;
use super::field::Goldilocks;

const WIDTH: usize = 12;
const RATE: usize = 8;

/// A sponge in the making.
#[derive(Clone, Default)]
pub(super) struct Sponge {
    state: [Goldilocks; WIDTH],
}

impl Sponge {
    /// Takes in `elements` from the start of a block; only the last call may bring an incomplete block.
    pub(super) fn absorb(&mut self, elements: &[Goldilocks]) {
        for block in elements.chunks(RATE) {
            self.state[..block.len()].copy_from_slice(block);
            self.permute();
        }
    }

    /// Returns the first cells.
    pub(super) fn first<const N: usize>(&self) -> [Goldilocks; N] {
        const { assert!(N <= RATE, "cells beyond the rate stay inside") };
        std::array::from_fn(|i| self.state[i])
    }

    pub(super) fn permute(&mut self) {
        permute(&mut self.state);
    }
}

impl Zeroize for Sponge {
    fn zeroize(&mut self) {
        self.state.zeroize();
    }
}

/// Returns the 5-element hash of `elements`: what transactions, tokens and signatures are made of.
pub fn hash_elements(elements: &[Goldilocks]) -> Digest {
    Digest::new(hash(elements))
}

/// Returns the 4-element hash of `elements`: grouped orders are folded with it.
pub fn hash_to_four(elements: &[Goldilocks]) -> [Goldilocks; 4] {
    hash(elements)
}

fn hash<const N: usize>(elements: &[Goldilocks]) -> [Goldilocks; N] {
    let mut sponge = Sponge::default();
    sponge.absorb(elements);
    sponge.first()
}

fn permute(state: &mut [Goldilocks; WIDTH]) {
    external_layer(state);
    for constants in &EXTERNAL[..4] {
        full_round(state, constants);
    }
    for &constant in &INTERNAL {
        partial_round(state, constant);
    }
    for constants in &EXTERNAL[4..] {
        full_round(state, constants);
    }
}

fn full_round(state: &mut [Goldilocks; WIDTH], constants: &[Goldilocks; WIDTH]) {
    for (cell, &constant) in state.iter_mut().zip(constants) {
        *cell = seventh_power(*cell + constant);
    }
    external_layer(state);
}

fn partial_round(state: &mut [Goldilocks; WIDTH], constant: Goldilocks) {
    state[0] = seventh_power(state[0] + constant);
    let sum: u128 = state.iter().map(|cell| u128::from(cell.value())).sum();
    for (cell, diagonal) in state.iter_mut().zip(&DIAGONAL) {
        // The product is at most (p − 1)^2 < 2^128 − 2^96, which leaves room for a sum of 12 cells.
        *cell = Goldilocks::from_u128(u128::from(cell.value()) * u128::from(diagonal.value()) + sum);
    }
}

fn seventh_power(x: Goldilocks) -> Goldilocks {
    let square = x.square();
    square.square().times(square).times(x)
}

/// Multiplies by the circulant of M, 2M on the diagonal, with M = circ(2, 3, 1, 1) on each chunk of four cells.
fn external_layer(state: &mut [Goldilocks; WIDTH]) {
    let mut wide = [0_u128; WIDTH];
    for (chunk, cells) in wide.chunks_exact_mut(4).zip(state.chunks_exact(4)) {
        let [a, b, c, d] = std::array::from_fn(|i| u128::from(cells[i].value()));
        let sum = a + b + c + d;
        chunk.copy_from_slice(&[sum + a + 2 * b, sum + b + 2 * c, sum + c + 2 * d, sum + d + 2 * a]);
    }
    let columns: [u128; 4] = std::array::from_fn(|i| wide[i] + wide[4 + i] + wide[8 + i]);
    for (i, cell) in state.iter_mut().enumerate() {
        *cell = Goldilocks::from_u96(wide[i] + columns[i % 4]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(elements: &[Goldilocks]) -> Vec<u64> {
        elements.iter().map(|element| element.value()).collect()
    }

    #[test]
    fn permutes_as_the_venue_does() {
        let mut zeros = [Goldilocks::ZERO; 12];
        permute(&mut zeros);
        assert_eq!(
            values(&zeros),
            [
                7_182_099_517_097_165_596,
                9_311_216_678_150_108_034,
                8_831_900_494_918_587_432,
                10_774_846_510_254_277_933,
                10_601_329_242_472_021_962,
                5_629_867_288_322_699_978,
                140_799_316_430_260_029,
                16_680_789_625_189_310_103,
                16_589_856_342_819_292_996,
                4_940_126_994_627_441_183,
                14_089_387_953_811_494_999,
                8_340_711_910_841_427_341
            ]
        );
        let mut counting = std::array::from_fn(|i| Goldilocks::new(i as u64));
        permute(&mut counting);
        assert_eq!(
            values(&counting),
            [
                8_066_226_119_727_164_551,
                12_034_567_947_558_293_796,
                14_152_291_504_239_882_087,
                17_432_044_828_564_993_022,
                18_363_463_688_991_195_121,
                10_972_075_183_901_531_833,
                459_741_503_372_679_350,
                526_680_121_051_726_053,
                647_154_133_136_364_518,
                12_211_724_450_340_700_274,
                8_061_408_057_657_658_344,
                15_479_440_560_020_210_066
            ]
        );
    }

    #[test]
    fn hashes_as_the_venue_does() {
        let count = |n: u64| (1..=n).map(Goldilocks::new).collect::<Vec<_>>();
        assert_eq!(
            values(hash_elements(&count(3)).elements()),
            [
                9_012_335_156_113_876_971,
                15_010_880_231_141_122_522,
                4_012_923_551_176_940_486,
                9_336_101_679_595_537_887,
                3_273_591_152_248_699_825
            ]
        );
        assert_eq!(
            values(hash_elements(&count(9)).elements()),
            [
                16_227_062_849_557_806_322,
                8_564_777_786_625_489_032,
                190_117_969_290_264_605,
                5_916_077_271_953_608_790,
                8_021_020_590_423_921_751
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn the_control_crate_agrees(elements in proptest::collection::vec(super::super::testing::element(), 1..30)) {
            let input: Vec<_> = elements.iter().map(|e| poseidon_hash::Goldilocks(e.value())).collect();
            let five = poseidon_hash::hash_to_quintic_extension(&input).to_bytes_le();
            proptest::prop_assert_eq!(hash_elements(&elements).to_bytes().to_vec(), five);
            let four = poseidon_hash::hash_no_pad(&input).map(|element| element.to_canonical_u64());
            proptest::prop_assert_eq!(hash_to_four(&elements).map(Goldilocks::value), four);
        }
    }
}
