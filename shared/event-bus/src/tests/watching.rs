//! Watching decisions.

use clock::Clock;
use event_store::RecordedEvent;
use ids::{EventId, TenantId};
use serde_json::json;

use super::scratch::{Corner, soon};
use crate::{EventBus, Message, Watched, Watcher};

fn decision(event_type: &str) -> Message {
    let now = Clock::system().now();
    let (id, tenant) = (EventId::new(now), TenantId::new(now));
    let body = json!({
        "id": id, "tenant": tenant, "stream": "grant-1", "version": 1, "type": event_type,
        "schema": 1, "occurred_at": now, "actor": "test", "correlation_id": "1", "payload": {},
    });
    let body = body.to_string().into_bytes();
    Message {
        id: id.to_string(),
        routing_key: event_type.to_owned(),
        tenant: Some(tenant),
        body,
    }
}

impl Watcher {
    async fn next_event(&mut self) -> RecordedEvent {
        match soon(self.next()).await {
            Watched::Event(event) => *event,
            Watched::Gap => panic!("nothing was missed"),
        }
    }

    async fn gap(&mut self) {
        assert!(matches!(soon(self.next()).await, Watched::Gap));
    }
}

async fn publish(bus: &EventBus, event_type: &str) -> String {
    let message = decision(event_type);
    bus.publish_one(&message).await.unwrap();
    message.id
}

#[tokio::test]
async fn every_watcher_hears_of_the_decisions_it_watches_and_of_no_others() {
    let corner = Corner::new();
    let other_process = corner.other_bus();
    let mut watchers = [
        corner.bus.watch(&["grant.#", "provider_key.#"]),
        other_process.watch(&["grant.#", "provider_key.#"]),
    ];
    for watcher in &mut watchers {
        watcher.gap().await;
    }
    publish(&corner.bus, "app.registered").await;
    let revoked = publish(&corner.bus, "grant.revoked").await;
    let rotated = publish(&corner.bus, "provider_key.rotated").await;
    for watcher in &mut watchers {
        let event = watcher.next_event().await;
        assert_eq!(
            (event.id.to_string(), event.event_type.as_str()),
            (revoked.clone(), "grant.revoked")
        );
        assert_eq!(watcher.next_event().await.id.to_string(), rotated);
    }
}

#[tokio::test]
async fn a_watcher_is_told_of_a_gap_and_then_hears_again() {
    let corner = Corner::new();
    let mut watcher = corner.bus.watch(&["grant.#"]);
    watcher.gap().await;
    let publisher = corner.other_bus();
    let before = publish(&publisher, "grant.changed").await;
    assert_eq!(watcher.next_event().await.id.to_string(), before);
    corner.bus.hang_up().await;
    watcher.gap().await;
    watcher.gap().await;
    let after = publish(&publisher, "grant.revoked").await;
    assert_eq!(watcher.next_event().await.id.to_string(), after);
}

#[tokio::test]
async fn an_announcement_that_is_not_understood_is_a_gap() {
    let corner = Corner::new();
    let mut watcher = corner.bus.watch(&["grant.#"]);
    watcher.gap().await;
    let garbled = Message {
        body: b"{".to_vec(),
        ..decision("grant.revoked")
    };
    corner.bus.publish_one(&garbled).await.unwrap();
    watcher.gap().await;
    let next = publish(&corner.bus, "grant.revoked").await;
    assert_eq!(watcher.next_event().await.id.to_string(), next);
}
