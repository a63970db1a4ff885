//! How a process is asked to stop: first no new work, then everything.

use std::future::{Future, Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use tokio::sync::watch;

use crate::problem::Problem;

/// Tells a task that it should stop. Cheap to clone.
///
/// Background tasks are told last, after the requests under way have finished, because those may
/// still give them work. As an extractor, in a handler that never ends by itself (a live stream),
/// it tells as soon as the process begins to stop.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Asks to stop. Dropping it asks, too.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Shutdown {
    /// A pair: one asks, the other is told.
    #[must_use]
    pub fn pair() -> (Stop, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stop(sender), Self(receiver))
    }

    /// Ends when the stop is asked for. Borrows nothing, so it can be given to another task.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut receiver = self.0.clone();
        async move {
            // An error means that whoever could ask is gone, which asks as well.
            receiver.wait_for(|stop| *stop).await.ok();
        }
    }

    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// The bare channel, for instruments that take one: true when the stop is asked for.
    #[must_use]
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }
}

impl Stop {
    /// Asks once; asking again changes nothing.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl FromRequest for Shutdown {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request
            .app_data::<web::Data<Self>>()
            .map(|shutdown| shutdown.get_ref().clone());
        ready(found.ok_or_else(|| {
            tracing::error!("the application was put together without a Shutdown");
            Problem::unexplained()
        }))
    }
}
