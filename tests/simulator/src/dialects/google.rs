//! Google's dialect: generated content, token counts, models, errors.

use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Form, Plan},
    dialects::{Refusal, openai::models::known},
    frames::{Kind, Writer},
    provider::Route,
    text,
    tokens::Tokens,
};

/// `:generateContent` and `:streamGenerateContent`, the latter as events or as a JSON list.
pub fn generate(plan: &Plan) -> Answer {
    match plan.form {
        Form::Json | Form::Sound | Form::Text => {
            let text = plan.text();
            let candidates: Vec<Value> = (0..plan.count.choices)
                .map(|index| candidate(plan, index, &text, true))
                .collect();
            let all = response(plan, &candidates, plan.count.tokens);
            Answer::Json(format!("{all:#}\n").into())
        }
        Form::Events => stream(plan, ["data: ", "data: "], "\r\n\r\n", ""),
        Form::List => stream(plan, ["[", ",\r\n"], "", "]"),
    }
}

/// Each event is a whole response with the usage so far; there is no last event of its own.
fn stream(plan: &Plan, before: [&str; 2], after: &str, end: &str) -> Answer {
    let mut events = Writer::default();
    let text = plan.text();
    // A call of a tool comes in one piece.
    let per_choice = match plan.turn.call() {
        Some(_) => 1,
        None => plan.chunks(),
    };
    let pieces = text::part(&text, per_choice);
    let all = u32::try_from(plan.count.choices)
        .unwrap_or(1)
        .saturating_mul(per_choice);
    let mut sent = 0;
    for index in 0..plan.count.choices {
        for (at, piece) in (1_u32..).zip(&pieces) {
            let so_far = plan.count.tokens.after(sent + 1, all);
            let one = candidate(plan, index, piece, at == per_choice);
            let event = response(plan, &[one], so_far).to_string();
            let [first, next] = before;
            events.event(
                Kind::Content,
                &[if sent == 0 { first } else { next }, &event, after],
            );
            sent += 1;
        }
    }
    if !end.is_empty() {
        events.event(Kind::Closing, &[end]);
    }
    Answer::Stream(events.finish(&plan.script, || {
        let refusal = Refusal::Scripted {
            status: 503,
            echo: plan.echo.clone(),
        };
        format!("{}{}{after}{end}", before[1], compact(&error(&refusal).1))
    }))
}

/// `:countTokens`.
pub fn count_tokens(plan: &Plan) -> Answer {
    let input = plan.count.tokens.input;
    let mut count = json!({ "totalTokens": input, "promptTokensDetails": modality(input) });
    if let Some(echo) = &plan.echo {
        count["simulatorEcho"] = echo.as_str().into();
    }
    Answer::Json(format!("{count:#}\n").into())
}

/// `GET models` and `GET models/MODEL`.
pub fn models(plan: &Plan) -> Answer {
    let model = |id: &str| {
        json!({
            "name": format!("models/{id}"),
            "version": "001",
            "displayName": id,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        })
    };
    let body = if plan.route == Route::Model {
        model(&plan.model)
    } else {
        let models: Vec<Value> = known(plan.provider).iter().map(|id| model(id)).collect();
        json!({ "models": models })
    };
    Answer::Json(format!("{body:#}\n").into())
}

/// An error's status and body. A refused key is a 400 here: that is what Google answers.
pub fn error(refusal: &Refusal) -> (u16, String) {
    let (status, message) = match refusal {
        Refusal::NoKey => (403, NO_KEY.to_owned()),
        Refusal::InvalidKey { .. } => (
            400,
            "API key not valid. Please pass a valid API key.".to_owned(),
        ),
        Refusal::NoSuchPath { .. } => (404, "Requested entity was not found.".to_owned()),
        Refusal::Malformed { message, .. } => (400, message.clone()),
        Refusal::Extra { place, .. } => (400, format!("{}: not known", place.join("."))),
        Refusal::Scripted { status, echo } => (
            *status,
            echo.clone()
                .unwrap_or_else(|| "The simulator was told so.".to_owned()),
        ),
    };
    let mut error =
        json!({ "code": status, "message": message, "status": canonical_status(status) });
    if let Some(details) = details(refusal, &message) {
        error["details"] = details;
    }
    (status, format!("{:#}\n", json!({ "error": error })))
}

const NO_KEY: &str = "Method doesn't allow unregistered callers (callers without established \
    identity). Please use API Key or other form of API consumer identity to call this API.";

fn details(refusal: &Refusal, message: &str) -> Option<Value> {
    match refusal {
        Refusal::InvalidKey { .. } => Some(json!([
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": { "service": "generativelanguage.googleapis.com" },
            },
            {
                "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                "locale": "en-US",
                "message": message,
            },
        ])),
        Refusal::Scripted { status: 429, .. } => Some(json!([
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s" },
        ])),
        _ => None,
    }
}

const fn canonical_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        400..=498 => "INVALID_ARGUMENT",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    }
}

fn response(plan: &Plan, candidates: &[Value], tokens: Tokens) -> Value {
    let mut response = json!({ "candidates": candidates });
    if plan.tells_usage() {
        response["usageMetadata"] = usage(tokens);
    }
    response["modelVersion"] = plan.model.as_str().into();
    response["responseId"] = plan.id().into();
    response
}

fn candidate(plan: &Plan, index: u64, text: &str, is_last: bool) -> Value {
    let part = match plan.turn.call() {
        Some(call) => json!({ "functionCall": { "name": call.name, "args": call.input } }),
        None => json!({ "text": text }),
    };
    let mut candidate = json!({ "content": { "parts": [part], "role": "model" } });
    if is_last {
        let reason = if plan.count.capped {
            "MAX_TOKENS"
        } else {
            "STOP"
        };
        candidate["finishReason"] = reason.into();
    }
    candidate["index"] = index.into();
    candidate
}

/// Google counts thoughts beside the candidates, and leaves out what is zero.
fn usage(tokens: Tokens) -> Value {
    let mut usage = Map::new();
    usage.insert("promptTokenCount".into(), tokens.input.into());
    usage.insert(
        "candidatesTokenCount".into(),
        (tokens.output - tokens.reasoning).into(),
    );
    usage.insert(
        "totalTokenCount".into(),
        (tokens.input + tokens.output).into(),
    );
    if tokens.cached > 0 {
        usage.insert("cachedContentTokenCount".into(), tokens.cached.into());
    }
    usage.insert("promptTokensDetails".into(), modality(tokens.input));
    if tokens.cached > 0 {
        usage.insert("cacheTokensDetails".into(), modality(tokens.cached));
    }
    if tokens.reasoning > 0 {
        usage.insert("thoughtsTokenCount".into(), tokens.reasoning.into());
    }
    Value::Object(usage)
}

fn modality(tokens: u64) -> Value {
    json!([{ "modality": "TEXT", "tokenCount": tokens }])
}

/// The same JSON on one line, as an event needs it.
fn compact(pretty: &str) -> String {
    serde_json::from_str::<Value>(pretty)
        .unwrap_or_default()
        .to_string()
}
