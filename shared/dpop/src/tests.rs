//! Each check of RFC 9449 section 4.3, with real keys.

mod signer;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ids::TokenDigest;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::signer::Signer;
use crate::{Asked, Proof, ProofError, only, verify};

const URL: &str = "https://vault.example.com/v1/openai/chat/completions";
const TOKEN: &str = "okap_TOKEN";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A call of a provider with a token.
fn call() -> Asked<'static> {
    Asked {
        method: "POST",
        url: URL,
        token: Some(TokenDigest::of(TOKEN)),
    }
}

fn claims() -> Value {
    let ath = BASE64.encode(TokenDigest::of(TOKEN).as_bytes());
    json!({"htm": "POST", "htu": URL, "iat": now().as_second(), "jti": "one", "ath": ath})
}

fn with(member: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[member] = value.into();
    claims
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

fn check(proof: &str) -> Result<Proof, ProofError> {
    verify(proof, &call(), now())
}

/// What is wrong with these claims, well signed.
fn wrong(claims: &Value) -> Option<ProofError> {
    let signer = Signer::es256();
    check(&signer.sign(&signer.header(), claims)).err()
}

/// What is wrong with a proof whose header has this member changed.
fn wrong_header(member: &str, value: Value) -> Option<ProofError> {
    let signer = Signer::es256();
    let mut header = signer.header();
    header[member] = value;
    check(&signer.sign(&header, &claims())).err()
}

#[test]
fn a_proof_of_every_algorithm_that_is_offered_holds() {
    for signer in [
        Signer::es256(),
        Signer::eddsa(),
        Signer::rs256(),
        Signer::ps256(),
    ] {
        let proof = check(&signer.sign(&signer.header(), &claims()));
        assert_eq!(proof.map(|proof| proof.key), Ok(signer.thumbprint()));
    }
}

#[test]
fn the_examples_of_the_rfc_hold() {
    let key = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
    // Section 4.1.
    let request = format!(
        "{key}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    );
    let asked = Asked {
        method: "POST",
        url: "https://server.example.com/token",
        token: None,
    };
    let at = Timestamp::from_second(1_562_262_616).unwrap();
    let proof = verify(&request, &asked, at).unwrap();
    // Section 6.1.
    assert_eq!(
        proof.key.as_str(),
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    );
    // Section 7.1.
    let call = format!(
        "{key}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    );
    let asked = Asked {
        method: "GET",
        url: "https://resource.example.org/protectedresource",
        token: Some(TokenDigest::of(
            "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        )),
    };
    assert_eq!(verify(&call, &asked, at).unwrap().key, proof.key);
}

#[test]
fn there_is_one_header_and_one_proof_in_it() {
    assert_eq!(only([]), Ok(None));
    assert_eq!(only([&b" a "[..]]), Ok(Some("a")));
    assert_eq!(only([&b"a"[..], b"a"]), Err(ProofError::Several));
    assert_eq!(only([&b"\xff"[..]]), Err(ProofError::Form));
    let signer = Signer::es256();
    let good = signer.sign(&signer.header(), &claims());
    let long = signer.sign(&signer.header(), &with("x", "x".repeat(8_192)));
    for bad in [
        "",
        "a",
        "a.b",
        "a.b.c",
        &good[1..],
        &format!("{good}.a"),
        &format!("{good}, {good}"),
        &long,
    ] {
        assert_eq!(check(bad), Err(ProofError::Form), "{bad}");
    }
    assert_eq!(wrong_header("crit", json!(["exp"])), Some(ProofError::Form));
}

#[test]
fn every_claim_that_is_needed_is_there() {
    for member in ["htm", "htu", "iat", "jti", "ath"] {
        let missing = Some(ProofError::Claim(member));
        assert_eq!(wrong(&without(claims(), member)), missing, "{member}");
    }
    for member in ["htm", "htu", "jti", "ath"] {
        assert_eq!(wrong(&with(member, 1)), Some(ProofError::Claim(member)));
    }
    let empty = Some(ProofError::Claim("jti"));
    assert_eq!(wrong(&with("jti", "")), empty);
    assert_eq!(wrong(&with("jti", "x".repeat(257))), empty);
    assert_eq!(wrong(&with("iat", "now")), Some(ProofError::Form));
    assert_eq!(wrong(&with("iat", 1e300)), Some(ProofError::Claim("iat")));
}

#[test]
fn the_type_is_that_of_a_proof() {
    for other in [json!("JWT"), json!("DPoP+jwt"), Value::Null] {
        assert_eq!(wrong_header("typ", other), Some(ProofError::Type));
    }
}

#[test]
fn the_algorithm_is_asymmetric_and_offered() {
    for other in ["none", "HS256", "ES384", "RS512", "es256", ""] {
        let refused = Some(ProofError::Algorithm);
        assert_eq!(wrong_header("alg", json!(other)), refused, "{other}");
    }
}

#[test]
fn the_key_is_one_of_the_algorithm() {
    for other in ["RS256", "PS256", "EdDSA"] {
        assert_eq!(
            wrong_header("alg", json!(other)),
            Some(ProofError::Key),
            "{other}"
        );
    }
    let mut curve = Signer::es256().jwk();
    curve["crv"] = json!("P-384");
    let weak = json!({"kty": "RSA", "n": "AQAB".repeat(43), "e": "AQAB"});
    for other in [curve, weak, json!({"kty": "EC"}), json!("x"), Value::Null] {
        assert_eq!(
            wrong_header("jwk", other.clone()),
            Some(ProofError::Key),
            "{other}"
        );
    }
}

#[test]
fn the_key_has_no_private_part() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let mut jwk = Signer::es256().jwk();
        jwk[member] = json!("AQAB");
        assert_eq!(
            wrong_header("jwk", jwk),
            Some(ProofError::PrivateKey),
            "{member}"
        );
    }
}

#[test]
fn the_key_in_the_proof_has_signed_it() {
    let other = Signer::es256().jwk();
    assert_eq!(wrong_header("jwk", other), Some(ProofError::Signature));
    for signer in [
        Signer::es256(),
        Signer::eddsa(),
        Signer::rs256(),
        Signer::ps256(),
    ] {
        let good = signer.sign(&signer.header(), &claims());
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (head, _) = message.split_once('.').unwrap();
        let changed = BASE64.encode(with("jti", "two").to_string());
        let forged = check(&format!("{head}.{changed}.{signature}"));
        assert_eq!(forged, Err(ProofError::Signature));
        assert_eq!(check(&format!("{message}.")), Err(ProofError::Signature));
    }
}

#[test]
fn the_proof_is_for_this_method() {
    for other in ["GET", "post", ""] {
        assert_eq!(
            wrong(&with("htm", other)),
            Some(ProofError::Method),
            "{other}"
        );
    }
}

#[test]
fn the_proof_is_for_this_address() {
    assert_eq!(wrong(&with("htu", format!("{URL}?key=x#y"))), None);
    let other = "https://vault.example.com/v1/openai/responses";
    assert_eq!(wrong(&with("htu", other)), Some(ProofError::Target));
}

#[test]
fn the_proof_was_made_within_a_minute_of_now() {
    let made = |seconds: i64| wrong(&with("iat", now().as_second() + seconds));
    assert_eq!((made(-60), made(60)), (None, None));
    assert_eq!(made(-61), Some(ProofError::Time));
    assert_eq!(made(61), Some(ProofError::Time));
    assert_eq!(wrong(&with("iat", 1_795_348_800.5)), None);
}

#[test]
fn the_proof_is_for_this_token() {
    assert_eq!(wrong(&with("ath", TOKEN)), Some(ProofError::Token));
    let other = BASE64.encode(TokenDigest::of("okap_OTHER").as_bytes());
    assert_eq!(wrong(&with("ath", other)), Some(ProofError::Token));
    let signer = Signer::es256();
    let proof = signer.sign(&signer.header(), &without(claims(), "ath"));
    let at_the_token_endpoint = Asked {
        token: None,
        ..call()
    };
    assert!(verify(&proof, &at_the_token_endpoint, now()).is_ok());
}

#[test]
fn what_is_remembered_tells_proofs_apart_and_lasts_as_long_as_they_could_come_again() {
    let (one, other) = (Signer::es256(), Signer::es256());
    let used = |signer: &Signer, jti: &str| {
        check(&signer.sign(&signer.header(), &with("jti", jti)))
            .unwrap()
            .used
    };
    assert_eq!(used(&one, "a"), used(&one, "a"));
    assert_ne!(used(&one, "a"), used(&one, "b"));
    assert_ne!(used(&one, "a"), used(&other, "a"));
    let ahead = with("iat", now().as_second() + 60);
    let proof = check(&one.sign(&one.header(), &ahead)).unwrap();
    let last = now() + SignedDuration::from_secs(120);
    let again = one.sign(&one.header(), &ahead);
    assert!(verify(&again, &call(), last).is_ok() && proof.until > last);
}
