//! Errors in OpenAI's shape.

use serde_json::{Value, json};

use crate::dialects::Refusal;

/// An error's status and body.
pub fn write(refusal: &Refusal) -> (u16, String) {
    let (status, message, kind, param, code) = match refusal {
        Refusal::NoKey => (401, NO_KEY.to_owned(), INVALID, Value::Null, Value::Null),
        Refusal::InvalidKey { key, .. } => {
            let message = format!(
                "Incorrect API key provided: {}. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
                masked(key)
            );
            (401, message, INVALID, Value::Null, "invalid_api_key".into())
        }
        Refusal::NoSuchPath { method, path } => (
            404,
            format!("Invalid URL ({method} {path})"),
            INVALID,
            Value::Null,
            Value::Null,
        ),
        Refusal::Malformed { message, member } => (
            400,
            message.clone(),
            INVALID,
            json!(member),
            code_of_malformed(*member),
        ),
        Refusal::Extra { place, input } => return extra(place, input),
        Refusal::Scripted { status, echo } => {
            let (kind, code, message) = scripted(*status);
            let message = echo.clone().unwrap_or_else(|| message.to_owned());
            (*status, message, kind, Value::Null, code)
        }
    };
    let error = json!({ "message": message, "type": kind, "param": param, "code": code });
    (status, json!({ "error": error }).to_string())
}

/// What Mistral says to a member it does not know.
fn extra(place: &[&str], input: &Value) -> (u16, String) {
    let place: Vec<&str> = ["body"].iter().chain(place).copied().collect();
    let detail = json!({
        "type": "extra_forbidden",
        "loc": place,
        "msg": "Extra inputs are not permitted",
        "input": input,
    });
    let body = json!({
        "object": "error",
        "message": { "detail": [detail] },
        "type": INVALID,
        "param": null,
        "code": null,
    });
    (422, body.to_string())
}

const INVALID: &str = "invalid_request_error";
const NO_KEY: &str = "You didn't provide an API key. You need to provide your API key in an \
    Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the \
    password field (with blank username) if you're accessing the API from your browser and are \
    prompted for a username and password. You can obtain an API key from \
    https://platform.openai.com/account/api-keys.";

fn code_of_malformed(member: Option<&str>) -> Value {
    if member.is_some() {
        "missing_required_parameter".into()
    } else {
        Value::Null
    }
}

fn scripted(status: u16) -> (&'static str, Value, &'static str) {
    match status {
        400 | 409 | 413 | 422 => (
            INVALID,
            Value::Null,
            "The simulator was told to refuse this.",
        ),
        401 => (
            INVALID,
            "invalid_api_key".into(),
            "Incorrect API key provided.",
        ),
        402 => (
            "insufficient_quota",
            "insufficient_quota".into(),
            "You have no credit left.",
        ),
        403 => (
            INVALID,
            "unsupported_country_region_territory".into(),
            "Access denied.",
        ),
        404 => (
            INVALID,
            "model_not_found".into(),
            "The model does not exist.",
        ),
        429 => (
            "requests",
            "rate_limit_exceeded".into(),
            "Rate limit reached for this model.",
        ),
        503 => (
            "service_unavailable_error",
            Value::Null,
            "That model is currently overloaded.",
        ),
        _ => (
            "server_error",
            Value::Null,
            "The server had an error while processing your request. Sorry about that!",
        ),
    }
}

/// A key as OpenAI tells it: its beginning and its end.
fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    if letters.len() <= 12 {
        return "*".repeat(letters.len());
    }
    let (start, rest) = letters.split_at(8);
    let (middle, end) = rest.split_at(rest.len() - 4);
    start
        .iter()
        .copied()
        .chain(middle.iter().map(|_| '*'))
        .chain(end.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_told_masked() {
        assert_eq!(masked("sk-proj-1234567890abcd"), "sk-proj-**********abcd");
        assert_eq!(masked("short"), "*****");
    }
}
