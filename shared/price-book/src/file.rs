//! The shape of `prices.json`, as `generate/generate.py` writes it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use crate::{
    names::NameRules,
    rates::{RateCard, Rates, Tier},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookFile {
    /// SHA-256 of every line after the one it stands on.
    pub(crate) digest: String,
    pub(crate) source: String,
    pub(crate) source_version: String,
    /// Where the limits of output and context were read.
    #[serde(rename = "limits_source")]
    _limits_source: String,
    /// The last day the source compared a price with the provider's page.
    pub(crate) verified: Date,
    #[serde(rename = "generated")]
    _generated: Date,
    pub(crate) providers: BTreeMap<String, ProviderFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderFile {
    pub(crate) source: String,
    pub(crate) models: Vec<ModelFile>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelFile {
    pub(crate) id: String,
    /// The id is a label, not a name the provider takes.
    #[serde(default)]
    pub(crate) unlisted: bool,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    #[serde(flatten)]
    pub(crate) rules: NameRules,
    pub(crate) context_window: Option<u64>,
    pub(crate) max_output_tokens: Option<u32>,
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) minimum_audio_seconds: u64,
    pub(crate) prices: Vec<PriceRow>,
}

/// The price of a model from the day `from` to the day before `to`, both UTC.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceRow {
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
    pub(crate) rates: Rates,
    #[serde(default)]
    pub(crate) tiers: Vec<Tier>,
    #[serde(default)]
    pub(crate) service_tiers: BTreeMap<String, RateCard>,
}
