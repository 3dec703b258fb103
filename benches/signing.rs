//! How long one order takes to hash, sign and verify; `goldilocks-crypto` is the control.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lighter_plan::signing::{PrivateKey, hash_elements};
use lighter_plan::tx::{Attributes, CreateOrder, Envelope, OrderSpec};

const CHAIN_ID: u32 = 304;

fn order() -> Envelope {
    let order = OrderSpec {
        market_index: 1,
        client_order_index: 77,
        base_amount: 1_000,
        price: 804_419,
        is_ask: 0,
        kind: 0,
        time_in_force: 1,
        reduce_only: 0,
        trigger_price: 0,
        order_expiry: 1_900_000_000_000,
    };
    let tx = CreateOrder { account_index: 12_345, api_key_index: 4, order }.into();
    Envelope { tx, expired_at: 1_900_000_000_000, nonce: 7, attributes: Attributes::new().skip_nonce() }
}

fn orders(criterion: &mut Criterion) {
    let (order, key) = (order(), PrivateKey::from_seed("bench", 1, 2));
    let (public, signed) = (key.public_key(), order.sign(CHAIN_ID, &key));
    let mut group = criterion.benchmark_group("order");
    group.bench_function("hash", |b| b.iter(|| black_box(&order).hash(CHAIN_ID)));
    group.bench_function("sign", |b| b.iter(|| black_box(&order).sign(CHAIN_ID, &key)));
    group.bench_function("parse and verify", |b| {
        b.iter(|| {
            let (read, signature, _) = Envelope::parse(14, black_box(&signed.tx_info)).expect("own text");
            assert!(read.verify(CHAIN_ID, &public, &signature));
        });
    });
    group.finish();
}

fn digests(criterion: &mut Criterion) {
    let key = PrivateKey::from_seed("bench", 1, 2);
    let (public, digest) = (key.public_key(), hash_elements(&[]));
    let signature = key.sign(&digest);
    let (bytes, message) = (key.to_bytes(), digest.to_bytes());

    let mut group = criterion.benchmark_group("sign a digest");
    group.bench_function("this crate", |b| b.iter(|| key.sign(black_box(&digest))));
    group.bench_function("this crate, hedged", |b| b.iter(|| key.sign_hedged(black_box(&digest))));
    group.bench_function("control", |b| {
        b.iter(|| goldilocks_crypto::sign(&*bytes, black_box(&message)).expect("a key"));
    });
    group.finish();

    let mut group = criterion.benchmark_group("verify a digest");
    group.bench_function("this crate", |b| b.iter(|| assert!(public.verify(black_box(&digest), &signature))));
    let (key_bytes, signature) = (public.to_bytes(), signature.to_bytes());
    group.bench_function("control", |b| {
        b.iter(|| goldilocks_crypto::verify_signature(&signature, black_box(&message), &key_bytes));
    });
    group.finish();
    criterion.bench_function("read a public key", |b| {
        b.iter(|| lighter_plan::signing::PublicKey::from_bytes(black_box(&key_bytes)));
    });
    criterion.bench_function("public key of a private one", |b| b.iter(|| black_box(&key).public_key()));
}

criterion_group!(benches, orders, digests);
criterion_main!(benches);
