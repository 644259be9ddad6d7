//! Parses the command lines of gunicorn and of other servers of Python's.
//!
//! Invariant: an option whose variables are not known has them in its value.

use super::environment::{Environment, Expander};
use super::settings::Program;

/// The options of a command line that concern logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) program: Program,
    pub(super) access_log: Option<String>,
    pub(super) format: Option<String>,
    pub(super) config: Option<String>,
    pub(super) directory: Option<String>,
    pub(super) is_syslog: bool,
    pub(super) workers: Option<String>,
    pub(super) threads: Option<String>,
    pub(super) worker_class: Option<String>,
    /// First option that configures logging elsewhere.
    pub(super) logging_config: Option<String>,
    /// `SCRIPT_NAME` of the workers' environment.
    pub(super) script_name: Option<String>,
    /// The access log is switched on or off by a flag.
    pub(super) is_on: Option<bool>,
    pub(super) level: Option<String>,
    /// File to which a shell appends the output.
    pub(super) output: Option<String>,
    /// True if a shell passes the output to another program.
    pub(super) is_piped: bool,
    /// A word that stands for options that are not known.
    pub(super) unresolved: Option<String>,
}

/// Returns whether a text is one command that runs a server of Python's.
pub(super) fn is_command(text: &str) -> bool {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next();
    first.is_some_and(|line| lines.next().is_none() && runs_server(line))
}

fn runs_server(line: &str) -> bool {
    let words = Environment::default().words(line, Expander::Shell);
    words.is_some_and(|words| find(&words).is_some())
}

/// Parses a command as a shell reads it, with the variables that it sets itself; `None` if it runs no server or a
/// quote is unclosed.
pub(super) fn shell(text: &str, environment: &mut Environment) -> Option<Options> {
    let text: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect();
    parse(&environment.words(&text, Expander::Shell)?, environment)
}

/// Parses the words of a command; `None` if it runs no server.
pub(super) fn parse(words: &[String], environment: &mut Environment) -> Option<Options> {
    // In `sh -c 'exec gunicorn …'`, the command is a single word.
    if let Some(inner) = words
        .iter()
        .find(|word| word.contains(' ') && runs_server(word))
    {
        let inner = environment.words(inner, Expander::Shell)?;
        return parse(&inner, environment);
    }
    let (before, program, after) = find(words)?;
    for (name, value) in before.iter().filter_map(|word| word.split_once('=')) {
        environment
            .variables
            .insert(name.to_owned(), value.to_owned());
    }
    Some(Options {
        program,
        ..options(program, after)
    })
}

/// Reads options alone, as in `GUNICORN_CMD_ARGS`.
pub(super) fn arguments(text: &str) -> Options {
    let words = Environment::default().words(text, Expander::Shell);
    options(Program::Gunicorn, &words.unwrap_or_default())
}

/// Finds the last part of a shell's command that runs a server: the words before it, the server, and the words after it.
fn find(words: &[String]) -> Option<(&[String], Program, &[String])> {
    let is_end = |word: &String| matches!(&**word, "&&" | "||" | ";") || word.ends_with(';');
    let mut parts = words.split(is_end).filter_map(|part| {
        let program = |word: &String| {
            let name = word.rsplit('/').next().unwrap_or_default();
            let mut all = Program::ALL.into_iter();
            all.find(|program| {
                name == program.name() || name == "gunicorn3" && *program == Program::Gunicorn
            })
        };
        let at = part.iter().position(|word| program(word).is_some())?;
        Some((&part[..at], program(&part[at])?, &part[at + 1..]))
    });
    parts.next_back()
}

fn options(program: Program, words: &[String]) -> Options {
    let mut options = Options::default();
    let mut words = words.iter().map(|word| &**word);
    while let Some(word) = words.next() {
        let shorts = ["-c", "-w", "-k", "-v", "-e"];
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ if word.len() > 2 && shorts.iter().any(|short| word.starts_with(short)) => {
                let (name, value) = word.split_at(2);
                (name, Some(value))
            }
            _ => (word, None),
        };
        let is_gunicorn = program == Program::Gunicorn;
        let mut value = || joined.or_else(|| words.next()).map(str::to_owned);
        match (name, program) {
            ("--access-log" | "--access-logfile", Program::Daphne | Program::Hypercorn)
            | ("--access-logfile", Program::Gunicorn) => options.access_log = value(),
            ("--access-logformat", Program::Gunicorn | Program::Hypercorn)
            | ("--access-log-fmt" | "--access-log-format", Program::Granian) => {
                options.format = value();
            }
            ("--access-log", _) if !is_gunicorn => options.is_on = Some(true),
            ("--no-access-log" | "--no-log", _) if !is_gunicorn => options.is_on = Some(false),
            ("--log-level" | "--verbosity", _) | ("-v", Program::Daphne) => options.level = value(),
            ("-c" | "--config", Program::Gunicorn | Program::Hypercorn) => options.config = value(),
            ("--chdir", Program::Gunicorn) | ("--working-dir", Program::Granian) => {
                options.directory = value();
            }
            ("-w" | "--workers", _) => options.workers = value(),
            ("--threads", Program::Gunicorn) => options.threads = value(),
            ("-k" | "--worker-class", _) => options.worker_class = value(),
            ("-e" | "--env", Program::Gunicorn) => {
                let variable = value().unwrap_or_default();
                if let Some(prefix) = variable.strip_prefix("SCRIPT_NAME=") {
                    options.script_name = Some(prefix.to_owned());
                }
            }
            ("--log-syslog", Program::Gunicorn) => options.is_syslog = true,
            ("--log-config" | "--log-config-json" | "--logger-class", _) => {
                value();
                options
                    .logging_config
                    .get_or_insert_with(|| name.to_owned());
            }
            _ if word == "|" => {
                options.is_piped = true;
                break;
            }
            _ => redirect(word, &mut words, &mut options),
        }
    }
    options
}

/// Reads a redirection of a shell, or a word that may stand for options.
fn redirect<'w>(word: &'w str, words: &mut impl Iterator<Item = &'w str>, options: &mut Options) {
    let output = ["1>>", "&>>", ">>", "1>", "&>", ">"];
    if let Some(path) = output.into_iter().find_map(|sign| word.strip_prefix(sign)) {
        let path = if path.is_empty() {
            words.next().unwrap_or_default()
        } else {
            path
        };
        if !path.starts_with('&') {
            options.output = Some(path.to_owned());
        }
    } else if word.starts_with('$') {
        options.unresolved.get_or_insert_with(|| word.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Option<Options> {
        shell(text, &mut Environment::default())
    }

    #[test]
    fn options_are_parsed_in_every_notation() {
        let check = |text: &str, access: &str, format: &str, config: &str| {
            let found = command(text).unwrap();
            let shown = |value: &Option<String>| value.clone().unwrap_or_default();
            assert_eq!(
                (
                    shown(&found.access_log),
                    shown(&found.format),
                    shown(&found.config)
                ),
                (access.to_owned(), format.to_owned(), config.to_owned()),
                "{text}"
            );
        };
        check("gunicorn -w 3 shop.wsgi", "", "", "");
        check("gunicorn -c a.py --access-logfile - x", "-", "", "a.py");
        check(
            "/v/bin/gunicorn --access-logfile=/a\\ b --access-logformat '%(h)s \"%(r)s\"' -ca.py",
            "/a b",
            "%(h)s \"%(r)s\"",
            "a.py",
        );
        check("sh -c 'exec gunicorn --config=b.py x'", "", "", "b.py");
        check(
            "cd /srv/gunicorn && . v; exec gunicorn -c b.py x",
            "",
            "",
            "b.py",
        );
        check(
            "python -m gunicorn -u gunicorn -c /etc/gunicorn",
            "",
            "",
            "/etc/gunicorn",
        );
        assert_eq!(command("gunicorn 'x"), None);
        assert!(is_command("# c\ngunicorn \\\n -b x\n") && !is_command("import gunicorn\na = 1"));
    }

    #[test]
    fn shells_redirect_the_output() {
        let check = |text: &str, output: Option<&str>, is_piped: bool| {
            let found = command(text).unwrap();
            assert_eq!(
                (found.output.as_deref(), found.is_piped),
                (output, is_piped),
                "{text}"
            );
        };
        check("gunicorn x >> /a 2>&1", Some("/a"), false);
        check("gunicorn x >/a", Some("/a"), false);
        check("gunicorn x 2>> /b", None, false);
        check("gunicorn x | logger", None, true);
    }

    #[test]
    fn servers_are_told_apart() {
        let check = |text: &str, program: Program, access: Option<&str>, is_on: Option<bool>| {
            let found = command(text).unwrap();
            assert_eq!(
                (found.program, found.access_log.as_deref(), found.is_on),
                (program, access, is_on),
                "{text}"
            );
        };
        check(
            "uvicorn a:b --no-access-log",
            Program::Uvicorn,
            None,
            Some(false),
        );
        check(
            "v/bin/granian --access-log a:b",
            Program::Granian,
            None,
            Some(true),
        );
        check(
            "daphne --access-log /a a:b",
            Program::Daphne,
            Some("/a"),
            None,
        );
        check(
            "env A=b hypercorn --access-logfile - a:b",
            Program::Hypercorn,
            Some("-"),
            None,
        );
    }
}
