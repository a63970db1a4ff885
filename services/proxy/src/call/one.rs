//! One endpoint for all providers, directly below `/v1`: the body says which model is asked, and so
//! which provider.
//!
//! ```text
//! Asked ─▶ Candidates ─▶ Candidate ─▶ Authorized ─▶ … as every call
//! ```
//!
//! The body is read once. Each provider that is tried is a call of its own: with its own id, hold
//! and record, and settled before the next one begins.

mod asked;
mod attempts;
mod choice;
mod meant;
mod models;
mod order;
mod wish;

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
    web,
};
use server::{RequestId, RouteName};

pub use order::Latencies;

use crate::{
    call::{gate::Gate, one::choice::Choice},
    error::{Refusal, Shape, told},
    provider::Endpoint,
};
use asked::Asked;

/// As all of them are named in the log and in metrics.
const ROUTE: RouteName = RouteName("/v1/{route}");

/// What is asked of all providers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'p> {
    Call(Endpoint),
    Models,
    /// As it stands in the path.
    Model(&'p str),
}

impl<'p> Route<'p> {
    /// The route that a raw path names, as exactly as those of a provider.
    fn find(method: &Method, path: &'p str) -> Option<Self> {
        let below = path.strip_prefix("/v1/")?;
        match (method, below) {
            (&Method::POST, "chat/completions") => Some(Self::Call(Endpoint::ChatCompletions)),
            (&Method::POST, "embeddings") => Some(Self::Call(Endpoint::Embeddings)),
            (&Method::POST, "responses") => Some(Self::Call(Endpoint::Responses)),
            (&Method::GET, "models") => Some(Self::Models),
            (&Method::GET, _) => below.strip_prefix("models/").map(Self::Model),
            _ => None,
        }
    }
}

/// Answers a request that is on no provider's own route; `None` if it is on none of these either.
pub(super) async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    id: RequestId,
    gate: &Arc<Gate>,
) -> Option<HttpResponse> {
    let route = Route::find(request.method(), request.uri().path())?;
    let shape = Shape::usual(id);
    let answered = match route {
        Route::Call(endpoint) => call(request, payload, &shape, gate, endpoint).await,
        Route::Models => (None, models::list(request, &shape, gate).await),
        Route::Model(named) => (None, models::one(request, &shape, gate, named).await),
    };
    let mut response = match answered {
        (served, Ok(response)) => named(response, served.as_ref()),
        (served, Err(refusal)) => {
            metrics::counter!("latchkey_calls_refused_total", "type" => refusal.kind())
                .increment(1);
            named(told(request, &shape, &refusal), served.as_ref())
        }
    };
    response.extensions_mut().insert(ROUTE);
    Some(response)
}

/// Who was asked last, and what came of it.
type Answered = (Option<Choice>, Result<HttpResponse, Refusal>);

async fn call(
    request: &HttpRequest,
    payload: web::Payload,
    shape: &Shape,
    gate: &Arc<Gate>,
    endpoint: Endpoint,
) -> Answered {
    let resolved = match Asked::read(gate, request, shape, endpoint) {
        Ok(asked) => asked.resolve(gate, payload).await,
        Err(refusal) => Err(refusal),
    };
    match resolved {
        Ok(candidates) => candidates.answer(gate).await,
        Err(refusal) => (None, Err(refusal)),
    }
}

/// The answer, saying who gave it.
fn named(mut response: HttpResponse, served: Option<&Choice>) -> HttpResponse {
    let Some(choice) = served else {
        return response;
    };
    let said = [
        ("x-okap-provider", choice.upstream.name().as_str()),
        ("x-okap-model", choice.model.as_str()),
    ];
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Providers;

    #[test]
    fn the_routes_are_none_of_any_provider() {
        let providers = Providers::built_in(&[]).unwrap();
        for (method, path, expected) in [
            (
                Method::POST,
                "/v1/chat/completions",
                Route::Call(Endpoint::ChatCompletions),
            ),
            (
                Method::POST,
                "/v1/embeddings",
                Route::Call(Endpoint::Embeddings),
            ),
            (
                Method::POST,
                "/v1/responses",
                Route::Call(Endpoint::Responses),
            ),
            (Method::GET, "/v1/models", Route::Models),
            (
                Method::GET,
                "/v1/models/groq/llama-3",
                Route::Model("groq/llama-3"),
            ),
        ] {
            assert_eq!(Route::find(&method, path), Some(expected), "{path}");
            assert!(providers.route(&method, path).is_err(), "{path}");
        }
        for path in [
            "/v1/chat/completions/",
            "/v1/Chat/completions",
            "/v1/chat%2fcompletions",
            "/v1//chat/completions",
            "/v1/openai/chat/completions",
            "/v1/completions",
            "/v1/models",
        ] {
            assert_eq!(Route::find(&Method::POST, path), None, "{path}");
        }
    }
}
