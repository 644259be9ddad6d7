//! Reads the access log from the configuration of gunicorn, or of another of Python's servers.
//!
//! Invariant: the command line overrides `GUNICORN_CMD_ARGS`, which overrides the configuration file.
//! Values that only running code would give are dynamic, never guessed.

mod apply;
mod command;
mod environment;
mod printed;
mod python;
mod settings;
mod unit;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Files;
use crate::diag::{Fault, Place, Report, Text};
use command::Options;
use environment::Environment;
use python::Surroundings;

pub use settings::{Assumed, Assumption, Gunicorn, Program, Setting};

/// gunicorn's default format (`gunicorn/config.py`, `AccessLogFormat`).
pub(super) const FORMAT: &str = "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"";

/// Returns whether a text is one command that runs a server of Python's.
pub fn is_command(text: &str) -> bool {
    command::is_command(text)
}

/// Reads a `gunicorn.conf.py`, the output of `gunicorn --print-config`, a systemd unit or a command line, and the
/// configuration file that a command names. Errors go to the report.
pub fn read(path: &str, content: String, files: &dyn Files, report: &mut Report) -> Gunicorn {
    let name = path.to_owned();
    let text = Arc::new(Text { name, content });
    let mut reader = Reader {
        gunicorn: Gunicorn::default(),
        environment: Environment::default(),
        files,
        report,
    };
    if unit::is_unit(&text.content) {
        reader.unit(&text);
    } else if printed::is_printed(&text.content) {
        for (name, value, span) in printed::settings(&text.content) {
            let place = place(&text, span);
            reader.gunicorn.printed(name, value, place);
        }
    } else if Path::new(path).extension().is_none_or(|end| end != "py")
        && command::is_command(&text.content)
    {
        let at = place(&text, 0..text.content.trim_end().len());
        match command::shell(&text.content, &mut reader.environment) {
            Some(options) => reader.run(&options, &at),
            None => reader.report.push(Fault::error("unclosed quote").at(at)),
        }
    } else {
        reader.gunicorn.open = Some("the command line or GUNICORN_CMD_ARGS".to_owned());
        reader.python(&text);
    }
    reader.gunicorn
}

fn place(text: &Arc<Text>, span: Range<usize>) -> Place {
    let text = Arc::clone(text);
    Place { text, span }
}

struct Reader<'r> {
    gunicorn: Gunicorn,
    environment: Environment,
    files: &'r dyn Files,
    report: &'r mut Report,
}

impl Reader<'_> {
    fn unit(&mut self, text: &Arc<Text>) {
        let path = &text.name;
        let name = path.rsplit('/').next().unwrap_or(path);
        if name != "-" {
            self.gunicorn.unit = Some(name.to_owned());
        }
        let unit = unit::unit(&text.content, self.files);
        self.environment = unit.environment;
        self.gunicorn.directory = unit.directory;
        self.gunicorn.output = unit.output;
        for (path, why, span) in unit.unread {
            let message = format!("cannot read {path}, which sets the environment: {why}");
            let fault = Fault::warning(message).at(place(text, span));
            self.report
                .push(fault.help("run init where it can be read, as root if need be"));
        }
        let prefix = self.environment.variables.get("SCRIPT_NAME");
        if let (Some(prefix), Some(span)) = (prefix, unit.script_name)
            && prefix.starts_with('/')
        {
            self.gunicorn.script_name = Some((prefix.clone(), place(text, span)));
        }
        if let Some((options, span)) = unit.command {
            self.run(&options, &place(text, span));
        } else {
            let message = format!("no `ExecStart=` of {path} runs gunicorn");
            let help =
                "init reads the command lines of gunicorn, uvicorn, Granian, Daphne and Hypercorn";
            self.report.push(Fault::error(message).help(help));
        }
    }

    /// Applies a command. It overrides `GUNICORN_CMD_ARGS`, and both override the file.
    fn run(&mut self, options: &Options, at: &Place) {
        self.gunicorn.program = options.program;
        self.gunicorn.open = options.unresolved.as_ref().map(|word| format!("`{word}`"));
        if !self.environment.is_whole && self.gunicorn.open.is_none() {
            self.gunicorn.open = Some("the environment".to_owned());
        }
        if options.program != Program::Gunicorn {
            self.gunicorn.other_server(options, at);
            return;
        }
        let variables = &self.environment.variables;
        let of_environment = variables.get("GUNICORN_CMD_ARGS");
        let of_environment = of_environment.map(|text| command::arguments(text));
        let layers = [of_environment.unwrap_or_default(), options.clone()];
        if let Some(workers) = variables.get("WEB_CONCURRENCY") {
            self.gunicorn.workers = apply::number(workers, at);
        } else if self.environment.is_whole {
            self.gunicorn.workers = Setting::Literal(1, at.clone());
        }
        for layer in &layers {
            if let Some(directory) = &layer.directory {
                self.gunicorn.directory = Some(self.gunicorn.absolute(directory));
            }
        }
        let config = layers
            .iter()
            .rev()
            .find_map(|layer| layer.config.as_deref());
        self.file(config, at);
        for layer in &layers {
            self.gunicorn.apply(layer, at);
        }
    }

    /// Reads the configuration file of a command, by default `gunicorn.conf.py` in its directory.
    fn file(&mut self, named: Option<&str>, at: &Place) {
        let path = named.unwrap_or("gunicorn.conf.py");
        let path = path.strip_prefix("file:").unwrap_or(path);
        let path = match path.strip_prefix("python:") {
            Some(module) => format!("{}.py", module.replace('.', "/")),
            None => path.to_owned(),
        };
        let name = self.gunicorn.absolute(&path);
        match self.files.read(&name) {
            Ok(content) => self.python(&Arc::new(Text { name, content })),
            Err(why) => {
                let open = &mut self.gunicorn.open;
                if named.is_some() {
                    let message = format!("cannot read {name}, which this command names: {why}");
                    let help = "pass it directly: --gunicorn-config gunicorn.conf.py";
                    self.report
                        .push(Fault::warning(message).at(at.clone()).help(help));
                    open.get_or_insert(name);
                } else if self.gunicorn.directory.is_none() {
                    open.get_or_insert_with(|| {
                        "a gunicorn.conf.py where gunicorn starts".to_owned()
                    });
                }
            }
        }
    }

    fn python(&mut self, text: &Arc<Text>) {
        let is_named = text.name != "-";
        let surroundings = Surroundings {
            variables: self.environment.variables.clone(),
            is_whole: self.environment.is_whole,
            file: is_named.then(|| text.name.clone()),
            directory: self.gunicorn.directory.clone(),
            processors: self.files.processors(),
        };
        let module = python::read(&text.content, &surroundings);
        self.gunicorn.module(&module, text);
    }
}

#[cfg(test)]
mod tests;
