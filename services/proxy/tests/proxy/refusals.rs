//! Calls that are refused: each as the contract says, before anything reaches a provider.

use events::{Capability, GrantedLimits};
use jiff::SignedDuration;
use money::Nanodollars;
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, client, read, roomy};

const CHAT: &str = "/v1/openai/chat/completions";

fn hello() -> Value {
    json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

async fn refused(stage: &Stage, granted: &Granted, path: &str, body: &Value) -> (u16, String) {
    let (status, answer) = read(stage.post(granted, path, body).send().await.unwrap()).await;
    (
        status,
        answer["error"]["type"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

async fn nothing_reached_a_provider(stage: &Stage) {
    assert_eq!(stage.simulator.log().len(), 0);
    assert!(stage.spooled("began").is_empty());
}

#[tokio::test]
async fn what_is_outside_of_the_grant_is_refused() {
    let stage = Stage::new().await;
    let granted = stage
        .granted(&["openai"], |detail| {
            detail.models = events::Models::new(vec!["gpt-4o*".parse().unwrap()]);
            detail.capabilities = [Capability::Chat].into();
        })
        .await;
    let other = json!({"model": "o1", "max_tokens": 5, "messages": []});
    assert_eq!(
        refused(&stage, &granted, CHAT, &other).await,
        (403, "model_not_granted".to_owned())
    );
    let embed = json!({"model": "gpt-4o", "input": "x"});
    let capability = (403, "capability_not_granted".to_owned());
    assert_eq!(
        refused(&stage, &granted, "/v1/openai/embeddings", &embed).await,
        capability
    );
    let image = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a"}}]}]});
    assert_eq!(refused(&stage, &granted, CHAT, &image).await, capability);
    let tool = json!({"model": "gpt-4o", "input": "x", "tools": [{"type": "web_search"}]});
    assert_eq!(
        refused(&stage, &granted, "/v1/openai/responses", &tool).await,
        capability
    );
    let message = json!({"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": []});
    let elsewhere = refused(&stage, &granted, "/v1/anthropic/v1/messages", &message).await;
    assert_eq!(elsewhere, (403, "policy_denied".to_owned()));
    nothing_reached_a_provider(&stage).await;
}

#[tokio::test]
async fn tokens_of_no_use_are_refused() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let ended = stage
        .granted(&["openai"], |detail| {
            detail.expires -= SignedDuration::from_hours(25);
        })
        .await;
    assert_eq!(
        refused(&stage, &ended, CHAT, &hello()).await,
        (401, "token_expired".to_owned())
    );
    let stranger = Granted {
        grant: granted.grant,
        token: ids::OkapToken::mint().unwrap(),
    };
    assert_eq!(
        refused(&stage, &stranger, CHAT, &hello()).await,
        (401, "token_invalid".to_owned())
    );
    let url = format!("{}{CHAT}", stage.url);
    for (name, value) in [
        ("authorization", "Bearer lk_abc"),
        ("x-api-key", "okap_abc"),
        ("authorization", "Bearer sk-real"),
    ] {
        let request = client().post(&url).header(name, value).json(&hello());
        let (status, answer) = read(request.send().await.unwrap()).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (401, &json!("token_invalid")),
            "{value}"
        );
    }
    let (status, _) = read(client().post(&url).json(&hello()).send().await.unwrap()).await;
    assert_eq!(status, 401);
    stage.revoke(granted.grant).await;
    assert_eq!(
        refused(&stage, &granted, CHAT, &hello()).await,
        (401, "token_revoked".to_owned())
    );
    nothing_reached_a_provider(&stage).await;
}

#[tokio::test]
async fn a_grant_that_is_remembered_is_refused_once_it_is_revoked() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    assert_eq!(
        stage
            .post(&granted, CHAT, &hello())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    stage.revoke(granted.grant).await;
    // Its row is still in memory; the limits know.
    assert_eq!(
        refused(&stage, &granted, CHAT, &hello()).await,
        (401, "token_revoked".to_owned())
    );
    assert_eq!(stage.simulator.log().len(), 1);
}

#[tokio::test]
async fn limits_are_kept() {
    let stage = Stage::new().await;
    let small = GrantedLimits {
        monthly_spend: Nanodollars::from_nanos(1_000),
        ..roomy()
    };
    let granted = stage.grant(&["openai"], small).await;
    let response = stage.post(&granted, CHAT, &hello()).send().await.unwrap();
    assert_eq!(response.headers()["x-should-retry"], "false");
    let (status, answer) = read(response).await;
    let error = &answer["error"];
    assert_eq!(
        (status, &error["type"]),
        (402, &json!("spend_limit_exceeded"))
    );
    assert_eq!(
        (&error["limit_name"], &error["limit"]),
        (&json!("monthly_spend"), &json!("0.000001"))
    );
    assert!(
        error["resets_at"]
            .as_str()
            .unwrap()
            .ends_with("01T00:00:00Z")
    );
    nothing_reached_a_provider(&stage).await;

    let slow = stage
        .grant(
            &["openai"],
            GrantedLimits {
                requests_per_minute: 1,
                ..roomy()
            },
        )
        .await;
    assert_eq!(
        stage
            .post(&slow, CHAT, &hello())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let response = stage.post(&slow, CHAT, &hello()).send().await.unwrap();
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait));
    let short = stage
        .grant(
            &["openai"],
            GrantedLimits {
                tokens_per_request: 100,
                ..roomy()
            },
        )
        .await;
    let (status, answer) = read(stage.post(&short, CHAT, &hello()).send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["param"]),
        (400, &json!("tokens_per_request"))
    );
}

#[tokio::test]
async fn of_many_calls_at_once_no_more_run_than_fit() {
    let stage = Stage::new().await;
    // The worst case of one call is found by making it alone.
    let alone = stage.grant(&["openai"], roomy()).await;
    stage.post(&alone, CHAT, &hello()).send().await.unwrap();
    let worst = stage.records(1).await[0].reserved;
    let room_for_five = Nanodollars::from_nanos(worst.nanos() * 5);
    let granted = stage
        .grant(
            &["openai"],
            GrantedLimits {
                daily_spend: room_for_five,
                ..roomy()
            },
        )
        .await;
    let slow = json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]});
    let calls = (0..60).map(|_| stage.post(&granted, CHAT, &slow).send());
    let answers = futures_util::future::join_all(calls).await;
    let statuses: Vec<u16> = answers
        .into_iter()
        .map(|answer| answer.unwrap().status().as_u16())
        .collect();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 402)),
        "{statuses:?}"
    );
    let spent: i64 = stage
        .spooled("ended")
        .iter()
        .filter(|r| r.grant == granted.grant)
        .map(|r| r.cost.nanos())
        .sum();
    assert!(spent <= room_for_five.nanos());
    let reached = stage.simulator.log().len() - 1;
    assert_eq!(
        reached,
        statuses.iter().filter(|status| **status == 200).count()
    );
}

#[tokio::test]
async fn bodies_that_could_be_read_in_two_ways_are_refused() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let send = async |body: Vec<u8>, kind: &str| {
        let request = client()
            .post(format!("{}{CHAT}", stage.url))
            .bearer_auth(granted.token.reveal());
        let response = request
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .unwrap();
        let (status, answer) = read(response).await;
        assert_eq!(answer["error"]["type"], "request_invalid", "{answer}");
        status
    };
    for body in [
        &br#"{"model":"gpt-4o","model":"o1","messages":[]}"#[..],
        br#"{"model":"gpt-4o","Model":"o1"}"#,
        br#"{"model":"gpt-4o","max_tokens":1,"MAX_TOKENS":100000}"#,
        br#"{"model":"gpt-4o","stream":"yes"}"#,
        br#"{"model":"gpt-4o","max_tokens":-5}"#,
        br#"{"model":"gpt-4o","n":1000}"#,
        br#"{"model":7}"#,
        br#"{"messages":[]}"#,
        b"[1]",
        b"{",
        b"",
        b"\xef\xbb\xbf{\"model\":\"gpt-4o\"}",
        b"{\"model\":\"gpt-4o\",\"user\":\"\xff\"}",
    ] {
        assert_eq!(
            send(body.to_vec(), "application/json").await,
            400,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    assert_eq!(send(b"{}".to_vec(), "text/plain").await, 415);
    assert_eq!(
        send(vec![b' '; 11 * 1024 * 1024], "application/json").await,
        413
    );
    let missing = json!({"model": "claude-sonnet-4-5", "messages": []});
    let (status, answer) = read(
        stage
            .post(&granted, "/v1/anthropic/v1/messages", &missing)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, &answer["type"], &answer["error"]["param"]),
        (400, &json!("error"), &json!("max_tokens"))
    );
    let unpriced = json!({"model": "gpt-99-nobody-knows", "messages": []});
    assert_eq!(
        refused(&stage, &granted, CHAT, &unpriced).await,
        (400, "price_unknown".to_owned())
    );
    nothing_reached_a_provider(&stage).await;
}

#[tokio::test]
async fn paths_that_are_not_in_the_table_are_not_found_in_the_providers_shape() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let address = stage.url.strip_prefix("http://").unwrap();
    for (path, shape) in [
        ("/v1/openai/files", "openai"),
        ("/v1/openai/../openai/chat/completions", "openai"),
        ("/v1/openai/chat%2fcompletions", "openai"),
        ("/v1/openai//chat/completions", "openai"),
        ("/v1/OpenAI/chat/completions", "openai"),
        ("/v1/openai/chat/completions;x", "openai"),
        ("/v1/anthropic/v1/files", "anthropic"),
        ("/v1/google/v1/files", "google"),
        ("/v1/nobody/chat/completions", "openai"),
        ("/v1/openai/%2e%2e/openai/chat/completions", "openai"),
        ("/v1/%6fpenai/chat/completions", "openai"),
        ("/%76%31/openai/chat/completions", "openai"),
        ("/v1/openai", "openai"),
        ("/v1/grant/", "openai"),
        ("/v1/", "openai"),
        ("/v1", "openai"),
    ] {
        let answer = raw(address, path, granted.token.reveal()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body["error"]["type"], "not_found", "{path}");
        assert_eq!(body["type"] == "error", shape == "anthropic", "{path}");
        assert_eq!(
            body["error"]["status"] == "NOT_FOUND",
            shape == "google",
            "{path}"
        );
    }
    nothing_reached_a_provider(&stage).await;
}

/// A request whose path goes out exactly as written.
async fn raw(address: &str, path: &str, token: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = hello().to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn all_calls_are_counted_under_one_route_whatever_their_path() {
    server::telemetry::start_metrics().ok();
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let served = stage.post(&granted, CHAT, &hello()).send().await.unwrap();
    assert_eq!(served.status(), 200);
    let path = "/v1/openai/nobody-has-this-path";
    let refused = stage.post(&granted, path, &hello()).send().await.unwrap();
    assert_eq!(refused.status(), 404);
    let metrics = stage.get(&granted, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for status in [200, 404] {
        let counted = metrics
            .lines()
            .filter(|line| line.starts_with("latchkey_http_requests_total"))
            .filter(|line| line.contains(r#"route="/v1/{provider}/{route}""#))
            .any(|line| line.contains(&format!(r#"status="{status}""#)));
        assert!(counted, "{status}: {metrics}");
    }
    assert!(!metrics.contains("nobody-has-this-path"), "{metrics}");
}
