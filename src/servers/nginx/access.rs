//! Reads the directive `access_log`.

use std::collections::BTreeMap;

use super::format::Format;
use super::log::{Log, Target};
use super::tree::Directive;
use crate::diag::{Fault, Report};

/// The meaning of one directive.
pub(super) enum Access {
    /// `off`: requests of this level are not logged.
    Off,
    To(Box<Log>),
}

/// Returns the log that nginx writes by default.
pub(super) fn compiled_in(path: &str) -> Log {
    Log {
        target: Target::File(path.to_owned()),
        format: Format::combined(),
        servers: Vec::new(),
        conditions: Vec::new(),
        also_in: Vec::new(),
        path_changes: Vec::new(),
        proxies: None,
        is_buffered: false,
        place: None,
        other_places: Vec::new(),
    }
}

/// Reads one directive. Returns `None` after reporting an error.
pub(super) fn read(
    directive: &Directive,
    formats: &BTreeMap<String, Format>,
    prefix: &str,
    report: &mut Report,
) -> Option<Access> {
    let mut refuse = |fault: Fault| {
        report.push(fault.at(directive.place()));
        None
    };
    let parameters = directive.parameters();
    let (target, name, options) = match parameters.as_slice() {
        ["off"] => return Some(Access::Off),
        ["off", ..] => return refuse(Fault::error("`access_log off` takes no other parameters")),
        [target] => (*target, "combined", [].as_slice()),
        [target, name, options @ ..] => (*target, *name, options),
        [] => return refuse(Fault::error("`access_log` needs a path")),
    };
    if target.is_empty() {
        return refuse(Fault::error("`access_log` needs a path"));
    }
    let Some(format) = formats.get(name) else {
        let names = formats.keys().map(String::as_str);
        return refuse(Fault::error(format!("unknown log format `{name}`")).suggest(name, names));
    };
    let mut log = Log {
        format: format.clone(),
        place: Some(directive.place()),
        ..compiled_in(target)
    };
    let mut file: fn(String) -> Target = Target::File;
    for option in options {
        match option.split_once('=').unwrap_or((option, "")) {
            ("buffer" | "flush", _) => log.is_buffered = true,
            ("gzip", _) => file = Target::Compressed,
            ("if", condition) => log.conditions.push(condition.to_owned()),
            _ => {
                let fault = Fault::error(format!("unknown parameter `{option}`"));
                let help = "valid parameters: buffer=SIZE, flush=TIME, gzip[=LEVEL], if=CONDITION";
                return refuse(fault.help(help));
            }
        }
    }
    log.target = if let Some(servers) = target.strip_prefix("syslog:") {
        Target::Syslog(servers.to_owned())
    } else if target.starts_with(['/', '$']) {
        file(target.to_owned())
    } else {
        file(format!("{prefix}/{target}"))
    };
    Some(Access::To(Box::new(log)))
}
