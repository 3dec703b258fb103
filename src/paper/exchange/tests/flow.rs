//! Properties over random flow.

use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Prices count from the mark.
    Place {
        who: usize,
        buy: bool,
        ticks: i64,
        lots: i64,
        tif: u8,
    },
    /// Reduce-only, with a trigger this far from the mark.
    Trigger {
        who: usize,
        buy: bool,
        ticks: i64,
        profit: bool,
    },
    Twap {
        who: usize,
        buy: bool,
        lots: i64,
    },
    /// The oldest live order, to another price and size.
    Modify {
        who: usize,
        ticks: i64,
        lots: i64,
    },
    Cancel {
        who: usize,
    },
    Mark {
        ticks: i64,
    },
    Wait {
        ms: u64,
    },
    Withdraw {
        who: usize,
    },
    /// To another account, or by the fast route.
    Transfer {
        who: usize,
        to: usize,
    },
    /// Only C has a pot to add to or take from.
    Margin {
        add: bool,
    },
    Deposit {
        who: usize,
    },
}

const ACCOUNTS: [AccountIndex; 3] = [A, B, C];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, any::<bool>(), -40..40_i64, 10..1_500_i64, 0..3_u8)
            .prop_map(|(who, buy, ticks, root, tif)| Step::Place { who, buy, ticks: ticks * 10, lots: root * root, tif }),
        1 => (0..3_usize, any::<bool>(), -300..300_i64, any::<bool>())
            .prop_map(|(who, buy, ticks, profit)| Step::Trigger { who, buy, ticks: ticks * 10, profit }),
        1 => (0..3_usize, any::<bool>(), 100..200_000_i64).prop_map(|(who, buy, lots)| Step::Twap { who, buy, lots }),
        1 => (0..3_usize, -40..40_i64, 100..200_000_i64)
            .prop_map(|(who, ticks, lots)| Step::Modify { who, ticks: ticks * 10, lots }),
        1 => (0..3_usize).prop_map(|who| Step::Cancel { who }),
        3 => (-5_000..5_000_i64).prop_map(|ticks| Step::Mark { ticks }),
        1 => (1..300_000_u64).prop_map(|ms| Step::Wait { ms }),
        1 => (0..3_usize).prop_map(|who| Step::Withdraw { who }),
        1 => (0..3_usize, 0..4_usize).prop_map(|(who, to)| Step::Transfer { who, to }),
        1 => any::<bool>().prop_map(|add| Step::Margin { add }),
        1 => (0..3_usize).prop_map(|who| Step::Deposit { who }),
    ]
}

fn apply(bench: &mut Bench, step: &Step) {
    let expires_in = |tif: u8| if tif == 0 { 0 } else { 600_000 };
    let mark = bench.exchange.stats(SOL).and_then(|stats| stats.mark).unwrap().ticks();
    match *step {
        Step::Place { who, buy, ticks, lots, tif } => {
            let side = if buy { Side::Buy } else { Side::Sell };
            let extra = Extra { tif, expires_in: expires_in(tif), ..GTT };
            // Refusals are part of the flow.
            let _ = bench.order(ACCOUNTS[who], side, mark + ticks, lots, extra);
            bench.run(300);
        }
        Step::Trigger { who, buy, ticks, profit } => {
            let side = if buy { Side::Buy } else { Side::Sell };
            let trigger = u32::try_from(mark + ticks).unwrap();
            let kind = if profit { 4 } else { 2 };
            let extra = Extra { kind, tif: 0, reduce_only: 1, trigger, ..GTT };
            let _ = bench.order(ACCOUNTS[who], side, mark + ticks, 0, extra);
            bench.run(300);
        }
        Step::Twap { who, buy, lots } => {
            let side = if buy { Side::Buy } else { Side::Sell };
            let _ = bench.order(ACCOUNTS[who], side, mark, lots, Extra { kind: 6, ..GTT });
            bench.run(300);
        }
        Step::Modify { who, ticks, lots } => {
            let oldest = bench.exchange.active_orders(ACCOUNTS[who], None).into_iter().next();
            let Some(order) = oldest.filter(|order| order.status == OrderStatus::Open) else { return };
            let index = i64::try_from(order.order_index.get()).unwrap();
            let price = u32::try_from(mark + ticks).unwrap();
            let _ = bench.send(bench.modify(ACCOUNTS[who], index, lots, price));
            bench.run(300);
        }
        Step::Cancel { who } => {
            let _ = bench.send(bench.cancel_all(ACCOUNTS[who], 0, 0));
            bench.run(300);
        }
        Step::Mark { ticks } => {
            let price = Price::from_ticks((mark + ticks).max(10_000));
            bench.exchange.set_prices(SOL, price, price);
        }
        Step::Wait { ms } => bench.run(ms),
        Step::Withdraw { who } => {
            let body = crate::tx::Withdraw {
                from_account_index: ACCOUNTS[who].get(),
                api_key_index: SLOT.get(),
                asset_index: 3,
                route_type: 0,
                amount: 50_000_000,
            };
            let _ = bench.send(body);
        }
        Step::Transfer { who, to } => {
            let bridge = bench.exchange.fast_withdrawal_terms(A).unwrap().to;
            let body = crate::tx::Transfer {
                from_account_index: ACCOUNTS[who].get(),
                api_key_index: SLOT.get(),
                to_account_index: ACCOUNTS.get(to).copied().unwrap_or(bridge).get(),
                asset_index: 3,
                from_route_type: 0,
                to_route_type: 0,
                amount: 33_333_333,
                usdc_fee: 1_000_000,
                memo: [0; 32],
            };
            let _ = bench.send(body);
            bench.run(1);
        }
        Step::Margin { add } => {
            let body = crate::tx::UpdateMargin {
                account_index: C.get(),
                api_key_index: SLOT.get(),
                market_index: 2,
                usdc_amount: 77_777_777,
                direction: u8::from(add),
            };
            let _ = bench.send(body);
            bench.run(1);
        }
        Step::Deposit { who } => bench.exchange.deposit(ACCOUNTS[who], Usdc::whole(100)),
    }
}

fn play(steps: &[Step]) -> Bench {
    let mut bench = Bench::with(ExchangeConfig { tier: Tier::Premium, ..config() });
    bench.exchange.check_signatures(false);
    bench.unsigned = true;
    for account in ACCOUNTS {
        let (account_index, api_key_index) = (account.get(), SLOT.get());
        // As high as it goes, so that accounts get liquidated.
        let body = crate::tx::UpdateLeverage {
            account_index,
            api_key_index,
            market_index: 2,
            initial_margin_fraction: 400,
            // One of them isolated.
            margin_mode: u8::from(account == C),
        };
        bench.send(body).unwrap();
        bench.run(1);
    }
    for (i, step) in steps.iter().enumerate() {
        apply(&mut bench, step);
        bench.assert_sound(&format!("after step {i} {step:?}"));
    }
    bench
}

/// Invariant 9: fills add up to position and balance change, fees, funding, liquidations and withdrawals included.
#[test]
fn money_is_conserved_positions_add_up_and_the_book_never_crosses() {
    let config = ProptestConfig { cases: 48, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..60))| {
        let bench = play(&steps);
        for account in ACCOUNTS {
            let record = bench.exchange.account(account).unwrap();
            let open: u32 = record.positions.iter().map(|row| row.open_order_count + row.pending_order_count).sum();
            prop_assert!(open <= record.total_order_count);
            prop_assert_eq!(bench.exchange.active_orders(account, None).len(), record.total_order_count as usize);
        }
    });
}

/// Long seeded flows reach what short random ones seldom do; the counts prove that they did.
#[test]
fn long_flows_with_liquidations_conserve_money_too() {
    let (mut trades, mut liquidations, mut take_overs, mut withdrawals) = (0, 0, 0, 0);
    let (mut transfers, mut fast) = (0, 0);
    for seed in 1..=12 {
        let mut rng = crate::rt::SplitMix64::new(seed);
        let steps: Vec<_> = (0..150).map(|_| seeded_step(&mut rng)).collect();
        let bench = play(&steps);
        trades += bench.exchange.trades(TradeFilter::default(), 1_000).len();
        for account in ACCOUNTS {
            let rows = bench.exchange.liquidations(account);
            take_overs += rows.iter().filter(|row| row.deleverage).count();
            liquidations += rows.iter().filter(|row| !row.deleverage).count();
            withdrawals += bench.exchange.withdrawals(account).len();
            transfers += bench.exchange.transfers(account).len();
            fast += bench.exchange.withdrawals(account).iter().filter(|row| !row.secure).count();
        }
    }
    let seen = (trades, liquidations, take_overs, withdrawals, transfers, fast);
    assert!(
        trades > 100 && liquidations > 0 && take_overs > 0 && withdrawals > 10 && transfers > 10 && fast > 3,
        "{seen:?}"
    );
}

fn seeded_step(rng: &mut crate::rt::SplitMix64) -> Step {
    let who = usize::try_from(rng.below(3)).unwrap();
    match rng.below(17) {
        0..8 => {
            let root = rng.between(10, 1_200);
            Step::Place {
                who,
                buy: rng.below(2) == 0,
                ticks: rng.between(-40, 40) * 10,
                lots: root * root,
                tif: u8::try_from(rng.below(3)).unwrap(),
            }
        }
        8 => Step::Cancel { who },
        9..12 => Step::Mark { ticks: rng.between(-3_000, 3_000) },
        12 => Step::Wait { ms: rng.below(300_000) },
        13 => Step::Transfer { who, to: usize::try_from(rng.below(4)).unwrap() },
        14 => Step::Margin { add: rng.below(3) > 0 },
        15 => Step::Deposit { who },
        _ => Step::Withdraw { who },
    }
}

#[test]
fn the_same_steps_give_the_same_hash() {
    let config = ProptestConfig { cases: 12, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..40))| {
        prop_assert_eq!(play(&steps).exchange.state_hash(), play(&steps).exchange.state_hash());
    });
}

/// A matcher that keeps resting orders in one list and looks for the best one each time.
#[derive(Default)]
struct Naive {
    /// (number, side, price, lots), oldest first.
    resting: Vec<(usize, Side, i64, i64)>,
    /// (maker, taker, price, lots).
    fills: Vec<(usize, usize, i64, i64)>,
}

impl Naive {
    fn best_against(&self, side: Side, price: i64) -> Option<usize> {
        let crosses = |maker: i64| if side == Side::Buy { maker <= price } else { maker >= price };
        let better = |a: i64, b: i64| if side == Side::Buy { a < b } else { a > b };
        let mut best: Option<usize> = None;
        for (i, row) in self.resting.iter().enumerate() {
            if row.1 != side && crosses(row.2) && best.is_none_or(|b| better(row.2, self.resting[b].2)) {
                best = Some(i);
            }
        }
        best
    }

    fn place(&mut self, number: usize, side: Side, price: i64, mut lots: i64, tif: TimeInForce) {
        while lots > 0 {
            let Some(i) = self.best_against(side, price) else { break };
            if tif == TimeInForce::PostOnly {
                return;
            }
            let size = lots.min(self.resting[i].3);
            self.fills.push((self.resting[i].0, number, self.resting[i].2, size));
            (lots, self.resting[i].3) = (lots - size, self.resting[i].3 - size);
            self.resting.retain(|row| row.3 > 0);
        }
        if lots > 0 && tif != TimeInForce::ImmediateOrCancel {
            self.resting.push((number, side, price, lots));
        }
    }

    /// Returns one side of the book by level, best first.
    fn levels(&self, side: Side) -> Vec<(i64, i64)> {
        let mut levels: BTreeMap<i64, i64> = BTreeMap::new();
        for row in self.resting.iter().filter(|row| row.1 == side) {
            *levels.entry(row.2 * -side.sign()).or_default() += row.3;
        }
        levels.into_iter().map(|(key, lots)| (key.abs(), lots)).collect()
    }
}

#[test]
fn priority_equals_a_naive_matchers() {
    let tif = prop_oneof![
        3 => Just(TimeInForce::GoodTillTime),
        1 => Just(TimeInForce::ImmediateOrCancel),
        1 => Just(TimeInForce::PostOnly),
    ];
    // Side, price off the middle, size, and which earlier order is cancelled before.
    let order = (
        any::<bool>(),
        -5..5_i64,
        1..50_i64,
        tif,
        proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    );
    proptest!(|(orders in proptest::collection::vec(order, 1..120))| {
        let mut bench = Bench::new();
        let (mut naive, mut numbers, mut indices) = (Naive::default(), BTreeMap::new(), Vec::new());
        for (number, (buy, ticks, lots, tif, cancelled)) in orders.iter().enumerate() {
            let side = if *buy { Side::Buy } else { Side::Sell };
            // Two owners, one a side: nobody meets himself.
            let owner = if *buy { A } else { B };
            if let Some(cancelled) = cancelled.filter(|_| number > 0).map(|choice| choice.index(number)) {
                let (owner, index) = indices[cancelled];
                bench.exchange.world_cancel(owner, OrderIndex::new(index));
                naive.resting.retain(|row| row.0 != cancelled);
            }
            let (price, size) = (Price::from_ticks(100_000 + ticks), Size::from_lots(*lots));
            let next = bench.exchange.state(SOL).map(|s| (s.next_ask, s.next_bid)).unwrap();
            let index = if *buy { (4_u64 << 48) - next.1 - 1 } else { (3_u64 << 48) + next.0 };
            numbers.insert(index, number);
            indices.push((owner, index));
            bench.exchange.world_place(owner, SOL, side, price, size, *tif);
            naive.place(number, side, 100_000 + ticks, *lots, *tif);
            let (bids, asks) = bench.exchange.book(SOL, 100);
            let rows = |levels: Vec<BookLevel>| -> Vec<_> {
                levels.into_iter().map(|level| (level.price.ticks(), level.size.lots())).collect()
            };
            prop_assert_eq!(rows(bids), naive.levels(Side::Buy));
            prop_assert_eq!(rows(asks), naive.levels(Side::Sell));
        }
        let trades = bench.exchange.recent_trades(SOL, 1_000);
        let fills: Vec<_> = trades.iter().rev().map(|row| {
            let t = &row.trade;
            let (ask, bid) = (numbers[&t.ask_order.get()], numbers[&t.bid_order.get()]);
            let (maker, taker) = if t.is_maker_ask { (ask, bid) } else { (bid, ask) };
            (maker, taker, t.price.ticks(), t.size.lots())
        }).collect();
        prop_assert_eq!(fills, naive.fills);
        bench.assert_sound("priority");
    });
}
