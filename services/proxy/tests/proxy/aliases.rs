//! Model aliases of an organization at the one endpoint: what they stand for, for whom, in which order.

use events::{Capability, GrantedLimits, Models, RouteStrategy};
use ids::TenantId;
use serde_json::{Value, json};

use crate::{
    one_endpoint::{CLAUDE, GPT, ask, either, hello, nothing_is_held, script, served_by},
    stage::{Granted, Stage, aliases::alias, eventually, read, roomy},
};

const BOTH: [&str; 2] = [GPT, CLAUDE];

/// A stage whose organization says `fast` for both, and a grant at both.
async fn fast(strategy: RouteStrategy) -> (Stage, Granted) {
    let stage = Stage::new().await;
    let alias = alias("fast", strategy, &BOTH);
    stage.set_alias(stage.tenant, &alias).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    (stage, granted)
}

/// Who serves so many of these.
async fn served(stage: &Stage, granted: &Granted, body: &Value, times: usize) -> Vec<String> {
    let mut served = Vec::new();
    for _ in 0..times {
        let response = ask(stage, granted, body).await;
        assert_eq!(response.status(), 200);
        served.push(served_by(&response).0);
        response.text().await.unwrap();
    }
    served
}

async fn refused(stage: &Stage, granted: &Granted, body: &Value) -> (u16, String, String) {
    let (status, answer) = read(ask(stage, granted, body).await).await;
    let text = |name: &str| {
        answer["error"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (status, text("type"), text("message"))
}

async fn listed(stage: &Stage, granted: &Granted) -> Vec<Value> {
    let list = stage.get(granted, "/v1/models").send().await.unwrap();
    let (status, list) = read(list).await;
    assert_eq!(status, 200, "{list}");
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_alias_stands_for_its_first_model_and_the_next_when_that_fails() {
    let (stage, granted) = fast(RouteStrategy::Fallback).await;
    let response = ask(&stage, &granted, &hello("fast")).await;
    assert_eq!(response.status(), 200);
    let gpt = ("openai".to_owned(), "gpt-4o-mini".to_owned());
    assert_eq!(served_by(&response), gpt);
    response.text().await.unwrap();
    assert_eq!(
        stage.simulator.log().last().unwrap()["model"],
        "gpt-4o-mini"
    );

    script(&stage, "openai", &json!({"status": 500})).await;
    let response = ask(&stage, &granted, &hello("fast")).await;
    assert_eq!(response.status(), 200);
    let claude = ("anthropic".to_owned(), "claude-sonnet-4-5".to_owned());
    assert_eq!(served_by(&response), claude);
    response.text().await.unwrap();
    // Each try is a call of its own.
    let records = stage.records(3).await;
    let models = records.iter().map(|record| record.model.as_str());
    assert_eq!(
        models.collect::<Vec<_>>(),
        ["gpt-4o-mini", "gpt-4o-mini", "claude-sonnet-4-5"]
    );
    nothing_is_held(&stage, &granted).await;
}

#[tokio::test]
async fn its_strategy_says_which_is_first_unless_the_app_does() {
    let (stage, granted) = fast(RouteStrategy::RoundRobin).await;
    let in_turn = ["openai", "anthropic", "openai", "anthropic"];
    assert_eq!(served(&stage, &granted, &hello("fast"), 4).await, in_turn);
    let mut body = hello("fast");
    body["route"] = json!("fallback");
    assert_eq!(served(&stage, &granted, &body, 2).await, ["openai"; 2]);
    body["route"] = json!({"strategy": "weighted", "weights": {GPT: 0}});
    assert_eq!(served(&stage, &granted, &body, 2).await, ["anthropic"; 2]);

    let by_weight = alias(
        "mostly-gpt",
        RouteStrategy::Weighted,
        &["openai/gpt-4o-mini=3", CLAUDE],
    );
    stage.set_alias(stage.tenant, &by_weight).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let served = served(&stage, &granted, &hello("mostly-gpt"), 16).await;
    let openai = served.iter().filter(|provider| *provider == "openai");
    let openai = openai.count();
    assert!((11..=13).contains(&openai), "{served:?}");
}

#[tokio::test]
async fn the_soonest_of_late_is_asked_where_an_alias_says_so() {
    let (stage, granted) = fast(RouteStrategy::Latency).await;
    script(&stage, "openai", &json!({"delay_ms": 300})).await;
    // Each is tried once before anything is known.
    served(&stage, &granted, &hello("fast"), 2).await;
    let then = served(&stage, &granted, &hello("fast"), 3).await;
    assert_eq!(then, ["anthropic"; 3]);
}

#[tokio::test]
async fn what_is_not_granted_or_cannot_do_it_is_left_out() {
    let stage = Stage::new().await;
    let groq = "groq/llama-3.1-8b-instant";
    let all = ["openai/o1", groq, "gone-llm/large", CLAUDE, GPT];
    let alias = alias("fast", RouteStrategy::RoundRobin, &all);
    stage.set_alias(stage.tenant, &alias).await;
    let granted = stage
        .granted(&["openai", "anthropic"], |detail| {
            if detail.provider.as_str() == "openai" {
                detail.models = Models::new(vec!["gpt-4o*".parse().unwrap()]);
            } else {
                detail.capabilities = [Capability::Embeddings].into();
            }
        })
        .await;
    assert_eq!(
        served(&stage, &granted, &hello("fast"), 3).await,
        ["openai"; 3]
    );
    let only = stage.simulator.log();
    assert!(
        only.iter().all(|call| call["model"] == "gpt-4o-mini"),
        "{only:?}"
    );

    let nothing = stage
        .granted(&["openai"], |detail| {
            detail.models = Models::new(vec!["gpt-3*".parse().unwrap()]);
        })
        .await;
    let (status, kind, message) = refused(&stage, &nothing, &hello("fast")).await;
    assert_eq!((status, kind.as_str()), (403, "model_not_granted"));
    for told in ["model alias `fast`", "openai/gpt-3*"] {
        assert!(message.contains(told), "{message}");
    }
    // What it stands for is the organization's own matter.
    assert!(
        !message.contains("o1") && !message.contains("groq"),
        "{message}"
    );
    let offered = stage.granted(&["anthropic"], |_| {}).await;
    let answer = stage.post(
        &offered,
        "/v1/responses",
        &json!({"model": "fast", "input": "hello"}),
    );
    let (status, answer) = read(answer.send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (403, &json!("model_not_granted"))
    );
    assert_eq!(stage.simulator.log().len(), 3);
}

#[tokio::test]
async fn an_alias_comes_before_a_model_of_the_same_name_but_not_with_its_provider() {
    let stage = Stage::new().await;
    let alias = alias("gpt-4o-mini", RouteStrategy::Fallback, &[CLAUDE]);
    stage.set_alias(stage.tenant, &alias).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    for (model, provider) in [("gpt-4o-mini", "anthropic"), (GPT, "openai")] {
        let first = served(&stage, &granted, &hello(model), 1).await;
        assert_eq!(first, [provider], "{model}");
    }
    // A provider's own route knows no alias.
    let own = stage.post(
        &granted,
        "/v1/openai/chat/completions",
        &hello("gpt-4o-mini"),
    );
    let own = own.send().await.unwrap();
    assert_eq!(
        (own.status().as_u16(), served_by(&own).0),
        (200, String::new())
    );
    let last = stage.simulator.log().pop().unwrap();
    assert_eq!(
        (&last["provider"], &last["model"]),
        (&json!("openai"), &json!("gpt-4o-mini"))
    );
    // Where nothing of it is granted, it is not the model instead.
    let openai = stage.grant(&["openai"], roomy()).await;
    let (status, kind, _) = refused(&stage, &openai, &hello("gpt-4o-mini")).await;
    assert_eq!((status, kind.as_str()), (403, "model_not_granted"));
}

#[tokio::test]
async fn an_alias_stands_among_other_names_and_each_model_is_tried_once() {
    let (stage, granted) = fast(RouteStrategy::Fallback).await;
    for provider in ["openai", "anthropic", "mistral"] {
        script(&stage, provider, &json!({"status": 503})).await;
    }
    let granted_more = stage
        .grant(&["openai", "anthropic", "mistral"], roomy())
        .await;
    let mistral = "mistral/mistral-large-latest";
    let body = either(&[CLAUDE, "fast", mistral]);
    let response = ask(&stage, &granted_more, &body).await;
    assert_eq!(
        (response.status().as_u16(), served_by(&response).0),
        (503, "mistral".to_owned())
    );
    let tried = stage.simulator.log();
    let tried: Vec<_> = tried
        .iter()
        .map(|call| call["provider"].as_str().unwrap())
        .collect();
    assert_eq!(tried, ["anthropic", "openai", "mistral"]);
    // What the app names itself is not left out.
    let (status, kind, _) = refused(&stage, &granted, &body).await;
    assert_eq!((status, kind.as_str()), (403, "policy_denied"));
}

#[tokio::test]
async fn another_organizations_alias_is_nobodys() {
    let stage = Stage::new().await;
    let other = TenantId::new(stage.clock.now());
    let theirs = alias("fast", RouteStrategy::Fallback, &[GPT]);
    stage.set_alias(other, &theirs).await;
    let granted = stage
        .granted(&["openai"], |detail| {
            detail.models = Models::new(vec!["gpt-4o*".parse().unwrap()]);
        })
        .await;
    let (status, kind, message) = refused(&stage, &granted, &hello("fast")).await;
    assert_eq!((status, kind.as_str()), (403, "model_not_granted"));
    // As any model that is nowhere granted.
    let (.., unknown) = refused(&stage, &granted, &hello("nobody")).await;
    assert_eq!(message.replace("fast", "nobody"), unknown);
    let ids = listed(&stage, &granted).await;
    assert!(ids.iter().all(|model| model["id"] != "fast"), "{ids:?}");
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn a_removed_alias_stops_though_nobody_tells_of_it() {
    let stage = Stage::new().await;
    let alias = alias("fast", RouteStrategy::Fallback, &[GPT]);
    stage.set_alias(stage.tenant, &alias).await;
    let granted = stage
        .granted(&["openai"], |detail| {
            detail.models = Models::new(vec!["gpt-4o*".parse().unwrap()]);
        })
        .await;
    served(&stage, &granted, &hello("fast"), 1).await;
    stage.remove_alias("fast").await;
    eventually("the alias is gone", async || {
        ask(&stage, &granted, &hello("fast")).await.status() == 403
    })
    .await;
    served(&stage, &granted, &hello(GPT), 1).await;
}

#[tokio::test]
async fn an_alias_is_listed_among_the_models_where_some_of_it_is_granted() {
    let (stage, granted) = fast(RouteStrategy::Fallback).await;
    let nothing = alias(
        "slow",
        RouteStrategy::Fallback,
        &["groq/llama-3.1-8b-instant"],
    );
    stage.set_alias(stage.tenant, &nothing).await;
    let granted_again = stage.grant(&["anthropic"], roomy()).await;
    let fast = json!({"id": "fast", "object": "model", "created": 0, "owned_by": "latchkey"});
    for granted in [&granted, &granted_again] {
        let models = listed(&stage, granted).await;
        assert!(models.contains(&fast), "{models:?}");
        assert!(models.iter().all(|model| model["id"] != "slow"));
        let one = stage.get(granted, "/v1/models/fast").send().await.unwrap();
        assert_eq!(read(one).await, (200, fast.clone()));
    }
    let slow = stage
        .get(&granted_again, "/v1/models/slow")
        .send()
        .await
        .unwrap();
    let (status, answer) = read(slow).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (403, &json!("model_not_granted"))
    );
}

#[tokio::test]
async fn a_limit_of_one_candidate_is_not_passed_by_through_another() {
    let (stage, _) = fast(RouteStrategy::Fallback).await;
    let poor = GrantedLimits {
        requests_per_day: 1,
        ..roomy()
    };
    let granted = stage.grant(&["openai", "anthropic"], poor).await;
    served(&stage, &granted, &hello("fast"), 1).await;
    let (status, kind, _) = refused(&stage, &granted, &hello("fast")).await;
    assert_eq!((status, kind.as_str()), (429, "rate_limit_exceeded"));
    assert_eq!(stage.simulator.log().len(), 1);
}
