//! The providers, their dialects, and what can be asked of them.

use serde::{Deserialize, Serialize};

/// The providers that the simulator stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    OpenAi,
    Anthropic,
    Google,
    Groq,
    Together,
    Mistral,
    Cohere,
    Ollama,
    OpenRouter,
    Azure,
}

impl Provider {
    /// The name that Latchkey uses for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Groq => "groq",
            Self::Together => "together",
            Self::Mistral => "mistral",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
            Self::OpenRouter => "openrouter",
            Self::Azure => "azure",
        }
    }
}

/// Whose way of asking and answering a path speaks; decides auth header and error shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    OpenAi,
    Anthropic,
    Google,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    Chat,
    Responses,
    Embeddings,
    Moderations,
    Images,
    ImageEdits,
    Speech,
    Transcriptions,
    Translations,
    Models,
    Model,
    Messages,
    CountTokens,
    Generate,
    StreamGenerate,
    GoogleCountTokens,
    EmbedContent,
    BatchEmbedContents,
    /// A path below a provider's prefix that the provider does not have.
    Unknown,
}

impl Route {
    /// The name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat.completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::Images => "images.generations",
            Self::ImageEdits => "images.edits",
            Self::Speech => "audio.speech",
            Self::Transcriptions => "audio.transcriptions",
            Self::Translations => "audio.translations",
            Self::Models => "models",
            Self::Model => "model",
            Self::Messages => "messages",
            Self::CountTokens => "messages.count_tokens",
            Self::Generate => "generateContent",
            Self::StreamGenerate => "streamGenerateContent",
            Self::GoogleCountTokens => "countTokens",
            Self::EmbedContent => "embedContent",
            Self::BatchEmbedContents => "batchEmbedContents",
            Self::Unknown => "unknown",
        }
    }

    /// Whether an answer costs input tokens; lists and counts are free.
    pub const fn is_billed(self) -> bool {
        !matches!(
            self,
            Self::Models
                | Self::Model
                | Self::Moderations
                | Self::CountTokens
                | Self::GoogleCountTokens
                | Self::Unknown
        )
    }

    /// Whether an answer is generated text, so that it costs output tokens.
    pub const fn generates(self) -> bool {
        matches!(
            self,
            Self::Chat
                | Self::Responses
                | Self::Images
                | Self::ImageEdits
                | Self::Speech
                | Self::Transcriptions
                | Self::Translations
                | Self::Messages
                | Self::Generate
                | Self::StreamGenerate
        )
    }

    /// Whether a call brings a recording.
    pub const fn hears(self) -> bool {
        matches!(self, Self::Transcriptions | Self::Translations)
    }

    /// Whether a call brings a form of several parts.
    pub const fn takes_form(self) -> bool {
        self.hears() || matches!(self, Self::ImageEdits)
    }
}
