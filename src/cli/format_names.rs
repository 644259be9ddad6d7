//! Names of the counts of logs that are read whole: the format, and the routes where several sites share it.
//!
//! Invariant: sources with the same format and the same routes share one name, others have different ones.

use crate::config::{Config, Source};
use crate::join::Linked;

/// The names for the sources of a configuration.
#[derive(Debug, Default)]
pub(super) struct FormatNames(Vec<FormatName>);

#[derive(Debug)]
struct FormatName {
    format: String,
    routes: Option<String>,
    name: String,
}

impl FormatNames {
    /// Names the sources. The first of a format is named by it alone, or the one without routes.
    pub(super) fn new(sources: &[Source]) -> Self {
        let mut names = Self::default();
        let by_routes = |source: &&Source| source.routes.is_some();
        let (with, without): (Vec<_>, Vec<_>) = sources.iter().partition(by_routes);
        for source in without.into_iter().chain(with) {
            let (format, routes) = (source.pattern.name(), routes(source));
            if names.find(format, routes).is_some() {
                continue;
            }
            let is_first = !names.0.iter().any(|known| known.format == format);
            let name = match routes {
                Some(routes) if !is_first => format!("{format} ({routes})"),
                _ => format.to_owned(),
            };
            names.0.push(FormatName {
                format: format.to_owned(),
                routes: routes.map(str::to_owned),
                name,
            });
        }
        names
    }

    /// Returns the name of a format with these routes.
    pub(super) fn find(&self, format: &str, routes: Option<&str>) -> Option<&str> {
        let is_it =
            |known: &&FormatName| known.format == format && known.routes.as_deref() == routes;
        self.0.iter().find(is_it).map(|known| known.name.as_str())
    }

    /// Returns the links of the configuration, by these names.
    pub(super) fn joined(&self, config: &Config) -> Vec<Linked<'_>> {
        let name = |source: &str| {
            let source = config.sources.iter().find(|known| known.name == source)?;
            self.find(source.pattern.name(), routes(source))
        };
        let sources = config.sources.iter();
        let pairs =
            sources.flat_map(|source| source.behind.iter().map(move |front| (front, source)));
        let named = pairs.filter_map(|(front, back)| Some((name(front)?, name(&back.name)?)));
        Linked::group(named.filter(|(front, back)| front != back))
    }
}

fn routes(source: &Source) -> Option<&str> {
    source.routes.as_ref().map(|routes| routes.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::path::Path;

    fn config(sources: &[(&str, &str, Option<&str>)]) -> Config {
        let mut text = String::new();
        for routes in ["a", "b"] {
            let _ = write!(text, "[routes.{routes}]\ntemplates = {{ '/' = 'x' }}\n");
        }
        for (name, pattern, routes) in sources {
            let _ = write!(
                text,
                "[[source]]\nname = '{name}'\npaths = ['{name}.log']\npattern = '{pattern}'\n"
            );
            if let Some(routes) = routes {
                let _ = writeln!(text, "routes = '{routes}'");
            }
            if *name != "nginx" {
                text += "behind = 'nginx'\n";
            }
        }
        let checked = Config::parse("c", &text, Path::new("/etc"));
        checked
            .config
            .unwrap_or_else(|| panic!("{}", checked.report))
    }

    #[test]
    fn sites_in_one_format_are_named_by_their_routes_and_all_are_joined() {
        let (nginx, gunicorn) = ("nginx-django", "gunicorn-django");
        let config = config(&[
            ("nginx", nginx, None),
            ("one", gunicorn, Some("a")),
            ("two", gunicorn, Some("b")),
            ("again", gunicorn, Some("b")),
        ]);
        let names = FormatNames::new(&config.sources);
        assert_eq!(names.find(gunicorn, Some("a")), Some(gunicorn));
        let second = "gunicorn-django (b)";
        assert_eq!(names.find(gunicorn, Some("b")), Some(second));
        assert_eq!(names.find(gunicorn, None), None);
        let expected = Linked {
            fronts: vec![nginx],
            backs: vec![gunicorn, second],
        };
        assert_eq!(names.joined(&config), [expected]);
    }

    #[test]
    fn a_site_without_routes_has_the_name_of_the_format() {
        let format = "gunicorn-django";
        let config = config(&[
            ("nginx", "nginx-django", None),
            ("one", format, Some("a")),
            ("two", format, None),
        ]);
        let names = FormatNames::new(&config.sources);
        assert_eq!(names.find(format, None), Some(format));
        assert_eq!(names.find(format, Some("a")), Some("gunicorn-django (a)"));
    }
}
