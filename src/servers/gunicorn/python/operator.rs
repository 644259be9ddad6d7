//! Operators of Python.
//!
//! Invariant: the result for values that are not known, or not of these types, is unknown.

use super::call;
use super::value::Value;

/// Applies a binary operator.
pub(super) fn binary(left: &Value, sign: &str, right: &Value) -> Value {
    let number = |number: Option<i64>| number.map(Value::Number);
    let result = match (left, sign, right) {
        (Value::Text(left), "+", Value::Text(right)) => Some(Value::text(format!("{left}{right}"))),
        (Value::Number(left), "+", Value::Number(right)) => number(left.checked_add(*right)),
        (Value::Number(left), "-", Value::Number(right)) => number(left.checked_sub(*right)),
        (Value::Number(left), "*", Value::Number(right)) => number(left.checked_mul(*right)),
        (Value::Number(left), "//", Value::Number(right)) if *right > 0 => {
            number(left.checked_div_euclid(*right))
        }
        (Value::Number(left), "%", Value::Number(right)) if *right > 0 => {
            number(left.checked_rem_euclid(*right))
        }
        (Value::List(left), "+", Value::List(right)) if left.len() + right.len() < 256 => {
            Some(Value::List(left.iter().chain(right).cloned().collect()))
        }
        (Value::Text(format), "%", value) => call::percent(format, value).map(Value::text),
        (Value::Path(left), "/", Value::Text(right) | Value::Path(right)) => {
            Some(call::path(left, right))
        }
        (Value::Text(left), "/", Value::Path(right)) => Some(call::path(left, right)),
        _ => None,
    };
    result.unwrap_or_else(|| {
        let reason = left.reason().or_else(|| right.reason());
        Value::Unknown(
            reason.unwrap_or_else(|| format!("`{sign}` is not computed for such values")),
        )
    })
}

/// Compares two values; `None` if the result is not known.
pub(super) fn compare(left: &Value, sign: &str, right: &Value) -> Option<bool> {
    match (sign, left, right) {
        ("==" | "!=" | "is", ..) => left.equals(right),
        ("in" | "not", Value::Text(part), Value::Text(text)) => Some(text.contains(part)),
        ("in" | "not", value, Value::List(list)) if right.reason().is_none() => {
            let equals: Option<Vec<bool>> = list.iter().map(|one| one.equals(value)).collect();
            equals.map(|equals| equals.contains(&true))
        }
        ("in" | "not", Value::Text(key), Value::Map(map)) => {
            Some(map.iter().any(|(found, _)| found == key))
        }
        ("<", Value::Number(left), Value::Number(right)) => Some(left < right),
        (">", Value::Number(left), Value::Number(right)) => Some(left > right),
        ("<=", Value::Number(left), Value::Number(right)) => Some(left <= right),
        (">=", Value::Number(left), Value::Number(right)) => Some(left >= right),
        _ => None,
    }
}
