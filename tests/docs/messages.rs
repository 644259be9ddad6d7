//! Tests of `docs/troubleshooting.md`: what the program says has its section or its row.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use httplog_exporter::aggregate::FRAME;
use httplog_exporter::compare::Class;
use httplog_exporter::pattern::Reject;
use httplog_exporter::pipeline::UNTIMED;
use httplog_exporter::source::{FILE_GAP_REASONS, STREAM_GAP_REASONS};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::markdown::{blocks_and_lines, files, root, rows, text};

const TROUBLESHOOTING: &str = "docs/troubleshooting.md";
/// Files and folders whose messages an operator reads: in the log, or when a start fails.
const SPEAKERS: [&str; 13] = [
    "src/compare/interval.rs",
    "src/compare/page.rs",
    "src/daemon",
    "src/http/listener.rs",
    "src/http/server.rs",
    "src/nginx_status/event.rs",
    "src/source/file/event.rs",
    "src/source/file/fs.rs",
    "src/source/stream/event.rs",
    "src/state/error.rs",
    "src/state/lock.rs",
    "src/telemetry",
    "src/text_file.rs",
];
/// Messages that say what others of the page contain.
const ELSEWHERE: [&str; 6] = [
    // Causes, behind a message that is listed.
    "cannot be read",
    "cannot open",
    // Behind the name of a file or a source.
    "at least … bytes",
    "what else it writes is dropped until it is restarted",
    "if there were any",
    // At the end of a process.
    "stopping",
];

/// Returns the headings of the page that are one code span.
fn codes() -> BTreeSet<String> {
    let text = text(TROUBLESHOOTING);
    let (_, lines) = blocks_and_lines(&text);
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_trouble_and_every_reason_has_its_section() {
    let path = root().join("src/status/trouble/found.rs");
    let mut speech = Speech::default();
    let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    speech.everything = true;
    speech.visit_file(&file);
    let troubles = speech.said;
    assert!(troubles.len() >= 20, "{troubles:?}");
    let listed: BTreeSet<String> = rows("docs/page.md")
        .into_iter()
        .map(|(code, _)| code)
        .filter(|code| code != "code")
        .collect();
    assert_eq!(troubles, listed, "codes of docs/page.md");
    let reasons = Reject::ALL
        .map(Reject::name)
        .into_iter()
        .chain([UNTIMED, FRAME])
        .chain(FILE_GAP_REASONS.map(|reason| reason.name))
        .chain(STREAM_GAP_REASONS.map(|reason| reason.name))
        .map(str::to_owned);
    let expected: BTreeSet<String> = troubles.into_iter().chain(reasons).collect();
    assert_eq!(codes(), expected);
}

#[test]
fn every_class_of_a_comparison_has_its_row() {
    let rows = rows("docs/compare.md").into_iter().map(|(name, _)| name);
    let classes: BTreeSet<String> = Class::ALL.map(|class| class.name().to_owned()).into();
    // Rows of the other tables are options and exit codes.
    let listed: BTreeSet<String> = rows
        .filter(|name| name != "class" && name.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter(|name| name != "option" && name != "exit code")
        .collect();
    assert_eq!(listed, classes);
}

#[test]
fn every_message_has_its_row() {
    let page = plain(&text(TROUBLESHOOTING));
    let mut missing = BTreeSet::new();
    let mut seen = 0;
    for path in SPEAKERS.iter().flat_map(|path| sources(path)) {
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut speech = Speech::default();
        speech.visit_file(&file);
        for message in speech.said {
            let Some(part) = distinctive(&message) else {
                continue;
            };
            seen += 1;
            if !page.contains(&part) && !ELSEWHERE.contains(&part.as_str()) {
                missing.insert(format!("{}: {message}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 60, "only {seen} messages");
}

/// Returns the source files of a file or folder of the project, without tests.
fn sources(path: &str) -> Vec<PathBuf> {
    let is_test = |file: &Path| {
        let inside = file.strip_prefix(root()).unwrap();
        inside
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
    };
    let files = files(&root().join(path)).into_iter();
    files.filter(|file| !is_test(file)).collect()
}

/// Returns a text without back-quotes, each white space a blank.
fn plain(text: &str) -> String {
    let text = text.replace('`', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the first part of a message that is long enough to be recognised, between its placeholders.
fn distinctive(message: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('{') {
        parts.push(before);
        rest = behind.split_once('}').map_or("", |(_, rest)| rest);
    }
    parts.push(rest);
    let parts = parts.into_iter().map(|part| {
        let part = plain(part);
        let trimmed = part.trim_matches(|c: char| !c.is_alphanumeric() && !"[]/".contains(c));
        trimmed.to_owned()
    });
    let mut parts: Vec<_> = parts.filter(|part| part.len() >= 8).collect();
    parts.truncate(1);
    parts.pop()
}

/// Collects texts that the program says.
#[derive(Default)]
struct Speech {
    said: BTreeSet<String>,
    /// True if every literal counts: in a function that displays an event.
    everything: bool,
}

impl Speech {
    fn take_first(&mut self, tokens: TokenStream) {
        if let Some(literal) = literals(tokens).into_iter().next() {
            self.said.insert(literal);
        }
    }
}

/// Returns the string literals among tokens, those in groups included.
fn literals(tokens: TokenStream) -> Vec<String> {
    let each = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Literal(literal) => syn::parse_str::<syn::LitStr>(&literal.to_string())
            .map(|literal| vec![literal.value()])
            .unwrap_or_default(),
        TokenTree::Group(group) => literals(group.stream()),
        _ => Vec::new(),
    });
    each.collect()
}

impl<'a> Visit<'a> for Speech {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| attribute.path().is_ident("cfg");
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        if attribute.path().is_ident("error")
            && let syn::Meta::List(list) = &attribute.meta
        {
            self.take_first(list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        let path: Vec<String> = called
            .path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        let name = path.last().map_or("", String::as_str);
        if self.everything || (path.len() == 2 && matches!(name, "warn" | "error")) {
            self.take_first(called.tokens.clone());
        }
    }

    fn visit_item_impl(&mut self, block: &'a syn::ItemImpl) {
        let shows = block.trait_.as_ref().is_some_and(|(_, path, _)| {
            path.segments
                .last()
                .is_some_and(|name| name.ident == "Display")
        });
        let is_event = matches!(&*block.self_ty, syn::Type::Path(path)
            if path.path.segments.last().is_some_and(|name| name.ident.to_string().ends_with("Event")));
        let before = self.everything;
        self.everything |= shows && is_event;
        visit::visit_item_impl(self, block);
        self.everything = before;
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        let before = self.everything;
        self.everything |= function.sig.ident.to_string().starts_with("fmt_");
        visit::visit_impl_item_fn(self, function);
        self.everything = before;
    }

    fn visit_lit_str(&mut self, literal: &'a syn::LitStr) {
        if self.everything {
            self.said.insert(literal.value());
        }
    }
}
