//! Tokens that people give to their own programs.

use actix_web::{http::StatusCode, test::TestRequest};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::vault::{Vault, asked};

const TOKENS: &str = "/api/v1/api-tokens";

fn new(role: &str, expires_at: Timestamp) -> Value {
    json!({"label": "CI", "role": role, "expires_at": expires_at.to_string()})
}

fn in_hours(vault: &Vault, hours: i64) -> Timestamp {
    vault.now() + SignedDuration::from_hours(hours)
}

#[actix_web::test]
async fn a_token_is_shown_once_works_and_is_revoked() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    vault.pass(SignedDuration::from_secs(1));
    let issued = owner
        .post(TOKENS, new("finance", in_hours(&vault, 24)))
        .await;
    assert_eq!(issued.status, StatusCode::CREATED, "{}", issued.text);
    assert_eq!(issued.header("cache-control"), "no-store");
    let issued = issued.json();
    let token = issued["token"].as_str().unwrap();
    assert!(token.starts_with("lk_"));

    let program = vault.program(token);
    let session = program.get("/api/v1/session").await.json();
    assert_eq!(
        (&session["role"], &session["name"]),
        (&json!("finance"), &json!("CI"))
    );

    let listed = owner.get(TOKENS).await;
    assert!(!listed.text.contains(token), "never shown again");
    let listed = listed.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(listed["items"][0]["id"], issued["id"]);
    assert_eq!(listed["items"][0]["revoked_at"], Value::Null);
    assert_eq!(listed["next_cursor"], Value::Null);
    for table in ["auth.api_tokens", "store.events"] {
        let rows = vault.scratch.rows(table).await.join("\n");
        assert!(
            !rows.contains(token) && !rows.contains(&token[3..]),
            "{table}"
        );
    }

    let path = format!("{TOKENS}/{}", issued["id"].as_str().unwrap());
    assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        program.get("/api/v1/session").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(owner.delete(&path).await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_token_ends_when_it_said() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let issued = owner
        .post(TOKENS, new("owner", in_hours(&vault, 1)))
        .await
        .json();
    let program = vault.program(issued["token"].as_str().unwrap());
    assert_eq!(program.get("/api/v1/session").await.status, StatusCode::OK);
    vault.pass(SignedDuration::from_hours(1));
    assert_eq!(
        program.get("/api/v1/session").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[actix_web::test]
async fn a_token_can_do_at_most_what_makes_it() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let until = in_hours(&vault, 24);
    for (own, above) in [
        ("admin", vec!["owner"]),
        ("member", vec!["owner", "admin", "finance"]),
        ("finance", vec!["owner", "admin", "member"]),
    ] {
        let issued = owner.post(TOKENS, new(own, until)).await.json();
        let program = vault.program(issued["token"].as_str().unwrap());
        for role in above {
            let answer = program.post(TOKENS, new(role, until)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{own} makes {role}");
        }
        assert_eq!(
            program.post(TOKENS, new(own, until)).await.status,
            StatusCode::CREATED,
            "{own}"
        );
    }
}

#[actix_web::test]
async fn every_field_of_a_new_token_is_checked() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let before = vault.scratch.rows("auth.api_tokens").await.len();
    let good = new("member", in_hours(&vault, 24));
    let changed = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let bad = [
        without("label"),
        without("role"),
        without("expires_at"),
        changed("label", json!("")),
        changed("label", json!("x".repeat(61))),
        changed("label", json!("a\u{202e}b")),
        changed("label", json!(7)),
        changed("label", Value::Null),
        changed("role", json!("root")),
        changed("role", json!("Owner")),
        changed("role", json!(["owner"])),
        changed("expires_at", json!("tomorrow")),
        changed("expires_at", json!(1_800_000_000)),
        changed("expires_at", json!(vault.now().to_string())),
        changed("expires_at", json!("2020-01-01T00:00:00Z")),
        changed("expires_at", json!("2028-01-01T00:00:00Z")),
        changed("expires_at", json!("9999-12-31T23:59:59Z")),
        changed("expires_at", Value::Null),
        changed("colour", json!("red")),
        json!([]),
        json!("x"),
    ];
    for body in bad {
        let answer = owner.post(TOKENS, &body).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{body}: {}",
            answer.text
        );
    }
    assert_eq!(vault.scratch.rows("auth.api_tokens").await.len(), before);
}

#[actix_web::test]
async fn nobody_has_more_than_fifty_tokens_that_work() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let body = new("member", in_hours(&vault, 24));
    for _ in 1..50 {
        assert_eq!(owner.post(TOKENS, &body).await.status, StatusCode::CREATED);
    }
    let answer = owner.post(TOKENS, &body).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "too-many-api-tokens")
    );
    vault.pass(SignedDuration::from_hours(24));
    let body = new("member", in_hours(&vault, 24));
    assert_eq!(owner.post(TOKENS, &body).await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn another_persons_tokens_are_out_of_sight_and_reach() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let globex = vault.found("Globex").await;
    let second = auth::provision::Provision {
        owner_email: "eve@acme.test".to_owned(),
        ..asked("Acme")
    };
    let second = vault.provision(&second).await;
    assert_eq!(second.tenant, acme.tenant);
    let ada = vault.program(acme.owner_token.as_deref().unwrap());
    let own = ada.get(TOKENS).await.json();
    let id = own["items"][0]["id"].as_str().unwrap();
    for other in [globex.owner_token, second.owner_token] {
        let other = vault.program(&other.unwrap());
        assert!(!other.get(TOKENS).await.text.contains(id));
        assert_eq!(
            other.delete(&format!("{TOKENS}/{id}")).await.status,
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(ada.get(TOKENS).await.status, StatusCode::OK);
    for id in ["x", "apitoken_", "user_0198", "%2e%2e"] {
        assert_eq!(
            ada.delete(&format!("{TOKENS}/{id}")).await.status,
            StatusCode::NOT_FOUND,
            "{id}"
        );
    }
}

#[actix_web::test]
async fn a_browser_needs_the_sessions_token_for_what_changes_something() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    let body = new("member", in_hours(&vault, 24));
    let post = |csrf: Option<String>, site: &'static str| {
        let mut request = TestRequest::post().uri(TOKENS).set_json(&body);
        request = request.insert_header(("sec-fetch-site", site));
        match csrf {
            Some(csrf) => browser.send(request.insert_header(("x-csrf-token", csrf))),
            None => browser.send(request),
        }
    };
    let csrf = browser.csrf().await;
    for (csrf, site) in [
        (None, "same-origin"),
        (Some("x".to_owned()), "same-origin"),
        (Some(csrf.clone()), "cross-site"),
        (Some(csrf.clone()), "same-site"),
        (Some(csrf.clone()), "none"),
    ] {
        let answer = post(csrf, site).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::FORBIDDEN, "csrf")
        );
    }
    assert_eq!(
        post(Some(csrf), "same-origin").await.status,
        StatusCode::CREATED
    );
}

#[actix_web::test]
async fn the_account_page_makes_and_revokes_tokens() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    vault.pass(SignedDuration::from_secs(1));
    let page = browser.get("/account").await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["Ada", "Acme", "owner", "Owner token from provisioning"] {
        assert!(page.text.contains(shown), "{shown}");
    }
    let form = [
        ("label", "Laptop"),
        ("role", "member"),
        ("expires_on", "2026-12-24"),
    ];
    let made = browser.submit("/account/api-tokens", &form).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let token = made
        .text
        .split('"')
        .find(|text| text.starts_with("lk_"))
        .unwrap()
        .to_owned();
    let session = vault.program(&token).get("/api/v1/session").await.json();
    assert_eq!(session["role"], "member");

    let page = browser.get("/account").await.text;
    assert!(!page.contains(&token), "shown once");
    assert!(page.contains("Laptop"));
    let action = page
        .split('"')
        .find(|text| text.starts_with("/account/api-tokens/apitoken_"))
        .unwrap();
    let revoked = browser.submit(action, &[]).await;
    assert_eq!(
        (revoked.status, revoked.location()),
        (StatusCode::SEE_OTHER, "/account")
    );
    let status = vault.program(&token).get("/api/v1/session").await.status;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn the_account_page_says_what_was_wrong_beside_the_field() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    for (form, words) in [
        (
            [
                ("label", ""),
                ("role", "member"),
                ("expires_on", "2026-12-24"),
            ],
            "a label has 1 to 60",
        ),
        (
            [("label", "a"), ("role", ""), ("expires_on", "2026-12-24")],
            "choose a role",
        ),
        (
            [
                ("label", "a"),
                ("role", "member"),
                ("expires_on", "2020-01-01"),
            ],
            "expires in the future",
        ),
        (
            [
                ("label", "a"),
                ("role", "member"),
                ("expires_on", "2030-01-01"),
            ],
            "at most a year",
        ),
        (
            [
                ("label", "a"),
                ("role", "member"),
                ("expires_on", "9999-12-31"),
            ],
            "at most a year",
        ),
    ] {
        let answer = browser.submit("/account/api-tokens", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
        assert!(answer.text.contains(words), "{form:?}: {}", answer.text);
    }
    let form = [
        ("label", "a"),
        ("role", "root"),
        ("expires_on", "2026-12-24"),
    ];
    let answer = browser.submit("/account/api-tokens", &form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(vault.scratch.rows("auth.api_tokens").await.len(), 1);
}
