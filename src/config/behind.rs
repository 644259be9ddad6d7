//! `source.behind`: links between sources whose lines are joined.
//!
//! Invariant: all sources of a link log the fields that joining needs, and a front is not itself behind a source. A metric
//! that would count each request of a link twice is warned of.

use std::collections::BTreeSet;

use super::source::{Behind, Source};
use crate::diag::{Fault, Report, Spot};
use crate::join::Side;
use crate::metric::{MetricPlan, Set};
use crate::model::Field;

/// Checks and sets the links; `names` are those of all sources, including ones with faults.
pub(super) fn link(
    behinds: &[Behind],
    names: &BTreeSet<String>,
    sources: &mut [Source],
    report: &mut Report,
) {
    for behind in behinds {
        let Behind { name, fronts } = behind;
        if fronts.value.is_empty() {
            let fault = fronts.error("`behind` is empty: the source would be behind nothing");
            report.push(fault.help("name the sources in front, or leave the key out"));
            continue;
        }
        let place = |name: &str| sources.iter().position(|source| source.name == *name);
        let back = place(name);
        let mut found: Vec<String> = Vec::new();
        for front in &fronts.value {
            let twice = found.contains(&front.value);
            let twice = twice.then(|| front.error(format!("`{}` is named twice", front.value)));
            if let Some(fault) = twice.or_else(|| misplaced(name, front, behinds, names)) {
                report.push(fault);
                continue;
            }
            // The faults of a source that is missing here are in the report.
            let source = place(&front.value).map(|at| &sources[at]);
            if let Some(source) = source {
                check_fields(source, Side::Front(0), front, report);
            }
            let back = back.map(|at| &sources[at]);
            if let Some(back) = back.filter(|_| found.is_empty()) {
                check_fields(back, Side::Back(0), front, report);
            }
            if let (Some(source), Some(back)) = (source, back) {
                check_counts(source, back, front, report);
            }
            found.push(front.value.clone());
        }
        if let Some(at) = back {
            sources[at].behind = found;
        }
    }
}

/// Warns of sets and custom metrics that count a request in both sources without telling the two apart.
fn check_counts(front: &Source, back: &Source, place: &Spot<String>, report: &mut Report) {
    let plan = |source: &Source| MetricPlan::new(&source.metrics, source.pattern.fields());
    let (of_front, of_back) = (plan(front), plan(back));
    let mut doubled = of_front.added_up_with(&of_back);
    let (front, back) = (&front.name, &back.name);
    let mut warn = |what: &str, help: String| {
        let message = format!(
            "{what} counts each request twice, for `{front}` and for `{back}`, without a label that tells them apart"
        );
        report.push(place.warning(message).help(help));
    };
    for set in Set::ALL {
        let names: Vec<_> = set.metrics().into_iter().map(|own| own.name).collect();
        let before = doubled.len();
        doubled.retain(|name| names.iter().all(|own| **own != **name));
        if doubled.len() < before {
            let set = set.name;
            let help = format!(
                "name `{set}` in the `sets` of one of the two sources, and not in `metrics.sets`"
            );
            warn(&format!("the set `{set}`"), help);
        }
    }
    for name in doubled {
        let help = format!(
            "add the label `source`, or count one of them: when = {{ source = [\"{front}\"] }}"
        );
        warn(&format!("the metric `{name}`"), help);
    }
}

/// Returns the fault of a link that does not depend on formats.
fn misplaced(
    name: &str,
    front: &Spot<String>,
    behinds: &[Behind],
    names: &BTreeSet<String>,
) -> Option<Fault> {
    if front.value == name {
        return Some(front.error(format!("`{}` cannot be behind itself", front.value)));
    }
    if !names.contains(&front.value) {
        let others = names.iter().filter(|other| **other != *name);
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
        (Side::Front(_), Field::RequestId) => {
            "log `$request_id`, as nginx-django does, and pass it on: proxy_set_header X-Request-ID $request_id;"
        }
        (Side::Front(_), _) => "log `$upstream_response_time`, as nginx-django does",
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
    use crate::join::Linked;

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
            let expected = Linked {
                fronts: vec!["nginx"],
                backs: vec!["shop"],
            };
            assert_eq!(config.linked(), [expected]);
        }
        let config = Config::parse("c", NGINX, Path::new("/etc")).config.unwrap();
        assert!(config.linked().is_empty());
    }

    #[test]
    fn a_source_may_be_behind_several() {
        let edge = NGINX.replace("'nginx'", "'edge'");
        let several = GUNICORN.replace("'nginx'", "['nginx', 'edge']");
        let checked = Config::parse("c", &format!("{NGINX}{edge}{several}"), Path::new("/etc"));
        let config = checked.config.unwrap();
        assert_eq!(config.sources[2].behind, ["nginx", "edge"]);
        let expected = Linked {
            fronts: vec!["edge", "nginx"],
            backs: vec!["shop"],
        };
        assert_eq!(config.linked(), [expected]);
    }

    #[test]
    fn a_metric_that_counts_a_request_twice_is_warned_of() {
        let warnings = |content: &str| {
            let checked = Config::parse("c", content, Path::new("/etc"));
            assert!(!checked.report.has_errors(), "{}", checked.report);
            let faults = checked.report.faults();
            let line = |fault: &&crate::diag::Fault| {
                let place = fault.place.as_ref().unwrap().line_and_column().0;
                let (message, help) = (&fault.message, fault.help.as_deref());
                format!("{place}: {message} | {}", help.unwrap())
            };
            faults.iter().map(line).collect::<Vec<_>>()
        };
        let twice = |what: &str, help: &str| {
            format!(
                "9: {what} counts each request twice, for `nginx` and for `shop`, without a label that tells them apart | {help}"
            )
        };
        let of_set = |set: &str| {
            let help = format!(
                "name `{set}` in the `sets` of one of the two sources, and not in `metrics.sets`"
            );
            twice(&format!("the set `{set}`"), &help)
        };
        let both = format!("{NGINX}{GUNICORN}");
        let with = |text: &str| format!("{both}{text}");
        assert_eq!(warnings(&both), [""; 0]);
        let sets = "[metrics]\nsets = ['httplog', 'django', 'nginxlog']\n";
        assert_eq!(
            warnings(&with(sets)),
            [of_set("django"), of_set("nginxlog")]
        );
        // One of the two counts it.
        let one = format!("{NGINX}sets = ['httplog', 'django']\n{GUNICORN}");
        assert_eq!(warnings(&one), [""; 0]);
        let own = "[[metric]]\nname = 'own_total'\nhelp = 'h'\ntype = 'counter'\n";
        let help = "add the label `source`, or count one of them: when = { source = [\"nginx\"] }";
        assert_eq!(
            warnings(&with(own)),
            [twice("the metric `own_total`", help)]
        );
        for apart in [
            "labels = ['source', 'status']",
            "when = { source = ['nginx'] }",
        ] {
            assert_eq!(warnings(&with(&format!("{own}{apart}\n"))), [""; 0]);
        }
        // gunicorn's lines have no upstream times.
        let of_front = "[[metric]]\nname = 'own_seconds'\nhelp = 'h'\ntype = 'histogram'\nvalue = 'upstream_duration'\nbuckets = [1]\n";
        assert_eq!(warnings(&with(of_front)), [""; 0]);
        // Without a link, they may be logs of different requests.
        let apart = both.replace("behind = 'nginx'\n", "");
        assert_eq!(warnings(&format!("{apart}{sets}")), [""; 0]);
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
        check(
            &shop("['nginx', 'shop', 'nginx', 'nginks']"),
            &[
                "`shop` cannot be behind itself | ",
                "`nginx` is named twice | ",
                "unknown source `nginks` | did you mean `nginx`?",
            ],
        );
        check(
            &shop("[]"),
            &[
                "`behind` is empty: the source would be behind nothing | name the sources in front, or leave the key out",
            ],
        );
        check(
            &shop("7"),
            &["expected a string or a list of strings, found 7 | "],
        );
        check(&shop("['nginx', 7]"), &["expected a string, found 7 | "]);
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
