//! Shadow limits: they watch, and the calls that they would have refused pass and say so.

use events::{
    BudgetAmounts, BudgetScope, CallRecord, GrantedLimits, LimitName, ShadowLimits, ShadowVerdict,
};
use ids::ShadowId;
use money::Nanodollars;
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, read, roomy};

const CHAT: &str = "/v1/openai/chat/completions";

fn hello() -> Value {
    json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

async fn call(stage: &Stage, granted: &Granted) -> (u16, Value) {
    read(stage.post(granted, CHAT, &hello()).send().await.unwrap()).await
}

/// What the calls say, the older first.
fn verdicts(mut records: Vec<CallRecord>) -> Vec<Vec<ShadowVerdict>> {
    records.sort_by_key(|record| (record.began_at, record.call));
    records.into_iter().map(|record| record.shadows).collect()
}

fn says(shadow: ShadowId, would_refuse: Option<LimitName>) -> Vec<ShadowVerdict> {
    vec![ShadowVerdict {
        shadow,
        would_refuse,
    }]
}

fn daily(requests: u32) -> ShadowLimits {
    ShadowLimits {
        requests_per_day: Some(requests),
        ..ShadowLimits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_shadow_limits_would_have_refused_passes_and_says_so() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let shadow = stage.set_shadow(granted.grant, daily(2)).await;
    for _ in 0..4 {
        assert_eq!(call(&stage, &granted).await.0, 200);
    }
    let beyond = says(shadow, Some(LimitName::RequestsPerDay));
    let fits = says(shadow, None);
    let told = verdicts(stage.records(4).await);
    assert_eq!(told, [fits.clone(), fits, beyond.clone(), beyond]);
    // They are told to nobody but the record: an app sees its limits as they are.
    let limit = stage.limit(&granted, "requests_per_day").await;
    assert_eq!(limit["limit"], json!(roomy().requests_per_day.to_string()));
    assert_eq!(limit["spent"], "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_given_back_is_there_for_the_next_call() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    assert_eq!(call(&stage, &granted).await.0, 200);
    let first = stage.records(1).await.remove(0);
    let (worst, cost) = (first.reserved.nanos(), first.cost.nanos());
    assert!(0 < cost && 2 * cost < worst);
    let other = stage.grant(&["openai", "anthropic"], roomy()).await;
    let limits = ShadowLimits {
        monthly_spend: Some(Nanodollars::from_nanos(worst + cost)),
        ..ShadowLimits::default()
    };
    let shadow = stage.set_shadow(other.grant, limits).await;
    for _ in 0..3 {
        assert_eq!(call(&stage, &other).await.0, 200);
    }
    let mut records = stage.records(4).await;
    records.retain(|record| record.grant == other.grant);
    let fits = says(shadow, None);
    let beyond = says(shadow, Some(LimitName::MonthlySpend));
    assert_eq!(verdicts(records), [fits.clone(), fits, beyond]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_force_refuses_as_if_nobody_watched() {
    let stage = Stage::new().await;
    let limits = GrantedLimits {
        requests_per_day: 1,
        ..roomy()
    };
    let granted = stage.grant(&["openai"], limits).await;
    stage.set_shadow(granted.grant, daily(1)).await;
    assert_eq!(call(&stage, &granted).await.0, 200);
    let (status, refusal) = call(&stage, &granted).await;
    assert_eq!(
        (status, &refusal["error"]["type"]),
        (429, &json!("rate_limit_exceeded"))
    );
    assert_eq!(
        stage.records(1).await.len(),
        1,
        "a refused call has no record"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_too_large_for_them_passes_as_it_is() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let tokens = |tokens| ShadowLimits {
        tokens_per_request: Some(tokens),
        ..daily(5)
    };
    let shadow = stage.set_shadow(granted.grant, tokens(60)).await;
    assert_eq!(call(&stage, &granted).await.0, 200);
    let told = verdicts(stage.records(1).await);
    assert_eq!(told, [says(shadow, Some(LimitName::TokensPerRequest))]);
    let roomier = stage.grant(&["openai"], roomy()).await;
    let shadow = stage.set_shadow(roomier.grant, tokens(10_000)).await;
    assert_eq!(call(&stage, &roomier).await.0, 200);
    let mut records = stage.records(2).await;
    records.retain(|record| record.grant == roomier.grant);
    assert_eq!(verdicts(records), [says(shadow, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lower_amounts_of_a_budget_watch_every_grant_that_it_covers() {
    let stage = Stage::new().await;
    let grants = [
        stage.grant(&["openai"], roomy()).await,
        stage.grant(&["openai"], roomy()).await,
    ];
    let dollars = |dollars| BudgetAmounts {
        monthly_spend: Some(Nanodollars::from_dollars(dollars)),
        daily_spend: None,
    };
    let whole = BudgetScope::Organization {};
    let budget = stage.set_budget(stage.tenant, &whole, &dollars(100)).await;
    let least = BudgetAmounts {
        monthly_spend: Some(Nanodollars::from_nanos(1)),
        daily_spend: None,
    };
    let shadow = stage.set_budget_shadow(budget, least).await;
    let of_grant = stage.set_shadow(grants[1].grant, daily(5)).await;
    for granted in &grants {
        assert_eq!(call(&stage, granted).await.0, 200);
    }
    let records = stage.records(2).await;
    assert!(records.iter().all(|record| record.budgets == [budget]));
    let beyond = says(shadow, Some(LimitName::MonthlySpend));
    let both = [says(of_grant, None), beyond.clone()].concat();
    assert_eq!(verdicts(records), [beyond, both]);
}
