use std::{fs, path::PathBuf};

use clock::Clock;
use event_bus::{BusSettings, Queue};
use tokio::sync::oneshot;

use super::*;
use crate::spool::SpoolSync;

const BROKER: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

/// A spool and a bus of a test's own.
struct Scratch {
    name: String,
    folder: PathBuf,
    spool: Spool,
    bus: EventBus,
}

impl Scratch {
    fn new() -> Self {
        let id = CallId::new(Clock::system().now()).uuid().simple();
        let name = format!("spool-{id}-");
        let folder = std::env::temp_dir().join(&name);
        let spool = Spool::open(&folder, SpoolSync::Soon, Clock::system()).unwrap();
        let bus = EventBus::connect(&BusSettings {
            url: BROKER.to_owned(),
            prefix: name.clone(),
        });
        Self {
            name,
            folder,
            spool,
            bus: bus.unwrap(),
        }
    }

    async fn forget(self) {
        let connection = lapin::Connection::connect(BROKER, Default::default());
        let connection = connection.await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        for queue in [
            "billing.recorder",
            "billing.decisions",
            "proxy.key-checks",
            "dead-letters",
        ] {
            let queue = format!("{}latchkey.{queue}", self.name);
            let deleted = channel.queue_delete(queue.into(), Default::default());
            deleted.await.unwrap();
        }
        for exchange in ["events", "decisions", "dead-letters"] {
            let exchange = format!("{}latchkey.{exchange}", self.name);
            let deleted = channel.exchange_delete(exchange.into(), Default::default());
            deleted.await.unwrap();
        }
        connection.close(200, "done".into()).await.unwrap();
        drop(self.spool);
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[test]
fn whole_lines_travel_together_in_their_order() {
    let line = |length: usize| [vec![b'x'; length - 1], vec![b'\n']].concat();
    let lengths = [10, PARCEL - 10, 1, PARCEL + 5, 7, 7];
    let lines: Vec<u8> = lengths.into_iter().flat_map(line).collect();
    let sent = parcels(&lines);
    let of_parcels: Vec<usize> = sent.iter().map(|parcel| parcel.len()).collect();
    assert_eq!(of_parcels, [PARCEL, 1, PARCEL + 5, 14]);
    assert_eq!(sent.concat(), lines);
    assert!(parcels(b"").is_empty());
}

#[tokio::test]
async fn every_line_is_published_once_in_its_order_and_then_noted() {
    let scratch = Scratch::new();
    // Together longer than a batch, each shorter than a parcel.
    let lines: Vec<String> = (0..300)
        .map(|number| format!("{number}:{}", "x".repeat(5_000)))
        .collect();
    let writer = &scratch.spool.0.writer;
    for line in &lines {
        let written = writer.append(format!("{line}\n").into_bytes(), None);
        written.certain().await.unwrap();
    }
    assert_eq!(scratch.spool.waiting(), 300);

    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let publishing = publish(scratch.spool.clone(), scratch.bus.clone(), stopped);
    let publishing = tokio::spawn(publishing);
    let mut consumer = scratch.bus.consume(Queue::Recorder, 100);
    let (mut came, mut messages) = (Vec::new(), 0);
    while came.len() < lines.len() {
        let message = tokio::time::timeout(Duration::from_secs(20), consumer.next());
        let message = message.await.unwrap();
        assert!(message.body.len() <= PARCEL);
        let text = String::from_utf8(message.body.clone()).unwrap();
        came.extend(text.lines().map(str::to_owned));
        message.ack().await.unwrap();
        messages += 1;
    }
    assert_eq!(came, lines);
    assert!(messages < 40, "{messages} messages");
    stop.send(()).unwrap();
    publishing.await.unwrap();
    assert_eq!(scratch.spool.waiting(), 0);
    assert!(scratch.spool.0.segments.next_stretch().is_none());
    drop(consumer);
    assert_eq!(scratch.bus.waiting(Queue::Recorder).await.unwrap(), 0);
    scratch.forget().await;
}

#[tokio::test]
async fn what_is_less_than_a_parcel_waits_for_more_until_nothing_comes() {
    let scratch = Scratch::new();
    let batch = vec![b'x'; usize::try_from(BATCH_BYTES).unwrap() - 1];
    for line in [&batch[..], b"few"] {
        let line = [line, b"\n"].concat();
        let written = scratch.spool.0.writer.append(line, None);
        written.certain().await.unwrap();
    }
    let (spool, bus) = (&scratch.spool, &scratch.bus);
    publish_all(spool, bus, as_u64(PARCEL)).await.unwrap();
    assert_eq!(spool.waiting(), 1);
    publish_all(spool, bus, as_u64(PARCEL)).await.unwrap();
    assert_eq!(spool.waiting(), 0);
    scratch.forget().await;
}

#[tokio::test]
async fn what_no_broker_took_keeps_waiting() {
    let mut scratch = Scratch::new();
    let unreachable = BusSettings {
        url: "amqp://127.0.0.1:1/%2f".to_owned(),
        prefix: String::new(),
    };
    scratch.bus = EventBus::connect(&unreachable).unwrap();
    let written = scratch.spool.0.writer.append(b"{}\n".to_vec(), None);
    written.certain().await.unwrap();
    let before = scratch.spool.0.segments.next_stretch();
    assert!(publish_all(&scratch.spool, &scratch.bus, 0).await.is_err());
    assert_eq!(scratch.spool.waiting(), 1);
    assert_eq!(scratch.spool.0.segments.next_stretch(), before);
    drop(fs::remove_dir_all(&scratch.folder));
}
