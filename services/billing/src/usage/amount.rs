//! Sums of money that no organization can overflow.

use std::fmt;

use money::Nanodollars;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

const NANOS_PER_DOLLAR: u128 = 1_000_000_000;
const NANOS_PER_CENT: u128 = 10_000_000;

/// A sum of amounts, in nano-USD. Wider than one amount: every sum of recorded costs fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ToSchema)]
#[schema(value_type = String, example = "12.345678901")]
pub struct Sum(i128);

impl Sum {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The sum as Postgres adds `bigint`s: a whole number in text; `None` when it is none.
    #[must_use]
    pub fn from_numeric(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// How many nano-USD.
    #[must_use]
    pub const fn nanos(self) -> i128 {
        self.0
    }

    /// The sum with one more amount.
    #[must_use]
    pub fn plus(self, other: impl Into<Self>) -> Self {
        // 10^20 of the largest amounts would be needed to reach the end.
        Self(self.0.saturating_add(other.into().0))
    }

    /// Plain decimal dollars with all nine digits, such as `10.000000000`: the form of exports.
    #[must_use]
    pub fn nine_digits(self) -> String {
        let (sign, nanos) = self.sign_and_size();
        format!(
            "{sign}{}.{:09}",
            nanos / NANOS_PER_DOLLAR,
            nanos % NANOS_PER_DOLLAR
        )
    }

    /// For people: thousands marked, rounded to cents unless that hides all of it.
    #[must_use]
    pub fn for_people(self) -> String {
        let (sign, nanos) = self.sign_and_size();
        if 0 < nanos && nanos < NANOS_PER_CENT {
            let amount = i64::try_from(self.0).map_or(Nanodollars::ZERO, Nanodollars::from_nanos);
            return amount.for_people();
        }
        let cents = (nanos + NANOS_PER_CENT / 2) / NANOS_PER_CENT;
        format!("{sign}${}.{:02}", in_thousands(cents / 100), cents % 100)
    }

    const fn sign_and_size(self) -> (&'static str, u128) {
        (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs())
    }
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn in_thousands(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl From<Nanodollars> for Sum {
    fn from(amount: Nanodollars) -> Self {
        Self(i128::from(amount.nanos()))
    }
}

impl fmt::Display for Sum {
    /// Plain decimal dollars without trailing zeros, such as `10` or `0.000000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.nine_digits();
        f.write_str(exact.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Sum {
    /// A decimal string: money is never a float on the wire.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sum_is_written_as_an_amount_is(nanos in i64::MIN + 1..i64::MAX) {
            let amount = Nanodollars::from_nanos(nanos);
            prop_assert_eq!(Sum::from(amount).to_string(), amount.to_string());
            let nine = Sum::from(amount).nine_digits();
            prop_assert_eq!(nine.split_once('.').unwrap().1.len(), 9);
            prop_assert_eq!(nine.parse::<Nanodollars>(), Ok(amount));
        }
    }

    #[test]
    fn sums_go_beyond_one_amount() {
        let most = Nanodollars::from_nanos(i64::MAX);
        let sum = Sum::from(most).plus(most).plus(most);
        assert_eq!(sum.nanos(), 3 * i128::from(i64::MAX));
        assert_eq!(sum.to_string(), "27670116110.564327421");
        assert_eq!(sum.for_people(), "$27,670,116,110.56");
    }

    #[test]
    fn people_see_cents_and_small_amounts() {
        for (nanos, shown) in [
            (0, "$0.00"),
            (1_234_000, "$0.001234"),
            (9_995_000_000, "$10.00"),
            (1_234_567_890_000, "$1,234.57"),
            (1_000_000_000_000_000, "$1,000,000.00"),
        ] {
            assert_eq!(Sum(nanos).for_people(), shown);
        }
    }
}
