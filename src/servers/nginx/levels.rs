//! Resolves the access logs of each level of nginx's configuration.
//!
//! Invariant: a level inherits the logs of the enclosing level only if it has no `access_log` itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::access::{self, Access};
use super::format::Format;
use super::log::{Log, Nginx, Target};
use super::path_change::{self, PathChange};
use super::stub;
use super::tree::Directive;
use super::variables::Variables;
use crate::diag::{Fault, Report};

/// Default access log of nginx's packages.
const COMPILED_IN: &str = "/var/log/nginx/access.log";

/// Reads the contents of `http`; without such a block, the whole tree counts as its contents.
pub(super) fn read(tree: &[Directive], prefix: &str, report: &mut Report) -> Nginx {
    let is_http = |directive: &&Directive| directive.name() == "http";
    let inside: Vec<&Directive> = if tree.iter().any(|directive| is_http(&directive)) {
        let blocks = tree.iter().filter(is_http);
        blocks.flat_map(|http| &http.block).collect()
    } else if tree
        .iter()
        .any(|found| matches!(found.name(), "server" | "access_log"))
    {
        tree.iter().collect()
    } else {
        let fault = Fault::error("nginx's configuration has neither `http` nor `server`");
        report.push(fault.help("pass its main file, or the output of `nginx -T`"));
        return Nginx::default();
    };
    let mut reader = Reader {
        formats: formats(&inside, &Variables::read(tree), report),
        prefix,
        report,
        nginx: Nginx::default(),
    };
    let default = [access::compiled_in(COMPILED_IN)];
    let http = reader.level(&inside, &default);
    let is_server = |found: &&Directive| found.name() == "server";
    let servers: Vec<&Directive> = inside.iter().copied().filter(is_server).collect();
    if servers.is_empty() {
        reader.write(&http, &[], &[], None);
    }
    let passes_id = passes_request_id(&inside, false);
    for server in &servers {
        reader.server(server, &http, passes_id);
    }
    reader.nginx.stub = stub::find(&servers);
    reader.nginx.formats = reader.formats.into_values().collect();
    reader.nginx
}

/// Returns every `log_format`, including the built-in one.
fn formats(
    inside: &[&Directive],
    variables: &Variables,
    report: &mut Report,
) -> BTreeMap<String, Format> {
    let combined = Format::combined();
    let mut formats = BTreeMap::from([(combined.name.clone(), combined)]);
    for directive in inside {
        if directive.name() != "log_format" {
            continue;
        }
        let place = directive.place();
        let Some(format) = Format::from_parameters(&directive.parameters(), Some(place.clone()))
        else {
            report.push(Fault::error("`log_format` needs a format").at(place));
            continue;
        };
        match formats.entry(format.name.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(format.understood(variables));
            }
            Entry::Occupied(entry) => {
                let message = format!("duplicate log format name `{}`", entry.key());
                report.push(Fault::error(message).at(place));
            }
        }
    }
    formats
}

/// Returns whether a level passes `$request_id` on as `X-Request-ID`. It inherits headers only if it sets none itself.
fn passes_request_id(inside: &[&Directive], inherited: bool) -> bool {
    let mut headers = inside
        .iter()
        .filter(|found| found.name() == "proxy_set_header")
        .peekable();
    if headers.peek().is_none() {
        return inherited;
    }
    headers.any(|header| {
        matches!(header.parameters().as_slice(), [name, "$request_id" | "${request_id}"]
            if name.eq_ignore_ascii_case("x-request-id"))
    })
}

struct Reader<'r> {
    formats: BTreeMap<String, Format>,
    prefix: &'r str,
    report: &'r mut Report,
    nginx: Nginx,
}

impl Reader<'_> {
    /// Returns the logs of a level inside a level with the logs `outside`.
    fn level(&mut self, inside: &[&Directive], outside: &[Log]) -> Vec<Log> {
        let mut own: Option<Vec<Log>> = None;
        let mut is_off = false;
        for directive in inside {
            if directive.name() != "access_log" {
                continue;
            }
            let logs = own.get_or_insert_default();
            match access::read(directive, &self.formats, self.prefix, self.report) {
                Some(Access::Off) => is_off = true,
                Some(Access::To(log)) => logs.push(*log),
                None => {}
            }
        }
        match own {
            Some(_) if is_off => Vec::new(),
            Some(own) => own,
            None => outside.to_vec(),
        }
    }

    fn server(&mut self, server: &Directive, http: &[Log], passes_id: bool) {
        let names = server.block.iter();
        let names = names.filter(|directive| directive.name() == "server_name");
        let names = names.flat_map(Directive::parameters);
        let names = names.filter(|name| !matches!(*name, "" | "_"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        self.block(server, http, &names, passes_id);
    }

    /// Reads a server, or a block inside it that may have its own logs.
    fn block(&mut self, block: &Directive, outside: &[Log], names: &[String], passes_id: bool) {
        let inside: Vec<&Directive> = block.block.iter().collect();
        let logs = self.level(&inside, outside);
        if logs.is_empty() && !outside.is_empty() {
            let mut words = vec![block.name()];
            words.extend(block.parameters());
            self.nginx.unlogged.push((words.join(" "), block.place()));
        }
        let passes_id = passes_request_id(&inside, passes_id);
        let is_passed = inside
            .iter()
            .any(|directive| directive.name() == "proxy_pass");
        let proxies = is_passed.then_some(passes_id);
        self.write(&logs, names, &path_change::path_changes(block), proxies);
        for directive in inside {
            if matches!(directive.name(), "location" | "if" | "limit_except") {
                self.block(directive, &logs, names, passes_id);
            }
        }
    }

    /// Merges the logs of a level into the result.
    fn write(
        &mut self,
        logs: &[Log],
        names: &[String],
        path_changes: &[PathChange],
        proxies: Option<bool>,
    ) {
        for log in logs {
            let is_same =
                |known: &&mut Log| known.target == log.target && known.format == log.format;
            let known = match self.nginx.logs.iter_mut().find(is_same) {
                Some(known) => {
                    if let Some(place) = &log.place
                        && known.place != log.place
                        && !known.other_places.contains(place)
                    {
                        known.other_places.push(place.clone());
                    }
                    known.is_buffered |= log.is_buffered;
                    known
                }
                None => self.nginx.logs.push_mut(Log {
                    conditions: Vec::new(),
                    ..log.clone()
                }),
            };
            known.proxies = match (known.proxies, proxies) {
                (Some(one), Some(other)) => Some(one && other),
                (one, other) => one.or(other),
            };
            add_new(&log.conditions, &mut known.conditions);
            let also_in = logs.iter().filter_map(|other| match &other.target {
                Target::File(path) if other.target != log.target => Some(path.clone()),
                _ => None,
            });
            add_new(&also_in.collect::<Vec<_>>(), &mut known.also_in);
            add_new(names, &mut known.servers);
            add_new(path_changes, &mut known.path_changes);
        }
    }
}

/// Appends the elements that are missing.
fn add_new<T: Clone + PartialEq>(found: &[T], all: &mut Vec<T>) {
    for one in found {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}
