//! Withdrawals, transfers, keys, fees, isolated margin and funding.

use super::*;
use crate::tx::l1::EthKey;
use crate::tx::{ChangePubKey, CreateSubAccount, Transfer, UpdateLeverage, UpdateMargin, Withdraw};

fn withdraw(amount: u64) -> Withdraw {
    Withdraw { from_account_index: A.get(), api_key_index: SLOT.get(), asset_index: 3, route_type: 0, amount }
}

fn transfer(to: AccountIndex, amount: i64, fee: i64) -> Transfer {
    Transfer {
        from_account_index: A.get(),
        api_key_index: SLOT.get(),
        to_account_index: to.get(),
        asset_index: 3,
        from_route_type: 0,
        to_route_type: 0,
        amount,
        usdc_fee: fee,
        memo: [0; 32],
    }
}

fn statuses(bench: &Bench) -> Vec<WithdrawStatus> {
    bench.exchange.withdrawals(A).iter().map(|row| row.status).collect()
}

#[test]
fn a_secure_withdrawal_is_debited_pending_claimable_and_completed() {
    let mut bench = Bench::new();
    bench.send(withdraw(25_000_000)).unwrap();
    bench.run(300);
    assert_eq!(statuses(&bench), [WithdrawStatus::Pending]);
    assert_eq!(bench.exchange.account(A).unwrap().collateral, 9_975 * 1_000_000_000_000);
    bench.assert_sound("pending");
    bench.run(89_999);
    assert_eq!(statuses(&bench), [WithdrawStatus::Pending]);
    bench.run(1);
    assert_eq!(statuses(&bench), [WithdrawStatus::Claimable]);
    bench.run(30_000);
    assert_eq!(statuses(&bench), [WithdrawStatus::Completed]);
    assert!(bench.exchange.withdrawals(A)[0].l1_tx_hash.is_some());
}

#[test]
fn a_failed_withdrawal_gives_the_money_back() {
    let mut bench = Bench::new();
    bench.exchange.set_withdraw_behaviour(WithdrawBehaviour::Fail);
    bench.send(withdraw(25_000_000)).unwrap();
    bench.run(91_000);
    assert_eq!(statuses(&bench), [WithdrawStatus::Failed]);
    assert_eq!(bench.exchange.account(A).unwrap().collateral, 10_000 * 1_000_000_000_000);
    bench.assert_sound("failed");
}

#[test]
fn a_stuck_withdrawal_goes_on_when_it_may() {
    let mut bench = Bench::new();
    bench.exchange.set_withdraw_behaviour(WithdrawBehaviour::Stuck);
    bench.send(withdraw(25_000_000)).unwrap();
    bench.run(500_000);
    assert_eq!(statuses(&bench), [WithdrawStatus::Pending]);
    bench.exchange.set_withdraw_behaviour(WithdrawBehaviour::Unclaimed);
    bench.run(500_000);
    assert_eq!(statuses(&bench), [WithdrawStatus::Claimable]);
    bench.exchange.set_withdraw_behaviour(WithdrawBehaviour::Normal);
    bench.run(2_000);
    assert_eq!(statuses(&bench), [WithdrawStatus::Completed]);
}

#[test]
fn withdrawals_have_a_minimum_and_end_at_the_available_balance() {
    let mut bench = Bench::new();
    assert_eq!(code(bench.send(withdraw(999_999))), 21116);
    assert_eq!(code(bench.send(withdraw(10_000_000_001))), 21117);
    bench.place(B, Side::Sell, 100_000, 100_000, GTT);
    bench.place(A, Side::Buy, 100_000, 100_000, IOC);
    // 10,000 USDC of notional bind 666.
    assert_eq!(code(bench.send(withdraw(9_334_000_001))), 21117);
    let all = bench.send(withdraw(9_334_000_000)).unwrap();
    let again = bench.send(withdraw(1_000_000)).unwrap();
    bench.run(400);
    assert_eq!(bench.outcome(&all), TxOutcome::Executed);
    assert_eq!(failed_with(&bench.outcome(&again)), Some((21301, true)));
}

#[test]
fn a_transfer_needs_its_fee_and_the_owners_signature_unless_the_owner_is_the_same() {
    let mut bench = Bench::new();
    assert_eq!(code(bench.send(transfer(B, 5_000_000, 0))), 21134);
    assert_eq!(code(bench.send(transfer(B, 5_000_000, 1_000_000))), 21504);
    assert_eq!(code(bench.send(transfer(AccountIndex::new(4), 5_000_000, 1_000_000))), 21106);
    bench.send(CreateSubAccount { account_index: A.get(), api_key_index: SLOT.get() }).unwrap();
    bench.run(400);
    let sub = bench.exchange.accounts_of(&format!("0X{:040x}", A.get()))[1];
    assert_eq!(sub.get(), (1 << 48) - 3);
    assert_eq!(code(bench.send(transfer(sub, 999_999, 0))), 21118);
    bench.send(transfer(sub, 5_000_000, 0)).unwrap();
    bench.run(400);
    assert_eq!(bench.exchange.account(sub).unwrap().collateral, 5 * 1_000_000_000_000);
    assert_eq!(bench.exchange.transfers(sub).len(), 1);
    bench.assert_sound("transfer");
}

#[test]
fn a_key_is_replaced_by_the_owner_and_the_new_key() {
    let mut bench = Bench::new();
    let owner = EthKey::from_seed("bench", 1, 1);
    let account = AccountIndex::new(500);
    bench.exchange.create_account(owner.address().to_string(), Vec::new(), Some(account));
    let body = ChangePubKey {
        account_index: account.get(),
        api_key_index: 7,
        pub_key: key(account).public_key().to_bytes(),
    };
    let envelope = bench.envelope(body, 0, Attributes::new());
    let message = envelope.l1_message(304).unwrap();
    let send = |bench: &mut Bench, l1: Option<&str>| {
        let signed = envelope.sign_with_l1(304, &key(account), l1);
        bench.exchange.submit(signed.tx_type, &signed.tx_info, true)
    };
    assert_eq!(code(send(&mut bench, Some(&owner.sign(&message)))), 21126);
    bench.exchange.deposit(account, Usdc::whole(5));
    assert_eq!(code(send(&mut bench, None)), 21504);
    let thief = EthKey::from_seed("bench", 1, 2).sign(&message);
    assert_eq!(code(send(&mut bench, Some(&thief))), 21504);
    let wrong = envelope.sign_with_l1(304, &key(A), Some(&owner.sign(&message)));
    assert_eq!(code(bench.exchange.submit(wrong.tx_type, &wrong.tx_info, true)), 21120);
    send(&mut bench, Some(&owner.sign(&message))).unwrap();
    bench.run(400);
    let keys = bench.exchange.account(account).unwrap().keys;
    assert_eq!(keys, [(ApiKeyIndex::new(7), key(account).public_key().to_bytes().to_vec(), Nonce::new(1))]);
}

#[test]
fn premium_fees_are_exact() {
    let mut bench = Bench::with(ExchangeConfig { tier: Tier::Premium, ..config() });
    bench.place(A, Side::Sell, 100_001, 333, GTT);
    bench.place(B, Side::Buy, 100_001, 333, IOC);
    let quote = 333 * 100_001;
    let collateral = |account| bench.exchange.account(account).unwrap().collateral;
    assert_eq!(collateral(A), 10_000 * 1_000_000_000_000 - quote * 40);
    assert_eq!(collateral(B), 10_000 * 1_000_000_000_000 - quote * 280);
    assert_eq!(bench.exchange.conservation().fees, quote * 320);
    bench.assert_sound("fees");
}

#[test]
fn an_isolated_position_has_its_own_pot() {
    let mut bench = Bench::new();
    let leverage = UpdateLeverage {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        initial_margin_fraction: 1_000,
        margin_mode: 1,
    };
    let margin = |amount, direction| UpdateMargin {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        usdc_amount: amount,
        direction,
    };
    bench.send(leverage).unwrap();
    bench.place(B, Side::Sell, 100_000, 200_000, GTT);
    bench.place(A, Side::Buy, 100_000, 100_000, IOC);
    let pot = |bench: &Bench| bench.exchange.account(A).unwrap().positions.remove(0).allocated_margin;
    const USDC: i128 = 1_000_000_000_000;
    assert_eq!(pot(&bench), 1_000 * USDC);
    assert_eq!(bench.exchange.account(A).unwrap().available, 9_000 * USDC);
    bench.send(margin(500_000_000, 1)).unwrap();
    let too_much = bench.send(margin(501_000_000, 0)).unwrap();
    bench.run(400);
    assert_eq!(pot(&bench), 1_500 * USDC);
    assert_eq!(failed_with(&bench.outcome(&too_much)), Some((21133, true)));
    bench.place(A, Side::Buy, 100_000, 100_000, IOC);
    assert_eq!(pot(&bench), 2_500 * USDC);
    bench.place(B, Side::Buy, 100_000, 200_000, GTT);
    bench.place(A, Side::Sell, 100_000, 100_000, IOC);
    assert_eq!(pot(&bench), 1_250 * USDC);
    bench.place(A, Side::Sell, 100_000, 100_000, IOC);
    assert_eq!((pot(&bench), bench.exchange.account(A).unwrap().available), (0, 10_000 * USDC));
    bench.assert_sound("isolated");
}

#[test]
fn funding_is_paid_on_the_hour_by_the_index_and_adds_up_to_nothing() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 100_000, GTT);
    bench.place(B, Side::Buy, 100_000, 100_000, IOC);
    bench.run(3_600_000);
    let rows = bench.exchange.fundings(B);
    assert_eq!(rows.len(), 1);
    // 12 millionths of 10,000 USDC.
    assert_eq!((rows[0].rate, rows[0].paid), (12, 120_000_000_000));
    assert_eq!(bench.exchange.fundings(A)[0].paid, -120_000_000_000);
    bench.assert_sound("funding");
}
