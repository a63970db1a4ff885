//! Bars drawn as SVG on the server: no script, readable by assistive technology, and beside it the
//! same numbers as a table.

use askama::{Template, filters::HtmlSafe};
use money::Nanodollars;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Below the bar: a day, an app.
    pub label: String,
    /// How long it is: nano-USD or a count, not negative.
    pub value: i64,
    /// Shown when pointed at, and in the table: the value in words.
    pub title: String,
}

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nano-USD.
    Money,
    /// Things counted.
    Count,
}

/// A bar chart, written `{{ chart }}` in a template.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/chart.html")]
pub struct Chart {
    title: String,
    columns: Vec<Column>,
    ticks: Vec<Tick>,
    rows: Vec<Bar>,
    unit: Unit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    middle: i64,
    title: String,
    /// Empty where there is no room for it.
    label: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tick {
    y: i64,
    text_y: i64,
    label: String,
}

// The drawing's own units; the picture scales to the page.
const WIDTH: i64 = 880;
const HEIGHT: i64 = 260;
const LEFT: i64 = 64;
const RIGHT: i64 = 8;
const TOP: i64 = 16;
const BOTTOM: i64 = 32;
const PLOT_WIDTH: i64 = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT: i64 = HEIGHT - TOP - BOTTOM;
const MOST_TICKS: i64 = 5;
const WIDEST_BAR: i64 = 48;
const MOST_LABELS: usize = 12;

/// A chart of these bars in this order.
#[must_use]
pub fn bars(title: impl Into<String>, unit: Unit, bars: &[Bar]) -> Chart {
    let largest = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    let distance = tick_distance(largest, unit);
    let ticks = (largest.max(1) - 1) / distance + 1;
    let top = distance.saturating_mul(ticks);
    Chart {
        title: title.into(),
        columns: columns(bars, top),
        ticks: (0..=ticks)
            .map(|step| tick(step, ticks, distance, unit))
            .collect(),
        rows: bars.to_vec(),
        unit,
    }
}

fn columns(bars: &[Bar], top: i64) -> Vec<Column> {
    let count = i64::try_from(bars.len()).unwrap_or(i64::MAX).max(1);
    let every = bars.len().div_ceil(MOST_LABELS).max(1);
    let width = (PLOT_WIDTH * 7 / (count * 10)).clamp(2, WIDEST_BAR);
    let column = |(index, bar): (usize, &Bar)| {
        let place = i64::try_from(index).unwrap_or(0);
        let middle = LEFT + PLOT_WIDTH * (2 * place + 1) / (2 * count);
        let height = scaled(bar.value, top);
        Column {
            x: middle - width / 2,
            y: TOP + PLOT_HEIGHT - height,
            width,
            height,
            middle,
            title: bar.title.clone(),
            label: if index % every == 0 {
                bar.label.clone()
            } else {
                String::new()
            },
        }
    };
    bars.iter().enumerate().map(column).collect()
}

fn tick(step: i64, ticks: i64, distance: i64, unit: Unit) -> Tick {
    let y = TOP + PLOT_HEIGHT - PLOT_HEIGHT * step / ticks;
    let value = distance.saturating_mul(step);
    let label = match unit {
        Unit::Money => Nanodollars::from_nanos(value).for_people(),
        Unit::Count => grouped(value),
    };
    Tick {
        y,
        text_y: y + 4,
        label,
    }
}

/// A value that is not nothing is seen: at least two units high.
fn scaled(value: i64, top: i64) -> i64 {
    let exact = i128::from(value.max(0)) * i128::from(PLOT_HEIGHT) / i128::from(top.max(1));
    let height = i64::try_from(exact).unwrap_or(PLOT_HEIGHT).min(PLOT_HEIGHT);
    if value > 0 { height.max(2) } else { 0 }
}

/// The smallest round distance between ticks that needs no more than five of them: 1, 2, 5, 10…
fn tick_distance(largest: i64, unit: Unit) -> i64 {
    // Below a thousandth of a cent a chart of money says nothing.
    let mut power: i64 = match unit {
        Unit::Money => 10_000,
        Unit::Count => 1,
    };
    loop {
        for step in [1, 2, 5] {
            match power.checked_mul(step) {
                Some(distance) if (largest.max(1) - 1) / distance < MOST_TICKS => return distance,
                Some(_) => {}
                None => return i64::MAX / MOST_TICKS,
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A count with its thousands apart: `12,408`.
fn grouped(count: i64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Chart {
    /// What the numbers in the table are headed by.
    fn heading(&self) -> &'static str {
        match self.unit {
            Unit::Money => "Cost",
            Unit::Count => "Count",
        }
    }
}

// Its template escapes what it is given.
impl HtmlSafe for Chart {}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[i64]) -> Chart {
        let bar = |value: &i64| Bar {
            label: format!("<{value}>"),
            value: *value,
            title: format!("{value} & more"),
        };
        bars(
            "Cost a day",
            Unit::Count,
            &values.iter().map(bar).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_longest_bar_fits_and_the_smallest_is_seen() {
        let chart = chart(&[0, 1, 999, 1_000]);
        let heights: Vec<_> = chart.columns.iter().map(|column| column.height).collect();
        assert_eq!(heights[0], 0);
        assert_eq!(heights[1], 2);
        assert!(
            heights[3] <= PLOT_HEIGHT && heights[3] > PLOT_HEIGHT / 2,
            "{heights:?}"
        );
        let labels: Vec<_> = chart.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["0", "200", "400", "600", "800", "1,000"]);
    }

    #[test]
    fn bars_stay_inside_the_drawing() {
        for count in [1, 2, 31, 366] {
            let chart = chart(&vec![i64::MAX; count]);
            for column in &chart.columns {
                assert!(
                    column.x >= LEFT - 1 && column.x + column.width <= WIDTH,
                    "{column:?}"
                );
                assert!(column.y >= TOP && column.y + column.height <= HEIGHT - BOTTOM);
            }
            assert!(
                chart
                    .columns
                    .iter()
                    .filter(|column| !column.label.is_empty())
                    .count()
                    <= 12
            );
        }
    }

    #[test]
    fn it_has_a_name_a_table_and_escaped_text() {
        let html = chart(&[1, 2]).to_string();
        assert!(
            html.contains("role=\"img\"") && html.contains("<table"),
            "{html}"
        );
        assert!(!html.contains("<1>") && !html.contains("& more"), "{html}");
    }

    #[test]
    fn nothing_makes_an_empty_chart() {
        assert!(chart(&[]).columns.is_empty());
        assert!(
            chart(&[0, 0])
                .columns
                .iter()
                .all(|column| column.height == 0)
        );
    }
}
