//! The `routes` command: resolves paths to views and explains the result.
//!
//! Invariant: values captured from a path go to standard output only; control characters are escaped.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::{Exit, Failure};
use crate::diag::{Report, Text};
use crate::model::counted;
use crate::route::{
    Engine, Explanation, NearMiss, Resolver, Rewrite, RewriteError, Rewrites, Route, Router,
    Urlconf,
};
use crate::text_file::{self, Accept};

/// Show which view a path resolves to and why, or list all routes.
///
/// FILE is the output of `dump_urlconf.py`. Without PATH, all routes are listed in the order in which
/// Django tries them, with warnings about routes that cannot be matched exactly as Django does. Exits
/// with 0 if every path resolves to a view, 1 otherwise.
#[derive(Debug, Args)]
pub struct Routes {
    /// The dump of the site's URLconf
    #[arg(long, short, value_name = "FILE")]
    urlconf: PathBuf,
    /// A prefix of logged paths that the front server replaces, as in `/shop/=/store/`. The longest match is
    /// replaced, before --strip-prefix. Can be given more than once
    #[arg(long = "rewrite", value_name = "FROM=TO", value_parser = parse_rewrite)]
    rewrites: Vec<Rewrite>,
    /// Prefix of logged paths that Django does not see [default: the dump's script name]
    #[arg(long, value_name = "PREFIX")]
    strip_prefix: Option<String>,
    /// A path as logged, including query and escapes
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
}

impl Routes {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let mut report = Report::default();
        let text = self.read()?;
        let Some(resolver) = self.resolver(&text, &mut report) else {
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
            (1, _) => {
                let message = "the path does not resolve to a view";
                Err(Failure::message(Exit::Runtime, message))
            }
            (paths, _) => {
                let paths = counted(paths, "path");
                let message = format!("{unresolved} of {paths} not resolved to a view");
                Err(Failure::message(Exit::Runtime, message))
            }
        }
    }

    fn read(&self) -> Result<Arc<Text>, Failure> {
        let name = self.urlconf.display().to_string();
        match text_file::read_file(&self.urlconf, Accept::RegularOrPipe) {
            Ok(bytes) => Ok(text_file::decode(name, bytes).0),
            Err(error) => Err(Failure::from(error)
                .help("generate it: python manage.py shell < dump_urlconf.py > urlconf.jsonl")),
        }
    }

    /// Builds the resolver; `None` if the report has an error of the dump.
    fn resolver(&self, text: &Arc<Text>, report: &mut Report) -> Option<Resolver> {
        let urlconf = Urlconf::read(text, report)?;
        let rewrites = self.rewrites.iter();
        report.extend(rewrites.filter_map(|rewrite| rewrite.warning(&self.rewrites)));
        let resolver = Resolver::new(urlconf, self.strip_prefix.as_deref(), report);
        Some(resolver.with_rewrites(Rewrites::new(self.rewrites.clone()), report))
    }
}

/// Parses `FROM=TO`.
fn parse_rewrite(text: &str) -> Result<Rewrite, String> {
    let (from, to) = text
        .split_once('=')
        .ok_or("expected FROM=TO, as in `/shop/=/store/`")?;
    Rewrite::new(from, to).map_err(|side| match side {
        RewriteError::From => format!("a prefix must start with `/`: `/{from}={to}`"),
        RewriteError::To => format!("a prefix must start with `/`: `{from}=/{to}`"),
    })
}

fn list(resolver: &Resolver) -> String {
    let urlconf = resolver.urlconf();
    let width = |width: fn(&Route) -> usize| urlconf.routes.iter().map(width).max().unwrap_or(0);
    let views = width(|route| shown(&route.view).chars().count()).max(4);
    let mut text = format!("{:12}  {:views$}  ROUTE\n", "ENGINE", "VIEW");
    for (route, engine) in urlconf.routes.iter().zip(resolver.engines()) {
        let (engine, view, path) = (engine.name(), shown(&route.view), shown(&route.shown));
        let languages = languages(urlconf, route);
        let languages = languages.map_or(String::new(), |codes| format!("  ({codes})"));
        let _ = writeln!(text, "{engine:12}  {view:views$}  /{path}{languages}");
    }
    let engines = resolver.engines().iter();
    let trie = engines.filter(|engine| **engine == Engine::Trie).count();
    let routes = counted(urlconf.routes.len(), "route");
    let _ = write!(text, "\n{routes}, {trie} in the trie");
    if !resolver.prefix().is_empty() {
        let _ = write!(text, ", under {}", shown(resolver.prefix()));
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
        (None, _) => line("reason", "the target has no path"),
        (Some(path), None) => {
            let prefix = shown(resolver.prefix());
            line("reason", &format!("`{}` is outside {prefix}", shown(path)));
        }
        (Some(_), Some(_)) if explanation.rewritten.is_some() => {}
        (Some(path), Some(_)) => line("path", &shown(path)),
    }
    if let Some(code) = &explanation.language {
        line("language", code);
    }
    if let Some((route, place)) = route {
        let engine = resolver.engines().get(place);
        let engine = engine.map_or("", |engine| engine.name());
        let (number, path) = (place + 1, shown(&route.shown));
        line("route", &format!("/{path} (number {number}, {engine})"));
        line("patterns", &patterns(route));
        for (name, value) in &explanation.captured {
            line(&shown(name), &shown(value));
        }
        for converter in route.refusing(urlconf) {
            let words = format!("the converter `{converter}` may reject the value");
            line("warning", &words);
        }
    }
    for near in &explanation.near_misses {
        if let Some(route) = urlconf.routes.get(near.route) {
            line("near miss", &near_miss(urlconf, route, near));
        }
    }
    text
}

fn patterns(route: &Route) -> String {
    let levels = route.chain.iter();
    let levels = levels.map(|level| format!("{} `{}`", level.kind.name(), shown(&level.pattern)));
    levels.collect::<Vec<_>>().join(", ")
}

fn near_miss(urlconf: &Urlconf, route: &Route, near: &NearMiss) -> String {
    let (view, reach) = (shown(&route.view), shown(&near.reach));
    let because = match near.level.and_then(|level| route.chain.get(level)) {
        Some(level) => format!("but not {} `{}`", level.kind.name(), shown(&level.pattern)),
        None => match languages(urlconf, route) {
            Some(codes) => format!("but exists only in {codes}"),
            None => "but a converter rejects the value".to_owned(),
        },
    };
    format!("{view} matches `{reach}` {because}")
}

/// Escapes control characters, which a terminal would obey.
fn shown(text: &str) -> String {
    let shown = text.chars().map(|next| match next {
        _ if next.is_control() => next.escape_default().to_string(),
        _ => next.to_string(),
    });
    shown.collect()
}
