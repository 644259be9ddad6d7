//! Reads the access log from gunicorn's configuration.
//!
//! Invariant: the command line overrides `GUNICORN_CMD_ARGS`, which overrides the configuration file.
//! Values that only code computes are dynamic, never guessed.

mod command;
mod literal;
mod python;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Files;
use crate::diag::{Fault, Place, Report, Text};
use command::Options;
use python::Value;

/// gunicorn's default format (`gunicorn/config.py`, `AccessLogFormat`).
pub(super) const FORMAT: &str = "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"";

/// Classes of workers that handle one request for each thread.
const SYNCHRONOUS: [&str; 2] = ["sync", "gthread"];

/// The value of a setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// gunicorn's default applies.
    #[default]
    Unset,
    /// A string literal.
    Literal(String, Place),
    /// A value that is only known at run time.
    Dynamic(Place),
}

/// gunicorn's settings for its access log.
#[derive(Clone, Debug, Default)]
pub struct Gunicorn {
    /// Path of the access log; `-` is standard output.
    pub access_log: Setting,
    /// Value of `access_log_format`.
    pub format: Setting,
    /// Place of the setting that sends the access log to syslog.
    pub syslog: Option<Place>,
    /// Setting that configures logging elsewhere, and may override the others.
    pub logging_config: Option<(String, Place)>,
    /// Directory to which relative paths refer, if known.
    pub directory: Option<String>,
    /// `SCRIPT_NAME` of the environment: the prefix of the site, which its URLconf does not see.
    pub script_name: Option<(String, Place)>,
    /// Number of workers; `None` if it is not a literal.
    pub workers: Option<u64>,
    /// Number of threads of each worker, if it is set; `Some(None)` if it is not a literal.
    pub threads: Option<Option<u64>>,
    /// True if the workers handle any number of requests at once, or are of a class that is not known.
    pub is_asynchronous: bool,
    /// File name of the systemd unit that runs gunicorn.
    pub unit: Option<String>,
}

/// Reads a `gunicorn.conf.py`, a systemd unit or a command line, and the configuration file that a
/// command names. Errors go to the report.
pub fn read(path: &str, content: String, files: &dyn Files, report: &mut Report) -> Gunicorn {
    let name = path.to_owned();
    let text = Arc::new(Text { name, content });
    let mut gunicorn = Gunicorn::default();
    if command::is_unit(&text.content) {
        let name = path.rsplit('/').next().unwrap_or(path);
        gunicorn.unit = Some(name.to_owned());
        let unit = command::unit(&text.content);
        gunicorn.directory.clone_from(&unit.directory);
        if let Some((prefix, span)) = &unit.script_name {
            gunicorn.script_name = Some((prefix.clone(), place(&text, span.clone())));
        }
        let Some((options, span)) = unit.commands.first() else {
            let message = format!("no `ExecStart=` of {path} runs gunicorn");
            report.push(Fault::error(message));
            return gunicorn;
        };
        let place = place(&text, span.clone());
        let layers = [options, &unit.environment];
        gunicorn.run(layers, &place, files, report);
    } else if Path::new(path).extension().is_none_or(|end| end != "py")
        && command::is_command(&text.content)
    {
        let place = place(&text, 0..text.content.trim_end().len());
        match command::command(&text.content) {
            Some(options) => gunicorn.run([&options, &Options::default()], &place, files, report),
            None => report.push(Fault::error("unclosed quote").at(place)),
        }
    } else {
        gunicorn.python(&text);
    }
    gunicorn
}

fn place(text: &Arc<Text>, span: Range<usize>) -> Place {
    let text = Arc::clone(text);
    Place { text, span }
}

impl Gunicorn {
    /// Returns the workers and the threads of each, if both are known.
    pub(super) fn capacity(&self) -> Option<(u64, u64)> {
        let threads = self.threads.unwrap_or(Some(1))?;
        let capacity = (self.workers?, threads);
        let is_usual = |number: u64| (1..=10_000).contains(&number);
        (!self.is_asynchronous && is_usual(capacity.0) && is_usual(capacity.1)).then_some(capacity)
    }

    /// Returns a path, in the directory of gunicorn if that is known.
    pub(super) fn absolute(&self, path: &str) -> String {
        match &self.directory {
            Some(directory) if !path.starts_with('/') => format!("{directory}/{path}"),
            _ => path.to_owned(),
        }
    }

    /// Applies a command. The first layer overrides the second, and both override the file.
    fn run(&mut self, layers: [&Options; 2], at: &Place, files: &dyn Files, report: &mut Report) {
        let first = |pick: fn(&Options) -> &Option<String>| {
            layers.into_iter().find_map(|options| pick(options).clone())
        };
        if let Some(directory) = first(|options| &options.directory) {
            self.directory = Some(self.absolute(&directory));
        }
        let config = first(|options| &options.config);
        self.file(config.as_deref(), at, files, report);
        if let Some(workers) = first(|options| &options.workers) {
            self.workers = workers.parse().ok();
        }
        if let Some(threads) = first(|options| &options.threads) {
            self.threads = Some(threads.parse().ok());
        }
        if let Some(class) = first(|options| &options.worker_class) {
            self.is_asynchronous = !SYNCHRONOUS.contains(&&*class);
        }
        let setting = |text: String| {
            if text.contains('$') {
                Setting::Dynamic(at.clone())
            } else {
                Setting::Literal(text, at.clone())
            }
        };
        if let Some(path) = first(|options| &options.access_log) {
            self.access_log = setting(path);
        }
        if let Some(format) = first(|options| &options.format) {
            self.format = setting(format);
        }
        if layers.iter().any(|options| options.is_syslog) {
            self.syslog = Some(at.clone());
        }
        if let Some(option) = first(|options| &options.logging_config) {
            self.logging_config = Some((option, at.clone()));
        }
    }

    /// Reads the configuration file of a command, by default `gunicorn.conf.py` in its directory.
    fn file(&mut self, named: Option<&str>, at: &Place, files: &dyn Files, report: &mut Report) {
        let path = named.unwrap_or("gunicorn.conf.py");
        let name = self.absolute(path.strip_prefix("file:").unwrap_or(path));
        match files.read(&name) {
            Ok(content) => self.python(&Arc::new(Text { name, content })),
            Err(why) if named.is_some() => {
                let message = format!("cannot read {name}, which this command names: {why}");
                let help = "pass it directly: --gunicorn-config gunicorn.conf.py";
                report.push(Fault::warning(message).at(at.clone()).help(help));
            }
            Err(_) => {}
        }
    }

    fn python(&mut self, text: &Arc<Text>) {
        for assignment in python::assignments(&text.content) {
            let at = place(text, assignment.span);
            let setting = |value: Value| match value {
                Value::Text(text) if !text.is_empty() => Setting::Literal(text, at.clone()),
                Value::Text(_) | Value::Nothing => Setting::Unset,
                Value::Number(_) | Value::Dynamic => Setting::Dynamic(at.clone()),
            };
            let is_nothing = assignment.value == Value::Nothing;
            match &*assignment.name {
                "accesslog" => self.access_log = setting(assignment.value),
                "access_log_format" => self.format = setting(assignment.value),
                "workers" => self.workers = number(&assignment.value),
                "threads" => self.threads = Some(number(&assignment.value)),
                "worker_class" => {
                    let is_known =
                        |class: &&str| assignment.value == Value::Text((*class).to_owned());
                    self.is_asynchronous = !SYNCHRONOUS.iter().any(is_known);
                }
                "raw_env" => {
                    let text = at.text.content.get(at.span.clone()).unwrap_or_default();
                    if let Some(prefix) = script_name(text) {
                        self.script_name = Some((prefix, at));
                    }
                }
                "syslog" => self.syslog = (!is_nothing).then_some(at),
                "chdir" => {
                    if let Value::Text(directory) = assignment.value {
                        self.directory = Some(directory);
                    }
                }
                name @ ("logconfig" | "logconfig_dict" | "logconfig_json" | "logger_class")
                    if !is_nothing =>
                {
                    self.logging_config = Some((name.to_owned(), at));
                }
                _ => {}
            }
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => Some(*number),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Dump;

    /// Returns the access log, its format and the number of faults.
    fn read_text(path: &str, content: &str) -> (String, String, usize) {
        let files = Dump::read(
            "# configuration file /srv/g.py:\naccesslog = '/file'\naccess_log_format = '%(s)s'\n",
        );
        let mut report = Report::default();
        let found = read(path, content.to_owned(), &files.unwrap(), &mut report);
        let shown = |setting: &Setting| match setting {
            Setting::Unset => "unset".to_owned(),
            Setting::Literal(text, _) => text.clone(),
            Setting::Dynamic(place) => format!("dynamic:{}", place.line_and_column().0),
        };
        (
            shown(&found.access_log),
            shown(&found.format),
            report.faults().len(),
        )
    }

    #[track_caller]
    fn check(path: &str, content: &str, access: &str, format: &str) {
        let expected = (access.to_owned(), format.to_owned(), 0);
        assert_eq!(read_text(path, content), expected, "{content}");
    }

    #[test]
    fn the_last_assignment_counts() {
        check("g.py", "accesslog = 'a'\naccesslog = \"b\"\n", "b", "unset");
        check(
            "g.py",
            "import os\naccesslog = os.environ['A']\n",
            "dynamic:2",
            "unset",
        );
        check(
            "g.py",
            "accesslog = '-'\nif x:\n  accesslog = None\n",
            "dynamic:3",
            "unset",
        );
        check("g.py", "accesslog = None\n", "unset", "unset");
    }

    #[test]
    fn a_command_overrides_its_file() {
        check("-", "gunicorn -c /srv/g.py x", "/file", "%(s)s");
        check(
            "-",
            "gunicorn -c /srv/g.py --access-logfile - x",
            "-",
            "%(s)s",
        );
        let unit = "[Service]\nWorkingDirectory=/srv\nExecStart=/v/gunicorn -c g.py x\n";
        check("g.service", unit, "/file", "%(s)s");
        check(
            "g.service",
            &format!("{unit}Environment=GUNICORN_CMD_ARGS=--access-logfile=/e\n"),
            "/e",
            "%(s)s",
        );
        check(
            "-",
            "gunicorn --access-logfile $LOG x",
            "dynamic:1",
            "unset",
        );
    }

    #[test]
    fn a_capacity_is_that_of_literal_numbers() {
        let check = |path: &str, content: &str, expected| {
            let files = Dump::read("# configuration file /srv/g.py:\nworkers = 3\nthreads = 2\n");
            let mut report = Report::default();
            let found = read(path, content.to_owned(), &files.unwrap(), &mut report);
            assert_eq!(found.capacity(), expected, "{content}");
        };
        check("g.py", "workers = 5\nthreads = 2\n", Some((5, 2)));
        check(
            "g.py",
            "workers = 5\nworker_class = 'gthread'",
            Some((5, 1)),
        );
        check("g.py", "workers = 2 * cpu_count() + 1\n", None);
        check("g.py", "workers = 5\nthreads = int(x)\n", None);
        check("g.py", "workers = 5\nworker_class = 'gevent'\n", None);
        check("g.py", "workers = 0\n", None);
        check("g.py", "workers = 99999999999999999999\n", None);
        // The environment may have WEB_CONCURRENCY.
        check("g.py", "threads = 2\n", None);
        check("-", "gunicorn -c /srv/g.py x", Some((3, 2)));
        check("-", "gunicorn -c /srv/g.py -w7 --threads=1 x", Some((7, 1)));
        check(
            "-",
            "gunicorn -w 4 -k uvicorn.workers.UvicornWorker x",
            None,
        );
        check("-", "gunicorn --workers $N x", None);
    }

    #[test]
    fn unreadable_configurations_are_reported() {
        assert_eq!(read_text("-", "gunicorn -c /none.py x").2, 1);
        assert_eq!(
            read_text("g.service", "[Service]\nExecStart=/bin/true\n").2,
            1
        );
    }
}
