//! What runs beside the requests: decisions are announced, what proxies tell is noted, what nobody
//! decided is ended.

use event_bus::{BusSettings, EventBus, Message, Watched};
use event_store::RecordedEvent;
use ids::EventId;
use jiff::SignedDuration;
use serde_json::json;
use server::Shutdown;
use sessions::Role;

use crate::{
    scratch::amqp_url,
    world::{World, detail, until},
};

#[actix_web::test]
async fn decisions_are_announced_and_tellings_are_noted() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let key = world.key(&person, "openai").await;
    let bus = EventBus::connect(&BusSettings {
        url: amqp_url(),
        prefix: world.scratch.amqp_prefix(),
    })
    .unwrap();
    let mut watcher = bus.watch(&["grant.#"]);
    assert!(matches!(watcher.next().await, Watched::Gap));
    let (stop, shutdown) = Shutdown::pair();
    let tasks = world.app.background(&shutdown);

    let (grant, token) = world.granted(&person, json!([detail(json!({}))])).await;
    let mut announced = Vec::new();
    while announced.len() < 2 {
        if let Watched::Event(event) =
            tokio::time::timeout(std::time::Duration::from_secs(30), watcher.next())
                .await
                .unwrap()
        {
            assert_eq!(event.tenant, person.tenant);
            assert!(!serde_json::to_string(&event).unwrap().contains(&token));
            announced.push((event.event_type.clone(), event.stream_uuid()));
        }
    }
    let id = grant.parse::<ids::GrantId>().unwrap().uuid();
    assert_eq!(
        announced,
        [
            ("grant.granted".to_owned(), Some(id)),
            ("grant.token_issued".to_owned(), Some(id))
        ]
    );

    // A proxy tells that the provider refused the key; told until somebody listens.
    until("the key found invalid", async || {
        let refused = told(&world, &person, ("provider_key.refused", &key));
        bus.publish(&[refused]).await.pop().unwrap().unwrap();
        let listed = world.get(&person, "/provider-keys").await.json();
        (listed["items"][0]["health"] == "invalid").then_some(())
    })
    .await;
    let check = format!("/provider-keys/{key}/check");
    world.later(SignedDuration::from_secs(60));
    assert_eq!(world.post(&person, &check, json!({})).await.status, 202);
    until("the key found working", async || {
        let works = told(&world, &person, ("provider_key.works", &key));
        bus.publish(&[works]).await.pop().unwrap().unwrap();
        let listed = world.get(&person, "/provider-keys").await.json();
        (listed["items"][0]["health"] == "usable").then_some(())
    })
    .await;

    let pending = world.pending(&person, json!([detail(json!({}))])).await;
    world.later(SignedDuration::from_secs(600));
    let ended = world.requests().end_overdue().await.unwrap();
    assert!(ended <= 1, "{}", pending.body);

    stop.request();
    for task in tasks {
        tokio::time::timeout(std::time::Duration::from_secs(10), task)
            .await
            .unwrap()
            .unwrap();
    }
}

fn told(world: &World, person: &crate::world::Person, (what, key): (&str, &str)) -> Message {
    let at = world.clock.now();
    let event = json!({
        "id": EventId::new(at), "tenant": person.tenant, "stream": "proxy", "version": 1, "type": what, "schema": 1,
        "occurred_at": at, "actor": "proxy", "correlation_id": "test", "payload": {"key": key, "version": 1, "user": person.user},
    });
    let event: RecordedEvent = serde_json::from_value(event).unwrap();
    Message {
        id: event.id.to_string(),
        routing_key: event.event_type.clone(),
        tenant: Some(person.tenant),
        body: serde_json::to_vec(&event).unwrap(),
    }
}
