//! The ids of a request that may leave the log, in exemplars only.
//!
//! Invariant: an id consists of few bytes of a small alphabet, whatever a client sent; so it needs no escaping, and the memory it
//! takes is bounded.

use std::sync::{Arc, LazyLock};

use super::byte_set::ByteSet;
use super::{Field, FieldSet, Labels, Record};

/// Digits of a trace id (W3C Trace Context, `trace-id`).
const TRACE_DIGITS: usize = 32;
/// Digits of a span id (W3C Trace Context, `parent-id`).
const SPAN_DIGITS: usize = 16;
/// Largest number of bytes of a request id.
const MAX_REQUEST_ID: usize = 64;

/// The characters of a request id: those of a UUID, of nginx's `$request_id` and of common generators.
static REQUEST_ID: ByteSet = ByteSet::ALPHANUMERIC.plus(b"._-");

/// The id by which exemplars lead to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExemplarId {
    /// The ids of its trace and, where the line has it, of its span.
    Trace,
    /// The request's own id.
    Request,
}

/// The ids of one request, copied from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestIds {
    which: ExemplarId,
    /// The id; of a trace, behind it that of the span.
    text: [u8; MAX_REQUEST_ID],
    length: u8,
}

impl ExemplarId {
    /// Every kind of id, in documented order.
    pub const ALL: [Self; 2] = [Self::Trace, Self::Request];

    /// Returns the name of the id in `metrics.exemplars`, and of its label.
    pub const fn name(self) -> &'static str {
        self.field().name()
    }

    /// Returns the kind of id of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.name() == name)
    }

    /// Returns the field without which a line has no such id.
    pub const fn field(self) -> Field {
        match self {
            Self::Trace => Field::TraceId,
            Self::Request => Field::RequestId,
        }
    }

    /// Returns the fields that the ids are read from.
    pub const fn fields(self) -> FieldSet {
        let id = FieldSet::EMPTY.with(self.field());
        match self {
            Self::Trace => id.with(Field::SpanId),
            Self::Request => id,
        }
    }

    /// Returns the ids of a line; `None` without a well-formed one. A span id that is not well-formed is left out.
    pub fn read(self, record: &Record<'_>) -> Option<RequestIds> {
        match self {
            Self::Trace => {
                let text = record.trace_id?;
                let (trace, parent) = split_traceparent(text).unwrap_or((text, b""));
                let span = record.span_id.unwrap_or(parent);
                if !is_hex_id(trace, TRACE_DIGITS) {
                    return None;
                }
                let span = Some(span).filter(|span| is_hex_id(span, SPAN_DIGITS));
                Some(RequestIds::new(self, trace, span.unwrap_or_default()))
            }
            Self::Request => {
                let id = record.request_id?;
                let is_id = (1..=MAX_REQUEST_ID).contains(&id.len())
                    && id.iter().all(|byte| REQUEST_ID.contains(*byte));
                is_id.then(|| RequestIds::new(self, id, b""))
            }
        }
    }
}

impl RequestIds {
    /// Copies ids, which fit.
    fn new(which: ExemplarId, id: &[u8], span: &[u8]) -> Self {
        let mut text = [0; MAX_REQUEST_ID];
        let length = id.len() + span.len();
        for (part, from) in [(id, 0), (span, id.len())] {
            if let Some(place) = text.get_mut(from..from + part.len()) {
                place.copy_from_slice(part);
            }
        }
        Self {
            which,
            text,
            length: u8::try_from(length).unwrap_or(0),
        }
    }

    /// Returns the kind of the ids.
    pub fn which(&self) -> ExemplarId {
        self.which
    }

    /// Returns the ids with their names, as the labels of an exemplar.
    pub fn labels(&self) -> Labels {
        static NAMES: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| {
            [Field::RequestId, Field::TraceId, Field::SpanId].map(|field| field.name().into())
        });
        let [request, trace, span] = &*NAMES;
        let text = self.text.get(..self.length.into()).unwrap_or_default();
        // They are ASCII.
        let text = std::str::from_utf8(text).unwrap_or_default();
        match self.which {
            ExemplarId::Request => vec![(Arc::clone(request), text.into())],
            ExemplarId::Trace => {
                let (id, parent) = text.split_at_checked(TRACE_DIGITS).unwrap_or((text, ""));
                // Sorted by name.
                let span = (!parent.is_empty()).then(|| (Arc::clone(span), parent.into()));
                span.into_iter()
                    .chain([(Arc::clone(trace), id.into())])
                    .collect()
            }
        }
    }
}

/// Returns the ids of a trace and a span in the value of a `traceparent` header of version 0:
/// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01` (W3C Trace Context, 3.2).
fn split_traceparent(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_prefix(b"00-")?;
    let (trace, rest) = rest.split_at_checked(TRACE_DIGITS)?;
    let (span, rest) = rest.strip_prefix(b"-")?.split_at_checked(SPAN_DIGITS)?;
    let flags = rest.strip_prefix(b"-")?;
    let is_whole = flags.len() == 2 && flags.iter().all(u8::is_ascii_hexdigit);
    is_whole.then_some((trace, span))
}

/// Returns whether a text is an id of so many hexadecimal digits, not all 0.
fn is_hex_id(text: &[u8], digits: usize) -> bool {
    // Without an early end, several bytes are compared at once.
    let others = || text.iter().filter(|byte| !byte.is_ascii_hexdigit());
    let zeros = || text.iter().filter(|byte| **byte == b'0');
    text.len() == digits && others().count() == 0 && zeros().count() < digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    /// Shows the labels of a line as `name=value`.
    fn labels(which: ExemplarId, record: &Record<'_>) -> Vec<String> {
        let labels = which.read(record).map(|ids| ids.labels());
        let shown = labels.unwrap_or_default().into_iter();
        shown
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    fn of_trace(trace: &str, span: Option<&str>) -> Vec<String> {
        let record = Record {
            trace_id: Some(trace.as_bytes()),
            span_id: span.map(str::as_bytes),
            ..Record::default()
        };
        labels(ExemplarId::Trace, &record)
    }

    fn of_request(id: &str) -> Vec<String> {
        let record = Record {
            request_id: Some(id.as_bytes()),
            ..Record::default()
        };
        labels(ExemplarId::Request, &record)
    }

    #[test]
    fn a_trace_and_its_span_are_taken_from_fields_or_a_traceparent() {
        let (trace, span) = (format!("trace_id={TRACE}"), format!("span_id={SPAN}"));
        let both = [span, trace.clone()];
        assert_eq!(of_trace(TRACE, None), std::slice::from_ref(&trace));
        assert_eq!(of_trace(TRACE, Some(SPAN)), both);
        let parent = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(of_trace(&parent, None), both);
        let own = "00f067aa0ba902b7";
        assert_eq!(
            of_trace(&parent, Some(own)),
            [format!("span_id={own}"), trace.clone()]
        );
        assert_eq!(of_trace(TRACE, Some("-")), std::slice::from_ref(&trace));
        let upper = TRACE.to_ascii_uppercase();
        assert_eq!(of_trace(&upper, None), [format!("trace_id={upper}")]);
    }

    #[test]
    fn an_id_that_is_not_well_formed_is_no_exemplar() {
        let zeros = "0".repeat(32);
        for trace in [
            "",
            "-",
            &zeros,
            &TRACE[1..],
            &format!("{TRACE}0"),
            &TRACE.replace('a', "g"),
            &format!("01-{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}-1"),
            &format!("00-{TRACE}-{SPAN}-01-x"),
            &format!("00-{zeros}-{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}"),
        ] {
            assert_eq!(of_trace(trace, Some(SPAN)), [""; 0], "{trace}");
        }
        let unsampled = format!("00-{TRACE}-{}-00", "0".repeat(16));
        assert_eq!(of_trace(&unsampled, None), [format!("trace_id={TRACE}")]);
        for id in ["", "a b", "a\"", "é", "a=b", "a\\", &"a".repeat(65)] {
            assert_eq!(of_request(id), [""; 0], "{id}");
        }
        for id in ["a", "A-1_2.3", &"f".repeat(64)] {
            assert_eq!(of_request(id), [format!("request_id={id}")]);
        }
    }

    #[test]
    fn names_and_kinds_are_one_to_one() {
        for id in ExemplarId::ALL {
            assert_eq!(ExemplarId::from_name(id.name()), Some(id));
            assert!(id.fields().contains(id.field()));
        }
        assert_eq!(ExemplarId::from_name("span_id"), None);
    }

    proptest! {
        #[test]
        fn whatever_a_line_holds_labels_are_short_and_plain(
            trace in prop_oneof!["[0-9a-fA-F]{32}", "00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9]", ".{0,70}"],
            span in prop_oneof!["[0-9a-fA-F]{16}", ".{0,20}"],
            request in prop_oneof!["[0-9a-zA-Z._-]{1,64}", ".{0,70}"],
        ) {
            let record = Record {
                trace_id: Some(trace.as_bytes()),
                span_id: Some(span.as_bytes()),
                request_id: Some(request.as_bytes()),
                ..Record::default()
            };
            for which in ExemplarId::ALL {
                let Some(ids) = which.read(&record) else { continue };
                let labels = ids.labels();
                prop_assert!(labels.is_sorted());
                // OpenMetrics 1.0: at most 128 characters of names and values.
                let length: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
                prop_assert!(length <= 128);
                for (_, value) in labels {
                    prop_assert!(!value.is_empty());
                    prop_assert!(value.bytes().all(|byte| REQUEST_ID.contains(byte)));
                }
            }
        }
    }
}
