//! `file:` URIs and paths.

use std::path::{Path, PathBuf};

/// Returns the path of a `file:` URI of this machine; `None` for any other.
pub(super) fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = path.split(['?', '#']).next()?;
    path.starts_with('/').then(|| decode(path)).flatten().map(PathBuf::from)
}

/// Returns the `file:` URI of an absolute path.
pub(super) fn from_path(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let mut uri = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        if plain(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_blanks_and_letters_of_all_kinds_come_back() {
        let path = Path::new("/a b/größe 😀/100%.yaml");
        let uri = from_path(path);
        assert_eq!(uri, "file:///a%20b/gr%C3%B6%C3%9Fe%20%F0%9F%98%80/100%25.yaml");
        assert_eq!(to_path(&uri).as_deref(), Some(path));
        assert_eq!(to_path("file://localhost/a"), Some(PathBuf::from("/a")));
    }

    #[test]
    fn what_is_no_file_has_no_path() {
        for uri in ["untitled:Untitled-1", "file://elsewhere/a", "file:///%zz", "file:///%", "", "git:/a"] {
            assert_eq!(to_path(uri), None, "{uri}");
        }
    }
}
