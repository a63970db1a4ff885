//! What can be asked of a provider.

use events::Capability;

/// Whose way of asking and answering a route speaks: it decides the shape of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's, and everybody's who copied it.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Google Gemini's.
    Google,
}

/// One kind of call. What is not here never reaches a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// OpenAI chat completions.
    ChatCompletions,
    /// OpenAI responses.
    Responses,
    /// OpenAI plain completions.
    Completions,
    /// OpenAI embeddings.
    Embeddings,
    /// OpenAI moderation.
    Moderations,
    /// OpenAI images, made from a text.
    ImageGenerations,
    /// OpenAI images, made from others and a text.
    ImageEdits,
    /// OpenAI speech, made from a text.
    Speech,
    /// OpenAI: what is said in a recording, in its own language.
    Transcriptions,
    /// OpenAI: what is said in a recording, in English.
    Translations,
    /// Anthropic messages.
    Messages,
    /// Anthropic's count of the tokens of a message.
    CountMessageTokens,
    /// Gemini, the answer in one piece.
    GenerateContent,
    /// Gemini, the answer as a stream.
    StreamGenerateContent,
    /// Gemini's count of the tokens of a prompt.
    CountTokens,
    /// Gemini, one vector.
    EmbedContent,
    /// Gemini, many vectors.
    BatchEmbedContents,
    /// The list of models, in any dialect.
    ListModels,
    /// What is known of one model, in any dialect.
    OneModel,
}

impl Endpoint {
    /// The path below the provider's base, with `{model}` where the model stands.
    #[must_use]
    pub const fn template(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Responses => "/responses",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Moderations => "/moderations",
            Self::ImageGenerations => "/images/generations",
            Self::ImageEdits => "/images/edits",
            Self::Speech => "/audio/speech",
            Self::Transcriptions => "/audio/transcriptions",
            Self::Translations => "/audio/translations",
            Self::Messages => "/messages",
            Self::CountMessageTokens => "/messages/count_tokens",
            Self::GenerateContent => "/models/{model}:generateContent",
            Self::StreamGenerateContent => "/models/{model}:streamGenerateContent",
            Self::CountTokens => "/models/{model}:countTokens",
            Self::EmbedContent => "/models/{model}:embedContent",
            Self::BatchEmbedContents => "/models/{model}:batchEmbedContents",
            Self::ListModels => "/models",
            Self::OneModel => "/models/{model}",
        }
    }

    /// The capability a grant must hold; `None` where any one will do.
    #[must_use]
    pub const fn capability(self) -> Option<Capability> {
        match self {
            Self::ChatCompletions
            | Self::Responses
            | Self::Messages
            | Self::CountMessageTokens
            | Self::GenerateContent
            | Self::StreamGenerateContent => Some(Capability::Chat),
            Self::Completions => Some(Capability::Completions),
            Self::Embeddings | Self::EmbedContent | Self::BatchEmbedContents => {
                Some(Capability::Embeddings)
            }
            Self::Moderations => Some(Capability::Moderation),
            Self::ImageGenerations | Self::ImageEdits => Some(Capability::Images),
            Self::Speech | Self::Transcriptions | Self::Translations => Some(Capability::Audio),
            Self::CountTokens | Self::ListModels | Self::OneModel => None,
        }
    }

    /// Whether providers charge for it. Lists and counts are free, and so is OpenAI's moderation
    /// (<https://developers.openai.com/api/docs/pricing>).
    #[must_use]
    pub const fn is_charged(self) -> bool {
        !matches!(
            self,
            Self::CountMessageTokens
                | Self::CountTokens
                | Self::Moderations
                | Self::ListModels
                | Self::OneModel
        )
    }

    /// Whether its body is a form of several parts (RFC 7578); else it is JSON.
    #[must_use]
    pub const fn takes_form(self) -> bool {
        matches!(
            self,
            Self::ImageEdits | Self::Transcriptions | Self::Translations
        )
    }

    /// Whether it reads or makes sounds or images, which have prices of their own.
    #[must_use]
    pub const fn is_media(self) -> bool {
        matches!(
            self,
            Self::ImageGenerations
                | Self::ImageEdits
                | Self::Speech
                | Self::Transcriptions
                | Self::Translations
        )
    }

    /// Whether it brings a recording.
    #[must_use]
    pub const fn hears(self) -> bool {
        matches!(self, Self::Transcriptions | Self::Translations)
    }

    /// Whether it may answer with sounds, or with the plain text of sounds.
    #[must_use]
    pub const fn answers_in_audio(self) -> bool {
        matches!(
            self,
            Self::Speech | Self::Transcriptions | Self::Translations
        )
    }

    /// Whether an event of its stream may be many megabytes, so that lines are not put together.
    #[must_use]
    pub const fn has_long_events(self) -> bool {
        matches!(self, Self::ImageGenerations | Self::ImageEdits)
    }

    /// Whether it is asked with a body.
    #[must_use]
    pub const fn has_body(self) -> bool {
        !matches!(self, Self::ListModels | Self::OneModel)
    }

    /// Whether the answer may be long in coming and comes piece by piece if asked so.
    #[must_use]
    pub const fn generates(self) -> bool {
        matches!(
            self,
            Self::ChatCompletions
                | Self::Responses
                | Self::Completions
                | Self::Messages
                | Self::GenerateContent
                | Self::StreamGenerateContent
        ) || self.is_media()
    }

    /// The query parameters that may go to the provider. Any other is refused: what was not
    /// checked is not sent.
    #[must_use]
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Messages | Self::CountMessageTokens => &["beta"],
            Self::StreamGenerateContent => &["alt", "$alt"],
            Self::GenerateContent | Self::CountTokens | Self::EmbedContent => &["$alt"],
            Self::BatchEmbedContents => &["$alt"],
            Self::ListModels => &[
                "limit",
                "after_id",
                "before_id",
                "pageSize",
                "pageToken",
                "beta",
                "$alt",
            ],
            Self::OneModel => &["beta", "$alt"],
            _ => &[],
        }
    }
}
