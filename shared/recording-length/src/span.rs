//! A stretch of sound, as two readings of it.

use crate::Length;

const NANOS: u64 = 1_000_000_000;

/// Below this, speech is not speech, and one byte would be long seconds.
const LOWEST_RATE: u32 = 4_000;

/// A stretch of sound in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub likely: u64,
    pub most: u64,
}

impl Span {
    /// The same by both readings.
    pub fn sure(nanos: u64) -> Self {
        Self {
            likely: nanos,
            most: nanos,
        }
    }

    pub fn add(&mut self, other: Self) {
        self.likely = self.likely.saturating_add(other.likely);
        self.most = self.most.saturating_add(other.most);
    }

    pub fn or_longer(self, other: Self) -> Self {
        Self {
            likely: self.likely.max(other.likely),
            most: self.most.max(other.most),
        }
    }

    /// Nothing at all cannot be told from something not understood.
    pub fn length(self) -> Option<Length> {
        let seconds = self.likely.div_ceil(NANOS).max(1);
        let at_most = self.most.div_ceil(NANOS).max(seconds);
        (self.most > 0).then_some(Length { seconds, at_most })
    }
}

/// How long so many samples last, rounded up, at a rate a decoder would take.
pub(crate) fn nanos(samples: u64, rate: u32) -> Option<u64> {
    (rate >= LOWEST_RATE).then(|| ticks(samples, u64::from(rate)))?
}

/// How long so many ticks last, rounded up.
pub(crate) fn ticks(ticks: u64, a_second: u64) -> Option<u64> {
    // The usual case, much faster than the wide division.
    if let Some(nanos) = ticks.checked_mul(NANOS) {
        return (a_second > 0).then(|| nanos.div_ceil(a_second));
    }
    let nanos = u128::from(ticks).saturating_mul(NANOS.into());
    let nanos = (a_second > 0).then(|| nanos.div_ceil(a_second.into()))?;
    Some(u64::try_from(nanos).unwrap_or(u64::MAX))
}
