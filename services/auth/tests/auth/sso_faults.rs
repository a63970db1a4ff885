//! Single sign-on, when somebody does not behave.

use actix_web::{HttpResponse, http::StatusCode, test::TestRequest};
use serde_json::{Value, json};

use crate::{
    identity_provider::{ADA, Account, Faults, IdentityProvider},
    sso::{come_back, connected, leave, sign_in},
    vault::{Answer, Browser, Vault},
};

/// An organization with a provider.
pub struct Case {
    pub vault: Vault,
    pub provider: IdentityProvider,
}

impl Case {
    pub async fn new() -> Self {
        let vault = Vault::open().await;
        let provider = IdentityProvider::start(&vault.clock).await;
        connected(&vault, "Acme", &provider).await;
        Self { vault, provider }
    }

    fn claims(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.provider.be(Faults {
            claims: Some(Box::new(change)),
            ..Faults::default()
        });
    }

    fn discovery(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.provider.be(Faults {
            discovery: Some(Box::new(change)),
            ..Faults::default()
        });
    }

    async fn refused(&self, what: &str) {
        let (browser, answer) = sign_in(&self.vault, &self.provider, "Acme", &ADA).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{what}: {}",
            answer.text
        );
        assert!(!browser.is_signed_in().await, "{what}");
        assert!(
            self.vault.scratch.rows("auth.sessions").await.is_empty(),
            "{what}"
        );
    }
}

#[actix_web::test]
async fn an_id_token_that_is_not_right_signs_nobody_in() {
    let case = Case::new().await;
    let changes: [(&str, Value); 10] = [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("iss", json!("https://evil.test")),
        ("aud", json!("other")),
        ("aud", json!(["latchkey", "other"])),
        ("azp", json!("other")),
        ("exp", json!(1)),
        ("iat", json!(1)),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("sub", json!("")),
    ];
    for (name, value) in changes {
        let told = format!("{name}: {value}");
        case.claims(move |claims| claims[name] = value.clone());
        case.refused(&told).await;
    }
}

#[actix_web::test]
async fn a_connection_of_another_organization_cannot_be_chosen() {
    let case = Case::new().await;
    let other = IdentityProvider::start(&case.vault.clock).await;
    let globex = connected(&case.vault, "Globex", &other).await;
    let elsewhere = globex.sso.unwrap().connection.to_string();
    let form = [("organization", "Acme"), ("connection", elsewhere.as_str())];
    let answer = case.vault.browser().post("/sign-in/sso", &form).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn people_of_two_organizations_at_one_provider_stay_apart() {
    let case = Case::new().await;
    connected(&case.vault, "Globex", &case.provider).await;
    let (acme, _) = sign_in(&case.vault, &case.provider, "Acme", &ADA).await;
    let (globex, _) = sign_in(&case.vault, &case.provider, "Globex", &ADA).await;
    let (acme, globex) = (acme.session().await.json(), globex.session().await.json());
    assert_ne!(acme["id"], globex["id"]);
    assert_ne!(acme["organization"]["id"], globex["organization"]["id"]);
}

#[actix_web::test]
async fn when_the_provider_says_no_the_page_says_so_in_its_own_words() {
    let case = Case::new().await;
    for (error, shown) in [
        ("access_denied", "access_denied"),
        ("<script>alert(1)</script>", "other"),
    ] {
        let browser = case.vault.browser();
        let asked = leave(&browser, "Acme").await;
        let back = case.provider.sign_in(&asked, &ADA);
        let code = back.split('&').next().unwrap();
        let encoded: String = url::form_urlencoded::byte_serialize(error.as_bytes()).collect();
        let denied = back.replace(
            code,
            &format!("error={encoded}&error_description=%3Cb%3Ecall%20me"),
        );
        let answer = come_back(&browser, &asked, &denied).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains(shown), "{}", answer.text);
        assert!(!answer.text.contains("call me") && !answer.text.contains("<script>alert"));
    }
}

#[actix_web::test]
async fn a_code_that_the_provider_refuses_signs_nobody_in() {
    let case = Case::new().await;
    case.provider.be(Faults {
        refuse_code: true,
        ..Faults::default()
    });
    case.refused("refused code").await;
    case.provider.be(Faults::default());
    let browser = case.vault.browser();
    let asked = leave(&browser, "Acme").await;
    let back = case
        .provider
        .sign_in(&asked, &ADA)
        .replace("code=code-", "code=made-up-");
    assert_eq!(
        come_back(&browser, &asked, &back).await.status,
        StatusCode::FORBIDDEN
    );
    let asked = leave(&browser, "Acme").await;
    let back = case
        .provider
        .sign_in(&asked, &ADA)
        .replace("code=", &format!("code={}", "x".repeat(9_000)));
    assert_eq!(
        come_back(&browser, &asked, &back).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[actix_web::test]
async fn more_about_a_person_must_be_about_that_person() {
    let case = Case::new().await;
    let change = |said: &mut Value| said["sub"] = json!("acme-somebody-else");
    case.provider.be(Faults {
        lean_token: true,
        userinfo: Some(Box::new(change)),
        ..Faults::default()
    });
    let (browser, _) = sign_in(&case.vault, &case.provider, "Acme", &ADA).await;
    // Who they are is known by the token; the address of somebody else does not make them owner.
    let session = browser.session().await.json();
    assert_eq!(
        (&session["role"], &session["name"]),
        (&json!("member"), &json!("New member"))
    );
}

#[actix_web::test]
async fn a_strange_name_becomes_a_plain_one() {
    let case = Case::new().await;
    let account = Account {
        sub: "acme-odd",
        name: "\u{202e}<b>Robert'); DROP TABLE users;--\u{0}\u{200b}",
        email: "odd@acme.test",
        email_verified: true,
    };
    let (browser, answer) = sign_in(&case.vault, &case.provider, "Acme", &account).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let session = browser.session().await.json();
    assert_eq!(session["name"], "<b>Robert'); DROP TABLE users;--");
    let page = browser.get("/account").await.text;
    assert!(!page.contains("<b>Robert") && page.contains("Robert"));
}

#[actix_web::test]
async fn a_provider_that_cannot_be_used_is_told_apart_from_one_that_lies() {
    let case = Case::new().await;
    let leave_by_program = async |case: &Case| -> Answer {
        let mut browser: Browser = case.vault.browser();
        browser.accept = "application/json";
        browser
            .post("/sign-in/sso", &[("organization", "Acme")])
            .await
    };
    let answers: [fn() -> HttpResponse; 6] = [
        || HttpResponse::InternalServerError().finish(),
        || HttpResponse::Ok().content_type("text/html").body("<html>"),
        || {
            HttpResponse::Ok()
                .content_type("application/json")
                .body("{")
        },
        || {
            HttpResponse::Ok()
                .content_type("application/json")
                .body(format!("\"{}\"", "x".repeat(5_000_000)))
        },
        || {
            HttpResponse::Found()
                .insert_header(("location", "http://169.254.169.254/"))
                .finish()
        },
        || HttpResponse::Ok().json(json!({"issuer": "https://evil.test"})),
    ];
    for answer in answers {
        case.provider.be(Faults {
            discovery_answer: Some(answer),
            ..Faults::default()
        });
        let answer = leave_by_program(&case).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            answer.text
        );
        assert_ne!(answer.header("retry-after"), "");
    }
    for (name, value) in [
        ("issuer", json!("https://evil.test")),
        ("token_endpoint", Value::Null),
        ("jwks_uri", json!("http://169.254.169.254/jwks")),
        ("jwks_uri", json!("http://10.0.0.1/jwks")),
        ("jwks_uri", json!("file:///etc/passwd")),
    ] {
        let told = format!("{name}: {value}");
        case.discovery(move |document| document[name] = value.clone());
        let answer = leave_by_program(&case).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{told}: {}",
            answer.text
        );
    }
    let keys_asked_for = case.provider.times_asked("jwks");
    // Each of these would work if it were asked: the document is right, but not where or as it is.
    for change in [
        over_64_kib,
        keys_at_an_address_of_many_names,
        keys_at_a_mapped_address,
    ] {
        case.discovery(change);
        let answer = leave_by_program(&case).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            answer.text
        );
    }
    let elsewhere = || {
        HttpResponse::Found()
            .insert_header(("location", "/elsewhere"))
            .finish()
    };
    case.provider.be(Faults {
        discovery_answer: Some(elsewhere),
        ..Faults::default()
    });
    let answer = leave_by_program(&case).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "a redirect is not followed"
    );
    assert_eq!(case.provider.times_asked("jwks"), keys_asked_for);
    for endpoint in [
        "javascript:alert(1)",
        "http://evil.test/authorize",
        "https://10.0.0.1/authorize",
    ] {
        case.discovery(move |document| document["authorization_endpoint"] = json!(endpoint));
        let answer = leave_by_program(&case).await;
        assert!(
            matches!(answer.status.as_u16(), 403 | 503),
            "{endpoint}: {}",
            answer.text
        );
    }
    // None of that was remembered.
    case.provider.be(Faults::default());
    assert_eq!(leave_by_program(&case).await.status, StatusCode::SEE_OTHER);
}

fn over_64_kib(document: &mut Value) {
    document["filler"] = json!("x".repeat(64 * 1024));
}

fn keys_at_an_address_of_many_names(document: &mut Value) {
    let uri = document["jwks_uri"]
        .as_str()
        .unwrap()
        .replace("127.0.0.1", "0.0.0.0");
    document["jwks_uri"] = json!(uri);
}

fn keys_at_a_mapped_address(document: &mut Value) {
    let uri = document["jwks_uri"]
        .as_str()
        .unwrap()
        .replace("127.0.0.1", "[::ffff:127.0.0.1]");
    document["jwks_uri"] = json!(uri);
}

#[actix_web::test]
async fn a_page_of_another_site_cannot_begin_a_sign_in() {
    let case = Case::new().await;
    let browser = case.vault.browser();
    let form = [("organization", "Acme")];
    let answer = browser.post_from_elsewhere("/sign-in/sso", &form).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let get = browser
        .send(TestRequest::get().uri("/sign-in/sso?organization=Acme"))
        .await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(
        case.vault
            .scratch
            .rows("auth.sso_attempts")
            .await
            .is_empty()
    );
}

#[actix_web::test]
async fn an_organization_that_does_not_sign_in_here_is_said_beside_the_field() {
    let case = Case::new().await;
    case.vault.found("Globex").await;
    for (organization, status) in [
        ("Nobody", 404),
        ("Globex", 404),
        ("", 400),
        (&"x".repeat(500), 400),
    ] {
        let form = [("organization", organization), ("next", "/usage")];
        let answer = case.vault.browser().post("/sign-in/sso", &form).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{organization}: {}",
            answer.text
        );
        assert!(
            answer.text.contains("aria-invalid"),
            "{organization}: {}",
            answer.text
        );
        assert!(answer.text.contains("value=\"/usage\""));
    }
}
