//! `okap://authorize?request=BASE64URL(JSON)`: a native app's link, as it arrives here.
//!
//! The system hands `okap:` links to whatever program it has registered for them; browsers take no
//! registration of `okap:` from a web page, so that program is a line that opens this page in the
//! browser (`deploy/native/`). The app that made the link is not on the line: its answer goes to its
//! callback, and the code that comes there is worth nothing without the code verifier that the app
//! kept (RFC 7636, RFC 8252 section 8.1).

use actix_web::{HttpResponse, get, http::header, web};
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use events::Transport;
use ids::{RequestId as AccessRequestId, TokenDigest};
use serde::Deserialize;
use server::{PagePerson, Problem, RequestId, StrictQuery};
use sessions::Permission;
use url::Url;

use super::{
    asked::{self, Asked},
    held::by_secret,
};
use crate::{
    access_request::{Arrival, RequestState, Requests, details::InvalidDetails},
    vault::{Actor, Vault},
};

/// The longest request in a link, in characters (as RFC 9396 section 11.4 has it for addresses).
const LONGEST: usize = 8 * 1024;
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The link, or what is in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    /// BASE64URL of the request's JSON.
    request: Option<String>,
    /// The whole `okap:` link, as programs that are registered for it are given it.
    url: Option<String>,
}

/// Shows a person what a native app asks for.
#[get("/okap/native")]
pub(crate) async fn open(
    person: PagePerson,
    request_id: RequestId,
    (vault, requests): (web::Data<Vault>, web::Data<Requests>),
    link: StrictQuery<Link>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let (asked, secret) = read(link.0, &vault)?;
    let actor = Actor {
        name: "app".to_owned(),
        ..Actor::person(&person, &request_id)
    };
    // A link that is opened again, or a page that is loaded again, is the same request.
    if let Some(id) = opened_before(&vault, &requests, &actor, secret).await? {
        return Ok(to_page(id));
    }
    let received = requests
        .receive(&actor, arrival(asked, secret, person.csrf().is_some()))
        .await;
    match received {
        Ok(id) => Ok(to_page(id)),
        // Two loads at once: the other one was first.
        Err(error) => match opened_before(&vault, &requests, &actor, secret).await? {
            Some(id) => Ok(to_page(id)),
            None => Err(error.into()),
        },
    }
}

fn arrival(asked: Asked, secret: TokenDigest, by_session: bool) -> Arrival {
    Arrival {
        transport: Transport::OkapBrowser,
        app: asked.app,
        details: asked.details,
        extends: None,
        poll: Some(secret),
        oauth: None,
        back: asked.back,
        handle: None,
        by_session,
    }
}

fn read(link: Link, vault: &Vault) -> Result<(Asked, TokenDigest), Problem> {
    let refused = |detail: &str| {
        Problem::bad_request(detail).named("invalid-okap-link", "The app's link cannot be read")
    };
    let encoded = match (link.request, link.url) {
        (Some(request), None) => request,
        (None, Some(url)) => request_of(&url).ok_or_else(|| {
            refused("An okap: link is okap://authorize?request= and the request in BASE64URL.")
        })?,
        _ => return Err(refused("Give request, or the whole link as url.")),
    };
    if encoded.len() > LONGEST {
        return Err(refused("The request is too large for a link."));
    }
    let json = BASE64URL
        .decode(encoded)
        .map_err(|_| refused("The request is not BASE64URL."))?;
    let json: Box<serde_json::value::RawValue> = server::parse_json(&json)?;
    asked::native(json.get(), vault.clock.now()).map_err(named)
}

/// What is wrong with a request, for the person in front of it and the app's developer.
pub(super) fn named(invalid: InvalidDetails) -> Problem {
    Problem::from(invalid).named("invalid-okap-request", "The app's request breaks a rule")
}

/// The request in an `okap:` link; nothing else may be in it.
fn request_of(link: &str) -> Option<String> {
    let link = Url::parse(link).ok()?;
    let is_ours = link.scheme() == "okap"
        && link.host_str() == Some("authorize")
        && matches!(link.path(), "" | "/")
        && link.username().is_empty()
        && link.port().is_none()
        && link.fragment().is_none();
    let mut query = link.query_pairs();
    match (is_ours, query.next(), query.next()) {
        (true, Some((name, value)), None) if name == "request" => Some(value.into_owned()),
        _ => None,
    }
}

/// The request that this link made before.
async fn opened_before(
    vault: &Vault,
    requests: &Requests,
    actor: &Actor,
    secret: TokenDigest,
) -> Result<Option<AccessRequestId>, Problem> {
    let found = by_secret(vault, secret)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let Some((tenant, id, _)) = found else {
        return Ok(None);
    };
    let used = || {
        Problem::conflict("This link was used before. Start again in the app.")
            .named("okap-link-used", "The app's link was used before")
    };
    if tenant != actor.tenant {
        return Err(used());
    }
    let row = requests
        .one(tenant, actor.user, id)
        .await
        .map_err(|_| used())?;
    if row.state == RequestState::Pending {
        Ok(Some(id))
    } else {
        Err(used())
    }
}

fn to_page(id: AccessRequestId) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("/requests/{id}")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_authorize_link_with_one_request_is_ours() {
        for good in [
            "okap://authorize?request=abc",
            "okap://authorize/?request=abc",
        ] {
            assert_eq!(request_of(good).as_deref(), Some("abc"), "{good}");
        }
        for bad in [
            "",
            "abc",
            "okap:authorize?request=abc",
            "okap://request?request=abc",
            "okap://authorize",
            "okap://authorize?data=abc",
            "okap://authorize?request=abc&request=def",
            "okap://authorize?request=abc&x=y",
            "okap://authorize?request=abc#x",
            "okap://authorize/x?request=abc",
            "okap://me@authorize?request=abc",
            "okap://authorize:1?request=abc",
            "https://authorize?request=abc",
            "javascript://authorize?request=abc",
        ] {
            assert_eq!(request_of(bad), None, "{bad}");
        }
    }
}
