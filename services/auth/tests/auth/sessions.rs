//! The session that every way in ends in.

use actix_web::{http::StatusCode, test::TestRequest};
use jiff::SignedDuration;
use server::Environment;

use crate::vault::{Setup, Vault};

#[actix_web::test]
async fn the_session_cookie_keeps_to_itself() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let answer = vault.browser().follow_link(&acme.sign_in_url).await;
    let cookie = answer.set_cookies().remove(0);
    assert!(cookie.starts_with("latchkey_session=ses_"), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Domain") && !cookie.contains("Secure"),
        "{cookie}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[actix_web::test]
async fn over_tls_the_session_cookie_is_bound_to_the_host() {
    let public_url = "https://vault.example.test";
    let environment = Environment::Production;
    let vault = Vault::with(Setup {
        public_url,
        environment,
        strangers_join: true,
    })
    .await;
    let acme = vault.found("Acme").await;
    assert!(
        acme.sign_in_url
            .starts_with("https://vault.example.test/sign-in/link/in_")
    );
    let cookie = vault
        .browser()
        .follow_link(&acme.sign_in_url)
        .await
        .set_cookies()
        .remove(0);
    assert!(cookie.starts_with("__Host-latchkey=ses_"), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[actix_web::test]
async fn signing_in_anew_gives_another_session_and_ends_the_one_before() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    let before = browser.cookies.borrow().clone();
    let again = vault.found("Acme").await;
    browser.follow_link(&again.sign_in_url).await;
    assert_ne!(*browser.cookies.borrow(), before);
    assert!(browser.is_signed_in().await);
    let old = vault.browser();
    *old.cookies.borrow_mut() = before;
    assert!(!old.is_signed_in().await, "the session before has ended");
}

#[actix_web::test]
async fn a_planted_session_is_never_taken_over() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let planted = ids::SessionToken::mint().unwrap().reveal().to_owned();
    let browser = vault.browser();
    browser
        .cookies
        .borrow_mut()
        .insert("latchkey_session".to_owned(), planted.clone());
    browser.follow_link(&acme.sign_in_url).await;
    assert!(browser.is_signed_in().await);
    assert_ne!(browser.cookies.borrow()["latchkey_session"], planted);
}

#[actix_web::test]
async fn signing_out_ends_the_session() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    let kept = browser.cookies.borrow().clone();
    let answer = browser.submit("/sign-out", &[]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/sign-in")
    );
    assert!(browser.cookies.borrow().is_empty());
    *browser.cookies.borrow_mut() = kept;
    assert!(!browser.is_signed_in().await);
    let answer = browser.post("/sign-out", &[]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/sign-in?next=%2F")
    );
}

#[actix_web::test]
async fn signing_out_takes_the_sessions_own_token() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let (browser, other) = (
        vault.owner(&acme).await,
        vault.owner(&vault.found("Acme").await).await,
    );
    let foreign = other.csrf().await;
    for form in [
        vec![],
        vec![("csrf", "x")],
        vec![("csrf", foreign.as_str())],
    ] {
        assert_eq!(
            browser.post("/sign-out", &form).await.status,
            StatusCode::FORBIDDEN
        );
    }
    let own = browser.csrf().await;
    let answer = browser
        .post_from_elsewhere("/sign-out", &[("csrf", &own)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.get("/sign-out").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn a_session_ends_by_itself() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    vault.pass(SignedDuration::from_hours(7));
    assert!(browser.is_signed_in().await);
    vault.pass(SignedDuration::from_hours(8) + SignedDuration::from_secs(1));
    assert!(!browser.is_signed_in().await);
}

#[actix_web::test]
async fn who_is_asked_without_a_session_is_nobody() {
    let vault = Vault::open().await;
    let answer = vault.browser().session().await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::UNAUTHORIZED, "unauthorized")
    );
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"latchkey\""
    );
}

#[actix_web::test]
async fn after_signing_in_nobody_is_led_to_another_site() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.browser();
    let path = browser.path(&acme.sign_in_url).to_owned();
    for next in [
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https://evil.test",
        "http:evil.test",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.test",
        ".evil.test",
        "@evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        "/\r\nLocation: https://evil.test",
        " //evil.test",
        "/\u{2215}evil.test",
        "\u{0}/x",
        "?next=//evil.test",
        "#//evil.test",
        "https:/evil.test",
        "/\u{ff0f}evil.test",
    ] {
        let answer = browser.post(&path, &[("next", next)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{next:?}");
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        for page in [
            format!("{path}?next={encoded}"),
            format!("/sign-in?next={encoded}"),
        ] {
            let answer = browser.get(&page).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{next:?}");
            assert_eq!(answer.location(), "");
        }
        let sso = browser
            .post("/sign-in/sso", &[("organization", "Acme"), ("next", next)])
            .await;
        assert_eq!(sso.status, StatusCode::BAD_REQUEST, "{next:?}");
    }
    let answer = browser
        .post(&path, &[("next", "/requests/req_1?x=//evil.test")])
        .await;
    assert_eq!(answer.location(), "/requests/req_1?x=//evil.test");
}

#[actix_web::test]
async fn the_sign_in_page_shows_what_it_is_given_as_text() {
    let vault = Vault::open().await;
    let browser = vault.browser();
    let page = browser
        .get("/sign-in?organization=%3Cscript%3Ealert(1)%3C/script%3E&next=/inbox")
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    assert!(page.text.contains("value=\"/inbox\""));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self'"),
        "{policy}"
    );
    assert!(!page.text.contains("style=") && !page.text.contains("<script>"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("cache-control"), "no-store");
}

#[actix_web::test]
async fn whoever_is_signed_in_already_goes_on() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.owner(&acme).await;
    let answer = browser.get("/sign-in?next=/usage").await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/usage")
    );
}

#[actix_web::test]
async fn pages_send_nobody_to_sign_in_first() {
    let vault = Vault::open().await;
    let answer = vault.browser().get("/account").await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/sign-in?next=%2Faccount")
    );
}

#[actix_web::test]
async fn without_a_database_everything_says_so() {
    let vault = Vault::without_database().await;
    let mut browser = vault.browser();
    browser.accept = "application/json";
    let token = ids::SessionToken::mint().unwrap();
    browser
        .cookies
        .borrow_mut()
        .insert("latchkey_session".to_owned(), token.reveal().to_owned());
    let link = ids::SignInLink::mint().unwrap();
    let link = format!("/sign-in/link/{}", link.reveal());
    let api_token = ids::ApiToken::mint().unwrap();
    let program = vault.program(api_token.reveal());
    let answers = [
        browser.get("/api/v1/session").await,
        browser.get("/account").await,
        browser.get(&link).await,
        browser.post(&link, &[]).await,
        browser
            .post("/sign-in/sso", &[("organization", "Acme")])
            .await,
        browser.post("/sign-out", &[]).await,
        program.get("/api/v1/members").await,
        program.get("/api/v1/sso").await,
        program.get("/api/v1/api-tokens").await,
        browser.get("/health/ready").await,
    ];
    for answer in answers {
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("postgres://"), "{}", answer.text);
    }
    let live = browser.send(TestRequest::get().uri("/health/live")).await;
    assert_eq!(live.status, StatusCode::OK);
}
