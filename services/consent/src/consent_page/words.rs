//! What the page says in words.

use events::{Capability, Provider, RequestedDetail};

/// Where a redirect URI leads, for people.
pub(super) fn place(uri: &url::Url) -> Option<String> {
    let host = uri.host_str()?;
    // Another port of the same host is another origin.
    let host = uri
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    // Only loopback addresses may be without TLS.
    if uri.scheme() == "http" {
        return Some(format!("a program on your own computer ({host})"));
    }
    Some(host)
}

/// How models of a provider are named.
pub(super) fn examples(provider: &Provider) -> &'static str {
    match provider.as_str() {
        "openai" => "gpt-4o-mini, gpt-4o*",
        "anthropic" => "claude-sonnet-4-5, claude-haiku-*",
        "google" => "gemini-2.5-flash, gemini-2.5-*",
        Provider::SANDBOX => "sandbox-echo, sandbox-*",
        _ => "",
    }
}

/// What a capability is, for people who never read an API reference.
pub(crate) const fn in_words(capability: Capability) -> &'static str {
    match capability {
        Capability::Chat => "Chat",
        Capability::Completions => "Text completion",
        Capability::Embeddings => "Embeddings (search and comparison of text)",
        Capability::Images => "Making images",
        Capability::Audio => "Speech and transcription",
        Capability::Moderation => "Judging content",
        Capability::Code => "Running code at the provider",
        Capability::Vision => "Looking at images",
    }
}

/// The app's own words, if it says the same about every provider.
pub(super) fn common_reason(details: &[RequestedDetail]) -> Option<String> {
    let first = details.first()?.reason.clone()?;
    details
        .iter()
        .all(|detail| detail.reason.as_ref() == Some(&first))
        .then_some(first)
}
