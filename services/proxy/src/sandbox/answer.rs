//! One call, answered.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::{
    ask::Ask,
    body::Made,
    chat::Chat,
    embeddings::{self, MOST_INPUTS},
    models,
    responses::Responding,
    scenario::Scenario,
};
use crate::{provider::Endpoint, wire::Body};

/// How long the slow model takes.
const SLOW: Duration = Duration::from_secs(3);
const JSON: &str = "application/json";

/// What a provider would answer to this call. `named` is the model, where the path names it.
pub(crate) fn answer(endpoint: Endpoint, named: Option<&str>, body: &[u8]) -> Response<Body> {
    match (endpoint, named) {
        (Endpoint::ListModels, _) => return json_answer(Made::new([models::list()])),
        (Endpoint::OneModel, Some(model)) if Scenario::of(model).is_some() => {
            return json_answer(Made::new([models::one(model)]));
        }
        (Endpoint::OneModel, _) => return unknown_model(named.unwrap_or_default()),
        _ => {}
    }
    let ask = Ask::read(body);
    let Some(scenario) = Scenario::of(&ask.model) else {
        return unknown_model(&ask.model);
    };
    match scenario {
        Scenario::Fails(status) => failure(status),
        Scenario::Slow => written(endpoint, &ask, body, |made| made.spread_over(SLOW)),
        Scenario::Cut => written(endpoint, &ask, body, Made::cut),
        // A refused call does not come here.
        Scenario::Echo | Scenario::Embedding | Scenario::Refused(_) => {
            written(endpoint, &ask, body, |made| made)
        }
    }
}

/// The answer of a model that answers.
fn written(
    endpoint: Endpoint,
    ask: &Ask,
    body: &[u8],
    paced: impl Fn(Made) -> Made,
) -> Response<Body> {
    let id = &format!("sandbox{:016x}", digest(body));
    let said = &ask.said();
    let pieces = match endpoint {
        Endpoint::Embeddings => match embeddings::whole(ask) {
            Some(list) => vec![list],
            None => return too_many_inputs(),
        },
        Endpoint::Responses => Responding { ask, said, id }.pieces(),
        _ => Chat {
            ask,
            said,
            endpoint,
            id,
        }
        .pieces(),
    };
    let kind = if ask.stream {
        "text/event-stream; charset=utf-8"
    } else {
        JSON
    };
    response(StatusCode::OK, kind, paced(Made::new(pieces)))
}

fn json_answer(made: Made) -> Response<Body> {
    response(StatusCode::OK, JSON, made)
}

/// An error in a provider's own words, as OpenAI writes them.
fn failure(status: u16) -> Response<Body> {
    let (status, message, kind, code) = match StatusCode::from_u16(status) {
        Ok(StatusCode::UNAUTHORIZED) => (
            StatusCode::UNAUTHORIZED,
            "Incorrect API key provided.",
            "invalid_request_error",
            Some("invalid_api_key"),
        ),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            None,
        ),
    };
    error(status, message, kind, code)
}

fn too_many_inputs() -> Response<Body> {
    let message = format!("The sandbox takes at most {MOST_INPUTS} inputs in one call.");
    error(
        StatusCode::BAD_REQUEST,
        &message,
        "invalid_request_error",
        None,
    )
}

fn unknown_model(model: &str) -> Response<Body> {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    let kind = "invalid_request_error";
    error(
        StatusCode::NOT_FOUND,
        &message,
        kind,
        Some("model_not_found"),
    )
}

fn error(status: StatusCode, message: &str, kind: &str, code: Option<&str>) -> Response<Body> {
    let error =
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
    response(status, JSON, Made::new([error.to_string().into()]))
}

fn response(status: StatusCode, kind: &'static str, made: Made) -> Response<Body> {
    let mut response = Response::new(Body::made(made));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(kind));
    response
}

/// FNV-1a: the same bytes have the same number, which is all that is asked of it here.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
