//! Causes inside the format: lines of an access log whose format differs from the pattern's.

use super::super::binding::{Binding, TimeUnit};
use super::super::template::Shape;
use super::super::{Dialect, Reject};
use super::case::Case;
use super::detect::{self, Time};
use super::outcome::{Cause, Diagnosis};
use super::outline::{Kind, Piece};

pub(super) fn ambiguous(case: &Case<'_>) -> Option<Diagnosis> {
    (case.reject == Reject::Ambiguous).then_some(())?;
    Some(Diagnosis::new(
        Cause::Ambiguous,
        "the line can be read in two ways, with different values",
        format!(
            "put quotes around the value, in {} and in the pattern; `check` prints the whole line",
            case.setting()
        ),
    ))
}

pub(super) fn time_format(case: &Case<'_>) -> Option<Diagnosis> {
    let wanted = [case.piece, case.piece + 1].into_iter().find_map(|piece| {
        match case.kind(piece)?.shape()? {
            Shape::ClfTime => Some(Time::Clf),
            Shape::IsoTime => Some(Time::Iso),
            _ => None,
        }
    })?;
    let found = detect::time(case.rest()).filter(|found| *found != wanted)?;
    let (name, variable) = match found {
        Time::Clf => ("day/month/year", "[$time_local]"),
        Time::Iso => ("ISO 8601", "$time_iso8601"),
        Time::Epoch => ("seconds since 1970", "$msec"),
    };
    let remedy = match (case.use_preset(), case.reader.pattern.dialect()) {
        (Some(preset), _) => preset,
        (None, Dialect::Nginx) => {
            format!("nginx writes this format for {variable}: use that variable in the pattern")
        }
        (None, _) => "describe the line with a custom expression: regex = '^…$'".to_owned(),
    };
    Some(Diagnosis::new(
        Cause::TimeFormat,
        format!("the time is in another format: {name}"),
        remedy,
    ))
}

pub(super) fn unit(case: &Case<'_>) -> Option<Diagnosis> {
    let duration = |piece: usize| match case.kind(piece)? {
        Kind::Value {
            binding: Some(Binding::Duration(unit)),
            shape,
            ..
        } => Some((*unit, *shape)),
        _ => None,
    };
    let starts_with_digit = case.rest().first().is_some_and(u8::is_ascii_digit);
    let found = match duration(case.piece) {
        Some((_, Some(Shape::Decimal))) if starts_with_digit => {
            "a whole number (milliseconds or microseconds) instead of seconds with decimals"
        }
        _ => match duration(case.piece.checked_sub(1)?) {
            Some(
                (TimeUnit::Millis | TimeUnit::Micros | TimeUnit::Nanos, _)
                | (_, Some(Shape::Digits)),
            ) if case.rest().starts_with(b".") => "seconds with decimals instead of a whole number",
            _ => return None,
        },
    };
    let remedy = case.use_preset().unwrap_or_else(|| {
        let remedy = match case.reader.pattern.dialect() {
            Dialect::Gunicorn => {
                "use the atom that gunicorn logs: %(L)s is seconds, %(M)s milliseconds, %(D)s microseconds"
            }
            Dialect::Nginx => {
                "nginx writes $request_time as 0.012; if another program wrote the line, describe it with regex = '^…(?<duration_ms>[0-9]+)…$'"
            }
            Dialect::Apache => {
                "use the directive that Apache logs: %D is microseconds, %{ms}T milliseconds, %T seconds"
            }
            Dialect::Json | Dialect::Ltsv => {
                "map the key to `duration` (seconds), `duration_ms`, `duration_us` or `duration_ns`"
            }
            Dialect::Regex => "name the group `duration` (seconds), `duration_ms`, `duration_us` or `duration_ns`",
        };
        remedy.to_owned()
    });
    let ambiguity = if case.preset.is_some() && starts_with_digit {
        "; a whole number may be milliseconds or microseconds: only the server's own format says which"
    } else {
        ""
    };
    Some(Diagnosis::new(
        Cause::Unit,
        format!("the duration is in another unit: {found}"),
        format!("{remedy}{ambiguity}"),
    ))
}

pub(super) fn dash(case: &Case<'_>) -> Option<Diagnosis> {
    let Some(Kind::Value { shape, name, .. }) = case.wanted() else {
        return None;
    };
    let is_number = matches!(shape, Some(Shape::Digits | Shape::Decimal | Shape::Status));
    (is_number && case.found() == b"-").then_some(())?;
    let remedy = case.use_preset().unwrap_or_else(|| match case.reader.pattern.dialect() {
        Dialect::Nginx => {
            "check the variable: nginx writes `-` for upstream times ($upstream_response_time), never for $request_time".to_owned()
        }
        _ => format!("compare it with {}: another value stands here", case.setting()),
    });
    Some(Diagnosis::new(
        Cause::Dash,
        format!("`{name}` is `-` in this line, but always has a value in this format"),
        remedy,
    ))
}

pub(super) fn list(case: &Case<'_>) -> Option<Diagnosis> {
    let is_value = |text: &[u8]| {
        text.first()
            .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
    };
    let (before, rest) = (case.before(), case.rest());
    let continues = [&b", "[..], b" : "].iter().any(|separator| {
        // The separator may precede the place, follow it or span it.
        (0..=separator.len()).any(|cut| {
            before.ends_with(&separator[..cut])
                && rest.strip_prefix(&separator[cut..]).is_some_and(is_value)
                && is_value(
                    before[..before.len() - cut]
                        .last_chunk::<1>()
                        .map_or(&[][..], |last| last),
                )
        })
    });
    let is_list = |kind: &Kind| matches!(kind.shape(), Some(Shape::List(_)));
    let unquoted = matches!(case.wanted(), Some(Kind::Literal(literal)) if literal.ends_with('"'))
        && case.kind(case.piece + 1).is_some_and(is_list)
        && before.ends_with(b"=")
        && is_value(rest);
    (continues || unquoted).then_some(())?;
    let reason = if unquoted {
        "an upstream value lacks the quotes that the format puts around it"
    } else {
        "a list of upstream values (one for each attempt) where the format expects one number"
    };
    let remedy = match case.reader.pattern.dialect() {
        Dialect::Regex => "let the group match a list: (?<upstream_durations>[-0-9., :]+), in quotes if the server writes them".to_owned(),
        Dialect::Gunicorn | Dialect::Apache => return None,
        _ => format!(
            "write the variable the same way in {} and in the pattern; quotes separate a list from its neighbours: urt=\"$upstream_response_time\"",
            case.setting()
        ),
    };
    Some(Diagnosis::new(Cause::List, reason, remedy))
}

pub(super) fn preset(case: &Case<'_>) -> Option<Diagnosis> {
    let preset = case.preset?;
    Some(Diagnosis::new(
        Cause::Preset,
        format!("the line is in another format: `{preset}` reads it"),
        format!("set pattern = \"{preset}\" in the configuration, or pass --pattern {preset}"),
    ))
}

pub(super) fn quotes(case: &Case<'_>) -> Option<Diagnosis> {
    let is_escaped =
        |piece: &Piece| matches!(piece.kind.shape(), Some(Shape::SlashText | Shape::Escaped));
    let backslash_escapes = case.reader.outline.pieces.iter().any(is_escaped);
    let wanted = case.reader.outline.quotes();
    let found = detect::bare_quotes(case.line, backslash_escapes);
    let at_end = case.rest().is_empty();
    if wanted == 0 || found == 0 {
        return None;
    }
    if !at_end && found > wanted && detect::bare_quotes(case.rest(), backslash_escapes) % 2 == 1 {
        let remedy = match case.reader.pattern.dialect() {
            Dialect::Nginx => {
                "remove `escape=none` from nginx's log_format: by default nginx writes a quote inside a value as \\x22"
            }
            Dialect::Gunicorn => {
                "gunicorn writes a quote inside a value as \\\": another program wrote or changed the line"
            }
            Dialect::Apache => {
                "Apache writes a quote inside a value as \\\": another program wrote or changed the line"
            }
            Dialect::Json | Dialect::Ltsv | Dialect::Regex => {
                "have the server escape quotes inside values, or let the group match them"
            }
        };
        return Some(Diagnosis::new(
            Cause::RawQuote,
            "a quote inside a quoted value is not escaped, so the value seems to end there",
            remedy,
        ));
    }
    (found % 2 == 1 && found < wanted).then_some(())?;
    let reason = if at_end {
        "a closing quote is missing: the line is cut short"
    } else {
        "a closing quote is missing, so two values run together"
    };
    Some(Diagnosis::new(
        Cause::Unclosed,
        reason,
        "check for a full disk, a collector that splits lines, or a length limit; the last line of a log may still be incomplete",
    ))
}

pub(super) fn more(case: &Case<'_>) -> Option<Diagnosis> {
    let has_pieces = !case.reader.outline.pieces.is_empty();
    (has_pieces && case.wanted().is_none() && !case.rest().is_empty()).then_some(())?;
    let rest = case.rest().trim_ascii();
    let is_number = rest.first().is_some_and(u8::is_ascii_digit) && rest.contains(&b'.');
    let guess = match (case.reader.pattern.dialect(), is_number) {
        (Dialect::Nginx, true) => ", perhaps ` $request_time`",
        (Dialect::Nginx, false) if rest.starts_with(b"\"") => {
            ", perhaps ` \"$http_x_forwarded_for\"`"
        }
        (Dialect::Gunicorn, true) => ", perhaps ` %(L)s`",
        _ => "",
    };
    Some(Diagnosis::new(
        Cause::More,
        "the line has more fields than the format",
        format!("copy the server's format completely: the pattern lacks these fields{guess}"),
    ))
}

pub(super) fn fewer(case: &Case<'_>) -> Option<Diagnosis> {
    (case.wanted().is_some() && case.rest().is_empty()).then_some(())?;
    let mut left = case.reader.outline.pieces.iter().skip(case.piece);
    let missing = left.find_map(Piece::name);
    let missing = missing.map_or(String::new(), |name| format!(": `{name}` is missing"));
    Some(Diagnosis::new(
        Cause::Fewer,
        format!("the line has fewer fields than the format{missing}"),
        format!(
            "the line may predate a change of {}, or come from another `access_log`; give each format its own file",
            case.setting()
        ),
    ))
}

/// Diagnoses a line that none of the checks recognises.
pub(super) fn unknown(case: &Case<'_>) -> Diagnosis {
    let how = match case.reader.pattern.dialect() {
        Dialect::Nginx => "`nginx -T` shows log_format and access_log",
        Dialect::Gunicorn => "see access_log_format in gunicorn.conf.py, or --access-logformat",
        Dialect::Apache => "see LogFormat and CustomLog in its configuration",
        Dialect::Json | Dialect::Ltsv => "print one line of the log and compare its keys",
        Dialect::Regex => "try the expression on one part of the line at a time",
    };
    let reason = match case.reader.pattern.dialect() {
        Dialect::Json => "the line is not JSON",
        Dialect::Ltsv => {
            "the line is not LTSV, which has `label:value` pairs with tabs between them"
        }
        _ => "the line and the format differ here",
    };
    Diagnosis::new(
        Cause::Unknown,
        reason,
        format!("compare the pattern with the server's own format: {how}"),
    )
}
