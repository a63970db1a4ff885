//! The name of an AI provider.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// The name of a provider, such as `openai`: 1 to 40 of `a-z`, `0-9`, `-`, `_`.
///
/// Whether a provider of that name exists is for the vault to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Provider(String);

/// The text is not a provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a provider is named by 1 to 40 of a-z, 0-9, - and _")]
pub struct ProviderError;

impl Provider {
    /// The providers that Latchkey knows without being told.
    pub const BUILT_IN: [&'static str; 10] = [
        "openai",
        "anthropic",
        "google",
        "groq",
        "together",
        "mistral",
        "cohere",
        "ollama",
        "openrouter",
        Self::SANDBOX,
    ];

    /// Names that no provider can have: they stand in paths beside providers', or mean something
    /// of the vault's own.
    pub const RESERVED: [&'static str; 24] = [
        "v1",
        "v1beta",
        "chat",
        "completions",
        "embeddings",
        "responses",
        "messages",
        "models",
        "grant",
        "images",
        "audio",
        "moderations",
        "rerank",
        "files",
        "batches",
        "realtime",
        "okap",
        "oauth",
        "api",
        "vault",
        "latchkey",
        "azure",
        "custom",
        "all",
    ];

    /// The provider that is none: for building apps. It has no key, costs nothing, and calls nobody.
    pub const SANDBOX: &'static str = "sandbox";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is one of [`Provider::BUILT_IN`].
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        Self::BUILT_IN.contains(&self.as_str())
    }

    /// Whether an organization may give a provider of its own this name.
    #[must_use]
    pub fn is_free(&self) -> bool {
        !self.is_built_in() && !Self::RESERVED.contains(&self.as_str())
    }

    /// Whether this is [`Provider::SANDBOX`].
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.0 == Self::SANDBOX
    }

    /// The name that people know it by.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self.as_str() {
            "openai" => "OpenAI",
            "anthropic" => "Anthropic",
            "google" => "Google Gemini",
            "groq" => "Groq",
            "together" => "Together AI",
            "mistral" => "Mistral",
            "cohere" => "Cohere",
            "ollama" => "Ollama",
            "openrouter" => "OpenRouter",
            Self::SANDBOX => "Sandbox",
            other => other,
        }
    }
}

impl FromStr for Provider {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self, ProviderError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=40).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProviderError)
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
