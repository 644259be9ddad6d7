//! The names of labels.
//!
//! Invariant: there is a variant only for what may be shown; text that a client sent, and whatever
//! tells who it was, has none.

use crate::model::Field;

/// What metrics may be labelled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The charset of the response's `Content-Type`, of a fixed list.
    Charset,
    /// The host that was asked, of the list in the configuration.
    Host,
    /// The request's method, of a fixed list.
    Method,
    /// The route: a view of the URLconf, or a folded path.
    Route,
    /// `http` or `https`.
    Scheme,
    /// The name of the source.
    Source,
    /// 100 to 599.
    Status,
    /// The scheme, as django-prometheus calls it.
    Transport,
    /// Whether a server behind this one was asked: `yes` or `no`.
    Upstream,
    /// The route, as django-prometheus calls it.
    View,
}

impl Label {
    /// Every label, sorted by name.
    pub const ALL: [Self; 10] = [
        Self::Charset,
        Self::Host,
        Self::Method,
        Self::Route,
        Self::Scheme,
        Self::Source,
        Self::Status,
        Self::Transport,
        Self::Upstream,
        Self::View,
    ];

    /// As sets and configuration write it, and as it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charset => "charset",
            Self::Host => "host",
            Self::Method => "method",
            Self::Route => "route",
            Self::Scheme => "scheme",
            Self::Source => "source",
            Self::Status => "status",
            Self::Transport => "transport",
            Self::Upstream => "upstream",
            Self::View => "view",
        }
    }

    /// The label of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }

    /// The field that tells its value.
    pub const fn field(self) -> Option<Field> {
        match self {
            Self::Source => None,
            Self::Charset => Some(Field::ContentType),
            Self::Host => Some(Field::Host),
            Self::Method => Some(Field::Method),
            Self::Route | Self::View => Some(Field::Target),
            Self::Scheme | Self::Transport => Some(Field::Scheme),
            Self::Status => Some(Field::Status),
            Self::Upstream => Some(Field::UpstreamDurations),
        }
    }

    /// Why this field is no label.
    pub const fn refusal(field: Field) -> &'static str {
        match field {
            Field::RemoteAddr | Field::User | Field::Referer | Field::UserAgent => {
                "it identifies the client, and such text never leaves the log"
            }
            Field::Target | Field::RequestId | Field::TraceId => {
                "it differs for each request, which would make a series of each; `route` is the path with ids and other data folded"
            }
            Field::Protocol | Field::Time | Field::ContentType => {
                "clients choose its text, so its values are unbounded"
            }
            _ => "it is a number to sum or observe: use it as `value`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_found_by_name() {
        assert!(Label::ALL.is_sorted_by(|a, b| a.name() < b.name()));
        for label in Label::ALL {
            assert_eq!(Label::from_name(label.name()), Some(label));
        }
    }

    #[test]
    fn nothing_personal_has_a_label() {
        for field in [
            Field::RemoteAddr,
            Field::User,
            Field::Referer,
            Field::UserAgent,
            Field::RequestId,
            Field::TraceId,
        ] {
            assert_eq!(Label::from_name(field.name()), None);
            assert!(Label::ALL.iter().all(|label| label.field() != Some(field)));
        }
    }
}
