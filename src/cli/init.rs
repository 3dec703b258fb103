//! `init`: a starter plan.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use rust_decimal::Decimal;

use super::fault::Fault;
use super::{Context, Exit, out};
use crate::lint::check;
use crate::model::{Market, Price, Rounding, find_market, snapshot_markets};
use crate::plan::{LoadOptions, Severity, SourceFile};

/// Half of the distance between the starter's quotes, in basis points of the mark: beyond the touch, inside the collar.
const HALF_SPREAD_BPS: i64 = 10;

/// What the starter's legs are worth, in USDC: well above every market's minimum, well inside the starter's limits.
const NOTIONAL: i64 = 250;

/// Write a starter plan
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan init plans/sol.yaml
  lighter-plan init --market ETH --pair 1001:1002 --pair 1003:1004 plans/eth.yaml
  lighter-plan init --buy-price 100.95 --sell-price 101.25 --min-usdc 750 -

The plan runs on paper as written. For testnet or mainnet change `network:` and let `key:` name where each key is.")]
pub(super) struct Init {
    /// File to write; it must not exist. `-` is standard output
    #[arg(value_name = "FILE", default_value = "plan.yaml")]
    file: PathBuf,
    /// Market symbol
    #[arg(long, value_name = "SYMBOL", default_value = "SOL")]
    market: String,
    /// Where the long leg buys [default: a little below the listed mark]
    #[arg(long, value_name = "PRICE")]
    buy_price: Option<Decimal>,
    /// Where the short leg sells [default: a little above the listed mark]
    #[arg(long, value_name = "PRICE")]
    sell_price: Option<Decimal>,
    /// USDC that each wallet must have
    #[arg(long, value_name = "USDC", default_value = "500")]
    min_usdc: Decimal,
    /// Accounts of a pair; may be repeated
    #[arg(long = "pair", value_name = "LONG:SHORT", value_parser = two_accounts, default_value = "1001:1002")]
    pairs: Vec<(u64, u64)>,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

fn two_accounts(text: &str) -> Result<(u64, u64), String> {
    let account =
        |text: &str| text.trim().parse::<u64>().map_err(|_| format!("`{text}` is no account index"));
    let (long, short) = text.split_once(':').ok_or("write LONG:SHORT, two account indices")?;
    Ok((account(long)?, account(short)?))
}

impl Init {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let market = find_market(snapshot_markets(), &self.market).ok_or_else(|| {
            Fault::usage(format!("the venue lists no market `{}`", self.market))
                .hint("symbols are the venue's own, such as SOL, ETH or BTC")
        })?;
        let text = self.starter(market)?;
        self.refuse_unsound(&text)?;
        if self.file.as_os_str() == "-" {
            out::text(&text)?;
            return Ok(Exit::OK);
        }
        self.write(&text)?;
        out::line(&format!(
            "wrote {0}; check it with `lighter-plan validate {0}`\nfor editors: `lighter-plan schema --out {1}`",
            self.file.display(),
            self.file.with_file_name("plan.v1.schema.json").display()
        ));
        Ok(Exit::OK)
    }

    /// What was asked for may be unsound (a buy price above the sell price); better to say so than to write it.
    fn refuse_unsound(&self, text: &str) -> Result<(), Fault> {
        let source = SourceFile::from_text("the starter plan", text);
        let checked = check(&source, &LoadOptions::default(), snapshot_markets());
        match checked.findings.iter().find(|finding| finding.severity == Severity::Error) {
            None => Ok(()),
            Some(finding) => {
                let fault = Fault::usage(format!("[{}] {}", finding.rule, finding.message));
                Err(match &finding.help {
                    Some(help) => fault.hint(help.clone()),
                    None => fault,
                })
            }
        }
    }

    fn write(&self, text: &str) -> Result<(), Fault> {
        let failed = |error: std::io::Error| {
            let fault = Fault::tool(format!("cannot write `{}`: {error}", self.file.display()));
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                fault.hint("`--force` overwrites it")
            } else {
                fault
            }
        };
        if let Some(folder) = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        options.open(&self.file).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
    }

    fn starter(&self, market: &Market) -> Result<String, Fault> {
        let (buy, sell) = self.prices(market)?;
        let size = (Decimal::from(NOTIONAL) / sell).round_dp(market.size_decimals);
        let smallest = Price::rounded(buy, market, Rounding::Down)
            .map(|price| market.min_size_at(price).to_decimal(market))
            .map_err(Fault::usage)?;
        let size = size.max(smallest).normalize();
        let pairs: String =
            self.pairs.iter().enumerate().map(|(index, pair)| pair_text(index, *pair)).collect();
        let exposure = Decimal::from(2 * self.pairs.len()) * size * sell * Decimal::TWO;
        Ok(STARTER
            .replace("{symbol}", &self.market)
            .replace("{name}", &self.market.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
            .replace("{size}", &size.to_string())
            .replace("{buy}", &buy.to_string())
            .replace("{sell}", &sell.to_string())
            .replace("{min_usdc}", &self.min_usdc.to_string())
            .replace("{leverage}", &market.max_leverage().clamp(1, 5).to_string())
            .replace("{pairs}", &pairs)
            .replace("{leg}", &(size * sell * Decimal::TWO).ceil().to_string())
            .replace("{exposure}", &exposure.ceil().to_string()))
    }

    fn prices(&self, market: &Market) -> Result<(Decimal, Decimal), Fault> {
        let around = |bps: i64, rounding| {
            let mark = market.mark_price.ok_or_else(|| {
                Fault::usage(format!("`{}` has no listed mark price", market.symbol))
                    .hint("give --buy-price and --sell-price")
            })?;
            let price = Price::rounded(mark * Decimal::new(10_000 + bps, 4), market, rounding)
                .map_err(Fault::usage)?;
            Ok::<_, Fault>(price.to_decimal(market))
        };
        let buy = self.buy_price.map_or_else(|| around(-HALF_SPREAD_BPS, Rounding::Down), Ok)?;
        let sell = self.sell_price.map_or_else(|| around(HALF_SPREAD_BPS, Rounding::Up), Ok)?;
        if buy <= Decimal::ZERO || sell <= Decimal::ZERO {
            return Err(Fault::usage("prices are more than 0"));
        }
        Ok((buy, sell))
    }
}

fn pair_text(index: usize, (long, short): (u64, u64)) -> String {
    format!(
        "  - id: pair-{}\n    long:  {{ account: {long}, api_key_index: 4, key: paper }}\n    short: {{ account: {short}, api_key_index: 4, key: paper }}\n",
        index + 1
    )
}

/// The starter, with both header forms that editors read.
const STARTER: &str = include_str!("starter.yaml");
