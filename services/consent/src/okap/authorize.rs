//! `POST /okap/authorize`, OKAP 1.0, and collecting its answer.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, post, web};
use events::Transport;
use ids::{PollSecret, RequestId as AccessRequestId};
use jiff::Timestamp;
use server::{Problem, RequestId};
use tokio::time::Instant;

use super::{
    answer::{self, OkapError, PendingAnswer},
    ask::{Call, Outcome, ask},
    asked::{self, Asked, Body},
    described::{AskBody, DecidedAnswer},
    extend,
    held::{held, held_secret},
    knock::{Door, Knocks, Place, door},
    waiting::{Caller, decided},
};
use crate::{
    access_request::{RequestError, RequestState, Requests, details::InvalidDetails},
    address::Addresses,
    grant::GrantError,
    policy::after,
    vault::{Actor, Vault},
    way_back::{self, Channel},
};

/// The longest that one call is held.
const LONGEST_WAIT: u64 = 25;
/// The shortest: longer than it takes to write a request down, so that the time an answer takes does
/// not tell whether anybody was asked.
const SHORTEST_WAIT: Duration = Duration::from_millis(150);

type Parts = (
    web::Data<Vault>,
    web::Data<Requests>,
    web::Data<Addresses>,
    web::Data<Knocks>,
);

/// Asks a person for access (OKAP 1.0). Answers at once, within the wait, or with 202.
///
/// With a token of its own in `Authorization: Bearer okap_…` an app asks for more for the grant of
/// that token. A member that is left out then stays as granted.
#[utoipa::path(tag = "okap", request_body = AskBody, responses(
    (status = 200, body = DecidedAnswer), (status = 202, body = PendingAnswer), (status = 400, body = OkapError),
    (status = 401, body = OkapError), (status = 403, body = OkapError), (status = 413, body = OkapError), (status = 415, body = OkapError), (status = 422, body = OkapError),
    (status = 429, body = Problem), (status = 503, body = Problem)))]
#[post("/okap/authorize")]
pub(crate) async fn authorize(
    request: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Body,
) -> Result<HttpResponse, Problem> {
    asked_at(request, request_id, parts, body).await
}

/// The same as `/okap/authorize`, for clients that keep the path of a vault's address.
#[utoipa::path(tag = "okap", params(("handle" = String, Path, description = "The handle that the person gave the app")),
    request_body = AskBody, responses(
    (status = 200, body = DecidedAnswer), (status = 202, body = PendingAnswer), (status = 400, body = OkapError),
    (status = 401, body = OkapError), (status = 403, body = OkapError), (status = 413, body = OkapError), (status = 415, body = OkapError), (status = 422, body = OkapError),
    (status = 429, body = Problem), (status = 503, body = Problem)))]
#[post("/v/{handle}/okap/authorize")]
pub(crate) async fn authorize_at_handle(
    request: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Body,
) -> Result<HttpResponse, Problem> {
    asked_at(request, request_id, parts, body).await
}

/// What is asked breaks a rule.
fn invalid(wrong: InvalidDetails) -> HttpResponse {
    let kind = "invalid_authorization_details";
    let (message, place) = (wrong.to_string(), Some(wrong.place));
    answer::refused(StatusCode::BAD_REQUEST, kind, message, place)
}

async fn asked_at(
    request: HttpRequest,
    request_id: RequestId,
    (vault, requests, addresses, knocks): Parts,
    body: Body,
) -> Result<HttpResponse, Problem> {
    knocks.count_ask(&request)?;
    let now = vault.clock.now();
    let asked = match read(body, now) {
        Ok(asked) => asked,
        Err((status, kind, message, param)) => {
            return Ok(answer::refused(status, kind, message, param));
        }
    };
    // What is done before somebody waits is on the heap, and gone while they do: ten thousand do.
    let extended = match Box::pin(extend::presented(&vault, &request)).await? {
        None => None,
        Some(Ok(presented)) => Some(presented),
        Some(Err(refusal)) => return Ok(refusal.response()),
    };
    let asked = match extend::asked(extended.as_ref(), asked) {
        Ok(asked) => asked,
        Err(wrong) => return Ok(invalid(wrong)),
    };
    let secret = PollSecret::mint().map_err(|e| Problem::internal(&e))?;
    let by_browser = asked.back.is_some();
    let wait = preferred(&request).unwrap_or(LONGEST_WAIT);
    let (_place, deadline) = deadline(&knocks, &request, if by_browser { 0 } else { wait });
    let door = match extended {
        Some(presented) => Door::Grant(presented.whose),
        None => Box::pin(door(&addresses, &request)).await?,
    };
    let call = Call {
        transport: Transport::Okap,
        poll: Some(&secret),
        request_id: &request_id,
    };
    let outcome = match Box::pin(ask(&vault, &requests, door, asked, call)).await {
        Err(RequestError::UnknownProvider(wrong)) => return Ok(invalid(wrong)),
        outcome => outcome?,
    };
    let pending = |id| {
        answer::pending(
            id,
            Some(secret.reveal()),
            &vault.public_url,
            left(&vault, id),
        )
    };
    match outcome {
        Outcome::Granted(delivered) => Ok(answer::granted(&delivered, &vault.public_url)),
        Outcome::NoKey(provider) => {
            let message = format!("no usable {provider} key is stored in this vault");
            Ok(answer::refused(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no_usable_key",
                message,
                Some("provider".to_owned()),
            ))
        }
        Outcome::Unheard => {
            tokio::time::sleep_until(deadline).await;
            Ok(pending(AccessRequestId::new(now)))
        }
        // The person comes by way of the app, which has to know first where to send them.
        Outcome::Waiting(_, id) if by_browser => {
            tokio::time::sleep_until(deadline).await;
            Ok(pending(id))
        }
        Outcome::Waiting(actor, id) => {
            let caller = Caller::new(requests.get_ref().clone(), actor.clone(), id);
            let state = decided(&vault, &requests, &actor, id, deadline).await?;
            let answer = match state {
                None => pending(id),
                Some(state) => Box::pin(outcome_of(&vault, &requests, &actor, id, state)).await?,
            };
            caller.served();
            Ok(answer)
        }
    }
}

/// What was asked, or what is wrong with it: status, kind, words and member.
fn read(
    body: Body,
    now: Timestamp,
) -> Result<Asked, (StatusCode, &'static str, String, Option<String>)> {
    let body = asked::text(body).map_err(|problem| {
        let kind = if problem.status() == StatusCode::PAYLOAD_TOO_LARGE {
            "request_too_large"
        } else {
            "invalid_request"
        };
        let param = problem
            .errors()
            .first()
            .map(|member| member.pointer.clone());
        (problem.status(), kind, problem.detail().to_owned(), param)
    })?;
    asked::okap(body.get(), now).map_err(|invalid| {
        let of_details = invalid.place.starts_with("authorization_details");
        let kind = if of_details {
            "invalid_authorization_details"
        } else {
            "invalid_request"
        };
        (
            StatusCode::BAD_REQUEST,
            kind,
            invalid.to_string(),
            Some(invalid.place),
        )
    })
}

/// Collects the answer of an access request with the poll secret that was given beside it.
#[utoipa::path(tag = "okap", params(("id" = String, Path), ("authorization" = String, Header, description = "Bearer and the poll secret")), responses(
    (status = 200, body = DecidedAnswer), (status = 202, body = PendingAnswer), (status = 401, body = OkapError),
    (status = 404, body = Problem), (status = 409, body = OkapError), (status = 410, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
#[get("/okap/requests/{id}")]
pub(crate) async fn poll(
    request: HttpRequest,
    request_id: RequestId,
    (vault, requests, _addresses, knocks): Parts,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    knocks.count_poll(&request)?;
    // Collecting does not wait unless the client prefers to.
    let (_place, deadline) = deadline(&knocks, &request, preferred(&request).unwrap_or(0));
    let Some(secret) = held_secret(&request) else {
        return Ok(answer::no_poll_secret());
    };
    let Some(held) = held(&vault, secret, *id, &request_id).await? else {
        return Ok(unheard(&vault, *id, deadline).await);
    };
    if held.delivered {
        return Err(Problem::gone("The answer was collected already.")
            .named("already-delivered", "The answer was collected already"));
    }
    let (actor, id) = (held.actor, *id);
    let state = decided(&vault, &requests, &actor, id, deadline).await?;
    let by_code = matches!(held.back, Some(Channel::Callback(_)));
    match state {
        Some(RequestState::Approved(_)) if by_code => {
            let lapsed = way_back::code_lapsed(&vault, actor.tenant, id)
                .await
                .map_err(|e| Problem::dependency(&e))?;
            Ok(if lapsed {
                answer::denied(answer::ENDED)
            } else {
                answer::code_required()
            })
        }
        None => Ok(answer::pending(
            id,
            None,
            &vault.public_url,
            left(&vault, id),
        )),
        Some(state) => Ok(outcome_of(&vault, &requests, &actor, id, state).await?),
    }
}

pub(super) async fn outcome_of(
    vault: &Vault,
    requests: &Requests,
    actor: &Actor,
    id: AccessRequestId,
    state: RequestState,
) -> Result<HttpResponse, RequestError> {
    match state {
        RequestState::Approved(_) => match requests.deliver(actor, id).await {
            Ok(delivered) => Ok(answer::granted(&delivered, &vault.public_url)),
            Err(RequestError::Grant(GrantError::Refused(_))) => Ok(answer::denied(answer::ENDED)),
            Err(error) => Err(error),
        },
        RequestState::Denied(reason) => {
            Ok(answer::denied(reason.as_deref().unwrap_or("user_denied")))
        }
        RequestState::Expired | RequestState::Abandoned | RequestState::Pending => {
            Ok(answer::denied("request_expired"))
        }
    }
}

/// What nobody will ever decide looks like what nobody has decided yet, for as long as that lasts,
/// and takes as long.
async fn unheard(vault: &Vault, id: AccessRequestId, deadline: Instant) -> HttpResponse {
    if left(vault, id) == 0 {
        return answer::denied("request_expired");
    }
    tokio::time::sleep_until(deadline).await;
    answer::pending(id, None, &vault.public_url, left(vault, id))
}

/// Seconds until a request lapses, from the time inside its id; 0 only when it has.
fn left(vault: &Vault, id: AccessRequestId) -> i64 {
    let made = id.uuid().get_timestamp().map_or((0, 0), |at| at.to_unix());
    let made = i64::try_from(made.0)
        .ok()
        .and_then(|seconds| Timestamp::new(seconds, i32::try_from(made.1).ok()?).ok());
    let lapses = after(made.unwrap_or_default(), vault.policy.request_waits);
    let left = lapses.duration_since(vault.clock.now());
    let waits = i64::try_from(vault.policy.request_waits.as_secs()).unwrap_or(0);
    (left.as_secs() + i64::from(left.subsec_nanos() > 0)).clamp(0, waits)
}

/// Until when a call is held that would wait for `seconds`, and its place among the waiting. One for
/// whom there is no place is answered at once.
fn deadline(knocks: &Knocks, request: &HttpRequest, seconds: u64) -> (Option<Place>, Instant) {
    let wait = Duration::from_secs(seconds.min(LONGEST_WAIT)).max(SHORTEST_WAIT);
    let place = knocks.place(request);
    let wait = if place.is_some() { wait } else { SHORTEST_WAIT };
    (place, Instant::now() + wait)
}

/// How long the client prefers to wait, in seconds: `Prefer: wait=N` (RFC 7240 section 4.3), or not
/// at all with a bare `respond-async` (section 4.1). What cannot be read is no preference.
fn preferred(request: &HttpRequest) -> Option<u64> {
    let values = request
        .headers()
        .get_all("prefer")
        .filter_map(|value| value.to_str().ok());
    let mut no_wait = None;
    for preference in values.flat_map(|value| value.split(',')) {
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            // The first one counts.
            "wait" => return value.trim().trim_matches('"').parse().ok().or(no_wait),
            "respond-async" => no_wait = Some(0),
            _ => {}
        }
    }
    no_wait
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_preference_is_read_as_rfc_7240_has_it() {
        let preferred_by = |values: &[&str]| {
            let request = values.iter().fold(TestRequest::default(), |r, value| {
                r.append_header(("prefer", *value))
            });
            preferred(&request.to_http_request())
        };
        for (values, seconds) in [
            (&["wait=5"][..], Some(5)),
            (&["respond-async, Wait = \"7\"; x=y"], Some(7)),
            (&["return=minimal", "wait=3"], Some(3)),
            (&["wait=1, wait=2"], Some(1)),
            (&["respond-async"], Some(0)),
            (&["wait=-1"], None),
            (&["wait=soon"], None),
            (&["waiting=5"], None),
            (&[], None),
        ] {
            assert_eq!(preferred_by(values), seconds, "{values:?}");
        }
    }
}
