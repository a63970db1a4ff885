//! Sixteen writers with jitter: the follower loses nothing and doubles nothing, and under the very
//! same load the reader by position loses events.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use event_store::{Aggregate, Context, EventStore, Follower, Log, StreamId};
use events::UserEvent;
use ids::{EventId, TenantId, UserId};
use postgres::{Postgres, Scope};
use tokio::sync::Notify;

use crate::{
    following::NaiveReader,
    scratch::{Scratch, context, join, now, signed_in},
};

const WRITERS: usize = 16;
const EVENTS_EACH: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_follower_loses_nothing_where_the_reader_by_position_does() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());

    // One writer has taken the first position and holds it until the reader by position has gone
    // past it, so that its loss does not depend on luck. The jitter of the others adds more.
    let passed = Arc::new(Notify::new());
    let held = scratch.tenant("held back", tenant).await;
    let held_event = join(&held, tenant, "held back").await.id;
    let release = tokio::spawn({
        let passed = Arc::clone(&passed);
        async move {
            passed.notified().await;
            held.commit().await.unwrap();
        }
    });
    let written = Arc::new(AtomicBool::new(false));
    let reader = NaiveReader::new(&scratch).await;
    let naive = tokio::spawn(read_by_position(reader, passed, Arc::clone(&written)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| tokio::spawn(write(scratch.store.clone(), context(tenant))))
        .collect();

    let expected = WRITERS * EVENTS_EACH + 1;
    let follower = Follower::new("many-writers", Log::Decisions);
    let followed = scratch.read_all(&follower, expected).await;
    for writer in writers {
        writer.await.unwrap();
    }
    release.await.unwrap();
    written.store(true, Ordering::SeqCst);
    let naive = naive.await.unwrap();

    let ids: Vec<EventId> = followed.iter().map(|event| event.id).collect();
    let distinct: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(
        (ids.len(), distinct.len()),
        (expected, expected),
        "nothing lost, nothing twice"
    );
    let mut versions: HashMap<&str, i32> = HashMap::new();
    for event in &followed {
        let last = versions.entry(&event.stream).or_default();
        assert_eq!(event.version, *last + 1, "each stream is read in its order");
        *last = event.version;
    }
    assert!(
        !naive.contains(&held_event),
        "the reader by position never sees what was held back"
    );
    assert!(naive.len() < expected);
}

/// One writer: a stream of its own, a transaction for each event, open for up to 4 ms.
async fn write(store: Postgres, context: Context) {
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    for _ in 0..EVENTS_EACH {
        let tx = store
            .begin("write with jitter", Scope::Tenant(context.tenant))
            .await
            .unwrap();
        let (_, version) = EventStore::load::<Anybody>(&tx, &stream).await.unwrap();
        EventStore::append(&tx, &stream, version, &[signed_in()], &context)
            .await
            .unwrap();
        tx.query("SELECT pg_sleep(random() * 0.004)", &[])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[derive(Default)]
struct Anybody;

impl Aggregate for Anybody {
    type Event = UserEvent;

    fn apply(&mut self, _: &UserEvent) {}
}

/// Everything the reader by position ever sees, until nothing more is written.
async fn read_by_position(
    mut reader: NaiveReader,
    passed: Arc<Notify>,
    written: Arc<AtomicBool>,
) -> HashSet<EventId> {
    let mut seen = HashSet::new();
    loop {
        let last = written.load(Ordering::SeqCst);
        let new = reader.next().await;
        if !new.is_empty() {
            passed.notify_one();
        }
        seen.extend(new);
        if last {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}
