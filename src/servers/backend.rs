//! Drafts the source of gunicorn's access log.
//!
//! Invariant: the source is joined to nginx's only if both log the request ID.

use super::Gunicorn;
use super::gunicorn::{FORMAT, Setting};
use super::names;
use super::nginx::Nginx;
use super::place::file_and_line;
use super::remark::is_stream;
use super::resolve::{Patterns, Resolved};
use super::rewrites::Rewrites;
use super::snippets;
use super::source::{Input, Source};
use super::toml::string;
use crate::diag::{Fault, Place, Report};
use crate::model::Field;

/// Path proposed for gunicorn's access log.
const LOG: &str = "/var/log/gunicorn/access.log";

/// Adds gunicorn's source. Recommended changes to gunicorn's configuration go to the report.
pub(super) fn add(
    gunicorn: &Gunicorn,
    nginx: Option<&Nginx>,
    patterns: &mut Patterns,
    sources: &mut Vec<Source>,
    report: &mut Report,
) {
    if let Some((name, place)) = &gunicorn.logging_config {
        let message = format!("`{name}` configures logging elsewhere: this draft may be wrong");
        let help = "check a line of the access log: httplog-exporter explain LINE";
        report.push(Fault::warning(message).at(place.clone()).help(help));
    }
    let Some((input, mut comments)) = input(gunicorn, report) else {
        return;
    };
    let resolved = match &gunicorn.format {
        Setting::Dynamic(place) => {
            report.push(dynamic("the format of the access log", place));
            comments.push("Its format is only known at run time: name its pattern.".to_owned());
            None
        }
        format => {
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
    };
    comments.extend(script_name(gunicorn));
    let is_read = resolved.is_some();
    let resolved = resolved.unwrap_or_else(|| Resolved::unknown("gunicorn"));
    let Resolved { name, fields } = resolved;
    // For a journal, the remark on the missing file has recommended the format already.
    let is_journal = matches!(input, Input::Journal(_));
    if is_read && !is_journal && !fields.contains(Field::Duration) {
        let message =
            "no duration is logged; gunicorn can log it, and everything else that is counted";
        let fault = Fault::warning(message).at(log_place(gunicorn).cloned());
        let lines = recommended(gunicorn);
        report.push(fault.help(format!(
            "{lines}\nthen restart gunicorn, and run init again"
        )));
    }
    let is_live = is_read && matches!(&input, Input::Path(path) if path.starts_with('/'));
    let is_taken = |name: &str| sources.iter().any(|source| source.name == name);
    let mut source = Source {
        name: names::unique("gunicorn", is_taken),
        input,
        pattern: name,
        fields,
        behind: None,
        capacity: gunicorn
            .capacity()
            .filter(|_| fields.contains(Field::Duration)),
        rewrites: Rewrites::default(),
        comments,
        is_live,
    };
    if is_live && let Some(nginx) = nginx {
        source.behind = front(&mut source, nginx, sources);
        source.comments.extend(counted_twice(sources));
    }
    sources.push(source);
}

/// Returns the name of nginx's source to which the lines can be joined, if exactly one qualifies. Of several, which of them pass
/// requests on to this gunicorn is left to the operator.
fn front(source: &mut Source, nginx: &Nginx, sources: &[Source]) -> Option<String> {
    let is_back = source.has(Field::RequestId) && source.has(Field::Duration);
    let fronts = sources.iter().filter(|front| {
        front.is_live && front.has(Field::RequestId) && front.has(Field::UpstreamDurations)
    });
    let fronts: Vec<&str> = fronts.map(|front| front.name.as_str()).collect();
    if fronts.is_empty() || !is_back {
        return None;
    }
    let header = if nginx.passes_request_id {
        ""
    } else {
        ", and this where nginx proxies requests:\nproxy_set_header X-Request-ID $request_id;"
    };
    let comment = match *fronts {
        [only] if nginx.passes_request_id => return Some(only.to_owned()),
        [only] => format!(
            "To join its lines with nginx's, add behind = {} here{header}",
            string(only)
        ),
        _ => {
            let list: Vec<String> = fronts.iter().map(|front| string(front)).collect();
            format!(
                "To join its lines with nginx's, add those of these that pass requests on to it:\nbehind = [{}]{header}",
                list.join(", ")
            )
        }
    };
    source.comments.push(comment);
    None
}

/// Returns the comment on metrics that must not count this log if they count nginx's.
fn counted_twice(fronts: &[Source]) -> Option<String> {
    let fronts = fronts.iter().filter(|front| front.is_live);
    let names: Vec<_> = fronts.map(|front| &*front.name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Its requests are also in the log of {}: a set without the label `source`, such as django, belongs in the `sets` of\n\
             one of them, not in metrics.sets, or each request counts twice.",
            names.join(", ")
        )
    })
}

/// Returns the origin of the lines and the comments on it. `None` if gunicorn does not log requests to
/// a file or its output.
fn input(gunicorn: &Gunicorn, report: &mut Report) -> Option<(Input, Vec<String>)> {
    let (path, place) = match &gunicorn.access_log {
        Setting::Unset => {
            let message = match &gunicorn.syslog {
                Some(_) => "gunicorn's access log goes to syslog, not to a file",
                None => "gunicorn writes no access log",
            };
            let fault = Fault::warning(message).at(gunicorn.syslog.clone());
            report.push(fault.help(recommended(gunicorn)));
            return None;
        }
        Setting::Dynamic(place) => {
            report.push(dynamic("the path of the access log", place));
            let place = file_and_line(place);
            let comment = format!("{place}: the path is only known at run time");
            return Some((Input::Path("PATH".to_owned()), vec![comment]));
        }
        Setting::Literal(path, place) => (path, place),
    };
    let mut comments = vec![format!("{}: gunicorn's access log", file_and_line(place))];
    if path == "-" || is_stream(path) {
        let unit = gunicorn.unit.as_deref().unwrap_or("gunicorn.service");
        let message = "gunicorn's access log goes to its output, not to a file";
        report.push(Fault::warning(message).at(place.clone()).help(format!(
            "write a file, {}\nor, under systemd, read {unit} from the journal: uncomment its source in the configuration",
            recommended(gunicorn)
        )));
        comments.push(format!("Not followed: {message}."));
        return Some((Input::Journal(unit.to_owned()), comments));
    }
    let path = gunicorn.absolute(path);
    if !path.starts_with('/') {
        let message = format!("`{path}` is relative to the directory in which gunicorn runs");
        let help = format!("write an absolute path: accesslog = \"{LOG}\"");
        report.push(Fault::warning(message).at(place.clone()).help(help));
        comments.push("Not followed: the path is relative; make it absolute.".to_owned());
    }
    Some((Input::Path(names::escape_glob(&path)), comments))
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

fn log_place(gunicorn: &Gunicorn) -> Option<&Place> {
    match &gunicorn.access_log {
        Setting::Literal(_, place) => Some(place),
        _ => None,
    }
}

/// Returns the recommended lines for `gunicorn.conf.py`. An absolute path is kept.
fn recommended(gunicorn: &Gunicorn) -> String {
    let path = match &gunicorn.access_log {
        Setting::Literal(path, _) if path.starts_with('/') && !path.contains(['"', '\\']) => path,
        _ => LOG,
    };
    format!("in gunicorn.conf.py:\n{}", snippets::gunicorn_conf(path))
}

fn dynamic(what: &str, place: &Place) -> Fault {
    Fault::warning(format!("{what} is only known at run time"))
        .at(place.clone())
        .help("complete the commented source by hand, or write a literal here")
}
