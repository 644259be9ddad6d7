//! Paths as `path()` takes them, written by hand.
//!
//! Invariant: a template is read as Django's `_route_to_regex` reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Kind, Level, Route, VIEW_BYTES, translate};

/// Django's own converters and what they accept.
const CONVERTERS: [(&str, &str); 5] = [
    ("int", "[0-9]+"),
    ("str", "[^/]+"),
    (
        "uuid",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ),
    ("slug", "[-a-zA-Z0-9_]+"),
    ("path", ".+"),
];

/// A path with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    level: Level,
    shown: String,
}

impl Template {
    /// Reads `/articles/<int:year>/`; `own` are converters besides Django's, with their expressions.
    pub fn parse(text: &str, own: &BTreeMap<String, String>) -> Result<Self, String> {
        let Some(route) = text.strip_prefix('/') else {
            return Err("a template begins with `/`".into());
        };
        let mut expression = String::from("^");
        let mut converters: Vec<(String, String)> = Vec::new();
        let mut rest = route;
        while let Some((before, parameter, after)) = parameter(rest) {
            if parameter.contains(char::is_whitespace) {
                return Err(format!("`<{parameter}>` holds a blank"));
            }
            let (converter, name) = parameter.split_once(':').unwrap_or(("str", parameter));
            if !is_identifier(name) {
                return Err(format!("`{name}` is no name for a parameter"));
            }
            if converters.iter().any(|(known, _)| known == name) {
                return Err(format!("two parameters are named `{name}`"));
            }
            let accepted = accepted(converter, own).ok_or_else(|| {
                let known = CONVERTERS.map(|(name, _)| name).join("`, `");
                format!("unknown converter `{converter}`; Django has `{known}`")
            })?;
            escape(&mut expression, before);
            let _ = write!(expression, "(?P<{name}>{accepted})");
            converters.push((name.to_owned(), converter.to_owned()));
            rest = after;
        }
        let level = if converters.is_empty() {
            Level {
                kind: Kind::Exact,
                pattern: route.to_owned(),
                converters,
            }
        } else {
            escape(&mut expression, rest);
            expression.push_str(r"\Z");
            Level {
                kind: Kind::Search,
                pattern: expression,
                converters,
            }
        };
        Ok(Self {
            level,
            shown: route.to_owned(),
        })
    }

    /// The route to a view.
    pub fn route(self, view: &str) -> Result<Route, String> {
        if view.is_empty() || view.len() > VIEW_BYTES {
            return Err(format!("a view's name has 1 to {VIEW_BYTES} bytes"));
        }
        Ok(Route {
            view: view.to_owned(),
            shown: self.shown,
            chain: vec![self.level],
            languages: None,
        })
    }

    /// Whether an expression can be that of a converter.
    pub fn check_converter(name: &str, expression: &str) -> Result<(), String> {
        if !is_identifier(name) {
            return Err(format!("`{name}` is no name for a converter"));
        }
        let translated = translate(expression, true)?;
        fancy_regex::Regex::new(&translated.text)
            .map(drop)
            .map_err(|error| format!("not a regular expression: {error}"))
    }
}

/// What a converter accepts; one of one's own takes the place of Django's.
fn accepted<'c>(converter: &str, own: &'c BTreeMap<String, String>) -> Option<&'c str> {
    let built_in = || {
        let mut known = CONVERTERS.into_iter();
        known
            .find(|(name, _)| *name == converter)
            .map(|found| found.1)
    };
    own.get(converter).map(String::as_str).or_else(built_in)
}

/// `<(?:[^>:]+:)?[^>]+>`, the first of it: what stands before, inside and behind.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('<')?;
        let end = start + text[start..].find('>')?;
        let inside = &text[start + 1..end];
        if !inside.is_empty() {
            return Some((&text[..start], inside, &text[end + 1..]));
        }
        from = start + 1;
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let is_start = |c: char| c.is_alphabetic() || c == '_';
    chars.next().is_some_and(is_start) && chars.all(|c| is_start(c) || c.is_numeric())
}

/// As Python's `re.escape`.
fn escape(expression: &mut String, literal: &str) {
    for c in literal.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !"_/<>,:;\"'!%=@`".contains(c) {
            expression.push('\\');
        }
        expression.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_what_django_makes_of_it() {
        let own = BTreeMap::from([("hex4".to_owned(), "[0-9a-f]{4}".to_owned())]);
        let check = |text: &str, kind: Kind, pattern: &str| {
            let template = Template::parse(text, &own).unwrap();
            assert_eq!(
                (template.level.kind, &*template.level.pattern),
                (kind, pattern)
            );
        };
        check("/", Kind::Exact, "");
        check("/articles/", Kind::Exact, "articles/");
        check("/a.b/<>/", Kind::Exact, "a.b/<>/");
        check(
            "/a.b-c/<int:year>/",
            Kind::Search,
            r"^a\.b\-c/(?P<year>[0-9]+)/\Z",
        );
        check(
            "/<name>/<hex4:v>",
            Kind::Search,
            r"^(?P<name>[^/]+)/(?P<v>[0-9a-f]{4})\Z",
        );
    }

    #[test]
    fn a_template_that_django_would_refuse_is_refused() {
        let check = |text: &str, message: &str| {
            assert_eq!(
                Template::parse(text, &BTreeMap::new()).unwrap_err(),
                message
            );
        };
        check("articles/", "a template begins with `/`");
        check("/<int: year>/", "`<int: year>` holds a blank");
        check("/<int:1st>/", "`1st` is no name for a parameter");
        check("/<int:a>/<a>/", "two parameters are named `a`");
        check(
            "/<integer:a>/",
            "unknown converter `integer`; Django has `int`, `str`, `uuid`, `slug`, `path`",
        );
    }
}
