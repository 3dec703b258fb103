//! Where the paper exchange's prices come from, as operators write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where the paper exchange's prices come from: `seeded`, `file:PATH` or `live:NETWORK`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceSource {
    /// The world's own process, from its seed.
    #[default]
    Seeded,
    /// A recording, played in venue time.
    File(PathBuf),
    /// The public streams of a running exchange.
    Live(LiveSource),
}

/// Whose public streams are followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveSource {
    /// The main network.
    Mainnet,
    /// The test network.
    Testnet,
    /// The REST base URL of any server that speaks the protocol; its streams are at `/stream` of the same host.
    Url(String),
}

/// What follows when a recording has been played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtEnd {
    /// The last prices stay.
    #[default]
    Hold,
    /// It begins again.
    Loop,
}

/// Why a text names no price source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceSourceError {
    /// None of the three forms.
    #[error(
        "`{0}` is no price source; write `seeded`, `file:PATH`, or `live:` with mainnet, testnet or a URL"
    )]
    Unknown(String),
    /// The part after the colon is missing.
    #[error("`{0}` names nothing after the colon")]
    Empty(String),
    /// What follows `live:` is neither a network nor a URL of HTTP without a path.
    #[error("`{0}` is neither `mainnet`, `testnet` nor a base URL such as `http://127.0.0.1:8000`")]
    Url(String),
}

impl FromStr for PriceSource {
    type Err = PriceSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "seeded" => Ok(Self::Seeded),
            Some(("file" | "live", "")) => Err(PriceSourceError::Empty(text.to_owned())),
            Some(("file", path)) => Ok(Self::File(PathBuf::from(path))),
            Some(("live", network)) => network.parse().map(Self::Live),
            _ => Err(PriceSourceError::Unknown(text.to_owned())),
        }
    }
}

impl FromStr for LiveSource {
    type Err = PriceSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "mainnet" => return Ok(Self::Mainnet),
            "testnet" => return Ok(Self::Testnet),
            _ => {}
        }
        let url = text.trim_end_matches('/');
        let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let plain = |host: &&str| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
        host.filter(plain).ok_or_else(|| PriceSourceError::Url(text.to_owned()))?;
        Ok(Self::Url(url.to_owned()))
    }
}

impl fmt::Display for PriceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seeded => f.write_str("seeded"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Live(source) => write!(f, "live:{source}"),
        }
    }
}

impl fmt::Display for LiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Url(url) => url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_are_written() {
        for text in [
            "seeded",
            "file:prices.csv",
            "file:/a:b",
            "live:mainnet",
            "live:testnet",
            "live:http://[::1]:8000",
        ] {
            assert_eq!(text.parse::<PriceSource>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_source_is_refused() {
        use PriceSourceError::{Empty, Unknown, Url};
        let refused = |text: &str| text.parse::<PriceSource>().unwrap_err();
        assert!(matches!(refused("prices.csv"), Unknown(_)));
        assert!(matches!(refused("seeded:7"), Unknown(_)));
        assert!(matches!(refused("file:"), Empty(_)));
        for url in [
            "live:example.org",
            "live:ws://example.org",
            "live:https://a@b",
            "live:https://a/b",
            "live:http://",
        ] {
            assert!(matches!(refused(url), Url(_)), "{url}");
        }
    }
}
