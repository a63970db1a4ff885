#![doc = include_str!("../README.md")]

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Where the present instant comes from. Cheap to clone; clones of a set clock move together.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn set(at: Timestamp) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(at.as_microsecond()))))
    }

    /// The present instant, to the microsecond, as Postgres keeps it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one door")]
            Source::System => {
                let now = Timestamp::now();
                Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
            }
            Source::Set(micros) => Timestamp::from_microsecond(micros.load(Ordering::SeqCst))
                .unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    /// Moves a set clock; the machine's clock stays as it is.
    pub fn move_to(&self, at: Timestamp) {
        if let Source::Set(micros) = &self.0 {
            micros.store(at.as_microsecond(), Ordering::SeqCst);
        }
    }
}

/// The UTC calendar day of an instant.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The first UTC day of an instant's calendar month.
#[must_use]
pub fn month_of(at: Timestamp) -> Date {
    day_of(at).first_of_month()
}

/// The instant at which a UTC calendar day begins.
#[must_use]
pub fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |start| start.timestamp())
}

/// When the day that holds `at` ends and the next begins.
#[must_use]
pub fn next_day(at: Timestamp) -> Timestamp {
    day_of(at).tomorrow().map_or(Timestamp::MAX, start_of)
}

/// When the month that holds `at` ends and the next begins.
#[must_use]
pub fn next_month(at: Timestamp) -> Timestamp {
    day_of(at)
        .last_of_month()
        .tomorrow()
        .map_or(Timestamp::MAX, start_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_utc_calendar_periods() {
        let at: Timestamp = "2026-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(day_of(at).to_string(), "2026-12-31");
        assert_eq!(month_of(at).to_string(), "2026-12-01");
        assert_eq!(next_day(at).to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(next_month(at).to_string(), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn clones_of_a_set_clock_move_together() {
        let clock = Clock::set(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        clock.move_to("2026-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(other.now(), clock.now());
    }
}
