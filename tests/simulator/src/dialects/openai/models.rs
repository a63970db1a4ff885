//! `GET /models` and `GET /models/MODEL`.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Plan},
    provider::{Provider, Route},
};

/// When every model was made, as far as this dialect tells: the first of January 2025.
const CREATED: i64 = 1_735_689_600;

/// Writes the list, or the one model that was asked for.
pub fn write(plan: &Plan) -> Answer {
    let model = |id: &str| {
        let owner = plan.provider.name();
        json!({ "id": id, "object": "model", "created": CREATED, "owned_by": owner })
    };
    let body = if plan.route == Route::Model {
        model(&plan.model)
    } else {
        let data: Vec<Value> = known(plan.provider).iter().map(|id| model(id)).collect();
        json!({ "object": "list", "data": data })
    };
    Answer::Json(body.to_string().into())
}

/// The models that a list names; the simulator answers for every other name as well.
pub const fn known(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::OpenAi => &[
            "gpt-6-sol",
            "gpt-6-luna",
            "gpt-5.5",
            "gpt-5",
            "gpt-5-mini",
            "gpt-4.1",
            "gpt-4o",
            "gpt-4o-mini",
            "o3",
            "text-embedding-3-small",
            "text-embedding-3-large",
        ],
        Provider::Anthropic => &[
            "claude-opus-5",
            "claude-sonnet-5",
            "claude-haiku-5-5",
            "claude-opus-4-5",
            "claude-sonnet-4-5",
            "claude-haiku-4-5",
        ],
        Provider::Google => &[
            "gemini-3.8-flash",
            "gemini-2.5-pro",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
            "gemini-embedding-001",
        ],
        Provider::Groq => &["llama-3.3-70b-versatile", "llama-3.1-8b-instant"],
        Provider::Together => &["meta-llama/Llama-3.3-70B-Instruct-Turbo"],
        Provider::Mistral => &[
            "mistral-large-latest",
            "mistral-small-latest",
            "mistral-embed",
        ],
        Provider::Cohere => &["command-a-03-2025", "command-r-plus-08-2024", "embed-v4.0"],
        Provider::Azure => &[],
        Provider::OpenRouter => &["openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5"],
        Provider::Ollama => &["llama3.2", "qwen3"],
    }
}
