//! How long a grant lasts: a few lengths to choose from, never beyond the ceiling.

use std::time::Duration;

use jiff::Timestamp;
use pages::{Choice, filters::instant_text};

use crate::policy::after;

const DAY: Duration = Duration::from_secs(86_400);
/// The value of the longest choice, where it is none of the round ones.
const LONGEST: &str = "longest";

/// A length to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length {
    value: &'static str,
    label: &'static str,
    days: u32,
}

/// What is offered for a new grant.
pub(crate) const LENGTHS: [Length; 3] = [
    Length {
        value: "1",
        label: "24 hours",
        days: 1,
    },
    Length {
        value: "7",
        label: "7 days",
        days: 7,
    },
    Length {
        value: "30",
        label: "30 days",
        days: 30,
    },
];

/// What is offered for a grant that exists: more, because the app is known by now.
pub(crate) const LONGER_LENGTHS: [Length; 5] = [
    LENGTHS[0],
    LENGTHS[1],
    LENGTHS[2],
    Length {
        value: "90",
        label: "90 days",
        days: 90,
    },
    Length {
        value: "365",
        label: "a year",
        days: 365,
    },
];

/// The span to choose from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The round lengths, the shortest first.
    pub lengths: &'static [Length],
    /// The present instant.
    pub now: Timestamp,
    /// Until when at most.
    pub most: Timestamp,
    /// Whether the app asked for exactly that.
    pub as_asked: bool,
}

impl Span {
    fn until(&self, length: Length) -> Timestamp {
        after(self.now, DAY * length.days)
    }

    /// The choices within the span; the longest is the last.
    pub(crate) fn choices(&self, chosen: &str) -> Vec<Choice> {
        let offered = self.offered().into_iter();
        offered
            .map(|(value, label)| Choice::new(value, label).chosen(value == chosen))
            .collect()
    }

    /// The value of the longest choice.
    pub(crate) fn longest(&self) -> &'static str {
        self.offered().last().map_or(LONGEST, |(value, _)| value)
    }

    fn offered(&self) -> Vec<(&'static str, String)> {
        let mut within = self
            .lengths
            .iter()
            .filter(|length| self.until(**length) <= self.most);
        let round = within
            .clone()
            .map(|length| (length.value, length.label.to_owned()));
        let mut offered: Vec<_> = round.collect();
        if within
            .next_back()
            .is_none_or(|length| self.until(*length) != self.most)
        {
            let until = instant_text(self.most);
            let label = if self.as_asked {
                "As asked"
            } else {
                "As long as possible"
            };
            offered.push((LONGEST, format!("{label}: until {until}")));
        }
        offered
    }

    /// Until when a choice lasts; `None` for none of ours. Time that has passed since the page was
    /// shown shortens a choice that no longer fits, and never lengthens one.
    pub(crate) fn read(&self, value: &str) -> Option<Timestamp> {
        if value == LONGEST {
            return Some(self.most);
        }
        let length = self.lengths.iter().find(|length| length.value == value)?;
        Some(self.until(*length).min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn span(most: &str, as_asked: bool) -> Span {
        Span {
            lengths: &LENGTHS,
            now: at("2026-11-22T12:00:00Z"),
            most: at(most),
            as_asked,
        }
    }

    #[test]
    fn only_what_lies_within_the_ceiling_is_offered() {
        let offered = |most| span(most, true).choices("").len();
        assert_eq!(offered("2026-11-22T14:00:00Z"), 1, "as asked");
        assert_eq!(offered("2026-11-23T12:00:00Z"), 1, "24 hours, exactly");
        assert_eq!(
            offered("2026-12-01T12:00:00Z"),
            3,
            "24 hours, 7 days, as asked"
        );
        assert_eq!(
            offered("2026-12-22T12:00:00Z"),
            3,
            "24 hours, 7 days, 30 days"
        );
        assert_eq!(offered("2027-06-01T00:00:00Z"), 4);
    }

    #[test]
    fn no_choice_outlasts_the_ceiling() {
        let short = span("2026-11-25T00:00:00Z", true);
        assert_eq!(short.read("1"), Some(at("2026-11-23T12:00:00Z")));
        for long in ["7", "30", "longest"] {
            assert_eq!(short.read(long), Some(at("2026-11-25T00:00:00Z")), "{long}");
        }
        for unknown in ["", "365", "never", "-1"] {
            assert_eq!(short.read(unknown), None, "{unknown}");
        }
    }
}
