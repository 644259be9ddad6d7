//! Content negotiation of `/metrics` (RFC 9110, 12.5.1).
//!
//! Invariant: every request gets a format; one that accepts none of them gets text 0.0.4, as from Prometheus' own libraries.

use hyper::header::{ACCEPT, HeaderMap};

use crate::expose::Format;

/// A format with the `Content-Type` that a scraper asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) format: Format,
    pub(super) content_type: &'static str,
}

/// A media range of `Accept`.
struct Range<'h> {
    media: &'h str,
    version: Option<&'h str>,
    escaping: Option<&'h str>,
    /// Message type of a protobuf format, and how messages are put together.
    proto: Option<&'h str>,
    encoding: Option<&'h str>,
    /// Weight in thousandths.
    weight: u16,
}

/// The answer to a request without preference.
const TEXT: Answer = Answer {
    format: Format::Text,
    content_type: "text/plain; version=0.0.4; charset=utf-8",
};

/// Message type of the protobuf format.
const FAMILY: &str = "io.prometheus.client.MetricFamily";

/// Chooses what a request prefers: the format of the greatest weight, the first of those.
pub(super) fn negotiate(headers: &HeaderMap) -> Answer {
    let fields = headers.get_all(ACCEPT).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    let ranges = texts.flat_map(|text| text.split(',')).filter_map(parse);
    let known = ranges.filter_map(|range| Some((range.weight, answer(&range)?)));
    let wanted = known.filter(|(weight, _)| *weight > 0);
    // Of equal weights, the first wins.
    let best = wanted.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(TEXT, |(_, answer)| answer)
}

/// Parses a media range; `None` if its weight is not valid.
fn parse(range: &str) -> Option<Range<'_>> {
    let mut parts = range.split(';').map(str::trim);
    let mut range = Range {
        media: parts.next()?,
        version: None,
        escaping: None,
        proto: None,
        encoding: None,
        weight: 1000,
    };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim() {
            "version" => range.version = Some(value),
            "escaping" => range.escaping = Some(value),
            "proto" => range.proto = Some(value),
            "encoding" => range.encoding = Some(value),
            "q" | "Q" => range.weight = weight(value)?,
            _ => {}
        }
    }
    Some(range)
}

/// Parses a weight, a number from 0 to 1 (RFC 9110, 12.4.2).
pub(super) fn weight(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 1000"
    )]
    let thousandths = (weight * 1000.0) as u16;
    (0.0..=1.0).contains(&weight).then_some(thousandths)
}

/// Returns the answer to a media range, if a format is in it.
///
/// Names of metrics and labels need no escaping here, whatever scheme is asked for. A scraper that names one requires the
/// answer to name one too (`escaping`, of the formats 1.0.0).
fn answer(range: &Range<'_>) -> Option<Answer> {
    let media = range.media.to_ascii_lowercase();
    let (format, content_type) = match (&*media, range.version.unwrap_or_default()) {
        ("application/openmetrics-text", "1.0.0") => {
            let content_type = match range.escaping {
                None => "application/openmetrics-text; version=1.0.0; charset=utf-8",
                Some("allow-utf-8") => {
                    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
                }
                Some(_) => {
                    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
                }
            };
            (Format::OpenMetrics, content_type)
        }
        ("application/openmetrics-text", "" | "0.0.1") => (
            Format::OpenMetrics,
            "application/openmetrics-text; version=0.0.1; charset=utf-8",
        ),
        ("application/vnd.google.protobuf", _)
            if (range.proto, range.encoding) == (Some(FAMILY), Some("delimited")) =>
        {
            let content_type = match range.escaping {
                None => {
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
                }
                Some("allow-utf-8") => {
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8"
                }
                Some(_) => {
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores"
                }
            };
            (Format::Protobuf, content_type)
        }
        ("text/plain", "1.0.0") => {
            let content_type = match range.escaping {
                None => "text/plain; version=1.0.0; charset=utf-8",
                Some("allow-utf-8") => {
                    "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
                }
                Some(_) => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
            };
            (Format::Text, content_type)
        }
        ("text/plain", "" | "0.0.4") | ("text/*" | "*/*", "") => return Some(TEXT),
        _ => return None,
    };
    Some(Answer {
        format,
        content_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &[&'static str]) -> &'static str {
        let mut headers = HeaderMap::new();
        for field in accept {
            headers.append(ACCEPT, field.parse().unwrap());
        }
        let answer = negotiate(&headers);
        let media = answer.content_type.split(';').next();
        let expected = match answer.format {
            Format::OpenMetrics => "application/openmetrics-text",
            Format::Protobuf => "application/vnd.google.protobuf",
            Format::Text => "text/plain",
        };
        assert_eq!(media, Some(expected));
        answer
            .content_type
            .strip_suffix("; charset=utf-8")
            .unwrap_or(answer.content_type)
    }

    /// The headers are those that each version sends.
    #[test]
    fn each_prometheus_gets_what_it_prefers() {
        // 2.42, Debian 12.
        assert_eq!(
            chosen(&[
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ]),
            "application/openmetrics-text; version=1.0.0"
        );
        // 2.53, Debian 13.
        assert_eq!(
            chosen(&[
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
            ]),
            "application/openmetrics-text; version=1.0.0"
        );
        // 3.
        assert_eq!(
            chosen(&[
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
            ]),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        );
        // 3, of a job whose names are escaped and that prefers text.
        assert_eq!(
            chosen(&[
                "text/plain;version=1.0.0;escaping=underscores;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2"
            ]),
            "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
        );
    }

    #[test]
    fn each_prometheus_with_native_histograms_gets_protobuf() {
        let protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        for accept in [
            // 2.42, with --enable-feature=native-histograms.
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            // 2.53, with it.
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            // 3, with scrape_native_histograms.
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        ] {
            assert_eq!(chosen(&[accept]), protobuf);
        }
        let escaped = |scheme: &str| {
            let accept = format!(
                "application/vnd.google.protobuf;encoding=delimited;proto=io.prometheus.client.MetricFamily;escaping={scheme}"
            );
            chosen(&[Box::leak(accept.into_boxed_str())]).to_owned()
        };
        assert_eq!(
            escaped("allow-utf-8"),
            format!("{protobuf}; escaping=allow-utf-8")
        );
        assert_eq!(escaped("dots"), format!("{protobuf}; escaping=underscores"));
        // Other messages, and other ways to put them together, are not known.
        for accept in [
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            "application/vnd.google.protobuf;proto=io.prometheus.write.v2.Request;encoding=delimited",
        ] {
            assert_eq!(chosen(&[accept]), "text/plain; version=0.0.4");
        }
    }

    #[test]
    fn weights_decide_and_nonsense_gets_text() {
        let text = "text/plain; version=0.0.4";
        let openmetrics = "application/openmetrics-text; version=0.0.1";
        assert_eq!(chosen(&[]), text);
        assert_eq!(chosen(&["text/html, image/png;q=0.9, */*;q=0.8"]), text);
        assert_eq!(chosen(&["Application/OpenMetrics-Text"]), openmetrics);
        assert_eq!(
            chosen(&["text/plain;q=0.2", "application/openmetrics-text ; Q=0.3"]),
            openmetrics
        );
        assert_eq!(
            chosen(&["text/plain;q=0.3,application/openmetrics-text;q=0.3"]),
            text
        );
        assert_eq!(chosen(&["application/openmetrics-text;q=0"]), text);
        assert_eq!(chosen(&["application/openmetrics-text;version=9"]), text);
        assert_eq!(
            chosen(&["application/openmetrics-text;q=2,;;=,,q=,text/plain;version=\"1.0.0\""]),
            "text/plain; version=1.0.0"
        );
        assert_eq!(chosen(&["application/openmetrics-text;q=NaN"]), text);
    }
}
