//! The wire: `GET /v1/grant`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use events::WireDetail;
use grant_access::GrantAccess;
use jiff::Timestamp;
use serde::Serialize;
use server::{RequestId, Site};
use utoipa::ToSchema;

use crate::{
    call::{self, Gate},
    error::{Refusal, Shape, told},
};

/// What a token may do, and how much of it is left.
#[derive(Serialize, ToSchema)]
pub(crate) struct Grant {
    /// The grant.
    #[schema(value_type = String, example = "grant_0198c0de0000700080000000000000ff")]
    id: ids::GrantId,
    /// The grant it was made from by token exchange, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    parent: Option<ids::GrantId>,
    /// `live`: calls may be made. Of an ended grant nothing is told but that it has ended.
    #[schema(example = "live")]
    state: &'static str,
    /// What is granted, one object for each provider.
    authorization_details: Vec<WireDetail>,
    /// How each limit stands.
    limits: Vec<Limit>,
}

/// How one limit stands. Amounts are decimal texts: USD for spend, counts for the others.
#[derive(Serialize, ToSchema)]
pub(crate) struct Limit {
    #[schema(example = "monthly_spend")]
    name: &'static str,
    /// At which provider.
    provider: String,
    #[schema(example = "10")]
    limit: String,
    #[schema(example = "1.25")]
    spent: String,
    /// What running calls hold.
    #[schema(example = "0.04")]
    reserved: String,
    /// Never more than remains of the same limit of the grant that this one was made from, and of the
    /// budgets of its organization.
    #[schema(example = "8.71")]
    remaining: String,
    /// Null for a limit on one call.
    #[schema(value_type = Option<String>, format = DateTime)]
    resets_at: Option<Timestamp>,
}

/// Tells an app its own grant
///
/// Read from what enforces it, so it is what the next call will meet.
#[utoipa::path(
    tag = "grant",
    security(("okap_token" = [])),
    responses(
        (status = 200, description = "The grant of the token", body = Grant),
        (status = 401, description = "No, bad, revoked or expired token, or one that is bound to a key without a proof"),
        (status = 503, description = "Grants or limits cannot be read now"),
    )
)]
#[get("/v1/grant")]
pub(crate) async fn show_grant(
    request: HttpRequest,
    id: RequestId,
    gate: web::Data<Arc<Gate>>,
) -> HttpResponse {
    match read(&gate, &request).await {
        Ok(grant) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(("x-okap-request-id", id.to_string()))
            .json(grant),
        Err(refusal) => told(&request, &Shape::usual(id), &refusal),
    }
}

async fn read(gate: &Gate, request: &HttpRequest) -> Result<Grant, Refusal> {
    let digest = call::token(request.headers(), None)?;
    let proof = call::proof(request, digest, gate.clock.now())?;
    let access = gate
        .access
        .find(digest)
        .await
        .map_err(call::grant_refusal)?;
    call::expect_possession(gate, &access, proof.as_ref()).await?;
    let limits = standing(gate, &access).await?;
    let origin = Site::of(request)
        .map_err(|_| Refusal::VaultUnavailable)?
        .origin();
    Ok(Grant {
        id: access.grant,
        parent: access.ancestors.first().map(|parent| parent.grant),
        state: "live",
        authorization_details: access
            .details
            .iter()
            .map(|detail| WireDetail::granted(detail, origin))
            .collect(),
        limits,
    })
}

async fn standing(gate: &Gate, access: &GrantAccess) -> Result<Vec<Limit>, Refusal> {
    let mut all = Vec::new();
    for detail in &access.details {
        let standing = call::standing(gate, access, detail).await?;
        all.extend(standing.into_iter().map(|standing| Limit {
            name: standing.name.name(),
            provider: detail.provider.to_string(),
            limit: standing.limit,
            spent: standing.spent,
            reserved: standing.reserved,
            remaining: standing.remaining,
            resets_at: standing.resets_at,
        }));
    }
    Ok(all)
}
