//! What the property tests draw from; the ends of each range come up often.

use proptest::prelude::*;

use super::curve::{AffinePoint, Point};
use super::extension::Fp5;
use super::field::Goldilocks;
use super::multiply::generator_multiple;
use super::scalar::Scalar;

/// The field's modulus.
pub(super) const P: u64 = 0xffff_ffff_0000_0001;

pub(super) fn element() -> impl Strategy<Value = Goldilocks> {
    let edges = [0, 1, 2, 0xffff_ffff, 1 << 32, (1 << 32) + 1, 1 << 63, P - 2, P - 1];
    prop_oneof![3 => any::<u64>(), 1 => prop::sample::select(edges.to_vec())].prop_map(Goldilocks::new)
}

pub(super) fn extension_element() -> impl Strategy<Value = Fp5> {
    [element(), element(), element(), element(), element()].prop_map(Fp5::new)
}

pub(super) fn words() -> impl Strategy<Value = [u64; 5]> {
    prop_oneof![3 => any::<[u64; 5]>(), 1 => prop::array::uniform5(prop::sample::select(vec![0, 1, u64::MAX]))]
}

pub(super) fn scalar() -> impl Strategy<Value = Scalar> {
    words().prop_map(Scalar::reduce)
}

pub(super) fn point() -> impl Strategy<Value = Point> {
    scalar().prop_map(|scalar| generator_multiple(&scalar))
}

pub(super) fn affine_point() -> impl Strategy<Value = AffinePoint> {
    point().prop_map(Point::to_affine)
}
