//! Providers that organizations added: priced or not, theirs alone, and never a way inside.

use events::{CallOutcome, GrantedLimits};
use money::Nanodollars;
use serde_json::{Value, json};

use crate::{
    listener::Listener,
    stage::{
        Stage,
        added::{CANARY, compatible, priced},
        client, read, roomy,
    },
};

const PATH: &str = "/v1/acme-llm/chat/completions";

fn says(script: &str) -> Value {
    let messages = json!([{"role": "user", "content": format!("[[sim {script}]]")}]);
    json!({"model": "large", "max_tokens": 50, "messages": messages})
}

fn hello() -> Value {
    json!({"model": "large", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

/// A stage with a provider at the simulator, at one dollar and two for a million tokens.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    let base = format!("{}/openai/v1", stage.simulator.url());
    stage.add(&priced("acme-llm", &base, "1", "2")).await;
    stage
}

#[tokio::test]
async fn a_call_is_priced_as_its_administrator_said_and_paid_by_its_own_key() {
    let stage = stage().await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    let body = says("{\"input_tokens\":100,\"output_tokens\":20}");
    let mut calls = 0;
    for (path, model, stream) in [
        (PATH, "large", false),
        ("/v1/acme-llm/v1/chat/completions", "large", true),
        ("/v1/chat/completions", "acme-llm/large", false),
        ("/v1/chat/completions", "large", true),
    ] {
        let mut body = body.clone();
        body["model"] = json!(model);
        body["stream"] = json!(stream);
        let answer = stage.post(&granted, path, &body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("Canary"), "{text}");
        calls += 1;
        let record = stage.records(calls).await.pop().unwrap();
        assert_eq!(record.provider.as_str(), "acme-llm");
        assert_eq!((record.usage.input, record.usage.output), (100, 20));
        assert_eq!(record.cost.to_string(), "0.00014");
        assert_eq!(
            record.price_version,
            "organization: 1 input, 2 output per million"
        );
        let served = stage.simulator.log().pop().unwrap();
        assert_eq!(served["model"], "large");
        assert_eq!(served["key_last4"], json!(&CANARY[CANARY.len() - 4..]));
    }
    let models = stage
        .get(&granted, "/v1/acme-llm/models")
        .send()
        .await
        .unwrap();
    assert_eq!(models.status(), 200);
}

#[tokio::test]
async fn its_worst_case_is_held_against_the_limits() {
    let stage = stage().await;
    // A call of fifty tokens out may cost 0.0001 for these alone.
    let limits = GrantedLimits {
        daily_spend: Nanodollars::from_nanos(100_000),
        ..roomy()
    };
    let granted = stage.grant(&["acme-llm"], limits).await;
    let refused = stage.post(&granted, PATH, &hello()).send().await.unwrap();
    let (status, answer) = read(refused).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (402, &json!("spend_limit_exceeded"))
    );
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_under_a_spend_limit() {
    let stage = Stage::new().await;
    let base = format!("{}/openai/v1", stage.simulator.url());
    stage.add(&compatible("acme-llm", &base)).await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    let refused = stage.post(&granted, PATH, &hello()).send().await.unwrap();
    let (status, answer) = read(refused).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("price_unknown"))
    );
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn another_organizations_and_a_removed_one_are_as_unknown_as_none() {
    let stage = stage().await;
    let base = format!("{}/openai/v1", stage.simulator.url());
    let theirs = priced("their-llm", &base, "1", "2");
    let other = ids::TenantId::new(stage.clock.now());
    stage.add_to(other, &theirs).await;
    // Even a key that would open, and a grant that names it, do not find it.
    stage.seal_for(&theirs, theirs.origin()).await;
    let granted = stage.grant(&["their-llm", "acme-llm"], roomy()).await;
    let unknown = async |granted, path: &str| {
        let (status, answer) =
            read(stage.post(granted, path, &hello()).send().await.unwrap()).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (404, &json!("not_found")),
            "{path}"
        );
    };
    unknown(&granted, "/v1/their-llm/chat/completions").await;
    unknown(&granted, "/v1/nobody/chat/completions").await;
    unknown(&granted, "/v1/acme-llm/openai/v1/chat/completions").await;
    // Nobody is told of it who brings no token.
    let nobody = client().post(format!("{}{PATH}", stage.url)).json(&hello());
    assert_eq!(nobody.send().await.unwrap().status(), 401);

    stage.remove(&compatible("acme-llm", &base)).await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    unknown(&granted, PATH).await;
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn a_key_that_was_sealed_for_another_host_is_not_sent() {
    let stage = stage().await;
    let base = format!("{}/openai/v1", stage.simulator.url());
    let provider = compatible("acme-llm", &base);
    stage.seal_for(&provider, "https://llm.acme.example").await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    let refused = stage.post(&granted, PATH, &hello()).send().await.unwrap();
    let (status, answer) = read(refused).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (503, &json!("vault_unavailable"))
    );
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stage = Stage::new().await;
    let inside = Listener::saying("200 OK", "{}").await;
    let head = format!("302 Found\r\nlocation: http://{}/", inside.address);
    let redirecting = Listener::saying(&head, "{}").await;
    let base = format!("http://{}/v1", redirecting.address);
    stage.add(&priced("acme-llm", &base, "1", "2")).await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    let answer = stage.post(&granted, PATH, &hello()).send().await.unwrap();
    let (status, answer) = read(answer).await;
    assert_eq!(status, 502, "{answer}");
    assert!(!answer.to_string().contains("location"), "{answer}");
    assert_eq!((redirecting.heard().len(), inside.heard().len()), (1, 0));
}

#[tokio::test]
async fn an_address_inside_is_not_connected_to_and_costs_nothing() {
    let stage = Stage::new().await;
    for base in [
        "https://10.0.0.1/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "http://10.0.0.1/v1",
    ] {
        let provider = priced("acme-llm", base, "1", "2");
        stage.add(&provider).await;
        let granted = stage.grant(&["acme-llm"], roomy()).await;
        let answer = stage.post(&granted, PATH, &hello()).send().await.unwrap();
        let (status, answer) = read(answer).await;
        assert_eq!(status, 502, "{base}: {answer}");
        assert!(!answer.to_string().contains("10.0.0.1"), "{answer}");
        stage.remove(&provider).await;
    }
    for record in stage.records(3).await {
        assert_eq!(record.outcome, CallOutcome::ProviderUnreachable);
        assert_eq!(record.cost, Nanodollars::ZERO);
    }
}

#[tokio::test]
async fn a_provider_that_echoes_everything_does_not_give_its_key_away() {
    let stage = stage().await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    for status in ["200", "400", "401", "403", "429", "500"] {
        let body = says(&format!(
            "{{\"echo\":true,\"status\":{status},\"headers\":{{\"x-request-id\":\"{{key}}\"}}}}"
        ));
        let answer = stage.post(&granted, PATH, &body).send().await.unwrap();
        let shown = format!("{:?}", answer.headers());
        let shown = format!("{shown}{}", answer.text().await.unwrap_or_default());
        let secret = &CANARY["sk-".len()..];
        let leaks = (0..secret.len() - 7).any(|at| shown.contains(&secret[at..at + 8]));
        assert!(!leaks, "{status}: {shown}");
    }
}

#[tokio::test]
async fn what_a_gateway_would_reach_besides_is_refused() {
    let stage = stage().await;
    let granted = stage.grant(&["acme-llm"], roomy()).await;
    for name in [
        "models",
        "fallbacks",
        "route",
        "preset",
        "plugins",
        "provider",
        "data_sources",
    ] {
        let mut body = hello();
        body[name] = json!(["other"]);
        let refused = stage.post(&granted, PATH, &body).send().await.unwrap();
        let (status, answer) = read(refused).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (403, &json!("capability_not_granted")),
            "{name}"
        );
    }
    assert!(stage.simulator.log().is_empty());
}
