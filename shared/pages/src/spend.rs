//! How much of a limit is used up.

use askama::{Template, filters::HtmlSafe};
use money::Nanodollars;

/// A bar that shows spent and remaining, in words and in length.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/spend.html")]
pub struct SpendBar {
    label: String,
    spent: Nanodollars,
    limit: Nanodollars,
    note: String,
}

impl SpendBar {
    /// A bar for one limit. `spent` includes what calls under way hold.
    #[must_use]
    pub fn new(label: impl Into<String>, spent: Nanodollars, limit: Nanodollars) -> Self {
        Self {
            label: label.into(),
            spent,
            limit,
            note: String::new(),
        }
    }

    /// A few words below, such as when the limit starts again.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Whole per cent, rounded down, so that only a limit used up whole shows 100.
    #[must_use]
    pub fn percent(&self) -> u8 {
        let (spent, limit) = (
            i128::from(self.spent.nanos()),
            i128::from(self.limit.nanos()),
        );
        if limit <= 0 {
            return 100;
        }
        u8::try_from((spent.max(0) * 100 / limit).min(100)).unwrap_or(100)
    }

    fn remaining(&self) -> Nanodollars {
        self.limit.remaining_after(self.spent)
    }

    fn level(&self) -> &'static str {
        match self.percent() {
            0..80 => "calm",
            80..100 => "close",
            _ => "full",
        }
    }
}

// Its template escapes what it is given.
impl HtmlSafe for SpendBar {}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(spent: i64, limit: i64) -> u8 {
        let [spent, limit] = [spent, limit].map(Nanodollars::from_nanos);
        SpendBar::new("Monthly", spent, limit).percent()
    }

    #[test]
    fn only_a_limit_used_up_whole_shows_100_per_cent() {
        assert_eq!(percent(0, 10), 0);
        assert_eq!(percent(9_999, 10_000), 99);
        assert_eq!(percent(10_000, 10_000), 100);
        assert_eq!(percent(20_000, 10_000), 100);
        assert_eq!(percent(i64::MAX, i64::MAX), 100);
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(-5, 10), 0);
    }
}
