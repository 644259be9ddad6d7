//! What gunicorn's configuration says of its access log.
//!
//! Invariant: a command line overrules `GUNICORN_CMD_ARGS`, and that the configuration file; what
//! only running it would tell is untold, never guessed.

mod command;
mod literal;
mod python;

use std::ops::Range;
use std::sync::Arc;

use super::Files;
use crate::diag::{Fault, Place, Report, Text};
use command::Options;
use python::Value;

/// What gunicorn writes where nobody says otherwise (`gunicorn/config.py`, `AccessLogFormat`).
pub(super) const FORMAT: &str = "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"";

/// What a setting is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// gunicorn's default holds.
    #[default]
    Unset,
    /// This text.
    Told(String, Place),
    /// What running the configuration would tell.
    Untold(Place),
}

/// What gunicorn logs.
#[derive(Clone, Debug, Default)]
pub struct Gunicorn {
    /// Where its access log goes; `-` is standard output.
    pub access_log: Setting,
    /// `access_log_format`.
    pub format: Setting,
    /// Where the access log is sent to syslog.
    pub syslog: Option<Place>,
    /// What sets up logging elsewhere, and may change all of this.
    pub elsewhere: Option<(String, Place)>,
    /// Where relative paths begin, if that is known.
    pub directory: Option<String>,
    /// The unit that runs it, by its file's name.
    pub unit: Option<String>,
}

/// Reads a `gunicorn.conf.py`, a systemd unit or a command line, whichever it is, and the
/// configuration file that a command names. What cannot be read goes to the report.
pub fn read(path: &str, content: String, files: &dyn Files, report: &mut Report) -> Gunicorn {
    let text = Arc::new(Text {
        name: path.to_owned(),
        content,
    });
    let mut gunicorn = Gunicorn::default();
    if command::is_unit(&text.content) {
        let name = path.rsplit('/').next().unwrap_or(path);
        gunicorn.unit = Some(name.to_owned());
        let unit = command::unit(&text.content);
        gunicorn.directory.clone_from(&unit.directory);
        let Some((options, span)) = unit.commands.first() else {
            report.push(Fault::error(format!(
                "no `ExecStart=` of {path} runs gunicorn"
            )));
            return gunicorn;
        };
        let place = place(&text, span.clone());
        let layers = [options, &unit.environment];
        gunicorn.run(layers, &place, files, report);
    } else if !is_python(path) && command::is_command(&text.content) {
        let place = place(&text, 0..text.content.trim_end().len());
        match command::command(&text.content) {
            Some(options) => gunicorn.run([&options, &Options::default()], &place, files, report),
            None => report.push(Fault::error("a quote that is never closed").at(place)),
        }
    } else {
        gunicorn.python(&text);
    }
    gunicorn
}

fn is_python(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "py")
}

fn place(text: &Arc<Text>, span: Range<usize>) -> Place {
    Place {
        text: Arc::clone(text),
        span,
    }
}

impl Gunicorn {
    /// What a command does; the first of the layers overrules the second, both the file.
    fn run(&mut self, layers: [&Options; 2], at: &Place, files: &dyn Files, report: &mut Report) {
        let first = |pick: fn(&Options) -> &Option<String>| {
            layers.into_iter().find_map(|options| pick(options).clone())
        };
        if let Some(directory) = first(|options| &options.directory) {
            self.directory = Some(match &self.directory {
                Some(base) if !directory.starts_with('/') => format!("{base}/{directory}"),
                _ => directory,
            });
        }
        self.file(first(|options| &options.config), at, files, report);
        let told = |text: String| {
            if text.contains('$') {
                Setting::Untold(at.clone())
            } else {
                Setting::Told(text, at.clone())
            }
        };
        if let Some(path) = first(|options| &options.access_log) {
            self.access_log = told(path);
        }
        if let Some(format) = first(|options| &options.format) {
            self.format = told(format);
        }
        if layers.iter().any(|options| options.is_syslog) {
            self.syslog = Some(at.clone());
        }
        if let Some(option) = first(|options| &options.elsewhere) {
            self.elsewhere = Some((option, at.clone()));
        }
    }

    /// Reads the configuration file of a command; without one, `gunicorn.conf.py` where it runs, if
    /// there is one.
    fn file(&mut self, named: Option<String>, at: &Place, files: &dyn Files, report: &mut Report) {
        let is_named = named.is_some();
        let named = named.unwrap_or_else(|| "gunicorn.conf.py".to_owned());
        let name = named.strip_prefix("file:").unwrap_or(&named);
        let path = match &self.directory {
            Some(directory) if !name.starts_with('/') => format!("{directory}/{name}"),
            _ => name.to_owned(),
        };
        match files.read(&path) {
            Ok(content) => self.python(&Arc::new(Text {
                name: path,
                content,
            })),
            Err(why) if is_named => report.push(
                Fault::warning(format!(
                    "cannot read {path}, which this command names: {why}"
                ))
                .at(at.clone())
                .help("give it alone: --gunicorn-config gunicorn.conf.py"),
            ),
            Err(_) => {}
        }
    }

    fn python(&mut self, text: &Arc<Text>) {
        for assignment in python::assignments(&text.content) {
            let at = place(text, assignment.span);
            let setting = |value: Value| match value {
                Value::Text(text) if text.is_empty() => Setting::Unset,
                Value::Text(text) => Setting::Told(text, at.clone()),
                Value::Nothing => Setting::Unset,
                Value::Yes | Value::Untold => Setting::Untold(at.clone()),
            };
            let is_nothing = assignment.value == Value::Nothing;
            match &*assignment.name {
                "accesslog" => self.access_log = setting(assignment.value),
                "access_log_format" => self.format = setting(assignment.value),
                "syslog" => self.syslog = (!is_nothing).then_some(at),
                "chdir" => {
                    if let Value::Text(directory) = assignment.value {
                        self.directory = Some(directory);
                    }
                }
                name @ ("logconfig" | "logconfig_dict" | "logconfig_json" | "logger_class")
                    if !is_nothing =>
                {
                    self.elsewhere = Some((name.to_owned(), at));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Dump;

    /// The access log and its format.
    fn read_text(path: &str, content: &str) -> (String, String, usize) {
        let files = Dump::read(
            "# configuration file /srv/g.py:\naccesslog = '/file'\naccess_log_format = '%(s)s'\n",
        );
        let mut report = Report::default();
        let found = read(path, content.to_owned(), &files.unwrap(), &mut report);
        let shown = |setting: &Setting| match setting {
            Setting::Unset => "unset".to_owned(),
            Setting::Told(text, _) => text.clone(),
            Setting::Untold(place) => format!("untold:{}", place.line_and_column().0),
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
            "untold:2",
            "unset",
        );
        check(
            "g.py",
            "accesslog = '-'\nif x:\n  accesslog = None\n",
            "untold:3",
            "unset",
        );
        check("g.py", "accesslog = None\n", "unset", "unset");
    }

    #[test]
    fn a_command_overrules_its_file() {
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
        check("-", "gunicorn --access-logfile $LOG x", "untold:1", "unset");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert_eq!(read_text("-", "gunicorn -c /none.py x").2, 1);
        assert_eq!(
            read_text("g.service", "[Service]\nExecStart=/bin/true\n").2,
            1
        );
    }
}
