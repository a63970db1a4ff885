//! Token exchange (RFC 8693): an access token becomes one that may do less, a child of its grant.
//!
//! Who may: the client that the token was given to, proven as at every other grant type. An app that
//! came through OKAP has no client, and holding the token is its proof, as it is where a token is given
//! back. That gives a thief of the token nothing: a child does no more, counts against the same
//! limits, ends no later, and dies with the grant.

use actix_web::HttpRequest;
use events::{GrantType, Provider};
use ids::OkapToken;
use server::RequestId;

use super::{
    client::client,
    error::OauthError,
    held::{Held, held},
    parameters::Parameters,
    possession, resource,
};
use crate::{
    grant::{Delivered, GrantError, Grants, TokenTerms},
    registered_app::{AppRow, Apps},
    vault::{Actor, Vault},
};

/// The one type of token that is taken and given (RFC 8693 section 3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Exchanges an access token for one of a child grant.
///
/// # Errors
/// In the words of RFC 8693 section 2.2.2: `invalid_request` for a token that is no good,
/// `invalid_target` for a resource that it does not cover.
pub(super) async fn exchange(
    (vault, apps, grants): (&Vault, &Apps, &Grants),
    request: &HttpRequest,
    parameters: &Parameters,
    request_id: &RequestId,
) -> Result<Delivered, OauthError> {
    check_types(parameters)?;
    let client = client((vault, apps), request, parameters).await?;
    let token = OkapToken::parse(parameters.required("subject_token")?)
        .map_err(|_| invalid("subject_token is no access token of this vault"))?;
    let held = held(vault, token.reveal())
        .await
        .map_err(|e| OauthError::unavailable(&e))?
        .ok_or_else(|| invalid("subject_token is not known"))?;
    check_holder(client.as_ref(), &held)?;
    // A child of a bound token is bound to the same key: a thief of the token gets none.
    let key = match &client {
        Some(client) => possession::key_of_token(vault, client, request).await?,
        None => None,
    };
    possession::expect(held.bound_to, key)?;
    let terms = TokenTerms {
        narrowing: parameters.get("authorization_details"),
        provider: target(vault, parameters)?,
        lives: None,
        bound_to: held.bound_to.or(key),
    };
    let app = Actor::app(held.tenant, held.user, request_id);
    let actor = match held.client_id {
        Some(name) => Actor { name, ..app },
        None => app,
    };
    let derived = grants.derive(&actor, token.digest(), terms).await;
    derived.map_err(refused)
}

/// What comes in and what is wanted are access tokens, and nobody acts for somebody else.
fn check_types(parameters: &Parameters) -> Result<(), OauthError> {
    if parameters.required("subject_token_type")? != ACCESS_TOKEN {
        return Err(invalid(format!(
            "subject_token_type must be {ACCESS_TOKEN}"
        )));
    }
    let wanted = parameters.get("requested_token_type");
    if wanted.is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        let why = format!("requested_token_type must be {ACCESS_TOKEN}, or left out");
        return Err(invalid(why));
    }
    let actor = ["actor_token", "actor_token_type"];
    if actor.iter().any(|name| parameters.get(name).is_some()) {
        let why = "actor_token is not supported: a child token acts for the app of subject_token";
        return Err(invalid(why));
    }
    Ok(())
}

fn check_holder(client: Option<&AppRow>, held: &Held) -> Result<(), OauthError> {
    match (client, held.client_id.as_deref()) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(OauthError::new(
            "invalid_client",
            "the app that subject_token was given to must name and prove itself",
        )),
        (Some(client), _) if !client.grant_types.contains(&GrantType::TokenExchange) => {
            Err(OauthError::new(
                "unauthorized_client",
                "the app is not registered with this grant type",
            ))
        }
        (Some(client), Some(id)) if client.id.to_string() == id => Ok(()),
        (Some(_), _) => Err(invalid("subject_token was not given to this app")),
    }
}

/// The one provider that the new token is for, if `resource` or `audience` names one. A provider's
/// name is its audience.
fn target<'a>(vault: &Vault, parameters: &'a Parameters) -> Result<Option<&'a str>, OauthError> {
    let resource = resource::provider(vault, parameters)?;
    let Some(audience) = parameters.get("audience") else {
        return Ok(resource);
    };
    let known = audience
        .parse::<Provider>()
        .is_ok_and(|p| p.is_built_in() || p.is_free());
    let target = |why| Err(OauthError::new("invalid_target", why));
    match resource {
        _ if !known => target("audience is the name of a provider"),
        Some(resource) if resource != audience => target("resource and audience differ"),
        _ => Ok(Some(audience)),
    }
}

fn refused(error: GrantError) -> OauthError {
    match error {
        GrantError::OtherResource => {
            OauthError::new("invalid_target", "nothing was granted at this resource")
        }
        GrantError::Narrowing(beyond) => {
            OauthError::new("invalid_authorization_details", beyond.to_string())
        }
        GrantError::Refused(refusal) => invalid(refusal.to_string()),
        error => OauthError::unavailable(&error),
    }
}

fn invalid(description: impl Into<String>) -> OauthError {
    OauthError::new("invalid_request", description)
}
