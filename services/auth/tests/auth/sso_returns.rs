//! What a browser comes back with, and whether it is the browser that left.

use actix_web::http::StatusCode;
use jiff::SignedDuration;

use crate::{
    identity_provider::{ADA, IdentityProvider},
    sso::{come_back, connected, leave},
    sso_faults::Case,
};

#[actix_web::test]
async fn a_state_that_was_changed_or_made_up_signs_nobody_in() {
    let case = Case::new().await;
    let browser = case.vault.browser();
    let asked = leave(&browser, "Acme").await;
    let back = case.provider.sign_in(&asked, &ADA);
    let state = back
        .split('&')
        .find_map(|pair| pair.strip_prefix("state="))
        .unwrap();
    let mut other = state.to_owned();
    other.replace_range(..1, if state.starts_with('A') { "B" } else { "A" });
    for bad in [other.as_str(), "", "x", &"x".repeat(200), &state[1..]] {
        let answer = come_back(&browser, &asked, &back.replace(state, bad)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let without = back.replace(&format!("state={state}"), "x=1");
    assert_eq!(
        come_back(&browser, &asked, &without).await.status,
        StatusCode::BAD_REQUEST
    );
    let twice = format!("{back}&state={state}");
    assert_eq!(
        come_back(&browser, &asked, &twice).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(!browser.is_signed_in().await);
    assert_eq!(
        come_back(&browser, &asked, &back).await.status,
        StatusCode::SEE_OTHER
    );
}

#[actix_web::test]
async fn a_state_is_good_for_one_return() {
    let case = Case::new().await;
    let browser = case.vault.browser();
    let asked = leave(&browser, "Acme").await;
    let cookies = browser.cookies.borrow().clone();
    let back = case.provider.sign_in(&asked, &ADA);
    assert_eq!(
        come_back(&browser, &asked, &back).await.status,
        StatusCode::SEE_OTHER
    );
    let thief = case.vault.browser();
    *thief.cookies.borrow_mut() = cookies;
    let answer = come_back(&thief, &asked, &back).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text.contains("This sign-in is over"),
        "{}",
        answer.text
    );
    assert!(!thief.is_signed_in().await);
}

#[actix_web::test]
async fn a_state_is_good_in_the_browser_that_it_was_given_to() {
    let case = Case::new().await;
    let attacker = case.vault.browser();
    let asked = leave(&attacker, "Acme").await;
    let back = case.provider.sign_in(&asked, &ADA);
    // A link with the attacker's own answer, opened by somebody else: with no cookie, or their own.
    let victim = case.vault.browser();
    assert_eq!(
        come_back(&victim, &asked, &back).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(!victim.is_signed_in().await);

    let asked = leave(&attacker, "Acme").await;
    let back = case.provider.sign_in(&asked, &ADA);
    leave(&victim, "Acme").await;
    let answer = come_back(&victim, &asked, &back).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text.contains("did not begin here"),
        "{}",
        answer.text
    );
    assert!(!victim.is_signed_in().await);
}

#[actix_web::test]
async fn a_sign_in_takes_at_most_ten_minutes() {
    let case = Case::new().await;
    let browser = case.vault.browser();
    let asked = leave(&browser, "Acme").await;
    let back = case.provider.sign_in(&asked, &ADA);
    case.vault.pass(SignedDuration::from_mins(10));
    assert_eq!(
        come_back(&browser, &asked, &back).await.status,
        StatusCode::BAD_REQUEST
    );
    // Leaving again forgets the old one.
    leave(&browser, "Acme").await;
    assert_eq!(case.vault.scratch.rows("auth.sso_attempts").await.len(), 1);
}

#[actix_web::test]
async fn the_answer_comes_to_the_connection_that_asked() {
    let case = Case::new().await;
    let other = IdentityProvider::start(&case.vault.clock).await;
    let globex = connected(&case.vault, "Globex", &other).await;
    let elsewhere = globex.sso.unwrap().connection;
    let browser = case.vault.browser();
    let asked = leave(&browser, "Acme").await;
    let back = case.provider.sign_in(&asked, &ADA);
    let answer = browser
        .get(&format!("/sso/{elsewhere}/callback?{back}"))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!browser.is_signed_in().await);
    for path in [
        "/sso/x/callback",
        "/sso/org_0198/callback",
        "/sso//callback",
    ] {
        assert_eq!(
            browser.get(&format!("{path}?{back}")).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn the_issuer_beside_the_code_must_be_this_providers() {
    let case = Case::new().await;
    for iss in ["&iss=https%3A%2F%2Fevil.test", "&iss=", ""] {
        let browser = case.vault.browser();
        let asked = leave(&browser, "Acme").await;
        let back = case.provider.sign_in(&asked, &ADA);
        let (before, rest) = back.split_once("&iss=").unwrap();
        let after = rest.split_once('&').unwrap().1;
        let answer = come_back(&browser, &asked, &format!("{before}{iss}&{after}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{iss}");
        assert!(!browser.is_signed_in().await);
    }
}
