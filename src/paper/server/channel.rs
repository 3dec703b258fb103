//! Names of the streams: `/` in requests, `:` in frames.

use crate::model::{AccountIndex, MarketId};

use super::history::resolution_ms;

/// One stream that can be subscribed to (websocket.md §3 and §4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Channel {
    OrderBook(MarketId),
    Ticker(MarketId),
    Trade(MarketId),
    MarketStats(MarketId),
    MarketStatsAll,
    Candle(MarketId, String),
    MarkPriceCandle(MarketId, String),
    Height,
    AccountAll(AccountIndex),
    AccountAllPositions(AccountIndex),
    AccountAllTrades(AccountIndex),
    UserStats(AccountIndex),
    AccountMarket(MarketId, AccountIndex),
    AccountOrders(MarketId, AccountIndex),
    AccountAllOrders(AccountIndex),
    AccountAllAssets(AccountIndex),
    AccountTx(AccountIndex),
    Notification(AccountIndex),
}

/// One channel of the venue (websocket.md §3 and §4), for the documentation.
pub(crate) struct ChannelRow {
    /// As clients ask for it.
    pub(crate) name: &'static str,
    /// Whether a token is demanded.
    pub(crate) token: bool,
    pub(crate) offered: bool,
    /// What differs from the venue, or why it is not offered.
    pub(crate) differs: &'static str,
}

const fn open(name: &'static str, differs: &'static str) -> ChannelRow {
    ChannelRow { name, token: false, offered: true, differs }
}

const fn private(name: &'static str, differs: &'static str) -> ChannelRow {
    ChannelRow { name, token: true, offered: true, differs }
}

const fn absent(name: &'static str, differs: &'static str) -> ChannelRow {
    ChannelRow { name, token: false, offered: false, differs }
}

/// All channels of the venue; those that are not offered are answered with 30005.
pub(crate) const CHANNELS: &[ChannelRow] = &[
    open("order_book/{m}", ""),
    open("ticker/{m}", ""),
    open("trade/{m}", ""),
    open("market_stats/{m}", ""),
    open("market_stats/all", ""),
    absent("spot_market_stats/{m}", "spot markets are listed, not traded"),
    absent("bo_market_stats/{m}", "there are no binary options"),
    open("candle/{m}/{res}", ""),
    open("mark_price_candle/{m}/{res}", "begins when the server starts"),
    open("height", ""),
    open("account_all/{a}", "`funding_histories` is empty"),
    open("account_all_positions/{a}", ""),
    open("account_all_trades/{a}", ""),
    open("user_stats/{a}", ""),
    private("account_market/{m}/{a}", ""),
    private("account_orders/{m}/{a}", ""),
    private("account_all_orders/{a}", ""),
    private("account_all_assets/{a}", "USDC only"),
    absent("account_spot_avg_entry_prices/{a}", "nothing is held in spot"),
    private("account_tx/{a}", ""),
    private("notification/{a}", "no announcements"),
    absent("pool_data/{a}", "there are no pools"),
    absent("pool_info/{a}", "there are no pools"),
];

impl Channel {
    /// Reads a name as clients write it; both separators are taken, as on the venue's own frames.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split(['/', ':']).collect();
        let market = |text: &str| text.parse().ok().map(MarketId::new);
        let account = |text: &str| text.parse().ok().map(AccountIndex::new);
        Some(match *parts.as_slice() {
            ["height"] => Self::Height,
            ["market_stats", "all"] => Self::MarketStatsAll,
            ["order_book", m] => Self::OrderBook(market(m)?),
            ["ticker", m] => Self::Ticker(market(m)?),
            ["trade", m] => Self::Trade(market(m)?),
            ["market_stats", m] => Self::MarketStats(market(m)?),
            ["candle", m, resolution] => {
                resolution_ms(resolution)?;
                Self::Candle(market(m)?, resolution.to_owned())
            }
            ["mark_price_candle", m, resolution] => {
                resolution_ms(resolution)?;
                Self::MarkPriceCandle(market(m)?, resolution.to_owned())
            }
            ["account_all", a] => Self::AccountAll(account(a)?),
            ["account_all_positions", a] => Self::AccountAllPositions(account(a)?),
            ["account_all_trades", a] => Self::AccountAllTrades(account(a)?),
            ["user_stats", a] => Self::UserStats(account(a)?),
            ["account_market", m, a] => Self::AccountMarket(market(m)?, account(a)?),
            ["account_orders", m, a] => Self::AccountOrders(market(m)?, account(a)?),
            ["account_all_orders", a] => Self::AccountAllOrders(account(a)?),
            ["account_all_assets", a] => Self::AccountAllAssets(account(a)?),
            ["account_tx", a] => Self::AccountTx(account(a)?),
            ["notification", a] => Self::Notification(account(a)?),
            _ => return None,
        })
    }

    /// Returns the family: the name in `subscribed/…` and `update/…`.
    pub(crate) const fn family(&self) -> &'static str {
        match self {
            Self::OrderBook(_) => "order_book",
            Self::Ticker(_) => "ticker",
            Self::Trade(_) => "trade",
            Self::MarketStats(_) | Self::MarketStatsAll => "market_stats",
            Self::Candle(..) => "candle",
            Self::MarkPriceCandle(..) => "mark_price_candle",
            Self::Height => "height",
            Self::AccountAll(_) => "account_all",
            Self::AccountAllPositions(_) => "account_all_positions",
            Self::AccountAllTrades(_) => "account_all_trades",
            Self::UserStats(_) => "user_stats",
            Self::AccountMarket(..) => "account_market",
            Self::AccountOrders(..) => "account_orders",
            Self::AccountAllOrders(_) => "account_all_orders",
            Self::AccountAllAssets(_) => "account_all_assets",
            Self::AccountTx(_) => "account_tx",
            Self::Notification(_) => "notification",
        }
    }

    /// Returns the name as frames have it.
    pub(crate) fn frame_name(&self) -> String {
        let family = self.family();
        match self {
            Self::Height => family.to_owned(),
            Self::MarketStatsAll => format!("{family}:all"),
            Self::Candle(market, resolution) | Self::MarkPriceCandle(market, resolution) => format!("{family}:{market}:{resolution}"),
            Self::AccountMarket(market, account) => format!("{family}:{market}:{account}"),
            Self::OrderBook(market)
            | Self::Ticker(market)
            | Self::Trade(market)
            | Self::MarketStats(market)
            // The documentation leaves the account out here.
            | Self::AccountOrders(market, _) => format!("{family}:{market}"),
            Self::AccountAll(account)
            | Self::AccountAllPositions(account)
            | Self::AccountAllTrades(account)
            | Self::UserStats(account)
            | Self::AccountAllOrders(account)
            | Self::AccountAllAssets(account)
            | Self::AccountTx(account)
            | Self::Notification(account) => format!("{family}:{account}"),
        }
    }

    /// Returns the market it belongs to.
    pub(crate) const fn market(&self) -> Option<MarketId> {
        match self {
            Self::OrderBook(market)
            | Self::Ticker(market)
            | Self::Trade(market)
            | Self::MarketStats(market)
            | Self::Candle(market, _)
            | Self::MarkPriceCandle(market, _)
            | Self::AccountMarket(market, _)
            | Self::AccountOrders(market, _) => Some(*market),
            _ => None,
        }
    }

    /// Returns the account it belongs to.
    pub(crate) const fn account(&self) -> Option<AccountIndex> {
        match self {
            Self::AccountAll(account)
            | Self::AccountAllPositions(account)
            | Self::AccountAllTrades(account)
            | Self::UserStats(account)
            | Self::AccountMarket(_, account)
            | Self::AccountOrders(_, account)
            | Self::AccountAllOrders(account)
            | Self::AccountAllAssets(account)
            | Self::AccountTx(account)
            | Self::Notification(account) => Some(*account),
            _ => None,
        }
    }

    /// Returns whether a token is demanded; the four account channels that the venue leaves open take none.
    pub(crate) const fn needs_token(&self) -> bool {
        matches!(
            self,
            Self::AccountMarket(..)
                | Self::AccountOrders(..)
                | Self::AccountAllOrders(_)
                | Self::AccountAllAssets(_)
                | Self::AccountTx(_)
                | Self::Notification(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation says what the code does.
    #[test]
    fn the_table_of_channels_is_true() {
        for row in CHANNELS {
            let name = row.name.replace("{m}", "2").replace("{a}", "1001").replace("{res}", "1m");
            let parsed = Channel::parse(&name);
            assert_eq!(parsed.is_some(), row.offered, "{name}");
            assert_eq!(parsed.is_some_and(|channel| channel.needs_token()), row.token, "{name}");
        }
    }

    #[test]
    fn names_are_read_with_slashes_and_written_with_colons() {
        for (request, frame) in [
            ("order_book/1", "order_book:1"),
            ("market_stats/all", "market_stats:all"),
            ("candle/2/15m", "candle:2:15m"),
            ("account_orders/2/4242", "account_orders:2"),
            ("account_market/2/4242", "account_market:2:4242"),
            ("notification/4242", "notification:4242"),
            ("height", "height"),
        ] {
            assert_eq!(Channel::parse(request).map(|channel| channel.frame_name()).as_deref(), Some(frame));
        }
        for wrong in ["", "order_book", "order_book/x", "candle/1/7m", "account_all/1/2", "nothing/1"] {
            assert_eq!(Channel::parse(wrong), None, "{wrong}");
        }
    }
}
