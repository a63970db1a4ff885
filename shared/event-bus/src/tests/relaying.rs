//! From the store to the bus.

use std::collections::HashSet;

use clock::Clock;
use event_store::{Context, EventStore, Follower, Log, RecordedEvent, StreamId, Version};
use events::GrantEvent;
use ids::{GrantId, TenantId};
use postgres::{Postgres, Scope};

use super::scratch::{AtWork, Corner, Scratch, message, soon};
use crate::{Consumer, Queue, Relay, one_at_a_time::OneAtATime};

async fn append(postgres: &Postgres, count: usize) {
    let now = Clock::system().now();
    let context = Context {
        tenant: TenantId::new(now),
        actor: "test".to_owned(),
        correlation_id: "1".to_owned(),
        at: now,
    };
    let stream = StreamId::of::<GrantEvent, _>(GrantId::new(now));
    let tx = postgres
        .begin("append", Scope::Tenant(context.tenant))
        .await
        .unwrap();
    let events: Vec<_> = (0..count)
        .map(|_| GrantEvent::TokenIssued { bound_to: None })
        .collect();
    EventStore::append(&tx, &stream, Version::NONE, &events, &context)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// The `count` events that were committed, in the order of the store.
async fn stored(postgres: &Postgres, count: usize) -> Vec<RecordedEvent> {
    soon(async {
        loop {
            let tx = postgres.begin("stored", Scope::None).await.unwrap();
            let follower = Follower::new("the test's own", Log::Decisions);
            let events = follower.next(&tx, 10_000).await.unwrap().events;
            // Less while any transaction on this server is open that began before.
            if events.len() == count {
                break events;
            }
        }
    })
    .await
}

/// What is announced until each of `count` events has been, without repetitions.
async fn announced(consumer: &mut Consumer, count: usize) -> Vec<RecordedEvent> {
    let (mut seen, mut events) = (HashSet::new(), Vec::new());
    while events.len() < count {
        let delivery = consumer.soon().await;
        let event: RecordedEvent = serde_json::from_slice(&delivery.body).unwrap();
        assert_eq!(delivery.id, Some(event.id.to_string()));
        assert_eq!(delivery.routing_key, event.event_type);
        if seen.insert(event.id) {
            events.push(event);
        }
        delivery.ack().await.unwrap();
    }
    events
}

fn ids(events: &[RecordedEvent]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

#[tokio::test]
async fn every_committed_event_is_announced_in_the_order_of_the_store() {
    let (corner, scratch) = (Corner::new(), Scratch::new().await);
    let consent = scratch.consent();
    append(&consent, 3).await;
    let relay = Relay::new(scratch.consent(), corner.bus.clone(), "relay");
    let _at_work = AtWork::new(&relay);
    let appends = (0..30).map(|n| {
        let (consent, relay) = (consent.clone(), relay.clone());
        tokio::spawn(async move {
            append(&consent, n % 4).await;
            relay.wake();
        })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap();
    }
    let stored = stored(&consent, 3 + (0..30).map(|n| n % 4).sum::<usize>()).await;
    let mut decisions = corner.bus.consume(Queue::Decisions, 100);
    let announced = announced(&mut decisions, stored.len()).await;
    assert_eq!(ids(&announced), ids(&stored));
    let same = |a: &RecordedEvent, b: &RecordedEvent| {
        (
            a.tenant,
            &a.stream,
            a.version,
            &a.event_type,
            a.schema,
            &a.payload,
        ) == (
            b.tenant,
            &b.stream,
            b.version,
            &b.event_type,
            b.schema,
            &b.payload,
        )
    };
    assert!(announced.iter().zip(&stored).all(|(a, b)| same(a, b)));
}

#[tokio::test]
async fn what_was_announced_is_not_announced_again_by_the_next_relay() {
    let (corner, scratch) = (Corner::new(), Scratch::new().await);
    let consent = scratch.consent();
    let mut decisions = corner.bus.consume(Queue::Decisions, 100);
    for _ in 0..2 {
        append(&consent, 600).await;
        let relay = Relay::new(scratch.consent(), corner.bus.clone(), "relay");
        let at_work = AtWork::new(&relay);
        announced(&mut decisions, 600).await;
        soon(async { while !is_noted(&consent).await {} }).await;
        drop(at_work);
    }
    assert_eq!(corner.bus.waiting(Queue::Decisions).await.unwrap(), 0);
}

/// Whether the relay's checkpoint is at the last event.
async fn is_noted(postgres: &Postgres) -> bool {
    let tx = postgres.begin("noted", Scope::Follower).await.unwrap();
    let last =
        "SELECT position FROM store.events ORDER BY transaction_id DESC, position DESC LIMIT 1";
    let last: i64 = tx.query_one(last, &[]).await.unwrap().get(0);
    tx.set_scope(Scope::None).await.unwrap();
    let noted = "SELECT position FROM store.checkpoints WHERE name = 'relay'";
    let noted = tx.query_opt(noted, &[]).await.unwrap();
    noted.is_some_and(|noted| noted.get::<_, i64>(0) == last)
}

#[tokio::test]
async fn of_several_relays_one_works_and_another_takes_over() {
    let (corner, scratch) = (Corner::new(), Scratch::new().await);
    let consent = scratch.consent();
    let relay = || Relay::new(scratch.consent(), corner.other_bus(), "relay");
    let mut at_work: Vec<_> = (0..3).map(|_| AtWork::new(&relay())).collect();
    let mut decisions = corner.bus.consume(Queue::Decisions, 100);
    while !at_work.is_empty() {
        append(&consent, 50).await;
        soon(async { while !is_noted(&consent).await {} }).await;
        // Three at once would have announced each three times.
        let last = message("test.last");
        corner.bus.publish_one(&last).await.unwrap();
        let mut deliveries = 0;
        loop {
            let delivery = decisions.soon().await;
            let is_last = delivery.id.as_deref() == Some(last.id.as_str());
            delivery.ack().await.unwrap();
            if is_last {
                break;
            }
            deliveries += 1;
        }
        assert_eq!(deliveries, 50);
        at_work.pop();
    }
}

#[tokio::test]
async fn a_lock_has_one_holder_until_it_is_dropped_or_its_session_ends() {
    let scratch = Scratch::new().await;
    let (ours, theirs) = (scratch.consent(), scratch.consent());
    let mut lock = OneAtATime::take(&ours, "relay").await.unwrap().unwrap();
    assert!(!lock.is_lost());
    assert!(OneAtATime::take(&theirs, "relay").await.unwrap().is_none());
    assert!(
        OneAtATime::take(&theirs, "another")
            .await
            .unwrap()
            .is_some()
    );
    drop(lock);
    let taken = async {
        loop {
            if let Some(lock) = OneAtATime::take(&theirs, "relay").await.unwrap() {
                break lock;
            }
        }
    };
    let mut lock = soon(taken).await;
    assert!(scratch.end_sessions_with_locks().await > 0);
    soon(async {
        while !lock.is_lost() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(OneAtATime::take(&ours, "relay").await.unwrap().is_some());
}

#[tokio::test]
async fn the_relay_survives_broken_connections_to_broker_and_database() {
    let (corner, scratch) = (Corner::new(), Scratch::new().await);
    let consent = scratch.consent();
    let relay_bus = corner.other_bus();
    let relay = Relay::new(scratch.consent(), relay_bus.clone(), "relay");
    let _at_work = AtWork::new(&relay);
    for round in 0..6 {
        append(&consent, 200).await;
        relay.wake();
        if round % 2 == 0 {
            relay_bus.hang_up().await;
        } else {
            scratch.end_sessions_with_locks().await;
        }
    }
    let stored = stored(&consent, 1_200).await;
    let mut decisions = corner.bus.consume(Queue::Decisions, 100);
    assert_eq!(ids(&announced(&mut decisions, 1_200).await), ids(&stored));
}

#[tokio::test]
async fn an_event_that_no_queue_takes_is_waited_for_and_not_left_out() {
    let (corner, scratch) = (Corner::new(), Scratch::new().await);
    let consent = scratch.consent();
    append(&consent, 5).await;
    stored(&consent, 5).await;
    let relay_bus = corner.other_bus();
    relay_bus.ping().await.unwrap();
    corner.delete(Queue::Decisions).await;
    let relay = Relay::new(scratch.consent(), relay_bus.clone(), "relay");
    assert!(relay.announce_next().await.is_err());
    assert!(!is_noted(&consent).await);
    // Back when somebody reads it.
    let mut decisions = corner.bus.consume(Queue::Decisions, 100);
    let _at_work = AtWork::new(&relay);
    assert_eq!(announced(&mut decisions, 5).await.len(), 5);
}
