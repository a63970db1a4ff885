//! Decisions, with made-up requests.

mod page;

use events::{AppIdentity, Transport, Verification};
use ids::{ProviderKeyId, RequestId};
use money::Nanodollars;

use super::{
    answers::Answers,
    decide::{Faults, decide},
    input::{Input, expect},
    look,
    offer::{Offer, offers},
    shown::digest_of,
};
use crate::{
    access_request::{AccessRequestRow, RequestState, details},
    grant::step_up::Wanted,
    policy::Policy,
    provider_key::{KeyState, ProviderKeyRow},
};

const MINI: &str = r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o-mini","text-embedding-3-*"],
    "capabilities":["chat","embeddings"],"limits":{"monthly_spend":25},"reason":"Summarises the papers you save."}"#;
const EVERY: &str = r#"{"type":"ai_model_access","provider":"openai"}"#;

fn request(name: &str, verification: Verification, asked: &str) -> AccessRequestRow {
    AccessRequestRow {
        granted: Vec::new(),
        extends: None,
        id: RequestId::from_uuid(uuid::Uuid::from_u128(5)),
        user: look::owner().user,
        transport: Transport::OkapFlat,
        app: AppIdentity {
            app: None,
            name: name.to_owned(),
            url: Some("https://paperdigest.example".to_owned()),
            verification,
            registration: None,
        },
        details: details::parse(&format!("[{asked}]"), look::now()).unwrap(),
        state: RequestState::Pending,
        received_at: look::at("2026-11-22T11:58:00Z"),
        expires_at: look::at("2026-11-22T12:08:00Z"),
        handle: None,
        rule: None,
        unasked: false,
    }
}

fn key(number: u128, provider: &str, state: KeyState) -> ProviderKeyRow {
    let stored_at = look::at("2026-11-01T08:00:00Z");
    ProviderKeyRow {
        id: ProviderKeyId::from_uuid(uuid::Uuid::from_u128(number)),
        owner: look::owner().user,
        provider: provider.parse().unwrap(),
        name: "Production".to_owned(),
        last_four: "a91f".to_owned(),
        version: 1,
        state,
        stored_at,
        changed_at: stored_at,
        check_requested_at: None,
        checked_at: None,
    }
}

fn keys() -> Vec<ProviderKeyRow> {
    vec![
        key(1, "openai", KeyState::Usable),
        key(2, "anthropic", KeyState::Usable),
        key(3, "openai", KeyState::Usable),
    ]
}

/// The form as the page first shows it, with some fields filled in otherwise.
fn filled(offer: &Offer<'_>, otherwise: &[(&str, &[&str])]) -> Input {
    let as_asked = Input::as_asked(offer);
    let names = offer.names;
    let mut pairs: Vec<(&str, &str)> = vec![
        (names.scope, &as_asked.scope),
        (names.named, &as_asked.named),
        (names.lifetime, &as_asked.lifetime),
        (names.key, &as_asked.key),
    ];
    pairs.extend(
        names
            .limits
            .iter()
            .copied()
            .zip(as_asked.limits.iter().map(String::as_str)),
    );
    pairs.extend(
        as_asked
            .models
            .iter()
            .map(|model| (names.models, model.as_str())),
    );
    pairs.extend(
        as_asked
            .capabilities
            .iter()
            .map(|name| (names.capabilities, name.as_str())),
    );
    pairs.retain(|(name, _)| !otherwise.iter().any(|(other, _)| other == name));
    pairs.extend(
        otherwise
            .iter()
            .flat_map(|(name, values)| values.iter().map(|value| (*name, *value))),
    );
    Input::of(offer, &Answers::of(&pairs))
}

fn decided(
    verification: Verification,
    asked: &str,
    otherwise: &[(&str, &[&str])],
) -> Result<events::AuthorizationDetail, Box<Faults>> {
    let (policy, row, keys) = (
        Policy::default(),
        request("App", verification, asked),
        keys(),
    );
    let wanted = Wanted::fresh(&row.details);
    let offers = offers(&policy, (&wanted, verification), (&keys, &[]), look::now());
    let granted = decide(&offers[0], &filled(&offers[0], otherwise))?;
    assert_eq!(
        offers[0].ceiling.refusal(offers[0].asked, &granted),
        None,
        "it goes beyond the ceiling"
    );
    Ok(granted)
}

#[test]
fn left_as_it_is_the_form_grants_what_was_asked_within_the_ceiling() {
    let granted = decided(Verification::OrganizationApproved, MINI, &[]).unwrap();
    assert_eq!(granted.limits.monthly_spend, Nanodollars::from_dollars(25));
    assert_eq!(granted.models.patterns().len(), 2);
    assert_eq!(granted.expires, look::at("2026-12-22T12:00:00Z"));
    assert_eq!(granted.key_id, key(1, "openai", KeyState::Usable).id);
    let clamped = decided(Verification::Unverified, MINI, &[]).unwrap();
    assert_eq!(clamped.limits.monthly_spend, Nanodollars::from_dollars(5));
    assert_eq!(clamped.expires, look::at("2026-11-23T12:00:00Z"));
}

#[test]
fn the_sandbox_takes_no_key() {
    let asked = r#"{"type":"ai_model_access","provider":"sandbox","models":["sandbox-echo"]}"#;
    let stray = key(1, "openai", KeyState::Usable).id.to_string();
    for otherwise in [&[][..], &[("d0.key", &[stray.as_str()][..])]] {
        let granted = decided(Verification::Unverified, asked, otherwise).unwrap();
        assert_eq!(granted.key_id, ProviderKeyId::NONE);
    }
}

#[test]
fn a_person_narrows_every_member() {
    let third = key(3, "openai", KeyState::Usable).id.to_string();
    let granted = decided(
        Verification::OrganizationApproved,
        MINI,
        &[
            ("d0.models", &["gpt-4o-mini"]),
            ("d0.capabilities", &["chat"]),
            ("d0.monthly_spend", &["$2.50"]),
            ("d0.requests_per_minute", &["5"]),
            ("d0.lifetime", &["7"]),
            ("d0.key", &[&third]),
        ],
    )
    .unwrap();
    assert!(
        granted.models.covers("gpt-4o-mini") && !granted.models.covers("text-embedding-3-small")
    );
    assert_eq!(granted.capabilities.len(), 1);
    assert_eq!(
        granted.limits.monthly_spend,
        Nanodollars::from_nanos(2_500_000_000)
    );
    assert_eq!(granted.limits.requests_per_minute, 5);
    assert_eq!(granted.expires, look::at("2026-11-29T12:00:00Z"));
    assert_eq!(granted.key_id.to_string(), third);
}

#[test]
fn nothing_is_widened_and_each_fault_stands_beside_its_field() {
    let faults = |otherwise: &[(&str, &[&str])]| {
        decided(Verification::OrganizationApproved, MINI, otherwise).unwrap_err()
    };
    for models in [&["gpt-4o"][..], &["gpt-4o-mini", "gpt-4o"], &[""], &[]] {
        assert!(
            faults(&[("d0.models", models)]).models.is_some(),
            "{models:?}"
        );
    }
    for capabilities in [&["images"][..], &["chat", "audio"], &["flying"], &[]] {
        assert!(
            faults(&[("d0.capabilities", capabilities)])
                .capabilities
                .is_some(),
            "{capabilities:?}"
        );
    }
    assert!(faults(&[("d0.monthly_spend", &["25.01"])]).limits[0].is_some());
    assert!(faults(&[("d0.tokens_per_request", &["400001"])]).limits[4].is_some());
    assert!(faults(&[("d0.lifetime", &["365"])]).lifetime.is_some());
    let foreign = key(2, "anthropic", KeyState::Usable).id.to_string();
    for key in ["", "key_0", &foreign] {
        assert!(faults(&[("d0.key", &[key])]).key.is_some(), "{key}");
    }
}

#[test]
fn every_model_is_given_only_when_it_is_said_and_allowed() {
    use Verification::{OrganizationApproved as Known, Unverified};
    assert!(decided(Known, EVERY, &[]).unwrap().models.is_every());
    let named = decided(
        Known,
        EVERY,
        &[("d0.scope", &["named"]), ("d0.named", &["gpt-4o*, o1"])],
    )
    .unwrap();
    assert!(named.models.covers("gpt-4o-mini") && !named.models.covers("gpt-5"));
    for unclear in [
        &[("d0.scope", &["named"][..])][..],
        &[("d0.named", &["gpt-4o"])],
        &[("d0.scope", &[""])],
        &[("d0.scope", &["named"]), ("d0.named", &["*"])],
    ] {
        assert!(
            decided(Known, EVERY, unclear).unwrap_err().models.is_some(),
            "{unclear:?}"
        );
    }
    assert!(
        decided(Unverified, EVERY, &[])
            .unwrap_err()
            .models
            .is_some()
    );
    assert!(
        decided(Unverified, EVERY, &[("d0.scope", &["every"])])
            .unwrap_err()
            .models
            .is_some()
    );
    assert!(decided(Unverified, EVERY, &[("d0.named", &["gpt-4o-mini"])]).is_ok());
}

#[test]
fn a_form_of_another_page_is_refused() {
    assert!(
        expect(
            &Answers::of(&[
                ("shown", "x"),
                ("d0.key", "k"),
                ("d0.models", "a"),
                ("d0.models", "b")
            ]),
            1
        )
        .is_ok()
    );
    for strange in [("d1.key", "k"), ("d0.limits", "1"), ("details", "[]")] {
        assert!(expect(&Answers::of(&[strange]), 1).is_err(), "{strange:?}");
    }
    assert!(expect(&Answers::of(&[("d0.key", "a"), ("d0.key", "b")]), 1).is_err());
}

#[test]
fn the_digest_changes_with_whatever_the_page_shows_and_not_with_time() {
    let policy = Policy::default();
    let digest = |row: &AccessRequestRow, keys: &[ProviderKeyRow], at: &str, policy: &Policy| {
        let wanted = Wanted::fresh(&row.details);
        let offers = offers(
            policy,
            (&wanted, row.app.verification),
            (keys, &[]),
            look::at(at),
        );
        digest_of(policy, (row, &wanted), &offers)
    };
    let row = request("App", Verification::Unverified, MINI);
    let first = digest(&row, &keys(), "2026-11-22T12:00:00Z", &policy);
    assert_eq!(first.len(), 64);
    assert_eq!(
        digest(&row, &keys(), "2026-11-22T12:07:00Z", &policy),
        first
    );
    let other = request("App", Verification::OrganizationApproved, MINI);
    let renamed = request("Apple", Verification::Unverified, MINI);
    let widened = request("App", Verification::Unverified, EVERY);
    for changed in [other, renamed, widened] {
        assert_ne!(
            digest(&changed, &keys(), "2026-11-22T12:00:00Z", &policy),
            first
        );
    }
    assert_ne!(
        digest(&row, &keys()[..1], "2026-11-22T12:00:00Z", &policy),
        first
    );
    let mut stricter = Policy::default();
    stricter.unverified_limits.requests_per_day = 1;
    assert_ne!(
        digest(&row, &keys(), "2026-11-22T12:00:00Z", &stricter),
        first
    );
}
