//! `POST /okap/request`: the flat form that the released Python SDK speaks.
//!
//! The SDK waits 30 seconds for each read and polls nothing, so the answer waits on the
//! connection: silent at first, then a space now and then, which is legal before JSON. Every
//! refusal has status 200, because the SDK loses the reason of any other.

use std::{convert::Infallible, time::Duration};

use actix_web::{HttpRequest, HttpResponse, post, web};
use bytes::Bytes;
use events::Transport;
use futures_util::{Stream, StreamExt, stream};
use ids::RequestId as AccessRequestId;
use server::{Problem, RequestId};
use tokio::time::{Instant, timeout_at};

use super::{
    answer::{ENDED, FlatAnswer, flat_granted, flat_refused},
    ask::{Call, Outcome, ask},
    asked::{self, Body},
    described::FlatAskBody,
    knock::{Knocks, door},
    waiting::{Caller, decided},
};
use crate::{
    access_request::{RequestError, RequestState, Requests},
    address::Addresses,
    grant::GrantError,
    vault::{Actor, Vault},
};

/// How long the connection stays silent.
const SILENT: Duration = Duration::from_secs(20);
/// How often a space is sent after that.
const SPACE_EVERY: Duration = Duration::from_secs(10);
/// How long a person has.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

type Parts = (
    web::Data<Vault>,
    web::Data<Requests>,
    web::Data<Addresses>,
    web::Data<Knocks>,
);

/// Asks a person for access in the flat form; always answers with status 200.
#[utoipa::path(tag = "okap", request_body = FlatAskBody,
    responses((status = 200, body = FlatAnswer)))]
#[post("/okap/request")]
pub(crate) async fn request(
    http: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Body,
) -> HttpResponse {
    asked_at(http, request_id, parts, body).await
}

/// The same as `/okap/request`, for clients that keep the path of a vault's address.
#[utoipa::path(tag = "okap", params(("handle" = String, Path, description = "The handle that the person gave the app")),
    request_body = FlatAskBody, responses((status = 200, body = FlatAnswer)))]
#[post("/v/{handle}/okap/request")]
pub(crate) async fn request_at_handle(
    http: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Body,
) -> HttpResponse {
    asked_at(http, request_id, parts, body).await
}

async fn asked_at(
    http: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Body,
) -> HttpResponse {
    let began = Instant::now();
    let mut answer = Box::pin(answer(http, request_id, parts, body, began));
    // A quick answer has a length; a slow one begins with spaces.
    if let Ok(text) = timeout_at(began + SILENT, &mut answer).await {
        return json().body(text);
    }
    json()
        .insert_header(("x-accel-buffering", "no"))
        .streaming(with_spaces(answer))
}

fn with_spaces(
    answer: impl Future<Output = String> + Unpin + 'static,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let first = stream::once(async { Ok(Bytes::from_static(b" ")) });
    let rest = stream::unfold(Some(answer), |waiting| async move {
        let mut answer = waiting?;
        match tokio::time::timeout(SPACE_EVERY, &mut answer).await {
            Ok(text) => Some((Ok(Bytes::from(text)), None)),
            Err(_) => Some((Ok(Bytes::from_static(b" ")), Some(answer))),
        }
    });
    first.chain(rest)
}

/// The answer's text, whenever it is known.
async fn answer(
    http: HttpRequest,
    request_id: RequestId,
    (vault, requests, addresses, knocks): Parts,
    body: Body,
    began: Instant,
) -> String {
    if knocks.count_ask(&http).is_err() {
        return flat_refused("rate_limited", "too many requests; try again in a minute");
    }
    let now = vault.clock.now();
    let body = match asked::text(body) {
        Ok(body) => body,
        Err(problem) => return flat_refused("invalid_request", problem.detail()),
    };
    let asked = match asked::flat(body.get(), now) {
        Ok(asked) => asked,
        Err(invalid) => return flat_refused("invalid_request", &invalid.to_string()),
    };
    drop(body);
    // This form has no way to come back: who cannot be kept waiting is not taken in.
    let Some(_place) = knocks.place(&http) else {
        return flat_refused(
            "rate_limited",
            "too many requests wait from here; try again when one is answered",
        );
    };
    let deadline = began + LONGEST_WAIT;
    let outcome = async {
        let door = door(&addresses, &http).await.map_err(unavailable)?;
        let call = Call {
            transport: Transport::OkapFlat,
            poll: None,
            request_id: &request_id,
        };
        match ask(&vault, &requests, door, asked, call).await {
            Err(error @ RequestError::Full) => {
                Err(flat_refused("rate_limited", &error.to_string()))
            }
            outcome => outcome.map_err(unavailable),
        }
    };
    // On the heap, and gone while somebody waits: ten thousand do.
    match Box::pin(outcome).await {
        Ok(Outcome::Granted(delivered)) => flat_granted(&delivered, &vault.public_url, now),
        Ok(Outcome::NoKey(provider)) => flat_refused(
            "invalid_request",
            &format!("No key configured for provider: {provider}"),
        ),
        Ok(Outcome::Unheard) => {
            tokio::time::sleep_until(deadline).await;
            expired()
        }
        Ok(Outcome::Waiting(actor, id)) => {
            Box::pin(wait_for(&vault, &requests, actor, id, deadline)).await
        }
        Err(refusal) => refusal,
    }
}

async fn wait_for(
    vault: &Vault,
    requests: &Requests,
    actor: Actor,
    id: AccessRequestId,
    deadline: Instant,
) -> String {
    let caller = Caller::new(requests.clone(), actor.clone(), id);
    match settle(vault, requests, &actor, id, deadline).await {
        Ok(text) => {
            caller.served();
            text
        }
        // Not served: what it asked for is ended.
        Err(error) => unavailable(error),
    }
}

fn unavailable(error: impl Into<Problem>) -> String {
    flat_refused("vault_unavailable", error.into().detail())
}

async fn settle(
    vault: &Vault,
    requests: &Requests,
    actor: &Actor,
    id: AccessRequestId,
    deadline: Instant,
) -> Result<String, RequestError> {
    let state = match decided(vault, requests, actor, id, deadline).await? {
        Some(state) => state,
        None => {
            // This form has no way to come back for the answer. A decision taken at this very
            // moment counts.
            requests.close(actor, id, true).await?;
            requests.one(actor.tenant, actor.user, id).await?.state
        }
    };
    match state {
        RequestState::Approved(_) => match requests.deliver(actor, id).await {
            Ok(delivered) => Ok(flat_granted(
                &delivered,
                &vault.public_url,
                vault.clock.now(),
            )),
            Err(RequestError::Grant(GrantError::Refused(_))) => {
                Ok(flat_refused("user_denied", ENDED))
            }
            Err(error) => Err(error),
        },
        RequestState::Denied(reason) => Ok(flat_refused(
            "user_denied",
            reason.as_deref().unwrap_or("the person denied the request"),
        )),
        RequestState::Pending | RequestState::Expired | RequestState::Abandoned => Ok(expired()),
    }
}

fn expired() -> String {
    flat_refused("request_expired", "nobody decided in time; ask again")
}

fn json() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/json")
        .insert_header(("cache-control", "no-store"));
    response
}
