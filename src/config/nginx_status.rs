//! `[[nginx_status]]`: nginx's stub status pages.
//!
//! Invariant: each page is listed once.

use crate::diag::{Fault, Report, Section, Spot, is_printable};
use crate::nginx_status::{StubAddress, StubAddressError};

/// Most pages: each is requested for each scrape.
const MOST: usize = 64;
const HELP: &str =
    "url = \"http://127.0.0.1/stub_status\", or \"unix:/run/nginx/status.sock:/stub_status\"";

/// Reads the tables.
pub(super) fn read(root: &mut Section<'_>, report: &mut Report) -> Vec<Spot<StubAddress>> {
    let mut pages: Vec<Spot<StubAddress>> = Vec::new();
    for mut section in root.sections("nginx_status", report) {
        let url = section.string("url", report);
        if section.lacks("url") {
            let fault = Fault::error("an `nginx_status` without `url`").at(section.place());
            report.push(fault.help(HELP));
        }
        section.finish(report);
        let Some(url) = url else {
            continue;
        };
        match address(&url) {
            Ok(page) if pages.iter().any(|known| known.value == page.value) => {
                report.push(url.error(format!("`{}` is listed twice", url.value)));
            }
            Ok(page) if pages.len() == MOST => {
                let fault = page.error(format!("more than {MOST} pages of nginx"));
                report.push(fault.help("run an exporter on each machine"));
                break;
            }
            Ok(page) => pages.push(page),
            Err(fault) => report.push(fault),
        }
    }
    pages
}

fn address(url: &Spot<String>) -> Result<Spot<StubAddress>, Fault> {
    if !url.value.chars().all(is_printable) {
        let fault = url.error("the address contains characters that are not printable");
        return Err(fault.help(HELP));
    }
    match url.value.parse() {
        Ok(value) => Ok(Spot {
            value,
            place: url.place.clone(),
        }),
        Err(error @ (StubAddressError::Credentials | StubAddressError::Query)) => Err(url
            .error(error.to_string())
            .help("admit this machine without a password or a token: allow 127.0.0.1; deny all;")),
        Err(error) => Err(url.error(error.to_string()).help(HELP)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::diag::Fault;

    const SOURCE: &str = "[[source]]\nname = 'a'\npaths = ['a.log']\npattern = 'nginx-combined'\n";

    fn faults(content: &str) -> Vec<String> {
        let content = format!("{SOURCE}{content}");
        let checked = Config::parse("config.toml", &content, Path::new("/etc"));
        let text = |fault: &Fault| {
            let place = fault.place.as_ref().unwrap().line_and_column().0;
            let help = fault.help.as_deref().unwrap_or_default();
            format!("{place}: {} | {help}", fault.message)
        };
        checked.report.faults().into_iter().map(text).collect()
    }

    #[test]
    fn pages_are_read_in_their_sequence() {
        let content = format!(
            "{SOURCE}[[nginx_status]]\nurl = 'http://127.0.0.1:8080/s'\n[[nginx_status]]\nurl = 'unix:/run/s.sock:/s'\n"
        );
        let config = Config::parse("c", &content, Path::new("/etc"))
            .config
            .unwrap();
        let pages: Vec<_> = config
            .nginx_status
            .iter()
            .map(|page| page.value.to_string())
            .collect();
        assert_eq!(pages, ["http://127.0.0.1:8080/s", "unix:/run/s.sock:/s"]);
    }

    #[test]
    fn every_fault_is_reported_with_its_place() {
        let url = |url: &str| format!("[[nginx_status]]\nurl = {url}\n");
        let check = |content: &str, expected: &str| {
            let found = faults(content);
            assert!(
                found.len() == 1 && found[0].starts_with(expected),
                "{found:?}"
            );
        };
        let example = "url = \"http://127.0.0.1/stub_status\"";
        check(
            "[[nginx_status]]\n",
            &format!("5: an `nginx_status` without `url` | {example}"),
        );
        check(
            &url("'127.0.0.1/stub_status'"),
            &format!("6: `127.0.0.1/stub_status` is not the address of a page | {example}"),
        );
        check(
            &url("'http://me:secret@127.0.0.1/'"),
            "6: a user or a password cannot be part of the address, which is shown | admit this machine",
        );
        check(
            &url("\"unix:/a\\u0007:/s\""),
            "6: the address contains characters that are not printable",
        );
        check(&url("1"), "6: expected a string");
        check(
            "[nginx_status]\nurl = 'http://h/'\n",
            "5: each `nginx_status` is an item of a list",
        );
        check(
            &(url("'http://h/s'") + "uri = 'x'\n"),
            "7: unknown key `uri`",
        );
        let twice = url("'http://h/s'").repeat(2);
        check(&twice, "8: `http://h/s` is listed twice");
        let many: String = (0..66)
            .map(|page| url(&format!("'http://h/{page}'")))
            .collect();
        check(&many, "134: more than 64 pages of nginx");
    }

    #[test]
    fn names_of_its_metrics_are_taken() {
        for name in [
            "nginx_http_requests_total",
            "nginx_up",
            "nginx_connections_accepted_total",
        ] {
            let found = faults(&format!(
                "[[metric]]\nname = '{name}'\nhelp = 'h'\ntype = 'counter'\n"
            ));
            let expected = format!(
                "6: `{name}` is already taken by a metric of nginx's stub status | choose another name"
            );
            assert_eq!(found, [expected]);
        }
    }
}
