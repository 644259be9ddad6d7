//! Parses routes in the syntax of Django's `path()`.
//!
//! Invariant: a template becomes what Django's `_route_to_regex` makes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::python::translate;
use super::routes::{Level, LevelKind, Route, check_view_name};

/// Django's own converters and their expressions.
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

/// A route with parameters, as in `path()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    level: Level,
    shown: String,
}

impl PathTemplate {
    /// Parses `/articles/<int:year>/`. `custom` maps converters to their expressions; they override
    /// Django's.
    pub fn parse(text: &str, custom: &BTreeMap<String, String>) -> Result<Self, String> {
        let Some(route) = text.strip_prefix('/') else {
            return Err("a template must start with `/`".into());
        };
        let mut expression = String::from("^");
        let mut converters: Vec<(String, String)> = Vec::new();
        let mut rest = route;
        while let Some((before, parameter, after)) = split_parameter(rest) {
            if parameter.contains(char::is_whitespace) {
                return Err(format!("`<{parameter}>` contains whitespace"));
            }
            let (converter, name) = parameter.split_once(':').unwrap_or(("str", parameter));
            if !is_identifier(name) {
                return Err(format!("`{name}` is not a valid parameter name"));
            }
            if converters.iter().any(|(known, _)| known == name) {
                return Err(format!(
                    "the parameter name `{name}` is used more than once"
                ));
            }
            let accepts = expression_of(converter, custom).ok_or_else(|| {
                let known = CONVERTERS.map(|(name, _)| name).join("`, `");
                format!("unknown converter `{converter}`; Django has `{known}`")
            })?;
            escape(&mut expression, before);
            let _ = write!(expression, "(?P<{name}>{accepts})");
            converters.push((name.to_owned(), converter.to_owned()));
            rest = after;
        }
        let level = if converters.is_empty() {
            Level {
                kind: LevelKind::Exact,
                pattern: route.to_owned(),
                converters,
            }
        } else {
            escape(&mut expression, rest);
            expression.push_str(r"\Z");
            Level {
                kind: LevelKind::Search,
                pattern: expression,
                converters,
            }
        };
        Ok(Self {
            level,
            shown: route.to_owned(),
        })
    }

    /// Makes the route to a view.
    pub fn route(self, view: &str) -> Result<Route, String> {
        check_view_name(view)?;
        Ok(Route {
            view: view.to_owned(),
            shown: self.shown,
            chain: vec![self.level],
            languages: None,
        })
    }

    /// Checks the name and the expression of a custom converter.
    pub fn check_converter(name: &str, expression: &str) -> Result<(), String> {
        if !is_identifier(name) {
            return Err(format!("`{name}` is not a valid converter name"));
        }
        let translated = translate(expression, true)?;
        fancy_regex::Regex::new(&translated.text)
            .map(drop)
            .map_err(|error| format!("not a valid regular expression: {error}"))
    }
}

/// Returns the expression of a converter, custom ones first.
fn expression_of<'c>(converter: &str, custom: &'c BTreeMap<String, String>) -> Option<&'c str> {
    let built_in = || {
        let mut known = CONVERTERS.into_iter();
        known
            .find(|(name, _)| *name == converter)
            .map(|found| found.1)
    };
    custom.get(converter).map(String::as_str).or_else(built_in)
}

/// Splits a text at the first `<(?:[^>:]+:)?[^>]+>`: before, inside and behind it.
fn split_parameter(text: &str) -> Option<(&str, &str, &str)> {
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

/// Escapes a literal as Python's `re.escape` does.
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
        let custom = BTreeMap::from([("hex4".to_owned(), "[0-9a-f]{4}".to_owned())]);
        let check = |text: &str, kind: LevelKind, pattern: &str| {
            let template = PathTemplate::parse(text, &custom).unwrap();
            assert_eq!(
                (template.level.kind, &*template.level.pattern),
                (kind, pattern)
            );
        };
        check("/", LevelKind::Exact, "");
        check("/articles/", LevelKind::Exact, "articles/");
        check("/a.b/<>/", LevelKind::Exact, "a.b/<>/");
        check(
            "/a.b-c/<int:year>/",
            LevelKind::Search,
            r"^a\.b\-c/(?P<year>[0-9]+)/\Z",
        );
        check(
            "/<name>/<hex4:v>",
            LevelKind::Search,
            r"^(?P<name>[^/]+)/(?P<v>[0-9a-f]{4})\Z",
        );
    }

    #[test]
    fn a_template_that_django_would_refuse_is_refused() {
        let check = |text: &str, message: &str| {
            assert_eq!(
                PathTemplate::parse(text, &BTreeMap::new()).unwrap_err(),
                message
            );
        };
        check("articles/", "a template must start with `/`");
        check("/<int: year>/", "`<int: year>` contains whitespace");
        check("/<int:1st>/", "`1st` is not a valid parameter name");
        check(
            "/<int:a>/<a>/",
            "the parameter name `a` is used more than once",
        );
        check(
            "/<integer:a>/",
            "unknown converter `integer`; Django has `int`, `str`, `uuid`, `slug`, `path`",
        );
    }
}
