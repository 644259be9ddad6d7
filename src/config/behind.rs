//! `source.behind`: links between sources whose lines are joined.
//!
//! Invariant: both sources of a link log the fields that joining needs, and a front is not itself behind a source.

use std::collections::BTreeSet;

use super::source::{Behind, Source};
use crate::diag::{Fault, Report, Spot};
use crate::join::Side;
use crate::model::Field;

/// Checks and sets the links; `names` are those of all sources, including ones with faults.
pub(super) fn link(
    behinds: &[Behind],
    names: &BTreeSet<String>,
    sources: &mut [Source],
    report: &mut Report,
) {
    for behind in behinds {
        if let Some(fault) = misplaced(behind, behinds, names) {
            report.push(fault);
            continue;
        }
        // The faults of a source that is missing here are in the report.
        for (name, side) in [
            (&behind.front.value, Side::Front),
            (&behind.name, Side::Back(0)),
        ] {
            if let Some(source) = sources.iter().find(|source| source.name == *name) {
                check_fields(source, side, &behind.front, report);
            }
        }
        let found = sources.iter_mut().find(|source| source.name == behind.name);
        if let Some(source) = found {
            source.behind = Some(behind.front.value.clone());
        }
    }
}

/// Returns the fault of a link that does not depend on formats.
fn misplaced(behind: &Behind, behinds: &[Behind], names: &BTreeSet<String>) -> Option<Fault> {
    let front = &behind.front;
    if front.value == behind.name {
        return Some(front.error(format!("`{}` cannot be behind itself", front.value)));
    }
    if !names.contains(&front.value) {
        let others = names.iter().filter(|name| **name != behind.name);
        return Some(
            front
                .error(format!("unknown source `{}`", front.value))
                .suggest(&front.value, others.map(String::as_str)),
        );
    }
    behinds
        .iter()
        .any(|other| other.name == front.value)
        .then(|| {
            front
                .error(format!("`{}` is itself behind another source", front.value))
                .help("name the source whose server passes requests on to this one")
        })
}

/// Reports the fields that the pattern of a source lacks.
fn check_fields(source: &Source, side: Side, front: &Spot<String>, report: &mut Report) {
    let (name, pattern) = (&source.name, &source.pattern);
    for field in side.fields() {
        if !pattern.fields().contains(field) {
            let (pattern, missing) = (pattern.name(), field.name());
            let message =
                format!("`{pattern}` of `{name}` has no `{missing}`, which joining needs");
            report.push(front.error(message).help(remedy(side, field)));
        }
    }
}

/// Returns the help for a field that is missing.
fn remedy(side: Side, field: Field) -> &'static str {
    match (side, field) {
        (Side::Front, Field::RequestId) => {
            "log `$request_id`, as nginx-django does, and pass it on: proxy_set_header X-Request-ID $request_id;"
        }
        (Side::Front, _) => "log `$upstream_response_time`, as nginx-django does",
        (Side::Back(_), Field::RequestId) => {
            "log `%({x-request-id}i)s`, as gunicorn-django does; nginx must send it: proxy_set_header X-Request-ID $request_id;"
        }
        (Side::Back(_), _) => "log `%(L)s`, as gunicorn-django does",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    const NGINX: &str = "[[source]]\nname = 'nginx'\npaths = ['a.log']\npattern = 'nginx-django'\n";
    const GUNICORN: &str = "[[source]]\nname = 'shop'\npaths = ['b.log']\npattern = 'gunicorn-django'\nbehind = 'nginx'\n";

    fn faults(content: &str) -> Vec<String> {
        let checked = Config::parse("config.toml", content, Path::new("/etc"));
        let faults = checked.report.faults();
        assert_eq!(checked.config.is_none(), !faults.is_empty());
        let text = |fault: &crate::diag::Fault| {
            assert!(fault.place.is_some());
            let help = fault.help.as_deref().unwrap_or_default();
            format!("{} | {help}", fault.message)
        };
        faults.iter().map(|fault| text(fault)).collect()
    }

    #[test]
    fn the_order_of_sources_does_not_matter() {
        for content in [format!("{NGINX}{GUNICORN}"), format!("{GUNICORN}{NGINX}")] {
            let checked = Config::parse("c", &content, Path::new("/etc"));
            let config = checked.config.unwrap();
            assert_eq!(config.fronts(), [("nginx", vec!["shop"])].into());
        }
        let config = Config::parse("c", NGINX, Path::new("/etc")).config.unwrap();
        assert!(config.fronts().is_empty());
    }

    #[test]
    fn a_link_that_cannot_work_is_a_fault() {
        let check = |content: &str, expected: &[&str]| assert_eq!(faults(content), expected);
        let shop = |front: &str| NGINX.to_owned() + &GUNICORN.replace("'nginx'", front);
        check(
            &shop("'nginks'"),
            &["unknown source `nginks` | did you mean `nginx`?"],
        );
        check(&shop("'shop'"), &["`shop` cannot be behind itself | "]);
        let third = GUNICORN
            .replace("shop", "third")
            .replace("'nginx'", "'shop'");
        check(
            &format!("{NGINX}{GUNICORN}{third}"),
            &[
                "`shop` is itself behind another source | name the source whose server passes requests on to this one",
            ],
        );
        let lacking = format!("{NGINX}{GUNICORN}")
            .replace("nginx-django", "nginx-combined")
            .replace("gunicorn-django", "gunicorn");
        check(
            &lacking,
            &[
                "`nginx-combined` of `nginx` has no `request_id`, which joining needs | log `$request_id`, as nginx-django does, and pass it on: proxy_set_header X-Request-ID $request_id;",
                "`nginx-combined` of `nginx` has no `upstream_durations`, which joining needs | log `$upstream_response_time`, as nginx-django does",
                "`gunicorn` of `shop` has no `request_id`, which joining needs | log `%({x-request-id}i)s`, as gunicorn-django does; nginx must send it: proxy_set_header X-Request-ID $request_id;",
                "`gunicorn` of `shop` has no `duration`, which joining needs | log `%(L)s`, as gunicorn-django does",
            ],
        );
    }
}
