//! Budgets: what an organization lets be spent above its grants.

use events::{BudgetAmounts, BudgetScope};
use ids::{AppId, BudgetId, TenantId};
use money::Nanodollars;
use serde_json::{Value, json};
use spend_limits::{Amount, Bucket, CallLimits};

use crate::stage::{Granted, Stage, client, eventually, read, roomy};

const CHAT: &str = "/v1/openai/chat/completions";

fn hello() -> Value {
    json!({"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

fn monthly(nanos: i64) -> BudgetAmounts {
    BudgetAmounts {
        monthly_spend: Some(Nanodollars::from_nanos(nanos)),
        daily_spend: None,
    }
}

async fn call(stage: &Stage, granted: &Granted) -> (u16, Value) {
    read(stage.post(granted, CHAT, &hello()).send().await.unwrap()).await
}

/// What is left for this grant of a month, in nano-USD.
async fn left(stage: &Stage, granted: &Granted) -> i64 {
    let limit = stage.limit(granted, "monthly_spend").await;
    let remaining: Nanodollars = limit["remaining"].as_str().unwrap().parse().unwrap();
    remaining.nanos()
}

async fn spent(stage: &Stage, budget: BudgetId) -> i64 {
    let limits = CallLimits::from(&monthly(1));
    let bucket = Bucket::of_budget(budget);
    let standing = stage.limits.standing(bucket, &limits).await.unwrap();
    match standing[0].spent {
        Amount::Money(money) => money.nanos(),
        Amount::Requests(_) => unreachable!("a budget limits no requests"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_grants_share_a_budget_and_never_pass_it() {
    let stage = Stage::new().await;
    let [one, other] = [
        stage.grant(&["openai", "anthropic"], roomy()).await,
        stage.grant(&["openai", "anthropic"], roomy()).await,
    ];
    assert_eq!(call(&stage, &one).await.0, 200);
    let first = stage.records(1).await.remove(0);
    assert_eq!(first.budgets, []);
    let (worst, cost) = (first.reserved.nanos(), first.cost.nanos());
    assert!(0 < cost && cost < worst);

    // Budgets that are in the way of everything but of these calls.
    let stranger = TenantId::new(stage.clock.now());
    let whole = BudgetScope::Organization {};
    stage.set_budget(stranger, &whole, &monthly(1)).await;
    let provider = "google".parse().unwrap();
    let elsewhere = BudgetScope::Provider { provider };
    stage
        .set_budget(stage.tenant, &elsewhere, &monthly(1))
        .await;
    let app = AppId::new(stage.clock.now());
    let another_app = BudgetScope::App { app };
    stage
        .set_budget(stage.tenant, &another_app, &monthly(1))
        .await;
    // Room for a call that has ended and one that runs.
    let room = monthly(worst + cost);
    let budget = stage.set_budget(stage.tenant, &whole, &room).await;
    eventually("the budget is in force", async || {
        left(&stage, &one).await == worst + cost
    })
    .await;

    let answer = stage.post(&one, CHAT, &hello()).send().await.unwrap();
    let told = answer.headers()["x-okap-spend-remaining"].to_str().unwrap();
    assert_eq!(told, Nanodollars::from_nanos(worst).to_string());
    assert_eq!(answer.status(), 200);
    assert_eq!(
        call(&stage, &other).await.0,
        200,
        "what was given back fits"
    );
    for granted in [&one, &other] {
        let (status, refusal) = call(&stage, granted).await;
        assert_eq!(
            (status, &refusal["error"]["type"]),
            (402, &json!("spend_limit_exceeded"))
        );
        let error = &refusal["error"];
        assert_eq!(error["budget"], json!(budget));
        assert_eq!(error["limit_name"], "monthly_spend");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with("the organization's monthly budget would be exceeded"),
            "{message}"
        );
        // What the others spent is not an app's to know, nor can its person raise a budget.
        for untold in ["spent", "limit", "reserved", "step_up_url"] {
            assert!(error.get(untold).is_none(), "{untold}");
        }
    }
    let message = json!({"model": "claude-sonnet-4-5", "max_tokens": 50_000, "messages": [{"role": "user", "content": "hello"}]});
    let refused = stage.post(&one, "/v1/anthropic/v1/messages", &message);
    let (status, refusal) = read(refused.send().await.unwrap()).await;
    assert_eq!((status, &refusal["type"]), (402, &json!("error")));
    assert_eq!(stage.simulator.log().len(), 3);
    for record in &stage.records(3).await {
        let before = record.call == first.call;
        assert_eq!(record.budgets.is_empty(), before, "none that began before");
        assert!(before || record.budgets == [budget]);
    }
    assert_eq!(spent(&stage, budget).await, 2 * cost);

    // Room for three calls at once: of twenty no more is ever taken than there is.
    let most = 2 * cost + 3 * worst;
    stage.change_budget(budget, &monthly(most)).await;
    eventually("the budget is raised", async || {
        left(&stage, &one).await == 3 * worst
    })
    .await;
    let asked = (0..20).map(|turn| call(&stage, [&one, &other][turn % 2]));
    let answered = futures_util::future::join_all(asked).await;
    let made = answered.iter().filter(|(status, _)| *status == 200).count();
    assert!(made >= 3, "{made}");
    assert!(
        answered
            .iter()
            .all(|(status, _)| [200, 402].contains(status))
    );
    let made = i64::try_from(made).unwrap();
    eventually("all are settled", async || {
        spent(&stage, budget).await == (2 + made) * cost
    })
    .await;
    assert!(spent(&stage, budget).await <= most);

    stage.change_budget(budget, &monthly(1)).await;
    eventually("the budget is lowered", async || {
        call(&stage, &other).await.0 == 402
    })
    .await;
    stage.remove_budget(budget).await;
    eventually("the budget is gone", async || {
        call(&stage, &other).await.0 == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_budgets_cannot_be_read_no_call_is_made() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    stage
        .superuser("ALTER TABLE consent.budgets RENAME TO away")
        .await;
    let (status, refusal) = call(&stage, &granted).await;
    let expected = (503, &json!("vault_unavailable"));
    assert_eq!((status, &refusal["error"]["type"]), expected);
    let grant = client()
        .get(format!("{}/v1/grant", stage.url))
        .bearer_auth(granted.token.reveal());
    assert_eq!(grant.send().await.unwrap().status(), 503);
    assert_eq!(stage.simulator.log().len(), 0);
    stage
        .superuser("ALTER TABLE consent.away RENAME TO budgets")
        .await;
    assert_eq!(call(&stage, &granted).await.0, 200);
}
