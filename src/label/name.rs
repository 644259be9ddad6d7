//! The names of labels.
//!
//! Invariant: only values that may be exported have a variant; text that clients choose and data that
//! identifies them have none, but for the values that the configuration gives them.

use std::sync::Arc;

use super::own::{Origin, OwnLabel};
use super::{OTHER, OTHER_METHOD};
use crate::model::Field;

/// A label of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// The charset of the response's `Content-Type`, from a fixed list.
    Charset,
    /// The status code of a response by which the server failed (5xx), under its name in OpenTelemetry.
    ErrorType,
    /// The requested host, from the list in the configuration.
    Host,
    /// The method under its name in OpenTelemetry.
    HttpRequestMethod,
    /// The status code under its name in OpenTelemetry.
    HttpResponseStatusCode,
    /// The pattern of the URLconf that the path resolves to, under its name in OpenTelemetry.
    HttpRoute,
    /// The request's method, from a fixed list.
    Method,
    /// The version of HTTP under its name in OpenTelemetry, from a fixed list.
    NetworkProtocolVersion,
    /// The route: a view of the URLconf, or a folded path.
    Route,
    /// `http` or `https`.
    Scheme,
    /// The name of the source.
    Source,
    /// The status code, 100 to 599.
    Status,
    /// The scheme under its name in django-prometheus.
    Transport,
    /// `yes` if the request was passed to an upstream, else `no`.
    Upstream,
    /// The scheme under its name in OpenTelemetry.
    UrlScheme,
    /// The route under its name in django-prometheus.
    View,
    /// A label that the configuration defines.
    Own(Arc<OwnLabel>),
}

impl Label {
    /// Every label that needs no definition, sorted by name.
    pub const ALL: [Self; 16] = [
        Self::Charset,
        Self::ErrorType,
        Self::Host,
        Self::HttpRequestMethod,
        Self::HttpResponseStatusCode,
        Self::HttpRoute,
        Self::Method,
        Self::NetworkProtocolVersion,
        Self::Route,
        Self::Scheme,
        Self::Source,
        Self::Status,
        Self::Transport,
        Self::Upstream,
        Self::UrlScheme,
        Self::View,
    ];

    /// Returns the label's name in metric sets, in configuration and on the page.
    pub fn name(&self) -> &str {
        match self {
            Self::Charset => "charset",
            Self::ErrorType => "error_type",
            Self::Host => "host",
            Self::HttpRequestMethod => "http_request_method",
            Self::HttpResponseStatusCode => "http_response_status_code",
            Self::HttpRoute => "http_route",
            Self::Method => "method",
            Self::NetworkProtocolVersion => "network_protocol_version",
            Self::Route => "route",
            Self::Scheme => "scheme",
            Self::Source => "source",
            Self::Status => "status",
            Self::Transport => "transport",
            Self::Upstream => "upstream",
            Self::UrlScheme => "url_scheme",
            Self::View => "view",
            Self::Own(own) => &own.name,
        }
    }

    /// Returns the label of a name, if it needs no definition.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }

    /// Returns the field that the label's value is made from; `None` for one that is the same for all lines, and for a
    /// variable that fills no field of a record.
    pub fn field(&self) -> Option<Field> {
        match self {
            Self::Source => None,
            Self::Charset => Some(Field::ContentType),
            Self::Host => Some(Field::Host),
            Self::Method | Self::HttpRequestMethod => Some(Field::Method),
            Self::NetworkProtocolVersion => Some(Field::Protocol),
            Self::Route | Self::View | Self::HttpRoute => Some(Field::Target),
            Self::Scheme | Self::Transport | Self::UrlScheme => Some(Field::Scheme),
            Self::Status | Self::HttpResponseStatusCode | Self::ErrorType => Some(Field::Status),
            Self::Upstream => Some(Field::UpstreamDurations),
            Self::Own(own) => match &own.origin {
                Origin::Read { field, .. } => Field::from_name(field),
                Origin::Constant(_) => None,
            },
        }
    }

    /// Returns the text for a value that is absent or not in its list, unless a metric has another one. An attribute that
    /// OpenTelemetry does not set is an empty value, as of a label that does not exist in Prometheus.
    pub const fn other(&self) -> &'static str {
        match self {
            Self::HttpRequestMethod => OTHER_METHOD,
            Self::ErrorType
            | Self::HttpResponseStatusCode
            | Self::HttpRoute
            | Self::NetworkProtocolVersion
            | Self::UrlScheme => "",
            _ => OTHER,
        }
    }

    /// Returns the labels whose value determines that of this label, each by itself.
    pub const fn determining(&self) -> &'static [Self] {
        match self {
            Self::ErrorType => &[Self::HttpResponseStatusCode, Self::Status],
            Self::HttpRequestMethod => &[Self::Method],
            Self::HttpResponseStatusCode => &[Self::Status],
            Self::UrlScheme => &[Self::Scheme, Self::Transport],
            _ => &[],
        }
    }

    /// Describes the label for a comparison: its name, and if the configuration defines it, what its values mean.
    pub fn description(&self) -> String {
        match self {
            Self::Own(own) => match &own.origin {
                Origin::Constant(value) => format!("{}={value}", own.name),
                Origin::Read { field, vocabulary } => {
                    format!("{}:{field}:{:016x}", own.name, vocabulary.fingerprint())
                }
            },
            _ => self.name().to_owned(),
        }
    }

    /// Returns the definition of a label that the configuration defines.
    pub fn own(&self) -> Option<&Arc<OwnLabel>> {
        match self {
            Self::Own(own) => Some(own),
            _ => None,
        }
    }

    /// Returns the reason why a field cannot be a label.
    pub const fn refusal(field: Field) -> &'static str {
        match field {
            Field::RemoteAddr | Field::User | Field::Referer | Field::UserAgent => {
                "it identifies the client, and such text never leaves the log"
            }
            Field::Target | Field::RequestId | Field::TraceId | Field::SpanId => {
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
    fn personal_data_cannot_be_a_label() {
        for field in [
            Field::RemoteAddr,
            Field::User,
            Field::Referer,
            Field::UserAgent,
            Field::RequestId,
            Field::TraceId,
            Field::SpanId,
        ] {
            assert_eq!(Label::from_name(field.name()), None);
            assert!(Label::ALL.iter().all(|label| label.field() != Some(field)));
        }
    }
}
