//! Events of the names that an organization gives to several models together.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{authorization::Provider, payload::EventPayload};

/// The most characters of an alias's name.
const LONGEST: usize = 64;

/// The name of a model alias, such as `fast`: 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, the first of
/// them a letter. It holds no `/`, so it is never taken for a model that is named with its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AliasName(String);

/// The text cannot name an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an alias is named by 1 to {LONGEST} of a-z, 0-9, . _ and -, the first of them a letter")]
pub struct AliasNameError;

impl AliasName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AliasName {
    type Err = AliasNameError;

    fn from_str(text: &str) -> Result<Self, AliasNameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if begins && text.len() <= LONGEST && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AliasNameError)
        }
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AliasName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Which of several models is asked first. The others follow when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteStrategy {
    /// As they were named.
    #[default]
    Fallback,
    /// Each in turn.
    RoundRobin,
    /// Each as often as its weight says.
    Weighted,
    /// The one whose answers began soonest of late; those that nothing is known of before.
    Latency,
}

impl RouteStrategy {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Fallback,
        Self::RoundRobin,
        Self::Weighted,
        Self::Latency,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::RoundRobin => "round_robin",
            Self::Weighted => "weighted",
            Self::Latency => "latency",
        }
    }
}

/// One of the models that an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasCandidate {
    /// At which provider.
    pub provider: Provider,
    /// As it is named there.
    pub model: String,
    /// How often it is first, beside the others; where it is not said, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

impl AliasCandidate {
    /// As it is asked where all providers are: `provider/model`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// A name that stands for several models, for every app of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAlias {
    /// What apps say as `model`.
    pub name: AliasName,
    /// What it stands for, each once.
    pub candidates: Vec<AliasCandidate>,
    /// Which of them is asked first.
    pub strategy: RouteStrategy,
}

/// The life of a model alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum ModelAliasEvent {
    /// An administrator set it, anew or in the place of what it was. Its name stays.
    #[serde(rename = "model_alias.set")]
    Set {
        /// All of it.
        alias: ModelAlias,
    },
    /// An administrator removed it.
    #[serde(rename = "model_alias.removed")]
    Removed {},
}

impl EventPayload for ModelAliasEvent {
    const STREAM: &'static str = "model_alias";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_alias_begins_with_a_letter_and_holds_no_slash() {
        let longest = "a".repeat(LONGEST);
        for name in ["a", "fast", "gpt-4o", "a.b_c-1", longest.as_str()] {
            assert!(name.parse::<AliasName>().is_ok(), "{name}");
        }
        let longer = format!("{longest}a");
        for name in [
            "", "1a", ".a", "-a", "_a", "A", "aB", "a/b", "a b", "a:b", "a*", "é", "aé", "a\n",
            &longer,
        ] {
            assert_eq!(name.parse::<AliasName>(), Err(AliasNameError), "{name}");
        }
    }

    #[test]
    fn a_strategy_is_written_as_it_is_named() {
        for strategy in RouteStrategy::ALL {
            assert_eq!(serde_json::json!(strategy), strategy.name());
        }
    }

    proptest! {
        #[test]
        fn every_name_is_kept_as_it_was_written(text in "[a-z][a-z0-9._-]{0,63}") {
            let name: AliasName = text.parse().unwrap();
            prop_assert_eq!(name.as_str(), &text);
            let json = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(serde_json::from_str::<AliasName>(&json).unwrap(), name);
        }

        #[test]
        fn nothing_else_is_taken(text in "\\PC{0,70}") {
            let taken = text.parse::<AliasName>().is_ok();
            let letter = text.starts_with(|c: char| c.is_ascii_lowercase());
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            prop_assert_eq!(taken, letter && text.len() <= 64 && text.chars().all(plain));
        }
    }
}
