//! Requests that a foreign page made a browser send are refused.
//!
//! Two checks, both needed on an unsafe request of a browser session: the browser says it came
//! from this origin, and the request carries the session's synchronizer token.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{Method, header},
};
use sessions::SignedIn;

use crate::{problem::Problem, site::Site};

/// The header in which our own scripts send the session's synchronizer token.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// The form field in which our own pages send it.
pub const CSRF_FIELD: &str = "csrf";

/// Extractor for unsafe requests that nobody is signed in for yet, such as the sign-in form:
/// refuses what a foreign page sent (login CSRF).
#[derive(Debug, Clone, Copy)]
pub struct SameOrigin;

impl FromRequest for SameOrigin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            Site::of(request)
                .and_then(|site| same_origin(request, site))
                .map(|()| Self),
        )
    }
}

/// Whether a request with this method may change anything (RFC 9110 section 9.2.1).
pub(crate) fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses a request unless the browser says that a page of this origin sent it.
pub(crate) fn same_origin(request: &HttpRequest, site: &Site) -> Result<(), Problem> {
    let header_text = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    // `Sec-Fetch-Site` decides where a browser sends it: under our referrer policy `no-referrer`
    // the `Origin` of a form is `null` (Fetch standard, "append a request Origin header").
    let ours = match header_text(SEC_FETCH_SITE) {
        Some(relation) => relation == "same-origin",
        None => header_text(header::ORIGIN.as_str()) == Some(site.origin()),
    };
    if ours { Ok(()) } else { Err(foreign()) }
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Refuses an unsafe request of a browser session unless its header carries the session's token.
pub(crate) fn header_token(request: &HttpRequest, person: &SignedIn) -> Result<(), Problem> {
    let sent = request
        .headers()
        .get(CSRF_HEADER)
        .and_then(|value| value.to_str().ok());
    token(person, sent)
}

/// Refuses unless the session's token was sent. An API token needs none: no browser adds it by itself.
pub(crate) fn token(person: &SignedIn, sent: Option<&str>) -> Result<(), Problem> {
    match (person.csrf(), sent) {
        (None, _) => Ok(()),
        (Some(expected), Some(sent)) if expected.matches(sent) => Ok(()),
        (Some(_), Some(_)) => Err(refused("The page is from another session. Load it again.")),
        (Some(_), None) => Err(refused(
            "A signed-in browser must send the token of its session, as the form field `csrf` or \
             the header `x-csrf-token`.",
        )),
    }
}

fn foreign() -> Problem {
    refused("The request did not come from a page of this vault.")
}

fn refused(detail: &str) -> Problem {
    Problem::forbidden(detail).named("csrf", "The request could not be tied to your session")
}
