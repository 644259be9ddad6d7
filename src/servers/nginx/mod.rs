//! What nginx's configuration says of access logs.
//!
//! Invariant: a log is listed exactly if some request of some server may be written to it.

mod access;
mod handed;
mod logs;
mod lua;
mod token;
mod tree;

use crate::diag::{Place, Report};

use super::Files;
use token::{Lexer, Token};

pub use handed::{Change, Handed};

/// All that nginx logs.
#[derive(Clone, Debug, Default)]
pub struct Nginx {
    /// Each target and format once, in the order of the configuration.
    pub logs: Vec<Log>,
    /// Blocks whose requests are in no log: the first words, and where.
    pub unlogged: Vec<(String, Place)>,
    /// Whether an id is passed on with each request, as `X-Request-ID`.
    pub passes_request_id: bool,
}

/// One access log.
#[derive(Clone, Debug)]
pub struct Log {
    /// Where lines go.
    pub target: Target,
    /// How they are written.
    pub format: Format,
    /// The names of the servers that write it.
    pub servers: Vec<String>,
    /// What `if=` asks, where it is given: only those requests are written.
    pub conditions: Vec<String>,
    /// Paths to which the same requests are written.
    pub beside: Vec<String>,
    /// What becomes of the paths of its requests where they are handed on; each once.
    pub handed: Vec<Handed>,
    /// Whether `buffer=` or `flush=` may hold lines back.
    pub is_buffered: bool,
    /// The `access_log`; `None` where nginx logs without being told.
    pub place: Option<Place>,
    /// Places of other `access_log`s that say the same.
    pub others: Vec<Place>,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path, perhaps with variables.
    File(String),
    /// `gzip=`: a path whose bytes are no text.
    Compressed(String),
    /// The parameters behind `syslog:`.
    Syslog(String),
}

/// A `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its name.
    pub name: String,
    /// The value of `escape=`, where it is given.
    pub escape: Option<String>,
    /// Its strings, joined.
    pub text: String,
    /// Where it stands; `None` for `combined`.
    pub place: Option<Place>,
}

impl Format {
    /// nginx's own format (`src/http/modules/ngx_http_log_module.c`).
    pub fn combined() -> Self {
        Self {
            name: "combined".to_owned(),
            escape: None,
            text: "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                   $body_bytes_sent \"$http_referer\" \"$http_user_agent\""
                .to_owned(),
            place: None,
        }
    }

    /// The first `log_format` of a text that begins with one.
    pub fn parse(directive: &str) -> Option<Self> {
        let Ok(Token::Simple(words)) = Lexer::new(directive).next() else {
            return None;
        };
        let words: Vec<&str> = words.iter().map(|word| &*word.text).collect();
        match words.split_first() {
            Some((&"log_format", parameters)) => Self::of(parameters, None),
            _ => None,
        }
    }

    /// Of the parameters of a `log_format`; `None` if there are too few.
    fn of(parameters: &[&str], place: Option<Place>) -> Option<Self> {
        let (name, rest) = parameters.split_first()?;
        let escape = rest.first().and_then(|first| first.strip_prefix("escape="));
        let strings = &rest[usize::from(escape.is_some())..];
        (!strings.is_empty()).then(|| Self {
            name: (*name).to_owned(),
            escape: escape.map(str::to_owned),
            text: strings.concat(),
            place,
        })
    }

    /// The directive that says this.
    pub fn directive(&self) -> String {
        let text = self.text.replace('\\', "\\\\").replace('\'', "\\'");
        let escape = self.escape.as_ref();
        let escape = escape.map_or(String::new(), |escape| format!("escape={escape} "));
        format!("log_format {} {escape}'{text}';", self.name)
    }
}

/// Reads the configuration whose main file is at `path`; `prefix` is what relative paths of logs
/// begin at. What nginx would refuse goes to the report.
pub fn read(path: &str, prefix: &str, files: &dyn Files, report: &mut Report) -> Nginx {
    let tree = tree::read(path, files, report);
    logs::read(&tree, prefix, report)
}

#[cfg(test)]
mod tests;
