//! One endpoint for all providers: who is asked, and what of the body is for us.

use events::{Capability, Models};
use money::Nanodollars;
use reqwest::Response;
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, client, read, roomy};

const CHAT: &str = "/v1/chat/completions";
pub const GPT: &str = "openai/gpt-4o-mini";
pub const CLAUDE: &str = "anthropic/claude-sonnet-4-5";

pub fn hello(model: &str) -> Value {
    json!({"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

pub fn either(models: &[&str]) -> Value {
    json!({"models": models, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

/// From now on a provider answers so.
pub async fn script(stage: &Stage, provider: &str, script: &Value) {
    let rule = json!({"match": {"provider": provider}, "script": script});
    let url = format!("{}/simulator/script", stage.simulator.url());
    let set = client().post(url).json(&rule).send().await.unwrap();
    assert!(set.status().is_success());
}

pub async fn ask(stage: &Stage, granted: &Granted, body: &Value) -> Response {
    stage.post(granted, CHAT, body).send().await.unwrap()
}

pub fn served_by(response: &Response) -> (String, String) {
    let header = |name| {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    (header("x-okap-provider"), header("x-okap-model"))
}

/// Nothing is held any more at any of these.
pub async fn nothing_is_held(stage: &Stage, granted: &Granted) {
    for _ in 0..200 {
        let grant = stage.get(granted, "/v1/grant").send().await.unwrap();
        let (_, grant) = read(grant).await;
        let mut limits = grant["limits"].as_array().unwrap().iter();
        if limits.all(|limit| limit["reserved"] == "0") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("something is held still");
}

#[tokio::test]
async fn each_provider_is_asked_in_openais_dialect_and_measured() {
    let stage = Stage::new().await;
    let providers = ["openai", "anthropic", "google", "mistral"];
    let granted = stage.grant(&providers, roomy()).await;
    let says = "[[sim {\"input_tokens\":100,\"output_tokens\":20}]]";
    let mut calls = 0;
    for (provider, model, path) in [
        ("openai", "gpt-4o-mini", "/openai/v1/chat/completions"),
        (
            "anthropic",
            "claude-sonnet-4-5",
            "/anthropic/v1/chat/completions",
        ),
        (
            "google",
            "gemini-2.5-flash",
            "/google/v1beta/openai/chat/completions",
        ),
        (
            "mistral",
            "mistral-large-latest",
            "/mistral/v1/chat/completions",
        ),
    ] {
        // Named with its provider; alone, where one price book knows it; and as a stream.
        for (named, stream) in [
            (format!("{provider}/{model}"), false),
            (model.to_owned(), false),
            (format!("{provider}/{model}"), true),
        ] {
            let body = json!({"model": named, "stream": stream, "messages": [{"role": "user", "content": says}]});
            let response = ask(&stage, &granted, &body).await;
            assert_eq!(response.status(), 200, "{named}");
            assert_eq!(
                served_by(&response),
                (provider.to_owned(), model.to_owned())
            );
            let text = response.text().await.unwrap();
            assert_eq!(text.contains("data: [DONE]"), stream, "{text}");
            calls += 1;
            let log = stage.simulator.log();
            let served = log.last().unwrap();
            assert_eq!(
                (&served["path"], &served["model"]),
                (&json!(path), &json!(model))
            );
            let record = stage.records(calls).await.pop().unwrap();
            assert_eq!(
                (record.provider.as_str(), record.model.as_str()),
                (provider, model)
            );
            assert_eq!((record.usage.input, record.usage.output), (100, 20));
            assert!(record.cost > Nanodollars::ZERO, "{named}");
        }
    }
    nothing_is_held(&stage, &granted).await;
}

#[tokio::test]
async fn embeddings_and_responses_go_where_they_are_offered() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    for (path, body) in [
        (
            "/v1/embeddings",
            json!({"model": "openai/text-embedding-3-small", "input": "hello"}),
        ),
        (
            "/v1/responses",
            json!({"model": "gpt-4o-mini", "input": "hello"}),
        ),
    ] {
        let response = stage.post(&granted, path, &body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(served_by(&response).0, "openai");
        let refused = json!({"model": CLAUDE, "input": "hello"});
        let refused = stage.post(&granted, path, &refused).send().await.unwrap();
        let (status, answer) = read(refused).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (400, &json!("request_invalid"))
        );
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("anthropic"), "{message}");
    }
}

#[tokio::test]
async fn who_is_meant_is_refused_rather_than_guessed() {
    let stage = Stage::new().await;
    let granted = stage
        .granted(&["openai", "anthropic", "mistral"], |detail| {
            let pattern = match detail.provider.as_str() {
                "openai" => "gpt-4o*",
                _ => "m*",
            };
            detail.models = Models::new(vec![pattern.parse().unwrap()]);
            if detail.provider.as_str() == "mistral" {
                detail.capabilities = [Capability::Embeddings].into();
            }
        })
        .await;
    for (body, status, kind, says) in [
        (hello("o1"), 403, "model_not_granted", "openai/gpt-4o*"),
        (
            hello("openai/o1"),
            403,
            "model_not_granted",
            "openai/gpt-4o*",
        ),
        (hello("groq/llama-3"), 403, "policy_denied", "openai"),
        (
            hello("mistral/mistral-large-latest"),
            403,
            "capability_not_granted",
            "chat",
        ),
        // One of several that is not granted refuses them all.
        (either(&[GPT, "openai/o1"]), 403, "model_not_granted", "o1"),
    ] {
        let (found, answer) = read(ask(&stage, &granted, &body).await).await;
        assert_eq!(
            (found, &answer["error"]["type"]),
            (status, &json!(kind)),
            "{answer}"
        );
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let both = stage.grant(&["anthropic", "mistral"], roomy()).await;
    let (status, answer) = read(ask(&stage, &both, &hello("nobody-knows-1")).await).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("request_invalid"))
    );
    let message = answer["error"]["message"].as_str().unwrap();
    for choice in ["`anthropic/nobody-knows-1`", "`mistral/nobody-knows-1`"] {
        assert!(message.contains(choice), "{message}");
    }
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    for body in [
        r#"{"model":"openai/gpt-4o","model":"anthropic/claude-sonnet-4-5","messages":[]}"#,
        r#"{"model":"openai/gpt-4o","Model":"openai/o1","messages":[]}"#,
        r#"{"models":["openai/gpt-4o"],"models":["openai/o1"],"messages":[]}"#,
        r#"{"models":["openai/gpt-4o"],"MODELS":["openai/o1"],"messages":[]}"#,
        r#"{"model":"openai/gpt-4o","m\u006fdels":[],"models":[],"messages":[]}"#,
        r#"{"models":[],"messages":[]}"#,
        r#"{"messages":[]}"#,
    ] {
        let request = client().post(format!("{}{CHAT}", stage.url));
        let request = request
            .bearer_auth(granted.token.reveal())
            .header("content-type", "application/json")
            .body(body);
        let (status, answer) = read(request.send().await.unwrap()).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (400, &json!("request_invalid")),
            "{body}: {answer}"
        );
    }
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn a_provider_gets_its_own_models_name_and_nothing_that_was_said_to_us() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let mut body = either(&[GPT]);
    body["route"] = json!({"strategy": "round_robin"});
    // Where none is named, the usual tier is put in.
    body["service_tier"] = json!("default");
    assert_eq!(ask(&stage, &granted, &body).await.status(), 200);
    let log = stage.simulator.log();
    assert_eq!(log.last().unwrap()["model"], "gpt-4o-mini");
    // As long as if it had been said to the provider alone.
    let length = |body: &Value| u64::try_from(body.to_string().len()).unwrap();
    let mut alone = hello("gpt-4o-mini");
    alone["service_tier"] = json!("default");
    assert_eq!(log.last().unwrap()["body_bytes"], length(&alone));
}

#[tokio::test]
async fn what_only_one_provider_does_at_no_known_cost_is_refused() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["google", "anthropic"], roomy()).await;
    for (model, member) in [
        ("google/gemini-2.5-flash", "extra_body"),
        ("google/gemini-2.5-flash", "extraBody"),
        (CLAUDE, "mcp_servers"),
    ] {
        let mut body = hello(model);
        body[member] = json!({"google": {"cached_content": "cachedContents/1"}});
        let (status, answer) = read(ask(&stage, &granted, &body).await).await;
        assert_eq!(status, 403, "{member}: {answer}");
    }
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn each_takes_its_turn() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let mut body = either(&[GPT, CLAUDE]);
    body["route"] = "round_robin".into();
    let mut served = Vec::new();
    for _ in 0..4 {
        served.push(served_by(&ask(&stage, &granted, &body).await).0);
    }
    assert_eq!(served, ["openai", "anthropic", "openai", "anthropic"]);
}

#[tokio::test]
async fn models_are_listed_as_they_are_asked_and_only_what_is_granted() {
    let stage = Stage::new().await;
    let granted = stage
        .granted(&["openai", "anthropic"], |detail| {
            let pattern = match detail.provider.as_str() {
                "openai" => "gpt-4o*",
                _ => "claude-spelled-out",
            };
            detail.models = Models::new(vec![pattern.parse().unwrap()]);
        })
        .await;
    let list = stage.get(&granted, "/v1/models").send().await.unwrap();
    let (status, list) = read(list).await;
    assert_eq!((status, &list["object"]), (200, &json!("list")));
    let ids: Vec<&str> = (list["data"].as_array().unwrap().iter())
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"openai/gpt-4o-mini") && ids.contains(&"anthropic/claude-spelled-out"));
    let granted_ones = |id: &&str| id.starts_with("openai/gpt-4o") || *id == ids[0];
    assert!(ids.iter().all(granted_ones), "{ids:?}");
    for (path, expected) in [
        ("/v1/models/openai/gpt-4o-mini", 200),
        ("/v1/models/openai%2Fgpt-4o-mini", 200),
        ("/v1/models/gpt-4o-mini", 200),
        ("/v1/models/openai/gpt-4o-nobody-knows", 404),
        ("/v1/models/openai/o1", 403),
        ("/v1/models/o1", 403),
        ("/v1/models/openai//o1", 404),
    ] {
        let one = stage.get(&granted, path).send().await.unwrap();
        let (status, one) = read(one).await;
        assert_eq!(status, expected, "{path}: {one}");
        if status == 200 {
            assert_eq!(one["id"], "openai/gpt-4o-mini");
        }
    }
    let nobody = client().get(format!("{}/v1/models", stage.url));
    assert_eq!(nobody.send().await.unwrap().status(), 401);
    assert!(stage.simulator.log().is_empty());
}
