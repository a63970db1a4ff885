//! Whatever is sent, the answer says what was wrong, and nothing changes.

use actix_web::{
    http::{Method, header},
    test::TestRequest,
};

use crate::vault::Vault;

const API_POSTS: [&str; 2] = ["/api/v1/api-tokens", "/api/v1/sso"];
const FORM_POSTS: [&str; 2] = ["/sign-in/sso", "/account/api-tokens"];

#[actix_web::test]
async fn a_body_that_is_not_what_it_says_is_refused() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let before = vault.scratch.rows("store.events").await;
    let huge = format!("{{\"label\":\"{}\"}}", "x".repeat(300 * 1024));
    let deep = "[".repeat(100_000);
    for path in API_POSTS {
        for (content_type, body, status) in [
            ("application/json", b"".as_slice(), 400),
            ("application/json", b"{", 400),
            ("application/json", b"null", 400),
            ("application/json", b"[]", 400),
            ("application/json", b"{} {}", 400),
            (
                "application/json",
                b"{\"label\":\"a\",\"label\":\"b\"}",
                400,
            ),
            (
                "application/json",
                b"{\"label\":\"a\",\"\\u006cabel\":\"b\"}",
                400,
            ),
            ("application/json", b"{\"label\":\"\xff\"}", 400),
            ("application/json", b"{\"label\":\"\\ud800\"}", 400),
            ("application/json", deep.as_bytes(), 400),
            ("application/json", huge.as_bytes(), 413),
            ("text/plain", b"{}", 415),
            ("application/x-www-form-urlencoded", b"label=a", 415),
            ("application/json; charset=latin1", b"{}", 415),
        ] {
            let request = TestRequest::post().uri(path).set_payload(body.to_vec());
            let answer = owner
                .send(request.insert_header((header::CONTENT_TYPE, content_type)))
                .await;
            let sent: String = String::from_utf8_lossy(body).chars().take(40).collect();
            assert_eq!(
                answer.status.as_u16(),
                status,
                "{path} {sent}: {}",
                answer.text
            );
        }
        let bare = owner.send(TestRequest::post().uri(path)).await;
        assert_eq!(bare.status.as_u16(), 415, "{path}");
    }
    assert_eq!(vault.scratch.rows("store.events").await, before);
}

#[actix_web::test]
async fn a_form_that_is_not_what_it_says_is_refused() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let mut browser = vault.owner(&acme).await;
    browser.accept = "application/json";
    let csrf = browser.csrf().await;
    let huge = format!("organization={}", "x".repeat(300 * 1024));
    for path in FORM_POSTS {
        for (content_type, body, status) in [
            (
                "application/x-www-form-urlencoded",
                b"organization=a&organization=b".as_slice(),
                400,
            ),
            (
                "application/x-www-form-urlencoded",
                b"organization=%ff",
                400,
            ),
            ("application/x-www-form-urlencoded", b"colour=red", 400),
            ("application/x-www-form-urlencoded", b"", 400),
            ("application/x-www-form-urlencoded", huge.as_bytes(), 413),
            ("application/json", b"{}", 415),
            ("multipart/form-data; boundary=x", b"--x--", 415),
        ] {
            let request = TestRequest::post().uri(path).set_payload(body.to_vec());
            let request = request
                .insert_header((header::CONTENT_TYPE, content_type))
                .insert_header(("x-csrf-token", csrf.clone()))
                .insert_header(("sec-fetch-site", "same-origin"));
            let answer = browser.send(request).await;
            let sent: String = String::from_utf8_lossy(body).chars().take(40).collect();
            assert_eq!(
                answer.status.as_u16(),
                status,
                "{path} {sent}: {}",
                answer.text
            );
        }
    }
}

#[actix_web::test]
async fn another_method_is_refused_as_such() {
    let vault = Vault::open().await;
    let browser = vault.browser();
    for path in [
        "/sign-in",
        "/sign-in/sso",
        "/sign-in/link/in_x",
        "/sign-out",
        "/account",
        "/account/api-tokens",
        "/session",
        "/session",
        "/api/v1/session",
        "/api/v1/members",
        "/api/v1/sso",
        "/api/v1/api-tokens",
        "/sso/sso_x/callback",
    ] {
        for method in [Method::PUT, Method::PATCH, Method::TRACE] {
            let answer = browser
                .send(TestRequest::with_uri(path).method(method.clone()))
                .await;
            assert_eq!(answer.status.as_u16(), 405, "{method} {path}");
        }
    }
    for path in [
        "/sign-in/",
        "/sign-in/link",
        "/sign-in/link/",
        "/api/v1/tokens",
        "//sign-in",
        "/sign-in/../account",
    ] {
        assert_eq!(browser.get(path).await.status.as_u16(), 404, "{path}");
    }
}

#[actix_web::test]
async fn a_credential_that_is_none_is_refused_before_any_look_up() {
    let vault = Vault::without_database().await;
    let okap = ids::OkapToken::mint().unwrap();
    for token in ["x", "lk_", "lk_abc", okap.reveal(), &"l".repeat(9_000)] {
        let answer = vault.program(token).get("/api/v1/session").await;
        assert_eq!(answer.status.as_u16(), 401, "{token}");
    }
    let browser = vault.browser();
    for authorization in ["Basic bGs6", "lk_abc", "Bearer", "Bearer  "] {
        let request = TestRequest::get().uri("/api/v1/session");
        let request = request.insert_header((header::AUTHORIZATION, authorization));
        assert_eq!(
            browser.send(request).await.status.as_u16(),
            401,
            "{authorization}"
        );
    }
}

#[actix_web::test]
async fn the_description_of_the_api_names_every_call() {
    let described = serde_json::to_value(auth::openapi()).unwrap();
    let paths: Vec<_> = described["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let expected = [
        "/session",
        "/api/v1/session",
        "/api/v1/members",
        "/api/v1/sso",
        "/api/v1/api-tokens",
        "/api/v1/api-tokens/{id}",
    ];
    for path in expected {
        assert!(paths.iter().any(|known| known == path), "{path}: {paths:?}");
    }
    assert_eq!(paths.len(), expected.len());
}
