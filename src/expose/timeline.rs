//! OpenMetrics 1.0 with timestamps, the input of `promtool tsdb create-blocks-from openmetrics`.
//!
//! Invariant: families are contiguous, so are the series of a family, and the points of a series are in order of
//! time. A series has the same labels, to the byte, as in the text format, so that Prometheus stores both as one.

use std::io::{self, Write};
use std::num::NonZeroU32;

use super::grid::Grid;
use super::number::{push_bound, push_exact, push_integer, push_number};
use super::openmetrics::push_head;
use super::text::push_labels;
use crate::model::{Course, Timeline, Track, Value};

/// Bytes to buffer before a write.
const CHUNK: usize = 1 << 16;

/// Writes a timeline with `step` seconds a step, and `# EOF`. The sample at a time holds what was counted before it.
/// Needs some 128 KiB of memory beside the timeline.
pub fn write_timeline(
    timeline: &Timeline,
    step: NonZeroU32,
    out: &mut impl Write,
) -> io::Result<()> {
    let grid = Grid::new(&timeline.steps(), step);
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    for course in timeline.iter().filter(|course| !course.tracks.is_empty()) {
        push_head(&course.name, course.kind, &course.help, &mut bytes);
        for track in &course.tracks {
            write_track(course, track, &grid, step, &mut bytes, out)?;
        }
    }
    bytes.extend_from_slice(b"# EOF\n");
    out.write_all(&bytes)
}

/// Writes all points of a series.
fn write_track(
    course: &Course,
    track: &Track,
    grid: &Grid,
    step: NonZeroU32,
    bytes: &mut Vec<u8>,
    out: &mut impl Write,
) -> io::Result<()> {
    let starts = starts(course, track);
    let mut changes = track.changes.iter().peekable();
    let mut value = track.zero.clone();
    let mut time = Vec::new();
    for boundary in grid.samples(track.changes.iter().map(|change| change.step)) {
        while let Some(change) = changes.next_if(|change| change.step < boundary) {
            value.grow(*change);
        }
        time.clear();
        time.push(b' ');
        push_integer(u64::from(boundary) * u64::from(step.get()), &mut time);
        time.push(b'\n');
        push_point(&value, &starts, &time, bytes);
        if bytes.len() >= CHUNK {
            out.write_all(bytes)?;
            bytes.clear();
        }
    }
    Ok(())
}

/// Returns the lines of a point up to the number: one for a counter; for a histogram one for each bucket, the sum and
/// the count.
fn starts(course: &Course, track: &Track) -> Vec<Vec<u8>> {
    let mut labels = Vec::new();
    push_labels(&track.labels, &mut labels);
    let name = course.name.as_bytes();
    let Value::Histogram(histogram) = &track.zero else {
        return vec![[name, &labels, b" "].concat()];
    };
    let open = match labels.split_last() {
        Some((_brace, open)) => [open, b","].concat(),
        None => b"{".to_vec(),
    };
    let bucket = |bound: &[u8]| [name, b"_bucket", &open, b"le=\"", bound, b"\"} "].concat();
    let mut starts: Vec<Vec<u8>> = Vec::with_capacity(histogram.bounds.len() + 3);
    for bound in histogram.bounds.iter() {
        let mut text = Vec::new();
        push_bound(
            *bound,
            histogram.unit,
            histogram.has_short_bounds,
            &mut text,
        );
        starts.push(bucket(&text));
    }
    starts.push(bucket(b"+Inf"));
    starts.push([name, b"_sum", &labels, b" "].concat());
    starts.push([name, b"_count", &labels, b" "].concat());
    starts
}

/// Appends the lines of a point. `starts` are of [`starts`], `time` is the end of each line.
fn push_point(value: &Value, starts: &[Vec<u8>], time: &[u8], out: &mut Vec<u8>) {
    let mut starts = starts.iter();
    let mut push = |number: &dyn Fn(&mut Vec<u8>)| {
        if let Some(start) = starts.next() {
            out.extend_from_slice(start);
            number(out);
            out.extend_from_slice(time);
        }
    };
    match value {
        Value::Number(number) => push(&|out| push_number(*number, out)),
        Value::Histogram(histogram) => {
            for count in histogram.cumulative() {
                push(&|out| push_integer(count, out));
            }
            push(&|out| push_exact(histogram.sum, histogram.unit, out));
            push(&|out| push_integer(histogram.observations(), out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, Histogram, Kind, Labels, Number, Unit};

    fn course(name: &str, kind: Kind, labels: &Labels, zero: Value, changes: &[Change]) -> Course {
        Course {
            name: name.into(),
            help: "A \"help\".".into(),
            kind,
            tracks: vec![Track {
                labels: labels.clone(),
                zero,
                changes: changes.to_vec(),
            }],
        }
    }

    fn change(step: u32, cell: u32, delta: u64) -> Change {
        Change { step, cell, delta }
    }

    #[test]
    fn points_are_in_order_of_time_and_hold_what_was_counted_before() {
        let labels = vec![("route".into(), "/\"".into())];
        let none = Value::Number(Number::Exact(0, Unit::One));
        let seconds = Value::Histogram(Histogram {
            bounds: [5_000].into(),
            counts: vec![0, 0],
            sum: 0,
            unit: Unit::Micros,
            has_short_bounds: false,
            native: None,
            exemplars: Vec::new(),
        });
        let timeline = Timeline::new([
            course(
                "b_total",
                Kind::Counter,
                &labels,
                none.clone(),
                &[change(10, 0, 2), change(11, 0, 3)],
            ),
            course(
                "c",
                Kind::Counter,
                &Labels::new(),
                none,
                &[change(11, 0, 7)],
            ),
            course(
                "a_seconds",
                Kind::Histogram,
                &Labels::new(),
                seconds,
                &[change(11, 0, 1), change(11, 1, 1), change(11, 2, 1_500_000)],
            ),
        ]);
        let mut out = Vec::new();
        write_timeline(&timeline, NonZeroU32::new(300).unwrap(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"# TYPE a_seconds histogram
# UNIT a_seconds seconds
# HELP a_seconds A \"help\".
a_seconds_bucket{le="0.005"} 0 3300
a_seconds_bucket{le="+Inf"} 0 3300
a_seconds_sum 0 3300
a_seconds_count 0 3300
a_seconds_bucket{le="0.005"} 1 3600
a_seconds_bucket{le="+Inf"} 2 3600
a_seconds_sum 1.5 3600
a_seconds_count 2 3600
# TYPE b counter
# HELP b A \"help\".
b_total{route="/\""} 0 3000
b_total{route="/\""} 2 3300
b_total{route="/\""} 5 3600
# TYPE c unknown
# HELP c A \"help\".
c 0 3300
c 7 3600
# EOF
"#
        );
    }
}
