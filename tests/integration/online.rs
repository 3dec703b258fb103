//! `validate --online` against a venue that listens.

use lighter_plan::model::{AccountIndex, ApiKeyIndex, AtEnd, Market, PriceSource, Size, Usdc};
use lighter_plan::paper::exchange::Tier;
use lighter_plan::paper::server::{Faults, PaperConfig, PaperServer, PaperSlots, Running};
use lighter_plan::paper::world::WorldSpec;

use crate::common::{Bench, PLAN};

/// An exchange whose smallest SOL order is larger than the plan's, which the shipped rules do not know.
pub(crate) async fn venue() -> Running {
    PaperServer::start(config()).await.unwrap()
}

/// What [`venue`] is started with.
pub(crate) fn config() -> PaperConfig {
    let accounts = [1001, 1002]
        .map(|account| PaperSlots { account: AccountIndex::new(account), slots: vec![ApiKeyIndex::new(4)] });
    PaperConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        seed: 7,
        accounts: accounts.to_vec(),
        usdc: Usdc::whole(10_000),
        markets: vec![Market { min_base: Size::from_lots(3_000), ..Market::example() }],
        world: WorldSpec::parse("name: still\nmarkets: [{ market: SOL, volatility_bps: 0 }]\n").unwrap(),
        prices: PriceSource::Seeded,
        prices_end: AtEnd::Hold,
        tier: Tier::Standard,
        time_scale: 1,
        log: None,
        rate_limits: false,
        control: false,
        faults: Faults::default(),
    }
}

/// The plan of the quick start, moved to the venue at these addresses.
pub(crate) fn plan(http: &str, ws: &str, chain_id: u32) -> String {
    let network = format!("network: {{ http: \"{http}\", ws: \"{ws}\", chain_id: {chain_id} }}\n");
    let lines = PLAN.lines().filter(|line| !line.starts_with("paper:"));
    let moved =
        lines.map(|line| if line == "network: paper" { network.clone() } else { format!("{line}\n") });
    moved
        .collect::<String>()
        .replacen("key: paper", "key: env:LONG", 1)
        .replace("key: paper", "key: env:SHORT")
}

#[tokio::test(flavor = "multi_thread")]
async fn online_asks_the_venue_and_offline_does_not() {
    let running = venue().await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(&running.http_url, &running.ws_url, running.chain_id));
    bench.write("again.yaml", plan(&running.http_url, &running.ws_url, running.chain_id));
    bench.run(&["validate", "plan.yaml"]).expect(0);
    let run =
        bench.run(&["validate", "--online", "--format", "concise", "plan.yaml", "again.yaml"]).expect(1);
    assert_eq!(run.stdout.matches("LP304").count(), 2, "one for the size of each plan: {}", run.stdout);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_is_a_mistake_of_the_plan() {
    let running = venue().await;
    let bench = Bench::new();
    bench.write("plan.yaml", plan(&running.http_url, &running.ws_url, running.chain_id + 1));
    let run = bench.run(&["validate", "--online", "plan.yaml"]).expect(1);
    assert!(run.stderr.contains("the plan means chain"), "{}", run.stderr);
    running.shutdown().await;
}

/// U-21: a venue that does not answer is a fault of the tool; what can be told without it is told, and told once.
#[tokio::test(flavor = "multi_thread")]
async fn u_21_a_venue_that_does_not_answer_is_no_verdict() {
    let running = venue().await;
    let text = plan(&running.http_url, &running.ws_url, running.chain_id);
    let url = running.http_url.clone();
    running.shutdown().await;
    let bench = Bench::new();
    bench.write("plan.yaml", &text).write("again.yaml", text.replace("leverage: 5", "leverage: 500"));
    let run =
        bench.run(&["validate", "--online", "--format", "concise", "plan.yaml", "again.yaml"]).expect(3);
    let told = format!("the venue at {url} does not answer");
    assert_eq!(run.stderr.matches(&told).count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("hint: without --online"), "{}", run.stderr);
    assert!(run.stdout.contains("again.yaml:") && run.stdout.contains("leverage"), "{}", run.stdout);
}

#[test]
fn paper_stays_offline() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.run(&["validate", "--online", "plan.yaml"]).expect(0);
}
