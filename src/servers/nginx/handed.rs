//! Under which path nginx hands requests on to the servers behind it.
//!
//! Invariant: a prefix is said to be replaced only where the directive does just that; what may
//! change paths otherwise is named, not guessed.

use super::tree::Directive;
use crate::diag::Place;

/// What nginx does to paths, and where that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// What it does.
    pub change: Change,
    /// The directive that says so.
    pub place: Place,
}

/// What becomes of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Those with this prefix have another one in its place, or the same.
    Prefix {
        /// What is replaced.
        from: String,
        /// What stands there then.
        to: String,
    },
    /// Something else, as this directive says.
    Other(String),
}

/// What the URL of a `proxy_pass` says of paths.
#[derive(Debug, PartialEq, Eq)]
enum Uri<'u> {
    /// They are handed on as they came.
    None,
    /// This stands in place of what the location names.
    Plain(&'u str),
    /// It cannot be told.
    Unknown,
}

/// What a block does to paths that it hands on, or to those that it sends to another one.
pub(super) fn of(block: &Directive) -> Vec<Handed> {
    let parameters = block.parameters();
    let location = (block.name() == "location").then_some(&*parameters);
    let inside = &block.block;
    let is_passed = inside
        .iter()
        .any(|directive| matches!(directive.name(), "proxy_pass" | "uwsgi_pass"));
    let mut all = Vec::new();
    for directive in inside {
        let change = match directive.name() {
            "proxy_pass" | "uwsgi_pass" => passed(location, directive),
            "rewrite" => rewritten(directive, is_passed),
            _ => None,
        };
        let place = directive.place();
        all.extend(change.map(|change| Handed { change, place }));
    }
    // What a `rewrite` changed is handed on as it is then, whatever `proxy_pass` says.
    if inside
        .iter()
        .any(|other| rewritten(other, is_passed).is_some())
    {
        all.retain(|handed| !handed.is_same());
    }
    all
}

impl Handed {
    /// Whether it leaves paths as they are; a shorter prefix may change them elsewhere.
    pub fn is_same(&self) -> bool {
        matches!(&self.change, Change::Prefix { from, to } if from == to)
    }
}

/// What a location hands on; outside of any, `location` is `None`.
fn passed(location: Option<&[&str]>, directive: &Directive) -> Option<Change> {
    let parameters = directive.parameters();
    let uri = match (directive.name(), parameters.as_slice()) {
        ("proxy_pass", [url]) => uri(url),
        _ => Uri::None,
    };
    let other = || Some(Change::Other(words(directive, location)));
    match (uri, location.and_then(prefix)) {
        (Uri::None, Some(from)) => {
            let (from, to) = (from.to_owned(), from.to_owned());
            Some(Change::Prefix { from, to })
        }
        (Uri::Plain(to), Some(from)) => {
            let (from, to) = (from.to_owned(), to.to_owned());
            Some(Change::Prefix { from, to })
        }
        (Uri::None, None) => None,
        // `location = /a` for this very path.
        (Uri::Plain(to), None) if location.and_then(exact) == Some(to) => None,
        (Uri::Plain(_) | Uri::Unknown, _) => other(),
    }
}

/// What a `rewrite` does, unless it redirects.
fn rewritten(directive: &Directive, is_passed: bool) -> Option<Change> {
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
    let (from, to) = match of_regex(regex, replacement) {
        // Where other locations see the new path, they may change it again.
        Some(pair) if flag == "break" => pair,
        _ => return Some(Change::Other(words(directive, None))),
    };
    Some(Change::Prefix { from, to })
}

/// The prefixes of a regex that takes all that begins with one, and of a replacement that keeps what
/// follows.
fn of_regex(regex: &str, replacement: &str) -> Option<(String, String)> {
    let regex = regex.strip_prefix('^')?;
    let regex = regex.strip_suffix('$').unwrap_or(regex);
    let to = replacement.strip_suffix("$1")?;
    let (from, slash) = match regex.strip_suffix("(/.*)") {
        Some(from) => (from, "/"),
        None => (regex.strip_suffix("(.*)")?, ""),
    };
    let is_plain = |next: char| next.is_alphanumeric() || "/_-~".contains(next);
    let (from, to) = (format!("{from}{slash}"), format!("{to}{slash}"));
    let is_pair = [&from, &to]
        .iter()
        .all(|text| text.starts_with('/') && text.chars().all(is_plain));
    is_pair.then_some((from, to))
}

/// The prefix of a location; `None` if it asks for a whole path or a regex, or has a name.
fn prefix<'p>(location: &[&'p str]) -> Option<&'p str> {
    let prefix = match location {
        ["^~", prefix] => prefix,
        [only] => only.strip_prefix("^~").unwrap_or(only),
        _ => return None,
    };
    prefix.starts_with('/').then_some(prefix)
}

/// The only path of a location that asks for one.
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

/// A directive as it can be told, with the location that it stands in.
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
    use super::super::tests::said;
    use super::*;

    /// What a server does to paths, as `FROM TO` or the words of the directive.
    fn check(server: &str, expected: &[&str]) {
        let (nginx, report) = said(&format!("server {{ {server} }}"));
        assert!(!report.has_errors(), "{report}");
        let logs = nginx.logs.iter();
        let handed = logs.flat_map(|log| &log.handed);
        let found: Vec<String> = handed
            .map(|handed| match &handed.change {
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
    fn what_is_no_prefix_is_named() {
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
    fn a_rewrite_is_a_prefix_or_named() {
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
    fn only_what_is_handed_on_matters() {
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
