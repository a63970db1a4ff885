//! At most one of a kind in all processes: a lock of the database that lasts as long as a session.

use std::time::Duration;

use postgres::{DatabaseError, Postgres};
use tokio::{
    sync::oneshot,
    time::{interval, timeout},
};

/// How often the holder makes sure that its session is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

const TAKE: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
const RELEASE: &str = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";

/// A lock that was taken. It is given back when this is dropped.
pub struct OneAtATime {
    // Dropping it is what tells the session's task to give the lock back.
    _held: oneshot::Sender<()>,
    lost: oneshot::Receiver<()>,
}

impl OneAtATime {
    /// Takes the lock of this name; `None` when somebody else has it.
    pub async fn take(
        postgres: &Postgres,
        name: &'static str,
    ) -> Result<Option<Self>, DatabaseError> {
        let (held, let_go) = oneshot::channel();
        let (tell_taken, taken) = oneshot::channel();
        let (tell_lost, lost) = oneshot::channel();
        // A task of its own, so that the lock is given back however its holder ends, even while it
        // is being taken: a session that went back to the pool with it would keep it for ever.
        let postgres = postgres.clone();
        tokio::spawn(async move {
            if let Err(error) = hold(&postgres, name, tell_taken, let_go, tell_lost).await {
                // The session is gone, and the lock with it.
                tracing::warn!(%error, lock = name, "a lock could not be given back");
            }
        });
        match taken.await {
            Ok(Ok(true)) => Ok(Some(Self { _held: held, lost })),
            Ok(Ok(false)) | Err(_) => Ok(None),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Whether the session, and so the lock, is gone.
    pub fn is_lost(&mut self) -> bool {
        !matches!(
            self.lost.try_recv(),
            Err(oneshot::error::TryRecvError::Empty)
        )
    }
}

type Taken = oneshot::Sender<Result<bool, DatabaseError>>;

async fn hold(
    postgres: &Postgres,
    name: &'static str,
    tell_taken: Taken,
    mut let_go: oneshot::Receiver<()>,
    tell_lost: oneshot::Sender<()>,
) -> Result<(), DatabaseError> {
    // Nobody listens any more when telling fails: then `let_go` says so too.
    let session = match postgres.connection("one at a time").await {
        Ok(session) => session,
        Err(error) => {
            let _ = tell_taken.send(Err(error));
            return Ok(());
        }
    };
    let refused = |source| DatabaseError::Statement {
        name: "one at a time",
        source,
    };
    let taken = session
        .query_one(TAKE, &[&name])
        .await
        .map(|row| row.get(0))
        .map_err(refused);
    let ours = matches!(taken, Ok(true));
    let _ = tell_taken.send(taken);
    if !ours {
        return Ok(());
    }
    let mut looks = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = &mut let_go => break,
            _ = looks.tick() => {
                let look = timeout(ANSWER_WITHIN, session.simple_query("SELECT 1")).await;
                if !matches!(look, Ok(Ok(_))) {
                    break;
                }
            }
        }
    }
    drop(tell_lost);
    session
        .execute(RELEASE, &[&name])
        .await
        .map(drop)
        .map_err(refused)
}
