//! What is written in a text, without what it means: for comparing a plan before and after a change.

use std::collections::BTreeMap;

use super::yaml::{self, Comment};

/// Scalars and comments of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The text of every scalar as written, quotes and templates included, by its JSON pointer.
    pub(crate) scalars: BTreeMap<String, String>,
    /// The comments, in order.
    pub(crate) comments: Vec<Comment>,
}

/// Reads a text; `None` when it is no YAML or holds nothing.
pub(crate) fn outline(text: &str) -> Option<Outline> {
    let parsed = yaml::parse(text);
    let mut root = parsed.root?;
    let mut scalars = BTreeMap::new();
    root.for_each_scalar("", &mut |pointer, node| {
        let written = text.get(node.span.clone()).unwrap_or_default();
        scalars.insert(pointer.to_owned(), written.trim_end().to_owned());
    });
    Some(Outline { scalars, comments: parsed.comments })
}
