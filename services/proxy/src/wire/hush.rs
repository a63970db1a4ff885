//! Keeps a connection from waking the task that is polling it.
//!
//! The two ends of a connection stand in one task here: the one that moves its bytes, and the one
//! that waits for them. Each wakes the other when it gives it something. As the task polls both, it
//! would be woken for what it has in hand, and polled through from the server's connection on: once
//! more for each piece of a stream. And it knows what has not changed: who asks again for what was
//! pending, without a wake since, is answered without looking.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// So often at most one poll goes around; what is left then waits for its turn like any other task.
const ROUNDS: usize = 8;

/// Passes wakes on, but for those from within.
#[derive(Default)]
pub(super) struct Hush {
    task: AtomicWaker,
    polling: AtomicBool,
    woken: AtomicBool,
    /// Nothing was there when the last poll ended, and whatever may come wakes this. Nobody looks at it
    /// but who polls.
    at_rest: AtomicBool,
}

impl Wake for Hush {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order: whoever stops polling lowers its flag first, and looks at ours then.
        self.woken.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Hush {
    /// Something else is asked for from now on: it has not been looked for yet.
    pub(super) fn stir(&self) {
        self.at_rest.store(false, Ordering::Relaxed);
    }

    /// Polls for this task, and again as long as that only woke itself.
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.task.register(cx.waker());
        // In this order: who wakes after this look wakes the task that was just noted.
        if self.at_rest.load(Ordering::Relaxed) && !self.woken.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        self.stir();
        let waker = Waker::from(Arc::clone(self));
        let mut hushed = Context::from_waker(&waker);
        for _ in 0..ROUNDS {
            self.woken.store(false, Ordering::SeqCst);
            self.polling.store(true, Ordering::SeqCst);
            let polled = poll(&mut hushed);
            self.polling.store(false, Ordering::SeqCst);
            // Who is given something asks again in any case.
            if polled.is_ready() {
                return polled;
            }
            if !self.woken.load(Ordering::SeqCst) {
                self.at_rest.store(true, Ordering::Relaxed);
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicUsize,
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn counting() -> (Arc<Counts>, Waker) {
        let counts = Arc::new(Counts::default());
        (Arc::clone(&counts), Waker::from(counts))
    }

    #[test]
    fn a_wake_from_within_is_another_round_and_no_wake_of_the_task() {
        let (counts, waker) = counting();
        let (hush, mut rounds) = (Arc::new(Hush::default()), 0);
        let polled = hush.poll(&mut Context::from_waker(&waker), |cx| {
            rounds += 1;
            if rounds < 3 {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!((rounds, counts.0.load(Ordering::SeqCst)), (3, 0));
    }

    #[test]
    fn a_wake_from_without_wakes_the_task_that_polled_last() {
        let ((first, one), (second, other)) = (counting(), counting());
        let hush = Arc::new(Hush::default());
        let mut kept = None;
        for waker in [&one, &other] {
            let polled = hush.poll(&mut Context::from_waker(waker), |cx| {
                kept = Some(cx.waker().clone());
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
        }
        kept.unwrap().wake();
        let woken = [first, second].map(|counts| counts.0.load(Ordering::SeqCst));
        assert_eq!(woken, [0, 1]);
    }

    #[test]
    fn what_was_pending_is_looked_for_again_after_a_wake_or_when_stirred() {
        let (counts, waker) = counting();
        let (hush, mut kept, mut looks) = (Arc::new(Hush::default()), None, 0);
        let mut poll = |looks: &mut usize| {
            let polled = hush.poll(&mut Context::from_waker(&waker), |cx| {
                kept = Some(cx.waker().clone());
                *looks += 1;
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
        };
        poll(&mut looks);
        poll(&mut looks);
        assert_eq!(looks, 1);
        hush.stir();
        poll(&mut looks);
        poll(&mut looks);
        assert_eq!(looks, 2);
        kept.take().unwrap().wake();
        let look = |looks: &mut usize| {
            hush.poll(&mut Context::from_waker(&waker), |_| {
                *looks += 1;
                Poll::Ready(())
            })
        };
        assert!(look(&mut looks).is_ready());
        // What was given something may have more.
        assert!(look(&mut looks).is_ready());
        assert_eq!((looks, counts.0.load(Ordering::SeqCst)), (4, 1));
    }

    #[test]
    fn what_wakes_itself_without_end_waits_for_its_turn() {
        let (counts, waker) = counting();
        let hush = Arc::new(Hush::default());
        let polled = hush.poll(&mut Context::from_waker(&waker), |cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(counts.0.load(Ordering::SeqCst), 1);
    }

    /// No wake is lost, whenever it comes: another thread gives, and this one takes until it has all.
    #[test]
    fn a_wake_of_another_thread_is_not_lost() {
        const GIVEN: usize = 20_000;
        let given = Arc::new(AtomicUsize::new(0));
        let (counts, waker) = counting();
        let (hush, inner) = (Arc::new(Hush::default()), Arc::new(AtomicWaker::new()));
        let giver = {
            let (given, inner) = (Arc::clone(&given), Arc::clone(&inner));
            thread::spawn(move || {
                for _ in 0..GIVEN {
                    given.fetch_add(1, Ordering::SeqCst);
                    inner.wake();
                }
            })
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        let (mut taken, mut seen) = (0, 0);
        while taken < GIVEN {
            let polled = hush.poll(&mut Context::from_waker(&waker), |cx| {
                inner.register(cx.waker());
                let now = given.load(Ordering::SeqCst);
                if now == taken {
                    return Poll::Pending;
                }
                taken = now;
                Poll::Ready(())
            });
            // As a task: polled again at once when it was given something, else when it is woken.
            while polled.is_pending() && counts.0.load(Ordering::SeqCst) == seen {
                assert!(Instant::now() < deadline, "a wake was lost at {taken}");
                thread::yield_now();
            }
            seen = counts.0.load(Ordering::SeqCst);
        }
        giver.join().unwrap();
    }
}
