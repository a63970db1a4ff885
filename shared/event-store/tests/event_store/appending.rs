//! Streams grow one decision at a time, and nothing in them ever changes.

use event_store::{Aggregate, AppendError, EventStore, StreamId, Version};
use events::UserEvent;
use ids::{TenantId, UserId};

use crate::scratch::{Scratch, context, joined, now, signed_in};

#[derive(Debug, Default, PartialEq, Eq)]
struct Visits {
    name: String,
    count: u32,
}

impl Aggregate for Visits {
    type Event = UserEvent;

    fn apply(&mut self, event: &UserEvent) {
        match event {
            UserEvent::Joined { name, .. } => self.name.clone_from(name),
            UserEvent::SignedIn { .. } => self.count += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_stream_folds_into_its_aggregate() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let tx = scratch.tenant("append", tenant).await;
    let events = [joined("Ada"), signed_in(), signed_in()];
    let recorded = EventStore::append(&tx, &stream, Version::NONE, &events, &context(tenant))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        recorded
            .iter()
            .map(|event| event.version)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );

    let tx = scratch.tenant("load", tenant).await;
    let (visits, version) = EventStore::load::<Visits>(&tx, &stream).await.unwrap();
    assert_eq!(
        visits,
        Visits {
            name: "Ada".to_owned(),
            count: 2
        }
    );
    assert_eq!(version.number(), 3);
}

#[tokio::test]
async fn a_stream_without_events_is_the_default_at_version_none() {
    let scratch = Scratch::new().await;
    let tx = scratch.tenant("load", TenantId::new(now())).await;
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let (visits, version) = EventStore::load::<Visits>(&tx, &stream).await.unwrap();
    assert_eq!((visits, version), (Visits::default(), Version::NONE));
}

#[tokio::test]
async fn of_two_decisions_upon_the_same_version_one_is_told_of_the_conflict() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
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

    // Both have loaded version 1 before either appends.
    let first = scratch.tenant("first", tenant).await;
    let second = scratch.tenant("second", tenant).await;
    let (_, seen_by_first) = EventStore::load::<Visits>(&first, &stream).await.unwrap();
    let (_, seen_by_second) = EventStore::load::<Visits>(&second, &stream).await.unwrap();
    EventStore::append(
        &first,
        &stream,
        seen_by_first,
        &[signed_in()],
        &context(tenant),
    )
    .await
    .unwrap();
    first.commit().await.unwrap();
    let refused = EventStore::append(
        &second,
        &stream,
        seen_by_second,
        &[signed_in()],
        &context(tenant),
    )
    .await;
    assert!(matches!(refused, Err(AppendError::Conflict)), "{refused:?}");
    drop(second);

    let tx = scratch.tenant("load", tenant).await;
    let (visits, version) = EventStore::load::<Visits>(&tx, &stream).await.unwrap();
    assert_eq!((visits.count, version.number()), (1, 2));
}

#[tokio::test]
async fn a_hundred_decisions_at_once_all_land_when_each_is_tried_again() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let tries: Vec<_> = (0..10)
        .map(|_| {
            let (store, stream) = (scratch.store.clone(), stream.clone());
            tokio::spawn(async move {
                let mut landed = 0;
                while landed < 10 {
                    let tx = store
                        .begin("race", postgres::Scope::Tenant(tenant))
                        .await
                        .unwrap();
                    let (_, version) = EventStore::load::<Visits>(&tx, &stream).await.unwrap();
                    match EventStore::append(
                        &tx,
                        &stream,
                        version,
                        &[signed_in()],
                        &context(tenant),
                    )
                    .await
                    {
                        Ok(_) => {
                            tx.commit().await.unwrap();
                            landed += 1;
                        }
                        Err(AppendError::Conflict) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    for one in tries {
        one.await.unwrap();
    }
    let tx = scratch.tenant("load", tenant).await;
    let (visits, version) = EventStore::load::<Visits>(&tx, &stream).await.unwrap();
    assert_eq!((visits.count, version.number()), (100, 100));
}

#[tokio::test]
async fn an_append_that_is_not_committed_leaves_nothing() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    crate::scratch::join(&tx, tenant, "Ada").await;
    drop(tx);
    let count = scratch
        .superuser()
        .await
        .query_one("SELECT count(*) FROM store.events", &[])
        .await
        .unwrap();
    assert_eq!(count.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn events_are_never_changed_or_removed_not_even_by_a_superuser() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    crate::scratch::join(&tx, tenant, "Ada").await;
    tx.commit().await.unwrap();
    let superuser = scratch.superuser().await;
    superuser
        .execute(
            "INSERT INTO store.call_events (tenant_id, day, id, type, schema, occurred_at, correlation_id, payload)
             VALUES ($1, store.day_of_uuid7($1), $1, 'call.recorded', 1, now(), 'r', '{}')",
            &[&tenant.uuid()],
        )
        .await
        .unwrap();
    for table in ["store.events", "store.call_events"] {
        for change in [
            format!("UPDATE {table} SET payload = '{{}}'"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            let refused = superuser.batch_execute(&change).await.unwrap_err();
            let message = refused.as_db_error().unwrap().message().to_owned();
            assert_eq!(message, "events are never changed or removed", "{change}");
        }
    }
}

#[tokio::test]
async fn the_services_role_may_not_even_ask_for_a_change() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    for change in [
        "UPDATE store.events SET type = 'x'",
        "DELETE FROM store.events",
        "TRUNCATE store.events",
    ] {
        let tx = scratch.tenant("change", tenant).await;
        let refused = format!("{:?}", tx.execute(change, &[]).await.unwrap_err());
        assert!(refused.contains("permission denied"), "{change}: {refused}");
    }
}
