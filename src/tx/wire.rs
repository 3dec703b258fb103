//! How one field stands in the JSON text and in the hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::error::TxError;
use crate::signing::Goldilocks;

/// The value of a field.
pub(super) trait Wire: Sized {
    /// What an error says the field should be.
    const EXPECTED: &'static str;

    /// Appends the JSON text.
    fn write(&self, out: &mut String);

    /// Reads the JSON value.
    fn read(value: &Value) -> Option<Self>;

    /// Reads the JSON value of the field named `field`.
    fn read_field(value: &Value, field: &str) -> Result<Self, TxError> {
        Self::read(value).ok_or_else(|| TxError::Field { field: field.to_owned(), expected: Self::EXPECTED })
    }
}

/// A value that is hashed as one element.
pub(super) trait Word: Copy {
    /// Returns the value without loss.
    fn wide(self) -> i128;
}

macro_rules! integer {
    ($($int:ty = $expected:literal),* $(,)?) => {$(
        impl Wire for $int {
            const EXPECTED: &'static str = $expected;

            fn write(&self, out: &mut String) {
                out.push_str(&self.to_string());
            }

            fn read(value: &Value) -> Option<Self> {
                match value.as_u64() {
                    Some(unsigned) => Self::try_from(unsigned).ok(),
                    None => Self::try_from(value.as_i64()?).ok(),
                }
            }
        }

        impl Word for $int {
            fn wide(self) -> i128 {
                i128::from(self)
            }
        }
    )*};
}

integer! {
    u8 = "an integer from 0 to 255",
    u16 = "an integer from 0 to 65535",
    i16 = "an integer from -32768 to 32767",
    u32 = "an integer from 0 to 4294967295",
    i64 = "an integer of 64 bits",
    u64 = "an unsigned integer of 64 bits",
}

impl<const N: usize> Wire for Base64<N> {
    const EXPECTED: &'static str = const {
        match N {
            40 => "40 bytes in base64",
            80 => "80 bytes in base64",
            _ => "bytes in base64",
        }
    };

    fn write(&self, out: &mut String) {
        out.push('"');
        BASE64.encode_string(self.0, out);
        out.push('"');
    }

    fn read(value: &Value) -> Option<Self> {
        let bytes = BASE64.decode(value.as_str()?).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// Bytes that stand as standard base64 with padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base64<const N: usize>(pub(super) [u8; N]);

impl Wire for [u8; 32] {
    const EXPECTED: &'static str = "an array of 32 byte values";

    fn write(&self, out: &mut String) {
        out.push('[');
        for (i, byte) in self.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            byte.write(out);
        }
        out.push(']');
    }

    fn read(value: &Value) -> Option<Self> {
        let bytes: Option<Vec<u8>> = value.as_array()?.iter().map(u8::read).collect();
        bytes?.try_into().ok()
    }
}

/// The public key of a key change: 40 bytes, base64 in the text.
impl Wire for [u8; 40] {
    const EXPECTED: &'static str = Base64::<40>::EXPECTED;

    fn write(&self, out: &mut String) {
        Base64(*self).write(out);
    }

    fn read(value: &Value) -> Option<Self> {
        Base64::read(value).map(|Base64(bytes)| bytes)
    }
}

impl Wire for String {
    const EXPECTED: &'static str = "a text";

    fn write(&self, out: &mut String) {
        out.push_str(&Value::from(self.as_str()).to_string());
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

/// Writes one compact JSON object.
pub(super) struct ObjectWriter<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens the object.
    pub(super) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Writes a field; keys need no escapes.
    pub(super) fn field(&mut self, key: &str, value: &impl Wire) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        value.write(self.out);
    }

    /// Closes the object.
    pub(super) fn end(self) {
        self.out.push('}');
    }
}

/// The fields of one JSON object, read by key; keys that nobody asks for are ignored, as the venue does.
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    /// Where the object stands, as a prefix of its fields' names in errors.
    prefix: String,
}

impl<'a> Fields<'a> {
    /// Reads the outermost object.
    pub(super) const fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, prefix: String::new() }
    }

    /// Reads an object that is inside the field `prefix`.
    pub(super) fn nested(value: &'a Value, prefix: String) -> Result<Self, TxError> {
        match value {
            Value::Object(map) => Ok(Self { map, prefix: prefix + "." }),
            _ => Err(TxError::Field { field: prefix, expected: "an object" }),
        }
    }

    /// Returns the raw value of a field, if it is there.
    pub(super) fn raw(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    /// Returns the value of a field.
    pub(super) fn get<T: Wire>(&self, key: &str) -> Result<T, TxError> {
        let value = self.raw(key).ok_or_else(|| TxError::Missing(self.name(key)))?;
        T::read_field(value, &self.name(key))
    }

    /// Returns the full name of a field, for errors.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// Hashes a value as one element.
pub(super) fn word(value: &impl Word, out: &mut Vec<Goldilocks>) {
    out.push(element(value.wide()));
}

/// Hashes a value as two elements: its low 32 bits, then the rest.
pub(super) fn halves(value: &impl Word, out: &mut Vec<Goldilocks>) {
    out.push(element(value.wide() & 0xffff_ffff));
    out.push(element(value.wide() >> 32));
}

/// Leaves a value out of the hash.
pub(super) const fn unhashed<T>(_: &T, _: &mut Vec<Goldilocks>) {}

/// Hashes 40 bytes as five elements; [`Envelope::check`](super::Envelope::check) refuses words beyond the modulus.
pub(super) fn five_words(bytes: &[u8; 40], out: &mut Vec<Goldilocks>) {
    let (words, _) = bytes.as_chunks::<8>();
    out.extend(words.iter().map(|&word| Goldilocks::new(u64::from_le_bytes(word))));
}

/// Returns an integer of 64 bits, signed or not, modulo the field's modulus.
fn element(value: i128) -> Goldilocks {
    match i64::try_from(value) {
        Ok(signed) => Goldilocks::from_i64(signed),
        Err(_) => Goldilocks::new(u64::try_from(value).expect("no field is wider than 64 bits")),
    }
}
