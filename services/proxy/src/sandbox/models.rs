//! The list of models, and one of them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{chat::CREATED, scenario::MODELS};

pub(super) fn list() -> Bytes {
    let data: Vec<Value> = MODELS.iter().map(|(name, _)| model(name)).collect();
    json!({ "object": "list", "data": data }).to_string().into()
}

pub(super) fn one(name: &str) -> Bytes {
    model(name).to_string().into()
}

fn model(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": CREATED, "owned_by": "sandbox" })
}
