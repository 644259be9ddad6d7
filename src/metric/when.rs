//! Reading of the conditions of a metric.
//!
//! Invariant: every fault is reported with its place.

use std::sync::Arc;

use super::names::label;
use crate::diag::{Fault, Report, Section, Spot};
use crate::label::{
    Charset, Condition, HttpVersion, Label, Method, Network, OwnLabel, Scheme, client,
};
use crate::model::Field;

/// Reads a table of conditions.
pub fn read_when(
    mut section: Section<'_>,
    own: &[Arc<OwnLabel>],
    report: &mut Report,
) -> Vec<Condition> {
    let conditions = read_conditions(&mut section, own, report);
    section.finish(report);
    conditions
}

/// Reads the conditions of a table, which may have other keys too.
pub fn read_conditions(
    section: &mut Section<'_>,
    own: &[Arc<OwnLabel>],
    report: &mut Report,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for field in Field::ALL {
        if label(field.name(), own).is_err() && section.contains(field.name()) {
            let place = section.place();
            section.skip(field.name());
            report.push(
                Fault::error(format!("`when` cannot test `{}`", field.name()))
                    .at(place)
                    .help(if field == Field::RemoteAddr {
                        "`client` tests the client's address by its network: client = [\"!10.0.0.0/8\"]"
                    } else {
                        "it tests labels, once for each combination of their values, not once for each line; \
                         [label.NAME] makes a label of a field"
                    }),
            );
        }
    }
    let labels = Label::ALL.into_iter();
    for label in labels.chain(own.iter().cloned().map(Label::Own)) {
        let Some(globs) = section.strings(label.name(), report) else {
            continue;
        };
        if globs.value.is_empty() {
            report.push(Fault::error("an empty list matches no line").at(globs.place.clone()));
        }
        for glob in &globs.value {
            check_glob(&label, glob, report);
        }
        let texts = globs.value.iter().map(|glob| glob.value.as_str());
        match Condition::new(label, texts) {
            Ok(condition) => conditions.push(condition),
            Err(_) => report.push(Fault::error("these globs are too long").at(globs.place)),
        }
    }
    if let Some(networks) = section.strings(client::NAME, report) {
        conditions.extend(read_client(&networks, report));
    }
    conditions
}

/// Reads the condition on the address of the client.
fn read_client(networks: &Spot<Vec<Spot<String>>>, report: &mut Report) -> Option<Condition> {
    if networks.value.is_empty() {
        report.push(networks.error("an empty list matches no line"));
        return None;
    }
    let mut is_valid = true;
    for network in &networks.value {
        if let Err(help) = Network::parse(network.value.trim_start_matches('!')) {
            is_valid = false;
            let message = format!("`{}` is not a network", network.value);
            report.push(network.error(message).help(help));
        }
    }
    let texts: Vec<&str> = networks.value.iter().map(|it| it.value.as_str()).collect();
    let condition = is_valid.then(|| client::condition(&texts))?;
    condition
        .map_err(|_| report.push(networks.error("too many networks for one condition")))
        .ok()
}

/// Reports a glob that matches none of a label's values, for labels whose values are known.
fn check_glob(label: &Label, glob: &Spot<String>, report: &mut Report) {
    let mut values: Vec<String> = match label {
        Label::Method => Method::ALL.map(|method| method.name().to_owned()).into(),
        Label::HttpRequestMethod => {
            let known = Method::ALL.into_iter();
            let known = known.filter(|method| *method != Method::Other);
            known.map(|method| method.name().to_owned()).collect()
        }
        Label::Status | Label::HttpResponseStatusCode => {
            (100..=599).map(|status| status.to_string()).collect()
        }
        Label::ErrorType => (500..=599).map(|status: u16| status.to_string()).collect(),
        Label::NetworkProtocolVersion => HttpVersion::ALL
            .iter()
            .filter_map(|version| version.name().map(str::to_owned))
            .collect(),
        Label::Scheme | Label::Transport | Label::UrlScheme => Scheme::ALL
            .iter()
            .filter_map(|scheme| scheme.name().map(str::to_owned))
            .collect(),
        Label::Charset => Charset::NAMES.map(str::to_owned).into(),
        Label::Upstream => vec!["no".to_owned(), "yes".to_owned()],
        Label::Own(own) => match own.vocabulary() {
            Some(vocabulary) => vocabulary
                .values()
                .iter()
                .map(ToString::to_string)
                .collect(),
            None => return,
        },
        Label::Host | Label::HttpRoute | Label::Route | Label::Source | Label::View => return,
    };
    values.push(label.other().to_owned());
    let condition = Condition::new(label.clone(), [glob.value.trim_start_matches('!')]);
    if condition.is_ok_and(|condition| !values.iter().any(|value| condition.passes(value))) {
        let fault = Fault::error(format!("`{}` matches no `{}`", glob.value, label.name()))
            .at(glob.place.clone());
        report.push(if *label == Label::Status {
            fault.help("expected a number from 100 to 599, a class such as `5xx`, or `<other>`")
        } else {
            fault.suggest(&glob.value, values.iter().map(String::as_str))
        });
    }
}
