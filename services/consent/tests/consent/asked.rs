//! What apps ask.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

/// An ask at an address, as HTTP clients send the user part of a URL.
pub fn asking(address: &str, details: &Value) -> TestRequest {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let credentials = format!("Basic {}", STANDARD.encode(format!("{address}:")));
    let body =
        json!({"okap": "1.0", "authorization_details": details, "client": {"name": "Notebook"}});
    TestRequest::post()
        .uri("/okap/authorize")
        .insert_header(("authorization", credentials))
        .set_json(body)
}

/// What an app asks for at OpenAI, with these members.
pub fn detail(members: Value) -> Value {
    let mut detail =
        json!({"type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"]});
    let Value::Object(members) = members else {
        unreachable!("members are an object")
    };
    for (name, value) in members {
        detail[name] = value;
    }
    detail
}
