//! One source's counts.
//!
//! Invariant: a row, once found, leads straight to the series of every family it feeds.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::history::History;
use super::table::{LabelValues, Table};
use super::{Definition, Kind, Ledger, Values};
use crate::model::{
    self, Course, Family, GenerationId, Number, Position, SCHEMA, Saved, Series, Track, Unit, Value,
};

/// How many rows are found without a hash table: as many as a byte tells apart.
const RECENT: usize = 256;

/// The small integers that all labels of a line come from, packed by whoever knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);

/// Whoever packed the keys: knows their labels, and how many series there may be. Families are told
/// by their place among the definitions, those of rejected lines apart.
pub trait Names {
    /// Whether a family counts the lines of a key.
    fn feeds(&self, key: Key, family: usize) -> bool;
    /// The label values of the series that it counts them in.
    fn labels(&self, key: Key, family: usize) -> LabelValues;
    /// The label values of the series that takes what is over the cap.
    fn overflow(&self, family: usize) -> LabelValues;
    /// Whether so many more series may be made.
    fn admit(&self, series: usize) -> bool;
}

/// Most keys over the cap that are remembered; they take up to 2 MiB.
const REFUSED: usize = 1 << 16;

/// Counts, ledger and positions of one source.
#[derive(Debug)]
pub struct Shard {
    source: Arc<str>,
    tables: Vec<Table>,
    /// Families of rejected lines.
    rejected: Vec<Definition>,
    rows: HashTable<(Key, u32)>,
    /// Rows found lately, at a place told by their key.
    recent: Box<[(Key, u32); RECENT]>,
    hasher: RandomState,
    /// For each row, the slot in each table.
    slots: Vec<usize>,
    /// The rows for what is over the cap, by the families they feed; none until the cap is met.
    overflow: Vec<(Box<[bool]>, u32)>,
    /// Keys over the cap that were met lately, and where they are counted: working that out anew for each line
    /// would cost far more than counting it.
    refused: HashTable<(Key, u32)>,
    /// Whether there may be series to which no row leads: those that no line asked for, and those taken over.
    has_idle_series: bool,
    ledger: Ledger,
    positions: Vec<Position>,
    /// When it counted, if that is wanted.
    history: Option<Box<History>>,
}

impl Shard {
    /// An empty shard. `definitions` in any order; the ledger starts with every reason at 0.
    pub fn new(source: &str, definitions: Vec<Definition>, ledger: Ledger) -> Self {
        let (rejected, counted): (Vec<_>, Vec<_>) = definitions
            .into_iter()
            .partition(|definition| definition.kind == Kind::Rejected);
        Self {
            source: source.into(),
            tables: counted.into_iter().map(Table::new).collect(),
            rejected,
            rows: HashTable::new(),
            recent: Box::new([(Key(u64::MAX), u32::MAX); RECENT]),
            hasher: RandomState::default(),
            slots: Vec::new(),
            overflow: Vec::new(),
            refused: HashTable::new(),
            has_idle_series: false,
            ledger,
            positions: Vec::new(),
            history: None,
        }
    }

    /// The same, empty, which also remembers in which step each line was counted.
    #[must_use]
    pub fn by_time(self) -> Self {
        Self {
            history: Some(Box::new(History::new(self.tables.len()))),
            ..self
        }
    }

    /// Says in which step after 1970 the lines that follow were written; steps may come in any order.
    #[inline]
    pub fn begin_step(&mut self, step: u32) {
        if self
            .history
            .as_ref()
            .is_some_and(|history| history.is_over(step))
        {
            self.note();
            if let Some(history) = &mut self.history {
                history.begin(step);
            }
        }
    }

    /// Takes down what was counted in the present step.
    fn note(&mut self) {
        if let Some(history) = &mut self.history {
            history.note(&self.tables, &self.slots, self.ledger.rejected_lines());
        }
    }

    /// Counts one request.
    #[inline]
    pub fn apply(&mut self, key: Key, values: &Values, names: &impl Names) {
        self.ledger.recorded += 1;
        // Multiplied by 2^64 over the golden ratio, keys that differ a little spread.
        let [.., high] = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        let place = usize::from(high);
        let row = match self.recent[place] {
            (known, row) if known == key && row != u32::MAX => row,
            _ => {
                let row = self.find(key, names);
                // Lines over the cap are counted where they are looked for.
                if !self.is_overflow(row) {
                    self.recent[place] = (key, row);
                }
                row
            }
        };
        if let Some(history) = &mut self.history {
            history.touch(row);
        }
        let width = self.tables.len();
        let slots = &self.slots[row as usize * width..][..width];
        for (table, slot) in self.tables.iter_mut().zip(slots) {
            table.count(*slot, values);
        }
    }

    /// Gives a family those of these series that it lacks, at 0, if `admit` lets so many be made; all of
    /// them or none. The family is told by its place among the definitions, those of rejected lines apart.
    pub fn initialise(
        &mut self,
        family: usize,
        label_sets: Vec<LabelValues>,
        admit: impl FnOnce(usize) -> bool,
    ) -> bool {
        let Some(table) = self.tables.get_mut(family) else {
            return false;
        };
        let mut fresh = label_sets;
        fresh.retain(|labels| !table.contains(labels));
        if !admit(fresh.len()) {
            return false;
        }
        self.has_idle_series |= !fresh.is_empty();
        self.refused.clear();
        for labels in fresh {
            table.slot(labels);
        }
        true
    }

    /// Accounts for a line that could not be counted.
    pub fn reject(&mut self, reason: &'static str) {
        *self.ledger.rejected.entry(reason).or_default() += 1;
    }

    /// Accounts for a line left out on purpose.
    pub fn skip(&mut self, rule: &'static str) {
        *self.ledger.skipped.entry(rule).or_default() += 1;
    }

    /// Accounts for the bytes of a batch and takes note of where it ended.
    pub fn advance(&mut self, bytes: u64, end: Position) {
        self.ledger.bytes += bytes;
        match self
            .positions
            .iter_mut()
            .find(|position| position.generation == end.generation)
        {
            Some(position) => *position = end,
            None => self.positions.push(end),
        }
    }

    /// Forgets the position of a generation that is finished.
    pub fn forget(&mut self, generation: GenerationId) {
        self.positions
            .retain(|position| position.generation != generation);
    }

    /// How many series it holds.
    pub fn series(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    /// The account of lines.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The families of the product.
    pub fn snapshot(&self) -> Vec<Family> {
        let rejected = self
            .rejected
            .iter()
            .map(|definition| self.rejects(definition));
        let counted = self.tables.iter().map(Table::family);
        counted.chain(rejected).collect()
    }

    /// The families of the product over time, which are forgotten; empty unless it counted by time.
    pub fn take_timeline(&mut self) -> Vec<Course> {
        self.note();
        let Some(mut history) = self.history.take() else {
            return Vec::new();
        };
        let tables = self.tables.iter().enumerate();
        let mut courses: Vec<Course> = tables
            .map(|(at, table)| table.course(history.of_table(at)))
            .collect();
        let changes = history.of_rejected();
        courses.extend(self.rejected.iter().map(|definition| {
            let family = self.rejects(definition);
            let zero = Value::Number(Number::Exact(0, Unit::One));
            let tracks = family.series.into_iter().map(|series| Track {
                labels: series.labels,
                zero: zero.clone(),
                changes: changes.clone(),
            });
            Course {
                name: family.name,
                help: family.help,
                kind: family.kind,
                tracks: tracks.collect(),
            }
        }));
        courses
    }

    /// The rejected lines as a family of the product.
    fn rejects(&self, definition: &Definition) -> Family {
        let labels = definition.labels.iter();
        Family {
            name: Arc::clone(&definition.name),
            help: Arc::clone(&definition.help),
            kind: model::Kind::Counter,
            series: vec![Series {
                labels: labels
                    .map(|label| (Arc::clone(label), Arc::clone(&self.source)))
                    .collect(),
                value: Value::Number(Number::Exact(self.ledger.rejected_lines(), Unit::One)),
            }],
        }
    }

    /// The families about the source itself.
    pub fn account(&self) -> Vec<Family> {
        self.ledger.families(&self.source, self.series() as u64)
    }

    /// Counts and positions of this instant.
    pub fn save(&self) -> Saved {
        Saved {
            schema: SCHEMA,
            positions: self.positions.clone(),
            families: self.tables.iter().map(Table::save).collect(),
        }
    }

    /// Adds what another shard had counted; its ledger comes along.
    pub fn restore(&mut self, saved: &Saved, ledger: &Ledger) {
        for family in &saved.families {
            let same = self
                .tables
                .iter_mut()
                .find(|table| *table.definition.name == *family.name);
            if let Some(table) = same {
                table.restore(family);
            }
        }
        self.has_idle_series |= self.series() > 0;
        self.refused.clear();
        self.positions.clone_from(&saved.positions);
        self.ledger.add(ledger);
    }

    /// Adds the counts and the account of another shard of the same definitions.
    pub fn merge(&mut self, other: &Self) {
        self.restore(&other.save(), &other.ledger);
    }

    /// The row of any key.
    #[inline(never)]
    fn find(&mut self, key: Key, names: &impl Names) -> u32 {
        let hash = self.hasher.hash_one(key.0);
        match self.rows.find(hash, |(known, _)| *known == key) {
            Some((_, row)) => *row,
            None => self.admit(key, hash, names),
        }
    }

    /// The row of a key seen for the first time, or an overflow row.
    #[cold]
    fn admit(&mut self, key: Key, hash: u64, names: &impl Names) -> u32 {
        let refused = self.refused.find(hash, |(known, _)| *known == key);
        if let Some((_, row)) = refused {
            self.ledger.overflow += 1;
            return *row;
        }
        let families = 0..self.tables.len();
        let feeds: Box<[bool]> = families.map(|family| names.feeds(key, family)).collect();
        // Over the cap, a row whose series are all there costs none. Where rows lead to all series, there are too
        // few of these to look for them.
        if self.overflow.is_empty() || self.has_idle_series {
            let labels = Self::label_values(&feeds, |family| names.labels(key, family));
            let fresh = self
                .tables
                .iter()
                .zip(&labels)
                .filter(|(table, labels)| labels.as_ref().is_some_and(|new| !table.contains(new)))
                .count();
            let has_room = fresh == 0 || (self.overflow.is_empty() && names.admit(fresh));
            if has_room {
                let row = self.add_row(labels);
                insert(&mut self.rows, &self.hasher, hash, (key, row));
                return row;
            }
        }
        self.ledger.overflow += 1;
        let known = self.overflow.iter().find(|(known, _)| *known == feeds);
        let row = if let Some((_, row)) = known {
            *row
        } else {
            let labels = Self::label_values(&feeds, |family| names.overflow(family));
            let row = self.add_row(labels);
            self.overflow.push((feeds, row));
            row
        };
        // From now on no line makes a series, so a key that is refused stays so.
        if self.refused.len() >= REFUSED {
            self.refused.clear();
        }
        insert(&mut self.refused, &self.hasher, hash, (key, row));
        row
    }

    fn is_overflow(&self, row: u32) -> bool {
        self.overflow.iter().any(|(_, overflow)| *overflow == row)
    }

    /// The label values of a row in each table that it feeds.
    fn label_values(
        feeds: &[bool],
        values: impl Fn(usize) -> LabelValues,
    ) -> Vec<Option<LabelValues>> {
        let families = feeds.iter().enumerate();
        families
            .map(|(family, feeds)| feeds.then(|| values(family)))
            .collect()
    }

    fn add_row(&mut self, labels: Vec<Option<LabelValues>>) -> u32 {
        let row = self.slots.len() / self.tables.len().max(1);
        for (table, labels) in self.tables.iter_mut().zip(labels) {
            let slot = labels.map_or(Table::sink(), |labels| table.slot(labels));
            self.slots.push(slot);
        }
        u32::try_from(row).unwrap_or(u32::MAX)
    }
}

fn insert(rows: &mut HashTable<(Key, u32)>, hasher: &RandomState, hash: u64, entry: (Key, u32)) {
    rows.insert_unique(hash, entry, |(key, _)| hasher.hash_one(key.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Kind, Measure};
    use crate::model::{Families, GenerationId, Timeline};
    use proptest::prelude::*;
    use std::cell::Cell;

    /// The key is route × 10 + status; `left` series may still be made.
    struct Plain {
        left: Cell<usize>,
        /// How often it was asked for labels.
        asked: Cell<usize>,
    }

    /// The labels of each family, as [`shard`] defines them, and one that counts odd routes only.
    const LABELS: [&[&str]; 4] = [&["route", "status"], &["route"], &[], &["status"]];

    impl Names for Plain {
        fn feeds(&self, key: Key, family: usize) -> bool {
            family != 3 || key.0 / 10 % 2 == 1
        }

        fn labels(&self, key: Key, family: usize) -> LabelValues {
            let value = |label: &&str| match *label {
                "route" => format!("/{}", key.0 / 10).into(),
                _ => (key.0 % 10).to_string().into(),
            };
            self.asked.set(self.asked.get() + 1);
            LABELS[family].iter().map(value).collect()
        }

        fn overflow(&self, family: usize) -> LabelValues {
            LABELS[family].iter().map(|_| "<other>".into()).collect()
        }

        fn admit(&self, series: usize) -> bool {
            let left = self.left.get().checked_sub(series);
            self.left.set(left.unwrap_or(self.left.get()));
            left.is_some()
        }
    }

    fn names(left: usize) -> Plain {
        Plain {
            left: Cell::new(left),
            asked: Cell::new(0),
        }
    }

    fn shard() -> Shard {
        let definition = |name: &str, labels: &[&str], kind| Definition {
            name: name.into(),
            help: "h".into(),
            labels: labels.iter().map(|label| (*label).into()).collect(),
            kind,
            filter: "".into(),
        };
        let definitions = vec![
            definition("requests", &["route", "status"], Kind::Lines),
            definition(
                "seconds",
                &["route"],
                Kind::Histogram(Measure::Duration, [10, 20].into()),
            ),
            definition("retries", &[], Kind::Sum(Measure::UpstreamRetries)),
        ];
        Shard::new("test", definitions, Ledger::default())
    }

    fn apply(shard: &mut Shard, lines: &[(u64, Option<u64>)], names: &Plain) {
        for (key, duration) in lines {
            let values = Values::default()
                .with(Measure::Duration, *duration)
                .with(Measure::UpstreamRetries, Some(1));
            shard.apply(Key(*key), &values, names);
        }
    }

    fn families(shard: &Shard) -> Families {
        Families::new(shard.snapshot())
    }

    #[test]
    fn a_line_feeds_each_family_once() {
        let mut shard = shard();
        apply(
            &mut shard,
            &[(12, Some(10)), (13, Some(11)), (12, None), (25, Some(99))],
            &names(100),
        );
        let families = families(&shard);
        assert_eq!(families.get("requests").unwrap().total(), 4);
        assert_eq!(families.get("requests").unwrap().series.len(), 3);
        assert_eq!(families.get("retries").unwrap().total(), 4);
        let seconds = families.get("seconds").unwrap();
        let values: Vec<_> = seconds
            .series
            .iter()
            .map(|series| (series.label("route").unwrap(), &series.value))
            .collect();
        let Value::Histogram(first) = values[0].1 else {
            panic!()
        };
        assert_eq!(
            (values[0].0, &*first.counts, first.sum),
            ("/1", &[1, 1, 0][..], 21)
        );
        let Value::Histogram(second) = values[1].1 else {
            panic!()
        };
        assert_eq!((&*second.counts, second.sum), (&[0, 0, 1][..], 99));
        assert_eq!(shard.series(), 3 + 2 + 1);
    }

    #[test]
    fn over_the_cap_no_line_is_lost() {
        let mut shard = shard();
        let lines: Vec<_> = (0..50).map(|key| (key * 10, Some(1))).collect();
        apply(&mut shard, &lines, &names(7));
        let families = families(&shard);
        let requests = families.get("requests").unwrap();
        assert_eq!(requests.total(), 50);
        assert_eq!(families.get("seconds").unwrap().total(), 50);
        // 3 series for the first line, 2 for each of the next two, and the overflow row.
        assert_eq!(requests.series.len(), 4);
        assert_eq!(shard.ledger().overflow, 47);
        apply(&mut shard, &[(490, None), (490, None)], &names(0));
        assert_eq!(shard.ledger().overflow, 49);
        let other = requests
            .series
            .iter()
            .find(|series| series.label("route") == Some("<other>"));
        assert_eq!(other.unwrap().label("status"), Some("<other>"));
    }

    #[test]
    fn a_key_over_the_cap_is_asked_about_once() {
        let mut shard = shard();
        assert!(shard.initialise(1, vec![["/7".into()].into()], |_| true));
        let names = names(0);
        let flood: Vec<_> = (0..1_000).map(|_| (12, Some(1))).collect();
        apply(&mut shard, &flood, &names);
        assert_eq!((shard.ledger().overflow, names.asked.get()), (1_000, 3));
        // When its series are there after all, its lines are counted in them.
        let series: [&[&str]; 3] = [&["/1", "2"], &["/1"], &[]];
        for (family, labels) in series.into_iter().enumerate() {
            let labels = labels.iter().map(|label| (*label).into()).collect();
            assert!(shard.initialise(family, vec![labels], |_| true));
        }
        apply(&mut shard, &flood, &names);
        assert_eq!(shard.ledger().overflow, 1_000);
        let families = families(&shard);
        let requests = families.get("requests").unwrap();
        let own = |series: &&Series| series.label("route") == Some("/1");
        let own = requests.series.iter().find(own).unwrap();
        assert_eq!(own.value, Value::Number(Number::Exact(1_000, Unit::One)));
    }

    #[test]
    fn more_keys_over_the_cap_than_are_remembered_lose_nothing() {
        let mut shard = shard();
        let keys = REFUSED as u64 + 10;
        let lines: Vec<_> = (0..keys).chain(0..keys).map(|key| (key, None)).collect();
        apply(&mut shard, &lines, &names(0));
        assert_eq!(shard.ledger().overflow, 2 * keys);
        assert_eq!(families(&shard).get("requests").unwrap().total(), 2 * keys);
        assert!(shard.refused.len() <= REFUSED);
    }

    #[test]
    fn what_is_saved_goes_on_where_it_stopped() {
        let mut first = shard();
        apply(&mut first, &[(12, Some(10)), (25, None)], &names(100));
        first.reject("mismatch");
        first.advance(
            77,
            Position {
                generation: GenerationId(3),
                offset: 77,
            },
        );
        let mut second = shard();
        second.restore(&first.save(), first.ledger());
        assert_eq!(families(&second), families(&first));
        assert_eq!(second.save(), first.save());
        apply(&mut second, &[(12, Some(30))], &names(0));
        assert_eq!(families(&second).get("requests").unwrap().total(), 3);
        assert_eq!(families(&second).get("requests").unwrap().series.len(), 2);
        assert_eq!(second.ledger().lines(), 4);
        assert_eq!(second.ledger().overflow, 0);
        second.forget(GenerationId(3));
        assert!(second.save().positions.is_empty());
    }

    #[test]
    fn what_was_counted_elsewhere_is_counted_on_over_the_cap_too() {
        let mut first = shard();
        apply(&mut first, &[(12, Some(10)), (25, None)], &names(100));
        let mut second = shard();
        second.restore(&first.save(), first.ledger());
        apply(
            &mut second,
            &[(99, None), (12, None), (25, None)],
            &names(0),
        );
        assert_eq!(second.ledger().overflow, 1);
        let families = families(&second);
        let requests = families.get("requests").unwrap().series.iter();
        let counts: Vec<_> = requests.map(|series| series.value.clone()).collect();
        let counted = |lines| Value::Number(Number::Exact(lines, Unit::One));
        assert_eq!(counts, [counted(2), counted(2), counted(1)]);
    }

    #[test]
    fn a_family_with_other_bounds_starts_anew_alone() {
        let mut first = shard();
        apply(&mut first, &[(12, Some(10))], &names(100));
        let mut saved = first.save();
        saved.families[1].definition.push_str(" else");
        let mut second = shard();
        second.restore(&saved, first.ledger());
        assert_eq!(families(&second).get("seconds").unwrap().total(), 0);
        assert_eq!(families(&second).get("requests").unwrap().total(), 1);
    }

    fn with_odd_routes() -> Shard {
        let mut definitions: Vec<Definition> = shard()
            .tables
            .into_iter()
            .map(|table| table.definition)
            .collect();
        definitions.push(Definition {
            name: "odd".into(),
            help: "h".into(),
            labels: vec!["status".into()],
            kind: Kind::Lines,
            filter: "odd routes".into(),
        });
        definitions.push(Definition {
            name: "rejects".into(),
            help: "h".into(),
            labels: vec!["source".into()],
            kind: Kind::Rejected,
            filter: "".into(),
        });
        Shard::new("test", definitions, Ledger::default())
    }

    #[test]
    fn rejected_lines_are_a_family_of_one_series() {
        let mut shard = with_odd_routes();
        shard.reject("mismatch");
        shard.reject("overlong");
        let families = families(&shard);
        let rejects = families.get("rejects").unwrap();
        assert_eq!((rejects.total(), rejects.series.len()), (2, 1));
        assert_eq!(rejects.series[0].label("source"), Some("test"));
    }

    /// Key and duration of a line of a step; none for a line that is rejected.
    type Dated = (u32, Option<(u64, Option<u64>)>);

    fn lines_by_step() -> impl Strategy<Value = Vec<Dated>> {
        let line = (0..60_u64, proptest::option::of(0..30_u64));
        proptest::collection::vec((0..5_u32, proptest::option::weighted(0.9, line)), 1..80)
    }

    /// What a timeline adds up to, of some of its steps.
    fn added_up(timeline: &Timeline, wanted: impl Fn(u32) -> bool) -> Families {
        Families::new(timeline.iter().map(|course| {
            Family {
                name: course.name.clone(),
                help: course.help.clone(),
                kind: course.kind,
                series: (course.tracks.iter())
                    .map(|track| {
                        let mut value = track.zero.clone();
                        let changes = track.changes.iter();
                        changes
                            .filter(|change| wanted(change.step))
                            .for_each(|change| value.grow(*change));
                        Series {
                            labels: track.labels.clone(),
                            value,
                        }
                    })
                    .collect(),
            }
        }))
    }

    proptest! {
        #[test]
        fn a_timeline_adds_up_to_the_counts_whatever_the_order(
            lines in lines_by_step(),
            cap in 0..40_usize,
        ) {
            let count = |wanted: &dyn Fn(u32) -> bool, by_time: bool| {
                let mut shard = if by_time { shard().by_time() } else { shard() };
                let names = names(1_000);
                for (step, line) in lines.iter().filter(|(step, _)| wanted(*step)) {
                    match line {
                        Some(line) => {
                            shard.begin_step(*step);
                            apply(&mut shard, &[*line], &names);
                        }
                        None => shard.reject("mismatch"),
                    }
                }
                shard
            };
            let mut timed = count(&|_| true, true);
            let whole = families(&count(&|_| true, false));
            prop_assert_eq!(&families(&timed), &whole);
            let timeline = Timeline::new(timed.take_timeline());
            prop_assert_eq!(&added_up(&timeline, |_| true), &whole);
            for step in 0..5 {
                let only = families(&count(&|at| at == step, false));
                let found = added_up(&timeline, |at| at == step);
                for family in whole.iter() {
                    let total = |all: &Families| all.get(&family.name).map_or(0, Family::total);
                    prop_assert_eq!(total(&found), total(&only), "{}", &family.name);
                }
            }
            // The same where series are over the cap.
            let mut capped = shard().by_time();
            let names = names(cap);
            for (step, line) in &lines {
                if let Some(line) = line {
                    capped.begin_step(*step);
                    apply(&mut capped, &[*line], &names);
                }
            }
            let expected = families(&capped);
            let timeline = Timeline::new(capped.take_timeline());
            prop_assert_eq!(added_up(&timeline, |_| true), expected);
        }
    }

    proptest! {
        #[test]
        fn a_family_with_a_filter_counts_the_lines_that_pass_it(
            keys in proptest::collection::vec(0..100_u64, 0..60),
            left in 0..40_usize,
        ) {
            let mut shard = with_odd_routes();
            let lines: Vec<_> = keys.iter().map(|key| (*key, None)).collect();
            apply(&mut shard, &lines, &names(left));
            let odd = keys.iter().filter(|key| *key / 10 % 2 == 1).count() as u64;
            prop_assert_eq!(families(&shard).get("odd").unwrap().total(), odd);
            prop_assert_eq!(families(&shard).get("requests").unwrap().total(), keys.len() as u64);
            let mut other = with_odd_routes();
            other.merge(&shard);
            prop_assert_eq!(families(&other).get("odd").unwrap().total(), odd);
        }

        #[test]
        fn order_and_splitting_do_not_matter(lines: Vec<(u8, Option<u16>)>, at: prop::sample::Index) {
            let lines: Vec<_> = lines.into_iter().map(|(key, value)| (u64::from(key), value.map(u64::from))).collect();
            let mut whole = shard();
            apply(&mut whole, &lines, &names(10_000));
            let (one, two) = lines.split_at(if lines.is_empty() { 0 } else { at.index(lines.len()) });
            let (mut first, mut second) = (shard(), shard());
            apply(&mut first, two, &names(10_000));
            apply(&mut second, one, &names(10_000));
            first.merge(&second);
            prop_assert_eq!(families(&first), families(&whole));
            prop_assert_eq!(first.ledger(), whole.ledger());
        }
    }
}
