//! Vectors: always the same for the same text, and different for different texts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{answer::digest, ask::Ask};

/// How many numbers a vector has, and the most that may be asked for.
const USUAL: u64 = 64;
const MOST_NUMBERS: u64 = 1_024;
/// More inputs are refused.
pub(super) const MOST_INPUTS: usize = 64;

/// The answer; `None` when there are too many inputs.
pub(super) fn whole(ask: &Ask) -> Option<Bytes> {
    let length = ask.dimensions.unwrap_or(USUAL).clamp(1, MOST_NUMBERS);
    let embed = |(index, input): (usize, &Value)| {
        let vector = vector(input, length);
        let embedding: Value = if ask.wants_base64() {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            STANDARD.encode(bytes).into()
        } else {
            vector.into()
        };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    };
    let inputs = inputs(&ask.input);
    if inputs.len() > MOST_INPUTS {
        return None;
    }
    let data: Vec<Value> = inputs.iter().enumerate().map(embed).collect();
    let tokens = ask.input_tokens();
    let list = json!({
        "object": "list",
        "data": data,
        "model": ask.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    });
    Some(list.to_string().into())
}

/// A list of texts, or of lists of tokens, is as many inputs; a text or a list of tokens is one.
fn inputs(input: &Value) -> &[Value] {
    match input {
        Value::Array(many) if many.iter().any(|one| one.is_string() || one.is_array()) => many,
        one => std::slice::from_ref(one),
    }
}

/// Numbers between -0.5 and 0.5 that are exact in binary, so that a list and base64 give the very
/// same ones.
fn vector(input: &Value, length: u64) -> Vec<f32> {
    let text = input.to_string();
    let mut state = digest(text.as_bytes());
    let mut next = move || {
        // Knuth's linear congruential generator; its high bits are the good ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [high, low, ..] = state.to_be_bytes();
        f32::from(u16::from_be_bytes([high, low])) / 65_536.0 - 0.5
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_the_same_vector_and_another_text_another() {
        let of = |text: &str| vector(&text.into(), 8);
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert!(of("a").iter().all(|number| number.abs() <= 0.5));
        assert_eq!(inputs(&json!(["a", "b"])).len(), 2);
        assert_eq!(inputs(&json!([1, 2, 3])).len(), 1);
        assert_eq!(inputs(&json!("a")).len(), 1);
    }
}
