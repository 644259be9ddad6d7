//! From a batch of lines to counts: the only place that sees all of the core.
//!
//! Invariant: every line of a batch is recorded, rejected or skipped, exactly once.

mod initial;
#[cfg(test)]
mod initial_tests;
mod names;
#[cfg(test)]
mod sets_tests;

use std::num::NonZeroU32;
use std::sync::Arc;

use memchr::memchr;

use crate::aggregate::{Key, Ledger, Measure, Shard, Values};
use crate::join::{End, Tap};
use crate::label::{self, Budget, Charset, HostId, Label, Method, Scheme};
use crate::metric::{MetricPlan, Metrics};
use crate::model::{Batch, Field, FieldSet, Micros, Record, Timestamp, UpstreamList};
use crate::pattern::{Ahead, Pattern, Reject, Scratch};
use crate::route::{Resolver, RouteId, Router};

pub use initial::Initialised;

use names::{SourceNames, mask, pack, pack_host, pack_more};

/// Lines that hold nothing.
const BLANK: &str = "blank";
/// Why a line is rejected whose time is not known, where that is asked for.
pub const UNTIMED: &str = "untimed";

/// What a pipeline is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source's name, as the label `source` shows it.
    pub source: String,
    /// How its lines are written.
    pub pattern: Arc<Pattern>,
    /// Longest line, in bytes.
    pub line_bytes: usize,
    /// What names the views of its requests; without, paths are folded.
    pub routes: Option<Arc<Resolver>>,
    /// Routes at most; with 0 targets are not looked at.
    pub max_routes: usize,
    /// What is counted.
    pub metrics: Metrics,
    /// Where its lines are joined with those of another source, if they are.
    pub join: Option<End>,
}

/// Reads the lines of one source; one for each thread.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    /// Reads only what is counted.
    pattern: Pattern,
    scratch: Scratch,
    router: Router,
    /// A target whose escapes were undone.
    unescaped: Vec<u8>,
    names: SourceNames,
    plan: MetricPlan,
    /// The bits of a key that the plan asks for.
    mask: u64,
    /// Whether it asks for what few do.
    is_wide: bool,
    tap: Option<Tap>,
    /// How many seconds make a step, where counts are kept by time.
    step: Option<NonZeroU32>,
}

/// Labels that few ask for.
const WIDE_LABELS: [Label; 4] = [Label::Charset, Label::Host, Label::Scheme, Label::Upstream];

/// Fields of which labels and values are made that few ask for.
const WIDE: [Field; 4] = [
    Field::Scheme,
    Field::ContentType,
    Field::ContentLength,
    Field::ConnectDuration,
];

impl Pipeline {
    /// A pipeline; `budget` is shared by all of them.
    pub fn new(settings: Settings, budget: Budget) -> Self {
        let plan = MetricPlan::new(&settings.metrics, settings.pattern.fields());
        let mask = mask(plan.labels());
        let wide_labels = self::mask(WIDE_LABELS.into_iter());
        let is_wide =
            mask & wide_labels != 0 || WIDE.iter().any(|field| plan.fields().contains(*field));
        let join = settings.join.as_ref();
        let joined = join.map_or(FieldSet::EMPTY, End::fields);
        Self {
            pattern: Pattern::clone(&settings.pattern).narrowed(plan.fields().union(joined)),
            tap: join.map(End::tap),
            step: None,
            mask,
            is_wide,
            plan,
            scratch: settings.pattern.scratch(),
            router: match &settings.routes {
                Some(resolver) => Router::from_urlconf(Arc::clone(resolver), settings.max_routes),
                None => Router::new(settings.max_routes),
            },
            unescaped: Vec::new(),
            names: SourceNames::new(&settings.source, budget),
            settings,
        }
    }

    /// The same, which counts by the time of the lines, in steps of so many seconds since 1970. A line whose
    /// time cannot be read is rejected.
    #[must_use]
    pub fn by_time(self, step: NonZeroU32) -> Self {
        let joined = self.settings.join.as_ref();
        let joined = joined.map_or(FieldSet::EMPTY, End::fields);
        let fields = self.plan.fields().union(joined).with(Field::Time);
        Self {
            pattern: Pattern::clone(&self.settings.pattern).narrowed(fields),
            step: Some(step),
            ..self
        }
    }

    /// The same with other settings; keeps the routes it has learned.
    #[must_use]
    pub fn reconfigure(self, settings: Settings, budget: Budget) -> Self {
        let new = Self::new(settings, budget);
        let learns = |pipeline: &Self| pipeline.router.resolver().is_none();
        if learns(&self) && learns(&new) {
            Self {
                router: self.router,
                ..new
            }
        } else {
            new
        }
    }

    /// Names views by another URLconf from the next line on. The shard stays the right one: routes
    /// that were counted keep their names.
    pub fn set_views(&mut self, resolver: Arc<Resolver>) {
        let router = std::mem::replace(&mut self.router, Router::new(0));
        self.router = router.with_urlconf(Arc::clone(&resolver), self.settings.max_routes);
        self.settings.routes = Some(resolver);
    }

    /// The shard that goes with it, empty.
    pub fn shard(&self) -> Shard {
        let untimed = self.step.map(|_| UNTIMED);
        let reasons = Reject::ALL.into_iter().map(Reject::name).chain(untimed);
        let ledger = Ledger {
            rejected: reasons.map(|reason| (reason, 0)).collect(),
            skipped: [(BLANK, 0)].into(),
            ..Ledger::default()
        };
        let definitions = self.plan.definitions().to_vec();
        let shard = Shard::new(&self.settings.source, definitions, ledger);
        match self.step {
            Some(_) => shard.by_time(),
            None => shard,
        }
    }

    /// Counts a batch.
    pub fn feed(&mut self, shard: &mut Shard, batch: &Batch<'_>) {
        let mut rest = batch.bytes();
        while !rest.is_empty() {
            let length = self.line(shard, rest);
            rest = rest.get(length + 1..).unwrap_or_default();
        }
        for _ in 0..batch.overlong() {
            shard.reject(Reject::Overlong.name());
        }
        shard.advance(batch.bytes().len() as u64, batch.end());
    }

    /// Joins the lines fed so far with those of another source, if that is wanted. `now` is the
    /// time of any clock, the same for both. Belongs after each batch, when no shard is locked.
    pub fn flush_joins(&mut self, now: Micros) {
        if let Some(tap) = &mut self.tap {
            tap.flush(now);
        }
    }

    /// Says that all the source had written until `now` was fed and settled.
    pub fn mark_read_until(&mut self, now: Micros) {
        if let Some(tap) = &mut self.tap {
            tap.mark_read_until(now);
        }
    }

    /// Counts the line that `text` begins with; gives its length, without the newline.
    #[inline]
    fn line(&mut self, shard: &mut Shard, text: &[u8]) -> usize {
        let mut record = Record::default();
        match self
            .pattern
            .parse_ahead(&mut self.scratch, text, &mut record)
        {
            Ahead::Line { length, outcome } if (1..=self.settings.line_bytes).contains(&length) => {
                match outcome {
                    Ok(()) => self.count(shard, &record),
                    Err(reject) => shard.reject(reject.name()),
                }
                length
            }
            _ => self.odd_line(shard, text),
        }
    }

    /// The same for any line.
    fn odd_line(&mut self, shard: &mut Shard, text: &[u8]) -> usize {
        let length = memchr(b'\n', text).unwrap_or(text.len());
        let whole = &text[..length];
        let line = whole.strip_suffix(b"\r").unwrap_or(whole);
        if line.is_empty() {
            shard.skip(BLANK);
        } else if line.len() > self.settings.line_bytes {
            shard.reject(Reject::Overlong.name());
        } else {
            let scratch = &mut self.scratch;
            let parsed = if line.len() == whole.len() {
                self.pattern.parse_undecided(scratch, line)
            } else {
                self.pattern.parse(scratch, line)
            };
            match parsed {
                Ok(record) => self.count(shard, &record),
                Err(reject) => shard.reject(reject.name()),
            }
        }
        length
    }

    fn count(&mut self, shard: &mut Shard, record: &Record<'_>) {
        if let Some(step) = self.step {
            let Some(time) = time_of(record) else {
                shard.reject(UNTIMED);
                return;
            };
            shard.begin_step(time.0 / step);
        }
        if let Some(tap) = &mut self.tap {
            tap.note(record);
        }
        let method = Method::from_bytes(record.method);
        let route = self.route(record);
        let mut key = pack(method, label::status(record.status), route);
        let upstream = record
            .upstream_durations
            .map(UpstreamList::last_and_retries);
        let mut values = Values::default()
            .with(
                Measure::Duration,
                record.duration.map(|duration| duration.0),
            )
            .with(
                Measure::UpstreamDuration,
                upstream.and_then(|(last, _)| last).map(|last| last.0),
            )
            .with(
                Measure::UpstreamRetries,
                upstream.map(|(_, retries)| retries),
            )
            .with(
                Measure::ResponseBytes,
                record.response_bytes.map(|bytes| bytes.0),
            )
            .with(
                Measure::RequestBytes,
                record.request_bytes.map(|bytes| bytes.0),
            );
        if self.is_wide {
            key |= self.wide_key(record);
            values = Self::wide_values(record, values);
        }
        let names = self.names.with(&self.plan, &self.router);
        shard.apply(Key(key & self.mask), &values, &names);
    }

    /// By the view that the site named, else by the target.
    #[inline]
    fn route(&mut self, record: &Record<'_>) -> RouteId {
        if self.settings.max_routes == 0 {
            return RouteId::OTHER;
        }
        if let Some(view) = record.view
            && let Some(named) = self.router.register_view(view)
        {
            return named;
        }
        record.target.map_or(RouteId::OTHER, |target| {
            let escaping = self.pattern.escaping();
            let target = escaping.undo(target, &mut self.unescaped);
            self.router.route(target, record.status)
        })
    }

    fn wide_key(&self, record: &Record<'_>) -> u64 {
        let host = if self.mask & mask([Label::Host].into_iter()) == 0 {
            HostId::OTHER
        } else {
            self.plan.hosts().find(record.host)
        };
        pack_host(host)
            | pack_more(
                Scheme::from_bytes(record.scheme),
                record.upstream_durations.is_some(),
                Charset::from_content_type(record.content_type),
            )
    }

    fn wide_values(record: &Record<'_>, values: Values) -> Values {
        let length = record.content_length.map(|bytes| bytes.0);
        let connect = record.connect_duration.map(UpstreamList::last_and_retries);
        values
            .with(Measure::ContentLength, length)
            .with(Measure::RequestBodyBytes, Some(length.unwrap_or(0)))
            .with(
                Measure::ConnectDuration,
                connect.and_then(|(last, _)| last).map(|last| last.0),
            )
    }
}

/// When a line was written, if it says so in a way that is known.
pub fn time_of(record: &Record<'_>) -> Option<Timestamp> {
    record.time.and_then(Timestamp::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Families, GenerationId, Position};
    use crate::pattern::Preset;
    use proptest::prelude::*;

    fn pipeline(line_bytes: usize) -> Pipeline {
        let pattern = Arc::new(Preset::find("nginx-timed").unwrap().pattern().unwrap());
        let settings = Settings {
            source: "test".into(),
            pattern,
            line_bytes,
            routes: None,
            max_routes: 10,
            metrics: Metrics::default(),
            join: None,
        };
        Pipeline::new(settings, Budget::new(1_000))
    }

    fn batch(bytes: &[u8], overlong: u64) -> Batch<'_> {
        Batch::new(
            bytes,
            overlong,
            Position {
                generation: GenerationId(0),
                offset: bytes.len() as u64,
            },
        )
    }

    const LINE: &str = "127.0.0.1 - - [22/Nov/2026:18:47:15 +0000] \"GET /a/7 HTTP/1.1\" 200 10 \"-\" \"ua\" 0.012 0.001, 0.007\n";

    #[test]
    fn a_line_reaches_every_family_its_fields_feed() {
        let mut pipeline = pipeline(1_000);
        let mut shard = pipeline.shard();
        pipeline.feed(&mut shard, &batch(LINE.as_bytes(), 0));
        let families = Families::new(shard.snapshot());
        let names: Vec<&str> = families.iter().map(|family| &*family.name).collect();
        assert_eq!(
            names,
            [
                "httplog_request_duration_seconds",
                "httplog_requests_total",
                "httplog_response_size_bytes",
                "httplog_upstream_duration_seconds",
                "httplog_upstream_retries_total",
            ]
        );
        assert!(families.iter().all(|family| family.total() == 1));
        let requests = &families.get("httplog_requests_total").unwrap().series[0];
        let label = |name| requests.label(name).unwrap();
        assert_eq!(
            [
                label("method"),
                label("route"),
                label("status"),
                label("source")
            ],
            ["GET", "/a/<int>", "200", "test"]
        );
    }

    #[test]
    fn a_view_that_the_line_names_comes_before_its_path() {
        let format = r#""$request" $status $upstream_http_x_view_name"#;
        let pattern = Pattern::compile("test", crate::pattern::Dialect::Nginx, format).unwrap();
        let settings = Settings {
            pattern: Arc::new(pattern),
            ..pipeline(1_000).settings
        };
        let mut pipeline = Pipeline::new(settings, Budget::new(1_000));
        let mut shard = pipeline.shard();
        let text = "\"GET /a/7 HTTP/1.1\" 200 shop:item\n\"GET /a/7 HTTP/1.1\" 200 -\n";
        pipeline.feed(&mut shard, &batch(text.as_bytes(), 0));
        let families = Families::new(shard.snapshot());
        let requests = families
            .get("httplog_requests_total")
            .unwrap()
            .series
            .iter();
        let routes: Vec<_> = requests
            .filter_map(|series| series.label("route"))
            .collect();
        assert_eq!(routes, ["/a/<int>", "shop:item"]);
    }

    #[test]
    fn targets_are_routed_by_the_bytes_that_the_client_sent() {
        use crate::pattern::Dialect;
        let check = |dialect, format: &str, line: &str, route: &str| {
            let pattern = Pattern::compile("test", dialect, format).unwrap();
            let settings = Settings {
                pattern: Arc::new(pattern),
                ..pipeline(1_000).settings
            };
            let mut pipeline = Pipeline::new(settings, Budget::new(1_000));
            let mut shard = pipeline.shard();
            pipeline.feed(&mut shard, &batch(format!("{line}\n").as_bytes(), 0));
            let families = Families::new(shard.snapshot());
            let requests = &families.get("httplog_requests_total").unwrap().series[0];
            assert_eq!(requests.label("route"), Some(route), "{line}");
        };
        let nginx = r#""$request" $status"#;
        check(
            Dialect::Nginx,
            nginx,
            r#""GET /u/jos\xC3\xA9/ HTTP/1.1" 200"#,
            "/u/<str>/",
        );
        check(
            Dialect::Nginx,
            nginx,
            r#""GET /\x61bc/7 HTTP/1.1" 200"#,
            "/abc/<int>",
        );
        let json = r#"log_format j escape=json '{"r":"$request","s":$status}';"#;
        check(
            Dialect::Nginx,
            json,
            r#"{"r":"GET \/a\/7\u003fx HTTP\/1.1","s":200}"#,
            "/a/<int>",
        );
        check(
            Dialect::Apache,
            r#""%r" %>s"#,
            r#""GET /a\x3fb HTTP/1.1" 200"#,
            "/a",
        );
        check(
            Dialect::Regex,
            "^(?<target>[^ ]*) (?<status>[0-9]{3})$",
            r"/\x61bc/ 200",
            "/<str>/",
        );
    }

    #[test]
    fn quotes_in_a_syslog_frame_are_none_of_the_lines() {
        let frames = [
            "",
            "<190>Nov 22 18:47:14 vm nginx: ",
            "<190>Nov 22 18:47:14 \"vm\" nginx: ",
            "<165>1 - vm nginx - - [a@1 k=\"x\" l=\"\\\"\"] ",
        ];
        let text: String = frames.map(|frame| format!("{frame}{LINE}")).concat();
        let mut pipeline = pipeline(1_000);
        let mut shard = pipeline.shard();
        pipeline.feed(&mut shard, &batch(text.as_bytes(), 0));
        assert_eq!(shard.ledger().recorded, 4);
        let families = Families::new(shard.snapshot());
        let requests = &families.get("httplog_requests_total").unwrap().series;
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert_eq!(requests[0].label("route"), Some("/a/<int>"));
    }

    #[test]
    fn every_kind_of_line_has_its_place_in_the_ledger() {
        let mut pipeline = pipeline(200);
        let mut shard = pipeline.shard();
        let long = "x".repeat(201);
        let overflow = LINE.replace("0.012", &format!("{}.0", "9".repeat(25)));
        let text = format!("{LINE}\nhello\n{long}\n{overflow}");
        pipeline.feed(&mut shard, &batch(text.as_bytes(), 2));
        let ledger = shard.ledger();
        assert_eq!(
            (ledger.recorded, ledger.skipped_lines(), ledger.lines()),
            (1, 1, 7)
        );
        assert_eq!(
            ledger.rejected,
            [("mismatch", 1), ("number", 1), ("overlong", 3)].into()
        );
        assert_eq!(ledger.bytes, text.len() as u64);
    }

    #[test]
    fn a_reconfigured_pipeline_keeps_its_routes() {
        let mut before = pipeline(1_000);
        let mut shard = before.shard();
        before.feed(&mut shard, &batch(LINE.as_bytes(), 0));
        let settings = before.settings.clone();
        let mut after = before.reconfigure(settings, Budget::new(1_000));
        let mut shard = after.shard();
        after.feed(&mut shard, &batch(LINE.replace("200", "404").as_bytes(), 0));
        let families = Families::new(shard.snapshot());
        assert_eq!(
            families.get("httplog_requests_total").unwrap().series[0].label("route"),
            Some("/a/<int>")
        );
    }

    proptest! {
        #[test]
        fn lines_read_are_recorded_rejected_or_skipped(lines in proptest::collection::vec(prop_oneof![
            Just(LINE.trim_end().as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>().prop_filter("newline", |byte| *byte != b'\n'), 0..40),
        ], 0..20), overlong in 0..3u64) {
            let mut bytes = lines.join(&b'\n');
            if !lines.is_empty() {
                bytes.push(b'\n');
            }
            let mut pipeline = pipeline(1_000);
            let mut shard = pipeline.shard();
            pipeline.feed(&mut shard, &batch(&bytes, overlong));
            prop_assert_eq!(shard.ledger().lines(), lines.len() as u64 + overlong);
            let requests = Families::new(shard.snapshot()).get("httplog_requests_total").map_or(0, crate::model::Family::total);
            prop_assert_eq!(requests, shard.ledger().recorded);
        }
    }
}
