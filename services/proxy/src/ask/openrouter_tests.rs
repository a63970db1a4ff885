use bytes::Bytes;
use money::Nanodollars;
use serde_json::{Value, json};

use super::*;
use crate::{
    ask::read,
    provider::{Endpoint, Providers},
};

fn ask(body: &Value) -> Result<Ask, AskError> {
    let providers = Providers::built_in(&[]).unwrap();
    let upstream = providers.find("openrouter").unwrap();
    let body = body.to_string();
    read(
        upstream,
        Endpoint::ChatCompletions,
        None,
        None,
        body.as_bytes(),
    )
}

/// The body as it is sent, at 0.15 and 0.6 dollars for a million tokens.
fn sent(body: &Value) -> Value {
    let Ask {
        price_cap,
        mut edits,
        ..
    } = ask(body).unwrap();
    let listed = ["0.15", "0.6"].map(|text| text.parse::<Nanodollars>().unwrap());
    price_cap.unwrap().write(listed.into(), &mut edits);
    serde_json::from_slice(&edits.apply(Bytes::from(body.to_string()))).unwrap()
}

fn chat(more: &Value) -> Value {
    let mut body = json!({"model": "openai/gpt-4o-mini", "messages": [], "max_tokens": 9});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn the_price_is_capped_and_the_cost_is_told() {
    let cap = json!({"prompt": 0.15, "completion": 0.6, "request": 0});
    let plain = sent(&chat(&json!({})));
    assert_eq!(plain["provider"], json!({"max_price": cap}));
    assert_eq!(plain["usage"], json!({"include": true}));
    let chosen = json!({"usage": {"include": false}, "provider": {"order": ["azure"], "allow_fallbacks": false}});
    let chosen = sent(&chat(&chosen));
    assert_eq!(
        chosen["provider"],
        json!({"max_price": cap, "order": ["azure"], "allow_fallbacks": false})
    );
    assert_eq!(chosen["usage"], json!({"include": true}));
    for empty in [json!({"provider": {}}), json!({"provider": null})] {
        assert_eq!(sent(&chat(&empty))["provider"], json!({"max_price": cap}));
    }
}

#[test]
fn no_other_model_and_no_other_bill_is_reached() {
    for more in [
        json!({"models": ["anthropic/claude-opus-4.1"]}),
        json!({"models": []}),
        json!({"Models": ["anthropic/claude-opus-4.1"]}),
        json!({"route": "fallback"}),
        json!({"preset": "mine"}),
        json!({"plugins": [{"id": "web"}]}),
        json!({"service_tier": "priority"}),
        json!({"web_search_options": {}}),
        json!({"tools": [{"type": "openrouter:web_search"}]}),
        json!({"transforms": ["middle-out", "other"]}),
        json!({"Provider": {"max_price": {}}}),
        json!({"provider": {"max_price": {"prompt": 1}}}),
        json!({"provider": {"Max_Price": {"prompt": 1}}}),
        json!({"provider": {"byok": true}}),
        json!({"provider": "azure"}),
        json!({"model": "openai/gpt-4o-mini:online"}),
        json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "x"}}]}]}),
    ] {
        assert!(ask(&chat(&more)).is_err(), "{more}");
    }
    assert!(ask(&chat(&json!({"transforms": ["middle-out"]}))).is_ok());
    assert!(ask(&chat(&json!({"transforms": []}))).is_ok());
}

#[test]
fn nothing_but_text_is_written() {
    for body in [
        chat(&json!({"modalities": ["image", "text"]})),
        chat(&json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy"}})),
        chat(&json!({"model": "google/gemini-2.5-flash-image"})),
        chat(&json!({"model": "google/gemini-nano-banana-2.1"})),
        chat(&json!({"model": "openai/gpt-audio-mini"})),
    ] {
        assert!(matches!(ask(&body), Err(AskError::Unbounded(_))), "{body}");
    }
    assert!(ask(&chat(&json!({"modalities": ["text"]}))).is_ok());
}
