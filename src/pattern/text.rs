//! The matcher of text lines: a plan, a regex, and a walk in place of the regex.
//!
//! Invariant: plan, walk and regex agree on every line that they decide.

use std::sync::OnceLock;

use regex::bytes::{CaptureLocations, Regex};

use super::binding::Binding;
use super::plan::LinePlan;
use super::readings::{self, Memory, Review};
use super::template::Template;
use super::walk::{Trail, Walk};
use super::{Complaint, Reject};
use crate::model::Record;

/// Largest compiled expression, in bytes.
pub(super) const COMPILED_BYTES: usize = 1 << 20;
/// Shortest line, in bytes, for which a template's walk is made; the regex is fast enough for shorter ones.
pub(super) const LONG: usize = 1024;

/// A regular expression, the meaning of its groups, and the faster ways to match it.
#[derive(Clone, Debug)]
pub(super) struct TextMatcher {
    pub(super) regex: Regex,
    pub(super) groups: Vec<(usize, Binding)>,
    pub(super) plan: Option<LinePlan>,
    /// Set when it is first needed; `None` inside if the tables would be too large.
    pub(super) walk: OnceLock<Option<Walk>>,
    pub(super) form: Form,
    /// Result of the analysis of ambiguity. If it has a reader of its own, plan, walk and regex are not used.
    pub(super) review: Review,
}

/// The source of a matcher, kept for explanations and advice.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A server's format string.
    Template(Template),
    /// A custom expression, as written.
    Regex(String),
}

/// Working memory of a matcher's regex and walk, or of its reader.
#[derive(Clone, Debug)]
pub(super) struct TextScratch {
    locations: CaptureLocations,
    trail: Trail,
    memory: Option<Memory>,
}

impl TextMatcher {
    pub(super) fn from_template(template: Template) -> Result<Self, Complaint> {
        let regex = regex::bytes::RegexBuilder::new(&template.to_regex())
            .size_limit(COMPILED_BYTES)
            .build()
            .map_err(|_| Complaint::new("the format is too long to compile", 0..0))?;
        let review = readings::review(&template);
        let plan = match review.readings {
            None => LinePlan::from_template(&template),
            Some(_) => None,
        };
        Ok(Self {
            plan,
            walk: OnceLock::new(),
            regex,
            groups: (1..).zip(template.bindings()).collect(),
            form: Form::Template(template),
            review,
        })
    }

    pub(super) fn scratch(&self) -> TextScratch {
        TextScratch {
            locations: self.regex.capture_locations(),
            trail: Trail::default(),
            memory: (self.review.readings.as_ref()).map(|readings| readings.memory()),
        }
    }

    /// Drops the groups and bindings that `is_wanted` refuses.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Binding) -> bool) {
        self.groups.retain(|(_, binding)| is_wanted(*binding));
        if let Some(readings) = &mut self.review.readings {
            readings.retain(&is_wanted);
        }
        if let Some(plan) = &mut self.plan {
            plan.retain(is_wanted);
        }
    }

    /// Parses a line that the plan does not read.
    pub(super) fn parse<'l>(
        &self,
        scratch: &mut TextScratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if let (Some(readings), Some(memory)) = (&self.review.readings, &mut scratch.memory) {
            return readings.parse(memory, line);
        }
        let Some(walk) = self.walk(line) else {
            return self.parse_by_regex(scratch, line);
        };
        let is_match = walk.run(&mut scratch.trail, line);
        self.record(is_match, line, |group| scratch.trail.get(group))
    }

    /// Parses a line by the regex alone, if the matcher has no reader of its own.
    pub(super) fn parse_by_regex<'l>(
        &self,
        scratch: &mut TextScratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if let (Some(readings), Some(memory)) = (&self.review.readings, &mut scratch.memory) {
            return readings.parse(memory, line);
        }
        let locations = &mut scratch.locations;
        let is_match = self.regex.captures_read(locations, line).is_some();
        self.record(is_match, line, |group| scratch.locations.get(group))
    }

    /// Returns the walk, made on first use. For a format, only long lines justify the cost of its tables.
    fn walk(&self, line: &[u8]) -> Option<&Walk> {
        let template = match &self.form {
            Form::Regex(_) => return self.walk.get()?.as_ref(),
            Form::Template(_) if line.len() < LONG => return None,
            Form::Template(template) => template,
        };
        let groups = self.groups.iter().map(|(group, _)| *group);
        let make = || Walk::new(&template.to_regex(), groups);
        self.walk.get_or_init(make).as_ref()
    }

    fn record<'l>(
        &self,
        is_match: bool,
        line: &'l [u8],
        span: impl Fn(usize) -> Option<(usize, usize)>,
    ) -> Result<Record<'l>, Reject> {
        if !is_match {
            return Err(Reject::Mismatch);
        }
        let mut record = Record::default();
        for (group, binding) in &self.groups {
            if let Some((start, end)) = span(*group) {
                binding.read(&line[start..end], &mut record)?;
            }
        }
        Ok(record)
    }
}
