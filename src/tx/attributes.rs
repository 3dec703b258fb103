//! Optional attributes of a transaction (`L2TxAttributes`).

use serde_json::Value;

use super::error::TxError;
use super::wire::{ObjectWriter, Wire};
use crate::signing::{Digest, Goldilocks, hash_elements};

/// How many attributes one transaction may carry.
pub(super) const MAX_ATTRIBUTES: usize = 4;

/// One attribute, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Attribute {
    /// Account that collects extra fees.
    IntegratorAccountIndex = 1,
    /// Its fee when the order takes, in millionths.
    IntegratorTakerFee = 2,
    /// Its fee when the order makes, in millionths.
    IntegratorMakerFee = 3,
    /// 1: the nonce may jump forward.
    SkipTxNonce = 4,
    /// The only market of an immediate cancel-all.
    CancelAllMarketIndex = 5,
    /// What happens when an order meets an own one.
    SelfTradeBehaviorMode = 6,
    /// Which orders count as own.
    SelfTradeEqualityMode = 7,
    /// Version of the order that a modify expects.
    OrderVersion = 8,
}

impl Attribute {
    /// All of them, ascending.
    pub const ALL: [Self; 8] = [
        Self::IntegratorAccountIndex,
        Self::IntegratorTakerFee,
        Self::IntegratorMakerFee,
        Self::SkipTxNonce,
        Self::CancelAllMarketIndex,
        Self::SelfTradeBehaviorMode,
        Self::SelfTradeEqualityMode,
        Self::OrderVersion,
    ];

    /// Returns the number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the value that means the same as leaving the attribute out.
    pub const fn nil(self) -> i64 {
        match self {
            Self::CancelAllMarketIndex => 255,
            _ => 0,
        }
    }

    const fn slot(self) -> usize {
        self as usize - 1
    }
}

/// What happens when an order meets an own one (attribute 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTradeMode {
    /// The resting order is cancelled (the venue's default).
    ExpireMaker = 0,
    /// The incoming order is cancelled.
    ExpireTaker = 1,
    /// Both are cancelled.
    CancelBoth = 2,
    /// Both get smaller by the smaller size.
    Reduce = 3,
}

/// Which orders count as own (attribute 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTradeScope {
    /// Those of the same account (the venue's default).
    Account = 0,
    /// Those of all accounts with the same master.
    Master = 1,
}

/// The attributes of one transaction. An attribute that was given its nil value is sent, but not hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    values: [Option<i64>; 8],
}

impl Attributes {
    /// Returns no attributes.
    pub const fn new() -> Self {
        Self { values: [None; 8] }
    }

    /// Returns these attributes and one more, whatever its value.
    #[must_use]
    pub const fn with(mut self, attribute: Attribute, value: i64) -> Self {
        self.values[attribute.slot()] = Some(value);
        self
    }

    /// Lets the nonce jump forward.
    #[must_use]
    pub const fn skip_nonce(self) -> Self {
        self.with(Attribute::SkipTxNonce, 1)
    }

    /// Sends extra fees, in millionths, to an integrator's account.
    #[must_use]
    pub const fn integrator(self, account_index: i64, taker_fee: u32, maker_fee: u32) -> Self {
        self.with_unless_nil(Attribute::IntegratorAccountIndex, account_index)
            .with_unless_nil(Attribute::IntegratorTakerFee, taker_fee as i64)
            .with_unless_nil(Attribute::IntegratorMakerFee, maker_fee as i64)
    }

    /// Limits an immediate cancel-all to one perps market.
    #[must_use]
    pub const fn cancel_market(self, market_index: u8) -> Self {
        self.with_unless_nil(Attribute::CancelAllMarketIndex, market_index as i64)
    }

    /// Sets what happens when the order meets an own one, and which ones are own.
    #[must_use]
    pub const fn self_trade(self, mode: SelfTradeMode, scope: SelfTradeScope) -> Self {
        self.with_unless_nil(Attribute::SelfTradeBehaviorMode, mode as i64)
            .with_unless_nil(Attribute::SelfTradeEqualityMode, scope as i64)
    }

    /// Sets the version of the order that a modify expects.
    #[must_use]
    pub const fn order_version(self, version: i64) -> Self {
        self.with_unless_nil(Attribute::OrderVersion, version)
    }

    const fn with_unless_nil(self, attribute: Attribute, value: i64) -> Self {
        if value == attribute.nil() { self } else { self.with(attribute, value) }
    }

    /// Returns the value of an attribute; the nil value when it was not given.
    pub fn get(&self, attribute: Attribute) -> i64 {
        self.values[attribute.slot()].unwrap_or(attribute.nil())
    }

    /// Returns whether an attribute has a value other than nil.
    pub fn has(&self, attribute: Attribute) -> bool {
        self.get(attribute) != attribute.nil()
    }

    /// Returns how many attributes were given, nil values included.
    pub fn len(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// Returns whether none was given.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what is signed of a transaction with these attributes.
    pub(super) fn bind(&self, transaction: Digest) -> Digest {
        let effective = || Attribute::ALL.into_iter().filter(|&attribute| self.has(attribute));
        if effective().next().is_none() {
            return transaction;
        }
        let mut pairs: Vec<_> = effective()
            .flat_map(|attribute| {
                [Goldilocks::new(u64::from(attribute.number())), Goldilocks::from_i64(self.get(attribute))]
            })
            .collect();
        // Padded to four pairs; more than four are refused by the static checks.
        pairs.resize(pairs.len().max(2 * MAX_ATTRIBUTES), Goldilocks::ZERO);
        let both: Vec<_> =
            transaction.elements().iter().chain(hash_elements(&pairs).elements()).copied().collect();
        hash_elements(&both)
    }

    /// Reads `L2TxAttributes`: `null`, an empty object or an object of numbered integers.
    pub(super) fn parse(value: Option<&Value>) -> Result<Self, TxError> {
        match value {
            None | Some(Value::Null) => Ok(Self::new()),
            Some(value) => Self::read_field(value, "L2TxAttributes"),
        }
    }
}

impl Wire for Attributes {
    const EXPECTED: &'static str = "null or an object of attribute numbers 1 to 8";

    fn write(&self, out: &mut String) {
        if self.is_empty() {
            out.push_str("null");
            return;
        }
        let mut object = ObjectWriter::new(out);
        for (attribute, value) in Attribute::ALL.iter().zip(&self.values) {
            if let Some(value) = value {
                object.field(&attribute.number().to_string(), value);
            }
        }
        object.end();
    }

    fn read(value: &Value) -> Option<Self> {
        Self::read_field(value, "").ok()
    }

    fn read_field(value: &Value, field: &str) -> Result<Self, TxError> {
        let wrong = || TxError::Field { field: field.to_owned(), expected: Self::EXPECTED };
        let mut attributes = Self::new();
        for (key, value) in value.as_object().ok_or_else(wrong)? {
            let number: u8 = key.parse().map_err(|_| wrong())?;
            let attribute = Attribute::ALL.into_iter().find(|known| known.number() == number);
            let value = i64::read_field(value, &format!("{field}.{key}"))?;
            attributes = attributes.with(attribute.ok_or_else(wrong)?, value);
        }
        Ok(attributes)
    }
}
