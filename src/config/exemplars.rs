//! `metrics.exemplars`: the id by which exemplars lead to requests.
//!
//! Invariant: some source logs the id, and counts a histogram.

use crate::diag::{Report, Section, Spot};
use crate::metric::{MetricPlan, Metrics};
use crate::model::ExemplarId;
use crate::pattern::Pattern;

/// Reads the key.
pub(super) fn read(section: &mut Section<'_>, report: &mut Report) -> Option<Spot<ExemplarId>> {
    let name = section.string("exemplars", report)?;
    let Some(value) = ExemplarId::from_name(&name.value) else {
        let names = ExemplarId::ALL.map(ExemplarId::name);
        report.push(
            name.error(format!("exemplars cannot show `{}`", name.value))
                .suggest(&name.value, names),
        );
        return None;
    };
    Some(Spot {
        value,
        place: name.place,
    })
}

/// Reports an id that no source logs, and exemplars without a histogram to show them. `sources` are the formats of all sources, and
/// what they count.
pub(super) fn check(
    which: &Spot<ExemplarId>,
    sources: &[(&Pattern, &Metrics)],
    report: &mut Report,
) {
    let field = which.value.field();
    let has_id = |(pattern, _): &&(&Pattern, _)| pattern.fields().contains(field);
    let mut having = sources.iter().filter(has_id).peekable();
    if having.peek().is_none() {
        let message = format!("no pattern of a source has `{}`", field.name());
        report.push(which.error(message).help(remedy(which.value)));
    } else if !having.any(|(pattern, metrics)| has_histogram(pattern, metrics)) {
        let message = "this has no effect: only histograms have exemplars, and no source with the id counts one";
        let fault = which.warning(message);
        report.push(fault.help("log a duration or a size, as nginx-timed does"));
    }
}

fn has_histogram(pattern: &Pattern, metrics: &Metrics) -> bool {
    MetricPlan::new(metrics, pattern.fields()).has_histogram()
}

/// Returns the help for an id that no source logs.
fn remedy(which: ExemplarId) -> &'static str {
    match which {
        ExemplarId::Trace => {
            "log the header `traceparent`: nginx `$http_traceparent` (or `$otel_trace_id`), gunicorn `%({traceparent}i)s`"
        }
        ExemplarId::Request => {
            "log `$request_id`, as nginx-django does, or `%({x-request-id}i)s`, as gunicorn-django does"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::model::ExemplarId;

    const TRACED: &str = "[pattern.traced]\nnginx = '\"$request\" $status $request_time $http_traceparent'\n[[source]]\nname = 'a'\npaths = ['a.log']\npattern = 'traced'\n";
    const TIMED: &str = "[[source]]\nname = 'b'\npaths = ['b.log']\npattern = 'nginx-timed'\n";

    fn faults(metrics: &str, sources: &str) -> Vec<String> {
        let content = format!("[metrics]\n{metrics}\n{sources}");
        let checked = Config::parse("config.toml", &content, Path::new("/etc"));
        assert_eq!(checked.config.is_none(), checked.report.has_errors());
        let faults = checked.report.faults().into_iter().map(|fault| {
            assert!(fault.place.is_some());
            let help = fault.help.as_deref().unwrap_or_default();
            format!("{} | {help}", fault.message)
        });
        faults.collect()
    }

    #[test]
    fn exemplars_are_off_until_an_id_is_chosen() {
        let exemplars = |metrics: &str| {
            let content = format!("[metrics]\n{metrics}\n{TRACED}{TIMED}");
            let checked = Config::parse("c", &content, Path::new("/etc"));
            assert!(checked.report.faults().is_empty(), "{}", checked.report);
            let sources = checked.config.unwrap().sources.into_iter();
            sources.map(|source| source.exemplars).collect::<Vec<_>>()
        };
        assert_eq!(exemplars(""), [None, None]);
        // A source that does not log the id has none.
        let trace = Some(ExemplarId::Trace);
        assert_eq!(exemplars("exemplars = 'trace_id'"), [trace, trace]);
    }

    #[test]
    fn exemplars_that_cannot_be_are_faults() {
        assert_eq!(
            faults("exemplars = 'trace-id'", TRACED),
            [
                "exemplars cannot show `trace-id` | did you mean `trace_id`? One of: trace_id, request_id"
            ]
        );
        assert_eq!(
            faults("exemplars = 'remote_addr'", TRACED),
            ["exemplars cannot show `remote_addr` | one of: trace_id, request_id"]
        );
        assert_eq!(
            faults("exemplars = 'trace_id'", TIMED),
            [
                "no pattern of a source has `trace_id` | log the header `traceparent`: nginx `$http_traceparent` (or `$otel_trace_id`), gunicorn `%({traceparent}i)s`"
            ]
        );
        assert_eq!(
            faults("exemplars = 'request_id'", &format!("{TRACED}{TIMED}")),
            [
                "no pattern of a source has `request_id` | log `$request_id`, as nginx-django does, or `%({x-request-id}i)s`, as gunicorn-django does"
            ]
        );
    }

    #[test]
    fn exemplars_without_a_histogram_are_warned_of() {
        let counted = TRACED.replace(" $request_time", "");
        let found = faults("exemplars = 'trace_id'", &counted);
        assert_eq!(
            found[0],
            "this has no effect: only histograms have exemplars, and no source with the id counts one | log a duration or a size, as nginx-timed does"
        );
        assert_eq!(faults("exemplars = 'trace_id'", TRACED), [""; 0]);
    }

    #[test]
    fn a_source_with_a_fault_may_have_been_the_one_with_the_id() {
        let broken = TIMED.replace("nginx-timed", "nginx-tined");
        let found = faults("exemplars = 'trace_id'", &broken);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("unknown pattern `nginx-tined`"));
    }
}
