//! Tells an open inbox that something changed (server-sent events, HTML standard section 9.2).

use std::{future::Future, time::Duration};

use actix_web::{HttpResponse, get, http::header, web};
use bytes::Bytes;
use futures_util::{Stream, stream};
use ids::UserId;
use server::{Person, Problem, Shutdown};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use crate::vault::{Change, Vault};

/// A comment goes out at least this often, so that nothing on the way takes the line for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The line ends after this, and the browser opens another: by then a session may have ended.
const LONGEST: Duration = Duration::from_secs(600);

const CHANGED: &[u8] = b"event: changed\ndata: 1\n\n";
const ALIVE: &[u8] = b": alive\n\n";

#[get("/inbox/live")]
pub(super) async fn live(
    person: Person,
    shutdown: Shutdown,
    vault: web::Data<Vault>,
) -> Result<HttpResponse, Problem> {
    let changes = vault.changes.subscribe();
    let stop = async move {
        tokio::select! {
            () = shutdown.requested() => {}
            () = sleep(LONGEST) => {}
        }
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies in front must not collect it.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(lines(person.user, changes, stop)))
}

/// What goes down the line: at once an event, because something may have changed between the page
/// and the line; then one for each change of this person's inbox, until `stop`.
fn lines(
    user: UserId,
    changes: Receiver<Change>,
    stop: impl Future<Output = ()> + 'static,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + 'static {
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let open = Some((changes, beat, Box::pin(stop), true));
    stream::unfold(open, move |open| async move {
        let (mut changes, mut beat, mut stop, first) = open?;
        let line = if first {
            CHANGED
        } else {
            tokio::select! {
                () = &mut stop => return None,
                () = changed(&mut changes, user) => CHANGED,
                _ = beat.tick() => ALIVE,
            }
        };
        Some((
            Ok(Bytes::from_static(line)),
            Some((changes, beat, stop, false)),
        ))
    })
}

/// Ends when this person's inbox changed, or may have.
async fn changed(changes: &mut Receiver<Change>, user: UserId) {
    loop {
        match changes.recv().await {
            Ok(Change::Inbox(whose)) if whose == user => return,
            Ok(_) => {}
            // Too many to keep up with: one of them may have been ours.
            Err(RecvError::Lagged(_)) => return,
            // Nobody is left to tell: the process ends, and the heartbeat carries on until then.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::sync::broadcast;

    use super::*;

    fn user(second: i64) -> UserId {
        UserId::new(jiff::Timestamp::from_second(1_790_000_000 + second).unwrap())
    }

    #[tokio::test]
    async fn only_changes_of_ones_own_inbox_are_told() {
        let (mine, other) = (user(0), user(1));
        let (sender, receiver) = broadcast::channel(8);
        let mut lines = Box::pin(lines(mine, receiver, std::future::pending()));
        assert_eq!(lines.next().await.unwrap().unwrap(), CHANGED);
        sender.send(Change::Inbox(other)).unwrap();
        sender.send(Change::Inbox(mine)).unwrap();
        sender.send(Change::Inbox(other)).unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), CHANGED);
        assert!(futures_util::poll!(lines.next()).is_pending());
    }

    #[tokio::test]
    async fn a_listener_that_fell_behind_looks_again() {
        let (sender, receiver) = broadcast::channel(1);
        let mut lines = Box::pin(lines(user(0), receiver, std::future::pending()));
        lines.next().await;
        sender.send(Change::Inbox(user(1))).unwrap();
        sender.send(Change::Inbox(user(2))).unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), CHANGED);
    }

    #[tokio::test]
    async fn the_line_ends_when_it_is_told_to() {
        let (_sender, receiver) = broadcast::channel(1);
        let mut lines = Box::pin(lines(user(0), receiver, std::future::ready(())));
        lines.next().await;
        assert!(lines.next().await.is_none());
    }
}
