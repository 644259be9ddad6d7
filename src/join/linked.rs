//! The sources of a link.
//!
//! Invariant: no source is in two links; two sources of which one is behind the other are in one.

/// The sources of one link: a connected group of fronts and the sources behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked<'s> {
    /// Names of the fronts, sorted.
    pub fronts: Vec<&'s str>,
    /// Names of the sources behind them, in the sequence in which they were given.
    pub backs: Vec<&'s str>,
}

impl<'s> Linked<'s> {
    /// Groups pairs of a front and a source behind it. A source that is both counts as a front.
    pub fn group(pairs: impl IntoIterator<Item = (&'s str, &'s str)>) -> Vec<Self> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let mut groups: Vec<Self> = Vec::new();
        for &(front, back) in &pairs {
            let has = |group: &Self| group.contains(front) || group.contains(back);
            let (connected, mut others): (Vec<Self>, _) = groups.into_iter().partition(has);
            let mut group = Self {
                fronts: vec![front],
                backs: vec![back],
            };
            for other in connected {
                group.fronts.extend(other.fronts);
                group.backs.extend(other.backs);
            }
            others.push(group);
            groups = others;
        }
        let place = |back: &str| pairs.iter().position(|pair| pair.1 == back);
        for group in &mut groups {
            group.fronts.sort_unstable();
            group.fronts.dedup();
            group.backs.sort_by_key(|back| place(back));
            group.backs.dedup();
            group.backs.retain(|back| !group.fronts.contains(back));
        }
        groups.retain(|group| !group.backs.is_empty());
        groups.sort_by(|one, other| one.fronts.cmp(&other.fronts));
        groups
    }

    fn contains(&self, source: &str) -> bool {
        self.fronts.contains(&source) || self.backs.contains(&source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pairs: &[(&str, &str)], expected: &[(&[&str], &[&str])]) {
        let found = Linked::group(pairs.iter().copied());
        let found: Vec<(&[&str], &[&str])> =
            (found.iter().map(|group| (&*group.fronts, &*group.backs))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sources_that_are_connected_are_one_link() {
        check(&[], &[]);
        check(
            &[("nginx", "shop"), ("nginx", "admin"), ("edge", "blog")],
            &[(&["edge"], &["blog"]), (&["nginx"], &["shop", "admin"])],
        );
        check(&[("b", "shop"), ("a", "shop")], &[(&["a", "b"], &["shop"])]);
        // The third one connects the others.
        check(
            &[("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("b", "4")],
            &[(&["a", "b"], &["1", "2", "4"]), (&["c"], &["3"])],
        );
        check(&[("a", "b"), ("b", "c")], &[(&["a", "b"], &["c"])]);
        check(&[("a", "a")], &[]);
    }

    proptest! {
        #[test]
        fn each_pair_is_in_one_link_and_each_source_in_at_most_one(
            pairs in proptest::collection::vec((0..6_usize, 0..6_usize), 0..12),
        ) {
            const FRONTS: [&str; 6] = ["f0", "f1", "f2", "f3", "f4", "f5"];
            const BACKS: [&str; 6] = ["b0", "b1", "b2", "b3", "b4", "b5"];
            let pairs: Vec<_> = pairs.iter().map(|pair| (FRONTS[pair.0], BACKS[pair.1])).collect();
            let groups = Linked::group(pairs.iter().copied());
            for (front, back) in &pairs {
                let of = |name: &str| {
                    let own = groups.iter().enumerate().filter(|(_, group)| group.contains(name));
                    own.map(|(at, _)| at).collect::<Vec<_>>()
                };
                prop_assert_eq!(of(front).len(), 1);
                prop_assert_eq!(of(front), of(back));
            }
            // Of so many connected sources there are at least so many pairs, less one.
            for group in &groups {
                let own = pairs.iter().filter(|pair| group.contains(pair.0));
                let own: std::collections::BTreeSet<_> = own.collect();
                prop_assert!(own.len() + 1 >= group.fronts.len() + group.backs.len());
            }
        }
    }
}
