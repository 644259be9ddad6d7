//! `[label.NAME]` and `source.labels`: labels that the configuration defines.
//!
//! Invariant: a label has a bounded list of values, and text that identifies a client is only mapped to names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::NAME_BYTES;
use crate::diag::{Fault, Report, Section, Spot};
use crate::label::{Label, Notation, Origin, OwnLabel, Refusal, Vocabulary, client};
use crate::model::Field;

/// Names that Prometheus and its formats give a meaning.
const RESERVED: [&str; 3] = ["le", "quantile", client::NAME];
/// Words in the names of variables, headers and keys whose text identifies a client, a user or a request, or is secret.
const IDENTIFYING: [&str; 48] = [
    "addr",
    "address",
    "agent",
    "apikey",
    "arg",
    "args",
    "auth",
    "authorization",
    "body",
    "cert",
    "client",
    "cookie",
    "cookies",
    "correlation",
    "csrf",
    "csrftoken",
    "dn",
    "email",
    "forwarded",
    "identity",
    "ip",
    "jwt",
    "key",
    "login",
    "mail",
    "passwd",
    "password",
    "path",
    "q",
    "query",
    "referer",
    "referrer",
    "secret",
    "serial",
    "session",
    "sessionid",
    "sub",
    "token",
    "trace",
    "traceparent",
    "uid",
    "uri",
    "url",
    "user",
    "userid",
    "username",
    "users",
    "xff",
];
/// Names that have such a word, but are about servers and protocols.
const HARMLESS: [&str; 7] = [
    "server_addr",
    "upstream_addr",
    "ssl_session_reused",
    "ssl_client_verify",
    "http_x_forwarded_proto",
    "http_x_forwarded_port",
    "http_x_forwarded_host",
];

/// The labels of a configuration.
#[derive(Debug, Default)]
pub(super) struct Labels {
    defined: Vec<Defined>,
    list: Vec<Arc<OwnLabel>>,
}

/// A label with its place.
#[derive(Debug)]
pub(super) struct Defined {
    pub(super) name: Spot<String>,
    pub(super) field: Spot<String>,
    pub(super) notation: Notation,
}

/// The constant labels of a source, by name.
pub(super) type Constants = BTreeMap<String, Spot<String>>;

impl Labels {
    /// Reads the tables `[label.NAME]`. Those with a fault only have a name.
    pub(super) fn read(root: &mut Section<'_>, report: &mut Report) -> Self {
        let mut labels = Self::default();
        for (name, section) in root.named("label", report) {
            check_label_name(&name, report);
            let Some((own, field, notation)) = read_label(&name, section, report) else {
                // Its faults are in the report; metrics that use it are not at fault.
                labels.list.push(Arc::new(OwnLabel {
                    name: name.value.as_str().into(),
                    origin: Origin::Constant("".into()),
                }));
                continue;
            };
            labels.list.push(Arc::new(own));
            labels.defined.push(Defined {
                name,
                field,
                notation,
            });
        }
        labels
    }

    /// Returns the labels with their places.
    pub(super) fn defined(&self) -> &[Defined] {
        &self.defined
    }

    /// Returns the labels.
    pub(super) fn list(&self) -> &[Arc<OwnLabel>] {
        &self.list
    }
}

fn read_label(
    name: &Spot<String>,
    mut section: Section<'_>,
    report: &mut Report,
) -> Option<(OwnLabel, Spot<String>, Notation)> {
    let field = section.string("field", report);
    let values = section.strings("values", report);
    let has_map = section.contains("map");
    let mut map = section.scalars("map", report);
    section.finish(report);
    // In the order in which they are written, which decides.
    map.sort_by_key(|(rule, _)| rule.place.span.start);
    let Some(field) = field else {
        let message = format!("the label `{}` has no `field`", name.value);
        report.push(name.error(message).help("field = \"upstream_cache_status\": a field, or a variable of the format without its sign"));
        return None;
    };
    if field.value.is_empty() || field.value.starts_with(['$', '%']) {
        let bare = field
            .value
            .trim_start_matches(['$', '%', '('])
            .trim_end_matches(")s");
        let fault = field.error(format!("`{}` is not a field", field.value));
        report.push(match bare {
            "" => fault.help("name a field, or a variable of the format without its sign"),
            bare => fault.help(format!("write it without its sign: field = \"{bare}\"")),
        });
        return None;
    }
    let (rules, notation) = match (values, has_map) {
        (Some(values), false) => {
            if is_identifying(&field.value) {
                report.push(identifying(&field));
                return None;
            }
            let rules = values
                .value
                .iter()
                .map(|value| (value.clone(), value.clone()));
            (rules.collect(), Notation::Texts)
        }
        (None, true) if is_address(&field.value) => (map, Notation::Clients),
        (None, true) => (map, Notation::Patterns),
        (given, _) => {
            let message = if given.is_some() {
                format!("the label `{}` has both `values` and `map`", name.value)
            } else {
                format!(
                    "the label `{}` has no list of values: it would be unbounded",
                    name.value
                )
            };
            report.push(name.error(message).help(
                "values = [\"HIT\", \"MISS\"], or map = { \"HTTP/2*\" = \"2\" }; anything else becomes `<other>`",
            ));
            return None;
        }
    };
    let vocabulary = read_vocabulary(name, &field, &rules, notation, report)?;
    let own = OwnLabel {
        name: name.value.as_str().into(),
        origin: Origin::Read {
            field: field.value.as_str().into(),
            vocabulary,
        },
    };
    Some((own, field, notation))
}

/// Returns a rule, with classes of status (`4xx`) as globs.
fn as_glob(rule: &str, field: &Spot<String>) -> String {
    match rule.strip_suffix("xx") {
        Some(class) if field.value == "status" && class.len() == 1 => format!("{class}*"),
        _ => rule.to_owned(),
    }
}

fn read_vocabulary(
    name: &Spot<String>,
    field: &Spot<String>,
    rules: &[(Spot<String>, Spot<String>)],
    notation: Notation,
    report: &mut Report,
) -> Option<Vocabulary> {
    let before = report.errors();
    let mut vocabulary = Vocabulary::new();
    if rules.is_empty() {
        report.push(name.error(format!("the label `{}` has no values", name.value)));
    }
    for (rule, value) in rules {
        if rule.value.is_empty() || rule.value.len() > Vocabulary::TEXT_BYTES {
            let fault = rule.error(format!("a rule has 1 to {} bytes", Vocabulary::TEXT_BYTES));
            report.push(
                fault.help("`\"-\"` stands for a line without the field, `\"*\"` for any text"),
            );
            continue;
        }
        value.check_text("a label value", Vocabulary::TEXT_BYTES, report);
        let text = &as_glob(&rule.value, field);
        let fault = match vocabulary.add(text, &value.value, notation) {
            Ok(()) => continue,
            Err(Refusal::Malformed(message)) => rule
                .error(format!("`{text}` is not a regular expression: {message}"))
                .help("a rule is a text, a text with `*` and `?`, or an expression of bytes behind `~`, or `~*` regardless of case"),
            Err(Refusal::Network(help)) => rule.error(format!("`{text}` is not a network")).help(help),
            Err(Refusal::Unreachable(earlier)) if earlier == *text => {
                rule.error(format!("`{text}` is listed twice"))
            }
            Err(Refusal::Unreachable(earlier)) => rule
                .error(format!("`{text}` can never match: `{earlier}` before it does"))
                .help("the first rule that matches counts: move it up, or remove it"),
        };
        report.push(fault);
    }
    if vocabulary.expressions() > Vocabulary::EXPRESSIONS {
        let message = format!(
            "more than {} rules are expressions",
            Vocabulary::EXPRESSIONS
        );
        report.push(
            name.error(message)
                .help("write alternatives into one: \"~*bot|crawler\""),
        );
    }
    if vocabulary.values().len() > Vocabulary::MOST || rules.len() > Vocabulary::MOST {
        let message = format!("more than {} values or rules", Vocabulary::MOST);
        report.push(name.error(message).help("map several texts to one name"));
    }
    (report.errors() == before).then_some(vocabulary)
}

/// Reads `labels` of a source: constants.
pub(super) fn read_constants(
    section: &mut Section<'_>,
    labels: &[Arc<OwnLabel>],
    report: &mut Report,
) -> Constants {
    let mut constants = Constants::new();
    for (name, value) in section.scalars("labels", report) {
        check_label_name(&name, report);
        value.check_text("a label value", NAME_BYTES, report);
        if labels.iter().any(|own| *own.name == *name.value) {
            let message = format!(
                "`{}` is a label of [label.{}] already",
                name.value, name.value
            );
            report.push(name.error(message).help("choose another name"));
        }
        constants.insert(name.value, value);
    }
    constants
}

/// Reports a name that a label cannot have.
fn check_label_name(name: &Spot<String>, report: &mut Report) {
    let text = name.value.as_str();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = text
        .bytes()
        .next()
        .is_some_and(|first| !first.is_ascii_digit());
    let fault = if !begins || !text.bytes().all(is_part) || text.len() > NAME_BYTES {
        name.error(format!("`{text}` is not a valid label name"))
            .help("use up to 128 letters, digits and `_`, and begin with a letter")
    } else if text.starts_with("__") {
        name.error(format!("`{text}` is reserved for Prometheus itself"))
            .help("label names must not begin with `__`")
    } else if Label::from_name(text).is_some() {
        name.error(format!("`{text}` is a label of the exporter already"))
            .help("choose another name")
    } else if RESERVED.contains(&text) {
        name.error(format!("`{text}` has another meaning as a label"))
            .help("choose another name")
    } else {
        return;
    };
    report.push(fault);
}

pub(super) fn identifying(field: &Spot<String>) -> Fault {
    let message = format!(
        "`{}` may identify a client: its text cannot be a label value",
        field.value
    );
    let example = match Field::from_name(&field.value) {
        Some(Field::Target) => "\"/api/*\" = \"api\"",
        _ if is_address(&field.value) => "\"10.0.0.0/8\" = \"internal\"",
        _ => "\"~*bot\" = \"bot\"",
    };
    let help = format!("map it to names: map = {{ {example} }}");
    field.error(message).help(help)
}

/// Returns whether a field identifies a client, a user, or a single request.
pub(super) fn identifies(field: Field) -> bool {
    matches!(
        field,
        Field::RemoteAddr
            | Field::User
            | Field::Referer
            | Field::UserAgent
            | Field::RequestId
            | Field::TraceId
            | Field::SpanId
            | Field::Target
            | Field::Time
    )
}

/// Returns whether the text of a field may identify a client: one of a record, or of any notation by the words of its name.
fn is_identifying(name: &str) -> bool {
    if let Some(field) = Field::from_name(name) {
        return identifies(field);
    }
    let name = name.to_ascii_lowercase();
    if HARMLESS.contains(&&*name) {
        return false;
    }
    let is_cookie = name.ends_with("}c");
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    is_cookie
        || words.any(|word| IDENTIFYING.contains(&word))
        || name.ends_with("id") && name.len() > 2
}

/// Returns whether a field contains the address of a client.
fn is_address(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_part = |word: &str| ["addr", "ip", "forwarded", "xff", "h", "a"].contains(&word);
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    !HARMLESS.contains(&&*name) && words.filter(|word| !word.is_empty()).any(is_part)
}

#[cfg(test)]
mod tests;
