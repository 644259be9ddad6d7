use proptest::prelude::*;

use super::super::tests::corpora::corpora;
use super::super::{Dialect, Pattern, Preset, Reject, presets};
use super::*;

const LINE_BYTES: usize = 65_536;

fn custom() -> Vec<Pattern> {
    let compile = |name, source| Pattern::compile(name, Dialect::Regex, source).unwrap();
    vec![
        compile(
            "simple",
            r"^(?<method>\S+) (?<target>[^ ]+) (?<status>[0-9]{3})$",
        ),
        compile("flags", r"^(?i)get (?-i)x(?<status>\d{3})(?: .*)?$"),
        compile(
            "spread",
            "^(?<host>a|b)(?x) \\x20 # a blank\n (?<status> [0-9]+ )$",
        ),
        compile("one", "^(?<request>.*)$"),
    ]
}

fn outcome(explainer: &Explainer, name: &str, line: &[u8]) -> Outcome {
    explainer.explain(name, line).unwrap().outcome
}

fn check_inside(outcome: &Outcome, line: &[u8]) {
    match outcome {
        Outcome::Read(values) => {
            for span in values.iter().filter_map(|value| value.span.clone()) {
                assert!(line.get(span).is_some());
            }
        }
        Outcome::Stopped(stop) => {
            assert!(line.get(stop.span.clone()).is_some(), "{stop:?}");
            assert!(
                !stop.expected.is_empty()
                    && !stop.diagnosis.reason.is_empty()
                    && !stop.diagnosis.remedy.is_empty()
            );
        }
    }
}

#[test]
fn examples_are_explained_as_they_are_read() {
    let explainer = Explainer::new([], LINE_BYTES);
    for preset in presets() {
        for example in preset.definition().unwrap().examples {
            let Outcome::Read(values) = outcome(&explainer, preset.name, example.line.as_bytes())
            else {
                panic!("{}: {}", preset.name, example.line)
            };
            let pattern = preset.pattern().unwrap();
            let mut scratch = pattern.scratch();
            let record = pattern
                .parse(&mut scratch, example.line.as_bytes())
                .unwrap();
            for field in pattern.fields().iter() {
                let value = values
                    .iter()
                    .find(|value| value.field == Some(field))
                    .unwrap();
                assert_eq!(
                    value.shown,
                    record.show(field),
                    "{field:?}: {}",
                    example.line
                );
            }
            for (field, expected) in &example.record {
                let value = values
                    .iter()
                    .find(|value| value.field == Some(*field))
                    .unwrap();
                assert_eq!(value.shown.as_ref(), Some(expected));
            }
        }
    }
}

#[test]
fn pieces_match_what_the_pattern_matches() {
    let explainer = Explainer::new(custom(), LINE_BYTES);
    let mut lines = corpora();
    let more = [
        "GET /a 200",
        "gET x200",
        "GET x200 y",
        "a 200",
        "b  200",
        "",
        "a",
    ];
    lines.extend(more.map(|line| line.as_bytes().to_vec()));
    // Patterns of keys have no pieces.
    let readers = explainer.readers.iter();
    for reader in readers.filter(|reader| reader.pattern.form().is_some()) {
        let mut scratch = reader.pattern.scratch();
        for line in lines.iter().step_by(3) {
            let line = &line[reader.envelope(line)..];
            let is_read = reader.pattern.parse(&mut scratch, line) != Err(Reject::Mismatch);
            let shown = String::from_utf8_lossy(line);
            assert_eq!(
                reader.outline.matches(line),
                is_read,
                "{}: {shown}",
                reader.pattern.name()
            );
        }
    }
}

#[test]
fn custom_expressions_stop_at_the_part_that_fails() {
    let explainer = Explainer::new(custom(), LINE_BYTES);
    let check = |name: &str, line: &str, at: &str, expected: &str| {
        let Outcome::Stopped(stop) = outcome(&explainer, name, line.as_bytes()) else {
            panic!("{line} is read")
        };
        assert_eq!(
            (&line[stop.span.clone()], stop.expected.as_str()),
            (at, expected)
        );
    };
    check(
        "simple",
        "GET /a 20x",
        "20x",
        "`status`: text that matches `[0-9]{3}`",
    );
    check("simple", "GET /a", "", "` `");
    check("simple", "GET /a 200 x", " x", "the end of the line");
    check("flags", "get y", "y", "`x`");
    check("spread", "c", "c", "`host`: text that matches `a|b`");
}

#[test]
fn a_number_that_does_not_fit_is_pointed_at() {
    let explainer = Explainer::new([], LINE_BYTES);
    let line = format!(
        "::1 - - [22/Nov/2026:18:47:15 +0000] \"\" 400 {} \"-\" \"-\"",
        "9".repeat(30)
    );
    let Outcome::Stopped(stop) = outcome(&explainer, "nginx-combined", line.as_bytes()) else {
        panic!("{line}")
    };
    assert_eq!((stop.diagnosis.cause, stop.span.len()), (Cause::Number, 30));
}

#[test]
fn the_longest_lines_are_explained_in_time() {
    let explainer = Explainer::new(custom(), LINE_BYTES);
    for piece in [
        "x", "\"", "\\\"", " ", "-, ", "{", "[22/Nov/", "\u{0}", "é", "1.5 : ", "a\tb:",
    ] {
        let line = piece.repeat(LINE_BYTES / piece.len());
        check_inside(
            &outcome(&explainer, "nginx-django", line.as_bytes()),
            line.as_bytes(),
        );
    }
}

#[test]
fn lines_over_the_limit_are_not_examined() {
    let line = r#"::1 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1 "-" "-""#;
    let check = |limit: usize, overlong: bool| {
        let found = outcome(
            &Explainer::new([], limit),
            "nginx-combined",
            line.as_bytes(),
        );
        let cause = match found {
            Outcome::Read(_) => None,
            Outcome::Stopped(stop) => Some(stop.diagnosis.cause),
        };
        assert_eq!(cause, overlong.then_some(Cause::Overlong), "{limit}");
    };
    check(line.len(), false);
    check(line.len() - 1, true);
}

#[test]
fn every_recorded_line_is_explained_by_every_preset() {
    let explainer = Explainer::new([], LINE_BYTES);
    for (at, line) in corpora().iter().enumerate().step_by(7) {
        let reader = &explainer.readers[at / 7 % explainer.readers.len()];
        check_inside(&explainer.outcome(reader, line), line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_explained_by_every_pattern(line in line()) {
        thread_local!(static EXPLAINER: Explainer = Explainer::new(custom(), LINE_BYTES));
        EXPLAINER.with(|explainer| {
            for reader in &explainer.readers {
                check_inside(&explainer.outcome(reader, &line), &line);
            }
        });
    }
}

/// Generates arbitrary bytes, and preset examples with bytes removed, inserted or replaced.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<String> = presets()
        .iter()
        .flat_map(|preset: &Preset| preset.definition().unwrap().examples)
        .map(|example| example.line)
        .collect();
    let torn = (
        proptest::sample::select(examples),
        any::<[u16; 2]>(),
        ".{0,4}",
    )
        .prop_map(|(example, cuts, text)| {
            let mut line = example.into_bytes();
            let mut cuts = cuts.map(|cut| usize::from(cut) % (line.len() + 1));
            cuts.sort_unstable();
            let end = if cuts[1] - cuts[0] > 8 {
                cuts[0]
            } else {
                cuts[1]
            };
            line.splice(cuts[0]..end, text.into_bytes());
            line
        });
    prop_oneof![torn, any::<Vec<u8>>()]
}
