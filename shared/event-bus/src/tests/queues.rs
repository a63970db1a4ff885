//! Publishing and consuming.

use super::scratch::{Corner, bus, message, soon};
use crate::{BusSettings, EventBus, PublishError, Queue};

#[tokio::test]
async fn what_is_published_is_consumed_once_it_is_acknowledged() {
    let corner = Corner::new();
    let sent = message("call.recorded");
    corner.bus.publish_one(&sent).await.unwrap();
    let mut recorder = corner.bus.consume(Queue::Recorder, 10);
    let delivery = recorder.soon().await;
    assert_eq!(delivery.id.as_deref(), Some(sent.id.as_str()));
    assert_eq!(delivery.routing_key, "call.recorded");
    assert_eq!(delivery.body, sent.body);
    assert!(!delivery.redelivered);
    delivery.ack().await.unwrap();
    // The next one comes, and not the first again.
    let next = message("call.recorded");
    corner.bus.publish_one(&next).await.unwrap();
    assert_eq!(recorder.soon().await.id, Some(next.id));
}

#[tokio::test]
async fn calls_go_to_the_recorder_and_decisions_of_whatever_type_do_not() {
    let corner = Corner::new();
    let sent = [
        message("call.recorded"),
        message("grant.revoked"),
        message("never.heard.of"),
    ];
    for result in corner.bus.publish(&sent).await {
        result.unwrap();
    }
    let mut decisions = corner.bus.consume(Queue::Decisions, 10);
    for expected in &sent[1..] {
        let delivery = decisions.soon().await;
        assert_eq!(delivery.id.as_deref(), Some(expected.id.as_str()));
        delivery.ack().await.unwrap();
    }
    assert_eq!(corner.bus.waiting(Queue::Recorder).await.unwrap(), 1);
    assert_eq!(corner.bus.waiting(Queue::DeadLetters).await.unwrap(), 0);
}

#[tokio::test]
async fn a_wanted_key_check_is_taken_by_one_of_those_who_wait_for_it() {
    let corner = Corner::new();
    let other = corner.other_bus();
    let mut consumers = [
        corner.bus.consume(Queue::KeyChecks, 1),
        other.consume(Queue::KeyChecks, 1),
    ];
    let wanted = message("provider_key.check_requested");
    for sent in [&message("provider_key.rotated"), &wanted] {
        corner.bus.publish_one(sent).await.unwrap();
    }
    let [first, second] = &mut consumers;
    let taken = soon(async {
        tokio::select! {
            taken = first.next() => taken,
            taken = second.next() => taken,
        }
    })
    .await;
    assert_eq!(taken.id, Some(wanted.id));
    taken.ack().await.unwrap();
    assert_eq!(corner.bus.waiting(Queue::KeyChecks).await.unwrap(), 0);
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_not_counted_as_stored_though_it_is_acknowledged() {
    let corner = Corner::new();
    corner.delete(Queue::Recorder).await;
    let types = [
        "grant.changed",
        "call.recorded",
        "grant.changed",
        "grant.revoked",
    ];
    let sent: Vec<_> = (0..400).map(|n| message(types[n % types.len()])).collect();
    let results = corner.bus.publish(&sent).await;
    assert_eq!(results.len(), sent.len());
    for (message, result) in sent.iter().zip(results) {
        match message.routing_key.as_str() {
            "call.recorded" => assert!(matches!(result, Err(PublishError::Unroutable))),
            _ => result.unwrap(),
        }
    }
}

#[tokio::test]
async fn more_than_one_window_arrives_whole_and_in_order() {
    let corner = Corner::new();
    let sent: Vec<_> = (0..1_201).map(|_| message("call.recorded")).collect();
    assert!(corner.bus.publish(&sent).await.iter().all(Result::is_ok));
    let mut recorder = corner.bus.consume(Queue::Recorder, 300);
    for expected in &sent {
        let delivery = recorder.soon().await;
        assert_eq!(delivery.id.as_deref(), Some(expected.id.as_str()));
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_fails_each_time_becomes_a_dead_letter() {
    let corner = Corner::new();
    let poison = message("call.recorded");
    corner.bus.publish_one(&poison).await.unwrap();
    let mut recorder = corner.bus.consume(Queue::Recorder, 10);
    for time in 0..6 {
        let delivery = recorder.soon().await;
        assert_eq!(delivery.redelivered, time > 0);
        delivery.retry().await.unwrap();
    }
    let mut dead = corner.bus.consume(Queue::DeadLetters, 10);
    assert_eq!(dead.soon().await.id, Some(poison.id));
    assert_eq!(corner.bus.waiting(Queue::Recorder).await.unwrap(), 0);
}

#[tokio::test]
async fn a_rejected_message_is_a_dead_letter_at_once_and_others_go_on() {
    let corner = Corner::new();
    let sent = [message("call.recorded"), message("call.recorded")];
    corner.bus.publish(&sent).await;
    let mut recorder = corner.bus.consume(Queue::Recorder, 1);
    recorder
        .soon()
        .await
        .reject_to_dead_letters()
        .await
        .unwrap();
    assert_eq!(
        recorder.soon().await.id.as_deref(),
        Some(sent[1].id.as_str())
    );
    let mut dead = corner.bus.consume(Queue::DeadLetters, 10);
    assert_eq!(dead.soon().await.id.as_deref(), Some(sent[0].id.as_str()));
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_after_the_connection_broke() {
    let corner = Corner::new();
    let sent = message("call.recorded");
    corner.bus.publish_one(&sent).await.unwrap();
    let mut recorder = corner.bus.consume(Queue::Recorder, 10);
    let first = recorder.soon().await;
    corner.bus.hang_up().await;
    assert!(first.ack().await.is_err(), "nobody heard it");
    let again = recorder.soon().await;
    assert!(again.redelivered);
    assert_eq!(again.id, Some(sent.id));
    again.ack().await.unwrap();
}

#[tokio::test]
async fn publishing_goes_on_after_the_connection_broke() {
    let corner = Corner::new();
    corner
        .bus
        .publish_one(&message("call.recorded"))
        .await
        .unwrap();
    corner.bus.hang_up().await;
    corner
        .bus
        .publish_one(&message("call.recorded"))
        .await
        .unwrap();
    assert_eq!(corner.bus.waiting(Queue::Recorder).await.unwrap(), 2);
}

#[tokio::test]
async fn publishing_goes_on_after_the_broker_closed_the_channel() {
    let corner = Corner::new();
    corner
        .bus
        .publish_one(&message("call.recorded"))
        .await
        .unwrap();
    let channel = corner.bus.publishing().await.clone().unwrap();
    let nowhere = channel.basic_publish(
        "no-such-exchange".into(),
        "call.recorded".into(),
        Default::default(),
        b"",
        Default::default(),
    );
    assert!(
        nowhere.await.unwrap().await.is_err(),
        "the broker closes the channel for it"
    );
    corner
        .bus
        .publish_one(&message("call.recorded"))
        .await
        .unwrap();
    assert_eq!(corner.bus.waiting(Queue::Recorder).await.unwrap(), 2);
}

#[tokio::test]
async fn a_cancelled_window_does_not_confuse_the_next() {
    let corner = Corner::new();
    corner.delete(Queue::Recorder).await;
    let lost: Vec<_> = (0..200).map(|_| message("call.recorded")).collect();
    for micros in [0, 50, 200, 1_000, 5_000] {
        let publish = corner.bus.publish(&lost);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(micros), publish).await;
        corner
            .bus
            .publish_one(&message("grant.changed"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_consumer_outlives_its_queue() {
    let corner = Corner::new();
    let mut recorder = corner.bus.consume(Queue::Recorder, 10);
    corner
        .bus
        .publish_one(&message("call.recorded"))
        .await
        .unwrap();
    recorder.soon().await.ack().await.unwrap();
    corner.delete(Queue::Recorder).await;
    let sent = message("call.recorded");
    let publish_when_it_is_back = async {
        while corner.bus.publish_one(&sent).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let (delivery, ()) =
        soon(async { tokio::join!(recorder.next(), publish_when_it_is_back) }).await;
    assert_eq!(delivery.id.as_deref(), Some(sent.id.as_str()));
}

#[tokio::test]
async fn a_broker_that_is_away_is_told_and_not_waited_for() {
    let away = bus("amqp://guest:guest@127.0.0.1:1/%2f", "");
    let sent: Vec<_> = (0..1_000).map(|_| message("call.recorded")).collect();
    let results = soon(away.publish(&sent)).await;
    assert_eq!(results.len(), 1_000);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(PublishError::NotSent(_))))
    );
    assert!(away.ping().await.is_err());
}

#[test]
fn a_malformed_url_is_refused_without_being_repeated() {
    let settings = BusSettings {
        url: "http://user:secret@host".to_owned(),
        prefix: String::new(),
    };
    let refused = EventBus::connect(&settings).err().unwrap();
    assert!(!refused.to_string().contains("secret"));
}
