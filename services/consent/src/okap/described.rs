//! What apps send, as OpenAPI describes it. [`super::asked`] reads it, strictly and by hand.

use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{DeniedAnswer, GrantedAnswer};

/// `POST /okap/authorize`.
#[derive(ToSchema)]
pub struct AskBody {
    /// The version.
    #[schema(pattern = "^1\\.0$", example = "1.0")]
    pub okap: String,
    /// One object for each provider.
    #[schema(min_items = 1)]
    pub authorization_details: Vec<AskedDetail>,
    /// Who asks.
    pub client: AskingClient,
}

/// What is asked for at one provider (RFC 9396).
#[derive(ToSchema)]
pub struct AskedDetail {
    /// Always `ai_model_access`.
    #[schema(pattern = "^ai_model_access$", example = "ai_model_access")]
    pub r#type: String,
    /// The provider.
    #[schema(example = "openai")]
    pub provider: String,
    /// Ids, or beginnings of ids with a `*`; left out: every model.
    pub models: Option<Vec<String>>,
    /// `chat`, `completions`, `embeddings`, `images`, `audio`, `moderation`, `code`, `vision`; left out: `chat`.
    pub capabilities: Option<Vec<String>>,
    /// The five limits, numbers above 0; left out: the vault's own.
    #[schema(value_type = Option<Object>)]
    pub limits: Option<serde_json::Value>,
    /// An instant or a day (RFC 3339).
    pub expires: Option<String>,
    /// For the person, at most 500 characters.
    pub reason: Option<String>,
}

/// Who asks.
#[derive(ToSchema)]
pub struct AskingClient {
    /// Its name, 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
    /// Its address.
    pub url: Option<String>,
    /// Where the browser goes back to with a code.
    pub callback: Option<String>,
}

/// `POST /okap/request`, the flat form.
#[derive(ToSchema)]
pub struct FlatAskBody {
    /// The version.
    #[schema(pattern = "^1\\.0$", example = "1.0")]
    pub okap: String,
    /// `openai`, `anthropic`, `google` or `ollama`.
    #[schema(example = "openai")]
    pub provider: String,
    /// Ids, or beginnings of ids with a `*`.
    pub models: Option<Vec<String>>,
    /// As in `authorization_details`.
    pub capabilities: Option<Vec<String>>,
    /// As in `authorization_details`.
    #[schema(value_type = Option<Object>)]
    pub limits: Option<serde_json::Value>,
    /// An instant or a day (RFC 3339).
    pub expires: Option<String>,
    /// For the person.
    pub reason: Option<String>,
    /// The name of the app.
    pub app_name: Option<String>,
    /// Its address.
    pub app_url: Option<String>,
}

/// The answer to a request that is decided.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum DecidedAnswer {
    /// Yes.
    Granted(GrantedAnswer),
    /// No, or nobody decided in time.
    Denied(DeniedAnswer),
}
