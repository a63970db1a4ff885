use super::*;

/// Reads an answer cut at each byte, and in single bytes; the reading must be the same each time.
pub(super) fn read(endpoint: Endpoint, framing: Framing, answer: &str) -> Reading {
    let whole = read_cut(endpoint, framing, answer, &[]);
    for cut in 0..answer.len() {
        assert_eq!(
            read_cut(endpoint, framing, answer, &[cut]),
            whole,
            "cut at {cut}"
        );
    }
    let every: Vec<usize> = (0..answer.len()).collect();
    assert_eq!(
        read_cut(endpoint, framing, answer, &every),
        whole,
        "in single bytes"
    );
    whole
}

fn read_cut(endpoint: Endpoint, framing: Framing, answer: &str, cuts: &[usize]) -> Reading {
    let mut meter = Meter::new(endpoint, framing);
    let mut from = 0;
    for to in cuts.iter().copied().chain([answer.len()]) {
        meter.read(&Bytes::copy_from_slice(&answer.as_bytes()[from..to]));
        from = to;
    }
    meter.finish(true)
}

pub(super) fn told(endpoint: Endpoint, framing: Framing, answer: &str) -> TokenUsage {
    read(endpoint, framing, answer)
        .told
        .expect("the usage is told")
}

const CHAT_JSON: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"say \"usage\":{\"prompt_tokens\":9}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":111,"completion_tokens":22,"total_tokens":133,"prompt_tokens_details":{"cached_tokens":100,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default"}"#;

const CHAT_STREAM: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"usage\\\":{\"}}],\"usage\":null}\n\n\
data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\u{e9}\"}}],\"usage\":null}\n\n\
data: {\"id\":\"c\",\"choices\":[],\"service_tier\":\"flex\",\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7,\"total_tokens\":18,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n\
data: [DONE]\n\n";

#[test]
fn a_chat_tells_its_usage() {
    let reading = read(Endpoint::ChatCompletions, Framing::Json, CHAT_JSON);
    let expected = TokenUsage {
        input: 111,
        cached_input: 100,
        output: 22,
        reasoning: 5,
        ..TokenUsage::default()
    };
    assert_eq!(
        (reading.told, reading.service_tier.as_deref()),
        (Some(expected), Some("default"))
    );

    let reading = read(Endpoint::ChatCompletions, Framing::Events, CHAT_STREAM);
    let expected = TokenUsage {
        input: 11,
        cached_input: 4,
        output: 7,
        ..TokenUsage::default()
    };
    assert_eq!(
        (reading.told, reading.service_tier.as_deref()),
        (Some(expected), Some("flex"))
    );
}

#[test]
fn what_is_not_text_is_told_apart_or_not() {
    let chat = |details: &str| {
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":20"#;
        let answer = format!("{usage},{details}}}}}");
        read(Endpoint::ChatCompletions, Framing::Json, &answer)
    };
    let told = chat(
        r#""prompt_tokens_details":{"audio_tokens":3},"completion_tokens_details":{"image_tokens":12}"#,
    );
    let usage = told.told.unwrap();
    assert_eq!((usage.audio_input, usage.image_output), (3, 12));
    assert!(told.splits_input && told.splits_output);
    let untold = chat(r#""completion_tokens_details":{"reasoning_tokens":1}"#);
    assert!(!untold.splits_input && !untold.splits_output);

    let google = r#"{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":20,"candidatesTokensDetails":[{"modality":"VIDEO","tokenCount":18}]}}"#;
    let reading = read(Endpoint::GenerateContent, Framing::Json, google);
    assert_eq!(reading.told.unwrap().video_output, 18);
    assert!(!reading.splits_input && reading.splits_output);
}

#[test]
fn work_in_one_region_alone_is_told() {
    for (region, is_regional) in [("us", true), ("global", false), ("not_available", false)] {
        let usage = format!(r#"{{"input_tokens":1,"output_tokens":2,"inference_geo":"{region}"}}"#);
        let whole = format!(r#"{{"type":"message","usage":{usage}}}"#);
        let whole = read(Endpoint::Messages, Framing::Json, &whole);
        let start = format!(r#"{{"type":"message_start","message":{{"usage":{usage}}}}}"#);
        let end = r#"{"type":"message_delta","usage":{"output_tokens":5}}"#;
        let stream = format!("data: {start}\n\ndata: {end}\n\n");
        let stream = read(Endpoint::Messages, Framing::Events, &stream);
        assert_eq!(
            (whole.is_regional, stream.is_regional),
            (is_regional, is_regional)
        );
    }
}

#[test]
fn what_a_model_thought_is_output_though_the_total_alone_counts_it() {
    let answer =
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":20,"total_tokens":129}}"#;
    let usage = told(Endpoint::ChatCompletions, Framing::Json, answer);
    assert_eq!((usage.input, usage.output), (9, 120));
    let embedding = r#"{"data":[],"usage":{"prompt_tokens":9,"total_tokens":9}}"#;
    let usage = told(Endpoint::Embeddings, Framing::Json, embedding);
    assert_eq!((usage.input, usage.output), (9, 0));
}

#[test]
fn only_the_chunk_that_tells_nothing_else_may_be_hidden() {
    let mut meter = Meter::new(Endpoint::ChatCompletions, Framing::Events);
    let hidden = meter.read_lines(CHAT_STREAM.as_bytes()).unwrap();
    assert!(CHAT_STREAM[hidden.clone()].starts_with("data: {\"id\":\"c\",\"choices\":[],"));
    assert!(CHAT_STREAM[hidden].ends_with("}}}\n"));
    // Mistral and others tell it beside the last choice.
    let beside = "data: {\"choices\":[{\"index\":0}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let mut meter = Meter::new(Endpoint::ChatCompletions, Framing::Events);
    assert_eq!(meter.read_lines(beside.as_bytes()), None);
    assert_eq!(meter.finish(true).told.unwrap().output, 2);
}

#[test]
fn spaces_and_carriage_returns_do_not_hide_the_usage() {
    let stream = "data:{ \"choices\" : [ ] , \"usage\" : { \"prompt_tokens\" : 3 , \"completion_tokens\" : 4 } }\r\n\r\ndata: [DONE]\r\n\r\n";
    assert_eq!(
        told(Endpoint::ChatCompletions, Framing::Events, stream).output,
        4
    );
    let groq = "data: {\"choices\":[{}],\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":6}}}\n\n";
    assert_eq!(
        told(Endpoint::ChatCompletions, Framing::Events, groq).output,
        6
    );
}

#[test]
fn embeddings_have_input_alone() {
    let answer = r#"{"object":"list","data":[{"object":"embedding","embedding":[0.1,-2e-3],"index":0}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let expected = TokenUsage {
        input: 8,
        ..TokenUsage::default()
    };
    assert_eq!(told(Endpoint::Embeddings, Framing::Json, answer), expected);
}

#[test]
fn responses_tell_their_usage_at_the_end() {
    let answer = r#"{"id":"resp_1","object":"response","output":[{"type":"function_call","arguments":"{\"usage\":{}}"}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":6},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":10},"total_tokens":123},"service_tier":"priority"}"#;
    let expected = TokenUsage {
        input: 36,
        cached_input: 6,
        output: 87,
        reasoning: 10,
        ..TokenUsage::default()
    };
    let reading = read(Endpoint::Responses, Framing::Json, answer);
    assert_eq!(
        (reading.told, reading.service_tier.as_deref()),
        (Some(expected), Some("priority"))
    );

    for end in [
        "response.completed",
        "response.incomplete",
        "response.failed",
    ] {
        let stream = format!(
            "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"usage\":null}}}}\n\n\
             event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"x\"}}\n\n\
             event: {end}\ndata: {{\"type\":\"{end}\",\"response\":{answer}}}\n\n"
        );
        assert_eq!(
            told(Endpoint::Responses, Framing::Events, &stream),
            expected,
            "{end}"
        );
    }
}

const ANTHROPIC_JSON: &str = r#"{"id":"msg_1","type":"message","content":[{"type":"tool_use","input":{"usage":{"input_tokens":1,"output_tokens":1}}}],"usage":{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50},"output_tokens":40,"service_tier":"standard"}}"#;

#[test]
fn anthropic_adds_what_was_cached_to_the_input() {
    let reading = read(Endpoint::Messages, Framing::Json, ANTHROPIC_JSON);
    let expected = TokenUsage {
        input: 3210,
        cached_input: 3000,
        cache_write: 200,
        cache_write_1h: 50,
        output: 40,
        ..TokenUsage::default()
    };
    assert_eq!(
        (reading.told, reading.service_tier.as_deref()),
        (Some(expected), Some("standard"))
    );
}

const ANTHROPIC_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n";

#[test]
fn anthropics_counts_replace_one_another() {
    let stream = format!(
        "{ANTHROPIC_START}event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{{\"output_tokens\":9}}}}\n\n\
         event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{{\"output_tokens\":15}}}}\n\n\
         event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
    );
    let expected = TokenUsage {
        input: 30,
        cached_input: 5,
        output: 15,
        ..TokenUsage::default()
    };
    assert_eq!(told(Endpoint::Messages, Framing::Events, &stream), expected);
    // Newer versions repeat the input at the end.
    let whole = format!(
        "{ANTHROPIC_START}event: message_delta\ndata: {{\"type\":\"message_delta\",\"usage\":{{\"input_tokens\":26,\"cache_read_input_tokens\":5,\"output_tokens\":15}}}}\n\n"
    );
    assert_eq!(told(Endpoint::Messages, Framing::Events, &whole).input, 31);
}

#[test]
fn a_message_that_broke_off_has_told_its_input_only() {
    let reading = read(Endpoint::Messages, Framing::Events, ANTHROPIC_START);
    assert_eq!(reading.told, None);
    assert_eq!(reading.so_far.unwrap().input, 30);
}

const GOOGLE_CHUNKS: [&str; 2] = [
    r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"usageMetadata":{"promptTokenCount":1}}}}]}}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}"#,
    r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":6,"toolUsePromptTokenCount":2,"totalTokenCount":22,"promptTokensDetails":[{"modality":"TEXT","tokenCount":6},{"modality":"IMAGE","tokenCount":3}]}}"#,
];

#[test]
fn google_counts_thoughts_as_output_and_the_last_chunk_counts() {
    let expected = TokenUsage {
        input: 11,
        cached_input: 4,
        image_input: 3,
        output: 11,
        reasoning: 6,
        ..TokenUsage::default()
    };
    let [first, last] = GOOGLE_CHUNKS;
    assert_eq!(
        told(Endpoint::GenerateContent, Framing::Json, last),
        expected
    );
    let events = format!("data: {first}\r\n\r\ndata: {last}\r\n\r\n");
    assert_eq!(
        told(Endpoint::StreamGenerateContent, Framing::Events, &events),
        expected
    );
    let list = format!("[{first},\r\n{last}\n]");
    assert_eq!(
        told(Endpoint::StreamGenerateContent, Framing::Json, &list),
        expected
    );
}

#[test]
fn googles_running_count_is_not_the_whole_when_the_stream_broke_off() {
    let mut meter = Meter::new(Endpoint::StreamGenerateContent, Framing::Events);
    meter.read(&Bytes::from(format!("data: {}\r\n\r\n", GOOGLE_CHUNKS[0])));
    let reading = meter.finish(false);
    assert_eq!(reading.told, None);
    assert_eq!(reading.so_far.unwrap().input, 9);
}

#[test]
fn an_error_in_the_midst_of_a_stream_is_noticed() {
    for (endpoint, event) in [
        (
            Endpoint::ChatCompletions,
            "data: {\"error\":{\"message\":\"overloaded\"}}\n\n",
        ),
        (
            Endpoint::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        ),
        (
            Endpoint::StreamGenerateContent,
            "data: {\"error\": {\"code\": 503}}\r\n\r\n",
        ),
    ] {
        assert!(read(endpoint, Framing::Events, event).failed, "{event}");
    }
    assert!(!read(Endpoint::ChatCompletions, Framing::Events, CHAT_STREAM).failed);
    let spoken = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\":{\"}}]}\n\n";
    assert!(!read(Endpoint::ChatCompletions, Framing::Events, spoken).failed);
}

#[test]
fn what_is_no_usage_is_not_taken_for_one() {
    for answer in [
        "",
        "{}",
        "null",
        "[]",
        r#"{"usage":null}"#,
        r#"{"usage":{}}"#,
        r#"{"usage":{"prompt_tokens":-1}}"#,
        r#"{"usage":"x"}"#,
        "<html>",
    ] {
        for endpoint in [
            Endpoint::ChatCompletions,
            Endpoint::Responses,
            Endpoint::Messages,
            Endpoint::GenerateContent,
        ] {
            assert_eq!(read(endpoint, Framing::Json, answer).told, None, "{answer}");
        }
    }
}

#[test]
fn writes_to_a_cache_and_thoughts_beyond_the_output_are_told() {
    let chat = r#"{"usage":{"prompt_tokens":50,"completion_tokens":7,"total_tokens":70,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":6}}}"#;
    let expected = TokenUsage {
        input: 50,
        cached_input: 4,
        cache_write: 6,
        output: 20,
        ..TokenUsage::default()
    };
    assert_eq!(
        told(Endpoint::ChatCompletions, Framing::Json, chat),
        expected
    );
    let responses = r#"{"usage":{"input_tokens":50,"output_tokens":20,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":6}}}"#;
    assert_eq!(
        told(Endpoint::Responses, Framing::Json, responses),
        expected
    );
}

#[test]
fn the_cost_that_is_told_counts_every_bill() {
    let cost = |usage: &str| {
        let answer = format!(r#"{{"usage":{{"prompt_tokens":3,"completion_tokens":4,{usage}}}}}"#);
        let event = format!("data: {{\"choices\":[],{}\n\n", &answer[1..]);
        let json = read(Endpoint::ChatCompletions, Framing::Json, &answer);
        let events = read(Endpoint::ChatCompletions, Framing::Events, &event);
        assert_eq!(json.told_cost, events.told_cost, "{usage}");
        json.told_cost.map(|cost| cost.to_string())
    };
    for (usage, expected) in [
        (r#""cost":0.00014"#, Some("0.00014")),
        (r#""cost":1.4e-4,"is_byok":false"#, Some("0.00014")),
        (r#""cost":0.00000000014"#, Some("0.000000001")),
        (
            r#""cost":0.5,"is_byok":true,"cost_details":{"upstream_inference_cost":2}"#,
            Some("2.5"),
        ),
        (r#""cost":0.5,"is_byok":true"#, None),
        (r#""cost":null"#, None),
        (r#""cost":"much""#, None),
        (r#""x":1"#, None),
    ] {
        assert_eq!(cost(usage).as_deref(), expected, "{usage}");
    }
}
