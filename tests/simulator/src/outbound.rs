//! An answer on its way out: status, headers, body, and what is noted about it.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
    },
};

use crate::{
    answer::{Answer, Form, Plan},
    call::Shared,
    dialects::{self, Refusal},
    inbound::SentKey,
    ledger::OpenCall,
    provider::Dialect,
    script::Script,
    stream::Stream,
    tokens::Tokens,
    trailers,
};

/// Marks every answer as the simulator's.
pub const SIMULATOR: HeaderName = HeaderName::from_static("x-latchkey-simulator");

/// Sends the answer to a plan.
pub fn serve(
    plan: &Plan,
    request_id: &str,
    key: Option<SentKey<'_>>,
    mut call: OpenCall,
    shared: &Shared,
) -> HttpResponse {
    let status = plan
        .script
        .status
        .and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let billed = plan.route.is_billed();
    let tokens = if billed {
        plan.count.tokens
    } else {
        Tokens::default()
    };
    call.note(|entry| {
        entry.status = Some(status.as_u16());
        entry.billed = billed;
        entry.tokens = tokens;
    });
    let mut response = HttpResponse::build(status);
    response.insert_header((
        CONTENT_TYPE,
        dialects::content_type(plan.dialect, plan.form),
    ));
    add_headers(&mut response, plan.dialect, request_id, &plan.script, key);
    let answer = match shared
        .prebuilt
        .answer(plan, shared.ledger.now().as_second())
    {
        Answer::Json(body) if plan.script.cut_after_chunks.is_some() => {
            response.body(Stream::half_of(&body, tokens, call))
        }
        Answer::Json(body) => {
            call.end(true);
            response.body(body)
        }
        Answer::Stream(frames) => {
            response.body(Stream::new(frames, plan.script.pace(), tokens, call))
        }
    };
    trailers::add(answer, &filled(&plan.script.trailers, key))
}

/// Sends a refusal.
pub fn refuse(
    dialect: Dialect,
    refusal: &Refusal,
    request_id: &str,
    script: &Script,
    key: Option<SentKey<'_>>,
    mut call: OpenCall,
) -> HttpResponse {
    let (status, body) = dialects::refuse(dialect, refusal, request_id);
    call.note(|entry| entry.status = Some(status.as_u16()));
    call.end(true);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, dialects::content_type(dialect, Form::Json)));
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.insert_header((RETRY_AFTER, "1"));
    }
    add_headers(&mut response, dialect, request_id, script, key);
    trailers::add(response.body(body), &filled(&script.trailers, key))
}

fn add_headers(
    response: &mut HttpResponseBuilder,
    dialect: Dialect,
    request_id: &str,
    script: &Script,
    key: Option<SentKey<'_>>,
) {
    response.insert_header((SIMULATOR, HeaderValue::from_static("1")));
    response.insert_header((dialects::request_id_header(dialect), request_id));
    for (name, value) in dialects::headers(dialect) {
        response.insert_header((name, HeaderValue::from_static(value)));
    }
    for header in filled(&script.headers, key) {
        response.insert_header(header);
    }
}

/// A script's header fields, with the key in its place.
fn filled<'s>(
    fields: &'s BTreeMap<String, String>,
    key: Option<SentKey<'_>>,
) -> Vec<(&'s str, String)> {
    let key = key.map_or("", |key| key.text);
    let fields = fields.iter();
    fields
        .map(|(name, value)| (name.as_str(), value.replace("{key}", key)))
        .collect()
}
