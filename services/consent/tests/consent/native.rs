//! A native app's link: shown to whoever opens it, answered at the app's callback.

use std::collections::BTreeSet;

use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    callback::redeem,
    oauth::{CHALLENGE, VERIFIER},
    world::{Answer, ORIGIN, Person, World, detail, parameters_of},
};

const CALLBACK: &str = "http://127.0.0.1:49152/okap";

fn request() -> Value {
    json!({
        "okap": "1.0",
        "authorization_details": [detail(json!({}))],
        "client": {"name": "Terminal", "callback": CALLBACK, "code_challenge": CHALLENGE},
    })
}

fn encoded(request: &Value) -> String {
    URL_SAFE_NO_PAD.encode(request.to_string())
}

async fn open(world: &World, person: &Person, request: &Value) -> Answer {
    let path = format!("/okap/native?request={}", encoded(request));
    world.browse(person, &path).await
}

/// The code that the callback of a link is brought.
pub async fn code(world: &World, person: &Person) -> String {
    let (page, _) = open(world, person, &request()).await.sent_to();
    let approved = world
        .approve(person, page.rsplit('/').next().unwrap())
        .await;
    parameters_of(&approved.text("redirect_to")).1[1].1.clone()
}

async fn owner(world: &World) -> Person {
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    person
}

#[actix_web::test]
async fn the_code_verifier_takes_the_place_of_the_poll_secret() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (page, _) = open(&world, &person, &request()).await.sent_to();
    let id = page.rsplit('/').next().unwrap().to_owned();
    let policy = world.browse(&person, &format!("/requests/{id}")).await;
    let policy = policy.header("content-security-policy").to_owned();
    assert!(
        policy.ends_with("form-action 'self' http://127.0.0.1:49152"),
        "{policy}"
    );
    assert_eq!(world.poll(&id, VERIFIER).await.text("status"), "pending");

    let approved = world.approve(&person, &id).await;
    let (back, query) = parameters_of(&approved.text("redirect_to"));
    assert_eq!(
        (back.as_str(), query[0].1.as_str()),
        (CALLBACK, id.as_str())
    );
    assert_eq!(query[2], ("iss".to_owned(), ORIGIN.to_owned()));
    let code = &query[1].1;
    for other in ["b".repeat(43), CHALLENGE.to_owned()] {
        let refused = redeem(&world, &id, &other, code).await;
        assert_eq!(refused.json()["error"]["type"], "invalid_code");
    }
    let granted = redeem(&world, &id, VERIFIER, code).await;
    assert_eq!(granted.text("status"), "granted", "{}", granted.body);
    assert_eq!(redeem(&world, &id, VERIFIER, code).await.status, 400);
    assert_eq!(
        open(&world, &person, &request()).await.problem_title(),
        "The app's link was used before"
    );
}

#[actix_web::test]
async fn a_link_that_is_opened_again_is_the_same_request_and_nobody_elses() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (first, _) = open(&world, &person, &request()).await.sent_to();
    let whole = format!(
        "okap://authorize?request={}",
        URL_SAFE.encode(request().to_string())
    );
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("url", &whole)
        .finish();
    let (again, _) = world
        .browse(&person, &format!("/okap/native?{query}"))
        .await
        .sent_to();
    assert_eq!(first, again);
    assert_eq!(world.count("consent.access_requests").await, 1);
    let asked = request();
    let (two, three) =
        futures_util::join!(open(&world, &person, &asked), open(&world, &person, &asked));
    assert_eq!((two.sent_to().0, three.sent_to().0), (first.clone(), first));
    for other in [
        owner(&world).await,
        world.member(person.tenant, Role::Member).await,
    ] {
        assert_eq!(open(&world, &other, &request()).await.status, 409);
    }
}

#[actix_web::test]
async fn a_link_that_is_loaded_ten_times_at_once_is_one_request() {
    let world = World::open().await;
    let person = owner(&world).await;
    let asked = request();
    let answers = join_all((0..10).map(|_| open(&world, &person, &asked))).await;
    let pages: BTreeSet<String> = answers.iter().map(|answer| answer.sent_to().0).collect();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert_eq!(world.count("consent.access_requests").await, 1);
}

#[actix_web::test]
async fn who_is_not_signed_in_signs_in_first_and_comes_back() {
    let world = World::open().await;
    let path = format!("/okap/native?request={}", encoded(&request()));
    let answer = world
        .send(actix_web::test::TestRequest::get().uri(&path))
        .await;
    let (page, query) = answer.sent_to();
    assert_eq!(page, format!("{ORIGIN}/sign-in"));
    assert_eq!(query, [("next".to_owned(), path)]);
}

#[actix_web::test]
async fn an_odd_link_is_refused_and_makes_no_request() {
    let world = World::open().await;
    let person = owner(&world).await;
    let with = |name: &str, value: Value| {
        let mut request = request();
        request["client"][name] = value;
        request
    };
    for request in [
        json!({}),
        json!({"okap": "2.0"}),
        with("callback", Value::Null),
        with("callback", json!("https://app.test/cb#x")),
        with("callback", json!("javascript:alert(1)")),
        with("code_challenge", Value::Null),
        with("code_challenge", json!("short")),
        with("code_challenge", json!(format!("{}=", "a".repeat(42)))),
        with("name", json!("")),
        with("secret", json!("x")),
    ] {
        let answer = open(&world, &person, &request).await;
        assert_eq!(answer.status, 400, "{request}: {}", answer.body);
    }
    let twice = format!(r#"{{"okap":"1.0",{}"#, &request().to_string()[1..]);
    for query in [
        String::new(),
        "request=".to_owned(),
        "request=%%%".to_owned(),
        "request=a&request=b".to_owned(),
        "url=https://app.test".to_owned(),
        format!("request={}", "a".repeat(8_200)),
        format!("request={}", URL_SAFE_NO_PAD.encode("[]")),
        format!("request={}", URL_SAFE_NO_PAD.encode(twice)),
        format!("request={}", URL_SAFE_NO_PAD.encode([0xff, 0xfe])),
        format!("request={}&url=x", encoded(&request())),
    ] {
        let answer = world
            .browse(&person, &format!("/okap/native?{query}"))
            .await;
        assert_eq!(answer.status, 400, "{query:.60}: {}", answer.body);
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
}
