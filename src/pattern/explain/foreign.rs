//! Lines that are not the server's access log as the server writes it.
//!
//! Invariant: as in [`super::cause`].

use std::ops::Range;

use super::super::{Dialect, Reject, presets};
use super::cause::{Case, Cause, Diagnosis, say};
use super::outline::Kind;
use super::{Stop, looks};

/// The account of a line too long to be looked at.
pub(super) fn overlong(limit: usize, length: usize) -> Stop {
    Stop {
        span: limit..length,
        after: None,
        expected: "the end of the line".to_owned(),
        cause: Cause::Overlong,
        because: format!("the line is longer than {limit} bytes"),
        remedy: "longer lines are counted as rejected, reason `overlong`; limits.line_bytes raises the limit".to_owned(),
        nearest: None,
    }
}

/// The account of a line that is read (by this pattern) but for its header.
pub(super) fn syslog(header: Range<usize>, expected: String, reader: &str) -> Stop {
    Stop {
        span: header,
        after: None,
        expected,
        cause: Cause::Syslog,
        because: "a syslog header (time, host, program) stands before the line".to_owned(),
        remedy: format!(
            "`{reader}` reads what follows it: let the server write a file of its own, or the collector only the message"
        ),
        nearest: None,
    }
}

pub(super) fn empty(case: &Case<'_>) -> Option<Diagnosis> {
    if case.line.is_empty() {
        return Some(say(
            Cause::Empty,
            "nothing stands in the line",
            "nothing to do: empty lines are skipped, not rejected",
        ));
    }
    case.line.trim_ascii().is_empty().then(|| {
        say(
            Cause::Empty,
            "nothing but blanks stands in the line",
            "look at what writes it: only lines without any byte are skipped",
        )
    })
}

pub(super) fn number(case: &Case<'_>) -> Option<Diagnosis> {
    (case.reject == Reject::Number).then_some(())?;
    Some(say(
        Cause::Number,
        "the number does not fit 64 bits",
        "no server writes such a number: look at what wrote the line",
    ))
}

pub(super) fn binary(case: &Case<'_>) -> Option<Diagnosis> {
    if case.line.starts_with(b"\x1f\x8b") {
        return Some(say(
            Cause::Binary,
            "this is the start of a gzip file",
            "`replay` reads .gz files; a log that is followed must be plain text (no `gzip=` in access_log)",
        ));
    }
    looks::is_binary(case.line).then_some(())?;
    Some(say(
        Cause::Binary,
        "most of this is not text",
        "is it an access log? NUL bytes are left by a crash, or by a log truncated while a server writes on",
    ))
}

pub(super) fn keyed(case: &Case<'_>) -> Option<Diagnosis> {
    let body = case.line;
    let (found, notation, key) =
        if body.trim_ascii_start().starts_with(b"{") && !case.reader.outline.may_begin_with('{') {
            (Cause::Json, "JSON", "json")
        } else if looks::is_ltsv(body) && !is_tabbed(case) {
            (Cause::Ltsv, "LTSV (`label:value`, split by tabs)", "ltsv")
        } else {
            return None;
        };
    let remedy = if body.starts_with(b"{\"log\":") {
        "Docker wraps lines so: follow the file that the server writes, or pipe `docker logs` in"
            .to_owned()
    } else if let Some(take) = case.take() {
        take
    } else if let Some(preset) = presets().iter().find(|preset| preset.name.ends_with(key)) {
        format!(
            "compare it with `{}` (httplog-exporter patterns {0}), or name its keys in a pattern of your own",
            preset.name
        )
    } else {
        "let the server write a text format as well: an access_log of its own for this exporter"
            .to_owned()
    };
    Some(say(
        found,
        format!(
            "the line is {notation}, and `{}` reads text",
            case.reader.pattern.name()
        ),
        remedy,
    ))
}

/// Whether the pattern itself has tabs.
fn is_tabbed(case: &Case<'_>) -> bool {
    let mut pieces = case.reader.outline.pieces.iter();
    pieces.any(|piece| matches!(&piece.kind, Kind::Literal(literal) if literal.contains('\t')))
}

pub(super) fn other_log(case: &Case<'_>) -> Option<Diagnosis> {
    let program = looks::other_log(case.line).filter(|_| case.preset.is_none())?;
    let remedy = if program.contains("runserver") {
        "it is not meant for production and logs no times: run gunicorn, and follow its access log"
    } else {
        "only access logs are counted: follow the access log's own file, and let errors go to another"
    };
    Some(say(
        Cause::OtherLog,
        format!("this is no access log; it looks like {program}"),
        remedy,
    ))
}

pub(super) fn stray(case: &Case<'_>) -> Option<Diagnosis> {
    if case.line.contains(&0x1b) {
        return Some(say(
            Cause::Stray,
            "colours for a terminal are in the line",
            "switch them off: uvicorn --no-use-colors, or `tty: false` for the container",
        ));
    }
    (case.rest().trim_ascii().is_empty() && case.rest().contains(&b'\r')).then_some(())?;
    Some(say(
        Cause::Stray,
        "a carriage return stands at the end of the line",
        "in a file that is no fault; here, leave it out",
    ))
}

pub(super) fn before(case: &Case<'_>) -> Option<Diagnosis> {
    /// Words that may stand before a line.
    const WORDS: usize = 12;
    let mut starts = looks::word_starts(case.line).take(WORDS).enumerate();
    let (words, start) = starts.find(|(_, start)| case.reader.reads(&case.line[*start..]))?;
    let is_host = words == 0
        && !case.line[..start]
            .iter()
            .any(|byte| b"<>{}[]\"/=".contains(byte));
    if !is_host {
        return Some(say(
            Cause::Before,
            "something stands before the part that the pattern reads",
            "was it put there by a container's log driver, `docker compose logs` or the like? follow the file that the server writes",
        ));
    }
    let remedy = match case.reader.pattern.dialect() {
        Dialect::Nginx => {
            "begin the format with what stands there: `$host `, `$host:$server_port ` or `$http_x_forwarded_for `"
        }
        Dialect::Gunicorn => {
            "begin the format with what stands there: `%({host}i)s ` or `%({x-forwarded-for}i)s `"
        }
        Dialect::Apache => "begin the format with what stands there: `%v ` or `%v:%p `",
        Dialect::Json | Dialect::Ltsv => "let the server write the line alone",
        Dialect::Regex => "begin the expression with it: `^(?<host>[^ ]+) …`",
    };
    Some(say(
        Cause::Before,
        "a virtual host, or another address, stands before the part that the pattern reads",
        remedy,
    ))
}
