//! The body of an answer that goes out piece by piece.

use std::{
    error, fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::time::{Sleep, sleep};

use crate::{
    frames::{Ending, Frames, Kind, Mark},
    ledger::OpenCall,
    tokens::Tokens,
};

/// A body on its way. When it ends or is dropped, its call is logged with what was sent until then.
#[derive(Debug)]
pub struct Stream {
    frames: Frames,
    size: BodySize,
    pace: Duration,
    tokens: Tokens,
    call: Option<OpenCall>,
    next: usize,
    begin: usize,
    sent: u32,
    waits: Option<Pin<Box<Sleep>>>,
    /// All that will be sent went out, so that the connection may drop.
    flushed: bool,
}

impl Stream {
    /// A stream of events that costs `tokens` when it goes out whole.
    pub fn new(frames: Frames, pace: Duration, tokens: Tokens, call: OpenCall) -> Self {
        Self {
            frames,
            size: BodySize::Stream,
            pace,
            tokens,
            call: Some(call),
            next: 0,
            begin: 0,
            sent: 0,
            waits: None,
            flushed: false,
        }
    }

    /// A JSON answer that promises its whole length and breaks off in the middle. The provider
    /// has generated all of it by then, so all of it is paid for.
    pub fn half_of(json: &Bytes, tokens: Tokens, call: OpenCall) -> Self {
        let half = json.slice(..json.len() / 2);
        let marks = [Mark {
            end: half.len(),
            kind: Kind::Opening,
        }]
        .into();
        let frames = Frames {
            bytes: half,
            marks,
            content: 0,
            ending: Ending::Cut,
        };
        let mut stream = Self::new(frames, Duration::ZERO, tokens, call);
        stream.size = BodySize::Sized(json.len() as u64);
        stream
    }

    fn wait_before(&mut self, kind: Kind, cx: &mut Context<'_>) -> Poll<()> {
        if kind != Kind::Content || self.sent == 0 || self.pace.is_zero() {
            return Poll::Ready(());
        }
        let pace = self.pace;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(pace)));
        std::task::ready!(waits.as_mut().poll(cx));
        self.waits = None;
        Poll::Ready(())
    }

    fn send(&mut self, mark: Mark) -> Bytes {
        let event = self.frames.bytes.slice(self.begin..mark.end);
        self.begin = mark.end;
        self.next += 1;
        self.sent += u32::from(mark.kind == Kind::Content);
        // With the last event the log is right already: some callers stop reading there.
        if self.next == self.frames.marks.len() && self.frames.ending != Ending::Cut {
            self.close(self.frames.ending == Ending::Whole);
        }
        event
    }

    fn close(&mut self, completed: bool) {
        self.note_tokens();
        if let Some(call) = self.call.take() {
            call.end(completed);
        }
    }

    fn note_tokens(&mut self) {
        let generated = self.tokens.after(self.sent, self.frames.content);
        if let Some(call) = &mut self.call {
            call.note(|entry| {
                if entry.billed {
                    entry.tokens = generated;
                }
            });
        }
    }
}

impl MessageBody for Stream {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let stream = self.get_mut();
        if let Some(mark) = stream.frames.marks.get(stream.next).copied() {
            std::task::ready!(stream.wait_before(mark.kind, cx));
            return Poll::Ready(Some(Ok(stream.send(mark))));
        }
        if stream.frames.ending != Ending::Cut {
            return Poll::Ready(None);
        }
        if !stream.flushed {
            // The server flushes only while nothing is ready; a failed body loses what is unflushed.
            stream.flushed = true;
            stream.close(false);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Cut)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Only a call that is still open is changed: its caller has gone.
        self.note_tokens();
    }
}

/// The script wanted the connection to drop here.
#[derive(Debug, Clone, Copy)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script drops the connection here")
    }
}

impl error::Error for Cut {}
