//! Random plans as operators might write them: mostly sound, in the plan language, over all of its keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lighter_plan::model::{Market, find_market, snapshot_markets};
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;

/// Markets with few and many decimals, low and high leverage, cheap and dear lots.
const MARKETS: [&str; 8] = ["SOL", "ETH", "BTC", "DOGE", "1000PEPE", "XRP", "HYPE", "LIT"];

/// A plan's keys by their paths, such as `pairs/0/hedge/wait`, with the text of their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft(BTreeMap<String, String>);

/// Where a leg is quoted.
#[derive(Clone, Debug)]
enum Quote {
    /// So many basis points from mark.
    Fixed(i64),
    Peg {
        reference: &'static str,
        offset: i64,
        reprice: u32,
    },
}

/// The entry of a pair.
#[derive(Clone, Debug)]
struct Entry {
    market: &'static str,
    notional: u32,
    in_usdc: bool,
    leverage: u32,
    isolated: bool,
    buy: Quote,
    sell: Quote,
    takes: bool,
    deadline_s: u32,
    expires_m: u32,
    guard: bool,
}

/// How a pair is held and left.
#[derive(Clone, Debug)]
struct Exit {
    flatten: bool,
    hold_s: u32,
    take_profit: Option<u32>,
    stop_loss: Option<u32>,
    wait_s: u32,
    naked_s: u32,
    unwind: bool,
    attempts: u32,
    slippage: u32,
    emergency: u32,
    dust_cents: u32,
    matches: bool,
}

/// What a pair may lose, in percent of its size where it is money.
#[derive(Clone, Debug)]
struct Limits {
    order: u32,
    position: u32,
    exposure: u32,
    collar: u32,
    drawdown: u32,
    distance: u32,
    messages: u32,
    naked_loss: u32,
    venue_down: u32,
    minimum: u32,
    volatility: u32,
    withdraws: bool,
    keep: u32,
}

/// What all pairs share.
#[derive(Clone, Debug)]
struct Shared {
    seed: u64,
    on_stop: &'static str,
    missed_place: &'static str,
    missed_withdraw: &'static str,
    retry_ms: (u32, u32, u32),
    usdc: u32,
    quoted: bool,
}

/// Returns random plans of one to three pairs. Every sixth has a key with a value out of the ordinary, which `validate`
/// refuses, or the engine has to live with.
pub(crate) fn drafts() -> impl Strategy<Value = Draft> {
    let pair = (entries(), exits(), limits());
    let odd = prop_oneof![5 => Just(None), 1 => oddities().prop_map(Some)];
    (shared(), prop::collection::vec(pair, 1..=3), odd).prop_map(|(shared, pairs, odd)| {
        let mut draft = Draft::of(&shared, &pairs);
        if let Some((path, value)) = odd {
            draft.0.insert(path.to_owned(), value.to_owned());
        }
        draft
    })
}

fn quotes(sign: i64) -> impl Strategy<Value = Quote> {
    let references = select(vec!["mid", "best_bid", "best_ask", "mark", "index", "last"]);
    prop_oneof![
        4 => (1_i64..=60).prop_map(move |bps| Quote::Fixed(sign * bps)),
        1 => (references, 1_i64..=25, 2_u32..=40).prop_map(move |(reference, offset, reprice)| {
            Quote::Peg { reference, offset: sign * offset, reprice }
        }),
    ]
}

fn entries() -> impl Strategy<Value = Entry> {
    let money =
        (select(MARKETS.to_vec()), 12_u32..=6_000, any::<bool>(), 1_u32..=12, prop::bool::weighted(0.2));
    let place = (quotes(-1), quotes(1), prop::bool::weighted(0.2), 5_u32..=300, 0_u32..=60, any::<bool>());
    (money, place).prop_map(|((market, notional, in_usdc, leverage, isolated), place)| {
        let (buy, sell, takes, after_s, expires_m, guard) = place;
        Entry {
            market,
            notional,
            in_usdc,
            leverage,
            isolated,
            buy,
            sell,
            takes,
            deadline_s: after_s,
            expires_m: 11 + expires_m,
            guard,
        }
    })
}

fn exits() -> impl Strategy<Value = Exit> {
    let hold =
        (any::<bool>(), 2_u32..=300, prop::option::weighted(0.3, 1_u32..=5), prop::option::of(1_u32..=50));
    let hedge = (0_u32..=30, 4_u32..=60, any::<bool>(), 1_u32..=8, 5_u32..=150, 0_u32..=300);
    (hold, hedge, 0_u32..=400, any::<bool>()).prop_map(|(hold, hedge, dust_cents, matches)| {
        let (flatten, hold_s, take_profit, stop_loss) = hold;
        let (wait_s, more_s, unwind, attempts, slippage, further) = hedge;
        Exit {
            flatten,
            hold_s,
            take_profit,
            stop_loss,
            wait_s,
            naked_s: wait_s + more_s,
            unwind,
            attempts,
            slippage,
            emergency: (slippage + further).min(500),
            dust_cents,
            matches,
        }
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let size = (101_u32..=300, 0_u32..=200, 0_u32..=400, 100_u32..=400, 6_u32..=60);
    let rest = (0_u32..=6, 18_u32..=60, 1_u32..=5, 1_u32..=40, 25_u32..=250, 20_u32..=200);
    (size, rest, prop::bool::weighted(0.7), 0_u32..=60).prop_map(|(size, rest, withdraws, keep)| {
        let (order, more, further, collar, drawdown) = size;
        let (distance, messages, naked_loss, venue_down, minimum, volatility) = rest;
        Limits {
            order,
            position: order + more,
            exposure: 2 * (order + more) + further,
            collar,
            drawdown,
            distance,
            messages,
            naked_loss,
            venue_down,
            minimum,
            volatility,
            withdraws,
            keep,
        }
    })
}

fn shared() -> impl Strategy<Value = Shared> {
    let retry = (50_u32..=1_000, 0_u32..=10_000, 0_u32..=120_000);
    let missed =
        (select(vec!["cancel", "cancel", "cancel", "cancel", "continue"]), select(vec!["ask", "continue"]));
    let stop =
        select(vec!["leave", "cancel_open", "cancel_open", "cancel_open", "flatten", "flatten", "flatten"]);
    (any::<u32>(), stop, missed, retry, 100_u32..=400, any::<bool>()).prop_map(
        |(seed, on_stop, (missed_place, missed_withdraw), (initial, more, budget), usdc, quoted)| Shared {
            seed: u64::from(seed),
            on_stop,
            missed_place,
            missed_withdraw,
            retry_ms: (initial, initial + more, initial + more + budget),
            usdc,
            quoted,
        },
    )
}

/// Values at and beyond the edges of their keys.
fn oddities() -> impl Strategy<Value = (&'static str, &'static str)> {
    let amounts = vec!["0", "-1", "0.000001", "0.01", "1", "100", "1000000000", "9e15"];
    let counts = vec!["0", "1", "2", "100", "500", "501", "5000", "40000"];
    let times = vec!["0s", "1ms", "1s", "5s", "5m", "10m", "1h", "30d", "400d"];
    let of = |keys: &[&'static str], values: Vec<&'static str>| (select(keys.to_vec()), select(values));
    prop_oneof![
        of(
            &[
                "size",
                "notional_usdc",
                "minimum_usdc",
                "paper/usdc",
                "pairs/0/risk/max_order_usdc",
                "pairs/0/risk/max_position_usdc",
                "pairs/0/risk/max_exposure_usdc",
                "pairs/0/risk/max_drawdown_usdc",
                "pairs/0/risk/max_loss_if_venue_down_usdc",
                "pairs/0/risk/min_liquidation_distance_pct",
                "pairs/0/hedge/max_naked_loss_usdc",
                "pairs/0/hedge/dust_usdc",
                "pairs/0/watch/take_profit_usdc",
                "pairs/0/watch/stop_loss_usdc",
                "pairs/0/withdraw/keep_usdc",
            ],
            amounts,
        ),
        of(
            &[
                "pairs/0/leverage",
                "pairs/0/hedge/attempts",
                "pairs/0/hedge/max_slippage_bps",
                "pairs/0/hedge/emergency_slippage_bps",
                "pairs/0/risk/max_price_deviation_bps",
                "pairs/0/risk/max_messages_per_minute",
                "pairs/0/risk/volatility_pct",
                "pairs/0/prices/buy/offset_bps",
                "pairs/0/prices/sell/reprice_bps",
            ],
            counts,
        ),
        of(
            &[
                "pairs/0/place/expires_in",
                "pairs/0/watch/entry_deadline",
                "pairs/0/watch/max_hold",
                "pairs/0/hedge/wait",
                "pairs/0/hedge/max_naked",
                "pairs/0/withdraw/verify_within",
                "retry/initial",
                "retry/max",
                "retry/budget",
            ],
            times,
        ),
    ]
}

impl Draft {
    fn of(shared: &Shared, pairs: &[(Entry, Exit, Limits)]) -> Self {
        let mut draft = Self(BTreeMap::new());
        let largest = pairs.iter().map(|(entry, _, limits)| minimum(entry, limits)).max().unwrap_or(500);
        draft.put("version", "1");
        draft.put("name", "drawn");
        draft.put("network", "paper");
        draft.put("paper/usdc", (u64::from(shared.usdc) * largest / 100).max(largest));
        draft.put("paper/seed", shared.seed);
        draft.put("on_stop", shared.on_stop);
        draft.put("on_missed/place", shared.missed_place);
        draft.put("on_missed/withdraw", shared.missed_withdraw);
        let (initial, max, budget) = shared.retry_ms;
        draft.put("retry/initial", format!("{initial}ms"));
        draft.put("retry/max", format!("{max}ms"));
        draft.put("retry/budget", format!("{budget}ms"));
        let exposure: u64 =
            pairs.iter().map(|(entry, _, limits)| u64::from(entry.notional * limits.exposure / 100)).sum();
        for (index, (entry, exit, limits)) in pairs.iter().enumerate() {
            draft.pair(index, entry, exit, limits);
            draft.put(&format!("pairs/{index}/risk/max_exposure_usdc"), exposure + 10);
        }
        if shared.quoted {
            draft.quote();
        }
        draft
    }

    fn put(&mut self, path: &str, value: impl ToString) {
        self.0.insert(path.to_owned(), value.to_string());
    }

    fn pair(&mut self, index: usize, entry: &Entry, exit: &Exit, limits: &Limits) {
        let mut put = |path: &str, value: String| self.put(&format!("pairs/{index}/{path}"), value);
        let market = find_market(snapshot_markets(), entry.market).expect("a listed market");
        put("id", format!("p{index}"));
        for (side, account) in [("long", 1_001 + 2 * index), ("short", 1_002 + 2 * index)] {
            put(&format!("{side}/account"), account.to_string());
            put(&format!("{side}/api_key_index"), "4".to_owned());
            put(&format!("{side}/key"), "paper".to_owned());
            if entry.guard {
                put(&format!("{side}/guard_key_index"), "5".to_owned());
            }
        }
        put("market", entry.market.to_owned());
        if entry.in_usdc {
            put("notional_usdc", entry.notional.to_string());
        } else {
            let mark = market.mark_price.expect("a listed price");
            let size = Decimal::from(entry.notional) / mark;
            put("size", size.round_dp(market.size_decimals).normalize().to_string());
        }
        put("leverage", leverage(entry).to_string());
        put("margin_mode", if entry.isolated { "isolated" } else { "cross" }.to_owned());
        put("minimum_usdc", minimum(entry, limits).to_string());
        quote(&mut put, "buy", &entry.buy, market);
        quote(&mut put, "sell", &entry.sell, market);
        put("place/time_in_force", if entry.takes { "good_till_time" } else { "post_only" }.to_owned());
        put("place/expires_in", format!("{}m", entry.expires_m));
        put("watch/entry_deadline", format!("{}s", exit.naked_s + entry.deadline_s));
        exit_rows(&mut put, entry, exit);
        limit_rows(&mut put, entry, limits);
    }

    /// Returns the plan with another value of a key, in every pair or at the top.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let pairs = (0..9)
            .map(|index| format!("pairs/{index}"))
            .filter(|pair| self.0.contains_key(&format!("{pair}/id")));
        let paths: Vec<String> = match key.strip_prefix("pairs/") {
            Some(rest) => pairs.map(|pair| format!("{pair}/{rest}")).collect(),
            None => vec![key.to_owned()],
        };
        for path in paths {
            self.put(&path, value);
        }
        self
    }

    /// Quoted and plain numbers are equal.
    fn quote(&mut self) {
        for value in self.0.values_mut().filter(|value| value.parse::<Decimal>().is_ok()) {
            *value = format!("\"{value}\"");
        }
    }

    /// Returns the plan as text.
    pub(crate) fn text(&self) -> String {
        let mut text = "# yaml-language-server: $schema=plan.v1.schema.json\n".to_owned();
        let rows: Vec<(Vec<&str>, &str)> =
            self.0.iter().map(|(path, value)| (path.split('/').collect(), value.as_str())).collect();
        write_rows(&mut text, &rows, 0);
        text
    }
}

fn quote(put: &mut impl FnMut(&str, String), side: &str, quote: &Quote, market: &Market) {
    match quote {
        Quote::Fixed(bps) => {
            let mark = market.mark_price.expect("a listed price");
            let price = (mark * Decimal::new(10_000 + bps, 4)).round_dp(market.price_decimals);
            put(&format!("prices/{side}"), price.to_string());
        }
        Quote::Peg { reference, offset, reprice } => {
            put(&format!("prices/{side}/peg"), (*reference).to_owned());
            put(&format!("prices/{side}/offset_bps"), offset.to_string());
            put(&format!("prices/{side}/reprice_bps"), reprice.to_string());
        }
    }
}

fn exit_rows(put: &mut impl FnMut(&str, String), entry: &Entry, exit: &Exit) {
    let share = |percent: u32| (u64::from(entry.notional) * u64::from(percent) / 1_000 + 1).to_string();
    put("watch/on_entry_timeout", if exit.flatten { "flatten" } else { "hedge" }.to_owned());
    put("watch/max_hold", format!("{}s", exit.hold_s));
    if let Some(percent) = exit.take_profit {
        put("watch/take_profit_usdc", format!("0.{:03}", percent * entry.notional.min(199)));
    }
    if let Some(percent) = exit.stop_loss {
        put("watch/stop_loss_usdc", share(percent));
    }
    put("hedge/wait", format!("{}s", exit.wait_s));
    put("hedge/max_naked", format!("{}s", exit.naked_s));
    put("hedge/prefer", if exit.unwind { "unwind" } else { "complete" }.to_owned());
    put("hedge/attempts", exit.attempts.to_string());
    put("hedge/max_slippage_bps", exit.slippage.to_string());
    put("hedge/emergency_slippage_bps", exit.emergency.to_string());
    // Less than a lot would have no effect, and says nothing.
    let market = find_market(snapshot_markets(), entry.market).expect("a listed market");
    let lot = market.mark_price.unwrap_or_default() * Decimal::new(11, market.size_decimals + 1);
    let dust = Decimal::new(i64::from(exit.dust_cents), 2).min(Decimal::from(entry.notional / 3));
    put("hedge/dust_usdc", if dust > lot { dust } else { Decimal::ZERO }.to_string());
    put("hedge/on_liquidation", if exit.matches { "match" } else { "flatten" }.to_owned());
}

fn limit_rows(put: &mut impl FnMut(&str, String), entry: &Entry, limits: &Limits) {
    let share = |percent: u32| (u64::from(entry.notional) * u64::from(percent) / 100 + 2).to_string();
    put("risk/max_order_usdc", share(limits.order));
    put("risk/max_position_usdc", share(limits.position));
    put("risk/max_price_deviation_bps", limits.collar.to_string());
    put("risk/max_drawdown_usdc", share(limits.drawdown));
    put("risk/min_liquidation_distance_pct", limits.distance.to_string());
    put("risk/max_messages_per_minute", limits.messages.to_string());
    put("risk/max_loss_if_venue_down_usdc", share(limits.venue_down));
    put("risk/volatility_pct", limits.volatility.to_string());
    put("hedge/max_naked_loss_usdc", share(limits.naked_loss));
    put("withdraw/when", if limits.withdraws { "on_exit" } else { "never" }.to_owned());
    put("withdraw/keep_usdc", limits.keep.to_string());
    put("withdraw/verify_within", "1h".to_owned());
}

/// Within what the market takes.
fn leverage(entry: &Entry) -> u32 {
    let market = find_market(snapshot_markets(), entry.market).expect("a listed market");
    entry.leverage.min(u32::from(market.max_leverage()))
}

/// What each wallet must have: the margin of the leg and something on top.
fn minimum(entry: &Entry, limits: &Limits) -> u64 {
    let margin = u64::from(entry.notional / leverage(entry));
    margin + u64::from(entry.notional) * u64::from(limits.minimum) / 100 + 20
}

/// Writes rows that share what is above them; list items are numbers in their paths.
fn write_rows(text: &mut String, rows: &[(Vec<&str>, &str)], depth: usize) {
    let mut rest = rows;
    while let Some(((path, value), _)) = rest.split_first() {
        let name = path[depth];
        let same = rest.iter().take_while(|(path, _)| path.get(depth) == Some(&name)).count();
        let (block, later) = rest.split_at(same);
        let indent = "  ".repeat(depth);
        let is_item = name.parse::<usize>().is_ok();
        let lead = if is_item { format!("{indent}-") } else { format!("{indent}{name}:") };
        // A value that an oddity put where a block was.
        let leaves = block.iter().filter(|(path, _)| path.len() > depth + 1).count();
        if leaves == 0 {
            writeln!(text, "{lead} {value}").expect("a string takes all");
        } else {
            writeln!(text, "{lead}").expect("a string takes all");
            let inner: Vec<_> = block.iter().filter(|(path, _)| path.len() > depth + 1).cloned().collect();
            write_rows(text, &inner, depth + 1);
        }
        rest = later;
    }
}
