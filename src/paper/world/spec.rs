//! Scenario files: the schema of `docs/worlds.md`.

use std::fmt;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{AccountIndex, Side, Usdc};
use crate::paper::exchange::WithdrawBehaviour;

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file cannot be read.
    #[error("cannot read the world `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no scenario.
    #[error("the world is malformed: {0}")]
    Malformed(String),
    /// It speaks of a market that the exchange does not list.
    #[error("the world speaks of market `{0}`, which is not listed")]
    UnknownMarket(String),
    /// A price or size does not fit the market.
    #[error("the world has an unusable value")]
    Value(#[from] crate::model::GridError),
}

/// A span of venue time, written as `250ms`, `5s`, `10m`, `2h` or `1d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

impl Duration {
    /// Reads a span.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        Some(Self(std::time::Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(ms)?)))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom(format!("`{text}` is not a time such as `250ms`, `5s` or `10m`"));
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// A whole scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSpec {
    /// Its name.
    pub name: String,
    /// What it shows, in a sentence.
    #[serde(default)]
    pub about: String,
    /// How long a secure withdrawal stays pending.
    #[serde(default)]
    pub withdrawal_delay: Option<Duration>,
    /// How long it then stays claimable.
    #[serde(default)]
    pub claim_delay: Option<Duration>,
    /// Settings of markets; those not named behave by default, around their listed mark.
    #[serde(default)]
    pub markets: Vec<MarketSpec>,
    /// What happens, and when.
    #[serde(default)]
    pub script: Vec<ScriptEntry>,
    /// What goes wrong between client and server; the server interprets it.
    #[serde(default)]
    pub faults: Vec<FaultEntry>,
}

/// Settings of one market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketSpec {
    /// Symbol, such as `SOL`.
    pub market: String,
    /// First mark price; the listed one when absent.
    #[serde(default)]
    pub price: Option<Decimal>,
    /// Typical noise of the price around its anchor, in basis points; 0 holds it still.
    #[serde(default)]
    pub volatility_bps: Option<u32>,
    /// Percent of the usual size that makers quote per level.
    #[serde(default)]
    pub depth_percent: Option<u32>,
    /// Whether makers quote from the start.
    #[serde(default)]
    pub makers: Option<bool>,
    /// Whether takers trade from the start.
    #[serde(default)]
    pub takers: Option<bool>,
}

/// One action of the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptEntry {
    /// When, counted from the start.
    pub at: Duration,
    /// How long until it happens again, and again.
    #[serde(default)]
    pub every: Option<Duration>,
    /// Where; actions without a market need none.
    #[serde(default)]
    pub market: Option<String>,
    /// What.
    pub action: Action,
}

impl ScriptEntry {
    /// Returns the entry as it stands after it has run: later, if it repeats.
    pub(super) fn again(mut self) -> Option<Self> {
        // Never sooner than a step, or time would not get past it.
        let every = self.every?.0.max(super::STEP);
        self.at = Duration(self.at.0.saturating_add(every));
        Some(self)
    }
}

/// Which side a taker of the script takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TakerSide {
    /// It buys: asks are hit.
    Buy,
    /// It sells: bids are hit.
    Sell,
}

impl From<TakerSide> for Side {
    fn from(side: TakerSide) -> Self {
        match side {
            TakerSide::Buy => Self::Buy,
            TakerSide::Sell => Self::Sell,
        }
    }
}

/// What a script can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// The price jumps and stays around the new level.
    SetPrice {
        /// New price.
        price: Decimal,
    },
    /// The price moves there in a straight line.
    MoveTo {
        /// Last price.
        price: Decimal,
        /// How long it takes.
        over: Duration,
    },
    /// Makers take their quotes off the book.
    PauseMakers {},
    /// Makers quote again.
    ResumeMakers {},
    /// Takers stop.
    PauseTakers {},
    /// Takers trade again.
    ResumeTakers {},
    /// One taker order, up to a price.
    Take {
        /// Its side.
        side: TakerSide,
        /// Base units.
        size: Decimal,
        /// Worst price; without it, it takes what there is.
        #[serde(default)]
        limit: Option<Decimal>,
    },
    /// How much makers quote from now on.
    Depth {
        /// Percent of the usual size.
        percent: u32,
    },
    /// The price moves to just past the account's liquidation price in this market.
    Liquidate {
        /// Whose.
        account: AccountIndex,
        /// How long it takes.
        over: Duration,
    },
    /// The market takes no more orders.
    Halt {},
    /// It takes orders again.
    Unhalt {},
    /// The market's rules change.
    Rules {
        /// Smallest size of an order that may rest, in base units.
        #[serde(default)]
        min_base: Option<Decimal>,
        /// Smallest notional of an order that may rest, in USDC.
        #[serde(default)]
        min_quote: Option<Usdc>,
        /// Whether only reduce-only orders pass.
        #[serde(default)]
        reduce_only: Option<bool>,
        /// Decimal places of a size: orders and positions keep their number of lots, whatever those mean then.
        #[serde(default)]
        size_decimals: Option<u32>,
    },
    /// How withdrawals end from now on.
    Withdrawals {
        /// How.
        behaviour: WithdrawBehaviour,
    },
}

/// Something that goes wrong between client and server, in the server's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultEntry {
    /// When, counted from the start.
    pub at: Duration,
    /// What; `docs/worlds.md` lists what the server understands.
    pub fault: serde_json::Value,
}

impl WorldSpec {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, WorldError> {
        serde_yaml::from_str(text).map_err(|error| WorldError::Malformed(error.to_string()))
    }

    /// Reads a scenario file; `default` is built in.
    pub fn load(name_or_path: &str) -> Result<Self, WorldError> {
        if name_or_path == "default" {
            return Ok(Self::default());
        }
        let path = Path::new(name_or_path);
        let text = std::fs::read_to_string(path)
            .map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            about: "Prices swing around the listed mark; takers of both sides.".to_owned(),
            withdrawal_delay: Some(Duration(std::time::Duration::from_secs(90))),
            claim_delay: Some(Duration(std::time::Duration::from_secs(30))),
            markets: Vec::new(),
            script: Vec::new(),
            faults: Vec::new(),
        }
    }
}
