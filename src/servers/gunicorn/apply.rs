//! Applies what was read to the settings.
//!
//! Invariant: later sources override earlier ones, and an unknown value overrides too.

use std::sync::Arc;

use super::command::Options;
use super::python::{Bound, Module, Value};
use super::settings::{Assumption, Gunicorn, Program, Setting};
use crate::diag::{Place, Text};

/// Settings that configure logging elsewhere.
const LOGGING: [&str; 4] = [
    "logconfig",
    "logconfig_dict",
    "logconfig_json",
    "logger_class",
];

/// Reads a number of a command line or of the environment.
pub(super) fn number(text: &str, at: &Place) -> Setting<u64> {
    match text.trim().parse() {
        Ok(number) => Setting::Literal(number, at.clone()),
        Err(_) => Setting::Dynamic(format!("its value is `{text}`"), at.clone()),
    }
}

/// Reads a text of a command line, which may have variables and systemd's specifiers left.
fn text(text: &str, at: &Place) -> Setting {
    let is_specifier = |pair: &[u8]| pair[0] == b'%' && pair[1].is_ascii_alphabetic();
    if text.contains('$') {
        let why = format!("the environment that `{text}` depends on is not known here");
        Setting::Dynamic(why, at.clone())
    } else if text.as_bytes().windows(2).any(is_specifier) {
        let why = format!("systemd replaces the specifier in `{text}`");
        Setting::Dynamic(why, at.clone())
    } else {
        Setting::Literal(text.to_owned(), at.clone())
    }
}

impl Gunicorn {
    /// Applies the options of gunicorn's command line.
    pub(super) fn apply(&mut self, options: &Options, at: &Place) {
        let known = |given: &Option<String>| given.as_deref().map(|given| text(given, at));
        if let Some(workers) = &options.workers {
            self.workers = number(workers, at);
        }
        if let Some(threads) = &options.threads {
            self.threads = number(threads, at);
        }
        if let Some(class) = known(&options.worker_class) {
            self.class = class;
        }
        if let Some(path) = known(&options.access_log) {
            self.access_log = path;
            self.assumptions.retain(|one| one.setting != "accesslog");
        }
        if let Some(format) = known(&options.format) {
            self.format = format;
            self.assumptions
                .retain(|one| one.setting != "access_log_format");
        }
        if options.is_syslog {
            self.syslog = Some(at.clone());
        }
        if let Some(option) = &options.logging_config {
            self.logging_config = Some((option.clone(), at.clone()));
        }
        if let Some(prefix) = options
            .script_name
            .as_ref()
            .filter(|it| it.starts_with('/'))
        {
            self.script_name = Some((prefix.clone(), at.clone()));
        }
        if options.output.is_some() {
            self.output.clone_from(&options.output);
        }
        self.is_piped |= options.is_piped;
    }

    /// Applies the command line of another server.
    pub(super) fn other_server(&mut self, options: &Options, at: &Place) {
        self.apply(options, at);
        let output = || Setting::Literal("-".to_owned(), at.clone());
        let is_quiet = matches!(
            options.level.as_deref(),
            Some("warning" | "error" | "critical")
        );
        match options.program {
            Program::Uvicorn if options.is_on != Some(false) && !is_quiet => {
                self.access_log = output();
            }
            Program::Granian if options.is_on == Some(true) => self.access_log = output(),
            Program::Daphne
                if options.access_log.is_none() && options.level.as_deref() != Some("0") =>
            {
                self.access_log = output();
            }
            _ => {}
        }
        if let Some(config) = options
            .config
            .as_ref()
            .filter(|_| options.access_log.is_none())
        {
            self.open.get_or_insert_with(|| config.clone());
        }
    }

    /// Applies a line of `gunicorn --print-config`.
    pub(super) fn printed(&mut self, name: &str, value: &str, at: Place) {
        let is_set = !matches!(value, "None" | "" | "False" | "{}");
        let text = || Setting::Literal(value.to_owned(), at.clone());
        match name {
            "accesslog" if is_set => self.access_log = text(),
            "access_log_format" => self.format = text(),
            "workers" => self.workers = number(value, &at),
            "threads" => self.threads = number(value, &at),
            "worker_class" => self.class = text(),
            "chdir" => self.directory = Some(value.to_owned()),
            "syslog" if is_set => self.syslog = Some(at),
            "raw_env" => self.script_name = script_name(value).map(|prefix| (prefix, at)),
            name if is_set
                && LOGGING.contains(&name)
                && !value.ends_with("glogging.Logger")
                && value != "<Logger()>" =>
            {
                self.logging_config = Some((name.to_owned(), at));
            }
            _ => {}
        }
    }

    /// Applies a configuration file.
    pub(super) fn module(&mut self, module: &Module, file: &Arc<Text>) {
        // Of what other code may assign, only the access log matters.
        let is_read = |name: &str| module.assigns(name) || name.starts_with("access");
        let mut get = |name: &str| {
            let bound = module.get(name).filter(|_| is_read(name))?;
            let text = Arc::clone(file);
            let place = Place {
                text,
                span: bound.span.clone(),
            };
            for assumed in &bound.assumed {
                self.assumptions.push(Assumption {
                    setting: name.to_owned(),
                    assumed: assumed.clone(),
                    place: place.clone(),
                });
            }
            Some((bound, place))
        };
        let (path, format) = (get("accesslog"), get("access_log_format"));
        let (workers, threads, class) = (get("workers"), get("threads"), get("worker_class"));
        if let Some((bound, place)) = path {
            self.access_log = setting(bound, place);
        }
        if let Some((bound, place)) = format {
            self.format = setting(bound, place);
        }
        if let Some((bound, place)) = workers {
            self.workers = count(bound, place);
        }
        if let Some((bound, place)) = threads {
            self.threads = count(bound, place);
        }
        if let Some((bound, place)) = class {
            self.class = setting(bound, place);
        }
        let other = |name: &str| {
            let bound = module.get(name).filter(|_| module.assigns(name))?;
            let text = Arc::clone(file);
            Some((
                bound.value,
                Place {
                    text,
                    span: bound.span,
                },
            ))
        };
        if let Some((Value::Text(directory), _)) = other("chdir") {
            self.directory = Some(self.absolute(&directory));
        }
        if let Some((value, place)) = other("syslog") {
            self.syslog = (value.truth() != Some(false)).then_some(place);
        }
        if let Some((Value::List(list), place)) = other("raw_env") {
            let mut prefixes = list.iter().filter_map(|value| match value {
                Value::Text(text) => text.strip_prefix("SCRIPT_NAME="),
                _ => None,
            });
            if let Some(prefix) = prefixes
                .next_back()
                .filter(|prefix| prefix.starts_with('/'))
            {
                self.script_name = Some((prefix.to_owned(), place));
            }
        }
        for name in LOGGING {
            if let Some((value, place)) = other(name)
                && value.truth() != Some(false)
            {
                self.logging_config = Some((name.to_owned(), place));
            }
        }
    }
}

fn setting(bound: Bound, place: Place) -> Setting {
    match bound.value {
        Value::Text(text) if !text.trim().is_empty() => {
            Setting::Literal(text.trim().to_owned(), place)
        }
        Value::Text(_) | Value::Nothing | Value::Flag(false) => Setting::Unset,
        Value::Path(_) => {
            let why = "gunicorn refuses a `Path`: write `str(…)` around it".to_owned();
            Setting::Dynamic(why, place)
        }
        value => {
            let reason = value.reason();
            let why = reason.unwrap_or_else(|| "it is not a string".to_owned());
            Setting::Dynamic(why, place)
        }
    }
}

fn count(bound: Bound, place: Place) -> Setting<u64> {
    match bound.value {
        Value::Number(count) => match u64::try_from(count) {
            Ok(count) => Setting::Literal(count, place),
            Err(_) => Setting::Dynamic("it is negative".to_owned(), place),
        },
        Value::Text(text) => number(&text, &place),
        value => {
            let reason = value.reason();
            let why = reason.unwrap_or_else(|| "it is not a number".to_owned());
            Setting::Dynamic(why, place)
        }
    }
}

/// Returns the value of `SCRIPT_NAME` in a list of Python's strings.
fn script_name(list: &str) -> Option<String> {
    let (before, value) = list.split_once("SCRIPT_NAME=")?;
    let quote = before
        .chars()
        .last()
        .filter(|last| matches!(last, '"' | '\''))?;
    let (value, _) = value.split_once(quote)?;
    value.starts_with('/').then(|| value.to_owned())
}
