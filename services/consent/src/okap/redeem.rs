//! `POST /okap/requests/{id}`: the code that came to a callback, for the token.
//!
//! The poll secret says that it is the app that asked, the code that the person who decided came
//! back to it: the app compares `request_id` with the one in that person's session, as OAuth's
//! `state`, and then sends both here. Either alone is worth nothing.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use ids::{AuthorizationCode, RequestId as AccessRequestId};
use serde::Deserialize;
use server::{Problem, RequestId, StrictJson};
use utoipa::ToSchema;

use super::{
    answer::{self, OkapError},
    authorize::outcome_of,
    described::DecidedAnswer,
    held::{held, held_secret},
    knock::Knocks,
};
use crate::{
    access_request::{RequestError, RequestState, Requests},
    vault::Vault,
    way_back,
};

/// What a callback was brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redemption {
    /// The code, as it came.
    code: String,
}

/// Collects the answer of a request that has a callback: with the code that came there, once, within
/// a minute, and the poll secret.
#[utoipa::path(tag = "okap", request_body = Redemption, params(("id" = String, Path), ("authorization" = String, Header, description = "Bearer and the poll secret; for a request that came in an okap: link, its code verifier")), responses(
    (status = 200, body = DecidedAnswer), (status = 404, body = Problem), (status = 400, body = OkapError), (status = 401, body = OkapError),
    (status = 413, body = OkapError), (status = 415, body = OkapError), (status = 429, body = Problem), (status = 503, body = Problem)))]
#[post("/okap/requests/{id}")]
pub(crate) async fn redeem(
    request: HttpRequest,
    request_id: RequestId,
    (vault, requests, knocks): (web::Data<Vault>, web::Data<Requests>, web::Data<Knocks>),
    id: web::Path<AccessRequestId>,
    body: Result<StrictJson<Redemption>, Problem>,
) -> Result<HttpResponse, Problem> {
    knocks.count_poll(&request)?;
    let body = match body {
        Ok(StrictJson(body)) => body,
        Err(problem) => return Ok(refused(&problem)),
    };
    let Some(secret) = held_secret(&request) else {
        return Ok(answer::no_poll_secret());
    };
    let Ok(code) = AuthorizationCode::parse(&body.code) else {
        return Ok(answer::invalid_code());
    };
    let Some(held) = held(&vault, secret, *id, &request_id).await? else {
        return Ok(answer::invalid_code());
    };
    let actor = held.actor;
    let fits = way_back::code_fits(&vault, actor.tenant, *id, code.digest())
        .await
        .map_err(|e| Problem::dependency(&e))?;
    if !fits {
        return Ok(answer::invalid_code());
    }
    let state = requests.one(actor.tenant, actor.user, *id).await?.state;
    if !matches!(state, RequestState::Approved(_)) {
        return Ok(answer::invalid_code());
    }
    // Of many who send the same code at once, one takes the channel.
    match outcome_of(&vault, &requests, &actor, *id, state).await {
        Err(RequestError::Delivered) => Ok(answer::invalid_code()),
        outcome => Ok(outcome?),
    }
}

fn refused(problem: &Problem) -> HttpResponse {
    let kind = if problem.status() == StatusCode::PAYLOAD_TOO_LARGE {
        "request_too_large"
    } else {
        "invalid_request"
    };
    let param = problem
        .errors()
        .first()
        .map(|member| member.pointer.clone());
    answer::refused(problem.status(), kind, problem.detail().to_owned(), param)
}
