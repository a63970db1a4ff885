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
        /// Whether the provider is to be asked about it, and has not answered yet.
        checking: bool,
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

    /// The provider is to be asked whether it takes the key.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn request_check(&self, provider: Provider) -> Result<ProviderKeyEvent, Refusal> {
        match self {
            Self::Stored { owner, version, .. } => Ok(ProviderKeyEvent::CheckRequested {
                owner: *owner,
                provider,
                version: *version,
            }),
            _ => Err(Refusal::Unknown),
        }
    }

    /// The provider refused a version. A refusal of a version that no longer counts, or that is
    /// known already and was not asked for, changes nothing.
    #[must_use]
    pub fn found_invalid(&self, refused: i32) -> Option<ProviderKeyEvent> {
        match self {
            Self::Stored {
                version,
                invalid,
                checking,
                ..
            } if *version == refused && (*checking || !*invalid) => {
                Some(ProviderKeyEvent::FoundInvalid { version: refused })
            }
            _ => None,
        }
    }

    /// The provider took a version when it was asked. What comes for a version that no longer counts,
    /// or after another answer, changes nothing.
    #[must_use]
    pub fn found_working(&self, taken: i32) -> Option<ProviderKeyEvent> {
        match self {
            Self::Stored {
                version,
                checking: true,
                ..
            } if *version == taken => Some(ProviderKeyEvent::FoundWorking { version: taken }),
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
                    checking: false,
                };
            }
            (ProviderKeyEvent::Deleted {}, _) => *self = Self::Deleted,
            (
                change,
                Self::Stored {
                    version,
                    invalid,
                    checking,
                    ..
                },
            ) => match change {
                ProviderKeyEvent::Rotated { version: new, .. } => {
                    *version = *new;
                    (*invalid, *checking) = (false, false);
                }
                ProviderKeyEvent::CheckRequested { .. } => *checking = true,
                ProviderKeyEvent::FoundInvalid { .. } => (*invalid, *checking) = (true, false),
                ProviderKeyEvent::FoundWorking { .. } => (*invalid, *checking) = (false, false),
                ProviderKeyEvent::Stored { .. } | ProviderKeyEvent::Deleted {} => {}
            },
            _ => {}
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

    fn check(version: i32) -> ProviderKeyEvent {
        let owner = UserId::new("2026-11-22T00:00:00Z".parse().unwrap());
        ProviderKeyEvent::CheckRequested {
            owner,
            provider: "openai".parse().unwrap(),
            version,
        }
    }

    #[test]
    fn a_key_that_is_found_working_heals_and_only_upon_a_check() {
        let refused = ProviderKeyEvent::FoundInvalid { version: 1 };
        let key = given(&[stored(), refused.clone()]);
        assert_eq!(key.found_working(1), None);
        let key = given(&[stored(), refused.clone(), check(1)]);
        assert!(key.found_working(1).is_some() && key.found_invalid(1).is_some());
        let healed = given(&[
            stored(),
            refused,
            check(1),
            ProviderKeyEvent::FoundWorking { version: 1 },
        ]);
        assert!(matches!(healed, ProviderKey::Stored { invalid: false, .. }));
        assert_eq!(healed.found_working(1), None);
    }

    #[test]
    fn what_comes_after_a_rotation_or_a_refusal_is_not_believed() {
        let rotated = ProviderKeyEvent::Rotated {
            version: 2,
            last_four: "9999".to_owned(),
        };
        let key = given(&[stored(), check(1), rotated, check(2)]);
        assert_eq!((key.found_working(1), key.found_invalid(1)), (None, None));
        let refused = ProviderKeyEvent::FoundInvalid { version: 1 };
        assert_eq!(given(&[stored(), check(1), refused]).found_working(1), None);
    }

    #[test]
    fn a_destroyed_key_stays_destroyed() {
        let key = given(&[stored(), ProviderKeyEvent::Deleted {}]);
        assert_eq!(key.rotate("1".to_owned()), Err(Refusal::Unknown));
        assert_eq!(key.delete(), Err(Refusal::Unknown));
        assert_eq!(key.found_invalid(1), None);
        let provider = "openai".parse().unwrap();
        assert_eq!(key.request_check(provider), Err(Refusal::Unknown));
    }
}
