//! The pages of connected apps, with made-up grants.

use events::{AppIdentity, AuthorizationDetail, GrantedLimits, LimitName, Verification};
use ids::{GrantId, ProviderKeyId};
use money::Nanodollars;
use pages::{Layout, Section};
use spend_limits::Amount;

use super::{
    edit::{EditPage, Filled, changed},
    view::ConnectedAppsPage,
};
use crate::{
    consent_page::{Answers, look, texts},
    grant::{GrantRow, GrantState, family::ancestor, projection::last_expiry, standing::LimitView},
    policy::Policy,
    provider_key::{KeyState, ProviderKeyRow},
};

fn key() -> ProviderKeyRow {
    let stored_at = look::at("2026-11-01T08:00:00Z");
    ProviderKeyRow {
        id: ProviderKeyId::from_uuid(uuid::Uuid::from_u128(9)),
        owner: look::owner().user,
        provider: "openai".parse().unwrap(),
        name: "Production".to_owned(),
        last_four: "a91f".to_owned(),
        version: 1,
        state: KeyState::Usable,
        stored_at,
        changed_at: stored_at,
        check_requested_at: None,
        checked_at: None,
    }
}

fn limits() -> GrantedLimits {
    GrantedLimits {
        monthly_spend: Nanodollars::from_dollars(10),
        daily_spend: Nanodollars::from_dollars(2),
        requests_per_minute: 60,
        requests_per_day: 5_000,
        tokens_per_request: 400_000,
    }
}

fn detail(provider: &str, models: &[&str], expires: &str) -> AuthorizationDetail {
    AuthorizationDetail {
        provider: provider.parse().unwrap(),
        models: events::Models::new(models.iter().map(|model| model.parse().unwrap()).collect()),
        capabilities: [events::Capability::Chat, events::Capability::Embeddings].into(),
        limits: limits(),
        expires: look::at(expires),
        key_id: key().id,
        reason: None,
    }
}

fn grant(
    number: u128,
    name: &str,
    verification: Verification,
    details: Vec<AuthorizationDetail>,
) -> GrantRow {
    GrantRow {
        id: GrantId::from_uuid(uuid::Uuid::from_u128(number)),
        user: look::owner().user,
        app: AppIdentity {
            app: None,
            name: name.to_owned(),
            url: Some("https://paperdigest.example/start".to_owned()),
            verification,
            registration: None,
        },
        expires_at: last_expiry(&details),
        details,
        state: GrantState::Live,
        granted_at: look::at("2026-11-18T09:30:00Z"),
        rule: None,
        above: vec![],
        shadows: vec![],
    }
}

fn view(
    provider: &str,
    name: LimitName,
    amounts: (Amount, Amount, Amount),
    resets_at: &str,
) -> LimitView {
    LimitView {
        provider: provider.to_owned(),
        name,
        limit: amounts.0.to_string(),
        spent: amounts.1.to_string(),
        reserved: "0".to_owned(),
        remaining: amounts.2.to_string(),
        resets_at: look::at(resets_at),
        amounts,
    }
}

fn standing(provider: &str, spent: i64) -> Vec<LimitView> {
    let cents = |cents: i64| Nanodollars::from_nanos(cents * 10_000_000);
    let money = |limit: i64, spent: i64| {
        let left = cents(limit).remaining_after(cents(spent));
        (
            Amount::Money(cents(limit)),
            Amount::Money(cents(spent)),
            Amount::Money(left),
        )
    };
    let calls = |limit: u64, used: u64| {
        (
            Amount::Requests(limit),
            Amount::Requests(used),
            Amount::Requests(limit - used),
        )
    };
    vec![
        view(
            provider,
            LimitName::MonthlySpend,
            money(1_000, spent),
            "2026-12-01T00:00:00Z",
        ),
        view(
            provider,
            LimitName::DailySpend,
            money(200, spent / 4),
            "2026-11-23T00:00:00Z",
        ),
        view(
            provider,
            LimitName::RequestsPerMinute,
            calls(60, 3),
            "2026-11-22T12:00:40Z",
        ),
        view(
            provider,
            LimitName::RequestsPerDay,
            calls(5_000, 1_204),
            "2026-11-23T00:00:00Z",
        ),
    ]
}

fn page(live: &[(GrantRow, Option<Vec<LimitView>>)], ended: &[GrantRow]) -> ConnectedAppsPage {
    let layout = Layout::new("Connected apps", &look::owner())
        .at(Section::ConnectedApps)
        .inbox_count(1);
    ConnectedAppsPage::new(layout, live, ended, &[key()], look::now())
}

#[test]
fn a_connected_app_shows_what_it_may_do_and_what_is_left() {
    let two = vec![
        detail(
            "openai",
            &["gpt-4o-mini", "text-embedding-3-*"],
            "2026-12-22T12:00:00Z",
        ),
        detail("anthropic", &[], "2026-12-01T12:00:00Z"),
    ];
    let one = vec![detail("openai", &["gpt-4o"], "2026-11-23T06:00:00Z")];
    let mut old = grant(3, "Old helper", Verification::Unverified, one.clone());
    old.state = GrantState::Revoked;
    let mut standings = standing("openai", 342);
    standings.extend(standing("anthropic", 790));
    let html = look::keep(
        "connected-apps",
        &page(
            &[
                (
                    grant(1, "Paper Digest", Verification::OrganizationApproved, two),
                    Some(standings),
                ),
                (
                    grant(2, "Mail Triage", Verification::Unverified, one.clone()),
                    None,
                ),
                (
                    grant(4, "Notebook", Verification::DomainVerified, one),
                    Some(standing("openai", 1_000)),
                ),
            ],
            &[old],
        ),
    );
    assert!(html.contains("<strong>$3.42</strong> of $10.00") && html.contains("$6.58 left"));
    assert!(html.contains("every model, now and in future"));
    assert!(html.contains("3 of 60 calls this minute · 1,204 of 5,000 calls today"));
    assert!(html.contains("cannot be read right now"));
    assert!(html.contains("Ends in 18 hours") && html.contains("Ended (1)"));
    assert!(html.contains("Production ••••a91f"));
}

#[test]
fn what_an_app_made_from_its_token_stands_under_the_app() {
    let one = || vec![detail("openai", &["gpt-4o"], "2026-12-22T12:00:00Z")];
    let app = |number| {
        grant(
            number,
            "Paper Digest",
            Verification::OrganizationApproved,
            one(),
        )
    };
    let top = app(1);
    let mut children = [app(5), app(6)];
    children[0].above = vec![ancestor(top.id, &one())];
    // A child's child stands under the app too, which is all that its person knows.
    children[1].above = vec![ancestor(children[0].id, &one()), ancestor(top.id, &one())];
    let [first, second] = children;
    let rows = [
        (top, Some(standing("openai", 342))),
        (app(2), None),
        (first.clone(), Some(standing("openai", 120))),
        (second, None),
    ];
    let html = look::keep("connected-apps-children", &page(&rows, &[]));
    assert_eq!(html.matches("<article").count(), 2);
    assert!(html.contains("Tokens it made from this one (2)"));
    assert!(html.contains("OpenAI: $1.2 of $10 this month"));
    assert!(html.contains(&format!("/connected-apps/{}/revoke", first.id)));
}

#[test]
fn without_a_connected_app_the_page_says_what_to_do() {
    let html = look::keep("connected-apps-empty", &page(&[], &[]));
    assert!(html.contains("No app is connected") && html.contains("href=\"/connect\""));
}

#[test]
fn a_hostile_name_is_text_everywhere() {
    let details = vec![detail("openai", &["gpt-4o"], "2026-12-22T12:00:00Z")];
    let row = grant(
        1,
        "\"><script>alert(1)</script>\u{202e}",
        Verification::Unverified,
        details,
    );
    let html = look::keep("connected-apps-hostile", &page(&[(row, None)], &[]));
    assert!(!html.contains("<script>") && !html.contains('\u{202e}'));
}

fn answers(monthly: &str, lifetime: &str) -> Answers {
    let [_, day, minute, requests, tokens] = texts(&limits());
    Answers::of(&[
        ("d0.monthly_spend", monthly),
        ("d0.daily_spend", &day),
        ("d0.requests_per_minute", &minute),
        ("d0.requests_per_day", &requests),
        ("d0.tokens_per_request", &tokens),
        ("d0.lifetime", lifetime),
        ("d0.models", "gpt-4o"),
        ("d0.capabilities", "chat"),
        ("d0.capabilities", "embeddings"),
    ])
}

fn edited(
    verification: Verification,
    monthly: &str,
    lifetime: &str,
) -> Result<Vec<AuthorizationDetail>, Vec<Filled>> {
    let details = vec![detail("openai", &["gpt-4o"], "2026-12-22T12:00:00Z")];
    changed(
        &Policy::default(),
        &grant(1, "App", verification, details),
        &answers(monthly, lifetime),
        look::now(),
    )
}

#[test]
fn limits_move_within_the_policy() {
    let raised = edited(Verification::OrganizationApproved, "250", "365").unwrap();
    assert_eq!(
        raised[0].limits.monthly_spend,
        Nanodollars::from_dollars(250)
    );
    assert_eq!(raised[0].expires, look::at("2027-11-22T12:00:00Z"));
    let lowered = edited(Verification::Unverified, "0.50", "keep").unwrap();
    assert_eq!(
        lowered[0].limits.monthly_spend,
        Nanodollars::from_nanos(500_000_000)
    );
    assert_eq!(lowered[0].expires, look::at("2026-12-22T12:00:00Z"));
    // What an unverified app has it may keep, but not get more of.
    assert!(edited(Verification::Unverified, "10", "keep").is_ok());
    let above = edited(Verification::Unverified, "10.01", "keep").unwrap_err();
    assert_eq!(
        above[0].limit_faults[0].as_deref(),
        Some("At most $10.00 may be given.")
    );
    let longer = edited(Verification::Unverified, "10", "365").unwrap();
    assert_eq!(longer[0].expires, look::at("2026-11-23T12:00:00Z"));
    assert!(
        edited(Verification::OrganizationApproved, "10", "never").unwrap_err()[0]
            .lifetime_fault
            .is_some()
    );
}

#[test]
fn models_and_kinds_of_work_are_taken_away_and_never_added() {
    let row = |models: &[&str]| {
        let details = vec![detail("openai", models, "2026-12-22T12:00:00Z")];
        grant(1, "App", Verification::OrganizationApproved, details)
    };
    let with = |row: &GrantRow, more: &[(&str, &str)]| {
        let [month, day, minute, requests, tokens] = texts(&limits());
        let mut pairs = vec![
            ("d0.monthly_spend", month.as_str()),
            ("d0.daily_spend", &day),
            ("d0.requests_per_minute", &minute),
            ("d0.requests_per_day", &requests),
            ("d0.tokens_per_request", &tokens),
            ("d0.lifetime", "keep"),
        ];
        pairs.extend(more);
        changed(&Policy::default(), row, &Answers::of(&pairs), look::now())
    };
    let two = row(&["gpt-4o", "o1"]);
    let kept = with(
        &two,
        &[
            ("d0.models", "o1"),
            ("d0.models", "o3"),
            ("d0.capabilities", "chat"),
            ("d0.capabilities", "images"),
        ],
    );
    let kept = kept.unwrap().remove(0);
    assert_eq!(
        kept.models
            .patterns()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["o1"]
    );
    assert_eq!(kept.capabilities, [events::Capability::Chat].into());
    let none = with(&two, &[]).unwrap_err();
    assert!(none[0].models_fault.is_some() && none[0].capabilities_fault.is_some());
    let every = row(&[]);
    let named = with(
        &every,
        &[("d0.named", "gpt-4o*"), ("d0.capabilities", "chat")],
    )
    .unwrap();
    assert!(!named[0].models.is_every());
    let stays = with(&every, &[("d0.named", ""), ("d0.capabilities", "chat")]).unwrap();
    assert!(stays[0].models.is_every());
}

#[test]
fn the_form_for_changes_keeps_what_was_written() {
    let details = vec![
        detail("openai", &["gpt-4o"], "2026-12-22T12:00:00Z"),
        detail("anthropic", &[], "2026-12-22T12:00:00Z"),
    ];
    let row = grant(
        1,
        "Paper Digest",
        Verification::OrganizationApproved,
        details,
    );
    let filled = changed(&Policy::default(), &row, &answers("ten", "7"), look::now()).unwrap_err();
    assert_eq!(filled[0].limits[0], "ten");
    let layout = Layout::new("Change limits", &look::owner()).at(Section::ConnectedApps);
    let html = look::keep(
        "grant-edit",
        &EditPage::new(
            layout,
            &Policy::default(),
            &row,
            (&filled, None),
            look::now(),
        ),
    );
    assert!(html.contains("value=\"ten\"") && html.contains("<option value=\"7\" selected>"));
}
