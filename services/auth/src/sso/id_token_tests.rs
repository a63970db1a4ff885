//! ID tokens that must be believed, and all those that must not.

use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};

use super::*;

#[path = "../../tests/auth/signer.rs"]
mod signer;
use signer::{Signer, base64};

/// What only the holder of a private key can sign with.
const TAKEN: [&str; 4] = ["ES256", "EdDSA", "RS256", "PS256"];

const ISSUER: &str = "https://id.acme.test";
const US: &str = "latchkey";
const ACCESS_TOKEN: &str = "access-token";
const NOW: i64 = 1_790_000_000;

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": US, "sub": "acme-alice", "nonce": "the-nonce",
        "iat": NOW, "exp": NOW + 300,
    })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// What becomes of a token when these are the provider's keys. A token that does not even parse
/// is refused, too.
fn judge(token: &str, keys: &[Value]) -> Result<String, Option<IdTokenRefusal>> {
    let token: IdToken = token.parse().map_err(|_| None)?;
    let keys: CoreJsonWebKeySet = serde_json::from_value(json!({ "keys": keys })).unwrap();
    let expected = Expected {
        client_id: &ClientId::new(US.to_owned()),
        issuer: &IssuerUrl::new(ISSUER.to_owned()).unwrap(),
        keys: &keys,
        nonce: &Nonce::new("the-nonce".to_owned()),
        access_token: &AccessToken::new(ACCESS_TOKEN.to_owned()),
        now: Timestamp::from_second(NOW).unwrap(),
    };
    verify(&token, &expected)
        .map(|claims| claims.subject().to_string())
        .map_err(Some)
}

fn believed(claims: &Value) -> bool {
    let signer = Signer::new("ES256", "one");
    judge(&signer.sign(claims), &[signer.jwk()]).is_ok()
}

#[test]
fn a_token_of_each_algorithm_that_only_the_provider_can_sign_with_is_believed() {
    for alg in TAKEN {
        let signer = Signer::new(alg, "one");
        let judged = judge(&signer.sign(&claims()), &[signer.jwk()]);
        assert_eq!(judged, Ok("acme-alice".to_owned()), "{alg}");
    }
}

#[test]
fn a_changed_token_is_not_believed() {
    for alg in TAKEN {
        let signer = Signer::new(alg, "one");
        let token = signer.sign(&claims());
        let other = signer.sign(&with("sub", "acme-bob"));
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (mine, theirs) = (parts(&token), parts(&other));
        let mixed = format!("{}.{}.{}", mine[0], theirs[1], mine[2]);
        assert!(judge(&mixed, &[signer.jwk()]).is_err(), "{alg}");
        let stranger = Signer::new(alg, "one");
        assert!(judge(&token, &[stranger.jwk()]).is_err(), "{alg}");
    }
}

#[test]
fn a_token_without_a_real_signature_is_not_believed() {
    let signer = Signer::new("RS256", "one");
    let jwk = signer.jwk();
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": "one", "typ": "JWT"});
        format!(
            "{}.{}",
            base64(header.to_string()),
            base64(claims().to_string())
        )
    };
    for alg in ["none", "None", "NONE"] {
        for token in [
            format!("{}.", unsigned(alg)),
            format!("{}.AAAA", unsigned(alg)),
        ] {
            assert!(
                judge(&token, std::slice::from_ref(&jwk)).is_err(),
                "{token}"
            );
        }
    }
    // Symmetric, with what an attacker may know: the public key, or even the client secret.
    for secret in [
        jwk["n"].as_str().unwrap(),
        jwk.to_string().as_str(),
        "client-secret",
        "",
    ] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let message = unsigned("HS256");
        let token = format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes())));
        assert!(judge(&token, std::slice::from_ref(&jwk)).is_err());
    }
}

#[test]
fn the_key_must_fit_the_algorithm_that_the_header_names() {
    let signer = Signer::new("ES256", "one");
    for alg in ["RS256", "PS256", "EdDSA", "ES384", "HS256", "none", "x"] {
        let mut header = signer.header();
        header["alg"] = json!(alg);
        let token = signer.sign_under(&header, &claims());
        assert!(judge(&token, &[signer.jwk()]).is_err(), "{alg}");
    }
}

#[test]
fn headers_that_change_what_the_token_means_are_refused() {
    let signer = Signer::new("ES256", "one");
    for (name, value) in [
        ("typ", json!("at+jwt")),
        ("typ", json!("logout+jwt")),
        ("cty", json!("JWT")),
        ("crit", json!(["exp"])),
    ] {
        let mut header = signer.header();
        header[name] = value;
        let token = signer.sign_under(&header, &claims());
        assert!(judge(&token, &[signer.jwk()]).is_err(), "{header}");
    }
}

#[test]
fn an_unknown_key_is_told_apart_so_that_it_can_be_looked_for() {
    let (old, new) = (Signer::new("ES256", "old"), Signer::new("ES256", "new"));
    let judged = judge(&new.sign(&claims()), &[old.jwk()]);
    assert_eq!(judged, Err(Some(IdTokenRefusal::UnknownKey)));
    assert!(judge(&new.sign(&claims()), &[old.jwk(), new.jwk()]).is_ok());
}

#[test]
fn a_token_that_names_no_key_needs_a_single_candidate() {
    let (one, two) = (Signer::new("ES256", "one"), Signer::new("ES256", "two"));
    let token = one.sign_under(&json!({"alg": "ES256"}), &claims());
    assert!(judge(&token, &[one.jwk()]).is_ok());
    assert!(judge(&token, &[one.jwk(), two.jwk()]).is_err());
    let twice = Signer::new("ES256", "one");
    let token = one.sign(&claims());
    assert!(
        judge(&token, &[one.jwk(), twice.jwk()]).is_err(),
        "two keys of one id"
    );
}

#[test]
fn the_issuer_is_compared_character_by_character() {
    for issuer in [
        "https://id.acme.test/",
        "https://ID.acme.test",
        "https://evil.test",
        "http://id.acme.test",
        "",
    ] {
        assert!(!believed(&with("iss", issuer)), "{issuer}");
    }
    assert!(!believed(&without("iss")));
}

#[test]
fn the_token_is_for_us_and_nobody_else() {
    assert!(believed(&with("aud", json!([US]))));
    for audience in [
        json!("other"),
        json!([]),
        json!(["other"]),
        json!([US, "other"]),
        json!("Latchkey"),
        json!(null),
    ] {
        assert!(!believed(&with("aud", audience.clone())), "{audience}");
    }
    assert!(!believed(&without("aud")));
}

#[test]
fn the_authorized_party_is_us() {
    assert!(believed(&with("azp", US)));
    assert!(!believed(&with("azp", "other")));
    assert!(!believed(&with("azp", "")));
    let mut several = with("aud", json!([US, US]));
    assert!(
        !believed(&several),
        "several audiences need an authorized party"
    );
    several["azp"] = json!(US);
    assert!(believed(&several));
    several["aud"] = json!([US, "other"]);
    assert!(
        !believed(&several),
        "whoever else may use the token could have brought it here"
    );
}

#[test]
fn the_nonce_is_the_one_we_sent() {
    for nonce in ["", "other-nonce", "the-nonc", "the-nonce "] {
        assert!(!believed(&with("nonce", nonce)), "{nonce}");
    }
    assert!(!believed(&without("nonce")));
}

#[test]
fn a_token_ends_with_a_minute_of_grace() {
    assert!(believed(&with("exp", NOW + 1)));
    assert!(believed(&with("exp", NOW - 59)));
    assert!(!believed(&with("exp", NOW - 60)));
    assert!(!believed(&with("exp", NOW - 3_600)));
    assert!(!believed(&without("exp")));
}

#[test]
fn a_token_is_of_this_moment() {
    assert!(believed(&with("iat", NOW + 60)));
    assert!(!believed(&with("iat", NOW + 61)));
    assert!(believed(&with("iat", NOW - 600)));
    assert!(!believed(&with("iat", NOW - 661)));
    assert!(!believed(&without("iat")));
    assert!(believed(&with("nbf", NOW + 60)));
    assert!(!believed(&with("nbf", NOW + 61)));
    assert!(!believed(&with("nbf", 1e300)));
    assert!(!believed(&with("nbf", "tomorrow")));
}

#[test]
fn the_access_token_is_the_one_that_came_along() {
    let half =
        |text: &str| base64(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16]);
    assert!(believed(&with("at_hash", half(ACCESS_TOKEN))));
    assert!(!believed(&with("at_hash", half("another"))));
    assert!(!believed(&with("at_hash", "")));
}

#[test]
fn a_subject_is_a_short_ascii_text() {
    assert!(believed(&with("sub", "x".repeat(255))));
    for subject in [String::new(), "x".repeat(256), "älice".to_owned()] {
        assert!(!believed(&with("sub", subject)));
    }
    assert!(!believed(&without("sub")));
    assert!(!believed(&with("sub", 7)));
}

#[test]
fn what_is_no_token_is_no_token() {
    let signer = Signer::new("ES256", "one");
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        "eyJhbGciOiJFUzI1NiJ9..",
        &"A".repeat(100_000),
    ] {
        assert!(judge(text, &[signer.jwk()]).is_err());
    }
}
