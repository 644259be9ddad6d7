//! Finds the changes that nginx makes to paths before it passes requests on.
//!
//! Invariant: a change counts as a replaced prefix only if the directive does exactly that; other
//! changes are quoted, not guessed.

use super::tree::Directive;
use crate::diag::Place;

/// A change to paths and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// The change.
    pub change: Change,
    /// Place of the directive.
    pub place: Place,
}

/// A change to paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A prefix is replaced, perhaps by an equal one.
    Prefix {
        /// The prefix in the log.
        from: String,
        /// The prefix passed on.
        to: String,
    },
    /// Another change, described by its directive.
    Other(String),
}

/// The effect of the URL of a `proxy_pass` on paths.
#[derive(Debug, PartialEq, Eq)]
enum Uri<'u> {
    /// Paths are passed on unchanged.
    None,
    /// The text that replaces the prefix of the location.
    Plain(&'u str),
    /// The effect depends on variables.
    Unknown,
}

/// Returns the changes of a block to paths that it passes on, or that it sends to another location.
pub(super) fn path_changes(block: &Directive) -> Vec<PathChange> {
    let parameters = block.parameters();
    let location = (block.name() == "location").then_some(&*parameters);
    let inside = &block.block;
    let is_pass = |directive: &Directive| matches!(directive.name(), "proxy_pass" | "uwsgi_pass");
    let is_passed = inside.iter().any(is_pass);
    let mut all = Vec::new();
    for directive in inside {
        let change = match directive.name() {
            "proxy_pass" | "uwsgi_pass" => pass_change(location, directive),
            "rewrite" => rewrite_change(directive, is_passed),
            _ => None,
        };
        let place = directive.place();
        all.extend(change.map(|change| PathChange { change, place }));
    }
    // A rewritten path is passed on as it is, regardless of `proxy_pass`.
    let is_rewritten = |other| rewrite_change(other, is_passed).is_some();
    if inside.iter().any(is_rewritten) {
        all.retain(|change| !change.keeps_path());
    }
    all
}

impl PathChange {
    /// Returns whether the prefix stays the same. Such an exception matters below a prefix that is replaced.
    pub fn keeps_path(&self) -> bool {
        matches!(&self.change, Change::Prefix { from, to } if from == to)
    }
}

/// Returns the change made by a `proxy_pass` or `uwsgi_pass`; `location` is `None` outside a location.
fn pass_change(location: Option<&[&str]>, directive: &Directive) -> Option<Change> {
    let parameters = directive.parameters();
    let uri = match (directive.name(), parameters.as_slice()) {
        ("proxy_pass", [url]) => uri(url),
        _ => Uri::None,
    };
    let (from, to) = match (uri, location.and_then(prefix)) {
        (Uri::None, Some(from)) => (from, from),
        (Uri::Plain(to), Some(from)) => (from, to),
        (Uri::None, None) => return None,
        // `location = /a` with the same path.
        (Uri::Plain(to), None) if location.and_then(exact) == Some(to) => return None,
        (Uri::Plain(_) | Uri::Unknown, _) => {
            return Some(Change::Other(words(directive, location)));
        }
    };
    let (from, to) = (from.to_owned(), to.to_owned());
    Some(Change::Prefix { from, to })
}

/// Returns the change made by a `rewrite`, unless it redirects.
fn rewrite_change(directive: &Directive, is_passed: bool) -> Option<Change> {
    if directive.name() != "rewrite" {
        return None;
    }
    let parameters = directive.parameters();
    let (regex, replacement, flag) = match parameters.as_slice() {
        [regex, replacement] => (*regex, *replacement, ""),
        [regex, replacement, flag] => (*regex, *replacement, *flag),
        _ => return None,
    };
    let redirects = ["http://", "https://", "$scheme"];
    let is_redirect = matches!(flag, "redirect" | "permanent")
        || redirects.iter().any(|start| replacement.starts_with(start));
    if is_redirect || (flag == "break" && !is_passed) {
        return None;
    }
    let (from, to) = match prefixes(regex, replacement) {
        // Without `break`, another location may change the path again.
        Some(pair) if flag == "break" => pair,
        _ => return Some(Change::Other(words(directive, None))),
    };
    Some(Change::Prefix { from, to })
}

/// Returns both prefixes of a rewrite that replaces a prefix and keeps the rest of the path.
fn prefixes(regex: &str, replacement: &str) -> Option<(String, String)> {
    let regex = regex.strip_prefix('^')?;
    let regex = regex.strip_suffix('$').unwrap_or(regex);
    let to = replacement.strip_suffix("$1")?;
    let (from, slash) = match regex.strip_suffix("(/.*)") {
        Some(from) => (from, "/"),
        None => (regex.strip_suffix("(.*)")?, ""),
    };
    let is_plain = |next: char| next.is_alphanumeric() || "/_-~".contains(next);
    let (from, to) = (format!("{from}{slash}"), format!("{to}{slash}"));
    let is_prefix = |text: &str| text.starts_with('/') && text.chars().all(is_plain);
    (is_prefix(&from) && is_prefix(&to)).then_some((from, to))
}

/// Returns the prefix of a location; `None` for exact, regex and named locations.
fn prefix<'p>(location: &[&'p str]) -> Option<&'p str> {
    let prefix = match location {
        ["^~", prefix] => prefix,
        [only] => only.strip_prefix("^~").unwrap_or(only),
        _ => return None,
    };
    prefix.starts_with('/').then_some(prefix)
}

/// Returns the path of an exact location.
fn exact<'p>(location: &[&'p str]) -> Option<&'p str> {
    match location {
        ["=", path] => Some(path),
        [only] => only.strip_prefix('='),
        _ => None,
    }
}

fn uri(url: &str) -> Uri<'_> {
    let Some((_, rest)) = url.split_once("://") else {
        return Uri::Unknown;
    };
    if rest.contains('$') {
        let whole = ["$request_uri", "$uri$is_args$args"];
        let host = whole.iter().find_map(|end| rest.strip_suffix(end));
        let is_host = !host.unwrap_or(rest).contains(['/', '?']);
        return if is_host { Uri::None } else { Uri::Unknown };
    }
    let uri = match rest.strip_prefix("unix:") {
        Some(socket) => socket.split_once(':').map_or("", |(_, uri)| uri),
        None => rest.find(['/', '?']).map_or("", |start| &rest[start..]),
    };
    if uri.is_empty() {
        Uri::None
    } else if uri.starts_with('/') && !uri.contains(['?', '#', '%']) {
        Uri::Plain(uri)
    } else {
        Uri::Unknown
    }
}

/// Quotes a directive, with the location around it.
fn words(directive: &Directive, location: Option<&[&str]>) -> String {
    let mut words = vec![directive.name()];
    let parameters = directive.parameters();
    words.extend(&parameters);
    let words = words.join(" ");
    match location {
        Some(location) => format!("{words} (location {})", location.join(" ")),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read_text;
    use super::*;

    /// Checks the changes of a server, shown as `FROM TO` or the directive.
    fn check(server: &str, expected: &[&str]) {
        let (nginx, report) = read_text(&format!("server {{ {server} }}"));
        assert!(!report.has_errors(), "{report}");
        let logs = nginx.logs.iter();
        let changes = logs.flat_map(|log| &log.path_changes);
        let found: Vec<String> = changes
            .map(|change| match &change.change {
                Change::Prefix { from, to } => format!("{from} {to}"),
                Change::Other(words) => words.clone(),
            })
            .collect();
        assert_eq!(found, expected, "{server}");
    }

    #[test]
    fn a_location_replaces_its_prefix_by_the_uri_of_proxy_pass() {
        check("location /a/ { proxy_pass http://g/; }", &["/a/ /"]);
        check(
            "location ^~ /a { proxy_pass https://g:8000/b/; }",
            &["/a /b/"],
        );
        check(
            "location ^~/a/ { proxy_pass http://unix:/run/g.sock:/b/; }",
            &["/a/ /b/"],
        );
        check(
            "location /a/ { proxy_pass http://unix:/run/g.sock; }",
            &["/a/ /a/"],
        );
        check(
            "location /a/ { proxy_pass http://unix:/run/g.sock:; }",
            &["/a/ /a/"],
        );
        check("location / { proxy_pass http://g; }", &["/ /"]);
        check(
            "location /a/ { uwsgi_pass unix:/run/u.sock; }",
            &["/a/ /a/"],
        );
        check("location /a/ { root /srv; }", &[]);
        check(
            "location /a/ { location /a/b/ { proxy_pass http://g/; } }",
            &["/a/b/ /"],
        );
    }

    #[test]
    fn other_changes_are_quoted() {
        check(
            "location = /a { proxy_pass http://g/b; }",
            &["proxy_pass http://g/b (location = /a)"],
        );
        check("location = /a { proxy_pass http://g/a; }", &[]);
        check("location =/a { proxy_pass http://g; }", &[]);
        check("location ~ ^/a/ { proxy_pass http://g; }", &[]);
        check("location @a { proxy_pass http://g; }", &[]);
        check(
            "location ~ ^/a/(.*)$ { proxy_pass http://g/$1; }",
            &["proxy_pass http://g/$1 (location ~ ^/a/(.*)$)"],
        );
        check(
            "location /a/ { proxy_pass $g; }",
            &["proxy_pass $g (location /a/)"],
        );
        check(
            "location /a/ { proxy_pass http://g/?x=; }",
            &["proxy_pass http://g/?x= (location /a/)"],
        );
        check(
            "location /a/ { proxy_pass http://g/%20/; }",
            &["proxy_pass http://g/%20/ (location /a/)"],
        );
        check("location /a/ { proxy_pass http://$g; }", &["/a/ /a/"]);
        check(
            "location /a/ { proxy_pass http://$g$request_uri; }",
            &["/a/ /a/"],
        );
        check(
            "location ~ x { if ($y) { proxy_pass http://g$uri$is_args$args; } }",
            &[],
        );
    }

    #[test]
    fn a_rewrite_replaces_a_prefix_or_is_quoted() {
        let check = |inside: &str, expected: &[&str]| {
            check(
                &format!("location /a/ {{ {inside} proxy_pass http://g; }}"),
                expected,
            );
        };
        check("rewrite ^/a/(.*)$ /b/$1 break;", &["/a/ /b/"]);
        check("rewrite ^/a(/.*)$ $1 break;", &["/a/ /"]);
        check("rewrite ^/a(.*) /b$1 break;", &["/a /b"]);
        check("rewrite ^/a/(.*)$ /b/$1 permanent;", &["/a/ /a/"]);
        check("rewrite ^ https://x.test$request_uri;", &["/a/ /a/"]);
        for other in [
            "rewrite ^/a/(.*)$ /b/$1",
            "rewrite ^/a/(.*)$ /b/$1 last",
            "rewrite /a/(.*)$ /b/$1 break",
            "rewrite ^/a.(.*)$ /b/$1 break",
            "rewrite ^/a/(.*)$ /b/$1?x break",
            "rewrite ^/a/(.*)$ b/$1 break",
            "rewrite ^/a/(.*)/$ /b/$1 break",
        ] {
            check(&format!("{other};"), &[other]);
        }
    }

    #[test]
    fn only_logged_requests_that_are_passed_on_matter() {
        check(
            "location /a/ { rewrite ^/a/(.*)$ /b/$1 break; root /srv; }",
            &[],
        );
        check(
            "location /a/ { access_log off; proxy_pass http://g/; }",
            &[],
        );
        check("rewrite ^/a$ /b;", &["rewrite ^/a$ /b"]);
    }
}
