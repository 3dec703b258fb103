//! Assembles the [`Plan`]: every key read once, with its override and default; what is wrong is replaced by a harmless
//! value so that the rest can still be looked at, and the result is then not handed out as a plan.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;

use super::codes;
use super::finding::{Finding, did_you_mean};
use super::resolve::Resolver;
use super::resolved::{
    HedgePlan, HedgePreference, MissedPlace, MissedWithdraw, Network, NotifyPlan, NotifyTopic,
    OnEntryTimeout, OnLiquidation, OnMissed, OnStop, PairPlan, PaperPlan, PlacePlan, Plan, ProtectPlan,
    RetryPlan, RiskPlan, WatchPlan, WithdrawPlan, WithdrawRoute, WithdrawWhen,
};
use super::tree::{Kind, Node};
use super::{build_legs, build_prices};
use crate::model::{
    MarginMode, Market, MarketKind, MarketStatus, PairId, PriceSource, TimeInForce, Usdc, find_market,
};

/// Reads the whole plan.
pub(crate) fn plan(r: &mut Resolver<'_>, markets: &[Market]) -> Plan {
    version(r);
    let network = network(r);
    let paper = paper(r, &network);
    let count = r.document().root.at("/pairs").map_or(0, |pairs| pairs.items().len());
    let pairs: Vec<PairPlan> = (0..count).filter_map(|index| pair(r, index, markets)).collect();
    unique_ids(r);
    Plan {
        name: r.name::<PairId>(None, "name").map_or_else(|| "plan".to_owned(), String::from),
        network,
        paper,
        pairs,
        retry: RetryPlan {
            initial: seconds(r.duration(None, "retry/initial")),
            max: seconds(r.duration(None, "retry/max")),
            budget: seconds(r.duration(None, "retry/budget")),
        },
        on_stop: r.choice(None, "on_stop").unwrap_or(OnStop::CancelOpen),
        on_missed: OnMissed {
            place: r.choice(None, "on_missed/place").unwrap_or(MissedPlace::Cancel),
            withdraw: r.choice(None, "on_missed/withdraw").unwrap_or(MissedWithdraw::Ask),
        },
        notify: notify(r),
    }
}

fn version(r: &mut Resolver<'_>) {
    let Some(value) = r.value(None, "version") else { return };
    if value.text != "1" {
        let message = format!("`{}` is no version of the plan language", value.text);
        r.refuse(
            codes::UNSUPPORTED_VERSION,
            &value.site,
            message,
            "write `version: 1`; a newer plan needs a newer lighter-plan",
        );
    }
}

fn network(r: &mut Resolver<'_>) -> Network {
    if matches!(r.document().root.at("/network").map(|node| &node.kind), Some(Kind::Map(_))) {
        return Network::Custom {
            http: url(r, "network/http", ["http://", "https://"]),
            ws: url(r, "network/ws", ["ws://", "wss://"]),
            chain_id: r.integer(None, "network/chain_id").unwrap_or(304),
            time_scale: r.integer(None, "network/time_scale").unwrap_or(1),
        };
    }
    match r.text(None, "network").as_deref() {
        Some("mainnet") => Network::Mainnet,
        Some("testnet") => Network::Testnet,
        Some("robinhood") => Network::Robinhood,
        Some("robinhood-testnet") => Network::RobinhoodTestnet,
        _ => Network::Paper,
    }
}

fn url(r: &mut Resolver<'_>, path: &str, schemes: [&str; 2]) -> String {
    let Some(value) = r.value(None, path) else { return String::new() };
    let host = schemes.iter().find_map(|scheme| value.text.strip_prefix(scheme));
    let host = host.map(|rest| rest.split('/').next().unwrap_or_default());
    let bad = match host {
        None => Some(format!("starts with neither `{}` nor `{}`", schemes[0], schemes[1])),
        Some("") => Some("names no host".to_owned()),
        Some(host) if host.contains('@') => Some("holds credentials".to_owned()),
        Some(_) if value.text.contains(char::is_whitespace) => Some("holds a space".to_owned()),
        Some(_) => None,
    };
    if let Some(bad) = bad {
        let message = format!("`{}` {bad}", path.replace('/', "."));
        r.refuse(codes::BAD_URL, &value.site, message, format!("such as `{}127.0.0.1:8010`", schemes[0]));
    }
    value.text.trim_end_matches('/').to_owned()
}

fn paper(r: &mut Resolver<'_>, network: &Network) -> Option<PaperPlan> {
    let on_paper = matches!(network, Network::Paper);
    let site = r.document().place("/paper");
    if !on_paper && site.written && !r.is_broken(None, "network") {
        let help = "remove the block, or write `network: paper`";
        r.refuse(codes::PAPER_BLOCK, &site, "`paper` is only for `network: paper`".to_owned(), help);
    }
    let usdc = r.usdc(None, "paper/usdc");
    let seed = r.integer(None, "paper/seed");
    let time_scale = r.integer(None, "paper/time_scale");
    let world = match r.text(None, "paper/world") {
        Some(world) if world != "default" => r.path(&world).display().to_string(),
        _ => "default".to_owned(),
    };
    let prices = price_source(r);
    let prices_end = r.choice(None, "paper/prices_end").unwrap_or_default();
    on_paper.then(|| PaperPlan {
        usdc: usdc.unwrap_or(Usdc::whole(10_000)),
        seed: seed.unwrap_or(1),
        world,
        prices,
        prices_end,
        time_scale: time_scale.unwrap_or(1),
    })
}

fn price_source(r: &mut Resolver<'_>) -> PriceSource {
    let Some(value) = r.value(None, "paper/prices") else { return PriceSource::Seeded };
    match value.text.parse() {
        Ok(PriceSource::File(path)) => PriceSource::File(r.path(&path.display().to_string())),
        Ok(source) => source,
        Err(error) => {
            let help = "such as `file:prices.csv` or `live:mainnet`; docs/worlds.md has the forms of a file";
            r.refuse(codes::UNKNOWN_VALUE, &value.site, format!("`paper.prices`: {error}"), help);
            PriceSource::Seeded
        }
    }
}

/// Reads one pair; `None` when it is no mapping, which the shape check reported.
fn pair(r: &mut Resolver<'_>, index: usize, markets: &[Market]) -> Option<PairPlan> {
    let is_map = |node: &Node| matches!(node.kind, Kind::Map(_));
    if !r.document().root.at(&format!("/pairs/{index}")).is_some_and(is_map) {
        return None;
    }
    let at = Some(index);
    let (buy, sell) = build_prices::prices(r, index);
    Some(PairPlan {
        id: pair_id(r, index),
        market: market(r, index, markets),
        size: build_prices::size(r, index),
        leverage: r.integer(at, "leverage").unwrap_or(5),
        margin_mode: r.choice(at, "margin_mode").unwrap_or(MarginMode::Cross),
        buy,
        sell,
        minimum_usdc: r.usdc(at, "minimum_usdc").unwrap_or(Usdc::whole(500)),
        long: build_legs::leg(r, index, "long"),
        short: build_legs::leg(r, index, "short"),
        place: place(r, at),
        protect: protect(r, at),
        watch: watch(r, at),
        hedge: hedge(r, at),
        risk: risk(r, at),
        withdraw: WithdrawPlan {
            when: r.choice(at, "withdraw/when").unwrap_or(WithdrawWhen::OnExit),
            route: r.choice(at, "withdraw/route").unwrap_or(WithdrawRoute::Secure),
            keep: r.usdc(at, "withdraw/keep_usdc").unwrap_or(Usdc::ZERO),
            verify_within: seconds(r.duration(at, "withdraw/verify_within")),
        },
    })
}

fn pair_id(r: &mut Resolver<'_>, index: usize) -> PairId {
    let fallback = format!("pair-{index}").parse();
    r.name(Some(index), "id").unwrap_or_else(|| fallback.expect("letters, a dash and digits are a name"))
}

fn unique_ids(r: &mut Resolver<'_>) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let ids: Vec<_> = r
        .document()
        .root
        .at("/pairs")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .enumerate()
        .filter_map(|(index, pair)| {
            Some((format!("/pairs/{index}/id"), pair.at("/id")?.scalar()?.to_owned()))
        })
        .collect();
    for (pointer, id) in ids {
        if let Some(first) = seen.get(&id) {
            let (site, first) = (r.document().place(&pointer), r.document().place(first));
            let finding = Finding::error(codes::DUPLICATE_PAIR, format!("two pairs are called `{id}`"))
                .at(&site.pointer, site.span)
                .related(&first.pointer, first.span, "first used here")
                .help("rename one: steps, journal and client order ids carry the name");
            r.report(finding);
        } else {
            seen.insert(id, pointer);
        }
    }
}

/// Reads the market and checks that it is one that takes a pair's orders.
fn market(r: &mut Resolver<'_>, index: usize, markets: &[Market]) -> String {
    let Some(value) = r.value(Some(index), "market") else { return "SOL".to_owned() };
    let symbol = value.text.clone();
    match find_market(markets, &symbol) {
        None => {
            let perps = markets.iter().filter(|market| market.kind == MarketKind::Perp);
            let near = did_you_mean(&symbol, perps.map(|market| market.symbol.as_str()));
            let help = near.map_or_else(
                || "symbols are the venue's own, such as SOL, ETH or BTC".to_owned(),
                |name| format!("did you mean `{name}`?"),
            );
            r.refuse(
                codes::UNKNOWN_MARKET,
                &value.site,
                format!("the venue lists no market `{symbol}`"),
                help,
            );
        }
        Some(market) if market.kind != MarketKind::Perp => {
            let help =
                "a pair needs a perpetual: spot has no short side, no leverage and no reduce-only orders";
            r.refuse(codes::MARKET_CLOSED, &value.site, format!("`{symbol}` is no perpetual market"), help);
        }
        Some(market) if market.status != MarketStatus::Active || market.force_reduce_only => {
            let message = format!("`{symbol}` takes no new positions");
            r.refuse(
                codes::MARKET_CLOSED,
                &value.site,
                message,
                "choose an active market; the venue delisted or froze this one",
            );
        }
        Some(_) => {}
    }
    symbol
}

fn place(r: &mut Resolver<'_>, at: Option<usize>) -> PlacePlan {
    let time_in_force = match r.text(at, "place/time_in_force").as_deref() {
        Some("good_till_time") => TimeInForce::GoodTillTime,
        _ => TimeInForce::PostOnly,
    };
    PlacePlan { time_in_force, expires_in: seconds(r.duration(at, "place/expires_in")) }
}

/// Reads both distances, or neither: half a stop is none.
fn protect(r: &mut Resolver<'_>, at: Option<usize>) -> Option<ProtectPlan> {
    const KEYS: [&str; 2] = ["protect/stop_bps", "protect/limit_bps"];
    let values: [Option<u32>; 2] = KEYS.map(|path| r.integer(at, path));
    if !r.is_written(at, "protect") && !KEYS.iter().any(|path| r.is_written(at, path)) {
        return None;
    }
    for (path, value) in KEYS.into_iter().zip(values) {
        if value.is_none() && !r.is_broken(at, path) {
            let site = r.document().site(at, path);
            let message = format!("the stops have no `{}`", path.replace('/', "."));
            let help = "such as `protect: { stop_bps: 200, limit_bps: 100 }`; neither distance has a default";
            r.refuse(codes::MISSING_FIELD, &site, message, help);
        }
    }
    let [stop_bps, limit_bps] = values;
    Some(ProtectPlan { stop_bps: stop_bps.unwrap_or(1), limit_bps: limit_bps.unwrap_or(1) })
}

fn watch(r: &mut Resolver<'_>, at: Option<usize>) -> WatchPlan {
    WatchPlan {
        entry_deadline: seconds(r.duration(at, "watch/entry_deadline")),
        on_entry_timeout: r.choice(at, "watch/on_entry_timeout").unwrap_or(OnEntryTimeout::Hedge),
        max_hold: max_hold(r, at),
        take_profit: r.usdc(at, "watch/take_profit_usdc"),
        stop_loss: r.usdc(at, "watch/stop_loss_usdc"),
    }
}

/// `max_hold` has no default: it is the one exit that always comes, and a withdrawal needs an exit.
fn max_hold(r: &mut Resolver<'_>, at: Option<usize>) -> Duration {
    let hold = r.duration(at, "watch/max_hold");
    if !r.is_written(at, "watch/max_hold") && !r.is_broken(at, "watch/max_hold") {
        let site = r.document().site(at, "watch/max_hold");
        let withdraws = r.choice(at, "withdraw/when") == Some(WithdrawWhen::OnExit);
        if withdraws {
            let message = "the USDC is withdrawn on exit, and no rule makes the pair flat for certain";
            let help = "add `watch: { max_hold: 24h }`: profit and loss rules may never fire";
            r.refuse(codes::WITHDRAW_WITHOUT_EXIT, &site, message.to_owned(), help);
        } else {
            let help = "add `watch: { max_hold: 24h }`: how long the position is held at most";
            r.refuse(codes::MISSING_FIELD, &site, "the plan has no `watch.max_hold`".to_owned(), help);
        }
    }
    hold.unwrap_or(Duration::from_secs(86_400))
}

fn hedge(r: &mut Resolver<'_>, at: Option<usize>) -> HedgePlan {
    HedgePlan {
        wait: seconds(r.duration(at, "hedge/wait")),
        max_naked: seconds(r.duration(at, "hedge/max_naked")),
        max_naked_loss: r.usdc(at, "hedge/max_naked_loss_usdc").unwrap_or(Usdc::whole(1)),
        prefer: r.choice(at, "hedge/prefer").unwrap_or(HedgePreference::Complete),
        attempts: r.integer(at, "hedge/attempts").unwrap_or(1),
        max_slippage_bps: r.integer(at, "hedge/max_slippage_bps").unwrap_or(1),
        emergency_slippage_bps: r.integer(at, "hedge/emergency_slippage_bps").unwrap_or(1),
        dust: r.usdc(at, "hedge/dust_usdc").unwrap_or(Usdc::ZERO),
        on_liquidation: r.choice(at, "hedge/on_liquidation").unwrap_or(OnLiquidation::Flatten),
    }
}

fn risk(r: &mut Resolver<'_>, at: Option<usize>) -> RiskPlan {
    missing_limits(r, at);
    let whole = Usdc::whole(1);
    RiskPlan {
        max_order: r.usdc(at, "risk/max_order_usdc").unwrap_or(whole),
        max_position: r.usdc(at, "risk/max_position_usdc").unwrap_or(whole),
        max_exposure: r.usdc(at, "risk/max_exposure_usdc").unwrap_or(whole),
        max_price_deviation_bps: r.integer(at, "risk/max_price_deviation_bps").unwrap_or(1),
        max_drawdown: r.usdc(at, "risk/max_drawdown_usdc").unwrap_or(whole),
        min_liquidation_distance_pct: r
            .number(at, "risk/min_liquidation_distance_pct")
            .unwrap_or(Decimal::ZERO)
            .normalize(),
        max_messages_per_minute: r.integer(at, "risk/max_messages_per_minute").unwrap_or(1),
        max_loss_if_venue_down: r.usdc(at, "risk/max_loss_if_venue_down_usdc").unwrap_or(whole),
        volatility_pct: r.integer(at, "risk/volatility_pct").unwrap_or(100),
    }
}

/// Reports the limits that a pair gets from nowhere, once, in one finding.
fn missing_limits(r: &mut Resolver<'_>, at: Option<usize>) {
    const LIMITS: [&str; 8] = [
        "max_order_usdc",
        "max_position_usdc",
        "max_exposure_usdc",
        "max_price_deviation_bps",
        "max_drawdown_usdc",
        "min_liquidation_distance_pct",
        "max_messages_per_minute",
        "max_loss_if_venue_down_usdc",
    ];
    let missing: Vec<_> = LIMITS
        .into_iter()
        .filter(|limit| {
            let path = format!("risk/{limit}");
            !r.is_written(at, &path) && !r.is_broken(at, &path)
        })
        .collect();
    if missing.is_empty() {
        return;
    }
    let list = missing.iter().map(|limit| format!("`{limit}`")).collect::<Vec<_>>().join(", ");
    let message = if missing.len() == LIMITS.len() {
        "the plan has no risk limits".to_owned()
    } else {
        format!("the risk limits lack {list}")
    };
    let site = r.document().place("/risk");
    let finding = Finding::error(codes::MISSING_RISK_LIMIT, message)
        .at(&format!("/risk/{}", missing[0]), site.span)
        .help(format!("add {list} under `risk:`; limits have no defaults, because you say what may be lost"));
    r.report(finding);
    for limit in &missing[1..] {
        r.mark_broken(&format!("/risk/{limit}"));
    }
}

fn notify(r: &mut Resolver<'_>) -> Vec<NotifyPlan> {
    let count = r.document().root.at("/notify").map_or(0, |list| list.items().len());
    (0..count).filter_map(|index| receiver(r, index)).collect()
}

fn receiver(r: &mut Resolver<'_>, index: usize) -> Option<NotifyPlan> {
    let value = r.value(None, &format!("notify/{index}/webhook"))?;
    let name = value.text.strip_prefix("env:").filter(|name| build_legs::is_env_name(name));
    let Some(name) = name.map(str::to_owned) else {
        let message = format!("`notify[{index}].webhook` names no environment variable");
        let help = "write `env:NAME`; a webhook URL is a secret, and a plan is stored with its run";
        r.refuse(codes::BAD_KEY_SOURCE, &value.site, message, help);
        return None;
    };
    let topics = r.document().root.at(&format!("/notify/{index}/on")).map_or(0, |list| list.items().len());
    let mut on: Vec<NotifyTopic> =
        (0..topics).filter_map(|topic| r.choice(None, &format!("notify/{index}/on/{topic}"))).collect();
    if topics == 0 {
        on = vec![NotifyTopic::Liquidation, NotifyTopic::Hedge, NotifyTopic::Stuck, NotifyTopic::Finished];
    }
    Some(NotifyPlan { webhook_env: name, on })
}

fn seconds(duration: Option<Duration>) -> Duration {
    duration.unwrap_or(Duration::from_secs(1))
}
