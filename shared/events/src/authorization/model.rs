//! Which models a grant covers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// A model id, or a prefix followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ModelPattern(String);

/// Why a text is not a model pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelPatternError {
    /// Empty, longer than 128 characters, or with a character that no model id has.
    #[error("a model is named by 1 to 128 of a-z, A-Z, 0-9 and ./:_@-")]
    Characters,
    /// A `*` that is not the last character, or stands alone.
    #[error("a * may only end a prefix, as in gpt-4o*")]
    Star,
}

impl ModelPattern {
    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the model of this exact id is covered. Compared without any normalization
    /// (RFC 9396 section 12).
    #[must_use]
    pub fn covers(&self, model: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => model.starts_with(prefix),
            None => self.0 == model,
        }
    }

    /// Whether everything this covers is covered by `other` too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self.0.strip_suffix('*'), other.0.strip_suffix('*')) {
            (Some(inner), Some(outer)) => inner.starts_with(outer),
            (None, Some(outer)) => self.0.starts_with(outer),
            (None, None) => self.0 == other.0,
            (Some(_), None) => false,
        }
    }
}

impl FromStr for ModelPattern {
    type Err = ModelPatternError;

    fn from_str(text: &str) -> Result<Self, ModelPatternError> {
        let id = text.strip_suffix('*').unwrap_or(text);
        if id.contains('*') || (id.is_empty() && !text.is_empty()) {
            return Err(ModelPatternError::Star);
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"./:_@-".contains(&b);
        if id.is_empty() || id.len() > 128 || !id.bytes().all(plain) {
            return Err(ModelPatternError::Characters);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModelPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A set of models; the empty list on the wire means every model, now and in future.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Models(Vec<ModelPattern>);

impl Models {
    /// These patterns; none of them means every model.
    #[must_use]
    pub fn new(mut patterns: Vec<ModelPattern>) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        patterns.retain(|pattern| seen.insert(pattern.clone()));
        Self(patterns)
    }

    /// Whether every model is covered.
    #[must_use]
    pub fn is_every(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns, none of them for every model.
    #[must_use]
    pub fn patterns(&self) -> &[ModelPattern] {
        &self.0
    }

    /// Whether the model of this exact id is covered.
    #[must_use]
    pub fn covers(&self, model: &str) -> bool {
        self.is_every() || self.0.iter().any(|pattern| pattern.covers(model))
    }

    /// Whether everything this covers is covered by `other` too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        other.is_every()
            || (!self.is_every()
                && self
                    .0
                    .iter()
                    .all(|inner| other.0.iter().any(|outer| inner.is_within(outer))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn models(patterns: &[&str]) -> Models {
        Models::new(patterns.iter().map(|p| p.parse().unwrap()).collect())
    }

    #[test]
    fn a_star_only_ends_a_prefix() {
        for bad in ["*", "gpt*4", "**", "gpt-4*o*"] {
            assert_eq!(
                bad.parse::<ModelPattern>(),
                Err(ModelPatternError::Star),
                "{bad}"
            );
        }
        for bad in ["", "gpt 4", "gpt\u{0}", "modèle"] {
            assert_eq!(
                bad.parse::<ModelPattern>(),
                Err(ModelPatternError::Characters),
                "{bad}"
            );
        }
    }

    #[test]
    fn every_model_is_within_nothing_less() {
        assert!(!models(&[]).is_within(&models(&["gpt-4o"])));
        assert!(models(&["gpt-4o"]).is_within(&models(&[])));
        assert!(models(&["gpt-4o-mini", "o1"]).is_within(&models(&["gpt-4o*", "o*"])));
        assert!(!models(&["gpt-4*"]).is_within(&models(&["gpt-4o*"])));
        assert!(!models(&["gpt-4o*"]).is_within(&models(&["gpt-4o"])));
    }

    proptest! {
        #[test]
        fn what_is_within_covers_nothing_more(
            inner in proptest::collection::vec("[ab]{1,3}\\*?", 0..3),
            outer in proptest::collection::vec("[ab]{1,3}\\*?", 0..3),
            model in "[ab]{1,4}",
        ) {
            let parse = |all: &[String]| Models::new(all.iter().map(|p| p.parse().unwrap()).collect());
            let (inner, outer) = (parse(&inner), parse(&outer));
            if inner.is_within(&outer) && inner.covers(&model) {
                prop_assert!(outer.covers(&model));
            }
        }
    }
}
