//! The values of a configuration file that is read without being run.
//!
//! Invariant: a value is either what Python would compute, or unknown with a reason.

/// Longest string that is computed, in bytes.
const LONGEST: usize = 1 << 16;

/// A value of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::servers) enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    /// `None`.
    Nothing,
    /// A `pathlib.Path`.
    Path(String),
    /// A list or a tuple.
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    /// A module, or something in a module, by its full name.
    Name(String),
    /// A value that only running the program gives, with the reason.
    Unknown(String),
}

impl Value {
    /// Returns a text unless it is too long.
    pub(super) fn text(text: String) -> Self {
        if text.len() <= LONGEST {
            return Self::Text(text);
        }
        Self::Unknown("the text is too long".to_owned())
    }

    /// Returns the text of a string or a path.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Path(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether Python regards the value as true, if it is known.
    pub(in crate::servers) fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Flag(flag) => *flag,
            Self::Nothing => false,
            Self::Path(_) => true,
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Name(_) | Self::Unknown(_) => return None,
        })
    }

    /// Returns the text that `str()` makes of the value, if that is known.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Path(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
            Self::Nothing => Some("None".to_owned()),
            _ => None,
        }
    }

    /// Returns the reason for which the value is unknown.
    pub(in crate::servers) fn reason(&self) -> Option<String> {
        match self {
            Self::Unknown(why) => Some(why.clone()),
            Self::Name(name) => Some(format!("`{name}` is defined in a module that is not read")),
            Self::List(list) => list.iter().find_map(Self::reason),
            Self::Map(map) => map.iter().find_map(|(_, value)| value.reason()),
            _ => None,
        }
    }

    /// Returns whether Python can change the value in its place.
    pub(super) fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }

    /// Compares two values; `None` if the result is unknown.
    pub(super) fn equals(&self, other: &Self) -> Option<bool> {
        let is_known = |value: &Self| value.reason().is_none() && !matches!(value, Self::Path(_));
        let as_number = |value: &Self| match value {
            Self::Flag(flag) => Self::Number(i64::from(*flag)),
            value => value.clone(),
        };
        (is_known(self) && is_known(other)).then(|| as_number(self) == as_number(other))
    }
}
