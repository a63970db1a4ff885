//! The body of an answer that was made here: its pieces, and the time between them.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};

use crate::wire::WireError;

/// The pieces of an answer, in their order.
pub(crate) struct Made {
    pieces: VecDeque<Bytes>,
    /// How long each piece is waited for.
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
    /// Whether it breaks off after the last of them.
    breaks: bool,
}

impl Made {
    /// A body of these pieces, there at once.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            pieces: pieces.into_iter().collect(),
            pause: None,
            breaks: false,
        }
    }

    /// The same, spread over this time.
    pub(crate) fn spread_over(mut self, time: Duration) -> Self {
        let gaps = u32::try_from(self.pieces.len()).unwrap_or(u32::MAX).max(1);
        let pause = time / gaps;
        self.pause = Some((pause, Box::pin(sleep(pause))));
        self
    }

    /// The first half of it; then it breaks off.
    pub(crate) fn cut(mut self) -> Self {
        match self.pieces.make_contiguous() {
            [only] => *only = only.slice(..only.len() / 2),
            many => {
                let half = many.len().div_ceil(2);
                self.pieces.truncate(half);
            }
        }
        self.breaks = true;
        self
    }

    /// How long it is, where it is all there.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.breaks {
            return None;
        }
        u64::try_from(self.pieces.iter().map(Bytes::len).sum::<usize>()).ok()
    }

    /// The next piece.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, WireError>>> {
        if self.pieces.is_empty() {
            let end = std::mem::take(&mut self.breaks);
            return Poll::Ready(end.then_some(Err(WireError::Closed)));
        }
        if let Some((pause, timer)) = &mut self.pause {
            ready!(timer.as_mut().poll(cx));
            timer.as_mut().reset(Instant::now() + *pause);
        }
        Poll::Ready(self.pieces.pop_front().map(Ok))
    }
}
