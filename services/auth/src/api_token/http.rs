//! `/api/v1/api-tokens`.

use actix_web::{HttpResponse, delete, get, http::header, post, web};
use ids::ApiTokenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::{ApiTokenSummary, Permission, Role};
use utoipa::ToSchema;

use super::{ApiTokenError, ApiTokens, NewToken};
use crate::{
    records::Retriable,
    user::{Refusal, TokenLifetime},
};

/// An API token, without what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiToken {
    /// Which.
    #[schema(value_type = String, example = "apitoken_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d")]
    id: ApiTokenId,
    /// What its owner calls it.
    #[schema(example = "CI of the billing team")]
    label: String,
    /// What it may do.
    #[schema(value_type = String, example = "finance")]
    role: Role,
    /// Since when.
    created_at: Timestamp,
    /// Until when.
    expires_at: Timestamp,
    /// When it was revoked.
    revoked_at: Option<Timestamp>,
}

/// An API token just issued.
#[derive(Serialize, ToSchema)]
pub struct IssuedToken {
    #[serde(flatten)]
    summary: ApiToken,
    /// The token itself. It is shown this once.
    #[schema(example = "lk_…")]
    token: String,
}

/// An API token to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What its owner calls it: 1 to 60 characters.
    #[schema(example = "CI of the billing team")]
    label: String,
    /// What it may do: at most what its owner may.
    #[schema(value_type = String, example = "finance")]
    role: Role,
    /// When it ends: at most a year from now.
    expires_at: Timestamp,
}

impl From<ApiTokenSummary> for ApiToken {
    fn from(summary: ApiTokenSummary) -> Self {
        Self {
            id: summary.id,
            label: summary.label,
            role: summary.role,
            created_at: summary.created_at,
            expires_at: summary.expires_at,
            revoked_at: summary.revoked_at,
        }
    }
}

/// Lists the caller's own API tokens, newest first, at most 200.
#[utoipa::path(
    tag = "api-tokens",
    responses((status = 200, body = Page<ApiToken>), (status = 401, body = Problem))
)]
#[get("/api/v1/api-tokens")]
pub async fn list(
    person: Person,
    tokens: web::Data<ApiTokens>,
) -> Result<web::Json<Page<ApiToken>>, Problem> {
    person.require(Permission::KeepApiTokens)?;
    let all = tokens.of(&person).await?;
    Ok(web::Json(Page::whole(
        all.into_iter().map(ApiToken::from).collect(),
    )))
}

/// Issues an API token. The answer holds it; it is never shown again.
#[utoipa::path(
    tag = "api-tokens",
    request_body = NewApiToken,
    responses(
        (status = 201, body = IssuedToken),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem),
    )
)]
#[post("/api/v1/api-tokens")]
pub async fn issue(
    person: Person,
    request: RequestId,
    tokens: web::Data<ApiTokens>,
    body: StrictJson<NewApiToken>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::KeepApiTokens)?;
    let NewApiToken {
        label,
        role,
        expires_at,
    } = body.0;
    let label = label
        .parse()
        .map_err(|error: super::LabelError| refused("/label", &error))?;
    let lifetime = TokenLifetime::until(expires_at, tokens.clock().now())
        .map_err(|error| refused("/expires_at", &error))?;
    let (summary, issued) = tokens
        .issue(
            &person,
            &NewToken {
                label,
                role,
                lifetime,
            },
            request,
        )
        .await?;
    let token = issued.token.reveal().to_owned();
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(IssuedToken {
            summary: summary.into(),
            token,
        }))
}

/// Revokes one of the caller's own API tokens.
#[utoipa::path(
    tag = "api-tokens",
    params(("id" = String, Path, description = "Which token.")),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem))
)]
#[delete("/api/v1/api-tokens/{id}")]
pub async fn revoke(
    person: Person,
    request: RequestId,
    tokens: web::Data<ApiTokens>,
    id: web::Path<ApiTokenId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::KeepApiTokens)?;
    tokens.revoke(&person, *id, request).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn refused(pointer: &str, error: &dyn std::error::Error) -> Problem {
    Problem::bad_request("The token cannot be issued.").at(pointer, error.to_string())
}

impl From<ApiTokenError> for Problem {
    fn from(error: ApiTokenError) -> Self {
        match error {
            ApiTokenError::Refused(refusal @ Refusal::Role) => {
                Self::forbidden(format!("No token was issued: {refusal}."))
                    .at("/role", refusal.to_string())
            }
            ApiTokenError::Refused(refusal @ Refusal::TooManyTokens) => {
                Self::conflict(format!("No token was issued: {refusal}."))
                    .named("too-many-api-tokens", "Too many API tokens")
            }
            ApiTokenError::Refused(Refusal::UnknownToken) => {
                Self::not_found("You have no such token, or it was revoked.")
            }
            ApiTokenError::Refused(refusal) => Self::bad_request(format!("{refusal}.")),
            ApiTokenError::Record(error) if error.is_conflict() => {
                Self::conflict("Somebody else was quicker. Please try again.")
            }
            error => Self::dependency(&error),
        }
    }
}
