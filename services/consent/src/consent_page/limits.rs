//! The five limits of one provider as fields of a form, and back.

use events::{GrantedLimits, RequestedLimits};
use money::Nanodollars;
use pages::Field;

/// The five limits as they stand in the form, in the order of the contract.
pub(crate) type Texts = [String; 5];
/// What is wrong with each of them, if anything.
pub(crate) type Faults = [Option<String>; 5];

/// The limits as the form shows them.
pub(crate) fn texts(limits: &GrantedLimits) -> Texts {
    [
        amount_text(limits.monthly_spend),
        amount_text(limits.daily_spend),
        limits.requests_per_minute.to_string(),
        limits.requests_per_day.to_string(),
        limits.tokens_per_request.to_string(),
    ]
}

/// Dollars and cents, with more digits only where there are more.
pub(crate) fn amount_text(amount: Nanodollars) -> String {
    let text = amount.to_string();
    match text.split_once('.').map(|(_, fraction)| fraction.len()) {
        None => format!("{text}.00"),
        Some(1) => format!("{text}0"),
        Some(_) => text,
    }
}

/// The limits that a person wrote down.
///
/// # Errors
/// What is wrong with which; nothing above `most` passes.
pub(crate) fn read(texts: &Texts, most: &GrantedLimits) -> Result<GrantedLimits, Faults> {
    let [month, day, minute, requests, tokens] = texts;
    let month = amount(month, most.monthly_spend);
    let day = amount(day, most.daily_spend);
    let minute = count(minute, most.requests_per_minute);
    let requests = count(requests, most.requests_per_day);
    let tokens = count(tokens, most.tokens_per_request);
    match (month, day, minute, requests, tokens) {
        (Ok(month), Ok(day), Ok(minute), Ok(requests), Ok(tokens)) => Ok(GrantedLimits {
            monthly_spend: month,
            daily_spend: day,
            requests_per_minute: minute,
            requests_per_day: requests,
            tokens_per_request: tokens,
        }),
        (month, day, minute, requests, tokens) => Err([
            month.err(),
            day.err(),
            minute.err(),
            requests.err(),
            tokens.err(),
        ]),
    }
}

/// An amount above nothing and at most `most`. No float on the way.
pub(crate) fn amount(text: &str, most: Nanodollars) -> Result<Nanodollars, String> {
    let digits = text.strip_prefix('$').unwrap_or(text).trim();
    let Ok(amount) = digits.parse::<Nanodollars>() else {
        return Err("Write an amount in dollars, such as 10 or 2.50.".to_owned());
    };
    if amount <= Nanodollars::ZERO {
        return Err("It has to be above 0.".to_owned());
    }
    if amount > most {
        return Err(format!("At most {} may be given.", most.for_people()));
    }
    Ok(amount)
}

/// A whole number above nothing and at most `most`.
pub(crate) fn count(text: &str, most: u32) -> Result<u32, String> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !plain {
        return Err("Write a whole number, such as 60.".to_owned());
    }
    match text.parse::<u32>() {
        Ok(0) => Err("It has to be above 0.".to_owned()),
        Ok(count) if count <= most => Ok(count),
        _ => Err(format!("At most {} may be given.", grouped(most))),
    }
}

/// The five fields.
pub(crate) fn fields(
    names: &[&'static str; 5],
    texts: &Texts,
    hints: Texts,
    faults: &Faults,
) -> Vec<Field> {
    let [month, day, minute, requests, tokens] = *names;
    let fields = [
        Field::money(month, "At most a month"),
        Field::money(day, "At most a day"),
        Field::count(minute, "Calls a minute", "calls"),
        Field::count(requests, "Calls a day", "calls"),
        Field::count(tokens, "Tokens in one call", "tokens"),
    ];
    let filled = fields.into_iter().zip(texts).zip(hints).zip(faults);
    filled
        .map(|(((field, text), hint), fault)| {
            field
                .required()
                .value(text.as_str())
                .hint(hint)
                .maybe_error(fault.clone())
        })
        .collect()
}

/// What the app asked for, and what may be given at most.
pub(crate) fn hints_of_asked(asked: &RequestedLimits, most: &GrantedLimits) -> Texts {
    let money = |asked: Option<Nanodollars>, most: Nanodollars| {
        hint(asked.map(Nanodollars::for_people), &most.for_people())
    };
    let count = |asked: Option<u32>, most: u32| hint(asked.map(grouped), &grouped(most));
    [
        money(asked.monthly_spend, most.monthly_spend),
        money(asked.daily_spend, most.daily_spend),
        count(asked.requests_per_minute, most.requests_per_minute),
        count(asked.requests_per_day, most.requests_per_day),
        count(asked.tokens_per_request, most.tokens_per_request),
    ]
}

fn hint(asked: Option<String>, most: &str) -> String {
    match asked {
        Some(asked) => format!("App asks {asked} · at most {most}"),
        None => format!("App names none · at most {most}"),
    }
}

/// What counts now, and what may be given at most where that is worth saying.
pub(crate) fn hints_of_current(current: &GrantedLimits, most: Option<&GrantedLimits>) -> Texts {
    let now = |current: String, most: Option<String>| match most {
        Some(most) => format!("Now {current} · at most {most}"),
        None => format!("Now {current}"),
    };
    let money = |of: fn(&GrantedLimits) -> Nanodollars| {
        now(
            of(current).for_people(),
            most.map(|most| of(most).for_people()),
        )
    };
    let count = |of: fn(&GrantedLimits) -> u32| {
        now(grouped(of(current)), most.map(|most| grouped(of(most))))
    };
    [
        money(|limits| limits.monthly_spend),
        money(|limits| limits.daily_spend),
        count(|limits| limits.requests_per_minute),
        count(|limits| limits.requests_per_day),
        count(|limits| limits.tokens_per_request),
    ]
}

/// A count with its thousands apart: `12,408`.
pub(crate) fn grouped(count: impl Into<u64>) -> String {
    let digits = count.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most() -> GrantedLimits {
        GrantedLimits {
            monthly_spend: Nanodollars::from_dollars(5),
            daily_spend: Nanodollars::from_nanos(2_500_000_000),
            requests_per_minute: 60,
            requests_per_day: 2_000,
            tokens_per_request: 400_000,
        }
    }

    #[test]
    fn what_the_form_shows_reads_back_as_it_was() {
        let shown = texts(&most());
        assert_eq!(shown, ["5.00", "2.50", "60", "2000", "400000"]);
        assert_eq!(read(&shown, &most()), Ok(most()));
        assert_eq!(amount_text(Nanodollars::from_nanos(1)), "0.000000001");
    }

    #[test]
    fn each_limit_is_refused_by_itself() {
        for (place, bad) in [
            (0, "5.000000001"),
            (0, "0"),
            (0, "-1"),
            (0, "1e2"),
            (0, "NaN"),
            (0, ""),
            (0, "5,00"),
            (0, "0.0000000001"),
            (1, "2.51"),
            (2, "61"),
            (2, "0"),
            (2, "+5"),
            (2, "1.5"),
            (3, "99999999999999999999"),
            (3, "2001"),
            (4, ""),
            (4, "many"),
        ] {
            let mut texts = texts(&most());
            texts[place] = bad.to_owned();
            let faults = read(&texts, &most()).unwrap_err();
            let wrong: Vec<usize> = (0..5).filter(|at| faults[*at].is_some()).collect();
            assert_eq!(wrong, [place], "{bad}");
        }
    }

    #[test]
    fn a_hint_says_what_was_asked_and_what_may_be_given() {
        let asked = RequestedLimits {
            monthly_spend: Some(Nanodollars::from_dollars(25)),
            requests_per_minute: Some(60),
            ..RequestedLimits::default()
        };
        let hints = hints_of_asked(&asked, &most());
        assert_eq!(hints[0], "App asks $25.00 · at most $5.00");
        assert_eq!(hints[2], "App asks 60 · at most 60");
        assert_eq!(hints[3], "App names none · at most 2,000");
    }
}
