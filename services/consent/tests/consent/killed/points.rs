//! Where the process is killed: in the middle of the statement that writes for the n-th time, or in
//! the middle of the commit.
//!
//! Triggers count what is written and, at the chosen one, wait for a lock that the test holds. Those
//! that are deferred wait inside the commit: when they may go on, the commit goes through, although
//! nobody is there to hear of it.

use std::time::Duration;

use tokio_postgres::Client;

use crate::world::{World, until};

const LOCK: i64 = 4_242;

/// The tables between an approval and a delivery.
const TABLES: [&str; 8] = [
    "store.events",
    "consent.connect_tickets",
    "consent.access_requests",
    "consent.grants",
    "consent.delivery_channels",
    "consent.authorization_codes",
    "consent.refresh_tokens",
    "consent.grant_access",
];

const COUNTER: &str = "
    CREATE SCHEMA point;
    CREATE SEQUENCE point.passed;
    CREATE TABLE point.chosen (number bigint NOT NULL);
    INSERT INTO point.chosen VALUES (0);
    CREATE FUNCTION point.pass() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval('point.passed') = (SELECT number FROM point.chosen) THEN
            PERFORM pg_advisory_xact_lock_shared(4242);
        END IF;
        RETURN NULL;
    END $$;
    GRANT USAGE ON SCHEMA point TO latchkey_consent;";

pub struct Points {
    owner: Client,
}

impl Points {
    pub async fn set(world: &World) -> Self {
        let owner = world.scratch.owner().await;
        owner.batch_execute(COUNTER).await.unwrap();
        for table in TABLES {
            let written = format!(
                "CREATE TRIGGER passed AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION point.pass();"
            );
            owner.batch_execute(&written).await.unwrap();
        }
        let committed = "CREATE CONSTRAINT TRIGGER committed AFTER INSERT ON store.events
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION point.pass()";
        owner.batch_execute(committed).await.unwrap();
        Self { owner }
    }

    /// Chooses a point, counted from now; 0 is none.
    pub async fn choose(&self, number: i64) {
        let sql = format!(
            "UPDATE point.chosen SET number = {number}; SELECT setval('point.passed', 1, false); SELECT pg_advisory_lock({LOCK})"
        );
        self.owner.batch_execute(&sql).await.unwrap();
    }

    /// What `whole` comes to; `None` when somebody is at the chosen point before.
    pub async fn unless_reached<T>(&self, whole: impl Future<Output = T>) -> Option<T> {
        let reached = async {
            while !self.is_reached().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            outcome = whole => Some(outcome),
            () = reached => None,
        }
    }

    /// Whether somebody waits at the point.
    async fn is_reached(&self) -> bool {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = {LOCK}
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
        );
        self.owner.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Lets whoever waits go on, and waits until that is over.
    pub async fn release(&self) {
        self.owner
            .batch_execute(&format!(
                "UPDATE point.chosen SET number = 0; SELECT pg_advisory_unlock({LOCK})"
            ))
            .await
            .unwrap();
        until("the end of what the process had begun", async || {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                          AND usename = 'latchkey_consent' AND state <> 'idle'";
            let busy: i64 = self.owner.query_one(sql, &[]).await.unwrap().get(0);
            (busy == 0).then_some(())
        })
        .await;
    }
}
