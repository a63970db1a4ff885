use std::collections::BTreeMap;

use super::*;

fn added(kind: ProviderKind, base_url: &str) -> CustomProvider {
    CustomProvider {
        name: "acme".parse().unwrap(),
        kind,
        base_url: base_url.to_owned(),
        price: None,
        models: BTreeMap::new(),
    }
}

fn asked_at(path: &str, provider: &CustomProvider) -> Option<String> {
    let route = AddedRoute::find(&Method::POST, path)?;
    let upstream = route.at(provider)?;
    let url = upstream.url(route.endpoint, "", route.model.as_deref(), "");
    Some(url.unwrap().to_string())
}

#[test]
fn one_that_is_compatible_is_asked_below_its_base() {
    let acme = added(
        ProviderKind::OpenaiCompatible,
        "https://llm.acme.example/api/v1",
    );
    for (path, expected) in [
        ("/v1/acme/chat/completions", Some("/chat/completions")),
        ("/v1/acme/v1/chat/completions", Some("/chat/completions")),
        ("/v1/acme/responses", Some("/responses")),
        ("/v1/acme/embeddings", Some("/embeddings")),
        ("/v1/acme/openai/v1/chat/completions", None),
        ("/v1/acme/openai/deployments/d/chat/completions", None),
        ("/v1/acme/completions", None),
        ("/v1/acme/messages", None),
        ("/v1/acme/files", None),
        ("/v1/acme/images/generations", None),
        ("/v1/acme/chat/completions/", None),
        ("/v1/acme/../openai/chat/completions", None),
        ("/v1/acme/chat%2fcompletions", None),
        ("/v1/ACME/chat/completions", None),
        ("/v1/openai/chat/completions", None),
        ("/v1/chat/completions", None),
        ("/v1/v1/chat/completions", None),
    ] {
        let expected = expected.map(|rest| format!("https://llm.acme.example/api/v1{rest}"));
        assert_eq!(asked_at(path, &acme), expected, "{path}");
    }
    let one = AddedRoute::find(&Method::GET, "/v1/acme/models/vendor/large").unwrap();
    assert_eq!(one.model.as_deref(), Some("vendor/large"));
}

#[test]
fn a_resource_of_azure_is_asked_in_its_newer_and_its_older_way() {
    let azure = added(ProviderKind::Azure, "https://acme.openai.azure.com");
    for (path, expected) in [
        (
            "/v1/acme/chat/completions",
            Some("/openai/v1/chat/completions"),
        ),
        (
            "/v1/acme/openai/v1/chat/completions",
            Some("/openai/v1/chat/completions"),
        ),
        ("/v1/acme/openai/v1/responses", Some("/openai/v1/responses")),
        (
            "/v1/acme/openai/v1/embeddings",
            Some("/openai/v1/embeddings"),
        ),
        (
            "/v1/acme/openai/deployments/fast/chat/completions",
            Some("/openai/deployments/fast/chat/completions"),
        ),
        (
            "/v1/acme/openai/deployments/fast/embeddings",
            Some("/openai/deployments/fast/embeddings"),
        ),
        ("/v1/acme/openai/deployments/fast/responses", None),
        ("/v1/acme/openai/deployments/../v1/chat/completions", None),
        ("/v1/acme/openai/deployments/a%2fb/chat/completions", None),
        ("/v1/acme/openai/deployments//chat/completions", None),
        ("/v1/acme/openai/files", None),
    ] {
        let expected = expected.map(|rest| format!("https://acme.openai.azure.com{rest}"));
        assert_eq!(asked_at(path, &azure), expected, "{path}");
    }
}

#[test]
fn a_version_of_azures_interface_has_one_of_a_few_shapes() {
    for good in [
        "2024-10-21",
        "2025-04-01-preview",
        "v1",
        "preview",
        "latest",
    ] {
        assert!(is_api_version(good), "{good}");
    }
    for bad in [
        "",
        "2024",
        "2024-10-21-x",
        "2024-10-21&x=1",
        "..",
        "v2",
        "2024-1o-21",
    ] {
        assert!(!is_api_version(bad), "{bad}");
    }
}

#[test]
fn no_name_that_stands_in_a_path_is_free() {
    for taken in crate::provider::table::TAKEN {
        let name: Provider = taken.parse().unwrap();
        assert!(!name.is_free(), "{taken}");
    }
    for name in Provider::BUILT_IN {
        assert!(!name.parse::<Provider>().unwrap().is_free(), "{name}");
    }
}
