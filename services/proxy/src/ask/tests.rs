use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::provider::Providers;

pub(super) fn ask(provider: &str, endpoint: Endpoint, body: &Value) -> Result<Ask, AskError> {
    let providers = Providers::built_in(&[]).unwrap();
    let upstream = providers.find(provider).unwrap();
    read(
        upstream,
        endpoint,
        (provider == "google").then_some("gemini-2.5-pro"),
        None,
        body.to_string().as_bytes(),
    )
}

pub(super) fn chat(body: &Value) -> Result<Ask, AskError> {
    ask("openai", Endpoint::ChatCompletions, body)
}

fn sent(ask: &Ask, body: &Value, cap: Option<u32>) -> Value {
    let mut edits = ask.edits.clone();
    if let (Some(member), Some(cap)) = (&ask.cap_member, cap) {
        member.write(cap, &mut edits);
    }
    serde_json::from_slice(&edits.apply(Bytes::from(body.to_string()))).unwrap()
}

#[test]
fn a_chat_gets_the_cap_it_lacks() {
    let body = json!({"model": "gpt-4o", "messages": []});
    let asked = chat(&body).unwrap();
    assert_eq!(
        (asked.model.as_str(), asked.stream, asked.output_cap),
        ("gpt-4o", false, None)
    );
    let expected = json!({
        "model": "gpt-4o", "messages": [], "max_completion_tokens": 100, "service_tier": "default"
    });
    assert_eq!(sent(&asked, &body, Some(100)), expected);

    let body = json!({"model": "gpt-4o", "messages": [], "max_completion_tokens": null});
    assert_eq!(sent(&chat(&body).unwrap(), &body, Some(100)), expected);
}

#[test]
fn an_apps_own_cap_stays_and_the_higher_of_two_counts() {
    let body = json!({"model": "gpt-4o", "max_tokens": 9});
    let asked = chat(&body).unwrap();
    assert_eq!((asked.output_cap, &asked.cap_member), (Some(9), &None));
    let both = json!({"model": "gpt-4o", "max_tokens": 9, "max_completion_tokens": 8});
    assert_eq!(chat(&both).unwrap().output_cap, Some(9));
    // Mistral knows the older member only, and would ignore or refuse the newer.
    let body = json!({"model": "m", "max_completion_tokens": 8});
    let asked = ask("mistral", Endpoint::ChatCompletions, &body).unwrap();
    assert_eq!(
        sent(&asked, &body, None),
        json!({"model": "m", "max_tokens": 8})
    );
}

#[test]
fn the_usage_of_a_stream_is_asked_for() {
    let plain = json!({"model": "m", "stream": true});
    let asked = chat(&plain).unwrap();
    assert!(asked.stream && !asked.wants_usage);
    assert_eq!(
        sent(&asked, &plain, None)["stream_options"],
        json!({"include_usage": true})
    );

    let others = json!({"model": "m", "stream": true, "stream_options": {"include_usage": false, "include_obfuscation": false}});
    let told = sent(&chat(&others).unwrap(), &others, None);
    assert_eq!(
        told["stream_options"],
        json!({"include_usage": true, "include_obfuscation": false})
    );

    let wanted = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true}, "service_tier": "flex"
    });
    let asked = chat(&wanted).unwrap();
    assert!(asked.wants_usage && asked.edits.is_empty());
    assert!(
        ask("mistral", Endpoint::ChatCompletions, &plain)
            .unwrap()
            .edits
            .is_empty()
    );
}

#[test]
fn the_number_of_answers_counts() {
    assert_eq!(chat(&json!({"model": "m", "n": 3})).unwrap().answers, 3);
    assert!(chat(&json!({"model": "m", "n": 129})).is_err());
    assert!(chat(&json!({"model": "m", "n": 0})).is_err());
    let body = json!({"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 3});
    let asked = ask("openai", Endpoint::Completions, &body).unwrap();
    assert_eq!((asked.answers, asked.output_cap), (6, Some(16)));
    let tokens = json!({"model": "m", "prompt": [1, 2, 3]});
    assert_eq!(
        ask("openai", Endpoint::Completions, &tokens)
            .unwrap()
            .answers,
        1
    );
    let body = json!({"generationConfig": {"candidateCount": 4}});
    assert_eq!(
        ask("google", Endpoint::GenerateContent, &body)
            .unwrap()
            .answers,
        4
    );
}

#[test]
fn a_model_is_a_text_of_bounded_length() {
    for bad in [
        json!({}),
        json!({"model": ""}),
        json!({"model": 1}),
        json!({"model": null}),
        json!({"model": "a\nb"}),
        json!({"model": "x".repeat(129)}),
    ] {
        assert!(chat(&bad).is_err(), "{bad}");
    }
}

#[test]
fn images_need_vision_and_sound_needs_audio() {
    let part =
        |part: Value| json!({"model": "m", "messages": [{"role": "user", "content": [part]}]});
    let url = format!("data:image/png;base64,{}", "A".repeat(5_000));
    let image = chat(&part(
        json!({"type": "image_url", "image_url": {"url": url}}),
    ))
    .unwrap();
    assert_eq!(
        (image.needs, image.input.images),
        (vec![Capability::Vision], 1)
    );
    assert!(
        image.input.bytes < 1_000,
        "an image is not charged by its bytes"
    );
    let sound = chat(&part(
        json!({"type": "input_audio", "input_audio": {"data": ""}}),
    ))
    .unwrap();
    assert_eq!(sound.needs, [Capability::Audio]);
    let file = chat(&part(json!({"type": "file", "file": {"file_id": "f"}}))).unwrap();
    assert!(file.input.whole_window);
    assert!(
        chat(&part(json!({"type": "text", "text": "x"})))
            .unwrap()
            .needs
            .is_empty()
    );
}

#[test]
fn what_the_provider_runs_at_an_unbounded_cost_is_refused() {
    let openai = |tool: Value| json!({"model": "m", "max_output_tokens": 5, "tools": [tool]});
    for kind in [
        "web_search",
        "web_search_preview",
        "file_search",
        "code_interpreter",
        "image_generation",
        "mcp",
        "new_thing",
        "",
    ] {
        let refused = ask(
            "openai",
            Endpoint::Responses,
            &openai(json!({"type": kind})),
        );
        assert!(matches!(refused, Err(AskError::Unbounded(_))), "{kind}");
        assert!(chat(&openai(json!({"type": kind}))).is_err(), "{kind}");
    }
    assert!(
        ask(
            "openai",
            Endpoint::Responses,
            &openai(json!({"type": "function", "name": "f"}))
        )
        .is_ok()
    );
    assert!(chat(&json!({"model": "m", "web_search_options": {}})).is_err());

    let anthropic = |tool: Value| json!({"model": "m", "max_tokens": 5, "tools": [tool]});
    for kind in [
        "web_search_20250305",
        "web_fetch_20250910",
        "code_execution_20250522",
        "mcp_toolset",
    ] {
        let refused = ask(
            "anthropic",
            Endpoint::Messages,
            &anthropic(json!({"type": kind})),
        );
        assert!(matches!(refused, Err(AskError::Unbounded(_))), "{kind}");
    }
    for tool in [
        json!({"name": "f", "input_schema": {}}),
        json!({"type": "bash_20250124", "name": "bash"}),
    ] {
        let allowed = ask("anthropic", Endpoint::Messages, &anthropic(tool)).unwrap();
        assert_eq!(allowed.input.added, 1_024);
    }
    let google = |tool: Value| {
        ask(
            "google",
            Endpoint::GenerateContent,
            &json!({"tools": [tool]}),
        )
    };
    assert!(google(json!({"functionDeclarations": []})).is_ok());
    for tool in [
        "googleSearch",
        "codeExecution",
        "urlContext",
        "google_search",
    ] {
        assert!(google(json!({tool: {}})).is_err(), "{tool}");
    }
    let video = json!({"generationConfig": {"responseModalities": ["TEXT", "VIDEO"]}});
    assert!(ask("google", Endpoint::GenerateContent, &video).is_err());
}

#[test]
fn what_the_body_does_not_hold_is_bounded_by_the_window() {
    for body in [
        json!({"model": "m", "previous_response_id": "r"}),
        json!({"model": "m", "conversation": "c"}),
        json!({"model": "m", "input": [{"type": "item_reference", "id": "i"}]}),
    ] {
        assert!(
            ask("openai", Endpoint::Responses, &body)
                .unwrap()
                .input
                .whole_window,
            "{body}"
        );
    }
    let cached = json!({"cachedContent": "cachedContents/a"});
    assert!(
        ask("google", Endpoint::GenerateContent, &cached)
            .unwrap()
            .input
            .whole_window
    );
    for whole in [
        json!({"role": "user", "content": "item_reference"}),
        json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []}),
        json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}),
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"}),
    ] {
        let body = json!({"model": "m", "input": [whole]});
        let asked = ask("openai", Endpoint::Responses, &body).unwrap();
        assert!(!asked.input.whole_window, "{body}");
        assert_eq!(asked.input.earlier_outputs, 0, "{body}");
    }
    let thought =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": null});
    let drawn = json!({"type": "image_generation_call", "id": "ig_1"});
    let body = json!({"model": "m", "input": [thought, drawn]});
    let asked = ask("openai", Endpoint::Responses, &body).unwrap();
    assert!(!asked.input.whole_window && asked.input.earlier_outputs == 2);
    assert!(
        ask(
            "openai",
            Endpoint::Responses,
            &json!({"model": "m", "background": true})
        )
        .is_err()
    );
}

#[test]
fn openai_is_told_the_tier_whose_price_is_held() {
    let named = |asked: &Ask, body: &Value| sent(asked, body, None)["service_tier"].clone();
    for endpoint in [Endpoint::ChatCompletions, Endpoint::Responses] {
        let body = json!({"model": "gpt-5", "max_tokens": 9});
        let asked = ask("openai", endpoint, &body).unwrap();
        assert_eq!(
            (named(&asked, &body), asked.service_tier),
            (json!("default"), None)
        );
        let body = json!({"model": "gpt-5", "service_tier": "priority"});
        let asked = ask("openai", endpoint, &body).unwrap();
        assert_eq!(named(&asked, &body), json!("priority"));
        assert_eq!(asked.service_tier.as_deref(), Some("priority"));
    }
    let body = json!({"model": "m", "max_tokens": 9});
    let other = ask("groq", Endpoint::ChatCompletions, &body).unwrap();
    assert_eq!(named(&other, &body), Value::Null);
}

#[test]
fn what_a_provider_does_by_itself_is_refused() {
    let search = json!({"model": "gpt-4o-search-preview", "messages": []});
    let stored = json!({"model": "m", "prompt": {"id": "p"}});
    for (endpoint, body) in [
        (Endpoint::ChatCompletions, search),
        (Endpoint::Responses, stored),
    ] {
        let refused = ask("openai", endpoint, &body).unwrap_err();
        assert!(matches!(refused, AskError::Unbounded(_)), "{body}");
    }
}

#[test]
fn anthropic_requires_the_cap_itself() {
    let refused = ask(
        "anthropic",
        Endpoint::Messages,
        &json!({"model": "m", "messages": []}),
    );
    assert_eq!(refused, Err(AskError::Missing("max_tokens")));
    let count = json!({"model": "m", "messages": []});
    assert!(ask("anthropic", Endpoint::CountMessageTokens, &count).is_ok());
}

#[test]
fn google_takes_the_cap_where_its_configuration_stands() {
    for (body, expected) in [
        (
            json!({}),
            json!({"generationConfig": {"maxOutputTokens": 7}}),
        ),
        (
            json!({"generation_config": {"temperature": 0}}),
            json!({"generation_config": {"maxOutputTokens": 7, "temperature": 0}}),
        ),
        (
            json!({"generationConfig": {"max_output_tokens": null}}),
            json!({"generationConfig": {"max_output_tokens": 7}}),
        ),
        (
            json!({"generationConfig": null}),
            json!({"generationConfig": {"maxOutputTokens": 7}}),
        ),
    ] {
        let asked = ask("google", Endpoint::GenerateContent, &body).unwrap();
        assert_eq!(sent(&asked, &body, Some(7)), expected);
    }
    let own = json!({"generation_config": {"max_output_tokens": 3}});
    assert_eq!(
        ask("google", Endpoint::GenerateContent, &own)
            .unwrap()
            .output_cap,
        Some(3)
    );
}

#[test]
fn a_body_may_only_repeat_the_model_of_the_path() {
    let repeated = json!({"model": "models/gemini-2.5-pro"});
    assert_eq!(
        ask("google", Endpoint::GenerateContent, &repeated)
            .unwrap()
            .model,
        "gemini-2.5-pro"
    );
    for (endpoint, body) in [
        (Endpoint::GenerateContent, json!({"model": "models/other"})),
        (
            Endpoint::BatchEmbedContents,
            json!({"requests": [{"model": "models/gemini-2.5-pro"}, {"model": "models/other"}]}),
        ),
        (
            Endpoint::CountTokens,
            json!({"generateContentRequest": {"model": "models/other"}}),
        ),
    ] {
        assert!(ask("google", endpoint, &body).is_err(), "{body}");
    }
}
