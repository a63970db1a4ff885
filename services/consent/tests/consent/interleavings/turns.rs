//! Whose turn it is: several actors in one task, each moved forward only when its number comes up.
//!
//! The same seed draws the same order of turns. What the database does between two turns is its own:
//! an actor that waits for a lock which another one holds is passed over until it can go on.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::task::AtomicWaker;

use super::seeded::Seeded;

/// How long somebody whose turn it is may wait for the database before the next one is asked.
const GRACE: Duration = Duration::from_millis(2);

/// Rings when an actor can go on.
struct Bell {
    rung: AtomicBool,
    lane: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.lane.wake();
    }
}

/// Somebody with something to do.
pub struct Actor<'a> {
    doing: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
    bell: Arc<Bell>,
}

impl<'a> Actor<'a> {
    pub fn new(doing: impl Future<Output = ()> + 'a) -> Self {
        let bell = Bell {
            rung: AtomicBool::new(true),
            lane: AtomicWaker::new(),
        };
        Self {
            doing: Some(Box::pin(doing)),
            bell: Arc::new(bell),
        }
    }

    pub const fn is_done(&self) -> bool {
        self.doing.is_none()
    }

    /// Goes away in the middle of whatever it is doing.
    pub fn leave(&mut self) {
        self.doing = None;
    }

    /// Goes forward by one step, if it can.
    fn step(&mut self) {
        let Some(doing) = &mut self.doing else { return };
        if !self.bell.rung.swap(false, Ordering::AcqRel) {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.bell));
        if doing.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
            self.doing = None;
        }
    }

    /// Waits until it can go on; false when that takes longer than a turn lasts.
    async fn can_go_on(&self) -> bool {
        tokio::time::timeout(GRACE, rung(std::slice::from_ref(self)))
            .await
            .is_ok()
    }
}

/// Waits until one of them can go on.
async fn rung(actors: &[Actor<'_>]) {
    poll_fn(|context| {
        let mut ready = false;
        for actor in actors.iter().filter(|actor| !actor.is_done()) {
            actor.bell.lane.register(context.waker());
            ready |= actor.bell.rung.load(Ordering::Acquire);
        }
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Gives turns until `enough` says so, or nobody has anything left to do. A turn is at most `burst` steps.
pub async fn take_turns(
    actors: &mut [Actor<'_>],
    seeded: &mut Seeded,
    burst: usize,
    enough: impl Fn(&[Actor<'_>]) -> bool,
) {
    while !enough(actors) && !actors.iter().all(Actor::is_done) {
        rung(actors).await;
        let waiting: Vec<usize> = (0..actors.len())
            .filter(|n| !actors[*n].is_done())
            .collect();
        let turn = seeded.pick(&waiting);
        let mut left = burst;
        while left > 0 && !actors[turn].is_done() && actors[turn].can_go_on().await {
            actors[turn].step();
            left -= 1;
        }
    }
}

/// Lets the others have a turn.
pub async fn let_others() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
