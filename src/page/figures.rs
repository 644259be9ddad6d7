//! Small charts.
//!
//! Invariant: a chart has no text; the numbers that it shows stand beside it.

use super::markup::Html;

/// Height of a chart of a route, in its own units.
const SPARK_HEIGHT: u32 = 20;
/// Height of the chart of all requests, in its own units.
const STACK_HEIGHT: u32 = 100;
/// Most columns of the chart of all requests.
pub(super) const STACK_COLUMNS: usize = 120;

/// Appends a chart of numbers over time; those of `front` stand before the others. Nothing is appended if all are 0.
pub(super) fn spark(numbers: &[u32], front: &[u32], class: &str, html: &mut Html) {
    let greatest = numbers.iter().copied().max().unwrap_or_default();
    if greatest == 0 {
        return;
    }
    html.raw(
        "<svg class=\"spark\" aria-hidden=\"true\" preserveAspectRatio=\"none\" viewBox=\"0 0 ",
    );
    html.number(numbers.len() as u64).raw(" 20\">");
    let heights = |numbers: &[u32]| {
        let numbers = numbers.iter();
        let heights =
            numbers.map(|number| scaled(u64::from(*number), greatest.into(), SPARK_HEIGHT));
        heights.collect::<Vec<_>>()
    };
    area(&heights(numbers), SPARK_HEIGHT, class, html);
    if front.iter().any(|number| *number > 0) {
        area(&heights(front), SPARK_HEIGHT, "bad", html);
    }
    html.raw("</svg>");
}

/// Appends a chart of several lists of numbers over time, each standing on those before it. The class of each is `c0`, `c1` and so on.
pub(super) fn stack(lists: &[Vec<u64>], html: &mut Html) {
    let columns = lists.first().map_or(0, Vec::len);
    let sums: Vec<u64> = (0..columns)
        .map(|at| lists.iter().map(|list| list[at]).sum())
        .collect();
    let greatest = sums.iter().copied().max().unwrap_or_default().max(1);
    html.raw(
        "<svg class=\"stack\" aria-hidden=\"true\" preserveAspectRatio=\"none\" viewBox=\"0 0 ",
    );
    html.number(columns.max(1) as u64).raw(" 100\">");
    // The whole height first: each list covers what stands on it.
    let mut tops = sums;
    for (place, list) in lists.iter().enumerate().rev() {
        if list.iter().any(|number| *number > 0) {
            let heights: Vec<u32> = tops
                .iter()
                .map(|top| scaled(*top, greatest, STACK_HEIGHT))
                .collect();
            area(
                &heights,
                STACK_HEIGHT,
                CLASSES[place.min(CLASSES.len() - 1)],
                html,
            );
        }
        for (top, number) in tops.iter_mut().zip(list) {
            *top -= number;
        }
    }
    html.raw("</svg>");
}

const CLASSES: [&str; 6] = ["c0", "c1", "c2", "c3", "c4", "c5"];

/// Returns a height for a number; one that is not 0 is visible.
fn scaled(number: u64, greatest: u64, height: u32) -> u32 {
    let scaled = number
        .saturating_mul(height.into())
        .div_ceil(greatest.max(1));
    u32::try_from(scaled).unwrap_or(height).min(height)
}

/// Appends an area of columns of these heights. Equal neighbours are one step.
fn area(heights: &[u32], height: u32, class: &str, html: &mut Html) {
    html.raw("<path class=\"")
        .raw(class)
        .raw("\" d=\"M0 ")
        .number(height.into());
    let mut at = 0;
    while at < heights.len() {
        let same = heights[at..]
            .iter()
            .take_while(|other| **other == heights[at])
            .count();
        html.raw("V")
            .number((height - heights[at]).into())
            .raw("h")
            .number(same as u64);
        at += same;
    }
    html.raw("V").number(height.into()).raw("z\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: impl Fn(&mut Html)) -> String {
        let mut html = Html::default();
        draw(&mut html);
        html.into_string()
    }

    #[test]
    fn equal_neighbours_are_one_step() {
        let spark = drawn(|html| spark(&[4, 4, 0, 1], &[0, 2, 0, 0], "good", html));
        assert!(spark.contains("d=\"M0 20V0h2V20h1V15h1V20z\""), "{spark}");
        assert!(
            spark.contains("class=\"bad\" d=\"M0 20V20h1V10h1V20h2V20z\""),
            "{spark}"
        );
        assert_eq!(drawn(|html| super::spark(&[0, 0], &[], "good", html)), "");
    }

    #[test]
    fn lists_stand_on_those_before_them() {
        let stack = drawn(|html| stack(&[vec![1, 0], vec![1, 4]], html));
        assert!(
            stack.contains("class=\"c1\" d=\"M0 100V50h1V0h1V100z\""),
            "{stack}"
        );
        assert!(
            stack.contains("class=\"c0\" d=\"M0 100V75h1V100h1V100z\""),
            "{stack}"
        );
        assert!(drawn(|html| super::stack(&[], html)).contains("viewBox=\"0 0 1 100\""));
    }
}
