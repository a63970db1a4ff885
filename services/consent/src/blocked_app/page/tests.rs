//! The pages of blocked apps, with made-up ones.

use events::{AppIdentity, Verification};
use ids::HandleId;

use super::*;
use crate::consent_page::look;

fn app(name: &str, verification: Verification) -> AppIdentity {
    AppIdentity {
        app: None,
        name: name.to_owned(),
        url: Some("https://triage.example/start".to_owned()),
        verification,
        registration: None,
    }
}

fn layout() -> Layout {
    Layout::new("Blocked apps", &look::owner()).at(Section::ConnectedApps)
}

fn name_key() -> AppKey {
    AppKey::Name {
        name: "mail triage".to_owned(),
        handle: HandleId::from_uuid(uuid::Uuid::nil()),
    }
}

#[test]
fn the_list_says_what_exactly_is_blocked() {
    let domain = AppKey::Domain {
        domain: "triage.example".to_owned(),
    };
    let row = |number, key, verification| BlockedAppRow {
        id: BlockedAppId::from_uuid(uuid::Uuid::from_u128(number)),
        user: look::owner().user,
        key,
        app: app("Mail Triage", verification),
        blocked_at: look::at("2026-11-21T09:00:00Z"),
    };
    let rows = [
        row(1, domain, Verification::DomainVerified),
        row(2, name_key(), Verification::Unverified),
    ];
    let html = look::keep(
        "blocked-apps",
        &BlockedAppsPage::new(layout(), &rows, look::now()),
    );
    assert!(html.contains("Every app of triage.example") && html.contains("at the one handle"));
    let html = look::keep(
        "blocked-apps-none",
        &BlockedAppsPage::new(layout(), &[], look::now()),
    );
    assert!(html.contains("No app is blocked"));
}

#[test]
fn the_question_names_what_waits_and_what_it_has() {
    let known = |waiting, grants| Known {
        key: name_key(),
        app: app("Mail Triage", Verification::Unverified),
        waiting: vec![AccessRequestId::from_uuid(uuid::Uuid::nil()); waiting],
        grants: vec![GrantId::from_uuid(uuid::Uuid::nil()); grants],
    };
    let what = What::Request(AccessRequestId::from_uuid(uuid::Uuid::nil()));
    let html = look::keep("block-app", &BlockPage::new(layout(), &known(2, 1), &what));
    assert!(html.contains("2 requests of it wait for you and are denied"));
    assert!(html.contains("name=\"revoke\"") && html.contains("1 live grant:"));
    let html = look::keep(
        "block-app-nothing",
        &BlockPage::new(layout(), &known(0, 0), &what),
    );
    assert!(!html.contains("name=\"revoke\"") && !html.contains("of it wait"));
}
