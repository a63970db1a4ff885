//! The wire: a request comes in, passes the stages, and its answer goes out.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use server::{RequestId, RouteName};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::{
    call::{gate::Gate, one, received::Received},
    error::{Refusal, told},
};

/// As all of them are named in the log and in metrics; each call's record has its own route.
const ROUTE: RouteName = RouteName("/v1/{provider}/{route}");

/// Every proxied route.
///
/// A call is a task of its own: each time one wakes up, actix looks through its connection from the
/// beginning, and a call wakes up several times. With the connection the task goes, too.
pub async fn call(
    request: HttpRequest,
    payload: web::Payload,
    id: RequestId,
    gate: web::Data<Arc<Gate>>,
) -> HttpResponse {
    // In a box: a task is moved several times.
    let call = Box::pin(named(request, payload, id, gate));
    let running = rt::spawn(call.in_current_span());
    match AbortOnDropHandle::new(running).await {
        Ok(answer) => answer,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process is at its end.
            Err(_) => HttpResponse::ServiceUnavailable().finish(),
        },
    }
}

async fn named(
    request: HttpRequest,
    payload: web::Payload,
    id: RequestId,
    gate: web::Data<Arc<Gate>>,
) -> HttpResponse {
    let mut answer = answer(&request, payload, id, &gate).await;
    if answer.extensions().get::<RouteName>().is_none() {
        answer.extensions_mut().insert(ROUTE);
    }
    answer
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    id: RequestId,
    gate: &Arc<Gate>,
) -> HttpResponse {
    let received = match Received::read(gate, request, id) {
        Ok(received) => received,
        Err((shape, Refusal::NoRoute)) => {
            // In a box, for the calls that go straight to a provider not to carry it along.
            let one = Box::pin(one::answer(request, payload, id, gate)).await;
            return one.unwrap_or_else(|| told(request, &shape, &Refusal::NoRoute));
        }
        Err((shape, refusal)) => return told(request, &shape, &refusal),
    };
    let shape = received.shape.clone();
    match pass(received, payload, gate).await {
        Ok(answer) => answer,
        Err(refusal) => {
            metrics::counter!("latchkey_calls_refused_total", "type" => refusal.kind())
                .increment(1);
            told(request, &shape, &refusal)
        }
    }
}

async fn pass(
    received: Received,
    payload: web::Payload,
    gate: &Arc<Gate>,
) -> Result<HttpResponse, Refusal> {
    let mut authorized = received.authorize(gate, payload).await?;
    if let Some(kept) = authorized.look_up(gate)? {
        return Box::pin(authorized.answer_again(gate, &kept)).await;
    }
    let reserved = authorized.reserve(gate).await?.rehearse()?;
    let payer = reserved.open_key(gate).await?;
    let sent = reserved.send(gate, &payer).await?;
    drop(payer);
    sent.answer(gate).await
}
