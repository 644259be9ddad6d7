//! Selection of families by `name[]` in the query of `/metrics`.

use std::collections::BTreeSet;

use crate::model::{Families, Family, Kind};

/// Names of families or of their samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Returns the names in a query; `None` if it has none.
    pub(super) fn in_query(query: &str) -> Option<Self> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let values = pairs.filter(|(key, _)| key == "name[]");
        let names: BTreeSet<String> = values.map(|(_, value)| value.into_owned()).collect();
        (!names.is_empty()).then_some(Self(names))
    }

    /// Returns the named families.
    pub(super) fn select(&self, families: &Families) -> Families {
        families.filtered(|family| self.contains(family))
    }

    /// Returns whether a name is that of the family, or of one of its samples in any format.
    fn contains(&self, family: &Family) -> bool {
        let base = match family.kind {
            Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
            Kind::Gauge | Kind::Histogram => &family.name,
        };
        let suffixes: &[&str] = match family.kind {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge => &[""],
            Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        };
        let is_of_family = |name: &String| {
            let suffix = name.strip_prefix(base);
            suffix.is_some_and(|suffix| suffixes.contains(&suffix))
        };
        self.0.contains(&*family.name) || self.0.iter().any(is_of_family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Families {
        let kinds = [
            ("a_total", Kind::Counter),
            ("b", Kind::Gauge),
            ("b_seconds", Kind::Histogram),
            ("c", Kind::Counter),
        ];
        Families::new(kinds.map(|(name, kind)| Family::from_counts(name, "h", kind, [])))
    }

    fn selected(query: &str) -> Vec<String> {
        let names = Names::in_query(query).unwrap();
        let families = names.select(&families());
        families
            .iter()
            .map(|family| family.name.to_string())
            .collect()
    }

    #[test]
    fn families_are_found_by_their_names_and_those_of_their_samples() {
        for name in ["a", "a_total", "a_created"] {
            assert_eq!(selected(&format!("name[]={name}")), ["a_total"]);
        }
        for name in ["b_seconds", "b_seconds_bucket", "b_seconds_sum"] {
            assert_eq!(selected(&format!("name[]={name}")), ["b_seconds"]);
        }
        assert_eq!(selected("name[]=b&x=1&name%5B%5D=c"), ["b", "c"]);
        assert_eq!(selected("name[]=b_total"), [""; 0]);
        assert_eq!(selected("name[]="), [""; 0]);
        assert_eq!(selected("name[]=%ff%00"), [""; 0]);
    }

    #[test]
    fn a_query_without_names_selects_nothing() {
        for query in ["", "name=a", "name[", "collect[]=a", "&&="] {
            assert_eq!(Names::in_query(query), None, "{query}");
        }
    }
}
