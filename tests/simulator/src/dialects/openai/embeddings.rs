//! `POST /embeddings`, and the vectors that Google's dialect gives too.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::answer::{Answer, Plan};

const MOST_DIMENSIONS: usize = 8192;

/// Writes the embeddings of all inputs.
pub fn write(plan: &Plan) -> Answer {
    let data: Vec<Value> = (0..plan.embeddings.inputs.max(1))
        .map(|index| {
            let vector = vector(plan, index);
            let embedding: Value = if plan.embeddings.base64 {
                let bytes: Vec<u8> = vector
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect();
                STANDARD.encode(bytes).into()
            } else {
                vector.into()
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let mut list = json!({ "object": "list", "data": data, "model": plan.model });
    if plan.tells_usage() {
        let input = plan.count.tokens.input;
        list["usage"] = json!({ "prompt_tokens": input, "total_tokens": input });
    }
    if let Some(echo) = &plan.echo {
        list["simulator_echo"] = echo.as_str().into();
    }
    Answer::Json(list.to_string().into())
}

/// A made-up vector: always the same for the same model length and input number. Its numbers are
/// exact in binary, so that lists and base64 give the very same ones.
pub fn vector(plan: &Plan, index: u64) -> Vec<f32> {
    let plain = match plan.model.as_str() {
        model if model.contains("large") || model.contains("gemini-embedding") => 3072,
        "text-embedding-004" => 768,
        _ => 1536,
    };
    let length = plan
        .embeddings
        .dimensions
        .unwrap_or(plain)
        .clamp(1, MOST_DIMENSIONS);
    let start = u16::try_from(index % 97).unwrap_or_default();
    (0_u16..)
        .take(length)
        .map(|at| f32::from((at * 7 + start) % 129) / 1024.0 - 0.0625)
        .collect()
}
