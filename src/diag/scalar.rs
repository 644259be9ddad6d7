//! Values of TOML that stand alone.
//!
//! Invariant: a number is returned as it is written, without `_`.

use std::ops::RangeInclusive;

use toml::de::DeValue;

/// Returns the text of a string, number or boolean.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(integer) => Some(integer.as_str().replace('_', "")),
        DeValue::Float(float) => Some(float.as_str().replace('_', "")),
        DeValue::Boolean(boolean) => Some(boolean.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Returns a whole number within bounds.
pub(super) fn whole(value: &DeValue<'_>, bounds: &RangeInclusive<u64>) -> Option<u64> {
    let integer = value.as_integer()?;
    let digits = integer.as_str().replace('_', "");
    let number = u64::from_str_radix(&digits, integer.radix()).ok()?;
    bounds.contains(&number).then_some(number)
}
