//! `[capacity]`: how many requests the workers of a source handle at once.
//!
//! Invariant: each entry is that of a source whose lines say how long a worker was occupied.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;
use crate::diag::{Report, Section};
use crate::model::Field;

/// Most workers, and most threads of a worker.
const MOST: u64 = 10_000;

/// Reads the table. `names` are those of all sources, including ones with faults.
pub(super) fn read(
    root: &mut Section<'_>,
    names: &BTreeSet<String>,
    sources: &[Source],
    report: &mut Report,
) -> BTreeMap<String, u64> {
    let mut capacities = BTreeMap::new();
    for (name, mut section) in root.named("capacity", report) {
        let workers = section.integer("workers", 1..=MOST, report);
        let has_threads = section.contains("threads");
        let threads = section.integer("threads", 1..=MOST, report);
        if section.lacks("workers") {
            let fault = name.error(format!(
                "the capacity of `{}` without `workers`",
                name.value
            ));
            report.push(fault.help("{ workers = 5, threads = 2 }: as in gunicorn's configuration"));
        }
        section.finish(report);
        if !names.contains(&name.value) {
            let fault = name.error(format!("unknown source `{}`", name.value));
            report.push(fault.suggest(&name.value, names.iter().map(String::as_str)));
            continue;
        }
        if let Some(source) = sources.iter().find(|source| source.name == name.value) {
            let fields = source.pattern.fields();
            if !fields.contains(Field::Duration) {
                let message = format!(
                    "`{}` logs no duration, by which its utilisation is computed",
                    name.value
                );
                let help = "let gunicorn log `%(L)s`, as gunicorn-django does";
                report.push(name.warning(message).help(help));
            } else if fields.contains(Field::UpstreamDurations) {
                let message = format!(
                    "the durations of `{}` contain the time of clients, which occupies no worker",
                    name.value
                );
                let help = "name the source of gunicorn's log";
                report.push(name.warning(message).help(help));
            }
        }
        let threads = match threads {
            Some(threads) => threads.value,
            None if has_threads => continue,
            None => 1,
        };
        if let Some(workers) = workers {
            capacities.insert(name.value, workers.value * threads);
        }
    }
    capacities
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::diag::Fault;

    const SOURCES: &str = "[[source]]\nname = 'gunicorn'\npaths = ['g.log']\npattern = 'gunicorn-django'\n\
         [[source]]\nname = 'plain'\npaths = ['p.log']\npattern = 'gunicorn'\n\
         [[source]]\nname = 'nginx'\npaths = ['n.log']\npattern = 'nginx-django'\n[capacity]\n";

    fn faults(content: &str) -> Vec<String> {
        let content = format!("{SOURCES}{content}\n");
        let checked = Config::parse("config.toml", &content, Path::new("/etc"));
        let text = |fault: &Fault| {
            let place = fault.place.as_ref().unwrap().line_and_column().0;
            let help = fault.help.as_deref().unwrap_or_default();
            format!("{place}: {} | {help}", fault.message)
        };
        checked.report.faults().into_iter().map(text).collect()
    }

    #[test]
    fn its_metric_has_a_name_of_its_own() {
        let name = crate::telemetry::Metric::WorkerCapacity.name();
        let found = faults(&format!(
            "[[metric]]\nname = '{name}'\nhelp = 'h'\ntype = 'counter'"
        ));
        assert_eq!(
            found,
            [format!(
                "15: `{name}` is already taken by the metric of `[capacity]` | choose another name"
            )]
        );
    }

    #[test]
    fn a_capacity_is_the_product_of_workers_and_threads() {
        let capacity = |entry: &str| {
            let content = format!("{SOURCES}gunicorn = {entry}\n");
            let config = Config::parse("c", &content, Path::new("/etc"))
                .config
                .unwrap();
            config.capacities.get("gunicorn").copied()
        };
        assert_eq!(capacity("{ workers = 5, threads = 2 }"), Some(10));
        assert_eq!(capacity("{ workers = 5 }"), Some(5));
        assert_eq!(
            capacity("{ workers = 10000, threads = 10000 }"),
            Some(100_000_000)
        );
    }

    #[test]
    fn every_fault_is_reported_with_its_place() {
        let check =
            |entry: &str, expected: &str| assert_eq!(faults(entry), [format!("14: {expected}")]);
        let bounds = "expected a whole number from 1 to 10000";
        check(
            "gunicron = { workers = 1 }",
            "unknown source `gunicron` | did you mean `gunicorn`? One of: gunicorn, nginx, plain",
        );
        check(
            "gunicorn = { workers = 0 }",
            &format!("{bounds}, found 0 | "),
        );
        check(
            "gunicorn = { workers = 1, threads = -1 }",
            &format!("{bounds}, found -1 | "),
        );
        check(
            "gunicorn = { workers = 10001 }",
            &format!("{bounds}, found 10001 | "),
        );
        check(
            "gunicorn = { workers = 1.5 }",
            &format!("{bounds}, found 1.5 | "),
        );
        check("gunicorn = 5", "expected a table, found 5 | ");
        check(
            "gunicorn = { threads = 2 }",
            "the capacity of `gunicorn` without `workers` | { workers = 5, threads = 2 }: as in gunicorn's configuration",
        );
        check(
            "plain = { workers = 1 }",
            "`plain` logs no duration, by which its utilisation is computed | let gunicorn log `%(L)s`, as gunicorn-django does",
        );
        check(
            "nginx = { workers = 1 }",
            "the durations of `nginx` contain the time of clients, which occupies no worker | name the source of gunicorn's log",
        );
        assert!(
            faults("gunicorn = { workers = 1, thread = 2 }")[0].contains("unknown key `thread`")
        );
    }
}
