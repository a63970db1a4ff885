use super::*;

fn providers() -> Providers {
    Providers::built_in(&[]).unwrap()
}

fn post(path: &str) -> Option<(String, Endpoint, String, Option<String>)> {
    let providers = providers();
    let found = providers.route(&Method::POST, path).ok()?;
    Some((
        found.upstream.name.to_string(),
        found.endpoint,
        found.version.to_owned(),
        found.model.map(str::to_owned),
    ))
}

#[test]
fn the_paths_that_sdks_ask_are_routes() {
    for (path, endpoint) in [
        ("/v1/openai/chat/completions", Endpoint::ChatCompletions),
        ("/v1/openai/responses", Endpoint::Responses),
        ("/v1/openai/embeddings", Endpoint::Embeddings),
        ("/v1/openai/moderations", Endpoint::Moderations),
        ("/v1/openai/images/generations", Endpoint::ImageGenerations),
        ("/v1/openai/images/edits", Endpoint::ImageEdits),
        ("/v1/openai/audio/speech", Endpoint::Speech),
        ("/v1/openai/audio/transcriptions", Endpoint::Transcriptions),
        ("/v1/openai/audio/translations", Endpoint::Translations),
        ("/v1/groq/audio/transcriptions", Endpoint::Transcriptions),
        ("/v1/groq/chat/completions", Endpoint::ChatCompletions),
        ("/v1/openrouter/chat/completions", Endpoint::ChatCompletions),
        ("/v1/anthropic/v1/messages", Endpoint::Messages),
        ("/v1/anthropic/messages", Endpoint::Messages),
        (
            "/v1/anthropic/v1/messages/count_tokens",
            Endpoint::CountMessageTokens,
        ),
        (
            "/v1/google/v1/models/gemini-2.5-pro:generateContent",
            Endpoint::GenerateContent,
        ),
        (
            "/v1/google/v1beta/models/g:streamGenerateContent",
            Endpoint::StreamGenerateContent,
        ),
        (
            "/v1/google/v1/models/g%3AcountTokens",
            Endpoint::CountTokens,
        ),
        (
            "/v1/google/v1/models/g:batchEmbedContents",
            Endpoint::BatchEmbedContents,
        ),
    ] {
        assert_eq!(post(path).map(|found| found.1), Some(endpoint), "{path}");
    }
    let providers = providers();
    for path in [
        "/v1/openai/models",
        "/v1/anthropic/v1/models",
        "/v1/google/v1beta/models",
    ] {
        let found = providers.route(&Method::GET, path).unwrap();
        assert_eq!(found.endpoint, Endpoint::ListModels, "{path}");
    }
    let one = providers
        .route(&Method::GET, "/v1/together/models/meta-llama/Llama-3")
        .unwrap();
    assert_eq!(
        (one.endpoint, one.model),
        (Endpoint::OneModel, Some("meta-llama/Llama-3"))
    );
}

#[test]
fn the_path_tells_version_and_model_to_google() {
    let (_, _, version, model) =
        post("/v1/google/v1beta/models/gemini-2.5-pro:generateContent").unwrap();
    assert_eq!(
        (version.as_str(), model.as_deref()),
        ("v1beta", Some("gemini-2.5-pro"))
    );
}

/// Ways to say another path than the one that is checked.
const TRICKS: [&str; 46] = [
    "/v1/openai/../anthropic/v1/messages",
    "/v1/openai/./chat/completions",
    "/v1/openai//chat/completions",
    "/v1//openai/chat/completions",
    "/v1/openai/chat/completions/",
    "/v1/openai/chat//completions",
    "/v1/openai/chat%2fcompletions",
    "/v1/openai/chat%2Fcompletions",
    "/v1/openai/%63hat/completions",
    "/v1/openai%2fchat/completions",
    "/v1/openai/chat/completions;x=1",
    "/v1/openai;x/chat/completions",
    "/v1/openai/chat/completions%00",
    "/v1/openai/chat/completions%20",
    "/v1/openai/chat/completions%0a",
    "/v1/openai/chat\\completions",
    "/v1/OpenAI/chat/completions",
    "/v1/OPENAI/chat/completions",
    "/v1/openai/Chat/Completions",
    "/v1/openai/CHAT/COMPLETIONS",
    "/V1/openai/chat/completions",
    "/v1/openai/v1/chat/completions",
    "/v1/openai/files",
    "/v1/openai/fine_tuning/jobs",
    "/v1/openai/batches",
    "/v1/openai/organization/admin_api_keys",
    "/v1/openai/chat/completions/../../models",
    "/v1/openai",
    "/v1/openai/",
    "/v1/nobody/chat/completions",
    "/v1/anthropic/v1/v1/messages",
    "/v1/anthropic/v1/messages/batches",
    "/v1/anthropic/chat/completions",
    "/v1/groq/completions",
    "/v1/google/models/g:generateContent",
    "/v1/google/v2/models/g:generateContent",
    "/v1/google/v1/models/../models/g:generateContent",
    "/v1/google/v1/models/..:generateContent",
    "/v1/google/v1/models/g/h:generateContent",
    "/v1/google/v1/models/g%2fh:generateContent",
    "/v1/google/v1/models/:generateContent",
    "/v1/google/v1/models/g:generateContent:countTokens",
    "/v1/google/v1/models/g:tunedModels",
    "/v1/google/v1/models/g:GenerateContent",
    "/v1/google/v1/tunedModels/g:generateContent",
    "/v1/google/v1/models/g#:generateContent",
];

#[test]
fn a_path_that_is_not_exactly_in_the_table_is_no_route() {
    for path in TRICKS {
        assert_eq!(post(path), None, "{path}");
    }
    let providers = providers();
    for path in [
        "/v1/openai/models/..",
        "/v1/openai/models/a/../b",
        "/v1/openai/models/%2e%2e",
        "/v1/openai/models/a//b",
    ] {
        assert!(providers.route(&Method::GET, path).is_err(), "{path}");
    }
    for method in [
        Method::GET,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ] {
        assert!(
            providers
                .route(&method, "/v1/openai/chat/completions")
                .is_err(),
            "{method}"
        );
    }
}

#[test]
fn a_missing_route_is_told_in_the_providers_shape() {
    let providers = providers();
    let shape = |path| {
        providers
            .route(&Method::POST, path)
            .map(|_| ())
            .unwrap_err()
    };
    let told = |dialect, closed| NoRoute { dialect, closed };
    for (path, expected) in [
        (
            "/v1/anthropic/v1/files",
            told(Dialect::Anthropic, Some("files")),
        ),
        (
            "/v1/anthropic/v1/messages/batches",
            told(Dialect::Anthropic, Some("batches")),
        ),
        ("/v1/google/v1/files", told(Dialect::Google, Some("files"))),
        ("/v1/openai/files", told(Dialect::OpenAi, Some("files"))),
        (
            "/v1/openai/fine_tuning/jobs",
            told(Dialect::OpenAi, Some("fine-tuning")),
        ),
        (
            "/v1/openai/images/variations",
            told(Dialect::OpenAi, Some("this work on images")),
        ),
        (
            "/v1/together/moderations",
            told(Dialect::OpenAi, Some("moderation")),
        ),
        ("/v1/openai/nothing", told(Dialect::OpenAi, None)),
        ("/v1/nobody/nothing", told(Dialect::OpenAi, None)),
        // An organization may have added it.
        ("/v1/acme/files", told(Dialect::OpenAi, Some("files"))),
        (
            "/v1/acme/openai/v1/batches",
            told(Dialect::OpenAi, Some("batches")),
        ),
        ("/v1/files", told(Dialect::OpenAi, Some("files"))),
        ("/v1/batches/b_1", told(Dialect::OpenAi, Some("batches"))),
        (
            "/v1/realtime",
            told(Dialect::OpenAi, Some("realtime sessions")),
        ),
        (
            "/v1/google/v1beta/models/g:batchGenerateContent",
            told(Dialect::Google, Some("batches")),
        ),
        (
            "/v1/google/v1beta/models/g:asyncBatchEmbedContent",
            told(Dialect::Google, Some("batches")),
        ),
        (
            "/v1/google/upload/v1beta/files",
            told(Dialect::Google, Some("uploads of files")),
        ),
        (
            "/v1/google/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            told(Dialect::Google, Some("realtime sessions")),
        ),
    ] {
        assert_eq!(shape(path), expected, "{path}");
    }
}
