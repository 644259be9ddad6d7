//! `[routes.NAME]`: where the names of views come from.
//!
//! Invariant: templates are good as they stand; a dump is read when it is needed, since it changes
//! with each deployment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Limits, files};
use crate::diag::{Fault, Place, Report, Section, Spot, Text};
use crate::route::{PathTemplate, Resolver, Rewrite, RewriteError, Rewrites, Route, Urlconf};

/// The resolvers of a configuration's routes, by name.
pub type Resolvers = BTreeMap<String, Arc<Resolver>>;

/// Where the names of views come from: a dump of a URLconf, templates, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Its name in the configuration.
    pub name: String,
    /// The dump; absolute.
    pub urlconf: Option<PathBuf>,
    /// Templates, in the order of the text; tried before the routes of the dump.
    pub templates: Vec<Route>,
    /// Prefixes that the server in front replaces, before `strip_prefix` is taken off.
    pub rewrites: Rewrites,
    /// What paths begin with before they reach the site; without, the dump's script name.
    pub strip_prefix: Option<String>,
    /// The languages of the site that are in use; without, all of the dump.
    pub languages: Option<Vec<String>>,
    /// Most views; further ones are counted as `<other>`.
    pub max_routes: usize,
}

impl Routes {
    /// Those of a dump alone.
    pub fn of_dump(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            urlconf: Some(path.to_owned()),
            templates: Vec::new(),
            rewrites: Rewrites::default(),
            strip_prefix: None,
            languages: None,
            max_routes: Limits::MAX_ROUTES,
        }
    }

    /// Reads a section; paths are relative to `base`.
    pub(super) fn read(
        name: &Spot<String>,
        mut section: Section<'_>,
        base: &Path,
        report: &mut Report,
    ) -> Option<Self> {
        let before = report.errors();
        let urlconf = section.string("urlconf", report);
        let converters = read_converters(&mut section, report);
        let mut templates = section.scalars("templates", report);
        templates.sort_by_key(|(template, _)| template.place.span.start);
        let rewrites = read_rewrites(&mut section, report);
        let strip_prefix = section.string("strip_prefix", report);
        let languages = section.strings("languages", report);
        let max_routes = section.integer("max_routes", 1..=100_000, report);
        if urlconf.is_none() && !section.contains("urlconf") && !section.contains("templates") {
            report.push(
                Fault::error(format!("routes `{}` name no view", name.value))
                    .at(name.place.clone())
                    .help("give them a dump, `urlconf = \"urlconf.jsonl\"`, or `templates = { \"/articles/<int:year>/\" = \"articles:year\" }`"),
            );
        }
        section.finish(report);
        if let Some(prefix) = &strip_prefix
            && !prefix.value.is_empty()
            && !prefix.value.starts_with('/')
        {
            report.push(
                Fault::error("a prefix begins with `/`")
                    .at(prefix.place.clone())
                    .help(format!("strip_prefix = \"/{}\"", prefix.value)),
            );
        }
        let templates = templates
            .iter()
            .filter_map(|(template, view)| read_template(template, view, &converters, report))
            .collect();
        let max_routes = max_routes.and_then(|most| usize::try_from(most.value).ok());
        let routes = Self {
            name: name.value.clone(),
            urlconf: urlconf.map(|path| base.join(path.value)),
            templates,
            rewrites,
            strip_prefix: strip_prefix.map(|prefix| prefix.value),
            languages: languages
                .map(|codes| codes.value.into_iter().map(|code| code.value).collect()),
            max_routes: max_routes.unwrap_or(Limits::MAX_ROUTES),
        };
        (report.errors() == before).then_some(routes)
    }

    /// Reads the dump, if there is one, and makes the resolver; `None` if the report has an error
    /// of it.
    pub fn load(&self, report: &mut Report) -> Option<Arc<Resolver>> {
        let text = match &self.urlconf {
            Some(path) => Some(files::read_urlconf(path, report)?),
            None => None,
        };
        self.resolver(text.as_ref(), report)
    }

    /// Makes the resolver of a dump that was read already.
    pub fn resolver(&self, dump: Option<&Arc<Text>>, report: &mut Report) -> Option<Arc<Resolver>> {
        let mut urlconf = match dump {
            Some(text) => Urlconf::read(text, report)?,
            None => Urlconf::default(),
        };
        if let Some(codes) = &self.languages
            && let Err(code) = urlconf.keep_languages(codes)
        {
            let known = urlconf.languages.codes.iter().map(String::as_str);
            let fault = Fault::error(format!(
                "routes `{}`: `{code}` is none of the site's languages",
                self.name
            ));
            report.push(fault.suggest(&code, known));
            return None;
        }
        urlconf.routes.splice(0..0, self.templates.iter().cloned());
        let views: std::collections::BTreeSet<&str> =
            urlconf.routes.iter().map(|route| &*route.view).collect();
        if views.len() > self.max_routes {
            report.push(
                Fault::warning(format!(
                    "routes `{}` have {} views; all but the first {} are counted as `<other>`",
                    self.name,
                    views.len(),
                    self.max_routes
                ))
                .help(format!(
                    "routes.{}.max_routes = {}",
                    self.name,
                    views.len()
                )),
            );
        }
        let resolver = Resolver::new(urlconf, self.strip_prefix.as_deref(), report);
        let resolver = resolver.with_rewrites(self.rewrites.clone(), report);
        Some(Arc::new(resolver))
    }
}

/// Pairs of prefixes; what is odd about them is told.
fn read_rewrites(section: &mut Section<'_>, report: &mut Report) -> Rewrites {
    let mut pairs = section.scalars("rewrite", report);
    pairs.sort_by_key(|(from, _)| from.place.span.start);
    if let Some((past, _)) = pairs.get(Rewrites::MOST) {
        let most = Rewrites::MOST;
        report.push(
            Fault::error(format!("{} prefixes are rewritten; the most is {most}", pairs.len()))
                .at(past.place.clone())
                .help("rewrite the prefix that these have in common, or give each site its own log and routes"),
        );
    }
    let mut read: Vec<(Rewrite, Place)> = Vec::new();
    for (from, to) in pairs {
        match Rewrite::new(&from.value, &to.value) {
            Ok(rewrite) => read.push((rewrite, from.place)),
            Err(side) => {
                let (wrong, keys) = match side {
                    RewriteError::From => {
                        (&from, format!("\"/{}\" = \"{}\"", from.value, to.value))
                    }
                    RewriteError::To => (&to, format!("\"{}\" = \"/{}\"", from.value, to.value)),
                };
                report.push(
                    Fault::error("a prefix begins with `/`")
                        .at(wrong.place.clone())
                        .help(format!("rewrite = {{ {keys} }}")),
                );
            }
        }
    }
    let (rewrites, places): (Vec<Rewrite>, Vec<Place>) = read.into_iter().unzip();
    for (rewrite, place) in rewrites.iter().zip(places) {
        report.extend(rewrite.warning(&rewrites).map(|fault| fault.at(place)));
    }
    Rewrites::new(rewrites)
}

fn read_converters(section: &mut Section<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let mut converters = BTreeMap::new();
    for (name, expression) in section.scalars("converters", report) {
        match PathTemplate::check_converter(&name.value, &expression.value) {
            Ok(()) => {
                converters.insert(name.value, expression.value);
            }
            Err(message) => report.push(
                Fault::error(format!("converter `{}`: {message}", name.value))
                    .at(expression.place)
                    .help("an expression as in Python, for example \"[0-9a-f]{4}\""),
            ),
        }
    }
    converters
}

fn read_template(
    template: &Spot<String>,
    view: &Spot<String>,
    converters: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<Route> {
    let place = &template.place;
    let parsed = PathTemplate::parse(&template.value, converters).map_err(|message| {
        let fault = Fault::error(format!("template `{}`: {message}", template.value));
        fault
            .at(place.clone())
            .help("as in Django's path(), for example \"/articles/<int:year>/\"")
    });
    let route = parsed.and_then(|template| {
        let route = template.route(&view.value);
        route.map_err(|message| Fault::error(message).at(view.place.clone()))
    });
    route.map_err(|fault| report.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(content: &str) -> (Option<Config>, Vec<String>) {
        let content = format!(
            "[[source]]\nname = 'x'\npaths = ['x.log']\npattern = 'nginx-combined'\nroutes = 'shop'\n{content}"
        );
        let checked = Config::parse("config.toml", &content, Path::new("/etc/x"));
        let line = |fault: &Fault| fault.place.as_ref().map_or(0, |p| p.line_and_column().0);
        let faults = checked.report.faults();
        let faults = faults.iter().map(|f| format!("{}: {}", line(f), f.message));
        let faults = faults.collect();
        (checked.config, faults)
    }

    #[test]
    fn templates_are_tried_in_the_order_of_the_text() {
        let (config, faults) = parse(
            "[routes.shop]\nstrip_prefix = '/app'\nconverters = { hex4 = '[0-9a-f]{4}' }\n\
             [routes.shop.templates]\n'/<str:z>/' = 'any'\n'/a/' = 'a'\n'/x/<hex4:h>' = 'hex'\n",
        );
        assert_eq!(faults, [""; 0]);
        let source = &config.unwrap().sources[0];
        let resolver = source.routes.as_ref().unwrap().load(&mut Report::default());
        let resolver = resolver.unwrap();
        let check = |target, view| assert_eq!(resolver.view_of(target), view, "{target}");
        check("/app/a/", "any");
        check("/app/x/beef", "hex");
        check("/x/beef", "-");
    }

    #[test]
    fn every_fault_of_routes_is_told_with_its_place() {
        let (_, faults) = parse(
            "[routes.shop]\nstrip_prefix = 'app'\nmax_routes = 0\nconverters = { h = '[' }\n\
             templates = { 'a' = 'a', '/<x:y>' = 'b', '/c' = '' }\nurlcnf = 'x'\n[routes.none]\n",
        );
        assert_eq!(
            faults,
            [
                "7: a prefix begins with `/`",
                "8: expected a whole number from 1 to 100000, found 0",
                "9: converter `h`: unterminated character set",
                "10: template `a`: a template must start with `/`",
                "10: template `/<x:y>`: unknown converter `x`; Django has `int`, `str`, `uuid`, `slug`, `path`",
                "10: a view name must have 1 to 256 bytes",
                "11: unknown key `urlcnf`",
                "12: routes `none` name no view",
            ]
        );
        assert_eq!(parse("").1, ["5: unknown routes `shop`"]);
    }

    #[test]
    fn prefixes_are_rewritten_before_one_is_taken_off() {
        let (config, faults) = parse(
            "[routes.shop]\nrewrite = { '/shop/' = '/app/store/', '/' = '/app/', '/app/' = '/app/' }\n\
             strip_prefix = '/app'\ntemplates = { '/a/' = 'a', '/store/a/' = 'b' }\n",
        );
        assert_eq!(faults, [""; 0]);
        let resolver = config.unwrap().routes["shop"].load(&mut Report::default());
        let resolver = resolver.unwrap();
        let check = |target, view| assert_eq!(resolver.view_of(target), view, "{target}");
        check("/a/", "a");
        check("/app/a/", "a");
        check("/shop/a/?x", "b");
        check("/%73hop/%61/", "b");
        check("/store/a/", "b");
        check("/shop", "-");
    }

    #[test]
    fn every_fault_of_rewrites_is_told_with_its_place() {
        let templates = "templates = { '/' = 'x' }";
        let (_, faults) = parse(&format!(
            "[routes.shop]\n{templates}\n[routes.shop.rewrite]\n'a' = '/'\n'/b/' = 'b/'\n'/c/' = '/c/'\n\
             '/d/' = '/d'\n'/e' = '/'\n'/f/' = 1\n'/g/' = []\n",
        ));
        assert_eq!(
            faults,
            [
                "9: a prefix begins with `/`",
                "10: a prefix begins with `/`",
                "11: `/c/` is rewritten to itself",
                "12: `/d/` ends with a slash and `/d` does not: `/d/x` becomes `/dx`",
                "13: `/` ends with a slash and `/e` does not: `/e/x` becomes `//x`",
                "14: a prefix begins with `/`",
                "15: expected a string or a number, found an array",
            ]
        );
        let pairs: Vec<String> = (0..=Rewrites::MOST)
            .map(|number| format!("'/{number:02}/' = '/'\n"))
            .collect();
        let pairs = pairs.concat();
        let head = format!("[routes.shop]\n{templates}\n[routes.shop.rewrite]\n");
        let (_, faults) = parse(&format!("{head}{pairs}"));
        assert_eq!(faults, ["73: 65 prefixes are rewritten; the most is 64"]);
        assert_eq!(
            parse(&format!("[routes.shop]\n{templates}\nrewrite = 'x'"))
                .1
                .len(),
            1
        );
    }

    #[test]
    fn a_rewrite_that_leads_past_the_site_is_told() {
        let (config, faults) = parse(
            "[routes.shop]\nrewrite = { '/app/' = '/' }\nstrip_prefix = '/app'\ntemplates = { '/' = 'x' }\n",
        );
        assert_eq!(faults, [""; 0]);
        let mut report = Report::default();
        config.unwrap().routes["shop"].load(&mut report);
        assert_eq!(
            report.faults()[0].message,
            "`/app/` is rewritten to `/`, which is outside `/app`: these paths resolve to no view"
        );
    }

    #[test]
    fn a_dump_that_is_not_there_is_an_error_when_it_is_loaded() {
        let (config, faults) = parse("[routes.shop]\nurlconf = 'urlconf.jsonl'\n");
        assert_eq!(faults, [""; 0]);
        let mut report = Report::default();
        assert!(config.unwrap().routes["shop"].load(&mut report).is_none());
        let message = &report.faults()[0].message;
        assert!(
            message.starts_with("cannot read /etc/x/urlconf.jsonl: "),
            "{message}"
        );
    }

    #[test]
    fn languages_that_are_not_in_use_have_no_routes() {
        let dump = Arc::new(Text {
            name: "rich.jsonl".into(),
            content: include_str!("../../fixtures/urlconf/rich.jsonl").into(),
        });
        let resolver = |languages: &str, report: &mut Report| {
            let text = format!("[routes.shop]\nurlconf = 'u'\nlanguages = [{languages}]\n");
            let (config, _) = parse(&text);
            config.unwrap().routes["shop"].resolver(Some(&dump), report)
        };
        let english = resolver("'en'", &mut Report::default()).unwrap();
        let found = |target: &[u8]| english.resolve(target, &mut Vec::new()).is_some();
        assert!(found(b"/about/") && !found(b"/de/about/"));
        let mut report = Report::default();
        assert!(resolver("'fr'", &mut report).is_none());
        let message = "routes `shop`: `fr` is none of the site's languages";
        assert_eq!(report.faults()[0].message, message);
    }
}
