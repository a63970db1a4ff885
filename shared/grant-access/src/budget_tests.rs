use events::{BudgetAmounts, BudgetScope};
use ids::{AppId, BudgetId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use postgres::{Postgres, Scope};
use tokio_postgres::types::Json;

use crate::{Budget, BudgetReader, scratch::Scratch};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn budget(scope: BudgetScope, dollars: i64) -> Budget {
    Budget {
        shadow: None,
        id: BudgetId::new(now()),
        scope,
        amounts: BudgetAmounts {
            monthly_spend: Some(Nanodollars::from_dollars(dollars)),
            daily_spend: None,
        },
    }
}

/// As consent writes it.
async fn set(consent: &Postgres, tenant: TenantId, budget: &Budget) {
    let tx = consent.begin("set", Scope::Tenant(tenant)).await.unwrap();
    let sql = "
        -- test.set_budget
        INSERT INTO consent.budgets (budget_id, tenant_id, scope_key, scope, amounts, set_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (budget_id) DO UPDATE SET amounts = excluded.amounts";
    tx.execute(
        sql,
        &[
            &budget.id.uuid(),
            &tenant.uuid(),
            &budget.scope.to_string(),
            &Json(&budget.scope),
            &Json(&budget.amounts),
            &now(),
        ],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_organization_has_its_own_budgets_and_no_others() {
    let scratch = Scratch::new().await;
    let consent = scratch.as_role("latchkey_consent");
    let reader = BudgetReader::new(scratch.as_role("latchkey_proxy"));
    let [one, other] = [0; 2].map(|_| TenantId::new(now()));
    let whole = budget(BudgetScope::Organization {}, 100);
    set(&consent, one, &whole).await;
    assert_eq!(*reader.of(one).await.unwrap(), [whole]);
    assert_eq!(*reader.of(other).await.unwrap(), []);
}

#[tokio::test]
async fn a_change_counts_as_soon_as_it_is_told() {
    let scratch = Scratch::new().await;
    let consent = scratch.as_role("latchkey_consent");
    let reader = BudgetReader::new(scratch.as_role("latchkey_proxy"));
    let tenant = TenantId::new(now());
    assert_eq!(*reader.of(tenant).await.unwrap(), []);
    let mut whole = budget(BudgetScope::Organization {}, 100);
    set(&consent, tenant, &whole).await;
    assert_eq!(*reader.of(tenant).await.unwrap(), [], "from memory");
    reader.forget(tenant);
    assert_eq!(*reader.of(tenant).await.unwrap(), [whole.clone()]);
    whole.amounts.monthly_spend = Some(Nanodollars::from_dollars(1));
    set(&consent, tenant, &whole).await;
    reader.forget_all();
    assert_eq!(*reader.of(tenant).await.unwrap(), [whole]);
}

#[tokio::test]
async fn without_a_database_nobody_says_that_there_is_no_budget() {
    let scratch = Scratch::new().await;
    let reader = BudgetReader::new(scratch.as_role("latchkey_proxy"));
    let tenant = TenantId::new(now());
    let client = scratch.superuser().await;
    let away = "ALTER TABLE consent.budgets RENAME TO away";
    client.batch_execute(away).await.unwrap();
    assert!(reader.of(tenant).await.is_err());
    let back = "ALTER TABLE consent.away RENAME TO budgets";
    client.batch_execute(back).await.unwrap();
    assert_eq!(
        *reader.of(tenant).await.unwrap(),
        [],
        "a failure is not kept"
    );
}

#[test]
fn a_budget_covers_the_calls_of_its_scope() {
    let [user, stranger] = [0; 2].map(|_| UserId::new(now()));
    let [app, other] = [0; 2].map(|_| AppId::new(now()));
    let [openai, google] = ["openai", "google"].map(|name| name.parse().unwrap());
    let covers = |scope: BudgetScope| {
        let budget = budget(scope, 1);
        [
            budget.covers(user, Some(app), &openai),
            budget.covers(user, None, &openai),
            budget.covers(stranger, Some(other), &google),
        ]
    };
    assert_eq!(covers(BudgetScope::Organization {}), [true, true, true]);
    assert_eq!(covers(BudgetScope::User { user }), [true, true, false]);
    assert_eq!(covers(BudgetScope::App { app }), [true, false, false]);
    let provider = openai.clone();
    let at_openai = BudgetScope::Provider { provider };
    assert_eq!(covers(at_openai), [true, true, false]);
}
