//! `:embedContent` and `:batchEmbedContents`.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Plan},
    dialects::openai::embeddings::vector,
};

/// One embedding.
pub fn embed_content(plan: &Plan) -> Answer {
    finish(plan, json!({ "embedding": { "values": vector(plan, 0) } }))
}

/// One embedding for each request of the batch.
pub fn batch_embed_contents(plan: &Plan) -> Answer {
    let all: Vec<Value> = (0..plan.embeddings.inputs.max(1))
        .map(|index| json!({ "values": vector(plan, index) }))
        .collect();
    finish(plan, json!({ "embeddings": all }))
}

fn finish(plan: &Plan, mut body: Value) -> Answer {
    if plan.tells_usage() {
        body["usageMetadata"] = json!({ "promptTokenCount": plan.count.tokens.input });
    }
    if let Some(echo) = &plan.echo {
        body["simulatorEcho"] = echo.as_str().into();
    }
    Answer::Json(body.to_string().into())
}
