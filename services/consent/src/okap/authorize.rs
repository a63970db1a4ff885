//! `POST /okap/authorize`, OKAP 1.0, and collecting its answer.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, post, web};
use events::Transport;
use ids::{PollSecret, RequestId as AccessRequestId};
use postgres::Scope;
use server::{Problem, RequestId};
use tokio::time::Instant;

use super::{
    answer::{self, GrantedAnswer, OkapError, PendingAnswer},
    ask::{Outcome, ask},
    asked::{self, LARGEST_BODY},
    knock::{Knocks, door},
    waiting::{Caller, decided},
};
use crate::{
    access_request::{RequestState, Requests, delivery},
    address::Addresses,
    vault::{Actor, Vault},
};

/// The longest that one call is held.
const LONGEST_WAIT: u64 = 25;

type Parts = (web::Data<Vault>, web::Data<Requests>, web::Data<Addresses>, web::Data<Knocks>);

/// Asks a person for access (OKAP 1.0). Answers at once, within the wait, or with 202.
#[utoipa::path(tag = "okap", request_body(content = String, content_type = "application/json"), responses(
    (status = 200, body = GrantedAnswer), (status = 202, body = PendingAnswer), (status = 400, body = OkapError),
    (status = 413, body = OkapError), (status = 415, body = OkapError), (status = 422, body = OkapError),
    (status = 429, body = Problem), (status = 503, body = Problem)))]
#[post("/okap/authorize")]
pub(crate) async fn authorize(
    request: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    asked_at(request, request_id, parts, body).await
}

/// The same, for clients that keep the path of a vault's address.
#[post("/v/{handle}/okap/authorize")]
pub(crate) async fn authorize_at_handle(
    request: HttpRequest,
    request_id: RequestId,
    parts: Parts,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    asked_at(request, request_id, parts, body).await
}

async fn asked_at(
    request: HttpRequest,
    request_id: RequestId,
    (vault, requests, addresses, knocks): Parts,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    knocks.count(&request)?;
    let now = vault.clock.now();
    let Some(body) = body.ok().filter(|body| body.len() <= LARGEST_BODY) else {
        let message = format!("at most {LARGEST_BODY} bytes");
        return Ok(answer::refused(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message, None));
    };
    if !is_json(&request) {
        let message = "content-type must be application/json".to_owned();
        return Ok(answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", message, None));
    }
    let asked = match asked::okap(&body, now) {
        Ok(asked) => asked,
        Err(invalid) => {
            let kind = if invalid.place.starts_with("authorization_details") { "invalid_authorization_details" } else { "invalid_request" };
            return Ok(answer::refused(StatusCode::BAD_REQUEST, kind, invalid.to_string(), Some(invalid.place)));
        }
    };
    let secret = PollSecret::mint().map_err(|e| Problem::internal(&e))?;
    let deadline = Instant::now() + wait(&request);
    let door = door(&addresses, &request).await?;
    let outcome = ask(&vault, &requests, door, asked, Transport::Okap, Some(&secret), &request_id).await?;
    let expires_in = i64::try_from(vault.policy.request_waits.as_secs()).unwrap_or(600);
    match outcome {
        Outcome::Granted(delivered) => Ok(answer::granted(&delivered, &vault.public_url)),
        Outcome::NoKey(provider) => {
            let message = format!("no usable {provider} key is stored in this vault");
            Ok(answer::refused(StatusCode::UNPROCESSABLE_ENTITY, "no_usable_key", message, Some("provider".to_owned())))
        }
        Outcome::Unheard => {
            tokio::time::sleep_until(deadline).await;
            let id = AccessRequestId::new(now);
            Ok(answer::pending(id, Some(secret.reveal()), &vault.public_url, expires_in))
        }
        Outcome::Waiting(actor, id) => {
            let caller = Caller::new(requests.get_ref().clone(), actor.clone(), id);
            let state = decided(&vault, &requests, &actor, id, deadline).await?;
            let answer = match state {
                None => answer::pending(id, Some(secret.reveal()), &vault.public_url, expires_in),
                Some(state) => outcome_of(&vault, &requests, &actor, id, state).await?,
            };
            caller.served();
            Ok(answer)
        }
    }
}

/// Collects the answer of an access request with the poll secret that was given beside it.
#[utoipa::path(tag = "okap", params(("id" = String, Path), ("authorization" = String, Header, description = "Bearer and the poll secret")), responses(
    (status = 200, body = GrantedAnswer), (status = 202, body = PendingAnswer), (status = 401, body = OkapError),
    (status = 404, body = Problem), (status = 410, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
#[get("/okap/requests/{id}")]
pub(crate) async fn poll(
    request: HttpRequest,
    request_id: RequestId,
    (vault, requests, _addresses, knocks): Parts,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    knocks.count(&request)?;
    let Some(secret) = bearer(&request).and_then(|text| PollSecret::parse(text).ok()) else {
        let message = "send the poll secret as Authorization: Bearer".to_owned();
        return Ok(answer::refused(StatusCode::UNAUTHORIZED, "invalid_poll_secret", message, None));
    };
    let digest = secret.digest();
    let tx = vault.postgres.begin("find poll secret", Scope::Holder(digest)).await.map_err(|e| Problem::dependency(&e))?;
    let found = delivery::by_poll_secret(&tx, digest).await.map_err(|e| Problem::dependency(&e))?;
    tx.commit().await.map_err(|e| Problem::dependency(&e))?;
    let known = found.filter(|(_, request, _)| *request == *id);
    let Some((tenant, id, delivered)) = known else { return Ok(unheard(&vault, *id)) };
    if delivered {
        return Err(Problem::gone("The answer was collected already.").named("already-delivered", "The answer was collected already"));
    }
    // The holder of the secret stands for the person's vault it asked: the row says whose it is.
    let user = owner(&vault, tenant, id).await?;
    let actor = Actor::app(tenant, user, &request_id);
    let state = decided(&vault, &requests, &actor, id, Instant::now() + polled_wait(&request)).await?;
    match state {
        None => Ok(answer::pending(id, None, &vault.public_url, left(&vault, id))),
        Some(state) => outcome_of(&vault, &requests, &actor, id, state).await,
    }
}

async fn owner(vault: &Vault, tenant: ids::TenantId, id: AccessRequestId) -> Result<ids::UserId, Problem> {
    let tx = vault.begin("read access request", tenant).await.map_err(|e| Problem::dependency(&e))?;
    let row = crate::access_request::projection::one(&tx, id).await.map_err(|e| Problem::dependency(&e))?;
    tx.commit().await.map_err(|e| Problem::dependency(&e))?;
    row.map(|row| row.user).ok_or_else(|| Problem::not_found("There is no such access request."))
}

async fn outcome_of(
    vault: &Vault,
    requests: &Requests,
    actor: &Actor,
    id: AccessRequestId,
    state: RequestState,
) -> Result<HttpResponse, Problem> {
    match state {
        RequestState::Approved(_) => {
            let delivered = requests.deliver(actor, id).await?;
            Ok(answer::granted(&delivered, &vault.public_url))
        }
        RequestState::Denied(reason) => Ok(answer::denied(reason.as_deref().unwrap_or("user_denied"))),
        RequestState::Expired | RequestState::Abandoned | RequestState::Pending => Ok(answer::denied("request_expired")),
    }
}

/// What nobody will ever decide looks like what nobody has decided yet, for as long as that lasts.
fn unheard(vault: &Vault, id: AccessRequestId) -> HttpResponse {
    match left(vault, id) {
        0 => answer::denied("request_expired"),
        left => answer::pending(id, None, &vault.public_url, left),
    }
}

/// Seconds until a request lapses, from the time inside its id.
fn left(vault: &Vault, id: AccessRequestId) -> i64 {
    let made = id.uuid().get_timestamp().and_then(|at| i64::try_from(at.to_unix().0).ok()).unwrap_or(0);
    let waits = i64::try_from(vault.policy.request_waits.as_secs()).unwrap_or(0);
    (made + waits - vault.clock.now().as_second()).clamp(0, waits)
}

/// `Prefer: wait=N` in seconds (RFC 7240 section 4.3), at most 25, which is also the default.
fn wait(request: &HttpRequest) -> Duration {
    Duration::from_secs(preferred(request).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT))
}

/// Collecting does not wait unless the client prefers to.
fn polled_wait(request: &HttpRequest) -> Duration {
    Duration::from_secs(preferred(request).unwrap_or(0).min(LONGEST_WAIT))
}

fn preferred(request: &HttpRequest) -> Option<u64> {
    let value = request.headers().get("prefer")?.to_str().ok()?;
    value.split(',').find_map(|part| part.trim().strip_prefix("wait=")?.trim().parse().ok())
}

pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

pub(super) fn is_json(request: &HttpRequest) -> bool {
    use actix_web::HttpMessage;
    request.content_type().eq_ignore_ascii_case("application/json")
}

