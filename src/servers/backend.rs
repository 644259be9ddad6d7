//! Drafts the source of the access log of gunicorn, or of another of Python's servers.
//!
//! Invariant: the source is joined to nginx's only if both log the request ID.

use super::Gunicorn;
use super::backend_remark::{
    assumptions, dynamic, log, log_place, no_duration, not_logged, recommended,
};
use super::gunicorn::{Assumed, FORMAT, Program, Setting};
use super::names;
use super::place::file_and_line;
use super::remark::{Refused, is_stream, refused};
use super::resolve::{Patterns, Resolved};
use super::rewrites::Rewrites;
use super::source::{Capacity, Input, Source};
use super::toml::string;
use crate::diag::{Fault, Place, Report};
use crate::model::Field;

/// Adds the server's source. Recommended changes to its configuration go to the report.
pub(super) fn add(
    gunicorn: &Gunicorn,
    patterns: &mut Patterns,
    sources: &mut Vec<Source>,
    report: &mut Report,
) {
    let program = gunicorn.program.name();
    if let Some((name, place)) = &gunicorn.logging_config {
        let (message, help) = if gunicorn.access_log == Setting::Unset {
            (
                format!(
                    "`{name}` configures logging: where requests are logged, if at all, stands there"
                ),
                "find the file of the logger `gunicorn.access` or `uvicorn.access` there, and what reads its lines:\nhttplog-exporter explain LINE",
            )
        } else {
            (
                format!("`{name}` configures logging elsewhere: this draft may be wrong"),
                "check a line of the access log: httplog-exporter explain LINE",
            )
        };
        report.push(Fault::warning(message).at(place.clone()).help(help));
    }
    let Some((input, mut comments)) = input(gunicorn, report) else {
        return;
    };
    let resolved = resolved(gunicorn, patterns, &mut comments, report);
    comments.extend(script_name(gunicorn));
    let is_read = resolved.is_some();
    let Resolved { name, fields } = resolved.unwrap_or_else(|| Resolved::unknown(program));
    // For a journal, the remark on the missing file has recommended the format already.
    let is_journal = matches!(input, Input::Journal(_));
    if is_read && !is_journal && !fields.contains(Field::Duration) {
        report.push(no_duration(gunicorn).at(log_place(gunicorn).cloned()));
    }
    let is_live = is_read
        && matches!(&input, Input::Path(path) if path.starts_with('/') && refused(path).is_none());
    if is_live {
        assumptions(gunicorn, report);
    }
    let is_taken = |name: &str| sources.iter().any(|source| source.name == name);
    let mut source = Source {
        name: names::unique(program, is_taken),
        input,
        pattern: name,
        fields,
        behind: Vec::new(),
        proxies: None,
        sets: None,
        capacity: None,
        rewrites: Rewrites::default(),
        comments,
        is_live,
    };
    if source.has(Field::Duration) {
        capacity(gunicorn, &mut source);
    }
    if is_live {
        front(&mut source, sources);
        counted_twice(&mut source, sources);
    }
    sources.push(source);
}

/// Returns the pattern that reads the log.
fn resolved(
    gunicorn: &Gunicorn,
    patterns: &mut Patterns,
    comments: &mut Vec<String>,
    report: &mut Report,
) -> Option<Resolved> {
    let program = gunicorn.format_of();
    if let Setting::Dynamic(why, place) = &gunicorn.class {
        comments.push(format!(
            "{}: the class of the workers is only known at run time: {why}. Lines of uvicorn's workers are read by the pattern uvicorn.",
            file_and_line(place)
        ));
    }
    match &gunicorn.format {
        Setting::Dynamic(why, place) if program == gunicorn.program => {
            report.push(dynamic("access_log_format", why, place));
            comments.push("Its format is only known at run time: name its pattern.".to_owned());
            None
        }
        Setting::Literal(_, place)
            if program != Program::Gunicorn && program == gunicorn.program =>
        {
            let name = program.name();
            let message = format!("init cannot read the format of {name} that is set here");
            let help = format!(
                "leave it out: the preset {name} reads the default; or describe it by a `regex` in a [pattern.NAME]"
            );
            report.push(Fault::warning(message).at(place.clone()).help(help));
            comments.push("Its format is not the default: name its pattern.".to_owned());
            None
        }
        format if program == Program::Gunicorn => {
            let (text, place) = match format {
                Setting::Literal(text, place) => (&**text, Some(place)),
                _ => (FORMAT, log_place(gunicorn)),
            };
            let resolved = patterns.for_gunicorn(text, place, report);
            if resolved.is_none() {
                comments.push("Its format cannot be read.".to_owned());
            }
            resolved
        }
        _ => Resolved::preset(program.name()),
    }
}

/// Joins the lines to those of nginx's sources that pass requests on with their ids.
fn front(source: &mut Source, sources: &[Source]) {
    let is_back = source.has(Field::RequestId) && source.has(Field::Duration);
    let fronts = sources.iter().filter(|front| {
        front.is_live
            && front.proxies.is_some()
            && front.has(Field::RequestId)
            && front.has(Field::UpstreamDurations)
    });
    let (ready, unready): (Vec<&Source>, Vec<&Source>) =
        fronts.partition(|front| front.proxies == Some(true));
    if !is_back {
        return;
    }
    source.behind = ready.iter().map(|front| front.name.clone()).collect();
    if ready.len() > 1 {
        let comment = "Leave out of `behind` those that pass requests on to other servers only.";
        source.comments.push(comment.to_owned());
    }
    if !unready.is_empty() {
        let all = ready.iter().chain(&unready);
        let list: Vec<String> = all.map(|front| string(&front.name)).collect();
        source.comments.push(format!(
            "To join its lines with nginx's, set behind = [{}] here, and this where nginx proxies requests:\nproxy_set_header X-Request-ID $request_id;",
            list.join(", ")
        ));
    }
}

/// Keeps metrics that must not count this log, if they count nginx's, to the set that tells the two apart.
fn counted_twice(source: &mut Source, fronts: &[Source]) {
    let fronts = fronts.iter().filter(|front| front.is_live);
    let names: Vec<_> = fronts.map(|front| &*front.name).collect();
    if names.is_empty() {
        return;
    }
    source.sets = Some("httplog");
    source.comments.push(format!(
        "Its requests are also in the log of {}: a set without the label `source`, such as django, belongs in the `sets` of\n\
         one of the two only, or each request counts twice.",
        names.join(", ")
    ));
}

/// Returns the origin of the lines and the comments on it. `None` if the server does not log requests to
/// a file or its output.
fn input(gunicorn: &Gunicorn, report: &mut Report) -> Option<(Input, Vec<String>)> {
    let program = gunicorn.program.name();
    let (path, place) = match &gunicorn.access_log {
        Setting::Unset => {
            if gunicorn.logging_config.is_none() {
                report.push(not_logged(gunicorn));
            }
            return None;
        }
        Setting::Dynamic(why, place) => {
            report.push(dynamic("accesslog", why, place));
            let place = file_and_line(place);
            let comment = format!("{place}: the path is only known at run time");
            return Some((Input::Path("PATH".to_owned()), vec![comment]));
        }
        Setting::Literal(path, place) => (path, place),
    };
    let mut comments = vec![format!("{}: {program}'s access log", file_and_line(place))];
    let is_output = path == "-" || matches!(&**path, "/dev/stdout" | "/proc/self/fd/1");
    let output = gunicorn
        .output
        .as_ref()
        .filter(|path| is_output && path.starts_with('/'));
    if let Some(path) = output {
        comments.push("The server's output goes to this file. Its messages there count as skipped or rejected.".to_owned());
        refuse(path, place, gunicorn, &mut comments, report);
        return Some((Input::Path(names::escape_glob(path)), comments));
    }
    if is_output || is_stream(path) {
        let unit = gunicorn.unit.as_deref();
        let unit_name = unit.map_or_else(|| format!("{program}.service"), str::to_owned);
        let message = format!("{program}'s access log goes to its output, not to a file");
        let journal = if gunicorn.is_piped {
            "\nits output goes to another program: see what that one writes".to_owned()
        } else {
            format!(
                "\nor, under systemd, read {unit_name} from the journal: uncomment its source in the configuration"
            )
        };
        report.push(
            Fault::warning(&*message)
                .at(place.clone())
                .help(format!("write a file, {}{journal}", recommended(gunicorn))),
        );
        comments.push(format!("Not followed: {message}."));
        return Some((Input::Journal(unit_name), comments));
    }
    let path = gunicorn.absolute(path);
    if path.starts_with('/') {
        refuse(&path, place, gunicorn, &mut comments, report);
    } else {
        let message = format!("`{path}` is relative to the directory in which {program} runs");
        let help = format!("write an absolute path: {}", log(gunicorn.program));
        report.push(Fault::warning(message).at(place.clone()).help(help));
        comments.push("Not followed: the path is relative; make it absolute.".to_owned());
    }
    Some((Input::Path(names::escape_glob(&path)), comments))
}

/// Remarks on a path that `check` refuses.
fn refuse(
    path: &str,
    place: &Place,
    gunicorn: &Gunicorn,
    comments: &mut Vec<String>,
    report: &mut Report,
) {
    let message = match refused(path) {
        Some(Refused::Address) => {
            format!("`{path}` contains `://`: it is an address, or a file that is not followed")
        }
        Some(Refused::Ending(ending)) => {
            format!(
                "`{path}` ends in `{ending}`: a file of that name is taken for a compressed one"
            )
        }
        None => return,
    };
    comments.push(format!("Not followed: {message}."));
    let help = format!("write another path: {}", log(gunicorn.program));
    report.push(Fault::warning(message).at(place.clone()).help(help));
}

/// Adds the capacity, or the reason for which it is unknown.
fn capacity(gunicorn: &Gunicorn, source: &mut Source) {
    for (name, number) in [
        ("workers", &gunicorn.workers),
        ("threads", &gunicorn.threads),
    ] {
        if let Setting::Dynamic(why, place) = number {
            source.comments.push(format!(
                "{}: `{name}` is only known at run time: {why}. The alert HttplogWorkersSaturated needs it in [capacity].",
                file_and_line(place)
            ));
        }
    }
    let Some((workers, threads)) = gunicorn.capacity() else {
        return;
    };
    let numbers = gunicorn.assumptions.iter();
    let numbers = numbers.filter(|one| matches!(&*one.setting, "workers" | "threads"));
    let notes = numbers.map(|one| {
        let (place, setting) = (file_and_line(&one.place), &one.setting);
        match &one.assumed {
            Assumed::Unset(name) => format!("{place}: `{setting}` has another value if the environment sets {name}."),
            Assumed::Processors(count) => format!(
                "{place}: `{setting}` depends on the machine: this one has {count} processors. On another, write the number there."
            ),
        }
    });
    let notes = notes.collect();
    source.capacity = Some(Capacity {
        workers,
        threads,
        notes,
    });
}

/// Describes the prefix under which gunicorn serves the site, and the key for it.
fn script_name(gunicorn: &Gunicorn) -> Option<String> {
    let (prefix, place) = gunicorn.script_name.as_ref()?;
    // `%(U)s` is PATH_INFO, which lacks the prefix.
    let has_path_info =
        matches!(&gunicorn.format, Setting::Literal(format, _) if format.contains("%(U)s"));
    let (logged, stripped) = if has_path_info {
        ("lacks it, too", "")
    } else {
        ("has it", prefix.trim_end_matches('/'))
    };
    Some(format!(
        "{}: SCRIPT_NAME is {prefix}. Django's URLconf does not see this prefix, and this log {logged}. To count by Django's views,\n\
         add routes = \"gunicorn\" above and this table below:\n\
         [routes.gunicorn]\nurlconf = \"urlconf.jsonl\"\nstrip_prefix = {}",
        file_and_line(place),
        string(stripped)
    ))
}
