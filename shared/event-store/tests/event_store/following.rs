//! Every event is read once, in an order that loses nothing.

use std::time::Duration;

use event_store::{Follower, Log};
use ids::{EventId, TenantId};
use postgres::{Scope, Tx};
use tokio_postgres::Client;

use crate::scratch::{DEADLINE, Scratch, join, name_in, now};

const READER: Follower = Follower::new("test-reader", Log::Decisions);

/// The reader that this store does not have: it remembers the highest position that it saw.
pub struct NaiveReader {
    client: Client,
    position: i64,
}

impl NaiveReader {
    pub async fn new(scratch: &Scratch) -> Self {
        Self {
            client: scratch.superuser().await,
            position: 0,
        }
    }

    pub async fn next(&mut self) -> Vec<EventId> {
        let sql = "SELECT id, position FROM store.events WHERE position > $1 ORDER BY position";
        let rows = self.client.query(sql, &[&self.position]).await.unwrap();
        self.position = rows.last().map_or(self.position, |row| row.get("position"));
        rows.iter()
            .map(|row| EventId::from_uuid(row.get("id")))
            .collect()
    }
}

#[tokio::test]
async fn when_a_later_position_commits_first_only_the_reader_by_position_loses_the_earlier() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let mut naive = NaiveReader::new(&scratch).await;

    let slow = scratch.tenant("slow", tenant).await;
    let early = join(&slow, tenant, "takes position 1, commits last").await;
    let fast = scratch.tenant("fast", tenant).await;
    let late = join(&fast, tenant, "takes position 2, commits first").await;
    fast.commit().await.unwrap();

    assert_eq!(
        naive.next().await,
        [late.id],
        "the reader by position moves on to 2"
    );
    let tx = scratch.follower().await;
    assert!(
        READER.next(&tx, 10).await.unwrap().events.is_empty(),
        "the follower waits"
    );
    drop(tx);

    slow.commit().await.unwrap();
    assert_eq!(naive.next().await, [], "and never sees 1 again");
    let read = scratch.read_all(&READER, 2).await;
    assert_eq!(
        read.iter().map(|event| event.id).collect::<Vec<_>>(),
        [early.id, late.id]
    );
}

#[tokio::test]
async fn a_lower_position_of_a_later_transaction_is_read_after_the_checkpoint_has_passed_it() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let earlier = scratch.tenant("earlier", tenant).await;
    earlier
        .query("SELECT pg_current_xact_id()::text", &[])
        .await
        .unwrap();
    let later = scratch.tenant("later", tenant).await;
    let position_1 = join(&later, tenant, "later transaction, position 1").await;
    let position_2 = join(&earlier, tenant, "earlier transaction, position 2").await;
    earlier.commit().await.unwrap();
    later.commit().await.unwrap();
    scratch
        .read_all(&Follower::new("other-reader", Log::Decisions), 2)
        .await;

    let mut read = Vec::new();
    for _ in 0..2 {
        let tx = scratch.follower().await;
        let followed = READER.next(&tx, 1).await.unwrap();
        READER.advance(&tx, &followed.events[0]).await.unwrap();
        tx.commit().await.unwrap();
        read.push(followed.events[0].id);
    }
    assert_eq!(read, [position_2.id, position_1.id]);
}

#[tokio::test]
async fn an_event_of_an_aborted_transaction_is_no_gap_to_wait_for() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let aborted = scratch.tenant("aborted", tenant).await;
    join(&aborted, tenant, "never was").await;
    let committed = scratch.tenant("committed", tenant).await;
    let event = join(&committed, tenant, "Ada").await;
    committed.commit().await.unwrap();
    drop(aborted);
    let read = scratch.read_all(&READER, 1).await;
    assert_eq!(
        read.iter().map(|event| event.id).collect::<Vec<_>>(),
        [event.id]
    );
}

#[tokio::test]
async fn the_order_is_that_of_numbers_across_a_digit_boundary() {
    let scratch = Scratch::new().await;
    let superuser = scratch.superuser().await;
    let tenant = TenantId::new(now()).uuid();
    // As text, 10 comes before 9 and 100 before 99: a reader ordered by text would read twice or skip.
    for (version, xid) in (1_i32..).zip(["9", "10", "99", "100"]) {
        let insert = format!(
            "INSERT INTO store.events (transaction_id, tenant_id, stream, version, id, type, schema, occurred_at,
                    actor, correlation_id, payload)
             VALUES ('{xid}', $1, 'user-x', $2, gen_random_uuid(), 'user.joined', 1, now(), 'test', 'r',
                    jsonb_build_object('name', '{xid}', 'role', 'member'))"
        );
        superuser
            .execute(&insert, &[&tenant, &version])
            .await
            .unwrap();
    }
    let mut read = Vec::new();
    for _ in 0..4 {
        let tx = scratch.follower().await;
        let followed = READER.next(&tx, 1).await.unwrap();
        READER.advance(&tx, &followed.events[0]).await.unwrap();
        tx.commit().await.unwrap();
        read.push(name_in(&followed.events[0]).to_owned());
    }
    assert_eq!(read, ["9", "10", "99", "100"]);
    let tx = scratch.follower().await;
    assert!(READER.next(&tx, 1).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn the_checkpoint_moves_only_with_the_transaction_of_the_rows() {
    let scratch = Scratch::new().await;
    let superuser = scratch.superuser().await;
    superuser
        .batch_execute("CREATE TABLE seen (id uuid); GRANT INSERT ON seen TO PUBLIC")
        .await
        .unwrap();
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    let event = join(&tx, tenant, "Ada").await;
    tx.commit().await.unwrap();
    // Waits until the event is below every open transaction, without moving the checkpoint.
    scratch
        .read_all(&Follower::new("other-reader", Log::Decisions), 1)
        .await;

    let write_down = async |tx: &Tx| {
        let followed = READER.next(tx, 10).await.unwrap();
        assert_eq!(followed.events.len(), 1);
        tx.execute("INSERT INTO seen VALUES ($1)", &[&event.id.uuid()])
            .await
            .unwrap();
        READER.advance(tx, &followed.events[0]).await.unwrap();
    };
    let lost = scratch.follower().await;
    write_down(&lost).await;
    drop(lost);
    let kept = scratch.follower().await;
    write_down(&kept).await;
    kept.commit().await.unwrap();

    let count = superuser
        .query_one("SELECT count(*) FROM seen", &[])
        .await
        .unwrap();
    assert_eq!(
        count.get::<_, i64>(0),
        1,
        "the row of the lost transaction is gone with its checkpoint"
    );
    let tx = scratch.follower().await;
    assert!(READER.next(&tx, 10).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn a_second_reader_of_the_same_name_waits_and_reads_nothing_twice() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    for name in ["Ada", "Bob", "Cy"] {
        join(&tx, tenant, name).await;
    }
    tx.commit().await.unwrap();
    scratch
        .read_all(&Follower::new("other-reader", Log::Decisions), 3)
        .await;
    // The checkpoint exists before, so that nothing but its row lock can hold the second reader.
    let tx = scratch.follower().await;
    READER.start_over(&tx).await.unwrap();
    tx.commit().await.unwrap();

    let first = scratch.follower().await;
    let read_first = READER.next(&first, 2).await.unwrap().events;
    let store = scratch.store.clone();
    let second = tokio::spawn(async move {
        let tx = store.begin("second reader", Scope::None).await.unwrap();
        let read = READER.next(&tx, 10).await.unwrap().events;
        tx.commit().await.unwrap();
        read
    });
    wait_for_a_lock(&scratch).await;
    assert!(
        !second.is_finished(),
        "the checkpoint's row lock holds the second reader"
    );

    READER
        .advance(&first, read_first.last().unwrap())
        .await
        .unwrap();
    first.commit().await.unwrap();
    let read_second = second.await.unwrap();
    let names: Vec<_> = read_first.iter().chain(&read_second).map(name_in).collect();
    assert_eq!(names, ["Ada", "Bob", "Cy"]);
}

/// Returns once some connection of this database waits for a lock.
async fn wait_for_a_lock(scratch: &Scratch) {
    let superuser = scratch.superuser().await;
    let waiting = "SELECT 1 FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let seen = async {
        while superuser.query(waiting, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, seen)
        .await
        .expect("nobody came to wait for the lock");
}

#[tokio::test]
async fn readers_of_different_names_do_not_know_of_each_other() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    join(&tx, tenant, "Ada").await;
    tx.commit().await.unwrap();
    assert_eq!(scratch.read_all(&READER, 1).await.len(), 1);
    assert_eq!(
        scratch
            .read_all(&Follower::new("other-reader", Log::Decisions), 1)
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn starting_over_reads_everything_again() {
    let scratch = Scratch::new().await;
    let tenant = TenantId::new(now());
    let tx = scratch.tenant("append", tenant).await;
    join(&tx, tenant, "Ada").await;
    join(&tx, tenant, "Bob").await;
    tx.commit().await.unwrap();
    let first = scratch.read_all(&READER, 2).await;
    let tx = scratch.follower().await;
    READER.start_over(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scratch.read_all(&READER, 2).await, first);
}
