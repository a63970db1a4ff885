//! The body of an answer, together with the connection it comes over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body as _, Incoming};

use crate::{
    sandbox::Made,
    wire::{
        WireError,
        connection::Connection,
        kept::{Kept, Origin},
    },
};

/// The body of an answer.
pub struct Body(Source);

enum Source {
    Connection(Arriving),
    Sandbox(Made),
}

/// What comes over a connection. Read to its end, the connection is kept for the next call; dropped
/// before, it is closed.
struct Arriving {
    incoming: Incoming,
    connection: Option<Box<Connection>>,
    kept: Kept,
    origin: Origin,
}

impl Body {
    pub(super) const fn new(
        incoming: Incoming,
        connection: Box<Connection>,
        kept: Kept,
        origin: Origin,
    ) -> Self {
        Self(Source::Connection(Arriving {
            incoming,
            connection: Some(connection),
            kept,
            origin,
        }))
    }

    /// A body that came over no connection.
    pub(crate) const fn made(made: Made) -> Self {
        Self(Source::Sandbox(made))
    }

    /// How long it is, if that was said.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Source::Connection(arriving) => arriving.incoming.size_hint().exact(),
            Source::Sandbox(made) => made.length(),
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, WireError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.get_mut().0 {
            Source::Connection(arriving) => arriving.poll_bytes(cx),
            Source::Sandbox(made) => made.poll_piece(cx),
        }
    }
}

impl Arriving {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, WireError>>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(None);
        };
        let incoming = &mut self.incoming;
        let polled = connection.poll_until(cx, |cx| poll_data(incoming, cx));
        let polled = polled.map(|taken| taken.unwrap_or_else(|error| Some(Err(error))));
        match &polled {
            Poll::Pending | Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => self.connection = None,
            Poll::Ready(None) => {
                if let Some(connection) = self.connection.take() {
                    self.kept.keep(&self.origin, connection, cx);
                }
            }
        }
        polled
    }
}

/// The next bytes of those that are there. Trailers are not given on.
fn poll_data(
    incoming: &mut Incoming,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, WireError>>> {
    loop {
        return match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(bytes))),
                _ => continue,
            },
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        };
    }
}
