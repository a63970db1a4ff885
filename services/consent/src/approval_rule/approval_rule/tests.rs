//! Nothing that is granted automatically exceeds the rule, the request or the policy.

use std::collections::BTreeSet;

use events::{Capability, Ceiling, Models, Provider, RequestedLimits};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn person() -> UserId {
    UserId::new(now())
}

fn dollars(amount: i64) -> Nanodollars {
    Nanodollars::from_dollars(amount)
}

fn models(patterns: &[&str]) -> Models {
    Models::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
}

fn terms() -> RuleTerms {
    RuleTerms {
        ceiling: Ceiling {
            providers: vec!["openai".parse().unwrap()],
            models: models(&["gpt-4o*"]),
            capabilities: Ceiling::only_chat(),
            monthly_spend: dollars(10),
            requests_per_minute: None,
            requests_per_day: None,
            tokens_per_request: None,
            days: 30,
        },
        live_grants: 2,
        monthly_total: dollars(15),
    }
}

fn asked(
    provider: &str,
    patterns: &[&str],
    monthly: Option<i64>,
) -> (RequestedDetail, ProviderKeyId) {
    let asked = RequestedDetail {
        provider: provider.parse().unwrap(),
        models: models(patterns),
        capabilities: Ceiling::only_chat(),
        limits: RequestedLimits {
            monthly_spend: monthly.map(dollars),
            ..RequestedLimits::default()
        },
        expires: None,
        reason: None,
    };
    (asked, ProviderKeyId::new(now()))
}

fn grants(in_force: InForce, monthly: i64) -> bool {
    let asked = [asked("openai", &["gpt-4o"], Some(monthly))];
    let verification = Verification::DomainVerified;
    granted(
        &terms(),
        &Policy::default(),
        verification,
        &asked,
        in_force,
        now(),
    )
    .is_some()
}

fn in_force(grants: usize, monthly_total: i64) -> InForce {
    InForce {
        grants,
        monthly_total: Some(dollars(monthly_total)),
    }
}

#[test]
fn a_rule_is_removed_once_and_by_its_own_person() {
    let (writer, other) = (person(), person());
    let key = AppKey::Domain {
        domain: "app.test".to_owned(),
    };
    let mut rule = ApprovalRule::default();
    let written = rule
        .write(writer, key.clone(), "App".to_owned(), terms())
        .unwrap();
    rule.apply(&written);
    assert_eq!(
        rule.write(writer, key, "App".to_owned(), terms()),
        Err(Refusal::Exists)
    );
    assert_eq!(rule.remove(other), Err(Refusal::Unknown));
    rule.apply(&rule.remove(writer).unwrap());
    assert_eq!(rule.remove(writer), Err(Refusal::Unknown));
}

#[test]
fn no_rule_is_for_a_mere_name() {
    let key = AppKey::Name {
        name: "app".to_owned(),
        handle: ids::HandleId::new(now()),
    };
    let written = ApprovalRule::default().write(person(), key, "App".to_owned(), terms());
    assert_eq!(written, Err(Refusal::Nameless));
}

#[test]
fn live_grants_and_their_total_have_an_end() {
    assert!(grants(in_force(0, 0), 10));
    assert!(grants(in_force(1, 5), 10));
    assert!(!grants(in_force(1, 6), 10));
    assert!(!grants(in_force(2, 0), 1));
    assert!(!grants(in_force(0, 0), 11));
    let unsayable = InForce {
        grants: 1,
        monthly_total: None,
    };
    assert!(!grants(unsayable, 1));
}

#[test]
fn an_unverified_app_is_never_granted_anything() {
    let asked = [asked("openai", &["gpt-4o"], Some(1))];
    let verification = Verification::Unverified;
    assert_eq!(
        granted(
            &terms(),
            &Policy::default(),
            verification,
            &asked,
            in_force(0, 0),
            now()
        ),
        None
    );
}

#[test]
fn one_part_beyond_the_rule_leaves_all_of_it_to_the_person() {
    let verification = Verification::OrganizationApproved;
    for beyond in [
        asked("anthropic", &["gpt-4o"], Some(1)),
        asked("openai", &["o3"], Some(1)),
        asked("openai", &[], Some(1)),
    ] {
        let asked = [asked("openai", &["gpt-4o"], Some(1)), beyond];
        assert_eq!(
            granted(
                &terms(),
                &Policy::default(),
                verification,
                &asked,
                in_force(0, 0),
                now()
            ),
            None
        );
    }
}

prop_compose! {
    fn any_models()(picked in proptest::sample::subsequence(vec!["gpt-4o", "gpt-4o*", "gpt-4o-mini", "gpt*", "o3"], 0..4)) -> Models {
        models(&picked)
    }
}

prop_compose! {
    fn any_capabilities()(picked in proptest::sample::subsequence(Capability::ALL.to_vec(), 1..4)) -> BTreeSet<Capability> {
        picked.into_iter().collect()
    }
}

prop_compose! {
    fn any_asked()(
        provider in proptest::sample::select(vec!["openai", "anthropic"]),
        models in any_models(), capabilities in any_capabilities(),
        monthly in proptest::option::of(1_i64..40), daily in proptest::option::of(1_i64..40),
        minute in proptest::option::of(1_u32..200), day in proptest::option::of(1_u32..9_000),
        tokens in proptest::option::of(1_u32..800_000), hours in proptest::option::of(1_i64..24 * 500),
    ) -> RequestedDetail {
        RequestedDetail {
            provider: provider.parse::<Provider>().unwrap(), models, capabilities,
            limits: RequestedLimits {
                monthly_spend: monthly.map(dollars), daily_spend: daily.map(dollars),
                requests_per_minute: minute, requests_per_day: day, tokens_per_request: tokens,
            },
            expires: hours.map(|hours| now() + SignedDuration::from_hours(hours)),
            reason: None,
        }
    }
}

prop_compose! {
    fn any_terms()(
        both in any::<bool>(), models in any_models(), capabilities in any_capabilities(), monthly in 1_i64..40,
        minute in proptest::option::of(1_u32..200), day in proptest::option::of(1_u32..9_000),
        tokens in proptest::option::of(1_u32..800_000), days in 1_u16..=365, live_grants in 1_u16..4, total in 1_i64..80,
    ) -> RuleTerms {
        let providers: &[&str] = if both { &["openai", "anthropic"] } else { &["openai"] };
        RuleTerms {
            ceiling: Ceiling {
                providers: providers.iter().map(|name| name.parse().unwrap()).collect(),
                models, capabilities, monthly_spend: dollars(monthly),
                requests_per_minute: minute, requests_per_day: day, tokens_per_request: tokens, days,
            },
            live_grants, monthly_total: dollars(total),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_granted_lies_within_rule_request_and_policy(
        terms in any_terms(), asked in proptest::collection::vec(any_asked(), 1..3),
        live in 0_usize..4, spent in 0_i64..40, approved in any::<bool>(),
    ) {
        let policy = Policy::default();
        let verification = if approved { Verification::OrganizationApproved } else { Verification::DomainVerified };
        let asked: Vec<_> = asked.into_iter().map(|asked| (asked, ProviderKeyId::new(now()))).collect();
        let Some(given) = granted(&terms, &policy, verification, &asked, in_force(live, spent), now()) else {
            return Ok(());
        };
        prop_assert!(live < usize::from(terms.live_grants));
        prop_assert_eq!(given.len(), asked.len());
        let mut total = dollars(spent);
        for (given, (asked, key)) in given.iter().zip(&asked) {
            let (ceiling, default) = (&terms.ceiling, policy.default_limits);
            // The rule.
            prop_assert!(ceiling.providers.contains(&given.provider));
            prop_assert!(given.models.is_within(&ceiling.models));
            prop_assert!(given.capabilities.is_subset(&ceiling.capabilities));
            prop_assert!(given.limits.monthly_spend <= ceiling.monthly_spend);
            prop_assert!(given.limits.daily_spend <= ceiling.monthly_spend);
            prop_assert!(given.limits.requests_per_minute <= ceiling.requests_per_minute.unwrap_or(default.requests_per_minute));
            prop_assert!(given.limits.requests_per_day <= ceiling.requests_per_day.unwrap_or(default.requests_per_day));
            prop_assert!(given.limits.tokens_per_request <= ceiling.tokens_per_request.unwrap_or(default.tokens_per_request));
            prop_assert!(given.expires <= now() + SignedDuration::from_hours(24 * i64::from(ceiling.days)));
            // The request and the policy: what the consent page would let a person give.
            prop_assert_eq!(policy.ceiling(asked, verification, now()).refusal(asked, given), None);
            prop_assert!(given.limits.is_within(&asked.limits.or_default(&default)));
            prop_assert_eq!(&given.provider, &asked.provider);
            prop_assert!(given.expires > now() && given.expires <= asked.expires.unwrap_or(Timestamp::MAX));
            prop_assert_eq!(given.key_id, *key);
            total = total.checked_add(given.limits.monthly_spend).unwrap();
        }
        prop_assert!(total <= terms.monthly_total);
    }
}
