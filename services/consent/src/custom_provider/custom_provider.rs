//! The life of a provider that an organization added: it is added as it is, and removed.

use event_store::Aggregate;
use events::{CustomProvider, CustomProviderEvent};

/// A provider that an organization added, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CustomProviderState {
    /// Not added yet.
    #[default]
    None,
    /// In use.
    Added(Box<CustomProvider>),
    /// Removed.
    Removed,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such provider.
    #[error("there is no such provider")]
    Unknown,
    /// It exists already.
    #[error("this provider exists already")]
    Exists,
}

impl CustomProviderState {
    /// An administrator adds it.
    ///
    /// # Errors
    /// When one of this id was added before.
    pub fn add(&self, provider: CustomProvider) -> Result<CustomProviderEvent, Refusal> {
        match self {
            Self::None => Ok(CustomProviderEvent::Added { provider }),
            _ => Err(Refusal::Exists),
        }
    }

    /// An administrator removes it. Gives what it was.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove(&self) -> Result<(CustomProviderEvent, &CustomProvider), Refusal> {
        match self {
            Self::Added(provider) => Ok((CustomProviderEvent::Removed {}, provider)),
            _ => Err(Refusal::Unknown),
        }
    }
}

impl Aggregate for CustomProviderState {
    type Event = CustomProviderEvent;

    fn apply(&mut self, event: &CustomProviderEvent) {
        *self = match event {
            CustomProviderEvent::Added { provider } => Self::Added(Box::new(provider.clone())),
            CustomProviderEvent::Removed {} => Self::Removed,
        };
    }
}
