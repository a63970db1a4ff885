//! Handing the answer to the page that asked, through the popup it opened: once, and never in an address.

use actix_web::{HttpResponse, post, web};
use ids::RequestId as AccessRequestId;
use server::{Person, Problem, RequestId};

use super::{by_browser, opener_of};
use crate::{
    access_request::{RequestState, Requests},
    okap::{authorize::outcome_of, described::DecidedAnswer},
    vault::{Actor, Vault},
};

type Parts = (web::Data<Vault>, web::Data<Requests>);

/// Collects the answer, for the popup's script, which passes it on to exactly the origin that asked.
/// Taken once, and only when the opener has said that it is there. For a browser's session alone.
#[utoipa::path(tag = "okap", params(("id" = String, Path)), responses(
    (status = 200, body = DecidedAnswer), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 410, body = Problem), (status = 503, body = Problem)))]
#[post("/okap/popup/requests/{id}/collect")]
pub(crate) async fn collect(
    person: Person,
    request_id: RequestId,
    (vault, requests): Parts,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    by_browser(&person)?;
    opener_of(&vault, &requests, &person, *id).await?;
    let state = requests.one(person.tenant, person.user, *id).await?.state;
    if state == RequestState::Pending {
        return Err(Problem::conflict("Nobody has decided yet."));
    }
    let actor = Actor {
        name: "app".to_owned(),
        ..Actor::person(&person, &request_id)
    };
    Ok(outcome_of(&vault, &requests, &actor, *id, state).await?)
}

/// Gives up, for the popup's script when the page that asked has gone: what it asked is ended, and what
/// it was granted is revoked. For a browser's session alone.
#[utoipa::path(tag = "okap", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
#[post("/okap/popup/requests/{id}/give-up")]
pub(crate) async fn give_up(
    person: Person,
    request_id: RequestId,
    (vault, requests): Parts,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    by_browser(&person)?;
    opener_of(&vault, &requests, &person, *id).await?;
    requests
        .abandon(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
