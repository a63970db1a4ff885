//! The rates of one model in one period and service tier.

use money::Nanodollars;
use serde::Deserialize;

use crate::{
    amount::Amount,
    usage::{Ceiling, TokenUsage, Unit},
};

/// What each kind of use costs in USD: tokens and characters per million, searches per thousand,
/// audio per hour. A kind without a rate of its own is charged like the kind it is a part of.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rates {
    pub(crate) input: Option<Nanodollars>,
    pub(crate) cached_input: Option<Nanodollars>,
    pub(crate) cache_write: Option<Nanodollars>,
    pub(crate) cache_write_1h: Option<Nanodollars>,
    pub(crate) audio_input: Option<Nanodollars>,
    pub(crate) cached_audio_input: Option<Nanodollars>,
    pub(crate) image_input: Option<Nanodollars>,
    pub(crate) cached_image_input: Option<Nanodollars>,
    pub(crate) video_input: Option<Nanodollars>,
    pub(crate) output: Option<Nanodollars>,
    pub(crate) reasoning: Option<Nanodollars>,
    pub(crate) audio_output: Option<Nanodollars>,
    pub(crate) image_output: Option<Nanodollars>,
    pub(crate) video_output: Option<Nanodollars>,
    pub(crate) characters: Option<Nanodollars>,
    pub(crate) audio_hours: Option<Nanodollars>,
    pub(crate) web_searches: Option<Nanodollars>,
    pub(crate) storage_searches: Option<Nanodollars>,
}

impl Rates {
    fn text_input(&self) -> [Option<Nanodollars>; 4] {
        [
            self.input,
            self.cached_input,
            self.cache_write,
            self.cache_write_1h,
        ]
    }

    fn media_input(&self) -> [Option<Nanodollars>; 5] {
        [
            self.audio_input,
            self.cached_audio_input,
            self.image_input,
            self.cached_image_input,
            self.video_input,
        ]
    }

    fn text_output(&self) -> [Option<Nanodollars>; 2] {
        [self.output, self.reasoning]
    }

    fn media_output(&self) -> [Option<Nanodollars>; 3] {
        [self.audio_output, self.image_output, self.video_output]
    }

    fn beyond_tokens(&self) -> [Option<Nanodollars>; 4] {
        [
            self.characters,
            self.audio_hours,
            self.web_searches,
            self.storage_searches,
        ]
    }

    /// Every rate there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = Nanodollars> {
        let input = self.text_input().into_iter().chain(self.media_input());
        let output = self.text_output().into_iter().chain(self.media_output());
        input.chain(output).chain(self.beyond_tokens()).flatten()
    }

    fn charge_tokens(&self) -> bool {
        let input = self.text_input().into_iter().chain(self.media_input());
        let output = self.text_output().into_iter().chain(self.media_output());
        input.chain(output).any(|rate| rate.is_some())
    }

    /// The one thing that is counted, if it is one.
    pub(crate) fn unit(&self) -> Option<Unit> {
        let counted = [
            (self.charge_tokens(), Unit::Tokens),
            (self.audio_hours.is_some(), Unit::Seconds),
            (self.characters.is_some(), Unit::Characters),
        ];
        let mut counted = counted.into_iter().filter(|(counts, _)| *counts);
        let (_, unit) = counted.next()?;
        counted.next().is_none().then_some(unit)
    }

    /// Whether the number of tokens says nothing, or not everything, of what an ordinary call costs.
    pub(crate) fn charge_time_or_characters(&self) -> bool {
        self.audio_hours.is_some() || self.characters.is_some()
    }

    /// Whether what is written and is not text has a rate of its own.
    pub(crate) fn charge_media_output(&self) -> bool {
        self.media_output().iter().any(Option::is_some)
    }

    /// What `usage` costs at these rates.
    pub(crate) fn cost(&self, usage: &TokenUsage) -> Amount {
        let cached = self.cached_input.or(self.input);
        let write = self.cache_write.or(self.input);
        let cached_or = |media: Option<Nanodollars>| self.cached_input.or(media).or(self.input);
        let tokens = [
            (self.input, usage.plain_input()),
            (cached, usage.cached_text()),
            (
                self.cached_audio_input.or(cached_or(self.audio_input)),
                usage.cached_audio_input,
            ),
            (
                self.cached_image_input.or(cached_or(self.image_input)),
                usage.cached_image_input,
            ),
            (write, usage.short_cache_write()),
            (self.cache_write_1h.or(write), usage.cache_write_1h),
            (self.audio_input.or(self.input), usage.fresh_audio()),
            (self.image_input.or(self.input), usage.fresh_image()),
            (self.video_input.or(self.input), usage.video_input),
            (self.output, usage.plain_output()),
            (self.reasoning.or(self.output), usage.reasoning),
            (self.audio_output.or(self.output), usage.audio_output),
            (self.image_output.or(self.output), usage.image_output),
            (self.video_output.or(self.output), usage.video_output),
            (self.characters, usage.characters),
        ];
        let searches = [
            (self.web_searches, usage.web_searches),
            (self.storage_searches, usage.storage_searches),
        ];
        tokens
            .into_iter()
            .map(|(rate, count)| Amount::per_million(rate, count))
            .chain(
                searches
                    .into_iter()
                    .map(|(rate, count)| Amount::per_thousand(rate, count)),
            )
            .chain([Amount::per_hour(self.audio_hours, usage.audio_seconds)])
            .sum()
    }

    /// The most a call below `ceiling` can cost at these rates: every token at the dearest kind.
    pub(crate) fn worst_case(&self, ceiling: &Ceiling) -> Amount {
        let media_counts = |_: &Option<Nanodollars>| !ceiling.text_only;
        let media_input = self.media_input().into_iter().filter(media_counts);
        let media_output = self.media_output().into_iter().filter(media_counts);
        let dearest_input = self
            .text_input()
            .into_iter()
            .chain(media_input)
            .flatten()
            .max();
        let dearest_output = self
            .text_output()
            .into_iter()
            .chain(media_output)
            .flatten()
            .max();
        [
            Amount::per_million(dearest_input, ceiling.input),
            Amount::per_million(dearest_output, ceiling.output),
            Amount::per_million(self.characters, ceiling.characters),
            Amount::per_thousand(self.web_searches, ceiling.web_searches),
            Amount::per_thousand(self.storage_searches, ceiling.storage_searches),
            Amount::per_hour(self.audio_hours, ceiling.audio_seconds),
        ]
        .into_iter()
        .sum()
    }
}

/// Rates that depend on how much the model reads: above a tier's edge the *whole* request is
/// charged at the tier's rates.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateCard {
    pub(crate) rates: Rates,
    #[serde(default)]
    pub(crate) tiers: Vec<Tier>,
}

/// Rates for requests that read more than `above_input_tokens`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tier {
    pub(crate) above_input_tokens: u64,
    pub(crate) rates: Rates,
}

impl RateCard {
    /// The rates for a request that reads `input` tokens.
    pub(crate) fn for_input(&self, input: u64) -> &Rates {
        let reached = self
            .tiers
            .iter()
            .rev()
            .find(|tier| input > tier.above_input_tokens);
        reached.map_or(&self.rates, |tier| &tier.rates)
    }

    /// Every set of rates a request that reads at most `input` tokens may meet.
    pub(crate) fn reachable(&self, input: u64) -> impl Iterator<Item = &Rates> {
        let tiers = self
            .tiers
            .iter()
            .filter(move |tier| input > tier.above_input_tokens);
        [&self.rates]
            .into_iter()
            .chain(tiers.map(|tier| &tier.rates))
    }

    /// Every set of rates there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Rates> {
        [&self.rates]
            .into_iter()
            .chain(self.tiers.iter().map(|tier| &tier.rates))
    }
}
