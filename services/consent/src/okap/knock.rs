//! Who is being asked: from the address in a call to a person's vault, before anyone signed in.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use actix_web::{HttpRequest, http::header};
use base64::{Engine, engine::general_purpose::STANDARD};
use ids::{ConnectTicket, Handle};
use server::{Problem, Site, Throttle};

use crate::address::{AddressError, Addresses, Ticket, Whose};

/// How often one network address may ask in a minute.
const ASKS_PER_MINUTE: u32 = 60;

/// Counts who knocks how often.
#[derive(Clone)]
pub struct Knocks {
    by_address: Throttle<IpAddr>,
}

/// What an address names.
pub enum Door {
    /// A live ticket: one use, perhaps with a ceiling.
    Ticket(Ticket),
    /// A person who may be asked.
    Handle(Whose),
    /// Nobody. The caller must not notice.
    Nobody,
}

impl Knocks {
    /// Nobody has knocked yet.
    #[must_use]
    pub fn new() -> Self {
        let times = NonZeroU32::new(ASKS_PER_MINUTE).unwrap_or(NonZeroU32::MIN);
        Self { by_address: Throttle::new("okap", times, Duration::from_secs(60)) }
    }

    /// Counts one call of this network address.
    ///
    /// # Errors
    /// When it asks too often.
    pub fn count(&self, request: &HttpRequest) -> Result<(), Problem> {
        let site = Site::of(request)?;
        match site.client_address(request) {
            Some(address) => self.by_address.check(&address),
            None => Ok(()),
        }
    }
}

impl Default for Knocks {
    fn default() -> Self {
        Self::new()
    }
}

/// Finds whose vault a call is for: by the user part of the URL (sent as Basic or Bearer), by the
/// path, or by the host name.
///
/// # Errors
/// When the database cannot be asked.
pub async fn door(addresses: &Addresses, request: &HttpRequest) -> Result<Door, AddressError> {
    let Some(name) = named(request) else { return Ok(Door::Nobody) };
    if let Ok(ticket) = ConnectTicket::parse(&name) {
        return Ok(addresses.ticket(&ticket).await?.map_or(Door::Nobody, Door::Ticket));
    }
    let Ok(handle) = name.parse::<Handle>() else { return Ok(Door::Nobody) };
    Ok(addresses.whose_handle(&handle).await?.map_or(Door::Nobody, Door::Handle))
}

fn named(request: &HttpRequest) -> Option<String> {
    if let Some(value) = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) {
        if let Some(token) = value.strip_prefix("Bearer ") {
            return Some(token.trim().to_owned());
        }
        // HTTP clients turn the user part of a URL into Basic credentials (RFC 7617).
        let encoded = value.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        return decoded.split_once(':').map(|(user, _)| user.to_owned());
    }
    if let Some(handle) = request.match_info().get("handle") {
        return Some(handle.to_owned());
    }
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    host.split_once('.').map(|(label, _)| label.to_ascii_lowercase())
}
