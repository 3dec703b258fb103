//! Decimal and duration text to exact values.

use std::time::Duration;

use rust_decimal::Decimal;

use super::yaml::is_json_number;
use crate::model::Usdc;

/// A `Decimal` holds every value of 28 digits; the 29th is not always exact.
const MAX_DIGITS: usize = 28;

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NumberError {
    #[error("is no number")]
    NotANumber,
    #[error("has {0} digits, and at most 28 are exact")]
    TooManyDigits(usize),
    #[error("is beyond what any amount can be")]
    TooLarge,
    #[error("is zero with a sign")]
    NegativeZero,
}

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    #[error("has no unit")]
    NoUnit,
    #[error("is no duration")]
    NotADuration,
    #[error("is longer than a year")]
    TooLong,
}

/// Reads a number of the JSON grammar, exactly.
pub(crate) fn decimal(text: &str) -> Result<Decimal, NumberError> {
    if !is_json_number(text) {
        return Err(NumberError::NotANumber);
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').len();
    if significant > MAX_DIGITS {
        return Err(NumberError::TooManyDigits(significant));
    }
    if significant == 0 && text.starts_with('-') {
        return Err(NumberError::NegativeZero);
    }
    let value = match text.find(['e', 'E']) {
        None => Decimal::from_str_exact(text).map_err(|_| NumberError::TooManyDigits(digits.len()))?,
        Some(at) => with_exponent(&text[..at], &text[at + 1..])?,
    };
    Ok(value)
}

/// `Decimal` rounds silently where an exponent takes it below its 28 places, so the scale is checked first.
fn with_exponent(mantissa: &str, exponent: &str) -> Result<Decimal, NumberError> {
    let exponent: i32 = exponent.parse().map_err(|_| NumberError::TooLarge)?;
    let base = Decimal::from_str_exact(mantissa).map_err(|_| NumberError::TooLarge)?.normalize();
    if base.is_zero() {
        return Ok(Decimal::ZERO);
    }
    let scale = i64::from(base.scale()) - i64::from(exponent);
    match u32::try_from(scale) {
        Ok(scale) if scale <= 28 => {
            Decimal::try_from_i128_with_scale(base.mantissa(), scale).map_err(|_| NumberError::TooLarge)
        }
        Ok(_) => Err(NumberError::TooLarge),
        Err(_) => {
            let up = u32::try_from(-scale).map_err(|_| NumberError::TooLarge)?;
            let factor = 10_i128.checked_pow(up).ok_or(NumberError::TooLarge)?;
            let whole = base.mantissa().checked_mul(factor).ok_or(NumberError::TooLarge)?;
            Decimal::try_from_i128_with_scale(whole, 0).map_err(|_| NumberError::TooLarge)
        }
    }
}

/// Reads `250ms`, `30s`, `20m`, `24h`, `7d` or a sum of them, largest first or not: `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::NotADuration);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError::NoUnit);
    }
    let mut rest = text;
    let mut total_ms = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::NoUnit)?;
        let count: u64 = rest[..digits].parse().map_err(|_| DurationError::NotADuration)?;
        let tail = &rest[digits..];
        let unit = &tail[..tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len())];
        let ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(DurationError::NotADuration),
        };
        let part = count.checked_mul(ms).ok_or(DurationError::TooLong)?;
        total_ms = total_ms.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = &tail[unit.len()..];
    }
    if total_ms > 366 * 86_400_000 {
        Err(DurationError::TooLong)
    } else {
        Ok(Duration::from_millis(total_ms))
    }
}

/// Writes a duration as plans do.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut rest = ms;
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

/// Writes an amount without the zeros that nobody wrote: `500` rather than `500.000000`.
pub fn format_usdc(amount: Usdc) -> String {
    amount.to_decimal().normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_refused() {
        let read = |text: &str| decimal(text).map(|value| value.to_string());
        assert_eq!(read("100.950").unwrap(), "100.950");
        assert_eq!(read("0.1234567890123456789012345678").unwrap(), "0.1234567890123456789012345678");
        assert_eq!(read("1e3").unwrap(), "1000");
        assert_eq!(read("25e-1").unwrap(), "2.5");
        assert_eq!(read("0e999").unwrap(), "0");
        assert_eq!(read("1e400"), Err(NumberError::TooLarge));
        assert_eq!(read("1e-40"), Err(NumberError::TooLarge));
        assert_eq!(read("1e99999999999"), Err(NumberError::TooLarge));
        assert_eq!(read("123456789012345678901234567890"), Err(NumberError::TooManyDigits(30)));
        assert_eq!(read("NaN"), Err(NumberError::NotANumber));
        assert_eq!(read("-0"), Err(NumberError::NegativeZero));
        assert!(decimal("0.00000000000000000000000000001").is_err());
    }

    #[test]
    fn durations_read_what_they_print() {
        for text in ["250ms", "30s", "20m", "1d", "1h30m", "1m500ms"] {
            assert_eq!(format_duration(duration(text).unwrap()), text);
        }
        assert_eq!(duration("24h"), duration("1d"));
        assert_eq!(duration("30"), Err(DurationError::NoUnit));
        assert_eq!(duration("30 s"), Err(DurationError::NotADuration));
        assert_eq!(duration("-5s"), Err(DurationError::NotADuration));
        assert_eq!(duration("5w"), Err(DurationError::NotADuration));
        assert_eq!(duration("999999999999999999h"), Err(DurationError::TooLong));
        assert_eq!(duration("400d"), Err(DurationError::TooLong));
    }
}
