//! The condition on the address of a client, which is never a label.
//!
//! Invariant: an address is compared with networks and dropped; a row only has whether the condition is met.

use std::sync::Arc;

use super::condition::Condition;
use super::name::Label;
use super::own::{Origin, OwnLabel};
use super::vocabulary::{Notation, Vocabulary};
use crate::model::Field;

/// The name by which `when` tests the address of the client.
pub const NAME: &str = "client";
/// The value of a client in a network that is left out; never shown.
const LEFT_OUT: &str = "no";

/// Returns the condition that the address of a client is in one of these networks, or, behind `!`, in none of them. An
/// address that is unknown is in no network. Networks that [`Network::parse`](super::Network::parse) refuses are left out. Fails if they are too
/// long together.
pub fn condition(networks: &[&str]) -> Result<Condition, globset::Error> {
    let all = networks.join(",");
    let mut vocabulary = Vocabulary::new();
    // A network that another one contains changes nothing.
    let mut add = |rule: &str, value: &str| {
        let _ = vocabulary.add(rule, value, Notation::Clients);
    };
    let mut is_any = true;
    for network in networks {
        if let Some(network) = network.strip_prefix('!') {
            add(network, LEFT_OUT);
        }
    }
    for network in networks.iter().filter(|network| !network.starts_with('!')) {
        is_any = false;
        add(network, &all);
    }
    if is_any {
        // Every other client, and lines without an address.
        add("-", &all);
        add("*", &all);
    }
    let label = Label::Own(Arc::new(OwnLabel {
        name: NAME.into(),
        origin: Origin::Read {
            field: Field::RemoteAddr.name().into(),
            vocabulary,
        },
    }));
    Condition::exactly(label, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(networks: &[&str], address: Option<&str>) -> bool {
        let condition = condition(networks).unwrap();
        let vocabulary = condition.label.own().unwrap().vocabulary().unwrap();
        let number = vocabulary.find(address.map(str::as_bytes));
        let value = vocabulary.value(number).map_or("<other>", |value| value);
        condition.passes(value)
    }

    #[test]
    fn clients_are_left_out_by_their_networks() {
        let check = |address: Option<&str>, expected| {
            assert_eq!(
                passes(&["!10.0.0.0/8", "!::1"], address),
                expected,
                "{address:?}"
            );
        };
        check(Some("10.1.2.3"), false);
        check(Some("::1"), false);
        check(Some("192.0.2.1"), true);
        check(Some("unix:"), true);
        check(None, true);
    }

    #[test]
    fn clients_are_taken_from_networks() {
        let check = |address: Option<&str>, expected| {
            let networks = ["10.0.0.0/8", "!10.1.0.0/16"];
            assert_eq!(passes(&networks, address), expected, "{address:?}");
        };
        check(Some("10.2.2.3"), true);
        check(Some("10.1.2.3"), false);
        check(Some("192.0.2.1"), false);
        check(Some("unix:"), false);
        check(None, false);
    }

    #[test]
    fn conditions_on_other_networks_are_described_differently() {
        let text = |networks: &[&str]| condition(networks).unwrap().to_string();
        assert_eq!(text(&["!10.0.0.0/8"]), "client=!10.0.0.0/8");
        assert_ne!(text(&["!10.0.0.0/8"]), text(&["!10.0.0.0/9"]));
    }
}
