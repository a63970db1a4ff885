//! Authorization details of type `ai_model_access` (RFC 9396): what was asked and what was granted.

mod ceiling;
mod limits;
mod model;
mod provider;
mod wire;

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use ceiling::Ceiling;
pub use limits::{GrantedLimits, LimitName, RequestedLimits, SECONDS_PER_DAY};
pub use model::{ModelPattern, ModelPatternError, Models};
pub use provider::{Provider, ProviderError};
pub use wire::{Dollars, WireDetail, WireLimits, base_url};

/// The one authorization details type that is understood.
pub const TYPE: &str = "ai_model_access";

/// A kind of work at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Conversations with a model.
    Chat,
    /// Plain text completion.
    Completions,
    /// Vectors from text.
    Embeddings,
    /// Making or editing images.
    Images,
    /// Speech and transcription.
    Audio,
    /// Judging content.
    Moderation,
    /// Running code at the provider.
    Code,
    /// Images as input of a conversation.
    Vision,
}

impl Capability {
    /// Every capability, in the order of the contract.
    pub const ALL: [Self; 8] = [
        Self::Chat,
        Self::Completions,
        Self::Embeddings,
        Self::Images,
        Self::Audio,
        Self::Moderation,
        Self::Code,
        Self::Vision,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Audio => "audio",
            Self::Moderation => "moderation",
            Self::Code => "code",
            Self::Vision => "vision",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.name() == text)
            .ok_or(())
    }
}

/// What an app asked for at one provider, checked, before anybody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedDetail {
    /// Where.
    pub provider: Provider,
    /// Which models.
    pub models: Models,
    /// What kinds of work.
    pub capabilities: BTreeSet<Capability>,
    /// The limits the app itself proposed; what it left out gets the vault's default.
    pub limits: RequestedLimits,
    /// Until when, if the app said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The app's own words to the person, plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a person granted at one provider: everything decided, nothing open.
///
/// This one value is what the page showed, what is stored, what the token answer and
/// introspection tell, and what the proxy enforces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationDetail {
    /// Where.
    pub provider: Provider,
    /// Which models.
    pub models: Models,
    /// What kinds of work.
    pub capabilities: BTreeSet<Capability>,
    /// All limits in force.
    pub limits: GrantedLimits,
    /// Until when.
    pub expires: Timestamp,
    /// The provider key that pays.
    pub key_id: ids::ProviderKeyId,
    /// The app's own words, kept for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl AuthorizationDetail {
    /// Whether this grants nothing that `asked` did not ask for: a person narrows, never widens.
    ///
    /// Where the app left a limit out, `ceiling` (the vault's default) stands for it.
    #[must_use]
    pub fn is_within(
        &self,
        asked: &RequestedDetail,
        ceiling: &GrantedLimits,
        latest: Timestamp,
    ) -> bool {
        self.provider == asked.provider
            && self.models.is_within(&asked.models)
            && !self.capabilities.is_empty()
            && self.capabilities.is_subset(&asked.capabilities)
            && self.limits.is_within(&asked.limits.or_default(ceiling))
            && self.expires <= asked.expires.unwrap_or(latest)
    }
}
