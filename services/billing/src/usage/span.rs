//! Periods people ask about: days and months in UTC.

use std::{fmt, str::FromStr};

use clock::{day_of, month_of, start_of};
use jiff::{Timestamp, ToSpan, civil::Date};

/// The most days that one question may cover: a year and the month to compare it with.
pub const LONGEST_SPAN_DAYS: i32 = 400;

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    first: Date,
    last: Date,
}

/// Why two texts are not a span of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// The first day is not one.
    #[error("`from` is a day such as 2026-11-01")]
    From,
    /// The last day is not one.
    #[error("`to` is a day such as 2026-11-30")]
    To,
    /// The last day is before the first.
    #[error("`to` is before `from`")]
    Backwards,
    /// More than [`LONGEST_SPAN_DAYS`].
    #[error("at most {LONGEST_SPAN_DAYS} days can be asked for at once")]
    TooLong,
}

impl Span {
    /// The span that was asked for: the running month up to today where nothing was said.
    ///
    /// # Errors
    /// Names the rule that the question breaks.
    pub fn asked(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<Self, SpanError> {
        let to = to.map(|text| day(text).ok_or(SpanError::To)).transpose()?;
        let from = from
            .map(|text| day(text).ok_or(SpanError::From))
            .transpose()?;
        let last = to.unwrap_or_else(|| from.map_or(day_of(now), |first| first.max(day_of(now))));
        let first = from.unwrap_or_else(|| last.first_of_month());
        if last < first {
            return Err(SpanError::Backwards);
        }
        if (last - first).get_days() >= LONGEST_SPAN_DAYS {
            return Err(SpanError::TooLong);
        }
        Ok(Self { first, last })
    }

    /// The first day.
    #[must_use]
    pub const fn first(self) -> Date {
        self.first
    }

    /// The last day.
    #[must_use]
    pub const fn last(self) -> Date {
        self.last
    }

    /// The instant it begins.
    #[must_use]
    pub fn start(self) -> Timestamp {
        start_of(self.first)
    }

    /// The first instant after it.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.last.tomorrow().map_or(Timestamp::MAX, start_of)
    }

    /// Every day of it.
    pub fn days(self) -> impl Iterator<Item = Date> {
        self.first
            .series(1.day())
            .take_while(move |day| *day <= self.last)
    }
}

/// A day in its one spelling.
fn day(text: &str) -> Option<Date> {
    let shape = text.len() == 10 && has_shape(text, "dddd-dd-dd");
    if shape { text.parse().ok() } else { None }
}

fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, expected)| match expected {
                b'd' => byte.is_ascii_digit(),
                other => byte == other,
            })
}

/// A calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

/// The text is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month is written like 2026-11")]
pub struct MonthError;

impl Month {
    /// The month that holds this instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(month_of(at))
    }

    /// All its days.
    #[must_use]
    pub fn span(self) -> Span {
        Span {
            first: self.0,
            last: self.0.last_of_month(),
        }
    }

    /// This month and the `count - 1` before it, the newest first.
    pub fn and_before(self, count: usize) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |month| month.previous()).take(count)
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0
            .yesterday()
            .ok()
            .map(|day| Self(day.first_of_month()))
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.last_of_month().tomorrow().ok().map(Self)
    }

    /// For people: `November 2026`.
    #[must_use]
    pub fn in_words(self) -> String {
        self.0.strftime("%B %Y").to_string()
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        if !has_shape(text, "dddd-dd") {
            return Err(MonthError);
        }
        day(&format!("{text}-01")).map(Self).ok_or(MonthError)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn asked(from: &str, to: &str) -> Result<(String, String), SpanError> {
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        let (from, to): (&'static str, &'static str) =
            (from.to_owned().leak(), to.to_owned().leak());
        let span = Span::asked(given(from), given(to), now())?;
        Ok((span.first().to_string(), span.last().to_string()))
    }

    fn days(first: &str, last: &str) -> Result<(String, String), SpanError> {
        Ok((first.to_owned(), last.to_owned()))
    }

    #[test]
    fn what_is_left_out_is_the_running_month() {
        assert_eq!(asked("", ""), days("2026-11-01", "2026-11-22"));
        assert_eq!(asked("", "2026-10-05"), days("2026-10-01", "2026-10-05"));
        assert_eq!(asked("2026-10-05", ""), days("2026-10-05", "2026-11-22"));
        assert_eq!(asked("2026-12-05", ""), days("2026-12-05", "2026-12-05"));
    }

    #[test]
    fn only_days_in_their_one_spelling_are_taken() {
        for bad in [
            "2026-11-31",
            "2026-1-1",
            "20261101",
            "2026-11-01T00:00",
            "yesterday",
            "-026-11-01",
        ] {
            assert_eq!(asked(bad, "2026-11-22"), Err(SpanError::From), "{bad}");
            assert_eq!(asked("2026-11-01", bad), Err(SpanError::To), "{bad}");
        }
        assert_eq!(asked("2026-11-02", "2026-11-01"), Err(SpanError::Backwards));
    }

    #[test]
    fn four_hundred_days_are_the_most() {
        let first: Date = "2025-01-01".parse().unwrap();
        let last = |days: i64| (first + (days - 1).days()).to_string();
        assert!(asked("2025-01-01", &last(400)).is_ok());
        assert_eq!(asked("2025-01-01", &last(401)), Err(SpanError::TooLong));
        assert_eq!(asked("0000-01-01", "9999-12-31"), Err(SpanError::TooLong));
    }

    #[test]
    fn a_month_has_one_spelling_and_all_its_days() {
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "2026-11-01",
            "26-11",
            "2026/11",
            "+026-11",
        ] {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
        let month: Month = "2028-02".parse().unwrap();
        assert_eq!(month.to_string(), "2028-02");
        assert_eq!(month.in_words(), "February 2028");
        assert_eq!(month.span().days().count(), 29);
        assert_eq!(month.span().end().to_string(), "2028-03-01T00:00:00Z");
        let line: Vec<_> = month.and_before(3).map(|month| month.to_string()).collect();
        assert_eq!(line, ["2028-02", "2028-01", "2027-12"]);
    }
}
