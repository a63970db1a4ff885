//! Who calls: the client of a request to an endpoint that clients call directly, proven the way it
//! is registered (RFC 6749 section 2.3).

use std::sync::Arc;

use actix_web::{HttpRequest, http::header};
use base64::{Engine, engine::general_purpose::STANDARD};
use events::{ClientAuthentication, ClientKeys, GrantType};
use ids::ClientSecret;
use jsonwebtoken::jwk::JwkSet;

use super::{assertion, client_id, error::OauthError, parameters::Parameters};
use crate::{
    client_metadata::KeysError,
    registered_app::{AppRow, Apps, client_keys},
    vault::Vault,
};

/// What a request brings to say who sent it.
struct Claimed {
    client_id: String,
    proof: Proof,
}

enum Proof {
    None,
    Basic(String),
    Posted(String),
    Signed(String),
}

impl Proof {
    /// The name of the method (RFC 7591 section 2).
    const fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic(_) => "client_secret_basic",
            Self::Posted(_) => "client_secret_post",
            Self::Signed(_) => "private_key_jwt",
        }
    }
}

/// The client of a request, if it names one.
///
/// # Errors
/// `invalid_client` when it is not registered, or does not prove itself the way it is registered;
/// `invalid_request` when it does so in two ways at once.
pub(super) async fn client(
    (vault, apps): (&Vault, &Apps),
    request: &HttpRequest,
    parameters: &Parameters,
) -> Result<Option<AppRow>, OauthError> {
    let Some(claimed) = claimed(request, parameters)? else {
        return Ok(None);
    };
    let known = client_id::find((vault, apps), request, &claimed.client_id).await?;
    if known.authentication.name() != claimed.proof.method() {
        return Err(refused(
            "the app does not prove itself the way it is registered",
        ));
    }
    match &claimed.proof {
        Proof::None => {}
        Proof::Basic(secret) | Proof::Posted(secret) => right_secret(apps, &known, secret).await?,
        Proof::Signed(assertion) => signed((vault, apps), &known, assertion).await?,
    }
    Ok(Some(known))
}

async fn right_secret(apps: &Apps, known: &AppRow, secret: &str) -> Result<(), OauthError> {
    let wrong = || refused("the client secret is not right");
    let secret = ClientSecret::parse(secret).map_err(|_| wrong())?;
    let right = apps.has_secret(known, &secret).await;
    match right.map_err(|e| OauthError::unavailable(&e))? {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Checks a signed assertion and uses it up: it proves its client once.
async fn signed(
    (vault, apps): (&Vault, &Apps),
    known: &AppRow,
    assertion: &str,
) -> Result<(), OauthError> {
    let keys = keys(vault, known, assertion).await?;
    // Some name the endpoint they ask, which RFC 9126 section 2 has us take.
    let audiences = [
        vault.public_url.clone(),
        format!("{}/oauth/token", vault.public_url),
        format!("{}/oauth/par", vault.public_url),
    ];
    let client_id = &known.client_id;
    let proven = assertion::verify(assertion, &keys, client_id, &audiences, vault.clock.now())
        .map_err(refused)?;
    let used = apps.use_assertion(known, proven.digest, proven.until).await;
    match used.map_err(|e| OauthError::unavailable(&e))? {
        true => Ok(()),
        false => Err(refused("the assertion was used before")),
    }
}

/// The keys of a client that signs: those it registered, or those at its address.
async fn keys(vault: &Vault, known: &AppRow, assertion: &str) -> Result<Arc<JwkSet>, OauthError> {
    let ClientAuthentication::PrivateKeyJwt { keys } = &known.authentication else {
        return Err(refused("the app has no keys"));
    };
    let uri = match keys {
        ClientKeys::Jwks(jwks) => return client_keys::read(jwks).map(Arc::new).map_err(refused),
        ClientKeys::JwksUri(uri) => uri,
    };
    let kid = assertion::key_id(assertion);
    let set = vault.published.key_sets.at(uri, kid.as_deref()).await;
    set.map_err(|error| match error.as_ref() {
        KeysError::Fault(rule) => refused(rule),
        KeysError::TooOften(problem) => OauthError::too_many(problem),
        KeysError::Fetch(_) | KeysError::Status(_) => OauthError::later(error.to_string()),
    })
}

/// The client of a request, which must name one that is registered with this grant type.
///
/// # Errors
/// As [`client`], and `unauthorized_client`.
pub(super) async fn client_with(
    (vault, apps): (&Vault, &Apps),
    request: &HttpRequest,
    parameters: &Parameters,
    wanted: GrantType,
) -> Result<AppRow, OauthError> {
    let client = named(client((vault, apps), request, parameters).await?)?;
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
    let in_body = parameters.get("client_id");
    let posted = parameters.get("client_secret");
    let signed = assertion_of(parameters)?;
    let basic = basic(request)?;
    let two_ways = || {
        let why = "the app names or proves itself in two ways";
        Err(OauthError::new("invalid_request", why))
    };
    let (client_id, proof) = match (basic, posted, signed) {
        (None, None, None) => (in_body.map(str::to_owned), Proof::None),
        (None, Some(secret), None) => {
            (in_body.map(str::to_owned), Proof::Posted(secret.to_owned()))
        }
        (Some((client_id, secret)), None, None) => (Some(client_id), Proof::Basic(secret)),
        (None, None, Some((client_id, jwt))) => (Some(client_id), Proof::Signed(jwt)),
        _ => return two_ways(),
    };
    if in_body.is_some_and(|named| Some(named) != client_id.as_deref()) {
        return two_ways();
    }
    Ok(client_id.map(|client_id| Claimed { client_id, proof }))
}

/// A signed assertion, and whose it says it is.
fn assertion_of(parameters: &Parameters) -> Result<Option<(String, String)>, OauthError> {
    let kind = parameters.get("client_assertion_type");
    let Some(jwt) = parameters.get("client_assertion") else {
        return Ok(None);
    };
    if kind != Some(assertion::TYPE) {
        let why = format!("client_assertion_type must be {}", assertion::TYPE);
        return Err(OauthError::new("invalid_request", why));
    }
    let client_id =
        assertion::named(jwt).ok_or_else(|| refused("the assertion is not a signed JWT"))?;
    Ok(Some((client_id, jwt.to_owned())))
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
