//! Remarks on the access log of gunicorn, or of another of Python's servers, with the lines to paste.
//!
//! Invariant: that a server writes no log is said only if everything that could set one was read.

use super::Gunicorn;
use super::gunicorn::{Assumed, Program, Setting};
use super::remark::{is_stream, refused};
use super::snippets;
use crate::diag::{Fault, Place, Report};

/// Reports that no access log is set.
pub(super) fn not_logged(gunicorn: &Gunicorn) -> Fault {
    let program = gunicorn.program.name();
    let place = gunicorn.syslog.clone();
    match (&gunicorn.syslog, &gunicorn.open) {
        (Some(_), _) => {
            let message = format!("{program}'s access log goes to syslog, not to a file");
            Fault::warning(message)
                .at(place)
                .help(recommended(gunicorn))
        }
        (None, None) => {
            let message = format!("{program} writes no access log");
            Fault::warning(message).help(recommended(gunicorn))
        }
        (None, Some(open)) => {
            let message =
                format!("no access log is set here: unless {open} sets one, {program} writes none");
            let help = if gunicorn.program == Program::Gunicorn {
                "\nor pass all settings: gunicorn --print-config … | httplog-exporter init -g -"
            } else {
                ""
            };
            Fault::warning(message).help(format!("{}{help}", recommended(gunicorn)))
        }
    }
}

/// Reports a log without durations, with the lines to change.
pub(super) fn no_duration(gunicorn: &Gunicorn) -> Fault {
    match gunicorn.format_of() {
        Program::Gunicorn => {
            let message =
                "no duration is logged; gunicorn can log it, and everything else that is counted";
            let lines = recommended(gunicorn);
            Fault::warning(message).help(format!(
                "{lines}\nthen restart gunicorn, and run init again"
            ))
        }
        other => {
            let message = format!(
                "no duration is logged: {} has none in its format",
                other.name()
            );
            Fault::warning(message).help(
                "measure response times in the log of nginx in front of it: $request_time and $upstream_response_time",
            )
        }
    }
}

/// Reports settings that depend on variables whose values are not known.
pub(super) fn assumptions(gunicorn: &Gunicorn, report: &mut Report) {
    for setting in ["accesslog", "access_log_format"] {
        let all = gunicorn
            .assumptions
            .iter()
            .filter(|one| one.setting == setting);
        let variables: Vec<&str> = all
            .clone()
            .filter_map(|one| match &one.assumed {
                Assumed::Unset(name) => Some(&**name),
                Assumed::Processors(_) => None,
            })
            .collect();
        let Some(place) = all
            .map(|one| &one.place)
            .next()
            .filter(|_| !variables.is_empty())
        else {
            continue;
        };
        let message = format!(
            "`{setting}` has another value if the environment sets {}",
            variables.join(" or ")
        );
        let help = "pass the systemd unit, whose environment is read as well: --gunicorn-config gunicorn.service";
        report.push(Fault::warning(message).at(place.clone()).help(help));
    }
}

pub(super) fn log_place(gunicorn: &Gunicorn) -> Option<&Place> {
    match &gunicorn.access_log {
        Setting::Literal(_, place) => Some(place),
        _ => None,
    }
}

/// Returns the path proposed for a server's access log.
fn path(program: Program) -> String {
    format!("/var/log/{}/access.log", program.name())
}

/// Returns the setting that writes the access log to a file.
pub(super) fn log(program: Program) -> String {
    let path = path(program);
    match program {
        Program::Gunicorn => format!("accesslog = \"{path}\""),
        Program::Daphne => format!("--access-log {path}"),
        Program::Hypercorn => format!("--access-logfile {path}"),
        Program::Uvicorn | Program::Granian => format!("StandardOutput=append:{path}"),
    }
}

/// Returns the recommended lines for the server's configuration. An absolute path is kept.
pub(super) fn recommended(gunicorn: &Gunicorn) -> String {
    let log = log(gunicorn.program);
    match gunicorn.program {
        Program::Gunicorn => {
            let proposed = path(Program::Gunicorn);
            let path = match &gunicorn.access_log {
                Setting::Literal(path, _)
                    if path.starts_with('/')
                        && !path.contains(['"', '\\'])
                        && !is_stream(path)
                        && refused(path).is_none() =>
                {
                    path
                }
                _ => &proposed,
            };
            format!("in gunicorn.conf.py:\n{}", snippets::gunicorn_conf(path))
        }
        Program::Uvicorn => format!(
            "in its systemd unit, without --no-access-log and with --log-level info:\n{log}"
        ),
        Program::Granian => {
            format!("in its systemd unit, with --access-log in its command:\n{log}")
        }
        Program::Daphne | Program::Hypercorn => format!("on its command line:\n{log}"),
    }
}

pub(super) fn dynamic(setting: &str, why: &str, place: &Place) -> Fault {
    Fault::warning(format!("`{setting}` is only known at run time: {why}"))
        .at(place.clone())
        .help("complete the commented source by hand, write a literal here, or pass all settings:\ngunicorn --print-config … | httplog-exporter init -g -")
}
