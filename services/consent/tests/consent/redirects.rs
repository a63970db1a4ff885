//! A corpus of addresses that look like an app's own: at every door only the very same one passes, and
//! no error ever sends a browser to any other.

use actix_web::test::TestRequest;
use serde_json::json;
use sessions::Role;

use crate::{
    oauth::{CALLBACK, asking, authorize, code, owner, post_form, redeeming, register},
    world::{Answer, ORIGIN, Person, World, detail},
};

/// What is near `https://recipes.test/callback` and `http://127.0.0.1:8000/cb`, and is neither.
const NEAR: [&str; 78] = [
    // Longer and shorter, by path and by host.
    "https://recipes.test/callbac",
    "https://recipes.test/callback2",
    "https://recipes.test/callback/",
    "https://recipes.test/callback/x",
    "https://recipes.test/callback//",
    "https://recipes.test//callback",
    "https://recipes.test/",
    "https://recipes.test",
    "https://recipes.test.evil.test/callback",
    "https://evil.test/recipes.test/callback",
    "https://evilrecipes.test/callback",
    "https://a.recipes.test/callback",
    "https://recipes.test./callback",
    "https://recipes.testing/callback",
    // Case.
    "https://recipes.test/Callback",
    "https://recipes.test/CALLBACK",
    "https://RECIPES.test/callback",
    "HTTPS://recipes.test/callback",
    // Scheme and port.
    "http://recipes.test/callback",
    "https://recipes.test:443/callback",
    "https://recipes.test:8443/callback",
    "https://recipes.test:/callback",
    "https:recipes.test/callback",
    "https:/recipes.test/callback",
    "https:///recipes.test/callback",
    "//recipes.test/callback",
    "recipes.test/callback",
    "/callback",
    // User names.
    "https://recipes.test@evil.test/callback",
    "https://recipes.test:x@evil.test/callback",
    "https://user@recipes.test/callback",
    "https://@recipes.test/callback",
    "https://evil.test\\@recipes.test/callback",
    "https://evil.test%40recipes.test/callback",
    "https://recipes.test%2f@evil.test/callback",
    // Percent signs.
    "https://recipes.test/%63allback",
    "https://recipes.test/callback%00",
    "https://recipes.test/callback%2f",
    "https://recipes.test%2fcallback",
    "https://%72ecipes.test/callback",
    "https://recipes.test/callback%3fx",
    "https://recipes.test/callback%0d%0aset-cookie:x=y",
    // Dots.
    "https://recipes.test/./callback",
    "https://recipes.test/x/../callback",
    "https://recipes.test/callback/..",
    "https://recipes.test/callback/.",
    "https://recipes.test/%2e%2e/callback",
    "https://recipes.test/callback;x",
    // Fragments and queries.
    "https://recipes.test/callback#",
    "https://recipes.test/callback#x",
    "https://recipes.test/callback?",
    "https://recipes.test/callback?x=1",
    "https://recipes.test/callback?next=https://evil.test/",
    "https://recipes.test/callback&redirect_uri=https://evil.test/",
    "https://evil.test/?https://recipes.test/callback",
    "https://evil.test/#https://recipes.test/callback",
    "https://recipes.test/redirect?to=https://recipes.test/callback",
    // Other schemes.
    "javascript:alert(1)",
    "javascript://recipes.test/callback%0aalert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///callback",
    "blob:https://recipes.test/callback",
    "com.example.recipes:/callback",
    // Backslashes and white space.
    "https:\\\\recipes.test\\callback",
    "https://recipes.test\\callback",
    "https://recipes.test/callback ",
    " https://recipes.test/callback",
    "https://recipes.test/callback\t",
    "https://recipes.test/call\nback",
    // Letters that look the same.
    "https://reci\u{440}es.test/callback",
    "https://xn--recies-5of.test/callback",
    "https://recipes\u{3002}test/callback",
    "https://recipes.test/callb\u{430}ck",
    // The native app's, by other names of the same machine.
    "http://localhost:8000/cb",
    "http://127.1:8000/cb",
    "http://127.0.0.1:8000/cb/",
];

/// A loopback address may come with any port, and with nothing else that is new.
const NATIVE: [&str; 3] = [
    "http://127.0.0.1:8000/cb",
    "http://127.0.0.1:51234/cb",
    "http://127.0.0.1/cb",
];
const NOT_NATIVE: [&str; 10] = [
    "https://127.0.0.1:8000/cb",
    "http://127.0.0.2:8000/cb",
    "http://[::1]:8000/cb",
    "http://2130706433:8000/cb",
    "http://0x7f.0.0.1:8000/cb",
    "http://127.0.0.1:8000@evil.test/cb",
    "http://127.0.0.1:99999/cb",
    "http://127.0.0.1:08000/cb",
    "http://127.0.0.1:8000/cb?x",
    "http://127.0.0.1.evil.test:8000/cb",
];

type Parameters = Vec<(String, String)>;

fn with(good: &Parameters, name: &str, value: &str) -> Parameters {
    let mut changed: Parameters = good.iter().filter(|(n, _)| n != name).cloned().collect();
    changed.push((name.to_owned(), value.to_owned()));
    changed
}

fn near() -> impl Iterator<Item = &'static str> {
    NEAR.into_iter().chain(NOT_NATIVE)
}

/// Nobody is sent anywhere.
#[track_caller]
fn stays(answer: &Answer, uri: &str) {
    let sent = (
        answer.header("location"),
        answer.header("refresh"),
        answer.header("content-location"),
    );
    assert_eq!(sent, ("", "", ""), "{uri:?}");
    assert!(
        (400..500).contains(&answer.status),
        "{uri:?}: {}",
        answer.status
    );
}

async fn world_with_app() -> (World, Person, String) {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    (world, person, client)
}

#[actix_web::test]
async fn the_authorization_endpoint_knows_an_app_by_its_exact_address_alone() {
    let (world, person, client) = world_with_app().await;
    let good = asking(&client);
    for uri in near() {
        let bad = with(&good, "redirect_uri", uri);
        stays(&authorize(&world, &person, &bad).await, uri);
        // Whatever else is wrong: the address is looked at first.
        let worse = with(&bad, "response_type", "token");
        stays(&authorize(&world, &person, &worse).await, uri);
        let mut twice = good.clone();
        twice.push(("redirect_uri".to_owned(), uri.to_owned()));
        stays(&authorize(&world, &person, &twice).await, uri);
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
    for uri in NATIVE.into_iter().chain([CALLBACK]) {
        let wrong = with(&with(&good, "redirect_uri", uri), "response_type", "token");
        let told = authorize(&world, &person, &wrong).await;
        assert!(
            told.header("location")
                .starts_with(&format!("{uri}?error=unsupported_response_type")),
            "{uri}"
        );
        let (page, _) = authorize(&world, &person, &with(&good, "redirect_uri", uri))
            .await
            .sent_to();
        assert!(
            page.starts_with(&format!("{ORIGIN}/requests/req_")),
            "{uri}: {page}"
        );
    }
}

#[actix_web::test]
async fn nobody_who_is_not_signed_in_is_sent_further_than_to_sign_in() {
    let (world, _, client) = world_with_app().await;
    for uri in near() {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(with(&asking(&client), "redirect_uri", uri))
            .finish();
        stays(
            &world
                .send(TestRequest::get().uri(&format!("/oauth/authorize?{query}")))
                .await,
            uri,
        );
    }
}

#[actix_web::test]
async fn a_pushed_request_knows_an_app_by_its_exact_address_alone() {
    let (world, _, client) = world_with_app().await;
    let form = |uri: &str| -> Vec<(&'static str, String)> {
        let names = [
            "response_type",
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "authorization_details",
            "redirect_uri",
        ];
        let good = with(&asking(&client), "redirect_uri", uri);
        names
            .map(|name| {
                (
                    name,
                    good.iter().find(|(n, _)| n == name).unwrap().1.clone(),
                )
            })
            .to_vec()
    };
    for uri in near() {
        let refused = post_form(&world, "/oauth/par", &form(uri)).await;
        stays(&refused, uri);
        assert_eq!(refused.text("error"), "invalid_request", "{uri:?}");
    }
    for uri in NATIVE.into_iter().chain([CALLBACK]) {
        assert_eq!(
            post_form(&world, "/oauth/par", &form(uri)).await.status,
            201,
            "{uri}"
        );
    }
}

#[actix_web::test]
async fn a_code_is_redeemed_with_the_exact_address_that_it_went_to() {
    let (world, person, client) = world_with_app().await;
    let (code, _) = code(&world, &person, &client).await;
    for uri in near().chain(NATIVE) {
        let mut form = redeeming(&client, &code);
        form[4].1 = uri.to_owned();
        let refused = post_form(&world, "/oauth/token", &form).await;
        stays(&refused, uri);
        assert_eq!(refused.text("error"), "invalid_grant", "{uri:?}");
    }
    // None of them spent it.
    assert_eq!(
        post_form(&world, "/oauth/token", &redeeming(&client, &code))
            .await
            .status,
        200
    );
}

/// Which of the corpus nobody may register, and nobody may name as a callback.
fn never_an_address(uri: &str) -> bool {
    let https = uri.starts_with("https://")
        && url::Url::parse(uri).is_ok_and(|parsed| parsed.as_str() == uri);
    let native = [
        "http://localhost:8000/cb",
        "http://127.0.0.1",
        "http://127.0.0.2:8000/cb",
        "http://[::1]",
    ]
    .iter()
    .any(|local| uri.starts_with(local));
    let odd = uri.contains(['#', '@', '\\', ' ', '\t', '\n']) || !uri.is_ascii();
    odd || !(https || native)
}

#[actix_web::test]
async fn what_can_be_read_in_two_ways_is_neither_registered_nor_a_callback() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    let handle = world.handle(&person).await;
    let refused: Vec<&str> = near().filter(|uri| never_an_address(uri)).collect();
    assert!(refused.len() > 40, "{}", refused.len());
    for uri in refused {
        let app = json!({"name": "App", "redirect_uris": [uri]});
        let answer = world.post(&person, "/apps", app).await;
        // The slash after a bare host may be left out there.
        let bare = uri == "https://recipes.test";
        assert_eq!(answer.status, if bare { 201 } else { 400 }, "{uri:?}");
        let client = json!({"name": "App", "callback": uri});
        let body =
            json!({"okap": "1.0", "authorization_details": [detail(json!({}))], "client": client});
        let asked = world
            .send(
                TestRequest::post()
                    .uri(&format!("/v/{handle}/okap/authorize"))
                    .set_json(body),
            )
            .await;
        stays(&asked, uri);
        assert_eq!(asked.json()["error"]["param"], "client.callback", "{uri:?}");
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
}
