//! Handing the answer to the page that asked, through the popup it opened: once, and never in an address.

use actix_web::{HttpResponse, post, web};
use ids::RequestId as AccessRequestId;
use server::{Person, Problem, RequestId};

use super::{by_browser, opener_of};
use crate::{
    access_request::{RequestState, Requests},
    okap::authorize::outcome_of,
    vault::{Actor, Vault},
};

type Parts = (web::Data<Vault>, web::Data<Requests>);

/// The answer, for the popup's script, which passes it on to exactly the origin that asked. Taken
/// only once the opener has said that it is there.
#[post("/okap/popup/requests/{id}/collect")]
pub(super) async fn collect(
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

/// The page that asked is gone: what it asked is ended, and what it was granted is revoked.
#[post("/okap/popup/requests/{id}/give-up")]
pub(super) async fn give_up(
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
