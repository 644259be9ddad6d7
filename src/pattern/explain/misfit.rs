//! Lines of an access log in another format than the pattern's.
//!
//! Invariant: as in [`super::cause`].

use super::super::Dialect;
use super::super::template::{Binding, Shape, TimeUnit};
use super::cause::{Case, Cause, Diagnosis, say};
use super::looks::{self, Time};
use super::outline::{Kind, Piece};

pub(super) fn time_format(case: &Case<'_>) -> Option<Diagnosis> {
    let wanted =
        [case.piece, case.piece + 1]
            .into_iter()
            .find_map(|piece| match case.kind(piece)? {
                Kind::Value {
                    shape: Some(Shape::ClfTime),
                    ..
                } => Some(Time::Clf),
                Kind::Value {
                    shape: Some(Shape::IsoTime),
                    ..
                } => Some(Time::Iso),
                _ => None,
            })?;
    let found = looks::time(case.rest()).filter(|found| *found != wanted)?;
    let (name, variable) = match found {
        Time::Clf => ("day/month/year", "[$time_local]"),
        Time::Iso => ("ISO 8601", "$time_iso8601"),
        Time::Epoch => ("seconds since 1970", "$msec"),
    };
    let remedy = match (case.take(), case.reader.pattern.dialect()) {
        (Some(take), _) => take,
        (None, Dialect::Nginx) => {
            format!("nginx writes it so for {variable}: put that into the format")
        }
        (None, _) => "describe the line with an expression of your own: regex = '^…$'".to_owned(),
    };
    Some(say(
        Cause::TimeFormat,
        format!("the time is written in another format: {name}"),
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
            "a whole number, milliseconds or microseconds, where seconds with decimals are expected"
        }
        _ => match duration(case.piece.checked_sub(1)?) {
            Some((TimeUnit::Millis | TimeUnit::Micros, _) | (_, Some(Shape::Digits)))
                if case.rest().starts_with(b".") =>
            {
                "seconds with decimals, where a whole number is expected"
            }
            _ => return None,
        },
    };
    let remedy = case.take().unwrap_or_else(|| match case.reader.pattern.dialect() {
        Dialect::Gunicorn => "write the atom that the server uses: %(L)s is seconds, %(M)s milliseconds, %(D)s microseconds".to_owned(),
        Dialect::Nginx => "nginx writes $request_time as 0.012; if another program wrote the line, describe it with regex = '^…(?<duration_ms>[0-9]+)…$'".to_owned(),
        Dialect::Apache => "write the directive that the server uses: %D is microseconds, %{ms}T milliseconds, %T seconds".to_owned(),
        Dialect::Json | Dialect::Ltsv => "name the key as `duration` (seconds), `duration_ms` or `duration_us`".to_owned(),
        Dialect::Regex => "name the group `duration` (seconds), `duration_ms` or `duration_us`".to_owned(),
    });
    let other_reading = if case.preset.is_some() && starts_with_digit {
        "; a whole number may be milliseconds or microseconds: only the server's own format tells"
    } else {
        ""
    };
    Some(say(
        Cause::Unit,
        format!("the duration is in another unit: {found}"),
        format!("{remedy}{other_reading}"),
    ))
}

pub(super) fn dash(case: &Case<'_>) -> Option<Diagnosis> {
    let Some(Kind::Value { shape, name, .. }) = case.wanted() else {
        return None;
    };
    let is_number = matches!(shape, Some(Shape::Digits | Shape::Decimal | Shape::Status));
    (is_number && case.found() == b"-").then_some(())?;
    let remedy = case.take().unwrap_or_else(|| {
        "is it another variable? nginx writes `-` for upstream times ($upstream_response_time), never for $request_time".to_owned()
    });
    Some(say(
        Cause::Dash,
        format!("the line has no value (`-`) for `{name}`, which always has one"),
        remedy,
    ))
}

pub(super) fn list(case: &Case<'_>) -> Option<Diagnosis> {
    let is_value = |text: &[u8]| {
        text.first()
            .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
    };
    let (before, rest) = (case.before(), case.rest());
    let goes_on = [&b", "[..], b" : "].iter().any(|separator| {
        // The separator may stand on either side of the place, or around it.
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
    let is_list = |kind: Option<&Kind>| {
        matches!(
            kind,
            Some(Kind::Value {
                shape: Some(Shape::List(_)),
                ..
            })
        )
    };
    let unquoted = matches!(case.wanted(), Some(Kind::Literal(literal)) if literal.ends_with('"'))
        && is_list(case.kind(case.piece + 1))
        && before.ends_with(b"=")
        && is_value(rest);
    (goes_on || unquoted).then_some(())?;
    let because = if unquoted {
        "an upstream value stands without the quotes that the format has around it"
    } else {
        "a list of upstream values (one for each attempt) stands where one number is expected"
    };
    let remedy = match case.reader.pattern.dialect() {
        Dialect::Regex => "let the group take a list: (?<upstream_durations>[-0-9., :]+), in quotes if the server writes them".to_owned(),
        _ => format!(
            "write the variable in {} and here alike; in quotes a list is told from its neighbours: urt=\"$upstream_response_time\"",
            case.format()
        ),
    };
    Some(say(Cause::List, because, remedy))
}

pub(super) fn preset(case: &Case<'_>) -> Option<Diagnosis> {
    let preset = case.preset?;
    Some(say(
        Cause::Preset,
        format!("the line is written in another format: `{preset}` reads it"),
        format!("pattern = \"{preset}\" in the configuration, or --pattern {preset}"),
    ))
}

pub(super) fn quotes(case: &Case<'_>) -> Option<Diagnosis> {
    let backslash_escapes = case.reader.outline.pieces.iter().any(|piece| {
        matches!(
            piece.kind,
            Kind::Value {
                shape: Some(Shape::SlashText | Shape::Escaped),
                ..
            }
        )
    });
    let wanted = case.reader.outline.quotes();
    let found = looks::bare_quotes(case.line, backslash_escapes);
    let at_end = case.rest().is_empty();
    if wanted == 0 || found == 0 {
        return None;
    }
    if !at_end && found > wanted && looks::bare_quotes(case.rest(), backslash_escapes) % 2 == 1 {
        let remedy = match case.reader.pattern.dialect() {
            Dialect::Nginx => {
                "take `escape=none` out of nginx's log_format: by default nginx writes a quote inside a value as \\x22"
            }
            Dialect::Gunicorn => {
                "gunicorn writes a quote inside a value as \\\": something else wrote or changed the line"
            }
            Dialect::Apache => {
                "Apache writes a quote inside a value as \\\": something else wrote or changed the line"
            }
            Dialect::Json | Dialect::Ltsv | Dialect::Regex => {
                "let the server escape quotes inside values, or let the group take them"
            }
        };
        return Some(say(
            Cause::RawQuote,
            "a quote inside a quoted value is not escaped: the value seems to end there",
            remedy,
        ));
    }
    (found % 2 == 1 && found < wanted).then_some(())?;
    let because = if at_end {
        "a closing quote is missing: the line is cut short"
    } else {
        "a closing quote is missing, so that two values run together"
    };
    Some(say(
        Cause::Unclosed,
        because,
        "was the disk full, the line split by a collector, or a length limit set? in a log still being written the last line may not be whole yet",
    ))
}

pub(super) fn more(case: &Case<'_>) -> Option<Diagnosis> {
    (case.wanted().is_none() && !case.rest().is_empty()).then_some(())?;
    let rest = case.rest().trim_ascii();
    let is_number = rest.first().is_some_and(u8::is_ascii_digit) && rest.contains(&b'.');
    let piece = match (case.reader.pattern.dialect(), is_number) {
        (Dialect::Nginx, true) => ", perhaps ` $request_time`",
        (Dialect::Nginx, false) if rest.starts_with(b"\"") => {
            ", perhaps ` \"$http_x_forwarded_for\"`"
        }
        (Dialect::Gunicorn, true) => ", perhaps ` %(L)s`",
        _ => "",
    };
    Some(say(
        Cause::More,
        "the line has more at its end than the format",
        format!("copy the server's own format whole: what stands there is missing here{piece}"),
    ))
}

pub(super) fn fewer(case: &Case<'_>) -> Option<Diagnosis> {
    (case.wanted().is_some() && case.rest().is_empty()).then_some(())?;
    let mut left = case.reader.outline.pieces.iter().skip(case.piece);
    let missing = left.find_map(Piece::name);
    let missing = missing.map_or(String::new(), |name| format!(": `{name}` is missing"));
    Some(say(
        Cause::Fewer,
        format!("the line has less than the format{missing}"),
        format!(
            "was the line written before {} was changed, or by another `access_log` line? give each format a file of its own",
            case.format()
        ),
    ))
}

pub(super) fn unknown(case: &Case<'_>) -> Diagnosis {
    let how = match case.reader.pattern.dialect() {
        Dialect::Nginx => "`nginx -T` shows log_format and access_log",
        Dialect::Gunicorn => {
            "look for access_log_format in gunicorn.conf.py, or --access-logformat"
        }
        Dialect::Apache => "look for LogFormat and CustomLog in its configuration",
        Dialect::Json | Dialect::Ltsv => "print one line of the log and look for the keys",
        Dialect::Regex => "try the expression on one part of the line after the other",
    };
    say(
        Cause::Unknown,
        "the line and the format differ here",
        format!("compare it with the format that the server uses: {how}"),
    )
}
