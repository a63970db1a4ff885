//! A client that signs proves itself with each assertion once, and nobody else can.

use actix_web::test::TestRequest;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    client_site::{Page, Site},
    oauth::{CALLBACK, asking, code, owner, post_form, redeeming, register},
    world::{Answer, ORIGIN, Person, World},
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client with a key of its own.
struct Signer {
    key: EcdsaKeyPair,
    client: String,
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

/// The public half, as a JWK (RFC 7518 section 6.2.1).
fn jwk(key: &EcdsaKeyPair) -> Value {
    // 4, then both coordinates.
    let point = &key.public_key().as_ref()[1..];
    json!({"kty": "EC", "crv": "P-256", "kid": "one", "x": BASE64.encode(&point[..32]), "y": BASE64.encode(&point[32..])})
}

fn signed(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", BASE64.encode(signature))
}

impl Signer {
    async fn registered(world: &World, person: &Person) -> Self {
        let key = key();
        let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt",
                         "jwks": {"keys": [jwk(&key)]}});
        let answer = world.post(person, "/apps", app).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.json()["client_secret"], Value::Null);
        Self {
            client: answer.text("client_id"),
            key,
        }
    }

    fn claims(&self, world: &World, jti: &str) -> Value {
        let now = world.clock.now().as_second();
        json!({"iss": self.client, "sub": self.client, "aud": ORIGIN, "exp": now + 60, "iat": now, "jti": jti})
    }

    fn assertion(&self, claims: &Value) -> String {
        signed(&self.key, &json!({"alg": "ES256", "kid": "one"}), claims)
    }
}

async fn ask(world: &World, assertion: &str) -> Answer {
    let form = [
        ("token", "x".to_owned()),
        ("client_assertion_type", TYPE.to_owned()),
        ("client_assertion", assertion.to_owned()),
    ];
    post_form(world, "/oauth/introspect", &form).await
}

#[actix_web::test]
async fn a_client_that_signs_redeems_its_code() {
    let world = World::open().await;
    let person = owner(&world).await;
    let signer = Signer::registered(&world, &person).await;
    let (code, _) = code(&world, &person, &signer.client).await;
    let mut form = redeeming(&signer.client, &code);
    assert_eq!(
        post_form(&world, "/oauth/token", &form).await.text("error"),
        "invalid_client"
    );
    let mut claims = signer.claims(&world, "a");
    claims["aud"] = json!([format!("{ORIGIN}/oauth/token"), "https://elsewhere.test"]);
    form.push(("client_assertion_type", TYPE.to_owned()));
    form.push(("client_assertion", signer.assertion(&claims)));
    let token = post_form(&world, "/oauth/token", &form).await;
    assert_eq!(token.status, 200, "{}", token.body);
}

#[actix_web::test]
async fn a_client_that_pushes_may_sign_for_the_endpoint_it_pushes_to() {
    let world = World::open().await;
    let person = owner(&world).await;
    let signer = Signer::registered(&world, &person).await;
    for (audience, status) in [("par", 201), ("authorize", 401)] {
        let mut claims = signer.claims(&world, audience);
        claims["aud"] = json!(format!("{ORIGIN}/oauth/{audience}"));
        let mut form = asking(&signer.client);
        form.push(("client_assertion_type".to_owned(), TYPE.to_owned()));
        form.push(("client_assertion".to_owned(), signer.assertion(&claims)));
        let pushed = TestRequest::post().uri("/oauth/par").set_form(form);
        let pushed = world.send(pushed).await;
        assert_eq!(pushed.status, status, "{audience}: {}", pushed.body);
    }
}

#[actix_web::test]
async fn an_assertion_proves_its_client_once_however_many_show_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let signer = Signer::registered(&world, &person).await;
    let assertion = signer.assertion(&signer.claims(&world, "a"));
    let answers = join_all((0..20).map(|_| ask(&world, &assertion))).await;
    let proven = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(proven, 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 401))
    );
    let another = signer.assertion(&signer.claims(&world, "b"));
    assert_eq!(ask(&world, &another).await.status, 200);
}

#[actix_web::test]
async fn an_assertion_that_does_not_hold_proves_nobody() {
    let world = World::open().await;
    let person = owner(&world).await;
    let signer = Signer::registered(&world, &person).await;
    let other = Signer::registered(&world, &person).await;
    let public = register(&world, &person).await;
    let good = signer.claims(&world, "a");
    let now = world.clock.now().as_second();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signer.assertion(&claims)
    };
    let header = |header: Value| signed(&signer.key, &header, &good);
    let (message, _) = signer
        .assertion(&good)
        .rsplit_once('.')
        .map(|(m, s)| (m.to_owned(), s.to_owned()))
        .unwrap();
    let mut theirs = good.clone();
    theirs["iss"] = json!(other.client);
    theirs["sub"] = json!(other.client);
    for wrong in [
        with("aud", json!("https://elsewhere.test")),
        with("aud", json!([])),
        with("iss", json!(other.client)),
        with("sub", json!(public)),
        with("exp", json!(now - 30)),
        with("exp", json!(now + 3_631)),
        with("exp", Value::Null),
        with("nbf", json!(now + 60)),
        with("jti", json!("")),
        with("jti", Value::Null),
        header(json!({"alg": "none", "kid": "one"})),
        header(json!({"alg": "HS256", "kid": "one"})),
        header(json!({"alg": "RS256", "kid": "one"})),
        header(json!({"alg": "ES256", "kid": "two"})),
        signed(&key(), &json!({"alg": "ES256", "kid": "one"}), &good),
        signer.assertion(&theirs),
        format!("{message}."),
        message,
        "a.b.c".to_owned(),
        "nonsense".to_owned(),
    ] {
        let answer = ask(&world, &wrong).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (401, "invalid_client"),
            "{wrong}"
        );
    }
    assert_eq!(world.count("consent.client_assertions").await, 0);
    let form = [
        ("token", "x".to_owned()),
        ("client_assertion_type", "urn:x".to_owned()),
        ("client_assertion", signer.assertion(&good)),
    ];
    let odd = post_form(&world, "/oauth/introspect", &form).await;
    assert_eq!(odd.text("error"), "invalid_request");
    // A clock that is a little slow is no lie.
    assert_eq!(ask(&world, &with("exp", json!(now - 29))).await.status, 200);
    world.later(SignedDuration::from_secs(60));
    assert_eq!(ask(&world, &with("jti", json!("b"))).await.status, 200);
}

#[actix_web::test]
async fn keys_come_with_the_method_that_uses_them() {
    let world = World::open().await;
    let person = owner(&world).await;
    let with = |method: &str, jwks: Value| json!({"name": "App", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": method, "jwks": jwks});
    let keys = json!({"keys": [jwk(&key())]});
    for wrong in [
        with("private_key_jwt", Value::Null),
        with("private_key_jwt", json!({"keys": []})),
        with(
            "private_key_jwt",
            json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        ),
        with("client_secret_basic", keys.clone()),
        with("none", keys),
    ] {
        let answer = world.post(&person, "/apps", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert_eq!(answer.json()["errors"][0]["pointer"], json!("/jwks"));
    }
}

#[actix_web::test]
async fn keys_at_an_address_are_fetched_once_and_again_for_one_that_is_not_among_them() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let named = |key: &EcdsaKeyPair, kid: &str| {
        let mut jwk = jwk(key);
        jwk["kid"] = json!(kid);
        jwk
    };
    let hour = |keys: Value| {
        Page::Document(
            "application/jwk-set+json",
            "cache-control: max-age=3600",
            json!({"keys": keys}),
        )
    };
    let (one, two) = (key(), key());
    site.answers(hour(json!([named(&one, "one")])));
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt",
                     "jwks_uri": site.at("/keys")});
    let client = world.post(&person, "/apps", app).await.text("client_id");
    let signer = Signer { key: one, client };
    let prove = async |key: &EcdsaKeyPair, kid: &str, jti: &str| {
        let header = json!({"alg": "ES256", "kid": kid});
        let answer = ask(&world, &signed(key, &header, &signer.claims(&world, jti))).await;
        (answer.status, site.asked())
    };
    assert_eq!(prove(&signer.key, "one", "a").await, (200, 1));
    assert_eq!(prove(&signer.key, "one", "b").await, (200, 1));
    // Another key comes to be used; within the minute nobody looks for it, then once.
    site.answers(hour(json!([named(&signer.key, "one"), named(&two, "two")])));
    assert_eq!(prove(&two, "two", "c").await, (401, 1));
    world.later(SignedDuration::from_secs(60));
    assert_eq!(prove(&two, "two", "d").await, (200, 2));
    assert_eq!(prove(&two, "three", "e").await, (401, 2));
    assert_eq!(prove(&two, "one", "f").await, (401, 2));
    // What cannot be fetched proves nobody, and is asked for again.
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        site.at("/keys")
    );
    let endless = format!(
        "HTTP/1.1 200 OK\r\n\r\n{{\"keys\":[\"{}",
        "x".repeat(70_000)
    );
    world.later(SignedDuration::from_secs(3_600));
    for (number, page) in [redirect, endless].into_iter().enumerate() {
        site.answers(Page::Raw(page));
        assert_eq!(prove(&two, "two", "g").await, (503, 3 + number));
    }
    site.answers(hour(json!([{"kty": "oct", "k": "AAAA"}])));
    assert_eq!(prove(&two, "two", "g").await, (401, 5));
}
