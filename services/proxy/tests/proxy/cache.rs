//! Answers that are given again: to whom, and what that costs.

use events::{
    BudgetAmounts, BudgetScope, CallOutcome, CallRecord, GrantedLimits, Measurement, ResponseCache,
};
use ids::TenantId;
use money::Nanodollars;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, client, eventually, read, roomy};

pub const CHAT: &str = "/v1/openai/chat/completions";
const SANDBOX: &str = "/v1/sandbox/chat/completions";

pub fn hello() -> Value {
    says("hello")
}

pub fn says(text: &str) -> Value {
    json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": text}]})
}

/// A proxy whose organization lets apps have answers kept.
pub async fn keeping(flags: &[&str]) -> Stage {
    let stage = Stage::with(flags).await;
    allow(&stage, stage.tenant).await;
    stage
}

pub async fn allow(stage: &Stage, tenant: TenantId) {
    stage
        .set_response_cache(tenant, ResponseCache::Allowed)
        .await;
}

/// A call that takes an answer of a minute.
pub fn asking(stage: &Stage, granted: &Granted, path: &str, body: &Value) -> RequestBuilder {
    let call = stage.post(granted, path, body);
    call.header("x-okap-cache", "max-age=60")
}

pub async fn ask(stage: &Stage, granted: &Granted, body: &Value) -> Response {
    asking(stage, granted, CHAT, body).send().await.unwrap()
}

/// What an answer says of the cache; nothing where it does not.
pub fn said(response: &Response) -> String {
    let value = response.headers().get("x-okap-cache");
    value.map_or("", |value| value.to_str().unwrap()).to_owned()
}

/// What a call is told of the cache, its answer read to the end.
pub async fn told(call: RequestBuilder) -> String {
    let response = call.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let told = said(&response);
    response.bytes().await.unwrap();
    told
}

pub fn asked_providers(stage: &Stage) -> usize {
    stage.simulator.log().len()
}

/// How the month stands once nothing is held.
async fn settled(stage: &Stage, granted: &Granted) -> Value {
    let read = async || stage.limit(granted, "monthly_spend").await;
    eventually("it is settled", async || read().await["reserved"] == "0").await;
    read().await
}

/// A record of a call that nobody was asked for.
fn is_of_a_hit(record: &CallRecord) {
    assert!(record.cached);
    assert_eq!(
        (record.cost, record.reserved),
        (Nanodollars::ZERO, Nanodollars::ZERO)
    );
    assert_eq!(record.usage, events::TokenUsage::default());
    assert_eq!(
        (record.outcome, record.measurement),
        (CallOutcome::Completed, Measurement::Measured)
    );
    assert_eq!((record.provider_status, record.key_version), (None, 0));
}

#[tokio::test]
async fn the_same_call_has_the_same_answer_and_costs_nothing() {
    let stage = keeping(&[]).await;
    let whole = BudgetScope::Organization {};
    let amounts = BudgetAmounts {
        monthly_spend: Some(Nanodollars::from_dollars(10)),
        daily_spend: None,
    };
    stage.set_budget(stage.tenant, &whole, &amounts).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let first = ask(&stage, &granted, &hello()).await;
    assert_eq!(said(&first), "miss");
    let id = first.headers()["x-okap-request-id"].clone();
    let kind = first.headers()["content-type"].clone();
    let first = first.text().await.unwrap();
    let left = settled(&stage, &granted).await;

    let again = ask(&stage, &granted, &hello()).await;
    assert_eq!((again.status().as_u16(), &*said(&again)), (200, "hit"));
    assert_eq!(again.headers()["age"], "0");
    assert_eq!(again.headers()["content-type"], kind);
    assert_ne!(again.headers()["x-okap-request-id"], id);
    assert_eq!(again.headers()["cache-control"], "no-store");
    assert!(again.headers().contains_key("ratelimit"));
    assert!(again.headers().contains_key("x-okap-spend-remaining"));
    assert_eq!(again.text().await.unwrap(), first);

    assert_eq!(asked_providers(&stage), 1);
    let records = stage.records(2).await;
    assert!(!records[0].cached && records[0].cost > Nanodollars::ZERO);
    is_of_a_hit(&records[1]);
    assert_ne!(records[0].call, records[1].call);
    assert_eq!(records[1].model, "gpt-4o");
    assert_eq!(settled(&stage, &granted).await, left);
    assert_eq!(
        stage.limit(&granted, "requests_per_day").await["spent"],
        "2"
    );
}

#[tokio::test]
async fn a_stream_is_given_again_in_one_piece() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let mut chat = hello();
    chat["stream"] = true.into();
    let mut message = chat.clone();
    message["model"] = "claude-sonnet-4-5".into();
    for (path, body) in [(CHAT, &chat), ("/v1/anthropic/v1/messages", &message)] {
        let mut answers = Vec::new();
        for expected in ["miss", "hit"] {
            let call = asking(&stage, &granted, path, body);
            let answer = call.send().await.unwrap();
            assert_eq!(said(&answer), expected, "{path}");
            let kind = answer.headers()["content-type"].to_str().unwrap();
            assert!(kind.starts_with("text/event-stream"), "{kind}");
            answers.push(answer.text().await.unwrap());
        }
        assert_eq!(answers[0], answers[1], "{path}");
        assert!(answers[0].contains("data:"), "{}", answers[0]);
    }
    assert_eq!(asked_providers(&stage), 2);
    assert_eq!(
        stage.records(4).await.iter().filter(|r| r.cached).count(),
        2
    );
}

#[tokio::test]
async fn no_grant_is_given_the_answer_of_another() {
    let stage = keeping(&[]).await;
    let stranger = TenantId::new(stage.clock.now());
    allow(&stage, stranger).await;
    // Nobody's key is needed there.
    let mine = [
        stage.grant(&["sandbox"], roomy()).await,
        stage.grant(&["sandbox"], roomy()).await,
    ];
    let theirs = stage.granted_in(stranger, &["sandbox"], |_| {}).await;
    let body = json!({"model": "sandbox-echo", "messages": [{"role": "user", "content": "hi"}]});
    let all = [&mine[0], &mine[1], &theirs];
    for expected in ["miss", "hit"] {
        for granted in all {
            let told = told(asking(&stage, granted, SANDBOX, &body)).await;
            assert_eq!(told, expected);
        }
    }
    let records = stage.records(6).await;
    for granted in all {
        let of = records.iter().filter(|r| r.grant == granted.grant);
        assert_eq!(of.map(|r| r.cached).collect::<Vec<_>>(), [false, true]);
    }
}

#[tokio::test]
async fn one_changed_byte_is_another_call() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let body = hello().to_string();
    let call = |body: String| {
        let call = client().post(format!("{}{CHAT}", stage.url));
        call.bearer_auth(granted.token.reveal())
            .header("content-type", "application/json")
            .header("x-okap-cache", "max-age=60")
            .body(body)
    };
    assert_eq!(told(call(body.clone())).await, "miss");
    assert_eq!(told(call(format!("{body} "))).await, "miss");
    assert_eq!(
        told(call(body.clone()).header("accept", "a/b")).await,
        "miss"
    );
    let retried = call(body.clone()).header("x-stainless-retry-count", "1");
    assert_eq!(told(retried).await, "hit");
    assert_eq!(told(call(body)).await, "hit");
    assert_eq!(asked_providers(&stage), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_unless_the_policy_allows_it() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for _ in 0..2 {
        assert_eq!(told(asking(&stage, &granted, CHAT, &hello())).await, "off");
    }
    assert_eq!(asked_providers(&stage), 2);
    allow(&stage, stage.tenant).await;
    eventually("it is allowed", async || {
        told(asking(&stage, &granted, CHAT, &hello())).await == "hit"
    })
    .await;
    stage
        .set_response_cache(stage.tenant, ResponseCache::Off)
        .await;
    eventually("it is turned off", async || {
        told(asking(&stage, &granted, CHAT, &hello())).await == "off"
    })
    .await;
}

#[tokio::test]
async fn a_call_that_does_not_ask_for_it_is_sent_and_not_kept() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for _ in 0..2 {
        assert_eq!(told(stage.post(&granted, CHAT, &hello())).await, "");
    }
    assert_eq!(told(asking(&stage, &granted, CHAT, &hello())).await, "miss");
    assert_eq!(told(stage.post(&granted, CHAT, &hello())).await, "");
    assert_eq!(asked_providers(&stage), 4);
    let list = stage.get(&granted, "/v1/openai/models");
    assert_eq!(told(list.header("x-okap-cache", "max-age=60")).await, "off");
}

#[tokio::test]
async fn a_revoked_grant_is_given_nothing() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for expected in ["miss", "hit"] {
        assert_eq!(
            told(asking(&stage, &granted, CHAT, &hello())).await,
            expected
        );
    }
    stage.revoke(granted.grant).await;
    let (status, refusal) = read(ask(&stage, &granted, &hello()).await).await;
    assert_eq!(
        (status, &refusal["error"]["type"]),
        (401, &json!("token_revoked"))
    );
    assert_eq!(stage.records(2).await.len(), 2);
}

#[tokio::test]
async fn rates_count_and_money_does_not() {
    let stage = keeping(&[]).await;
    let limits = GrantedLimits {
        requests_per_minute: 3,
        ..roomy()
    };
    let granted = stage.grant(&["openai"], limits).await;
    for expected in ["miss", "hit", "hit"] {
        assert_eq!(
            told(asking(&stage, &granted, CHAT, &hello())).await,
            expected
        );
    }
    let refused = ask(&stage, &granted, &hello()).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));

    // Just enough for one call to be held.
    let worst = stage.records(3).await[0].reserved;
    let limits = GrantedLimits {
        monthly_spend: worst,
        daily_spend: worst,
        ..roomy()
    };
    let granted = stage.grant(&["openai"], limits).await;
    assert_eq!(told(asking(&stage, &granted, CHAT, &hello())).await, "miss");
    assert_eq!(ask(&stage, &granted, &says("hullo")).await.status(), 402);
    assert_eq!(told(asking(&stage, &granted, CHAT, &hello())).await, "hit");
}

#[tokio::test]
async fn a_malformed_wish_is_refused() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for path in [CHAT, "/v1/chat/completions"] {
        for wrong in ["", "yes", "max-age=0", "max-age=86401", "max-age=-1"] {
            let call = stage.post(&granted, path, &hello());
            let call = call.header("x-okap-cache", wrong);
            let (status, refusal) = read(call.send().await.unwrap()).await;
            let error = &refusal["error"];
            assert_eq!(
                (status, &error["type"], &error["param"]),
                (400, &json!("request_invalid"), &json!("x-okap-cache")),
                "{wrong}"
            );
        }
    }
    assert_eq!(asked_providers(&stage), 0);
}
