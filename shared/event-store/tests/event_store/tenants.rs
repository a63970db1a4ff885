//! The database itself keeps organizations apart.

use event_store::{EventStore, Follower, Log, StreamId, Version};
use events::UserEvent;
use ids::{TenantId, UserId};
use postgres::Scope;

use crate::scratch::{Scratch, context, join, joined, now};

async fn visible(scratch: &Scratch, scope: Scope) -> i64 {
    let tx = scratch.store.begin("count", scope).await.unwrap();
    tx.query_one("SELECT count(*) FROM store.events", &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn each_organization_sees_its_own_events_and_no_scope_sees_none() {
    let scratch = Scratch::new().await;
    let (tenant, other) = (TenantId::new(now()), TenantId::new(now()));
    for (tenant, names) in [(tenant, ["Ada", "Bob"].as_slice()), (other, &["Cy"])] {
        let tx = scratch.tenant("append", tenant).await;
        for name in names {
            join(&tx, tenant, name).await;
        }
        tx.commit().await.unwrap();
    }
    assert_eq!(visible(&scratch, Scope::Tenant(tenant)).await, 2);
    assert_eq!(visible(&scratch, Scope::Tenant(other)).await, 1);
    assert_eq!(
        visible(&scratch, Scope::Tenant(TenantId::new(now()))).await,
        0
    );
    assert_eq!(visible(&scratch, Scope::None).await, 0);
    assert_eq!(visible(&scratch, Scope::Follower).await, 3);
}

#[tokio::test]
async fn the_scope_of_one_transaction_does_not_leak_into_the_next() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    join(&tx, tenant, "Ada").await;
    tx.commit().await.unwrap();
    // One connection, so that the second look is on the connection that the first has used.
    let connection = scratch.store.connection("plain").await.unwrap();
    for begin in ["Scoped", "Follower"] {
        let scope = if begin == "Scoped" {
            format!("SELECT set_config('app.tenant', '{}', true)", tenant.uuid())
        } else {
            "SET LOCAL ROLE latchkey_follower".to_owned()
        };
        connection
            .batch_execute(&format!("BEGIN; {scope}; COMMIT"))
            .await
            .unwrap();
        let left = connection
            .query_one("SELECT count(*) FROM store.events", &[])
            .await
            .unwrap();
        assert_eq!(left.get::<_, i64>(0), 0, "{begin}");
    }
}

#[tokio::test]
async fn another_organizations_stream_is_empty_and_cannot_be_written() {
    let scratch = Scratch::new().await;
    let (tenant, other) = (TenantId::new(now()), TenantId::new(now()));
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let tx = scratch.tenant("append", tenant).await;
    EventStore::append(
        &tx,
        &stream,
        Version::NONE,
        &[joined("Ada")],
        &context(tenant),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();

    let tx = scratch.tenant("foreign", other).await;
    let rows = tx
        .query(
            "SELECT 1 FROM store.events WHERE stream = $1",
            &[&stream.as_str()],
        )
        .await
        .unwrap();
    assert!(rows.is_empty());
    // In one's own scope, an event in another's name.
    let forged = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let refused = EventStore::append(
        &tx,
        &forged,
        Version::NONE,
        &[joined("Eve")],
        &context(tenant),
    )
    .await;
    assert!(
        format!("{refused:?}").contains("row-level security"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_follower_reads_every_organization_and_writes_nothing() {
    let scratch = Scratch::new().await;
    for name in ["Ada", "Bob"] {
        let tenant = TenantId::new(now());
        let tx = scratch.tenant("append", tenant).await;
        join(&tx, tenant, name).await;
        tx.commit().await.unwrap();
    }
    let read = scratch
        .read_all(&Follower::new("every-tenant", Log::Decisions), 2)
        .await;
    assert_ne!(read[0].tenant, read[1].tenant);

    let tenant = TenantId::new(now());
    let tx = scratch
        .store
        .begin("write as follower", Scope::Follower)
        .await
        .unwrap();
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let refused = EventStore::append(
        &tx,
        &stream,
        Version::NONE,
        &[joined("Eve")],
        &context(tenant),
    )
    .await;
    assert!(
        format!("{refused:?}").contains("permission denied"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_follower_leaves_the_transaction_without_any_scope() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    join(&tx, tenant, "Ada").await;
    tx.commit().await.unwrap();
    let tx = scratch.follower().await;
    Follower::new("test-reader", Log::Decisions)
        .next(&tx, 10)
        .await
        .unwrap();
    let row = tx
        .query_one("SELECT current_user::text, count(*) FROM store.events", &[])
        .await;
    let row = row.unwrap();
    assert_eq!(
        (row.get::<_, String>(0).as_str(), row.get::<_, i64>(1)),
        ("latchkey_auth", 0)
    );
}
