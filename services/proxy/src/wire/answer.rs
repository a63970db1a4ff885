//! The body of an answer, together with the connection it comes over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body as _, Incoming};

use crate::wire::{
    WireError,
    connection::Connection,
    kept::{Kept, Origin},
};

/// The body of an answer. Read to its end, its connection is kept for the next call; dropped
/// before, the connection is closed.
pub struct Body {
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
        Self {
            incoming,
            connection: Some(connection),
            kept,
            origin,
        }
    }

    /// How long it is, if that was said.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }
}

impl Stream for Body {
    type Item = Result<Bytes, WireError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(connection) = &mut this.connection else {
            return Poll::Ready(None);
        };
        let mut polled = poll_data(&mut this.incoming, cx);
        if polled.is_pending() {
            let over = connection.poll_drive(cx).is_ready();
            polled = poll_data(&mut this.incoming, cx);
            if over && polled.is_pending() {
                polled = Poll::Ready(Some(Err(WireError::Closed)));
            }
        }
        match &polled {
            Poll::Pending | Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => this.connection = None,
            Poll::Ready(None) => {
                if let Some(connection) = this.connection.take() {
                    this.kept.keep(&this.origin, connection, cx);
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
