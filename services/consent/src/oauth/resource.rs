//! What a token is for: resource indicators (RFC 8707) and what there is to name (RFC 9728).

use actix_web::{HttpResponse, get, web};
use events::{Provider, RequestedDetail};
use serde::Serialize;
use utoipa::ToSchema;

use super::{error::OauthError, parameters::Parameters};
use crate::vault::Vault;

/// What one of the vault's resources says about itself (RFC 9728 section 2).
#[derive(Serialize, ToSchema)]
pub struct ResourceMetadata {
    /// Which resource.
    resource: String,
    /// Who gives tokens for it.
    authorization_servers: [String; 1],
    /// How a token is sent.
    bearer_methods_supported: [&'static str; 1],
    /// What a proof may be signed with, for tokens that are bound to a key (RFC 9449).
    dpop_signing_alg_values_supported: [&'static str; 4],
    /// Only `ai_model_access` (RFC 9396).
    authorization_details_types_supported: [&'static str; 1],
}

/// The provider that a request's `resource` names; `None` when it names all of them or is left out.
///
/// # Errors
/// `invalid_target` when it is no resource of this vault (RFC 8707 section 2).
pub(super) fn provider<'a>(
    vault: &Vault,
    parameters: &'a Parameters,
) -> Result<Option<&'a str>, OauthError> {
    let Some(resource) = parameters.get("resource") else {
        return Ok(None);
    };
    let path = resource
        .strip_prefix(vault.public_url.as_str())
        .and_then(|path| path.strip_prefix("/v1"));
    let name = match path.map(|path| path.split_once('/')) {
        Some(None) if path == Some("") => return Ok(None),
        Some(Some(("", name))) => name,
        _ => return Err(no_resource(vault)),
    };
    // What an organization added counts where it is asked for.
    let known = (name.parse::<Provider>()).is_ok_and(|p| p.is_built_in() || p.is_free());
    if known {
        Ok(Some(name))
    } else {
        Err(no_resource(vault))
    }
}

/// Refuses a request that names one resource and asks for something beside it.
///
/// # Errors
/// `invalid_target`.
pub(super) fn check(
    vault: &Vault,
    parameters: &Parameters,
    asked: &[RequestedDetail],
) -> Result<(), OauthError> {
    match provider(vault, parameters)? {
        Some(provider) if asked.iter().any(|a| a.provider.as_str() != provider) => {
            Err(OauthError::new(
                "invalid_target",
                "authorization_details asks for more than this resource",
            ))
        }
        _ => Ok(()),
    }
}

fn no_resource(vault: &Vault) -> OauthError {
    let url = &vault.public_url;
    OauthError::new(
        "invalid_target",
        format!("resource is {url}/v1, or {url}/v1/ and a provider"),
    )
}

fn metadata(vault: &Vault, resource: String) -> HttpResponse {
    HttpResponse::Ok().json(ResourceMetadata {
        resource,
        authorization_servers: [vault.public_url.clone()],
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: dpop::ALGORITHMS,
        authorization_details_types_supported: [events::TYPE],
    })
}

/// Tells who gives tokens for the one endpoint of all providers.
#[utoipa::path(tag = "oauth", responses((status = 200, body = ResourceMetadata)))]
#[get("/.well-known/oauth-protected-resource/v1")]
pub(crate) async fn of_all(vault: web::Data<Vault>) -> HttpResponse {
    metadata(&vault, format!("{}/v1", vault.public_url))
}

/// Tells who gives tokens for calls to one provider.
#[utoipa::path(tag = "oauth", params(("provider" = String, Path)), responses(
    (status = 200, body = ResourceMetadata), (status = 404, body = server::Problem)))]
#[get("/.well-known/oauth-protected-resource/v1/{provider}")]
pub(crate) async fn of_provider(
    vault: web::Data<Vault>,
    provider: web::Path<String>,
) -> Result<HttpResponse, server::Problem> {
    let known = provider.parse::<Provider>().is_ok_and(|p| p.is_built_in());
    if known {
        let resource = format!("{}/v1/{provider}", vault.public_url);
        return Ok(metadata(&vault, resource));
    }
    Err(server::Problem::not_found("There is no such provider."))
}
