//! What a grant would be, over many grants and many requests.

use events::{Capability, GrantedLimits, ModelPattern};
use money::Nanodollars;
use proptest::prelude::*;

use super::*;
use crate::access_request::{
    decision::{Choice, granted},
    details,
};
use crate::grant::narrowing::named_members;

const VERIFICATIONS: [Verification; 3] = [
    Verification::Unverified,
    Verification::DomainVerified,
    Verification::OrganizationApproved,
];

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn detail(
    provider: &str,
    models: &[&str],
    capabilities: &[&str],
    monthly: i64,
) -> AuthorizationDetail {
    serde_json::from_value(serde_json::json!({
        "provider": provider, "models": models, "capabilities": capabilities,
        "limits": {"monthly_spend": monthly.to_string(), "daily_spend": monthly.to_string(),
                   "requests_per_minute": 60, "requests_per_day": 100, "tokens_per_request": 1000},
        "expires": "2026-11-23T00:00:00Z", "key_id": ids::ProviderKeyId::new(now()),
    }))
    .unwrap()
}

fn asks(had: &[AuthorizationDetail], json: &str) -> Wanted {
    let asked = details::parse(json, now()).unwrap();
    let asked = asked_of(had, asked, &named_members(json)).unwrap();
    Wanted::more(had, &asked)
}

#[test]
fn what_is_left_out_asks_for_nothing_more() {
    let had = [detail("openai", &["gpt-4o-mini"], &["embeddings"], 5)];
    let wanted = asks(
        &had,
        r#"[{"type":"ai_model_access","provider":"openai","limits":{"monthly_spend":9}}]"#,
    );
    let wanted = &wanted.details[0];
    assert_eq!(
        wanted.models, had[0].models,
        "no model is not every model here"
    );
    assert_eq!(wanted.capabilities, had[0].capabilities);
    assert_eq!(wanted.expires, Some(had[0].expires));
    assert_eq!(
        wanted.limits.monthly_spend,
        Some(Nanodollars::from_dollars(9))
    );
    assert_eq!(
        wanted.limits.daily_spend,
        Some(Nanodollars::from_dollars(5))
    );
}

#[test]
fn every_model_is_asked_for_by_saying_so() {
    let had = [detail("openai", &["gpt-4o-mini"], &["chat"], 5)];
    let json = r#"[{"type":"ai_model_access","provider":"openai","models":[]}]"#;
    assert!(asks(&had, json).details[0].models.is_every());
}

#[test]
fn another_provider_stands_beside_what_is_there() {
    let had = [detail("openai", &["gpt-4o-mini"], &["chat"], 5)];
    let wanted = asks(
        &had,
        r#"[{"type":"ai_model_access","provider":"google","models":["gemini*"]}]"#,
    );
    let google = detail("google", &["gemini*"], &["chat"], 1);
    let whole = wanted.after(vec![google.clone()]);
    assert_eq!(whole, [had[0].clone(), google]);
}

#[test]
fn a_grant_has_no_more_providers_than_a_request_may_name() {
    let names = [
        "openai",
        "anthropic",
        "google",
        "groq",
        "together",
        "mistral",
        "cohere",
        "ollama",
    ];
    let had: Vec<_> = names
        .iter()
        .map(|name| detail(name, &["m"], &["chat"], 1))
        .collect();
    let asked = |name: &str| {
        let json = r#"[{"type":"ai_model_access","provider":"openai"}]"#;
        let mut asked = details::parse(json, now()).unwrap();
        asked[0].provider = name.parse().unwrap();
        asked_of(&had, asked, &named_members(json))
    };
    assert!(asked("ollama").is_ok());
    assert!(asked("another").is_err());
}

fn models() -> impl Strategy<Value = Models> {
    let known = vec!["gpt*", "gpt-4*", "gpt-4o", "gpt-4o*", "o1", "o*", "o1-mini"];
    let parsed = |names: Vec<&str>| {
        Models::new(
            names
                .into_iter()
                .map(|n| n.parse::<ModelPattern>().unwrap())
                .collect(),
        )
    };
    proptest::collection::vec(proptest::sample::select(known), 0..4).prop_map(parsed)
}

fn capabilities() -> impl Strategy<Value = BTreeSet<Capability>> {
    proptest::collection::btree_set(proptest::sample::select(Capability::ALL.to_vec()), 1..4)
}

prop_compose! {
    fn limits()(month in 1_i64..60, day in 1_i64..60, a in 1_u32..9_000, b in 1_u32..9_000, c in 1_u32..900_000) -> GrantedLimits {
        GrantedLimits {
            monthly_spend: Nanodollars::from_dollars(month), daily_spend: Nanodollars::from_dollars(day),
            requests_per_minute: a, requests_per_day: b, tokens_per_request: c,
        }
    }
}

prop_compose! {
    fn had()(models in models(), capabilities in capabilities(), limits in limits(), hours in 1_i64..2_000) -> AuthorizationDetail {
        AuthorizationDetail {
            models, capabilities, limits, expires: now() + jiff::SignedDuration::from_hours(hours),
            ..detail("openai", &[], &["chat"], 1)
        }
    }
}

prop_compose! {
    fn asked()(models in models(), capabilities in capabilities(), limits in limits(), has in any::<[bool; 5]>(), hours in proptest::option::of(1_i64..20_000)) -> RequestedDetail {
        RequestedDetail {
            provider: "openai".parse().unwrap(), models, capabilities,
            limits: RequestedLimits {
                monthly_spend: has[0].then_some(limits.monthly_spend),
                daily_spend: has[1].then_some(limits.daily_spend),
                requests_per_minute: has[2].then_some(limits.requests_per_minute),
                requests_per_day: has[3].then_some(limits.requests_per_day),
                tokens_per_request: has[4].then_some(limits.tokens_per_request),
            },
            expires: hours.map(|hours| now() + jiff::SignedDuration::from_hours(hours)),
            reason: None,
        }
    }
}

proptest! {
    /// The promise of a step-up: what is granted afterwards lies within what was asked and what
    /// was there, taken together, and what was not there before lies within the policy's ceiling.
    #[test]
    fn afterwards_there_is_what_was_there_and_what_was_asked_and_nothing_else(
        had in had(), asked in asked(), sure in 0_usize..3,
    ) {
        let (policy, sure) = (Policy::default(), VERIFICATIONS[sure]);
        let wanted = Wanted::more(std::slice::from_ref(&had), std::slice::from_ref(&asked));
        let ceiling = wanted.ceiling(&policy, &wanted.details[0], sure, now());
        let choice = Choice { narrowed: None, key: Some(had.key_id) };
        let after = granted(&ceiling, &wanted.details[0], choice).unwrap();
        let cap = policy.ceiling(&asked, sure, now());

        for model in ["gpt", "gpt-4", "gpt-4o", "gpt-4o-mini", "o1", "o1-mini", "o3"] {
            let before = had.models.covers(model) || asked.models.covers(model);
            prop_assert_eq!(after.models.covers(model), before, "{}", model);
        }
        for capability in &after.capabilities {
            prop_assert!(had.capabilities.contains(capability) || asked.capabilities.contains(capability));
        }
        // Each number is the one it had, or one that the policy lets this app have.
        let pairs = |of: fn(&GrantedLimits) -> i64| (of(&after.limits), of(&had.limits), of(&cap.limits));
        for (after, had, cap) in [
            pairs(|l| l.monthly_spend.nanos()), pairs(|l| l.daily_spend.nanos()),
            pairs(|l| l.requests_per_minute.into()), pairs(|l| l.requests_per_day.into()),
            pairs(|l| l.tokens_per_request.into()),
        ] {
            prop_assert!(after >= had && (after == had || after <= cap), "{} {} {}", after, had, cap);
        }
        prop_assert!(after.expires == had.expires || after.expires <= cap.expires);
        // Every model is never new to an unverified app.
        let refused = ceiling.refusal(&wanted.details[0], &after);
        let newly_every = after.models.is_every() && !had.models.is_every();
        prop_assert_eq!(refused.is_some(), sure == Verification::Unverified && newly_every);
    }
}
