//! Who calls: the client of a request to an endpoint that clients call directly, proven the way it
//! is registered (RFC 6749 section 2.3).

use actix_web::{HttpRequest, http::header};
use base64::{Engine, engine::general_purpose::STANDARD};
use events::{ClientAuthentication, GrantType};
use ids::ClientSecret;

use super::{error::OauthError, parameters::Parameters};
use crate::registered_app::{AppRow, Apps};

/// What a request brings to say who sent it.
struct Claimed {
    client_id: String,
    secret: Option<String>,
    method: ClientAuthentication,
}

/// The client of a request, if it names one.
///
/// # Errors
/// `invalid_client` when it is not registered, or does not prove itself the way it is registered;
/// `invalid_request` when it does so in two ways at once.
pub(super) async fn client(
    apps: &Apps,
    request: &HttpRequest,
    parameters: &Parameters,
) -> Result<Option<AppRow>, OauthError> {
    let Some(claimed) = claimed(request, parameters)? else {
        return Ok(None);
    };
    let known = apps
        .by_client_id(&claimed.client_id)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let known = known.ok_or_else(|| refused("no app of this client_id is registered"))?;
    if known.authentication != claimed.method {
        return Err(refused(
            "the app does not prove itself the way it is registered",
        ));
    }
    if let Some(secret) = &claimed.secret {
        let secret =
            ClientSecret::parse(secret).map_err(|_| refused("the client secret is not right"))?;
        let right = apps.has_secret(&known, &secret).await;
        if !right.map_err(|e| OauthError::unavailable(&e))? {
            return Err(refused("the client secret is not right"));
        }
    }
    Ok(Some(known))
}

/// The client of a request, which must name one that is registered with this grant type.
///
/// # Errors
/// As [`client`], and `unauthorized_client`.
pub(super) async fn client_with(
    apps: &Apps,
    request: &HttpRequest,
    parameters: &Parameters,
    wanted: GrantType,
) -> Result<AppRow, OauthError> {
    let client = named(client(apps, request, parameters).await?)?;
    if client.grant_types.contains(&wanted) {
        return Ok(client);
    }
    Err(OauthError::new(
        "unauthorized_client",
        "the app is not registered with this grant type",
    ))
}

/// The client, which must be there.
///
/// # Errors
/// `invalid_request` when it is not.
pub(super) fn named(client: Option<AppRow>) -> Result<AppRow, OauthError> {
    client.ok_or_else(|| OauthError::new("invalid_request", "client_id is missing"))
}

fn refused(description: &str) -> OauthError {
    OauthError::new("invalid_client", description)
}

fn claimed(request: &HttpRequest, parameters: &Parameters) -> Result<Option<Claimed>, OauthError> {
    let posted = parameters.get("client_secret");
    let in_body = parameters.get("client_id");
    let Some((client_id, secret)) = basic(request)? else {
        let method = match posted {
            Some(_) => ClientAuthentication::ClientSecretPost,
            None => ClientAuthentication::None,
        };
        return Ok(in_body.map(|client_id| Claimed {
            client_id: client_id.to_owned(),
            secret: posted.map(str::to_owned),
            method,
        }));
    };
    if posted.is_some() || in_body.is_some_and(|named| named != client_id) {
        let why = "the app names or proves itself in two ways";
        return Err(OauthError::new("invalid_request", why));
    }
    Ok(Some(Claimed {
        client_id,
        secret: Some(secret),
        method: ClientAuthentication::ClientSecretBasic,
    }))
}

/// Client id and secret of the Basic scheme, each encoded as in a form (RFC 6749 section 2.3.1).
fn basic(request: &HttpRequest) -> Result<Option<(String, String)>, OauthError> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let unreadable = || refused("Authorization must hold Basic credentials");
    let text = value.to_str().map_err(|_| unreadable())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| unreadable())?;
    let decoded = String::from_utf8(decoded).map_err(|_| unreadable())?;
    let (client_id, secret) = decoded.split_once(':').ok_or_else(unreadable)?;
    let plain = |text: &str| {
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        let first = pairs.next().map(|(name, _)| name.into_owned());
        first.filter(|_| !text.contains(['&', '=']))
    };
    let client_id = plain(client_id).ok_or_else(unreadable)?;
    Ok(Some((client_id, plain(secret).ok_or_else(unreadable)?)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn basic_of(header: &str) -> Result<Option<(String, String)>, OauthError> {
        let request = TestRequest::default().insert_header(("authorization", header));
        basic(&request.to_http_request())
    }

    #[test]
    fn basic_credentials_are_encoded_as_in_a_form() {
        let of = |text: &str| basic_of(&format!("bAsIc {}", STANDARD.encode(text)));
        let pair = |id: &str, secret: &str| Ok(Some((id.to_owned(), secret.to_owned())));
        assert_eq!(of("app_1:cs_2"), pair("app_1", "cs_2"));
        assert_eq!(of("app%3A1:c+s%25"), pair("app:1", "c s%"));
        for odd in ["app_1", "", ":", "a:", ":b", "a&b:c", "a:b=c"] {
            assert!(of(odd).is_err(), "{odd}");
        }
        for odd in ["Basic", "Basic !", "Bearer okap_x", ""] {
            assert!(basic_of(odd).is_err(), "{odd}");
        }
        assert_eq!(basic(&TestRequest::default().to_http_request()), Ok(None));
    }
}
