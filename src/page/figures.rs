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
    let greatest = numbers.iter().copied().fold(0, u32::max);
    if greatest == 0 {
        return;
    }
    html.raw(
        "<svg class=\"spark\" aria-hidden=\"true\" preserveAspectRatio=\"none\" viewBox=\"0 0 ",
    );
    html.number(numbers.len() as u64).raw(" 20\">");
    spark_area(numbers, greatest, class, html);
    if front.iter().any(|number| *number > 0) {
        spark_area(front, greatest, "bad", html);
    }
    html.raw("</svg>");
}

fn spark_area(numbers: &[u32], greatest: u32, class: &str, html: &mut Html) {
    // A fixed-point factor with 32 binary places instead of a division for each number.
    let factor = (u64::from(SPARK_HEIGHT) << 32) / u64::from(greatest);
    let height = |number: &u32| {
        let height = (u64::from(*number) * factor).div_ceil(1 << 32);
        u32::try_from(height).unwrap_or(SPARK_HEIGHT)
    };
    area(numbers.iter().map(height), SPARK_HEIGHT, class, html);
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
            let heights = tops.iter().map(|top| scaled(*top, greatest));
            let class = CLASSES[place.min(CLASSES.len() - 1)];
            area(heights, STACK_HEIGHT, class, html);
        }
        for (top, number) in tops.iter_mut().zip(list) {
            *top -= number;
        }
    }
    html.raw("</svg>");
}

const CLASSES: [&str; 6] = ["c0", "c1", "c2", "c3", "c4", "c5"];

/// Returns a height for a number; one that is not 0 is visible.
fn scaled(number: u64, greatest: u64) -> u32 {
    let scaled = number
        .saturating_mul(STACK_HEIGHT.into())
        .div_ceil(greatest.max(1));
    u32::try_from(scaled).map_or(STACK_HEIGHT, |scaled| scaled.min(STACK_HEIGHT))
}

/// Appends an area of columns of these heights. Equal neighbours are one step.
fn area(heights: impl Iterator<Item = u32>, height: u32, class: &str, html: &mut Html) {
    html.raw("<path class=\"")
        .raw(class)
        .raw("\" d=\"M0 ")
        .number(height.into());
    let mut heights = heights.peekable();
    while let Some(column) = heights.next() {
        let mut same = 1;
        while heights.next_if_eq(&column).is_some() {
            same += 1;
        }
        html.raw("V")
            .number((height - column).into())
            .raw("h")
            .number(same);
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
