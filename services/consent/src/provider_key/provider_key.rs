//! The life of a provider key.

use event_store::Aggregate;
use events::{Provider, ProviderKeyEvent};
use ids::UserId;

/// A provider key, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProviderKey {
    /// Not stored yet.
    #[default]
    None,
    /// Stored and not destroyed.
    Stored {
        /// Whose it is.
        owner: UserId,
        /// The version that counts.
        version: i32,
        /// Whether the provider refused that version.
        invalid: bool,
    },
    /// Destroyed.
    Deleted,
}

/// Why nothing was done with a provider key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such key, or it is destroyed.
    #[error("there is no such provider key")]
    Unknown,
    /// It exists already.
    #[error("this provider key exists already")]
    Exists,
}

impl ProviderKey {
    /// A person stores a key.
    ///
    /// # Errors
    /// When a key of this id was stored before.
    pub fn store(
        &self,
        owner: UserId,
        provider: Provider,
        name: String,
        last_four: String,
    ) -> Result<ProviderKeyEvent, Refusal> {
        match self {
            Self::None => Ok(ProviderKeyEvent::Stored {
                owner,
                provider,
                name,
                last_four,
            }),
            _ => Err(Refusal::Exists),
        }
    }

    /// A new secret takes the place of the old one. Gives the version it gets.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn rotate(&self, last_four: String) -> Result<(ProviderKeyEvent, i32), Refusal> {
        match self {
            Self::Stored { version, .. } => {
                let version = version + 1;
                Ok((ProviderKeyEvent::Rotated { version, last_four }, version))
            }
            _ => Err(Refusal::Unknown),
        }
    }

    /// The provider refused a version. A refusal of a version that no longer counts, or that is
    /// known already, changes nothing.
    #[must_use]
    pub fn found_invalid(&self, refused: i32) -> Option<ProviderKeyEvent> {
        match self {
            Self::Stored {
                version,
                invalid: false,
                ..
            } if *version == refused => Some(ProviderKeyEvent::FoundInvalid { version: refused }),
            _ => None,
        }
    }

    /// It is destroyed.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn delete(&self) -> Result<ProviderKeyEvent, Refusal> {
        match self {
            Self::Stored { .. } => Ok(ProviderKeyEvent::Deleted {}),
            _ => Err(Refusal::Unknown),
        }
    }
}

impl Aggregate for ProviderKey {
    type Event = ProviderKeyEvent;

    fn apply(&mut self, event: &ProviderKeyEvent) {
        match (event, &mut *self) {
            (ProviderKeyEvent::Stored { owner, .. }, _) => {
                *self = Self::Stored {
                    owner: *owner,
                    version: 1,
                    invalid: false,
                };
            }
            (
                ProviderKeyEvent::Rotated { version: new, .. },
                Self::Stored {
                    version, invalid, ..
                },
            ) => {
                *version = *new;
                *invalid = false;
            }
            (ProviderKeyEvent::FoundInvalid { .. }, Self::Stored { invalid, .. }) => {
                *invalid = true;
            }
            (ProviderKeyEvent::Deleted {}, _) => *self = Self::Deleted,
            (ProviderKeyEvent::Rotated { .. } | ProviderKeyEvent::FoundInvalid { .. }, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(events: &[ProviderKeyEvent]) -> ProviderKey {
        let mut key = ProviderKey::default();
        events.iter().for_each(|event| key.apply(event));
        key
    }

    fn stored() -> ProviderKeyEvent {
        let owner = UserId::new("2026-11-22T00:00:00Z".parse().unwrap());
        ProviderKeyEvent::Stored {
            owner,
            provider: "openai".parse().unwrap(),
            name: "Main".to_owned(),
            last_four: "1234".to_owned(),
        }
    }

    #[test]
    fn each_rotation_counts_one_version_up_and_heals() {
        let key = given(&[stored(), ProviderKeyEvent::FoundInvalid { version: 1 }]);
        let (event, version) = key.rotate("9999".to_owned()).unwrap();
        assert_eq!(version, 2);
        let key = given(&[
            stored(),
            ProviderKeyEvent::FoundInvalid { version: 1 },
            event,
        ]);
        assert!(matches!(
            key,
            ProviderKey::Stored {
                version: 2,
                invalid: false,
                ..
            }
        ));
    }

    #[test]
    fn a_late_refusal_of_an_old_version_changes_nothing() {
        let rotated = ProviderKeyEvent::Rotated {
            version: 2,
            last_four: "9999".to_owned(),
        };
        assert_eq!(given(&[stored(), rotated]).found_invalid(1), None);
        assert!(given(&[stored()]).found_invalid(1).is_some());
    }

    #[test]
    fn a_destroyed_key_stays_destroyed() {
        let key = given(&[stored(), ProviderKeyEvent::Deleted {}]);
        assert_eq!(key.rotate("1".to_owned()), Err(Refusal::Unknown));
        assert_eq!(key.delete(), Err(Refusal::Unknown));
        assert_eq!(key.found_invalid(1), None);
    }
}
