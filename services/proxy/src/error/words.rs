//! What refusals say in words.

use events::{LimitName, Models};

/// The period of a spend limit, in words.
pub(super) const fn period(limit: LimitName) -> &'static str {
    match limit {
        LimitName::DailySpend => "daily",
        _ => "monthly",
    }
}

/// Which models a grant covers, in words.
#[must_use]
pub(crate) fn models_in_words(models: &Models) -> String {
    if models.is_every() {
        return "every model".to_owned();
    }
    models
        .patterns()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names, in words.
#[must_use]
pub(crate) fn list_in_words<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names
        .into_iter()
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
