//! The values of a label that is read from a field: which texts of the field have which value.
//!
//! Invariant: a value is one of the configuration's; every text that no rule matches has the number 0.

use std::hash::Hasher as _;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use regex::bytes::{Regex, RegexBuilder};
use siphasher::sip::SipHasher13;

use super::network::{self, Network};

/// The texts of a field and their values.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// The values, each once, in the order in which they were written.
    values: Vec<Arc<str>>,
    /// The rules for whole texts, each with its rank among all rules and the number of its value.
    exact: HashMap<Box<[u8]>, (usize, u16), RandomState>,
    /// The other rules, by rank.
    others: Vec<(usize, Rule, u16)>,
    /// The number of a line without a value of the field.
    absent: u16,
    /// The rules as they were written.
    texts: Vec<(String, Arc<str>)>,
}

/// A rule for more than one text.
#[derive(Clone, Debug)]
enum Rule {
    /// Texts that begin with this one.
    Prefix(Box<[u8]>),
    Expression(Regex),
    Network(Network),
}

/// The way in which the rules of a vocabulary are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Whole texts.
    Texts,
    /// Whole texts; globs with `*` and `?`; regular expressions behind `~`, or `~*` regardless of case.
    Patterns,
    /// As patterns, and networks in CIDR notation.
    Clients,
}

/// The reason why a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is neither a text nor a glob nor an expression. Contains the message.
    Malformed(String),
    /// It looks like a network and is none. Contains a remedy.
    Network(String),
    /// A rule before it matches all of its texts. Contains that rule.
    Unreachable(String),
}

impl Vocabulary {
    /// Most values of a label: as many as hosts.
    pub const MOST: usize = 1_000;
    /// Longest value, and longest rule, in bytes.
    pub const TEXT_BYTES: usize = 128;
    /// Most rules that are expressions: each is tried on a text that is not remembered.
    pub const EXPRESSIONS: usize = 100;
    /// The rule for a line without a value of the field, as servers log it.
    const ABSENT: &str = "-";
    /// Largest compiled expression, in bytes.
    const COMPILED_BYTES: usize = 1 << 18;

    /// Creates a vocabulary without rules.
    pub fn new() -> Self {
        Self {
            values: Vec::new(),
            exact: HashMap::default(),
            others: Vec::new(),
            absent: 0,
            texts: Vec::new(),
        }
    }

    /// Adds a rule behind the others: the first that matches a text decides on its value.
    pub fn add(&mut self, rule: &str, value: &str, notation: Notation) -> Result<(), Refusal> {
        let compiled = compile(rule, notation)?;
        if let Some(earlier) = self.covering(rule, compiled.as_ref()) {
            return Err(Refusal::Unreachable(earlier));
        }
        let rank = self.texts.len();
        let number = self.number(value);
        if Self::ABSENT == rule {
            self.absent = number;
        }
        match compiled {
            Some(compiled) => self.others.push((rank, compiled, number)),
            None => {
                self.exact.insert(rule.as_bytes().into(), (rank, number));
            }
        }
        let value = Arc::clone(&self.values[usize::from(number) - 1]);
        self.texts.push((rule.to_owned(), value));
        Ok(())
    }

    /// Returns the values, of which the first has the number 1.
    pub fn values(&self) -> &[Arc<str>] {
        &self.values
    }

    /// Returns the rules for whole texts.
    pub fn whole_texts(&self) -> impl Iterator<Item = &str> {
        let texts = self.texts.iter().map(|(rule, _)| rule.as_str());
        texts.filter(|rule| self.exact.contains_key(rule.as_bytes()))
    }

    /// Returns the number of the value of a text, 0 if it has none. `None` is a line without the field.
    #[inline]
    pub fn find(&self, text: Option<&[u8]>) -> u16 {
        let Some(text) = text else {
            return self.absent;
        };
        let whole = self.exact.get(text).copied();
        if self.others.is_empty() {
            return whole.map_or(0, |(_, number)| number);
        }
        self.find_by_rank(text, whole)
    }

    fn find_by_rank(&self, text: &[u8], whole: Option<(usize, u16)>) -> u16 {
        let (most, number) = whole.unwrap_or((usize::MAX, 0));
        // Parsed once, by the first rule that needs it.
        let mut client = None;
        let mut others = self.others.iter().take_while(|(rank, ..)| *rank < most);
        let found = others.find(|(_, rule, _)| match rule {
            Rule::Prefix(prefix) => text.starts_with(prefix),
            Rule::Expression(expression) => expression.is_match(text),
            Rule::Network(network) => client
                .get_or_insert_with(|| network::address(text))
                .is_some_and(|address| network.contains(address)),
        });
        found.map_or(number, |(_, _, number)| *number)
    }

    /// Returns the value of a number; `None` for 0.
    pub fn value(&self, number: u16) -> Option<&Arc<str>> {
        self.values.get(usize::from(number).checked_sub(1)?)
    }

    /// Returns the number of a value, which is added if it is new.
    fn number(&mut self, value: &str) -> u16 {
        let known = self.values.iter().position(|known| **known == *value);
        let at = known.unwrap_or_else(|| {
            self.values.push(value.into());
            self.values.len() - 1
        });
        u16::try_from(at + 1).unwrap_or(u16::MAX)
    }

    /// Returns an earlier rule that matches every text of a new one, if that is plain to see.
    fn covering(&self, rule: &str, compiled: Option<&Rule>) -> Option<String> {
        if self.exact.contains_key(rule.as_bytes()) {
            return Some(rule.to_owned());
        }
        // A line without the field has no text that a rule could match.
        if Self::ABSENT == rule {
            return None;
        }
        // The bytes that every text of the rule begins with.
        let start = match compiled {
            None => Some(rule),
            Some(Rule::Prefix(_)) => rule.strip_suffix('*'),
            Some(Rule::Expression(_)) if !rule.starts_with('~') => rule.split(['*', '?']).next(),
            Some(Rule::Expression(_) | Rule::Network(_)) => None,
        };
        let is_covered = |(rank, earlier, _): &&(usize, Rule, u16)| {
            let is_same = self.texts.get(*rank).is_some_and(|(text, _)| text == rule);
            is_same
                || match (earlier, compiled) {
                    (Rule::Prefix(prefix), _) => {
                        prefix.is_empty()
                            || start.is_some_and(|start| start.as_bytes().starts_with(prefix))
                    }
                    (Rule::Expression(expression), None) => expression.is_match(rule.as_bytes()),
                    (Rule::Network(network), None) => network::address(rule.as_bytes())
                        .is_some_and(|client| network.contains(client)),
                    (Rule::Network(network), Some(Rule::Network(later))) => network.covers(*later),
                    _ => false,
                }
        };
        let (rank, ..) = self.others.iter().find(is_covered)?;
        self.texts.get(*rank).map(|(earlier, _)| earlier.clone())
    }

    /// Returns a number for what the vocabulary means, the same in every process.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        for (rule, value) in &self.texts {
            for text in [rule.as_str(), &**value] {
                hasher.write(text.as_bytes());
                hasher.write_u8(0xFF);
            }
        }
        hasher.finish()
    }

    /// Returns the number of rules that are regular expressions, or globs of their kind.
    pub fn expressions(&self) -> usize {
        let others = self.others.iter();
        others
            .filter(|(_, rule, _)| matches!(rule, Rule::Expression(_)))
            .count()
    }
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Vocabulary {}

/// Compiles a rule; `None` if it is a whole text.
fn compile(rule: &str, notation: Notation) -> Result<Option<Rule>, Refusal> {
    if notation == Notation::Texts {
        return Ok(None);
    }
    if let Some(source) = rule.strip_prefix('~') {
        let (source, ignores_case) = match source.strip_prefix('*') {
            Some(source) => (source, true),
            None => (source, false),
        };
        return expression(source, ignores_case).map(Some);
    }
    if notation == Notation::Clients && may_be_network(rule) {
        let network = Network::parse(rule).map_err(Refusal::Network)?;
        return Ok(Some(Rule::Network(network)));
    }
    if is_plain(rule) {
        return Ok(None);
    }
    match rule.strip_suffix('*') {
        Some(start) if is_plain(start) => Ok(Some(Rule::Prefix(start.as_bytes().into()))),
        _ => {
            let escaped = regex::escape(rule);
            let source = escaped.replace(r"\*", ".*").replace(r"\?", ".");
            expression(&format!("^{source}$"), false).map(Some)
        }
    }
}

fn expression(source: &str, ignores_case: bool) -> Result<Rule, Refusal> {
    RegexBuilder::new(source)
        .unicode(false)
        .dot_matches_new_line(true)
        .case_insensitive(ignores_case)
        .size_limit(Vocabulary::COMPILED_BYTES)
        .build()
        .map(Rule::Expression)
        .map_err(|error| {
            let text = error.to_string();
            let message = text.lines().last().unwrap_or_default();
            let message = message.strip_prefix("error: ").unwrap_or(message);
            Refusal::Malformed(message.to_owned())
        })
}

/// Returns whether a rule has no wildcard.
fn is_plain(rule: &str) -> bool {
    !rule.contains(['*', '?'])
}

/// Returns whether a rule is meant as an address or a network.
fn may_be_network(rule: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || b".:/".contains(&byte);
    rule.contains(['.', ':']) && rule.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vocabulary(rules: &[(&str, &str)], notation: Notation) -> Vocabulary {
        let mut vocabulary = Vocabulary::new();
        for (rule, value) in rules {
            vocabulary.add(rule, value, notation).unwrap();
        }
        vocabulary
    }

    fn check(vocabulary: &Vocabulary, text: Option<&str>, expected: Option<&str>) {
        let number = vocabulary.find(text.map(str::as_bytes));
        let found = vocabulary.value(number).map(|value| &**value);
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn listed_texts_are_their_own_values() {
        let cache = vocabulary(
            &[("HIT", "HIT"), ("MISS", "MISS"), ("a*", "a*")],
            Notation::Texts,
        );
        check(&cache, Some("HIT"), Some("HIT"));
        check(&cache, Some("MISS"), Some("MISS"));
        check(&cache, Some("a*"), Some("a*"));
        for other in [Some("hit"), Some("HITS"), Some(""), Some("ab"), None] {
            check(&cache, other, None);
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = [
            ("HTTP/1.0", "old"),
            ("HTTP/1.*", "1"),
            ("HTTP/2*", "2"),
            ("~^HTTP/[0-9]", "later"),
            ("~*bot|crawler", "bot"),
            ("?x", "two"),
            ("-", "none"),
        ];
        let protocols = vocabulary(&rules, Notation::Patterns);
        check(&protocols, Some("HTTP/1.0"), Some("old"));
        check(&protocols, Some("HTTP/1.1"), Some("1"));
        check(&protocols, Some("HTTP/2.0"), Some("2"));
        check(&protocols, Some("HTTP/3.0"), Some("later"));
        check(&protocols, Some("GoogleBot/2"), Some("bot"));
        check(&protocols, Some("\nx"), Some("two"));
        check(&protocols, Some("xx."), None);
        check(&protocols, None, Some("none"));
    }

    #[test]
    fn clients_are_found_by_their_networks() {
        let rules = [
            ("10.1.0.0/16", "lab"),
            ("10.0.0.0/8", "office"),
            ("::1", "local"),
        ];
        let clients = vocabulary(&rules, Notation::Clients);
        check(&clients, Some("10.1.2.3"), Some("lab"));
        check(&clients, Some("10.2.2.3"), Some("office"));
        check(&clients, Some("::1"), Some("local"));
        check(&clients, Some("192.0.2.1"), None);
        check(&clients, Some("unix:"), None);
        check(&clients, None, None);
    }

    #[test]
    fn rules_that_no_text_reaches_are_refused() {
        let mut map = vocabulary(&[("/api/*", "api"), ("~^/old", "old")], Notation::Patterns);
        let mut refused = |rule: &str| map.add(rule, "x", Notation::Patterns);
        let unreachable = |earlier: &str| Err(Refusal::Unreachable(earlier.to_owned()));
        assert_eq!(refused("/api/a"), unreachable("/api/*"));
        assert_eq!(refused("/api/v2/*"), unreachable("/api/*"));
        assert_eq!(refused("/older"), unreachable("~^/old"));
        assert_eq!(refused("~^/old"), unreachable("~^/old"));
        assert_eq!(refused("/api/?"), unreachable("/api/*"));
        assert!(refused("/ap*").is_ok());
        assert!(refused("*").is_ok() && refused("-").is_ok());
        for late in ["~^x", "a?", "z*", "z"] {
            assert_eq!(refused(late), unreachable("*"), "{late}");
        }
        let nets = [("10.0.0.0/8", "a"), ("::1", "b")];
        let mut nets = vocabulary(&nets, Notation::Clients);
        for late in [
            "10.1.0.0/16",
            "10.0.0.0/8",
            "10.1.2.3",
            "::ffff:10.0.0.0/104",
        ] {
            let refused = nets.add(late, "x", Notation::Clients);
            assert_eq!(
                refused,
                Err(Refusal::Unreachable("10.0.0.0/8".to_owned())),
                "{late}"
            );
        }
        assert!(nets.add("8.0.0.0/6", "x", Notation::Clients).is_ok());
        assert!(matches!(refused("~("), Err(Refusal::Malformed(_))));
        let mut clients = Vocabulary::new();
        let bad = clients.add("10.0.0.1/8", "x", Notation::Clients);
        assert_eq!(
            bad,
            Err(Refusal::Network("the network is `10.0.0.0/8`".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn a_vocabulary_is_its_rules_in_their_order(
            rules in proptest::collection::vec((r"[ab*?]{0,4}", "[xyz]"), 0..6),
            text in "[ab]{0,5}",
        ) {
            let mut vocabulary = Vocabulary::new();
            let mut kept = Vec::new();
            for (rule, value) in &rules {
                if vocabulary.add(rule, value, Notation::Patterns).is_ok() {
                    kept.push((rule, value));
                }
            }
            let matches = |rule: &str| {
                let source = rule.replace('*', ".*").replace('?', ".");
                Regex::new(&format!("(?s)^{source}$")).unwrap().is_match(text.as_bytes())
            };
            let first = |rules: &[(&String, &String)]| {
                rules.iter().find(|(rule, _)| matches(rule)).map(|(_, value)| (*value).clone())
            };
            let found = vocabulary.value(vocabulary.find(Some(text.as_bytes())));
            prop_assert_eq!(found.map(ToString::to_string), first(&kept));
            // A rule that was refused would not have mattered.
            let all: Vec<_> = rules.iter().map(|(rule, value)| (rule, value)).collect();
            prop_assert_eq!(first(&kept), first(&all));
        }
    }
}
