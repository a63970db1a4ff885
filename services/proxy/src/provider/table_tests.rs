use super::*;

#[test]
fn every_built_in_provider_is_in_the_table() {
    let providers = Providers::built_in(&[]).unwrap();
    for name in Provider::BUILT_IN {
        assert!(providers.find(name).is_some(), "{name}");
    }
    assert_eq!(ROWS.len(), Provider::BUILT_IN.len());
}

#[test]
fn a_stand_in_may_be_named_with_or_without_the_version() {
    let at = |provider: &str, url: &str| {
        let instead = [format!("{provider}={url}").parse().unwrap()];
        Providers::built_in(&instead)
            .unwrap()
            .find(provider)
            .unwrap()
            .base
            .clone()
    };
    assert_eq!(
        at("openai", "http://127.0.0.1:9/v1/"),
        "http://127.0.0.1:9/v1"
    );
    assert_eq!(
        at("anthropic", "http://127.0.0.1:9/anthropic"),
        "http://127.0.0.1:9/anthropic/v1"
    );
    assert_eq!(
        at("anthropic", "http://127.0.0.1:9/v1"),
        "http://127.0.0.1:9/v1"
    );
    assert_eq!(
        at("google", "http://127.0.0.1:9/google/v1beta"),
        "http://127.0.0.1:9/google"
    );
    assert_eq!(at("google", "http://127.0.0.1:9"), "http://127.0.0.1:9");
}

#[test]
fn each_provider_is_asked_in_openais_dialect_where_it_takes_it() {
    let stand_in = "google=http://127.0.0.1:9/google/v1beta".parse().unwrap();
    for (instead, provider, endpoint, expected) in [
        (
            &[][..],
            "anthropic",
            Endpoint::ChatCompletions,
            "https://api.anthropic.com/v1/chat/completions",
        ),
        (
            &[],
            "google",
            Endpoint::ChatCompletions,
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        (
            &[stand_in],
            "google",
            Endpoint::Embeddings,
            "http://127.0.0.1:9/google/v1beta/openai/embeddings",
        ),
        (
            &[],
            "groq",
            Endpoint::ChatCompletions,
            "https://api.groq.com/openai/v1/chat/completions",
        ),
    ] {
        let providers = Providers::built_in(instead).unwrap();
        let face = providers.compatible(&provider.parse().unwrap()).unwrap();
        assert_eq!(
            (face.dialect, face.key_header, face.name.as_str()),
            (Dialect::OpenAi, KeyHeader::Bearer, provider)
        );
        assert!(face.offers(endpoint), "{provider}");
        let url = face.url(endpoint, "", None, "").unwrap();
        assert_eq!(url.to_string(), expected);
    }
}

#[test]
fn no_provider_can_take_the_name_of_a_route() {
    let providers = Providers::built_in(&[]).unwrap();
    let openai = providers.find("openai").unwrap();
    for taken in TAKEN {
        assert!(!Provider::BUILT_IN.contains(&taken), "{taken}");
        let name: Provider = taken.parse().unwrap();
        let all: Providers = [(name, Arc::clone(openai))].into_iter().collect();
        assert!(all.find(taken).is_none(), "{taken}");
    }
}

#[test]
fn an_address_is_made_of_checked_parts_only() {
    let providers = Providers::built_in(&[]).unwrap();
    let google = providers.find("google").unwrap();
    let url = google
        .url(
            Endpoint::StreamGenerateContent,
            "v1beta",
            Some("gemini-2.5-pro"),
            "alt=sse",
        )
        .unwrap();
    let expected = "https://generativelanguage.googleapis.com/v1beta/models/\
                    gemini-2.5-pro:streamGenerateContent?alt=sse";
    assert_eq!(url.to_string(), expected);
    let openai = providers.find("openai").unwrap();
    let url = openai.url(Endpoint::ChatCompletions, "", None, "").unwrap();
    assert_eq!(
        url.to_string(),
        "https://api.openai.com/v1/chat/completions"
    );
}
