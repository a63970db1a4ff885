//! Single sign-on, when everybody behaves.

use actix_web::http::StatusCode;
use auth::provision::{Provision, Provisioned};
use jiff::SignedDuration;
use server::Environment;
use url::Url;

use crate::{
    identity_provider::{ADA, Account, BOB, CLIENT_ID, CLIENT_SECRET, Faults, IdentityProvider},
    vault::{Answer, Browser, Setup, Vault, asked},
};

/// An organization that signs in through this provider.
pub async fn connected(vault: &Vault, name: &str, provider: &IdentityProvider) -> Provisioned {
    let provision = Provision {
        sso_issuer: Some(provider.issuer.clone()),
        sso_client_id: Some(CLIENT_ID.to_owned()),
        sso_client_secret: Some(CLIENT_SECRET.to_owned()),
        ..asked(name)
    };
    vault.provision(&provision).await
}

/// Presses the button; gives where the browser is sent.
pub async fn leave(browser: &Browser, organization: &str) -> Url {
    let form = [("organization", organization), ("next", "/inbox?x=1")];
    let answer = browser.post("/sign-in/sso", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let refresh = answer
        .header("refresh")
        .strip_prefix("0;url=")
        .unwrap()
        .to_owned();
    assert!(
        answer.text.contains(&refresh.replace('&', "&#38;")),
        "the page has the link, too"
    );
    refresh.parse().unwrap()
}

/// Comes back to where the provider was told to send the browser.
pub async fn come_back(browser: &Browser, asked: &Url, query: &str) -> Answer {
    let redirect_uri = asked
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap()
        .1;
    browser
        .get(&format!("{}?{query}", browser.path(&redirect_uri)))
        .await
}

/// The whole way.
pub async fn sign_in(
    vault: &Vault,
    provider: &IdentityProvider,
    organization: &str,
    account: &Account,
) -> (Browser, Answer) {
    let browser = vault.browser();
    let asked = leave(&browser, organization).await;
    let back = provider.sign_in(&asked, account);
    let answer = come_back(&browser, &asked, &back).await;
    (browser, answer)
}

#[actix_web::test]
async fn the_invited_owner_comes_in_as_owner() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    let (browser, answer) = sign_in(&vault, &provider, " ACME ", &ADA).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/inbox?x=1"),
        "{}",
        answer.text
    );
    let session = browser.session().await.json();
    assert_eq!(session["id"], acme.user.to_string());
    assert_eq!(session["role"], "owner");
    assert_eq!(session["name"], "Ada", "the name they were invited by");
}

#[actix_web::test]
async fn the_same_person_stays_the_same_whatever_their_address_becomes() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    sign_in(&vault, &provider, "Acme", &ADA).await;
    for email_verified in [true, false] {
        let moved = Account {
            email: "ada@elsewhere.test",
            name: "Ada B.",
            email_verified,
            ..ADA
        };
        let (browser, _) = sign_in(&vault, &provider, "Acme", &moved).await;
        assert_eq!(browser.session().await.json()["id"], acme.user.to_string());
    }
    assert_eq!(vault.scratch.rows("auth.users").await.len(), 1);
    assert_eq!(vault.scratch.rows("auth.identities").await.len(), 1);
}

#[actix_web::test]
async fn somebody_new_joins_as_a_member() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    let (browser, answer) = sign_in(&vault, &provider, "Acme", &BOB).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let session = browser.session().await.json();
    assert_eq!(
        (&session["role"], &session["name"]),
        (&"member".into(), &"Bob".into())
    );
    assert_eq!(
        browser.get("/api/v1/sso").await.status,
        StatusCode::FORBIDDEN
    );
    let (again, _) = sign_in(&vault, &provider, "Acme", &BOB).await;
    assert_eq!(again.session().await.json()["id"], session["id"]);
    assert_eq!(vault.scratch.rows("auth.users").await.len(), 2);
}

#[actix_web::test]
async fn an_invitation_is_not_for_an_address_that_is_not_verified() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    let unverified = Account {
        sub: "acme-eve",
        email_verified: false,
        ..ADA
    };
    let (browser, _) = sign_in(&vault, &provider, "Acme", &unverified).await;
    let session = browser.session().await.json();
    assert_eq!(session["role"], "member");
    assert_ne!(session["id"], acme.user.to_string());
    // Nor did they take the address.
    let (browser, _) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert_eq!(browser.session().await.json()["id"], acme.user.to_string());
}

#[actix_web::test]
async fn an_invitation_is_for_the_first_who_comes() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    sign_in(&vault, &provider, "Acme", &ADA).await;
    // The address was given to somebody else at the provider, or somebody there claims it.
    let heir = Account {
        sub: "acme-heir",
        ..ADA
    };
    let (browser, _) = sign_in(&vault, &provider, "Acme", &heir).await;
    let session = browser.session().await.json();
    assert_eq!(session["role"], "member");
    assert_ne!(session["id"], acme.user.to_string());
}

#[actix_web::test]
async fn another_provider_of_the_organization_cannot_claim_a_member_by_address() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    sign_in(&vault, &provider, "Acme", &ADA).await;
    let other = IdentityProvider::start(&vault.clock).await;
    let second = connected(&vault, "Acme", &other).await.sso.unwrap();
    let browser = vault.browser();
    let page = browser
        .post("/sign-in/sso", &[("organization", "Acme")])
        .await;
    assert!(page.text.contains("more than one way"), "{}", page.text);
    let connection = second.connection.to_string();
    let form = [
        ("organization", "Acme"),
        ("connection", connection.as_str()),
    ];
    let leaving = browser.post("/sign-in/sso", &form).await;
    let asked: Url = leaving
        .header("refresh")
        .strip_prefix("0;url=")
        .unwrap()
        .parse()
        .unwrap();
    let back = other.sign_in(
        &asked,
        &Account {
            sub: "acme-ada",
            ..ADA
        },
    );
    assert_eq!(
        come_back(&browser, &asked, &back).await.status,
        StatusCode::SEE_OTHER
    );
    let session = browser.session().await.json();
    assert_eq!(session["role"], "member");
    assert_ne!(session["id"], acme.user.to_string());
}

#[actix_web::test]
async fn where_strangers_may_not_join_only_the_invited_come_in() {
    let vault = Vault::with(Setup {
        strangers_join: false,
        ..Setup::default()
    })
    .await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    let (browser, answer) = sign_in(&vault, &provider, "Acme", &BOB).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(
        answer.text.contains("only people who were invited"),
        "{}",
        answer.text
    );
    assert!(!browser.is_signed_in().await);
    assert_eq!(vault.scratch.rows("auth.users").await.len(), 1);
    let (browser, _) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn two_first_sign_ins_at_once_make_one_member() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    let both =
        futures_util::future::join_all((0..4).map(|_| sign_in(&vault, &provider, "Acme", &BOB)))
            .await;
    for (browser, answer) in &both {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        assert!(browser.is_signed_in().await);
    }
    assert_eq!(vault.scratch.rows("auth.users").await.len(), 2);
}

#[actix_web::test]
async fn what_the_token_leaves_out_is_asked_for() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    provider.be(Faults {
        lean_token: true,
        ..Faults::default()
    });
    let acme = connected(&vault, "Acme", &provider).await;
    let (browser, _) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert_eq!(browser.session().await.json()["id"], acme.user.to_string());
    assert_eq!(provider.times_asked("userinfo"), 1);
}

#[actix_web::test]
async fn a_program_gets_a_redirect_instead_of_a_page() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    let mut program = vault.browser();
    program.accept = "*/*";
    let answer = program
        .post("/sign-in/sso", &[("organization", "Acme")])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(
        answer
            .location()
            .starts_with(&format!("{}/authorize?", provider.issuer))
    );
}

#[actix_web::test]
async fn the_cookie_of_a_sign_in_on_its_way_keeps_to_itself() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    let answer = vault
        .browser()
        .post("/sign-in/sso", &[("organization", "Acme")])
        .await;
    let cookie = answer.set_cookies().remove(0);
    for part in [
        "latchkey_sso=",
        "HttpOnly",
        "SameSite=Lax",
        "Path=/",
        "Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[actix_web::test]
async fn two_tabs_do_not_undo_each_other() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    let browser = vault.browser();
    let (first, second) = (leave(&browser, "Acme").await, leave(&browser, "Acme").await);
    let back = provider.sign_in(&first, &ADA);
    assert_eq!(
        come_back(&browser, &first, &back).await.status,
        StatusCode::SEE_OTHER
    );
    let back = provider.sign_in(&second, &ADA);
    assert_eq!(
        come_back(&browser, &second, &back).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn what_a_provider_says_about_itself_is_asked_once_in_a_while() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    for _ in 0..3 {
        sign_in(&vault, &provider, "Acme", &ADA).await;
    }
    assert_eq!(
        (
            provider.times_asked("discovery"),
            provider.times_asked("jwks")
        ),
        (1, 1)
    );
}

#[actix_web::test]
async fn a_new_key_of_the_provider_is_looked_for_at_most_once_a_minute() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    sign_in(&vault, &provider, "Acme", &ADA).await;
    provider.rotate_key("key-2", true);
    vault.pass(SignedDuration::from_secs(61));
    let (_, answer) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(provider.times_asked("jwks"), 2);
    provider.rotate_key("key-3", false);
    for _ in 0..3 {
        let (_, answer) = sign_in(&vault, &provider, "Acme", &ADA).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(
        provider.times_asked("jwks"),
        2,
        "not again within the minute"
    );
    vault.pass(SignedDuration::from_secs(61));
    sign_in(&vault, &provider, "Acme", &ADA).await;
    assert_eq!(provider.times_asked("jwks"), 3);
}

#[actix_web::test]
async fn production_asks_no_provider_on_this_machine() {
    let development = Vault::open().await;
    let provider = IdentityProvider::start(&development.clock).await;
    let public_url = "https://vault.example.test";
    let environment = Environment::Production;
    let vault = Vault::with(Setup {
        public_url,
        environment,
        strangers_join: true,
    })
    .await;
    let provision = Provision {
        sso_issuer: Some(provider.issuer.clone()),
        sso_client_id: Some(CLIENT_ID.to_owned()),
        ..asked("Acme")
    };
    let refused = vault.try_provision(&provision).await.err().unwrap();
    assert!(
        format!("{refused:#}").contains("must begin with https://"),
        "{refused:#}"
    );
    assert_eq!(provider.times_asked("discovery"), 0);
}
