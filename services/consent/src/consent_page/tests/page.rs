//! The page, with made-up requests.

use ids::GrantId;
use pages::Notice;

use super::*;
use crate::{
    access_request::RequestState,
    consent_page::{
        closed::ClosedPage,
        view::{ConsentPage, Shown},
    },
    grant::{GrantRow, GrantState, step_up},
};

fn page(
    row: &AccessRequestRow,
    keys: &[ProviderKeyRow],
    otherwise: &[(&str, &[&str])],
    uri: Option<&str>,
) -> ConsentPage {
    page_about(
        (row, &Wanted::fresh(&row.details), None),
        keys,
        otherwise,
        uri,
    )
}

fn page_about(
    (row, wanted, beside): (&AccessRequestRow, &Wanted, Option<&GrantRow>),
    keys: &[ProviderKeyRow],
    otherwise: &[(&str, &[&str])],
    uri: Option<&str>,
) -> ConsentPage {
    let policy = Policy::default();
    let offers = offers(
        &policy,
        (wanted, row.app.verification),
        (keys, &[]),
        look::now(),
    );
    let inputs: Vec<_> = offers
        .iter()
        .map(|offer| {
            let input = filled(offer, otherwise);
            let faults = decide(offer, &input)
                .err()
                .filter(|_| !otherwise.is_empty())
                .map(|faults| *faults)
                .unwrap_or_default();
            (input, faults)
        })
        .collect();
    let shown = Shown {
        row,
        offers: &offers,
        digest: digest_of(&policy, (row, wanted), &offers),
        wanted,
        beside,
        alike: usize::from(uri.is_none()),
        from_device: uri.is_none(),
        redirect_uri: uri,
        now: look::now(),
    };
    let notice = (!otherwise.is_empty())
        .then(|| Notice::bad("Nothing was decided yet: look at the fields marked below."));
    ConsentPage::new(&look::owner(), shown, &inputs, notice)
}

#[test]
fn the_page_says_who_asks_for_what_and_what_it_costs() {
    let row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    let html = look::keep(
        "consent",
        &page(
            &row,
            &keys(),
            &[],
            Some("https://paperdigest.example/cb?x=1"),
        ),
    );
    assert!(html.contains("An administrator of your organization registered this app"));
    assert!(html.contains("every model whose name begins with text-embedding-3-"));
    assert!(html.contains(
        "At the very most this costs you $25.00 in a calendar month and $25.00 on any one day."
    ));
    assert!(html.contains("then back to paperdigest.example"));
    assert!(html.contains("lapses in 8 minutes"));
}

#[test]
fn an_unverified_app_is_clamped_in_plain_sight() {
    let row = request("Pаper Digest", Verification::Unverified, EVERY);
    let html = look::keep("consent-unverified", &page(&row, &keys(), &[], None));
    assert!(html.contains("Unverified: anyone can type this name"));
    assert!(
        html.contains("mixes alphabets") && html.contains("1 other request under this name waits")
    );
    assert!(html.contains("App names none · at most $5.00"));
    assert!(html.contains("The app asks for every model, now and in future."));
}

#[test]
fn several_providers_stand_side_by_side() {
    let other = r#"{"type":"ai_model_access","provider":"anthropic","limits":{"monthly_spend":10,"daily_spend":1},"reason":"Checks the summaries."}"#;
    let row = request(
        "Paper Digest",
        Verification::DomainVerified,
        &format!("{MINI},{other}"),
    );
    let html = look::keep(
        "consent-two",
        &page(&row, &keys(), &[], Some("http://127.0.0.1:8000/cb")),
    );
    assert!(html.contains("<strong>Every model, now and in future</strong>"));
    assert!(
        html.contains(
            "$35.00 in a calendar month and $26.00 on any one day, all providers together"
        )
    );
    assert!(html.contains("name=\"d1.monthly_spend\""));
}

#[test]
fn a_refused_form_keeps_what_was_written_beside_what_is_wrong() {
    let row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    let otherwise: &[(&str, &[&str])] = &[
        ("d0.models", &[]),
        ("d0.monthly_spend", &["40"]),
        ("d0.daily_spend", &["two"]),
    ];
    let html = look::keep("consent-faults", &page(&row, &keys(), otherwise, None));
    assert!(html.contains("value=\"40\"") && html.contains("At most $25.00 may be given."));
    assert!(html.contains("Choose at least one model") && html.contains("value=\"two\""));
    assert!(html.contains("At the very most this costs you $25.00 in a calendar month and $25.00"));
}

#[test]
fn what_is_less_than_asked_is_said_in_words() {
    let row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    let otherwise: &[(&str, &[&str])] = &[
        ("d0.models", &["gpt-4o-mini"]),
        ("d0.capabilities", &["chat"]),
        ("d0.monthly_spend", &["5"]),
        ("d0.requests_per_minute", &["6"]),
        ("d0.lifetime", &["7"]),
    ];
    let html = look::keep("consent-narrowed", &page(&row, &keys(), otherwise, None));
    for words in [
        "this costs you $5.00 in a calendar month and $5.00 on any one day. Before you lowered it, \
         that was $25.00 and $25.00.",
        "Calls of these models are refused: text-embedding-3-*.",
        "Calls for these purposes are refused: Embeddings (search and comparison of text).",
        "Calls are refused once they cost $5.00 in a calendar month, not $25.00.",
        "At most 6 calls a minute, not ",
        "Its access ends on 29 Nov 2026, 12:00 UTC, not on 22 Dec 2026, 12:00 UTC.",
    ] {
        assert!(html.contains(words), "{words}\n{html}");
    }
    let as_asked = look::keep("consent", &page(&row, &keys(), &[], None));
    assert!(!as_asked.contains("Less than asked"));
}

#[test]
fn named_models_in_place_of_every_one_are_said_in_words() {
    let row = request("Paper Digest", Verification::OrganizationApproved, EVERY);
    let otherwise: &[(&str, &[&str])] = &[("d0.scope", &["named"]), ("d0.named", &["gpt-4o<i>"])];
    let html = look::keep("consent-named", &page(&row, &keys(), otherwise, None));
    let words = "Only these models can be called, not every one: gpt-4o&#60;i&#62;.";
    assert!(html.contains(words), "{html}");
}

#[test]
fn without_a_key_it_cannot_be_approved() {
    let row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    let html = look::keep(
        "consent-no-key",
        &page(&row, &[key(1, "openai", KeyState::Invalid)], &[], None),
    );
    assert!(html.contains("OpenAI refused the key you stored"));
    assert!(html.contains("form=\"approve\" disabled"));
    let html = page(&row, &[], &[], None).to_string();
    assert!(html.contains("href=\"/provider-keys?provider=openai\""));
    assert!(
        decided(
            Verification::OrganizationApproved,
            MINI,
            &[("d0.key", &[""])]
        )
        .is_err()
    );
}

#[test]
fn a_hostile_app_is_text_everywhere() {
    let asked = MINI.replace(
        "Summarises the papers you save.",
        "</p><script>alert(1)</script> \\\" onclick=\\\"x",
    );
    let row = request(
        "\"><img src=x onerror=alert(1)>\u{202e}gpj",
        Verification::Unverified,
        &asked,
    );
    let html = look::keep("consent-hostile", &page(&row, &keys(), &[], None));
    assert!(!html.contains("<img") && !html.contains("<script>") && !html.contains('\u{202e}'));
    let closed = ClosedPage::new(&look::owner(), &row, look::now());
    assert!(!look::keep("request-hostile", &closed).contains("<img"));
}

#[test]
fn what_is_decided_shows_how_it_stands_and_what_to_do_next() {
    let mut row = request("Paper Digest", Verification::Unverified, MINI);
    for (state, words, next) in [
        (
            RequestState::Approved(GrantId::from_uuid(uuid::Uuid::nil())),
            "You approved this",
            "/connected-apps",
        ),
        (
            RequestState::Denied(Some("Not this <month>".to_owned())),
            "Not this &#60;month&#62;",
            "/inbox",
        ),
        (RequestState::Expired, "Nobody decided in time", "/inbox"),
        (RequestState::Abandoned, "stopped waiting", "/inbox"),
    ] {
        row.state = state;
        let html = look::keep(
            &format!("request-{}", row.state.name()),
            &ClosedPage::new(&look::owner(), &row, look::now()),
        );
        assert!(
            html.contains(words) && html.contains(&format!("href=\"{next}\"")),
            "{words}"
        );
    }
}

/// A grant of the app that asks, with half of what it asks for.
fn grant(app: &AppIdentity) -> GrantRow {
    let had = serde_json::json!({
        "provider": "openai", "models": ["gpt-4o-mini"], "capabilities": ["chat"],
        "limits": {"monthly_spend": "5", "daily_spend": "5", "requests_per_minute": 60,
                   "requests_per_day": 2000, "tokens_per_request": 400_000},
        "expires": "2026-12-01T00:00:00Z", "key_id": keys()[2].id,
    });
    GrantRow {
        id: GrantId::from_uuid(uuid::Uuid::from_u128(77)),
        user: look::owner().user,
        app: app.clone(),
        details: vec![serde_json::from_value(had).unwrap()],
        state: GrantState::Live,
        granted_at: look::at("2026-11-20T12:00:00Z"),
        expires_at: look::at("2026-12-01T00:00:00Z"),
        rule: None,
        above: vec![],
        shadows: vec![],
    }
}

#[test]
fn a_request_for_more_is_shown_beside_what_the_app_has() {
    let mut row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    let grant = grant(&row.app);
    row.extends = Some(grant.id);
    let wanted = step_up::Wanted::more(&grant.details, &row.details);
    let html = look::keep(
        "step-up",
        &page_about((&row, &wanted, None), &keys(), &[], None),
    );
    assert!(html.contains("Paper Digest asks for more"), "{html}");
    for (what, has, then) in [
        ("Models", "gpt-4o-mini", "gpt-4o-mini, text-embedding-3-*"),
        ("A month", "$5.00", "$25.00"),
    ] {
        let marked = format!(
            "<tr class=\"more\"><th scope=\"row\">{what}</th><td class=\"break\">{has}</td><td class=\"break\">{then} <span class=\"badge info\">More</span>"
        );
        assert!(html.contains(&marked), "{what}: {html}");
    }
    assert!(
        html.contains("<tr><th scope=\"row\">Calls a minute</th>"),
        "as before, unmarked"
    );
    assert!(html.contains("has already") && html.contains("new"));
    let pays = format!("value=\"{}\" selected", keys()[2].id);
    assert!(html.contains(&pays), "the key that pays already");
}

#[test]
fn an_app_that_asks_again_without_naming_its_grant_is_said_to_have_one() {
    let row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    let beside = grant(&row.app);
    let wanted = Wanted::fresh(&row.details);
    let html = look::keep(
        "second-grant",
        &page_about((&row, &wanted, Some(&beside)), &keys(), &[], None),
    );
    assert!(html.contains("This app already has access"));
    assert!(html.contains("a second grant with a token and limits of its own"));
    assert!(html.contains("Paper Digest asks for access"));
}

#[test]
fn a_request_for_more_of_an_ended_grant_gives_nothing_to_decide() {
    let mut row = request("Paper Digest", Verification::OrganizationApproved, MINI);
    row.extends = Some(GrantId::from_uuid(uuid::Uuid::from_u128(77)));
    let html = look::keep(
        "step-up-ended",
        &ClosedPage::of_ended_grant(&look::owner(), &row, look::now()),
    );
    assert!(
        html.contains("a grant that has ended meanwhile") && !html.contains("<form id=\"approve\"")
    );
}

#[test]
fn the_sandbox_is_said_to_cost_nothing_and_needs_no_key() {
    let sandbox = r#"{"type":"ai_model_access","provider":"sandbox","models":["sandbox-echo"]}"#;
    let row = request(
        "Garden planner",
        Verification::OrganizationApproved,
        sandbox,
    );
    let page_of = |row: &AccessRequestRow, keys: &[ProviderKeyRow]| page(row, keys, &[], None);
    let alone = page_of(&row, &[]);
    assert!(alone.can_approve);
    let html = look::keep("consent-sandbox", &alone);
    assert!(html.contains("it costs nothing and calls no AI provider"));
    assert!(html.contains("This costs you nothing: the sandbox calls no AI provider."));
    // Beside a real provider, only that one counts, and it still needs a key.
    let both = format!("{sandbox},{MINI}");
    let row = request("Garden planner", Verification::OrganizationApproved, &both);
    assert!(!page_of(&row, &[]).can_approve);
    let html = look::keep("consent-sandbox-and-openai", &page_of(&row, &keys()));
    assert!(html.contains("$25.00 on any one day. Lower"));
}
