//! Accounts and key sources of a pair.

use super::codes;
use super::document::Site;
use super::resolve::Resolver;
use super::resolved::{KeySource, LegPlan};
use super::secrets::looks_like_key;
use crate::model::{AccountIndex, ApiKeyIndex};

/// Reads `long` or `short` of a pair.
pub(crate) fn leg(r: &mut Resolver<'_>, index: usize, side: &str) -> LegPlan {
    let at = Some(index);
    LegPlan {
        account: AccountIndex::new(r.integer(at, &format!("{side}/account")).unwrap_or(0)),
        api_key_index: ApiKeyIndex::new(r.integer(at, &format!("{side}/api_key_index")).unwrap_or(4)),
        key: key(r, index, &format!("{side}/key")).unwrap_or(KeySource::Paper),
        guard_key_index: r.integer(at, &format!("{side}/guard_key_index")).map(ApiKeyIndex::new),
        l1_key: key(r, index, &format!("{side}/l1_key")),
    }
}

/// Reads where a key comes from; `None` when nothing is written. A value that is no source is taken for a key: it is
/// never repeated in a message, and something harmless stands in for it.
fn key(r: &mut Resolver<'_>, index: usize, path: &str) -> Option<KeySource> {
    let value = r.value(Some(index), path)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let text = value.text;
    if looks_like_key(&text) {
        key_material(r, &value.site);
        return Some(KeySource::Paper);
    }
    Some(match text.split_once(':') {
        None if text == "paper" => KeySource::Paper,
        Some(("env", name)) if is_env_name(name) => KeySource::Env(name.to_owned()),
        Some(("file", file)) if !file.is_empty() => KeySource::File(r.path(file)),
        Some(("sealed", file)) if !file.is_empty() => KeySource::Sealed(r.path(file)),
        Some(("env" | "file" | "sealed", _)) => {
            let help =
                "write `env:NAME` with a name of letters, digits and `_`, `file:PATH` or `sealed:PATH`";
            r.refuse(codes::BAD_KEY_SOURCE, &value.site, format!("`{name}` names no source"), help);
            KeySource::Paper
        }
        _ => {
            let help = "write `env:NAME`, `file:PATH`, `sealed:PATH`, or `paper` with `network: paper`; if a key stood here, replace it at the venue";
            r.refuse(
                codes::BAD_KEY_SOURCE,
                &value.site,
                format!("`{name}` is where the key comes from, and this is none"),
                help,
            );
            KeySource::Paper
        }
    })
}

fn key_material(r: &mut Resolver<'_>, site: &Site) {
    let help = "write where the key is (`env:NAME`, `file:PATH`, `sealed:PATH`), and replace the key at the venue: it has been in a file";
    r.refuse(codes::KEY_MATERIAL, site, "a private key is written in the plan".to_owned(), help);
}

/// Returns whether `name` is a portable name of an environment variable.
pub(crate) fn is_env_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
