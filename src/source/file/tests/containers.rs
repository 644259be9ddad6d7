//! Container logs: their lines, and lines that a rotation divides.

use std::fs::create_dir_all;

use super::*;
use proptest::prelude::*;

const TIME: &str = "2026-11-22T10:00:00.123456789Z";

fn cri(stream: &str, tag: &str, text: &str) -> String {
    format!("{TIME} {stream} {tag} {text}\n")
}

fn whole(text: &str) -> String {
    cri("stdout", "F", text)
}

fn part(text: &str) -> String {
    cri("stdout", "P", text)
}

/// The layout of a node: a link in one directory to a log in another.
const LINK: &str = "containers/web-0_shop_web-3f4c0a1b2c3d.log";
const LOG: &str = "pods/shop_web-0_uid/web/0.log";

/// Returns a bench that recognises container logs.
fn bench(patterns: &[&str], start: Start) -> Bench {
    let mut bench = Bench::new(patterns, start);
    bench.settings.frame = Frame::Auto;
    let (fs, clock) = (bench.fs.clone(), bench.clock.clone());
    bench.source = FileSource::new(&bench.settings, fs, clock, bench.key);
    bench.source.set_lists_always(true);
    bench
}

fn node() -> Bench {
    let bench = bench(&["containers/*.log"], Start::Beginning);
    create_dir(bench.path("containers")).unwrap();
    create_dir_all(bench.path("pods/shop_web-0_uid/web")).unwrap();
    symlink(bench.path(LOG), bench.path(LINK)).unwrap();
    bench
}

#[test]
fn lines_are_handed_over_without_wrappers_once_they_are_whole() {
    let mut bench = node();
    bench.append(LOG, &(whole("a") + &part("b") + &cri("stderr", "F", "x")));
    assert_eq!(bench.take_lines(), ["a"]);
    let before = whole("a").len() as u64;
    assert_eq!(bench.offsets(), [before]);
    bench.restart();
    assert!(bench.take_lines().is_empty());
    bench.append(LOG, &part("c"));
    assert!(bench.take_lines().is_empty());
    bench.append(LOG, &(whole("d") + &whole("e")));
    assert_eq!(bench.take_lines(), ["bcd", "e"]);
    bench.restart();
    bench.append(LOG, &whole("f"));
    assert_eq!(bench.take_lines(), ["f"]);
}

#[test]
fn a_line_that_a_rotation_divides_is_joined_once_whenever_the_exporter_is_killed() {
    for killed_at in 0..6 {
        let mut bench = node();
        let mut step = 0;
        let mut kill = |bench: &mut Bench| {
            if killed_at == step {
                bench.restart();
            }
            step += 1;
            bench.drain();
        };
        bench.append(LOG, &(whole("first") + &part("be")));
        kill(&mut bench);
        bench.rename(LOG, &format!("{LOG}.20261201-121200"));
        kill(&mut bench);
        bench.append(LOG, "");
        kill(&mut bench);
        bench.append(LOG, &(cri("stderr", "F", "x") + &part("gi")));
        kill(&mut bench);
        bench.append(LOG, &(whole("n") + &whole("next")));
        kill(&mut bench);
        bench.clock.advance(2 * WAIT);
        bench.drain();
        kill(&mut bench);
        assert_eq!(
            bench.take_lines(),
            ["first", "begin", "next"],
            "{killed_at}"
        );
    }
}

#[test]
fn a_line_that_nothing_ends_is_handed_over_when_its_log_is_closed() {
    let mut bench = node();
    bench.append(LOG, &(whole("a") + &part("b")));
    bench.drain();
    bench.rename(LOG, &format!("{LOG}.20261201-121200"));
    bench.append(LOG, &whole("c"));
    assert_eq!(bench.take_lines(), ["a", "bc"]);
    remove_file(bench.path(&format!("{LOG}.20261201-121200"))).unwrap();
    bench.append(LOG, &part("d"));
    bench.drain();
    remove_file(bench.path(LOG)).unwrap();
    bench.drain();
    bench.clock.advance(2 * WAIT);
    // It is an aside: `lines` are those of the batch.
    assert_eq!(bench.take_lines(), ["d"]);
}

#[test]
fn lines_are_read_from_the_end_of_a_log_that_ends_in_the_middle_of_one() {
    let mut bench = bench(&["a.log"], Start::End);
    bench.append(
        "a.log",
        &(whole("a") + &part("b") + &cri("stderr", "F", "x")),
    );
    assert!(bench.take_lines().is_empty());
    bench.append("a.log", &whole("c"));
    assert_eq!(bench.take_lines(), ["bc"]);
}

#[test]
fn the_parts_of_an_overlong_line_are_skipped_over_a_restart_and_a_rotation() {
    for is_rotated in [false, true] {
        let mut bench = node();
        let long = part(&"x".repeat(LIMIT / 2));
        bench.append(LOG, &(whole("a") + &long.repeat(4)));
        assert_eq!(bench.take_lines(), ["a"]);
        bench.restart();
        bench.append(LOG, &long);
        assert!(bench.take_lines().is_empty());
        if is_rotated {
            bench.rename(LOG, &format!("{LOG}.20261201-121200"));
            bench.append(LOG, &long);
            assert!(bench.take_lines().is_empty());
            bench.restart();
        }
        bench.append(LOG, &(whole("x") + &whole("b")));
        assert_eq!(bench.take_lines(), ["b"], "{is_rotated}");
    }
}

#[test]
fn a_log_in_an_archive_goes_on_where_it_was_read() {
    let mut bench = node();
    bench.append(LOG, &(whole("a number 1") + &whole("a number 2")));
    assert_eq!(bench.take_lines().len(), 2);
    bench.append(LOG, &(part("b") + &whole("c")));
    let text = std::fs::read(bench.path(LOG)).unwrap();
    let saved = bench.source.save();
    write(
        bench.path(&format!("{LOG}.20261201-121200.gz")),
        gzip(&text),
    )
    .unwrap();
    remove_file(bench.path(LOG)).unwrap();
    bench.append(LOG, &whole("d"));
    bench.resume(&saved);
    let mut lines = bench.take_lines();
    lines.sort();
    assert_eq!(lines, ["bc", "d"]);
}

#[derive(Clone, Debug)]
enum Act {
    Write(usize),
    Rotate,
    Restart,
    Drain,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_rotations_and_restarts_give_each_line_once(
        cuts in proptest::collection::vec(0_usize..3, 30),
        acts in proptest::collection::vec(
            prop_oneof![
                6 => (1_usize..6).prop_map(Act::Write),
                2 => Just(Act::Rotate),
                1 => Just(Act::Restart),
                2 => Just(Act::Drain),
            ],
            0..40,
        ),
    ) {
        let mut bench = node();
        let mut expected = Vec::new();
        let mut parts = Vec::new();
        for (number, cuts) in cuts.iter().enumerate() {
            let line = format!("this is line {number}");
            for cut in 0..*cuts {
                parts.push(part(&line[4 * cut..4 * cut + 4]));
                parts.push(cri("stderr", "F", &format!("stderr {number}")));
            }
            parts.push(whole(&line[4 * cuts..]));
            expected.push(line);
        }
        let mut parts = parts.into_iter();
        let mut rotations = 0;
        for act in acts {
            match act {
                Act::Write(count) => bench.append(LOG, &parts.by_ref().take(count).collect::<String>()),
                Act::Rotate if bench.path(LOG).exists() => {
                    // What was rotated before is read before the next rotation.
                    bench.drain();
                    rotations += 1;
                    bench.rename(LOG, &format!("{LOG}.20261201-1212{rotations:02}"));
                    bench.append(LOG, "");
                }
                Act::Rotate => {}
                Act::Restart => bench.restart(),
                Act::Drain => bench.drain(),
            }
        }
        bench.append(LOG, &parts.collect::<String>());
        bench.drain();
        bench.clock.advance(2 * WAIT);
        prop_assert_eq!(bench.take_lines(), expected);
    }
}
