//! Rows that events add up to are the same when they are made anew.

use event_store::{
    EventStore, Projection, ProjectionError, RecordedEvent, StreamId, Version, rebuild,
};
use events::UserEvent;
use ids::{TenantId, UserId};
use postgres::Tx;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::scratch::{Scratch, context, joined, now, signed_in};

/// How often each person of an organization signed in.
struct Visits;

impl Projection for Visits {
    async fn apply(&self, tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
        let Some(what) = event.read::<UserEvent>()? else {
            return Ok(());
        };
        let (tenant, user) = (event.tenant.uuid(), event.stream_uuid());
        match what {
            UserEvent::Joined { name, .. } => {
                tx.execute(
                    "INSERT INTO visits VALUES ($1, $2, $3, 0)",
                    &[&tenant, &user, &name],
                )
                .await?;
            }
            UserEvent::SignedIn { .. } => {
                tx.execute(
                    "UPDATE visits SET count = count + 1 WHERE user_id = $1",
                    &[&user],
                )
                .await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn clear(&self, tx: &Tx) -> Result<(), ProjectionError> {
        tx.execute("DELETE FROM visits", &[]).await?;
        Ok(())
    }
}

type Row = (Uuid, Uuid, String, i32);

async fn rows(client: &Client) -> Vec<Row> {
    let rows = client
        .query(
            "SELECT tenant_id, user_id, name, count FROM visits ORDER BY user_id",
            &[],
        )
        .await;
    rows.unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

async fn make_table(client: &Client) {
    client
        .batch_execute(
            "CREATE TABLE visits (tenant_id uuid, user_id uuid PRIMARY KEY, name text, count int);
             GRANT SELECT, INSERT, UPDATE, DELETE ON visits TO latchkey_auth;
             ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON visits USING (tenant_id = store.current_tenant());",
        )
        .await
        .unwrap();
}

/// Two people of an organization and what they did, projected inline.
async fn live(scratch: &Scratch, tenant: TenantId) {
    for (name, visits) in [("Ada", 3), ("Bob", 1)] {
        let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
        let mut events = vec![joined(name)];
        events.extend((0..visits).map(|_| signed_in()));
        let tx = scratch.tenant("live", tenant).await;
        let recorded =
            EventStore::append(&tx, &stream, Version::NONE, &events, &context(tenant)).await;
        for event in &recorded.unwrap() {
            Visits.apply(&tx, event).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_rebuild_gives_the_rows_that_were_there() {
    let scratch = Scratch::new().await;
    let superuser = scratch.superuser().await;
    make_table(&superuser).await;
    let (tenant, other) = (TenantId::new(now()), TenantId::new(now()));
    live(&scratch, tenant).await;
    live(&scratch, other).await;
    let before = rows(&superuser).await;
    assert_eq!(before.len(), 4);

    superuser
        .execute("UPDATE visits SET count = 99, name = 'wrong'", &[])
        .await
        .unwrap();
    for tenant in [tenant, other] {
        let tx = scratch.tenant("rebuild", tenant).await;
        assert_eq!(rebuild(&tx, tenant, &Visits).await.unwrap(), 6);
        tx.commit().await.unwrap();
    }
    assert_eq!(rows(&superuser).await, before);
}

#[tokio::test]
async fn a_rebuild_that_meets_an_event_from_the_future_changes_nothing() {
    let scratch = Scratch::new().await;
    let superuser = scratch.superuser().await;
    make_table(&superuser).await;
    let tenant = TenantId::new(now());
    live(&scratch, tenant).await;
    let before = rows(&superuser).await;
    superuser
        .execute(
            "INSERT INTO store.events (tenant_id, stream, version, id, type, schema, occurred_at, actor,
                    correlation_id, payload)
             VALUES ($1, 'user-x', 1, gen_random_uuid(), 'user.teleported', 1, now(), 'test', 'r', '{}')",
            &[&tenant.uuid()],
        )
        .await
        .unwrap();
    let tx = scratch.tenant("rebuild", tenant).await;
    let stopped = rebuild(&tx, tenant, &Visits).await;
    assert!(
        matches!(stopped, Err(ProjectionError::Unreadable(_))),
        "{stopped:?}"
    );
    drop(tx);
    assert_eq!(rows(&superuser).await, before);
}
