//! What a person grants at most without being asked again.

use std::collections::BTreeSet;

use money::Nanodollars;
use serde::{Deserialize, Serialize};

use super::{Capability, Models, Provider};

/// What a connect ticket or an approval rule grants at most: where, which models, for what kinds of
/// work, how much money, how often and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The providers it may be for, and the models there.
    pub providers: Vec<Provider>,
    /// The models; none means every model of these providers.
    pub models: Models,
    /// The kinds of work.
    #[serde(default = "Ceiling::only_chat")]
    pub capabilities: BTreeSet<Capability>,
    /// USD in a month, at each provider.
    pub monthly_spend: Nanodollars,
    /// Calls in a minute; the vault's default when the person named none.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Calls in a UTC day; the vault's default when the person named none.
    #[serde(default)]
    pub requests_per_day: Option<u32>,
    /// Tokens in one call; the vault's default when the person named none.
    #[serde(default)]
    pub tokens_per_request: Option<u32>,
    /// How many days the grant may last.
    pub days: u16,
}

impl Ceiling {
    /// What stands for kinds of work that nobody named, in a request and in a ceiling alike.
    #[must_use]
    pub fn only_chat() -> BTreeSet<Capability> {
        BTreeSet::from([Capability::Chat])
    }
}
