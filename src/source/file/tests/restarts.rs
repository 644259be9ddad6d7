//! Restarts: a source that is resumed goes on where it was saved, whatever happened to the files meanwhile.

use std::ops::Range;

use proptest::prelude::*;

use super::planted::{Fault, Part, plant};
use super::*;
use crate::model::GapBound;
use crate::model::saved::files::{SavedMeta, SavedPlace};

fn lines(numbers: Range<u32>) -> String {
    let lines: Vec<_> = numbers
        .map(|number| format!("line number {number}\n"))
        .collect();
    lines.concat()
}

fn expected(numbers: Range<u32>) -> Vec<String> {
    lines(numbers).lines().map(str::to_owned).collect()
}

/// Returns a bench whose source read ten lines.
fn bench() -> Bench {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", &lines(0..10));
    assert_eq!(bench.take_lines(), expected(0..10));
    bench
}

#[test]
fn a_log_that_grew_is_read_on() {
    let mut bench = bench();
    let saved = bench.source.save();
    bench.append("a.log", &lines(10..12));
    bench.resume(&saved);
    assert_eq!(bench.take_lines(), expected(10..12));
    bench.restart();
    assert_eq!(bench.take_lines(), expected(0..0));
}

#[test]
fn what_was_read_after_the_save_is_read_again() {
    let mut bench = bench();
    let saved = bench.source.save();
    bench.append("a.log", &lines(10..12));
    assert_eq!(bench.take_lines(), expected(10..12));
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", &lines(12..14));
    assert_eq!(bench.take_lines(), expected(12..14));
    bench.compress("a.log.1");
    bench.resume(&saved);
    let mut read = bench.take_lines();
    read.sort();
    assert_eq!(read, expected(10..14));
}

#[test]
fn logs_that_were_rotated_and_compressed_meanwhile_are_read_on_and_those_between_whole() {
    for births in [true, false] {
        let mut bench = Bench::new(&["a.log"], Start::Beginning);
        bench.fs.set_births(births);
        bench.append("a.log", &lines(0..10));
        assert_eq!(bench.take_lines(), expected(0..10));
        let saved = bench.source.save();
        bench.append("a.log", &lines(10..12));
        for generation in 0..3 {
            for number in (1..4).rev() {
                let from = format!("a.log.{number}.gz");
                if bench.path(&from).exists() {
                    bench.rename(&from, &format!("a.log.{}.gz", number + 1));
                }
            }
            bench.rename("a.log", "a.log.1");
            bench.compress("a.log.1");
            let first = 12 + 2 * generation;
            bench.append("a.log", &lines(first..first + 2));
        }
        bench.resume(&saved);
        let mut read = bench.take_lines();
        bench.clock.advance(2 * WAIT);
        read.extend(bench.take_lines());
        read.sort();
        assert_eq!(read, expected(10..18), "{births}");
        assert!(!bench.take_events().contains(&"Gone a.log".to_owned()));
    }
}

#[test]
fn a_log_that_was_truncated_meanwhile_is_read_from_its_copy_and_its_start() {
    let mut bench = bench();
    let saved = bench.source.save();
    bench.append("a.log", &lines(10..12));
    std::fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    write(bench.path("a.log"), lines(12..40)).unwrap();
    bench.resume(&saved);
    let mut read = bench.take_lines();
    bench.clock.advance(2 * WAIT);
    read.extend(bench.take_lines());
    read.sort();
    assert_eq!(read, expected(10..40));
}

#[test]
fn a_log_that_was_trimmed_meanwhile_is_read_on_behind_its_last_lines() {
    for is_renamed in [true, false] {
        let mut bench = Bench::new(&["a.log"], Start::Beginning);
        bench.append("a.log", &lines(0..200));
        assert_eq!(bench.take_lines(), expected(0..200));
        let saved = bench.source.save();
        write(bench.path("new"), lines(100..203)).unwrap();
        if is_renamed {
            bench.rename("new", "a.log");
        } else {
            std::fs::copy(bench.path("new"), bench.path("a.log")).unwrap();
        }
        bench.resume(&saved);
        let mut read = bench.take_lines();
        bench.clock.advance(2 * WAIT);
        read.extend(bench.take_lines());
        assert_eq!(read, expected(200..203), "{is_renamed}");
    }
}

#[test]
fn a_log_that_was_deleted_meanwhile_is_a_gap() {
    let mut bench = bench();
    bench.append("a.log", &lines(10..12));
    bench.fs.refuse(bench.path("a.log"));
    bench.drain();
    let saved = bench.source.save();
    bench.fs.allow_all();
    remove_file(bench.path("a.log")).unwrap();
    bench.append("a.log", &lines(20..22));
    bench.resume(&saved);
    assert_eq!(bench.take_lines(), expected(20..22));
    // It may still be found elsewhere, also after another restart.
    assert!(!bench.take_events().contains(&"Gone a.log".to_owned()));
    bench.restart();
    bench.drain();
    bench.clock.advance(2 * WAIT);
    bench.drain();
    let gaps: Vec<_> = bench.events.iter().filter_map(FileEvent::gap).collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].reason.name, gaps[0].at_least), ("deleted", 30));
    assert_eq!(gaps[0].reason.bounds, [GapBound::Min]);
    bench.restart();
    bench.clock.advance(2 * WAIT);
    bench.drain();
    assert_eq!(bench.events.iter().filter_map(FileEvent::gap).count(), 1);
}

#[test]
fn a_log_that_cannot_be_opened_at_first_is_read_on_later() {
    let mut bench = bench();
    let saved = bench.source.save();
    bench.append("a.log", &lines(10..12));
    bench.fs.refuse(bench.path("a.log"));
    bench.resume(&saved);
    assert_eq!(bench.take_lines(), expected(0..0));
    // A copy of a log that is not open is not judged.
    std::fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    bench.restart();
    assert_eq!(bench.take_lines(), expected(0..0));
    bench.fs.allow_all();
    assert_eq!(bench.take_lines(), expected(10..12));
    bench.clock.advance(2 * WAIT);
    assert_eq!(bench.take_lines(), expected(0..0));
}

#[test]
fn a_log_that_cannot_be_opened_for_long_is_read_on_and_holds_up_no_other() {
    for is_rotated in [false, true] {
        let mut bench = bench();
        let saved = bench.source.save();
        bench.append("a.log", &lines(10..12));
        let mut name = "a.log";
        if is_rotated {
            name = "a.log.1";
            bench.rename("a.log", name);
            bench.append("a.log", &lines(12..14));
        }
        bench.fs.refuse(bench.path(name));
        bench.resume(&saved);
        for _ in 0..4 {
            bench.drain();
            bench.clock.advance(WAIT);
        }
        let between = if is_rotated { 12..14 } else { 0..0 };
        assert_eq!(bench.take_lines(), expected(between));
        bench.fs.allow_all();
        assert_eq!(bench.take_lines(), expected(10..12), "{is_rotated}");
    }
}

#[test]
fn lines_of_which_a_part_was_read_are_counted_once() {
    let mut bench = bench();
    let long = "x".repeat(LIMIT + 50);
    bench.append("a.log", "the beginning of ");
    bench.drain();
    bench.restart();
    bench.append("a.log", &format!("a line\n{long}"));
    assert_eq!(bench.take_lines(), ["the beginning of a line"]);
    bench.restart();
    bench.append("a.log", &format!("{long}\nanother line\n"));
    assert_eq!(bench.take_lines(), ["another line"]);
    assert_eq!(bench.overlong, 1);
    bench.append("a.log", "the last line");
    bench.drain();
    let saved = bench.source.save();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    bench.resume(&saved);
    bench.drain();
    bench.clock.advance(2 * WAIT);
    assert_eq!(bench.take_lines(), ["the last line"]);
}

#[test]
fn what_is_history_stays_history_and_what_appears_is_read() {
    let mut bench = Bench::new(&["*.log"], Start::End);
    bench.append("a.log", &lines(0..10));
    bench.append("a.log.1", &lines(10..20));
    bench.append("a.log.2", "a line without an end");
    bench.compress("a.log.2");
    bench.drain();
    let saved = bench.source.save();
    bench.append("b.log", &lines(20..22));
    bench.resume(&saved);
    assert_eq!(bench.take_lines(), expected(20..22));
    bench.restart();
    assert_eq!(bench.take_lines(), expected(0..0));
}

#[test]
fn a_source_with_other_settings_reads_on_where_it_can() {
    let mut bench = bench();
    let saved = bench.source.save();
    bench.append("a.log", &lines(10..12));
    symlink("a.log", bench.path("link")).unwrap();
    bench.settings = settings(&bench.root, &["link", "b.log"], Start::End, LIMIT);
    bench.append("b.log", &lines(20..30));
    bench.resume(&saved);
    assert_eq!(bench.take_lines(), expected(10..12));
    bench.append("b.log", &lines(30..32));
    assert_eq!(bench.take_lines(), expected(30..32));
}

#[test]
fn a_source_that_may_have_fewer_files_open_reads_all_of_them() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    for name in ["a.log", "b.log", "c.log"] {
        bench.append(name, &format!("{name} {name} {name}\n").repeat(2));
    }
    assert_eq!(bench.take_lines().len(), 6);
    let saved = bench.source.save();
    for name in ["a.log", "b.log", "c.log"] {
        bench.append(name, &format!("{name} again\n"));
    }
    bench.settings.open_files = 1;
    bench.resume(&saved);
    let mut read = bench.take_lines();
    for _ in 0..6 {
        bench.clock.advance(Duration::from_secs(2));
        read.extend(bench.take_lines());
    }
    read.sort();
    assert_eq!(read, ["a.log again", "b.log again", "c.log again"]);
    bench.restart();
    assert_eq!(bench.take_lines(), expected(0..0));
}

/// Expects a course of events to give these lines, and others if a part of the state is not saved.
fn check_with_and_without(part: Part, course: impl Fn() -> Vec<String>, expected: &[String]) {
    assert_eq!(course(), expected);
    plant(Some(Fault::NotSaved(part)));
    let without = course();
    plant(None);
    assert_ne!(without, expected, "{part:?}");
}

#[test]
fn the_end_of_history_is_saved() {
    let course = || {
        let mut bench = Bench::new(&["a.log"], Start::End);
        bench.append("a.log", &(lines(0..10) + "a line of history"));
        bench.drain();
        let saved = bench.source.save();
        bench.rename("a.log", "a.log.kept");
        bench.append("a.log", &lines(10..12));
        bench.resume(&saved);
        bench.drain();
        bench.clock.advance(2 * WAIT);
        bench.take_lines()
    };
    check_with_and_without(Part::HistoryEnd, course, &expected(10..12));
}

#[test]
fn a_file_that_may_be_a_part_of_a_known_text_is_not_read_after_a_restart() {
    let course = || {
        let mut bench = Bench::new(&["*.log"], Start::Beginning);
        bench.append("a.log", &lines(0..20));
        bench.drain();
        bench.lines.clear();
        bench.append("copy.log", &lines(0..10));
        bench.drain();
        bench.restart();
        bench.drain();
        bench.append("copy.log", &lines(10..21));
        bench.drain();
        bench.clock.advance(2 * WAIT);
        bench.take_lines()
    };
    check_with_and_without(Part::Doubts, course, &expected(20..21));
}

#[test]
fn a_name_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    let name = std::ffi::OsStr::from_bytes(b"\xff.log");
    let path = bench.root.path().join(name);
    write(&path, lines(0..5)).unwrap();
    assert_eq!(bench.take_lines(), expected(0..5));
    bench.restart();
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    writer.write_all(lines(5..7).as_bytes()).unwrap();
    assert_eq!(bench.take_lines(), expected(5..7));
}

#[test]
fn a_state_that_was_resumed_is_saved_as_it_was() {
    let mut bench = bench();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", &lines(10..12));
    bench.drain();
    bench.clock.advance(2 * WAIT);
    bench.drain();
    bench.rename("a.log", "a.log.2");
    bench.drain();
    let saved = bench.source.save();
    assert!(!saved.records.is_empty() && !saved.open.is_empty());
    bench.resume(&saved);
    assert_eq!(bench.source.save(), saved);
}

/// Returns a state with something of all that can be saved.
fn full_state(bench: &mut Bench) -> SavedFiles {
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", &lines(10..300));
    bench.drain();
    bench.clock.advance(2 * WAIT);
    bench.drain();
    bench.append("a.log.9", &lines(500..900));
    bench.compress("a.log.9");
    bench.rename("a.log", "a.log.2");
    bench.append("a.log", "a line without an end");
    bench.source.discover(&mut |_| {});
    bench.round();
    bench.source.save()
}

/// A change of one number somewhere in a state.
fn change(value: &mut serde_json::Value, at: &mut usize, number: u64) {
    match value {
        serde_json::Value::Number(_) => {
            if *at == 0 {
                *value = number.into();
            }
            *at = at.wrapping_sub(1);
        }
        serde_json::Value::Array(values) => {
            for value in values {
                change(value, at, number);
            }
        }
        serde_json::Value::Object(values) => {
            for value in values.values_mut() {
                change(value, at, number);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_state_that_no_source_saved_is_refused_or_harmless(
        at in 0_usize..1_500,
        number in prop_oneof![0_u64..300, Just(u64::MAX), Just(1 << 60), Just((1 << 60) - 1), Just(1 << 16)],
        twice in any::<bool>(),
    ) {
        let mut bench = bench();
        let saved = full_state(&mut bench);
        let mut value = serde_json::to_value(&saved).unwrap();
        change(&mut value, &mut at.clone(), number);
        let Ok(mut changed) = serde_json::from_value::<SavedFiles>(value) else {
            return Ok(());
        };
        if twice {
            let records = changed.records.clone();
            changed.records.extend(records);
        }
        let source = FileSource::resume_with_read_bytes(
            &bench.settings,
            bench.fs.clone(),
            bench.clock.clone(),
            bench.key,
            &changed,
            64,
        );
        if twice {
            prop_assert!(source.is_err());
        }
        let Ok(source) = source else {
            return Ok(());
        };
        bench.source = source;
        for _ in 0..3 {
            bench.drain();
            bench.append("a.log", &lines(1_000..1_002));
            bench.clock.advance(2 * WAIT);
        }
        bench.rename("a.log", "a.log.3");
        bench.drain();
        bench.source.save();
    }
}

#[test]
fn a_file_is_not_the_same_for_a_reused_number() {
    let mut bench = bench();
    bench.fs.set_births(false);
    let mut saved = bench.source.save();
    // The log was rotated, and another file of its name has its number.
    bench.append("a.log", &lines(10..12));
    bench.rename("a.log", "a.log.1");
    bench.compress("a.log.1");
    bench.append("a.log", &lines(50..90));
    let meta = bench.fs.stat(&bench.path("a.log")).unwrap();
    for file in &mut saved.open {
        file.meta = SavedMeta {
            id: meta.id.into(),
            ..file.meta
        };
    }
    for path in &mut saved.paths {
        path.place = SavedPlace::File(meta.id.into());
    }
    bench.resume(&saved);
    let mut read = bench.take_lines();
    bench.clock.advance(2 * WAIT);
    read.extend(bench.take_lines());
    read.sort();
    let mut lines = expected(10..12);
    lines.extend(expected(50..90));
    assert_eq!(read, lines);
}
