//! One request as Django recorded it and as a server logged it, and what each side counts of it.
//!
//! Invariant: counts follow from the request alone, so that each difference between the two sides can be traced to
//! requests.

use std::collections::BTreeMap;

use httplog_exporter::model::Field;
use httplog_exporter::pattern::Pattern;
use httplog_exporter::route::Resolver;
use serde_json::Value;

pub const UNNAMED: &str = "<unnamed view>";
pub const METRICS_VIEW: &str = "prometheus-django-metrics";
/// View whose responses clients do not wait for.
pub const HELD: &str = "held";
const INVALID: &str = "<invalid method>";
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

pub const REQUESTS: &str = "django_http_requests_before_middlewares_total";
pub const RESPONSES: &str = "django_http_responses_before_middlewares_total";
pub const LATENCY: &str = "django_http_requests_latency_including_middlewares_seconds";
pub const LATENCY_BY_VIEW: &str = "django_http_requests_latency_seconds_by_view_method";
pub const BY_METHOD: &str = "django_http_requests_total_by_method_total";
pub const BY_TRANSPORT: &str = "django_http_requests_total_by_transport_total";
pub const BY_VIEW: &str = "django_http_requests_total_by_view_transport_method_total";
pub const REQUEST_BYTES: &str = "django_http_requests_body_total_bytes";
pub const BY_STATUS: &str = "django_http_responses_total_by_status_total";
pub const BY_STATUS_VIEW: &str = "django_http_responses_total_by_status_view_method_total";
pub const RESPONSE_BYTES: &str = "django_http_responses_body_total_bytes";
pub const BY_CHARSET: &str = "django_http_responses_total_by_charset_total";
/// All compared families.
pub const FAMILIES: [&str; 12] = [
    REQUESTS,
    RESPONSES,
    LATENCY,
    LATENCY_BY_VIEW,
    BY_METHOD,
    BY_TRANSPORT,
    BY_VIEW,
    REQUEST_BYTES,
    BY_STATUS,
    BY_STATUS_VIEW,
    RESPONSE_BYTES,
    BY_CHARSET,
];

/// Labels of a series, sorted by name.
pub type Labels = Vec<(&'static str, String)>;

/// One increment of a series, with the observed value for a histogram of bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub family: &'static str,
    pub labels: Labels,
    pub bytes: Option<u64>,
}

/// A request as Django recorded it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub scheme: String,
    /// The view that Django resolved.
    pub view: Option<String>,
    /// The `route` of Django's `resolver_match`.
    pub route: Option<String>,
    /// Status of the response that was sent.
    pub status: u64,
    pub encoding: Option<String>,
    /// The record of the innermost middleware, if the request reached it.
    pub inner: Option<Inner>,
    /// This is the request for the compared page.
    pub is_page: bool,
}

/// A request as django-prometheus' last middleware sees it.
#[derive(Clone, Debug)]
pub struct Inner {
    pub length: u64,
    pub status: u64,
    pub charset: String,
    /// Size of a response that is not a stream.
    pub bytes: Option<u64>,
    /// A view was called.
    pub viewed: bool,
    /// The view raised an exception.
    pub raised: bool,
}

/// A request as a line of a log has it.
#[derive(Clone, Debug)]
pub struct Logged {
    pub id: Option<String>,
    pub method: String,
    pub target: Vec<u8>,
    /// The view that the resolver finds.
    pub view: Option<String>,
    /// The route by which it finds the view.
    pub route: Option<String>,
    pub status: u64,
    pub bytes: Option<u64>,
    pub length: Option<u64>,
    pub scheme: Option<String>,
    pub content_type: Option<String>,
    /// nginx passed the request on; always true for gunicorn's log.
    pub is_passed_on: bool,
    /// The log has the Content-Type of responses.
    pub is_typed: bool,
}

impl Seen {
    /// Reads the site's records by request id, and counts duplicate ids.
    pub fn read(truth: &str) -> (BTreeMap<String, Self>, usize) {
        let mut seen = BTreeMap::new();
        let mut twice = 0;
        let mut begun = 0;
        for line in truth.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line.get("begins").is_some() {
                begun += 1;
                continue;
            }
            let id = line["id"].as_str().unwrap().to_owned();
            twice += usize::from(seen.insert(id, Self::of(&line)).is_some());
        }
        assert_eq!(begun, seen.len() + twice, "requests without an end");
        let pages = seen.values().filter(|seen| seen.is_page).count();
        assert_eq!(pages, 1, "the page is requested once, at the end");
        (seen, twice)
    }

    fn of(line: &Value) -> Self {
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let inner = &line["inner"];
        let view = text("view");
        Self {
            method: text("method").unwrap(),
            scheme: text("scheme").unwrap(),
            is_page: view.as_deref() == Some(METRICS_VIEW),
            view,
            route: text("route"),
            status: line["status"].as_u64().unwrap(),
            encoding: text("encoding"),
            inner: inner.is_object().then(|| Inner {
                length: inner["length"].as_u64().unwrap(),
                status: inner["status"].as_u64().unwrap(),
                charset: inner["charset"].as_str().unwrap().to_owned(),
                bytes: inner["bytes"].as_u64(),
                viewed: inner["viewed"].as_bool().unwrap(),
                raised: !inner["raised"].is_null(),
            }),
        }
    }

    /// Returns what django-prometheus counts (`django_prometheus/middleware.py`).
    pub fn events(&self) -> Vec<Event> {
        let view = self.view.as_deref().unwrap_or(UNNAMED);
        let (raw, method) = (self.method.as_str(), known(&self.method));
        let mut events = vec![event(REQUESTS, &[])];
        // The page is written before the response to the request for it goes out.
        if !self.is_page {
            events.extend([event(RESPONSES, &[]), event(LATENCY, &[])]);
        }
        let Some(inner) = &self.inner else {
            return events;
        };
        let scheme = self.scheme.as_str();
        events.push(event(BY_METHOD, &[("method", method)]));
        events.push(event(BY_TRANSPORT, &[("transport", scheme)]));
        events.push(sized(REQUEST_BYTES, inner.length));
        if inner.viewed {
            let labels = [("method", method), ("transport", scheme), ("view", view)];
            events.push(event(BY_VIEW, &labels));
        }
        let latency = event(LATENCY_BY_VIEW, &[("method", raw), ("view", view)]);
        if inner.raised {
            events.push(latency.clone());
        }
        if self.is_page {
            return events;
        }
        let status = inner.status.to_string();
        let labels = [("method", method), ("status", &status), ("view", view)];
        events.extend([
            latency,
            event(BY_STATUS, &[("status", &status)]),
            event(BY_STATUS_VIEW, &labels),
            event(BY_CHARSET, &[("charset", &inner.charset)]),
        ]);
        events.extend(inner.bytes.map(|bytes| sized(RESPONSE_BYTES, bytes)));
        events
    }
}

impl Logged {
    /// Reads every line of a log; all must match.
    pub fn read(log: &[u8], pattern: &Pattern, resolver: &Resolver) -> Vec<Self> {
        let mut scratch = pattern.scratch();
        let (mut undone, mut path) = (Vec::new(), Vec::new());
        let lines = log
            .strip_suffix(b"\n")
            .unwrap()
            .split(|byte| *byte == b'\n');
        let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
        lines
            .map(|line| {
                let record = pattern
                    .parse(&mut scratch, line)
                    .unwrap_or_else(|reject| panic!("{reject:?}: {}", line.escape_ascii()));
                let target = record.target.unwrap_or_default();
                let target = pattern.escaping().undo(target, &mut undone);
                let route = resolver.resolve(target, &mut path);
                Self {
                    id: text(record.request_id).filter(|id| id != "-"),
                    method: text(record.method).unwrap_or_default(),
                    target: target.to_owned(),
                    view: route.map(|route| resolver.urlconf().routes[route].view.clone()),
                    route: route.map(|route| resolver.urlconf().routes[route].shown.clone()),
                    status: record.status.unwrap().code().into(),
                    bytes: record.response_bytes.map(|bytes| bytes.0),
                    length: record.content_length.map(|bytes| bytes.0),
                    scheme: text(record.scheme),
                    content_type: text(record.content_type).filter(|value| value != "-"),
                    is_passed_on: !pattern.fields().contains(Field::UpstreamDurations)
                        || record.upstream_durations.is_some(),
                    is_typed: pattern.fields().contains(Field::ContentType),
                }
            })
            .collect()
    }

    /// Returns what the set `django` counts.
    pub fn events(&self) -> Vec<Event> {
        if !self.is_passed_on {
            return Vec::new();
        }
        let view = self.view.as_deref().unwrap_or(UNNAMED);
        let method = known(&self.method);
        let status = self.status.to_string();
        let labels = [("method", method), ("status", &status), ("view", view)];
        let mut events = vec![
            event(REQUESTS, &[]),
            event(RESPONSES, &[]),
            event(LATENCY, &[]),
            event(LATENCY_BY_VIEW, &[("method", method), ("view", view)]),
            event(BY_METHOD, &[("method", method)]),
            sized(REQUEST_BYTES, self.length.unwrap_or_default()),
            event(BY_STATUS, &[("status", &status)]),
            event(BY_STATUS_VIEW, &labels),
        ];
        if let Some(scheme) = &self.scheme {
            events.push(event(BY_TRANSPORT, &[("transport", scheme)]));
            if let Some(view) = &self.view {
                let labels = [("method", method), ("transport", scheme), ("view", view)];
                events.push(event(BY_VIEW, &labels));
            }
        }
        events.extend(self.bytes.map(|bytes| sized(RESPONSE_BYTES, bytes)));
        if self.is_typed {
            // Django's default.
            let content_type = self.content_type.as_deref().unwrap_or_default();
            let charset = content_type
                .split_once("charset=")
                .map_or("utf-8", |(_, charset)| charset);
            events.push(event(BY_CHARSET, &[("charset", charset)]));
        }
        events
    }
}

/// Returns why the two sides differ on a request in a family; `None` for an undocumented difference.
pub fn cause(family: &str, seen: Option<&Seen>, logged: Option<&Logged>) -> Option<&'static str> {
    let logged = logged?;
    let Some(seen) = seen else {
        return Some(if logged.status == 502 {
            "no response from the upstream"
        } else {
            "rejected by gunicorn before Django"
        });
    };
    let Some(inner) = &seen.inner else {
        return Some("rejected by a middleware before theirs (DisallowedHost)");
    };
    let of_response = [BY_STATUS, BY_STATUS_VIEW, RESPONSE_BYTES, BY_CHARSET].contains(&family);
    if logged.status == 499 && of_response {
        return Some("the client disconnected before the response");
    }
    if seen.is_page
        && ![REQUESTS, BY_METHOD, BY_TRANSPORT, REQUEST_BYTES, BY_VIEW].contains(&family)
    {
        return Some("their own page: written before its response is counted");
    }
    let is_changed = inner.status != seen.status;
    match family {
        LATENCY_BY_VIEW if known(&seen.method) == INVALID => Some("their label is the raw method"),
        LATENCY_BY_VIEW if inner.raised => Some("they observe twice: the view raised"),
        BY_VIEW if !inner.viewed && seen.view.is_some() => {
            Some("rejected by a middleware before the view (CSRF)")
        }
        BY_STATUS | BY_STATUS_VIEW | RESPONSE_BYTES if is_changed => {
            match (inner.status, seen.status) {
                (404, 301) => Some("APPEND_SLASH: the response inside was 404"),
                (200, 304) => Some("ConditionalGet: the response inside was 200"),
                _ => None,
            }
        }
        BY_CHARSET if !logged.is_typed => Some("the log has no Content-Type"),
        RESPONSE_BYTES if seen.encoding.is_some() => Some("gzip: the log has the compressed size"),
        RESPONSE_BYTES if seen.method == "HEAD" => Some("HEAD: nothing was sent"),
        RESPONSE_BYTES if seen.view.as_deref() == Some(HELD) => {
            Some("the client had disconnected: nothing was sent")
        }
        RESPONSE_BYTES if inner.bytes.is_none() => {
            Some("a streaming response, which they do not measure")
        }
        REQUEST_BYTES if logged.length.is_none() && inner.length > 0 => {
            Some("chunked: nginx passes the length to Django but does not log it")
        }
        _ => None,
    }
}

fn known(method: &str) -> &str {
    if METHODS.contains(&method) {
        method
    } else {
        INVALID
    }
}

fn event(family: &'static str, labels: &[(&'static str, &str)]) -> Event {
    Event {
        family,
        labels: labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        bytes: None,
    }
}

fn sized(family: &'static str, bytes: u64) -> Event {
    Event {
        bytes: Some(bytes),
        ..event(family, &[])
    }
}
