//! What a rule is, what it sees and how it reports.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::across::{AcrossReport, Footprint};
use crate::model::{Market, Price, Size, find_market};
use crate::plan::{Document, Finding, PairPlan, Plan, RuleId, Severity, Site, orders_at};

/// A part of a plan that shows a rule.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// Keys that replace those of a sound plan, merged key by key.
    Fragment(&'static str),
    /// Text that replaces top-level keys of a sound plan, or comes on top of them.
    Text(&'static str),
    /// A whole file.
    Whole(&'static str),
    /// Keys that replace those of a sound plan, for each of two files.
    Files(&'static str, &'static str),
    /// Words, where a file would be too long to show.
    Described(&'static str),
}

impl Example {
    /// Returns what `explain` shows; characters that no text file has are shown by their pictures.
    pub fn text(&self) -> String {
        let text = match self {
            Self::Fragment(text) | Self::Text(text) | Self::Whole(text) | Self::Described(text) => text,
            Self::Files(one, other) => return format!("# one.yaml\n{one}\n# other.yaml\n{other}\n"),
        };
        let picture = |character: char| match u32::from(character) {
            code @ 0..0x20 if !character.is_whitespace() => {
                char::from_u32(0x2400 + code).unwrap_or(character)
            }
            _ => character,
        };
        text.chars().map(picture).collect()
    }
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Code and slug.
    pub id: RuleId,
    /// How bad its findings are, unless one says otherwise.
    pub severity: Severity,
    /// The version of the program that had it first.
    pub since: &'static str,
    /// What may silence it.
    pub silence: Silence,
    /// One line: what is wrong.
    pub summary: &'static str,
    /// Why that is wrong.
    pub reason: &'static str,
    /// What it finds.
    pub bad: Example,
    /// What to write instead.
    pub good: Example,
    /// Who finds it.
    pub(crate) check: Check,
}

/// What may silence a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// An ignore comment in the plan, the command line, or a policy file.
    Comment,
    /// A policy file only: who writes the plan does not lift the desk's limits.
    Policy,
    /// Nothing: what it finds cannot run.
    Never,
}

/// Who finds what a rule is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// Loading the plan, or reading its comments.
    Loading,
    /// A look at one plan.
    Plan(fn(&Input<'_>, &mut Report)),
    /// A look at the plans of several files, each with the index of its file.
    Files(fn(&[(usize, &Footprint)], &mut AcrossReport)),
}

/// What a rule sees.
pub(crate) struct Input<'a> {
    /// The plan; where loading found something wrong, it holds placeholders.
    pub(crate) plan: &'a Plan,
    /// The places of its values.
    pub(crate) document: &'a Document,
    /// The market rules to check against.
    pub(crate) markets: &'a [Market],
    /// What many rules ask of every pair, once it was asked for.
    pairs: OnceCell<Vec<Known<'a>>>,
}

/// What many rules ask of a pair.
struct Known<'a> {
    market: Option<&'a Market>,
    orders: Option<(Price, Price, Size)>,
}

impl<'a> Input<'a> {
    pub(crate) fn new(plan: &'a Plan, document: &'a Document, markets: &'a [Market]) -> Self {
        Self { plan, document, markets, pairs: OnceCell::new() }
    }

    fn known(&self, pair: usize) -> Option<&Known<'a>> {
        let know = |(index, pair): (usize, &PairPlan)| {
            let market = find_market(self.markets, &pair.market);
            Known { market, orders: market.and_then(|market| self.orders_in(index, pair, market)) }
        };
        self.pairs.get_or_init(|| self.pairs().map(know).collect()).get(pair)
    }

    /// Returns the pairs with their index in the file.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, &PairPlan)> {
        self.plan.pairs.iter().enumerate()
    }

    /// Returns the places of the pairs of each market, by its symbol.
    pub(crate) fn by_market(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut markets: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, pair) in self.pairs() {
            markets.entry(&pair.market).or_default().push(index);
        }
        markets
    }

    /// Returns where a value of a pair comes from.
    pub(crate) fn site(&self, pair: usize, path: &str) -> Site {
        self.document.site(Some(pair), path)
    }

    /// Returns where the size of a pair comes from.
    pub(crate) fn size_site(&self, pair: usize) -> Site {
        let (base, notional) = (self.site(pair, "size"), self.site(pair, "notional_usdc"));
        if notional.written && (!base.written || notional.pointer.len() > base.pointer.len()) {
            notional
        } else {
            base
        }
    }

    /// Returns the market of a pair.
    pub(crate) fn market(&self, pair: usize) -> Option<&'a Market> {
        self.known(pair)?.market
    }

    /// Returns (buy, sell, size) of a pair, pegs taken at the listed mark; `None` when something about them is wrong.
    pub(crate) fn orders(&self, pair: usize) -> Option<(Price, Price, Size)> {
        self.known(pair)?.orders
    }

    fn orders_in(&self, index: usize, pair: &PairPlan, market: &Market) -> Option<(Price, Price, Size)> {
        let sound = |path: &str| !self.document.is_broken(&self.site(index, path).pointer);
        let known = sound("prices/buy")
            && sound("prices/sell")
            && sound("market")
            && !self.document.is_broken(&self.size_site(index).pointer);
        known.then(|| orders_at(pair, market, market.mark_price).ok()).flatten()
    }
}

/// Findings of the rules.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    /// Adds a finding at a place; more can be said through the reference.
    pub(crate) fn add(&mut self, rule: &Rule, site: Site, message: String) -> &mut Finding {
        let mut finding = Finding::error(rule.id, message).at(&site.pointer, site.span);
        finding.severity = rule.severity;
        self.findings.push(finding);
        self.findings.last_mut().expect("a finding was just pushed")
    }
}
