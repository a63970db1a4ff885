//! An address that is nobody's looks like one that nobody answers.

use std::{collections::BTreeMap, time::Duration};

use actix_web::test::TestRequest;
use futures_util::{FutureExt, future::join_all};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;
use tokio::time::Instant;

use crate::world::{Answer, World, asking, detail};

pub const UNKNOWN: &str = "abcdefghijklmnopqrstuvwxyz";

/// All that an answer tells beside what differs from one answer to the next.
pub fn shape(answer: &Answer) -> (u16, BTreeMap<String, String>, Value) {
    let changing = ["date", "x-request-id"];
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !changing.contains(&name.as_str()));
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let mut body = answer.json();
    let id = body["request_id"].as_str().unwrap_or_default().to_owned();
    assert!(
        id.is_empty() || (id.len() == 36 && id.starts_with("req_")),
        "{id}"
    );
    for (name, member) in body.as_object_mut().unwrap() {
        if let Some(text) = member.as_str() {
            *member = match name.as_str() {
                "poll_secret" => json!((&text[..3], text.len())),
                _ => json!(text.replace(&id, "ID")),
            };
        }
    }
    (answer.status, headers, body)
}

#[actix_web::test]
async fn nobody_cannot_be_told_from_somebody_who_does_not_answer() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let details = json!([detail(json!({}))]);
    let known = world
        .ask(&world.handle(&person).await, details.clone())
        .await;
    assert_eq!(known.status, 202);

    let ended = world
        .post(&person, "/handles", json!({"label": "Old"}))
        .await;
    let path = format!("/handles/{}", ended.text("id"));
    assert_eq!(
        world
            .api(&person, actix_web::http::Method::DELETE, &path, None)
            .await
            .status,
        204
    );
    let ended = url::Url::parse(&ended.text("url"))
        .unwrap()
        .username()
        .to_owned();
    let late = world.ticket(&person, Value::Null).await;
    world.later(SignedDuration::from_mins(15));
    let known_now = world
        .ask(&world.handle(&person).await, details.clone())
        .await;

    let never_made = format!("ct_{}", "0".repeat(49));
    for address in [
        UNKNOWN,
        &ended,
        &late,
        &never_made,
        "",
        "x",
        "okap_x",
        "a:b",
    ] {
        let nobody = world.ask(address, details.clone()).await;
        assert_eq!(shape(&nobody), shape(&known_now), "{address}");
        let polled = world
            .poll(&nobody.text("request_id"), &nobody.text("poll_secret"))
            .await;
        let seen = world
            .poll(
                &known_now.text("request_id"),
                &known_now.text("poll_secret"),
            )
            .await;
        assert_eq!(shape(&polled), shape(&seen), "{address}");
    }
    world.later(SignedDuration::from_secs(599));
    let nobody = world.ask(UNKNOWN, details).await;
    let last = world
        .poll(
            &known_now.text("request_id"),
            &known_now.text("poll_secret"),
        )
        .await;
    assert_eq!((last.status, &last.json()["expires_in"]), (202, &json!(1)));
    world.later(SignedDuration::from_secs(600));
    let [gone, never] =
        [&known_now, &nobody].map(|p| (p.text("request_id"), p.text("poll_secret")));
    assert_eq!(
        shape(&world.poll(&gone.0, &gone.1).await),
        shape(&world.poll(&never.0, &never.1).await)
    );
}

#[actix_web::test]
async fn a_handle_is_found_in_the_path_and_in_the_host_name_too() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    let body = json!({"okap": "1.0", "authorization_details": [detail(json!({}))], "client": {"name": "App"}});
    let ask = |path: &str, host: &str| {
        let request = TestRequest::post()
            .uri(path)
            .insert_header(("host", host))
            .insert_header(("prefer", "wait=0"));
        world.send(request.set_json(&body))
    };
    let mut heard = 0;
    for (path, host, is_heard) in [
        (
            format!("/v/{handle}/okap/authorize"),
            "vault.example.com".to_owned(),
            true,
        ),
        (
            "/okap/authorize".to_owned(),
            format!("{handle}.vault.example.com"),
            true,
        ),
        (
            format!("/v/{UNKNOWN}/okap/authorize"),
            "vault.example.com".to_owned(),
            false,
        ),
        (
            "/okap/authorize".to_owned(),
            format!("{UNKNOWN}.vault.example.com"),
            false,
        ),
        (
            "/okap/authorize".to_owned(),
            "vault.example.com".to_owned(),
            false,
        ),
    ] {
        assert_eq!(ask(&path, &host).await.status, 202);
        heard += i64::from(is_heard);
        assert_eq!(
            world.count("consent.access_requests").await,
            heard,
            "{path} {host}"
        );
    }
}

#[actix_web::test]
async fn neither_answers_sooner_than_it_takes_to_write_a_request_down() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    for address in [world.handle(&person).await.as_str(), UNKNOWN] {
        let began = Instant::now();
        let answer = world.ask(address, json!([detail(json!({}))])).await;
        assert!(began.elapsed() >= Duration::from_millis(150));
        let began = Instant::now();
        world
            .poll(&answer.text("request_id"), &answer.text("poll_secret"))
            .await;
        assert!(began.elapsed() >= Duration::from_millis(150));
    }
}

fn from(network: &str, request: TestRequest) -> TestRequest {
    request.peer_addr(network.parse().unwrap())
}

#[actix_web::test]
async fn one_network_asks_sixty_times_a_minute_whatever_its_addresses() {
    let world = World::open().await;
    let ask = |peer: &str| {
        let request = TestRequest::post()
            .uri("/okap/authorize")
            .set_json(json!({}));
        world.send(from(peer, request))
    };
    let mut number = 0;
    let refused = loop {
        let answer = ask(&format!("[2001:db8:1:2::{number:x}]:443")).await;
        if answer.status != 400 {
            break answer;
        }
        number += 1;
        // Some of its times come back while this goes on.
        assert!(number < 1_000, "nobody is ever refused");
    };
    assert!(
        number >= 60 && refused.status == 429,
        "{number} {}",
        refused.status
    );
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(ask("[2001:db8:1:3::1]:443").await.status, 400);
    let flat = || TestRequest::post().uri("/okap/request").set_json(json!({}));
    let flat = loop {
        let answer = world.send(from("[2001:db8:1:2:ffff::7]:443", flat())).await;
        if answer.text("error_code") != "invalid_request" {
            break answer;
        }
        number += 1;
        assert!(number < 1_000, "nobody is ever refused");
    };
    assert_eq!(
        (flat.status, flat.text("error_code").as_str()),
        (200, "rate_limited")
    );
}

#[actix_web::test]
async fn one_network_keeps_fifty_waiting_and_the_next_is_answered_at_once() {
    let world = World::open().await;
    let details = json!([detail(json!({}))]);
    let ask = || {
        world.send(from(
            "192.0.2.1:443",
            asking(UNKNOWN, &details).insert_header(("prefer", "wait=25")),
        ))
    };
    let mut waiting = Box::pin(join_all((0..50).map(|_| ask())));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let began = Instant::now();
    let next = tokio::select! {
        _ = &mut waiting => unreachable!("nobody answers"),
        next = ask() => next,
    };
    assert_eq!(next.status, 202);
    let flat = json!({"okap": "1.0", "provider": "openai"});
    let flat = world
        .send(from(
            "192.0.2.1:443",
            TestRequest::post().uri("/okap/request").set_json(flat),
        ))
        .await;
    assert_eq!(flat.text("error_code"), "rate_limited");
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(waiting);
    // Their places are free again: who asks now waits.
    let again = ask();
    tokio::pin!(again);
    let answered = tokio::time::timeout(Duration::from_secs(1), &mut again).await;
    assert!(answered.is_err() && again.now_or_never().is_none());
}

#[actix_web::test]
async fn each_odd_request_is_refused_by_what_is_wrong_with_it() {
    let world = World::open().await;
    let details = r#"[{"type":"ai_model_access","provider":"openai"}]"#;
    let whole = |middle: &str| format!(r#"{{"okap":"1.0","client":{{"name":"App"}}{middle}}}"#);
    let large = whole(&format!(r#","x":"{}""#, "x".repeat(20_000)));
    for (body, status, param) in [
        (String::new(), 400, None),
        ("{".to_owned(), 400, None),
        ("[]".to_owned(), 400, None),
        (whole(""), 400, Some("body")),
        (
            whole(&format!(
                r#","authorization_details":{details},"okap":"1.0""#
            )),
            400,
            Some("/okap"),
        ),
        (
            whole(&format!(
                r#","authorization_details":{details},"admin":true"#
            )),
            400,
            Some("body"),
        ),
        (
            whole(
                r#","authorization_details":[{"type":"ai_model_access","provider":"openai","provider":"google"}]"#,
            ),
            400,
            Some("/authorization_details/0/provider"),
        ),
        (
            whole(
                r#","authorization_details":[{"type":"ai_model_access","provider":"openai","limits":{"daily_spend":1,"daily_spend":2}}]"#,
            ),
            400,
            Some("/authorization_details/0/limits/daily_spend"),
        ),
        (
            whole(
                r#","authorization_details":[["ai_model_access","openai",null,null,null,null,null]]"#,
            ),
            400,
            Some("authorization_details[0]"),
        ),
        (
            format!(
                r#"{{"okap":"1.0","authorization_details":{details},"client":["App",null,null]}}"#
            ),
            400,
            Some("client"),
        ),
        (
            format!(
                r#"{{"okap":"1.0","authorization_details":{details},"client":{{"name":"App","callback":"https://a.test/#x"}}}}"#
            ),
            400,
            Some("client.callback"),
        ),
        (
            format!(
                r#"{{"okap":"2.0","authorization_details":{details},"client":{{"name":"App"}}}}"#
            ),
            400,
            Some("okap"),
        ),
        (large, 413, None),
    ] {
        let request = TestRequest::post()
            .uri("/okap/authorize")
            .insert_header(("content-type", "application/json"));
        let answer = world.send(request.set_payload(body.clone())).await;
        assert_eq!(answer.status, status, "{body:.200}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        let error = &answer.json()["error"];
        assert!(error["type"].is_string() && error["message"].is_string());
        assert_eq!(
            error["param"].as_str(),
            param,
            "{body:.200}: {}",
            answer.body
        );
    }
    let plain = TestRequest::post()
        .uri("/okap/authorize")
        .insert_header(("content-type", "text/plain"));
    assert_eq!(world.send(plain.set_payload(whole(""))).await.status, 415);
    assert_eq!(world.count("consent.access_requests").await, 0);
}
