//! Whatever is sent to an address, and however: nobody's address answers as somebody's does who is not
//! there. Status, headers and body are compared to the byte, save for what every answer has of its own.

use std::time::Duration;

use actix_web::{
    http::{Method, header::HeaderValue},
    test::TestRequest,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use sessions::Role;

use crate::{
    doors::UNKNOWN,
    oauth::CALLBACK,
    world::{Answer, World, detail},
};

/// All that an answer tells: what is new in each is left out.
fn told(answer: &Answer, own: &[&str]) -> (u16, Vec<(String, String)>, String) {
    let plain = |text: &str| {
        let text = own
            .iter()
            .fold(text.to_owned(), |text, own| text.replace(own, "ADDRESS"));
        masked(&masked(&text, "req_"), "ps_")
    };
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
        .map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap())))
        .collect();
    headers.sort();
    let body = answer
        .body
        .replace(answer.header("x-request-id"), "REQUEST");
    (answer.status, headers, plain(&body))
}

/// The text with everything that begins so replaced by its length.
fn masked(text: &str, prefix: &str) -> String {
    let mut parts = text.split(prefix);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |c: char| !c.is_ascii_alphanumeric();
        let rest = part.find(ends).unwrap_or(part.len());
        plain += &format!("<{prefix}{rest}>{}", &part[rest..]);
    }
    plain
}

/// Where an address can stand.
#[derive(Debug, Clone, Copy)]
enum Place {
    Path,
    Basic,
    Bearer,
    Host,
}

const PLACES: [Place; 4] = [Place::Path, Place::Basic, Place::Bearer, Place::Host];

fn at(place: Place, address: &str, method: &Method, path: &str) -> TestRequest {
    let request = TestRequest::default().method(method.clone());
    let basic = format!("Basic {}", STANDARD.encode(format!("{address}:")));
    match place {
        Place::Path => request.uri(&format!("/v/{address}{path}")),
        Place::Basic => request.uri(path).insert_header(("authorization", basic)),
        Place::Bearer => request
            .uri(path)
            .insert_header(("authorization", format!("Bearer {address}"))),
        Place::Host => request
            .uri(path)
            .insert_header(("host", format!("{address}.vault.example.com"))),
    }
}

fn json_of(body: &str) -> impl Fn(TestRequest) -> TestRequest + use<> {
    let body = body.to_owned();
    move |request| {
        request
            .insert_header(("content-type", "application/json"))
            .set_payload(body.clone())
    }
}

/// Sends the same to both and compares.
async fn compare(world: &World, known: &str, what: &str, ask: impl Fn(&str) -> TestRequest) {
    let somebody = world.send(ask(known)).await;
    let nobody = world.send(ask(UNKNOWN)).await;
    let own = [known, UNKNOWN];
    assert_eq!(told(&somebody, &own), told(&nobody, &own), "{what}");
}

fn good(callback: Option<&str>) -> String {
    let mut client = json!({"name": "App"});
    if let Some(callback) = callback {
        client["callback"] = json!(callback);
    }
    json!({"okap": "1.0", "authorization_details": [detail(json!({}))], "client": client})
        .to_string()
}

#[actix_web::test]
async fn every_preference_and_every_form_is_answered_alike() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let prefers = [
        "wait=0",
        "wait=1",
        "respond-async",
        "respond-async, wait=0",
        "wait=0; x=y",
        "wait=\"0\", return=minimal",
    ];
    for prefer in prefers {
        for callback in [None, Some(CALLBACK)] {
            // One each: a handle has room for five.
            let known = world.handle(&person).await;
            let body = json_of(&good(callback));
            let ask = |address: &str| {
                let request = at(Place::Path, address, &Method::POST, "/okap/authorize");
                body(request.insert_header(("prefer", prefer)))
            };
            compare(&world, &known, &format!("{prefer} {callback:?}"), ask).await;
        }
    }
    let most = world.count("consent.access_requests").await;
    assert_eq!(most, 12);
    let known = world.handle(&person).await;
    for place in PLACES {
        let body = json_of(&good(None));
        let ask = |address: &str| {
            let request = at(place, address, &Method::POST, "/okap/authorize");
            body(request.insert_header(("prefer", "wait=0")))
        };
        compare(&world, &known, &format!("{place:?}"), ask).await;
    }
    assert_eq!(world.count("consent.access_requests").await, most + 4);
}

#[actix_web::test]
async fn every_wrong_body_is_refused_alike() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let known = world.handle(&person).await;
    let large = "x".repeat(20_000);
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "\u{feff}{}",
        "{\"okap\":\"1.0\"}",
        "{\"okap\":\"2.0\"}",
        &large,
        &good(Some("javascript:alert(1)")),
        &good(Some("https://me@app.test/")),
        &good(None).replace("openai", "nobody"),
        &good(None).replace("ai_model_access", "payment"),
        &good(None).replace("gpt-4o-mini", ""),
        r#"{"okap":"1.0","provider":"nobody"}"#,
        r#"{"okap":"1.0","provider":"openai","limits":{"daily_spend":-1}}"#,
    ];
    for path in ["/okap/authorize", "/okap/request"] {
        for place in PLACES {
            for body in bodies {
                let body = json_of(body);
                compare(&world, &known, path, |address| {
                    body(at(place, address, &Method::POST, path))
                })
                .await;
            }
            for kind in [
                "text/plain",
                "application/x-www-form-urlencoded",
                "application/json; charset=latin1",
                "x",
            ] {
                let ask = |address: &str| {
                    let request = at(place, address, &Method::POST, path)
                        .insert_header(("content-type", kind));
                    request.set_payload(good(Some("javascript:x")))
                };
                compare(&world, &known, &format!("{path} {kind}"), ask).await;
            }
        }
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
}

#[actix_web::test]
async fn every_other_method_is_refused_alike() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let known = world.handle(&person).await;
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::TRACE,
    ];
    for path in [
        "/okap/authorize",
        "/okap/request",
        "/okap/authorize/",
        "/okap",
        "/okap/requests",
        "/",
        "",
        "/oauth/authorize",
    ] {
        for method in &methods {
            for place in PLACES {
                if path.is_empty() && !matches!(place, Place::Path) {
                    continue;
                }
                let ask = |address: &str| {
                    at(place, address, method, path)
                        .insert_header(("origin", HeaderValue::from_static("https://evil.test")))
                        .insert_header(("access-control-request-method", "POST"))
                };
                compare(&world, &known, &format!("{method} {path} {place:?}"), ask).await;
            }
        }
    }
}

#[actix_web::test]
async fn what_becomes_of_a_request_is_told_alike_to_who_has_no_secret() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let pending = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let approved = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    assert_eq!(world.approve(&person, &approved).await.status, 200);
    let never = world
        .ask(UNKNOWN, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::POST,
        Method::PUT,
        Method::DELETE,
    ];
    let secrets = [
        "",
        "Bearer x",
        "Bearer ps_0000000000000000000000000000000000000000000000000",
        "Basic eDo=",
    ];
    for method in &methods {
        for secret in secrets {
            let ask = |id: &str| {
                let request = TestRequest::default()
                    .method(method.clone())
                    .uri(&format!("/okap/requests/{id}"));
                let request = request.insert_header(("authorization", secret));
                if method == Method::POST {
                    request.set_json(json!({"code": "oc_x"}))
                } else {
                    request
                }
            };
            let own = [pending.as_str(), approved.as_str(), never.as_str()];
            let nobody = told(&world.send(ask(&never)).await, &own);
            for id in [&pending, &approved] {
                assert_eq!(
                    told(&world.send(ask(id)).await, &own),
                    nobody,
                    "{method} {secret}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn the_flat_form_holds_both_alike() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let known = world.handle(&person).await;
    let body = json_of(r#"{"okap":"1.0","provider":"openai","models":["gpt-4o-mini"]}"#);
    let waits = async |address: &str| {
        let asked = world.send(body(at(
            Place::Path,
            address,
            &Method::POST,
            "/okap/request",
        )));
        tokio::time::timeout(Duration::from_millis(400), asked)
            .await
            .is_err()
    };
    assert!(waits(&known).await);
    assert!(waits(UNKNOWN).await);
    assert_eq!(world.count("consent.access_requests").await, 1);
}
