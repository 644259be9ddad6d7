//! `routes`: which view a path leads to, and why.
//!
//! Invariant: values captured from a path go to standard output, for the person who asked, and
//! nowhere else; control characters are shown escaped.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure, counted};
use crate::config;
use crate::diag::Report;
use crate::route::{
    Engine, Explanation, Near, NoRewrite, Resolver, Rewrite, Rewrites, Route, Router, Urlconf,
};

/// Show which view a path leads to and why, or all routes and how they are matched.
///
/// FILE is what `dump_urlconf.py` wrote. Without PATH, all routes are listed in the
/// order in which Django tries them, with warnings about what cannot be matched as Django does.
/// Exit code 0 if every path has a view, 1 otherwise.
#[derive(Debug, Args)]
pub struct Routes {
    /// The dump of the site's URLconf
    #[arg(long, short, value_name = "FILE")]
    urlconf: PathBuf,
    /// A prefix of logged paths that the server in front replaces, as in `/shop/=/store/`; the
    /// longest that matches is replaced, before PREFIX is taken off. May be given several times
    #[arg(long = "rewrite", value_name = "FROM=TO", value_parser = rewrite)]
    rewrites: Vec<Rewrite>,
    /// What paths begin with before they reach the site [default: the dump's script name]
    #[arg(long, value_name = "PREFIX")]
    strip_prefix: Option<String>,
    /// A path as a log shows it, query and escapes included
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
}

impl Routes {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        if !self.urlconf.exists() {
            let message = format!("cannot read {}: no such file", self.urlconf.display());
            return Err(Failure::message(Exit::NoInput, message)
                .help("make it: python manage.py shell < dump_urlconf.py > urlconf.jsonl"));
        }
        let mut report = Report::default();
        let Some(resolver) = self.resolver(&mut report) else {
            return Err(report.into());
        };
        let mut out = io::stdout().lock();
        if self.paths.is_empty() {
            out.write_all(list(&resolver).as_bytes())?;
            if report.warnings() > 0 {
                write!(out, "\n{report}{}\n", counted(report.warnings(), "warning"))?;
            }
            return Ok(());
        }
        let mut unresolved = 0;
        for (place, path) in self.paths.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            let explanation = resolver.explain(path.as_bytes());
            unresolved += usize::from(explanation.route.is_none());
            out.write_all(explained(&resolver, &explanation, path.as_bytes()).as_bytes())?;
        }
        match (self.paths.len(), unresolved) {
            (_, 0) => Ok(()),
            (1, _) => Err(Failure::message(Exit::Runtime, "no view takes the path")),
            (paths, _) => Err(Failure::message(
                Exit::Runtime,
                format!("no view takes {unresolved} of {}", counted(paths, "path")),
            )),
        }
    }

    /// What resolves as these options say; `None` if the report has an error of the dump.
    fn resolver(&self, report: &mut Report) -> Option<Resolver> {
        let text = config::read_urlconf(&self.urlconf, report)?;
        let urlconf = Urlconf::read(&text, report)?;
        let odd = self.rewrites.iter();
        report.extend(odd.filter_map(|rewrite| rewrite.oddity(&self.rewrites)));
        let resolver = Resolver::new(urlconf, self.strip_prefix.as_deref(), report);
        Some(resolver.with_rewrites(Rewrites::new(self.rewrites.clone()), report))
    }
}

/// Reads `FROM=TO`.
fn rewrite(text: &str) -> Result<Rewrite, String> {
    let (from, to) = text
        .split_once('=')
        .ok_or("not FROM=TO, as in `/shop/=/store/`")?;
    Rewrite::new(from, to).map_err(|side| match side {
        NoRewrite::From => format!("a prefix begins with `/`: `/{from}={to}`"),
        NoRewrite::To => format!("a prefix begins with `/`: `{from}=/{to}`"),
    })
}

fn list(resolver: &Resolver) -> String {
    let urlconf = resolver.urlconf();
    let width = |width: fn(&Route) -> usize| urlconf.routes.iter().map(width).max().unwrap_or(0);
    let views = width(|route| shown(&route.view).chars().count()).max(4);
    let mut text = format!("{:12}  {:views$}  ROUTE\n", "ENGINE", "VIEW");
    for (route, engine) in urlconf.routes.iter().zip(resolver.engines()) {
        let (engine, view) = (engine.name(), shown(&route.view));
        let languages = languages(urlconf, route);
        let languages = languages.map_or(String::new(), |codes| format!("  ({codes})"));
        let _ = writeln!(
            text,
            "{engine:12}  {view:views$}  /{}{languages}",
            shown(&route.shown)
        );
    }
    let count =
        |engine: fn(&Engine) -> bool| resolver.engines().iter().filter(|e| engine(e)).count();
    let trie = count(|engine| *engine == Engine::Trie);
    let _ = write!(
        text,
        "\n{}, {trie} in the trie",
        counted(urlconf.routes.len(), "route")
    );
    if !resolver.prefix().is_empty() {
        let _ = write!(text, ", below {}", shown(resolver.prefix()));
    }
    text.push('\n');
    for rewrite in resolver.rewrites().as_slice() {
        let (from, to) = (shown(rewrite.from()), shown(rewrite.to()));
        let _ = writeln!(text, "{from} is rewritten to {to}");
    }
    text
}

fn languages(urlconf: &Urlconf, route: &Route) -> Option<String> {
    let places = route.languages.as_ref()?.iter();
    let codes = places.filter_map(|place| urlconf.languages.codes.get(usize::from(*place)));
    Some(codes.map(String::as_str).collect::<Vec<_>>().join(", "))
}

fn explained(resolver: &Resolver, explanation: &Explanation, target: &[u8]) -> String {
    let target = shown(&String::from_utf8_lossy(target));
    let urlconf = resolver.urlconf();
    let route = explanation
        .route
        .and_then(|place| urlconf.routes.get(place).zip(Some(place)));
    let view = route.map_or(Router::UNRESOLVED, |(route, _)| &route.view);
    let mut text = format!("{target}: {}\n", shown(view));
    let mut line = |what: &str, words: &str| {
        let _ = writeln!(text, "  {what}: {words}");
    };
    let seen = match (&explanation.path, &explanation.rewritten) {
        (Some(path), Some((seen, rewrite))) => {
            let (from, to) = (shown(rewrite.from()), shown(rewrite.to()));
            line("path", &shown(path));
            line("rewritten", &format!("{} ({from} to {to})", shown(seen)));
            Some(seen)
        }
        (path, _) => path.as_ref(),
    };
    match (seen, &explanation.below) {
        (None, _) => line("why", "it has no path"),
        (Some(path), None) => {
            let prefix = shown(resolver.prefix());
            line(
                "why",
                &format!("`{}` does not lie below {prefix}", shown(path)),
            );
        }
        (Some(_), Some(_)) if explanation.rewritten.is_some() => {}
        (Some(path), Some(_)) => line("path", &shown(path)),
    }
    if let Some(code) = &explanation.language {
        line("language", code);
    }
    if let Some((route, place)) = route {
        let engine = resolver.engines().get(place).map_or("", Engine::name);
        let number = place + 1;
        line(
            "route",
            &format!("/{} (number {number}, {engine})", shown(&route.shown)),
        );
        line("chain", &chain(route));
        for (name, value) in &explanation.captured {
            line(&shown(name), &shown(value));
        }
        for converter in route.refusing(urlconf) {
            let words = format!("the converter `{converter}` may refuse the value");
            line("warning", &words);
        }
    }
    for near in &explanation.near {
        if let Some(route) = urlconf.routes.get(near.route) {
            line("nearly", &nearly(urlconf, route, near));
        }
    }
    text
}

fn chain(route: &Route) -> String {
    let levels = route.chain.iter();
    let levels = levels.map(|level| format!("{} `{}`", level.kind.name(), shown(&level.pattern)));
    levels.collect::<Vec<_>>().join(", ")
}

fn nearly(urlconf: &Urlconf, route: &Route, near: &Near) -> String {
    let (view, reach) = (shown(&route.view), shown(&near.reach));
    let because = match near.level.and_then(|level| route.chain.get(level)) {
        Some(level) => format!("not {} `{}`", level.kind.name(), shown(&level.pattern)),
        None => match languages(urlconf, route) {
            Some(codes) => format!("but only in {codes}"),
            None => "but a converter refuses".to_owned(),
        },
    };
    format!("{view} takes `{reach}`, {because}")
}

/// Text without what a terminal would obey.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
