//! A timer that is asked with each piece of an answer, and seldom looked at.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use tokio::{
    task::coop::has_budget_remaining,
    time::{Instant, Sleep, sleep_until},
};

/// Rings at an instant, which may be put off.
pub(super) struct Alarm {
    timer: Pin<Box<Sleep>>,
    rings: Instant,
    /// Who is woken when it rings.
    wakes: Option<Waker>,
}

impl Alarm {
    pub(super) fn at(rings: Instant) -> Self {
        Self {
            timer: Box::pin(sleep_until(rings)),
            rings,
            wakes: None,
        }
    }

    /// Whether this task is woken when it rings, which it has not.
    pub(super) fn is_set_for(&self, cx: &Context<'_>) -> bool {
        let wakes = self.wakes.as_ref();
        wakes.is_some_and(|wakes| wakes.will_wake(cx.waker())) && Instant::now() < self.rings
    }

    /// Ready when it rings at `due` or later. It is put off to then only when it rings before.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let polled = self.poll_timer(cx, due);
        // A timer that finds the budget of the task used up asks to be polled again, and is not set.
        self.wakes = has_budget_remaining().then(|| cx.waker().clone());
        polled
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
            self.rings = due;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, time::Duration};

    use tokio::task::coop::consume_budget;

    use super::*;

    /// Longer than a busy machine pauses between two lines of a test.
    const SOON: Duration = Duration::from_millis(300);
    const LATER: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn it_rings_when_it_is_due_and_not_when_it_was() {
        let began = Instant::now();
        let (mut alarm, due) = (Alarm::at(began + SOON), began + 2 * SOON);
        poll_fn(|cx| alarm.poll(cx, due)).await;
        assert!(began.elapsed() >= 2 * SOON);
    }

    #[tokio::test]
    async fn once_asked_it_need_not_be_asked_before_it_rings() {
        let began = Instant::now();
        let (mut alarm, due) = (Alarm::at(began + SOON), began + 2 * SOON);
        let mut polls = 0;
        poll_fn(|cx| {
            if alarm.is_set_for(cx) {
                return Poll::Pending;
            }
            polls += 1;
            let polled = alarm.poll(cx, due);
            assert!(polled.is_ready() || alarm.is_set_for(cx));
            polled
        })
        .await;
        assert!(Instant::now() >= due);
        assert_eq!(polls, 3);
    }

    #[tokio::test]
    async fn it_is_set_for_who_asked_last() {
        let mut alarm = Alarm::at(Instant::now() + LATER);
        let due = Instant::now() + LATER;
        poll_fn(|cx| {
            assert!(alarm.poll(cx, due).is_pending());
            assert!(alarm.is_set_for(cx));
            assert!(!alarm.is_set_for(&Context::from_waker(Waker::noop())));
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_task_that_used_up_its_budget_asks_again() {
        let mut alarm = Alarm::at(Instant::now() + LATER);
        let due = Instant::now() + LATER;
        let mut used_up = false;
        poll_fn(|cx| {
            if !std::mem::replace(&mut used_up, true) {
                while has_budget_remaining() {
                    assert!(pin!(consume_budget()).poll(cx).is_ready());
                }
                assert!(alarm.poll(cx, due).is_pending());
                assert!(!alarm.is_set_for(cx));
                return Poll::Pending;
            }
            assert!(alarm.poll(cx, due).is_pending());
            assert!(alarm.is_set_for(cx));
            Poll::Ready(())
        })
        .await;
    }
}
