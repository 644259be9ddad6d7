//! Hosts that the configuration lists.
//!
//! Invariant: every host outside the list has one number, so the `Host` that a client sends never becomes a label.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of a host in [`Hosts`], or [`HostId::OTHER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostId(u16);

/// A shared list of hosts, each with a distinct label value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Arc<List>);

#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    /// Lower-cased names, in the order of the list.
    names: Vec<Arc<str>>,
    /// The number of each name; `*.example.org` has the key `.example.org`.
    numbers: BTreeMap<Box<[u8]>, HostId>,
    has_wildcards: bool,
}

impl HostId {
    /// A host outside the list, or none.
    pub const OTHER: Self = Self(0);

    /// Returns the number, at most [`Hosts::MOST`].
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Creates the id of a number that [`HostId::number`] returned.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }
}

impl Hosts {
    /// Most hosts in a list: a number has ten bits.
    pub const MOST: usize = 1_000;
    /// Longest name in bytes.
    pub const NAME_BYTES: usize = 128;

    /// Creates a list of names from [`Hosts::normal`]. Names beyond [`Hosts::MOST`] are ignored.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut list = List::default();
        for (name, number) in names.into_iter().take(Self::MOST).zip(1..) {
            let key = name.strip_prefix('*').unwrap_or(&name);
            list.has_wildcards |= key.len() < name.len();
            let entry = list.numbers.entry(key.as_bytes().into());
            entry.or_insert(HostId(number));
            list.names.push(name.into());
        }
        Self(Arc::new(list))
    }

    /// Returns a name as it is compared and shown, in lower case. A leading `*.` stands for one or more labels, as
    /// in nginx's `server_name`. The error is a help text.
    pub fn normal(name: &str) -> Result<String, &'static str> {
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let is_address = bare.starts_with('[') && bare.ends_with(']');
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !name.is_ascii() {
            Err("write it in ASCII, as clients send it (`xn--…`)")
        } else if bare.is_empty() || name.len() > Self::NAME_BYTES {
            Err("host names have 1 to 128 bytes")
        } else if is_address
            && name
                .bytes()
                .all(|byte| b"[]:.".contains(&byte) || byte.is_ascii_hexdigit())
        {
            Ok(name.to_ascii_lowercase())
        } else if !bare.bytes().all(is_good) || bare.starts_with('.') || bare.ends_with('.') {
            Err("write the host name alone, without scheme, port and path; `*.` may precede it")
        } else {
            Ok(name.to_ascii_lowercase())
        }
    }

    /// Returns the names in the order of the list.
    pub fn names(&self) -> &[Arc<str>] {
        &self.0.names
    }

    /// Finds the host of a request, regardless of its port, its case and a trailing dot.
    pub fn find(&self, host: Option<&[u8]>) -> HostId {
        let Some(host) = host.filter(|_| !self.0.names.is_empty()) else {
            return HostId::OTHER;
        };
        let end = match host.first() {
            Some(b'[') => memchr::memchr(b']', host).map(|at| at + 1),
            _ => memchr::memchr(b':', host),
        };
        let host = &host[..end.unwrap_or(host.len())];
        let host = host.strip_suffix(b".").unwrap_or(host);
        let mut lower = [0; 256];
        let Some(lower) = lower.get_mut(..host.len()) else {
            return HostId::OTHER;
        };
        lower.copy_from_slice(host);
        lower.make_ascii_lowercase();
        if let Some(known) = self
            .0
            .numbers
            .get(&*lower)
            .filter(|_| host.first() != Some(&b'.'))
        {
            return *known;
        }
        if !self.0.has_wildcards {
            return HostId::OTHER;
        }
        // The wildcard with the longest suffix.
        let dots = memchr::memchr_iter(b'.', lower).filter(|at| *at > 0);
        let mut ends = dots.filter_map(|at| self.0.numbers.get(lower.get(at..)?));
        ends.next().copied().unwrap_or(HostId::OTHER)
    }

    /// Returns the label's value; `None` for [`HostId::OTHER`].
    pub fn name(&self, host: HostId) -> Option<&Arc<str>> {
        self.0.names.get(usize::from(host.0).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Hosts {
        Hosts::new(names.iter().map(|name| Hosts::normal(name).unwrap()))
    }

    #[test]
    fn a_host_is_found_without_its_port_and_case() {
        let hosts = hosts(&["Shop.example", "*.example.org", "www.example.org", "[::1]"]);
        let check = |host: &str, expected: Option<&str>| {
            let found = hosts.find(Some(host.as_bytes()));
            assert_eq!(hosts.name(found).map(|name| &**name), expected, "{host}");
        };
        check("shop.example", Some("shop.example"));
        check("SHOP.example.:8443", Some("shop.example"));
        check("www.example.org", Some("www.example.org"));
        check("a.b.example.org:80", Some("*.example.org"));
        check("a.www.example.org", Some("*.example.org"));
        check("example.org", None);
        check(".example.org", None);
        check("*.example.org", Some("*.example.org"));
        check("[::1]:8000", Some("[::1]"));
        check("[::2]", None);
        check("xshop.example", None);
        check("", None);
        check(":80", None);
        check("-", None);
        check(&format!("{}.example.org", "a".repeat(300)), None);
        assert_eq!(hosts.find(None), HostId::OTHER);
        assert_eq!(Hosts::default().find(Some(b"shop.example")), HostId::OTHER);
    }

    #[test]
    fn only_host_names_are_accepted() {
        for good in ["localhost", "a_b.c-d", "10.0.0.1", "*.x", "[2001:db8::1]"] {
            assert_eq!(Hosts::normal(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "*.",
            "a:80",
            "https://a",
            "a/b",
            "a*.b",
            "*",
            ".a",
            "a.",
            "é.test",
            "[x]",
            "a b",
        ] {
            assert!(Hosts::normal(bad).is_err(), "{bad}");
        }
        assert!(Hosts::normal(&"a".repeat(129)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_host_is_listed_or_other(host: Vec<u8>, listed in "[a-z.*]{1,9}") {
            let hosts = Hosts::new(Hosts::normal(&listed));
            let found = hosts.find(Some(&host));
            proptest::prop_assert!(usize::from(found.number()) <= hosts.names().len());
            let name = hosts.names().first();
            if let Some(exact) = name.filter(|name| !name.starts_with('*')) {
                let with_port = [exact.as_bytes(), b":1"].concat();
                proptest::prop_assert_eq!(hosts.find(Some(&with_port)).number(), 1);
                proptest::prop_assert_eq!(hosts.find(Some(&host)).number() == 1, {
                    let text = String::from_utf8_lossy(&host).to_ascii_lowercase();
                    let bare = text.split(':').next().unwrap_or_default();
                    bare.strip_suffix('.').unwrap_or(bare) == &**exact
                });
            }
        }
    }
}
