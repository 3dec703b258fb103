//! Tiers, sub-accounts, keys, integrators, modes, deposits and the fast route.

use super::*;
use crate::tx::l1::EthKey;
use crate::tx::{
    ApproveIntegrator, Attribute, ChangePubKey, CreateSubAccount, Transfer, UpdateAccountAssetConfig,
    UpdateAccountConfig, UpdateLeverage, Withdraw,
};

const USDC: i128 = 1_000_000_000_000;
/// Owned by a key of its own, for what needs an L1 signature.
const D: AccountIndex = AccountIndex::new(500);
const DAY_MS: u64 = 86_400_000;

fn owner() -> EthKey {
    EthKey::from_seed("bench", 1, 1)
}

/// A bench with a fourth account of 1,000 USDC, whose owner can sign.
fn with_owner() -> Bench {
    let mut bench = Bench::new();
    let keys = vec![(SLOT, key(D).public_key().to_bytes())];
    bench.exchange.create_account(owner().address().to_string(), keys, Some(D));
    bench.exchange.deposit(D, Usdc::whole(1_000));
    bench
}

/// Sends a transaction of D with its owner's signature.
fn send_owned(bench: &mut Bench, tx: impl Into<Tx>, nonce: i64) -> Result<Submitted, ApiError> {
    let envelope = bench.envelope(tx, nonce, Attributes::new());
    let l1 = owner().sign(&envelope.l1_message(304).unwrap());
    let signed = envelope.sign_with_l1(304, &key(D), Some(&l1));
    bench.exchange.submit(signed.tx_type, &signed.tx_info, true)
}

fn fast(amount: i64, to: AccountIndex) -> Transfer {
    Transfer {
        from_account_index: D.get(),
        api_key_index: SLOT.get(),
        to_account_index: to.get(),
        asset_index: 3,
        from_route_type: 0,
        to_route_type: 0,
        amount,
        usdc_fee: 1_000_000,
        memo: [7; 32],
    }
}

fn change(bench: &mut Bench, tier: Tier) -> Result<(), i64> {
    bench.exchange.request(&Request::ChangeTier { account: A, tier }).map_err(|error| error.code)
}

#[test]
fn a_tier_changes_when_nothing_is_open_and_once_a_day() {
    let mut bench = Bench::new();
    assert_eq!(change(&mut bench, Tier::Standard), Err(62003));
    let order = bench.place(A, Side::Buy, 99_000, 1_000, GTT);
    assert_eq!(change(&mut bench, Tier::Premium), Err(62005));
    bench.send(bench.cancel(A, i64::try_from(order.order_index.get()).unwrap())).unwrap();
    // The cancel waits: an accepted transaction keeps the terms it was accepted on.
    assert_eq!(change(&mut bench, Tier::Premium), Err(62005));
    bench.run(400);
    bench.place(B, Side::Sell, 100_000, 1_000, GTT);
    bench.place(A, Side::Buy, 100_000, 1_000, IOC);
    assert_eq!(change(&mut bench, Tier::Premium), Err(62004));
    bench.place(B, Side::Buy, 100_000, 1_000, GTT);
    bench.place(A, Side::Sell, 100_000, 1_000, IOC);
    assert_eq!(change(&mut bench, Tier::Premium), Ok(()));
    let record = bench.exchange.account(A).unwrap();
    assert_eq!((record.tier, record.maker_fee, record.taker_fee), (Tier::Premium, 40, 280));
    assert_eq!(record.tier_changed_at, Some(bench.exchange.now()));
    assert_eq!(change(&mut bench, Tier::Plus), Err(62006));
    bench.run(DAY_MS - 1);
    assert_eq!(change(&mut bench, Tier::Plus), Err(62006));
    bench.run(1);
    assert_eq!(change(&mut bench, Tier::Plus), Ok(()));
    assert_eq!(bench.exchange.account(A).unwrap().taker_fee, 50);
}

#[test]
fn stakes_and_tiers_set_fees_and_delays() {
    let mut bench = Bench::with(ExchangeConfig { tier: Tier::Premium, ..config() });
    bench.exchange.request(&Request::Stake { account: A, lit: 500_000 }).unwrap();
    assert_eq!(bench.exchange.account(A).unwrap().taker_fee, 196);
    let now = bench.exchange.now();
    let wait = |sent: Submitted| sent.executes_at.since(now).as_millis();
    assert_eq!(wait(bench.order(A, Side::Buy, 99_000, 1_000, GTT).unwrap()), 140);
    assert_eq!(wait(bench.order(B, Side::Buy, 99_000, 1_000, GTT).unwrap()), 200);
    assert_eq!(wait(bench.order(C, Side::Buy, 99_000, 1_000, POST).unwrap()), 0);
    let mut plus = Bench::with(ExchangeConfig { tier: Tier::Plus, ..config() });
    assert_eq!(wait(plus.order(A, Side::Buy, 99_000, 1_000, POST).unwrap()), 200);
    assert_eq!(wait(plus.order(B, Side::Buy, 99_000, 1_000, GTT).unwrap()), 300);
}

#[test]
fn sub_accounts_belong_to_the_master_and_count_down() {
    let mut bench = Bench::new();
    let create =
        |index: AccountIndex| CreateSubAccount { account_index: index.get(), api_key_index: SLOT.get() };
    bench.send(create(A)).unwrap();
    bench.send(create(A)).unwrap();
    bench.run(400);
    let all = bench.exchange.accounts_of(&format!("0x{:040x}", A.get()));
    let last = (1 << 48) - 3;
    assert_eq!(all, [A, AccountIndex::new(last - 1), AccountIndex::new(last)]);
    let sub = bench.exchange.account(AccountIndex::new(last)).unwrap();
    assert_eq!((sub.master, sub.tier, sub.keys.len()), (A, Tier::Standard, 0));
    let keys = vec![(SLOT, key(D).public_key().to_bytes())];
    bench.exchange.create_account(format!("0x{:040x}", A.get()), keys, Some(D));
    assert_eq!(code(bench.send(create(D))), 21128);
}

#[test]
fn a_replaced_key_is_refused_and_its_slot_goes_on_counting() {
    let mut bench = with_owner();
    let fresh = PrivateKey::from_seed("bench", 2, 1);
    let body = ChangePubKey {
        account_index: D.get(),
        api_key_index: SLOT.get(),
        pub_key: fresh.public_key().to_bytes(),
    };
    let envelope = bench.envelope(body, 0, Attributes::new());
    let l1 = owner().sign(&envelope.l1_message(304).unwrap());
    let signed = envelope.sign_with_l1(304, &fresh, Some(&l1));
    bench.exchange.submit(signed.tx_type, &signed.tx_info, true).unwrap();
    bench.run(400);
    let mut cancel = bench.cancel_all(D, 0, 0);
    cancel.account_index = D.get();
    let envelope = bench.envelope(cancel, 1, Attributes::new());
    let old = envelope.sign(304, &key(D));
    assert_eq!(code(bench.exchange.submit(old.tx_type, &old.tx_info, true)), 21120);
    let new = envelope.sign(304, &fresh);
    assert!(bench.exchange.submit(new.tx_type, &new.tx_info, true).is_ok());
}

#[test]
fn a_maker_only_key_makes_and_cancels_after_an_hour() {
    let mut bench = Bench::with(ExchangeConfig { tier: Tier::Premium, ..config() });
    let set = |bench: &mut Bench, account, keys: Vec<ApiKeyIndex>| {
        bench.exchange.request(&Request::MakerOnlyKeys { account, keys }).map_err(|error| error.code)
    };
    assert_eq!(set(&mut bench, A, vec![ApiKeyIndex::new(9)]), Err(21109));
    assert_eq!(set(&mut bench, A, vec![SLOT]), Ok(()));
    assert_eq!(bench.exchange.maker_only_keys(A), [SLOT]);
    assert!(bench.exchange.account(A).unwrap().maker_only_keys.is_empty());
    bench.place(A, Side::Buy, 99_000, 1_000, GTT);
    bench.run(3_600_000);
    assert_eq!(code(bench.order(A, Side::Buy, 99_000, 1_000, GTT)), 62007);
    assert_eq!(code(bench.order(A, Side::Buy, 99_000, 1_000, IOC)), 62007);
    let order = bench.place(A, Side::Buy, 99_000, 1_000, Extra { client: 7, ..POST });
    assert_eq!(order.status, OrderStatus::Open);
    bench.send(bench.modify(A, 7, 2_000, 98_000)).unwrap();
    let leverage = UpdateLeverage {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        initial_margin_fraction: 1_000,
        margin_mode: 0,
    };
    assert_eq!(code(bench.send(leverage)), 62007);
    bench.send(bench.cancel(A, 7)).unwrap();
    let mut standard = Bench::new();
    assert_eq!(set(&mut standard, A, vec![SLOT]), Err(21515));
}

#[test]
fn an_integrator_is_paid_on_top_once_approved() {
    let mut bench = Bench::new();
    bench.exchange.check_signatures(false);
    bench.unsigned = true;
    let fees = Attributes::new()
        .with(Attribute::IntegratorAccountIndex, C.get())
        .with(Attribute::IntegratorTakerFee, 1_000);
    bench.place(B, Side::Sell, 100_000, 10_000, GTT);
    let order = Extra { attributes: fees, ..IOC };
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 1_000, order)), 21149);
    let expiry = bench.now() + 600_000;
    let approve = |max| ApproveIntegrator {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        integrator_account_index: C.get(),
        max_perps_taker_fee: max,
        max_perps_maker_fee: max,
        max_spot_taker_fee: 0,
        max_spot_maker_fee: 0,
        approval_expiry: expiry,
    };
    bench.send(approve(999)).unwrap();
    bench.run(400);
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 1_000, order)), 21134);
    bench.send(approve(1_000)).unwrap();
    bench.run(400);
    assert_eq!(bench.exchange.account(A).unwrap().integrators[0].max_perps_taker_fee, 1_000);
    bench.place(A, Side::Buy, 100_000, 1_000, order);
    // A thousandth of 100 USDC.
    assert_eq!(bench.exchange.account(C).unwrap().collateral, 10_000 * USDC + USDC / 10);
    assert_eq!(bench.exchange.account(A).unwrap().total_value, 10_000 * USDC - USDC / 10);
    let trade = bench.exchange.recent_trades(SOL, 1).remove(0);
    assert_eq!((trade.taker_integrator, trade.maker_integrator), (Some((C, 1_000)), None));
    bench.assert_sound("integrator");
    bench.run(700_000);
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 1_000, order)), 21149);
}

#[test]
fn an_approval_with_a_fee_needs_the_owner() {
    let mut bench = with_owner();
    let approve = |fee| ApproveIntegrator {
        account_index: D.get(),
        api_key_index: SLOT.get(),
        integrator_account_index: 718_718,
        max_perps_taker_fee: fee,
        max_perps_maker_fee: fee,
        max_spot_taker_fee: 0,
        max_spot_maker_fee: 0,
        approval_expiry: START.as_millis() + 600_000,
    };
    assert_eq!(code(bench.send(approve(1_000))), 21504);
    send_owned(&mut bench, approve(1_000), 0).unwrap();
    bench.run(400);
    assert_eq!(bench.exchange.account(D).unwrap().integrators.len(), 1);
}

#[test]
fn trading_mode_and_asset_modes_are_kept() {
    let mut bench = Bench::new();
    let mode = |account_trading_mode| UpdateAccountConfig {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        account_trading_mode,
    };
    let asset = |asset_index| UpdateAccountAssetConfig {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        asset_index,
        asset_margin_mode: 1,
    };
    assert_eq!(code(bench.send(mode(0))), 21142);
    bench.send(mode(1)).unwrap();
    // Accepted as well, and refused by the sequencer: the first one is done by then.
    let again = bench.send(mode(1)).unwrap();
    bench.run(400);
    assert_eq!(bench.exchange.account(A).unwrap().trading_mode, TradingMode::Unified);
    assert_eq!(failed_with(&bench.outcome(&again)), Some((21142, true)));
    assert!(bench.send(asset(1)).is_ok());
    assert_eq!(code(bench.send(asset(4))), 21801);
}

#[test]
fn a_fast_withdrawal_is_a_transfer_that_the_bridge_pays_out() {
    let mut bench = with_owner();
    let terms = bench.exchange.fast_withdrawal_terms(D).unwrap();
    assert_eq!(terms.max, Usdc::whole(999));
    assert_eq!(code(bench.send(fast(50_000_000, terms.to))), 21504);
    assert_eq!(code(send_owned(&mut bench, fast(3_999_999, terms.to), 0)), 21118);
    assert_eq!(code(send_owned(&mut bench, fast(100_000_000_001, terms.to), 0)), 21119);
    send_owned(&mut bench, fast(50_000_000, terms.to), 0).unwrap();
    bench.run(300);
    let status = |bench: &Bench| {
        let row = bench.exchange.withdrawals(D).remove(0);
        assert!(!row.secure);
        row.status
    };
    assert_eq!(status(&bench), WithdrawStatus::Pending);
    assert_eq!(bench.exchange.account(D).unwrap().collateral, 949 * USDC);
    assert_eq!(bench.exchange.conservation().fees, USDC);
    bench.assert_sound("pending");
    bench.run(90_000);
    assert_eq!(status(&bench), WithdrawStatus::Completed);
    assert_eq!(bench.exchange.conservation().withdrawn, 50 * USDC);
    assert_eq!(bench.exchange.account(terms.to).unwrap().collateral, 0);
    bench.assert_sound("paid out");
}

#[test]
fn a_fast_withdrawal_that_fails_comes_back_without_its_fee() {
    let mut bench = with_owner();
    bench.exchange.set_withdraw_behaviour(WithdrawBehaviour::Refund);
    let to = bench.exchange.fast_withdrawal_terms(D).unwrap().to;
    send_owned(&mut bench, fast(50_000_000, to), 0).unwrap();
    bench.run(91_000);
    assert_eq!(bench.exchange.withdrawals(D)[0].status, WithdrawStatus::Refunded);
    assert_eq!(bench.exchange.account(D).unwrap().collateral, 999 * USDC);
    bench.assert_sound("refunded");
}

#[test]
fn the_delay_of_secure_withdrawals_grows_with_what_waits() {
    let mut bench = Bench::new();
    bench.exchange.deposit(A, Usdc::whole(1_000_000));
    assert_eq!(bench.exchange.withdrawal_delay(), Duration::from_secs(90));
    let body = Withdraw {
        from_account_index: A.get(),
        api_key_index: SLOT.get(),
        asset_index: 3,
        route_type: 0,
        amount: 600_000_000_000,
    };
    bench.send(body).unwrap();
    bench.run(300);
    assert_eq!(bench.exchange.withdrawal_delay(), Duration::from_secs(270));
    bench.run(90_000);
    assert_eq!(bench.exchange.withdrawals(A)[0].status, WithdrawStatus::Claimable);
    assert_eq!(bench.exchange.withdrawal_delay(), Duration::from_secs(90));
    bench.exchange.request(&Request::WithdrawalDelays { pending_ms: 5_000, claimable_ms: 0 }).unwrap();
    assert_eq!(bench.exchange.withdrawal_delay(), Duration::from_secs(5));
}

#[test]
fn deposits_are_remembered_and_what_is_taken_away_is_not() {
    let mut bench = Bench::new();
    bench.exchange.deposit(A, Usdc::whole(5));
    bench.exchange.deposit(A, Usdc::whole(-5));
    let amounts: Vec<_> = bench.exchange.deposits(A).iter().map(|row| row.amount).collect();
    assert_eq!(amounts, [Usdc::whole(5), Usdc::whole(10_000)]);
    bench.assert_sound("deposits");
}
