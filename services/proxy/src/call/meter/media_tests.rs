use super::*;
use tests::{read, told};

const IMAGE: &str = r#"{"created":1,"data":[{"b64_json":"aGVsbG8=","usage":{"input_tokens":9}}],"output_format":"png","usage":{"total_tokens":1140,"input_tokens":84,"output_tokens":1056,"input_tokens_details":{"text_tokens":14,"image_tokens":70}}}"#;

const IMAGE_STREAM: &str = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"\\\"usage\\\":{\",\"partial_image_index\":0}\n\n\
event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"aGVsbG8=\",\"usage\":{\"total_tokens\":1300,\"input_tokens\":50,\"output_tokens\":1250,\"input_tokens_details\":{\"text_tokens\":50,\"image_tokens\":0},\"output_tokens_details\":{\"image_tokens\":1200,\"text_tokens\":50}}}\r\n\r\n";

#[test]
fn an_image_tells_what_was_read_and_drawn() {
    let expected = TokenUsage {
        input: 84,
        image_input: 70,
        output: 1_056,
        image_output: 1_056,
        ..TokenUsage::default()
    };
    assert_eq!(
        told(Endpoint::ImageGenerations, Framing::Json, IMAGE),
        expected
    );
}

#[test]
fn each_image_of_a_stream_counts() {
    let one = TokenUsage {
        input: 50,
        output: 1_250,
        image_output: 1_200,
        ..TokenUsage::default()
    };
    let endpoint = Endpoint::ImageGenerations;
    assert_eq!(told(endpoint, Framing::Events, IMAGE_STREAM), one);
    let two = told(endpoint, Framing::Events, &IMAGE_STREAM.repeat(2));
    assert_eq!(
        (two.input, two.output, two.image_output),
        (100, 2_500, 2_400)
    );
    // The end of the stream may be the end of the last line.
    let unended = IMAGE_STREAM.trim_end();
    assert_eq!(told(endpoint, Framing::Events, unended), one);
}

#[test]
fn images_that_broke_off_are_told_so_far() {
    let mut meter = Meter::new(Endpoint::ImageGenerations, Framing::Events);
    meter.read(&Bytes::from(IMAGE_STREAM));
    let reading = meter.finish(false);
    assert_eq!(
        (reading.told, reading.so_far.unwrap().output),
        (None, 1_250)
    );
}

#[test]
fn an_image_of_many_megabytes_is_not_kept() {
    let picture = "A".repeat(8 * 1024 * 1024);
    let event = IMAGE_STREAM.replace("aGVsbG8=", &picture);
    let mut meter = Meter::new(Endpoint::ImageGenerations, Framing::Events);
    for piece in event.as_bytes().chunks(65_536) {
        meter.read(&Bytes::copy_from_slice(piece));
    }
    assert_eq!(meter.finish(true).told.unwrap().output, 1_250);
}

#[test]
fn speech_tells_its_usage_in_its_last_event() {
    let stream = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"aGVsbG8=\"}\n\n\
        data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n";
    let expected = TokenUsage {
        input: 14,
        output: 101,
        ..TokenUsage::default()
    };
    assert_eq!(told(Endpoint::Speech, Framing::Events, stream), expected);
    let sound = read(
        Endpoint::Speech,
        Framing::Opaque,
        "ID3\"usage\":{\"input_tokens\":1}",
    );
    assert_eq!(sound, Reading::default());
}

#[test]
fn a_transcription_tells_tokens_or_seconds() {
    let heard = |audio_seconds| TokenUsage {
        audio_seconds,
        ..TokenUsage::default()
    };
    let tokens = TokenUsage {
        input: 14,
        audio_input: 12,
        output: 45,
        ..TokenUsage::default()
    };
    for (answer, expected) in [
        (
            r#"{"text":"a","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":2,"audio_tokens":12},"output_tokens":45,"total_tokens":59}}"#,
            tokens,
        ),
        (
            r#"{"text":"a","usage":{"type":"duration","seconds":9}}"#,
            heard(9),
        ),
        (
            r#"{"task":"transcribe","duration":8.470000267028809,"text":"a","words":[{"duration":1}]}"#,
            heard(9),
        ),
        (
            r#"{"task":"transcribe","duration":"8.0","text":"a"}"#,
            heard(8),
        ),
        (r#"{"duration":0.0,"text":""}"#, heard(1)),
    ] {
        assert_eq!(
            told(Endpoint::Transcriptions, Framing::Json, answer),
            expected,
            "{answer}"
        );
    }
    let stream = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"\\\"usage\\\":{\"}\n\n\
        data: {\"type\":\"transcript.text.done\",\"text\":\"a\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"text_tokens\":2,\"audio_tokens\":12},\"output_tokens\":45}}\n\n";
    assert_eq!(
        told(Endpoint::Transcriptions, Framing::Events, stream),
        tokens
    );
}

#[test]
fn what_is_no_usage_of_media_is_not_taken_for_one() {
    for answer in [
        "{}",
        r#"{"usage":null}"#,
        r#"{"usage":{}}"#,
        r#"{"usage":{"input_tokens":1}}"#,
        r#"{"usage":{"seconds":-1}}"#,
        r#"{"usage":{"seconds":"1e9"}}"#,
        r#"{"duration":1e3}"#,
        r#"{"duration":null}"#,
    ] {
        let read = read(Endpoint::Transcriptions, Framing::Json, answer);
        assert_eq!(read.told, None, "{answer}");
    }
    let error = "data: {\"type\":\"error\",\"error\":{\"message\":\"x\"}}\n\n";
    assert!(read(Endpoint::ImageGenerations, Framing::Events, error).failed);
}
