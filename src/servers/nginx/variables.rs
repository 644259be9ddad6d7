//! Variables that nginx's configuration defines itself.
//!
//! Invariant: a variable stands for one of nginx's only if every value that the configuration gives it can be read as that
//! one's.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Directive;
use crate::pattern::{Dialect, Pattern};

/// Longest chain of variables that stand for each other.
const CHAIN: usize = 8;

/// Variables that have the id of a request.
const REQUEST_IDS: [&str; 2] = ["http_x_request_id", "request_id"];

/// Variables by name, without their `$`.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    all: BTreeMap<String, Values>,
}

/// The values that a configuration gives to a variable.
#[derive(Clone, Debug, Default)]
struct Values {
    /// The variables that are copied to it by default.
    copied: BTreeSet<String>,
    /// Other values.
    fixed: BTreeSet<String>,
    /// True if it has values that the configuration does not show.
    is_computed: bool,
}

/// A variable of the configuration in a format, and the variable of nginx that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Name of the configuration's variable.
    pub name: String,
    /// Name of nginx's variable.
    pub meaning: String,
}

impl Variables {
    /// Reads every directive that defines a variable, and the names of captures in regular expressions.
    pub(super) fn read(tree: &[Directive]) -> Self {
        let mut variables = Self::default();
        for directive in tree {
            variables.directive(directive);
        }
        variables
    }

    fn directive(&mut self, directive: &Directive) {
        let parameters = directive.parameters();
        for parameter in parameters.iter().chain([&directive.name()]) {
            captures(parameter).for_each(|name| self.values(name).is_computed = true);
        }
        match (directive.name(), parameters.as_slice()) {
            ("map", [_, target]) => {
                if let Some(name) = variable(target) {
                    self.map(name, &directive.block);
                }
            }
            ("set" | "auth_request_set", [target, value]) => {
                if let Some(name) = variable(target) {
                    self.value(name, value);
                }
            }
            // `geo [$address] $name`, `split_clients TEXT $name`, and modules' own: `set_md5`, `set_by_lua_block`.
            ("geo" | "split_clients" | "js_set" | "js_var" | "perl_set", given) => {
                let named = if matches!(directive.name(), "geo" | "split_clients") {
                    given.last()
                } else {
                    given.first()
                };
                self.computed(named.copied());
            }
            (name, [target, ..]) if name.starts_with("set_") => self.computed(Some(target)),
            // `geoip2 FILE { $name source=… path; }`
            ("geoip2", _) => {
                for inner in &directive.block {
                    self.computed(Some(inner.name()));
                }
            }
            _ => {}
        }
        for inner in &directive.block {
            self.directive(inner);
        }
    }

    fn map(&mut self, name: &str, block: &[Directive]) {
        self.values(name);
        for entry in block {
            match (entry.name(), entry.parameters().as_slice()) {
                ("default", [value]) => self.value(name, value),
                ("hostnames" | "volatile" | "include", _) => {}
                (_, [value]) => match variable(value) {
                    Some(id) if REQUEST_IDS.contains(&id) => self.value(name, value),
                    // What a captured part or another variable holds is not known.
                    Some(_) => self.values(name).is_computed = true,
                    None if value.contains('$') => self.values(name).is_computed = true,
                    None => {
                        self.values(name).fixed.insert((*value).to_owned());
                    }
                },
                _ => {}
            }
        }
    }

    fn value(&mut self, name: &str, value: &str) {
        let values = self.values(name);
        match variable(value) {
            Some(copied) => {
                values.copied.insert(copied.to_owned());
            }
            None if value.contains('$') => values.is_computed = true,
            None => {
                values.fixed.insert(value.to_owned());
            }
        }
    }

    fn computed(&mut self, target: Option<&str>) {
        if let Some(name) = target.and_then(variable) {
            self.values(name).is_computed = true;
        }
    }

    fn values(&mut self, name: &str) -> &mut Values {
        self.all.entry(name.to_owned()).or_default()
    }

    /// Returns whether the configuration defines a variable.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// Returns whether every value of a variable is known to be a single word, or empty.
    pub(super) fn is_word(&self, name: &str) -> bool {
        let is_of_word = |next: char| next.is_ascii_alphanumeric() || "._:/-".contains(next);
        self.all.get(name).is_some_and(|values| {
            let mut fixed = values.fixed.iter();
            let is_fixed = !values.is_computed && values.copied.is_empty();
            is_fixed && fixed.all(|value| value.chars().all(is_of_word))
        })
    }

    /// Returns the names in a format that stand for variables of nginx's.
    pub(super) fn aliases<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        escape: &str,
    ) -> Vec<Alias> {
        let mut aliases: Vec<Alias> = Vec::new();
        for name in names {
            let is_new = aliases.iter().all(|alias| alias.name != name);
            if is_new && let Some(meaning) = self.meaning(name, escape) {
                let name = name.to_owned();
                aliases.push(Alias { name, meaning });
            }
        }
        aliases
    }

    fn meaning(&self, name: &str, escape: &str) -> Option<String> {
        let mut name = name;
        let mut fixed: BTreeSet<&str> = BTreeSet::new();
        for _ in 0..CHAIN {
            let Some(values) = self.all.get(name) else {
                let can_hold = |value: &&str| can_hold(name, value, escape);
                let is_alias = fills_a_field(name) && fixed.iter().all(can_hold);
                return is_alias.then(|| name.to_owned());
            };
            // A client's id, or else nginx's own: both are ids of the request.
            let mut copied = values.copied.iter();
            if values.copied.len() == 2 && copied.all(|name| REQUEST_IDS.contains(&&**name)) {
                return (!values.is_computed).then(|| "request_id".to_owned());
            }
            let mut copied = values.copied.iter();
            let (Some(only), None, false) = (copied.next(), copied.next(), values.is_computed)
            else {
                return None;
            };
            fixed.extend(values.fixed.iter().map(String::as_str));
            name = only;
        }
        None
    }
}

/// Returns whether a variable of nginx's fills a field.
fn fills_a_field(variable: &str) -> bool {
    Pattern::compile("x", Dialect::Nginx, &format!("\"${{{variable}}}\""))
        .is_ok_and(|pattern| pattern.fields().iter().next().is_some())
}

/// Returns whether a value can be read as that of nginx's variable.
fn can_hold(variable: &str, value: &str, escape: &str) -> bool {
    let format = format!("log_format x escape={escape} '{{\"v\":\"${{{variable}}}\"}}';");
    Pattern::compile("x", Dialect::Nginx, &format).is_ok_and(|pattern| {
        let line = format!("{{\"v\":\"{value}\"}}");
        let record = pattern.parse(&mut pattern.scratch(), line.as_bytes());
        record.is_ok()
    })
}

/// Returns the name of the variable that a parameter is, whole.
fn variable(parameter: &str) -> Option<&str> {
    let name = parameter.strip_prefix('$')?;
    let name = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(name);
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

/// Iterates over the names of captures: `(?<name>`, `(?P<name>`, `(?'name'`.
fn captures(parameter: &str) -> impl Iterator<Item = &str> {
    parameter.split("(?").skip(1).filter_map(|group| {
        let group = group.strip_prefix('P').unwrap_or(group);
        let name = group.strip_prefix(['<', '\''])?;
        let end = name.find(['>', '\''])?;
        let name = &name[..end];
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_name && !name.is_empty()).then_some(name)
    })
}

/// Iterates over the variables of a format, each with its place.
pub(super) fn named(format: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let dollar = rest + format[rest..].find('$')?;
        let after = &format[dollar + 1..];
        let (name, length) = if let Some(braced) = after.strip_prefix('{') {
            let end = braced.find('}').unwrap_or(braced.len());
            (&braced[..end], (end + 2).min(after.len()))
        } else {
            let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let length = after.bytes().take_while(is_of_name).count();
            (&after[..length], length)
        };
        rest = dollar + 1 + length;
        Some((dollar..rest, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Report;
    use crate::servers::Dump;
    use crate::servers::nginx::tree;

    fn variables(conf: &str) -> Variables {
        let dump = format!("# configuration file /n:\n{conf}\n");
        let dump = Dump::read(&dump).unwrap();
        let mut report = Report::default();
        let tree = tree::read("/n", &dump, &mut report);
        assert_eq!(report.errors(), 0, "{conf}");
        Variables::read(&tree)
    }

    #[test]
    fn every_directive_that_defines_a_variable_is_known() {
        for conf in [
            "http { map $uri $it { default 1; } }",
            "http { geo $it { default 1; } }",
            "http { geo $remote_addr $it { default 1; } }",
            "http { split_clients $uri $it { 50% a; * b; } }",
            "http { js_set $it m.f; }",
            "http { js_var $it; }",
            "http { perl_set $it 'sub { }'; }",
            "http { server { location / { set $it 1; } } }",
            "http { server { location / { if ($uri) { set $it 1; } } } }",
            "http { server { set_md5 $it $uri; } }",
            "http { server { auth_request_set $it $upstream_http_x; } }",
            "http { server { server_name ~^(?<it>.+)\\.example$; } }",
            "http { server { location ~ ^/(?P<it>[a-z]+)/ { } } }",
            "http { map $uri $x { ~^/(?'it'.*)$ 1; } }",
            "http { geoip2 /f { $it source=$remote_addr country; } }",
        ] {
            assert!(variables(conf).defines("it"), "{conf}");
            assert!(!variables(conf).defines("its"), "{conf}");
        }
    }

    #[test]
    fn a_variable_stands_for_the_one_that_it_is_a_copy_of() {
        let check = |conf: &str, escape: &str, expected: Option<&str>| {
            let found = variables(&format!("http {{ {conf} }}")).meaning("it", escape);
            assert_eq!(found.as_deref(), expected, "{conf}");
        };
        let time = "upstream_response_time";
        let map = format!("map $uri $it {{ default ${time}; \"\" 0; }}");
        check(&map, "json", Some(time));
        // nginx writes decimals, and `-` for none: `0` is neither.
        check(&map, "default", None);
        check(&map.replace(" 0;", " -;"), "default", Some(time));
        check(&map.replace(" 0;", " none;"), "default", None);
        check(&map.replace(" 0;", " $uri;"), "json", None);
        check(
            "server { set $it $request_time; }",
            "default",
            Some("request_time"),
        );
        check(
            "map $uri $a { default ${request_time}; } server { set $it $a; }",
            "default",
            Some("request_time"),
        );
        check(
            "server { set $it $request_time; set $it $msec; }",
            "default",
            None,
        );
        let id = "map $http_x_request_id $it { default $http_x_request_id; '' $request_id; }";
        check(id, "default", Some("request_id"));
        check(&id.replace("$request_id", "$uri"), "default", None);
        check("map $uri $it { default $it; }", "default", None);
        check("map $uri $it { default $uri$args; }", "default", None);
        check("map $uri $it { default $geoip_city; }", "default", None);
        check("map $uri $it { a b; }", "default", None);
    }

    #[test]
    fn variables_of_a_format_have_their_places() {
        let format = "a$b ${c}d $ ${e";
        let found: Vec<(&str, &str)> = named(format)
            .map(|(span, name)| (&format[span], name))
            .collect();
        assert_eq!(found, [("$b", "b"), ("${c}", "c"), ("$", ""), ("${e", "e")]);
    }
}
