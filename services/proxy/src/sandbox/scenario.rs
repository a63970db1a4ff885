//! What each of the sandbox's models does.

use events::{GrantedLimits, LimitName};
use jiff::Timestamp;
use money::Nanodollars;

use crate::error::{GrantedAt, Refusal};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// It is answered with its own last message.
    Echo,
    /// The same, spread over three seconds.
    Slow,
    /// The answer breaks off half-way.
    Cut,
    /// It makes vectors.
    Embedding,
    /// The provider answers with this status.
    Fails(u16),
    /// The vault refuses it.
    Refused(Rehearsed),
}

/// What the vault refuses a call for, where nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rehearsed {
    /// The grant was revoked.
    Revoked,
    /// The grant has expired.
    Expired,
    /// The month's money is spent.
    Spent,
    /// The model is not granted.
    NotGranted,
    /// The minute's calls are used up.
    TooOften,
    /// The provider cannot be reached.
    Unreachable,
    /// Limits cannot be checked.
    Unavailable,
    /// The provider took too long.
    Late,
}

/// Every model, as the price book lists them too.
pub(crate) const MODELS: [(&str, Scenario); 14] = [
    ("sandbox-echo", Scenario::Echo),
    ("sandbox-slow", Scenario::Slow),
    ("sandbox-cut", Scenario::Cut),
    ("sandbox-embedding", Scenario::Embedding),
    // A provider that refuses the key: the app is told 424.
    ("sandbox-401", Scenario::Fails(401)),
    ("sandbox-500", Scenario::Fails(500)),
    ("sandbox-revoked", Scenario::Refused(Rehearsed::Revoked)),
    ("sandbox-expired", Scenario::Refused(Rehearsed::Expired)),
    ("sandbox-402", Scenario::Refused(Rehearsed::Spent)),
    ("sandbox-403", Scenario::Refused(Rehearsed::NotGranted)),
    ("sandbox-429", Scenario::Refused(Rehearsed::TooOften)),
    ("sandbox-502", Scenario::Refused(Rehearsed::Unreachable)),
    ("sandbox-503", Scenario::Refused(Rehearsed::Unavailable)),
    ("sandbox-504", Scenario::Refused(Rehearsed::Late)),
];

/// After a forced 429, an app may try again after this many seconds.
const RETRY_AFTER: u32 = 2;

impl Scenario {
    /// What a model does; a name in the table is the only way in, as the price book knows no other.
    pub(crate) fn of(model: &str) -> Option<Self> {
        let known = MODELS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(model));
        known.map(|(_, scenario)| *scenario)
    }
}

/// The refusal that a model stands for: the vault's own, written where the true one is written, so
/// that an app cannot tell them apart.
pub(crate) fn refusal(
    at: GrantedAt,
    model: &str,
    limits: &GrantedLimits,
    now: Timestamp,
) -> Option<Refusal> {
    let Some(Scenario::Refused(rehearsed)) = Scenario::of(model) else {
        return None;
    };
    Some(match rehearsed {
        Rehearsed::Revoked => Refusal::TokenRevoked,
        Rehearsed::Expired => Refusal::TokenExpired,
        Rehearsed::Spent => Refusal::SpendLimit {
            whose: "",
            limit_name: LimitName::MonthlySpend,
            spent: limits.monthly_spend,
            reserved: Nanodollars::ZERO,
            limit: limits.monthly_spend,
            needed: Nanodollars::from_nanos(10_000_000),
            resets_at: clock::next_month(now),
            at: Box::new(at),
        },
        Rehearsed::NotGranted => Refusal::ModelNotGranted {
            model: model.to_owned(),
            granted: "sandbox-echo".to_owned(),
            at: Box::new(at),
        },
        Rehearsed::TooOften => Refusal::RateLimit {
            whose: "",
            limit_name: LimitName::RequestsPerMinute,
            limit: limits.requests_per_minute,
            retry_after_seconds: RETRY_AFTER,
        },
        Rehearsed::Unreachable => Refusal::ProviderUnreachable(at.provider),
        Rehearsed::Unavailable => Refusal::VaultUnavailable,
        Rehearsed::Late => Refusal::ProviderLate(at.provider),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use price_book::PriceBook;

    use super::*;

    #[test]
    fn every_model_has_a_price_and_it_is_nothing() {
        let book = PriceBook::embedded().unwrap();
        let priced: BTreeSet<&str> = book.models("sandbox").collect();
        let made: BTreeSet<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        assert_eq!(priced, made);
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        for name in made {
            let price = book.price("sandbox", name, now).unwrap();
            assert_eq!(price.worst_case(100_000, 100_000), Nanodollars::ZERO);
        }
    }
}
