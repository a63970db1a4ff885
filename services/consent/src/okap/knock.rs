//! Who is being asked: from the address in a call to a person's vault, before anyone signed in; and
//! how often and how many at once one network may knock.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{HttpRequest, http::header};
use base64::{Engine, engine::general_purpose::STANDARD};
use ids::{ConnectTicket, Handle, HandleId};
use server::{Problem, Site, Throttle};

use crate::address::{AddressError, Addresses, Ticket, Whose};

/// How often one network may ask in a minute.
const ASKS_PER_MINUTE: u32 = 60;
/// How often one network may collect in a minute.
const POLLS_PER_MINUTE: u32 = 300;
/// How many callers of one network are kept waiting at once.
const WAITING_OF_ONE: u32 = 50;
/// How many callers are kept waiting at once in this process.
const WAITING_OF_ALL: u32 = 10_000;

/// Counts who knocks how often, and who waits. Clones count together.
#[derive(Clone)]
pub struct Knocks {
    asks: Throttle<IpAddr>,
    polls: Throttle<IpAddr>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    all: u32,
    by_network: HashMap<IpAddr, u32>,
}

/// A caller's place among those that are kept waiting; free again when this is dropped.
pub struct Place {
    waiting: Arc<Mutex<Waiting>>,
    network: Option<IpAddr>,
}

/// What an address names.
pub enum Door {
    /// A live ticket: one use, perhaps with a ceiling.
    Ticket(Ticket),
    /// A person who may be asked, and which handle of theirs it is.
    Handle(Whose, HandleId),
    /// A person whose grant the caller has a token of: it asks for more.
    Grant(Whose),
    /// Nobody. The caller must not notice.
    Nobody,
}

impl Knocks {
    /// Nobody has knocked yet.
    #[must_use]
    pub fn new() -> Self {
        let per_minute = |name, times| {
            Throttle::new(
                name,
                NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN),
                Duration::from_secs(60),
            )
        };
        Self {
            asks: per_minute("okap", ASKS_PER_MINUTE),
            polls: per_minute("okap-poll", POLLS_PER_MINUTE),
            waiting: Arc::default(),
        }
    }

    /// Counts one request for access from this network.
    ///
    /// # Errors
    /// When it asks too often.
    pub fn count_ask(&self, request: &HttpRequest) -> Result<(), Problem> {
        count(&self.asks, request)
    }

    /// Counts one collection from this network.
    ///
    /// # Errors
    /// When it collects too often.
    pub fn count_poll(&self, request: &HttpRequest) -> Result<(), Problem> {
        count(&self.polls, request)
    }

    /// Keeps a place for a caller that is to wait; `None` when too many wait already, of its network
    /// or of all. The same for every address that is asked at, so that it tells nothing of any.
    #[must_use]
    pub fn place(&self, request: &HttpRequest) -> Option<Place> {
        let network = network_of(request).ok().flatten();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let of_network = network
            .and_then(|network| waiting.by_network.get(&network))
            .copied()
            .unwrap_or(0);
        if waiting.all >= WAITING_OF_ALL || of_network >= WAITING_OF_ONE {
            metrics::counter!("latchkey_throttled_total", "limit" => "okap-waiting").increment(1);
            return None;
        }
        waiting.all += 1;
        if let Some(network) = network {
            waiting.by_network.insert(network, of_network + 1);
        }
        Some(Place {
            waiting: Arc::clone(&self.waiting),
            network,
        })
    }
}

impl Default for Knocks {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all = waiting.all.saturating_sub(1);
        let Some(network) = self.network else { return };
        match waiting.by_network.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(waiting.by_network.remove(&network)),
        }
    }
}

fn count(throttle: &Throttle<IpAddr>, request: &HttpRequest) -> Result<(), Problem> {
    network_of(request)?.map_or(Ok(()), |network| throttle.check(&network))
}

/// The network a call comes from: one address, or the /64 that an IPv6 subscriber has whole.
fn network_of(request: &HttpRequest) -> Result<Option<IpAddr>, Problem> {
    let address = Site::of(request)?.client_address(request);
    Ok(address.map(|address| match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }))
}

/// Finds whose vault a call is for: by the user part of the URL (sent as Basic or Bearer), by the
/// path, or by the host name.
///
/// # Errors
/// When the database cannot be asked.
pub async fn door(addresses: &Addresses, request: &HttpRequest) -> Result<Door, AddressError> {
    let Some(name) = named(request) else {
        return Ok(Door::Nobody);
    };
    if let Ok(ticket) = ConnectTicket::parse(&name) {
        return Ok(addresses
            .ticket(&ticket)
            .await?
            .map_or(Door::Nobody, Door::Ticket));
    }
    let Ok(handle) = name.parse::<Handle>() else {
        return Ok(Door::Nobody);
    };
    Ok(addresses
        .whose_handle(&handle)
        .await?
        .map_or(Door::Nobody, |(whose, handle)| Door::Handle(whose, handle)))
}

fn named(request: &HttpRequest) -> Option<String> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        if let Some(token) = credential(request, "Bearer") {
            return Some(token.to_owned());
        }
        // HTTP clients turn the user part of a URL into Basic credentials (RFC 7617).
        let encoded = credential(request, "Basic")?;
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        return decoded.split_once(':').map(|(user, _)| user.to_owned());
    }
    if let Some(handle) = request.match_info().get("handle") {
        return Some(handle.to_owned());
    }
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    host.split_once('.')
        .map(|(label, _)| label.to_ascii_lowercase())
}

/// What `Authorization` holds under this scheme, whose name has no case (RFC 9110 section 11.1).
pub(crate) fn credential<'a>(request: &'a HttpRequest, scheme: &str) -> Option<&'a str> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (named, credential) = value.split_once(' ')?;
    named
        .eq_ignore_ascii_case(scheme)
        .then(|| credential.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_user_part_of_a_url_comes_first_then_the_path_then_the_host() {
        let named_by = |headers: &[(&'static str, &str)], handle: Option<&'static str>| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, header| {
                    request.insert_header(*header)
                });
            let request = handle
                .into_iter()
                .fold(request, |request, handle| request.param("handle", handle));
            named(&request.to_http_request())
        };
        let basic = ("authorization", "Basic aDEyMzo=");
        assert_eq!(
            named_by(&[basic, ("host", "h789.vault.test")], Some("h456")).as_deref(),
            Some("h123")
        );
        assert_eq!(
            named_by(&[("authorization", "bearer  h123 ")], None).as_deref(),
            Some("h123")
        );
        assert_eq!(
            named_by(&[("host", "h789.vault.test")], Some("h456")).as_deref(),
            Some("h456")
        );
        assert_eq!(
            named_by(&[("host", "H789.vault.test:8443")], None).as_deref(),
            Some("h789")
        );
        for odd in ["Basic", "Basic !", "Basic aDEyMw==", "Digest x", ""] {
            assert_eq!(
                named_by(&[("authorization", odd)], Some("h456")),
                None,
                "{odd}"
            );
        }
    }
}
