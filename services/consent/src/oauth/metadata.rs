//! `/.well-known/oauth-authorization-server` (RFC 8414): only what is offered.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{assertion::ALGORITHMS, merge::ACTIONS};
use crate::vault::Vault;

/// How clients prove that they are themselves, at every endpoint that they call directly.
const CLIENT_AUTHENTICATION: [&str; 4] = [
    "none",
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
];

/// What this authorization server offers.
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    /// Who speaks; the same as `iss` in answers (RFC 9207).
    issuer: String,
    /// Where a person is sent.
    authorization_endpoint: String,
    /// Where a client leaves its request before it sends a person (RFC 9126).
    pushed_authorization_request_endpoint: String,
    /// Where a device without a browser begins (RFC 8628).
    device_authorization_endpoint: String,
    /// Where a code becomes a token.
    token_endpoint: String,
    /// Where a token is given back.
    revocation_endpoint: String,
    /// Where a client asks what its token is good for.
    introspection_endpoint: String,
    /// Where an app registers itself (RFC 7591): with an organization's token, unless the operator lets anybody.
    registration_endpoint: String,
    /// Only `code`.
    response_types_supported: [&'static str; 1],
    /// A client has those that it is registered with.
    grant_types_supported: [&'static str; 4],
    /// Only `S256` (RFC 7636).
    code_challenge_methods_supported: [&'static str; 1],
    /// A client proves itself the one way it is registered with.
    token_endpoint_auth_methods_supported: [&'static str; 4],
    /// What `private_key_jwt` may be signed with.
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// A client proves itself the one way it is registered with.
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    /// What `private_key_jwt` may be signed with.
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// A client proves itself the one way it is registered with.
    introspection_endpoint_auth_methods_supported: [&'static str; 4],
    /// What `private_key_jwt` may be signed with.
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// Only `ai_model_access` (RFC 9396 section 10).
    authorization_details_types_supported: [&'static str; 1],
    /// What a client may do about its grants: begin one, and ask for more of one (Grant Management).
    grant_management_actions_supported: [&'static str; 2],
    /// A client id may be the address of a metadata document.
    client_id_metadata_document_supported: bool,
    /// What a proof that a client holds a key may be signed with (RFC 9449 section 5.1).
    dpop_signing_alg_values_supported: [&'static str; 4],
    /// Answers carry `iss` (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
}

/// Tells what this authorization server offers.
#[utoipa::path(tag = "oauth", responses((status = 200, body = Metadata)))]
#[get("/.well-known/oauth-authorization-server")]
pub(crate) async fn metadata(vault: web::Data<Vault>) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", vault.public_url);
    HttpResponse::Ok().json(Metadata {
        issuer: vault.public_url.clone(),
        authorization_endpoint: at("/oauth/authorize"),
        pushed_authorization_request_endpoint: at("/oauth/par"),
        device_authorization_endpoint: at("/oauth/device_authorization"),
        token_endpoint: at("/oauth/token"),
        revocation_endpoint: at("/oauth/revoke"),
        introspection_endpoint: at("/oauth/introspect"),
        registration_endpoint: at("/oauth/register"),
        response_types_supported: ["code"],
        grant_types_supported: [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
        token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        revocation_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
        revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        introspection_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
        introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        authorization_details_types_supported: [events::TYPE],
        grant_management_actions_supported: ACTIONS,
        client_id_metadata_document_supported: true,
        dpop_signing_alg_values_supported: dpop::ALGORITHMS,
        authorization_response_iss_parameter_supported: true,
    })
}
