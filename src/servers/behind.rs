//! The source of gunicorn's log.
//!
//! Invariant: it is joined to nginx's only where both lines of a request hold its id.

use super::Gunicorn;
use super::draft::{Input, Source};
use super::formats::{Chosen, Formats};
use super::gunicorn::{FORMAT, Setting};
use super::handing::Handing;
use super::names;
use super::nginx::Nginx;
use super::paste;
use super::remark::{at, is_stream};
use super::toml::shown;
use crate::diag::{Fault, Report};
use crate::model::Field;

/// Where gunicorn's log goes when there is nothing better to propose.
const LOG: &str = "/var/log/gunicorn/access.log";

/// Adds gunicorn's source; what it should change goes to the report.
pub(super) fn add(
    gunicorn: &Gunicorn,
    nginx: Option<&Nginx>,
    formats: &mut Formats,
    sources: &mut Vec<Source>,
    report: &mut Report,
) {
    if let Some((name, place)) = &gunicorn.elsewhere {
        let message = format!("`{name}` sets up logging elsewhere: what is said here may not hold");
        report.push(
            Fault::warning(message)
                .at(place.clone())
                .help("compare the access log itself: httplog-exporter explain LINE"),
        );
    }
    let Some((input, mut comments)) = input(gunicorn, report) else {
        return;
    };
    let (text, place) = match &gunicorn.format {
        Setting::Unset => (FORMAT, log_place(gunicorn)),
        Setting::Told(text, place) => (&**text, Some(place)),
        Setting::Untold(place) => {
            report.push(untold("the format of the access log", place));
            comments.push("Its format cannot be told: name its pattern.".to_owned());
            (FORMAT, None)
        }
    };
    let is_told = !matches!(gunicorn.format, Setting::Untold(_));
    let chosen = if is_told {
        formats.gunicorn(text, place, report)
    } else {
        None
    };
    let is_read = chosen.is_some();
    if is_told && !is_read {
        comments.push("Its format cannot be read.".to_owned());
    }
    let Chosen { name, fields } = chosen.unwrap_or_else(|| Chosen {
        name: "gunicorn".to_owned(),
        fields: crate::model::FieldSet::EMPTY,
    });
    if is_read && !is_journal(&input) && !fields.contains(Field::Duration) {
        let message = "no duration is logged; gunicorn can log it and all else that is counted";
        let fault = at(Fault::warning(message), log_place(gunicorn));
        report.push(fault.help(format!(
            "in gunicorn.conf.py:\n{}\nthen restart gunicorn, and run init again",
            recommended(gunicorn)
        )));
    }
    let is_live = is_read && matches!(&input, Input::Path(path) if path.starts_with('/'));
    let mut source = Source {
        name: names::unique("gunicorn", |name| {
            sources.iter().any(|source| source.name == name)
        }),
        input,
        pattern: name,
        fields,
        behind: None,
        handing: Handing::default(),
        comments,
        is_live,
    };
    if is_live && let Some(nginx) = nginx {
        source.behind = front(&mut source, nginx, sources);
    }
    sources.push(source);
}

/// The name of the only source of nginx's that its lines can be joined to.
fn front(source: &mut Source, nginx: &Nginx, sources: &[Source]) -> Option<String> {
    let is_back = source.has(Field::RequestId) && source.has(Field::Duration);
    let mut fronts = sources.iter().filter(|front| {
        front.is_live && front.has(Field::RequestId) && front.has(Field::UpstreamDurations)
    });
    let (Some(only), None, true) = (fronts.next(), fronts.next(), is_back) else {
        return None;
    };
    if nginx.passes_request_id {
        return Some(only.name.clone());
    }
    source.comments.push(format!(
        "To join its lines to nginx's, add behind = \"{}\" here and in nginx, where it passes requests on:\nproxy_set_header X-Request-ID $request_id;",
        only.name
    ));
    None
}

/// Where its lines come from, and what to say above. `None` if there are none.
fn input(gunicorn: &Gunicorn, report: &mut Report) -> Option<(Input, Vec<String>)> {
    let (path, place) = match &gunicorn.access_log {
        Setting::Unset => {
            let fault = match &gunicorn.syslog {
                Some(place) => Fault::warning(
                    "gunicorn's access log is sent to syslog: there is no file to follow",
                )
                .at(place.clone()),
                None => Fault::warning("gunicorn writes no access log"),
            };
            report.push(fault.help(format!("in gunicorn.conf.py:\n{}", recommended(gunicorn))));
            return None;
        }
        Setting::Untold(place) => {
            report.push(untold("where the access log goes", place));
            let comments = vec![format!(
                "{}: the path cannot be told without running it",
                shown(place)
            )];
            return Some((Input::Path("PATH".to_owned()), comments));
        }
        Setting::Told(path, place) => (path, place),
    };
    let mut comments = vec![format!("{}: gunicorn's access log", shown(place))];
    if path == "-" || is_stream(path) {
        let unit = gunicorn
            .unit
            .clone()
            .unwrap_or_else(|| "gunicorn.service".to_owned());
        let message = "gunicorn's access log goes to its output: there is no file to follow";
        report.push(Fault::warning(message).at(place.clone()).help(format!(
            "have it write one, in gunicorn.conf.py:\n{}\nor, under systemd, read {unit} from the journal: take the comment marks off the source below",
            recommended(gunicorn)
        )));
        comments.push(format!("Not followed: {message}."));
        return Some((Input::Journal(unit), comments));
    }
    let path = match &gunicorn.directory {
        Some(directory) if !path.starts_with('/') => format!("{directory}/{path}"),
        _ => path.clone(),
    };
    if !path.starts_with('/') {
        let message = format!("`{path}` is relative to the folder that gunicorn runs in");
        report.push(
            Fault::warning(message)
                .at(place.clone())
                .help(format!("write the whole path: accesslog = \"{LOG}\"")),
        );
        comments.push("Not followed: the path is relative; write all of it.".to_owned());
    }
    Some((Input::Path(literal(&path)), comments))
}

/// Whether lines go to the output; then what is said of that names the better format too.
fn is_journal(input: &Input) -> bool {
    matches!(input, Input::Journal(_))
}

/// A path as a source takes it: nothing in it is special to gunicorn.
fn literal(path: &str) -> String {
    const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];
    if !path.contains(['*', '?', '[', '{']) {
        return path.to_owned();
    }
    let mut glob = String::new();
    for next in path.chars() {
        if SPECIAL.contains(&next) {
            glob.push('\\');
        }
        glob.push(next);
    }
    glob
}

fn log_place(gunicorn: &Gunicorn) -> Option<&crate::diag::Place> {
    match &gunicorn.access_log {
        Setting::Told(_, place) => Some(place),
        _ => None,
    }
}

/// The lines for a `gunicorn.conf.py`; a path that is given stays.
fn recommended(gunicorn: &Gunicorn) -> String {
    match &gunicorn.access_log {
        Setting::Told(path, _) if path.starts_with('/') && !path.contains(['"', '\\']) => {
            paste::gunicorn_conf(path)
        }
        _ => paste::gunicorn_conf(LOG),
    }
}

fn untold(what: &str, place: &crate::diag::Place) -> Fault {
    let fault = Fault::warning(format!("{what} cannot be told without running this"));
    let fault =
        fault.help("complete the source in comments below by hand, or write a literal here");
    at(fault, Some(place))
}
