//! One connection, and the call it carries.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Response, Uri};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::wire::{Call, WireError, hush::Hush};

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection, with what moves its bytes when it is polled.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    hush: Arc<Hush>,
}

/// What moves the bytes of a connection; gone when nothing more comes over it. Only by going does
/// it give back a call that it has not begun to send.
struct Driver(Option<http1::Connection<Stream, Full<Bytes>>>);

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let over = match &mut self.0 {
            Some(driver) => Pin::new(driver).poll(cx).is_ready(),
            None => true,
        };
        if over {
            self.0 = None;
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// What became of a call.
pub(super) enum Sent {
    /// The head of the answer is there.
    Answer(Box<Response<Incoming>>, Box<Connection>),
    /// The connection was closed before the call went out.
    Not(Box<Call>),
}

impl Connection {
    pub(super) async fn open<C>(mut connector: C, address: Uri) -> Result<Box<Self>, WireError>
    where
        C: Service<Uri, Response = Stream, Error = Box<dyn std::error::Error + Send + Sync>>,
    {
        poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(WireError::Connect)?;
        let stream = connector.call(address).await.map_err(WireError::Connect)?;
        let (sender, driver) = http1::handshake(stream)
            .await
            .map_err(|error| WireError::Connect(error.into()))?;
        Ok(Box::new(Self {
            sender,
            driver: Driver(Some(driver)),
            hush: Arc::default(),
        }))
    }

    /// Moves bytes; ready when nothing more will come.
    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.driver.poll(cx)
    }

    /// Moves bytes until `take` finds some, or until there are none. What is left to be found when
    /// nothing more will come is found.
    pub(super) fn poll_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, WireError>> {
        let Self { driver, hush, .. } = self;
        hush.poll(cx, |cx| {
            if let Poll::Ready(taken) = take(cx) {
                return Poll::Ready(Ok(taken));
            }
            let over = driver.poll(cx).is_ready();
            match take(cx) {
                Poll::Ready(taken) => Poll::Ready(Ok(taken)),
                Poll::Pending if over => Poll::Ready(Err(WireError::Closed)),
                Poll::Pending => Poll::Pending,
            }
        })
    }

    /// Whether another call can go over it.
    pub(super) fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_drive(cx).is_pending() && self.sender.is_ready()
    }

    /// Sends a call and waits for the head of its answer.
    pub(super) async fn exchange(mut self: Box<Self>, call: Call) -> Result<Sent, WireError> {
        let outcome = {
            let Self {
                sender,
                driver,
                hush,
            } = &mut *self;
            let mut answering = pin!(sender.try_send_request(call));
            hush.stir();
            poll_fn(|cx| {
                hush.poll(cx, |cx| {
                    // Over or not, what came of it is told.
                    let _ = driver.poll(cx);
                    answering.as_mut().poll(cx)
                })
            })
            .await
        };
        match outcome {
            Ok(answer) => Ok(Sent::Answer(Box::new(answer), self)),
            Err(mut unsent) => match unsent.take_message() {
                Some(call) => Ok(Sent::Not(Box::new(call))),
                None => Err(unsent.into_error().into()),
            },
        }
    }
}
