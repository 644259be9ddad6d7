//! `[routes.NAME]`: the origin of the views' names.
//!
//! Invariant: templates are valid; a dump is read only when it is needed, since it changes with each deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limits::{NAME_BYTES, bounded};
use crate::diag::{Fault, Place, Report, Section, Spot, Text};
use crate::model::counted;
use crate::route::{PathTemplate, Resolver, Rewrite, RewriteError, Rewrites, Route, Urlconf};
use crate::text_file::{self, Accept};

/// The resolvers of a configuration's routes, by name.
pub type Resolvers = BTreeMap<String, Arc<Resolver>>;

/// Origin of the views' names: a dump of a URLconf, templates, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Name in the configuration.
    pub name: String,
    /// Absolute path of the dump.
    pub urlconf: Option<PathBuf>,
    /// Templates, in the order of the text. They precede the routes of the dump.
    pub templates: Vec<Route>,
    /// Prefixes that the server in front replaces; applied before `strip_prefix`.
    pub rewrites: Rewrites,
    /// Prefix that is removed before a path is resolved; without it, the dump's script name.
    pub strip_prefix: Option<String>,
    /// Languages of the site in use; without it, all of the dump.
    pub languages: Option<Vec<String>>,
    /// Most views; requests of further ones are counted as `<other>`. Without it, all of the dump and the templates.
    pub max_routes: Option<usize>,
    /// True if the paths that resolve to no view are folded.
    pub folds_unmatched: bool,
    /// Kinds of files that the dump may be.
    accept: Accept,
    /// Place at which the configuration names the dump.
    place: Option<Place>,
}

impl Routes {
    /// Returns the routes of a dump alone, which is read once and may be a pipe.
    pub fn from_dump(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            urlconf: Some(path.to_owned()),
            templates: Vec::new(),
            rewrites: Rewrites::default(),
            strip_prefix: None,
            languages: None,
            max_routes: None,
            folds_unmatched: false,
            accept: Accept::RegularOrPipe,
            place: None,
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
        name.check_name("routes", NAME_BYTES, report);
        let urlconf = section.string("urlconf", report);
        let converters = read_converters(&mut section, report);
        let mut templates = section.scalars("templates", report);
        templates.sort_by_key(|(template, _)| template.place.span.start);
        let rewrites = read_rewrites(&mut section, report);
        let strip_prefix = section.string("strip_prefix", report);
        let languages = section.strings("languages", report);
        let max_routes = section.integer("max_routes", 1..=100_000, report);
        let folds_unmatched = section.boolean("fold_unmatched", report);
        if urlconf.is_none() && !section.contains("urlconf") && !section.contains("templates") {
            report.push(
                name.error(format!("routes `{}` define no views", name.value))
                    .help("set a dump, `urlconf = \"urlconf.jsonl\"`, or `templates = { \"/articles/<int:year>/\" = \"articles:year\" }`"),
            );
        }
        section.finish(report);
        if let Some(prefix) = &strip_prefix
            && !prefix.value.is_empty()
            && !prefix.value.starts_with('/')
        {
            let help = format!("strip_prefix = \"/{}\"", prefix.value);
            report.push(prefix.error("a prefix must start with `/`").help(help));
        }
        let templates = templates
            .iter()
            .filter_map(|(template, view)| read_template(template, view, &converters, report))
            .collect();
        let routes = Self {
            name: name.value.clone(),
            place: urlconf.as_ref().map(|path| path.place.clone()),
            urlconf: urlconf.map(|path| base.join(path.value)),
            templates,
            rewrites,
            strip_prefix: strip_prefix.map(|prefix| prefix.value),
            languages: languages
                .map(|codes| codes.value.into_iter().map(|code| code.value).collect()),
            max_routes: max_routes.as_ref().map(bounded),
            folds_unmatched: folds_unmatched.is_some_and(|folds| folds.value),
            accept: Accept::Regular,
        };
        (report.errors() == before).then_some(routes)
    }

    /// Reads the dump, if one is set, and returns the resolver; `None` after an error.
    pub fn load(&self, report: &mut Report) -> Option<Arc<Resolver>> {
        let urlconf = match &self.urlconf {
            Some(path) => {
                let text = read_urlconf(path, self.accept, self.place.as_ref(), report)?;
                Urlconf::read(&text, report)?
            }
            None => Urlconf::default(),
        };
        self.resolver(urlconf, report)
    }

    fn resolver(&self, mut urlconf: Urlconf, report: &mut Report) -> Option<Arc<Resolver>> {
        if let Some(codes) = &self.languages
            && let Err(code) = urlconf.keep_languages(codes)
        {
            let known = urlconf.languages.codes.iter().map(String::as_str);
            let name = &self.name;
            let fault = Fault::error(format!(
                "routes `{name}`: `{code}` is not a language of the site"
            ));
            report.push(fault.suggest(&code, known));
            return None;
        }
        urlconf.routes.splice(0..0, self.templates.iter().cloned());
        let views: BTreeSet<&str> = urlconf.routes.iter().map(|route| &*route.view).collect();
        if let Some(most) = self.max_routes.filter(|most| views.len() > *most) {
            let (name, views) = (&self.name, views.len());
            report.push(
                Fault::warning(format!(
                    "routes `{name}` have {}; all but the first {most} are counted as `<other>`",
                    counted(views, "view")
                ))
                .help(format!("routes.{name}.max_routes = {views}")),
            );
        }
        let resolver = Resolver::new(urlconf, self.strip_prefix.as_deref(), report);
        let resolver = resolver
            .with_rewrites(self.rewrites.clone(), report)
            .folding_unmatched(self.folds_unmatched);
        Some(Arc::new(resolver))
    }
}

/// Reads the dump of a URLconf; one that cannot be read is an error in the report.
fn read_urlconf(
    path: &Path,
    accept: Accept,
    place: Option<&Place>,
    report: &mut Report,
) -> Option<Arc<Text>> {
    match text_file::read_file(path, accept) {
        // Dumps are ASCII; other bytes become a fault of their line.
        Ok(bytes) => Some(text_file::decode(path.display().to_string(), bytes).0),
        Err(error) => {
            report.push(
                Fault::error(error.to_string()).at(place.cloned()).help(
                    "create it with: python manage.py shell < dump_urlconf.py > urlconf.jsonl",
                ),
            );
            None
        }
    }
}

/// Reads `rewrite`, and warns of pairs that are probably wrong.
fn read_rewrites(section: &mut Section<'_>, report: &mut Report) -> Rewrites {
    let mut pairs = section.scalars("rewrite", report);
    pairs.sort_by_key(|(from, _)| from.place.span.start);
    if let Some((past, _)) = pairs.get(Rewrites::MOST) {
        let (all, most) = (pairs.len(), Rewrites::MOST);
        report.push(
            past.error(format!("{all} prefixes are rewritten; at most {most} are allowed"))
                .help("rewrite a prefix that they have in common, or give each site its own log and routes"),
        );
    }
    let mut read: Vec<(Rewrite, Place)> = Vec::new();
    for (from, to) in pairs {
        match Rewrite::new(&from.value, &to.value) {
            Ok(rewrite) => read.push((rewrite, from.place)),
            Err(side) => {
                let (wrong, before_from, before_to) = match side {
                    RewriteError::From => (&from, "/", ""),
                    RewriteError::To => (&to, "", "/"),
                };
                let (from, to) = (&from.value, &to.value);
                let help = format!("rewrite = {{ \"{before_from}{from}\" = \"{before_to}{to}\" }}");
                report.push(wrong.error("a prefix must start with `/`").help(help));
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
                expression
                    .error(format!("converter `{}`: {message}", name.value))
                    .help("a Python regular expression, for example \"[0-9a-f]{4}\""),
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
    let parsed = PathTemplate::parse(&template.value, converters).map_err(|message| {
        let fault = template.error(format!("template `{}`: {message}", template.value));
        fault.help(
            "written like the route of Django's path(), for example \"/articles/<int:year>/\"",
        )
    });
    let route = parsed.and_then(|template| {
        let route = template.route(&view.value);
        route.map_err(|message| view.error(message))
    });
    route.map_err(|fault| report.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

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
    fn every_fault_of_routes_is_reported_with_its_place() {
        let (_, faults) = parse(
            "[routes.shop]\nstrip_prefix = 'app'\nmax_routes = 0\nconverters = { h = '[' }\n\
             templates = { 'a' = 'a', '/<x:y>' = 'b', '/c' = '' }\nurlcnf = 'x'\n[routes.none]\n",
        );
        assert_eq!(
            faults,
            [
                "7: a prefix must start with `/`",
                "8: expected a whole number from 1 to 100000, found 0",
                "9: converter `h`: unterminated character set",
                "10: template `a`: a template must start with `/`",
                "10: template `/<x:y>`: unknown converter `x`; Django has `int`, `str`, `uuid`, `slug`, `path`",
                "10: a view name must have 1 to 256 bytes",
                "11: unknown key `urlcnf`",
                "12: routes `none` define no views",
            ]
        );
        assert_eq!(parse("").1, ["5: unknown routes `shop`"]);
    }

    #[test]
    fn prefixes_are_rewritten_before_one_is_removed() {
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
    fn every_fault_of_rewrites_is_reported_with_its_place() {
        let templates = "templates = { '/' = 'x' }";
        let (_, faults) = parse(&format!(
            "[routes.shop]\n{templates}\n[routes.shop.rewrite]\n'a' = '/'\n'/b/' = 'b/'\n'/c/' = '/c/'\n\
             '/d/' = '/d'\n'/e' = '/'\n'/f/' = 1\n'/g/' = []\n",
        ));
        assert_eq!(
            faults,
            [
                "9: a prefix must start with `/`",
                "10: a prefix must start with `/`",
                "11: `/c/` is rewritten to itself",
                "12: `/d/` ends with a slash and `/d` does not: `/d/x` becomes `/dx`",
                "13: `/` ends with a slash and `/e` does not: `/e/x` becomes `//x`",
                "14: a prefix must start with `/`",
                "15: expected a string or a number, found a list",
            ]
        );
        let pairs: Vec<String> = (0..=Rewrites::MOST)
            .map(|number| format!("'/{number:02}/' = '/'\n"))
            .collect();
        let pairs = pairs.concat();
        let head = format!("[routes.shop]\n{templates}\n[routes.shop.rewrite]\n");
        let (_, faults) = parse(&format!("{head}{pairs}"));
        assert_eq!(
            faults,
            ["73: 65 prefixes are rewritten; at most 64 are allowed"]
        );
        assert_eq!(
            parse(&format!("[routes.shop]\n{templates}\nrewrite = 'x'"))
                .1
                .len(),
            1
        );
    }

    #[test]
    fn a_rewrite_that_leads_out_of_the_site_is_reported() {
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
    fn only_a_configured_cap_leaves_views_out() {
        let templates: Vec<String> = (0..700)
            .map(|view| format!("'/{view}/' = 'v{view}'\n"))
            .collect();
        let templates = templates.concat();
        let check = |cap: &str, warnings: &[&str]| {
            let text = format!("[routes.shop]\n{cap}\n[routes.shop.templates]\n{templates}");
            let mut report = Report::default();
            let resolver = parse(&text).0.unwrap().routes["shop"].load(&mut report);
            assert_eq!(resolver.unwrap().views(), 700);
            let said: Vec<_> = report
                .faults()
                .iter()
                .map(|fault| fault.message.clone())
                .collect();
            assert_eq!(said, warnings);
        };
        check("", &[]);
        let warning =
            "routes `shop` have 700 views; all but the first 500 are counted as `<other>`";
        check("max_routes = 500", &[warning]);
    }

    #[test]
    fn a_missing_dump_is_an_error_when_it_is_loaded() {
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
    fn languages_not_in_use_have_no_routes() {
        let dump = Arc::new(Text {
            name: "rich.jsonl".into(),
            content: include_str!("../../fixtures/urlconf/rich.jsonl").into(),
        });
        let resolver = |languages: &str, report: &mut Report| {
            let text = format!("[routes.shop]\nurlconf = 'u'\nlanguages = [{languages}]\n");
            let (config, _) = parse(&text);
            config.unwrap().routes["shop"].resolver(Urlconf::read(&dump, report)?, report)
        };
        let english = resolver("'en'", &mut Report::default()).unwrap();
        let found = |target: &[u8]| english.resolve(target, &mut Vec::new()).is_some();
        assert!(found(b"/about/") && !found(b"/de/about/"));
        let mut report = Report::default();
        assert!(resolver("'fr'", &mut report).is_none());
        let message = "routes `shop`: `fr` is not a language of the site";
        assert_eq!(report.faults()[0].message, message);
    }
}
