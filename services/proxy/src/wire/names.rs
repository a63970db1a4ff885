//! The names of providers that organizations added, resolved to addresses outside alone. The
//! connection goes to the very address that was checked, whatever the name leads to a moment later.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use guarded_fetch::{AddressRefusal, Reach};
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks names up, and keeps of what it finds what may be connected to.
#[derive(Clone)]
pub(super) struct CheckedNames {
    reach: Reach,
    look_up: Arc<dyn Fn(String) -> Found + Send + Sync>,
}

impl CheckedNames {
    /// As the system looks names up.
    pub(super) fn of_the_system(reach: Reach) -> Self {
        Self::by(reach, |name| async move {
            Ok(tokio::net::lookup_host((name, 0)).await?.collect())
        })
    }

    /// As somebody else does.
    pub(super) fn by<F>(reach: Reach, look_up: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self {
            reach,
            look_up: Arc::new(move |name| Box::pin(look_up(name))),
        }
    }
}

impl Service<Name> for CheckedNames {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (reach, found) = (self.reach, (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let mut addresses = found.await?;
            addresses.retain(|address| reach.allows(address.ip()));
            if addresses.is_empty() {
                return Err(AddressRefusal::Internal.into());
            }
            Ok(addresses.into_iter())
        })
    }
}
