//! Causes outside the format: lines that are not an access log as the server writes it.

use super::super::{Dialect, Reject};
use super::case::Case;
use super::detect;
use super::outcome::{Cause, Diagnosis};
use super::outline::Kind;

/// Diagnoses a line over the length limit.
pub(super) fn overlong(limit: usize) -> Diagnosis {
    Diagnosis::new(
        Cause::Overlong,
        format!("the line is longer than {limit} bytes"),
        "longer lines are counted as rejected, reason `overlong`; raise limits.line_bytes to accept them",
    )
}

pub(super) fn empty(case: &Case<'_>) -> Option<Diagnosis> {
    let (reason, remedy) = if case.whole.is_empty() {
        (
            "the line is empty",
            "nothing to do: empty lines are skipped, not rejected",
        )
    } else if case.whole.trim_ascii().is_empty() {
        (
            "the line is blank",
            "check what writes it: only lines of 0 bytes are skipped",
        )
    } else {
        return None;
    };
    Some(Diagnosis::new(Cause::Empty, reason, remedy))
}

pub(super) fn skipped(case: &Case<'_>) -> Option<Diagnosis> {
    (case.reject == Reject::Mismatch && case.reader.pattern.skips(case.whole)).then_some(())?;
    Some(Diagnosis::new(
        Cause::Skipped,
        "the line is not a request: it is a message of the server, which the pattern skips",
        "nothing to do: such lines are counted as skipped, not as rejected",
    ))
}

pub(super) fn number(case: &Case<'_>) -> Option<Diagnosis> {
    (case.reject == Reject::Number).then_some(())?;
    let is_whole = case.found().iter().all(u8::is_ascii_digit);
    Some(if is_whole {
        Diagnosis::new(
            Cause::Number,
            "the number does not fit in 64 bits",
            "servers do not write such numbers: check what wrote the line",
        )
    } else {
        Diagnosis::new(
            Cause::Number,
            "this is not a number",
            "let the group match a number alone: digits, with or without decimals",
        )
    })
}

pub(super) fn binary(case: &Case<'_>) -> Option<Diagnosis> {
    let (reason, remedy) = if case.line.starts_with(b"\x1f\x8b") {
        (
            "this is the start of a gzip file",
            "`replay` reads .gz files; a followed log must be plain text (no `gzip=` in access_log)",
        )
    } else if detect::is_binary(case.line) {
        (
            "most of the line is not text",
            "check that this is an access log; NUL bytes are left by a crash, or by truncating a log while the server writes to it",
        )
    } else {
        return None;
    };
    Some(Diagnosis::new(Cause::Binary, reason, remedy))
}

pub(super) fn container(case: &Case<'_>) -> Option<Diagnosis> {
    let line = case.whole;
    let has_stream = memchr::memmem::find(line, b"\"stream\":").is_some();
    let is_dockers = line.starts_with(b"{\"log\":\"") && (has_stream || !line.ends_with(b"}"));
    let is_cris = detect::begins(line, "9999-99-99T99:99:99") && {
        let mut words = line.split(|byte| *byte == b' ').skip(1);
        matches!(words.next(), Some(b"stdout" | b"stderr"))
    };
    let runtime = match (is_dockers, is_cris) {
        (true, _) => "Docker",
        (_, true) => "a Kubernetes runtime",
        _ => return None,
    };
    Some(Diagnosis::new(
        Cause::Container,
        format!("this is a line as {runtime} stores it, or a part of one"),
        "in a file, the wrapper is removed if its first lines have it (source.frame); one that is cut, or inside another wrapper, is not",
    ))
}

pub(super) fn keyed(case: &Case<'_>) -> Option<Diagnosis> {
    let line = case.line;
    let dialect = case.reader.pattern.dialect();
    let begins = line.trim_ascii_start().starts_with(b"{");
    let is_json = match dialect {
        Dialect::Json => false,
        Dialect::Ltsv => begins,
        _ => begins && !case.reader.outline.may_begin_with('{'),
    };
    let reads = match dialect {
        Dialect::Json => "JSON",
        Dialect::Ltsv => "LTSV",
        _ => "text",
    };
    let (kind, notation, example) = if is_json {
        (Cause::Json, "JSON", "nginx-json")
    } else if dialect != Dialect::Ltsv && detect::is_ltsv(line) && !has_tabs(case) {
        (
            Cause::Ltsv,
            "LTSV (`label:value` pairs separated by tabs)",
            "nginx-ltsv",
        )
    } else {
        return None;
    };
    let remedy = case.use_preset().unwrap_or_else(|| {
        format!(
            "compare it with `{example}` (httplog-exporter patterns {example}), or name its keys in a custom pattern"
        )
    });
    let name = case.reader.pattern.name();
    let reason = format!("the line is {notation}, but `{name}` reads {reads}");
    Some(Diagnosis::new(kind, reason, remedy))
}

/// Returns whether the pattern itself has tabs.
fn has_tabs(case: &Case<'_>) -> bool {
    let mut pieces = case.reader.outline.pieces.iter();
    pieces.any(|piece| matches!(&piece.kind, Kind::Literal(literal) if literal.contains('\t')))
}

pub(super) fn other_log(case: &Case<'_>) -> Option<Diagnosis> {
    let program = detect::other_log(case.whole)
        .or_else(|| detect::other_log(case.line))
        .filter(|_| case.preset.is_none())?;
    let remedy = if program.contains("runserver") {
        "runserver is not meant for production and logs no durations: run gunicorn, and follow its access log"
    } else {
        "only access logs are counted: follow the access log's file, and send errors to another one"
    };
    Some(Diagnosis::new(
        Cause::OtherLog,
        format!("this is not an access log; it resembles {program}"),
        remedy,
    ))
}

pub(super) fn stray(case: &Case<'_>) -> Option<Diagnosis> {
    let (reason, remedy) = if case.line.contains(&0x1b) {
        (
            "the line contains colour codes for a terminal",
            "switch them off: uvicorn --no-use-colors, or `tty: false` for the container",
        )
    } else if case.rest().trim_ascii().is_empty() && case.rest().contains(&b'\r') {
        (
            "the line ends in a carriage return",
            "this is harmless in a file; here, leave it out",
        )
    } else {
        return None;
    };
    Some(Diagnosis::new(Cause::Stray, reason, remedy))
}

pub(super) fn before(case: &Case<'_>) -> Option<Diagnosis> {
    /// Largest number of words that may precede the line.
    const WORDS: usize = 12;
    let mut starts = detect::word_starts(case.line).take(WORDS).enumerate();
    let (words, start) = starts.find(|(_, start)| case.reader.reads(&case.line[*start..]))?;
    let is_host = words == 0
        && !case.line[..start]
            .iter()
            .any(|byte| b"<>{}[]\"/=".contains(byte));
    if !is_host {
        return Some(Diagnosis::new(
            Cause::Before,
            "a prefix precedes the part that the pattern reads",
            "if a container's log driver or `docker compose logs` added it, follow the file that the server writes instead",
        ));
    }
    let remedy = match case.reader.pattern.dialect() {
        Dialect::Nginx => {
            "start the format with it: `$host `, `$host:$server_port ` or `$http_x_forwarded_for `"
        }
        Dialect::Gunicorn => {
            "start the format with it: `%({host}i)s ` or `%({x-forwarded-for}i)s `"
        }
        Dialect::Apache => "start the format with it: `%v ` or `%v:%p `",
        Dialect::Json | Dialect::Ltsv => "have the server write the line without it",
        Dialect::Regex => "start the expression with it: `^(?<host>[^ ]+) …`",
    };
    Some(Diagnosis::new(
        Cause::Before,
        "a virtual host or another address precedes the part that the pattern reads",
        remedy,
    ))
}
