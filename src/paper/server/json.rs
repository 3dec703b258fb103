//! JSON text built field by field, so that a number keeps the digits it was computed with.

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

/// A finished piece of JSON text.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Json(Box<RawValue>);

impl Json {
    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }

    /// Renders any value.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self(serde_json::value::to_raw_value(value).expect("plain data has a JSON form"))
    }

    /// Returns a decimal as a JSON *number* with exactly its digits, as statistics have it.
    pub(crate) fn number(value: Decimal) -> Self {
        let text = value.normalize().to_string();
        Self(RawValue::from_string(text).expect("a decimal prints as a JSON number"))
    }

    /// Returns `null`.
    pub(crate) fn null() -> Self {
        Self::of(&())
    }
}

/// An object under construction; fields stay in the order in which they are put.
pub(crate) struct Object {
    text: String,
}

impl Object {
    /// Starts an object without fields.
    pub(crate) fn new() -> Self {
        Self { text: String::from("{") }
    }

    /// Adds a field.
    #[must_use]
    pub(crate) fn put<T: Serialize + ?Sized>(mut self, key: &str, value: &T) -> Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
        self.text.push_str(Json::of(value).text());
        self
    }

    /// Adds a field that the venue leaves out when it has nothing to say.
    #[must_use]
    pub(crate) fn maybe<T: Serialize>(self, key: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.put(key, &value),
            None => self,
        }
    }

    /// Finishes the object.
    pub(crate) fn json(mut self) -> Json {
        self.text.push('}');
        Json(RawValue::from_string(self.text).expect("fields of JSON make a JSON object"))
    }
}

/// Starts an [`Object`] with the given fields.
macro_rules! fields {
    ($($key:literal: $value:expr),* $(,)?) => {
        $crate::paper::server::json::Object::new()$(.put($key, &$value))*
    };
}

/// Builds a [`Json`] object of the given fields.
macro_rules! object {
    ($($tokens:tt)*) => {
        $crate::paper::server::json::fields!($($tokens)*).json()
    };
}

pub(crate) use {fields, object};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_fields_their_order() {
        let inner = object! { "b": "x\"y", "a": Json::number(Decimal::new(8_047_070, 2)) };
        let outer = fields! { "n": 1, "inner": [inner] }.maybe("gone", None::<i64>).maybe("there", Some(2));
        assert_eq!(outer.json().text(), r#"{"n":1,"inner":[{"b":"x\"y","a":80470.7}],"there":2}"#);
        assert_eq!(object! {}.text(), "{}");
    }
}
