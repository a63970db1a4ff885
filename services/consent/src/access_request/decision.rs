//! From a decision on the wire to the details that are granted.

use events::{AuthorizationDetail, GrantedLimits, RequestedDetail, RequestedLimits};
use ids::ProviderKeyId;

use super::details::InvalidDetails;
use crate::policy::Ceiling;

/// What a person chose at one provider. What they left alone stays as asked, within the ceiling.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// A narrower version of what was asked.
    pub narrowed: Option<RequestedDetail>,
    /// The key that pays.
    pub key: Option<ProviderKeyId>,
}

/// Puts together what is granted: the person's choice, or else what was asked, both within the
/// ceiling. Widening is left in place for the rules to refuse.
///
/// # Errors
/// When no key is named and the person has none for the provider.
pub fn granted(
    ceiling: &Ceiling,
    asked: &RequestedDetail,
    choice: Choice,
) -> Result<AuthorizationDetail, InvalidDetails> {
    let Choice { narrowed, key } = choice;
    let Some(key_id) = key else {
        return Err(InvalidDetails::new(
            "key_ids",
            format!(
                "no usable {} key is stored; add one under Provider keys",
                asked.provider.display_name()
            ),
        ));
    };
    let limits = narrowed.as_ref().map_or(ceiling.limits, |narrowed| {
        named_or(&narrowed.limits, &ceiling.limits)
    });
    let chosen = narrowed.unwrap_or_else(|| RequestedDetail {
        expires: None,
        ..asked.clone()
    });
    Ok(AuthorizationDetail {
        // Not the one that was asked: a decision about another provider is no decision about it.
        provider: chosen.provider,
        models: chosen.models,
        capabilities: chosen.capabilities,
        limits,
        expires: chosen.expires.unwrap_or(ceiling.expires),
        key_id,
        reason: asked.reason.clone(),
    })
}

/// The limits a person named; those they left out are the `others`, and a day's never above the
/// month's.
#[must_use]
pub fn named_or(named: &RequestedLimits, others: &GrantedLimits) -> GrantedLimits {
    let monthly_spend = named.monthly_spend.unwrap_or(others.monthly_spend);
    GrantedLimits {
        monthly_spend,
        daily_spend: named
            .daily_spend
            .unwrap_or(others.daily_spend.min(monthly_spend)),
        requests_per_minute: named
            .requests_per_minute
            .unwrap_or(others.requests_per_minute),
        requests_per_day: named.requests_per_day.unwrap_or(others.requests_per_day),
        tokens_per_request: named
            .tokens_per_request
            .unwrap_or(others.tokens_per_request),
    }
}

#[cfg(test)]
mod tests {
    use events::Verification;
    use jiff::Timestamp;

    use super::*;
    use crate::{access_request::details, policy::Policy};

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn detail(members: &str) -> RequestedDetail {
        let json = format!(r#"[{{"type":"ai_model_access","provider":"openai"{members}}}]"#);
        details::parse(&json, now()).unwrap().remove(0)
    }

    fn decided(asked: &str, narrowed: Option<&str>) -> AuthorizationDetail {
        let choice = Choice {
            narrowed: narrowed.map(detail),
            key: Some(ProviderKeyId::new(now())),
        };
        let asked = detail(asked);
        let policy = Policy::default();
        let ceiling = policy.ceiling(&asked, Verification::OrganizationApproved, now());
        let granted = granted(&ceiling, &asked, choice).unwrap();
        assert_eq!(ceiling.refusal(&asked, &granted), None);
        granted
    }

    fn dollars(amount: i64) -> money::Nanodollars {
        money::Nanodollars::from_dollars(amount)
    }

    #[test]
    fn a_month_that_is_narrowed_leaves_the_days_limit_where_it_was() {
        let limits = decided("", Some(r#","limits":{"monthly_spend":10}"#)).limits;
        assert_eq!(
            (limits.monthly_spend, limits.daily_spend),
            (dollars(10), dollars(5))
        );
        let limits = decided("", Some(r#","limits":{"monthly_spend":2}"#)).limits;
        assert_eq!(
            (limits.monthly_spend, limits.daily_spend),
            (dollars(2), dollars(2))
        );
    }

    #[test]
    fn a_decision_about_another_provider_is_refused() {
        let asked = detail("");
        let other = RequestedDetail {
            provider: "google".parse().unwrap(),
            ..asked.clone()
        };
        let choice = Choice {
            narrowed: Some(other),
            key: Some(ProviderKeyId::new(now())),
        };
        let policy = Policy::default();
        let ceiling = policy.ceiling(&asked, Verification::OrganizationApproved, now());
        let granted = granted(&ceiling, &asked, choice).unwrap();
        assert_eq!(
            ceiling.refusal(&asked, &granted),
            Some("another provider than asked for")
        );
    }

    #[test]
    fn what_is_left_alone_is_granted_as_asked() {
        let granted = decided(
            r#","models":["gpt-4o*"],"limits":{"monthly_spend":10}"#,
            None,
        );
        assert_eq!(
            (granted.limits.monthly_spend, granted.limits.daily_spend),
            (dollars(10), dollars(10))
        );
        assert_eq!(granted.models.patterns()[0].as_str(), "gpt-4o*");
    }
}
