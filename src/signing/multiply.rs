//! Multiples of points: of the generator in constant time with tables, of public points in variable time.

use std::sync::OnceLock;

use subtle::{ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroize;

use super::curve::{AffinePoint, Point};
use super::scalar::{Scalar, WINDOW_MAX, WINDOWS};

/// Width of the generator's non-adjacent form: 32 points, made once.
const GENERATOR_WIDTH: u32 = 7;

/// Width of a public key's non-adjacent form: 8 points, made at each verification.
const KEY_WIDTH: u32 = 5;

/// Multiples of the generator.
struct Tables {
    /// `windows[i][j]` is (j + 1)·32^i times the generator: 80 KiB, so that signing needs no doubling.
    windows: Vec<[AffinePoint; WINDOW_MAX]>,
    /// `odd[j]` is 2j + 1 times the generator.
    odd: Vec<AffinePoint>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let generator = Point::generator();
        let odd = odd_multiples(&generator, GENERATOR_WIDTH);
        Tables { windows: window_multiples(generator), odd: Point::to_affine_all(&odd) }
    })
}

fn window_multiples(generator: Point) -> Vec<[AffinePoint; WINDOW_MAX]> {
    let mut multiples = Vec::with_capacity(WINDOWS * WINDOW_MAX);
    let mut base = generator;
    for _ in 0..WINDOWS {
        let mut multiple = base;
        for _ in 0..WINDOW_MAX {
            multiples.push(multiple);
            multiple = multiple.plus(&base);
        }
        base = (0..5).fold(base, |point, _| point.double());
    }
    let affine = Point::to_affine_all(&multiples);
    affine.as_chunks::<WINDOW_MAX>().0.to_vec()
}

fn odd_multiples(point: &Point, width: u32) -> Vec<Point> {
    let double = point.double();
    let count = 1 << (width - 2);
    std::iter::successors(Some(*point), |last| Some(last.plus(&double))).take(count).collect()
}

/// Returns `scalar` times the generator, in constant time.
pub(super) fn generator_multiple(scalar: &Scalar) -> Point {
    let mut digits = scalar.signed_windows();
    let mut sum = Point::NEUTRAL;
    for (window, &digit) in tables().windows.iter().zip(&digits) {
        let mut entry = select(window, digit);
        sum = sum.plus_affine(&entry);
        entry.zeroize();
    }
    digits.zeroize();
    sum
}

/// Returns `digit` times the window's first point; reads the whole window whatever the digit is.
fn select(window: &[AffinePoint; WINDOW_MAX], digit: i8) -> AffinePoint {
    let magnitude = digit.unsigned_abs();
    let mut entry = AffinePoint::NEUTRAL;
    for (index, point) in (1_u8..).zip(window) {
        entry.conditional_assign(point, index.ct_eq(&magnitude));
    }
    // A negative digit has its sign bit set: it is above 127 as a byte.
    entry.negate_if(digit.cast_unsigned().ct_gt(&127));
    entry
}

/// Returns `a` times the generator plus `b` times `point`. Takes a time that depends on all of them.
pub(super) fn double_multiple_vartime(a: &Scalar, b: &Scalar, point: &AffinePoint) -> Point {
    let (digits_a, digits_b) = (a.naf_vartime(GENERATOR_WIDTH), b.naf_vartime(KEY_WIDTH));
    let multiples = odd_multiples(&point.extend(), KEY_WIDTH);
    let odd = &tables().odd;
    let mut sum = Point::NEUTRAL;
    let mut started = false;
    for (&digit_a, &digit_b) in digits_a.iter().zip(&digits_b).rev() {
        if started {
            sum = sum.double();
        }
        if digit_a != 0 {
            let entry = odd[usize::from(digit_a.unsigned_abs() / 2)];
            sum = sum.plus_affine(&if digit_a < 0 { entry.negate() } else { entry });
        }
        if digit_b != 0 {
            let entry = multiples[usize::from(digit_b.unsigned_abs() / 2)];
            sum = sum.plus(&if digit_b < 0 { entry.negate() } else { entry });
        }
        started |= digit_a != 0 || digit_b != 0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{affine_point, scalar};
    use super::*;

    /// Doubles and adds, bit by bit.
    fn slow_multiple(scalar: &Scalar, point: &Point) -> Point {
        scalar.to_bytes().iter().rev().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).fold(
            Point::NEUTRAL,
            |sum, bit| {
                let double = sum.double();
                if bit == 1 { double.plus(point) } else { double }
            },
        )
    }

    #[test]
    fn the_generator_has_order_n() {
        let last = Scalar::default().minus(Scalar::ONE);
        assert_eq!(generator_multiple(&last).encode(), Point::generator().negate().encode());
        assert!(generator_multiple(&Scalar::default()).encode().is_zero());
        assert_eq!(generator_multiple(&Scalar::ONE).encode(), Point::generator().encode());
    }

    #[test]
    fn every_digit_selects_its_multiple() {
        let window = &tables().windows[0];
        for digit in -16..=16_i8 {
            let magnitude = usize::from(digit.unsigned_abs());
            let expected = magnitude.checked_sub(1).map_or(AffinePoint::NEUTRAL, |index| window[index]);
            let expected = if digit < 0 { expected.negate() } else { expected };
            assert_eq!(select(window, digit), expected, "digit {digit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn both_ways_multiply(a in scalar(), b in scalar(), point in affine_point()) {
            let of_generator = generator_multiple(&a);
            prop_assert_eq!(of_generator.encode(), slow_multiple(&a, &Point::generator()).encode());
            let expected = of_generator.plus(&slow_multiple(&b, &point.extend()));
            prop_assert_eq!(double_multiple_vartime(&a, &b, &point).encode(), expected.encode());
        }

        #[test]
        fn multiples_add_up(a in scalar(), b in scalar()) {
            let sum = generator_multiple(&a).plus(&generator_multiple(&b));
            prop_assert_eq!(generator_multiple(&a.plus(b)).encode(), sum.encode());
        }
    }
}
