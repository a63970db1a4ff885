//! How values are written for people. Bring this module into scope beside a template:
//! `use pages::filters;`, then `{{ spent|money }}`.

use ::money::Nanodollars;
use askama::{Result, Values, filter_fn};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// Dollars and cents; more digits for amounts below a cent.
#[filter_fn]
pub fn money(amount: &Nanodollars, _: &dyn Values) -> Result<String> {
    Ok(amount.for_people())
}

/// An instant in UTC to the minute: `22 Nov 2026, 11:34 UTC`.
#[filter_fn]
pub fn instant(at: &Timestamp, _: &dyn Values) -> Result<String> {
    Ok(instant_text(*at))
}

/// The UTC day of an instant: `22 Nov 2026`.
#[filter_fn]
pub fn day(at: &Timestamp, _: &dyn Values) -> Result<String> {
    Ok(date_text(at.to_zoned(TimeZone::UTC).date()))
}

/// A calendar day: `22 Nov 2026`.
#[filter_fn]
pub fn date(day: &Date, _: &dyn Values) -> Result<String> {
    Ok(date_text(*day))
}

/// How far from `now`: `3 minutes ago`, `in 2 days`, `just now`; the day when it is far.
#[filter_fn]
pub fn ago(at: &Timestamp, _: &dyn Values, now: &Timestamp) -> Result<String> {
    Ok(ago_text(*at, *now))
}

/// Text that an app supplied: without control, bidirectional and zero-width characters, and at
/// most 80 characters long. Still escaped like any text.
#[filter_fn]
pub fn foreign(text: &str, _: &dyn Values) -> Result<String> {
    Ok(foreign_text(text, 80))
}

/// Longer text that an app supplied, such as its reason; at most 500 characters.
#[filter_fn]
pub fn foreign_long(text: &str, _: &dyn Values) -> Result<String> {
    Ok(foreign_text(text, 500))
}

/// What [`instant`] writes.
#[must_use]
pub fn instant_text(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// What [`date`] writes.
#[must_use]
pub fn date_text(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

/// What [`ago`] writes.
#[must_use]
pub fn ago_text(at: Timestamp, now: Timestamp) -> String {
    let past = at <= now;
    let distance = now.duration_since(at).abs();
    let written = match distance {
        near if near < SignedDuration::from_secs(45) => {
            return if past { "just now" } else { "in a moment" }.to_owned();
        }
        // Half a unit is added, so that 89 minutes are one hour and 91 are two.
        minutes if minutes < SignedDuration::from_mins(60) => {
            counted((minutes.as_secs() + 30) / 60, "minute")
        }
        hours if hours < SignedDuration::from_hours(24) => {
            counted((hours.as_mins() + 30) / 60, "hour")
        }
        days if days < SignedDuration::from_hours(24 * 31) => {
            counted((days.as_hours() + 12) / 24, "day")
        }
        _ => return format!("on {}", date_text(at.to_zoned(TimeZone::UTC).date())),
    };
    if past {
        format!("{written} ago")
    } else {
        format!("in {written}")
    }
}

fn counted(count: i64, unit: &str) -> String {
    let count = count.max(1);
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What [`foreign`] writes.
#[must_use]
pub fn foreign_text(text: &str, most: usize) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(most + 1)
        .collect();
    if shown.chars().count() > most {
        shown = shown.chars().take(most.saturating_sub(1)).collect();
        shown.push('…');
    }
    shown.trim().to_owned()
}

/// Characters that change how others are read without being seen: zero-width, bidirectional
/// controls, variation selectors, tags, and fillers that look like nothing.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn instants_are_written_in_utc() {
        let instant = at("2026-11-02T09:04:59.5+02:00");
        assert_eq!(instant_text(instant), "2 Nov 2026, 07:04 UTC");
    }

    #[test]
    fn near_times_are_written_as_distances() {
        let now = at("2026-11-22T12:00:00Z");
        for (then, text) in [
            ("2026-11-22T11:59:40Z", "just now"),
            ("2026-11-22T12:00:10Z", "in a moment"),
            ("2026-11-22T11:59:00Z", "1 minute ago"),
            ("2026-11-22T10:31:00Z", "1 hour ago"),
            ("2026-11-22T10:29:00Z", "2 hours ago"),
            ("2026-11-24T12:00:00Z", "in 2 days"),
            ("2026-01-01T00:00:00Z", "on 1 Jan 2026"),
        ] {
            assert_eq!(ago_text(at(then), now), text, "{then}");
        }
    }

    #[test]
    fn foreign_text_cannot_hide_or_turn_anything() {
        assert_eq!(
            foreign_text("Acme\u{202e}txe.kcap\u{200b}", 80),
            "Acmetxe.kcap"
        );
        assert_eq!(foreign_text("  two\nlines\u{0}\u{7}  ", 80), "two lines");
        assert_eq!(foreign_text(&"x".repeat(100), 80).chars().count(), 80);
        assert_eq!(foreign_text("exactly", 7), "exactly");
        assert_eq!(foreign_text("Zürich 東京 🙂", 80), "Zürich 東京 🙂");
    }
}
