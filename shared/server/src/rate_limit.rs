//! How often one caller may ask.

use std::{
    future::{Future, Ready, ready},
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix_web::{
    Error, HttpRequest,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};

use crate::{problem::Problem, site::Site};

/// After this many checks, keys that have not been seen for a while are forgotten.
const HOUSEKEEPING_EVERY: u32 = 4_096;

/// Lets each key through so many times in a period. Cheap to clone; clones count together.
pub struct Throttle<K: Hash + Eq + Clone>(Arc<Counters<K>>);

struct Counters<K: Hash + Eq + Clone> {
    name: &'static str,
    limiter: DefaultKeyedRateLimiter<K>,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Clone for Throttle<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// `times` at once, given back evenly over `period`. The name appears in metrics.
    #[must_use]
    pub fn new(name: &'static str, times: NonZeroU32, period: Duration) -> Self {
        // `None` only for a period of nothing, which then means a second.
        let quota = Quota::with_period(period / times.get())
            .map_or(Quota::per_second(times), |quota| quota.allow_burst(times));
        let limiter = RateLimiter::keyed(quota);
        Self(Arc::new(Counters {
            name,
            limiter,
            checks: AtomicU32::new(0),
        }))
    }

    /// Counts one time for this key.
    ///
    /// # Errors
    /// 429 with the wait, when the key has used up its times.
    pub fn check(&self, key: &K) -> Result<(), Problem> {
        self.keep_house();
        self.0.limiter.check_key(key).map_err(|until| {
            metrics::counter!("latchkey_throttled_total", "limit" => self.0.name).increment(1);
            let wait = until.wait_time_from(self.0.limiter.clock().now());
            Problem::too_many("Too many requests from here. Please wait a moment.")
                .retry_after(wait)
        })
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.0.limiter.len()
    }

    fn keep_house(&self) {
        if self.0.checks.fetch_add(1, Ordering::Relaxed) % HOUSEKEEPING_EVERY
            == HOUSEKEEPING_EVERY - 1
        {
            self.0.limiter.retain_recent();
            self.0.limiter.shrink_to_fit();
        }
    }
}

/// Middleware that limits how often one address may ask, for a route or a scope.
///
/// Make it once, outside the closure that configures routes, so that all workers count together.
#[derive(Clone)]
pub struct RateLimit(Throttle<IpAddr>);

impl RateLimit {
    /// `times` a minute from one address.
    #[must_use]
    pub fn per_minute(name: &'static str, times: NonZeroU32) -> Self {
        Self(Throttle::new(name, times, Duration::from_secs(60)))
    }

    /// Another quota.
    #[must_use]
    pub const fn of(throttle: Throttle<IpAddr>) -> Self {
        Self(throttle)
    }

    /// Counts one request of its address, for a route that words its refusals itself.
    ///
    /// # Errors
    /// 429 with the wait, when the address has used up its times.
    pub fn count(&self, request: &HttpRequest) -> Result<(), Problem> {
        match Site::of(request)?.client_address(request) {
            Some(address) => self.0.check(&network_of(address)),
            None => Ok(()),
        }
    }
}

/// One subscriber has a whole /64 of IPv6 addresses and counts once.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

impl<S, B> Transform<S, ServiceRequest> for RateLimit
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Limited<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Limited {
            limit: self.clone(),
            service: Rc::new(service),
        }))
    }
}

/// A service behind a [`RateLimit`].
pub struct Limited<S> {
    limit: RateLimit,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for Limited<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        match self.limit.count(request.request()) {
            Ok(()) => {
                let answer = self.service.call(request);
                Box::pin(async move { Ok(answer.await?.map_into_left_body()) })
            }
            Err(problem) => {
                let refusal = request.error_response(problem).map_into_right_body();
                Box::pin(ready(Ok(refusal)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();

    #[test]
    fn each_key_has_its_own_times() {
        let throttle = Throttle::new("test", THREE, Duration::from_secs(3_600));
        for _ in 0..3 {
            assert_eq!(throttle.check(&"a"), Ok(()));
        }
        assert_eq!(throttle.check(&"a").unwrap_err().status(), 429);
        assert_eq!(throttle.check(&"b"), Ok(()));
    }

    #[test]
    fn keys_not_seen_for_a_while_are_forgotten() {
        let throttle = Throttle::new("test", THREE, Duration::from_nanos(3));
        for key in 0..20_000 {
            throttle.check(&key).unwrap();
        }
        assert!(throttle.remembered() < 10_000, "{}", throttle.remembered());
    }

    #[test]
    fn a_subscriber_counts_once_whatever_the_address() {
        let [one, other]: [IpAddr; 2] =
            ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"].map(|text| text.parse().unwrap());
        assert_eq!(network_of(one), network_of(other));
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(network_of(mapped), IpAddr::from([192, 0, 2, 7]));
    }
}
