//! One-time sign-in links.

use actix_web::{http::StatusCode, test::TestRequest};
use futures_util::future::join_all;
use ids::SignInLink;
use jiff::SignedDuration;

use crate::vault::Vault;

#[actix_web::test]
async fn looking_at_a_link_does_not_use_it_up() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.browser();
    let path = browser.path(&acme.sign_in_url);
    for _ in 0..3 {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("Continue as Ada"), "{}", page.text);
        assert!(page.text.contains("Acme"));
        let head = browser
            .send(TestRequest::with_uri(path).method(actix_web::http::Method::HEAD))
            .await;
        assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
    }
    assert!(browser.cookies.borrow().is_empty());
    let answer = browser.follow_link(&acme.sign_in_url).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/inbox")
    );
    let session = browser.session().await.json();
    assert_eq!(session["name"], "Ada");
    assert_eq!(session["role"], "owner");
    assert_eq!(session["organization"]["name"], "Acme");
    assert_eq!(session["via"], "session");
}

#[actix_web::test]
async fn of_a_hundred_posts_at_once_one_opens_a_session() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browsers: Vec<_> = (0..100).map(|_| vault.browser()).collect();
    let posts = browsers
        .iter()
        .map(|browser| browser.follow_link(&acme.sign_in_url));
    let answers = join_all(posts).await;
    let opened = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::SEE_OTHER)
        .count();
    let refused = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::GONE)
        .count();
    assert_eq!((opened, refused), (1, 99));
    assert_eq!(vault.scratch.rows("auth.sessions").await.len(), 1);
    let signed_in = vault.scratch.rows("store.events").await;
    assert_eq!(
        signed_in
            .iter()
            .filter(|event| event.contains("user.signed_in"))
            .count(),
        1
    );
}

#[actix_web::test]
async fn a_used_link_says_that_it_was_used() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    vault.owner(&acme).await;
    let mut browser = vault.browser();
    assert_eq!(
        browser.get(browser.path(&acme.sign_in_url)).await.status,
        StatusCode::GONE
    );
    browser.accept = "application/json";
    let answer = browser.follow_link(&acme.sign_in_url).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::GONE, "sign-in-link-spent")
    );
    assert!(!browser.is_signed_in().await);
}

#[actix_web::test]
async fn a_link_works_for_fifteen_minutes() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    vault.pass(SignedDuration::from_secs(14 * 60 + 59));
    let browser = vault.browser();
    assert_eq!(
        browser.get(browser.path(&acme.sign_in_url)).await.status,
        StatusCode::OK
    );
    vault.pass(SignedDuration::from_secs(1));
    assert_eq!(
        browser.get(browser.path(&acme.sign_in_url)).await.status,
        StatusCode::GONE
    );
    assert_eq!(
        browser.follow_link(&acme.sign_in_url).await.status,
        StatusCode::GONE
    );
    assert!(!browser.is_signed_in().await);
}

#[actix_web::test]
async fn a_link_that_was_never_made_is_not_found() {
    let vault = Vault::open().await;
    let never = SignInLink::mint().unwrap();
    let browser = vault.browser();
    for token in [
        never.reveal(),
        "in_",
        "x",
        "lk_abc",
        &"a".repeat(5_000),
        "%00",
        "..%2f..%2f",
    ] {
        let path = format!("/sign-in/link/{token}");
        assert_eq!(
            browser.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{token}"
        );
        assert_eq!(
            browser.post(&path, &[]).await.status,
            StatusCode::NOT_FOUND,
            "{token}"
        );
    }
}

#[actix_web::test]
async fn a_page_of_another_site_cannot_sign_anybody_in() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let browser = vault.browser();
    let path = browser.path(&acme.sign_in_url);
    assert_eq!(
        browser.post_from_elsewhere(path, &[]).await.status,
        StatusCode::FORBIDDEN
    );
    let no_word = TestRequest::post().uri(path).set_form([("next", "/")]);
    assert_eq!(browser.send(no_word).await.status, StatusCode::FORBIDDEN);
    let foreign = TestRequest::post().uri(path).set_form([("next", "/")]);
    let foreign = foreign.insert_header(("origin", "https://evil.test"));
    assert_eq!(browser.send(foreign).await.status, StatusCode::FORBIDDEN);
    // None of them used the link up.
    assert_eq!(
        browser.follow_link(&acme.sign_in_url).await.status,
        StatusCode::SEE_OTHER
    );
}

#[actix_web::test]
async fn only_the_digest_of_a_link_is_kept() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let token = acme.sign_in_url.rsplit('/').next().unwrap();
    let rows = vault.scratch.rows("auth.sign_in_links").await;
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].contains(token) && !rows[0].contains(&token[3..]));
}
