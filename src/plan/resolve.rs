//! Reads typed values out of a plan's tree: overrides, defaults and ranges in one place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::codes;
use super::document::{Document, Site};
use super::finding::{Finding, RuleId};
use super::number::{self, DurationError, NumberError};
use super::schema::{Field, field_at};
use super::shape::readable;
use crate::model::Usdc;

/// Reads values and collects what is wrong with them.
pub(crate) struct Resolver<'a> {
    document: Document,
    directory: &'a Path,
    findings: Vec<Finding>,
    #[cfg(test)]
    pub(crate) reads: std::collections::BTreeSet<String>,
}

/// A value as it stands, with its place.
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) site: Site,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(document: Document, directory: &'a Path) -> Self {
        Self {
            document,
            directory,
            findings: Vec::new(),
            #[cfg(test)]
            reads: std::collections::BTreeSet::new(),
        }
    }

    pub(crate) fn finish(self) -> (Document, Vec<Finding>) {
        (self.document, self.findings)
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// Reports a finding; what depends on its place is not reported any more.
    pub(crate) fn report(&mut self, finding: Finding) {
        self.document.broken.insert(finding.pointer.clone());
        self.findings.push(finding);
    }

    /// Reports a finding at a place.
    pub(crate) fn refuse(&mut self, rule: RuleId, site: &Site, message: String, help: impl Into<String>) {
        self.report(Finding::error(rule, message).at(&site.pointer, site.span.clone()).help(help));
    }

    /// Says that nothing more is to be reported about a place.
    pub(crate) fn mark_broken(&mut self, pointer: &str) {
        self.document.broken.insert(pointer.to_owned());
    }

    /// Returns whether `path` was found wrong already, in the pair or at the top level.
    pub(crate) fn is_broken(&self, pair: Option<usize>, path: &str) -> bool {
        let own = pair.map(|index| format!("/pairs/{index}/{path}"));
        own.is_some_and(|own| self.document.is_broken(&own)) || self.document.is_broken(&format!("/{path}"))
    }

    /// Returns whether `path` has a value in the file, in the pair or at the top level.
    pub(crate) fn is_written(&self, pair: Option<usize>, path: &str) -> bool {
        self.document.site(pair, path).written
    }

    /// Returns the text of a scalar: the pair's own, else the plan's, else the default. `None` when there is none of
    /// them, or when it was found wrong already.
    pub(crate) fn value(&mut self, pair: Option<usize>, path: &str) -> Option<Value> {
        #[cfg(test)]
        self.reads.insert(path.to_owned());
        let (site, node) = self.document.find(pair, path);
        if self.document.is_broken(&site.pointer) {
            return None;
        }
        match node {
            Some(node) => {
                let text = node.scalar()?.to_owned();
                Some(Value { text, site })
            }
            None => {
                let text = field_at(&site.pointer)?.default.clone()?;
                Some(Value { text, site })
            }
        }
    }

    /// Reads text.
    pub(crate) fn text(&mut self, pair: Option<usize>, path: &str) -> Option<String> {
        self.value(pair, path).map(|value| value.text)
    }

    /// Reads a number, exactly and within its range.
    pub(crate) fn number(&mut self, pair: Option<usize>, path: &str) -> Option<Decimal> {
        let value = self.value(pair, path)?;
        let number = self.decimal(&value)?;
        if let Some(range) = field_at(&value.site.pointer).and_then(|field| outside(number, field)) {
            let name = readable(&value.site.pointer);
            self.refuse(
                codes::OUT_OF_RANGE,
                &value.site,
                format!("`{name}` is {range}, and this is {number}"),
                "change it",
            );
            return None;
        }
        Some(number)
    }

    /// Reads a number of whatever size.
    pub(crate) fn decimal(&mut self, value: &Value) -> Option<Decimal> {
        match number::decimal(&value.text) {
            Ok(number) => Some(number),
            Err(error) => {
                let name = readable(&value.site.pointer);
                let help = match error {
                    NumberError::NotANumber => {
                        "write digits with a point, such as 100.95: no units, no commas, no `_`"
                    }
                    NumberError::TooManyDigits(_) => {
                        "write at most 28 digits; the venue's prices and sizes have far fewer"
                    }
                    NumberError::TooLarge => "write it without an exponent, and check the value",
                    NumberError::NegativeZero => "write 0",
                };
                let shown: String = value.text.chars().take(40).collect();
                self.refuse(codes::BAD_NUMBER, &value.site, format!("`{name}`: `{shown}` {error}"), help);
                None
            }
        }
    }

    /// Reads a whole number that fits `T`; the schema's range makes it fit.
    pub(crate) fn integer<T: TryFrom<i128>>(&mut self, pair: Option<usize>, path: &str) -> Option<T> {
        let number = self.number(pair, path)?;
        let whole = number.fract().is_zero().then(|| number.to_i128()).flatten();
        let fits = whole.and_then(|whole| T::try_from(whole).ok());
        if fits.is_none() {
            let site = self.document.site(pair, path);
            let name = readable(&site.pointer);
            self.refuse(
                codes::OUT_OF_RANGE,
                &site,
                format!("`{name}` is a whole number, and this is {number}"),
                "round it",
            );
        }
        fits
    }

    /// Reads an amount of USDC, to the millionth.
    pub(crate) fn usdc(&mut self, pair: Option<usize>, path: &str) -> Option<Usdc> {
        let number = self.number(pair, path)?;
        let amount = Usdc::exact(number).ok();
        if amount.is_none() {
            let site = self.document.site(pair, path);
            let name = readable(&site.pointer);
            let message = format!("`{name}`: {number} is no amount of USDC");
            self.refuse(
                codes::OUT_OF_RANGE,
                &site,
                message,
                "USDC has six decimal places and at most 9 trillion units here",
            );
        }
        amount
    }

    /// Reads a duration.
    pub(crate) fn duration(&mut self, pair: Option<usize>, path: &str) -> Option<Duration> {
        let value = self.value(pair, path)?;
        match number::duration(&value.text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let help = match error {
                    DurationError::NoUnit => format!("write the unit: `{}s`", value.text),
                    DurationError::NotADuration => {
                        "write a number and a unit: 250ms, 30s, 20m, 24h, 7d".to_owned()
                    }
                    DurationError::TooLong => "a year is the longest".to_owned(),
                };
                let name = readable(&value.site.pointer);
                let shown: String = value.text.chars().take(40).collect();
                self.refuse(codes::BAD_DURATION, &value.site, format!("`{name}`: `{shown}` {error}"), help);
                None
            }
        }
    }

    /// Reads one of the values that the schema lists.
    pub(crate) fn choice<T: for<'de> Deserialize<'de>>(
        &mut self,
        pair: Option<usize>,
        path: &str,
    ) -> Option<T> {
        let value = self.value(pair, path)?;
        let deserializer: StrDeserializer<'_, ValueError> = value.text.as_str().into_deserializer();
        T::deserialize(deserializer).ok()
    }

    /// Reads a name that `T` checks.
    pub(crate) fn name<T: std::str::FromStr>(&mut self, pair: Option<usize>, path: &str) -> Option<T> {
        let value = self.value(pair, path)?;
        let name = value.text.parse().ok();
        if name.is_none() {
            let message = format!("`{}`: `{}` is no name", readable(&value.site.pointer), value.text);
            self.refuse(
                codes::BAD_NAME,
                &value.site,
                message,
                "use 1 to 64 letters, digits, `-`, `_` or `.`",
            );
        }
        name
    }

    /// Returns a path of the plan, relative to the plan's own directory, as an absolute one: a run may be resumed from
    /// anywhere.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        let joined = self.directory.join(text);
        std::path::absolute(&joined).unwrap_or(joined)
    }
}

/// Says what the range is, when `number` is outside it.
fn outside(number: Decimal, field: &Field) -> Option<String> {
    let below = field.minimum.is_some_and(|minimum| number < minimum);
    let above = field.maximum.is_some_and(|maximum| number > maximum);
    let not_above = field.exclusive_minimum.is_some_and(|minimum| number <= minimum);
    if !(below || above || not_above) {
        return None;
    }
    Some(match (field.minimum, field.maximum, field.exclusive_minimum) {
        (_, _, Some(minimum)) => format!("more than {minimum}"),
        (Some(minimum), Some(maximum), None) => format!("from {minimum} to {maximum}"),
        (Some(minimum), None, None) => format!("at least {minimum}"),
        (None, Some(maximum), None) => format!("at most {maximum}"),
        (None, None, None) => return None,
    })
}
