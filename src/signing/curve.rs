//! The prime-order group ECgFp5, in the coordinates of T. Pornin, "`EcGFp5`: a Specialized Elliptic Curve" (2022).
//!
//! The curve is y² = x·(x² + a·x + b) with a = 2 and b = 263·z. Its group elements are the points Q + N, with Q in the
//! subgroup of odd order n and N = (0, 0), the neutral element. A point is (x, u) with u = x/y, held as fractions
//! x = X/Z and u = U/T; the formulas have no special cases. Constant time, except where a name says `vartime`.

use subtle::{Choice, ConditionallySelectable};
use zeroize::DefaultIsZeroes;

use super::extension::Fp5;
use super::field::Goldilocks;

/// b is this many times z.
const B: u32 = 263;

/// A group element (X : Z : U : T).
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    x: Fp5,
    z: Fp5,
    u: Fp5,
    t: Fp5,
}

/// A group element with Z = T = 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AffinePoint {
    x: Fp5,
    u: Fp5,
}

impl Point {
    pub(super) const NEUTRAL: Self = AffinePoint::NEUTRAL.extend();

    /// Returns the generator: the point with w = y/x = 4.
    pub(super) fn generator() -> Self {
        let x = [
            12_883_135_586_176_881_569,
            4_356_519_642_755_055_268,
            5_248_930_565_894_896_907,
            2_165_973_894_480_315_022,
            2_448_410_071_095_648_785,
        ];
        let w = Fp5::from_base(Goldilocks::new(4));
        AffinePoint { x: Fp5::new(x.map(Goldilocks::new)), u: w.invert() }.extend()
    }

    /// Returns the sum: ten multiplications.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let xx = self.x * other.x;
        let zz = self.z * other.z;
        let uu = self.u * other.u;
        let tt = self.t * other.t;
        let xz = (self.x + self.z) * (other.x + other.z) - xx - zz;
        let ut = (self.u + self.t) * (other.u + other.t) - uu - tt;
        Self::from_products(xx, zz, uu, tt, xz, ut)
    }

    /// Returns the sum with a point in affine form: eight multiplications.
    pub(super) fn plus_affine(&self, other: &AffinePoint) -> Self {
        let xx = self.x * other.x;
        let uu = self.u * other.u;
        let xz = self.x + self.z * other.x;
        let ut = self.u + self.t * other.u;
        Self::from_products(xx, self.z, uu, self.t, xz, ut)
    }

    /// Ends an addition: `xz` and `ut` are the sums of the crosswise products.
    fn from_products(xx: Fp5, zz: Fp5, uu: Fp5, tt: Fp5, xz: Fp5, ut: Fp5) -> Self {
        let bzz = zz.scale_by_z(B);
        let sum = xx + bzz;
        let first = tt * sum;
        let second = uu * (xz.scale_by_z(2 * B) + sum.double());
        let third = (tt + uu.double()) * (xz + sum);
        Self { x: (third - first).scale_by_z(B), z: first - second, u: ut * (bzz - xx), t: first + second }
    }

    pub(super) fn negate(&self) -> Self {
        Self { u: -self.u, ..*self }
    }

    /// Returns twice the point: four multiplications and five squarings.
    pub(super) fn double(&self) -> Self {
        let ztt = self.z * self.t * self.t;
        let x = ztt.square();
        let z = self.z * self.t * self.u;
        let w = ztt - (self.x + self.z).double() * self.u.square();
        let zz = z.square();
        let ww = w.square();
        Self {
            x: zz.scale_by_z(4 * B),
            z: ww,
            u: (w + z).square() - zz - ww,
            t: x.double() - zz.scale(4) - ww,
        }
    }

    /// Returns the encoding w = y/x = T/U; zero for the neutral point.
    pub(super) fn encode(&self) -> Fp5 {
        self.t * self.u.invert()
    }

    /// Brings the point to affine form. No Z or T of a point is ever zero.
    pub(super) fn to_affine(self) -> AffinePoint {
        let inverse = (self.z * self.t).invert();
        AffinePoint { x: self.x * self.t * inverse, u: self.u * self.z * inverse }
    }

    /// Brings points to affine form with one inversion for all.
    pub(super) fn to_affine_all(points: &[Self]) -> Vec<AffinePoint> {
        let mut product = Fp5::ONE;
        let mut before = Vec::with_capacity(points.len());
        for point in points {
            before.push(product);
            product = product * point.z * point.t;
        }
        let mut inverse = product.invert();
        let mut affine: Vec<_> = points
            .iter()
            .zip(before)
            .rev()
            .map(|(point, before)| {
                let both = inverse * before;
                inverse = inverse * point.z * point.t;
                AffinePoint { x: point.x * point.t * both, u: point.u * point.z * both }
            })
            .collect();
        affine.reverse();
        affine
    }
}

impl AffinePoint {
    pub(super) const NEUTRAL: Self = Self { x: Fp5::ZERO, u: Fp5::ZERO };

    pub(super) const fn extend(self) -> Point {
        Point { x: self.x, z: Fp5::ONE, u: self.u, t: Fp5::ONE }
    }

    /// Returns the point of an encoding, or `None` when there is none. For public keys.
    pub(super) fn decode_vartime(w: Fp5) -> Option<Self> {
        if w.is_zero() {
            return Some(Self::NEUTRAL);
        }
        // y = w·x on the curve gives x² + (a − w²)·x + b = 0; the group has the root that is no square.
        let e = w.square() - Fp5::from_base(Goldilocks::new(2));
        let discriminant = e.square() - Fp5::ONE.scale_by_z(4 * B);
        let root = discriminant.sqrt_vartime()?;
        let half = Fp5::from_base(Goldilocks::new(2)).invert();
        let x = [(e + root) * half, (e - root) * half].into_iter().find(|x| !x.is_square())?;
        Some(Self { x, u: w.invert() })
    }

    pub(super) fn negate(&self) -> Self {
        Self { x: self.x, u: -self.u }
    }

    /// Negates the point when `choice`.
    pub(super) fn negate_if(&mut self, choice: Choice) {
        self.u.conditional_assign(&-self.u, choice);
    }
}

impl ConditionallySelectable for AffinePoint {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self {
            x: Fp5::conditional_select(&a.x, &b.x, choice),
            u: Fp5::conditional_select(&a.u, &b.u, choice),
        }
    }
}

impl Default for AffinePoint {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

impl Default for Point {
    fn default() -> Self {
        Self { x: Fp5::ZERO, z: Fp5::ZERO, u: Fp5::ZERO, t: Fp5::ZERO }
    }
}

/// Erased memory holds no point at all: all coordinates zero.
impl DefaultIsZeroes for Point {}

impl DefaultIsZeroes for AffinePoint {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{affine_point, extension_element, point};
    use super::*;

    /// Adds in the curve's own group by chords: `None` for points with the same x.
    fn chord(p: (Fp5, Fp5), q: (Fp5, Fp5)) -> Option<(Fp5, Fp5)> {
        let run = q.0 - p.0;
        if run.is_zero() {
            return None;
        }
        let slope = (q.1 - p.1) * run.invert();
        let x = slope.square() - Fp5::from_base(Goldilocks::new(2)) - p.0 - q.0;
        Some((x, slope * (p.0 - x) - p.1))
    }

    fn xy(point: AffinePoint) -> (Fp5, Fp5) {
        (point.x, point.x * point.u.invert())
    }

    #[test]
    fn the_generator_is_on_the_curve_and_encodes_as_four() {
        let generator = Point::generator();
        let four = Fp5::from_base(Goldilocks::new(4));
        assert_eq!(generator.encode(), four);
        assert_eq!(AffinePoint::decode_vartime(four), Some(generator.to_affine()));
        assert_eq!(AffinePoint::decode_vartime(Fp5::ZERO), Some(AffinePoint::NEUTRAL));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_is_a_group(p in point(), q in point(), r in point()) {
            prop_assert_eq!(p.plus(&q).encode(), q.plus(&p).encode());
            prop_assert_eq!(p.plus(&q).plus(&r).encode(), p.plus(&q.plus(&r)).encode());
            prop_assert_eq!(p.plus(&Point::NEUTRAL).encode(), p.encode());
            prop_assert_eq!(p.plus(&p.negate()).encode(), Fp5::ZERO);
            prop_assert_eq!(p.double().encode(), p.plus(&p).encode());
            prop_assert_eq!(Point::NEUTRAL.double().encode(), Fp5::ZERO);
        }

        #[test]
        fn the_sum_is_the_chord_sum_and_the_point_of_order_two(p in affine_point(), q in affine_point()) {
            let zero = (Fp5::ZERO, Fp5::ZERO);
            if let Some(sum) = chord(xy(p), xy(q)).and_then(|sum| chord(sum, zero)) {
                prop_assert_eq!(xy(p.extend().plus(&q.extend()).to_affine()), sum);
            }
        }

        #[test]
        fn affine_points_add_alike(p in point(), q in point()) {
            let scaled = q.plus(&p).plus(&p.negate());
            prop_assert_eq!(p.plus_affine(&scaled.to_affine()).encode(), p.plus(&q).encode());
            prop_assert_eq!(p.plus_affine(&AffinePoint::NEUTRAL).encode(), p.encode());
            let both = Point::to_affine_all(&[p, scaled]);
            prop_assert_eq!(both, vec![p.to_affine(), q.to_affine()]);
        }

        #[test]
        fn points_are_read_as_written(p in point()) {
            prop_assert_eq!(AffinePoint::decode_vartime(p.encode()), Some(p.to_affine()));
        }

        #[test]
        fn what_is_read_is_in_the_group(w in extension_element()) {
            // The control decides alike whether there is a point at all.
            let control = poseidon_hash::Fp5Element::from_uint64_array(w.coefficients().map(Goldilocks::value));
            let point = AffinePoint::decode_vartime(w);
            prop_assert_eq!(point.is_some(), goldilocks_crypto::Point::decode(&control).is_some());
            if let Some(point) = point {
                let (x, y) = xy(point);
                let two = Fp5::from_base(Goldilocks::new(2));
                prop_assert_eq!(y.square(), x * (x.square() + two * x + Fp5::ONE.scale_by_z(B)));
                prop_assert!(x.is_zero() || !x.is_square(), "in the wrong half of the curve");
                prop_assert_eq!(point.extend().encode(), w);
            }
        }
    }
}
