#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic, clippy::as_conversions)]

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANOS_PER_DOLLAR: i64 = 1_000_000_000;

/// The largest amount a limit may name: 4,000,000 USD.
///
/// Limits are compared in Redis scripts, whose numbers are exact up to 2⁵³ (about 9 million USD
/// in nanodollars); the sum of a limit and one reservation must stay below that.
pub const LARGEST_LIMIT: Nanodollars = Nanodollars(4_000_000 * NANOS_PER_DOLLAR);

/// An amount in nano-USD (10⁻⁹ USD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanodollars(i64);

/// Why a text is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not plain decimal digits with at most one point, such as `10` or `0.25`.
    #[error("an amount is written in plain decimal digits, such as 10 or 0.25")]
    Format,
    /// More than nine digits after the point.
    #[error("an amount has at most nine digits after the point")]
    Precision,
    /// Outside the range of the type.
    #[error("the amount is too large")]
    Range,
}

impl Nanodollars {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The amount of this many nano-USD.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount of this many whole dollars; the largest amount if that overflows.
    #[must_use]
    pub const fn from_dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(NANOS_PER_DOLLAR))
    }

    /// The amount of `dollars`, rounded up once to the nano-USD; `None` when it does not fit.
    #[must_use]
    pub fn from_decimal_rounded_up(dollars: Decimal) -> Option<Self> {
        dollars
            .checked_mul(Decimal::from(NANOS_PER_DOLLAR))?
            .round_dp_with_strategy(0, RoundingStrategy::AwayFromZero)
            .to_i64()
            .map(Self)
    }

    /// The amount that a JSON number writes, exactly: its digits are moved, never calculated.
    /// Some programs write small amounts with an exponent, such as `5e-05`.
    ///
    /// # Errors
    /// When it is not a decimal number, has more than nine digits after the point, or is too large.
    pub fn from_json_number(text: &str) -> Result<Self, MoneyError> {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
            return text.parse();
        };
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
        let exponent: i32 = exponent.parse().map_err(|_| MoneyError::Format)?;
        let (sign, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{fraction}");
        if whole.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MoneyError::Format);
        }
        // Far beyond any amount on either side: no text of that length is made.
        let point = i32::try_from(whole.len()).map_err(|_| MoneyError::Range)?;
        let point = match point.checked_add(exponent) {
            Some(point) if point > 40 => return Err(MoneyError::Range),
            Some(point) if point >= -40 => point,
            _ => return Err(MoneyError::Precision),
        };
        let plain = match usize::try_from(point) {
            Ok(point) if point >= all.len() => format!("{all:0<point$}"),
            Ok(point) if point > 0 => format!("{}.{}", &all[..point], &all[point..]),
            _ => format!(
                "0.{}{all}",
                "0".repeat(usize::try_from(-point).unwrap_or(0))
            ),
        };
        format!("{sign}{plain}").parse()
    }

    /// The amount that a JSON number writes, rounded up to the nano-USD: for bills of others, who
    /// count finer or in binary fractions.
    ///
    /// # Errors
    /// When it is not a decimal number or is too large.
    pub fn from_json_number_rounded_up(text: &str) -> Result<Self, MoneyError> {
        let dollars = text
            .parse()
            .or_else(|_| Decimal::from_scientific(text))
            .map_err(|_| MoneyError::Format)?;
        Self::from_decimal_rounded_up(dollars).ok_or(MoneyError::Range)
    }

    /// How many nano-USD.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum; `None` when it does not fit.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference; `None` when it does not fit.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// What is left of `self` after `other`, never below zero.
    #[must_use]
    pub const fn remaining_after(self, other: Self) -> Self {
        let left = self.0.saturating_sub(other.0);
        Self(if left < 0 { 0 } else { left })
    }

    /// For people: rounded to cents where that loses nothing worth seeing, never in scientific form.
    #[must_use]
    pub fn for_people(self) -> String {
        let amount = Decimal::new(self.0, 9);
        if self.0 != 0 && self.0.abs() < NANOS_PER_DOLLAR / 100 {
            return format!("${}", amount.round_dp(6).normalize());
        }
        format!("${:.2}", amount.round_dp(2))
    }
}

/// The longest amount: a sign, ten digits of dollars, a point and nine digits.
const LONGEST_TEXT: usize = 21;

impl Nanodollars {
    /// Writes the amount into the end of `digits` and gives it. Each call writes several amounts, so
    /// this goes without a `Decimal` and without formatting.
    fn text(self, digits: &mut [u8; LONGEST_TEXT]) -> &str {
        let (nanos, per_dollar) = (self.0.unsigned_abs(), NANOS_PER_DOLLAR.unsigned_abs());
        let (mut dollars, mut fraction) = (nanos / per_dollar, nanos % per_dollar);
        let mut start = digits.len();
        let mut put = |byte| {
            start -= 1;
            digits[start] = byte;
        };
        if fraction > 0 {
            let mut places = 9;
            while fraction % 10 == 0 {
                fraction /= 10;
                places -= 1;
            }
            for _ in 0..places {
                put(last_digit(fraction));
                fraction /= 10;
            }
            put(b'.');
        }
        loop {
            put(last_digit(dollars));
            dollars /= 10;
            if dollars == 0 {
                break;
            }
        }
        if self.0 < 0 {
            put(b'-');
        }
        // Digits, a point and a sign are always UTF-8.
        std::str::from_utf8(&digits[start..]).unwrap_or_default()
    }
}

fn last_digit(number: u64) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

impl fmt::Display for Nanodollars {
    /// Plain decimal dollars without trailing zeros, such as `10` or `0.000000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; LONGEST_TEXT]))
    }
}

impl FromStr for Nanodollars {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return Err(MoneyError::Format);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 9 {
            return Err(MoneyError::Precision);
        }
        let whole: i64 = whole.parse().map_err(|_| MoneyError::Range)?;
        let nanos: i64 = format!("{fraction:0<9}")
            .parse()
            .map_err(|_| MoneyError::Format)?;
        let total = whole
            .checked_mul(NANOS_PER_DOLLAR)
            .and_then(|dollars| dollars.checked_add(nanos))
            .ok_or(MoneyError::Range)?;
        Ok(Self(if negative { -total } else { total }))
    }
}

impl Serialize for Nanodollars {
    /// A decimal string: money is never a float on the wire.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text(&mut [0; LONGEST_TEXT]))
    }
}

impl<'de> Deserialize<'de> for Nanodollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_amount_is_written_as_the_decimal_library_writes_it(nanos: i64, zeros in 0_u32..12) {
            let shorter = nanos / 10_i64.pow(zeros) * 10_i64.pow(zeros);
            for nanos in [nanos, shorter, nanos % 1_000_000_000, i64::MIN, 0] {
                let expected = Decimal::new(nanos, 9).normalize().to_string();
                prop_assert_eq!(Nanodollars::from_nanos(nanos).to_string(), expected);
            }
        }

        #[test]
        fn an_amount_reads_back_from_its_text(nanos in i64::MIN + 1..i64::MAX) {
            let amount = Nanodollars::from_nanos(nanos);
            prop_assert_eq!(amount.to_string().parse::<Nanodollars>(), Ok(amount));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _parsed = text.parse::<Nanodollars>();
            let _parsed = Nanodollars::from_json_number(&text);
        }

        #[test]
        fn an_exponent_only_moves_the_point(nanos in 1_i64..1_000_000_000_000, exponent in -9_i32..9) {
            let amount = Nanodollars::from_nanos(nanos);
            let moved = Decimal::new(nanos, 9) * Decimal::from_scientific(&format!("1e{}", -exponent)).unwrap();
            let text = format!("{moved}e{exponent}");
            prop_assert_eq!(Nanodollars::from_json_number(&text), Ok(amount), "{}", text);
        }
    }

    #[test]
    fn only_plain_decimals_are_amounts() {
        for bad in [
            "", ".", "1.", ".5", "1e3", "NaN", "inf", "+1", " 1", "0x1", "1,000", "--1",
        ] {
            assert_eq!(bad.parse::<Nanodollars>(), Err(MoneyError::Format), "{bad}");
        }
        assert_eq!(
            "0.0000000001".parse::<Nanodollars>(),
            Err(MoneyError::Precision)
        );
        assert_eq!("9223372037".parse::<Nanodollars>(), Err(MoneyError::Range));
        assert_eq!(
            "10.50".parse::<Nanodollars>(),
            Ok(Nanodollars::from_nanos(10_500_000_000))
        );
    }

    #[test]
    fn json_numbers_with_an_exponent_are_exact_or_refused() {
        let read = Nanodollars::from_json_number;
        assert_eq!(read("5e-05"), Ok(Nanodollars::from_nanos(50_000)));
        assert_eq!(read("1.25E+1"), Ok(Nanodollars::from_nanos(12_500_000_000)));
        assert_eq!(read("10.0"), Ok(Nanodollars::from_dollars(10)));
        assert_eq!(read("1e-10"), Err(MoneyError::Precision));
        assert_eq!(read("1e400"), Err(MoneyError::Range));
        assert_eq!(read("1e-99999999999"), Err(MoneyError::Format));
        assert_eq!(read("1e"), Err(MoneyError::Format));
        assert_eq!(read("e5"), Err(MoneyError::Format));
    }

    #[test]
    fn rounding_happens_once_and_upward() {
        let third = Decimal::ONE / Decimal::from(3_000_000_000_u64);
        assert_eq!(
            Nanodollars::from_decimal_rounded_up(third),
            Some(Nanodollars::from_nanos(1))
        );
        assert_eq!(Nanodollars::from_decimal_rounded_up(Decimal::MAX), None);
    }

    #[test]
    fn people_see_cents_and_small_amounts() {
        assert_eq!(
            Nanodollars::from_nanos(10_499_999_999).for_people(),
            "$10.50"
        );
        assert_eq!(Nanodollars::from_nanos(1_234_000).for_people(), "$0.001234");
        assert_eq!(Nanodollars::ZERO.for_people(), "$0.00");
    }
}
