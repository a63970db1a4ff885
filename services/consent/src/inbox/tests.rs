//! The inbox, with made-up requests.

use events::{AppIdentity, Transport, Verification};
use ids::{GrantId, RequestId};
use pages::{Layout, Section};

use super::{
    InboxPage, done,
    list::{InboxList, Setup, summary},
};
use crate::{
    access_request::{AccessRequestRow, RequestState, details},
    consent_page::look,
};

const READY: Setup = Setup {
    decides: true,
    has_key: true,
    has_address: true,
};
const MINI: &str = r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"monthly_spend":10},"reason":"Summarises <papers>."}"#;
const TWO: &str = r#"{"type":"ai_model_access","provider":"openai","models":["a","b","c","d","e"]},
    {"type":"ai_model_access","provider":"anthropic","limits":{"monthly_spend":2.5}}"#;

fn row(name: &str, verification: Verification, received_at: &str, asked: &str) -> AccessRequestRow {
    AccessRequestRow {
        id: RequestId::from_uuid(uuid::Uuid::new_v4()),
        user: look::owner().user,
        transport: Transport::Okap,
        app: AppIdentity {
            app: None,
            name: name.to_owned(),
            url: None,
            verification,
            registration: None,
        },
        details: details::parse(&format!("[{asked}]"), look::now()).unwrap(),
        granted: Vec::new(),
        extends: None,
        state: RequestState::Pending,
        received_at: look::at(received_at),
        expires_at: look::at("2026-11-22T12:08:00Z"),
        handle: None,
        rule: None,
        unasked: false,
    }
}

fn page(pending: &[AccessRequestRow], recent: &[AccessRequestRow], setup: Setup) -> InboxPage {
    let count = u32::try_from(pending.len()).unwrap();
    let layout = Layout::new("Inbox", &look::owner())
        .at(Section::Inbox)
        .inbox_count(count)
        .live_inbox();
    let undoable: Vec<GrantId> = recent
        .iter()
        .filter(|row| row.rule.is_some())
        .filter_map(|row| match row.state {
            RequestState::Approved(grant) => Some(grant),
            _ => None,
        })
        .collect();
    let of = (pending, recent, undoable.as_slice());
    let list = InboxList::new(layout.csrf_field(), of, setup, look::now());
    InboxPage {
        layout,
        refused: Vec::new(),
        list,
    }
}

#[test]
fn a_request_is_one_line() {
    let lines = |asked| {
        row("A", Verification::Unverified, "2026-11-22T11:58:00Z", asked)
            .details
            .iter()
            .map(summary)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(MINI), ["OpenAI · gpt-4o · $10.00 a month"]);
    assert_eq!(
        lines(TWO),
        [
            "OpenAI · a, b, c and 2 more · no limit named",
            "Anthropic · every model · $2.50 a month"
        ]
    );
}

#[test]
fn requests_are_grouped_by_who_asks_and_not_by_name_alone() {
    use Verification::{OrganizationApproved, Unverified};
    let pending = [
        row(
            "Paper Digest",
            OrganizationApproved,
            "2026-11-22T11:59:40Z",
            TWO,
        ),
        row("Mail Triage", Unverified, "2026-11-22T11:58:00Z", MINI),
        row(
            "Paper Digest",
            OrganizationApproved,
            "2026-11-22T11:57:00Z",
            MINI,
        ),
        row("Paper Digest", Unverified, "2026-11-22T11:56:00Z", MINI),
    ];
    let mut approved = row("Notebook", Unverified, "2026-11-22T09:00:00Z", MINI);
    approved.state = RequestState::Approved(GrantId::from_uuid(uuid::Uuid::nil()));
    let mut expired = row("Old helper", Unverified, "2026-11-20T09:00:00Z", TWO);
    expired.state = RequestState::Expired;
    let html = look::keep("inbox", &page(&pending, &[approved, expired], READY));
    assert_eq!(html.matches("aria-labelledby=\"app-").count(), 3);
    assert!(html.contains("data-count=\"4\"") && html.contains("Summarises &#60;papers&#62;."));
    assert!(html.contains("asked just now · lapses in 8 minutes"));
    assert!(html.contains("Recently decided") && html.contains("Approved</span>"));
}

#[test]
fn one_asker_is_denied_in_one_go_and_a_like_name_is_told() {
    use Verification::{DomainVerified, Unverified};
    let handle = |number| Some(ids::HandleId::from_uuid(uuid::Uuid::from_u128(number)));
    let mut rows = [1, 1, 2].map(|number| {
        let mut row = row("Notebook", Unverified, "2026-11-22T11:58:00Z", MINI);
        row.handle = handle(number);
        row
    });
    let group = |html: &str, of: &str| html.matches(of).count();
    let html = look::keep("inbox-alike", &page(&rows, &[], READY));
    assert_eq!(group(&html, "aria-labelledby=\"app-"), 2);
    assert_eq!(group(&html, "3 requests under this name wait"), 2);
    assert_eq!(group(&html, "Deny all 2"), 1);
    assert_eq!(group(&html, "Block this app"), 2);
    // A name that came through the person's own browser identifies nobody.
    rows[2].handle = None;
    rows[0].app.verification = DomainVerified;
    let html = look::keep("inbox-nameless", &page(&rows[1..], &[], READY));
    assert_eq!(group(&html, "Block this app"), 1);
}

#[test]
fn what_a_rule_granted_is_marked_and_taken_back_with_one_press() {
    let mut granted = row(
        "Notebook",
        Verification::DomainVerified,
        "2026-11-22T09:00:00Z",
        MINI,
    );
    let grant = GrantId::from_uuid(uuid::Uuid::nil());
    granted.state = RequestState::Approved(grant);
    granted.rule = Some(ids::ApprovalRuleId::from_uuid(uuid::Uuid::nil()));
    let html = look::keep("inbox-automatic", &page(&[], &[granted], READY));
    assert!(html.contains("Granted by a rule"));
    assert!(html.contains(&format!("action=\"/connected-apps/{grant}/revoke\"")));
}

#[test]
fn what_was_decided_says_what_was_granted_and_not_what_was_asked() {
    let mut approved = row(
        "Notebook",
        Verification::OrganizationApproved,
        "2026-11-22T09:00:00Z",
        MINI,
    );
    approved.state = RequestState::Approved(GrantId::from_uuid(uuid::Uuid::nil()));
    approved.granted = serde_json::from_value(serde_json::json!([{
        "provider": "openai", "models": ["gpt-4o-mini"], "capabilities": ["chat"],
        "limits": {"monthly_spend": "2.5", "daily_spend": "1", "requests_per_minute": 1,
                   "requests_per_day": 1, "tokens_per_request": 1},
        "expires": "2027-01-01T00:00:00Z", "key_id": ids::ProviderKeyId::new(look::now()),
    }]))
    .unwrap();
    let html = look::keep("inbox-granted", &page(&[], &[approved], READY));
    assert!(html.contains("OpenAI · gpt-4o-mini · $2.50 a month"));
    assert!(!html.contains("$10.00"));
}

#[test]
fn the_empty_inbox_says_what_to_do_next() {
    for (name, setup, words, next) in [
        (
            "inbox-no-key",
            Setup {
                has_key: false,
                ..READY
            },
            "Add a provider key first",
            "/provider-keys",
        ),
        (
            "inbox-no-address",
            Setup {
                has_address: false,
                ..READY
            },
            "Your key is stored",
            "/connect",
        ),
        ("inbox-empty", READY, "Nothing waits for you", "/connect"),
        (
            "inbox-finance",
            Setup {
                decides: false,
                ..READY
            },
            "Your role",
            "/usage",
        ),
    ] {
        let html = look::keep(name, &page(&[], &[], setup));
        assert!(
            html.contains(words)
                && html.contains(&format!("class=\"button primary\" href=\"{next}\"")),
            "{name}"
        );
    }
    let waiting = [row(
        "App",
        Verification::Unverified,
        "2026-11-22T11:58:00Z",
        MINI,
    )];
    let html = look::keep(
        "inbox-waiting-no-key",
        &page(
            &waiting,
            &[],
            Setup {
                has_key: false,
                ..READY
            },
        ),
    );
    assert!(html.contains("Add a provider key first"));
}

#[test]
fn only_what_was_done_is_told() {
    assert!(done(Some("approved")).is_some() && done(Some("denied")).is_some());
    assert!(done(Some("<script>")).is_none() && done(None).is_none());
}
