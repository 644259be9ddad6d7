//! Counts that go on in another shard: after a restart from their saved form, after a reload from the shard before.
//!
//! Invariant: a family continues if the same is counted under its name by the same labels, buckets and conditions; otherwise
//! it starts at 0.

use std::fmt::Write as _;
use std::sync::Arc;

use super::definition::Definition;
use super::frame::Frames;
use super::ledger::{FRAME, Ledger, STDERR};
use super::native;
use super::shard::Shard;
use super::table::Table;
use crate::label::Label;
use crate::model::{SavedFamily, SavedLedger, SavedSeries};

impl Definition {
    /// Describes what is counted, and by which labels, buckets and conditions.
    fn description(&self) -> String {
        let mut text = String::new();
        if self.has_native() {
            text.push_str(SavedFamily::NATIVE);
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{:?}", self.kind);
        let labels = self.labels.iter().map(Label::description);
        let conditions = self.when.iter().map(ToString::to_string);
        for part in labels.chain(conditions) {
            let _ = write!(text, " {part}");
        }
        text
    }
}

impl Table {
    /// Returns the series in their saved form, sorted.
    fn save(&mut self) -> SavedFamily {
        self.sort();
        let series = self.sorted_series().map(|one| {
            let mut values = one.values.to_vec();
            if let Some(histogram) = one.native {
                native::append(histogram, &mut values);
            }
            SavedSeries {
                labels: one.labels.to_vec(),
                created: one.created,
                values,
            }
        });
        SavedFamily {
            name: Arc::clone(&self.frame.definition.name),
            definition: self.frame.definition.description(),
            series: series.collect(),
        }
    }

    /// Adds saved series. Returns false, and adds nothing, if they are not of this definition.
    fn resume(&mut self, saved: SavedFamily) -> bool {
        let frame = self.frame.clone();
        let labels = frame.definition.labels.len();
        let fits = |series: &SavedSeries| {
            series.labels.len() == labels && frame.split(&series.values).is_some()
        };
        if !saved.series.iter().all(fits) {
            return false;
        }
        for series in saved.series {
            if let Some((values, native)) = frame.split(&series.values) {
                self.merge_series(
                    series.labels.into(),
                    series.created,
                    values,
                    native.as_ref(),
                );
            }
        }
        true
    }
}

impl Ledger {
    /// Returns the saved form of the account.
    pub fn save(&self) -> SavedLedger {
        let named = |(name, lines): (&&'static str, &u64)| ((*name).to_owned(), *lines);
        SavedLedger {
            recorded: self.recorded,
            overflow: self.overflow,
            bytes: self.bytes,
            rejected: self.rejected.iter().map(named).collect(),
            skipped: self.skipped.iter().map(named).collect(),
        }
    }

    /// Adds a saved account. Lines with a reason or rule that this one does not name are left out.
    fn resume(&mut self, saved: &SavedLedger) {
        self.recorded += saved.recorded;
        self.overflow += saved.overflow;
        self.bytes += saved.bytes;
        for (mine, theirs) in [
            (&mut self.rejected, &saved.rejected),
            (&mut self.skipped, &saved.skipped),
        ] {
            for (name, lines) in theirs {
                // Those that only container logs have.
                let late = [STDERR, FRAME].into_iter().find(|late| late == name);
                if let Some(known) = mine.get_mut(name.as_str()) {
                    *known += lines;
                } else if let Some(late) = late {
                    mine.insert(late, *lines);
                }
            }
        }
    }
}

impl Shard {
    /// Returns the saved form of the series.
    pub fn save(&mut self) -> Vec<SavedFamily> {
        self.flush();
        self.tables.iter_mut().map(Table::save).collect()
    }

    /// Returns what a page shows of the families besides their saved series.
    pub fn frames(&mut self) -> Frames {
        let exemplars = self.shown_exemplars();
        let rejected = self.rejected.iter();
        Frames {
            counted: self
                .tables
                .iter()
                .map(|table| table.frame.clone())
                .collect(),
            exemplars,
            rejected: rejected.map(|one| self.rejected_family(one)).collect(),
        }
    }

    /// Adds saved counts and a saved account to an empty shard. Returns the names of the families that start at 0 because
    /// they are defined differently here.
    pub fn resume(&mut self, families: Vec<SavedFamily>, ledger: &SavedLedger) -> Vec<Arc<str>> {
        self.ledger.resume(ledger);
        let mut changed = Vec::new();
        for saved in families {
            let name = Arc::clone(&saved.name);
            let definition = saved.definition.clone();
            if !self.continue_family(&name, &definition, |table| table.resume(saved)) {
                changed.push(name);
            }
        }
        changed
    }

    /// Takes over the counts and the account of another shard in an empty one, without a copy. Returns the names of the families
    /// that start at 0, as [`Self::resume`].
    pub fn take_over(&mut self, mut other: Self) -> Vec<Arc<str>> {
        other.flush();
        self.ledger.add(&other.ledger);
        let mut changed = Vec::new();
        for theirs in other.tables {
            let name = Arc::clone(&theirs.frame.definition.name);
            let definition = theirs.frame.definition.description();
            let take_over = |table: &mut Table| {
                table.take_over(theirs);
                true
            };
            if !self.continue_family(&name, &definition, take_over) {
                changed.push(name);
            }
        }
        changed
    }

    /// Lets a family of this name and description go on, if there is one. Returns false if one of this name cannot.
    fn continue_family(
        &mut self,
        name: &Arc<str>,
        description: &str,
        go_on: impl FnOnce(&mut Table) -> bool,
    ) -> bool {
        let mut tables = self.tables.iter_mut();
        let table = tables.find(|table| table.frame.definition.name == *name);
        table
            .is_none_or(|table| table.frame.definition.description() == description && go_on(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Key, Kind, Measure, Values};
    use crate::label::Condition;
    use crate::model::{Families, Record, Value};

    fn definition(name: &str, kind: Kind, bounds_label: &[Label]) -> Definition {
        Definition {
            name: name.into(),
            help: "".into(),
            kind,
            labels: bounds_label.to_vec(),
            when: vec![Condition::new(Label::Status, ["5xx", "!501"]).unwrap()],
            other: Vec::new(),
            has_short_bounds: false,
            is_native: false,
        }
    }

    /// Returns a shard whose histogram is native or not.
    fn native_shard(is_native: bool) -> Shard {
        let histogram = Kind::Histogram(Measure::Duration, [10, 20].into());
        let definition = Definition {
            is_native,
            ..definition("seconds", histogram, &[Label::Method])
        };
        Shard::new("nginx".into(), vec![definition], Ledger::default())
    }

    fn shard(bounds: &[u64], labels: &[Label]) -> Shard {
        let ledger = Ledger {
            rejected: [("mismatch", 0)].into(),
            skipped: [("blank", 0)].into(),
            ..Ledger::default()
        };
        let definitions = vec![
            definition("requests", Kind::Lines, labels),
            definition(
                "seconds",
                Kind::Histogram(Measure::Duration, bounds.into()),
                labels,
            ),
        ];
        Shard::new("nginx".into(), definitions, ledger)
    }

    fn counted() -> Shard {
        let mut shard = shard(&[10, 20], &[Label::Method]);
        shard.set_now(1_000);
        for (key, method) in [(1, "GET"), (2, "POST")] {
            let labels = || vec![Some([method.into()].into()); 2];
            let row = shard.register(Key(key), labels, |_| true);
            shard.set_now(2_000);
            let values = Values::default().with(Measure::Duration, Some(15));
            shard.count(row, &values, &Record::default());
        }
        shard.reject("mismatch");
        shard.skip("blank");
        shard.add_bytes(30);
        shard
    }

    #[test]
    fn resumed_counts_are_those_that_were_saved() {
        let mut shard = counted();
        let (families, ledger) = (shard.save(), shard.ledger().save());
        assert_eq!(families[0].series[0].created, 1_000);
        assert_eq!(families[1].series[1].created, 2_000);
        assert_eq!(families[1].series[0].values, [0, 1, 0, 15]);
        let mut resumed = self::shard(&[10, 20], &[Label::Method]);
        assert!(resumed.resume(families.clone(), &ledger).is_empty());
        assert_eq!(resumed.save(), families);
        assert_eq!(resumed.ledger(), shard.ledger());
        assert_eq!(resumed.snapshot(), shard.snapshot());
        let shown = Families::new(shard.frames().families(&families));
        assert_eq!(shown, Families::new(shard.snapshot()));
    }

    #[test]
    fn a_family_of_other_buckets_or_labels_starts_at_0_alone() {
        let mut counted = counted();
        let (families, ledger) = (counted.save(), counted.ledger().save());
        let changed = |bounds: &[u64], labels: &[Label]| {
            let mut shard = shard(bounds, labels);
            let changed = shard.resume(families.clone(), &ledger);
            let mut other = self::shard(bounds, labels);
            assert_eq!(other.take_over(self::counted()), changed);
            assert_eq!(other.snapshot(), shard.snapshot());
            (changed, shard.series())
        };
        assert_eq!(
            changed(&[10, 30], &[Label::Method]),
            (vec!["seconds".into()], 2)
        );
        let both = vec!["requests".into(), "seconds".into()];
        assert_eq!(changed(&[10, 20], &[Label::Host]), (both, 0));
    }

    #[test]
    fn a_family_that_becomes_native_or_ceases_to_be_starts_at_0() {
        let counted = |is_native| {
            let mut shard = native_shard(is_native);
            let labels = || vec![Some(["GET".into()].into())];
            let row = shard.register(Key(1), labels, |_| true);
            for value in [0, 15, 2_000_000] {
                let values = Values::default().with(Measure::Duration, Some(value));
                shard.count(row, &values, &Record::default());
            }
            shard
        };
        for (before, after) in [(false, false), (false, true), (true, false), (true, true)] {
            let saved = counted(before).save();
            assert_eq!(saved[0].is_native(), before);
            let mut shard = native_shard(after);
            let changed = shard.resume(saved, &SavedLedger::default());
            assert_eq!(changed.is_empty(), before == after);
            let mut other = native_shard(after);
            assert_eq!(other.take_over(counted(before)), changed);
            assert_eq!(other.snapshot(), shard.snapshot());
            if before == after {
                assert_eq!(shard.snapshot(), counted(before).snapshot());
            }
        }
    }

    #[test]
    fn counts_by_time_have_classic_buckets_only() {
        let mut shard = native_shard(true).by_time();
        shard.begin_step(1);
        let labels = || vec![Some(["GET".into()].into())];
        let row = shard.register(Key(1), labels, |_| true);
        shard.count(
            row,
            &Values::default().with(Measure::Duration, Some(15)),
            &Record::default(),
        );
        let shown = shard.snapshot();
        let Value::Histogram(histogram) = &shown[0].series[0].value else {
            panic!("{shown:?}")
        };
        assert_eq!(
            (&*histogram.counts, &histogram.native),
            (&[0, 1, 0][..], &None)
        );
    }

    #[test]
    fn native_numbers_that_do_not_go_with_the_others_are_refused() {
        let resumed = |values: &[u64]| {
            let saved = SavedFamily {
                name: "seconds".into(),
                definition: native_shard(true).save()[0].definition.clone(),
                series: vec![SavedSeries {
                    labels: vec!["GET".into()],
                    created: 7,
                    values: values.into(),
                }],
            };
            let mut shard = native_shard(true);
            shard
                .resume(vec![saved], &SavedLedger::default())
                .is_empty()
        };
        assert!(resumed(&[1, 1, 0, 15, 3, 1, 40, 1]));
        for wrong in [
            // Without them, without the count of a bucket, with too many observations, of an unknown schema.
            &[1, 1, 0, 15][..],
            &[1, 1, 0, 15, 3, 1, 40],
            &[1, 1, 0, 15, 3, 1, 40, 2],
            &[1, 1, 0, 15, 9, 1, 40, 1],
            &[1, 1],
        ] {
            assert!(!resumed(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn counts_that_are_taken_over_are_moved() {
        let allocated = |series: u64| {
            let mut former = counted();
            for key in 3..series {
                let labels = || vec![Some([key.to_string().into()].into()); 2];
                former.register(Key(key), labels, |_| true);
            }
            let mut next = shard(&[10, 20], &[Label::Method]);
            let info = allocation_counter::measure(|| {
                next.take_over(former);
            });
            (info.count_total, info.bytes_max)
        };
        assert_eq!(allocated(10), allocated(10_000));
    }

    #[test]
    fn a_description_stays_the_same_from_version_to_version() {
        let counted = counted().save();
        let descriptions: Vec<&str> = counted.iter().map(|it| &*it.definition).collect();
        assert_eq!(
            descriptions,
            [
                "Lines method status=5??,!501",
                "Histogram(Duration, [10, 20]) method status=5??,!501"
            ]
        );
        assert_eq!(
            native_shard(true).save()[0].definition,
            "NativeHistogram(Duration, [10, 20]) method status=5??,!501"
        );
    }
}
