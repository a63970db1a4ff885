//! Exact sums of money below the nano-dollar.

use money::Nanodollars;

/// A sum in units of 1/9,000,000 nano-dollar: every rate in the book, whether per million tokens,
/// per thousand searches or per hour, times a whole count is a whole number of these.
///
/// Arithmetic saturates: a sum beyond the type is the largest sum, never a small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Amount(u128);

const UNITS_PER_NANODOLLAR: u128 = 9_000_000;
const PER_MILLION: u128 = UNITS_PER_NANODOLLAR / 1_000_000;
const PER_THOUSAND: u128 = UNITS_PER_NANODOLLAR / 1_000;
const PER_HOUR: u128 = UNITS_PER_NANODOLLAR / 3_600;

impl Amount {
    /// `count` at `rate` per million of them.
    pub(crate) fn per_million(rate: Option<Nanodollars>, count: u64) -> Self {
        Self::of(rate, count, PER_MILLION)
    }

    /// `count` at `rate` per thousand of them.
    pub(crate) fn per_thousand(rate: Option<Nanodollars>, count: u64) -> Self {
        Self::of(rate, count, PER_THOUSAND)
    }

    /// `seconds` at `rate` per hour.
    pub(crate) fn per_hour(rate: Option<Nanodollars>, seconds: u64) -> Self {
        Self::of(rate, seconds, PER_HOUR)
    }

    fn of(rate: Option<Nanodollars>, count: u64, units: u128) -> Self {
        let nanos = rate.map_or(0, |rate| u128::try_from(rate.nanos()).unwrap_or(0));
        Self((nanos * u128::from(count)).saturating_mul(units))
    }

    /// The sum in nano-dollars, rounded up: the one rounding there is.
    pub(crate) fn rounded_up(self) -> Nanodollars {
        let nanos = self.0.div_ceil(UNITS_PER_NANODOLLAR);
        Nanodollars::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| {
            Self(sum.0.saturating_add(amount.0))
        })
    }
}
